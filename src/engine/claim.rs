//! Serials are unique in the tree: a relay claims one at the primary before it registers it.
//!
//! ```text
//!   relay                                      primary
//!   RegisterLicense asked for, and lawful here
//!      ── Claim{serial} ─────────────────────► ClaimSerial: the first one wins, durable
//!      ◄── Claimed{serial, by} ──              whose it is, also when that was decided before
//!   by me: RegisterLicense, durable
//!   by another, or no word in time: refused, and nothing is registered
//! ```
//! Invariants
//! - A serial has one owner for good; the same server may claim it again, after a crash or after
//!   words that were lost. What is registered at the primary is the primary's.
//! - `Claimed` only lets go on what somebody here still waits for; any other copy, late, doubled or
//!   never asked for, does nothing. A primary that was set back is claimed at once more: what it
//!   gave to another meanwhile leaves this server.

use super::Engine;
use super::waiting::{Hope, Waiting};
use crate::model::command::Command;
use crate::model::letter::{Address, Body};
use crate::model::license::{License, Serial};
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::request::RequestId;
use crate::model::row::RowKey;
use crate::model::time::Timestamp;
use crate::model::tuning::Mutant;
use std::collections::BTreeSet;

impl Engine {
    // === The relay's end ===

    /// Whether serials are claimed before they are registered here.
    pub(super) fn must_claim(&self) -> bool {
        if self.tuning.breaks(Mutant::NoClaim) {
            return false;
        }
        !self.state.is_primary()
    }

    pub(super) fn ask_claim(&mut self, id: RequestId, license: License, now: Timestamp) {
        self.send_claim(license.serial.clone());
        let until = now.after(self.tuning.answer_wait);
        let hope = Hope::Claimed { license: Box::new(license) };
        self.waiting.push(Waiting { id, hope, proposed: 0, until });
    }

    fn send_claim(&mut self, serial: Serial) {
        self.send_above(Address::Primary, Body::Claim { serial });
    }

    fn claiming(&self) -> impl Iterator<Item = &Serial> {
        self.waiting.iter().filter_map(|one| match &one.hope {
            Hope::Claimed { license } => Some(&license.serial),
            _ => None,
        })
    }

    pub(super) fn is_claiming(&self) -> bool {
        self.claiming().next().is_some()
    }

    /// Says again what has no answer.
    pub(super) fn repeat_claims(&mut self) {
        let serials: BTreeSet<Serial> = self.claiming().cloned().collect();
        serials.into_iter().for_each(|serial| self.send_claim(serial));
    }

    /// The primary's word on a serial, for whoever still waits for it.
    pub(super) fn claimed(&mut self, serial: &Serial, by: Option<&ServerName>, now: Timestamp) {
        self.reclaimed(serial, by);
        let mut waiting = std::mem::take(&mut self.waiting);
        for one in &mut waiting {
            let Hope::Claimed { license } = &one.hope else { continue };
            if license.serial != *serial {
                continue;
            }
            let license = License::clone(license);
            let lawful = match by {
                Some(owner) if owner == self.state.name() => {
                    self.registration_check(&license, self.license_time(now))
                }
                Some(owner) => Err(self.taken(serial, owner)),
                None => Err(no_more_claims(serial)),
            };
            match lawful {
                Ok(()) => {
                    self.propose_registration(license);
                    one.hope = Hope::Registered { serial: serial.clone() };
                    one.proposed = self.proposed;
                }
                Err(refusal) => self.turn_down(one, refusal),
            }
        }
        self.waiting = waiting;
    }

    /// The primary, which was set back, knows again that the license is registered here.
    fn reclaimed(&mut self, serial: &Serial, by: Option<&ServerName>) {
        if self.reclaiming.remove(serial)
            && let Some(owner) = by.filter(|owner| *owner != self.state.name())
        {
            self.propose(Command::ClaimSerial { serial: serial.clone(), by: owner.clone() });
        }
    }

    /// A license that is registered here is another's, to which a primary that was set back gave it
    /// meanwhile. It counts there, and no more here.
    fn leave_license(&mut self, serial: &Serial, by: &ServerName) {
        let Some(row) = self.state.licenses.remove(serial) else { return };
        self.expiring.remove(serial);
        let (product, count) = (row.license.product.clone(), row.license.count);
        self.state.touch(RowKey::License(serial.clone()));
        self.state.count_registered(&product);
        let text =
            format!("license {serial} for {count} {product} is {by}'s: it counts here no longer");
        self.note("license.twice", text);
        if row.license.confirm_within_days.is_some() {
            self.tell_bound(&product);
        }
        self.note_shortage(&product);
    }

    /// From now on it waits only for its refusal to be in the event log.
    pub(super) fn turn_down(&mut self, one: &mut Waiting, refusal: Refusal) {
        self.propose_refusal(&refusal);
        one.hope = Hope::Noted { refusal };
        one.proposed = self.proposed;
    }

    // === The primary's end ===

    /// Whether licenses are registered at this server, or about to be: they are of the data set
    /// that claimed them, and of no other.
    pub(super) fn has_claims(&self, server: &ServerName) -> bool {
        self.state.claims.values().any(|owner| owner == server)
    }

    /// Whether a relay is there with another data set than it was met with.
    fn is_another_data_set(&self, relay: &ServerName) -> bool {
        let known = self.state.met.get(relay).map(|met| met.incarnation);
        let said = self.heard.get(relay).map(|heard| heard.presence.incarnation);
        said.is_some() && known != said
    }

    /// A server below asks for a serial.
    pub(super) fn claim_came(&mut self, by: ServerName, serial: Serial) {
        // What is registered elsewhere is not known before all have said it.
        if self.recovers() {
            return;
        }
        if self.has_no_room_for_claim(&serial) {
            return self.answer_claim(&serial, &by);
        }
        self.claim_stands(by, serial);
    }

    /// The serial is its, unless another has it already.
    pub(super) fn claim_stands(&mut self, by: ServerName, serial: Serial) {
        if !self.state.is_primary() || (self.has_claims(&by) && self.is_another_data_set(&by)) {
            return;
        }
        match self.state.claimant(&serial) {
            // Whoever asked first gets it, and this one is told so when it is applied.
            None if self.claims_ahead.contains_key(&serial) => {
                if self.claims_ahead.get(&serial) != Some(&by) {
                    self.propose(Command::ClaimSerial { serial, by });
                }
            }
            None if self.may_claim_more(&by) => {
                self.claims_ahead.insert(serial.clone(), by.clone());
                self.propose(Command::ClaimSerial { serial, by });
            }
            _ => self.answer_claim(&serial, &by),
        }
    }

    /// Whether there is room for one more claim, and this relay has claimed fewer than may be
    /// registered at one server, so that others find room too. Those on their way count. Looked at
    /// here and not where it is applied: whatever was promised under a higher limit stays.
    fn may_claim_more(&self, by: &ServerName) -> bool {
        let all = || self.state.claims.values().chain(self.claims_ahead.values());
        let (count, max) =
            (self.state.claims.len() + self.claims_ahead.len(), self.tuning.licenses_max);
        count < self.tuning.claims_max
            && (count < max || all().filter(|owner| *owner == by).count() < max)
    }

    pub(super) fn claim_serial(&mut self, serial: &Serial, by: &ServerName) {
        if !self.state.is_primary() {
            return self.leave_license(serial, by);
        }
        self.claims_ahead.remove(serial);
        if self.state.claimant(serial).is_none() {
            self.state.claims.insert(serial.clone(), by.clone());
            self.state.touch(RowKey::Claim(serial.clone()));
            let text = format!("license {serial} is {by}'s to register, and no other server's");
            self.note_sparingly("license.claimed", "", text);
        }
        self.answer_claim(serial, by);
    }

    pub(super) fn answer_claim(&mut self, serial: &Serial, to: &ServerName) {
        let by = self.state.claimant(serial).cloned();
        self.send_below(to, Body::Claimed { serial: serial.clone(), by });
    }

    // === Refusals ===

    pub(super) fn taken(&self, serial: &Serial, owner: &ServerName) -> Refusal {
        Refusal::new(
            "LT0219",
            format!(
                "license {serial} is {owner}'s: it is registered there, or about to be; nothing \
                 was added to {}",
                self.state.name()
            ),
            format!("look there: lictree license list, with --data of {owner}'s folder"),
        )
    }

    /// No word from the primary for so long.
    pub(super) fn unclaimed(&self, license: &License) -> Refusal {
        let (serial, wait) = (&license.serial, self.tuning.answer_wait);
        Refusal::new(
            "LT0228",
            format!(
                "the primary cannot be reached: it did not say within {wait:?} whether license \
                 {serial} is free; nothing was registered"
            ),
            "look at the way up (lictree status), then register the file again",
        )
    }
}

fn no_more_claims(serial: &Serial) -> Refusal {
    Refusal::new(
        "LT0205",
        format!("license {serial} is refused: the primary takes no more claims for now"),
        "look whether its disk is full (lictree status there); or raise claims_max in its [limits]",
    )
}
