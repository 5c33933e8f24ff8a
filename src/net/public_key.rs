//! Public keys, and what they prove: that somebody who holds the key has signed some bytes.
//!
//! One kind of key is known, ECDSA on the curve P-256 with SHA-256, so nothing is negotiated and
//! nothing can be talked down.

use crate::model::enrolment::KeyPrint;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

/// What stands before the point in every P-256 key as certificates carry it: the algorithm
/// id-ecPublicKey on prime256v1, then a bit string of 65 bytes (RFC 5480, section 2).
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point: a mark and both coordinates.
const POINT_BYTES: usize = 65;
const UNCOMPRESSED: u8 = 4;

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut print = [0; 32];
    print.copy_from_slice(digest.as_ref());
    print
}

/// A public key as it stands in a certificate or in a request for one, of whatever kind.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Takes the whole of it, with its algorithm (SubjectPublicKeyInfo).
    pub(crate) fn of(info: &[u8]) -> PublicKey {
        PublicKey(info.to_vec())
    }

    pub(crate) fn info(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn print(&self) -> KeyPrint {
        KeyPrint(sha256(&self.0))
    }

    /// The point of a P-256 key; nothing for a key of another kind.
    pub(crate) fn p256_point(&self) -> Option<&[u8]> {
        let point = self.0.strip_prefix(&P256_HEAD)?;
        (point.len() == POINT_BYTES && point[0] == UNCOMPRESSED).then_some(point)
    }

    /// Whether the holder of this key has signed `message`; never, for a key of another kind.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.p256_point().is_some_and(|point| {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
                .verify(message, signature)
                .is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{KeyPair, PublicKeyData, SigningKey};

    #[test]
    fn a_key_knows_its_own_signature_and_no_other() {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let public = PublicKey::of(&key.subject_public_key_info());
        assert_eq!(public.p256_point(), Some(key.der_bytes()));
        let signature = key.sign(b"said").unwrap();
        assert!(public.has_signed(b"said", &signature));
        assert!(!public.has_signed(b"sad", &signature));
        assert!(!public.has_signed(b"said", &[]));
    }

    #[test]
    fn a_key_of_another_kind_has_signed_nothing() {
        for kind in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            let key = KeyPair::generate_for(kind).unwrap();
            let public = PublicKey::of(&key.subject_public_key_info());
            assert_eq!(public.p256_point(), None);
            assert!(!public.has_signed(b"said", &key.sign(b"said").unwrap()));
        }
    }
}
