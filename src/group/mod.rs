//! How the members of one server agree on the order of commands: raft, driven without IO.
//!
//! Commands are opaque bytes here, one log entry is one batch of them, and nothing in this folder
//! reads a clock, draws a random number or touches a disk. The server asks what must be done and
//! reports what is durable:
//!
//! ```text
//!    server                         Group                          disk
//!      │ propose(data) ──────────────►│                              │
//!      │ poll() ─────────────────────►│                              │
//!      │◄── Work{persist: batch 7} ───│                              │
//!      │ ───────────────────────── batch 7 ─────────────────────────►│
//!      │ propose, poll: batch 8, 9 …  │      (several in flight)     │
//!      │◄──────────────────────── 7 is durable ──────────────────────│
//!      │ persisted(7) ───────────────►│                              │
//!      │ poll() ─────────────────────►│                              │
//!      │◄── Work{committed: […]} ─────│                              │
//! ```
//!
//! Invariants: an entry is handed out as committed once, in index order, and only after this
//! member's disk has it; batch numbers rise by one; nothing of raft's own types leaves this folder.
//!
//! Every group has one member today. It runs the code that several would run: an election it
//! wins alone and a majority of one. What several members add is named where it will stand.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod election;
mod error;
mod limits;
mod ordering;
mod start;
mod tail;

pub use error::GroupError;
pub use limits::GroupLimits;
pub use ordering::{Group, Work};
pub use start::GroupStart;

#[cfg(test)]
mod tests;
