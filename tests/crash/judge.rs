//! Whether a server that starts from what is left of its disk knows all that it said, and nothing
//! that its log does not say.
//!
//! ```text
//!   log of the play ──► what each prefix of it makes of nothing: sums of rows
//!                                         ▲ equal?
//!   what is left ──open──► rows, entries ─┴─► Server::start ──► its rows, its counts
//! ```

use crate::history::{History, Moment};
use crate::site;
use lictree::daemon::DaemonError;
use lictree::engine::Engine;
use lictree::engine::state::State;
use lictree::model::device::DeviceState;
use lictree::model::log::{Checkpoint, LogPosition, RowChange};
use lictree::model::name::ProductName;
use lictree::record;
use lictree::server::Server;
use lictree::server::effect::Effect;
use lictree::server::input::Input;
use lictree::simulator::topology::Topology;
use lictree::simulator::truth::{Truth, truth_of};
use lictree::simulator::violation::Findings;
use lictree::simulator::whole::Whole;
use lictree::store::{LossyDisk, Recovered};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

/// Rows by table and key.
type Rows = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

/// One server's past, with the disk that it happened to, and what the other one knew meanwhile.
pub struct Judge<'a> {
    pub history: &'a History,
    pub disk: &'a LossyDisk,
    other: &'a History,
    /// Whether it is the primary.
    above: bool,
    /// What the rows add up to after each prefix of the log.
    sums: Vec<u64>,
    /// Starts that were tried already, and pairs of servers that were looked at: what they come to
    /// hangs on nothing else.
    started: Mutex<BTreeSet<(LogPosition, u64, u64, LogPosition)>>,
    paired: Mutex<BTreeSet<(u64, u64)>>,
}

/// What comes of opening a disk.
pub enum Start {
    Found(Recovered),
    /// With the code that people see.
    Refused(&'static str, String),
}

impl<'a> Judge<'a> {
    pub fn both(played: &'a [(History, LossyDisk); 2]) -> [Judge<'a>; 2] {
        let judge = |of: usize| {
            let ((history, disk), (other, _)) = (&played[of], &played[1 - of]);
            let (started, paired) = Default::default();
            let (sums, above) = (sums_of(history), of == 0);
            Judge { history, disk, other, above, sums, started, paired }
        };
        [judge(0), judge(1)]
    }

    /// Starts from this disk, whose power went at this moment.
    pub fn judge(&self, at: Moment, disk: &LossyDisk) -> Result<Recovered, String> {
        let (.., found) = site::open(disk).map_err(|error| format!("refused: {error}"))?;
        self.check(at, self.history.possible(at), &found)?;
        Ok(found)
    }

    pub fn start_from(&self, disk: &LossyDisk) -> Start {
        match site::open(disk) {
            Ok((.., found)) => Start::Found(found),
            Err(error) => {
                let why = error.to_string();
                Start::Refused(DaemonError::from(error).code(), why)
            }
        }
    }

    /// What was found after a cut at this moment, when the log could not reach beyond `possible`.
    pub fn check(&self, at: Moment, possible: u64, found: &Recovered) -> Result<(), String> {
        let last = self.check_log(self.history.promised(at)..=possible, found)?;
        for beside in self.history.beside(at) {
            if first_time(&self.paired, (last, beside)) {
                self.check_pair(last, beside)?;
            }
        }
        Ok(())
    }

    /// What was found is what a log makes that ends at one of these entries. Answers at which.
    pub fn check_log(
        &self,
        allowed: RangeInclusive<u64>,
        found: &Recovered,
    ) -> Result<u64, String> {
        let rows_at = found.rows.at;
        let last = found.entries.last().map_or(rows_at.index, |entry| entry.index);
        if last < *allowed.start() {
            return Err(format!("ends at {last}; what was said rests on {}", allowed.start()));
        }
        if last > *allowed.end() {
            return Err(format!("ends at {last}, and only {} was written", allowed.end()));
        }
        let written = &self.history.entries()[rows_at.index as usize..last as usize];
        if found.entries != written {
            return Err(format!("entries {} to {last} are others", rows_at.index + 1));
        }
        if sum(&rows_of(&found.rows)) != self.sums[rows_at.index as usize] {
            return Err(format!("rows at {} are not what the log makes", rows_at.index));
        }
        if first_time(&self.started, (rows_at, last, found.hard_state.commit, found.cut)) {
            self.start(last, found)?;
        }
        Ok(last)
    }

    /// How many starts were tried that differ.
    pub fn starts(&self) -> u64 {
        self.started.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// Starts a server; it must know what it knew when its log stood there.
    fn start(&self, last: u64, found: &Recovered) -> Result<(), String> {
        let now = crate::pair::BEGIN;
        let begin = site::start(self.history.founding(), self.history.tuning(), found.clone(), now);
        let mut server = Server::start(begin).map_err(|error| error.to_string())?;
        // Its first entry is durable; then it is through with its log.
        for effect in server.effects(now) {
            if let Effect::Persist(batch) = effect {
                server.handle(now, Input::Persisted { number: batch.number });
            }
        }
        drop(server.effects(now));
        if let Some(why) = server.fatal() {
            return Err(why.to_string());
        }
        let known = self.history.truth(last);
        let known = known.ok_or_else(|| format!("ends at {last}, within a commit"))?;
        if truth_of(&server) != *known {
            return Err(format!("at {last} it knows other things than it did"));
        }
        check_counts(server.engine().state(), known)?;
        server.handle(now, Input::CheckpointNow);
        let mut rows = rows_of(&found.rows);
        for effect in server.effects(now) {
            if let Effect::Checkpoint(saved) = effect {
                change(&mut rows, saved.rows);
            }
        }
        match sum(&rows) == self.sums[last as usize] {
            true => Ok(()),
            false => Err(format!("rows after a start at {last} are not what the log makes")),
        }
    }

    /// The server as it comes back, and the other as it stands: every license and every use once.
    fn check_pair(&self, last: u64, beside: u64) -> Result<(), String> {
        let (Some(own), Some(other)) = (self.history.truth(last), self.other.truth(beside)) else {
            return Err(format!("nothing is known of {last} beside {beside}"));
        };
        let (own, other) = (own.clone(), other.clone());
        let truths = if self.above { [own, other] } else { [other, own] };
        let (topology, none) = (Topology::chain(2), BTreeSet::new());
        let mut out = Findings::at(Default::default());
        Whole {
            topology: &topology,
            truths: &truths,
            apart: &none,
            uses_are_known: true,
            counts_are_known: true,
            gone: &none,
            moved: &none,
        }
        .check(&mut out);
        match out.into_violations().first() {
            None => Ok(()),
            Some(violation) => Err(format!("{last} beside {beside}: {violation}")),
        }
    }
}

fn first_time<T: Ord>(known: &Mutex<BTreeSet<T>>, case: T) -> bool {
    known.lock().unwrap_or_else(PoisonError::into_inner).insert(case)
}

/// What every prefix of a log makes of nothing.
fn sums_of(history: &History) -> Vec<u64> {
    let state = State::new(history.founding().clone());
    let mut engine = Engine::new(state, history.tuning().clone(), String::new(), 0);
    engine.state_mut().rebuild();
    let mut rows = Rows::new();
    let mut sums = vec![0];
    for entry in history.entries() {
        if !entry.data.is_empty() {
            engine.replay(&record::decode_batch(&entry.data).unwrap());
        }
        let mut changes = Vec::new();
        engine.state_mut().take_dirty(|key, row| changes.push(record::encode_row(key, row)));
        change(&mut rows, changes);
        sums.push(sum(&rows));
    }
    sums
}

fn rows_of(checkpoint: &Checkpoint) -> Rows {
    let mut rows = Rows::new();
    change(&mut rows, checkpoint.rows.clone());
    rows
}

fn change(rows: &mut Rows, changes: Vec<RowChange>) {
    for RowChange { table, key, value } in changes {
        match value {
            Some(value) => rows.insert((table, key), value),
            None => rows.remove(&(table, key)),
        };
    }
}

fn sum(rows: &Rows) -> u64 {
    let one = |row: (&(u8, Vec<u8>), &Vec<u8>)| {
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        hasher.finish()
    };
    rows.iter().map(one).fold(0, u64::wrapping_add)
}

/// I2 by counting anew: every figure that is kept beside its rows.
fn check_counts(state: &State, truth: &Truth) -> Result<(), String> {
    for (product, ledger) in &state.ledgers {
        let (kept, counted) = (ledger.used(), ledger.used_counted());
        if kept != counted {
            return Err(format!("{kept} uses of {product} by figure, {counted} by entry"));
        }
    }
    let mut managed: BTreeMap<ProductName, u64> = BTreeMap::new();
    for row in state.devices.values().filter(|row| row.device.state == DeviceState::Managed) {
        if let Some(product) = &row.device.product {
            *managed.entry(product.clone()).or_default() += 1;
        }
    }
    let mut kept = state.managed.clone();
    kept.retain(|_, count| *count > 0);
    if kept != managed {
        return Err(format!("managed: {kept:?} by figure, {managed:?} by device"));
    }
    for (product, known) in &truth.products {
        if (known.own() < 0 && !truth.has_expired) || known.returned > known.granted_seen {
            return Err(format!("I2: {product} of {}: {known:?}", state.name()));
        }
    }
    Ok(())
}
