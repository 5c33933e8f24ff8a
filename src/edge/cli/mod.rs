//! The command line: `lictree NOUN VERB`.
//!
//! ```text
//!   arguments ─► one file per noun ─┬─► client ─► a running server     license server range node …
//!                                   ├─► topology, wire, net            topology vendor init
//!                                   ├─► simulator                      simulate
//!                                   └─► up, serve                      servers of this machine
//!        standard output ◄─ data    standard error ◄─ questions, progress, failures
//! ```
//! It exits with 0 done, 1 refused, 2 usage, 3 unreachable, 64 bad configuration.

mod audit;
mod backup;
mod cert;
mod clock;
mod completion;
mod doctor;
mod enrol;
mod event;
mod holding;
mod init;
mod join;
mod license;
mod limits;
mod manual;
mod node;
mod range;
mod recovery;
mod scan;
mod serve;
mod server;
mod simulate;
mod status;
mod topology;
mod up;
mod value;
mod vendor;

use crate::edge::codes;
use crate::edge::draw::ink::Ink;
use crate::edge::draw::page::page;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::terminal::{Form, Terminal};
use clap::{Parser, Subcommand};
use serde_json::json;
use std::ffi::OsString;
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
    /// The data folder of the server to talk to: by default the one that LICTREE_DATA names. For
    /// `up`, and only if named here: the folder of the whole tree.
    #[arg(long, global = true, value_name = "DIR")]
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
    /// Scans: find the machines of a server's site.
    #[command(subcommand)]
    Scan(scan::Verb),
    /// What happened at a server.
    #[command(subcommand)]
    Event(event::Verb),
    /// What this server allows, and how much of it is in use.
    #[command(subcommand)]
    Limits(limits::Verb),
    /// One server in a few lines.
    Status,
    /// Whether all that is registered is held somewhere, and who has not confirmed it; at the
    /// primary. Exit 1 where it does not add up.
    Audit,
    /// A server whose data may not be its newest: what it waits for.
    #[command(subcommand)]
    Recovery(recovery::Verb),
    /// License time, and whether the clock of a server's machine is believed.
    #[command(subcommand)]
    Clock(clock::Verb),
    /// A server as one file: made while it runs, looked at, and a data folder made of it.
    #[command(subcommand)]
    Backup(backup::Verb),
    /// What a code means, and what to do.
    Explain {
        /// As it stands behind a message: `LT0203`, or only `203`.
        code: String,
    },
    /// Topology files: the ranges of a tree without running it.
    #[command(subcommand)]
    Topology(topology::Verb),
    /// Keys of vendors, and the license files they issue.
    #[command(subcommand)]
    Vendor(vendor::Verb),
    /// Folders of new servers, with identities and configurations.
    #[command(subcommand)]
    Init(init::Verb),
    /// Certificates of servers, and the authority that issues them.
    #[command(subcommand)]
    Cert(cert::Verb),
    /// Come into a tree with a code: makes this server's folder, ready for `serve`.
    Join(join::Arguments),
    /// Run a whole tree on this machine, as a topology folder describes it.
    Up(up::Arguments),
    /// Run a whole tree in virtual time, with faults, and watch every rule; exits with 1 where
    /// one is broken.
    Simulate(simulate::Arguments),
    /// Run one server.
    Serve(serve::Arguments),
    /// Look at everything that a server needs: disk, clock, identity, port, parent, and more.
    Doctor(doctor::Arguments),
    /// Write the manual, a page a command, for `man`.
    Manual(manual::Arguments),
    /// What makes a shell complete these commands, to standard output.
    Completion(completion::Arguments),
}

/// Does what the arguments of this process say.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return not_understood(&error),
    };
    let terminal = Terminal {
        form: if arguments.json { Form::Json } else { Form::Text },
        data: arguments
            .data
            .or_else(|| named_by_environment(&arguments.noun, std::env::var_os("LICTREE_DATA"))),
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

/// `LICTREE_DATA` names a server. A whole tree must not come to lie in that server's folder.
fn named_by_environment(noun: &Noun, named: Option<OsString>) -> Option<PathBuf> {
    let named = named.filter(|named| !named.is_empty());
    named.filter(|_| !matches!(noun, Noun::Up(_))).map(PathBuf::from)
}

fn carry_out(noun: Noun, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let done = match noun {
        // A server says itself how it ends.
        Noun::Serve(arguments) => return serve::run(arguments, terminal),
        Noun::Doctor(arguments) => return doctor::run(arguments, terminal),
        Noun::Topology(verb) => topology::run(verb, terminal),
        Noun::Vendor(verb) => vendor::run(verb, terminal),
        Noun::Init(verb) => init::run(verb, terminal),
        Noun::Simulate(arguments) => simulate::run(arguments, terminal),
        Noun::Up(arguments) => online(up::run(arguments, terminal)),
        Noun::Manual(arguments) => manual::run(arguments, terminal),
        Noun::Completion(arguments) => completion::run(arguments, terminal),
        Noun::Explain { code } => explain(&code, terminal),
        Noun::License(verb) => online(license::run(verb, terminal)),
        Noun::Server(verb) => online(server::run(verb, terminal)),
        Noun::Cert(verb) => online(cert::run(verb, terminal)),
        Noun::Join(arguments) => online(join::run(arguments, terminal)),
        Noun::Range(verb) => online(range::run(verb, terminal)),
        Noun::Node(verb) => online(node::run(verb, terminal)),
        Noun::Scan(verb) => online(scan::run(verb, terminal)),
        Noun::Event(verb) => online(event::run(verb, terminal)),
        Noun::Limits(verb) => online(limits::run(verb, terminal)),
        Noun::Status => online(status::run(terminal)),
        Noun::Audit => online(audit::run(terminal)),
        Noun::Recovery(verb) => online(recovery::run(verb, terminal)),
        Noun::Clock(verb) => online(clock::run(verb, terminal)),
        Noun::Backup(verb) => backup::run(verb, terminal),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Lets a command talk to servers.
fn online<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        let message = format!("the system gives this process too little: {error}");
        Failure::new(Exit::Refused, codes::SYSTEM, message, "try again later")
    })?;
    runtime.block_on(work)
}

fn explain(code: &str, terminal: &Terminal) -> Result<(), Failure> {
    let code = codes::spelled(code);
    match codes::explain(&code) {
        Some(text) => {
            terminal.show(&json!({ "code": code, "page": text }), |_, ink| page(text, ink))
        }
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
        eprintln!("{}", misunderstood(&error.to_string()).json());
    } else {
        // Nowhere is left to say that this failed.
        let _ = error.print();
    }
    if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS }
}

/// What clap says in several lines, as one sentence and the next step: the sentence ends with the
/// first empty line, a tip behind it is the better hint.
fn misunderstood(text: &str) -> Failure {
    let said = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let message = said.collect::<Vec<&str>>().join(" ");
    let message = message.trim_start_matches("error: ");
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    Failure::usage(message, tip.unwrap_or("see `lictree --help`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn what_was_not_understood_is_one_sentence_with_everything_in_it() {
        let told = |words: &[&str]| {
            let words = std::iter::once(&"lictree").chain(words);
            let failure = misunderstood(&Arguments::try_parse_from(words).unwrap_err().to_string());
            assert_eq!((failure.exit, failure.code.as_str()), (Exit::Usage, "LT0139"));
            (failure.message, failure.hint)
        };
        let (message, hint) = told(&["license", "distribute", "cad", "5"]);
        assert!(message.ends_with("not provided: --to <SERVER>"), "{message}");
        assert_eq!(hint, "see `lictree --help`");
        let (message, hint) = told(&["servr"]);
        assert!(message.contains("'servr'") && !message.contains("Usage"), "{message}");
        assert!(hint.contains("server"), "{hint}");
        let (message, _) = told(&["server", "invite", "b", "--parent", "a", "--life", "0"]);
        assert!(message.contains("from 1 on"), "{message}");
    }

    #[test]
    fn a_whole_tree_does_not_come_to_lie_in_the_folder_of_a_server() {
        let named = |words: &[&str], environment: &str| {
            let words = std::iter::once(&"lictree").chain(words);
            let noun = Arguments::try_parse_from(words).unwrap().noun;
            named_by_environment(&noun, Some(environment.into()))
        };
        assert_eq!(named(&["status"], "hq"), Some("hq".into()));
        assert_eq!(named(&["status"], ""), None);
        assert_eq!(named(&["up", "example"], "hq"), None);
    }

    /// Arguments that nothing is said of, with the command they belong to.
    fn silent(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        let path = format!("{path} {}", command.get_name());
        let mute = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let mute = mute.filter(|arg| arg.get_help().is_none());
        found.extend(mute.map(|arg| format!("{path} {}", arg.get_id())));
        command.get_subcommands().for_each(|below| silent(below, &path, found));
    }

    #[test]
    fn every_argument_says_what_it_is() {
        let command = Arguments::command();
        command.clone().debug_assert();
        let mut found = Vec::new();
        silent(&command, "", &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}
