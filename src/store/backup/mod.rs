//! A backup: everything a server must have to be itself again, as one file.
//!
//! ```text
//!   "lictree backup\n"                  not in a frame: it tells what file this is
//!   head    format, whose state, when, at which position, how many rows
//!   rows    some rows, in the order of their keys; as often as it takes
//!   file    one small file of the data folder; as often as it takes
//!   end     how many rows and files there were; nothing stands behind it
//!
//!   frame:  kind, 1 byte │ length of the rest, 4 bytes, low one first │ checksum, 8 │ body
//! ```
//! The checksum covers kind, number and body of a frame, so frames that are damaged, lost, doubled
//! or exchanged are found; the end frame finds what was cut off. Checksums find accidents, not
//! intent: whoever can write the file can make another one.
//!
//! Bodies are prost messages, and a field is only ever added. Head and framing can never change:
//! they are read before the format number is known.
//!
//! - `frame`: bytes to frames and back. `form`: their bodies. `write`, `read`: frames in order.

mod form;
mod frame;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::{BackupReader, Part, Whole, decode_part};
pub use write::{BackupWriter, RowsPiece};

use crate::model::holding::Role;
use crate::model::log::LogPosition;
use crate::model::text::plain;
use crate::model::time::Timestamp;
use crate::record::RecordError;
use crate::store::FolderMeta;

/// What a backup begins with.
pub(crate) const MAGIC: &[u8] = b"lictree backup\n";
/// The format this program writes, and the oldest a program must know to read that.
const FORMAT: u32 = 1;
const LOWEST_READER: u32 = 1;

/// The longest frame: a row may have 33 MiB (`StoreLimits::value_bytes_max`), and others stand
/// before it.
pub const FRAME_BYTES_MAX: usize = 34 << 20;
/// Rows of one frame.
pub const ROWS_PER_FRAME_MAX: usize = 4_096;
/// From this many bytes on a frame of rows takes no more.
const PIECE_BYTES: usize = 256 << 10;
/// The largest file, all files together, and how many: a primary may keep a thousand authorities.
pub const FILE_BYTES_MAX: usize = 1 << 20;
pub const FILES_BYTES_MAX: usize = 64 << 20;
pub const FILES_MAX: usize = 4_096;
/// The longest path of a file, in bytes, and its most parts.
const PATH_BYTES_MAX: usize = 128;
const PATH_PARTS_MAX: usize = 4;
/// The longest name of the software that wrote it.
const SOFTWARE_BYTES_MAX: usize = 128;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupHead {
    pub folder: FolderMeta,
    pub role: Role,
    /// By the server's clock.
    pub taken_at: Timestamp,
    /// The last change that is in it.
    pub at: LogPosition,
    /// Never 0: a server with no rows has nothing that could come back.
    pub rows: u64,
    pub software: String,
}

/// A small file of a data folder, by its path in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    path: String,
    bytes: Vec<u8>,
}

impl KeptFile {
    /// A file with a plain path (`identity/identity.pem`): nothing in it leads out of the folder,
    /// is hidden, or needs care when it is shown.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(path: &str, bytes: Vec<u8>) -> Result<KeptFile, String> {
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let part =
            |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(letter);
        let parts = path.split('/').count() <= PATH_PARTS_MAX && path.split('/').all(part);
        if path.len() > PATH_BYTES_MAX || !parts {
            let shown: String = plain(path).chars().take(PATH_BYTES_MAX).collect();
            return Err(format!("\"{shown}\" is no path of a file that a backup may hold"));
        }
        if bytes.len() > FILE_BYTES_MAX {
            return Err(format!(
                "the file {path} has {} bytes, and at most {FILE_BYTES_MAX} fit",
                bytes.len()
            ));
        }
        Ok(KeptFile { path: path.to_string(), bytes })
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why bytes are no whole backup. Nothing was taken from them that may be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    #[error("it does not begin as a backup of lictree does")]
    Other,
    #[error("it ends after {bytes} bytes, in the middle: the rest was cut off, or never written")]
    CutOff { bytes: u64 },
    #[error(
        "it is of format {found}, which needs a reader of format {lowest_reader}; this program \
             reads up to format {ours}"
    )]
    Newer { found: u32, lowest_reader: u32, ours: u32 },
    #[error("it is damaged at byte {at}: {found}")]
    Damaged { at: u64, found: String },
}

impl BackupError {
    fn damaged(at: u64, found: impl ToString) -> BackupError {
        BackupError::Damaged { at, found: found.to_string() }
    }

    fn unread(at: u64, error: &RecordError) -> BackupError {
        BackupError::damaged(at, plain(&error.to_string()))
    }
}
