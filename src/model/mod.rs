//! The words of licensing as small types that cannot hold nonsense.
//!
//! Everything above speaks in these; nothing here does IO, reads a clock or draws a random number.

pub mod count;
pub mod discovery;
pub mod license;
pub mod log;
pub mod name;
pub mod time;
