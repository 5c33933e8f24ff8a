//! A table of nodes holds what a plain map would, in every order.

use super::*;
use crate::model::device::DeviceId;
use crate::model::discovery::MacAddress;
use crate::model::name::ServerName;
use crate::model::node_query::{NodeFilter, NodeSort};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Change {
    Put(u64, Device),
    Gone(u64),
    See(u64, u64),
    Remove(u64),
}

fn device() -> impl Strategy<Value = Device> {
    let state = prop_oneof![
        Just(DeviceState::Discovered),
        Just(DeviceState::Managed),
        Just(DeviceState::Ignored)
    ];
    let address = (0u8..20).prop_map(|last| IpAddr::from([10, 0, 0, last]));
    (state, prop::collection::vec(address, 0..3), proptest::option::of("[ab]{1,2}"), 0u64..9)
        .prop_map(|(state, addresses, host_name, seen)| Device {
            mac: Some(MacAddress([2, 0, 0, 0, 0, 1])),
            addresses,
            host_name,
            state,
            last_seen: Timestamp(seen),
            ..Device::default()
        })
}

fn change() -> impl Strategy<Value = Change> {
    let number = || 1u64..30;
    prop_oneof![
        4 => (number(), device()).prop_map(|(number, device)| Change::Put(number, device)),
        1 => number().prop_map(Change::Gone),
        3 => (number(), 0u64..9).prop_map(|(number, at)| Change::See(number, at)),
        1 => number().prop_map(Change::Remove),
    ]
}

/// What the table is held against.
type Plain = BTreeMap<DeviceNumber, (u64, Option<Device>)>;

fn apply(table: &mut NodeTable, plain: &mut Plain, change: Change, version: u64) {
    match change {
        Change::Put(number, device) => {
            table.put(DeviceNumber(number), version, &device);
            plain.insert(DeviceNumber(number), (version, Some(device)));
        }
        Change::Gone(number) => {
            table.put_gone(DeviceNumber(number), version);
            plain.insert(DeviceNumber(number), (version, None));
        }
        Change::See(number, at) => {
            let seen = table.see(DeviceNumber(number), version, Timestamp(at));
            let known = plain.get_mut(&DeviceNumber(number));
            let known = known.filter(|(_, device)| device.is_some());
            assert_eq!(seen, known.is_some());
            if let Some((was, Some(device))) = known {
                *was = version;
                device.last_seen = Timestamp(at);
            }
        }
        Change::Remove(number) => {
            let removed = table.remove(DeviceNumber(number));
            assert_eq!(removed, plain.remove(&DeviceNumber(number)).is_some());
        }
    }
}

fn check(table: &NodeTable, plain: &Plain) {
    assert_eq!(table.len(), plain.len());
    let rows: Vec<_> = table.by_number().map(|r| (r.number, (r.version, r.device()))).collect();
    assert_eq!(rows, plain.clone().into_iter().collect::<Vec<_>>());
    let mut versions: Vec<u64> = plain.values().map(|(version, _)| *version).collect();
    versions.sort_unstable();
    assert_eq!(table.after(0).map(|row| row.version).collect::<Vec<_>>(), versions);
    let middle = versions.get(versions.len() / 2).copied().unwrap_or(0);
    let later = versions.iter().filter(|version| **version > middle).count();
    assert_eq!(table.after(middle).count(), later);
    let mut counts = NodeCounts::default();
    let nodes = plain.values().filter_map(|(_, device)| device.as_ref());
    nodes.for_each(|device| *count_of(&mut counts, device.state) += 1);
    assert_eq!(table.counts(), counts);
    for by in [By::Seen, By::Name, By::Address, By::Number] {
        let mut rows: Vec<Packed<'_>> =
            table.by_number().filter(|row| row.state().is_some()).collect();
        rows.sort_by(|a, b| place_of(by, a).cmp(&place_of(by, b)));
        let numbers = |rows: Vec<Packed<'_>>| rows.iter().map(|row| row.number).collect::<Vec<_>>();
        assert_eq!(
            numbers(table.behind(by, None, None).collect()),
            numbers(rows.clone()),
            "{by:?}"
        );
        for at in 0..rows.len() {
            let behind = table.behind(by, Some(place_of(by, &rows[at])), None).collect();
            assert_eq!(numbers(behind), numbers(rows[at + 1..].to_vec()), "{by:?} behind {at}");
        }
    }
    let nodes = plain.values().filter_map(|(_, device)| device.as_ref());
    let recent = nodes.filter(|device| device.last_seen >= Timestamp(5)).count();
    assert_eq!(table.seen_since(Timestamp(5)), recent as u64);
}

proptest! {
    #[test]
    fn a_table_is_a_plain_map_in_every_order(changes in prop::collection::vec(change(), 1..200)) {
        let (mut table, mut plain) = (NodeTable::default(), Plain::new());
        for (at, change) in changes.into_iter().enumerate() {
            apply(&mut table, &mut plain, change, at as u64 + 1);
            if at % 16 == 0 {
                check(&table, &plain);
            }
        }
        check(&table, &plain);
    }
}

/// The bound of a node at the primary (P10), less what an allocator adds to each piece.
#[test]
fn a_million_nodes_take_less_than_150_bytes_each() {
    let mut table = NodeTable::default();
    let nodes = 100_000u64;
    for number in 1..=nodes {
        let device = Device {
            mac: Some(MacAddress([2, 0, 0, 0, 0, 1])),
            addresses: vec![IpAddr::from([10, 0, 0, 1])],
            host_name: Some(format!("node-{number:07}.site77.example")),
            last_seen: Timestamp(number * 7919 % 1000),
            ..Device::default()
        };
        table.put(DeviceNumber(number), number, &device);
    }
    let each = table.memory() as u64 / nodes;
    assert!(each < 125, "{each} bytes");
}

/// Three servers' tables of the same twenty numbers, with many rows alike in what is sorted by.
fn three() -> impl Strategy<Value = Vec<(ServerName, NodeTable)>> {
    let table = prop::collection::vec((1u64..20, device()), 0..30).prop_map(|rows| {
        let mut table = NodeTable::default();
        for (at, (number, device)) in rows.into_iter().enumerate() {
            table.put(DeviceNumber(number), at as u64 + 1, &device);
        }
        table
    });
    prop::collection::vec(table, 3).prop_map(|tables| {
        let names = ["b", "c", "d"].map(|name| name.parse().unwrap());
        names.into_iter().zip(tables).collect()
    })
}

proptest! {
    /// Page by page, each behind the place where the one before ended: every node once, in order.
    #[test]
    fn pages_join_without_a_gap_or_a_repeat(servers in three(), size in 1usize..7) {
        let tables: query::Tables<'_> = servers.iter().map(|(name, table)| (name, table)).collect();
        let all_rows = query::Marked::new();
        for sort in [NodeSort::Id, NodeSort::LastSeen, NodeSort::Name, NodeSort::Address] {
            let all: Vec<DeviceId> =
                query::in_order(&tables, &all_rows, sort, None).map(|hit| hit.id()).collect();
            let mut expected: Vec<_> = servers
                .iter()
                .flat_map(|(name, table)| table.by_number().map(move |row| (name, row)))
                .collect();
            expected.sort_by_key(|(name, row)| {
                let place = place_of(query::by(sort), row).without_number();
                (place, (*name).clone(), row.number)
            });
            let expected: Vec<DeviceId> = expected
                .into_iter()
                .map(|(name, row)| DeviceId { managing_source: name.clone(), number: row.number })
                .collect();
            prop_assert_eq!(&all, &expected, "{:?}", sort);
            let (mut paged, mut after) = (Vec::new(), None);
            loop {
                let page: Vec<_> =
                    query::in_order(&tables, &all_rows, sort, after.as_ref()).take(size).collect();
                let Some(last) = page.last() else { break };
                after = Some(query::cursor_of(sort, last));
                paged.extend(page.iter().map(|hit| hit.id()));
            }
            prop_assert_eq!(&paged, &all, "{:?}", sort);
        }
    }
}

proptest! {
    /// Rows that were looked for as they lie are those that a look at each in order finds.
    #[test]
    fn marked_rows_are_the_ones_that_fit(servers in three(), second in 0u64..12) {
        let fits = |row: &Packed<'_>| row.last_seen < Timestamp(second);
        for (_, table) in &servers {
            let marks = table.mark(fits);
            for by in [By::Seen, By::Name, By::Address, By::Number] {
                let marked: Vec<_> = table.behind(by, None, Some(&marks)).collect();
                let expected: Vec<_> = table.behind(by, None, None).filter(fits).collect();
                prop_assert_eq!(marked, expected);
            }
        }
    }
}

#[test]
fn a_text_is_looked_for_in_names_addresses_and_macs() {
    let device = Device {
        mac: Some("00:1b:21:aa:00:07".parse().unwrap()),
        addresses: vec!["10.0.0.77".parse().unwrap(), "2001:db8::7".parse().unwrap()],
        host_name: Some("Press-ÄB.example".to_string()),
        ..Device::default()
    };
    let facts = packed::pack(&device);
    let row = Packed::node(DeviceNumber(1), 1, &device, &facts);
    let has = |text: &str| {
        let filter = NodeFilter { text: Some(text.to_string()), ..NodeFilter::default() };
        fits::Fits::new(&filter).lets_through(&row)
    };
    for text in ["", "press", "äb.EX", "0.0.77", "db8::7", "1B:21", "aa"] {
        assert!(has(text), "{text}");
    }
    for text in ["presses", "0.0.78", "77 2001", "zz"] {
        assert!(!has(text), "{text}");
    }
}
