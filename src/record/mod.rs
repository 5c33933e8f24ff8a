//! Durable values as bytes and back: commands of the log, and rows of a checkpoint.
//!
//! ```text
//!   CommandBatch ──encode_batch──► bytes of one log entry ──decode_batch──► CommandBatch
//!   RowKey, Row  ──encode_row────► table, key, value      ──decode_row────► RowKey, Row
//! ```
//!
//! Values are prost messages with hand-written field numbers; keys are tuples whose bytes sort as
//! the keys do. What holds for both:
//!
//! - A field is only ever added. Its number and its type never change; a number that fell out of
//!   use is not given out again. Numbers of tables and of enums start at 1 and stay.
//! - A missing field means its default, and nothing else. Zero of an enum is refused: it was never
//!   written.
//! - What this version does not know it refuses (a command, a table, an enum's number). Fields it
//!   does not know it leaves out, so a field that changes what a command does needs a new command.
//! - Equal values have equal bytes. `tests/golden/record/` holds them, and a test that fails when
//!   one changes.
//!
//! Every value has one *form*, the struct that prost derives from ([`form::Form`]). `wire` sends
//! the same forms (docs/decisions/0004): a stored and a sent account are the same bytes.

pub mod account;
pub mod clock;
pub mod column;
pub mod device;
pub mod edge;
pub mod enrolment;
pub mod error;
pub mod field;
pub mod form;
pub mod moving;
pub mod name;
pub mod number;
pub mod outside;
pub mod reconcile;
pub mod recovery;
pub mod report;
pub mod room;

mod batch;
mod command;
mod enrolment_command;
mod key;
mod row;
mod size;

#[cfg(test)]
pub mod arbitrary;
#[cfg(test)]
pub mod golden;
#[cfg(test)]
pub mod sample;
#[cfg(test)]
pub mod sample_clock;
#[cfg(test)]
pub mod sample_enrolment;
#[cfg(test)]
pub mod sample_recovery;
#[cfg(test)]
mod tests;

pub use batch::{decode_batch, encode_batch};
pub use error::RecordError;
pub use key::{decode_key, encode_key};
pub use row::{decode_row, encode_row};
pub use size::command_len;

/// The number of this form of bytes, for whoever keeps them. It rises when bytes of before can no
/// longer be read as they are, and never because a field was added.
pub const FORMAT: u32 = 1;
