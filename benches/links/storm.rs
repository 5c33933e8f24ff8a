//! Every relay back at once after the primary was killed and started again.
//!
//! ```text
//!   bare      n handshakes with a server that does nothing else      ─┐ a round
//!   lictree   kill -9, start, n relays call, until all are attached  ─┘
//!             meanwhile a client of the socket asks to manage one device after another
//! ```

use crate::asker::{Asked, Asker};
use crate::bare;
use crate::fleet::Fleet;
use crate::measure;
use crate::product::primary::{PRIMARY, PRODUCT, Primary, Site};
use crate::relay::Networks;
use lictree::client::contract::ImportFormat;
use lictree::model::count::LicenseCount;
use lictree::model::request::{Doing, HoldingChange, HoldingVerb};
use lictree::net::NetLimits;
use std::time::{Duration, Instant};

const REGISTERED: u64 = 1_000_000;
/// A tenth of the relays hold so many each.
const HELD: u64 = 10;
/// Nodes of the primary that can be asked for; more than all rounds ask for.
const NODES: u64 = 20_000;
const CALM: Duration = Duration::from_secs(2);
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// One storm.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    pub took_s: f64,
    /// Calls that led to no connection.
    pub failed: usize,
    /// Processor time of the server, and of all callers with whatever else this process does.
    pub server_s: f64,
    pub callers_s: f64,
}

/// Begins and ends a storm.
pub struct Watch {
    begun: Instant,
    server: u32,
    server_cpu: Duration,
    own_cpu: Duration,
}

impl Watch {
    pub fn start(server: u32) -> Watch {
        let (server_cpu, own_cpu) =
            (measure::processor_time(server), measure::processor_time(std::process::id()));
        Watch { begun: Instant::now(), server, server_cpu, own_cpu }
    }

    pub fn stop(self, failed: usize) -> Storm {
        let since = |process: u32, before: Duration| {
            (measure::processor_time(process) - before).as_secs_f64()
        };
        Storm {
            took_s: self.begun.elapsed().as_secs_f64(),
            failed,
            server_s: since(self.server, self.server_cpu),
            callers_s: since(std::process::id(), self.own_cpu),
        }
    }
}

/// One round: bare, then the product, and what was asked for in calm and in the storm.
pub struct Round {
    pub bare: Storm,
    pub ours: Storm,
    pub calm: Asked,
    pub asked: Asked,
}

/// What a primary is told of its limits.
pub fn configured(limits: &NetLimits) -> String {
    let NetLimits { socket_receive_bytes: room, handshakes_max, .. } = *limits;
    let section = "[limits.network]";
    format!("{section}\nsocket_receive_bytes = {room}\nhandshakes_max = {handshakes_max}")
}

/// Of `limits` the primary is told its room at the socket, which the bare server has too, and how
/// many handshakes may be under way.
pub fn measure(relays: usize, networks: Networks, rounds: usize, limits: &NetLimits) -> Vec<Round> {
    let site = Site::new(relays);
    let room = limits.socket_receive_bytes;
    site.configure(&configured(limits));
    let mut primary = site.start();
    let fleet = Fleet::start(&site, networks, primary.address());
    fleet.during(prepare(&site, &primary, relays / 10));
    check_counts(&fleet, &primary, relays / 10);
    let (mut done, mut next_node) = (Vec::new(), 1);
    for round in 1..=rounds {
        let bare = fleet.during(bare::storm(&site, &fleet.callers, room));
        let asker = Asker::start(primary.client().clone(), next_node);
        fleet.rest(CALM);
        let calm = asker.stop();
        next_node += calm.count();

        drop(primary);
        fleet.leave();
        let failed_before = fleet.tally().failed;
        primary = site.start();
        let watch = Watch::start(primary.process());
        let asker = Asker::start(primary.client().clone(), next_node);
        fleet.storm(primary.address());
        let tally = fleet.tally();
        let ours = watch.stop(tally.failed - failed_before);
        let asked = asker.stop();
        next_node += asked.count();
        eprintln!("{networks:?}, round {round}: bare {bare:?}, lictree {ours:?}, {asked:?}");
        if ours.failed > 0 {
            eprintln!("  a call failed: {}", tally.reason);
        }
        check_counts(&fleet, &primary, relays / 10);
        done.push(Round { bare, ours, calm, asked });
    }
    done
}

/// Licenses, nodes to ask for, and relays that hold some.
async fn prepare(site: &Site, primary: &Primary, holders: usize) {
    primary.register(site, REGISTERED).await;
    let row = |n: u64| {
        let [.., a, b] = n.to_be_bytes();
        format!("? (10.9.{a}.{b}) at 02:00:00:00:{a:02x}:{b:02x} [ether] on eth0\n")
    };
    let table: String = (1..=NODES).map(row).collect();
    let imported = primary.client().import(ImportFormat::Arp, table.into_bytes()).await.unwrap();
    assert_eq!(imported.new, NODES);
    for relay in site.destinations().take(holders) {
        let change = HoldingChange {
            product: Some(PRODUCT.parse().unwrap()),
            relay,
            verb: HoldingVerb::Distribute(LicenseCount(HELD)),
            doing: Doing::Do,
        };
        let outcome = primary.client().set_holding(&change).await.unwrap();
        assert!(outcome.refusal.is_none(), "{:?}", outcome.refusal);
    }
}

/// Nothing was lost and nothing is there twice; waits until nothing is in transit.
fn check_counts(fleet: &Fleet, primary: &Primary, holders: usize) {
    let deadline = Instant::now() + SETTLED_WITHIN;
    loop {
        let ranges = fleet.during(primary.client().ranges()).unwrap().ranges;
        let held: u64 = ranges.iter().map(|range| range.held.0).sum();
        let in_transit: u64 = ranges.iter().map(|range| range.in_transit.0).sum();
        assert_eq!(held + in_transit, REGISTERED, "registered is not what is held and in transit");
        let own = |range: &&lictree::model::view::RangeView| range.source.as_str() != PRIMARY;
        let right = ranges.iter().filter(own).filter(|range| range.held.0 == HELD).count();
        if in_transit == 0 && right == holders {
            return;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "{in_transit} in transit, {right} of {holders} hold {HELD}");
        fleet.rest(Duration::from_millis(100));
    }
}
