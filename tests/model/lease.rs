//! A lease on credit, between two clocks that may drift apart.
//!
//! ```text
//!   grantor                                 destination
//!                     ◄──── request ─────   counts from here: ends at L(1 − ρ) by its own clock
//!   debits; counts    ───── answer ──────►  may use the credit until then
//!   from here: takes
//!   back at L(1 + ρ)
//! ```
//! Time goes on tick by tick, and with each tick either clock may go on by anything that the drift
//! allows. Letters are doubled, lost and late, either machine starts again at any moment. Who is
//! within the term by its own clock may use the credit; nobody knows the true time.
//!
//! What a destination holds beside time is an edge (`edge.rs`). Here there is one license of
//! credit, and the question is only whether it is ever used at both ends at once.

use crate::bits::{self, packed};
use crate::breaking::Breaking;
use crate::explorer::{Landmark, Model, Steps};
use std::fmt;

packed! {
    /// A request whose answer may still be of use.
    pub struct Asked {
        pub said: bool,
        /// Since it was sent, by the clock of the destination.
        pub age: u8 = 5,
        pub answered: bool,
    }
}

packed! {
    pub struct State {
        // The grantor.
        /// The license is with the destination; durable.
        pub debited: bool,
        /// Since it last answered, by its own clock.
        pub term: u8 = 6,
        pub own_use: bool,

        // The destination.
        pub asked: [Asked; 2],
        /// What is left of the lease, by its own clock.
        pub lease_left: u8 = 5,
        /// A session under it, with what is left of its token.
        pub session_left: u8 = 5,

        /// A request that was sent once can come for ever.
        pub ever_asked: bool,
    }
}

/// Times are in units of a clock that runs true.
#[derive(Clone, Copy)]
pub struct Lease {
    /// From one moment to the next, and what a clock may be off by.
    pub tick: u8,
    pub drift: u8,
    /// The length of a lease, in ticks.
    pub ticks: u8,
    pub breaking: Option<Breaking>,
}

impl Lease {
    fn breaks(&self, breaking: Breaking) -> bool {
        self.breaking == Some(breaking)
    }

    /// L(1 − ρ).
    fn destination_term(&self) -> u8 {
        let drift = if self.breaks(Breaking::DestinationWithoutDrift) { 0 } else { self.drift };
        self.ticks * (self.tick - drift)
    }

    /// L(1 + ρ).
    fn grantor_term(&self) -> u8 {
        let drift = if self.breaks(Breaking::GrantorWithoutDrift) { 0 } else { self.drift };
        self.ticks * (self.tick + drift)
    }

    fn go(&self, mut next: State, out: &mut Steps<'_, State>, words: fmt::Arguments<'_>) {
        next.asked.sort_unstable();
        out.go(next, words);
    }

    /// One tick of true time.
    fn pass_time(&self, from: &State, out: &mut Steps<'_, State>) {
        let rates = self.tick - self.drift..=self.tick + self.drift;
        for grantor in rates.clone() {
            for destination in rates.clone() {
                let mut next = *from;
                next.term = if from.debited { from.term + grantor } else { 0 };
                next.term = next.term.min(self.grantor_term());
                next.lease_left = from.lease_left.saturating_sub(destination);
                next.session_left = from.session_left.saturating_sub(destination);
                for asked in next.asked.iter_mut().filter(|asked| asked.said) {
                    asked.age += destination;
                    if asked.age >= self.destination_term() {
                        *asked = Asked::default();
                    }
                }
                let words = format_args!("the clocks go on by {grantor} and {destination}");
                self.go(next, out, words);
            }
        }
    }

    // === The destination ===

    fn ask(&self, from: &State, out: &mut Steps<'_, State>) {
        if let Some(place) = from.asked.iter().position(|asked| !asked.said) {
            let mut next = State { ever_asked: true, ..*from };
            next.asked[place] = Asked { said: true, age: 0, answered: false };
            self.go(next, out, format_args!("destination asks"));
        }
    }

    /// The lease runs from when it was asked for, not from when the answer came.
    fn take_answer(&self, from: &State, out: &mut Steps<'_, State>) {
        for asked in from.asked.iter().filter(|asked| asked.answered) {
            let age = if self.breaks(Breaking::LeaseFromReceipt) { 0 } else { asked.age };
            let left = self.destination_term() - age;
            let next = State { lease_left: from.lease_left.max(left), ..*from };
            self.go(next, out, format_args!("destination has a lease for {left}"));
        }
    }

    /// A token ends with the lease at the latest.
    fn grant_session(&self, from: &State, out: &mut Steps<'_, State>) {
        if from.lease_left == 0 {
            return;
        }
        let outlives = self.breaks(Breaking::TokenOutlivesLease);
        let left = if outlives { self.destination_term() } else { from.lease_left };
        let next = State { session_left: left, ..*from };
        self.go(next, out, format_args!("destination grants a session for {left}"));
        if from.session_left > 0 {
            self.go(State { session_left: 0, ..*from }, out, format_args!("the session ends"));
        }
    }

    /// With the boot the clock is another: no lease and no request of before counts any more. The
    /// session goes on; its token knows when it ends.
    fn restart_destination(&self, from: &State, out: &mut Steps<'_, State>) {
        let mut next = State { asked: Default::default(), lease_left: 0, ..*from };
        if self.breaks(Breaking::LeaseOutlivesBoot) && from.lease_left > 0 {
            next.lease_left = self.destination_term();
        }
        self.go(next, out, format_args!("destination starts again"));
    }

    // === The grantor ===

    /// Debit first; the term runs from the last answer.
    fn answer(&self, from: &State, out: &mut Steps<'_, State>) {
        if from.own_use || !from.ever_asked {
            return;
        }
        let term = if self.breaks(Breaking::TermFromFirstAnswer) { from.term } else { 0 };
        let debited = State { debited: true, term, ..*from };
        self.go(debited, out, format_args!("grantor answers a request of long ago"));
        for place in 0..2 {
            if from.asked[place].said {
                let mut next = debited;
                next.asked[place].answered = true;
                self.go(next, out, format_args!("grantor answers"));
            }
        }
    }

    fn take_back(&self, from: &State, out: &mut Steps<'_, State>) {
        if from.debited && from.term >= self.grantor_term() {
            let next = State { debited: false, term: 0, ..*from };
            self.go(next, out, format_args!("grantor takes the credit back"));
        }
    }

    fn use_itself(&self, from: &State, out: &mut Steps<'_, State>) {
        if !from.debited && !from.own_use {
            let next = State { own_use: true, ..*from };
            self.go(next, out, format_args!("grantor uses the license itself"));
        }
        if from.own_use {
            let next = State { own_use: false, ..*from };
            self.go(next, out, format_args!("grantor does not use it any more"));
        }
    }

    /// With the boot the clock is another: the full term runs again.
    fn restart_grantor(&self, from: &State, out: &mut Steps<'_, State>) {
        let over = self.breaks(Breaking::TermOverAtBoot) && from.debited;
        let next = State {
            debited: from.debited && !self.breaks(Breaking::GrantsForgottenAtBoot),
            term: if over { self.grantor_term() } else { 0 },
            ..*from
        };
        self.go(next, out, format_args!("grantor starts again"));
    }
}

impl Model<1> for Lease {
    type State = State;

    fn pack(state: &State) -> [u128; 1] {
        [bits::to_word(state)]
    }

    fn unpack(words: &[u128; 1]) -> State {
        bits::from_word(words[0])
    }

    fn start(&self) -> State {
        State::default()
    }

    fn steps(&self, from: &State, out: &mut Steps<'_, State>) {
        self.pass_time(from, out);
        self.ask(from, out);
        self.take_answer(from, out);
        self.grant_session(from, out);
        self.restart_destination(from, out);
        self.answer(from, out);
        self.take_back(from, out);
        self.use_itself(from, out);
        self.restart_grantor(from, out);
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        if state.own_use && state.session_left > 0 {
            return Some("I1: one license is used at both ends");
        }
        let both = state.lease_left > 0 && !state.debited;
        (both && self.breaking.is_none()).then_some("I5: one license is free at both ends")
    }

    fn landmarks(&self) -> Vec<Landmark<State>> {
        vec![
            ("a session runs", |s| s.session_left > 0),
            ("a session runs without a lease", |s| s.session_left > 0 && s.lease_left == 0),
            ("the credit was taken back", |s| s.ever_asked && s.own_use),
            ("two requests are answered", |s| s.asked.iter().all(|asked| asked.answered)),
        ]
    }

    /// The license is with the grantor again.
    fn is_at_rest(&self, state: &State) -> bool {
        state.own_use
    }
}
