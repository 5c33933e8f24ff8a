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

    /// A line in the event log, at most one a second of a kind: strangers must not fill it.
    pub(super) fn note_refusal(&mut self, kind: &str, refusal: &Refusal, now: Timestamp) {
        let last = self.noted.get(kind).copied();
        if last.is_some_and(|last| now.since(last) < self.tuning.refusals_noted_interval) {
            return;
        }
        self.noted.insert(kind.to_string(), now);
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
