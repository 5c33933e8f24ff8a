//! How often a server is given a new certificate (the primary's).
//!
//! ```text
//!   ask ─► one made lately? ── no ───────────────────────► to the authority's key
//!              │ yes
//!              ├─ the same ask: the certificate that was made, as soon as it is durable
//!              └─ another: nothing is said; it is repeated, and gets through after a while
//! ```
//! Each certificate costs a signature, a durable change and letters, and whoever has one may ask
//! for the next: without a pace, one server keeps the primary busy with nothing else.
//!
//! Volatile, and only of the last `renewal_interval`. What the authority's key refuses is forgotten
//! at once: it holds up no ask after it. A new enrolment and another issuer are served at once.

use crate::model::enrolment::{CertifyJob, Issued, KeyPrint};
use crate::model::name::ServerName;
use crate::model::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// The last renewal of each server that had one lately.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    last: BTreeMap<ServerName, Renewal>,
    swept: Timestamp,
}

#[derive(Debug)]
struct Renewal {
    at: Timestamp,
    job: CertifyJob,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The authority's key has the job, under this number.
    Asked(u64),
    /// There is a certificate for this key, and it is on its way to the disk.
    Made(KeyPrint),
    /// It is durable: it may be said.
    Durable(Vec<u8>),
}

/// What is to be done with an ask.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Certify,
    /// This certificate was made for this very ask.
    Again(Vec<u8>),
    /// Not yet.
    Wait,
}

impl Renewals {
    /// Whether it is the turn of this job, which is for `name`.
    pub(super) fn turn(
        &self,
        name: &ServerName,
        job: &CertifyJob,
        now: Timestamp,
        interval: Duration,
    ) -> Turn {
        let Some(last) = self.last.get(name).filter(|last| last.is_recent(now, interval)) else {
            return Turn::Certify;
        };
        match &last.stage {
            Stage::Durable(certificate) if last.job == *job => Turn::Again(certificate.clone()),
            _ if last.is_superseded_by(job) => Turn::Certify,
            _ => Turn::Wait,
        }
    }

    /// The authority's key was asked, under the number `ticket`.
    pub(super) fn asked(
        &mut self,
        name: ServerName,
        (ticket, job): (u64, CertifyJob),
        now: Timestamp,
        interval: Duration,
    ) {
        // Once an interval: after another authority took over, all servers renew at once.
        if !is_recent(self.swept, now, interval) {
            self.swept = now;
            self.last.retain(|_, last| last.is_recent(now, interval));
        }
        self.last.insert(name, Renewal { at: now, job, stage: Stage::Asked(ticket) });
    }

    /// The authority's key has made a certificate.
    pub(super) fn made(&mut self, name: &ServerName, ticket: u64, key: KeyPrint) {
        if let Some(last) = self.last.get_mut(name).filter(|last| last.awaits(ticket)) {
            last.stage = Stage::Made(key);
        }
    }

    /// The authority's key has made none.
    pub(super) fn refused(&mut self, name: &ServerName, ticket: u64) {
        if self.last.get(name).is_some_and(|last| last.awaits(ticket)) {
            self.last.remove(name);
        }
    }

    /// A certificate is durable. Of those of an earlier start nothing is known here.
    pub(super) fn durable(&mut self, name: &ServerName, issued: &Issued) {
        if let Some(last) = self.last.get_mut(name)
            && matches!(last.stage, Stage::Made(key) if key == issued.key)
        {
            last.stage = Stage::Durable(issued.certificate.clone());
        }
    }
}

impl Renewal {
    fn is_recent(&self, now: Timestamp, interval: Duration) -> bool {
        is_recent(self.at, now, interval)
    }

    fn awaits(&self, ticket: u64) -> bool {
        matches!(self.stage, Stage::Asked(asked) if asked == ticket)
    }

    /// Whether what this one led to is of no use to who asks for `job`.
    fn is_superseded_by(&self, job: &CertifyJob) -> bool {
        let of = |job: &CertifyJob| match job {
            CertifyJob::Renew { enrolment, issuer, .. } => Some((*enrolment, issuer.clone())),
            _ => None,
        };
        of(&self.job) != of(job)
    }
}

/// A clock that was set back must hold up nobody until it has caught up.
fn is_recent(at: Timestamp, now: Timestamp, interval: Duration) -> bool {
    at <= now && now < at.after(interval)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::enrolment::RenewAsk;

    const INTERVAL: Duration = Duration::from_secs(3);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn server(name: &str) -> ServerName {
        name.parse().unwrap()
    }

    fn job(key: u8) -> CertifyJob {
        let ask = RenewAsk { certificate: vec![1], request: vec![key], signature: vec![2] };
        CertifyJob::Renew { ask, name: server("west"), enrolment: 1, issuer: None }
    }

    fn issued(key: u8) -> Issued {
        Issued { key: KeyPrint([key; 32]), expires: NOW, certificate: vec![key] }
    }

    /// West has asked with key 7.
    fn asked() -> Renewals {
        let mut renewals = Renewals::default();
        renewals.asked(server("west"), (5, job(7)), NOW, INTERVAL);
        renewals
    }

    fn turn(renewals: &Renewals, job: &CertifyJob, after_ms: u64) -> Turn {
        let now = NOW.after(Duration::from_millis(after_ms));
        renewals.turn(&server("west"), job, now, INTERVAL)
    }

    #[test]
    fn a_repeat_gets_the_same_certificate_once_it_is_durable_and_another_key_waits() {
        let west = server("west");
        let mut renewals = asked();
        assert_eq!(turn(&renewals, &job(7), 0), Turn::Wait);
        renewals.made(&west, 5, issued(7).key);
        assert_eq!(turn(&renewals, &job(7), 0), Turn::Wait);
        renewals.durable(&west, &issued(8));
        assert_eq!(turn(&renewals, &job(7), 0), Turn::Wait);
        renewals.durable(&west, &issued(7));
        assert_eq!(turn(&renewals, &job(7), 2_999), Turn::Again(vec![7]));
        assert_eq!(turn(&renewals, &job(8), 2_999), Turn::Wait);
        assert_eq!(turn(&renewals, &job(8), 3_000), Turn::Certify);
        assert_eq!(turn(&renewals, &job(7), 3_000), Turn::Certify);
        let other = renewals.turn(&server("east"), &job(7), NOW, INTERVAL);
        assert_eq!(other, Turn::Certify);
    }

    #[test]
    fn what_was_refused_or_lost_holds_up_nobody() {
        let mut renewals = asked();
        renewals.refused(&server("west"), 4);
        assert_eq!(turn(&renewals, &job(8), 0), Turn::Wait);
        renewals.refused(&server("west"), 5);
        assert_eq!(turn(&renewals, &job(8), 0), Turn::Certify);
        // The authority's key never answered.
        assert_eq!(turn(&asked(), &job(7), 3_000), Turn::Certify);
        // The clock was set back.
        let before = Timestamp(NOW.0 - 1);
        assert_eq!(asked().turn(&server("west"), &job(8), before, INTERVAL), Turn::Certify);
    }

    #[test]
    fn a_new_enrolment_and_another_issuer_do_not_wait() {
        let with = |enrolment: u64, issuer: Option<Vec<u8>>| {
            let CertifyJob::Renew { ask, name, .. } = job(8) else { panic!("another job") };
            CertifyJob::Renew { ask, name, enrolment, issuer }
        };
        assert_eq!(turn(&asked(), &with(1, None), 0), Turn::Wait);
        assert_eq!(turn(&asked(), &with(2, None), 0), Turn::Certify);
        assert_eq!(turn(&asked(), &with(1, Some(vec![2])), 0), Turn::Certify);
    }

    #[test]
    fn those_of_long_ago_are_forgotten() {
        let mut renewals = asked();
        for second in 0..100 {
            let now = NOW.after(Duration::from_secs(second));
            let name = format!("east-{second}").parse().unwrap();
            renewals.asked(name, (second, job(1)), now, INTERVAL);
            assert!(renewals.last.len() <= 8, "{}", renewals.last.len());
        }
    }
}
