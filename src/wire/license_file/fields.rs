//! The fields of a license file: text between its first line and its key line.
//!
//! Only called with text whose signature was proven. Every field at most once, unknown ones
//! refused; that order and spelling are the only ones is checked by the caller, by writing again.

use super::LicenseFileError;
use crate::model::count::LicenseCount;
use crate::model::license::{License, LicenseTerms};
use crate::model::name::NameError;
use crate::model::time::Timestamp;
use std::fmt::Write;
use std::str::FromStr;

/// In the order in which they are written.
pub(super) const NAMES: [&str; 11] = [
    "serial",
    "vendor",
    "product",
    "count",
    "metric",
    "not-before",
    "not-after",
    "tree",
    "server",
    "confirm-within-days",
    "note",
];
const NEVER: &str = "never";
/// How much of a bad value an error repeats.
const SHOWN_CHARS_MAX: usize = 80;

pub(super) fn write(license: &License) -> String {
    let end = license.not_after.map_or_else(|| NEVER.to_string(), date);
    let note = Some(license.note.clone()).filter(|note| !note.is_empty());
    let values = [
        Some(license.serial.to_string()),
        Some(license.vendor.clone()),
        Some(license.product.to_string()),
        Some(license.count.to_string()),
        Some(license.metric.to_string()),
        Some(date(license.not_before)),
        Some(end),
        license.tree.as_ref().map(ToString::to_string),
        license.server.as_ref().map(ToString::to_string),
        license.confirm_within_days.map(|days| days.to_string()),
        note,
    ];
    let mut text = String::new();
    for (name, value) in NAMES.iter().zip(values) {
        if let Some(value) = value {
            writeln!(text, "{name}: {value}").expect("writing to a String cannot fail");
        }
    }
    text
}

pub(super) fn read(text: &str) -> Result<License, LicenseFileError> {
    let values = split(text)?;
    let value = |name| values[position(name)].ok_or(LicenseFileError::MissingField(name));
    let terms = LicenseTerms {
        serial: value("serial")?.parse()?,
        vendor: value("vendor")?.to_string(),
        product: name("product", value("product")?)?,
        count: count(value("count")?)?,
        metric: value("metric")?.parse()?,
        not_before: moment("not-before", value("not-before")?, "")?,
        not_after: match value("not-after")? {
            NEVER => None,
            text => Some(moment("not-after", text, " or `never`")?),
        },
        tree: values[position("tree")].map(|text| name("tree", text)).transpose()?,
        server: values[position("server")].map(|text| name("server", text)).transpose()?,
        confirm_within_days: values[position("confirm-within-days")].map(days).transpose()?,
        note: values[position("note")].unwrap_or_default().to_string(),
    };
    Ok(License::try_from(terms)?)
}

/// The value of each field, in the order of [`NAMES`].
fn split(text: &str) -> Result<[Option<&str>; NAMES.len()], LicenseFileError> {
    let mut values = [None; NAMES.len()];
    for (index, content) in text.split_terminator('\n').enumerate() {
        // The first line of the file is not in the text.
        let line = index + 2;
        let (name, value) = content.split_once(": ").ok_or(LicenseFileError::NotAField { line })?;
        let Some(at) = NAMES.iter().position(|known| *known == name) else {
            return Err(LicenseFileError::UnknownField { line, name: shown(name) });
        };
        if values[at].replace(value).is_some() {
            return Err(LicenseFileError::DuplicateField { line, name: NAMES[at] });
        }
    }
    Ok(values)
}

fn position(name: &str) -> usize {
    let at = NAMES.iter().position(|known| *known == name);
    at.expect("only names of NAMES are asked for, in this file")
}

fn name<N>(field: &'static str, text: &str) -> Result<N, LicenseFileError>
where
    N: FromStr<Err = NameError>,
{
    text.parse().map_err(|source| LicenseFileError::Name { field, source })
}

fn days(text: &str) -> Result<u16, LicenseFileError> {
    text.parse().map_err(|_| LicenseFileError::Days(shown(text)))
}

fn count(text: &str) -> Result<LicenseCount, LicenseFileError> {
    text.parse().map(LicenseCount).map_err(|_| LicenseFileError::Count(shown(text)))
}

fn moment(
    field: &'static str,
    text: &str,
    or_never: &'static str,
) -> Result<Timestamp, LicenseFileError> {
    let read: Option<jiff::Timestamp> = text.parse().ok();
    read.and_then(|moment| u64::try_from(moment.as_millisecond()).ok())
        .map(Timestamp)
        .ok_or(LicenseFileError::Moment { field, found: shown(text), or_never })
}

fn date(moment: Timestamp) -> String {
    let moment = i64::try_from(moment.0).ok().and_then(|ms| {
        // The fraction of a second appears only where there is one.
        jiff::Timestamp::from_millisecond(ms).ok()
    });
    moment.expect("a license names no moment after the year 9998").to_string()
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}
