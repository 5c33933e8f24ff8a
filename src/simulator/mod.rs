//! A whole tree of servers in one thread from one seed: time, lines, disks and faults are drawn,
//! and an oracle that sees everything checks the rules of `docs/internals/safety.md`.
//!
//! ```text
//!   run ── workload (operators, sites) ──► world ◄── faults
//!         joiners (invitations, removals)
//!     └── oracle: ledgers (one server), whole (the tree), promises (what was answered),
//!                 enrolments (who is of the tree), mirror (rows above),
//!                 moves (devices that go elsewhere),
//!                 liveness (after the faults) ── reads ──► truth
//! ```
//! It stands where the daemon stands: it feeds inputs to `server::Server` and carries out its
//! effects. Whose tree it is and what may go wrong is drawn, or a `plan` says it: an `estate`, and
//! `mishaps` by their names. A world without faults also serves to show how a tree behaves.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod entropy;
pub mod moment;
pub mod queue;
pub mod topology;

pub mod authority;
pub mod disk;
pub mod keyring;
pub mod link;
pub mod making;
pub mod network;
pub mod site;
pub mod trace;
pub mod weather;
pub mod world;

mod coming;
mod lines;

pub mod carrying;
pub mod clocks;
pub mod estate;
pub mod faults;
mod full;
pub mod joiners;
pub mod listing;
pub mod mishaps;
pub mod workload;

pub mod agreement;
pub mod enrolments;
pub mod ledgers;
pub mod liveness;
pub mod mirror;
pub mod moves;
pub mod oracle;
pub mod promises;
pub mod set_backs;
pub mod shown;
pub mod truth;
pub mod violation;
pub mod whole;

pub mod figures;
pub mod outcome;
pub mod plan;
pub mod run;
