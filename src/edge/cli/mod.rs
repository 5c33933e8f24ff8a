//! The command line: `lictree NOUN VERB`.
//!
//! ```text
//!   arguments ─► one file per noun ─┬─► client ─► a running server     license server range node …
//!                                   ├─► topology, wire, net            topology vendor init
//!                                   └─► up, serve                      servers of this machine
//!        standard output ◄─ data    standard error ◄─ questions, progress, failures
//! ```
//! It exits with 0 done, 1 refused, 2 usage, 3 unreachable, 64 bad configuration.

mod event;
mod holding;
mod init;
mod license;
mod node;
mod range;
mod serve;
mod server;
mod status;
mod topology;
mod up;
mod vendor;

use crate::edge::codes;
use crate::edge::draw::ink::Ink;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::terminal::{Form, Terminal};
use clap::{Parser, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

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
    /// Licenses: register, list, distribute to relays, withdraw.
    #[command(subcommand)]
    License(license::Verb),
    /// The servers of the tree, and who may register licenses.
    #[command(subcommand)]
    Server(server::Verb),
    /// Ranges of shared licenses: held, used, remaining.
    #[command(subcommand)]
    Range(range::Verb),
    /// Discovered nodes: find, manage, ignore, delete, import.
    #[command(subcommand)]
    Node(node::Verb),
    /// What happened at a server.
    #[command(subcommand)]
    Event(event::Verb),
    /// One server in a few lines.
    Status,
    /// What a code such as LT0203 means, and what to do.
    Explain { code: String },
    /// Topology files: the ranges of a tree without running it.
    #[command(subcommand)]
    Topology(topology::Verb),
    /// Keys of vendors, and the license files they issue.
    #[command(subcommand)]
    Vendor(vendor::Verb),
    /// Folders of new servers, with identities and configurations.
    #[command(subcommand)]
    Init(init::Verb),
    /// Run a whole tree on this machine, as a topology folder describes it.
    Up(up::Arguments),
    /// Run one server.
    Serve(serve::Arguments),
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
        Ok(exit) => exit,
        Err(failure) => {
            tell(&failure, &terminal);
            failure.exit.into()
        }
    }
}

fn carry_out(noun: Noun, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let done = match noun {
        // A server says itself how it ends.
        Noun::Serve(arguments) => return Ok(serve::run(arguments)),
        Noun::Topology(verb) => topology::run(verb, terminal),
        Noun::Vendor(verb) => vendor::run(verb, terminal),
        Noun::Init(verb) => init::run(verb, terminal),
        Noun::Up(arguments) => online(up::run(arguments, terminal)),
        Noun::Explain { code } => explain(&code, terminal),
        Noun::License(verb) => online(license::run(verb, terminal)),
        Noun::Server(verb) => online(server::run(verb, terminal)),
        Noun::Range(verb) => online(range::run(verb, terminal)),
        Noun::Node(verb) => online(node::run(verb, terminal)),
        Noun::Event(verb) => online(event::run(verb, terminal)),
        Noun::Status => online(status::run(terminal)),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Lets a command talk to servers.
fn online(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        let message = format!("the system gives this process too little: {error}");
        Failure::new(Exit::Refused, codes::SYSTEM, message, "try again later")
    })?;
    runtime.block_on(work)
}

fn explain(code: &str, terminal: &Terminal) -> Result<(), Failure> {
    match codes::explain(code) {
        Some(page) => terminal.show(&json!({ "code": code, "page": page }), |_, _| page.into()),
        None => {
            let hint = "codes look like LT0203, and stand in brackets behind each refusal";
            Err(Failure::usage(format!("there is no code {code}"), hint))
        }
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
        let failure = Failure::new(Exit::Usage, codes::USAGE, message, "see `lictree --help`");
        eprintln!("{}", failure.json());
    } else {
        // Nowhere is left to say that this failed.
        let _ = error.print();
    }
    if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS }
}
