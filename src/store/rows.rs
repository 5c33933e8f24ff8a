//! The rows of a server on disk, and the log position they stand at.
//!
//! A checkpoint brings the rows that changed since the one before. Invariant: the rows are
//! exactly what all entries up to `at` make of an empty state; their number and the sum of their
//! checksums are kept beside them, so that a lost, doubled or stale row is found at the start.

use crate::model::log::{Checkpoint, LogPosition, RowChange};
use crate::store::durable::{DurableFile, Trouble, write_state};
use crate::store::error::StoreError;
use crate::store::folder::{FolderMeta, StoreLimits};
use crate::store::picture::RowsPicture;
use crate::store::value::{bytes_of, carried_sum, numbers, place, seal, unseal};
use redb::{ReadTransaction, ReadableTable, StorageBackend, Table, TableDefinition};
use std::ops::ControlFlow;

/// Key: the row's table number, then its own key.
const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");

/// What the rows file says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowsState {
    pub(crate) at: LogPosition,
    /// The highest entry known as agreed when the checkpoint was written.
    commit: u64,
    pub(crate) rows: u64,
    /// All rows' checksums, added up and wrapped.
    sum: u64,
    commits: u64,
    origin: Origin,
}

/// Where the rows come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Origin {
    /// From this server's own log.
    #[default]
    Log,
    /// Taken over whole from another member; the log may still have to be restarted behind them.
    Member,
}

impl RowsState {
    fn to_bytes(self) -> Vec<u8> {
        let Self { at, commit, rows, sum, commits, origin } = self;
        bytes_of(&[at.index, at.term, commit, rows, sum, commits, origin as u64])
    }

    fn from_bytes(body: &[u8]) -> Option<Self> {
        let [index, term, commit, rows, sum, commits, origin] = numbers(body)?;
        let origin = match origin {
            0 => Origin::Log,
            1 => Origin::Member,
            _ => return None,
        };
        let at = LogPosition { index, term };
        Some(Self { at, commit, rows, sum, commits, origin })
    }
}

/// The checkpointed rows of one server. Blocks; belongs to one thread.
pub struct RowStore {
    file: DurableFile,
    state: RowsState,
    value_bytes_max: usize,
}

impl RowStore {
    pub(crate) fn create<B: StorageBackend>(
        name: &str,
        backend: B,
        witness: B,
        folder: &FolderMeta,
    ) -> Result<(), StoreError> {
        DurableFile::create(name, backend, witness, folder, |transaction| {
            transaction.open_table(ROWS)?;
            Ok(RowsState::default().to_bytes())
        })
    }

    pub(crate) fn open<B: StorageBackend>(
        name: &str,
        backend: B,
        witness: B,
        limits: &StoreLimits,
    ) -> Result<Self, StoreError> {
        let file = DurableFile::open(name, backend, witness, limits.rows_cache_bytes)?;
        let state = RowsState::from_bytes(&file.state()?)
            .ok_or_else(|| StoreError::damaged(name, "its state makes no sense"))?;
        file.check_witness(state.commits)?;
        Ok(Self { file, state, value_bytes_max: limits.value_bytes_max })
    }

    /// Makes the changed rows, their position and `commit` (the highest entry known as agreed)
    /// durable in one commit. When a row is named twice, the later change counts.
    ///
    /// # Errors
    /// `OutOfOrder` (a position below the rows') and `TooLarge` before anything is written;
    /// `Write` when the disk failed, and `Failed` from then on.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint, commit: u64) -> Result<(), StoreError> {
        let next = RowsState { origin: Origin::Log, ..self.state };
        self.write(checkpoint, commit, next)
    }

    /// Replaces all rows by those of another member, in one commit.
    /// [`crate::store::LogStore::restart_at`] with the same position comes next; when a crash
    /// comes between, the next [`crate::store::open`] makes up for it.
    pub fn replace(&mut self, whole: &Checkpoint, commit: u64) -> Result<(), StoreError> {
        let next = RowsState { origin: Origin::Member, rows: 0, sum: 0, ..self.state };
        self.write(whole, commit, next)
    }

    /// The position the durable rows stand at.
    pub fn at(&self) -> LogPosition {
        self.state.at
    }

    /// Gives every row (table, key, value) to `take`, in order of table and key, from one
    /// consistent picture, and returns the position they stand at. Every row is checked; what
    /// `take` got is worth something only after an `Ok`.
    pub fn load(&self, mut take: impl FnMut(u8, &[u8], &[u8])) -> Result<LogPosition, StoreError> {
        let all = |table: u8, key: &[u8], value: &[u8]| {
            take(table, key, value);
            ControlFlow::Continue(())
        };
        let loaded = self.file.read(|transaction| {
            let refused = |found| self.file.refusal(found);
            read_rows(transaction, &self.state, all).map_err(|wrong| wrong.or(refused))
        });
        loaded.map(|_| self.state.at)
    }

    /// The rows as they are now, for a thread that reads them while this one goes on writing.
    pub fn picture(&self) -> Result<RowsPicture, StoreError> {
        RowsPicture::of(&self.file, self.state)
    }

    /// All rows at once, as a checkpoint that leads from nothing to them.
    pub fn load_whole(&self) -> Result<Checkpoint, StoreError> {
        let mut rows = Vec::new();
        let at = self.load(|table, key, value| {
            rows.push(RowChange { table, key: key.to_vec(), value: Some(value.to_vec()) });
        })?;
        Ok(Checkpoint { at, rows })
    }

    pub(crate) fn commit(&self) -> u64 {
        self.state.commit
    }

    pub(crate) fn come_from_member(&self) -> bool {
        self.state.origin == Origin::Member
    }

    pub(crate) fn name(&self) -> &str {
        self.file.name()
    }

    pub(crate) fn folder(&self) -> Result<FolderMeta, StoreError> {
        self.file.folder()
    }

    fn write(
        &mut self,
        checkpoint: &Checkpoint,
        commit: u64,
        start: RowsState,
    ) -> Result<(), StoreError> {
        self.file.check_usable()?;
        self.check(checkpoint)?;
        let commits = start.commits + 1;
        let mut next = RowsState { at: checkpoint.at, commit, commits, ..start };
        let from_nothing = start.origin == Origin::Member;
        let name = self.file.name().to_string();
        let next = self.file.commit(commits, |transaction| {
            let mut rows = transaction.open_table(ROWS)?;
            if from_nothing {
                rows.retain(|_, _| false)?;
            }
            for row in &checkpoint.rows {
                change(&mut rows, row, &mut next, &name)?;
            }
            drop(rows);
            write_state(transaction, &next.to_bytes())?;
            Ok(next)
        })?;
        self.state = next;
        Ok(())
    }

    fn check(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let file = || self.file.name().to_string();
        if checkpoint.at < self.state.at {
            let tried = format!("rows at {:?}", checkpoint.at);
            let found = format!("they stand at {:?}", self.state.at);
            return Err(StoreError::OutOfOrder { file: file(), tried, found });
        }
        let bytes_max = self.value_bytes_max;
        for row in &checkpoint.rows {
            let bytes = row.key.len() + row.value.as_ref().map_or(0, Vec::len);
            if bytes > bytes_max {
                let what = "a row";
                return Err(StoreError::TooLarge { file: file(), what, bytes, bytes_max });
            }
        }
        Ok(())
    }
}

/// What is wrong with rows that are read.
pub(crate) enum Wrong {
    Trouble(Trouble),
    Found(String),
}

impl Wrong {
    /// As a trouble; `refused` names the file.
    pub(crate) fn or(self, refused: impl FnOnce(String) -> Trouble) -> Trouble {
        match self {
            Wrong::Trouble(trouble) => trouble,
            Wrong::Found(found) => refused(found),
        }
    }
}

impl<E: Into<redb::Error>> From<E> for Wrong {
    fn from(error: E) -> Wrong {
        Wrong::Trouble(error.into().into())
    }
}

/// Reads rows until `take` has enough of them; when it took all, they are what `state` says.
pub(crate) fn read_rows(
    transaction: &ReadTransaction,
    state: &RowsState,
    mut take: impl FnMut(u8, &[u8], &[u8]) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Wrong> {
    let (mut rows, mut sum) = (0, 0_u64);
    for item in transaction.open_table(ROWS)?.iter()? {
        let (key, value) = item?;
        let (key, value) = (key.value(), value.value());
        let (Some((table, own_key)), Some(body)) =
            (key.split_first(), unseal(place::ROWS, key, value))
        else {
            return Err(Wrong::Found(format!("the checksum of row {rows} is wrong")));
        };
        rows += 1;
        sum = sum.wrapping_add(carried_sum(value));
        if take(*table, own_key, body).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    if (rows, sum) != (state.rows, state.sum) {
        let should = state.rows;
        let shown = format!("it holds {rows} rows, not the {should} that were written");
        return Err(Wrong::Found(shown));
    }
    Ok(ControlFlow::Continue(()))
}

/// Writes or removes one row and keeps number and sum right.
fn change(
    rows: &mut Table<&[u8], &[u8]>,
    row: &RowChange,
    state: &mut RowsState,
    name: &str,
) -> Result<(), Trouble> {
    let key = [&[row.table], row.key.as_slice()].concat();
    let sealed = row.value.as_ref().map(|body| seal(place::ROWS, &key, &[body]));
    let old = match &sealed {
        Some(value) => rows.insert(key.as_slice(), value.as_slice())?,
        None => rows.remove(key.as_slice())?,
    };
    if let Some(old) = old {
        state.sum = state.sum.wrapping_sub(carried_sum(old.value()));
        state.rows = state.rows.checked_sub(1).ok_or_else(|| {
            let found = "it holds more rows than were written";
            Trouble::Refused(StoreError::damaged(name, found))
        })?;
    }
    if let Some(value) = &sealed {
        state.sum = state.sum.wrapping_add(carried_sum(value));
        state.rows += 1;
    }
    Ok(())
}
