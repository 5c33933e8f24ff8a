//! Limits that are shown with what is in use, and neighbours that are faster than they may be.

use crate::site::{Process, Site, eventually, outcome, run};
use lictree::model::view::{LimitsView, NeighbourView};
use lictree::net::{Closed, Connection, Denials, Dialer, NetLimits, ReceiveError};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// The limits that are levels of the whole server.
const LEVELS: [&str; 28] = [
    "api.backups_max",
    "api.connections_max",
    "api.imports_max",
    "api.surveys_max",
    "children_max",
    "claims_max",
    "depth_max",
    "devices_max",
    "events_kept",
    "in_flight_bytes_max",
    "inbox_max",
    "invites_max",
    "licenses_max",
    "log_queue_max",
    "network.connections_max",
    "network.handshakes_max",
    "network.handshakes_per_network_max",
    "network.join_addresses_max",
    "network.joins_max",
    "network.joins_per_address_max",
    "network.send_queue_bytes_max",
    "network.send_queue_frames_max",
    "packs_gathered_max",
    "path_bytes_max",
    "products_max",
    "scan.waiting_max",
    "servers_max",
    "waiting_requests_max",
];

fn add(config: &Path, text: &str) {
    OpenOptions::new().append(true).open(config).unwrap().write_all(text.as_bytes()).unwrap();
}

fn in_use(view: &LimitsView, name: &str) -> Option<u64> {
    let name = format!("limits.{name}");
    view.limits.iter().find(|limit| limit.name == name).unwrap().in_use
}

fn west(view: &LimitsView) -> NeighbourView {
    view.neighbours.iter().find(|one| one.name.as_str() == "west").unwrap().clone()
}

#[test]
fn every_limit_is_shown_and_each_level_with_what_counts_against_it() {
    let site = Site::new();
    let config = site.primary("hq");
    add(&config, "[limits]\nservers_max = 77\n");
    let server = Process::start(&config);
    run(server.client().register_license(site.license("A-1", 3))).unwrap();
    let relay = Process::start(&site.relay("west", "hq", server.address()));
    let connected = |view: &LimitsView| in_use(view, "depth_max") == Some(2);
    let view = eventually("west is met", || run(server.client().limits()), connected);
    for (name, count) in [
        ("licenses_max", 1),
        ("servers_max", 1),
        ("path_bytes_max", 4),
        ("children_max", 1),
        ("network.connections_max", 1),
    ] {
        assert_eq!(in_use(&view, name), Some(count), "{name}");
    }
    // Whoever asks, and perhaps who asked before.
    assert!(matches!(in_use(&view, "api.connections_max"), Some(1..=2)));
    let levels = view.limits.iter().filter(|limit| limit.in_use.is_some());
    let mut levels: Vec<&str> =
        levels.map(|limit| limit.name.strip_prefix("limits.").unwrap()).collect();
    levels.sort_unstable();
    assert_eq!(levels, LEVELS);
    assert!(view.limits.len() > 60, "{}", view.limits.len());
    let changed: Vec<_> = view.limits.iter().filter(|one| one.limit != one.default).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!((changed[0].limit, changed[0].default), (77, 100_000));
    assert_eq!((west(&view).side.as_str(), west(&view).held_up), ("child", 0));

    let data = relay.data_dir.display().to_string();
    let (code, out, err) = outcome(crate::site::lictree(&["limits", "show", "--data", &data]));
    assert_eq!((code, err.as_str()), (0, ""));
    let parent = out.lines().find(|line| line.starts_with("hq ")).unwrap();
    assert!(parent.contains("parent") && out.contains("limits show --all"), "{out}");
    relay.stop();
    server.stop();
}

#[test]
fn a_neighbour_that_sends_rows_too_fast_waits_and_loses_none() {
    let site = Site::new();
    let config = site.primary("hq");
    add(&config, "[limits.pace]\nrows_per_second = 100\nrows_burst = 20\n");
    let server = Process::start(&config);
    let relay = Process::start(&site.relay("west", "hq", server.address()));
    let row = |n: usize| format!("10.0.0.{n} dev eth0 lladdr 02:00:00:00:00:{n:02x} REACHABLE\n");
    let table: String = (1..=60).map(row).collect();
    let format = lictree::client::contract::ImportFormat::Auto;
    run(relay.client().import(format, table.into_bytes())).unwrap();
    let nodes = || run(server.client().nodes(&Default::default()));
    eventually("all are seen above", nodes, |page| page.total == Some(60));
    let held_up = west(&run(server.client().limits()).unwrap());
    assert!(held_up.held_up > 0 && held_up.held_up_ms >= 300, "{held_up:?}");
    relay.stop();
    server.stop();
}

#[test]
fn who_connects_too_often_is_closed_with_a_word() {
    let site = Site::new();
    let config = site.primary("hq");
    add(&config, "[limits.pace]\nconnections_per_minute = 1\nconnections_burst = 2\n");
    let server = Process::start(&config);
    let identity = site.identity("west");
    run(async {
        for number in 1..=3 {
            let address = server.address();
            let limits = NetLimits::default();
            let dialer = Dialer::toward(address, &identity, &Denials::default(), limits).unwrap();
            let connection = dialer.dial(address, &"hq".parse().unwrap()).await.unwrap();
            let Connection { sender, mut receiver, .. } = connection;
            match (number, receiver.receive().await) {
                // A greeting.
                (1 | 2, Ok(_)) => {}
                (3, Err(ReceiveError::Closed(Closed::ByPeer { reason, .. }))) => {
                    assert!(reason.contains("more often than allowed"), "{reason}");
                }
                (number, other) => panic!("{number}: {other:?}"),
            }
            drop(sender);
        }
    });
    server.stop();
}
