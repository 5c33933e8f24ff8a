//! What a server must remember between two starts, on disk and back.
//!
//! ```text
//!   group ──LogBatch──► LogStore ──► log.redb   entries, hard state, cut       (one thread)
//!                           │            └─ log.witness    how many commits were acknowledged
//!   engine ─Checkpoint► RowStore ──► rows.redb  rows, the position they stand at (another)
//!                           │            └─ rows.witness
//!   start:  open(dir) ──► LogStore, RowStore, Recovered (rows, the log above them, hard state)
//!   backup: RowStore ──RowsPicture──► the rows of one moment ──► backup: frames of one file
//! ```
//!
//! Invariants:
//! - What `append` or `checkpoint` answered `Ok` to is found by every later `open`, or that open
//!   refuses; nothing is ever stepped back or skipped in silence.
//! - Every value carries a checksum over its table, its key and itself; the log is without gaps;
//!   the rows carry their number and the sum of their checksums.
//! - After a failed write or sync a store refuses everything: the process must end, because what
//!   the disk then holds is known only to a fresh start. No sync is ever tried twice. A write that
//!   found no room is, once, when the reserve is gone (`reserve`): before redb hears of it.
//!
//! Rows are opaque bytes here; `record` gives them meaning. Both stores block; each belongs to
//! one thread. [`LossyDisk`] stands in for the disk in tests and loses what was not synced.

pub mod backup;

mod backend;
mod durable;
mod error;
mod folder;
mod log;
mod picture;
mod reserve;
mod rows;
mod value;
mod witness;

#[cfg(test)]
mod tests;

pub use backend::{LossyBackend, LossyDisk, Past, Survivors};
pub use error::StoreError;
pub use folder::{
    FolderFiles, FolderMeta, Recovered, StoreLimits, create, create_on, open, open_on,
    open_with_reserve,
};
pub use log::LogStore;
pub use picture::RowsPicture;
pub use reserve::{Reserve, is_full};
pub use rows::RowStore;
