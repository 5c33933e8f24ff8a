//! Room that is kept for the day on which the disk is full.
//!
//! ```text
//!   redb ── write ──► Reserved ── write ──► the file
//!                        │ no room left on the disk
//!                        └─► the reserve's file is removed, and the same write is tried once more
//! ```
//! Below redb, because redb takes no error of its file back: after one it refuses everything. A
//! write that found no room has changed nothing that redb relies on, and the same bytes at the same
//! place may be written again. A failed *sync* is never tried again, whatever its reason.

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::Bound;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const NAME: &str = "reserve";
/// What `MetadataExt::blocks` counts in.
const BLOCK_BYTES: u64 = 512;
/// Written at once where the file system allocates nothing unwritten.
const PIECE_BYTES: usize = 64 << 10;

/// A file in the folder of the stores that takes up room and says nothing.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: AtomicBool,
}

impl Reserve {
    /// The reserve of a folder, held if it is there whole.
    pub fn of(dir: &Path, bytes: u64) -> Reserve {
        let path = dir.join(NAME);
        let whole = |found: std::fs::Metadata| {
            found.len() == bytes && found.blocks().saturating_mul(BLOCK_BYTES) >= bytes
        };
        let held = bytes == 0 || path.metadata().is_ok_and(whole);
        Reserve { path, bytes, held: AtomicBool::new(held) }
    }

    pub(crate) fn none(dir: &Path) -> Reserve {
        Reserve::of(dir, 0)
    }

    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    /// Takes the room, if it is not taken. Nothing stays of a try that fails.
    pub fn hold(&self) -> io::Result<()> {
        if self.is_held() {
            return Ok(());
        }
        let taken = self.make();
        match &taken {
            Ok(()) => self.held.store(true, Ordering::Release),
            Err(_) => drop(std::fs::remove_file(&self.path)),
        }
        taken
    }

    fn make(&self) -> io::Result<()> {
        let mut how = OpenOptions::new();
        let mut file = how.write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        match fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            Err(Errno::OPNOTSUPP) => self.fill(&mut file),
            taken => Ok(taken?),
        }
    }

    /// With bytes that no file system makes fewer of.
    fn fill(&self, file: &mut File) -> io::Result<()> {
        let mut piece = vec![0; PIECE_BYTES];
        let mut left = self.bytes;
        while left > 0 {
            let now = left.min(PIECE_BYTES as u64) as usize;
            rustix::rand::getrandom(&mut piece[..now], rustix::rand::GetRandomFlags::empty())?;
            file.write_all(&piece[..now])?;
            left -= now as u64;
        }
        Ok(())
    }

    /// Gives the room back. Whether it was held until now, and so helps.
    fn release(&self) -> bool {
        let held = self.bytes > 0 && self.held.swap(false, Ordering::AcqRel);
        if held {
            tracing::warn!("the disk is full: the reserve {} is released", self.path.display());
            // Some file systems have the room only when the file's new length is on the disk.
            let emptied = OpenOptions::new().write(true).truncate(true).open(&self.path);
            drop(emptied.and_then(|file| file.sync_all()));
            drop(std::fs::remove_file(&self.path));
        }
        held
    }
}

/// Whether there was no room for what was tried.
pub fn is_full(error: &io::Error) -> bool {
    // Of the disk, or of what this user may have of it.
    error.kind() == ErrorKind::StorageFull || Errno::from_io_error(error) == Some(Errno::DQUOT)
}

/// A file with a reserve beside it.
#[derive(Debug)]
pub(crate) struct Reserved {
    file: FileBackend,
    reserve: Arc<Reserve>,
}

impl Reserved {
    pub(crate) fn new(file: FileBackend, reserve: &Arc<Reserve>) -> Reserved {
        Reserved { file, reserve: reserve.clone() }
    }

    fn with_room(&self, attempt: impl Fn() -> io::Result<()>) -> io::Result<()> {
        match attempt() {
            Err(error) if is_full(&error) && self.reserve.release() => attempt(),
            done => done,
        }
    }
}

impl StorageBackend for Reserved {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with_room(|| self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with_room(|| self.file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn reserved(reserve: &Arc<Reserve>, dir: &Path) -> Reserved {
        let mut how = OpenOptions::new();
        let file = how.read(true).write(true).create(true).truncate(false).open(dir.join("f"));
        Reserved::new(FileBackend::new(file.unwrap()).unwrap(), reserve)
    }

    #[test]
    fn it_takes_up_what_it_says_and_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::of(folder.path(), 100_000);
        assert!(!reserve.is_held());
        reserve.hold().unwrap();
        assert!(Reserve::of(folder.path(), 100_000).is_held());
        assert!(!Reserve::of(folder.path(), 200_000).is_held());
        let file = folder.path().join(NAME);
        assert!(file.metadata().unwrap().blocks() * BLOCK_BYTES >= 100_000);
        // A hole takes up nothing.
        File::create(&file).unwrap().set_len(100_000).unwrap();
        assert!(!Reserve::of(folder.path(), 100_000).is_held());
    }

    #[test]
    fn a_write_without_room_is_tried_once_more_when_the_reserve_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Arc::new(Reserve::of(folder.path(), 8_192));
        reserve.hold().unwrap();
        let file = reserved(&reserve, folder.path());
        let tries = Cell::new(0);
        let fails = |times: u32, error: Errno| {
            tries.set(0);
            let done = file.with_room(|| {
                tries.set(tries.get() + 1);
                if tries.get() > times { Ok(()) } else { Err(error.into()) }
            });
            (done.is_ok(), tries.get())
        };
        assert_eq!(fails(1, Errno::IO), (false, 1));
        assert!(reserve.is_held());
        assert_eq!(fails(1, Errno::NOSPC), (true, 2));
        assert!(!reserve.is_held() && !folder.path().join(NAME).exists());
        assert_eq!(fails(1, Errno::NOSPC), (false, 1));
        reserve.hold().unwrap();
        assert_eq!(fails(2, Errno::DQUOT), (false, 2));
        let none = Arc::new(Reserve::none(folder.path()));
        assert!(none.is_held() && !none.release());
    }
}
