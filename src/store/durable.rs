//! One redb file with its witness: opened with distrust, written durably, silent once failed.
//!
//! redb may answer a damaged file with a panic instead of an error; every call into it goes
//! through [`guarded`], which makes both an error of ours.

use crate::store::error::StoreError;
use crate::store::folder::{FORMAT, FolderMeta, LOWEST_READER};
use crate::store::reserve::is_full;
use crate::store::value::{place, seal, unseal};
use crate::store::witness::Witness;
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, StorageBackend, TableDefinition,
    WriteTransaction,
};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "format";
const FOLDER_KEY: &str = "folder";
const STATE_KEY: &str = "state";

/// What can go wrong inside a transaction.
#[derive(Debug)]
pub(crate) enum Trouble {
    Redb(redb::Error),
    Refused(StoreError),
}

impl<E: Into<redb::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Redb(error.into())
    }
}

/// A redb file with its own refusals.
pub(crate) struct DurableFile {
    name: String,
    /// `None` only while it is being closed.
    database: Option<Database>,
    witness: Witness,
    failed: bool,
}

impl DurableFile {
    /// Makes a new file of empty storage and writes its first values; closes it again.
    pub(crate) fn create<B: StorageBackend>(
        name: &str,
        backend: B,
        witness: B,
        folder: &FolderMeta,
        first: impl FnOnce(&WriteTransaction) -> Result<Vec<u8>, Trouble>,
    ) -> Result<(), StoreError> {
        let made = guarded(|| Ok(Database::builder().create_with_backend(backend)?));
        let database = made.map_err(|trouble| written(name, trouble))?;
        let mut file = Self {
            name: name.to_string(),
            database: Some(database),
            witness: Witness::new(witness),
            failed: false,
        };
        file.commit(0, |transaction| {
            let state = first(transaction)?;
            let mut meta = transaction.open_table(META)?;
            let format = [FORMAT.to_le_bytes(), LOWEST_READER.to_le_bytes()].concat();
            for (key, body) in [(FORMAT_KEY, format), (FOLDER_KEY, folder.to_bytes())] {
                let value = seal(place::META, key.as_bytes(), &[&body]);
                meta.insert(key, value.as_slice())?;
            }
            drop(meta);
            write_state(transaction, &state)
        })
    }

    /// Opens an existing file, looks through all its pages, and checks the format.
    pub(crate) fn open<B: StorageBackend>(
        name: &str,
        backend: B,
        witness: B,
        cache_bytes: usize,
    ) -> Result<Self, StoreError> {
        let len = backend.len().map_err(|source| StoreError::io(name, "reading", source))?;
        if len == 0 {
            return Err(StoreError::damaged(name, "it is empty"));
        }
        let database = guarded(|| {
            Ok(Database::builder()
                .set_cache_size(cache_bytes)
                .set_check_integrity_on_open(true)
                .create_with_backend(backend)?)
        })
        .map_err(|trouble| opened(name, trouble))?;
        let file = Self {
            name: name.to_string(),
            database: Some(database),
            witness: Witness::new(witness),
            failed: false,
        };
        file.check_format()?;
        Ok(file)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Refuses once a write has failed.
    pub(crate) fn check_usable(&self) -> Result<(), StoreError> {
        match self.failed {
            true => Err(StoreError::Failed { file: self.name.clone() }),
            false => Ok(()),
        }
    }

    /// Reads a consistent picture.
    pub(crate) fn read<T>(
        &self,
        look: impl FnOnce(&ReadTransaction) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        self.check_usable()?;
        guarded(|| look(&self.database()?.begin_read()?))
            .map_err(|trouble| opened(&self.name, trouble))
    }

    /// A consistent picture that stays as it is while this file is written.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        self.check_usable()?;
        guarded(|| Ok(self.database()?.begin_read()?))
            .map_err(|trouble| opened(&self.name, trouble))
    }

    /// Carries out `change` and returns when it is durable; `number` is this commit's number for
    /// the witness. Any error means that this file takes nothing more.
    pub(crate) fn commit<T>(
        &mut self,
        number: u64,
        change: impl FnOnce(&WriteTransaction) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        self.check_usable()?;
        let done = guarded(|| {
            let mut transaction = self.database()?.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            let answer = change(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        });
        let noted = done.and_then(|answer| {
            self.witness.note(number).map_err(redb::Error::Io)?;
            Ok(answer)
        });
        noted.map_err(|trouble| {
            self.failed = true;
            written(&self.name, trouble)
        })
    }

    /// The folder it was made for.
    pub(crate) fn folder(&self) -> Result<FolderMeta, StoreError> {
        FolderMeta::from_bytes(&self.meta(FOLDER_KEY)?)
            .ok_or_else(|| StoreError::damaged(&self.name, "its folder is no folder's name"))
    }

    pub(crate) fn state(&self) -> Result<Vec<u8>, StoreError> {
        self.meta(STATE_KEY)
    }

    /// Compares the number of commits found with the number acknowledged.
    pub(crate) fn check_witness(&self, found: u64) -> Result<(), StoreError> {
        let witnessed = self.witness.number();
        if found < witnessed {
            return Err(StoreError::SteppedBack { file: self.name.clone(), found, witnessed });
        }
        Ok(())
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let body = self.meta(FORMAT_KEY)?;
        let Some((found, lowest)) = body.first_chunk::<4>().zip(body.last_chunk::<4>()) else {
            return Err(StoreError::damaged(&self.name, "its format is no number"));
        };
        let (found, lowest_reader) = (u32::from_le_bytes(*found), u32::from_le_bytes(*lowest));
        if lowest_reader > FORMAT {
            let file = self.name.clone();
            return Err(StoreError::NewerFormat { file, found, lowest_reader, ours: FORMAT });
        }
        Ok(())
    }

    fn meta(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(META)?;
            let Some(value) = table.get(key)? else {
                return Err(self.refusal(format!("it has no {key}")));
            };
            match unseal(place::META, key.as_bytes(), value.value()) {
                Some(body) => Ok(body.to_vec()),
                None => Err(self.refusal(format!("the checksum of its {key} is wrong"))),
            }
        })
    }

    pub(crate) fn refusal(&self, found: String) -> Trouble {
        Trouble::Refused(StoreError::damaged(&self.name, found))
    }

    fn database(&self) -> Result<&Database, Trouble> {
        self.database.as_ref().ok_or(Trouble::Redb(redb::Error::DatabaseClosed))
    }
}

impl Drop for DurableFile {
    /// Closes without a second panic; what redb cannot write now, the next start repairs.
    fn drop(&mut self) {
        let database = self.database.take();
        let _ = guarded(|| {
            drop(database);
            Ok(())
        });
    }
}

/// Writes the one row that stands for a file's state.
pub(crate) fn write_state(transaction: &WriteTransaction, state: &[u8]) -> Result<(), Trouble> {
    let value = seal(place::META, STATE_KEY.as_bytes(), &[state]);
    transaction.open_table(META)?.insert(STATE_KEY, value.as_slice())?;
    Ok(())
}

pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(Trouble::Redb(redb::Error::Corrupted(said.to_string())))
    })
}

/// What a trouble while opening or reading means.
pub(crate) fn opened(name: &str, trouble: Trouble) -> StoreError {
    const DAMAGE: [ErrorKind; 3] =
        [ErrorKind::InvalidData, ErrorKind::UnexpectedEof, ErrorKind::InvalidInput];
    match trouble {
        Trouble::Refused(refusal) => refusal,
        Trouble::Redb(redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch) => {
            StoreError::AlreadyServed { file: name.to_string() }
        }
        Trouble::Redb(redb::Error::DatabaseClosed) => StoreError::Closed { file: name.to_string() },
        Trouble::Redb(redb::Error::Io(error)) if is_full(&error) => {
            StoreError::Full { file: name.to_string(), found: error.to_string() }
        }
        Trouble::Redb(redb::Error::Io(error)) if !DAMAGE.contains(&error.kind()) => {
            StoreError::io(name, "reading", error)
        }
        Trouble::Redb(error) => StoreError::damaged(name, error),
    }
}

/// What a trouble while writing means.
fn written(name: &str, trouble: Trouble) -> StoreError {
    match trouble {
        Trouble::Refused(refusal) => refusal,
        Trouble::Redb(redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch) => {
            StoreError::AlreadyServed { file: name.to_string() }
        }
        Trouble::Redb(redb::Error::Io(error)) if is_full(&error) => {
            StoreError::Full { file: name.to_string(), found: error.to_string() }
        }
        Trouble::Redb(error) => {
            StoreError::Write { file: name.to_string(), found: error.to_string() }
        }
    }
}
