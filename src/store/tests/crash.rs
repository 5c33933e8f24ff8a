//! The power goes at every moment of a script; what was acknowledged is found, and nothing else.

use super::*;
use crate::store::Survivors;
use std::collections::BTreeMap;

/// What the stores should hold; the naive twin.
#[derive(Clone, Debug, Default)]
struct Twin {
    entries: BTreeMap<u64, u64>,
    hard: HardState,
    cut: LogPosition,
    rows: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
    at: LogPosition,
    rows_commit: u64,
}

impl Twin {
    fn last(&self) -> LogPosition {
        let last = self.entries.last_key_value();
        last.map_or(self.cut, |(index, term)| at(*index, *term))
    }

    fn position(&self, index: u64) -> LogPosition {
        self.entries.get(&index).map_or(self.cut, |term| at(index, *term))
    }

    fn recovered(&self) -> Recovered {
        let rows = self.rows.iter().map(|((table, key), value)| RowChange {
            table: *table,
            key: key.clone(),
            value: Some(value.clone()),
        });
        let above = self.entries.range(self.at.index + 1..);
        let commit = self.hard.commit.max(self.rows_commit).max(self.at.index);
        Recovered {
            folder: folder(),
            rows: checkpoint(self.at, rows.collect()),
            entries: above.map(|(index, term)| entry(*index, *term)).collect(),
            hard_state: HardState { commit: commit.min(self.last().index), ..self.hard },
            cut: self.cut,
        }
    }
}

/// One step of the script on stores and twin alike.
fn step(number: u64, log: &mut LogStore, rows: &mut RowStore, twin: &mut Twin) {
    let last = twin.last();
    match number % 6 {
        // A checkpoint, sometimes of many rows, and the request to cut.
        2 => take_checkpoint(number, log, rows, twin),
        // An overwritten tail, if something above the agreed entries is there.
        4 if number.is_multiple_of(4) && last.index > twin.hard.commit => {
            let term = last.term + 1;
            twin.entries.retain(|index, _| *index < last.index);
            twin.entries.insert(last.index, term);
            log.append(&[batch(number, last.index..=last.index, term)]).unwrap();
            cut_twin(twin);
        }
        // Another member's rows, once.
        5 if number == 41 => {
            let position = at(last.index + 50, last.term + 1);
            twin.entries.clear();
            twin.rows = BTreeMap::from([((9, b"whole".to_vec()), b"new".to_vec())]);
            (twin.at, twin.cut, twin.rows_commit) = (position, position, position.index);
            twin.hard.commit = position.index;
            rows.replace(&checkpoint(position, vec![row(9, "whole", "new")]), position.index)
                .unwrap();
            log.restart_at(position, twin.hard).unwrap();
        }
        _ => {
            let count = [1, 3, 2, 40][number as usize % 4];
            let term = last.term.max(1);
            let (first, end) = (last.index + 1, last.index + count);
            let middle = first + count / 2;
            twin.entries.extend((first..=end).map(|index| (index, term)));
            twin.hard = HardState { term, vote: 1, commit: end - 1 };
            let one = batch(number, first..=middle, term);
            let two = with_hard(batch(number + 1, middle + 1..=end, term), term, end - 1);
            log.append(&[one, two]).unwrap();
            cut_twin(twin);
        }
    }
}

fn take_checkpoint(number: u64, log: &mut LogStore, rows: &mut RowStore, twin: &mut Twin) {
    let position = twin.position(twin.hard.commit);
    let count = if number % 12 == 2 { 80 } else { 3 };
    let mut changes: Vec<_> = (0..count)
        .map(|n| row(n as u8 % 3, &format!("{}", n * 7), &format!("step {number}")))
        .collect();
    changes.push(removed(0, &format!("{}", number % 5 * 21)));
    for change in &changes {
        let key = (change.table, change.key.clone());
        match &change.value {
            Some(value) => twin.rows.insert(key, value.clone()),
            None => twin.rows.remove(&key),
        };
    }
    (twin.at, twin.rows_commit) = (position, twin.hard.commit);
    rows.checkpoint(&checkpoint(position, changes), twin.hard.commit).unwrap();
    log.cut_behind(position);
}

/// The cut that the last checkpoint asked for happens with every append.
fn cut_twin(twin: &mut Twin) {
    twin.cut = twin.cut.max(twin.at);
    let cut = twin.cut.index;
    twin.entries.retain(|index, _| *index > cut);
}

struct Past {
    disk: LossyDisk,
    /// Operations at each acknowledgement, and what must be found from then on.
    acknowledged: Vec<(usize, Recovered)>,
}

impl Past {
    fn play(steps: u64) -> Self {
        let disk = fresh_disk();
        let mut twin = Twin::default();
        let (mut log, mut rows, nothing) = open_disk(&disk).unwrap();
        let mut acknowledged = vec![(disk.operations(), nothing)];
        for number in 0..steps {
            step(number, &mut log, &mut rows, &mut twin);
            acknowledged.push((disk.operations(), twin.recovered()));
        }
        Self { disk, acknowledged }
    }

    fn operations(&self) -> std::ops::RangeInclusive<usize> {
        self.acknowledged[0].0..=self.acknowledged[self.acknowledged.len() - 1].0
    }

    /// What a start after `operations` may find: the last acknowledged state, or the next one
    /// when its step had begun.
    fn allowed(&self, operations: usize) -> Vec<&Recovered> {
        let acknowledged = self.acknowledged.partition_point(|(at, _)| *at <= operations);
        let next = acknowledged + usize::from(self.acknowledged[acknowledged - 1].0 < operations);
        self.acknowledged[..next.min(self.acknowledged.len())][acknowledged - 1..]
            .iter()
            .map(|(_, state)| state)
            .collect()
    }

    fn check(&self, operations: usize, crashed: &LossyDisk, case: &str) -> usize {
        let found = match open_disk(crashed) {
            Ok((.., found)) => found,
            Err(error) => panic!("cut after {operations}, {case}: refused: {error}"),
        };
        let allowed = self.allowed(operations);
        let hit = allowed.iter().position(|state| **state == found);
        hit.unwrap_or_else(|| panic!("cut after {operations}, {case}: found {found:#?}"))
    }
}

const SOME: [Survivors; 5] = [
    Survivors::None,
    Survivors::All,
    Survivors::Some { seed: 1, piece_bytes: 512 },
    Survivors::Some { seed: 2, piece_bytes: 4096 },
    Survivors::Some { seed: 3, piece_bytes: 512 },
];

#[test]
fn the_power_goes_at_every_write_and_sync() {
    let past = Past::play(60);
    let (mut in_flight_there, mut in_flight_gone) = (0, 0);
    for operations in past.operations() {
        for survivors in SOME {
            let crashed = past.disk.crash_at(operations, survivors);
            let hit = past.check(operations, &crashed, &format!("{survivors:?}"));
            match (past.allowed(operations).len(), hit) {
                (2, 0) => in_flight_gone += 1,
                (2, _) => in_flight_there += 1,
                _ => {}
            }
        }
    }
    assert!(in_flight_gone > 100 && in_flight_there > 10, "{in_flight_gone} {in_flight_there}");
}

#[test]
fn the_power_goes_again_while_the_start_repairs() {
    let past = Past::play(24);
    for operations in past.operations().step_by(23) {
        let first = past.disk.crash_at(operations, SOME[2]);
        past.check(operations, &first, "first crash");
        for again in 0..=first.operations() {
            let second = first.crash_at(again, SOME[4]);
            past.check(operations, &second, &format!("second crash after {again}"));
        }
    }
}

#[test]
fn a_disk_that_forgets_a_sync_is_noticed_by_these_tests() {
    let past = Past::play(12);
    let (end, last) = &past.acknowledged[past.acknowledged.len() - 1];
    let early = past.acknowledged[past.acknowledged.len() - 3].0;
    let found = reopened(&past.disk.crash_at(early, Survivors::None));
    assert_ne!(&found, last, "a state two steps old is another one");
    assert!(past.allowed(*end).iter().all(|state| **state != found));
}
