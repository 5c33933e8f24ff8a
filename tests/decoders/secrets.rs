//! What vendors and operators hand over as files and codes.

use super::{Bound, assert_sayable, text_of};
use lictree::wire::join::JoinCode;
use lictree::wire::license_file::{
    LicenseFileError, VendorKey, VendorKeys, VendorPublicKey, inspect, issue, open,
};

const FILE: Bound = Bound { times: 8, plus: 16 << 10 };

/// The key of a vendor that is none: Ed25519 in PKCS #8, of a seed of sevens.
fn vendor() -> VendorKey {
    let mut document = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    document.extend([7; 32]);
    VendorKey::from_pkcs8(&document).unwrap()
}

/// A license file, whatever its signature is worth.
pub fn license(bytes: &[u8]) -> bool {
    let vendor = vendor();
    let keys = VendorKeys { trusted: vec![vendor.public()], retired: Vec::new() };
    let opened = FILE.hold(bytes, || open(bytes, &keys));
    match &opened {
        Ok(license) => {
            assert_eq!(issue(license, &vendor).as_bytes(), bytes, "a license has one file")
        }
        Err(error) => assert_sayable(error),
    }
    match FILE.hold(bytes, || inspect(bytes, &[])) {
        Ok(found) => {
            assert_eq!(found.proof, None);
            let ours = issue(&found.license, &vendor);
            let fields = |file: &[u8]| {
                let end = file.windows(6).rposition(|part| part == b"\nkey: ");
                file[..end.unwrap()].to_vec()
            };
            assert_eq!(fields(ours.as_bytes()), fields(bytes), "a license has one spelling");
            assert_eq!(open(ours.as_bytes(), &keys), Ok(found.license));
            true
        }
        Err(error) => {
            assert_sayable(&error);
            assert!(opened.is_err() && !matches!(error, LicenseFileError::Forged(_)));
            false
        }
    }
}

/// Both halves of a vendor's key: text, and PKCS #8.
pub fn vendor_key(bytes: &[u8]) -> bool {
    if let Err(error) = FILE.hold(bytes, || VendorKey::from_pkcs8(bytes)) {
        assert_sayable(error);
    }
    let Some(text) = text_of(bytes) else { return false };
    match FILE.hold(bytes, || text.parse::<VendorPublicKey>()) {
        Ok(key) => {
            assert_eq!(key.to_string(), text.trim());
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}

pub fn join_code(bytes: &[u8]) -> bool {
    let Some(text) = text_of(bytes) else { return false };
    match FILE.hold(bytes, || text.parse::<JoinCode>()) {
        Ok(code) => {
            assert_eq!(code.to_string(), text.trim(), "a code has one spelling");
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}
