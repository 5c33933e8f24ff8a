//! Relays that fall silent and come back; the primary's event log tells of both.
//!
//! ```text
//!   first word ──► online ──two intervals without a word──► offline ──a word──► online …
//!                                 server.offline                 server.online
//! ```
//! All of it is volatile: a relay that was not heard in this start neither goes nor comes back.

use super::Engine;
use super::tree::Heard;
use crate::model::command::Command;
use crate::model::name::ServerName;
use crate::model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Kinds of the lines about them.
pub(super) const KINDS: [&str; 2] = ["server.offline", "server.online"];

#[derive(Debug, Default)]
pub(super) struct Absences {
    /// When each relay that is online is offline, if it says nothing before.
    due: BTreeSet<(Timestamp, ServerName)>,
    /// Who is offline, and when it was heard last.
    away: BTreeMap<ServerName, Timestamp>,
}

impl Absences {
    /// When the next relay is offline, if nobody is heard before.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }
}

impl Heard {
    /// The first moment at which this server is offline without a further word.
    fn silent_at(&self) -> Timestamp {
        let allowed_ms = self.presence.interval_ms.saturating_mul(2);
        self.at.after(Duration::from_millis(allowed_ms.saturating_add(1)))
    }
}

impl Engine {
    /// Writes such a line; of a relay that comes and goes all the time, not each. It begins with
    /// the relay's name.
    pub(super) fn note_absence(&mut self, kind: &str, text: &str) {
        let name = text.split_inclusive(' ').next().unwrap_or_default();
        self.note_sparingly(kind, name, text.to_string());
    }

    /// Primary: a relay is heard again; to be told before it is noted as heard.
    pub(super) fn watch(&mut self, heard: &Heard) {
        if !self.state.is_primary() {
            return;
        }
        let name = &heard.presence.name;
        if let Some(before) = self.heard.get(name) {
            self.absences.due.remove(&(before.silent_at(), name.clone()));
        }
        self.absences.due.insert((heard.silent_at(), name.clone()));
        if let Some(last) = self.absences.away.remove(name) {
            let s = heard.at.since(last).as_secs();
            let text = format!("{name} is online again, after {s} s without a word");
            self.propose(Command::Note { kind: "server.online".to_string(), text });
        }
    }

    /// Primary: notes who has been silent for too long by now.
    pub(super) fn note_absences(&mut self, now: Timestamp) {
        while self.absences.next().is_some_and(|at| at <= now) {
            let Some((at, name)) = self.absences.due.pop_first() else { return };
            // Whoever was removed meanwhile is not waited for.
            let Some(heard) = self.heard.get(&name).filter(|heard| heard.silent_at() == at) else {
                continue;
            };
            let last = heard.at;
            let s = now.since(last).as_secs();
            let text = format!("{name} is offline: not a word for {s} s");
            self.propose(Command::Note { kind: "server.offline".to_string(), text });
            self.absences.away.insert(name, last);
        }
    }
}
