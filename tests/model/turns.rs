//! Uses that travel with counts: how a relay becomes a holder and stops being one.
//!
//! ```text
//!   site          relay                               primary
//!   wish ──up───►  Sharing: passes it on ──passed──►  decides it in its ledger
//!                                                     set_holding: debit, version + 1
//!                  ◄── level {version, granted} ────
//!                  Sharing → Taking, cycle + 1
//!                  ── take over {cycle} ───────────►  accounts leave the ledger into the outbox
//!                  ◄── handover {cycle, account} ───
//!   wish ──up───►  Taking → Holding: decides it
//!                  ── handover booked {cycle} ─────►  erased from the outbox
//!                  Holding → Yielding, account into the outbox
//!                  ── yield {cycle, account} ──────►  in the ledger again
//!                  ◄── yield booked {cycle} ────────
//!                  Yielding → Sharing, counts return
//! ```
//! One relay, one site below it with two devices, and uses of the primary's own range. The rules
//! are in `turns_site.rs`, `turns_relay.rs` and `turns_primary.rs`, a ledger in `account.rs`.
//!
//! Everything is durable before it is said, and every command is one step: so a crash is a letter
//! that comes late, and needs no step of its own. The escrow under it is that of `edge.rs`, with an
//! attachment that lasts: nothing is restored here.
//!
//! **The network** is the set of all letters ever sent, as in `edge.rs`. Most of it follows from
//! what is durable: a take-over of cycle 2 was said if the relay is in Taking with cycle 2, and
//! those of earlier cycles too. **Left out** (`turns_normal.rs`): letters that no ledger heeds any
//! more, the numbers of wishes, versions and cycles as far as only their order counts, and a common
//! part of the counters. So wishes, turns and changes of option have no end.

use crate::account::{Account, Device, Verdict, Verdicts, Wish};
use crate::bits::{self, choice, packed};
use crate::breaking::Breaking;
use crate::explorer::{Landmark, Model, Steps};
use std::fmt;

choice! {
    /// As in `model::holding`.
    pub enum Phase {
        Sharing,
        Taking,
        Holding,
        Yielding,
    }
}

packed! {
    /// An account on its way, and the turn of the relay that it belongs to.
    pub struct Pack {
        pub cycle: u8 = 2,
        pub account: Account,
    }
}

packed! {
    pub struct Primary {
        /// The holding option as set last: its number, and by number the count that the relay is
        /// to hold; 0 for none.
        pub version: u8 = 2,
        pub targets: [u8; 4] = 2,
        /// The relay may hold, or be about to, by what was set here.
        pub promised: bool,
        pub granted: u8 = 3,
        pub returned_seen: u8 = 3,
        pub own_uses: u8 = 2,
        pub account: Account,
        /// The last turn of the relay that is known here, and whether its uses are out.
        pub cycle: u8 = 2,
        pub out: bool,
        pub outbox: bool,
        /// The handover said last.
        pub handover: Pack,
    }
}

packed! {
    pub struct Relay {
        pub phase: Phase,
        pub cycle: u8 = 2,
        /// The version it acts by.
        pub version: u8 = 2,
        pub granted_seen: u8 = 3,
        pub returned: u8 = 3,
        pub account: Account,
        /// The yield said last.
        pub yielded: Pack,
    }
}

packed! {
    pub struct Site {
        pub devices: [Device; 2],
        pub wish_last: u8 = 3,
        /// By number: what was wished, and for which device.
        pub wishes: [Wish; 4],
    }
}

packed! {
    /// Of the levels said of one version: the least and the most granted.
    pub struct Levels {
        pub least: u8 = 3,
        pub most: u8 = 3,
    }
}

packed! {
    /// What was said and may still come.
    pub struct Letters {
        /// By wish: the floors that it was said with, a bit each; to the relay, and passed on by
        /// it.
        pub up: [u8; 4] = 4,
        pub passed: [u8; 4] = 4,
        /// By wish.
        pub verdicts: [Verdicts; 4],
        /// By version.
        pub levels: [Levels; 4],
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub primary: Primary,
    pub relay: Relay,
    pub site: Site,
    pub letters: Letters,
}

#[derive(Clone, Copy)]
pub struct Turns {
    /// Licenses there are in all.
    pub registered: u8,
    /// The most wishes, and changes of option, that somebody may not have heard of yet.
    pub wishes_max: u8,
    pub versions_max: u8,
    /// States are kept as they are: wishes, turns and changes come to an end.
    pub raw: bool,
    pub breaking: Option<Breaking>,
}

pub type Out<'a, 'b> = &'a mut Steps<'b, State>;

impl Turns {
    pub fn breaks(&self, breaking: Breaking) -> bool {
        self.breaking == Some(breaking)
    }

    pub fn go(&self, mut next: State, out: Out<'_, '_>, words: fmt::Arguments<'_>) {
        self.settle(&mut next);
        out.go(next, words);
    }
}

impl Primary {
    /// What the relay is to hold.
    pub fn target(&self) -> u8 {
        self.targets[usize::from(self.version)]
    }

    /// What was given and is not back.
    pub fn outstanding(&self) -> u8 {
        self.granted - self.returned_seen
    }

    pub fn used(&self) -> u8 {
        self.account.used() + self.own_uses
    }
}

impl Site {
    /// The wishes below all have their verdict.
    pub fn floor(&self) -> u8 {
        let open = self.devices.iter().map(|device| device.wish).filter(|wish| *wish != 0);
        open.min().unwrap_or(self.wish_last + 1)
    }
}

impl Letters {
    pub fn say_verdict(&mut self, number: u8, verdict: Option<Verdict>) {
        let said = &mut self.verdicts[usize::from(number) - 1];
        match verdict {
            Some(Verdict::Full) => said.full = true,
            // What a verdict means, the wish says.
            Some(Verdict::Granted | Verdict::Released) => said.granted = true,
            None => {}
        }
    }
}

impl State {
    /// Whether the relay has booked the handover of this turn.
    pub fn handover_booked(&self, cycle: u8) -> bool {
        let Relay { phase, cycle: own, .. } = self.relay;
        own > cycle || own == cycle && phase != Phase::Taking
    }

    /// Whether the primary has booked the yield of this turn.
    pub fn yield_booked(&self, cycle: u8) -> bool {
        self.primary.cycle > cycle || self.primary.cycle == cycle && !self.primary.out
    }

    /// The accounts that count: in a ledger, or in an outbox and booked nowhere yet.
    pub fn accounts(&self) -> [Option<&Account>; 4] {
        let Primary { account, outbox, handover, .. } = &self.primary;
        let waits_down = *outbox && !self.handover_booked(handover.cycle);
        let relay = &self.relay;
        let waits_up = relay.phase == Phase::Yielding && !self.yield_booked(relay.cycle);
        [
            account.there.then_some(account),
            relay.account.there.then_some(&relay.account),
            (waits_down && handover.account.there).then_some(&handover.account),
            (waits_up && relay.yielded.account.there).then_some(&relay.yielded.account),
        ]
    }
}

impl Model<2> for Turns {
    type State = State;

    fn pack(state: &State) -> [u128; 2] {
        [bits::join(&state.primary, &state.relay), bits::join(&state.site, &state.letters)]
    }

    fn unpack(words: &[u128; 2]) -> State {
        let (primary, relay) = bits::part(words[0]);
        let (site, letters) = bits::part(words[1]);
        State { primary, relay, site, letters }
    }

    fn start(&self) -> State {
        let mut state = State {
            primary: Primary { cycle: 1, ..Primary::default() },
            relay: Relay { cycle: 1, ..Relay::default() },
            site: Site::default(),
            letters: Letters::default(),
        };
        self.settle(&mut state);
        state
    }

    fn steps(&self, from: &State, out: &mut Steps<'_, State>) {
        self.site_steps(from, out);
        self.relay_steps(from, out);
        self.primary_steps(from, out);
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        let Primary { granted, returned_seen, own_uses, .. } = state.primary;
        let managed = state.site.devices.iter().filter(|device| device.managed).count() as u8;
        if managed + own_uses > self.registered {
            return Some("I1: more is in use than there is");
        }
        let Relay { granted_seen, returned, phase, account, .. } = state.relay;
        if ![returned_seen, returned, granted_seen, granted].is_sorted() {
            return Some("I4: the counters of the edge are out of order");
        }
        if granted - returned_seen > self.registered {
            return Some("I2: more is given than there is");
        }
        // What is broken on purpose must do harm, not only look wrong.
        let short = phase == Phase::Holding && account.used() > granted_seen - returned;
        if short && self.breaking.is_none() {
            return Some("I2: a shortage that nobody forced");
        }
        if state.letters.verdicts.iter().any(|said| said.granted && said.full) {
            return Some("I8: one wish, two verdicts");
        }
        broken_uses(state)
    }

    fn landmarks(&self) -> Vec<Landmark<State>> {
        vec![
            ("a use travels down", |s| s.primary.outbox && s.primary.handover.account.used() > 0),
            ("a use travels up", |s| {
                s.relay.phase == Phase::Yielding && s.relay.yielded.account.used() > 0
            }),
            ("the relay has granted", |s| {
                s.relay.phase == Phase::Holding && s.relay.account.used() == 1
            }),
            ("a wish was refused", |s| s.letters.verdicts.iter().any(|said| said.full)),
            ("the relay takes over with its uses still above", |s| {
                s.relay.phase == Phase::Taking && s.primary.account.used() > 0
            }),
            ("counts have come back", |s| {
                s.relay.phase == Phase::Sharing && s.relay.returned > s.primary.returned_seen
            }),
        ]
    }

    /// The relay shares, all counts are back, and no wish is open.
    fn is_at_rest(&self, state: &State) -> bool {
        let Primary { version, promised, granted, returned_seen, out, outbox, .. } = state.primary;
        let heard = version == state.relay.version && !promised;
        let home = granted == returned_seen && !out && !outbox;
        let answered = state.site.devices.iter().all(|device| device.wish == 0);
        state.relay.phase == Phase::Sharing && heard && home && answered
    }
}

/// Every wish that was said, with every floor it was said with.
pub fn wishes_said(letters: [u8; 4]) -> impl Iterator<Item = (u8, u8)> {
    let all = (1..=4).flat_map(|number| (1..=4).map(move |floor| (number, floor)));
    all.filter(move |(number, floor)| letters[usize::from(*number) - 1] >> (floor - 1) & 1 == 1)
}

/// I12: every use is in exactly one place, and it is the use of a device.
fn broken_uses(state: &State) -> Option<&'static str> {
    for (number, device) in state.site.devices.iter().enumerate() {
        let places = state.accounts();
        let places = places.iter().flatten();
        let places = places.filter(|account| account.entries[number].is_use()).count();
        if places > 1 {
            return Some("I12: a use stands in two places");
        }
        if device.managed && places == 0 {
            return Some("I12: a managed device stands in no ledger and in no outbox");
        }
        if !device.managed && device.wish == 0 && places == 1 {
            return Some("I12: a use stands for a device that nobody manages");
        }
    }
    None
}
