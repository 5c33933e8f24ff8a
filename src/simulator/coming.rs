//! Servers of a world that come into the tree, renew their certificates, and believe.
//!
//! It does what the daemon does around its server: `daemon/join`, `daemon/renewal`, the keyring.

use crate::model::enrolment::{
    CertificateAnswer, CertificateAsk, Certified, CertifyJob, Grant, RenewAsk, Trust,
};
use crate::model::request::{Answer, Request};
use crate::server::input::Input;
use crate::simulator::authority;
use crate::simulator::keyring::{Keyring, Proof};
use crate::simulator::making::founding;
use crate::simulator::moment::Moment;
use crate::simulator::world::{Event, World};

/// A certificate is renewed after this long, in milliseconds: far before its time, as the days of
/// its life do not fit into a run.
const RENEWED_MS: (u64, u64) = (20_000, 150_000);

impl World {
    /// Whether a server was ever at this place.
    pub fn is_born(&self, place: usize) -> bool {
        self.sites[place].keyring.is_some()
    }

    /// What the server at this place proves itself with.
    pub fn proof(&self, place: usize) -> Option<&Proof> {
        self.sites[place].keyring.as_ref().map(|keyring| &keyring.proof)
    }

    /// What the links of this server go by; it may lag behind what the server says.
    pub fn keyring(&self, place: usize) -> Option<&Keyring> {
        self.sites[place].keyring.as_ref()
    }

    /// Both ends of every connection that is up at both.
    pub fn connected(&self) -> impl Iterator<Item = [&Proof; 2]> {
        let up = self.network.connections().filter(|one| one.is_up());
        up.map(|one| [&one.child.proof, &one.parent.proof])
    }

    pub(super) fn found(&mut self, place: usize) {
        let keyring = Keyring::ready_made(self.topology.name(place));
        self.sites[place].keyring = Some(keyring);
        self.restart(place);
    }

    /// A server starts at this place with the certificate it was granted: on an empty disk, or on
    /// the one of the server that was here before.
    pub fn join(&mut self, place: usize, parent: usize, grant: &Grant, empty: bool) {
        self.topology.move_below(place, parent);
        let called = self.sites[parent].keyring.as_ref();
        let authorities = called.map_or(Vec::new(), |keyring| keyring.authorities.clone());
        if self.sites[place].server.is_some() {
            self.go_down(place);
        }
        if empty {
            let founding = founding(&self.topology, place, &mut self.entropy);
            self.sites[place].replace_disk(founding);
        }
        self.figures.joins += 1;
        let life = self.tuning.certificate_life;
        let mut keyring = Keyring::granted(grant, authorities);
        keyring.expires = self.sites[place].clock(self.now).after(life);
        self.sites[place].keyring = Some(keyring);
        self.trace.note(self.now, format!("{:>3} joins as {}", grant.name, grant.enrolment));
        self.restart(place);
    }

    /// A start reads its files, and what the rows of its server say.
    pub(super) fn show_keyring(&mut self, place: usize) {
        let site = &mut self.sites[place];
        let (Some(keyring), Some(server)) = (&mut site.keyring, &site.server) else { return };
        keyring.believe(&server.engine().state().trust.trust);
        let credentials = keyring.credentials();
        self.take_in(place, credentials);
        self.plan_renewal(place);
    }

    pub(super) fn believe(&mut self, place: usize, trust: &Trust) {
        let Some(keyring) = &mut self.sites[place].keyring else { return };
        keyring.believe(trust);
        let credentials = keyring.credentials();
        self.take_in(place, credentials);
        self.close_denied(place);
        self.plan_renewal(place);
    }

    pub(super) fn certify(&mut self, place: usize, ticket: u64, job: &CertifyJob) {
        let now = self.sites[place].clock(self.now);
        let result = match job {
            CertifyJob::NewAuthority => {
                let keyring = self.sites[place].keyring.as_ref();
                let present = keyring.map_or(&[][..], |keyring| &keyring.authorities);
                Certified::Authorities(authority::one_more(present))
            }
            job => authority::certify(job, self.tuning.certificate_life, now),
        };
        self.take_in(place, Input::Certified { ticket, result });
    }

    // Renewals.

    /// At once where another authority issues by now.
    fn plan_renewal(&mut self, place: usize) {
        let of_issuer = self.sites[place].keyring.as_ref().is_some_and(Keyring::is_of_issuer);
        let (low, high) = if of_issuer { RENEWED_MS } else { (10, 2_000) };
        let at = self.now.after_ms(self.entropy.between(low, high));
        let site = &mut self.sites[place];
        if site.renew_at.is_none_or(|planned| at < planned) {
            site.renew_at = Some(at);
            self.queue.push(at, Event::Renew { place, start: site.start, at });
        }
    }

    pub(super) fn renew(&mut self, place: usize, start: u64, at: Moment) {
        let site = &mut self.sites[place];
        if !site.takes(start) || site.renew_at != Some(at) {
            return;
        }
        site.renew_at = None;
        let Some(keyring) = &site.keyring else { return };
        let ask = RenewAsk {
            certificate: keyring.certificate.clone(),
            request: authority::request(self.entropy.below(256) as u8),
            signature: Vec::new(),
        };
        if let Some(id) = self.post(place, Request::Certificate(CertificateAsk::Renew(ask))) {
            self.renewals.insert(id, place);
        }
    }

    pub(super) fn renewed(&mut self, place: usize, answer: &Answer) {
        let site = &mut self.sites[place];
        let expires = site.clock(self.now).after(self.tuning.certificate_life);
        if let (Answer::Certificate(CertificateAnswer::Granted(grant)), Some(keyring)) =
            (answer, &mut site.keyring)
            && grant.enrolment == keyring.proof.enrolment
        {
            self.figures.renewals += 1;
            keyring.renew(grant.certificate.clone(), expires);
            let credentials = keyring.credentials();
            self.take_in(place, credentials);
            self.call_anew(place);
        }
        self.plan_renewal(place);
    }
}
