//! The words of licensing as small types that cannot hold nonsense.
//!
//! Everything above speaks in these; nothing here does IO, reads a clock or draws a random number.
//! Suggested reading order: `holding`, `account`, `edge`, `command`, `letter`.

pub mod count;
pub mod name;
pub mod node_query;
pub mod node_rows;
pub mod packed;
pub mod spelling;
pub mod text;
pub mod time;
pub mod tuning;

pub mod discovery;
pub mod license;

pub mod account;
pub mod audit;
pub mod clock;
pub mod device;
pub mod disk;
pub mod edge;
pub mod enrolment;
pub mod holding;
pub mod report;

pub mod command;
pub mod event;
pub mod letter;
pub mod log;
pub mod moving;
pub mod reconcile;
pub mod recovery;
pub mod refusal;
pub mod request;
pub mod row;
pub mod scan;
pub mod view;
