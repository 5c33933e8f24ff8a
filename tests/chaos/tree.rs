//! The tree under chaos: a primary, a chain three deep, a server that shares; each a real process
//! in a namespace of its own, and a road between each child and its parent.
//!
//! ```text
//!   hq, holds 70 ──road──► west, holds 50 ──road──► south, shares ──road──► deep, holds 30
//!        └──road──► east, shares
//! ```

use crate::founding::{enter, founded, register};
use crate::lan::{Host, Lan, within};
use crate::patience::until;
use crate::server::{Server, code_of, machines};
use crate::sweep::Supply;
use crate::udp_relay::{Link, UdpRelay};
use lictree::simulator::entropy::Entropy;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const PRIMARY: &str = "hq";

/// Each relay with its parent; its place is the number of its link.
pub const RELAYS: [(&str, &str); 4] =
    [("west", "hq"), ("south", "west"), ("deep", "south"), ("east", "hq")];

pub const SERVERS: [&str; 5] = ["hq", "west", "south", "deep", "east"];

pub const REGISTERED: u64 = 150;
/// Found at each server: more than its range has licenses for.
pub const DEVICES: u8 = 80;

/// Short times: what is waited for here are processes.
const TIMES: &str = "\n[times]\npresence_interval_ms = 500\nretry_interval_ms = 100\n\
    answer_wait_ms = 700\nidle_timeout_ms = 1000\nkeep_alive_interval_ms = 250\n\
    redial_first_ms = 50\nredial_longest_ms = 200\ncheckpoint_interval_ms = 500\n";

/// The library that lets the clock of one process go wrong, where Debian has it.
fn faketime() -> Option<PathBuf> {
    let machines = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let mut places = machines.map(|machine| machine.path().join("faketime/libfaketimeMT.so.1"));
    places.find(|place| place.exists())
}

/// Whether clocks can be stepped here. Where all proofs must run they must be.
pub fn clocks_can_step() -> bool {
    let must = std::env::var_os("LICTREE_HOSTS").is_some();
    assert!(faketime().is_some() || !must, "no libfaketimeMT.so.1: install libfaketime");
    faketime().is_some()
}

pub fn supply() -> Supply {
    let source = [("hq", "hq"), ("east", "hq"), ("west", "west"), ("south", "west")];
    Supply {
        primary: PRIMARY,
        registered: REGISTERED,
        distributed: [("west", 50), ("deep", 30)].into(),
        source: source.into_iter().chain([("deep", "deep")]).collect(),
        above: [("west", "hq"), ("deep", "west")].into(),
    }
}

/// Counts the processes of a server: even while there may be one, odd while there surely is none.
#[derive(Default)]
pub struct Life(AtomicU64);

impl Life {
    fn begins(&self) {
        self.0.fetch_add(self.now() % 2, Ordering::SeqCst);
    }

    fn ends(&self) {
        self.0.fetch_or(1, Ordering::SeqCst);
    }

    pub fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Whether no process was there from then until now.
    pub fn was_none_since(&self, then: u64) -> bool {
        then % 2 == 1 && self.now() == then
    }

    /// Whether every process has ended that may have been asked then: what was not carried out
    /// until here never is.
    pub fn is_another_than(&self, then: u64) -> bool {
        let asked = then + then % 2;
        self.now() > asked + 1
    }
}

pub struct Tree {
    servers: BTreeMap<&'static str, Server>,
    lives: BTreeMap<&'static str, Arc<Life>>,
    pub air: UdpRelay,
    // Behind what stands in it: fields go in this order.
    _lan: Lan,
    folder: tempfile::TempDir,
}

impl Tree {
    /// Founded, joined, with licenses where they belong and devices at every server. The clocks of
    /// these servers can be stepped.
    pub fn grow(mut lan: Lan, stepped: &[&'static str], entropy: &mut Entropy) -> Tree {
        let folder = tempfile::tempdir().unwrap();
        let hq = founded(&mut lan, folder.path());
        let air_host = lan.host(2);
        let numbers = (3..).take(RELAYS.len());
        let hosts: Vec<Host> = numbers.map(|number| lan.host(number)).collect();
        let air = UdpRelay::start(&air_host, &links(&hq, &hosts), entropy);
        let servers = [(PRIMARY, hq)].into();
        let lives = SERVERS.map(|name| (name, Arc::default())).into();
        let mut tree = Tree { servers, lives, air, _lan: lan, folder };
        tree.first_start(PRIMARY, stepped);
        for (link, ((name, parent), host)) in RELAYS.into_iter().zip(hosts).enumerate() {
            let invite = format!("server invite {name} --parent {parent}");
            let code = code_of(&tree.server(PRIMARY).done(&invite));
            let server = Server::at(host, tree.folder.path().join(name));
            enter(&server, &code, &format!("{}:{}", air_host.address, port(link)));
            tree.servers.insert(name, server);
            tree.first_start(name, stepped);
        }
        tree.supply_it();
        tree
    }

    fn first_start(&mut self, name: &'static str, stepped: &[&str]) {
        let clock = self.clock(name);
        let server = self.servers.get_mut(name).unwrap();
        server.configure(TIMES);
        if stepped.contains(&name) {
            std::fs::write(&clock, "+0\n").unwrap();
            server.environment = vec![
                ("LD_PRELOAD", faketime().unwrap().display().to_string()),
                ("FAKETIME_TIMESTAMP_FILE", clock.display().to_string()),
                ("FAKETIME_CACHE_DURATION", "1".to_string()),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_string()),
                ("FAKETIME_DISABLE_SHM", "1".to_string()),
                ("NO_FAKE_STAT", "1".to_string()),
            ];
        }
        server.start();
    }

    fn supply_it(&self) {
        let hq = self.server(PRIMARY);
        register(hq, REGISTERED as u32);
        let table = machines(self.folder.path(), DEVICES);
        for server in self.servers.values() {
            server.done(&format!("node import {table}"));
        }
        for (relay, count) in supply().distributed {
            hq.done(&format!("license distribute inventory {count} --to {relay} --yes"));
        }
        until("the licenses are where they belong", || {
            let ranges = hq.json("range list")?;
            let rows = ranges["ranges"].as_array().cloned().unwrap_or_default();
            let still = |row: &serde_json::Value| row["in_transit"] == 0;
            let there = rows.len() == 3 && rows.iter().all(still);
            there.then_some(()).ok_or(ranges.to_string())
        });
    }

    pub fn server(&self, name: &str) -> &Server {
        &self.servers[name]
    }

    pub fn folder_of(&self, name: &str) -> PathBuf {
        self.servers[name].folder.clone()
    }

    pub fn life_of(&self, name: &str) -> Arc<Life> {
        self.lives[name].clone()
    }

    fn clock(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.clock"))
    }

    pub fn kill(&mut self, name: &str) {
        self.servers.get_mut(name).unwrap().stop();
        self.lives[name].ends();
    }

    /// Lets it end in order; one that is paused goes on for that.
    pub fn stop(&mut self, name: &str) {
        self.go_on(name);
        self.servers.get_mut(name).unwrap().end();
        self.lives[name].ends();
    }

    /// Starts it unless it runs.
    pub fn start(&mut self, name: &str) {
        let server = self.servers.get_mut(name).unwrap();
        if !server.is_running() {
            self.lives[name].begins();
            server.start();
        }
    }

    /// Servers whose process ended and was not killed.
    pub fn fallen(&mut self) -> Vec<&'static str> {
        let mut fallen = Vec::new();
        for (name, server) in &mut self.servers {
            fallen.extend(server.has_fallen().then_some(*name));
        }
        fallen
    }

    pub fn pause(&self, name: &str) {
        self.servers[name].signal(Signal::STOP);
    }

    pub fn go_on(&self, name: &str) {
        self.servers[name].signal(Signal::CONT);
    }

    /// Drops what comes from the parent of this link's child, or what goes there.
    pub fn cut(&self, link: usize, way: Way) {
        let (table, hook, end) = way.words();
        let port = port(link);
        let chain =
            format!("add chain inet {table} drops {{ type filter hook {hook} priority 0; }}");
        let rule = format!("add rule inet {table} drops udp {end} {port} drop");
        let done = self.nft(link, &format!("add table inet {table}; {chain}; {rule}"));
        assert!(done.status.success(), "{done:?}");
    }

    pub fn mend(&self, link: usize, way: Way) {
        // Another cut of the same way may have been mended before.
        self.nft(link, &format!("delete table inet {}", way.words().0));
    }

    fn nft(&self, link: usize, words: &str) -> std::process::Output {
        let namespace = &self.servers[RELAYS[link].0].host.namespace;
        within(namespace, "nft").arg(words).output().expect("`nft` is there: install nftables")
    }

    /// Sets the clock of a server's process to so many seconds from the machine's.
    pub fn step_clock(&self, name: &str, seconds: i64) {
        std::fs::write(self.clock(name), format!("{seconds:+}\n")).unwrap();
    }

    pub fn calm_down(&mut self) {
        for link in 0..RELAYS.len() {
            self.air.roughen(link, Default::default());
            Way::ALL.into_iter().for_each(|way| self.mend(link, way));
        }
        for name in SERVERS {
            if self.clock(name).exists() {
                self.step_clock(name, 0);
            }
            self.go_on(name);
            self.start(name);
        }
    }
}

/// Which datagrams of a child's link are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    FromParent,
    ToParent,
}

impl Way {
    pub const ALL: [Way; 2] = [Way::FromParent, Way::ToParent];

    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Way::FromParent => ("from_parent", "input", "sport"),
            Way::ToParent => ("to_parent", "output", "dport"),
        }
    }
}

fn port(link: usize) -> u16 {
    5_001 + link as u16
}

fn links(hq: &Server, hosts: &[Host]) -> Vec<Link> {
    let host_of = |name: &str| match RELAYS.iter().position(|(relay, _)| *relay == name) {
        Some(place) => &hosts[place],
        None => &hq.host,
    };
    let link = |(link, (_, parent)): (usize, (&str, &str))| Link {
        port: port(link),
        parent: format!("{}:4747", host_of(parent).address).parse().unwrap(),
    };
    RELAYS.into_iter().enumerate().map(link).collect()
}
