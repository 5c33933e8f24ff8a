//! The event log: what happened, for people. The last `events_kept` lines are kept.

use super::Engine;
use crate::model::event::Event;
use crate::model::row::RowKey;
use crate::model::time::Timestamp;
use crate::model::view::EventView;
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

/// So many lines that peers bring about come at once, and then one in such a time.
const AT_ONCE: u32 = 20;
const EVERY: Duration = Duration::from_secs(60);

impl Engine {
    /// Writes a line. Part of applying: equal logs give equal lines.
    pub(super) fn note(&mut self, kind: &str, text: String) {
        let number = self.state.server.event_last + 1;
        self.state.server.event_last = number;
        let event = Event { number, at: self.applying_at, kind: kind.to_string(), text };
        self.state.events.insert(number, event);
        self.state.touch(RowKey::Event(number));
        self.state.touch(RowKey::Server);
        if number > self.tuning.events_kept {
            let old = number - self.tuning.events_kept;
            if self.state.events.remove(&old).is_some() {
                self.state.touch(RowKey::Event(old));
            }
        }
    }

    /// The same where a peer can bring the line about as often as it likes: of those of a kind that
    /// are about this one, twenty at once, and then one a minute. The log itself says how many
    /// there were, so equal logs still give equal lines.
    pub(super) fn note_sparingly(&mut self, kind: &str, about: &str, text: String) {
        let newest = self.state.events.values().rev();
        let lately = newest.take_while(|event| self.applying_at.since(event.at) < AT_ONCE * EVERY);
        let same: Vec<Timestamp> = lately
            .filter(|event| event.kind == kind && event.text.starts_with(about))
            .map(|event| event.at)
            .take(AT_ONCE as usize)
            .collect();
        let is_pause_over = same.first().is_none_or(|at| self.applying_at.since(*at) >= EVERY);
        if same.len() < AT_ONCE as usize || is_pause_over {
            self.note(kind, text);
        }
    }

    /// Lines after a number, oldest first; the last `limit` of all when the number is 0.
    pub fn events(&self, after: u64, limit: usize) -> Vec<EventView> {
        let limit = limit.min(self.tuning.page_rows_max);
        let lines = self.state.events.range((Excluded(after), Unbounded)).map(|(_, event)| event);
        let skip = match after {
            0 => self.state.events.len().saturating_sub(limit),
            _ => 0,
        };
        let view = |event: &Event| EventView {
            number: event.number,
            at: event.at,
            kind: event.kind.clone(),
            text: event.text.clone(),
        };
        lines.skip(skip).take(limit).map(view).collect()
    }
}
