//! How an ask for a certificate finds the primary, and its answer the way back.
//!
//! ```text
//!   somebody ── join ──► server b             primary
//!                          CertificateAsk{7} ──► invite known? ──► Certify (the authority's key)
//!                                                                    proof and request are right
//!                                                Enroll, durable ◄───┘
//!   somebody ◄── chain ── CertificateAnswer{7} ◄──┘
//! ```
//! A certificate is said only when the command that makes it known is durable. An ask is repeated
//! until its answer comes: the same key gets the same certificate again, another key gets none.

use super::Engine;
use super::waiting::Hope;
use crate::model::command::Command;
use crate::model::enrolment::{
    CertificateAnswer, CertificateAsk, Certified, CertifyJob, Credentials, EnrolmentCommand,
    InviteId, ReplyTo,
};
use crate::model::letter::{Address, Body};
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, RequestId};
use crate::model::time::Timestamp;

/// So many refusals of a kind are told one after the other …
const REFUSALS_AT_ONCE: u32 = 20;
/// … and further ones only so many intervals apart: one a minute by the defaults.
const REFUSALS_SLOWED: u32 = 60;

/// What the authority's key was asked for.
#[derive(Clone, Debug)]
pub enum Purpose {
    Join { invite: InviteId, enrolment: u64, reply: ReplyTo },
    Renew { name: ServerName, enrolment: u64, reply: ReplyTo },
    Seal,
    Rotate,
}

impl Engine {
    /// What this server proves itself with from now on.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        self.credentials = credentials;
    }

    /// Somebody at this server asks: here it is decided at the primary, elsewhere passed up.
    pub(super) fn ask_certificate(&mut self, id: RequestId, ask: CertificateAsk, now: Timestamp) {
        self.ticket_last += 1;
        let ticket = self.ticket_last;
        let hope = Hope::Certificate { ticket, ask: Box::new(ask.clone()) };
        self.await_answer(id, hope, now);
        if self.state.is_primary() {
            let reply = ReplyTo { server: self.state.name().clone(), ticket };
            self.certificate_asked(ask, reply, now);
        } else {
            self.send_above(Address::Primary, Body::CertificateAsk { ticket, ask });
        }
    }

    /// Says again what has no answer yet (relays).
    pub(super) fn repeat_certificates(&mut self) {
        if self.state.is_primary() {
            return;
        }
        let waiting = self.waiting.iter().filter_map(|one| match &one.hope {
            Hope::Certificate { ticket, ask } => Some((*ticket, (**ask).clone())),
            _ => None,
        });
        let waiting: Vec<(u64, CertificateAsk)> = waiting.collect();
        for (ticket, ask) in waiting {
            self.send_above(Address::Primary, Body::CertificateAsk { ticket, ask });
        }
    }

    pub(super) fn awaits_certificates(&self) -> bool {
        self.waiting.iter().any(|one| matches!(one.hope, Hope::Certificate { .. }))
    }

    /// Relay: the primary's word. What nobody waits for is forgotten.
    pub(super) fn certificate_answered(&mut self, ticket: u64, answer: CertificateAnswer) {
        let waits = self.waiting.iter().any(|one| match &one.hope {
            Hope::Certificate { ticket: known, .. } => *known == ticket,
            _ => false,
        });
        if waits {
            self.certificates.insert(ticket, answer);
        }
    }

    /// The answer to a request made here, if it is there or its time is over.
    pub(super) fn certificate_came(&mut self, ticket: u64, late: bool) -> Option<Answer> {
        match self.certificates.remove(&ticket) {
            Some(answer) => Some(Answer::Certificate(answer)),
            None if late => Some(Answer::Refused(Refusal::new(
                "LT0420",
                format!("{} gets no answer from the primary", self.state.name()),
                "try again when the way to the primary is open: lictree status",
            ))),
            None => None,
        }
    }

    // === The primary ===

    /// Primary: decides what can be decided without the authority's key, and asks that for more.
    pub(super) fn certificate_asked(
        &mut self,
        ask: CertificateAsk,
        reply: ReplyTo,
        now: Timestamp,
    ) {
        if self.certifying.len() >= self.tuning.waiting_requests_max {
            return;
        }
        let prepared = match ask {
            CertificateAsk::Join(ask) => self.prepare_join(ask, &reply, now),
            CertificateAsk::Renew(ask) => self.prepare_renewal(ask, &reply),
        };
        match prepared {
            Ok((job, purpose)) => self.certify(job, purpose),
            Err(refusal) => {
                self.note_refusal("join.refused", &refusal, now);
                self.send_certificate(&reply, CertificateAnswer::Refused(refusal));
            }
        }
    }

    pub(super) fn certify(&mut self, job: CertifyJob, purpose: Purpose) {
        self.ticket_last += 1;
        let ticket = self.ticket_last;
        self.certifying.insert(ticket, purpose);
        self.deeds.push(super::Deed::Certify { ticket, job: Box::new(job) });
    }

    /// What the authority's key made of it.
    pub fn certified(&mut self, ticket: u64, result: Certified, now: Timestamp) {
        let Some(purpose) = self.certifying.remove(&ticket) else { return };
        match (purpose, result) {
            (Purpose::Join { invite, enrolment, reply }, result) => {
                self.join_certified(invite, enrolment, reply, result, now);
            }
            (Purpose::Renew { name, enrolment, reply }, Certified::Issued(issued)) => {
                let command = EnrolmentCommand::Renewed { name, enrolment, issued, reply };
                self.propose(Command::Enrolment(command));
            }
            (Purpose::Renew { reply, .. }, result) => {
                let refusal = refused_by_authority(&result);
                self.note_refusal("certificate.refused", &refusal, now);
                self.send_certificate(&reply, CertificateAnswer::Refused(refusal));
            }
            (Purpose::Seal, Certified::Sealed(sealed)) => {
                self.propose(Command::Enrolment(EnrolmentCommand::Trust(sealed)));
            }
            (Purpose::Rotate, Certified::Authorities(authorities)) => {
                let command = EnrolmentCommand::Authorities { authorities, issuer: 0 };
                self.propose(Command::Enrolment(command));
            }
            (Purpose::Seal | Purpose::Rotate, result) => {
                let refusal = refused_by_authority(&result);
                self.note_refusal("authority.failed", &refusal, now);
            }
        }
    }

    /// Primary: hands an answer to whoever asked, here or below.
    pub(super) fn send_certificate(&mut self, reply: &ReplyTo, answer: CertificateAnswer) {
        if reply.server == *self.state.name() {
            self.certificate_answered(reply.ticket, answer);
        } else {
            let ticket = reply.ticket;
            self.send_below(&reply.server, Body::CertificateAnswer { ticket, answer });
        }
    }

    /// A line in the event log, at most one a second of a kind, and after many of them one a
    /// minute: strangers must neither fill it nor push everything else out of it.
    pub(super) fn note_refusal(&mut self, kind: &str, refusal: &Refusal, now: Timestamp) {
        let interval = self.tuning.refusals_noted_interval;
        let (last, room) = self.noted.get(kind).copied().unwrap_or_default();
        let room = room.max(now).after(REFUSALS_SLOWED * interval);
        let many = room.since(now) > REFUSALS_AT_ONCE * REFUSALS_SLOWED * interval;
        if many || now.since(last) < interval {
            return;
        }
        self.noted.insert(kind.to_string(), (now, room));
        self.propose(Command::Note { kind: kind.to_string(), text: refusal.to_string() });
    }
}

/// What to say where the authority's key did not do its work.
pub(super) fn refused_by_authority(result: &Certified) -> Refusal {
    match result {
        Certified::Refused(why) => Refusal::new(
            "LT0418",
            format!("no certificate was given: {why}"),
            "ask again; if it stays so, invite the server anew: lictree server invite NAME",
        ),
        Certified::Unable(why) => Refusal::new(
            "LT0419",
            format!("the authority of the tree cannot be used: {why}"),
            "at the primary: lictree doctor",
        ),
        _ => Refusal::new(
            "LT0419",
            "the authority of the tree did other work than it was asked for",
            "at the primary: lictree doctor",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Deed;
    use crate::engine::state::State;
    use crate::model::command::Founding;
    use crate::model::holding::Role;
    use crate::model::tuning::Tuning;

    #[test]
    fn a_flood_of_refusals_leaves_a_line_a_second_at_first_and_then_one_a_minute() {
        let (tree, name) = ("acme".parse().unwrap(), "hq".parse().unwrap());
        let founding = Founding { tree, name, role: Role::Primary, incarnation: 1 };
        let state = State::new(founding);
        let mut engine = Engine::new(state, Tuning::default(), "test".to_string(), 1);
        let refusal = Refusal::new("LT0415", "wrong", "again");
        let mut lines = |from: u64, seconds: u64| {
            // Four of them in each second.
            for quarter in 0..4 * seconds {
                engine.note_refusal("join.refused", &refusal, Timestamp(from + 250 * quarter));
            }
            let deeds = std::mem::take(&mut engine.deeds);
            deeds.iter().filter(|deed| matches!(deed, Deed::Propose(Command::Note { .. }))).count()
        };
        let begin = 1_000_000;
        assert_eq!(lines(begin, 10), 10);
        assert_eq!(lines(begin + 10_000, 590), 10 + 9);
        // An hour of peace later there is room again.
        assert_eq!(lines(begin + 4_200_000, 10), 10);
    }
}
