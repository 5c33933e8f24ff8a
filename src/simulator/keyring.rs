//! What a simulated server proves itself with and whom it believes: the daemon's keyring without
//! cryptography.
//!
//! ```text
//!   disk:    proof, certificate, authorities    written at once, never lost
//!   memory:  believed                           after a start: what the rows say, then what the
//!                                               server says (Effect::Believe)
//! ```

use crate::model::enrolment::{Credentials, Grant, KeyPrint, SealedTrust, Trust};
use crate::model::name::ServerName;
use crate::model::time::Timestamp;
use crate::server::input::Input;
use crate::simulator::authority;

/// What a certificate says of its owner to whoever is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub name: ServerName,
    pub enrolment: u64,
    /// The authority that issued it.
    pub issuer: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Keyring {
    pub proof: Proof,
    pub certificate: Vec<u8>,
    pub expires: Timestamp,
    pub authorities: Vec<Vec<u8>>,
    pub believed: Trust,
}

impl Keyring {
    /// Made ready beside the authority, before the tree began.
    pub fn ready_made(name: &ServerName) -> Keyring {
        let certificate = authority::certificate(name, 0, &[], None);
        Keyring::of(name, 0, certificate, vec![authority::FIRST.to_vec()])
    }

    /// What a server has that just joined; it believes whom the server that it called believes.
    pub fn granted(grant: &Grant, authorities: Vec<Vec<u8>>) -> Keyring {
        Keyring::of(&grant.name, grant.enrolment, grant.certificate.clone(), authorities)
    }

    fn of(
        name: &ServerName,
        enrolment: u64,
        certificate: Vec<u8>,
        authorities: Vec<Vec<u8>>,
    ) -> Keyring {
        let issuer = authority::issuer_of(&certificate);
        Keyring {
            proof: Proof { name: name.clone(), enrolment, issuer },
            certificate,
            expires: Timestamp::default(),
            authorities,
            believed: Trust::default(),
        }
    }

    pub fn renew(&mut self, certificate: Vec<u8>, expires: Timestamp) {
        self.proof.issuer = authority::issuer_of(&certificate);
        self.certificate = certificate;
        self.expires = expires;
    }

    pub fn believe(&mut self, trust: &Trust) {
        self.believed = trust.clone();
        if !trust.authorities.is_empty() {
            self.authorities = trust.authorities.clone();
        }
    }

    pub fn denies(&self, peer: &Proof, now: Timestamp) -> bool {
        let denial = self.believed.denied.get(&peer.name);
        denial.is_some_and(|denial| denial.until > now && peer.enrolment <= denial.upto)
    }

    /// Whether a handshake with this peer comes to nothing.
    pub fn refuses(&self, peer: &Proof, now: Timestamp) -> bool {
        !self.authorities.contains(&peer.issuer) || self.denies(peer, now)
    }

    /// Whether each believes the authority of the other.
    pub fn knows(&self, other: &Keyring) -> bool {
        self.authorities.contains(&other.proof.issuer)
            && other.authorities.contains(&self.proof.issuer)
    }

    /// Whether a trust carries the seal of an authority that is believed here.
    pub fn is_genuine(&self, sealed: &SealedTrust) -> bool {
        self.authorities.iter().any(|by| authority::seal(&sealed.trust, Some(by)) == sealed.seal)
    }

    /// Whether the certificate is of the authority that issues now, as far as is known here.
    pub fn is_of_issuer(&self) -> bool {
        let issuer = self.believed.authorities.get(self.believed.issuer as usize);
        issuer.is_none_or(|issuer| *issuer == self.proof.issuer)
    }

    /// What the server is to say of itself.
    pub fn credentials(&self) -> Input {
        let Proof { enrolment, issuer, .. } = &self.proof;
        let credentials =
            Credentials { enrolment: *enrolment, expires: self.expires, authority: print(issuer) };
        let authorities = self.authorities.iter().map(|one| print(one)).collect();
        Input::Credentials { credentials, authorities }
    }
}

fn print(authority: &[u8]) -> KeyPrint {
    KeyPrint([authority.first().copied().unwrap_or_default(); 32])
}
