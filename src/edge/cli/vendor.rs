//! `lictree vendor`: what a vendor does, far from any server: keys and license files; and what
//! anybody may read in such a file.

mod inspect;

use crate::edge::cli::value;
use crate::edge::codes;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::vendor_key::{make_key, public_half, random_serial, read_key};
use crate::model::count::LicenseCount;
use crate::model::license::{License, LicenseTerms, Metric, Serial};
use crate::model::name::{ProductName, ServerName, TreeName};
use crate::model::time::Timestamp;
use crate::wire::license_file;
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a key: the secret half in FILE (0600), the public half in FILE.pub.
    Keygen {
        /// Where to write it; nothing there is overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Issue a license file, signed with the vendor's key.
    Issue(Issue),
    /// What a license file says, and what its signature is worth.
    Inspect(inspect::Arguments),
}

#[derive(Debug, Args)]
pub(super) struct Issue {
    /// The secret half of the vendor's key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What the license is for.
    #[arg(long)]
    product: ProductName,
    /// How many uses it allows at once.
    #[arg(long, value_parser = value::count)]
    count: u64,
    /// `managed-devices` or `sessions`.
    #[arg(long, default_value = "managed-devices")]
    metric: Metric,
    /// The vendor's name, as people are shown it.
    #[arg(long, default_value = "lictree vendor")]
    vendor: String,
    /// The vendor's own number of this license; drawn at random when left out.
    #[arg(long)]
    serial: Option<Serial>,
    /// First moment of validity, such as 2026-01-31T00:00:00Z; now when left out.
    #[arg(long, value_name = "MOMENT", value_parser = value::moment)]
    not_before: Option<jiff::Timestamp>,
    /// First moment at which it is no longer valid; never when left out.
    #[arg(long, value_name = "MOMENT", value_parser = value::moment)]
    not_after: Option<jiff::Timestamp>,
    /// The only tree where it may be registered; any when left out.
    #[arg(long)]
    tree: Option<TreeName>,
    /// The only server of that tree where it may be registered; any when left out.
    #[arg(long)]
    server: Option<ServerName>,
    /// After so many days without the primary a relay that holds it makes no new uses until it is
    /// attached again; no bound when left out.
    #[arg(long, value_name = "DAYS")]
    confirm_within: Option<u16>,
    /// A line for people.
    #[arg(long, default_value = "")]
    note: String,
    /// Where to write it, if nothing is there yet; standard output when left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    match verb {
        Verb::Keygen { out } => keygen(&out, terminal),
        Verb::Issue(issue) => run_issue(issue, terminal),
        Verb::Inspect(arguments) => inspect::run(arguments, terminal),
    }
}

fn keygen(out: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let key = make_key(out)?;
    let public = public_half(out);
    let answer = json!({
        "id": key.public().id().to_string(),
        "key": out.display().to_string(),
        "public_key": public.display().to_string(),
    });
    let text = format!(
        "key {}\n  secret: {} (keep it with the vendor)\n  public: {} (name it in `vendor_keys` of \
         every server that registers licenses)\n",
        key.public().id(),
        out.display(),
        public.display()
    );
    terminal.show(&answer, |_, _| text)
}

fn run_issue(issue: Issue, terminal: &Terminal) -> Result<(), Failure> {
    let key = read_key(&issue.key)?;
    let now = jiff::Timestamp::now();
    let serial = issue.serial.map_or_else(random_serial, Ok)?;
    let terms = LicenseTerms {
        serial,
        vendor: issue.vendor,
        product: issue.product,
        count: LicenseCount(issue.count),
        metric: issue.metric,
        not_before: whole_seconds(moment(issue.not_before.unwrap_or(now))),
        not_after: issue.not_after.map(|at| whole_seconds(moment(at))),
        tree: issue.tree,
        server: issue.server,
        confirm_within_days: issue.confirm_within,
        note: issue.note,
    };
    let license = License::try_from(terms)
        .map_err(|error| not_issued(&error, "correct the option and issue again"))?;
    let file = license_file::issue(&license, &key);
    match issue.out {
        None => terminal.print(&file),
        Some(path) => {
            write_new(&path, &file).map_err(|error| {
                let why = format!("{} cannot be written: {error}", path.display());
                not_issued(&why, "name another `--out FILE`; one that is there is kept")
            })?;
            let (count, product) = (license.count, &license.product);
            let serial = license.serial.to_string();
            let answer = json!({ "serial": serial, "file": path.display().to_string() });
            let path = path.display();
            let text = format!("{path}: {count} of {product}, serial {serial}\n");
            terminal.show(&answer, |_, _| text)
        }
    }
}

/// Said so that it is told apart from a key that could not be read or written.
fn not_issued(why: &dyn std::fmt::Display, hint: &str) -> Failure {
    let message = format!("no license file was issued: {why}");
    Failure::new(Exit::Refused, codes::LICENSE_NOT_ISSUED, message, hint)
}

/// Nothing lies before 1970.
fn moment(at: jiff::Timestamp) -> Timestamp {
    Timestamp(u64::try_from(at.as_millisecond()).unwrap_or(0))
}

/// Writes a file that was not there.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::File::create_new(path)?.write_all(text.as_bytes())
}

/// License files name whole seconds.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp(at.0 / 1_000 * 1_000)
}
