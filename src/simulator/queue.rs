//! What will happen, in order of time; of two things at one time the one named first.

use crate::simulator::moment::Moment;
use std::collections::BTreeMap;

#[derive(Debug)]
pub struct Queue<E> {
    events: BTreeMap<(Moment, u64), E>,
    sequence: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Queue<E> {
        Queue { events: BTreeMap::new(), sequence: 0 }
    }
}

impl<E> Queue<E> {
    pub fn push(&mut self, at: Moment, event: E) {
        self.sequence += 1;
        self.events.insert((at, self.sequence), event);
    }

    pub fn next_at(&self) -> Option<Moment> {
        self.events.keys().next().map(|(at, _)| *at)
    }

    pub fn pop(&mut self) -> Option<(Moment, E)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }
}
