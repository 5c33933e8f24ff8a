//! Changes of holding one after the other, on a line where nothing is lost and a letter takes 300
//! ms. Each of these three came to one license too many without any force; the model of uses that
//! travel found them (`tests/model`: MaskedShortage, CountsOnTheWayBack, PromiseEndsUnheard).

use lictree::model::count::LicenseCount;
use lictree::model::device::{DeviceId, DeviceNumber};
use lictree::model::discovery::Found;
use lictree::model::license::{License, LicenseTerms, Metric};
use lictree::model::name::ProductName;
use lictree::model::request::{Doing, HoldingChange, HoldingVerb, Request};
use lictree::model::tuning::Tuning;
use lictree::simulator::entropy::Entropy;
use lictree::simulator::making::Making;
use lictree::simulator::moment::BEGINNING;
use lictree::simulator::topology::{PRIMARY, Topology};
use lictree::simulator::weather::Weather;
use lictree::simulator::world::World;

const LATENCY_US: u64 = 300_000;

fn product() -> ProductName {
    "atlas".parse().unwrap()
}

/// A tree whose places hang below these, with so many licenses at the primary.
fn tree(parents: &[usize], licenses: u64) -> World {
    let (latency_us, disk_us, gather_us) = ((LATENCY_US, LATENCY_US), (100, 100), (0, 0));
    let weather = Weather { latency_us, disk_us, gather_us, ..Weather::CALM };
    let (topology, tuning) = (Topology::of_parents(parents), Tuning::default());
    let making =
        Making { topology, tuning, weather, ahead_ms_max: 0, clocks_are_set: false, keep_lines: 0 };
    let mut world = World::new(making, Entropy::new(1));
    pass(&mut world, 20_000);
    let terms = LicenseTerms {
        serial: "S-1".parse().unwrap(),
        vendor: "vendor".to_string(),
        product: product(),
        count: LicenseCount(licenses),
        metric: Metric::ManagedDevices,
        not_before: BEGINNING,
        not_after: None,
        tree: None,
        server: None,
        confirm_within_days: None,
        note: String::new(),
    };
    world.post(PRIMARY, Request::RegisterLicense(License::try_from(terms).unwrap()));
    pass(&mut world, 20_000);
    world
}

fn pass(world: &mut World, ms: u64) {
    let until = world.now().after_ms(ms);
    while world.step(until) {}
}

/// Lets moments pass until it is so.
fn pass_until(world: &mut World, is_so: impl Fn(&World) -> bool) {
    for _ in 0..5_000 {
        if is_so(world) {
            return;
        }
        pass(world, 1);
    }
    panic!("it never came to be so");
}

fn find(world: &mut World, place: usize, count: u64) {
    let mac = |n: u64| format!("02:00:00:00:{place:02x}:{n:02x}").parse().unwrap();
    let found = (0..count).map(|n| Found { mac: Some(mac(n)), ..Found::default() }).collect();
    world.post(place, Request::Import { found });
    pass(world, 2_000);
}

fn manage(world: &mut World, place: usize, numbers: &[u64]) {
    let managing_source = world.topology.name(place).clone();
    let id = |number: &u64| DeviceId {
        managing_source: managing_source.clone(),
        number: DeviceNumber(*number),
    };
    let devices = numbers.iter().map(id).collect();
    world.post(place, Request::Manage { devices, product: Some(product()) });
}

fn hold(world: &mut World, relay: usize, verb: HoldingVerb) {
    let relay = world.topology.name(relay).clone();
    let (product, doing) = (Some(product()), Doing::Do);
    let change = HoldingChange { product, relay, verb, doing };
    world.post(PRIMARY, Request::SetHolding(change));
}

fn distribute(world: &mut World, relay: usize, count: u64) {
    hold(world, relay, HoldingVerb::Distribute(LicenseCount(count)));
}

fn managed(world: &World) -> usize {
    let places = 0..world.topology.len();
    places.map(|place| world.truth(place).managed(&product()).count()).sum()
}

/// The primary asks again and again for its own two nodes; the most that were ever managed at once.
fn most_while_asking(world: &mut World, gap_ms: u64) -> usize {
    let mut most = managed(world);
    for _ in 0..4_000 / gap_ms {
        pass(world, gap_ms);
        manage(world, PRIMARY, &[1, 2]);
        most = most.max(managed(world));
    }
    most
}

/// What is promised away is lacking here until it leaves; that hides no second promise.
#[test]
fn a_second_promise_behind_a_first_one() {
    let mut world = tree(&[0, 1, 0], 2);
    find(&mut world, 2, 2);
    find(&mut world, 3, 1);
    pass(&mut world, 10_000);
    manage(&mut world, 2, &[1]);
    pass(&mut world, 10_000);
    manage(&mut world, 3, &[1]);
    pass_until(&mut world, |world| world.truth(PRIMARY).product(&product()).used() > 1);
    distribute(&mut world, 1, 1);
    pass(&mut world, 10);
    distribute(&mut world, 1, 2);
    pass(&mut world, 3_000);
    manage(&mut world, 2, &[2]);
    pass(&mut world, 5_000);
    assert!(managed(&world) <= 2, "{} managed of 2", managed(&world));
}

/// What is on its way back is not held again by asking for it anew.
#[test]
fn counts_on_their_way_back_distributed_anew() {
    let mut world = tree(&[0, 1], 2);
    find(&mut world, 2, 1);
    find(&mut world, PRIMARY, 2);
    pass(&mut world, 10_000);
    distribute(&mut world, 1, 1);
    pass(&mut world, 10_000);
    manage(&mut world, 2, &[1]);
    pass(&mut world, 10_000);
    hold(&mut world, 1, HoldingVerb::Withdraw);
    pass_until(&mut world, |world| world.truth(PRIMARY).product(&product()).used() > 0);
    distribute(&mut world, 1, 1);
    pass(&mut world, 10);
    hold(&mut world, 1, HoldingVerb::Withdraw);
    let most = most_while_asking(&mut world, 10);
    assert!(most <= 2, "{most} managed of 2");
}

/// A promise that ended before the relay heard of it may still be taken up.
#[test]
fn a_promise_that_ends_before_it_is_heard() {
    let mut world = tree(&[0, 1], 3);
    find(&mut world, 2, 2);
    find(&mut world, PRIMARY, 2);
    pass(&mut world, 10_000);
    manage(&mut world, 2, &[1, 2]);
    pass(&mut world, 20);
    distribute(&mut world, 1, 1);
    pass(&mut world, 100);
    hold(&mut world, 1, HoldingVerb::Withdraw);
    pass(&mut world, 500);
    let most = most_while_asking(&mut world, 50);
    assert!(most <= 3, "{most} managed of 3");
}
