//! The key a vendor signs license files with, and the public half that servers trust.
//!
//! Ed25519. A key is named by its id: the first 8 bytes of the SHA-256 of the public key, in hex.
//! The id only says which key to try; trust always rests on the whole public key.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::str::FromStr;

/// What the text form of a public key starts with.
const PUBLIC_KEY_LABEL: &str = "lictree-vendor-ed25519";
pub(super) const KEY_ID_LEN: usize = 8;
pub(super) const SIGNATURE_LEN: usize = 64;
const PUBLIC_KEY_LEN: usize = 32;

/// Why a text or bytes are not a vendor's key, or why none could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VendorKeyError {
    #[error("no vendor key was made: the system's cryptography refused")]
    NotMade,
    #[error("these bytes are not an Ed25519 key in PKCS #8 form")]
    NotPkcs8,
    #[error(
        "this is not a vendor's public key; it is one line: `{PUBLIC_KEY_LABEL}` and the 32 \
         bytes of the key in base64"
    )]
    NotAPublicKey,
}

/// The name of a vendor's key, shown as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VendorKeyId(pub [u8; KEY_ID_LEN]);

impl fmt::Display for VendorKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for VendorKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl VendorKeyId {
    /// Reads exactly 16 lower-case hex digits.
    pub(super) fn read(text: &[u8]) -> Option<VendorKeyId> {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let text: &[u8; 2 * KEY_ID_LEN] = text.try_into().ok()?;
        let mut id = [0; KEY_ID_LEN];
        for (byte, pair) in id.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(VendorKeyId(id))
    }
}

/// The secret half, held by the vendor alone. Its debug form shows only its id.
pub struct VendorKey(Ed25519KeyPair);

impl VendorKey {
    /// A new key from the system's randomness.
    pub fn generate() -> Result<VendorKey, VendorKeyError> {
        Ed25519KeyPair::generate().map(VendorKey).map_err(|_| VendorKeyError::NotMade)
    }

    /// The secret key for keeping; store it where only the vendor reads.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, VendorKeyError> {
        let document = self.0.to_pkcs8().map_err(|_| VendorKeyError::NotMade)?;
        Ok(document.as_ref().to_vec())
    }

    /// The key that `to_pkcs8` wrote, or any Ed25519 key in PKCS #8 form.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<VendorKey, VendorKeyError> {
        Ed25519KeyPair::from_pkcs8(bytes).map(VendorKey).map_err(|_| VendorKeyError::NotPkcs8)
    }

    pub fn public(&self) -> VendorPublicKey {
        let bytes = self.0.public_key().as_ref().try_into();
        VendorPublicKey(bytes.expect("a public key of Ed25519 is 32 bytes by definition"))
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(bytes).as_ref().to_vec()
    }
}

impl fmt::Debug for VendorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VendorKey({})", self.public().id())
    }
}

/// The public half: what a server is told to trust. Text form on one line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VendorPublicKey([u8; PUBLIC_KEY_LEN]);

impl VendorPublicKey {
    pub fn id(&self) -> VendorKeyId {
        let hash = digest(&SHA256, &self.0);
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(&hash.as_ref()[..KEY_ID_LEN]);
        VendorKeyId(id)
    }

    pub(super) fn has_signed(&self, bytes: &[u8], signature: &[u8; SIGNATURE_LEN]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(bytes, signature).is_ok()
    }
}

impl FromStr for VendorPublicKey {
    type Err = VendorKeyError;
    /// One line; blanks around it are passed over, anything else is refused.
    fn from_str(text: &str) -> Result<Self, VendorKeyError> {
        let bytes = text
            .trim()
            .strip_prefix(PUBLIC_KEY_LABEL)
            .and_then(|rest| rest.strip_prefix(' '))
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map(VendorPublicKey).ok_or(VendorKeyError::NotAPublicKey)
    }
}

impl fmt::Display for VendorPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_KEY_LABEL} {}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for VendorPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_both_of_its_forms() {
        let key = VendorKey::generate().unwrap();
        let again = VendorKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
        assert_eq!(format!("{}\n", key.public()).parse(), Ok(key.public()));
        assert_eq!(VendorKeyId::read(key.public().id().to_string().as_bytes()).unwrap(), {
            again.public().id()
        });
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        let good = VendorKey::generate().unwrap().public().to_string();
        let short = format!("{PUBLIC_KEY_LABEL} {}", STANDARD.encode([1; 31]));
        for bad in ["", PUBLIC_KEY_LABEL, &short, &good[1..], &format!("{good} x")] {
            assert_eq!(bad.parse::<VendorPublicKey>(), Err(VendorKeyError::NotAPublicKey));
        }
        assert!(VendorKey::from_pkcs8(b"no key").is_err());
        assert!(VendorKeyId::read(b"0123456789ABCDEF").is_none());
    }

    /// The id of a known key (RFC 8032, test 1), so that the rule cannot change unseen.
    #[test]
    fn the_id_is_the_beginning_of_a_sha_256() {
        let key = [
            0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64,
            0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68,
            0xf7, 0x07, 0x51, 0x1a,
        ];
        assert_eq!(VendorPublicKey(key).id().to_string(), "21fe31dfa154a261");
    }
}
