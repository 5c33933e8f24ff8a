//! A server's state and files as one file, and a data folder made of it.
//!
//! ```text
//!   running server ── picture of its rows ── pour ──► head, rows ──┐
//!   data folder    ── identity, authority, lictree.toml ── kept ───┴──► one file
//!
//!   one file ── restore ──► DIR.restoring ── everything written and synced ──► renamed to DIR
//! ```
//! Invariant: a folder that was restored recovers when it is started
//! (`docs/operating/recovery.md`), whatever witness lies beside it. It is made with an incarnation
//! of its own, drawn anew, so a witness that was written before is of another folder, and one of it
//! there is only once a server that was started on it has durably begun to recover.

mod kept;
mod pour;
mod restore;

#[cfg(test)]
mod tests;

pub use crate::store::backup::{
    BackupError, BackupHead, BackupReader, BackupWriter, FILE_BYTES_MAX, FILES_BYTES_MAX,
    FILES_MAX, KeptFile, Part, Whole,
};
pub use crate::store::{FolderMeta, RowsPicture};
pub use kept::{NotKept, kept_files};
pub use pour::pour;
pub use restore::{NotRestored, Restored, restore};
