//! A server's folder as a whole: made once, opened by one process, refused when its parts do
//! not fit together.
//!
//! ```text
//!   DIR.new/ ──all files written and synced──► renamed to DIR/      (create: all or nothing)
//!   DIR/  log.redb  log.witness  rows.redb  rows.witness
//!
//!                cut                rows stand at            last
//!   log  ░░░░░░░░░│──────────────────────┼────────────────────│
//!                 └─ must be <= ─────────┘└── must be <= ─────┘
//! ```

use crate::model::log::{Checkpoint, HardState, LogEntry, LogPosition};
use crate::model::name::{ServerName, TreeName};
use crate::store::backend::{LossyBackend, LossyDisk};
use crate::store::error::StoreError;
use crate::store::log::LogStore;
use crate::store::reserve::{Reserve, Reserved};
use crate::store::rows::RowStore;
use redb::StorageBackend;
use redb::backends::FileBackend;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The format this program writes.
pub(crate) const FORMAT: u32 = 1;
/// The oldest format a program must know to read what this one writes.
pub(crate) const LOWEST_READER: u32 = 1;

const LOG: &str = "log.redb";
const LOG_WITNESS: &str = "log.witness";
const ROWS: &str = "rows.redb";
const ROWS_WITNESS: &str = "rows.witness";

/// Whose folder it is; written once, when it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderMeta {
    pub tree: TreeName,
    pub server: ServerName,
    /// Drawn anew for every folder: a server that lost its folder comes back as another one.
    pub incarnation: u64,
}

impl FolderMeta {
    /// As it lies in both files.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.incarnation.to_le_bytes().to_vec();
        for name in [self.tree.as_str(), self.server.as_str()] {
            bytes.push(name.len() as u8); // at most NAME_LEN_MAX, 63
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }

    /// The inverse of [`to_bytes`](FolderMeta::to_bytes); nothing for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (incarnation, rest) = bytes.split_first_chunk::<8>()?;
        let (tree, rest) = name_and_rest(rest)?;
        let (server, rest) = name_and_rest(rest)?;
        let incarnation = u64::from_le_bytes(*incarnation);
        let (tree, server) = (tree.parse().ok()?, server.parse().ok()?);
        rest.is_empty().then_some(Self { tree, server, incarnation })
    }

    fn shown(&self) -> String {
        let Self { tree, server, incarnation } = self;
        format!("server {server} of tree {tree}, incarnation {incarnation:x}")
    }
}

fn name_and_rest(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((std::str::from_utf8(name).ok()?, rest))
}

/// What a server's stores may take of its machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Most memory redb keeps of the log file. Default 2 MiB: the log is written at its end and
    /// read once.
    pub log_cache_bytes: usize,
    /// Most memory redb keeps of the rows file. Default 4 MiB.
    pub rows_cache_bytes: usize,
    /// The largest log entry, and the largest row with its key. Default 33 MiB: a whole range that
    /// changes hands is one command.
    pub value_bytes_max: usize,
    /// Most entries one append removes, so that a cut does not hold up who waits for it.
    /// Default 1,024; more than one append brings.
    pub cut_entries_max: u64,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            log_cache_bytes: 2 << 20,
            rows_cache_bytes: 4 << 20,
            value_bytes_max: 33 << 20,
            cut_entries_max: 1024,
        }
    }
}

/// Everything a server needs to know at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub folder: FolderMeta,
    /// All rows (none removed) and the position they stand at.
    pub rows: Checkpoint,
    /// The log above the rows, without a gap.
    pub entries: Vec<LogEntry>,
    /// With `commit` at least at the rows' position and at most at the log's end.
    pub hard_state: HardState,
    /// Up to here the log was cut.
    pub cut: LogPosition,
}

/// The four files of a folder, wherever they are.
#[derive(Debug)]
pub struct FolderFiles<B> {
    /// Put before the files' names in messages.
    pub place: String,
    pub log: B,
    pub log_witness: B,
    pub rows: B,
    pub rows_witness: B,
}

impl FolderFiles<LossyBackend> {
    /// The files of a folder on a disk for tests.
    pub fn on(disk: &LossyDisk) -> Self {
        Self {
            place: String::new(),
            log: disk.file(LOG),
            log_witness: disk.file(LOG_WITNESS),
            rows: disk.file(ROWS),
            rows_witness: disk.file(ROWS_WITNESS),
        }
    }
}

impl FolderFiles<FileBackend> {
    fn at(dir: &Path, options: &OpenOptions) -> Result<Self, StoreError> {
        Ok(Self {
            place: format!("{}/", dir.display()),
            log: file_at(&dir.join(LOG), options)?,
            log_witness: file_at(&dir.join(LOG_WITNESS), &witness_options())?,
            rows: file_at(&dir.join(ROWS), options)?,
            rows_witness: file_at(&dir.join(ROWS_WITNESS), &witness_options())?,
        })
    }

    /// Each with the same reserve beside it.
    fn with(self, reserve: &Arc<Reserve>) -> FolderFiles<Reserved> {
        let Self { place, log, log_witness, rows, rows_witness } = self;
        let [log, log_witness, rows, rows_witness] =
            [log, log_witness, rows, rows_witness].map(|file| Reserved::new(file, reserve));
        FolderFiles { place, log, log_witness, rows, rows_witness }
    }
}

/// A witness that is missing is made anew: it then knows nothing.
fn witness_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options
}

fn file_at(path: &Path, options: &OpenOptions) -> Result<FileBackend, StoreError> {
    let name = path.display().to_string();
    let file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::NotThere { file: name.clone() },
        _ => StoreError::io(&name, "opening", error),
    })?;
    FileBackend::new(file).map_err(|error| StoreError::damaged(&name, error))
}

/// Makes the folder of a new server. `dir` must not exist yet, or be empty; its parent must
/// exist. A crash leaves either the whole folder or none (perhaps a `DIR.new`, which the next
/// call removes).
pub fn create(dir: &Path, folder: &FolderMeta) -> Result<(), StoreError> {
    let name = dir.display().to_string();
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(StoreError::AlreadyThere { folder: name });
    }
    let (building, parent) = building_site(dir)
        .ok_or_else(|| StoreError::io(&name, "creating", io::ErrorKind::InvalidFilename.into()))?;
    let io = |error| StoreError::io(&name, "creating", error);
    if building.exists() {
        fs::remove_dir_all(&building).map_err(io)?;
    }
    DirBuilder::new().mode(0o700).create(&building).map_err(io)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    create_on(FolderFiles::at(&building, &options)?, folder)?;
    sync_dir(&building).map_err(io)?;
    fs::rename(&building, dir).map_err(io)?;
    sync_dir(&parent).map_err(io)
}

/// Where a folder is built before it gets its name, and the folder that holds both.
fn building_site(dir: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut name = dir.file_name()?.to_os_string();
    name.push(".new");
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    Some((dir.with_file_name(name), parent.unwrap_or(Path::new(".")).to_path_buf()))
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Opens a server's folder for this process alone and reads what it remembers.
///
/// # Errors
/// Every refusal of [`StoreError`]; each names what was found and what to do.
pub fn open(
    dir: &Path,
    limits: &StoreLimits,
) -> Result<(LogStore, RowStore, Recovered), StoreError> {
    open_with_reserve(dir, limits, &Arc::new(Reserve::none(dir)))
}

/// [`open`], and when the disk is full the reserve is given up for what is written.
pub fn open_with_reserve(
    dir: &Path,
    limits: &StoreLimits,
    reserve: &Arc<Reserve>,
) -> Result<(LogStore, RowStore, Recovered), StoreError> {
    let files = FolderFiles::at(dir, OpenOptions::new().read(true).write(true))?;
    open_on(files.with(reserve), limits)
}

/// [`create`] on given, empty files.
pub fn create_on<B: StorageBackend>(
    files: FolderFiles<B>,
    folder: &FolderMeta,
) -> Result<(), StoreError> {
    let (log, rows) = names(&files.place);
    LogStore::create(&log, files.log, files.log_witness, folder)?;
    RowStore::create(&rows, files.rows, files.rows_witness, folder)
}

/// [`open`] on given files.
pub fn open_on<B: StorageBackend>(
    files: FolderFiles<B>,
    limits: &StoreLimits,
) -> Result<(LogStore, RowStore, Recovered), StoreError> {
    let (log, rows) = names(&files.place);
    let mut log = LogStore::open(&log, files.log, files.log_witness, limits)?;
    let rows = RowStore::open(&rows, files.rows, files.rows_witness, limits)?;
    let recovered = recover(&mut log, &rows)?;
    Ok((log, rows, recovered))
}

fn names(place: &str) -> (String, String) {
    (format!("{place}{LOG}"), format!("{place}{ROWS}"))
}

fn recover(log: &mut LogStore, rows: &RowStore) -> Result<Recovered, StoreError> {
    let folder = same_folder(log, rows)?;
    let whole = rows.load_whole()?;
    let at = whole.at;
    let mut entries = log.entries_from(at.index)?;
    let holds_rows = log.state().cut == at
        || entries.first().is_some_and(|first| (first.index, first.term) == (at.index, at.term));
    if rows.come_from_member() && !holds_rows && log.state().cut.index <= at.index {
        log.restart_at(at, log.state().hard)?;
        entries.clear();
    } else {
        check_fit(log, at, holds_rows)?;
    }
    entries.retain(|entry| entry.index > at.index);
    let state = log.state();
    let commit = state.hard.commit.max(rows.commit()).max(at.index).min(state.last.index);
    let hard_state = HardState { commit, ..state.hard };
    Ok(Recovered { folder, rows: whole, entries, hard_state, cut: state.cut })
}

fn same_folder(log: &LogStore, rows: &RowStore) -> Result<FolderMeta, StoreError> {
    let (of_log, of_rows) = (log.folder()?, rows.folder()?);
    if of_log != of_rows {
        return Err(StoreError::NotTogether {
            log: log.name().to_string(),
            log_folder: of_log.shown(),
            rows: rows.name().to_string(),
            rows_folder: of_rows.shown(),
        });
    }
    Ok(of_log)
}

/// Refuses a log that does not reach from the rows' position on.
fn check_fit(log: &LogStore, at: LogPosition, holds_rows: bool) -> Result<(), StoreError> {
    let (state, file) = (log.state(), log.name().to_string());
    if state.last.index < at.index {
        let (log_last, rows_at) = (state.last.index, at.index);
        return Err(StoreError::LogBehindRows { file, log_last, rows_at });
    }
    if state.cut.index > at.index {
        let (log_first, rows_at) = (state.cut.index + 1, at.index);
        return Err(StoreError::LogGap { file, log_first, rows_at });
    }
    if !holds_rows {
        let found = format!("its entry {} is not of term {}, as the rows say", at.index, at.term);
        return Err(StoreError::damaged(&file, found));
    }
    Ok(())
}
