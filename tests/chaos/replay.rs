//! Strict order: the answers of one server, played in the order of its log (safety 2.2).
//!
//! Every answer says how much of the log is in it. Three rules follow, whatever was going on:
//! - An operation that ended before another began has a lower index, or the same.
//! - What is shown of a device is what some order of changes that agrees with the indexes gives: a
//!   change is somewhere behind all that was answered before it was asked, up to its own index.
//! - Figures of a range have at least what was surely managed at their index, and no shortage.
//!
//! Each device is changed by one client, which waits for each answer, and looked at by all.

use crate::history::{Ask, Operation, Outcome, Violation};
use crate::sweep::Supply;
use lictree::model::device::{DeviceId, DeviceState};
use std::collections::BTreeMap;
use std::time::Duration;

/// One answer with the highest index that was known when it was asked for.
struct Step<'a> {
    operation: &'a Operation,
    low: u64,
}

/// A change of one device; applied behind `low`, and not behind `high`.
struct Write {
    managed: bool,
    low: u64,
    /// Without bounds while nobody knows.
    high: u64,
    /// How the change is closed that may still come.
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// The server has the wish: the next change of the device is behind it.
    Wish,
    /// Nobody knows where the ask is; it ends with the process.
    Ask,
}

pub fn replay(history: &[Operation], supply: &Supply) -> Vec<Violation> {
    let mut found = Vec::new();
    for server in supply.source.keys() {
        let of_server: Vec<&Operation> =
            history.iter().filter(|one| one.server == *server).collect();
        let steps = steps(&of_server, &mut found);
        let writes = writes(&steps);
        found.extend(steps.iter().filter_map(|step| judge_look(step, &writes)));
        if supply.steady_sources(history).contains(server) {
            found.extend(steps.iter().filter_map(|step| judge_figures(step, &writes)));
        }
        found.extend(judge_distributions(&steps, supply));
    }
    found
}

/// Against real time. In the order of their beginnings.
fn steps<'a>(operations: &[&'a Operation], found: &mut Vec<Violation>) -> Vec<Step<'a>> {
    let mut ends: Vec<(Duration, u64, &Operation)> =
        operations.iter().filter_map(|one| Some((one.ended, one.index?, *one))).collect();
    ends.sort_by_key(|(ended, index, _)| (*ended, *index));
    let mut ends = ends.into_iter().peekable();
    let mut begins = operations.to_vec();
    begins.sort_by_key(|one| one.began);
    let mut newest: Option<(u64, &Operation)> = None;
    let mut steps = Vec::new();
    for operation in begins {
        while let Some((_, index, one)) = ends.next_if(|(ended, ..)| *ended < operation.began) {
            if newest.is_none_or(|(known, _)| known < index) {
                newest = Some((index, one));
            }
        }
        let low = newest.map_or(0, |(index, _)| index);
        if let (Some((low, before)), Some(index)) = (newest, operation.index)
            && index < low
        {
            let what = format!("order: {index} was answered after {low} had been");
            found.push(Violation { what, shown_by: vec![before.clone(), operation.clone()] });
        }
        steps.push(Step { operation, low });
    }
    steps
}

fn writes<'a>(steps: &[Step<'a>]) -> BTreeMap<&'a DeviceId, Vec<Write>> {
    let mut all: BTreeMap<&DeviceId, Vec<Write>> = BTreeMap::new();
    for step in steps {
        let Some(device) = step.operation.device() else { continue };
        let writes = all.entry(device).or_default();
        let (low, index) = (step.low, step.operation.index.unwrap_or(u64::MAX));
        let open = |managed, open| Write { managed, low, high: u64::MAX, open: Some(open) };
        let done = |managed, low| Write { managed, low, high: index, open: None };
        let mut close = |kinds: &[Open]| {
            for write in writes.iter_mut() {
                if write.open.is_some_and(|open| kinds.contains(&open)) {
                    (write.high, write.open) = (index, None);
                }
            }
        };
        match (&step.operation.ask, &step.operation.outcome) {
            // So it was not granted before either.
            (Ask::Manage(_), Outcome::Full) => {
                writes.retain(|write| write.open != Some(Open::Wish));
            }
            (Ask::Manage(_), Outcome::Managed) => {
                close(&[Open::Wish]);
                writes.push(done(true, low));
            }
            (Ask::Ignore(_), Outcome::Ignored) => {
                close(&[Open::Wish]);
                writes.push(done(false, low));
            }
            (Ask::Manage(_), Outcome::Pending) => writes.push(open(true, Open::Wish)),
            (Ask::Manage(_), Outcome::Unknown) => writes.push(open(true, Open::Ask)),
            (Ask::Ignore(_), Outcome::Unknown) => writes.push(open(false, Open::Ask)),
            (Ask::Settle(_), Outcome::Shown(state, waits)) => {
                close(&[Open::Wish, Open::Ask]);
                writes.push(done(*state == DeviceState::Managed, index));
                if *waits {
                    writes.push(open(true, Open::Wish));
                }
            }
            _ => {}
        }
    }
    all
}

/// How a device may be at this index.
fn possible(writes: &[Write], index: u64) -> Vec<bool> {
    let last = writes.iter().rposition(|write| write.high <= index);
    let mut possible = vec![last.is_some_and(|last| writes[last].managed)];
    for (place, write) in writes.iter().enumerate() {
        let before = last.is_some_and(|last| place < last);
        let may_be = if before { write.high > index } else { write.low < index };
        if may_be && last != Some(place) {
            possible.push(write.managed);
        }
    }
    possible
}

fn judge_look(step: &Step, all: &BTreeMap<&DeviceId, Vec<Write>>) -> Option<Violation> {
    let (device, index) = (step.operation.device()?, step.operation.index?);
    let managed = match (&step.operation.ask, &step.operation.outcome) {
        (Ask::Show(_), Outcome::Shown(state, _)) => *state == DeviceState::Managed,
        (Ask::Manage(_), Outcome::Full) => false,
        _ => return None,
    };
    let writes = all.get(device)?;
    if possible(writes, index).contains(&managed) {
        return None;
    }
    let is = if managed { "managed" } else { "not managed" };
    let what = format!("I6: {device} is {is} at {index}, by no order of what was answered");
    Some(Violation { what, shown_by: vec![step.operation.clone()] })
}

fn judge_figures(step: &Step, all: &BTreeMap<&DeviceId, Vec<Write>>) -> Option<Violation> {
    let (Outcome::Figures { held, used }, Some(index)) =
        (&step.operation.outcome, step.operation.index)
    else {
        return None;
    };
    let surely = |writes: &&Vec<Write>| possible(writes, index).iter().all(|managed| *managed);
    let managed = all.values().filter(surely).count() as u64;
    if managed <= *used && used <= held {
        return None;
    }
    let what = format!("I11: {managed} surely managed, {used} used, {held} held at {index}");
    Some(Violation { what, shown_by: vec![step.operation.clone()] })
}

/// Each change of a distribution finds what the one before it left.
fn judge_distributions(steps: &[Step], supply: &Supply) -> Vec<Violation> {
    let mut found = Vec::new();
    for (relay, first) in &supply.distributed {
        let mut known = vec![*first];
        let mut last: Option<&Operation> = None;
        for step in steps {
            let Ask::Distribute(to, count) = &step.operation.ask else { continue };
            if to != relay {
                continue;
            }
            match &step.operation.outcome {
                Outcome::Distributed { before, .. } => {
                    if !known.contains(before) {
                        let what = format!("order: {relay} had {before}, and not {known:?}");
                        let shown_by = last.into_iter().chain([step.operation]).cloned().collect();
                        found.push(Violation { what, shown_by });
                    }
                    known.retain(|one| step_is_unknown(steps, relay, *one));
                    known.push(*count);
                    last = Some(step.operation);
                }
                Outcome::Unknown => known.push(*count),
                _ => {}
            }
        }
    }
    found
}

/// Whether some ask for this count had no answer, and so may be carried out at any time.
fn step_is_unknown(steps: &[Step], relay: &str, count: u64) -> bool {
    let is_it = |step: &Step| {
        let Operation { ask, outcome, .. } = step.operation;
        *ask == Ask::Distribute(relay.to_string(), count) && *outcome == Outcome::Unknown
    };
    steps.iter().any(is_it)
}

/// Histories made by hand: what breaks a rule is found, what only might is not.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::by_hand::{distribute, figures, ignore, manage, settle, show};

    fn supply() -> Supply {
        let source = [("hq", "hq"), ("west", "west")].into();
        let (distributed, above) = ([("west", 4)].into(), [("west", "hq")].into());
        Supply { primary: "hq", registered: 9, distributed, source, above }
    }

    fn found(history: &[Operation]) -> Vec<String> {
        replay(history, &supply()).into_iter().map(|one| one.what).collect()
    }

    fn at(index: u64, mut operation: Operation) -> Operation {
        operation.index = Some(index);
        operation
    }

    const MANAGED: Outcome = Outcome::Shown(DeviceState::Managed, false);
    const IGNORED: Outcome = Outcome::Shown(DeviceState::Ignored, false);

    #[test]
    fn an_answer_that_goes_back_in_time_is_found() {
        let history = [at(7, show("hq:1", 0, 10, IGNORED)), at(6, show("hq:2", 11, 20, IGNORED))];
        assert!(found(&history)[0].starts_with("order: 6"), "{:?}", found(&history));
        let history = [at(7, show("hq:1", 0, 10, IGNORED)), at(6, show("hq:2", 9, 20, IGNORED))];
        assert_eq!(found(&history), [""; 0], "they overlap");
        let history = [at(7, show("hq:1", 0, 10, IGNORED)), at(6, show("west:2", 11, 20, IGNORED))];
        assert_eq!(found(&history), [""; 0], "each server has an order of its own");
    }

    #[test]
    fn an_answer_that_was_lost_is_found() {
        let granted = at(5, manage("hq:1", 0, 10, Outcome::Managed));
        let lost = [granted.clone(), at(6, show("hq:1", 20, 30, IGNORED))];
        assert!(found(&lost)[0].starts_with("I6: hq:1 is not managed at 6"), "{:?}", found(&lost));
        let kept = [granted.clone(), at(6, show("hq:1", 20, 30, MANAGED))];
        assert_eq!(found(&kept), [""; 0]);
        let released = at(8, ignore("hq:1", 12, 40, Outcome::Ignored));
        for (index, outcome) in [(6, MANAGED), (6, IGNORED), (8, IGNORED)] {
            let look = at(index, show("hq:1", 20, 45, outcome));
            assert_eq!(found(&[granted.clone(), released.clone(), look]), [""; 0]);
        }
        let stale = at(8, show("hq:1", 20, 45, MANAGED));
        assert_eq!(found(&[granted, released, stale]).len(), 1);
    }

    #[test]
    fn what_nobody_knows_may_come_at_any_time_until_the_process_has_ended() {
        let asked = manage("hq:1", 0, 10, Outcome::Unknown);
        let look = |index, outcome| at(index, show("hq:1", 20 * index, 20 * index + 5, outcome));
        for outcome in [MANAGED, IGNORED] {
            assert_eq!(found(&[asked.clone(), look(9, outcome)]), [""; 0]);
        }
        let settled = at(20, settle("hq:1", 390, 395, IGNORED));
        let late = [asked.clone(), settled.clone(), look(21, MANAGED)];
        assert_eq!(found(&late).len(), 1);
        let waits = at(20, settle("hq:1", 390, 395, Outcome::Shown(DeviceState::Ignored, true)));
        assert_eq!(found(&[asked, waits, look(21, MANAGED)]), [""; 0], "its wish was granted");
    }

    #[test]
    fn a_wish_that_waits_is_over_with_the_next_change() {
        let waits = at(5, manage("hq:1", 0, 10, Outcome::Pending));
        let granted = at(6, show("hq:1", 20, 30, MANAGED));
        let set_aside = at(9, ignore("hq:1", 40, 50, Outcome::Ignored));
        let late = at(9, show("hq:1", 60, 70, MANAGED));
        assert_eq!(found(&[waits.clone(), granted, set_aside.clone()]), [""; 0]);
        assert_eq!(found(&[waits.clone(), set_aside, late.clone()]).len(), 1);
        let full = at(9, manage("hq:1", 40, 50, Outcome::Full));
        assert_eq!(found(&[waits.clone(), full.clone()]), [""; 0]);
        assert_eq!(found(&[waits, full, late]).len(), 1);
    }

    #[test]
    fn figures_that_are_too_small_or_too_large_are_found() {
        let granted = at(5, manage("hq:1", 0, 10, Outcome::Managed));
        let figures = |held, used| at(5, figures("hq", 20, 30, held, used));
        assert_eq!(found(&[granted.clone(), figures(5, 1)]), [""; 0]);
        assert_eq!(found(&[granted.clone(), figures(5, 5)]), [""; 0]);
        assert_eq!(found(&[granted.clone(), figures(5, 0)]).len(), 1);
        assert_eq!(found(&[granted, figures(5, 6)]).len(), 1);
    }

    #[test]
    fn a_distribution_that_was_forgotten_is_found() {
        let set = |count, began, before| {
            let outcome = Outcome::Distributed { before, booked: true };
            distribute("west", count, began, began + 5, outcome)
        };
        assert_eq!(found(&[set(6, 0, 4), set(5, 10, 6)]), [""; 0]);
        assert_eq!(found(&[set(6, 0, 4), set(5, 10, 4)]).len(), 1);
        let unknown = distribute("west", 7, 0, 5, Outcome::Unknown);
        assert_eq!(found(&[unknown.clone(), set(5, 10, 7), set(6, 20, 7)]), [""; 0]);
        assert_eq!(found(&[unknown, set(5, 10, 4), set(6, 20, 5)]), [""; 0]);
    }
}
