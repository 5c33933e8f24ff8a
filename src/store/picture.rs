//! The rows as they were at one moment, for whoever reads them while others are written.
//!
//! It holds a read transaction: what it shows does not change, and what is written meanwhile
//! takes new pages. So it should not be kept for long: the file grows until it is dropped.

use crate::model::log::LogPosition;
use crate::store::durable::{DurableFile, Trouble, guarded, opened};
use crate::store::error::StoreError;
use crate::store::folder::FolderMeta;
use crate::store::rows::{RowsState, read_rows};
use redb::ReadTransaction;
use std::ops::ControlFlow;

/// All rows of one server at one moment. May be sent to another thread than the store's.
pub struct RowsPicture {
    name: String,
    folder: FolderMeta,
    state: RowsState,
    transaction: ReadTransaction,
}

impl RowsPicture {
    pub(crate) fn of(file: &DurableFile, state: RowsState) -> Result<RowsPicture, StoreError> {
        let (name, folder) = (file.name().to_string(), file.folder()?);
        Ok(RowsPicture { name, folder, state, transaction: file.begin_read()? })
    }

    /// Whose rows they are.
    pub fn folder(&self) -> &FolderMeta {
        &self.folder
    }

    /// The position the rows stand at.
    pub fn at(&self) -> LogPosition {
        self.state.at
    }

    /// How many there are.
    pub fn rows(&self) -> u64 {
        self.state.rows
    }

    /// Gives rows (table, key, value) to `take`, in order of table and key, until it has enough.
    /// Every row is checked, and all of them together; what `take` got is worth something only
    /// after an `Ok`.
    pub fn load(
        &self,
        take: impl FnMut(u8, &[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let refused = |found| Trouble::Refused(StoreError::damaged(&self.name, found));
        guarded(|| read_rows(&self.transaction, &self.state, take).map_err(|e| e.or(refused)))
            .map_err(|trouble| opened(&self.name, trouble))
    }
}
