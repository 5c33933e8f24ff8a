//! The primary, which sets what the relay is to hold and hands its uses over, rule by rule.

use crate::account::Account;
use crate::breaking::Breaking;
use crate::turns::{Levels, Out, Pack, Phase, Primary, State, Turns, wishes_said};
use std::fmt;

impl Turns {
    pub fn primary_steps(&self, from: &State, out: Out<'_, '_>) {
        self.own_uses(from, out);
        for target in 0..=self.registered {
            self.set_holding(from, target, out);
        }
        self.book_return(from, out);
        self.take_passed_wish(from, out);
        self.end_promise(from, out);
        self.hand_over(from, out);
        self.erase_handover(from, out);
        self.book_yield(from, out);
    }

    fn own(&self, state: &State) -> u8 {
        self.registered - state.primary.outstanding()
    }

    /// What the ledger of the primary has free (I11).
    fn free(&self, state: &State) -> u8 {
        self.own(state).saturating_sub(state.primary.used())
    }

    fn own_uses(&self, from: &State, out: Out<'_, '_>) {
        let own_uses = from.primary.own_uses;
        let with = |own_uses: u8| State { primary: Primary { own_uses, ..from.primary }, ..*from };
        if self.free(from) > 0 {
            let words = format_args!("primary grants a use of its own range");
            self.go_primary(with(own_uses + 1), out, words);
        }
        if own_uses > 0 {
            let words = format_args!("primary ends a use of its own range");
            self.go_primary(with(own_uses - 1), out, words);
        }
    }

    /// An operator's change, not forced. One command: debit and option, durable before the level is
    /// said (R1). A new promise waits until the one before is over.
    fn set_holding(&self, from: &State, target: u8, out: Out<'_, '_>) {
        let Primary { version, promised, out: out_there, .. } = from.primary;
        let before = from.primary.target();
        if target == before || version == self.versions_max {
            return;
        }
        let under_way = (promised || out_there) && !self.breaks(Breaking::PromisedAnew);
        let more = self.more(from, target);
        let refused = more > self.own(from) || self.makes_shortage(from, target, more);
        if before == 0 && under_way || refused {
            return;
        }
        let mut next = *from;
        let primary = &mut next.primary;
        primary.version += 1;
        primary.targets[usize::from(primary.version)] = target;
        primary.granted += more;
        primary.promised |= target != 0;
        let said = Levels { least: primary.granted, most: primary.granted };
        next.letters.levels[usize::from(version) + 1] = said;
        let words = format_args!("primary sets what the relay is to hold to {target}");
        self.go_primary(next, out, words);
    }

    /// What is to be given for this count. What is out above the count before may be on its way
    /// back: it does not stay there.
    fn more(&self, from: &State, target: u8) -> u8 {
        let outstanding = from.primary.outstanding();
        let stays = match self.breaks(Breaking::CountsOnTheWayBack) {
            true => outstanding,
            false => outstanding.min(from.primary.target()),
        };
        target.saturating_sub(stays)
    }

    /// Whether the change makes a shortage, or a deeper one, here or at the relay. Uses that are
    /// promised away do not count here, neither after the change nor before it.
    fn makes_shortage(&self, from: &State, target: u8, more: u8) -> bool {
        let primary = &from.primary;
        let leaving = |target: u8| match primary.out || target == 0 {
            true => 0,
            false => primary.account.used(),
        };
        let left = match self.breaks(Breaking::MaskedShortage) {
            true => 0,
            false => leaving(primary.target()),
        };
        let before = (primary.used() - left).saturating_sub(self.own(from));
        let own = self.own(from).saturating_sub(more);
        let after = (primary.used() - leaving(target)).saturating_sub(own);
        after > before || leaving(target) > target
    }

    /// Gives what could not be given before, ahead of everything else.
    fn go_primary(&self, mut next: State, out: Out<'_, '_>, words: fmt::Arguments<'_>) {
        let lacking = next.primary.target().saturating_sub(next.primary.outstanding());
        next.primary.granted += lacking.min(self.free(&next));
        self.go(next, out, words);
    }

    fn book_return(&self, from: &State, out: Out<'_, '_>) {
        for returned in from.primary.returned_seen + 1..=from.relay.returned {
            let mut next = *from;
            next.primary.returned_seen = returned;
            self.go_primary(next, out, format_args!("primary books return {returned}"));
        }
    }

    /// Decides what was passed on, unless the relay holds or is about to: from the promise on
    /// nothing more is granted below it, so that what was checked at the change stays true.
    fn take_passed_wish(&self, from: &State, out: Out<'_, '_>) {
        let primary = &from.primary;
        let promised = match self.breaking {
            Some(Breaking::GrantsThoughPromised | Breaking::GrantsThoughOut) => false,
            Some(Breaking::PromiseEndsUnheard) => primary.target() != 0,
            _ => primary.promised,
        };
        let out_there = primary.out && !self.breaks(Breaking::GrantsThoughOut);
        if promised || out_there {
            return;
        }
        for (number, floor) in wishes_said(from.letters.passed) {
            let mut next = *from;
            let wish = from.site.wishes[usize::from(number) - 1];
            let free = self.free(from);
            let verdict = next.primary.account.book(number, floor, wish, free, self.breaking);
            next.letters.say_verdict(number, verdict);
            let words = format_args!("primary books wish {number}: {verdict:?}");
            self.go_primary(next, out, words);
        }
    }

    /// A promise that was withdrawn stands until the relay says that it shares, by a version after
    /// which nothing was promised: until then it may be about to take over.
    fn end_promise(&self, from: &State, out: Out<'_, '_>) {
        let (seen, newest) = (from.relay.version, from.primary.version);
        let since = &from.primary.targets[usize::from(seen)..=usize::from(newest)];
        let shares = from.relay.phase == Phase::Sharing && since.iter().all(|target| *target == 0);
        if from.primary.promised && shares {
            let mut next = *from;
            next.primary.promised = false;
            self.go_primary(next, out, format_args!("primary hears that the relay shares"));
        }
    }

    /// Once a turn, the accounts that come through the relay leave the ledger for it. Take-overs of
    /// all its turns so far were said.
    fn hand_over(&self, from: &State, out: Out<'_, '_>) {
        let asked = from.relay.cycle;
        let again = self.breaks(Breaking::HandsOverAgain) && asked > 1;
        if asked <= from.primary.cycle && !again {
            return;
        }
        let mut next = *from;
        next.primary.cycle = asked;
        next.primary.out = true;
        next.primary.outbox = !self.breaks(Breaking::OutboxErasedUnbooked);
        next.primary.handover = Pack { cycle: asked, account: Account::default() };
        if !self.breaks(Breaking::UsesStay) {
            next.primary.handover.account = from.primary.account;
            next.primary.account = Account::default();
        }
        self.go_primary(next, out, format_args!("primary hands over for turn {asked}"));
    }

    fn erase_handover(&self, from: &State, out: Out<'_, '_>) {
        let cycle = from.primary.handover.cycle;
        if from.primary.outbox && from.handover_booked(cycle) {
            let mut next = *from;
            next.primary.outbox = false;
            self.go_primary(next, out, format_args!("primary erases the handover of turn {cycle}"));
        }
    }

    /// What a relay that holds no longer brings; once a turn.
    fn book_yield(&self, from: &State, out: Out<'_, '_>) {
        let Pack { cycle, account } = from.relay.yielded;
        let again = self.breaks(Breaking::YieldBookedAgain);
        if cycle == 0 || from.yield_booked(cycle) && !again {
            return;
        }
        let mut next = *from;
        next.primary.out = false;
        next.primary.outbox = false;
        next.primary.account.put(&account);
        self.go_primary(next, out, format_args!("primary books the yield of turn {cycle}"));
    }
}
