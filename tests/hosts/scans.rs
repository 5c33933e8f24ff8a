//! Scans of three sites, each on a link of its own: every machine is found by the method that can
//! find it, by the relay of its site, and managed as long as there are licenses.
//!
//! ```text
//!   hq ── west ── south ── north      (one switch for the servers)
//!          │        │        │
//!        site 1   site 2   site 3     20 addresses each, behind a link of the relay:
//!                                     1-8 answer everything, 9-12 no echo but a port,
//!                                     13-16 nothing at all, 17-20 two machines of two addresses
//! ```

use crate::founding::{join, primary, register};
use crate::lan::{Lan, ip, within};
use crate::patience::until;
use crate::server::Server;
use serde_json::Value;
use std::io::Read;
use std::process::{Child, Command, Stdio};

/// A port that is none of those asked unasked.
const PORT: u16 = 4_242;

/// The machines of one site, each a namespace of its own; dropping it takes them away.
struct Site {
    prefix: String,
    number: u8,
    machines: Vec<String>,
    listeners: Vec<Child>,
}

impl Site {
    /// Machines behind a link of this relay.
    fn new(relay: &Server, number: u8) -> Site {
        let prefix = format!("{}-m", relay.host.namespace);
        let mut site = Site { prefix, number, machines: Vec::new(), listeners: Vec::new() };
        let (switch, at) = (site.prefix.clone(), relay.host.namespace.as_str());
        ip(&["netns", "add", &switch]);
        site.machines.push(switch.clone());
        let wire = ["type", "veth", "peer", "name", "wire", "netns", &switch];
        ip(&[&["-n", at, "link", "add", "site"], &wire[..]].concat());
        let own = format!("10.88.{number}.254/24");
        ip(&["-n", at, "address", "add", &own, "dev", "site"]);
        ip(&["-n", at, "link", "set", "site", "up"]);
        ip(&["-n", &switch, "link", "set", "wire", "up"]);
        (1..=16).for_each(|machine| site.machine(machine, &[machine]));
        site.machine(17, &[17, 18]);
        site.machine(19, &[19, 20]);
        site
    }

    fn machine(&mut self, machine: u8, addresses: &[u8]) {
        let (switch, number) = (self.prefix.clone(), self.number);
        let namespace = format!("{switch}{machine}");
        ip(&["netns", "add", &namespace]);
        self.machines.push(namespace.clone());
        let mac = format!("02:00:5e:88:{number:02x}:{machine:02x}");
        let link = ["link", "add", "plug", "link", "wire", "netns", &namespace, "address", &mac];
        ip(&[&["-n", &switch], &link[..], &["type", "macvlan", "mode", "bridge"]].concat());
        for address in addresses {
            let address = format!("10.88.{number}.{address}/24");
            ip(&["-n", &namespace, "address", "add", &address, "dev", "plug"]);
        }
        match machine {
            9..=12 => {
                done(&namespace, "sysctl", &["-qw", "net.ipv4.icmp_echo_ignore_all=1"]);
                self.listen(&namespace);
            }
            13..=16 => {
                let quiet = "add table ip quiet; add chain ip quiet input { type filter hook input \
                             priority 0; policy drop; }";
                done(&namespace, "nft", &[quiet]);
            }
            _ => {}
        }
        ip(&["-n", &namespace, "link", "set", "plug", "up"]);
    }

    fn listen(&mut self, namespace: &str) {
        let script = format!(
            "import socket\ns=socket.create_server(('0.0.0.0',{PORT}))\nprint('on',flush=True)\n\
             while True: s.accept()[0].close()"
        );
        let mut python = within(namespace, "python3");
        let mut child =
            python.args(["-c", &script]).stdout(Stdio::piped()).spawn().expect("python3 is there");
        let mut first = [0; 2];
        child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
        self.listeners.push(child);
    }

    fn segment(&self) -> String {
        format!("10.88.{}.0/24", self.number)
    }
}

#[track_caller]
fn done(namespace: &str, program: &str, words: &[&str]) {
    let done = within(namespace, program).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {words:?}: {said}");
}

impl Drop for Site {
    fn drop(&mut self) {
        for listener in &mut self.listeners {
            let _ = listener.kill();
            let _ = listener.wait();
        }
        for namespace in &self.machines {
            let _ = Command::new("ip").args(["netns", "del", namespace]).output();
        }
    }
}

/// Runs a scan to its end.
#[track_caller]
fn scan(server: &Server, words: &str) -> Value {
    let begun = server.json(&format!("scan run {words}")).unwrap();
    let id = begun["id"].as_u64().unwrap();
    until("the scan is over", || {
        let scan = server.json(&format!("scan show {id}"))?;
        match scan["state"].as_str() {
            Some("done") => Ok(scan),
            _ => Err(scan.to_string()),
        }
    })
}

/// The first addresses of a server's nodes, as their last numbers, each with how many it has.
fn nodes(server: &Server, filter: &str) -> Vec<(u8, usize)> {
    let page = server.json(&format!("node list {filter}")).unwrap();
    let mut nodes: Vec<(u8, usize)> = page["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let addresses = node["addresses"].as_array().unwrap();
            let last = |address: &Value| address.as_str()?.rsplit('.').next()?.parse().ok();
            (addresses.iter().filter_map(last).min().unwrap(), addresses.len())
        })
        .collect();
    nodes.sort();
    nodes
}

fn ones(numbers: impl IntoIterator<Item = u8>) -> Vec<(u8, usize)> {
    numbers.into_iter().map(|number| (number, 1)).collect()
}

#[test]
fn every_machine_is_found_by_the_relay_of_its_site_and_managed_while_there_are_licenses() {
    let Some(mut lan) = Lan::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let hq = primary(&mut lan, folder.path());
    let west = join(&mut lan, &hq, "west", ("hq", &hq), 2);
    let south = join(&mut lan, &hq, "south", ("west", &west), 3);
    let north = join(&mut lan, &hq, "north", ("south", &south), 4);
    register(&hq, 100);
    hq.done("license distribute inventory 7 --to north --yes");
    let sites = [(&west, 1), (&south, 2), (&north, 3)].map(|(relay, n)| Site::new(relay, n));

    by_one_method_after_another(&west, &sites[0]);

    // By all of them at once, without a word about what could not be used.
    let found = scan(&south, &format!("--segment {} --ports {PORT}", sites[1].segment()));
    assert_eq!((&found["found"], &found["new"]), (&20.into(), &18.into()), "{found}");
    assert_eq!(found["notes"], Value::Array(Vec::new()), "{found}");

    manages_while_there_are_licenses(&north, &sites[2]);
    refuses_what_cannot_be(&south);
    fails_where_nobody_can_be_asked(&south);
    is_seen_by_site_at_the_primary(&hq);
}

fn by_one_method_after_another(west: &Server, site: &Site) {
    let segment = site.segment();
    // Two addresses of one machine have one hardware address.
    let echo = scan(west, &format!("--segment {segment} --methods icmp,neighbours"));
    let both = [(17, 2), (19, 2)];
    let expected: Vec<_> = ones(1..=16).into_iter().chain(both).collect();
    assert_eq!(nodes(west, "--managing-source west"), expected, "{echo}");
    assert_eq!(echo["found"], 20, "whoever answers nothing is a neighbour all the same: {echo}");
    // Without the kernel's table: what answers by itself.
    let alone = |method: &str| {
        let found = scan(west, &format!("--segment {segment} --methods {method} --ports {PORT}"));
        found["found"].as_u64().unwrap()
    };
    assert_eq!(alone("icmp"), 12, "1 to 8 and 17 to 20");
    assert_eq!(alone("tcp"), 16, "all but 13 to 16");
    assert_eq!(alone("neighbours"), 20, "all of them spoke a moment ago");
    let rest = scan(west, &format!("--segment {segment} --exclude 10.88.1.1-15 --methods tcp"));
    assert_eq!(rest["found"], 4, "a port that refuses is an answer too: {rest}");
}

fn manages_while_there_are_licenses(north: &Server, site: &Site) {
    let run = format!("--segment {} --ports {PORT} --auto-manage inventory", site.segment());
    // One that is set aside before stays so.
    let before = format!("--segment 10.88.{}.3", site.number);
    scan(north, &before);
    let id = north.json("node list --managing-source north").unwrap()["nodes"][0]["id"].clone();
    north.done(&format!("node ignore {}", id.as_str().unwrap()));
    let found = scan(north, &run);
    assert_eq!((&found["managed"], &found["unlicensed"]), (&7.into(), &10.into()), "{found}");
    let count = |state| nodes(north, &format!("--managing-source north --state {state}")).len();
    assert_eq!((count("managed"), count("discovered"), count("ignored")), (7, 10, 1));
    let events = north.json("event list").unwrap();
    let lines = events["events"].as_array().unwrap().iter();
    let told: Vec<&str> = lines.filter_map(|line| line["text"].as_str()).collect();
    let said = |words: &str| told.iter().filter(|line| line.contains(words)).count();
    let none = "10 nodes stay discovered: no license of inventory is left";
    assert_eq!(said(none), 1, "{told:#?}");
    assert_eq!(said("scan by hand: 254 addresses, 20 found, 17 new nodes"), 1, "{told:#?}");
}

fn refuses_what_cannot_be(south: &Server) {
    for (segment, code) in [
        ("2001:db8::/64", "LT0322"),
        ("10.88.2.9-10.88.2.1", "LT0321"),
        ("10.88.2.0/33", "LT0320"),
        ("fe80::1%site", "LT0320"),
        ("224.0.0.1", "LT0325"),
    ] {
        let refused = south.ask(&format!("scan run --segment {segment} --json"));
        assert_eq!(refused.code(), code, "{segment}");
    }
    let excluded = south.ask("scan run --segment 10.88.2.5 --exclude 10.88.2.0/24 --json");
    assert_eq!(excluded.code(), "LT0323");
}

/// There is no way from here to any other network.
fn fails_where_nobody_can_be_asked(south: &Server) {
    let begun = south.json("scan run --segment 203.0.113.0/28").unwrap();
    let failed = state(south, begun["id"].as_u64().unwrap(), "failed");
    let last = failed["notes"].as_array().unwrap().last().unwrap();
    assert_eq!(last["code"], "LT0334", "{failed}");
    let events = south.done("event list");
    assert!(events.contains("scan.failed") && events.contains("icmp: "), "{events}");
    assert!(
        events.contains("nobody could be asked") && events.contains("ip route get"),
        "{events}"
    );
    let unknown = south.ask("scan run --segment 10.88.2.1 --auto-manage atlantis --json");
    assert_eq!(unknown.code(), "LT0231");
}

fn is_seen_by_site_at_the_primary(hq: &Server) {
    for (relay, count) in [("west", 18), ("south", 18), ("north", 18)] {
        until("the primary knows the machines of a site", || {
            let page = hq.json(&format!("node list --managing-source {relay} --limit 50"))?;
            let rows = page["nodes"].as_array().cloned().unwrap_or_default();
            let own = rows.iter().all(|row| row["managing_source"] == relay);
            (own && rows.len() == count).then_some(()).ok_or(page.to_string())
        });
    }
    let both = hq.json("node list --managing-source west,north --state managed").unwrap();
    assert_eq!(both["total"], 7, "{both}");
}

/// A server whose scans find the many addresses that every machine answers at for itself.
fn rehearsing(lan: &mut Lan, folder: &std::path::Path, scans: &str) -> Server {
    let mut hq = primary(lan, folder);
    hq.stop();
    let file = hq.folder.join("lictree.toml");
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{whole}\n[scans]\nloopback = \"keep\"\n{scans}")).unwrap();
    hq.start();
    hq
}

fn state(server: &Server, id: u64, wanted: &str) -> Value {
    until("the scan gets on", || {
        let scan = server.json(&format!("scan show {id}"))?;
        (scan["state"] == wanted).then_some(scan.clone()).ok_or(scan.to_string())
    })
}

#[test]
fn a_scan_is_held_resumed_and_stopped_and_a_few_wait_for_it() {
    let Some(mut lan) = Lan::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let hq = rehearsing(&mut lan, folder.path(), "");
    let slow = "scan run --segment 127.8.0.0/24 --methods icmp --rate 20";
    hq.done(slow);
    until("it has begun", || {
        let scan = hq.json("scan show 1")?;
        (scan["looked_at"].as_u64() > Some(2)).then_some(()).ok_or(scan.to_string())
    });
    hq.done("scan pause 1");
    let held = state(&hq, 1, "paused");
    assert_eq!(held["left_s"], Value::Null, "{held}");
    // It is held, and gave its turn back: the next one has it, and the others wait for that.
    hq.done(&slow.replace("127.8.0", "127.8.2"));
    state(&hq, 2, "running");
    (3..=5).for_each(|_| drop(hq.done("scan run --segment 127.8.1.0/28 --methods icmp")));
    let one_more = hq.ask("scan run --segment 127.8.1.0/28 --methods icmp --json");
    assert_eq!(one_more.code(), "LT0326", "{one_more:?}");
    hq.done("scan stop 5");
    assert_eq!(state(&hq, 5, "stopped")["looked_at"], 0);
    let waits = hq.json("scan show 3").unwrap();
    assert_eq!((&waits["state"], &waits["behind"]), (&"waiting".into(), &2.into()), "{waits}");
    assert!(hq.done("scan list").contains("waiting behind 2"));
    // It goes on when its turn comes again.
    hq.done("scan resume 1");
    let waits = hq.json("scan show 1").unwrap();
    assert_eq!((&waits["state"], &waits["behind"]), (&"paused".into(), &2.into()), "{waits}");
    hq.done("scan stop 2");
    state(&hq, 1, "running");
    hq.done("scan stop 1");
    let stopped = state(&hq, 1, "stopped");
    assert_eq!(stopped["found"], stopped["new"], "what it found is booked: {stopped}");
    assert_eq!(state(&hq, 4, "done")["found"], 14);
    assert_eq!(hq.ask("scan stop 1 --json").code(), "LT0328");
    assert_eq!(hq.ask("scan show 99 --json").code(), "LT0327");
    assert!(hq.done("event list").contains("scan.stopped"));
    let text = hq.done("scan list");
    assert!(text.contains("stopped") && text.contains("by hand"), "{text}");
}

#[test]
fn a_planned_scan_runs_by_itself_in_its_hours_only() {
    let Some(mut lan) = Lan::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |hours: i64| {
        let then = jiff::Zoned::now().saturating_add(jiff::Span::new().hours(hours));
        then.strftime("%H:%M").to_string()
    };
    let plan = |name: &str, segment: &str, from: i64, until: i64| {
        format!(
            "[[scan]]\nname = \"{name}\"\nsegments = [\"{segment}\"]\nmethods = [\"icmp\"]\n\
             every = \"1s\"\nwindow = \"{}-{}\"\nauto_manage = \"inventory\"\n",
            at(from),
            at(until),
        )
    };
    let plans = plan("now", "127.7.0.0/28", -1, 2) + &plan("later", "127.6.0.0/28", 3, 5);
    let hq = rehearsing(&mut lan, folder.path(), &plans);
    register(&hq, 5);
    until("it manages what it finds, as long as there are licenses", || {
        let page = hq.json("node list --state managed")?;
        (page["total"] == 5).then_some(()).ok_or(page.to_string())
    });
    until("it comes again, and finds nothing new", || {
        let list = hq.json("scan list")?;
        let scans = list["scans"].as_array().cloned().unwrap_or_default();
        assert!(scans.iter().all(|scan| scan["name"] == "now"), "outside its hours: {list}");
        let again = |scan: &Value| scan["known"] == 14 && scan["unlicensed"] == 9;
        scans.iter().any(again).then_some(()).ok_or(list.to_string())
    });
    let list = hq.json("scan list").unwrap();
    assert!(list["planned"][1]["next_s"].as_u64() > Some(3_600), "{list}");
    // Somebody who wants it now gets it now.
    scan(&hq, "later");
    assert_eq!(hq.ask("scan run never --json").code(), "LT0330");
}

/// Says again and again that there is a printer at this address: the kind of its service, its
/// name, its host, its address (RFC 6762, RFC 6763).
fn announcer(address: &str) -> String {
    format!(
        "import socket,struct,time\n\
         def name(n): return b''.join(bytes([len(p)])+p.encode() for p in n.split('.'))+b'\\0'\n\
         def record(n,kind,data,flush=0x8001):\n  \
         return name(n)+struct.pack('!HHIH',kind,flush,120,len(data))+data\n\
         kind,one='_lt._tcp.local','x._lt._tcp.local'\n\
         said=[record('_services._dns-sd._udp.local',12,name(kind),1),record(kind,12,name(one),1),\
         record(one,33,struct.pack('!HHH',0,0,9)+name('printer-9.local')),record(one,16,b'\\0'),\
         record('printer-9.local',1,socket.inet_aton('{address}'))]\n\
         packet=struct.pack('!HHHHHH',0,0x8400,0,len(said),0,0)+b''.join(said)\n\
         s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n\
         s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\n\
         s.bind(('{address}',5353))\n\
         s.setsockopt(socket.IPPROTO_IP,socket.IP_MULTICAST_IF,socket.inet_aton('{address}'))\n\
         s.setsockopt(socket.IPPROTO_IP,socket.IP_MULTICAST_TTL,255)\n\
         print('on',flush=True)\n\
         while True:\n  s.sendto(packet,('224.0.0.251',5353))\n  time.sleep(0.2)"
    )
}

#[test]
fn what_announces_itself_is_found_with_its_name() {
    let Some(mut lan) = Lan::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let hq = primary(&mut lan, folder.path());
    let printer = lan.host(9);
    let mut python = printer.command("python3");
    let script = announcer(&printer.address);
    let mut child = python.args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 2]).unwrap();
    let found = scan(&hq, "--segment 10.77.0.0/24 --methods mdns");
    let page = hq.json("node list");
    let _ = child.kill();
    let _ = child.wait();
    let page = page.unwrap();
    assert_eq!(found["found"], 1, "{found}");
    let node = &page["nodes"][0];
    assert_eq!((&page["total"], &node["host_name"]), (&1.into(), &"printer-9.local".into()));
    assert_eq!(node["addresses"][0], "10.77.0.9", "{page}");
}
