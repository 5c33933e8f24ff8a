//! What every state of a turn says, and what it leaves out because nobody can tell it apart.

use crate::account::{Account, Verdicts, Wish};
use crate::turns::{Levels, Pack, Phase, Relay, State, Turns};

impl Turns {
    /// Says what there is to say, and forgets what does not matter.
    pub fn settle(&self, state: &mut State) {
        state.say();
        if !self.raw {
            state.forget_packs();
            state.forget_wishes();
            state.number_wishes();
            state.shift_versions();
            state.shift_cycles();
            state.shift_counters();
        }
    }
}

impl State {
    /// Whoever waits for an answer repeats: so it is said at once.
    fn say(&mut self) {
        let floor = self.site.floor();
        for device in self.site.devices {
            if let Some(at) = device.wish.checked_sub(1) {
                self.letters.up[usize::from(at)] |= 1 << (floor - 1);
            }
        }
        self.letters.levels[usize::from(self.primary.version)].most = self.primary.granted;
    }

    /// A pack that was booked is heard by nobody any more.
    fn forget_packs(&mut self) {
        if !self.primary.outbox {
            self.primary.handover = Pack::default();
        } else if self.handover_booked(self.primary.handover.cycle) {
            self.primary.handover.account = Account::default();
        }
        let Relay { phase, cycle, .. } = self.relay;
        if phase != Phase::Yielding || self.yield_booked(cycle) {
            self.relay.yielded = Pack::default();
        }
    }

    /// Wishes below the floor of the account are not heard, wherever it stands.
    fn forget_wishes(&mut self) {
        let floor = self.accounts().iter().flatten().map(|account| account.floor).max();
        for at in 0..usize::from(floor.unwrap_or(0).saturating_sub(1)) {
            self.letters.up[at] = 0;
            self.letters.passed[at] = 0;
            self.letters.verdicts[at] = Verdicts::default();
            self.site.wishes[at] = Wish::default();
        }
    }

    /// By number: whether a letter, a device or an entry still names the wish.
    fn wishes_named(&self) -> [bool; 5] {
        let mut named = [false; 5];
        for at in 0..4 {
            named[at + 1] = self.letters.up[at] | self.letters.passed[at] != 0;
        }
        for device in self.site.devices {
            named[usize::from(device.wish)] = true;
        }
        for account in self.accounts().into_iter().flatten() {
            for entry in account.entries {
                named[usize::from(entry.number)] = true;
            }
        }
        named[0] = false;
        named
    }

    /// Of the wishes that are named, the order counts.
    fn number_wishes(&mut self) {
        let named = self.wishes_named();
        if named[1..=usize::from(self.site.wish_last)].iter().all(|named| *named) {
            return;
        }
        let below =
            |number: u8| named[..usize::from(number)].iter().filter(|named| **named).count();
        let (letters, wishes) = (self.letters, self.site.wishes);
        self.letters.up = [0; 4];
        self.letters.passed = [0; 4];
        self.letters.verdicts = Default::default();
        self.site.wishes = Default::default();
        for number in (1..=4_u8).filter(|number| named[usize::from(*number)]) {
            let (from, to) = (usize::from(number) - 1, below(number));
            self.site.wishes[to] = wishes[from];
            self.letters.verdicts[to] = letters.verdicts[from];
            self.letters.up[to] = floors_anew(letters.up[from], below);
            self.letters.passed[to] = floors_anew(letters.passed[from], below);
        }
        let anew = |number: &mut u8| {
            if *number != 0 {
                *number = below(*number) as u8 + 1;
            }
        };
        self.site.wish_last = below(5) as u8;
        self.site.devices.iter_mut().for_each(|device| anew(&mut device.wish));
        let packs = [&mut self.primary.handover.account, &mut self.relay.yielded.account];
        let ledgers = [&mut self.primary.account, &mut self.relay.account];
        for account in ledgers.into_iter().chain(packs) {
            anew(&mut account.floor);
            account.entries.iter_mut().for_each(|entry| anew(&mut entry.number));
        }
    }

    /// Levels of versions that the relay has left behind are not heard.
    fn shift_versions(&mut self) {
        let base = usize::from(self.relay.version);
        self.relay.version = 0;
        self.primary.version -= base as u8;
        self.primary.targets.rotate_left(base);
        self.letters.levels.rotate_left(base);
        for at in usize::from(self.primary.version) + 1..4 {
            self.primary.targets[at] = 0;
            self.letters.levels[at] = Levels::default();
        }
    }

    fn shift_cycles(&mut self) {
        let base = self.primary.cycle - 1;
        self.primary.cycle = 1;
        self.relay.cycle -= base;
        for cycle in [&mut self.primary.handover.cycle, &mut self.relay.yielded.cycle] {
            *cycle = cycle.saturating_sub(base);
        }
    }

    fn shift_counters(&mut self) {
        let base = self.primary.returned_seen;
        self.primary.returned_seen = 0;
        self.primary.granted -= base;
        self.relay.granted_seen -= base;
        self.relay.returned -= base;
        for version in 0..=usize::from(self.primary.version) {
            let Levels { least, most } = &mut self.letters.levels[version];
            (*least, *most) = (least.saturating_sub(base), most.saturating_sub(base));
        }
    }
}

/// A floor is a place between wishes: how many are named below it.
fn floors_anew(floors: u8, below: impl Fn(u8) -> usize) -> u8 {
    let all = (1..=4).filter(|floor| floors >> (floor - 1) & 1 == 1);
    all.map(|floor| 1 << below(floor)).fold(0, |mask, floor| mask | floor)
}
