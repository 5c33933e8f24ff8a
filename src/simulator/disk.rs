//! The disk of one server: two files, a log and rows, each of which can lose power at any moment.
//!
//! A batch is durable whole or not at all, and only when all batches before it are. The rows are a
//! file of their own: after a crash they may lag behind the log, never be ahead of it. Cutting the
//! log rides on its next write, so a cut may be forgotten too.

use crate::model::log::{Checkpoint, HardState, LogBatch, LogEntry, LogPosition, RowChange};
use crate::simulator::entropy::Entropy;
use std::collections::{BTreeMap, VecDeque};

/// What is durable, and what is on its way there.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    entries: VecDeque<LogEntry>,
    cut: LogPosition,
    hard_state: HardState,
    rows: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
    rows_at: LogPosition,
    writing: VecDeque<LogBatch>,
    cutting: Option<LogPosition>,
    saving: Option<Checkpoint>,
}

/// What a start finds.
#[derive(Clone, Debug)]
pub struct Remains {
    pub rows: Vec<RowChange>,
    pub rows_at: LogPosition,
    pub hard_state: HardState,
    pub entries: Vec<LogEntry>,
    pub cut: LogPosition,
}

impl Disk {
    /// A copy of what is durable now, as a backup has it.
    pub fn copy(&self) -> Disk {
        Disk { writing: VecDeque::new(), cutting: None, saving: None, ..self.clone() }
    }

    /// Whether nothing was ever written to it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.rows.is_empty()
    }

    pub fn write(&mut self, batch: LogBatch) {
        self.writing.push_back(batch);
    }

    /// The oldest batch on its way is durable now; its number.
    pub fn written(&mut self) -> Option<u64> {
        let batch = self.writing.pop_front()?;
        let number = batch.number;
        if let Some(first) = batch.entries.first() {
            self.entries.retain(|entry| entry.index < first.index);
        }
        self.entries.extend(batch.entries);
        self.hard_state = batch.hard_state.unwrap_or(self.hard_state);
        self.cut_now();
        Some(number)
    }

    pub fn cut(&mut self, at: LogPosition) {
        self.cutting = Some(at);
    }

    fn cut_now(&mut self) {
        if let Some(at) = self.cutting.take() {
            while self.entries.front().is_some_and(|entry| entry.index <= at.index) {
                self.entries.pop_front();
            }
            self.cut = self.cut.max(at);
        }
    }

    pub fn save(&mut self, checkpoint: Checkpoint) {
        self.saving = Some(checkpoint);
    }

    /// The rows on their way are durable now; where they stand.
    pub fn saved(&mut self) -> Option<LogPosition> {
        let checkpoint = self.saving.take()?;
        for row in checkpoint.rows {
            match row.value {
                Some(value) => self.rows.insert((row.table, row.key), value),
                None => self.rows.remove(&(row.table, row.key)),
            };
        }
        self.rows_at = checkpoint.at;
        Some(checkpoint.at)
    }

    /// The power goes: of what was on its way some batches from the front made it, and the rows or
    /// not. Both are drawn.
    pub fn lose_power(&mut self, entropy: &mut Entropy) {
        for _ in 0..entropy.below(self.writing.len() as u64 + 1) {
            self.written();
        }
        self.writing.clear();
        if entropy.chance(500) {
            self.cut_now();
        }
        if entropy.chance(500) && self.rows_may_be_saved() {
            self.saved();
        }
        self.cutting = None;
        self.saving = None;
    }

    /// Rows must never be ahead of the durable log.
    pub fn rows_may_be_saved(&self) -> bool {
        let last = self.entries.back().map_or(self.cut.index, |entry| entry.index);
        self.saving.as_ref().is_none_or(|checkpoint| checkpoint.at.index <= last)
    }

    /// What was saved as rows was agreed, even if the log does not say so yet.
    fn agreed(&self) -> HardState {
        let commit = self.hard_state.commit.max(self.rows_at.index);
        HardState { commit, ..self.hard_state }
    }

    pub fn remains(&self) -> Remains {
        let row = |((table, key), value): (&(u8, Vec<u8>), &Vec<u8>)| RowChange {
            table: *table,
            key: key.clone(),
            value: Some(value.clone()),
        };
        Remains {
            rows: self.rows.iter().map(row).collect(),
            rows_at: self.rows_at,
            hard_state: self.agreed(),
            entries: self.entries.iter().cloned().collect(),
            cut: self.cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: u64) -> LogBatch {
        let entry = LogEntry { index: number, term: 1, data: vec![number as u8] };
        LogBatch { number, entries: vec![entry], hard_state: None }
    }

    #[test]
    fn a_power_cut_leaves_a_prefix_of_what_was_on_its_way() {
        let mut lengths = [0; 4];
        for seed in 0..100 {
            let mut disk = Disk::default();
            (1..=3).for_each(|number| disk.write(batch(number)));
            disk.lose_power(&mut Entropy::new(seed));
            let found = disk.remains().entries;
            assert!(found.iter().zip(1..).all(|(entry, index)| entry.index == index));
            lengths[found.len()] += 1;
            assert_eq!(disk.written(), None);
        }
        assert!(lengths.iter().all(|seen| *seen > 0), "{lengths:?}");
    }

    #[test]
    fn a_cut_waits_for_the_next_write() {
        let mut disk = Disk::default();
        (1..=2).for_each(|number| disk.write(batch(number)));
        disk.written();
        disk.cut(LogPosition { index: 1, term: 1 });
        assert_eq!(disk.remains().entries.len(), 1);
        disk.written();
        assert_eq!(disk.remains().entries.len(), 1);
        assert_eq!(disk.remains().cut.index, 1);
    }

    #[test]
    fn rows_are_replaced_and_removed_by_their_key() {
        let change = |key: u8, value: Option<u8>| RowChange {
            table: 1,
            key: vec![key],
            value: value.map(|v| vec![v]),
        };
        let mut disk = Disk::default();
        let rows = vec![change(1, Some(1)), change(2, Some(2))];
        disk.save(Checkpoint { at: LogPosition { index: 1, term: 1 }, rows });
        disk.saved();
        let rows = vec![change(1, None), change(2, Some(3))];
        disk.save(Checkpoint { at: LogPosition { index: 2, term: 1 }, rows });
        disk.saved();
        assert_eq!(disk.remains().rows, vec![change(2, Some(3))]);
    }
}
