//! `lictree serve`: the daemon as a process, from its configuration to its exit code.
//!
//! ```text
//!   configuration, whole ──bad──► every problem, exit 64            (nothing was bound)
//!        │ --check ──► one line, exit 0
//!        ▼
//!   stores ─► server ─► UDP address ─► socket ─► one line: ready          READY=1
//!        │ any of them fails ──► one sentence, exit 1                     WATCHDOG=1, repeated
//!        ▼                                                                   │
//!   SIGINT, SIGTERM ─► no more requests ─► rows saved ─► exit 0           STOPPING=1
//! ```
//! On the right: what a service manager is told, where one waits for it (`notify`).

use crate::client::SOCKET_NAME;
use crate::daemon::DaemonError;
use crate::daemon::start::{Running, start};
use crate::daemon::wall;
use crate::edge::api::{Access, Api, ApiParts, ApiSocket, GroupRefused, NotOpened};
use crate::edge::codes;
use crate::edge::config::{self, Configuration};
use crate::edge::notify::Notifier;
use crate::edge::scan::{Desk, DeskParts};
use crate::edge::terminal;
use crate::edge::terminal::failure::Exit;
use crate::model::holding::Role;
use crate::model::time::Timestamp;
use crate::net::Identity;
use rustix::fs::Mode;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask,
};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// What a process ends with when its configuration is bad.
pub const EXIT_BAD_CONFIGURATION: u8 = 64;
const EXIT_FAILED: u8 = 1;
const EXIT_DONE: u8 = 0;

/// From this part of its life on a certificate should have been renewed.
const RENEWED_BY: f64 = 0.8;

/// Threads for whatever else may block than looking up names.
const BLOCKING_THREADS: usize = 4;

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Read and judge everything; bind nothing, change nothing.
    Check,
    Serve,
}

/// Runs a server by the configuration in `file`, or judges it only; the process' exit code.
pub fn serve(file: &Path, doing: Doing) -> u8 {
    keep_private();
    let now = wall();
    let (configuration, identity) = match config::load(file) {
        Ok(read) => read,
        Err(problems) => {
            let lines = problems.iter().map(|problem| format!("{problem}\n"));
            let word = if problems.len() == 1 { "problem" } else { "problems" };
            let head = format!("{}: {} {word}\n", file.display(), problems.len());
            say(&mut io::stderr(), &format!("{head}{}", lines.collect::<String>()));
            return EXIT_BAD_CONFIGURATION;
        }
    };
    if doing == Doing::Check {
        let line = format!("{}: ok: {}\n", file.display(), described(&configuration));
        say(&mut io::stdout(), &line);
        return EXIT_DONE;
    }
    log_to_stderr();
    warn_of_expiry(&identity, now);
    let notifier = Notifier::from_environment();
    match run(configuration, identity, &notifier) {
        Ok(()) => EXIT_DONE,
        Err(failure) => {
            notifier.status(&format!("error {failure}"));
            say(&mut io::stderr(), &failure.told().text());
            EXIT_FAILED
        }
    }
}

/// Nothing of this process is for others: no file it makes, and no image of its memory, which
/// holds its key.
fn keep_private() {
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // The limit alone does not hold where the system hands images to a program of its own. Whoever
    // started this with fewer rights to change itself has usually set both.
    let _ = setrlimit(Resource::Core, none);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Why a server ended or did not start.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{error}")]
    Daemon { error: DaemonError },
    #[error("cannot {what}: {why}")]
    Process { what: String, why: io::Error },
    #[error("{why}")]
    Group { why: GroupRefused },
}

impl Failure {
    /// In the form of every other failure; where the sentence itself says what to do, no more.
    fn told(&self) -> terminal::failure::Failure {
        let code = match self {
            Failure::Daemon { error } => error.code(),
            Failure::Process { .. } => codes::SOCKET,
            Failure::Group { .. } => codes::SOCKET_GROUP,
        };
        let hint = match code {
            codes::ADDRESS => "end what has it (`ss -lunp`), or name another one under `listen`",
            codes::SOCKET => "look at who may write in the data folder, and at the system's limits",
            _ => "",
        };
        terminal::failure::Failure::new(Exit::Refused, code, self.to_string(), hint)
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Failure {
        Failure::Daemon { error }
    }
}

fn run(
    configuration: Configuration,
    identity: Identity,
    notifier: &Notifier,
) -> Result<(), Failure> {
    let failed = |what: &str| {
        let what = what.to_string();
        move |why| Failure::Process { what, why }
    };
    // One thread serves all; others come only to read an import, to look up a user, or the names
    // of machines that a scan found, or to give out a backup. The last two may take long: they must
    // not take the places of the others.
    let names_at_once = configuration.limits.scan.names_at_once;
    let backups_at_once = configuration.limits.api.backups_max;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS + names_at_once + backups_at_once)
        .thread_keep_alive(Duration::from_secs(1))
        .build()
        .map_err(failed("start the runtime"))?;
    let result = runtime.block_on(async {
        // Before anything else: a signal during the start must not kill the process halfway.
        let mut terminate = signal(SignalKind::terminate()).map_err(failed("wait for SIGTERM"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed("wait for SIGINT"))?;
        // The terminal it was started in is gone.
        let mut hangup = signal(SignalKind::hangup()).map_err(failed("wait for SIGHUP"))?;
        let (mut running, socket) = begin(configuration, identity, notifier).await?;
        let port = running.port();
        let asked = tokio::select! {
            _ = terminate.recv() => Ok("SIGTERM"),
            _ = interrupt.recv() => Ok("SIGINT"),
            _ = hangup.recv() => Ok("SIGHUP"),
            error = running.failed() => Err(error),
            never = notifier.watch(&port) => match never {},
        };
        match asked {
            Ok(signal) => {
                notifier.stopping(&format!("{signal}: saving what is not saved yet"));
                tracing::info!("{signal}: stopping");
                socket.close().await;
                Ok(running.stop().await?)
            }
            Err(error) => Err(error.into()),
        }
    });
    // A file that is still being read must not hold up the end.
    runtime.shutdown_background();
    result
}

async fn begin(
    configuration: Configuration,
    identity: Identity,
    notifier: &Notifier,
) -> Result<(Running, ApiSocket), Failure> {
    let path = configuration.data_dir.join(SOCKET_NAME);
    let (vendor_keys, limits) = (configuration.vendor_keys.clone(), configuration.limits.clone());
    let access = Access::new(configuration.socket_group.clone());
    let stated = configuration.stated_limits.clone();
    let (me, rules) = (configuration.name.clone(), configuration.scans.clone());
    let mut line = described(&configuration);
    let settings = configuration.settings(identity, software().to_string());
    let running = start(settings).await?;
    if let Some(address) = running.listening() {
        line.push_str(&format!(", listening at {address}"));
    }
    let desk = DeskParts { port: running.port(), me, rules, limits: limits.scan };
    let api = Api::new(ApiParts {
        port: running.port(),
        vendor_keys,
        keyring: Some(running.keyring()),
        occupancy: running.occupancy(),
        desk: Some(Desk::open(desk)),
        stated,
        limits: limits.api,
        import: limits.import,
    });
    let socket = ApiSocket::open(&path, api, access).map_err(|error| match error {
        NotOpened::Group(why) => Failure::Group { why },
        NotOpened::Socket(why) => {
            Failure::Process { what: format!("open the socket {}", path.display()), why }
        }
    })?;
    say(&mut io::stdout(), &format!("ready: {line}\n"));
    notifier.ready(&line);
    Ok((running, socket))
}

fn described(configuration: &Configuration) -> String {
    let Configuration { tree, name, role, data_dir, parent, .. } = configuration;
    let role = match role {
        Role::Primary => "primary".to_string(),
        Role::Relay => match parent {
            Some(parent) => format!("relay below {} ({})", parent.name, parent.address),
            None => "relay".to_string(),
        },
    };
    format!("server {name} of the tree {tree}, {role}, data folder {}", data_dir.display())
}

/// The variable that says how much is logged: `debug` for more, `info,lictree::net=debug` for more
/// of one part.
const LOG: &str = "LICTREE_LOG";

/// Logs to standard error; a wrong `LICTREE_LOG` is said there and does not keep a server down.
fn log_to_stderr() {
    let asked = std::env::var(LOG).unwrap_or_default();
    let read = match asked.trim() {
        "" => Ok(Targets::new()),
        text => text.parse::<Targets>(),
    };
    let targets = read.as_ref().cloned().unwrap_or_default();
    let default = targets.default_level().unwrap_or(LevelFilter::INFO);
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let layer = layer.with_ansi(io::stderr().is_terminal());
    let log = tracing_subscriber::registry().with(layer.with_filter(targets.with_default(default)));
    // Whoever runs a server inside another program may have a log of its own.
    let _ = log.try_init();
    if let Err(error) = read {
        tracing::warn!(found = %asked, %error,
            "{LOG} is not a level (error, warn, info, debug, trace) nor a list of parts with \
             theirs (lictree::net=debug): logging at info");
    }
}

fn warn_of_expiry(identity: &Identity, now: Timestamp) {
    let (begins, expires) = (identity.not_before(), identity.expires());
    if now < begins {
        tracing::warn!(begins = %begins.calendar(),
            "this server's certificate begins later than the clock here shows: no neighbour talks \
             with it until one of the two is put right; its own people are served");
    } else if now > expires {
        tracing::warn!(expires = %expires.calendar(),
            "this server's certificate has ended: no neighbour talks with it until it has a new \
             one; its own people are served");
    } else if now > begins.after(expires.since(begins).mul_f64(RENEWED_BY)) {
        tracing::warn!(expires = %expires.calendar(),
            "this server's certificate ends soon and was not renewed; see `lictree cert list`");
    }
}

/// The version people see.
pub fn software() -> &'static str {
    concat!("lictree ", env!("CARGO_PKG_VERSION"))
}

/// Whoever closed the other end does not want to know.
fn say(out: &mut impl Write, text: &str) {
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
