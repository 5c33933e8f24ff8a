//! Bytes signed by an authority or by a server, outside of TLS.
//!
//! Every purpose has a prefix of its own, so that what was signed for one says nothing for another,
//! and is never taken for a part of a TLS handshake or a certificate.

use crate::model::time::Timestamp;
use crate::net::certificate::{self, Peer, ServerCertificate};
use crate::net::public_key::PublicKey;
use crate::net::tls;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::time::Duration;

/// Before what an authority seals.
const SEAL: &[u8] = b"lictree seal 1\0";

/// The bytes that an authority signs to seal `bytes`.
pub(crate) fn to_seal(bytes: &[u8]) -> Vec<u8> {
    [SEAL, bytes].concat()
}

/// What a server signs bytes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To ask for a new certificate.
    Renewal,
    /// A letter that others pass on.
    Letter,
}

impl Purpose {
    /// The bytes that a server signs for this purpose.
    pub(crate) fn to_sign(self, bytes: &[u8]) -> Vec<u8> {
        let prefix: &[u8] = match self {
            Purpose::Renewal => b"lictree renewal 1\0",
            Purpose::Letter => b"lictree letter 1\0",
        };
        [prefix, bytes].concat()
    }
}

/// A server that signs, as a certificate of its tree proves.
#[derive(Clone)]
pub struct Signer {
    peer: Peer,
    public_key: PublicKey,
}

impl Signer {
    /// Whoever the `certificate` (DER) names, if it was issued by one of `authorities` (DER) and is
    /// valid at that moment. Without a moment it may have ended.
    ///
    /// Whether that server is denied is another question.
    pub fn proven(
        certificate: &[u8],
        authorities: &[impl AsRef<[u8]>],
        at: Option<Timestamp>,
    ) -> Result<Signer, String> {
        let authorities: Vec<CertificateDer<'_>> =
            authorities.iter().map(|authority| CertificateDer::from(authority.as_ref())).collect();
        let ServerCertificate { peer, not_before, public_key } =
            certificate::read_server(certificate)?;
        let at = at.unwrap_or(not_before);
        check_issued(&CertificateDer::from(certificate), &[], &authorities, at)?;
        Ok(Signer { peer, public_key })
    }

    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether it has signed `bytes` with [`Identity::signed_by_me`].
    ///
    /// [`Identity::signed_by_me`]: crate::net::Identity::signed_by_me
    pub fn has_signed(&self, purpose: Purpose, bytes: &[u8], signature: &[u8]) -> bool {
        self.public_key.has_signed(&purpose.to_sign(bytes), signature)
    }
}

/// Whether one of `authorities` (certificates, DER) has sealed `bytes`.
pub fn check_seal(authorities: &[impl AsRef<[u8]>], bytes: &[u8], signature: &[u8]) -> bool {
    let sealed = to_seal(bytes);
    authorities.iter().any(|authority| {
        certificate::read_authority(authority.as_ref())
            .is_ok_and(|authority| authority.public_key.has_signed(&sealed, signature))
    })
}

/// Whether `leaf` was issued by one of `authorities` and is valid at `now`.
pub(crate) fn check_issued(
    leaf: &CertificateDer<'_>,
    between: &[CertificateDer<'_>],
    authorities: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<(), String> {
    let verifier = tls::client_verifier(authorities).map_err(|error| error.to_string())?;
    let now = UnixTime::since_unix_epoch(Duration::from_millis(now.0));
    verifier.verify_client_cert(leaf, between, now).map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::holding::Role;
    use crate::net::{Authority, Identity};

    const NOW: Timestamp = Timestamp(1_800_014_400_000);
    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    fn authority() -> Authority {
        Authority::create(&"acme".parse().unwrap(), NOW).unwrap()
    }

    fn issued(authority: &Authority) -> Identity {
        authority.issue(Role::Relay, &"west".parse().unwrap(), NOW, WEEK).unwrap()
    }

    /// Every one of `bytes` with one bit of it turned over.
    fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        (0..bytes.len()).map(|at| {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1 << (at % 8);
            changed
        })
    }

    #[test]
    fn a_seal_is_of_its_bytes_and_its_authority_only() {
        let (authority, other) = (authority(), authority());
        let bytes = b"denied: west up to 4";
        let seal = authority.seal(bytes);
        let roots = [authority.certificate()];
        assert!(check_seal(&roots, bytes, &seal));
        assert!(check_seal(&[other.certificate(), roots[0]], bytes, &seal));
        assert!(!check_seal(&[other.certificate()], bytes, &seal));
        assert!(!check_seal(&[issued(&authority).certificate()], bytes, &seal));
        assert!(!check_seal(&[b"nonsense"], bytes, &seal));
        assert!(!check_seal(&[] as &[&[u8]], bytes, &seal));
        for changed in flipped(bytes) {
            assert!(!check_seal(&roots, &changed, &seal));
        }
        for changed in flipped(&seal) {
            assert!(!check_seal(&roots, bytes, &changed));
        }
        assert!(!check_seal(&roots, bytes, &seal[..seal.len() - 1]));
    }

    #[test]
    fn a_server_signs_with_its_certified_key() {
        let authority = authority();
        let identity = issued(&authority);
        let roots = identity.authorities();
        let bytes = b"a new key, please";
        let signature = identity.signed_by_me(Purpose::Renewal, bytes);
        let check = |certificate: &[u8], bytes: &[u8], signature: &[u8], now| {
            let signer = Signer::proven(certificate, roots, Some(now))?;
            let has_signed = signer.has_signed(Purpose::Renewal, bytes, signature);
            has_signed.then(|| signer.peer().clone()).ok_or("not of the key".to_string())
        };
        let certificate = identity.certificate();
        assert_eq!(check(certificate, bytes, &signature, NOW).as_ref(), Ok(identity.peer()));
        check(certificate, bytes, &signature, identity.expires()).unwrap();
        for changed in flipped(bytes) {
            assert!(check(certificate, &changed, &signature, NOW).is_err());
        }
        for changed in flipped(&signature) {
            assert!(check(certificate, bytes, &changed, NOW).is_err());
        }
        for changed in flipped(certificate) {
            assert!(check(&changed, bytes, &signature, NOW).is_err());
        }
        let of_another = check(issued(&authority).certificate(), bytes, &signature, NOW);
        assert!(of_another.unwrap_err().contains("not of the key"));
    }

    #[test]
    fn a_signature_counts_only_while_its_certificate_is_valid_and_of_the_tree() {
        let identity = issued(&authority());
        let check = |roots: &[&[u8]], now| {
            Signer::proven(identity.certificate(), roots, Some(now)).map(drop)
        };
        let own = identity.authorities()[0].as_ref();
        let late = Timestamp(identity.expires().0 + 1_000);
        assert!(check(&[own], late).unwrap_err().contains("expired"));
        // Without a moment it only has to be of the tree.
        let at_any = |root: &[u8]| Signer::proven(identity.certificate(), &[root], None).map(drop);
        at_any(own).unwrap();
        assert!(at_any(authority().certificate()).is_err());
        let early = Timestamp(identity.not_before().0 - 1_000);
        assert!(check(&[own], early).unwrap_err().contains("not valid yet"));
        let other = authority();
        assert!(check(&[other.certificate()], NOW).is_err());
        assert!(check(&[], NOW).is_err());
        assert!(check(&[b"nonsense"], NOW).is_err());
        check(&[other.certificate(), own], NOW).unwrap();
    }

    #[test]
    fn what_was_signed_for_one_purpose_says_nothing_for_another() {
        let identity = issued(&authority());
        let purposes = [Purpose::Renewal, Purpose::Letter];
        let key = certificate::read_server(identity.certificate()).unwrap().public_key;
        for purpose in purposes {
            let signature = identity.signed_by_me(purpose, b"x");
            for other in purposes {
                assert_eq!(key.has_signed(&other.to_sign(b"x"), &signature), other == purpose);
            }
            assert!(!key.has_signed(&to_seal(b"x"), &signature));
            assert!(!key.has_signed(b"x", &signature));
        }
    }
}
