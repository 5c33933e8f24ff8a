//! `lictree vendor inspect`: a license file field by field, for vendors, operators and scripts.

use crate::edge::cli::license::read_bytes;
use crate::edge::codes;
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::license_refusal::refusal;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::vendor_key::read_public_keys;
use crate::model::license::{License, Validity};
use crate::model::time::Timestamp;
use crate::wire::license_file::{
    self, Inspected, LICENSE_FILE_LEN_MAX, LicenseFileError, Proof, VendorKeyId,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(in crate::edge::cli) struct Arguments {
    /// The license file; `-` is standard input.
    file: PathBuf,
    /// A vendor's public key, as the line itself or a file with it; several may be named.
    #[arg(long, value_name = "PUB")]
    key: Vec<String>,
}

/// The contract of `--json`.
#[derive(Serialize)]
struct Answer<'a> {
    file: String,
    #[serde(flatten)]
    license: &'a License,
    key: String,
    /// `genuine`, `forged`, `other-key` (by none of the keys given), `not-checked` (none given).
    signature: &'static str,
    /// `valid`, `not-yet`, `expired`.
    validity: &'static str,
}

pub(super) fn run(arguments: Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let Arguments { file, key } = arguments;
    let keys = read_public_keys(&key)?;
    let bytes = read_bytes(&file, LICENSE_FILE_LEN_MAX as u64)?;
    let found = license_file::inspect(&bytes, &keys).map_err(|error| refused(&file, &error))?;
    let validity = found.license.validity(super::moment(jiff::Timestamp::now()));
    let answer = Answer {
        file: file.display().to_string(),
        license: &found.license,
        key: found.key.to_string(),
        signature: signature_word(found.proof),
        validity: validity_word(validity),
    };
    terminal.show(&answer, |_, ink| table(&found, validity, ink))?;
    match found.proof {
        None | Some(Proof::Genuine) => Ok(()),
        Some(Proof::Forged) => Err(refused(&file, &LicenseFileError::Forged(found.key))),
        Some(Proof::OtherKey) => Err(other_key(&file, found.key)),
    }
}

fn refused(file: &Path, error: &LicenseFileError) -> Failure {
    let mut failure = Failure::from(refusal(error));
    failure.message = format!("{}: {}", file.display(), failure.message);
    failure
}

fn other_key(file: &Path, key: VendorKeyId) -> Failure {
    let message =
        format!("{} is signed with key {key}, which is none of those given", file.display());
    let hint = format!("name the vendor's public key whose id is {key}: `--key FILE.pub`");
    Failure::new(Exit::Refused, codes::LICENSE_KEY_UNTRUSTED, message, hint)
}

fn signature_word(proof: Option<Proof>) -> &'static str {
    match proof {
        None => "not-checked",
        Some(Proof::Genuine) => "genuine",
        Some(Proof::Forged) => "forged",
        Some(Proof::OtherKey) => "other-key",
    }
}

fn validity_word(validity: Validity) -> &'static str {
    match validity {
        Validity::Valid => "valid",
        Validity::NotYet(_) => "not-yet",
        Validity::Expired(_) => "expired",
    }
}

fn table(found: &Inspected, validity: Validity, ink: Ink) -> String {
    let license = &found.license;
    let mut table = Table::new(vec![("field", Lean::Left), ("value", Lean::Left)]);
    let mut row = |field: &str, value: Cell| table.row(vec![Cell::plain(field), value]);
    let or = |value: Option<String>, none: &str| match value {
        Some(value) => Cell::plain(value),
        None => Cell::new(none, Tone::Faint),
    };
    row("serial", Cell::plain(&license.serial));
    row("vendor", Cell::plain(&license.vendor));
    row("product", Cell::plain(&license.product));
    row("count", Cell::plain(license.count));
    row("metric", Cell::plain(license.metric));
    row("valid from", Cell::plain(age::moment(license.not_before)));
    row("valid until", or(license.not_after.map(age::moment), "always"));
    row("tree", or(license.tree.as_ref().map(ToString::to_string), "any"));
    row("server", or(license.server.as_ref().map(ToString::to_string), "any"));
    let days = license.confirm_within_days.map(|days| format!("{days} days"));
    row("confirm within", or(days, "no bound"));
    row("note", or(Some(license.note.clone()).filter(|note| !note.is_empty()), "none"));
    row("key", Cell::plain(found.key));
    row("signature", signature_cell(found.proof));
    row("now", validity_cell(validity));
    table.text(ink)
}

fn signature_cell(proof: Option<Proof>) -> Cell {
    match proof {
        None => Cell::new("not checked: no --key was given", Tone::Notable),
        Some(Proof::Genuine) => Cell::new("genuine", Tone::Good),
        Some(Proof::Forged) => Cell::new("forged: believe nothing above", Tone::Bad),
        Some(Proof::OtherKey) => Cell::new("not checked: by none of the keys given", Tone::Bad),
    }
}

fn validity_cell(validity: Validity) -> Cell {
    match validity {
        Validity::Valid => Cell::new("valid", Tone::Good),
        Validity::NotYet(from) => since("not valid yet: from", from),
        Validity::Expired(end) => since("expired:", end),
    }
}

fn since(what: &str, at: Timestamp) -> Cell {
    Cell::new(format!("{what} {}", age::moment(at)), Tone::Bad)
}
