//! The key with which a listener ends connections that it does not know (any more).
//!
//! ```text
//!   child ── packet of an old connection ──► parent, started anew: knows it not
//!   child ◄── reset, made with this key ──── (RFC 9000, 10.3): the child dials again at once
//! ```
//!
//! With a random key at every start a child would notice only after its idle timeout. The key must
//! be the same whatever certificate the server has by then, so it has a file of its own.

use crate::net::IdentityError;
use crate::net::private_file::{self, Readers};
use aws_lc_rs::hmac;
use std::path::Path;

/// Its name in the folder of the identity.
pub(crate) const FILE: &str = "reset.key";
const KEY_BYTES: usize = 32;

pub(crate) struct ResetKey([u8; KEY_BYTES]);

impl ResetKey {
    pub(crate) fn random() -> ResetKey {
        let mut key = [0; KEY_BYTES];
        aws_lc_rs::rand::fill(&mut key)
            .expect("the system gives random bytes; no key of TLS could be made without");
        ResetKey(key)
    }

    /// The key in `folder`; a random one when there is none.
    pub(crate) fn of_folder(folder: &Path) -> Result<ResetKey, IdentityError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(ResetKey::random());
        }
        let text = private_file::read(&path, Readers::Us)?;
        of_text(&text).ok_or_else(|| IdentityError::Unreadable {
            path,
            what: "key for resets",
            why: "it is not 64 hexadecimal digits (if you remove it, a new one is made)"
                .to_string(),
        })
    }

    pub(crate) fn save_unless_there(&self, folder: &Path) -> Result<(), IdentityError> {
        let path = folder.join(FILE);
        if path.exists() {
            return Ok(());
        }
        let text: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        private_file::write(&path, &(text + "\n"), Readers::Us)
    }

    pub(crate) fn hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }

    #[cfg(test)]
    pub(crate) fn print(&self) -> [u8; 32] {
        crate::net::public_key::sha256(&self.0)
    }
}

fn of_text(text: &str) -> Option<ResetKey> {
    let digits = text.trim_end().as_bytes();
    let mut key = [0; KEY_BYTES];
    if digits.len() != 2 * KEY_BYTES {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(16 * digit(0)? + digit(1)?).ok()?;
    }
    Some(ResetKey(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_text_than_64_digits_is_no_key() {
        let good = "0123456789abcdefABCDEF".repeat(3)[..64].to_string();
        assert_eq!(of_text(&good).unwrap().0[..3], [0x01, 0x23, 0x45]);
        let long = format!("{good}0");
        for bad in ["", &good[..63], &long, &good.replace('a', "g"), &"ä".repeat(32)] {
            assert!(of_text(bad).is_none(), "{bad}");
        }
    }
}
