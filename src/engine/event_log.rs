//! The event log: what happened, for people. The last `events_kept` lines are kept.

use super::Engine;
use crate::model::event::Event;
use crate::model::row::RowKey;
use crate::model::view::EventView;
use std::ops::Bound::{Excluded, Unbounded};

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
