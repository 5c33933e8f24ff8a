//! What was asked and answered: every operation, when it began and ended, and what came of it.
//!
//! One clock for all, which only rises; no answer is an outcome too. Rules are checked afterwards,
//! by `sweep` and `replay`, and never say more than the history surely does.

use lictree::model::device::{DeviceId, DeviceState};
use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What somebody asked of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Manage(DeviceId),
    Ignore(DeviceId),
    Show(DeviceId),
    /// The same by whoever changes the device, after the process ended that was asked before: what
    /// was not carried out by then never is.
    Settle(DeviceId),
    /// The range whose source this server is.
    Range,
    /// At the primary: this relay is to hold so many; with none it shares.
    Distribute(String, u64),
}

/// What was said to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Managed,
    Ignored,
    /// The range has no license left: the device is not managed, and nothing waits.
    Full,
    /// The source has not answered the wish yet; it may come at any time.
    Pending,
    /// How a device is, and whether something of it waits.
    Shown(DeviceState, bool),
    Figures {
        held: u64,
        used: u64,
    },
    /// The distribution is set: what it was before, and whether all is booked at both ends.
    Distributed {
        before: u64,
        booked: bool,
    },
    /// Refused without effect, with this code.
    Refused(String),
    /// No process was there to be asked.
    NotAsked,
    /// Nobody knows whether it was or will be carried out.
    Unknown,
}

impl Outcome {
    pub fn is_answer(&self) -> bool {
        !matches!(self, Outcome::Unknown | Outcome::NotAsked)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub server: &'static str,
    pub client: usize,
    pub ask: Ask,
    pub began: Duration,
    pub ended: Duration,
    pub outcome: Outcome,
    /// How much of the server's log is in the answer.
    pub index: Option<u64>,
}

impl Operation {
    pub fn device(&self) -> Option<&DeviceId> {
        match &self.ask {
            Ask::Manage(device) | Ask::Ignore(device) => Some(device),
            Ask::Show(device) | Ask::Settle(device) => Some(device),
            Ask::Range | Ask::Distribute(..) => None,
        }
    }

    /// What became of what was asked, in a word.
    pub fn kind(&self) -> &'static str {
        match (&self.ask, &self.outcome) {
            (_, Outcome::Unknown) => "unanswered",
            (_, Outcome::NotAsked) => "not_asked",
            (_, Outcome::Managed) => "granted",
            (_, Outcome::Ignored) => "released",
            (_, Outcome::Full) => "full",
            (_, Outcome::Pending) => "waiting",
            (Ask::Settle(_), Outcome::Shown(..)) => "settled",
            (_, Outcome::Shown(..) | Outcome::Figures { .. }) => "looks",
            (Ask::Distribute(_, 0), Outcome::Distributed { .. }) => "withdrawn",
            (_, Outcome::Distributed { .. }) => "distributed",
            (_, Outcome::Refused(_)) => "refused",
        }
    }

    pub fn is_answered(&self) -> bool {
        self.outcome.is_answer()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operation { server, client, ask, began, ended, outcome, index } = self;
        let (began, ended) = (began.as_secs_f64(), ended.as_secs_f64());
        let index = index.map_or("-".to_string(), |index| index.to_string());
        write!(f, "{began:9.4} {ended:9.4} {server:>5} client {client:<2} log {index:>6}  ")?;
        write!(f, "{ask:?} -> {outcome:?}")
    }
}

/// Where all clients of a run note what they did.
pub struct Recorder {
    begun: Instant,
    operations: Mutex<Vec<Operation>>,
}

impl Recorder {
    pub fn start() -> Recorder {
        Recorder { begun: Instant::now(), operations: Mutex::default() }
    }

    pub fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    pub fn note(&self, operation: Operation) {
        self.operations.lock().unwrap().push(operation);
    }

    /// In the order of their ends.
    pub fn history(&self) -> Vec<Operation> {
        let mut history = self.operations.lock().unwrap().clone();
        history.sort_by_key(|operation| operation.ended);
        history
    }
}

/// Something that must never be, with the operations that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub what: String,
    pub shown_by: Vec<Operation>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        self.shown_by.iter().try_for_each(|operation| writeln!(f, "    {operation}"))
    }
}

/// Operations made by hand, for the tests of the rules; in milliseconds, each at index 5.
#[cfg(test)]
pub mod by_hand {
    use super::{Ask, Operation, Outcome};
    use lictree::model::device::DeviceId;
    use std::time::Duration;

    fn on(server: &str, ask: Ask, began: u64, ended: u64, outcome: Outcome) -> Operation {
        let servers = ["hq", "west", "south"];
        let server = servers.into_iter().find(|one| *one == server).unwrap();
        let (began, ended) = (Duration::from_millis(began), Duration::from_millis(ended));
        let index = (outcome != Outcome::Unknown).then_some(5);
        Operation { server, client: 0, ask, began, ended, outcome, index }
    }

    fn of(id: &str, ask: fn(DeviceId) -> Ask, times: (u64, u64), outcome: Outcome) -> Operation {
        let device: DeviceId = id.parse().unwrap();
        let server = device.managing_source.to_string();
        on(&server, ask(device), times.0, times.1, outcome)
    }

    pub fn manage(id: &str, began: u64, ended: u64, outcome: Outcome) -> Operation {
        of(id, Ask::Manage, (began, ended), outcome)
    }

    pub fn ignore(id: &str, began: u64, ended: u64, outcome: Outcome) -> Operation {
        of(id, Ask::Ignore, (began, ended), outcome)
    }

    pub fn show(id: &str, began: u64, ended: u64, outcome: Outcome) -> Operation {
        of(id, Ask::Show, (began, ended), outcome)
    }

    pub fn settle(id: &str, began: u64, ended: u64, outcome: Outcome) -> Operation {
        of(id, Ask::Settle, (began, ended), outcome)
    }

    pub fn figures(server: &str, began: u64, ended: u64, held: u64, used: u64) -> Operation {
        on(server, Ask::Range, began, ended, Outcome::Figures { held, used })
    }

    pub fn distribute(to: &str, count: u64, began: u64, ended: u64, how: Outcome) -> Operation {
        on("hq", Ask::Distribute(to.to_string(), count), began, ended, how)
    }
}
