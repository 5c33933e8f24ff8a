//! The relay between sharing and holding, rule by rule.

use crate::account::Account;
use crate::breaking::Breaking;
use crate::turns::{Levels, Out, Pack, Phase, State, Turns, wishes_said};

impl Turns {
    pub fn relay_steps(&self, from: &State, out: Out<'_, '_>) {
        self.take_level(from, out);
        self.take_wishes(from, out);
        self.book_handover(from, out);
        self.take_yield_booked(from, out);
    }

    /// R2: what was given and what is wanted, as of any version that was said.
    fn take_level(&self, from: &State, out: Out<'_, '_>) {
        for version in from.relay.version..=from.primary.version {
            let Levels { least, most } = from.letters.levels[usize::from(version)];
            for granted in least.max(from.relay.granted_seen)..=most {
                if version == from.relay.version && granted == from.relay.granted_seen {
                    continue;
                }
                let mut next = *from;
                next.relay.version = version;
                next.relay.granted_seen = granted;
                self.advance(&mut next);
                self.give_back(&mut next);
                self.go(
                    next,
                    out,
                    format_args!("relay takes level {granted} of version {version}"),
                );
            }
        }
    }

    /// The next step between sharing and holding, as far as it is the relay's own to take.
    fn advance(&self, state: &mut State) {
        let wanted = state.primary.targets[usize::from(state.relay.version)] != 0;
        let relay = &mut state.relay;
        match relay.phase {
            Phase::Sharing if wanted => {
                relay.cycle += 1;
                relay.phase = Phase::Taking;
            }
            Phase::Holding if !wanted => {
                relay.phase = Phase::Yielding;
                relay.yielded = Pack { cycle: relay.cycle, account: relay.account };
                relay.account = Account::default();
            }
            _ => {}
        }
    }

    /// Returns what is free above the count that it is to hold; uses go first, counts after.
    fn give_back(&self, state: &mut State) {
        let target = state.primary.targets[usize::from(state.relay.version)];
        let relay = &mut state.relay;
        let target = match relay.phase {
            Phase::Yielding if self.breaks(Breaking::CountsBeforeUses) => 0,
            Phase::Taking | Phase::Yielding => return,
            Phase::Holding => target,
            Phase::Sharing => 0,
        };
        let held = relay.granted_seen - relay.returned;
        let free = held.saturating_sub(relay.account.used());
        relay.returned += held.saturating_sub(target).min(free);
    }

    /// Passes a wish on while it shares, decides it while it holds; between the two it does
    /// neither, and the site says it again.
    fn take_wishes(&self, from: &State, out: Out<'_, '_>) {
        let decides = match from.relay.phase {
            Phase::Sharing => return self.pass_wishes(from, out),
            Phase::Taking => self.breaks(Breaking::DecidesWhileTaking),
            Phase::Holding => true,
            Phase::Yielding => self.breaks(Breaking::DecidesWhileYielding),
        };
        for (number, floor) in wishes_said(from.letters.up).filter(|_| decides) {
            let mut next = *from;
            let wish = from.site.wishes[usize::from(number) - 1];
            let relay = &mut next.relay;
            let held = relay.granted_seen - relay.returned;
            let free = held.saturating_sub(relay.account.used());
            let verdict = relay.account.book(number, floor, wish, free, self.breaking);
            next.letters.say_verdict(number, verdict);
            self.give_back(&mut next);
            self.go(next, out, format_args!("relay books wish {number}: {verdict:?}"));
        }
    }

    fn pass_wishes(&self, from: &State, out: Out<'_, '_>) {
        for (number, floor) in wishes_said(from.letters.up) {
            let mut next = *from;
            next.letters.passed[usize::from(number) - 1] |= 1 << (floor - 1);
            self.go(next, out, format_args!("relay passes wish {number} on (floor {floor})"));
        }
    }

    /// The accounts of its range are its own from now on; once a turn.
    fn book_handover(&self, from: &State, out: Out<'_, '_>) {
        let Pack { cycle, account } = from.primary.handover;
        let awaited = from.relay.phase == Phase::Taking && from.relay.cycle == cycle;
        let again = self.breaks(Breaking::HandoverBookedAgain) && cycle != 0;
        if !awaited && !again {
            return;
        }
        let mut next = *from;
        next.relay.phase = Phase::Holding;
        next.relay.account.put(&account);
        self.advance(&mut next);
        self.give_back(&mut next);
        self.go(next, out, format_args!("relay books the handover of turn {cycle}"));
    }

    /// The holder above has the accounts: from now on the relay shares, and counts may go.
    fn take_yield_booked(&self, from: &State, out: Out<'_, '_>) {
        let cycle = from.relay.cycle;
        if from.relay.phase != Phase::Yielding || !from.yield_booked(cycle) {
            return;
        }
        let mut next = *from;
        next.relay.phase = Phase::Sharing;
        self.advance(&mut next);
        self.give_back(&mut next);
        self.go(next, out, format_args!("relay hears that the yield of turn {cycle} is booked"));
    }
}
