//! The end of the log, kept in memory: what raft reads when it needs an entry or a term.
//!
//! The disk is written elsewhere. An entry must stand here before raft is told that it is durable,
//! or raft never commits it and says nothing.

use std::collections::VecDeque;

use raft::eraftpb::{ConfState, Entry, HardState as RaftHardState, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};

use crate::model::log::{HardState, LogEntry, LogPosition};

/// Entries without gaps above a cut, and what raft asks for once at its start.
pub struct Tail {
    /// The last position no longer held; its term is kept, as raft compares with it.
    cut: LogPosition,
    entries: VecDeque<Entry>,
    at_start: RaftState,
}

impl Tail {
    /// Expects checked values: entries from `cut.index + 1` on without gaps.
    pub fn new(
        cut: LogPosition,
        entries: Vec<LogEntry>,
        hard_state: HardState,
        voters: Vec<u64>,
    ) -> Tail {
        let at_start = RaftState {
            hard_state: RaftHardState {
                term: hard_state.term,
                vote: hard_state.vote,
                commit: hard_state.commit,
                ..RaftHardState::default()
            },
            conf_state: ConfState { voters, ..ConfState::default() },
        };
        Tail { cut, entries: entries.into_iter().map(raft_entry).collect(), at_start }
    }

    /// The last position no longer held.
    pub fn cut(&self) -> LogPosition {
        self.cut
    }

    /// Adds entries at the end; those that stand at their indexes or behind give way.
    pub fn append(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first().map(|entry| entry.index) else { return };
        self.entries.truncate(self.offset_of(first));
        self.entries.extend(entries);
    }

    /// Forgets all entries up to `index`, at most all that are held.
    pub fn forget_through(&mut self, index: u64) {
        let count = self.offset_of(index.saturating_add(1)).min(self.entries.len());
        if let Some(last) = self.entries.drain(..count).next_back() {
            self.cut = LogPosition { index: last.index, term: last.term };
        }
    }

    fn last(&self) -> u64 {
        self.cut.index + self.entries.len() as u64
    }

    /// Where `index` stands in `entries`; 0 for all that is cut.
    fn offset_of(&self, index: u64) -> usize {
        let offset = index.saturating_sub(self.cut.index + 1);
        usize::try_from(offset).unwrap_or(usize::MAX)
    }
}

impl Storage for Tail {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(self.at_start.clone())
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.cut.index {
            return Err(StorageError::Compacted.into());
        }
        if high > self.last() + 1 {
            return Err(StorageError::Unavailable.into());
        }
        let span = self.offset_of(low)..self.offset_of(high);
        let mut room = max_size.into().unwrap_or(u64::MAX);
        // The first entry is given whatever its size, or a large one would stop the log.
        let taken = self.entries.range(span).enumerate().take_while(|(position, entry)| {
            let left = room.checked_sub(entry.data.len() as u64);
            room = left.unwrap_or(0);
            *position == 0 || left.is_some()
        });
        Ok(taken.map(|(_, entry)| entry.clone()).collect())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.cut.index {
            return Ok(self.cut.term);
        }
        if index < self.cut.index {
            return Err(StorageError::Compacted.into());
        }
        let entry = self.entries.get(self.offset_of(index));
        entry.map(|entry| entry.term).ok_or_else(|| StorageError::Unavailable.into())
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.cut.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    /// Asked for only when another member is behind the cut, which takes a second member.
    fn snapshot(&self, _request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        Err(StorageError::SnapshotTemporarilyUnavailable.into())
    }
}

/// Copies the bytes: the disk and the server each get their own, raft and the tail share theirs.
pub fn log_entry(entry: &Entry) -> LogEntry {
    LogEntry { index: entry.index, term: entry.term, data: entry.data.to_vec() }
}

fn raft_entry(entry: LogEntry) -> Entry {
    Entry { index: entry.index, term: entry.term, data: entry.data.into(), ..Entry::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(cut: u64, indexes: std::ops::RangeInclusive<u64>) -> Tail {
        let entries = indexes.map(|index| LogEntry { index, term: 2, data: vec![0; 10] });
        let cut = LogPosition { index: cut, term: 1 };
        Tail::new(cut, entries.collect(), HardState::default(), vec![1])
    }

    fn indexes(tail: &Tail, low: u64, high: u64, max_size: Option<u64>) -> raft::Result<Vec<u64>> {
        let entries = tail.entries(low, high, max_size, GetEntriesContext::empty(false))?;
        Ok(entries.iter().map(|entry| entry.index).collect())
    }

    #[test]
    fn shows_what_it_holds_and_refuses_the_rest() {
        let tail = tail(4, 5..=8);
        assert_eq!(indexes(&tail, 5, 9, None), Ok(vec![5, 6, 7, 8]));
        assert_eq!(indexes(&tail, 4, 9, None), Err(StorageError::Compacted.into()));
        assert_eq!(indexes(&tail, 5, 10, None), Err(StorageError::Unavailable.into()));
        assert_eq!(tail.term(3), Err(StorageError::Compacted.into()));
        assert_eq!((tail.term(4), tail.term(8)), (Ok(1), Ok(2)));
        assert_eq!(tail.term(9), Err(StorageError::Unavailable.into()));
    }

    #[test]
    fn gives_whole_entries_within_the_size_and_at_least_one() {
        let tail = tail(0, 1..=4);
        assert_eq!(indexes(&tail, 1, 5, Some(25)), Ok(vec![1, 2]));
        assert_eq!(indexes(&tail, 1, 5, Some(20)), Ok(vec![1, 2]));
        assert_eq!(indexes(&tail, 1, 5, Some(0)), Ok(vec![1]));
    }

    #[test]
    fn later_entries_replace_what_stood_there() {
        let mut tail = tail(4, 5..=8);
        let entry = Entry { index: 7, term: 3, ..Entry::default() };
        tail.append(vec![entry]);
        assert_eq!(tail.last_index(), Ok(7));
        assert_eq!((tail.term(6), tail.term(7)), (Ok(2), Ok(3)));
    }

    #[test]
    fn forgets_from_the_front_and_keeps_the_term_of_the_cut() {
        let mut tail = tail(4, 5..=8);
        tail.forget_through(2);
        assert_eq!(tail.cut(), LogPosition { index: 4, term: 1 });
        tail.forget_through(6);
        assert_eq!(tail.cut(), LogPosition { index: 6, term: 2 });
        tail.forget_through(u64::MAX);
        assert_eq!(tail.cut(), LogPosition { index: 8, term: 2 });
        assert_eq!((tail.first_index(), tail.last_index()), (Ok(9), Ok(8)));
    }
}
