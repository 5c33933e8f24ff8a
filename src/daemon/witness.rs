//! The witness of a clean restart: a small file outside the data folder that knows how far the log
//! went (safety.md R10).
//!
//! ```text
//!   log thread:  append, sync ─► witness: log reached 17 ─► answers go out
//!   start:       log ends at 17 or later: nothing newer was ever answered     proven
//!                log ends before 17: this folder is an older copy             not proven
//! ```
//! It is written after every sync of the log and not synced itself: what was written survives the
//! end of the process, which is when a start must be proven without asking anybody. After a power
//! cut it may be a little behind the log; it is never ahead of it. So it proves too little at times
//! that are short, and never too much.
//!
//! Two places are written in turn, each with a sum: one of them is whole at any moment.

use crate::daemon::DaemonError;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// One place: incarnation, index, sum; eight bytes each.
const PLACE_LEN: usize = 24;
/// In a data folder whose surroundings nobody may write in.
const INSIDE: &str = "newest.witness";

/// What was found of it at a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The log ends where it was last seen, or later.
    Proven,
    /// There is none.
    Nothing,
    /// It is of another folder of this server.
    Another,
    /// The log was once at this index, and ends before it.
    Later(u64),
}

#[derive(Debug)]
pub(super) struct Witness {
    file: File,
    incarnation: u64,
    turn: u64,
    /// It follows the log. Not before it is durable that the server recovers, where the start was
    /// not proven: else the next one would be.
    follows: bool,
}

impl Witness {
    /// Opens it, and looks whether it knows of more than a log that ends at `last`. Without a path
    /// of its own it lies beside the data folder, or in it where that cannot be.
    pub(super) fn open(
        stated: Option<&Path>,
        data_dir: &Path,
        (incarnation, last): (u64, u64),
        is_new: bool,
    ) -> Result<(Witness, Found), DaemonError> {
        let places = match stated {
            Some(path) => vec![path.to_path_buf()],
            None => places(data_dir),
        };
        let file = open_first(&places)?;
        let found = match known(&file) {
            _ if is_new => Found::Proven,
            None => Found::Nothing,
            Some((of, _)) if of != incarnation => Found::Another,
            Some((_, index)) if index > last => Found::Later(index),
            Some(_) => Found::Proven,
        };
        let follows = found == Found::Proven;
        let mut witness = Witness { file, incarnation, turn: 0, follows };
        witness.advance(last);
        Ok((witness, found))
    }

    /// From now on it follows the log, also back.
    pub(super) fn follow(&mut self) {
        self.follows = true;
    }

    /// The log is durable up to here. What cannot be written makes the next start unproven at most.
    pub(super) fn advance(&mut self, index: u64) {
        if !self.follows {
            return;
        }
        self.turn += 1;
        let mut place = [0; PLACE_LEN];
        place[..8].copy_from_slice(&self.incarnation.to_le_bytes());
        place[8..16].copy_from_slice(&index.to_le_bytes());
        place[16..].copy_from_slice(&sum(self.incarnation, index).to_le_bytes());
        let at = (self.turn % 2) * PLACE_LEN as u64;
        if let Err(error) = self.file.write_all_at(&place, at) {
            tracing::warn!("the witness of a clean restart cannot be written: {error}");
        }
    }
}

/// Where it may lie: beside the data folder, `…/hq.witness`; in a folder beside it, which packages
/// make where nobody may write beside it, `…/hq-witness/newest`; or at last in it.
fn places(data_dir: &Path) -> Vec<PathBuf> {
    let inside = data_dir.join(INSIDE);
    let Some(name) = data_dir.file_name() else { return vec![inside] };
    let with = |end: &str| {
        let mut name = name.to_os_string();
        name.push(end);
        data_dir.with_file_name(name)
    };
    vec![with(".witness"), with("-witness").join("newest"), inside]
}

fn open_first(places: &[PathBuf]) -> Result<File, DaemonError> {
    let mut why = String::new();
    for (at, path) in places.iter().enumerate() {
        match open(path) {
            Ok(file) => {
                if at > 0 && at + 1 == places.len() {
                    tracing::warn!(
                        "the witness of a clean restart lies in the data folder ({}): an older \
                         copy of the whole folder is found by the primary only; name a place \
                         outside with `witness`",
                        path.display()
                    );
                }
                return Ok(file);
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(DaemonError::Folder { path: places.last().cloned().unwrap_or_default(), why })
}

fn open(path: &Path) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Of which folder, and how far the log was.
fn known(file: &File) -> Option<(u64, u64)> {
    let place = |at: u64| {
        let mut place = [0; PLACE_LEN];
        file.read_exact_at(&mut place, at * PLACE_LEN as u64).ok()?;
        let word = |from: usize| place[from..from + 8].try_into().map(u64::from_le_bytes).ok();
        let (incarnation, index) = (word(0)?, word(8)?);
        (word(16)? == sum(incarnation, index)).then_some((incarnation, index))
    };
    // The later of two of one folder; of two folders, the one that was written last is not known.
    match (place(0), place(1)) {
        (Some(one), Some(other)) if one.0 == other.0 => Some((one.0, one.1.max(other.1))),
        (Some(_), Some(other)) => Some(other),
        (one, other) => one.or(other),
    }
}

/// Tells a place that was written from one that was not, or half.
fn sum(incarnation: u64, index: u64) -> u64 {
    (incarnation ^ 0x6c69_6374_7265_6521).rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ index.wrapping_mul(0xff51_afd7_ed55_8ccd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(dir: &Path, incarnation: u64, last: u64) -> (Witness, Found) {
        Witness::open(None, &dir.join("hq"), (incarnation, last), false).unwrap()
    }

    #[test]
    fn a_log_that_ends_before_it_was_seen_is_an_older_copy() {
        let dir = tempfile::tempdir().unwrap();
        let new = Witness::open(None, &dir.path().join("hq"), (7, 0), true).unwrap();
        let (mut witness, found) = new;
        assert_eq!(found, Found::Proven);
        (1..=5).for_each(|index| witness.advance(index));
        // The process ends between the log's sync and the witness: the log is ahead.
        assert_eq!(start(dir.path(), 7, 6).1, Found::Proven);
        let (mut unproven, found) = start(dir.path(), 7, 3);
        assert_eq!(found, Found::Later(6));
        // Until it is told to, it keeps what it knows.
        unproven.advance(4);
        assert_eq!(start(dir.path(), 7, 4).1, Found::Later(6));
        unproven.follow();
        unproven.advance(5);
        unproven.advance(6);
        assert_eq!(start(dir.path(), 7, 6).1, Found::Proven);
        assert_eq!(start(dir.path(), 8, 6).1, Found::Another);
    }

    #[test]
    fn a_half_written_place_leaves_the_other_one() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(start(dir.path(), 7, 3).1, Found::Nothing);
        let (mut witness, _) = Witness::open(None, &dir.path().join("hq"), (7, 1), true).unwrap();
        witness.advance(2);
        witness.advance(3);
        let path = dir.path().join("hq.witness");
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut torn = whole.clone();
            torn[at] ^= 0x40;
            std::fs::write(&path, &torn).unwrap();
            let found = start(dir.path(), 7, 3).1;
            assert_eq!(found, Found::Proven, "byte {at}");
            std::fs::write(&path, &whole).unwrap();
        }
        assert_eq!(start(dir.path(), 7, 2).1, Found::Later(3));
    }
}
