//! Walks through every state that a protocol can get into, nearest first.
//!
//! ```text
//!   start ──step──► states one step away ──step──► … until nothing new comes, or a rule is broken
//! ```
//! - A state is kept packed, once, beside the index of the state it was first reached from; so the
//!   way to a broken invariant is a shortest one. What its steps were is asked of the model again.
//! - The table of what was seen holds an index and half a hash for each state: a state is looked at
//!   only where the halves agree, and told apart by all of its bits.

use std::fmt;
use std::time::{Duration, Instant};

/// A protocol: where it starts, what can happen, what must hold. A state takes `W` words.
pub trait Model<const W: usize> {
    type State: Copy;

    fn pack(state: &Self::State) -> [u128; W];
    fn unpack(words: &[u128; W]) -> Self::State;

    fn start(&self) -> Self::State;

    /// Everything that can happen next.
    fn steps(&self, from: &Self::State, out: &mut Steps<'_, Self::State>);

    /// The invariant that does not hold here.
    fn broken(&self, state: &Self::State) -> Option<&'static str>;

    /// What must be possible: a model in which nothing happens breaks no rule either.
    fn landmarks(&self) -> Vec<Landmark<Self::State>>;

    /// Nothing is under way and nothing is lost.
    fn is_at_rest(&self, state: &Self::State) -> bool;
}

/// A kind of state, and whether one is of it.
pub type Landmark<S> = (&'static str, fn(&S) -> bool);

/// Takes steps, each with what it is in words.
pub struct Steps<'a, S> {
    take: &'a mut dyn FnMut(S, fmt::Arguments<'_>),
}

impl<S> Steps<'_, S> {
    pub fn go(&mut self, next: S, words: fmt::Arguments<'_>) {
        (self.take)(next, words);
    }
}

/// What came of it.
pub struct Explored<const W: usize> {
    pub seen: Seen<W>,
    pub transitions: u64,
    pub depth: usize,
    pub took: Duration,
    /// Every state was seen.
    pub exhausted: bool,
    pub violation: Option<Violation>,
    /// Landmarks that were not seen.
    pub missed: Vec<&'static str>,
}

pub struct Violation {
    pub invariant: &'static str,
    pub path: Vec<String>,
}

/// Explores until nothing is new, an invariant is broken, or there are this many states.
pub fn explore<M: Model<W>, const W: usize>(model: &M, states_max: usize) -> Explored<W> {
    let began = Instant::now();
    let mut seen = Seen::<W>::new();
    seen.insert(&[M::pack(&model.start())], 0);
    let (mut at, mut checked, mut transitions, mut depth, mut layer_end) = (0, 0, 0, 0, 1);
    let (mut missed, mut broken) = (model.landmarks(), None);
    let mut next = Vec::new();
    loop {
        while checked < seen.states.len() && broken.is_none() {
            let state = M::unpack(&seen.states[checked]);
            missed.retain(|(_, is_at)| !is_at(&state));
            broken = model.broken(&state).map(|invariant| (invariant, checked));
            checked += 1;
        }
        if broken.is_some() || at == seen.states.len() || seen.states.len() >= states_max {
            break;
        }
        if at == layer_end {
            (depth, layer_end) = (depth + 1, seen.states.len());
        }
        next.clear();
        let from = seen.states[at];
        let mut take = |state: M::State, _: fmt::Arguments<'_>| {
            let words = M::pack(&state);
            if words != from {
                next.push(words);
            }
        };
        model.steps(&M::unpack(&from), &mut Steps { take: &mut take });
        transitions += next.len() as u64;
        seen.insert(&next, at as u32);
        at += 1;
    }
    let exhausted = broken.is_none() && at == seen.states.len();
    let violation =
        broken.map(|(invariant, at)| Violation { invariant, path: path(model, &seen, at) });
    let missed = missed.into_iter().map(|(name, _)| name).collect();
    let took = began.elapsed();
    Explored { seen, transitions, depth, took, exhausted, violation, missed }
}

/// The steps from the start to this state, in words.
pub fn path<M: Model<W>, const W: usize>(model: &M, seen: &Seen<W>, to: usize) -> Vec<String> {
    let (mut at, mut path) = (to, Vec::new());
    while at != 0 {
        let (parent, goal) = (seen.parents[at] as usize, seen.states[at]);
        let mut said = None;
        let mut take = |next: M::State, words: fmt::Arguments<'_>| {
            if said.is_none() && M::pack(&next) == goal {
                said = Some(words.to_string());
            }
        };
        model.steps(&M::unpack(&seen.states[parent]), &mut Steps { take: &mut take });
        path.push(said.expect("it was reached from there by one step"));
        at = parent;
    }
    path.reverse();
    path
}

/// The states of an exhausted model from which no way leads to rest.
pub fn stuck<M: Model<W>, const W: usize>(model: &M, explored: &Explored<W>) -> Vec<usize> {
    let seen = &explored.seen;
    // Every step, by where it leads to.
    let mut steps: Vec<(u32, u32)> = Vec::new();
    let mut open = Vec::new();
    for (from, words) in seen.states.iter().enumerate() {
        let state = M::unpack(words);
        let mut take = |next: M::State, _: fmt::Arguments<'_>| {
            let to = seen.index(&M::pack(&next)).expect("all states were seen");
            steps.push((to as u32, from as u32));
        };
        model.steps(&state, &mut Steps { take: &mut take });
        open.extend(model.is_at_rest(&state).then_some(from as u32));
    }
    steps.sort_unstable();
    let mut rests = vec![false; seen.states.len()];
    open.iter().for_each(|at| rests[*at as usize] = true);
    while let Some(at) = open.pop() {
        let first = steps.partition_point(|(to, _)| *to < at);
        for (_, from) in steps[first..].iter().take_while(|(to, _)| *to == at) {
            if !std::mem::replace(&mut rests[*from as usize], true) {
                open.push(*from);
            }
        }
    }
    (0..rests.len()).filter(|at| !rests[*at]).collect()
}

/// All states seen so far, in the order in which they were.
pub struct Seen<const W: usize> {
    pub states: Vec<[u128; W]>,
    parents: Vec<u32>,
    /// Half a hash and an index above zero, or zero where there is none; a power of two of them.
    slots: Vec<u64>,
    hashes: Vec<u64>,
    fetched: Vec<u64>,
}

/// The half of a slot that is of the hash.
const HALF: u64 = !0xffff_ffff;

impl<const W: usize> Seen<W> {
    fn new() -> Seen<W> {
        Seen {
            states: Vec::new(),
            parents: Vec::new(),
            slots: vec![0; 1 << 12],
            hashes: Vec::new(),
            fetched: Vec::new(),
        }
    }

    pub fn index(&self, state: &[u128; W]) -> Option<usize> {
        self.find(state, hash(state)).ok()
    }

    /// Where a state is, or the slot for it.
    fn find(&self, state: &[u128; W], hash: u64) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let slot = self.slots[place];
            if slot == 0 {
                return Err(place);
            }
            let index = (slot & !HALF) as usize - 1;
            if slot & HALF == hash & HALF && self.states[index] == *state {
                return Ok(index);
            }
            place = (place + 1) & mask;
        }
    }

    /// Keeps those that are new.
    fn insert(&mut self, states: &[[u128; W]], parent: u32) {
        if (self.states.len() + states.len()) * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        self.hashes.clear();
        self.hashes.extend(states.iter().map(hash));
        if !self.states.is_empty() {
            self.fetch();
        }
        for (at, state) in states.iter().enumerate() {
            let hash = self.hashes[at];
            if let Err(place) = self.find(state, hash) {
                self.states.push(*state);
                self.parents.push(parent);
                self.slots[place] = hash & HALF | self.states.len() as u64;
            }
        }
    }

    /// Reads all the places that will be looked at, so that memory brings them at the same time.
    /// No branch hangs on what is read.
    fn fetch(&mut self) {
        let mask = self.slots.len() - 1;
        self.fetched.clear();
        self.fetched.extend(self.hashes.iter().map(|hash| self.slots[*hash as usize & mask]));
        let mut read = 0;
        for (slot, hash) in self.fetched.iter().zip(&self.hashes) {
            let same = u64::from(slot & HALF == hash & HALF);
            let index = (slot & !HALF).saturating_sub(1) * same;
            read ^= self.states[index as usize][0];
        }
        std::hint::black_box(read);
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 2 - 1;
        assert!(mask as u64 <= !HALF, "a slot counts to four thousand million");
        self.slots = vec![0; mask + 1];
        for (state, index) in self.states.iter().zip(1u64..) {
            let hash = hash(state);
            let mut place = hash as usize & mask;
            while self.slots[place] != 0 {
                place = (place + 1) & mask;
            }
            self.slots[place] = hash & HALF | index;
        }
    }
}

/// The same in every run. Each half of a word is mixed by a wide product, of which both halves
/// count.
#[inline(always)]
fn hash<const W: usize>(state: &[u128; W]) -> u64 {
    let mut mixed = 0x9e37_79b9_7f4a_7c15_u64;
    for word in state {
        for half in [*word as u64, (word >> 64) as u64] {
            let wide = u128::from(mixed ^ half) * 0xd6e8_feb8_6659_fd93;
            mixed = wide as u64 ^ (wide >> 64) as u64;
        }
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two cups: water is poured from one to the other, by cups, and tipped out if it is enough.
    struct Cups {
        deepest: u8,
    }

    impl Model<1> for Cups {
        type State = [u8; 2];

        fn pack(state: &[u8; 2]) -> [u128; 1] {
            [u128::from(state[0]) | u128::from(state[1]) << 8]
        }

        fn unpack(words: &[u128; 1]) -> [u8; 2] {
            [words[0] as u8, (words[0] >> 8) as u8]
        }

        fn start(&self) -> [u8; 2] {
            [3, 0]
        }

        fn steps(&self, from: &[u8; 2], out: &mut Steps<'_, [u8; 2]>) {
            let [left, right] = *from;
            if left > 0 {
                out.go([left - 1, right + 1], format_args!("pour to {}", right + 1));
            }
            if right > 1 {
                out.go([left, 0], format_args!("tip out"));
            }
        }

        fn broken(&self, state: &[u8; 2]) -> Option<&'static str> {
            (state[1] > self.deepest).then_some("it runs over")
        }

        fn landmarks(&self) -> Vec<Landmark<[u8; 2]>> {
            vec![("all is poured", |s| s[0] == 0), ("there is more than there was", |s| s[1] > 3)]
        }

        fn is_at_rest(&self, state: &[u8; 2]) -> bool {
            *state == [0, 0]
        }
    }

    #[test]
    fn everything_is_seen_once() {
        let model = Cups { deepest: 3 };
        let explored = explore(&model, 100);
        // 30 21 12 10 03 01 00
        assert_eq!((explored.seen.states.len(), explored.depth), (7, 4));
        assert!(explored.exhausted && explored.violation.is_none());
        assert_eq!(explored.missed, ["there is more than there was"]);
        let stuck: Vec<[u8; 2]> = stuck(&model, &explored)
            .into_iter()
            .map(|at| Cups::unpack(&explored.seen.states[at]))
            .collect();
        assert_eq!(stuck, [[1, 0], [0, 1]], "what is left in a cup alone cannot be tipped out");
    }

    #[test]
    fn the_shortest_way_to_a_violation_is_told() {
        let explored = explore(&Cups { deepest: 1 }, 100);
        let violation = explored.violation.expect("two of three are poured");
        assert_eq!(violation.path, ["pour to 1", "pour to 2"]);
        assert!(!explored.exhausted);
    }
}
