//! What a relay says to its child of the rows it was told, and when.

use super::*;
use crate::engine::state::State;
use crate::model::command::Founding;
use crate::model::device::DeviceNumber;
use crate::model::tuning::Tuning;

const ABOVE: LinkId = LinkId(1);
const BELOW: LinkId = LinkId(2);

/// A relay between its parent and the child west.
struct Between {
    relay: Engine,
    now: Timestamp,
}

impl Between {
    fn new() -> Between {
        let (tree, name) = ("t".parse().unwrap(), "between".parse().unwrap());
        let founding = Founding { tree, name, role: Role::Relay, incarnation: 5 };
        let state = State::new(founding);
        let mut relay = Engine::new(state, Tuning::default(), "test".to_string(), 1);
        let now = Timestamp(1_000_000);
        relay.uplink_up(ABOVE, "up".parse().unwrap(), now);
        relay.downlink_up(BELOW, "west".parse().unwrap());
        let mut between = Between { relay, now };
        let (stream, incarnation) = (between.stream(), 5);
        between.come(BELOW, Body::ReportOffer { stream, incarnation, version: 0 });
        assert_eq!(between.said(), [(0, 0)]);
        between
    }

    fn stream(&self) -> StreamId {
        StreamId { origin: "west".parse().unwrap(), table: Table::Nodes }
    }

    fn come(&mut self, link: LinkId, body: Body) {
        let letter = Letter::to_neighbour(body);
        self.relay.receive(link, letter, self.now);
    }

    /// West tells of the rows behind `after`, of as many as that.
    fn report(&mut self, after: u64, count: u64) {
        let row = |version| ReportRow {
            name: RowName::Device(DeviceNumber(version)),
            version,
            body: RowBody::Device(Box::default()),
        };
        let (stream, upto) = (self.stream(), after + count);
        let rows = (after + 1..=upto).map(row).collect();
        let (incarnation, complete) = (5, true);
        let batch = ReportBatch { stream, incarnation, after, upto, complete, rows };
        self.come(BELOW, Body::Report(batch));
    }

    /// What west is told: what is here, and what the primary has.
    fn said(&mut self) -> Vec<(u64, u64)> {
        let acks = self.relay.deeds(self.now).into_iter().filter_map(|deed| match deed {
            Deed::Send { link: BELOW, letter } => match letter.body {
                Body::ReportAck { have, settled, .. } => Some((have, settled)),
                _ => None,
            },
            _ => None,
        });
        acks.collect()
    }
}

#[test]
fn one_letter_says_what_is_here_and_what_the_primary_has() {
    let mut between = Between::new();
    between.report(0, 1);
    assert_eq!(between.said(), []);
    let stream = between.stream();
    between.come(ABOVE, Body::ReportAck { stream, incarnation: 5, have: 1, settled: 1 });
    assert_eq!(between.said(), [(1, 1)]);
    // Nothing is owed any more.
    between.now = between.now.after(between.relay.tuning().retry_interval);
    between.relay.say_owed_acks(between.now);
    assert_eq!((between.said(), between.relay.acks_due()), (Vec::new(), None));
}

#[test]
fn without_a_word_from_above_the_child_learns_soon_what_is_here() {
    let mut between = Between::new();
    between.report(0, 1);
    let due = between.relay.acks_due().unwrap();
    assert!(due < between.now.after(between.relay.tuning().retry_interval));
    assert_eq!(between.said(), []);
    between.now = due;
    between.relay.pass_time(due);
    assert_eq!(between.said(), [(1, 0)]);
}

#[test]
fn a_second_letter_a_full_one_and_one_that_does_not_fit_are_acknowledged_at_once() {
    let mut between = Between::new();
    between.report(0, 1);
    between.report(1, 1);
    assert_eq!(between.said(), [(2, 0)]);
    let full = between.relay.tuning().report_rows_max as u64;
    between.report(2, full);
    assert_eq!(between.said(), [(2 + full, 0)]);
    between.report(9 + full, 1);
    assert_eq!(between.said(), [(2 + full, 0)]);
}
