//! The log on disk: entries without gaps, the hard state, and where the log was cut.
//!
//! ```text
//!   cut        cut+1 …                      last
//!    ▼           ▼                            ▼
//!    ░░ removed │ entries that are on disk    │ next append: last+1, or an overwritten tail
//! ```
//!
//! Invariants: entries are exactly `cut+1..=last`; terms never fall; the hard state's commit is
//! never above `last`; entries, hard state and cut of one append are durable together or not
//! at all.

use crate::model::log::{HardState, LogBatch, LogEntry, LogPosition};
use crate::store::durable::{DurableFile, Trouble, write_state};
use crate::store::error::StoreError;
use crate::store::folder::{FolderMeta, StoreLimits};
use crate::store::value::{bytes_of, numbers, place, seal, unseal};
use redb::{ReadableTable, StorageBackend, Table, TableDefinition};

const ENTRIES: TableDefinition<u64, &[u8]> = TableDefinition::new("entries");

/// What the log file says about itself; one row beside the entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogState {
    pub(crate) hard: HardState,
    pub(crate) cut: LogPosition,
    pub(crate) last: LogPosition,
    /// Commits to this file so far; the witness knows it too.
    commits: u64,
}

impl LogState {
    fn to_bytes(self) -> Vec<u8> {
        let Self { hard, cut, last, commits } = self;
        let HardState { term, vote, commit } = hard;
        bytes_of(&[term, vote, commit, cut.index, cut.term, last.index, last.term, commits])
    }

    fn from_bytes(body: &[u8]) -> Option<Self> {
        let [term, vote, commit, cut_index, cut_term, index, last_term, commits] = numbers(body)?;
        let hard = HardState { term, vote, commit };
        let cut = LogPosition { index: cut_index, term: cut_term };
        let last = LogPosition { index, term: last_term };
        (cut <= last).then_some(Self { hard, cut, last, commits })
    }
}

/// The log of one server on disk. Blocks; belongs to one thread.
pub struct LogStore {
    file: DurableFile,
    state: LogState,
    cut_asked: LogPosition,
    value_bytes_max: usize,
    cut_entries_max: u64,
}

impl LogStore {
    pub(crate) fn create<B: StorageBackend>(
        name: &str,
        backend: B,
        witness: B,
        folder: &FolderMeta,
    ) -> Result<(), StoreError> {
        DurableFile::create(name, backend, witness, folder, |transaction| {
            transaction.open_table(ENTRIES)?;
            Ok(LogState::default().to_bytes())
        })
    }

    pub(crate) fn open<B: StorageBackend>(
        name: &str,
        backend: B,
        witness: B,
        limits: &StoreLimits,
    ) -> Result<Self, StoreError> {
        let file = DurableFile::open(name, backend, witness, limits.log_cache_bytes)?;
        let state = LogState::from_bytes(&file.state()?)
            .ok_or_else(|| StoreError::damaged(name, "its state makes no sense"))?;
        file.check_witness(state.commits)?;
        let cut_asked = state.cut;
        let &StoreLimits { value_bytes_max, cut_entries_max, .. } = limits;
        Ok(Self { file, state, cut_asked, value_bytes_max, cut_entries_max })
    }

    /// Makes all `batches` durable in one commit: the entries, the latest hard state, and the cut
    /// that was asked for. A batch that begins at or below the last entry overwrites the tail
    /// from there. Does not touch the disk when there is nothing new.
    ///
    /// # Errors
    /// `OutOfOrder` and `TooLarge` before anything is written; `Write` when the disk failed, and
    /// `Failed` from then on.
    pub fn append(&mut self, batches: &[LogBatch]) -> Result<(), StoreError> {
        self.file.check_usable()?;
        let tail = self.merged_tail(batches)?;
        let next = self.state_after(batches, &tail)?;
        let cut_until = self.next_cut(next.last);
        if tail.is_empty() && next == self.state && cut_until.is_none() {
            return Ok(());
        }
        let mut next = LogState { commits: self.state.commits + 1, ..next };
        let (asked, last_before) = (self.cut_asked, self.state.last.index);
        let name = self.file.name().to_string();
        self.state = self.file.commit(next.commits, |transaction| {
            let mut entries = transaction.open_table(ENTRIES)?;
            put(&mut entries, &tail, last_before)?;
            if let Some(index) = cut_until {
                next.cut = remove_behind(&mut entries, index, asked, &name)?;
            }
            drop(entries);
            write_state(transaction, &next.to_bytes())?;
            Ok(next)
        })?;
        Ok(())
    }

    /// Asks that entries up to `position` be removed; done with the next appends, at most
    /// `cut_entries_max` with each. Only behind a durable checkpoint: what is cut is found
    /// nowhere else. A lower request is ignored.
    pub fn cut_behind(&mut self, position: LogPosition) {
        self.cut_asked = self.cut_asked.max(position);
    }

    /// Forgets every entry and lets the log begin behind `at`: for a member that took over all
    /// rows of another ([`crate::store::RowStore::replace`], which comes first).
    pub fn restart_at(&mut self, at: LogPosition, hard: HardState) -> Result<(), StoreError> {
        let commits = self.state.commits + 1;
        let hard = HardState { commit: at.index, ..hard };
        let next = LogState { hard, cut: at, last: at, commits };
        self.file.commit(commits, |transaction| {
            transaction.open_table(ENTRIES)?.retain_in(0.., |_, _| false)?;
            write_state(transaction, &next.to_bytes())
        })?;
        self.state = next;
        self.cut_asked = at;
        Ok(())
    }

    /// The last entry that is durable, or the cut when there is none.
    pub fn last(&self) -> LogPosition {
        self.state.last
    }

    pub(crate) fn state(&self) -> LogState {
        self.state
    }

    pub(crate) fn name(&self) -> &str {
        self.file.name()
    }

    pub(crate) fn folder(&self) -> Result<FolderMeta, StoreError> {
        self.file.folder()
    }

    /// Reads the whole log, checks every entry, and gives out those from `first` on.
    pub(crate) fn entries_from(&self, first: u64) -> Result<Vec<LogEntry>, StoreError> {
        self.file.read(|transaction| {
            let mut found = Vec::new();
            let mut before = self.state.cut;
            for item in transaction.open_table(ENTRIES)?.iter()? {
                let (index, value) = item?;
                let entry = decoded(index.value(), value.value())
                    .map_err(|found| self.file.refusal(found))?;
                if entry.index != before.index + 1 || entry.term < before.term {
                    let shown = format!("entry {} follows entry {}", entry.index, before.index);
                    return Err(self.file.refusal(shown));
                }
                before = position(&entry);
                if entry.index >= first {
                    found.push(entry);
                }
            }
            if before != self.state.last {
                let (ends, should) = (before.index, self.state.last.index);
                let shown = format!("it ends at entry {ends} and should end at {should}");
                return Err(self.file.refusal(shown));
            }
            Ok(found)
        })
    }

    /// The entries to write, of all batches together: a later batch replaces what it overlaps.
    fn merged_tail<'a>(&self, batches: &'a [LogBatch]) -> Result<Vec<&'a LogEntry>, StoreError> {
        let (cut, last) = (self.state.cut, self.state.last);
        let mut tail: Vec<&LogEntry> = Vec::new();
        for entry in batches.iter().flat_map(|batch| &batch.entries) {
            self.check_size(entry)?;
            tail.truncate(tail.partition_point(|kept| kept.index < entry.index));
            let (lowest, highest, term) = match tail.last() {
                Some(kept) => (kept.index + 1, kept.index + 1, kept.term),
                None if entry.index > last.index => (last.index + 1, last.index + 1, last.term),
                None => (cut.index + 1, last.index, cut.term),
            };
            if entry.index < lowest || entry.index > highest || entry.term < term {
                let tried = format!("entry {} of term {}", entry.index, entry.term);
                let found = format!("{lowest} to {highest} of term {term} or later can follow");
                return Err(self.out_of_order(tried, found));
            }
            tail.push(entry);
        }
        Ok(tail)
    }

    /// The state that `batches` lead to, before it counts its own commit.
    fn state_after(
        &self,
        batches: &[LogBatch],
        tail: &[&LogEntry],
    ) -> Result<LogState, StoreError> {
        let hard = batches.iter().rev().find_map(|batch| batch.hard_state);
        let hard = hard.unwrap_or(self.state.hard);
        let last = tail.last().map_or(self.state.last, |entry| position(entry));
        if hard.commit > last.index {
            let tried = format!("to note entry {} as agreed", hard.commit);
            return Err(self.out_of_order(tried, format!("the log ends at {}", last.index)));
        }
        Ok(LogState { hard, last, ..self.state })
    }

    /// Up to which entry this append cuts, if any; a cut above the log's end waits for it.
    fn next_cut(&self, last: LogPosition) -> Option<u64> {
        let (cut, asked) = (self.state.cut.index, self.cut_asked.index);
        let until = asked.min(cut.saturating_add(self.cut_entries_max));
        (until > cut && asked <= last.index).then_some(until)
    }

    fn check_size(&self, entry: &LogEntry) -> Result<(), StoreError> {
        let (bytes, bytes_max) = (entry.data.len(), self.value_bytes_max);
        if bytes > bytes_max {
            let file = self.file.name().to_string();
            return Err(StoreError::TooLarge { file, what: "a log entry", bytes, bytes_max });
        }
        Ok(())
    }

    fn out_of_order(&self, tried: String, found: String) -> StoreError {
        StoreError::OutOfOrder { file: self.file.name().to_string(), tried, found }
    }
}

fn position(entry: &LogEntry) -> LogPosition {
    LogPosition { index: entry.index, term: entry.term }
}

fn put(entries: &mut Table<u64, &[u8]>, tail: &[&LogEntry], last: u64) -> Result<(), Trouble> {
    if let Some(first) = tail.first().filter(|first| first.index <= last) {
        entries.retain_in(first.index.., |_, _| false)?;
    }
    for entry in tail {
        let key = entry.index.to_le_bytes();
        let value = seal(place::ENTRIES, &key, &[&entry.term.to_le_bytes(), &entry.data]);
        entries.insert(entry.index, value.as_slice())?;
    }
    Ok(())
}

/// Removes up to and with entry `index` and returns its position. The entry named in the
/// request must be the one meant.
fn remove_behind(
    entries: &mut Table<u64, &[u8]>,
    index: u64,
    asked: LogPosition,
    name: &str,
) -> Result<LogPosition, Trouble> {
    let found = match entries.get(index)? {
        Some(value) => decoded(index, value.value()).map(|entry| position(&entry)),
        None => Err(format!("entry {index} is missing")),
    };
    let found = found.map_err(|found| Trouble::Refused(StoreError::damaged(name, found)))?;
    if found.index == asked.index && found != asked {
        let tried = format!("to cut behind {asked:?}");
        let (file, found) = (name.to_string(), format!("there stands {found:?}"));
        return Err(Trouble::Refused(StoreError::OutOfOrder { file, tried, found }));
    }
    entries.retain_in(..=index, |_, _| false)?;
    Ok(found)
}

fn decoded(index: u64, value: &[u8]) -> Result<LogEntry, String> {
    unseal(place::ENTRIES, &index.to_le_bytes(), value)
        .and_then(|body| body.split_first_chunk::<8>())
        .map(|(term, data)| LogEntry { index, term: u64::from_le_bytes(*term), data: data.into() })
        .ok_or_else(|| format!("the checksum of entry {index} is wrong"))
}
