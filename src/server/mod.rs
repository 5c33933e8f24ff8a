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

use crate::model::command::Founding;
use crate::model::log::{HardState, LogEntry, LogPosition, RowChange};
use crate::model::time::Timestamp;
use crate::model::tuning::Tuning;
use effect::Effect;
use input::Input;

/// What a server is started from.
#[derive(Clone, Debug)]
pub struct Start {
    pub tuning: Tuning,
    /// Who this server is. Its first command on an empty log; checked against the rows later.
    pub founding: Founding,
    /// The version of this software, shown to people.
    pub software: String,
    /// The rows as last saved, and the position they stand at.
    pub rows: Vec<RowChange>,
    pub rows_at: LogPosition,
    pub hard_state: HardState,
    /// The log above `cut`.
    pub entries: Vec<LogEntry>,
    pub cut: LogPosition,
    /// 64 random bits of this start.
    pub entropy: u64,
    pub now: Timestamp,
}

/// Why a server cannot start from what was found on disk.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the data belongs to server {found}, not to {expected}; check data_dir")]
    AnotherServer { found: String, expected: String },
    #[error("the saved state cannot be read: {0}; restore the folder from a backup")]
    Damaged(String),
}

/// One license server.
pub struct Server {
    start: Start,
}

impl Server {
    /// Loads what was saved and goes through the log above it. Effects of the past are not repeated.
    pub fn start(start: Start) -> Result<Server, StartError> {
        Ok(Server { start })
    }

    /// Takes one input in. Cheap; what follows from it comes out of [`Server::effects`].
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        let _ = (now, input, &self.start);
    }

    /// Everything that must be done now, in order; to be called after each run of inputs.
    pub fn effects(&mut self, now: Timestamp) -> Vec<Effect> {
        let _ = now;
        Vec::new()
    }

    /// When [`Input::Deadline`] is due, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }
}
