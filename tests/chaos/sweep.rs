//! Never one license too many, at any instant: an interval sweep over a history (safety 1.2: I1,
//! I3).
//!
//! ```text
//!   manage … "managed"│████ surely in use ████│ignore … "ignored"
//!                     └ from the answer       └ to the next ask
//! ```
//! Only what was surely in use counts, against the most that may have been held just then. So an
//! unknown answer never makes a false alarm, and what is found is a broken rule.

use crate::history::{Ask, Operation, Outcome, Violation};
use lictree::model::device::{DeviceId, DeviceState};
use std::collections::BTreeMap;
use std::time::Duration;

/// Who holds what at first, and whose licenses a server's devices use.
pub struct Supply {
    pub primary: &'static str,
    pub registered: u64,
    /// What relays hold at first.
    pub distributed: BTreeMap<&'static str, u64>,
    /// The sharing source of each server.
    pub source: BTreeMap<&'static str, &'static str>,
    /// The range that one with its own licenses would join without.
    pub above: BTreeMap<&'static str, &'static str>,
}

/// One device, surely in use from an answer to the next ask.
struct Use<'a> {
    source: &'static str,
    from: Duration,
    to: Duration,
    granted_by: &'a Operation,
}

pub fn sweep(history: &[Operation], supply: &Supply) -> Vec<Violation> {
    let uses = uses(history, supply);
    let grants = uses.iter().map(|one| one.from);
    let changes = history.iter().filter(|one| matches!(one.ask, Ask::Distribute(..)));
    let mut moments: Vec<Duration> = grants.chain(changes.map(|one| one.ended)).collect();
    moments.sort();
    moments.dedup();
    let mut found = Vec::new();
    for at in moments {
        let now: Vec<&Use> = uses.iter().filter(|one| one.from <= at && at < one.to).collect();
        let mut judge = |whose: String, used: Vec<&Use>, held: u64| {
            if used.len() as u64 > held {
                let what = format!("{whose}: {} in use at {at:?}, {held} held", used.len());
                let shown_by = used.into_iter().map(|one| one.granted_by.clone()).collect();
                found.push(Violation { what, shown_by });
            }
        };
        judge("I1, the tree".to_string(), now.clone(), supply.registered);
        for source in supply.steady_sources(history) {
            let used = now.iter().filter(|one| one.source == source).copied().collect();
            judge(format!("I3, range {source}"), used, supply.held_at_most(source, history, at));
        }
    }
    found
}

fn uses<'a>(history: &'a [Operation], supply: &Supply) -> Vec<Use<'a>> {
    let mut by_device: BTreeMap<&DeviceId, Vec<&Operation>> = BTreeMap::new();
    for operation in history.iter().filter(|one| !matches!(one.ask, Ask::Show(_))) {
        if let Some(device) = operation.device() {
            by_device.entry(device).or_default().push(operation);
        }
    }
    let mut uses = Vec::new();
    for mut operations in by_device.into_values() {
        operations.sort_by_key(|one| one.began);
        let mut open: Option<&Operation> = None;
        let mut close = |open: &mut Option<&'a Operation>, to: Duration| {
            if let Some(granted_by) = open.take() {
                let source = supply.source[granted_by.server];
                uses.push(Use { source, from: granted_by.ended, to, granted_by });
            }
        };
        for one in operations {
            match (&one.ask, &one.outcome) {
                (_, Outcome::Managed | Outcome::Shown(DeviceState::Managed, _)) => {
                    open = open.or(Some(one));
                }
                (_, Outcome::Refused(_) | Outcome::NotAsked) | (Ask::Manage(_), _) => {}
                _ => close(&mut open, one.began),
            }
        }
        close(&mut open, Duration::MAX);
    }
    uses
}

impl Supply {
    /// Sources whose ranges stay what they are. Where all licenses of a relay are withdrawn, its
    /// range joins the one above; uses go there first, and licenses after.
    pub fn steady_sources(&self, history: &[Operation]) -> Vec<&'static str> {
        let is_withdrawn = |relay: &str| {
            let withdrawal = Ask::Distribute(relay.to_string(), 0);
            history.iter().any(|one| one.ask == withdrawal)
        };
        let touched = |source: &str| {
            let parts = self.distributed.keys().filter(|relay| is_withdrawn(relay));
            parts.into_iter().any(|relay| *relay == source || self.above[relay] == source)
        };
        let sources = self.distributed.keys().chain([&self.primary]).copied();
        sources.filter(|source| !touched(source)).collect()
    }

    /// The most that a source may hold at this moment, by all that was asked until then.
    pub fn held_at_most(&self, source: &str, history: &[Operation], at: Duration) -> u64 {
        if source != self.primary {
            return self.meant(source, history, at).into_iter().max().unwrap_or(0);
        }
        let relays = self.distributed.keys();
        let least = |relay: &&str| self.meant(relay, history, at).into_iter().min().unwrap_or(0);
        self.registered - relays.map(least).sum::<u64>()
    }

    /// Every count that the relay may hold then: the last that was surely booked, and all asked
    /// for since, and those of which nobody knows.
    fn meant(&self, relay: &str, history: &[Operation], at: Duration) -> Vec<u64> {
        let mut meant = vec![self.distributed[relay]];
        let mut unknown = Vec::new();
        for one in history.iter().filter(|one| one.began <= at) {
            let Ask::Distribute(to, count) = &one.ask else { continue };
            match &one.outcome {
                _ if to != relay => {}
                Outcome::Distributed { booked: true, .. } if one.ended <= at => {
                    meant = vec![*count];
                }
                Outcome::Unknown => unknown.push(*count),
                Outcome::Refused(_) | Outcome::NotAsked => {}
                _ => meant.push(*count),
            }
        }
        meant.extend(unknown);
        meant
    }
}

/// Histories made by hand: what breaks a rule is found, what only might is not.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::by_hand::{distribute, ignore, manage};

    fn supply() -> Supply {
        Supply {
            primary: "hq",
            registered: 3,
            distributed: [("west", 1)].into(),
            source: [("hq", "hq"), ("west", "west"), ("south", "west")].into(),
            above: [("west", "hq")].into(),
        }
    }

    fn found(history: &[Operation]) -> Vec<String> {
        sweep(history, &supply()).into_iter().map(|one| one.what).collect()
    }

    #[test]
    fn one_license_too_many_is_found_in_its_range_and_in_the_tree() {
        let granted = Outcome::Managed;
        let mut history = vec![
            manage("west:1", 0, 10, granted.clone()),
            manage("hq:1", 0, 10, granted.clone()),
            manage("hq:2", 0, 10, granted.clone()),
        ];
        assert_eq!(found(&history), [""; 0]);
        history.push(manage("south:1", 20, 30, granted.clone()));
        let [tree, range] = &found(&history)[..] else { panic!("{:?}", found(&history)) };
        assert!(tree.starts_with("I1") && range.starts_with("I3, range west: 2"), "{range}");
    }

    #[test]
    fn what_may_have_been_released_or_never_granted_is_no_use() {
        let granted = Outcome::Managed;
        for unsure in [
            vec![ignore("west:1", 11, 40, Outcome::Unknown)],
            vec![ignore("west:1", 11, 12, Outcome::Ignored)],
        ] {
            let mut history = vec![manage("west:1", 0, 10, granted.clone())];
            history.extend(unsure);
            history.push(manage("south:1", 20, 30, granted.clone()));
            history.push(manage("south:2", 20, 30, Outcome::Unknown));
            history.push(manage("south:3", 20, 30, Outcome::Pending));
            assert_eq!(found(&history), [""; 0]);
        }
        let refused = Outcome::Refused("LT0303".to_string());
        let history = [
            manage("west:1", 0, 10, granted.clone()),
            ignore("west:1", 11, 12, refused),
            manage("south:1", 20, 30, granted),
        ];
        assert_eq!(found(&history).len(), 1, "a refusal releases nothing");
    }

    #[test]
    fn licenses_that_left_a_range_are_no_longer_for_it() {
        let booked = |booked| Outcome::Distributed { before: 1, booked };
        let two = [
            distribute("west", 2, 0, 5, booked(true)),
            manage("west:1", 6, 10, Outcome::Managed),
            manage("south:1", 6, 10, Outcome::Managed),
        ];
        assert_eq!(found(&two), [""; 0]);
        let lowered = |how| [&two[..], &[distribute("west", 1, 20, 25, how)]].concat();
        assert_eq!(found(&lowered(booked(false))), [""; 0], "on its way back");
        assert_eq!(found(&lowered(Outcome::Unknown)), [""; 0]);
        assert_eq!(found(&lowered(booked(true))).len(), 1);
    }

    #[test]
    fn the_primary_holds_what_is_surely_not_elsewhere() {
        let mut history: Vec<Operation> =
            ["hq:1", "hq:2", "hq:3"].map(|device| manage(device, 6, 10, Outcome::Managed)).into();
        assert_eq!(found(&history).len(), 1, "one is at west");
        history.push(distribute("west", 1, 0, 5, Outcome::Unknown));
        assert_eq!(found(&history).len(), 1, "one is meant to be");
        history.push(distribute("west", 0, 0, 5, Outcome::Unknown));
        assert_eq!(found(&history), [""; 0], "it may have come back");
    }
}
