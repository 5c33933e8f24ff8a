//! Servers whose certificate has ended: they start, serve their own people, and come back.

use crate::site::{Process, Site, eventually, now, run};
use lictree::client::contract::ImportFormat;
use lictree::daemon::registrar::Registrar;
use lictree::model::count::LicenseCount;
use lictree::model::holding::Role;
use lictree::model::name::ServerName;
use lictree::model::request::{Doing, HoldingChange, HoldingVerb};
use lictree::model::time::Timestamp;
use lictree::model::view::StatusView;
use lictree::net::{Authority, Identity};
use std::path::Path;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// An identity that ended long ago.
fn ended(authority: &Authority, name: &str) -> Identity {
    let long_ago = Timestamp(now().0 - 100 * 86_400_000);
    authority.issue(Role::Relay, &name.parse().unwrap(), long_ago, 7 * DAY).unwrap()
}

fn advises(status: &StatusView, part: &str) -> bool {
    status.advice.iter().any(|advice| advice.sentence.contains(part))
}

#[test]
fn a_relay_whose_certificate_has_ended_serves_its_own_people_after_a_restart() {
    let site = Site::new();
    let hq = Process::start(&site.primary("hq"));
    let config = site.relay("west", "hq", hq.address());
    let west = Process::start(&config);
    run(hq.client().register_license(site.license("A-1", 5))).unwrap();
    let relay: ServerName = "west".parse().unwrap();
    eventually("west is met", || run(hq.client().server(&relay)), |_| true);
    let verb = HoldingVerb::Distribute(LicenseCount(3));
    let change = HoldingChange { product: None, relay, verb, doing: Doing::Do };
    assert_eq!(run(hq.client().set_holding(&change)).unwrap().refusal, None);
    let table = b"10.0.0.1 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE\n".to_vec();
    run(west.client().import(ImportFormat::Auto, table)).unwrap();
    west.stop();

    ended(&site.authority, "west").save(&site.data_dir("west").join("identity")).unwrap();
    let west = Process::start(&config);
    let done = run(west.client().manage(vec!["west:1".parse().unwrap()], None)).unwrap();
    assert_eq!(done[0].refusal, None);
    let status = run(west.client().status()).unwrap();
    assert!(!status.connected && advises(&status, "certificate here has ended"), "{status:?}");
    west.stop();

    // Its new identity takes its state along.
    site.identity("west").save(&site.data_dir("west").join("identity")).unwrap();
    let west = Process::start(&config);
    eventually("it is back", || run(west.client().status()), |status| status.connected);
    let used = |view: &lictree::model::view::RangesView| view.ranges.iter().any(|r| r.used.0 == 1);
    eventually("its use is seen above", || run(hq.client().ranges()), used);
    west.stop();
    hq.stop();
}

#[test]
fn a_primary_that_was_off_for_long_renews_its_own_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("hq").display().to_string();
    let words = ["init", "primary", "hq", "--tree", "acme", "--at", &at, "--listen", "127.0.0.1:0"];
    assert_eq!(crate::site::outcome(crate::site::lictree(&words)).0, 0);
    let data_dir = Path::new(&at);
    let authority = Registrar::issuing(data_dir).unwrap();
    ended(&authority, "hq").save(&data_dir.join("identity")).unwrap();
    let hq = Process::start(&data_dir.join("lictree.toml"));
    let valid = |view: &lictree::model::view::ServersView| {
        let certificate = view.servers[0].certificate.as_ref();
        certificate.is_some_and(|certificate| certificate.expires > now())
    };
    eventually("it has a new one", || run(hq.client().servers()), valid);
    assert!(!advises(&run(hq.client().status()).unwrap(), "certificate"));
    hq.stop();
}
