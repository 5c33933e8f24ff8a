//! One license server as a value: engine and group joined. No IO, no clock, no randomness.
//!
//! ```text
//!             Input                                   Effect
//!   request ───────────►┌──────────────────────────┐──► Persist(batch)      to the log, one commit
//!   letter from peer ──►│  server::Server          │──► Send(link, letter)  only what is persisted
//!   persisted(batch) ──►│   engine: decides        │──► Answer(request, …)  likewise
//!   deadline reached ──►│   group:  orders         │──► Checkpoint(rows)    to the rows, own thread
//!                       └──────────────────────────┘──► (the next deadline is a question)
//! ```
//!
//! Calling order: [`Server::handle`] for everything that waits, then [`Server::effects`] once, carry
//! them all out in order, then wait for more input or [`Server::next_deadline`]. Time never goes
//! back between calls. `Persisted` must be reported in the order of the batches.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod effect;
pub mod input;
pub mod tuning;
