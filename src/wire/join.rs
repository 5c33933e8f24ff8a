//! The code by which a server joins, its proof, and the two messages of a join call.
//!
//! ```text
//!   primary: secret drawn ──► code LTJ1-…: pins of the authorities, invitation, secret, check
//!            keeps proof key = HKDF(secret), forgets the secret
//!   joiner:  sees that the called server is of a pinned authority, then says
//!            invitation, request for a certificate, proof = HMAC(proof key, exporter, request)
//! ```
//! The secret never travels. The exporter is known to the two ends of one call only, so a proof is
//! of no use in any other. The check finds a slip of the pen before anybody is called.

use crate::model::enrolment::{CertificateAnswer, InviteId, PROOF_LEN};
use crate::record::RecordError;
use crate::record::enrolment::CertificateAnswerForm;
use crate::record::form::{Form, need};
use crate::wire::limits::WireLimits;
use aws_lc_rs::{digest, hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;
use std::fmt;
use std::str::FromStr;

/// The bytes of a code's secret.
pub const SECRET_LEN: usize = 16;
/// What every code of this form begins with.
const PREFIX: &str = "LTJ1-";
const CHECK_LEN: usize = 4;
const PIN_LEN: usize = 32;
/// Two authorities are believed at most, while one gives way to the other.
const PINS_MAX: usize = 2;
/// The longest code, in bytes of its text; longer ones are not looked at.
const CODE_TEXT_MAX: usize = 256;

/// What an invited server needs to know.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinCode {
    pub invite: InviteId,
    pub secret: [u8; SECRET_LEN],
    /// SHA-256 of the public keys of the authorities to believe.
    pub pins: Vec<[u8; PIN_LEN]>,
}

/// Why a text is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    #[error("a code begins with {PREFIX}; this text does not")]
    Prefix,
    #[error("the code is cut off, or holds a character that no code has")]
    Form,
    #[error("the code was changed: a character in it is not the one that was made")]
    Check,
}

impl fmt::Debug for JoinCode {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinCode").field("invite", &self.invite).finish_non_exhaustive()
    }
}

impl fmt::Display for JoinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.pins.len() as u8];
        self.pins.iter().for_each(|pin| bytes.extend(pin));
        bytes.extend(self.invite.0.to_be_bytes());
        bytes.extend(self.secret);
        let check = check(&bytes);
        bytes.extend(check);
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for JoinCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<JoinCode, CodeError> {
        let rest = text.trim().strip_prefix(PREFIX).ok_or(CodeError::Prefix)?;
        if rest.len() > CODE_TEXT_MAX {
            return Err(CodeError::Form);
        }
        let bytes = URL_SAFE_NO_PAD.decode(rest).map_err(|_| CodeError::Form)?;
        let body_len = bytes.len().checked_sub(CHECK_LEN).ok_or(CodeError::Form)?;
        let (body, found) = bytes.split_at(body_len);
        if found != check(body) {
            return Err(CodeError::Check);
        }
        let (count, body) = body.split_first().ok_or(CodeError::Form)?;
        let count = usize::from(*count);
        let whole = count * PIN_LEN + 8 + SECRET_LEN;
        if !(1..=PINS_MAX).contains(&count) || body.len() != whole {
            return Err(CodeError::Form);
        }
        let (pins, body) = body.split_at(count * PIN_LEN);
        let (invite, secret) = body.split_at(8);
        let fixed = |_| CodeError::Form;
        Ok(JoinCode {
            invite: InviteId(u64::from_be_bytes(invite.try_into().map_err(fixed)?)),
            secret: secret.try_into().map_err(fixed)?,
            pins: pins.chunks_exact(PIN_LEN).filter_map(|pin| pin.try_into().ok()).collect(),
        })
    }
}

fn check(bytes: &[u8]) -> [u8; CHECK_LEN] {
    let whole = digest::digest(&digest::SHA256, bytes);
    let mut check = [0; CHECK_LEN];
    check.copy_from_slice(&whole.as_ref()[..CHECK_LEN]);
    check
}

struct ProofKeyLen;

impl hkdf::KeyType for ProofKeyLen {
    fn len(&self) -> usize {
        PROOF_LEN
    }
}

/// What the primary keeps of a secret (HKDF-SHA-256, RFC 5869).
pub fn proof_key(secret: &[u8; SECRET_LEN]) -> [u8; PROOF_LEN] {
    let mut key = [0; PROOF_LEN];
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"lictree join").extract(secret);
    let filled = extracted
        .expand(&[b"proof key 1"], ProofKeyLen)
        .and_then(|expanded| expanded.fill(&mut key));
    filled.expect("32 bytes are within what HKDF gives");
    key
}

/// The proof for one call.
pub fn proof(
    key: &[u8; PROOF_LEN],
    exporter: &[u8; PROOF_LEN],
    (request, had): (&[u8], u64),
) -> [u8; PROOF_LEN] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut proof = [0; PROOF_LEN];
    proof.copy_from_slice(hmac::sign(&key, &proven(exporter, request, had)).as_ref());
    proof
}

/// Whether a proof is right; takes as long for a wrong one.
pub fn is_proven(
    key: &[u8; PROOF_LEN],
    exporter: &[u8; PROOF_LEN],
    (request, had): (&[u8], u64),
    proof: &[u8; PROOF_LEN],
) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::verify(&key, &proven(exporter, request, had), proof).is_ok()
}

/// What a proof is over. An enrolment before is in it where there was one.
fn proven(exporter: &[u8; PROOF_LEN], request: &[u8], had: u64) -> Vec<u8> {
    let had = had.to_be_bytes();
    let had: &[u8] = if had == [0; 8] { &[] } else { &had };
    [exporter, request, had].concat()
}

/// What a joiner says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    pub invite: InviteId,
    /// PKCS#10, in DER.
    pub request: Vec<u8>,
    /// [`crate::model::enrolment::JoinAsk::had`].
    pub had: u64,
    pub proof: [u8; PROOF_LEN],
}

#[derive(Clone, PartialEq, Message)]
struct JoinRequestForm {
    #[prost(fixed64, tag = "1")]
    invite: u64,
    #[prost(bytes = "vec", tag = "2")]
    request: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    proof: Vec<u8>,
    #[prost(uint64, tag = "4")]
    had: u64,
}

#[derive(Clone, PartialEq, Message)]
struct JoinReplyForm {
    #[prost(message, optional, tag = "1")]
    answer: Option<CertificateAnswerForm>,
}

pub fn encode_join_request(request: &JoinRequest) -> Vec<u8> {
    let JoinRequest { invite, request, had, proof } = request;
    let (request, proof) = (request.clone(), proof.to_vec());
    JoinRequestForm { invite: invite.0, request, proof, had: *had }.encode_to_vec()
}

/// # Errors
/// The bytes are no join request.
pub fn decode_join_request(bytes: &[u8]) -> Result<JoinRequest, RecordError> {
    let what = "a join request";
    let broken = |source| RecordError::Broken { what, source };
    let form = JoinRequestForm::decode(bytes).map_err(broken)?;
    let (found, max) = (form.proof.len() as u64, PROOF_LEN as u64);
    let proof = form.proof.try_into();
    let proof = proof.map_err(|_| RecordError::TooLarge { what: "a proof", found, max })?;
    let (invite, request, had) = (InviteId(form.invite), form.request, form.had);
    Ok(JoinRequest { invite, request, had, proof })
}

pub fn encode_join_reply(answer: &CertificateAnswer) -> Vec<u8> {
    JoinReplyForm { answer: Some(CertificateAnswerForm::of(answer)) }.encode_to_vec()
}

/// # Errors
/// The bytes are no answer to a join request.
pub fn decode_join_reply(
    bytes: &[u8],
    limits: &WireLimits,
) -> Result<CertificateAnswer, RecordError> {
    let what = "the answer to a join request";
    let broken = |source| RecordError::Broken { what, source };
    let form = JoinReplyForm::decode(bytes).map_err(broken)?;
    need(what, form.answer, &mut limits.room())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::enrolment::Grant;
    use crate::model::refusal::Refusal;
    use proptest::prelude::*;

    fn code() -> JoinCode {
        JoinCode { invite: InviteId(0x0102_0304), secret: [7; SECRET_LEN], pins: vec![[9; 32]] }
    }

    #[test]
    fn a_code_comes_back_and_shows_no_secret() {
        for pins in [vec![[9; 32]], vec![[9; 32], [10; 32]]] {
            let code = JoinCode { pins, ..code() };
            let text = code.to_string();
            assert_eq!(text.parse(), Ok(code.clone()));
            assert_eq!(format!("  {text}\n").parse(), Ok(code.clone()));
            assert!(!format!("{code:?}").contains("secret"));
        }
    }

    #[test]
    fn every_changed_character_of_a_code_is_found() {
        let text = code().to_string();
        for at in 0..text.len() {
            for other in ["A", "b", "-", "_", "!", "9"] {
                if text.get(at..at + 1) != Some(other) {
                    let mut bad = text.clone();
                    bad.replace_range(at..at + 1, other);
                    let read = bad.parse::<JoinCode>();
                    // The last character may hold bits that mean nothing.
                    assert!(read.is_err() || read == Ok(code()), "{bad}");
                }
            }
        }
        for len in 0..text.len() {
            assert!(text[..len].parse::<JoinCode>().is_err());
        }
    }

    #[test]
    fn a_proof_is_of_its_secret_its_call_and_its_request() {
        let key = proof_key(&[7; SECRET_LEN]);
        let good = proof(&key, &[1; 32], (b"request", 0));
        assert!(is_proven(&key, &[1; 32], (b"request", 0), &good));
        assert!(!is_proven(&proof_key(&[8; SECRET_LEN]), &[1; 32], (b"request", 0), &good));
        assert!(!is_proven(&key, &[2; 32], (b"request", 0), &good));
        assert!(!is_proven(&key, &[1; 32], (b"requesT", 0), &good));
        assert!(!is_proven(&key, &[1; 32], (b"request", 1), &good));
        for bit in 0..PROOF_LEN * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_proven(&key, &[1; 32], (b"request", 0), &bad));
        }
    }

    #[test]
    fn messages_come_back() {
        let request =
            JoinRequest { invite: InviteId(4), request: vec![1, 2], had: 5, proof: [3; 32] };
        assert_eq!(decode_join_request(&encode_join_request(&request)), Ok(request));
        let grant = Grant {
            tree: "acme".parse().unwrap(),
            name: "west".parse().unwrap(),
            parent: "hq".parse().unwrap(),
            enrolment: 3,
            certificate: vec![1],
            former: 9,
        };
        let answers = [
            CertificateAnswer::Granted(Box::new(grant)),
            CertificateAnswer::Waiting,
            CertificateAnswer::Refused(Refusal::new("LT0415", "a", "b")),
        ];
        for answer in answers {
            let bytes = encode_join_reply(&answer);
            assert_eq!(decode_join_reply(&bytes, &WireLimits::default()), Ok(answer));
        }
    }

    proptest! {
        #[test]
        fn a_request_with_any_bytes_put_in_is_read_or_refused(
            at: prop::sample::Index,
            gone in 0_usize..12,
            with in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let (invite, request) = (InviteId(4), vec![7; 99]);
            let request = JoinRequest { invite, request, had: 0, proof: [3; 32] };
            let mut bytes = encode_join_request(&request);
            let from = at.index(bytes.len());
            let until = (from + gone).min(bytes.len());
            bytes.splice(from..until, with);
            if let Ok(read) = decode_join_request(&bytes) {
                prop_assert_eq!(decode_join_request(&encode_join_request(&read)), Ok(read));
            }
        }

        #[test]
        fn no_bytes_and_no_text_make_it_panic(bytes: Vec<u8>, text: String) {
            let _ = decode_join_request(&bytes);
            let _ = decode_join_reply(&bytes, &WireLimits::default());
            let _ = text.parse::<JoinCode>();
            let _ = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&bytes)).parse::<JoinCode>();
        }
    }
}
