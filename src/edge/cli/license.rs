//! `lictree license`: what is registered, and who holds how much of it.

use crate::edge::cli::holding::{Consent, Wanted, change};
use crate::edge::cli::value;
use crate::edge::codes;
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::terminal::{Form, Terminal};
use crate::model::count::LicenseCount;
use crate::model::name::{ProductName, ServerName, TreeName};
use crate::model::request::HoldingVerb;
use crate::model::view::LicenseView;
use crate::wire::license_file::LICENSE_FILE_LEN_MAX;
use clap::Subcommand;
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Register license files; all are tried, whatever becomes of one.
    Register {
        /// As the vendor sent them; `-` reads one from standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// The licenses registered at this server.
    List,
    /// Let a relay hold exactly COUNT of the primary's licenses.
    Distribute {
        /// Of which product.
        product: ProductName,
        /// How many it is to hold from then on, not how many more; 0 takes all back.
        #[arg(value_parser = value::count)]
        count: u64,
        /// The relay that is to hold them.
        #[arg(long, value_name = "SERVER")]
        to: ServerName,
        #[command(flatten)]
        consent: Consent,
    },
    /// Take all that was distributed to a relay back to the primary.
    Withdraw {
        /// Of which product.
        product: ProductName,
        /// The relay that is to give them back.
        #[arg(long, value_name = "SERVER")]
        from: ServerName,
        #[command(flatten)]
        consent: Consent,
    },
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    match verb {
        Verb::Register { files } => register(&files, terminal).await,
        Verb::List => {
            let licenses = terminal.client()?.licenses().await?;
            let list = json!({ "licenses": licenses });
            terminal.show(&list, |_, ink| table(&licenses, ink))
        }
        Verb::Distribute { product, count, to, consent } => {
            let verb = HoldingVerb::Distribute(LicenseCount(count));
            change(Wanted { product: Some(product), relay: to, verb }, consent, terminal).await
        }
        Verb::Withdraw { product, from, consent } => {
            let verb = HoldingVerb::Withdraw;
            change(Wanted { product: Some(product), relay: from, verb }, consent, terminal).await
        }
    }
}

async fn register(files: &[PathBuf], terminal: &Terminal) -> Result<(), Failure> {
    let client = terminal.client()?;
    let (mut registered, mut refused, mut failed) = (Vec::new(), Vec::new(), None);
    for path in files {
        let outcome = match read_bytes(path, LICENSE_FILE_LEN_MAX as u64) {
            Ok(bytes) => client.register_license(bytes).await.map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(license) => {
                let LicenseView { serial, count, product, .. } = &license;
                terminal.say(&format!("registered {count} of {product} (serial {serial})\n"))?;
                registered.push(license);
            }
            Err(mut failure) => {
                refused.push(refused_file(path, &failure));
                failure.message = format!("{}: {}", path.display(), failure.message);
                // The last one ends the command; a script finds all of them in the document.
                if let Some(earlier) = failed.replace(failure)
                    && terminal.form == Form::Text
                {
                    terminal.note(&earlier.text());
                }
            }
        }
    }
    let answer = json!({ "licenses": registered, "refused": refused });
    terminal.show(&answer, |_, _| String::new())?;
    failed.map_or(Ok(()), Err)
}

fn refused_file(path: &Path, failure: &Failure) -> Value {
    let Failure { code, message, hint, .. } = failure;
    let file = path.display().to_string();
    json!({ "file": file, "code": code, "message": message, "hint": hint })
}

/// The bytes of a file, or of standard input for `-`, at most one more than `bytes_max`: whoever
/// gets them refuses that.
pub(super) fn read_bytes(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().take(bytes_max + 1).read_to_end(&mut bytes),
        false => std::fs::File::open(path)
            .and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes)),
    };
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.display());
            Err(Failure::new(
                Exit::Refused,
                codes::NO_FILE,
                message,
                "name a file that you can read",
            ))
        }
    }
}

fn table(licenses: &[LicenseView], ink: Ink) -> String {
    let mut table = Table::new(vec![
        ("serial", Lean::Left),
        ("product", Lean::Left),
        ("count", Lean::Right),
        ("metric", Lean::Left),
        ("vendor", Lean::Left),
        ("valid until", Lean::Left),
        ("registered", Lean::Left),
        ("only at", Lean::Left),
        ("note", Lean::Left),
    ]);
    for license in licenses {
        let until = license.not_after.map_or("always".to_string(), age::moment);
        let until = match license.expired {
            true => Cell::new(format!("expired {until}"), Tone::Bad),
            false => Cell::plain(until),
        };
        table.row(vec![
            Cell::plain(&license.serial),
            Cell::plain(&license.product),
            Cell::plain(license.count),
            Cell::plain(&license.metric),
            Cell::plain(&license.vendor),
            until,
            Cell::plain(age::moment(license.registered_at)),
            Cell::plain(place(license)),
            Cell::new(&license.note, Tone::Faint),
        ]);
    }
    table.text(ink)
}

/// `acme`, `acme/site-7`; empty when the license is bound to no place.
fn place(license: &LicenseView) -> String {
    let names = [
        license.tree.as_ref().map(TreeName::as_str),
        license.server.as_ref().map(ServerName::as_str),
    ];
    names.into_iter().flatten().collect::<Vec<_>>().join("/")
}
