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
//! until its answer comes: the same key gets the same certificate again, another key gets none for
//! a join, and for a renewal one after a while (`renewal`).

use super::Engine;
use super::renewal::Turn;
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
        if credentials.enrolment > self.credentials.enrolment {
            self.say_anew();
        }
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
            CertificateAsk::Join(ask) => {
                self.disk_takes_servers().and_then(|()| self.prepare_join(ask, &reply, now))
            }
            CertificateAsk::Renew(ask) => self.prepare_renewal(ask, &reply),
        };
        match prepared {
            Ok((job, Purpose::Renew { name, enrolment, reply })) => {
                self.renew_in_turn(job, (name, enrolment, reply), now);
            }
            Ok((job, purpose)) => self.certify(job, purpose),
            Err(refusal) => {
                self.note_refusal("join.refused", &refusal, now);
                self.send_certificate(&reply, CertificateAnswer::Refused(refusal));
            }
        }
    }

    /// A server's new certificate, unless it has had one just now.
    fn renew_in_turn(
        &mut self,
        job: CertifyJob,
        (name, enrolment, reply): (ServerName, u64, ReplyTo),
        now: Timestamp,
    ) {
        let interval = self.tuning.renewal_interval;
        // The primary repeats no ask, and who is at its socket can keep it busy anyway.
        let own = name == *self.state.name();
        let turn = if own { Turn::Certify } else { self.renewals.turn(&name, &job, now, interval) };
        match turn {
            Turn::Wait => {}
            Turn::Again(certificate) => {
                let grant = self.renewed_grant(&name, enrolment, certificate);
                self.send_certificate(&reply, grant);
            }
            Turn::Certify => {
                let purpose = Purpose::Renew { name: name.clone(), enrolment, reply };
                self.certify(job.clone(), purpose);
                self.renewals.asked(name, (self.ticket_last, job), now, interval);
            }
        }
    }

    /// Asks the authority's key for something, under the next number.
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
                self.renewals.made(&name, ticket, issued.key);
                let command = EnrolmentCommand::Renewed { name, enrolment, issued, reply };
                self.propose(Command::Enrolment(command));
            }
            (Purpose::Renew { name, reply, .. }, result) => {
                self.renewals.refused(&name, ticket);
                let refusal = refused_by_authority(&result);
                let noted =
                    Refusal { message: format!("{name}: {}", refusal.message), ..refusal.clone() };
                self.note_refusal("certificate.refused", &noted, now);
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

    pub(super) fn note_refusal(&mut self, kind: &str, refusal: &Refusal, now: Timestamp) {
        self.note_at_pace(kind, refusal.to_string(), now);
    }

    /// A line in the event log, at most one a second of a kind, and after many of them one a
    /// minute: strangers must neither fill it nor push everything else out of it.
    pub(super) fn note_at_pace(&mut self, kind: &str, text: String, now: Timestamp) {
        let interval = self.tuning.refusals_noted_interval;
        let (last, room) = self.noted.get(kind).copied().unwrap_or_default();
        let room = room.max(now).after(REFUSALS_SLOWED * interval);
        let many = room.since(now) > REFUSALS_AT_ONCE * REFUSALS_SLOWED * interval;
        if many || now.since(last) < interval {
            return;
        }
        self.noted.insert(kind.to_string(), (now, room));
        self.propose(Command::Note { kind: kind.to_string(), text });
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
    use crate::model::command::{CommandBatch, Founding};
    use crate::model::enrolment::{Issued, KeyPrint, RenewAsk};
    use crate::model::holding::Role;
    use crate::model::tuning::Tuning;

    fn primary() -> Engine {
        let (tree, name) = ("acme".parse().unwrap(), "hq".parse().unwrap());
        let founding = Founding { tree, name, role: Role::Primary, incarnation: 1 };
        Engine::new(State::new(founding), Tuning::default(), "test".to_string(), 1)
    }

    /// Asks for a certificate of west's with this key; the job for the authority's key, if any.
    fn renew(engine: &mut Engine, key: u8, at_ms: u64) -> Option<u64> {
        let ask = RenewAsk { certificate: vec![1], request: vec![key], signature: vec![2] };
        let reply = ReplyTo { server: "west".parse().unwrap(), ticket: u64::from(key) };
        engine.certificate_asked(CertificateAsk::Renew(ask), reply, Timestamp(at_ms));
        let deeds = std::mem::take(&mut engine.deeds);
        match deeds.as_slice() {
            [] => None,
            [Deed::Certify { ticket, .. }] => Some(*ticket),
            others => panic!("{others:?}"),
        }
    }

    /// The authority's key has done its work, and what follows is durable.
    fn certified(engine: &mut Engine, ticket: u64, result: Certified, at_ms: u64) {
        engine.certified(ticket, result, Timestamp(at_ms));
        let proposed =
            std::mem::take(&mut engine.deeds).into_iter().filter_map(|deed| match deed {
                Deed::Propose(command) => Some(command),
                _ => None,
            });
        let commands: Vec<Command> = proposed.collect();
        engine.apply(&CommandBatch { at: Timestamp(at_ms), commands });
        engine.deeds.clear();
    }

    fn issued(key: u8) -> Certified {
        let key = KeyPrint([key; 32]);
        Certified::Issued(Issued { key, expires: Timestamp(9_000_000), certificate: vec![7] })
    }

    #[test]
    fn a_server_that_asks_without_end_gets_a_certificate_every_three_seconds() {
        let mut engine = primary();
        let mut made = 0;
        for ask in 0..240 {
            let at_ms = 1_000_000 + 50 * ask;
            if let Some(ticket) = renew(&mut engine, ask as u8, at_ms) {
                certified(&mut engine, ticket, issued(ask as u8), at_ms);
                made += 1;
            }
        }
        // In twelve seconds; and each has left its line.
        assert_eq!(made, 4);
        let lines = engine.state.events.values().filter(|row| row.kind == "certificate.renewed");
        assert_eq!(lines.count(), 4);
        assert!(renew(&mut engine, 250, 1_012_000).is_some());
        assert!(renew(&mut engine, 251, 1_012_000).is_none());
    }

    #[test]
    fn a_refused_renewal_holds_up_no_right_one() {
        let mut engine = primary();
        let ticket = renew(&mut engine, 1, 1_000_000).unwrap();
        assert_eq!(renew(&mut engine, 2, 1_000_000), None);
        certified(&mut engine, ticket, Certified::Refused("forged".to_string()), 1_000_000);
        assert!(renew(&mut engine, 2, 1_000_001).is_some());
    }

    #[test]
    fn a_flood_of_refusals_leaves_a_line_a_second_at_first_and_then_one_a_minute() {
        let mut engine = primary();
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
