//! A license: what a vendor grants, to be registered at a server.
//!
//! A [`License`] cannot hold nonsense: it exists only where its [`LicenseTerms`] passed every
//! check, so whoever holds one need not check again. Its text form is in `wire`.

use crate::model::count::{COUNT_MAX, LicenseCount};
use crate::model::name::{ProductName, ServerName, TreeName};
use crate::model::text::is_invisible;
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

/// The longest serial, in bytes.
pub const SERIAL_LEN_MAX: usize = 64;
/// The longest vendor's name, in bytes.
pub const VENDOR_LEN_MAX: usize = 255;
/// The longest note, in bytes.
pub const NOTE_LEN_MAX: usize = 1_000;
/// The longest time, in days, within which a holder may be asked to show itself.
pub const CONFIRM_WITHIN_DAYS_MAX: u16 = 3_650;
/// The last moment a license may name: the end of the year 9998 (a year of four digits everywhere).
pub const MOMENT_MAX: Timestamp = Timestamp(253_370_764_800_000 - 1);

/// Why terms are not a license. The field's name is in every sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LicenseError {
    #[error("serial {0:?} is not plain: use 1 to {SERIAL_LEN_MAX} letters, digits and '-'")]
    Serial(String),
    #[error("metric {0:?} is not known: it is `managed-devices` or `sessions`")]
    Metric(String),
    #[error("the {field} is empty; it must say something")]
    Empty { field: &'static str },
    #[error("the {field} has {found} bytes; at most {max} are allowed")]
    TooLong { field: &'static str, found: usize, max: usize },
    #[error(
        "the {field} holds {found:?}: control and invisible characters, and blanks at either \
         end, are not allowed"
    )]
    NotOneLine { field: &'static str, found: char },
    #[error("a count of {0} cannot be licensed: it must be 1 to {COUNT_MAX}")]
    Count(LicenseCount),
    #[error("the {field} lies after the year 9998; leave the end open (`never`) instead")]
    TooLate { field: &'static str },
    #[error("the license ends before it is ever valid: not-after must lie behind not-before")]
    DatesReversed { not_before: Timestamp, not_after: Timestamp },
    #[error("the license names the server {0} and no tree; a server has its name within a tree")]
    ServerWithoutTree(ServerName),
    #[error("{0} days to confirm within are out of bounds: use 1 to {CONFIRM_WITHIN_DAYS_MAX}")]
    ConfirmWithin(u16),
}

/// The vendor's own number of a license, unique among all that vendor issues.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(Arc<str>);

impl Serial {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Serial {
    type Err = LicenseError;
    fn from_str(text: &str) -> Result<Self, LicenseError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if text.is_empty() || text.len() > SERIAL_LEN_MAX || !text.bytes().all(plain) {
            return Err(LicenseError::Serial(text.chars().take(SERIAL_LEN_MAX).collect()));
        }
        Ok(Serial(Arc::from(text)))
    }
}

impl TryFrom<String> for Serial {
    type Error = LicenseError;
    fn try_from(text: String) -> Result<Self, LicenseError> {
        text.parse()
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> String {
        serial.0.to_string()
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one count of a license covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// One device under management.
    ManagedDevices,
    /// One session of an application.
    Sessions,
}

impl FromStr for Metric {
    type Err = LicenseError;
    fn from_str(text: &str) -> Result<Self, LicenseError> {
        match text {
            "managed-devices" => Ok(Metric::ManagedDevices),
            "sessions" => Ok(Metric::Sessions),
            _ => Err(LicenseError::Metric(text.chars().take(SERIAL_LEN_MAX).collect())),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Metric::ManagedDevices => "managed-devices",
            Metric::Sessions => "sessions",
        })
    }
}

/// What a license says, not yet checked. `License::try_from` checks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseTerms {
    pub serial: Serial,
    /// 1 to [`VENDOR_LEN_MAX`] bytes on one line.
    pub vendor: String,
    pub product: ProductName,
    /// 1 to [`COUNT_MAX`].
    pub count: LicenseCount,
    pub metric: Metric,
    /// The first moment at which the license is valid.
    pub not_before: Timestamp,
    /// The first moment at which it no longer is; `None` is never.
    pub not_after: Option<Timestamp>,
    /// The only tree it may be registered in; `None` is any.
    pub tree: Option<TreeName>,
    /// The only server of that tree it may be registered at; `None` is any. Needs a tree.
    pub server: Option<ServerName>,
    /// A holder that was not attached to the primary for so many days makes no new uses; `None`
    /// is no such bound. 1 to [`CONFIRM_WITHIN_DAYS_MAX`].
    pub confirm_within_days: Option<u16>,
    /// For people; at most [`NOTE_LEN_MAX`] bytes on one line, empty when there is none.
    pub note: String,
}

/// A license whose terms passed every check. Read its fields as those of [`LicenseTerms`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LicenseTerms", into = "LicenseTerms")]
pub struct License(LicenseTerms);

/// What a license is worth at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    Valid,
    /// Valid from this moment.
    NotYet(Timestamp),
    /// Over since this moment.
    Expired(Timestamp),
}

impl License {
    /// What the license is worth at `now`. The end is outside: at `not_after` it is expired.
    pub fn validity(&self, now: Timestamp) -> Validity {
        match self.not_after {
            _ if now < self.not_before => Validity::NotYet(self.not_before),
            Some(end) if now >= end => Validity::Expired(end),
            _ => Validity::Valid,
        }
    }
}

impl Deref for License {
    type Target = LicenseTerms;
    fn deref(&self) -> &LicenseTerms {
        &self.0
    }
}

impl From<License> for LicenseTerms {
    fn from(license: License) -> LicenseTerms {
        license.0
    }
}

impl TryFrom<LicenseTerms> for License {
    type Error = LicenseError;
    fn try_from(terms: LicenseTerms) -> Result<License, LicenseError> {
        if terms.vendor.is_empty() {
            return Err(LicenseError::Empty { field: "vendor" });
        }
        check_line("vendor", &terms.vendor, VENDOR_LEN_MAX)?;
        check_line("note", &terms.note, NOTE_LEN_MAX)?;
        if terms.count == LicenseCount::ZERO || terms.count > COUNT_MAX {
            return Err(LicenseError::Count(terms.count));
        }
        check_dates(terms.not_before, terms.not_after)?;
        check_bounds(&terms)?;
        Ok(License(terms))
    }
}

fn check_dates(not_before: Timestamp, not_after: Option<Timestamp>) -> Result<(), LicenseError> {
    if not_before > MOMENT_MAX {
        return Err(LicenseError::TooLate { field: "not-before" });
    }
    match not_after {
        Some(end) if end > MOMENT_MAX => Err(LicenseError::TooLate { field: "not-after" }),
        Some(end) if end <= not_before => {
            Err(LicenseError::DatesReversed { not_before, not_after: end })
        }
        _ => Ok(()),
    }
}

fn check_bounds(terms: &LicenseTerms) -> Result<(), LicenseError> {
    if let (None, Some(server)) = (&terms.tree, &terms.server) {
        return Err(LicenseError::ServerWithoutTree(server.clone()));
    }
    match terms.confirm_within_days {
        Some(days) if !(1..=CONFIRM_WITHIN_DAYS_MAX).contains(&days) => {
            Err(LicenseError::ConfirmWithin(days))
        }
        _ => Ok(()),
    }
}

/// One line that shows all it holds: nothing that moves a cursor, hides, or turns the reading
/// direction, and no blank that an editor would cut off.
fn check_line(field: &'static str, text: &str, max: usize) -> Result<(), LicenseError> {
    if text.len() > max {
        return Err(LicenseError::TooLong { field, found: text.len(), max });
    }
    let at_an_end = |c: &char| text.starts_with(*c) || text.ends_with(*c);
    let bad = |c: &char| is_invisible(*c) || (c.is_whitespace() && at_an_end(c));
    match text.chars().find(bad) {
        Some(found) => Err(LicenseError::NotOneLine { field, found }),
        None => Ok(()),
    }
}

/// Whether a text is one line that shows all it holds.
pub fn is_one_line(text: &str) -> bool {
    check_line("text", text, usize::MAX).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> LicenseTerms {
        LicenseTerms {
            serial: "S-1".parse().unwrap(),
            vendor: "Vendor AG".to_string(),
            product: "cad".parse().unwrap(),
            count: LicenseCount(5),
            metric: Metric::Sessions,
            not_before: Timestamp(1_000),
            not_after: Some(Timestamp(2_000)),
            tree: None,
            server: None,
            confirm_within_days: None,
            note: String::new(),
        }
    }

    fn refusal(change: impl FnOnce(&mut LicenseTerms)) -> LicenseError {
        let mut terms = terms();
        change(&mut terms);
        License::try_from(terms).unwrap_err()
    }

    #[test]
    fn serials_are_plain_text() {
        for good in ["a", "A-1", "x".repeat(64).as_str()] {
            assert_eq!(good.parse::<Serial>().map(String::from), Ok(good.to_string()));
        }
        for bad in ["", "a b", "a_b", "ä", "a\n", "x".repeat(65).as_str()] {
            assert!(bad.parse::<Serial>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn terms_out_of_bounds_are_refused() {
        assert!(License::try_from(terms()).is_ok());
        let over = COUNT_MAX.plus(LicenseCount(1));
        assert_eq!(refusal(|t| t.count = LicenseCount::ZERO), LicenseError::Count(LicenseCount(0)));
        assert_eq!(refusal(|t| t.count = over), LicenseError::Count(over));
        assert_eq!(refusal(|t| t.vendor.clear()), LicenseError::Empty { field: "vendor" });
        assert_eq!(
            refusal(|t| t.vendor = "v".repeat(256)),
            LicenseError::TooLong { field: "vendor", found: 256, max: 255 }
        );
        assert_eq!(
            refusal(|t| t.not_after = Some(Timestamp(1_000))),
            LicenseError::DatesReversed {
                not_before: Timestamp(1_000),
                not_after: Timestamp(1_000)
            }
        );
        let late = Timestamp(MOMENT_MAX.0 + 1);
        assert_eq!(
            refusal(|t| t.not_after = Some(late)),
            LicenseError::TooLate { field: "not-after" }
        );
        assert_eq!(refusal(|t| t.not_before = late), LicenseError::TooLate { field: "not-before" });
    }

    #[test]
    fn what_a_license_is_bound_to_must_make_sense() {
        let (tree, server) = ("acme".parse().unwrap(), "site-7".parse::<ServerName>().unwrap());
        assert_eq!(
            refusal(|t| t.server = Some(server.clone())),
            LicenseError::ServerWithoutTree(server.clone())
        );
        for days in [0, 3_651] {
            let refused = refusal(|t| t.confirm_within_days = Some(days));
            assert_eq!(refused, LicenseError::ConfirmWithin(days));
        }
        let bound = LicenseTerms {
            tree: Some(tree),
            server: Some(server),
            confirm_within_days: Some(3_650),
            ..terms()
        };
        assert!(License::try_from(bound).is_ok());
    }

    #[test]
    fn lines_that_hide_something_are_refused() {
        for bad in ["a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{200b}b", " a", "a ", "a\u{a0}"] {
            assert!(
                matches!(
                    refusal(|t| t.note = bad.to_string()),
                    LicenseError::NotOneLine { field: "note", .. }
                ),
                "{bad:?} was taken"
            );
        }
        let mut fine = terms();
        fine.note = "für 3 Räume: 東京 <x> & more".to_string();
        assert!(License::try_from(fine).is_ok());
    }

    #[test]
    fn validity_has_an_inner_beginning_and_an_outer_end() {
        let license = License::try_from(terms()).unwrap();
        let at = |ms| license.validity(Timestamp(ms));
        assert_eq!(at(999), Validity::NotYet(Timestamp(1_000)));
        assert_eq!(at(1_000), Validity::Valid);
        assert_eq!(at(1_999), Validity::Valid);
        assert_eq!(at(2_000), Validity::Expired(Timestamp(2_000)));
        let mut endless = terms();
        endless.not_after = None;
        let endless = License::try_from(endless).unwrap();
        assert_eq!(endless.validity(Timestamp(u64::MAX)), Validity::Valid);
    }

    #[test]
    fn a_stored_license_is_checked_when_it_comes_back() {
        let json = serde_json::to_string(&License::try_from(terms()).unwrap()).unwrap();
        assert!(serde_json::from_str::<License>(&json).is_ok());
        let none = json.replace("\"count\":5", "\"count\":0");
        assert!(serde_json::from_str::<License>(&none).is_err());
        let older = json.replace("\"tree\":null,\"server\":null,\"confirm_within_days\":null,", "");
        assert_ne!(older, json);
        assert!(serde_json::from_str::<License>(&older).is_ok());
    }
}
