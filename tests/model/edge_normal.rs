//! What every state of an edge says, and what it leaves out because nobody can tell it apart; why
//! that is right, see `edge.rs`.

use crate::breaking::Breaking;
use crate::edge::{Answer, Edge, Request, Rules};

impl Edge {
    /// Says what there is to say, and forgets what does not matter.
    pub fn settle(&mut self, recovering: bool, rules: &Rules) {
        self.say(recovering, rules.breaking);
        if !rules.raw {
            self.normal();
        }
    }

    /// Both ends repeat what they have to say for as long as it holds (R2): so it is said at once.
    fn say(&mut self, recovering: bool, breaking: Option<Breaking>) {
        if !recovering && self.attach != 0 {
            let level = &mut self.levels[usize::from(self.attach) - 1];
            *level = (*level).max(self.granted + 1);
        }
        let speaks = !self.is_quarantined() || breaking == Some(Breaking::QuarantineReturns);
        if speaks && self.asked == 0 && self.attach_seen != 0 {
            let returned = &mut self.returns[usize::from(self.attach_seen) - 1];
            *returned = (*returned).max(self.returned);
        }
    }

    /// Leaves out what no later step can tell apart.
    fn normal(&mut self) {
        self.forget_letters();
        self.number_attachments();
        self.number_epochs();
        self.shift_counters();
    }

    /// Letters that nobody takes any more.
    fn forget_letters(&mut self) {
        if !self.challenge_open {
            self.challenge = 0;
            self.challenge_recovering = false;
            self.request = Request::default();
        }
        if self.asked == 0 {
            self.answer = Answer::default();
        }
        // No attachment of the copy comes into force with it (R8).
        self.primary_copy.attach = 0;
        let taken = |attach: u8| 1_u8 << attach;
        let may_come_to = taken(self.attach_seen)
            | taken(self.asked)
            | taken(self.attach)
            | taken(self.holder_copy.attach);
        for (at, attach) in (0..4).zip(1..) {
            if may_come_to & taken(attach) == 0 {
                self.levels[at] = 0;
            }
            if attach != self.attach || self.returns[at] <= self.returned_seen {
                self.returns[at] = 0;
            }
        }
    }

    /// In the order in which they are named here.
    fn number_attachments(&mut self) {
        let named =
            [self.attach, self.challenge, self.attach_seen, self.asked, self.holder_copy.attach];
        let mut news = [0; 5];
        let (mut last, mut moved) = (0, false);
        for attach in named {
            if attach != 0 && news[usize::from(attach)] == 0 {
                last += 1;
                news[usize::from(attach)] = last;
                moved |= attach != last;
            }
        }
        if !moved {
            return;
        }
        let anew = |attach: &mut u8| *attach = news[usize::from(*attach)];
        anew(&mut self.attach);
        anew(&mut self.challenge);
        anew(&mut self.attach_seen);
        anew(&mut self.asked);
        anew(&mut self.holder_copy.attach);
        anew(&mut self.answer.attach);
        let (levels, returns) = (self.levels, self.returns);
        (self.levels, self.returns) = ([0; 4], [0; 4]);
        for at in 0..4 {
            if let Some(place) = news[at + 1].checked_sub(1) {
                self.levels[usize::from(place)] = levels[at];
                self.returns[usize::from(place)] = returns[at];
            }
        }
    }

    /// Every epoch that somebody may still name.
    pub fn epochs(&mut self) -> [Option<&mut u8>; 6] {
        [
            Some(&mut self.epoch),
            Some(&mut self.epoch_seen),
            self.primary_copy.made.then_some(&mut self.primary_copy.epoch),
            self.holder_copy.made.then_some(&mut self.holder_copy.epoch),
            self.request.said.then_some(&mut self.request.epoch),
            self.answer.is_said().then_some(&mut self.answer.epoch),
        ]
    }

    /// All that is named is of the first epoch.
    fn is_in_first_epoch(&self) -> bool {
        let copies = self.primary_copy.epoch | self.holder_copy.epoch;
        self.epoch | self.epoch_seen | self.request.epoch | self.answer.epoch | copies == 0
    }

    /// Of epochs the order counts: which is the later one.
    fn number_epochs(&mut self) {
        if self.is_in_first_epoch() {
            return;
        }
        let there = self.epochs().into_iter().flatten().fold(0_u8, |all, epoch| all | 1 << *epoch);
        if there & (there + 1) == 0 {
            // There is no gap.
            return;
        }
        for epoch in self.epochs().into_iter().flatten() {
            let lower = there & ((1 << *epoch) - 1);
            *epoch = lower.count_ones() as u8;
        }
    }

    /// Counters of different epochs are never set against each other: each epoch has its own base.
    fn shift_counters(&mut self) {
        if self.is_in_first_epoch() && (self.returned_seen == 0 || self.returned == 0) {
            return;
        }
        let mut base = [u8::MAX; 4];
        for (epoch, _, returned) in self.counters().into_iter().flatten() {
            let base = &mut base[usize::from(epoch)];
            *base = (*base).min(*returned);
        }
        if base.iter().all(|base| [0, u8::MAX].contains(base)) {
            return;
        }
        for (epoch, granted, returned) in self.counters().into_iter().flatten() {
            *granted -= base[usize::from(epoch)];
            *returned -= base[usize::from(epoch)];
        }
        let attached = [
            (self.attach, self.epoch),
            (self.attach_seen, self.epoch_seen),
            (self.answer.attach, self.answer.epoch),
            (self.holder_copy.attach, self.holder_copy.epoch),
        ];
        let mut shifted = [false; 5];
        for (attach, epoch) in attached {
            if attach == 0 || std::mem::replace(&mut shifted[usize::from(attach)], true) {
                continue;
            }
            let (at, base) = (usize::from(attach) - 1, base[usize::from(epoch)]);
            if self.levels[at] != 0 {
                // One below the base is below whatever its taker has: it only tells that it was
                // said.
                self.levels[at] = self.levels[at].saturating_sub(base).max(1);
            }
            self.returns[at] = self.returns[at].saturating_sub(base);
        }
    }

    /// Every pair of counters, with its epoch, as far as somebody may still read it.
    fn counters(&mut self) -> [Option<(u8, &mut u8, &mut u8)>; 6] {
        let (primary, holder) = (&mut self.primary_copy, &mut self.holder_copy);
        let (request, answer) = (&mut self.request, &mut self.answer);
        [
            Some((self.epoch, &mut self.granted, &mut self.returned_seen)),
            Some((self.epoch_seen, &mut self.granted_seen, &mut self.returned)),
            primary.made.then_some((
                primary.epoch,
                &mut primary.granted,
                &mut primary.returned_seen,
            )),
            holder.made.then_some((holder.epoch, &mut holder.granted_seen, &mut holder.returned)),
            request.said.then_some((
                request.epoch,
                &mut request.granted_seen,
                &mut request.returned,
            )),
            answer.is_said().then_some((
                answer.epoch,
                &mut answer.granted,
                &mut answer.returned_seen,
            )),
        ]
    }
}
