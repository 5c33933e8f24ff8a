//! A disk for tests that loses what was not synced.
//!
//! [`LossyDisk`] holds files in memory and keeps apart what was written and what was synced. It
//! can fail a given write or sync, and it can show what another start would find had the power
//! gone at any moment of its past: everything synced, and of the rest nothing, all, or a
//! seeded choice of sectors. It keeps its whole history, so it is for tests only.
//!
//! ```text
//!   write, sync ─► files (what reads see)
//!               └► history ──crash_at(n, survivors)──► a new disk: synced, and some of the rest
//! ```

use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io::{self, Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What survives of the changes no sync had followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivors {
    None,
    All,
    /// Each piece of each write by the toss of a coin; `piece_bytes` is 512 or 4,096.
    Some {
        seed: u64,
        piece_bytes: usize,
    },
}

/// Files in memory; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct LossyDisk {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    /// What every file held when this disk came to be.
    born_with: BTreeMap<String, Vec<u8>>,
    /// What reads see.
    files: BTreeMap<String, Vec<u8>>,
    history: Vec<(String, Operation)>,
    syncs: u64,
    writes_to_failure: Option<u64>,
    syncs_to_failure: Option<u64>,
}

/// What a disk went through, one moment after the other; cheaper than to begin anew for each.
#[derive(Clone, Debug)]
pub struct Past {
    disk: LossyDisk,
    operations: usize,
    files: BTreeMap<String, FileImage>,
}

/// A file on its way to a crash.
#[derive(Clone, Debug, Default)]
struct FileImage {
    synced: Vec<u8>,
    pending: Vec<Operation>,
}

#[derive(Clone, Debug)]
enum Operation {
    Write { offset: usize, data: Vec<u8> },
    SetLen(usize),
    Sync,
}

impl LossyDisk {
    pub fn new() -> Self {
        Self::default()
    }

    /// The file of this name; empty when there was none.
    pub fn file(&self, name: &str) -> LossyBackend {
        self.lock().files.entry(name.to_string()).or_default();
        LossyBackend { disk: self.clone(), name: name.to_string() }
    }

    /// Writes, changes of length and syncs so far, of all files together.
    pub fn operations(&self) -> usize {
        self.lock().history.len()
    }

    /// Syncs so far, of all files together.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// The operations before the `nth` sync, counted from 1; nothing while there were fewer.
    pub fn operations_before_sync(&self, nth: u64) -> Option<usize> {
        let disk = self.lock();
        let mut syncs = disk
            .history
            .iter()
            .enumerate()
            .filter(|(_, (_, operation))| matches!(operation, Operation::Sync));
        syncs.nth(usize::try_from(nth.checked_sub(1)?).ok()?).map(|(at, _)| at)
    }

    /// Lets the `nth` write from now fail, counted from 1, and every later one succeed.
    pub fn fail_write(&self, nth: u64) {
        self.lock().writes_to_failure = Some(nth);
    }

    /// Lets the `nth` sync from now fail, counted from 1, and every later one succeed, as some
    /// file systems do although the data is gone.
    pub fn fail_sync(&self, nth: u64) {
        self.lock().syncs_to_failure = Some(nth);
    }

    /// What a file holds now, synced or not.
    pub fn content(&self, name: &str) -> Vec<u8> {
        self.lock().files.get(name).cloned().unwrap_or_default()
    }

    /// Replaces a file, for damage; neither counted nor kept in the history of crashes.
    pub fn overwrite(&self, name: &str, content: Vec<u8>) {
        let mut disk = self.lock();
        disk.born_with.insert(name.to_string(), content.clone());
        disk.files.insert(name.to_string(), content);
    }

    /// The disk as a start after a power cut now would find it.
    pub fn crash(&self, survivors: Survivors) -> Self {
        self.crash_at(self.operations(), survivors)
    }

    /// The disk as a start would have found it had the power gone after `operations` operations.
    pub fn crash_at(&self, operations: usize, survivors: Survivors) -> Self {
        let mut past = self.past();
        past.go_to(operations);
        past.crash(survivors)
    }

    /// Its past, from the moment on at which this disk came to be.
    pub fn past(&self) -> Past {
        let born = |(name, bytes): (&String, &Vec<u8>)| {
            (name.clone(), FileImage { synced: bytes.clone(), pending: Vec::new() })
        };
        let files = self.lock().born_with.iter().map(born).collect();
        Past { disk: self.clone(), operations: 0, files }
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Past {
    /// Goes on to the moment after so many operations, or to the last one; never back.
    pub fn go_to(&mut self, operations: usize) {
        let disk = self.disk.lock();
        let gone_through = disk.history.iter().take(operations).skip(self.operations);
        for (name, operation) in gone_through {
            self.files.entry(name.clone()).or_default().keep(operation.clone());
            self.operations += 1;
        }
    }

    /// Whether nothing but a sync came last.
    pub fn just_synced(&self) -> bool {
        let disk = self.disk.lock();
        let last = self.operations.checked_sub(1).and_then(|last| disk.history.get(last));
        last.is_some_and(|(_, operation)| matches!(operation, Operation::Sync))
    }

    /// The disk as a start would have found it had the power gone at this moment.
    pub fn crash(&self, survivors: Survivors) -> LossyDisk {
        let mut coin = Coin::new(survivors);
        let born_with: BTreeMap<_, _> = self
            .files
            .iter()
            .map(|(name, file)| (name.clone(), file.after_crash(survivors, &mut coin)))
            .collect();
        let files = born_with.clone();
        LossyDisk { disk: Arc::new(Mutex::new(Disk { born_with, files, ..Disk::default() })) }
    }
}

impl Disk {
    fn carry_out(&mut self, name: &str, operation: Operation) -> io::Result<()> {
        let fault = match operation {
            Operation::Sync => &mut self.syncs_to_failure,
            _ => &mut self.writes_to_failure,
        };
        if due(fault) {
            return Err(Error::other("the disk was told to fail here"));
        }
        let file = self.files.entry(name.to_string()).or_default();
        match operation {
            Operation::Sync => self.syncs += 1,
            _ => operation.apply(file),
        }
        self.history.push((name.to_string(), operation));
        Ok(())
    }
}

/// Counts a fault down; true when it is this operation's turn.
fn due(fault: &mut Option<u64>) -> bool {
    match fault {
        Some(0 | 1) => {
            *fault = None;
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

impl Operation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
            Self::SetLen(len) => bytes.resize(*len, 0),
            Self::Sync => {}
        }
    }

    /// This operation cut at multiples of `piece_bytes`, as the disk may carry it out.
    fn pieces(&self, piece_bytes: usize) -> Vec<Operation> {
        let Self::Write { offset, data } = self else { return vec![self.clone()] };
        let (mut pieces, mut done) = (Vec::new(), 0);
        while done < data.len() {
            let at = offset + done;
            let len = (piece_bytes - at % piece_bytes).min(data.len() - done);
            pieces.push(Self::Write { offset: at, data: data[done..done + len].to_vec() });
            done += len;
        }
        pieces
    }
}

impl FileImage {
    fn keep(&mut self, operation: Operation) {
        match operation {
            Operation::Sync => {
                for pending in self.pending.drain(..) {
                    pending.apply(&mut self.synced);
                }
            }
            change => self.pending.push(change),
        }
    }

    fn after_crash(&self, survivors: Survivors, coin: &mut Coin) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        let pieces = self.pending.iter().flat_map(|change| match survivors {
            Survivors::Some { piece_bytes, .. } => change.pieces(piece_bytes.max(1)),
            Survivors::None | Survivors::All => vec![change.clone()],
        });
        for piece in pieces {
            if coin.toss() {
                piece.apply(&mut bytes);
            }
        }
        bytes
    }
}

/// Decides what survives; equal seeds decide equally.
struct Coin {
    survivors: Survivors,
    drawn: u64,
}

impl Coin {
    fn new(survivors: Survivors) -> Self {
        Self { survivors, drawn: 0 }
    }

    fn toss(&mut self) -> bool {
        match self.survivors {
            Survivors::None => false,
            Survivors::All => true,
            Survivors::Some { seed, .. } => {
                self.drawn += 1;
                // The finalizer of SplitMix64 over seed and count.
                let mut bits = seed.wrapping_add(self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                (bits ^ (bits >> 31)) & 1 == 1
            }
        }
    }
}

/// One file of a [`LossyDisk`].
#[derive(Clone, Debug)]
pub struct LossyBackend {
    disk: LossyDisk,
    name: String,
}

impl LossyBackend {
    fn carry_out(&self, operation: Operation) -> io::Result<()> {
        self.disk.lock().carry_out(&self.name, operation)
    }
}

impl StorageBackend for LossyBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files.get(&self.name).map_or(0, |file| file.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.disk.lock();
        let bytes = disk.files.get(&self.name).map_or(&[][..], Vec::as_slice);
        let found = usize::try_from(offset)
            .ok()
            .and_then(|offset| bytes.get(offset..)?.get(..out.len()))
            .ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.carry_out(Operation::SetLen(within_memory(len)?))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.carry_out(Operation::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = within_memory(offset)?;
        self.carry_out(Operation::Write { offset, data: data.to_vec() })
    }
}

/// A disk in memory ends at 1 GiB: a damaged file must not ask for all memory.
fn within_memory(bytes: u64) -> io::Result<usize> {
    match usize::try_from(bytes) {
        Ok(bytes) if bytes <= 1 << 30 => Ok(bytes),
        _ => Err(ErrorKind::StorageFull.into()),
    }
}
