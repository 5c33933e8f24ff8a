//! Letters under an attachment that is over (R3, R4), as a copy of an old disk would send them:
//! whatever they say, nothing is booked.

use lictree::model::count::LicenseCount;
use lictree::model::edge::{AttachId, EdgeReport, Level};
use lictree::model::letter::{Address, Body, Letter};
use lictree::model::license::{License, LicenseTerms, Metric};
use lictree::model::name::{ProductName, ServerName};
use lictree::model::request::{Doing, HoldingChange, HoldingVerb, Request};
use lictree::model::tuning::Tuning;
use lictree::simulator::entropy::Entropy;
use lictree::simulator::making::Making;
use lictree::simulator::moment::{BEGINNING, Moment};
use lictree::simulator::network::Cut;
use lictree::simulator::topology::{PRIMARY, Topology};
use lictree::simulator::truth::Truth;
use lictree::simulator::violation::{Findings, Violation};
use lictree::simulator::weather::Weather;
use lictree::simulator::whole::Whole;
use lictree::simulator::world::World;
use std::collections::BTreeSet;

const RELAY: usize = 1;

fn product() -> ProductName {
    "atlas".parse().unwrap()
}

fn pass(world: &mut World, ms: u64) {
    let until = world.now().after_ms(ms);
    while world.step(until) {}
}

/// A primary with ten licenses and a relay that holds five of them.
fn pair(tuning: Tuning) -> World {
    let making = Making {
        topology: Topology::chain(2),
        tuning,
        weather: Weather::CALM,
        ahead_ms_max: 0,
        clocks_are_set: false,
        keep_lines: 0,
    };
    let mut world = World::new(making, Entropy::new(1));
    pass(&mut world, 2_000);
    let terms = LicenseTerms {
        serial: "S-1".parse().unwrap(),
        vendor: "vendor".to_string(),
        product: product(),
        count: LicenseCount(10),
        metric: Metric::ManagedDevices,
        not_before: BEGINNING,
        not_after: None,
        tree: None,
        server: None,
        confirm_within_days: None,
        note: String::new(),
    };
    world.post(PRIMARY, Request::RegisterLicense(License::try_from(terms).unwrap()));
    pass(&mut world, 1_000);
    let change = HoldingChange {
        product: Some(product()),
        relay: world.topology.name(RELAY).clone(),
        verb: HoldingVerb::Distribute(LicenseCount(5)),
        doing: Doing::Do,
    };
    world.post(PRIMARY, Request::SetHolding(change));
    pass(&mut world, 5_000);
    assert_eq!(world.truth(RELAY).product(&product()).granted_seen, 5);
    world
}

/// The attachment before the present one: the line was down and the relay attached anew.
fn attach_anew(world: &mut World) -> AttachId {
    let old = world.truth(RELAY).attach.expect("it is attached");
    world.cut(RELAY, Cut::Both, 10_000);
    pass(world, 25_000);
    let new = world.truth(RELAY).attach.expect("it is attached again");
    assert!(new.counter > old.counter, "{old} and then {new}");
    old
}

fn violations(world: &World) -> Vec<Violation> {
    let truths: Vec<Truth> = (0..world.topology.len()).map(|place| world.truth(place)).collect();
    let mut out = Findings::at(Moment::default());
    let apart = BTreeSet::new();
    Whole {
        topology: &world.topology,
        truths: &truths,
        apart: &apart,
        uses_are_known: true,
        counts_are_known: true,
        gone: &apart,
        moved: &BTreeSet::new(),
    }
    .check(&mut out);
    out.into_violations()
}

/// What is wrong at any moment after the letter: a tree may put it right by giving once more.
fn forge(world: &mut World, place: usize, from: usize, to: Address, body: Body) -> Vec<Violation> {
    let up = place == PRIMARY;
    let route: Vec<ServerName> =
        if up { vec![world.topology.name(from).clone()] } else { Vec::new() };
    assert!(world.forge(place, from, Letter::new(to, route, body)), "there is no connection");
    let until = world.now().after_ms(5_000);
    while world.step(until) {
        let wrong = violations(world);
        if !wrong.is_empty() {
            return wrong;
        }
    }
    Vec::new()
}

pub fn after_an_old_return(tuning: Tuning) -> Vec<Violation> {
    let mut world = pair(tuning);
    let attach = attach_anew(&mut world);
    let word = world.truth(PRIMARY).product(&product()).edges[world.topology.name(RELAY)].level;
    let report = EdgeReport {
        version: word.version,
        epoch: word.epoch,
        granted_seen: 5,
        returned: 5,
        declined: false,
        holds: true,
        ..EdgeReport::default()
    };
    let body = Body::EdgeReport { attach, product: product(), report };
    forge(&mut world, PRIMARY, RELAY, Address::Primary, body)
}

pub fn after_an_old_grant(tuning: Tuning) -> Vec<Violation> {
    let mut world = pair(tuning);
    let attach = attach_anew(&mut world);
    let relay = world.topology.name(RELAY).clone();
    let word = world.truth(PRIMARY).product(&product()).edges[&relay].level;
    let level = Level { granted: 50, ..word };
    let body = Body::Level { attach, product: product(), level };
    forge(&mut world, RELAY, PRIMARY, Address::Below(relay), body)
}

#[test]
fn a_return_under_an_old_attachment_is_not_booked() {
    assert_eq!(after_an_old_return(Tuning::default()), []);
}

#[test]
fn a_grant_under_an_old_attachment_is_not_taken() {
    assert_eq!(after_an_old_grant(Tuning::default()), []);
}
