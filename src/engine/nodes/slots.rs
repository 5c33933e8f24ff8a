//! Where the rows of a table lie: what has one size side by side, the facts one behind the other.
//!
//! ```text
//!   heads   [ 0 │ 1 │ – │ 3 │ … ]          a slot each; – is free
//!   facts   [ of 1 ─ of 0 ─ (dead) ─ of 3 ─ … ]
//! ```
//! One allocation for the facts of all: a box for each row would take sixteen bytes more of it, and
//! as much again of the allocator. Dead facts are swept out when they are a quarter.

use super::order::Slot;
use crate::model::device::DeviceNumber;
use crate::model::packed::{Kind, Packed};
use crate::model::time::Timestamp;

/// Facts begin at a multiple of this, so that four bytes say where.
const STEP: usize = 8;
/// Fewer dead bytes are not worth a sweep.
const DEAD_MIN: usize = 4 << 10;
/// The part by which a list that is full grows: doubling would leave a quarter of it unused.
const GROWTH: usize = 16;

#[derive(Clone, Debug, Default)]
pub struct Slots {
    heads: Vec<Option<Head>>,
    free: Vec<Slot>,
    facts: Vec<u8>,
    /// Bytes of `facts` that are of no row.
    dead: usize,
}

/// What of a row has one size, and where the rest is.
#[derive(Clone, Copy, Debug)]
struct Head {
    version: u64,
    facts_version: u64,
    number: DeviceNumber,
    last_seen: Timestamp,
    /// In steps.
    at: u32,
    len: u16,
    kind: Kind,
}

impl Slots {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.heads.len() - self.free.len()
    }

    pub fn get(&self, slot: Slot) -> Option<Packed<'_>> {
        let head = (*self.heads.get(slot as usize)?)?;
        let at = head.at as usize * STEP;
        let facts = self.facts.get(at..at + usize::from(head.len)).unwrap_or_default();
        let Head { version, facts_version, number, last_seen, kind, .. } = head;
        Some(Packed { version, facts_version, number, last_seen, kind, facts })
    }

    /// Every row, in the order in which they lie.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, Packed<'_>)> {
        let all = 0..Slot::try_from(self.heads.len()).unwrap_or(Slot::MAX);
        all.filter_map(|slot| Some((slot, self.get(slot)?)))
    }

    /// Puts a row where there is none yet.
    pub fn insert(&mut self, row: Packed<'_>) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            room_for(&mut self.heads, 1);
            self.heads.push(None);
            Slot::try_from(self.heads.len() - 1).unwrap_or(Slot::MAX)
        });
        self.put(slot, row);
        slot
    }

    /// Puts a row in place of the one in a slot.
    pub fn put(&mut self, slot: Slot, row: Packed<'_>) {
        let place = self.heads.get(slot as usize).copied().flatten();
        let room = place.map_or(0, |head| whole_steps(head.len.into()));
        let at = match place {
            Some(head) if row.facts.len() <= room => {
                self.dead += room - whole_steps(row.facts.len());
                head.at as usize * STEP
            }
            _ => {
                self.dead += room;
                self.append(whole_steps(row.facts.len()))
            }
        };
        self.facts[at..at + row.facts.len()].copy_from_slice(row.facts);
        let Packed { version, facts_version, number, last_seen, kind, facts } = row;
        let at = u32::try_from(at / STEP).unwrap_or(u32::MAX);
        let len = u16::try_from(facts.len()).unwrap_or(u16::MAX);
        let head = Head { version, facts_version, number, last_seen, at, len, kind };
        if let Some(place) = self.heads.get_mut(slot as usize) {
            *place = Some(head);
        }
        self.sweep();
    }

    /// The row in a slot was seen again; nothing else of it changes.
    pub fn see(&mut self, slot: Slot, version: u64, at: Timestamp) {
        if let Some(head) = self.heads.get_mut(slot as usize).and_then(Option::as_mut) {
            head.version = version;
            head.last_seen = at;
        }
    }

    pub fn remove(&mut self, slot: Slot) {
        let Some(head) = self.heads.get_mut(slot as usize).and_then(Option::take) else { return };
        self.free.push(slot);
        self.dead += whole_steps(head.len.into());
        self.sweep();
    }

    /// What it takes of the memory, in bytes, without what the allocator adds.
    pub fn memory(&self) -> usize {
        let (heads, free) = (self.heads.capacity(), self.free.capacity());
        heads * size_of::<Option<Head>>() + free * size_of::<Slot>() + self.facts.capacity()
    }

    /// Room for so many bytes behind all facts; where it begins.
    fn append(&mut self, bytes: usize) -> usize {
        let at = self.facts.len();
        room_for(&mut self.facts, bytes);
        self.facts.resize(at + bytes, 0);
        at
    }

    /// Moves the facts together when too many are dead.
    fn sweep(&mut self) {
        if self.dead < DEAD_MIN || self.dead < self.facts.len() / 4 {
            return;
        }
        let old = std::mem::take(&mut self.facts);
        self.facts.reserve_exact(old.len() - self.dead);
        for head in self.heads.iter_mut().flatten() {
            let (from, len) = (head.at as usize * STEP, whole_steps(head.len.into()));
            let at = self.facts.len();
            self.facts.extend_from_slice(old.get(from..from + len).unwrap_or_default());
            head.at = u32::try_from(at / STEP).unwrap_or(u32::MAX);
        }
        self.dead = 0;
    }
}

fn whole_steps(len: usize) -> usize {
    len.next_multiple_of(STEP)
}

fn room_for<T>(list: &mut Vec<T>, more: usize) {
    if list.len() + more > list.capacity() {
        list.reserve_exact(more + list.len() / GROWTH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn row(number: u64, facts: &[u8]) -> Packed<'_> {
        let number = DeviceNumber(number);
        Packed { number, facts, ..Packed::gone(number, 1) }
    }

    proptest! {
        /// Facts are found again wherever others grow, shrink and go around them.
        #[test]
        fn rows_stay_what_they_are(
            changes in prop::collection::vec((0u64..40, 0usize..400), 1..2_000)
        ) {
            let (mut slots, mut plain) = (Slots::default(), BTreeMap::new());
            for (at, (number, len)) in changes.into_iter().enumerate() {
                let facts = vec![at as u8; len];
                match plain.get(&number).map(|(slot, _)| *slot) {
                    Some(slot) if len < 100 => {
                        slots.remove(slot);
                        plain.remove(&number);
                    }
                    Some(slot) => {
                        slots.put(slot, row(number, &facts));
                        plain.insert(number, (slot, facts));
                    }
                    None => {
                        plain.insert(number, (slots.insert(row(number, &facts)), facts));
                    }
                }
            }
            prop_assert_eq!(slots.rows(), plain.len());
            for (number, (slot, facts)) in &plain {
                let found = slots.get(*slot).unwrap();
                prop_assert_eq!((found.number.0, found.facts), (*number, facts.as_slice()));
            }
            let live: usize = plain.values().map(|(_, facts)| whole_steps(facts.len())).sum();
            prop_assert_eq!(slots.facts.len(), live + slots.dead);
            prop_assert!(slots.dead <= DEAD_MIN.max(slots.facts.len() / 4));
        }
    }

    #[test]
    fn a_head_is_small() {
        assert!(size_of::<Option<Head>>() <= 40, "{}", size_of::<Option<Head>>());
    }
}
