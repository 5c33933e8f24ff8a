//! Requests that cannot be answered at once: what they wait for, and until when.
//!
//! All of it is volatile: whoever asked and got no answer asks again.

use super::disk::no_room_above;
use super::{Deed, Engine};
use crate::model::account::{Verdict, WishVerdict};
use crate::model::count::LicenseCount;
use crate::model::device::{DeviceId, DeviceNumber, DeviceState};
use crate::model::enrolment::CertificateAsk;
use crate::model::holding::{HoldingOption, Phase};
use crate::model::license::{License, Serial};
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, DeviceOutcome, HoldingOutcome, RequestId};
use crate::model::time::Timestamp;
use std::collections::BTreeSet;

/// What a request waits for after its command was proposed.
#[derive(Debug)]
pub(super) enum Hope {
    Registered {
        serial: Serial,
    },
    /// The other end of the edge has booked the change.
    Holding {
        outcome: Box<HoldingOutcome>,
        applied: bool,
    },
    /// Every device has its verdict.
    Devices {
        devices: Vec<DeviceNumber>,
        /// Nothing means gone.
        wanted: Option<DeviceState>,
        product: Option<ProductName>,
    },
    /// This many commands, the last of them the one waited for.
    Imported {
        commands: u64,
    },
    /// The command itself is all there is to wait for.
    Applied {
        answer: Box<Answer>,
    },
    /// What is under way with the authorities, as of then.
    Rotation,
    /// The primary's word on a certificate, by the number of the ask.
    Certificate {
        ticket: u64,
        ask: Box<CertificateAsk>,
    },
    /// The primary says whose the serial is; no command is waited for.
    Claimed {
        license: Box<License>,
    },
    /// The event log says that a license was refused.
    Noted {
        refusal: Refusal,
    },
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub id: RequestId,
    pub hope: Hope,
    /// Its command is the so-many-th proposed in this start.
    pub proposed: u64,
    pub until: Timestamp,
}

impl Engine {
    pub(super) fn await_answer(&mut self, id: RequestId, hope: Hope, now: Timestamp) {
        let until = now.after(self.tuning.answer_wait);
        self.waiting.push(Waiting { id, hope, proposed: self.proposed, until });
    }

    /// Answers every request whose wait is over.
    pub(super) fn answer_waiting(&mut self, now: Timestamp) {
        let refusals = std::mem::take(&mut self.refusals);
        let waiting = std::mem::take(&mut self.waiting);
        for mut one in waiting {
            if one.proposed > self.applied {
                self.waiting.push(one);
                continue;
            }
            let refusal = refusals.get(&one.proposed).cloned();
            let late = now >= one.until;
            if late && let Hope::Claimed { license } = &one.hope {
                let refusal = self.unclaimed(license);
                self.turn_down(&mut one, refusal);
                self.waiting.push(one);
                continue;
            }
            match self.fulfilled(one.proposed, &mut one.hope, refusal, late, now) {
                Some(answer) => self.answer(one.id, answer),
                None => self.waiting.push(one),
            }
        }
    }

    pub(super) fn answer(&mut self, id: RequestId, answer: Answer) {
        self.deeds.push(Deed::Answer { id, answer: Box::new(answer) });
    }

    /// Whether somebody waits for every wish that is refused here, and so is told of it.
    pub(super) fn are_waited_for(&self, verdicts: &[WishVerdict]) -> bool {
        let refuses = [Verdict::RangeFull, Verdict::NoRoom];
        let refused = verdicts.iter().filter(|one| refuses.contains(&one.verdict));
        let mut refused = refused.map(|one| one.device).peekable();
        if refused.peek().is_none() {
            return false;
        }
        let asked = self.waiting.iter().filter_map(|one| match &one.hope {
            Hope::Devices { devices, .. } => Some(devices),
            _ => None,
        });
        let asked: BTreeSet<DeviceNumber> = asked.flatten().copied().collect();
        refused.all(|device| asked.contains(&device))
    }

    fn imported(&mut self, last: u64, commands: u64) -> Answer {
        let (mut new, mut known) = (0, 0);
        for number in last + 1 - commands..=last {
            let came = self.discovered.remove(&number).unwrap_or_default();
            new += came.new;
            known += came.known;
        }
        Answer::Imported { new, known }
    }

    fn fulfilled(
        &mut self,
        proposed: u64,
        hope: &mut Hope,
        refusal: Option<Refusal>,
        late: bool,
        now: Timestamp,
    ) -> Option<Answer> {
        match hope {
            Hope::Registered { serial } => {
                // One of that serial may be there, and yet this one was refused.
                let row = self.state.licenses.get(serial).filter(|_| refusal.is_none());
                Some(match row {
                    Some(row) => Answer::LicenseRegistered(super::view::license_view(row)),
                    None => Answer::Refused(refusal.unwrap_or_else(not_applied)),
                })
            }
            Hope::Claimed { .. } => None,
            Hope::Noted { refusal } => Some(Answer::Refused(refusal.clone())),
            Hope::Imported { commands } => Some(self.imported(proposed, *commands)),
            Hope::Applied { answer } => Some(match refusal {
                Some(refusal) => Answer::Refused(refusal),
                None => (**answer).clone(),
            }),
            Hope::Rotation => Some(Answer::Rotation(self.rotation(now))),
            Hope::Certificate { ticket, .. } => self.certificate_came(*ticket, late),
            Hope::Holding { outcome, applied } => {
                self.holding_done(outcome, applied, refusal, late, now)
            }
            Hope::Devices { devices, wanted, product } => {
                if let Some(refusal) = refusal {
                    return Some(Answer::Refused(refusal));
                }
                let open = |number: &DeviceNumber| {
                    let row = self.state.devices.get(number);
                    row.is_some_and(|row| row.wish.is_some())
                };
                if devices.iter().any(open) && !late {
                    return None;
                }
                Some(Answer::DevicesDone(self.device_outcomes(devices, *wanted, product.as_ref())))
            }
        }
    }

    fn holding_done(
        &self,
        outcome: &mut HoldingOutcome,
        applied: &mut bool,
        refusal: Option<Refusal>,
        late: bool,
        now: Timestamp,
    ) -> Option<Answer> {
        if !*applied {
            *applied = true;
            outcome.refusal = refusal;
        }
        if outcome.refusal.is_none() && self.was_declined(outcome) {
            outcome.refusal = Some(Refusal::new(
                "LT0208",
                format!("{} declined: licenses are registered there", outcome.relay),
                "licenses that are registered at a relay stay there; a relay has one option",
            ));
        }
        if outcome.refusal.is_none() {
            let settled = self.is_booked(&outcome.relay, &outcome.product);
            let away = !self.is_online(&outcome.relay, now);
            if !settled && !late && !away {
                return None;
            }
            outcome.in_transit = self.unbooked(&outcome.relay, &outcome.product);
        }
        Some(Answer::Holding(outcome.clone()))
    }

    /// Whether the relay kept its registered licenses instead.
    fn was_declined(&self, outcome: &HoldingOutcome) -> bool {
        let edge = self.state.edges.get(&(outcome.product.clone(), outcome.relay.clone()));
        let now = edge.map_or(HoldingOption::None, |edge| edge.level.option);
        now == HoldingOption::Registered && outcome.option != now
    }

    /// Whether the relay acts by what was last set, and its figures say so.
    fn is_booked(&self, relay: &ServerName, product: &ProductName) -> bool {
        let Some(edge) = self.state.edges.get(&(product.clone(), relay.clone())) else {
            return true;
        };
        let said = self.figures_of(relay, product);
        let phase = match edge.level.option {
            HoldingOption::None => Phase::Sharing,
            HoldingOption::Distributed | HoldingOption::Registered => Phase::Holding,
        };
        Engine::edge_is_settled(edge)
            && said.phase == phase
            && said.version == edge.level.version
            && said.granted_seen.saturating_sub(said.returned) == self.outstanding(relay, product)
    }

    /// Counts that the relay has yet to book or to give back.
    fn unbooked(&self, relay: &ServerName, product: &ProductName) -> LicenseCount {
        let Some(edge) = self.state.edges.get(&(product.clone(), relay.clone())) else {
            return LicenseCount::ZERO;
        };
        let back = self.outstanding(relay, product).saturating_sub(edge.level.target.0);
        LicenseCount(edge.level.granted - edge.granted_seen + back)
    }

    fn device_outcomes(
        &self,
        devices: &[DeviceNumber],
        wanted: Option<DeviceState>,
        product: Option<&ProductName>,
    ) -> Vec<DeviceOutcome> {
        let source = product.and_then(|product| self.source(product));
        let outcomes = devices.iter().map(|number| {
            let id = DeviceId { managing_source: self.state.name().clone(), number: *number };
            let row = self.state.devices.get(number).filter(|row| !row.deleted);
            let state = row.map(|row| row.device.state);
            let waits = row.is_some_and(|row| row.wish.is_some());
            let refusal = match (state == wanted, waits) {
                (true, _) => None,
                (false, _) if row.is_none() => Some(super::request::no_node(&id)),
                (false, true) => Some(self.unanswered(product, source.as_ref())),
                (false, false) => Some(self.not_granted(product, source.as_ref())),
            };
            DeviceOutcome { id, state, refusal }
        });
        outcomes.collect()
    }

    fn not_granted(&self, product: Option<&ProductName>, source: Option<&ServerName>) -> Refusal {
        if let (Some(product), Some(source)) = (product, source)
            && self.source_has_no_room(product)
        {
            return no_room_above(product, source);
        }
        let product = product.map_or("the product", ProductName::as_str);
        let source = source.map_or("?", ServerName::as_str);
        if let Some(refusal) = product.parse().ok().and_then(|p| self.confirmation_missing(&p)) {
            return refusal;
        }
        let figures = if source == self.state.name().as_str() {
            let view = product.parse().map(|p| self.own_figures_now(&p)).unwrap_or_default();
            format!(": it holds {}, {} used", view.held, view.used)
        } else {
            String::new()
        };
        Refusal::new(
            "LT0301",
            format!("range {source} of {product} has no license left{figures}"),
            "free one (node ignore), or ask the primary's operator for more",
        )
    }

    fn unanswered(&self, product: Option<&ProductName>, source: Option<&ServerName>) -> Refusal {
        let product = product.map_or("the product", ProductName::as_str);
        let source = source.map_or("not known yet", ServerName::as_str);
        let (text, hint) = match source == self.state.name().as_str() && self.recovers() {
            true => (
                format!("{source} decides about {product}, and grants nothing while it recovers"),
                "it is decided when the recovery ends; what it waits for: lictree recovery show",
            ),
            false => (
                format!("the sharing source of {product} ({source}) has not answered yet"),
                "it is asked again until it answers; look with: lictree node list",
            ),
        };
        Refusal::new("LT0302", text, hint)
    }
}

fn not_applied() -> Refusal {
    Refusal::new("LT0602", "the change was overtaken by another one", "look, and ask again")
}
