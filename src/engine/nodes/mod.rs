//! The nodes of one managing source: rows in few bytes, and every order that people list them in.
//!
//! ```text
//!   merge (report) ──► put, see, remove ──► slots   [ row row … ]      slots
//!                                           orders  by number, version, last seen, name, address
//!   node list ◄── query ◄── from(order, place) ◄──┘                    order
//! ```
//! Invariants
//! - Every row is in `by_number` and `by_version` once; every row that is not gone also in the
//!   three orders for people, and in `counts`. Nothing else is in any of them.
//! - A row changes only through `put`, `see` and `remove`, which move it in all orders.

pub mod fits;
pub mod order;
pub mod query;
pub mod slots;

#[cfg(test)]
mod tests;

use super::digest;
use crate::model::device::{Device, DeviceNumber, DeviceState};
use crate::model::packed::{self, Packed};
use crate::model::report::RowName;
use crate::model::time::Timestamp;
use crate::model::view::NodeCounts;
use order::{Order, Slot};
use slots::Slots;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Where a row stands among those of its table, by what people sort by. Ties go by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place<'a> {
    /// Newest first.
    Seen(Reverse<Timestamp>, DeviceNumber),
    /// Without a name last.
    Name(bool, &'a str, DeviceNumber),
    /// By the first address; without one last.
    Address(bool, Option<IpAddr>, DeviceNumber),
    Number(DeviceNumber),
}

impl<'a> Place<'a> {
    /// The place of everything that is alike in what is sorted by.
    pub fn without_number(self) -> Place<'a> {
        let any = DeviceNumber(0);
        match self {
            Place::Seen(at, _) => Place::Seen(at, any),
            Place::Name(none, name, _) => Place::Name(none, name, any),
            Place::Address(none, address, _) => Place::Address(none, address, any),
            Place::Number(_) => Place::Number(any),
        }
    }
}

/// What rows may be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Seen,
    Name,
    Address,
    Number,
}

/// Some rows of a table; good until it changes.
#[derive(Clone, Debug, Default)]
pub struct Marks(Vec<u64>);

impl Marks {
    fn put(&mut self, slot: Slot) {
        let word = (slot / u64::BITS) as usize;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (slot % u64::BITS);
    }

    fn has(&self, slot: Slot) -> bool {
        let word = self.0.get((slot / u64::BITS) as usize);
        word.is_some_and(|word| word >> (slot % u64::BITS) & 1 == 1)
    }
}

#[derive(Clone, Debug, Default)]
pub struct NodeTable {
    slots: Slots,
    by_number: Order,
    by_version: Order,
    by_seen: Order,
    by_name: Order,
    by_address: Order,
    /// Rows of deleted nodes, by the number of the deletion.
    gone: BTreeSet<(u64, DeviceNumber)>,
    counts: NodeCounts,
}

impl NodeTable {
    pub fn counts(&self) -> NodeCounts {
        self.counts
    }

    /// How many rows there are, those of deleted nodes included.
    pub fn len(&self) -> usize {
        self.slots.rows()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, number: DeviceNumber) -> Option<Packed<'_>> {
        self.slot_of(number).and_then(|slot| self.slots.get(slot))
    }

    /// Puts a node in place of what was known of it.
    pub fn put(&mut self, number: DeviceNumber, version: u64, device: &Device) {
        let facts = packed::pack(device);
        self.set(Packed::node(number, version, device, &facts));
    }

    /// A node was deleted with this number.
    pub fn put_gone(&mut self, number: DeviceNumber, version: u64) {
        self.set(Packed::gone(number, version));
    }

    /// A node was seen again and is otherwise as it was; whether there is one to be seen.
    pub fn see(&mut self, number: DeviceNumber, version: u64, at: Timestamp) -> bool {
        let Some(slot) = self.slot_of(number) else { return false };
        let Some(row) = self.slots.get(slot).filter(|row| row.state().is_some()) else {
            return false;
        };
        let (old, seen) = (version_of(&row), seen_of(&row));
        remove(&mut self.by_version, &self.slots, slot, old, version_of);
        remove(&mut self.by_seen, &self.slots, slot, seen, seen_of);
        self.slots.see(slot, version, at);
        let place = Place::Seen(Reverse(at), number);
        insert(&mut self.by_version, &self.slots, slot, (version, number), version_of);
        insert(&mut self.by_seen, &self.slots, slot, place, seen_of);
        true
    }

    /// Forgets a row; whether there was one.
    pub fn remove(&mut self, number: DeviceNumber) -> bool {
        let Some(slot) = self.slot_of(number) else { return false };
        remove(&mut self.by_number, &self.slots, slot, number, number_of);
        self.take_out(slot);
        self.slots.remove(slot);
        true
    }

    /// Forgets the deletions up to a number.
    pub fn forget_gone(&mut self, upto: u64) -> Vec<DeviceNumber> {
        let old = self.gone.range(..=(upto, DeviceNumber(u64::MAX)));
        let old: Vec<DeviceNumber> = old.map(|(_, number)| *number).collect();
        for number in &old {
            self.remove(*number);
        }
        old
    }

    /// Every row changed after a number, oldest change first.
    pub fn after(&self, version: u64) -> impl Iterator<Item = Packed<'_>> {
        let place = self.by_version.place(|slot| self.is(slot, |row| row.version <= version));
        self.rows(self.by_version.from(place))
    }

    /// The highest number of a change; 0 without rows.
    pub fn newest(&self) -> u64 {
        let last = self.by_version.last().and_then(|slot| self.slots.get(slot));
        last.map_or(0, |row| row.version)
    }

    /// Every node with its digest.
    pub fn digests(&self) -> impl Iterator<Item = (RowName, u64)> {
        let digest = |row: Packed<'_>| Some((RowName::Device(row.number), digest::of_node(row)?));
        self.by_number().filter_map(digest)
    }

    /// Every row in the order of the numbers, deleted ones included.
    pub fn by_number(&self) -> impl Iterator<Item = Packed<'_>> {
        self.rows(self.by_number.from(order::FIRST))
    }

    /// The nodes behind a place, in its order; all where it is nothing. With marks, only those.
    pub fn behind<'a>(
        &'a self,
        by: By,
        place: Option<Place<'_>>,
        marks: Option<&'a Marks>,
    ) -> Box<dyn Iterator<Item = Packed<'a>> + 'a> {
        let before = |slot: Slot| match &place {
            Some(place) => self.is(slot, |row| place_of(by, &row) <= *place),
            None => false,
        };
        let order = match by {
            By::Seen => &self.by_seen,
            By::Name => &self.by_name,
            By::Address => &self.by_address,
            By::Number => &self.by_number,
        };
        let slots = order.from(order.place(before));
        let rows = self.rows(slots.filter(move |slot| marks.is_none_or(|marks| marks.has(*slot))));
        Box::new(rows.filter(|row| row.state().is_some()))
    }

    /// Marks the rows that fit. They are looked at as they lie in memory, which takes a fraction of
    /// the time of any other order.
    pub fn mark(&self, mut fits: impl FnMut(&Packed<'_>) -> bool) -> Marks {
        let mut marks = Marks::default();
        self.slots.iter().filter(|(_, row)| fits(row)).for_each(|(slot, _)| marks.put(slot));
        marks
    }

    /// How many nodes were seen at this moment or later.
    pub fn seen_since(&self, moment: Timestamp) -> u64 {
        self.by_seen.rank(|slot| self.is(slot, |row| row.last_seen >= moment)) as u64
    }

    /// What it takes of the memory, in bytes, without what the allocator adds.
    pub fn memory(&self) -> usize {
        let orders =
            [&self.by_number, &self.by_version, &self.by_seen, &self.by_name, &self.by_address];
        let indexes: usize = orders.into_iter().map(Order::memory).sum();
        self.slots.memory() + indexes
    }

    fn rows<'a>(
        &'a self,
        slots: impl Iterator<Item = Slot> + 'a,
    ) -> impl Iterator<Item = Packed<'a>> {
        slots.filter_map(|slot| self.slots.get(slot))
    }

    fn is(&self, slot: Slot, holds: impl Fn(Packed<'_>) -> bool) -> bool {
        self.slots.get(slot).is_some_and(holds)
    }

    fn slot_of(&self, number: DeviceNumber) -> Option<Slot> {
        let place = self.by_number.place(|slot| self.is(slot, |row| row.number < number));
        let slot = self.by_number.from(place).next()?;
        self.is(slot, |row| row.number == number).then_some(slot)
    }

    fn set(&mut self, row: Packed<'_>) {
        let slot = match self.slot_of(row.number) {
            Some(slot) => {
                self.take_out(slot);
                self.slots.put(slot, row);
                slot
            }
            None => {
                let slot = self.slots.insert(row);
                insert(&mut self.by_number, &self.slots, slot, row.number, number_of);
                slot
            }
        };
        self.put_in(slot);
    }

    /// Puts a row that is in its slot into every order but `by_number`.
    fn put_in(&mut self, slot: Slot) {
        let slots = &self.slots;
        let Some(row) = slots.get(slot) else { return };
        insert(&mut self.by_version, slots, slot, version_of(&row), version_of);
        let Some(state) = row.state() else {
            self.gone.insert(version_of(&row));
            return;
        };
        insert(&mut self.by_seen, slots, slot, seen_of(&row), seen_of);
        insert(&mut self.by_name, slots, slot, name_of(&row), name_of);
        insert(&mut self.by_address, slots, slot, address_of(&row), address_of);
        *count_of(&mut self.counts, state) += 1;
    }

    /// Takes a row that is in its slot out of every order but `by_number`.
    fn take_out(&mut self, slot: Slot) {
        let slots = &self.slots;
        let Some(row) = slots.get(slot) else { return };
        remove(&mut self.by_version, slots, slot, version_of(&row), version_of);
        let Some(state) = row.state() else {
            self.gone.remove(&version_of(&row));
            return;
        };
        remove(&mut self.by_seen, slots, slot, seen_of(&row), seen_of);
        remove(&mut self.by_name, slots, slot, name_of(&row), name_of);
        remove(&mut self.by_address, slots, slot, address_of(&row), address_of);
        *count_of(&mut self.counts, state) -= 1;
    }
}

fn insert<'a, K: Ord>(
    order: &mut Order,
    slots: &'a Slots,
    slot: Slot,
    key: K,
    key_of: impl Fn(&Packed<'a>) -> K,
) {
    order.insert(slot, |other| slots.get(other).is_some_and(|row| key_of(&row) < key));
}

fn remove<'a, K: Ord>(
    order: &mut Order,
    slots: &'a Slots,
    slot: Slot,
    key: K,
    key_of: impl Fn(&Packed<'a>) -> K,
) {
    let before = |other: Slot| slots.get(other).is_some_and(|row| key_of(&row) < key);
    let was = order.remove(slot, before);
    assert!(was || !cfg!(checked), "a row was not where its key says");
}

fn number_of(row: &Packed<'_>) -> DeviceNumber {
    row.number
}

fn version_of(row: &Packed<'_>) -> (u64, DeviceNumber) {
    (row.version, row.number)
}

fn seen_of<'a>(row: &Packed<'a>) -> Place<'a> {
    Place::Seen(Reverse(row.last_seen), row.number)
}

fn name_of<'a>(row: &Packed<'a>) -> Place<'a> {
    let name = row.facts().host_name;
    Place::Name(name.is_none(), name.unwrap_or_default(), row.number)
}

fn address_of<'a>(row: &Packed<'a>) -> Place<'a> {
    let address = row.facts().addresses().next();
    Place::Address(address.is_none(), address, row.number)
}

/// Where a row stands.
pub fn place_of<'a>(by: By, row: &Packed<'a>) -> Place<'a> {
    match by {
        By::Seen => seen_of(row),
        By::Name => name_of(row),
        By::Address => address_of(row),
        By::Number => Place::Number(row.number),
    }
}

fn count_of(counts: &mut NodeCounts, state: DeviceState) -> &mut u64 {
    match state {
        DeviceState::Discovered => &mut counts.discovered,
        DeviceState::Managed => &mut counts.managed,
        DeviceState::Ignored => &mut counts.ignored,
    }
}
