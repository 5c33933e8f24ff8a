//! A data folder made of a backup: all of it, or nothing.
//!
//! ```text
//!   DIR is not there, or empty ─► DIR.restoring/  state/     rows, and a log that begins behind
//!                                                 identity/ authority/ lictree.toml state.made
//!                                  └─ all written, synced, counted ─► renamed to DIR
//! ```

use crate::daemon::DaemonError;
use crate::daemon::backup::kept::belongs;
use crate::daemon::entropy::random_bits;
use crate::daemon::settings::{CONFIG_NAME, state_dir};
use crate::daemon::start::{MARK_TEXT, STATE_MADE};
use crate::model::log::{Checkpoint, HardState, RowChange};
use crate::record::{self, RecordError};
use crate::store::backup::{BackupError, BackupHead, BackupReader, KeptFile, Part, Whole};
use crate::store::{self, FolderMeta, LogStore, RowStore, StoreError, StoreLimits};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Rows of about so many bytes share one commit.
const COMMIT_BYTES: usize = 8 << 20;
/// What is made first, beside the folder.
const BUILDING: &str = ".restoring";

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub head: BackupHead,
    pub whole: Whole,
    /// The files besides the state, by their paths in the folder.
    pub files: Vec<String>,
    /// Whether a configuration was among them.
    pub has_config: bool,
}

/// Why no folder was made. Nothing is left of the try.
#[derive(Debug, thiserror::Error)]
pub enum NotRestored {
    #[error("{0}")]
    Backup(BackupError),
    #[error("cannot read it: {0}")]
    Unread(io::Error),
    #[error("a row in it cannot be read: {0}")]
    Row(RecordError),
    #[error("it holds {found} rows that differ, and should hold {announced}")]
    Rows { found: u64, announced: u64 },
    #[error("it holds a file {0}, which is none of a data folder")]
    Stranger(String),
    #[error("{} holds something already", .0.display())]
    NotEmpty(PathBuf),
    #[error("cannot make {}: {why}", path.display())]
    Place { path: PathBuf, why: io::Error },
    #[error("{0}")]
    Store(StoreError),
    #[error("{0}")]
    Daemon(DaemonError),
}

impl From<BackupError> for NotRestored {
    fn from(error: BackupError) -> NotRestored {
        NotRestored::Backup(error)
    }
}

impl From<StoreError> for NotRestored {
    fn from(error: StoreError) -> NotRestored {
        NotRestored::Store(error)
    }
}

/// Makes the data folder `dir` of the backup that `input` gives. `dir` must not be there, or be
/// empty. A server that is started on it recovers first. `progress` is told how many bytes were
/// read.
pub fn restore(
    mut input: impl Read,
    dir: &Path,
    mut progress: impl FnMut(u64),
) -> Result<Restored, NotRestored> {
    let building = check_place(dir)?;
    let place = |path: &Path| {
        let path = path.to_path_buf();
        move |why| NotRestored::Place { path, why }
    };
    match fs::remove_dir_all(&building) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(place(&building)(error)),
        _ => {}
    }
    make_folder(&building)?;
    let built = build(&mut input, &building, &mut progress);
    let made = built.and_then(|restored| {
        sync_folder(&building).map_err(place(&building))?;
        fs::rename(&building, dir).map_err(place(dir))?;
        sync_folder(&parent(dir)).map_err(place(dir))?;
        Ok(restored)
    });
    if made.is_err() {
        // It holds keys. What cannot be removed now, the next try removes.
        let _ = fs::remove_dir_all(&building);
    }
    made
}

/// Where to build a folder for this place.
fn check_place(dir: &Path) -> Result<PathBuf, NotRestored> {
    let place = |why| NotRestored::Place { path: dir.to_path_buf(), why };
    match fs::read_dir(dir).map(|mut entries| entries.next().is_some()) {
        Ok(true) => return Err(NotRestored::NotEmpty(dir.to_path_buf())),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(place(error)),
        _ => {}
    }
    let invalid = || place(ErrorKind::InvalidFilename.into());
    let mut name = dir.file_name().ok_or_else(invalid)?.to_os_string();
    name.push(BUILDING);
    Ok(dir.with_file_name(name))
}

fn build(
    input: &mut impl Read,
    dir: &Path,
    progress: &mut impl FnMut(u64),
) -> Result<Restored, NotRestored> {
    let mut reader = BackupReader::new();
    let mut state = None;
    let mut files = Vec::new();
    let mut bytes = vec![0; READ_BYTES];
    loop {
        let count = match input.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(NotRestored::Unread(error)),
        };
        reader.feed(&bytes[..count]);
        while let Some(part) = reader.next_part()? {
            match (part, &mut state) {
                (Part::Head(head), _) => state = Some(Building::begin(dir, head)?),
                (Part::Rows(rows), Some(state)) => state.take(rows)?,
                (Part::File(file), _) => files.push(put_file(dir, &file)?),
                (Part::Rows(_) | Part::End { .. }, _) => {}
            }
        }
        progress(reader.fed());
    }
    let whole = reader.finish()?;
    let Some(state) = state else { return Err(BackupError::Other.into()) };
    let head = state.finish()?;
    write_file(&dir.join(STATE_MADE), MARK_TEXT.as_bytes())?;
    let has_config = files.iter().any(|path| path == CONFIG_NAME);
    Ok(Restored { head, whole, files, has_config })
}

/// The stores of a folder that is being made.
struct Building {
    head: BackupHead,
    log: LogStore,
    rows: RowStore,
    waiting: Vec<RowChange>,
    waiting_bytes: usize,
}

impl Building {
    fn begin(dir: &Path, head: BackupHead) -> Result<Building, NotRestored> {
        let state = state_dir(dir);
        // Its own: no witness that was ever written knows it.
        let incarnation = random_bits().map_err(NotRestored::Daemon)?;
        store::create(&state, &FolderMeta { incarnation, ..head.folder.clone() })?;
        let (log, rows, _) = store::open(&state, &StoreLimits::default())?;
        Ok(Building { head, log, rows, waiting: Vec::new(), waiting_bytes: 0 })
    }

    fn take(&mut self, rows: Vec<RowChange>) -> Result<(), NotRestored> {
        for row in rows {
            // What this program cannot read it could not start from.
            record::decode_row(&row).map_err(NotRestored::Row)?;
            self.waiting_bytes += row.key.len() + row.value.as_ref().map_or(0, Vec::len);
            self.waiting.push(row);
        }
        if self.waiting_bytes >= COMMIT_BYTES { self.save() } else { Ok(()) }
    }

    fn save(&mut self) -> Result<(), NotRestored> {
        let (at, rows) = (self.head.at, std::mem::take(&mut self.waiting));
        self.waiting_bytes = 0;
        Ok(self.rows.checkpoint(&Checkpoint { at, rows }, at.index)?)
    }

    /// Nothing is missing: the log goes on behind the rows.
    fn finish(mut self) -> Result<BackupHead, NotRestored> {
        self.save()?;
        let mut found = 0;
        self.rows.load(|_, _, _| found += 1)?;
        if found != self.head.rows {
            return Err(NotRestored::Rows { found, announced: self.head.rows });
        }
        let at = self.head.at;
        self.log.restart_at(at, HardState { term: at.term, vote: 0, commit: at.index })?;
        Ok(self.head)
    }
}

fn put_file(dir: &Path, file: &KeptFile) -> Result<String, NotRestored> {
    let path = file.path();
    // Its parts are plain (`KeptFile`): none leads out of the folder.
    if !belongs(path) {
        return Err(NotRestored::Stranger(path.to_string()));
    }
    let mut folder = dir.to_path_buf();
    if let Some((folders, _)) = path.rsplit_once('/') {
        for part in folders.split('/') {
            folder.push(part);
            make_folder(&folder)?;
        }
    }
    write_file(&dir.join(path), file.bytes())?;
    Ok(path.to_string())
}

fn make_folder(folder: &Path) -> Result<(), NotRestored> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(why) if why.kind() != ErrorKind::AlreadyExists => {
            Err(NotRestored::Place { path: folder.to_path_buf(), why })
        }
        _ => Ok(()),
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), NotRestored> {
    let written = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        sync_folder(&parent(path))
    };
    written().map_err(|why| NotRestored::Place { path: path.to_path_buf(), why })
}

fn parent(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_path_buf()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
