//! One license server as a value: engine and group joined. No IO, no clock, no randomness.
//!
//! ```text
//!             Input                                   Effect
//!   request ────────►┌───────────────────┐──► Persist(batch)      to the log, one commit
//!   letter ─────────►│  server::Server   │──► Send(link, letter)  only what is persisted
//!   persisted ──────►│   engine: decides │──► Answer(request, …)  likewise
//!   deadline ───────►│   group:  orders  │──► Checkpoint(rows)    to the rows, own thread
//!                    └───────────────────┘──► (the next deadline is a question)
//! ```
//!
//! Calling order: [`Server::handle`] for everything that waits, then [`Server::effects`] once,
//! carry them all out in order, then wait for more input or [`Server::next_deadline`]. Time never
//! goes back between calls. `Persisted` must be reported in the order of the batches.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod effect;
pub mod input;

use crate::engine::state::State;
use crate::engine::{Deed, Engine};
use crate::group::{Group, GroupStart};
use crate::model::clock::Reading;
use crate::model::command::{Command, CommandBatch, Founding};
use crate::model::holding::Role;
use crate::model::log::{Checkpoint, HardState, LogEntry, LogPosition, RowChange};
use crate::model::row::{Row, RowKey};
use crate::model::time::Timestamp;
use crate::model::tuning::Tuning;
use crate::record;
use effect::Effect;
use input::{Input, Side};
use std::collections::VecDeque;

/// The only member of a server, for now.
const MEMBER: u64 = 1;

/// Why a server recovers that cannot show that its data is its newest.
const UNPROVEN: &str = "nothing proves that this data folder is the newest of this server";
const REPLACES: &str = "this server begins on an empty disk in place of one that is lost";

/// Inputs kept while the server is not ready to decide (one sync at start). Letters beyond are
/// dropped; they are said again.
const EARLY_INPUTS_MAX: usize = 10_000;

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
    /// Whether it is proven that nothing newer was ever written (R10). A relay without proof
    /// recovers first.
    pub proven: bool,
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
    engine: Engine,
    group: Group,
    founding: Founding,
    now: Timestamp,
    /// Inputs that came before the server could decide.
    early: Vec<Input>,
    /// The last reading of the clocks from before that.
    early_reading: Option<Reading>,
    /// Commands that wait for a place in the log.
    queue: VecDeque<Command>,
    /// Bytes of commands on their way to the disk.
    in_flight: VecDeque<(u64, usize)>,
    in_flight_bytes: usize,
    saving: Option<LogPosition>,
    /// The log up to here is saved as rows.
    cut: Option<LogPosition>,
    save_due: Option<Timestamp>,
    save_now: bool,
    log_bytes: u64,
    /// The last entry of the log that is applied.
    applied: u64,
    founded: bool,
    proven: bool,
    /// An error that must stop the process: the log holds what this software cannot read.
    fatal: Option<String>,
}

impl Server {
    /// Loads what was saved and goes through the log above it. Nothing of the past is said again.
    pub fn start(start: Start) -> Result<Server, StartError> {
        let damaged = |error: &dyn std::fmt::Display| StartError::Damaged(error.to_string());
        let founded = !start.rows.is_empty() || !start.entries.is_empty();
        let mut state = State::new(start.founding.clone());
        for row in &start.rows {
            let (key, row) = record::decode_row(row).map_err(|error| damaged(&error))?;
            state.load(key, row);
        }
        state.rebuild();
        let group = Group::start(GroupStart {
            member: MEMBER,
            entropy: start.entropy,
            voters: vec![MEMBER],
            hard_state: start.hard_state,
            cut: start.cut,
            applied: start.rows_at.index,
            entries: start.entries,
        });
        let server = Server {
            engine: Engine::new(state, start.tuning, start.software, start.entropy),
            group: group.map_err(|error| damaged(&error))?,
            founding: start.founding,
            now: start.now,
            early: Vec::new(),
            early_reading: None,
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            saving: None,
            cut: None,
            save_due: None,
            save_now: false,
            log_bytes: 0,
            applied: start.rows_at.index,
            founded,
            proven: start.proven,
            fatal: None,
        };
        server.check_name()?;
        Ok(server)
    }

    fn check_name(&self) -> Result<(), StartError> {
        let found = &self.engine.state().server.founding;
        if found.name != self.founding.name || found.tree != self.founding.tree {
            return Err(StartError::AnotherServer {
                found: format!("{} of tree {}", found.name, found.tree),
                expected: format!("{} of tree {}", self.founding.name, self.founding.tree),
            });
        }
        Ok(())
    }

    /// What it decides by; for reading.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether everything logged before this start is applied and decisions can be taken.
    pub fn is_ready(&self) -> bool {
        self.group.leads()
    }

    /// Why the process must stop, if it must.
    pub fn fatal(&self) -> Option<&str> {
        self.fatal.as_deref()
    }

    /// Takes one input in. Cheap; what follows from it comes out of [`Server::effects`].
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Persisted { number } => self.persisted(number),
            Input::Checkpointed { at } => self.saved(at),
            Input::CheckpointNow => self.save_now = true,
            Input::Clock(reading) if !self.is_ready() => self.early_reading = Some(reading),
            Input::Stopping if !self.is_ready() => {}
            input if !self.is_ready() => {
                let letter = matches!(input, Input::Letter { .. });
                if !letter || self.early.len() < EARLY_INPUTS_MAX {
                    self.early.push(input);
                }
            }
            input => self.take(input),
        }
    }

    fn take(&mut self, input: Input) {
        let now = self.now;
        match input {
            Input::LinkUp { link, peer, side: Side::Above } => {
                self.engine.uplink_up(link, peer, now);
            }
            Input::LinkUp { link, peer, side: Side::Below } => self.engine.downlink_up(link, peer),
            Input::LinkDown { link } => self.engine.link_down(link, now),
            Input::Letter { link, letter } => {
                // More than the disk can take: not heard, so it will be said again.
                if !self.is_behind() {
                    self.engine.receive(link, letter, now);
                }
            }
            Input::Request { id, request } => self.engine.request(id, request, now),
            Input::Seen { link, address } => self.engine.see(link, address),
            Input::Certified { ticket, result } => self.engine.certified(ticket, result, now),
            Input::Credentials { credentials, authorities } => {
                self.engine.set_credentials(credentials);
                self.engine.set_authority_prints(authorities);
            }
            Input::Disk { short } => self.engine.set_disk(short),
            Input::Deadline => self.engine.pass_time(now),
            Input::Clock(reading) => self.engine.read_clock(reading, now),
            Input::Stopping => self.engine.write_time(),
            Input::Persisted { .. } | Input::Checkpointed { .. } | Input::CheckpointNow => {}
        }
    }

    /// How much of the limits of [`Tuning`] is in use, by the names of its fields.
    pub fn usage(&self, now: Timestamp) -> Vec<(&'static str, u64)> {
        let mut usage = self.engine.usage(now);
        usage.push(("in_flight_bytes_max", self.in_flight_bytes as u64));
        usage
    }

    fn is_behind(&self) -> bool {
        let tuning = self.engine.tuning();
        self.in_flight_bytes > tuning.in_flight_bytes_max
            || self.queue.len() > 64 * tuning.entry_commands_max
    }

    /// Everything that must be done now, in order; to be called after each run of inputs.
    pub fn effects(&mut self, now: Timestamp) -> Vec<Effect> {
        self.now = self.now.max(now);
        let mut effects = Vec::new();
        loop {
            self.say(&mut effects);
            let proposed = self.is_ready() && self.propose();
            let worked = self.work(&mut effects);
            self.wake();
            if !proposed && !worked {
                break;
            }
        }
        self.save(&mut effects);
        effects.extend(self.cut.take().map(Effect::CutLog));
        effects
    }

    fn say(&mut self, effects: &mut Vec<Effect>) {
        if !self.is_ready() {
            return;
        }
        for deed in self.engine.deeds(self.now) {
            match deed {
                Deed::Propose(command) => self.queue.push_back(command),
                Deed::Send { link, letter } => effects.push(Effect::Send { link, letter }),
                Deed::Answer { id, answer } => {
                    let log_index = self.applied;
                    effects.push(Effect::Answer { id, answer, log_index });
                }
                Deed::Close { link, why } => effects.push(Effect::Close { link, why }),
                Deed::Certify { ticket, job } => effects.push(Effect::Certify { ticket, job }),
                Deed::Believe(trust) => effects.push(Effect::Believe(trust)),
            }
        }
    }

    /// Puts the queue into the log, a batch an entry. Whether anything was proposed.
    fn propose(&mut self) -> bool {
        let mut proposed = false;
        let room = self.engine.tuning().in_flight_bytes_max;
        while !self.queue.is_empty() && self.in_flight_bytes <= room {
            let data = record::encode_batch(&self.next_batch());
            let bytes = data.len();
            if let Err(error) = self.group.propose(data) {
                self.fatal = Some(format!("the log takes no commands: {error}"));
                break;
            }
            self.in_flight.push_back((self.group.last_position().index, bytes));
            self.in_flight_bytes += bytes;
            self.log_bytes += bytes as u64;
            proposed = true;
        }
        proposed
    }

    fn next_batch(&mut self) -> CommandBatch {
        let tuning = self.engine.tuning();
        let (commands_max, bytes_max) = (tuning.entry_commands_max, tuning.entry_bytes_max);
        let mut batch = CommandBatch { at: self.now, commands: Vec::new() };
        let mut bytes = 0;
        while batch.commands.len() < commands_max && bytes < bytes_max {
            let Some(command) = self.queue.pop_front() else { break };
            bytes += record::command_len(&command);
            batch.commands.push(command);
        }
        batch
    }

    /// Lets the group go on: batches to the disk, agreed entries into the engine.
    fn work(&mut self, effects: &mut Vec<Effect>) -> bool {
        let mut worked = false;
        while let Some(work) = self.group.poll() {
            worked = true;
            effects.extend(work.persist.map(Effect::Persist));
            for entry in &work.committed {
                self.apply(entry);
            }
            self.group.cut(self.group.handed_out().index);
        }
        worked
    }

    fn apply(&mut self, entry: &LogEntry) {
        while self.in_flight.front().is_some_and(|(index, _)| *index <= entry.index) {
            let (_, bytes) = self.in_flight.pop_front().unwrap_or_default();
            self.in_flight_bytes -= bytes;
        }
        self.applied = entry.index;
        if entry.data.is_empty() {
            return;
        }
        match record::decode_batch(&entry.data) {
            Ok(batch) if entry.term < self.group.last_position().term => self.engine.replay(&batch),
            Ok(batch) => self.engine.apply(&batch),
            Err(error) => {
                self.fatal = Some(format!("log entry {} cannot be read: {error}", entry.index));
            }
        }
        if self.save_due.is_none() {
            self.save_due = Some(self.now.after(self.engine.tuning().checkpoint_interval));
        }
    }

    /// The first moment at which decisions can be taken: what came before is taken in now.
    fn wake(&mut self) {
        if !self.is_ready() {
            return;
        }
        if !self.founded {
            self.founded = true;
            self.engine.count_proposal();
            self.queue.push_back(Command::Found(self.founding.clone()));
            // Nobody knows what a primary had: an empty one is the first of its tree.
            self.proven |= self.founding.role == Role::Primary;
            self.begin_without_proof(REPLACES);
        }
        self.begin_without_proof(UNPROVEN);
        if let Some(reading) = self.early_reading.take() {
            self.engine.read_clock(reading, self.now);
        }
        if !self.early.is_empty() {
            for input in std::mem::take(&mut self.early) {
                self.take(input);
            }
        }
    }

    fn begin_without_proof(&mut self, why: &str) {
        if !std::mem::replace(&mut self.proven, true) {
            self.engine.begin_recovery(why);
        }
    }

    fn persisted(&mut self, number: u64) {
        self.group.persisted(number);
    }

    /// Saves dirty rows when it is time, one save at a time.
    fn save(&mut self, effects: &mut Vec<Effect>) {
        let tuning = self.engine.tuning();
        let due = self.save_due.is_some_and(|due| self.now >= due)
            || self.log_bytes > tuning.checkpoint_log_bytes
            || self.engine.state().dirty_len() > tuning.checkpoint_rows_max;
        if self.saving.is_some() || !self.is_ready() || !(due || self.save_now) {
            return;
        }
        self.save_now = false;
        self.save_due = None;
        self.log_bytes = 0;
        let at = self.group.handed_out();
        let mut rows = Vec::with_capacity(self.engine.state().dirty_len());
        let save = |key: &RowKey, row: Option<&Row>| rows.push(record::encode_row(key, row));
        self.engine.state_mut().take_dirty(save);
        self.saving = Some(at);
        effects.push(Effect::Checkpoint(Checkpoint { at, rows }));
    }

    fn saved(&mut self, at: LogPosition) {
        if self.saving == Some(at) {
            self.saving = None;
            self.cut = Some(at);
        }
    }

    /// When [`Input::Deadline`] is due, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if !self.is_ready() {
            return None;
        }
        let save = self.save_due.filter(|_| self.saving.is_none());
        [self.engine.next_deadline(), save].into_iter().flatten().min()
    }
}
