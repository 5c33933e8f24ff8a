//! Asking for a certificate: a key of one's own, and a request that proves to hold it (PKCS#10).
//!
//! ```text
//!   who joins                                    the authority
//!     makes a key; it never leaves the machine
//!     request: public key, signed by that key ──► is it signed by the key it names?
//!     ◄───────────── certificate of that key ──── with the name that the *authority* gives
//! ```

use crate::model::enrolment::KeyPrint;
use crate::net::IdentityError;
use crate::net::private_file::{self, Readers};
use crate::net::public_key::PublicKey;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData};
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::fmt;
use std::path::Path;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

/// The longest request that is read, in bytes; ours have about 200.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// A secret key of which no certificate is known yet.
pub struct SecretKey {
    print: KeyPrint,
    secret: PrivatePkcs8KeyDer<'static>,
}

impl SecretKey {
    /// The print of its public half, as the authority knows it.
    pub fn print(&self) -> KeyPrint {
        self.print
    }

    pub(crate) fn into_secret(self) -> PrivatePkcs8KeyDer<'static> {
        self.secret
    }
}

impl fmt::Debug for SecretKey {
    /// Never shows the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("print", &self.print).finish_non_exhaustive()
    }
}

/// A new key, and what to send to the authority so that it certifies it.
#[derive(Debug)]
pub struct KeyAndRequest {
    pub key: SecretKey,
    /// The request (PKCS#10, DER). It is no secret.
    pub request: Vec<u8>,
}

impl KeyAndRequest {
    /// Makes a new key (ECDSA P-256), and a request for it that asks for no name.
    pub(crate) fn make() -> Result<KeyAndRequest, IdentityError> {
        let making = |error: rcgen::Error| IdentityError::Making(error.to_string());
        KeyAndRequest::of(&KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(making)?)
    }

    /// The key that lies at `path`; a new one, kept there (0600), if none does. So whoever asks
    /// again after a crash asks with the same key.
    pub(crate) fn kept(path: &Path) -> Result<KeyAndRequest, IdentityError> {
        if !path.exists() {
            let made = KeyAndRequest::make()?;
            let text = private_file::pem_text("PRIVATE KEY", made.key.secret.secret_pkcs8_der());
            private_file::write(path, &text, Readers::Us)?;
            return Ok(made);
        }
        let key = read_key(path)?;
        KeyAndRequest::of(&key)
    }

    fn of(key: &KeyPair) -> Result<KeyAndRequest, IdentityError> {
        let making = |error: rcgen::Error| IdentityError::Making(error.to_string());
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(key).map_err(making)?.der().to_vec();
        let print = PublicKey::of(&key.subject_public_key_info()).print();
        let key = SecretKey { print, secret: key.serialize_der().into() };
        Ok(KeyAndRequest { key, request })
    }
}

/// The key (PEM) in a file that only its user can read.
pub(crate) fn read_key(path: &Path) -> Result<KeyPair, IdentityError> {
    KeyPair::from_pem(&private_file::read(path, Readers::Us)?).map_err(|error| {
        IdentityError::Unreadable { path: path.to_path_buf(), what: "key", why: error.to_string() }
    })
}

/// The key of a request whose sender has proven to hold it. Whatever else the request asks for,
/// names and extensions, is not even looked at.
pub(crate) fn proven_key(request: &[u8]) -> Result<PublicKey, String> {
    if request.len() > REQUEST_BYTES_MAX {
        let found = request.len();
        return Err(format!("it has {found} bytes, at most {REQUEST_BYTES_MAX} are allowed"));
    }
    let (rest, request) = X509CertificationRequest::from_der(request)
        .map_err(|error| format!("it is no certificate request: {error}"))?;
    if !rest.is_empty() {
        return Err(format!("{} other bytes follow it", rest.len()));
    }
    let asked = &request.certification_request_info;
    let key = PublicKey::of(asked.subject_pki.raw);
    if key.p256_point().is_none() {
        return Err("its key is of another kind than ECDSA P-256".to_string());
    }
    if !key.has_signed(asked.raw, &request.signature_value.data) {
        return Err("it is not signed by the key that it names".to_string());
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert};

    fn made() -> KeyAndRequest {
        KeyAndRequest::make().unwrap()
    }

    #[test]
    fn a_request_proves_its_key_and_shows_no_secret() {
        let KeyAndRequest { key, request } = made();
        assert_eq!(proven_key(&request).unwrap().print(), key.print());
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("SecretKey {{ print: {}, .. }}", key.print()));
    }

    #[test]
    fn a_key_that_is_kept_is_used_again_and_no_other_file_is_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("joining.key");
        let first = KeyAndRequest::kept(&path).unwrap().key.print();
        let again = KeyAndRequest::kept(&path).unwrap();
        assert_eq!(again.key.print(), first);
        assert_eq!(proven_key(&again.request).unwrap().print(), first);
        private_file::write(&path, "no key", Readers::Us).unwrap();
        assert!(matches!(KeyAndRequest::kept(&path), Err(IdentityError::Unreadable { .. })));
        private_file::write(&path, "", Readers::Everyone).unwrap();
        assert!(matches!(KeyAndRequest::kept(&path), Err(IdentityError::LooseFile { .. })));
    }

    #[test]
    fn a_request_with_any_byte_changed_proves_nothing() {
        let request = made().request;
        for at in 0..request.len() {
            let mut changed = request.clone();
            changed[at] ^= 1 << (at % 8);
            // The name of the signature's algorithm is not what decides.
            if let Ok(key) = proven_key(&changed) {
                assert_eq!(key.print(), proven_key(&request).unwrap().print(), "byte {at}");
                assert!(at > request.len() - 90, "byte {at} is not signed");
            }
        }
    }

    #[test]
    fn a_request_cut_or_continued_anywhere_is_refused() {
        let request = made().request;
        for len in 0..request.len() {
            assert!(proven_key(&request[..len]).is_err(), "{len} bytes were taken");
        }
        let why = proven_key(&[&request[..], &[0]].concat()).err().unwrap();
        assert_eq!(why, "1 other bytes follow it");
        let why = proven_key(&vec![0x30; REQUEST_BYTES_MAX + 1]).err().unwrap();
        assert!(why.contains("at most 16384"), "{why}");
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        let made = |kind| KeyPair::generate_for(kind).unwrap();
        for key in [
            made(&rcgen::PKCS_ECDSA_P384_SHA384),
            made(&rcgen::PKCS_ED25519),
            KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap(),
        ] {
            let request = CertificateParams::default().serialize_request(&key).unwrap();
            let why = proven_key(request.der()).err().unwrap();
            assert_eq!(why, "its key is of another kind than ECDSA P-256");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_refused_without_panic(bytes in vec(any::<u8>(), 0..600)) {
            prop_assert!(proven_key(&bytes).is_err());
        }

        #[test]
        fn a_request_with_any_bytes_put_in_never_panics(
            at in any::<proptest::sample::Index>(),
            with in vec(any::<u8>(), 0..40),
            gone in 0_usize..40,
        ) {
            let mut request = made().request;
            let at = at.index(request.len());
            let until = (at + gone).min(request.len());
            request.splice(at..until, with);
            let _ = proven_key(&request);
        }
    }
}
