//! The rule of identity against whatever may be found, in any order.

use super::*;
use crate::engine::Engine;
use crate::engine::state::State;
use crate::model::command::{Command, CommandBatch, Founding};
use crate::model::device::DeviceState;
use crate::model::holding::Role;
use crate::model::time::Timestamp;
use crate::model::tuning::Tuning;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

struct Site {
    engine: Engine,
    now: u64,
}

impl Site {
    fn new() -> Site {
        let founding = Founding {
            tree: "t".parse().unwrap(),
            name: "a".parse().unwrap(),
            role: Role::Primary,
            incarnation: 1,
        };
        let (state, tuning) = (State::new(founding), Tuning::default());
        Site { engine: Engine::new(state, tuning, "test".to_string(), 1), now: 1_000 }
    }

    fn apply(&mut self, command: Command) {
        let batch = CommandBatch { at: Timestamp(self.now), commands: vec![command] };
        self.engine.apply(&batch);
        self.check();
    }

    fn find(&mut self, found: Found) {
        self.apply(Command::Discover { found: vec![found] });
    }

    fn rows(&self) -> BTreeMap<DeviceNumber, Device> {
        let rows = self.engine.state().devices.iter().filter(|(_, row)| !row.deleted);
        rows.map(|(number, row)| (*number, row.device.clone())).collect()
    }

    /// What holds at any moment.
    fn check(&self) {
        let state = self.engine.state();
        assert_eq!(state.identities, Identities::of(&state.devices));
        let mut macs = BTreeSet::new();
        for device in self.rows().values() {
            let names = device.macs().filter(|mac| mac.names_a_machine());
            names.for_each(|mac| assert!(macs.insert(mac), "{mac} is at two nodes"));
            assert!(device.mac.is_some() || device.other_macs.is_empty());
            let unique: BTreeSet<_> = device.addresses.iter().collect();
            assert_eq!(unique.len(), device.addresses.len());
            assert!(device.addresses.len() <= ADDRESSES_MAX);
        }
    }
}

fn mac(text: &str) -> MacAddress {
    text.parse().unwrap()
}

/// Three that name a machine; one of a container, one of a virtual router.
fn any_mac() -> impl Strategy<Value = MacAddress> {
    prop_oneof![
        Just(mac("00:1b:21:00:00:01")),
        Just(mac("00:1b:21:00:00:02")),
        Just(mac("00:1b:21:00:00:03")),
        Just(mac("02:42:ac:11:00:02")),
        Just(mac("00:00:5e:00:01:01")),
    ]
}

fn any_found() -> impl Strategy<Value = Found> {
    let addresses = prop::collection::btree_set(1..6_u8, 0..4);
    let name = option::of("[ab]");
    (option::of(any_mac()), addresses, name).prop_map(|(mac, addresses, host_name)| Found {
        mac,
        addresses: addresses.into_iter().map(|n| IpAddr::from([10, 0, 0, n])).collect(),
        host_name,
    })
}

fn any_number() -> impl Strategy<Value = DeviceNumber> {
    (1..8_u64).prop_map(DeviceNumber)
}

/// A command after so many milliseconds.
fn any_step() -> impl Strategy<Value = (u64, Command)> {
    let command = prop_oneof![
        6 => vec(any_found(), 1..4).prop_map(|found| Command::Discover { found }),
        1 => any_number().prop_map(|number| Command::Ignore { devices: vec![number] }),
        1 => any_number().prop_map(|number| Command::Delete { devices: vec![number] }),
        2 => (any_number(), vec(any_number(), 1..3))
            .prop_map(|(keep, others)| Command::Unite { keep, others }),
    ];
    (0..3_u64, command)
}

proptest! {
    #[test]
    fn whatever_is_found_the_rule_holds(steps in vec(any_step(), 0..40)) {
        let mut site = Site::new();
        for (ms, command) in steps {
            site.now += ms;
            let before = site.rows();
            let finds = matches!(command, Command::Discover { .. });
            site.apply(command);
            let after = site.rows();
            for (number, was) in before.iter().filter(|_| finds) {
                let is = &after[number];
                prop_assert_eq!(is.state, was.state, "a finding changes no state");
                prop_assert_eq!(&is.other_macs, &was.other_macs);
                if was.mac.is_some_and(MacAddress::names_a_machine) {
                    prop_assert_eq!(is.mac, was.mac, "what names a machine stays with it");
                }
            }
        }
    }

    /// Whoever is found twice in the same way is one node, with what was found first of its list.
    #[test]
    fn what_was_just_found_is_found_again(steps in vec(any_step(), 0..20), last in any_found()) {
        prop_assume!(last.mac.is_some() || !last.addresses.is_empty());
        let mut site = Site::new();
        for (ms, command) in steps {
            site.now += ms;
            site.apply(command);
        }
        site.now += 1;
        site.find(last.clone());
        let (once, seen) = (site.rows(), Timestamp(site.now));
        let here: Vec<_> = once.iter().filter(|(_, device)| device.last_seen == seen).collect();
        prop_assert_eq!(here.len(), 1);
        prop_assert!(here[0].1.addresses.starts_with(&last.addresses));
        site.find(last);
        prop_assert_eq!(site.rows(), once);
    }
}

#[test]
fn the_oldest_addresses_are_dropped_and_find_nobody_any_more() {
    let mut site = Site::new();
    let named = Some(mac("00:1b:21:00:00:01"));
    let address = |n: usize| IpAddr::from([10, 0, (n / 200) as u8, (n % 200) as u8]);
    for n in 0..ADDRESSES_MAX + 3 {
        site.find(Found { mac: named, addresses: vec![address(n)], host_name: None });
    }
    let rows = site.rows();
    let kept: Vec<IpAddr> = (3..ADDRESSES_MAX + 3).rev().map(address).collect();
    assert_eq!(rows[&DeviceNumber(1)].addresses, kept);
    for (n, known) in [(2, false), (3, true)] {
        let found = Found { mac: None, addresses: vec![address(n)], host_name: None };
        let state = site.engine.state();
        assert_eq!(state.identities.number_of(&found, &state.devices).is_some(), known, "{n}");
    }
}

#[test]
fn a_finding_that_says_nothing_new_changes_only_when_it_was_seen() {
    let mut site = Site::new();
    let addresses = vec![IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
    let found = Found { mac: None, addresses, host_name: Some("pc".to_string()) };
    site.find(found.clone());
    let device = site.rows()[&DeviceNumber(1)].clone();
    assert!(!is_news(&device, &found));
    site.now += 5;
    site.find(found);
    assert_eq!(site.rows()[&DeviceNumber(1)], Device { last_seen: Timestamp(1_005), ..device });
}

#[test]
fn what_is_set_aside_and_found_again_stays_so() {
    let mut site = Site::new();
    let found = Found { mac: Some(mac("00:1b:21:00:00:01")), ..Found::default() };
    site.find(found.clone());
    site.apply(Command::Ignore { devices: vec![DeviceNumber(1)] });
    site.now += 1;
    let addresses = vec![IpAddr::from([10, 0, 0, 1])];
    site.find(Found { addresses, ..found });
    let rows = site.rows();
    assert_eq!((rows.len(), rows[&DeviceNumber(1)].state), (1, DeviceState::Ignored));
}

/// More than one node may have would be found as new nodes again.
#[test]
fn a_node_takes_no_more_macs_than_it_can_keep() {
    let mut site = Site::new();
    for n in 0..18 {
        let mac = Some(MacAddress([0, 0x1b, 0x21, 0, 0, n]));
        site.find(Found { mac, ..Found::default() });
    }
    let others = |count: u64| (2..2 + count).map(DeviceNumber).collect::<Vec<_>>();
    let refusal = site.engine.united(DeviceNumber(1), &others(17)).unwrap_err();
    assert_eq!(refusal.code, "LT0315");
    site.apply(Command::Unite { keep: DeviceNumber(1), others: others(17) });
    assert_eq!(site.rows().len(), 18, "nothing is done by halves");
    site.apply(Command::Unite { keep: DeviceNumber(1), others: others(16) });
    assert_eq!(site.rows().len(), 2);
}

/// As many as a server books that is given the lists, whatever their order: a machine that one
/// list knows by address only is the one whose MAC another list tells.
#[test]
fn lists_are_counted_as_they_are_booked() {
    let address = |last: u8| IpAddr::from([10, 0, 0, last]);
    let by_address = |last| Found { addresses: vec![address(last)], ..Found::default() };
    let by_both = |last: u8| Found {
        mac: Some(MacAddress([0, 0x1b, 0x21, 0, 0, last])),
        addresses: vec![address(last)],
        ..Found::default()
    };
    let (pings, table): (Vec<Found>, Vec<Found>) =
        ((1..=4).map(by_address).collect(), (3..=6).map(by_both).collect());
    for lists in [vec![pings.clone(), table.clone()], vec![table, pings]] {
        let mut site = Site::new();
        lists.iter().flatten().for_each(|found| site.find(found.clone()));
        assert_eq!(site.rows().len(), 6);
        assert_eq!(node_count(lists.into_iter()), 6);
    }
}
