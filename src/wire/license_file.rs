//! The license file: what a vendor issues and an operator registers.
//!
//! Text that people can read, at most [`LICENSE_FILE_LEN_MAX`] bytes, lines ending in `\n`:
//!
//! ```text
//! lictree license 1
//! serial: S-2026-0117
//! vendor: Muster Software AG
//! product: cad
//! count: 250
//! metric: managed-devices
//! not-before: 2026-01-01T00:00:00Z
//! not-after: never
//! tree: acme                     (absent: valid in any tree)
//! server: site-7                 (absent: valid at any server)
//! confirm-within-days: 30        (absent: without such a bound)
//! note: for all sites            (absent when there is none)
//! key: 8f0c52d1a2b33c44          which of the vendor's keys signed
//! signature: <base64, 64 bytes>  Ed25519 over every byte before this line
//! ```
//!
//! ```text
//!   vendor ── issue ──► file ── operator ──► open: size · frame · trusted key · signature
//!                         │                        · only then fields · one form only
//!                         └──── anybody ──► inspect: the same, whatever the signature is worth
//! ```
//!
//! Invariants: `open` looks at no field before the signature is proven; a license has exactly one
//! file under a key (`open` refuses a file that `issue` would have written differently); fields
//! that this version does not know are refused: they might narrow what the license grants.
//! Whether a license is valid now, and whether its serial is new, is not asked here.

mod fields;
mod vendor_key;

#[cfg(test)]
mod tests;

use crate::model::license::{License, LicenseError};
use crate::model::name::NameError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use vendor_key::SIGNATURE_LEN;
pub use vendor_key::{VendorKey, VendorKeyError, VendorKeyId, VendorPublicKey};

/// The largest license file, in bytes.
pub const LICENSE_FILE_LEN_MAX: usize = 64 * 1024;

const TITLE: &str = "lictree license ";
const VERSION: &str = "1";
const KEY: &str = "key: ";
const SIGNATURE: &str = "signature: ";

/// Why a file is not a license that this server may take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LicenseFileError {
    #[error("a license file has at most {LICENSE_FILE_LEN_MAX} bytes; this one has more")]
    TooLarge,
    #[error("this is not a license file: its first line is not `{TITLE}{VERSION}`")]
    NotALicenseFile,
    #[error(
        "this license file has format {0}, this server reads format {VERSION}; update the server"
    )]
    OtherFormat(String),
    #[error(
        "this license file was changed on its way: its lines end in CR LF, the vendor's end in \
         LF; copy it again without conversion (binary, or as an attachment)"
    )]
    LineEnds,
    #[error("this license file is damaged: {0}; ask for it again")]
    Damaged(Damage),
    #[error(
        "this license file is signed with key {0}, which is not trusted here; if it is the \
         vendor's, trust its public key first"
    )]
    UntrustedKey(VendorKeyId),
    #[error(
        "this license file is signed with key {0}, which the vendor retired: no new license is \
         taken under it"
    )]
    RetiredKey(VendorKeyId),
    #[error(
        "the signature does not fit this license file: it was altered after it was issued, or \
         not issued by the vendor with key {0}"
    )]
    Forged(VendorKeyId),
    #[error("line {line} is not `field: value`")]
    NotAField { line: usize },
    #[error("line {line} has the field {name:?}, which format {VERSION} does not know")]
    UnknownField { line: usize, name: String },
    #[error("line {line} gives the field `{name}` a second time")]
    DuplicateField { line: usize, name: &'static str },
    #[error("the field `{0}` is missing")]
    MissingField(&'static str),
    #[error("{field}: {source}")]
    Name { field: &'static str, source: NameError },
    #[error("count: {0:?} is not a number of licenses")]
    Count(String),
    #[error("confirm-within-days: {0:?} is not a number of days")]
    Days(String),
    #[error("{field}: {found:?} is not a moment like 2026-01-31T00:00:00Z{or_never}")]
    Moment { field: &'static str, found: String, or_never: &'static str },
    #[error("{0}")]
    Terms(#[from] LicenseError),
    #[error(
        "this license file is not in the one form there is (order of fields, zeros before \
         numbers, form of dates); the vendor must issue it again"
    )]
    NotCanonical,
}

/// What is broken about the frame of a license file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("it ends in the middle of a line")]
    EndsInTheMiddle,
    #[error("its last line is not `signature:` and 64 bytes in base64")]
    NoSignature,
    #[error("the line before the signature is not `key:` and 16 hex digits")]
    NoKey,
    #[error("it is not UTF-8 text")]
    NotText,
}

/// The file of a license, signed. The same license and key give the same bytes.
pub fn issue(license: &License, key: &VendorKey) -> String {
    let mut file = signed_part(license, key.public().id());
    let signature = STANDARD.encode(key.sign(file.as_bytes()));
    file.push_str(&format!("{SIGNATURE}{signature}\n"));
    file
}

/// Whose license files a server takes, and whose no longer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VendorKeys {
    pub trusted: Vec<VendorPublicKey>,
    /// A file under one of these is refused; what was registered before stays.
    pub retired: Vec<VendorPublicKey>,
}

/// What some keys say of the signature of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// One of them signed exactly these bytes.
    Genuine,
    /// One of them has the id that the file names, and did not sign these bytes.
    Forged,
    /// None of them has that id.
    OtherKey,
}

/// What a file says, whether or not it is to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    pub license: License,
    pub key: VendorKeyId,
    /// Nothing when there was no key to check with.
    pub proof: Option<Proof>,
}

/// The license in a file, if a trusted key signed exactly these bytes.
pub fn open(bytes: &[u8], keys: &VendorKeys) -> Result<License, LicenseFileError> {
    let frame = frame(bytes)?;
    match (frame.proof(&keys.trusted), frame.proof(&keys.retired)) {
        (Proof::Genuine, _) => frame.license(),
        (_, Proof::Genuine) => Err(LicenseFileError::RetiredKey(frame.key)),
        (Proof::OtherKey, Proof::OtherKey) => Err(LicenseFileError::UntrustedKey(frame.key)),
        _ => Err(LicenseFileError::Forged(frame.key)),
    }
}

/// What a file says, for people who look at it: its signature may be anything.
///
/// # Errors
/// It is no license file, or no license stands in it; a file that is known to be forged is called
/// that, whatever stands in it.
pub fn inspect(bytes: &[u8], keys: &[VendorPublicKey]) -> Result<Inspected, LicenseFileError> {
    let frame = frame(bytes)?;
    let proof = (!keys.is_empty()).then(|| frame.proof(keys));
    match frame.license() {
        Ok(license) => Ok(Inspected { license, key: frame.key, proof }),
        Err(_) if proof == Some(Proof::Forged) => Err(LicenseFileError::Forged(frame.key)),
        Err(error) => Err(error),
    }
}

fn signed_part(license: &License, key: VendorKeyId) -> String {
    format!("{TITLE}{VERSION}\n{}{KEY}{key}\n", fields::write(license))
}

/// The parts of a file, found by position alone.
struct Frame<'a> {
    /// Everything the signature covers.
    signed: &'a [u8],
    /// The lines between the first and the key.
    fields: &'a [u8],
    key: VendorKeyId,
    signature: [u8; SIGNATURE_LEN],
}

impl Frame<'_> {
    fn proof(&self, keys: &[VendorPublicKey]) -> Proof {
        let mut named = keys.iter().filter(|key| key.id() == self.key).peekable();
        if named.peek().is_none() {
            return Proof::OtherKey;
        }
        match named.any(|key| key.has_signed(self.signed, &self.signature)) {
            true => Proof::Genuine,
            false => Proof::Forged,
        }
    }

    fn license(&self) -> Result<License, LicenseFileError> {
        let text = std::str::from_utf8(self.fields);
        let text = text.map_err(|_| LicenseFileError::Damaged(Damage::NotText))?;
        let license = fields::read(text)?;
        if signed_part(&license, self.key).as_bytes() != self.signed {
            return Err(LicenseFileError::NotCanonical);
        }
        Ok(license)
    }
}

fn frame(bytes: &[u8]) -> Result<Frame<'_>, LicenseFileError> {
    let damaged = LicenseFileError::Damaged;
    if bytes.len() > LICENSE_FILE_LEN_MAX {
        return Err(LicenseFileError::TooLarge);
    }
    let after_title = after_title(bytes)?;
    let whole = bytes.strip_suffix(b"\n").ok_or(damaged(Damage::EndsInTheMiddle))?;
    let (signed, last) = split_last_line(whole).ok_or(damaged(Damage::NoSignature))?;
    let signature = last
        .strip_prefix(SIGNATURE.as_bytes())
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .and_then(|signature| signature.try_into().ok())
        .ok_or(damaged(Damage::NoSignature))?;
    let no_key = damaged(Damage::NoKey);
    let (before_key, line) =
        signed.strip_suffix(b"\n").and_then(split_last_line).ok_or(no_key.clone())?;
    let id = line.strip_prefix(KEY.as_bytes()).and_then(VendorKeyId::read);
    let fields = before_key.get(after_title..).ok_or(no_key.clone())?;
    Ok(Frame { signed, fields, key: id.ok_or(no_key)?, signature })
}

/// Where the second line begins.
fn after_title(bytes: &[u8]) -> Result<usize, LicenseFileError> {
    let rest = bytes.strip_prefix(TITLE.as_bytes()).ok_or(LicenseFileError::NotALicenseFile)?;
    if bytes.contains(&b'\r') {
        return Err(LicenseFileError::LineEnds);
    }
    let version = rest.split(|b| *b == b'\n').next().unwrap_or_default();
    if version == VERSION.as_bytes() {
        return Ok(TITLE.len() + version.len() + 1);
    }
    let number = (1..=6).contains(&version.len()) && version.iter().all(u8::is_ascii_digit);
    match std::str::from_utf8(version) {
        Ok(found) if number => Err(LicenseFileError::OtherFormat(found.to_string())),
        _ => Err(LicenseFileError::NotALicenseFile),
    }
}

/// The last line (without its end), and all before it (with theirs).
fn split_last_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().rposition(|b| *b == b'\n')?;
    Some(text.split_at(end + 1))
}
