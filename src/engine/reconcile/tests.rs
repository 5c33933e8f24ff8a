//! A parent whose rows became other ones gets those, and no others, told again.

use super::*;
use crate::engine::Deed;
use crate::engine::mirror::Mirror;
use crate::engine::state::State;
use crate::model::command::{CommandBatch, Founding};
use crate::model::device::DeviceNumber;
use crate::model::discovery::Found;
use crate::model::holding::Role;
use crate::model::letter::{Address, Letter};
use crate::model::tuning::Tuning;
use std::net::Ipv4Addr;

const LINK: LinkId = LinkId(7);

/// The relay west below a parent, each an engine; letters between them come at once.
struct Pair {
    west: Engine,
    parent: Engine,
    now: Timestamp,
    /// Rows told again so far.
    refilled: usize,
}

fn engine(name: &str, role: Role, tuning: Tuning) -> Engine {
    let (tree, name) = ("t".parse().unwrap(), name.parse().unwrap());
    let founding = Founding { tree, name, role, incarnation: 5 };
    Engine::new(State::new(founding), tuning, "test".to_string(), 1)
}

impl Pair {
    fn new(parent: Role, nodes: u32) -> Pair {
        let tuning = Tuning { report_rows_max: 16, ..Tuning::default() };
        let west = engine("west", Role::Relay, tuning.clone());
        let (parent, now) = (engine("up", parent, tuning), Timestamp(1_000_000));
        let mut pair = Pair { west, parent, now, refilled: 0 };
        pair.parent.downlink_up(LINK, "west".parse().unwrap());
        pair.west.uplink_up(LINK, "up".parse().unwrap(), now);
        let address = |n: u32| Ipv4Addr::from(0x0a00_0000 + n).into();
        let one = |n| Found { addresses: vec![address(n)], ..Found::default() };
        pair.west.propose(Command::Discover { found: (1..=nodes).map(one).collect() });
        pair.settle();
        pair
    }

    /// Until nobody has anything to say.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            let up = self.west.deeds(self.now);
            let down = self.parent.deeds(self.now);
            if up.is_empty() && down.is_empty() {
                return;
            }
            for deed in up {
                if let Deed::Send { letter, .. } = &deed
                    && let Body::Reconcile(Reconcile { what: Compared::Refill(refill), .. }) =
                        &letter.body
                {
                    self.refilled += refill.rows.len();
                }
                carry(deed, &mut self.west, &mut self.parent, self.now);
            }
            for deed in down {
                carry(deed, &mut self.parent, &mut self.west, self.now);
            }
        }
        panic!("they never come to rest");
    }

    fn stream() -> StreamId {
        StreamId { origin: "west".parse().unwrap(), table: Table::Nodes }
    }

    fn mirror(&mut self) -> &mut Mirror {
        self.parent.state_mut().mirrors.get_mut(&Pair::stream()).unwrap()
    }

    fn is_equal(&self) -> bool {
        let mirror = &self.parent.state().mirrors[&Pair::stream()];
        let there: Vec<ReportRow> =
            mirror.names().iter().filter_map(|name| mirror.row(name)).collect();
        let own = self.west.state().own_nodes.by_number().filter(|row| row.state().is_some());
        there == own.map(whole_row).collect::<Vec<_>>()
    }

    /// Lets the time pass in which every stream is compared once.
    fn compare_all(&mut self) {
        for _ in 0..8 {
            self.now = self.now.after(self.west.tuning().reconcile_interval / 2);
            self.west.pass_time(self.now);
            self.settle();
        }
    }
}

fn carry(deed: Deed, from: &mut Engine, to: &mut Engine, now: Timestamp) {
    match deed {
        Deed::Send { letter, .. } => to.receive(LINK, letter, now),
        Deed::Propose(command) => from.apply(&CommandBatch { at: now, commands: vec![command] }),
        _ => {}
    }
}

/// Loses a node, changes one, and makes one up.
fn damage(mirror: &mut Mirror) {
    let name = |number| RowName::Device(DeviceNumber(number));
    let Some(ReportRow { version, body: RowBody::Device(mut device), .. }) = mirror.row(&name(9))
    else {
        panic!("there is no node 9")
    };
    device.host_name = Some("nobody-said-so".to_string());
    let changed = ReportRow { name: name(9), version, body: RowBody::Device(device.clone()) };
    mirror.load_row(&changed);
    mirror.load_row(&ReportRow { name: name(70_000), ..changed });
    let bucket = digest::bucket_of(&name(5));
    let (after, upto) = (Some(name(4)), Some(name(5)));
    mirror.refill(&Refill { bucket, after, upto, rows: Vec::new() });
    assert_eq!(mirror.row(&name(5)), None);
}

#[test]
fn rows_that_silently_differ_are_put_right_and_only_their_buckets_are_told_again() {
    for role in [Role::Relay, Role::Primary] {
        let mut pair = Pair::new(role, 2_000);
        assert!(pair.is_equal(), "{role:?}");
        pair.compare_all();
        assert_eq!(pair.refilled, 0, "{role:?}: nothing differs");
        damage(pair.mirror());
        assert!(!pair.is_equal());
        pair.compare_all();
        assert!(pair.is_equal(), "{role:?}");
        // Three buckets of 256.
        assert!((1..=3 * 40).contains(&pair.refilled), "{role:?}: {} rows", pair.refilled);
        let events = pair.west.state().events.values();
        let told = events.filter(|event| event.kind == "rows.differed").count();
        assert_eq!(told, 1, "{role:?}");
    }
}

/// More than one letter takes, of one bucket.
#[test]
fn a_whole_stream_that_was_lost_is_told_again() {
    let mut pair = Pair::new(Role::Primary, 8_000);
    let names = pair.mirror().names();
    for bucket in 0..=u8::MAX {
        pair.mirror().refill(&Refill { bucket, after: None, upto: None, rows: Vec::new() });
    }
    assert!(pair.mirror().names().is_empty() && names.len() == 8_000);
    pair.compare_all();
    assert!(pair.is_equal());
    assert_eq!(pair.refilled, 8_000);
}

#[test]
fn a_word_of_another_version_and_rows_of_another_bucket_change_nothing() {
    let mut pair = Pair::new(Role::Relay, 100);
    let row = pair.mirror().row(&RowName::Device(DeviceNumber(3))).unwrap();
    let right = digest::bucket_of(&row.name);
    let (stream, version) = (Pair::stream(), pair.mirror().have);
    let words = [
        (5, version, right.wrapping_add(1), vec![row.clone()]),
        (5, version - 1, right, Vec::new()),
        (6, version, right, Vec::new()),
        (5, version, right, vec![ReportRow { version: version + 1, ..row.clone() }]),
        (5, version, right, vec![ReportRow { body: RowBody::Gone, ..row }]),
    ];
    for (incarnation, version, bucket, rows) in words {
        let refill = Refill { bucket, after: None, upto: None, rows };
        let what = Compared::Refill(refill);
        let word = Reconcile { stream: stream.clone(), incarnation, version, what };
        let (to, route) = (Address::Neighbour, Vec::new());
        let letter = Letter::new(to, route, Body::Reconcile(word));
        pair.parent.receive(LINK, letter, pair.now);
        assert!(pair.is_equal());
    }
}
