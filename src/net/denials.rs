//! Servers that are not to be let in any more although their certificates are valid.
//!
//! ```text
//!   TLS handshake ── verifier: chain, validity, then: denied? ── the peer is told "revoked"
//!   accepted      ── denied meanwhile?                        ── refused with a close code
//!   connected     ── whoever sets denials closes what they concern
//! ```
//!
//! There are no X.509 revocation lists: their parsing has cost others more than it gave. And no
//! session is ever resumed, so no handshake passes the verifier by.

use crate::model::name::ServerName;
use crate::net::certificate::{self, Peer};
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName as DnsOrAddress, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DistinguishedName, Error};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Which enrolments of which servers are denied. Clones are the same denials; a change counts for
/// every handshake that ends after it.
#[derive(Clone, Debug, Default)]
pub struct Denials(Arc<RwLock<BTreeMap<ServerName, u64>>>);

impl Denials {
    /// Replaces all denials: of each server named, every enrolment up to the number is denied.
    ///
    /// Connections that were made before stay; close those of peers that [`is_denied`] names.
    ///
    /// [`is_denied`]: Denials::is_denied
    pub fn set(&self, denied: BTreeMap<ServerName, u64>) {
        // A map is replaced whole: there is no half-way state that a panic could leave.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = denied;
    }

    pub fn is_denied(&self, peer: &Peer) -> bool {
        let denied = self.0.read().unwrap_or_else(PoisonError::into_inner);
        denied.get(&peer.name).is_some_and(|up_to| peer.enrolment <= *up_to)
    }

    /// Says of a certificate that was found good whether it is denied. One that names no server
    /// passes: it is refused for that, with better words, right after the handshake.
    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        match certificate::read_server(certificate) {
            Ok(found) if self.is_denied(&found.peer) => Err(CertificateError::Revoked.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// Signatures are judged as another verifier judges them: that part of either verifier's trait.
macro_rules! judges_signatures_as {
    ($this:ident, $other:expr) => {
        fn verify_tls12_signature(
            &$this,
            message: &[u8],
            leaf: &rustls::pki_types::CertificateDer<'_>,
            signed: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            $other.verify_tls12_signature(message, leaf, signed)
        }

        fn verify_tls13_signature(
            &$this,
            message: &[u8],
            leaf: &rustls::pki_types::CertificateDer<'_>,
            signed: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            $other.verify_tls13_signature(message, leaf, signed)
        }

        fn supported_verify_schemes(&$this) -> Vec<rustls::SignatureScheme> {
            $other.supported_verify_schemes()
        }
    };
}
pub(crate) use judges_signatures_as;

/// A verifier that asks another one first, and then the denials.
#[derive(Debug)]
pub(crate) struct UnlessDenied<V: ?Sized> {
    pub(crate) denials: Denials,
    pub(crate) inner: Arc<V>,
}

impl ClientCertVerifier for UnlessDenied<dyn ClientCertVerifier> {
    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(leaf, between, now)?;
        self.denials.check(leaf)?;
        Ok(verified)
    }

    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    judges_signatures_as!(self, self.inner);
}

impl ServerCertVerifier for UnlessDenied<dyn ServerCertVerifier> {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &DnsOrAddress<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(leaf, between, name, ocsp, now)?;
        self.denials.check(leaf)?;
        Ok(verified)
    }

    judges_signatures_as!(self, self.inner);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::holding::Role;
    use crate::model::time::Timestamp;
    use crate::net::Fingerprint;

    #[test]
    fn every_enrolment_up_to_the_number_is_denied_and_no_other() {
        let peer = |name: &str, enrolment| Peer {
            tree: "acme".parse().unwrap(),
            name: name.parse().unwrap(),
            role: Role::Relay,
            enrolment,
            expires: Timestamp(0),
            fingerprint: Fingerprint([0; 32]),
        };
        let denials = Denials::default();
        assert!(!denials.is_denied(&peer("west", 0)));
        let same = denials.clone();
        same.set(BTreeMap::from([("west".parse().unwrap(), 2), ("east".parse().unwrap(), 0)]));
        let denied = |name, enrolment| denials.is_denied(&peer(name, enrolment));
        assert_eq!(
            [0, 1, 2, 3].map(|enrolment| denied("west", enrolment)),
            [true, true, true, false]
        );
        assert_eq!([0, 1].map(|enrolment| denied("east", enrolment)), [true, false]);
        assert!(!denied("north", 0));
        same.set(BTreeMap::new());
        assert!(!denials.is_denied(&peer("west", 0)));
    }
}
