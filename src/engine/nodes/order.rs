//! The slots of a table in one order, at about five bytes each.
//!
//! ```text
//!   pieces   [ 4 9 1 … ]  [ 7 2 … ]  [ 0 8 3 … ]     each at most PIECE_MAX slots
//!            └─ every slot of a piece stands before every slot of the next ─┘
//! ```
//! An order does not know what it is by: whoever asks says which slots stand before the place that
//! is meant. That must be the first slots of the order and no others.

/// A row's place in its table.
pub type Slot = u32;

/// A piece, and a place in it.
pub type Place = (usize, usize);
/// Before all.
pub const FIRST: Place = (0, 0);

/// More slots in a piece make it two.
const PIECE_MAX: usize = 256;
/// Two neighbours that fit into this become one.
const PIECE_JOINED_MAX: usize = PIECE_MAX / 2;
/// A piece takes room for so many more slots at a time.
const ROOM: usize = PIECE_MAX / 8;

#[derive(Clone, Debug, Default)]
pub struct Order {
    /// None is empty.
    pieces: Vec<Vec<Slot>>,
}

impl Order {
    /// How many slots stand before the place.
    pub fn rank(&self, is_before: impl Fn(Slot) -> bool) -> usize {
        let (piece, at) = self.place(is_before);
        self.pieces[..piece].iter().map(Vec::len).sum::<usize>() + at
    }

    /// The slots from a place on.
    pub fn from(&self, (piece, at): Place) -> impl Iterator<Item = Slot> + '_ {
        let first = self.pieces.get(piece).map_or(&[][..], |slots| &slots[at..]);
        let more = self.pieces.iter().skip(piece + 1).flatten();
        first.iter().chain(more).copied()
    }

    /// The slot behind all others.
    pub fn last(&self) -> Option<Slot> {
        self.pieces.last().and_then(|piece| piece.last()).copied()
    }

    /// Puts a slot at the place.
    pub fn insert(&mut self, slot: Slot, is_before: impl Fn(Slot) -> bool) {
        let (mut piece, mut at) = self.place(is_before);
        if piece == self.pieces.len() {
            // Behind all: the last piece takes it while it has room, so that rows that come in
            // order leave full pieces.
            match self.pieces.last() {
                Some(last) if last.len() < PIECE_MAX => (piece, at) = (piece - 1, last.len()),
                _ => self.pieces.push(Vec::new()),
            }
        } else if self.pieces[piece].len() == PIECE_MAX {
            let behind = self.pieces[piece].split_off(PIECE_MAX / 2);
            self.pieces[piece].shrink_to_fit();
            self.pieces.insert(piece + 1, behind);
            if at > PIECE_MAX / 2 {
                (piece, at) = (piece + 1, at - PIECE_MAX / 2);
            }
        }
        let slots = &mut self.pieces[piece];
        if slots.len() == slots.capacity() {
            slots.reserve_exact(ROOM);
        }
        slots.insert(at, slot);
    }

    /// Takes the slot away that stands at the place; whether it was `slot`. Nothing else is taken.
    pub fn remove(&mut self, slot: Slot, is_before: impl Fn(Slot) -> bool) -> bool {
        let (piece, at) = self.place(is_before);
        if self.pieces.get(piece).and_then(|slots| slots.get(at)) != Some(&slot) {
            return false;
        }
        self.pieces[piece].remove(at);
        self.join(piece);
        true
    }

    /// Makes a piece that became small one with its neighbour.
    fn join(&mut self, piece: usize) {
        if self.pieces[piece].is_empty() {
            self.pieces.remove(piece);
            return;
        }
        let first = piece.saturating_sub(1);
        let Some(next) = self.pieces.get(first + 1) else { return };
        if self.pieces[first].len() + next.len() <= PIECE_JOINED_MAX {
            let next = self.pieces.remove(first + 1);
            self.pieces[first].extend(next);
        }
    }

    /// The piece and the place in it of the first slot that is not before; behind the last piece
    /// where all are.
    pub fn place(&self, is_before: impl Fn(Slot) -> bool) -> Place {
        let wholly_before = |slots: &Vec<Slot>| slots.last().is_some_and(|last| is_before(*last));
        let piece = self.pieces.partition_point(wholly_before);
        let at = self.pieces.get(piece);
        (piece, at.map_or(0, |slots| slots.partition_point(|slot| is_before(*slot))))
    }

    /// What it takes of the memory, in bytes.
    pub fn memory(&self) -> usize {
        let slots: usize = self.pieces.iter().map(Vec::capacity).sum();
        slots * size_of::<Slot>() + self.pieces.capacity() * size_of::<Vec<Slot>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn all(order: &Order) -> Vec<Slot> {
        order.from(FIRST).collect()
    }

    #[test]
    fn what_comes_in_order_leaves_full_pieces() {
        let mut order = Order::default();
        for slot in 0..10_000 {
            order.insert(slot, |other| other < slot);
        }
        assert_eq!(all(&order), (0..10_000).collect::<Vec<_>>());
        assert_eq!(order.pieces.len(), 10_000usize.div_ceil(PIECE_MAX));
        assert_eq!(order.rank(|other| other < 7_000), 7_000);
    }

    #[test]
    fn what_leaves_in_front_and_comes_behind_costs_no_more_pieces() {
        let mut order = Order::default();
        (0..10_000).for_each(|slot| order.insert(slot, |other| other < slot));
        for slot in 0..100_000 {
            assert!(order.remove(slot, |other| other < slot));
            order.insert(slot + 10_000, |other| other < slot + 10_000);
        }
        assert!(order.pieces.len() <= 10_000usize.div_ceil(PIECE_MAX) + 1);
    }

    #[test]
    fn another_slot_than_the_one_meant_stays() {
        let mut order = Order::default();
        order.insert(5, |_| false);
        assert!(!order.remove(4, |other| other < 4));
        assert!(!order.remove(6, |other| other < 6));
        assert_eq!(all(&order), [5]);
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_set(
            changes in prop::collection::vec((0u32..2_000, any::<bool>()), 1..4_000)
        ) {
            let (mut order, mut set) = (Order::default(), BTreeSet::new());
            for (slot, comes) in changes {
                match comes {
                    true if set.insert(slot) => order.insert(slot, |other| other < slot),
                    true => {}
                    false => prop_assert_eq!(order.remove(slot, |o| o < slot), set.remove(&slot)),
                }
            }
            prop_assert_eq!(all(&order), set.iter().copied().collect::<Vec<_>>());
            for from in [0, 1, 500, 1_999, 2_000] {
                prop_assert_eq!(order.rank(|o| o < from), set.range(..from).count());
                let behind: Vec<Slot> = order.from(order.place(|o| o < from)).collect();
                prop_assert_eq!(behind, set.range(from..).copied().collect::<Vec<_>>());
            }
        }
    }
}
