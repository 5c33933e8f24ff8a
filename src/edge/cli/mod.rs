//! The command line: `lictree NOUN VERB`.
//!
//! ```text
//!   arguments ─► one file per noun ─┬─► client ─► a running server     license server range node …
//!                                   ├─► topology, wire, net            topology vendor init
//!                                   └─► up, serve                      servers of this machine
//!        standard output ◄─ data    standard error ◄─ questions, progress, failures
//! ```
//! It exits with 0 done, 1 refused, 2 usage, 3 unreachable, 64 bad configuration.

pub mod failure;
pub mod terminal;

mod topology;
mod vendor;

use crate::edge::draw::ink::Ink;
use clap::{Parser, Subcommand};
use failure::{Exit, Failure, USAGE};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::{Form, Terminal};

#[derive(Debug, Parser)]
#[command(
    name = "lictree",
    version,
    about = "A license server for organisations with many sites",
    after_help = "Try it: lictree up topology-examples/jp1-figure"
)]
struct Arguments {
    /// The data folder of the server to talk to.
    #[arg(long, global = true, env = "LICTREE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write data, and failures, as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    noun: Noun,
}

#[derive(Debug, Subcommand)]
enum Noun {
    /// Topology files: the ranges of a tree without running it.
    #[command(subcommand)]
    Topology(topology::Verb),
    /// Keys of vendors, and the license files they issue.
    #[command(subcommand)]
    Vendor(vendor::Verb),
}

/// Does what the arguments of this process say.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return not_understood(&error),
    };
    let terminal = Terminal {
        form: if arguments.json { Form::Json } else { Form::Text },
        data: arguments.data,
        ink: Ink::of(&std::io::stdout()),
    };
    match carry_out(arguments.noun, &terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&failure, &terminal);
            failure.exit.into()
        }
    }
}

fn carry_out(noun: Noun, terminal: &Terminal) -> Result<(), Failure> {
    match noun {
        Noun::Topology(verb) => topology::run(verb, terminal),
        Noun::Vendor(verb) => vendor::run(verb, terminal),
    }
}

fn tell(failure: &Failure, terminal: &Terminal) {
    match terminal.form {
        Form::Text => terminal.note(&failure.text()),
        Form::Json => terminal.note(&format!("{}\n", failure.json())),
    }
}

/// `--help` and `--version` are answers; anything else is told, as JSON to whoever asked for that.
fn not_understood(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && wants_json {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let failure = Failure::new(Exit::Usage, USAGE, message, "see `lictree --help`");
        eprintln!("{}", failure.json());
    } else {
        // Nowhere is left to say that this failed.
        let _ = error.print();
    }
    if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS }
}
