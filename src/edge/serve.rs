//! `lictree serve`: the daemon as a process, from its configuration to its exit code.
//!
//! ```text
//!   configuration, whole ──bad──► every problem, exit 64            (nothing was bound)
//!        │ --check ──► one line, exit 0
//!        ▼
//!   stores ─► server ─► UDP address ─► socket ─► one line: ready
//!        │ any of them fails ──► one sentence, exit 1
//!        ▼
//!   SIGINT, SIGTERM ─► no more requests ─► rows saved ─► exit 0
//! ```

use crate::client::SOCKET_NAME;
use crate::daemon::DaemonError;
use crate::daemon::start::{Running, start};
use crate::edge::api::{Api, ApiSocket};
use crate::edge::codes;
use crate::edge::config::{self, Configuration};
use crate::model::holding::Role;
use crate::model::time::Timestamp;
use crate::net::Identity;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};

/// What a process ends with when its configuration is bad.
pub const EXIT_BAD_CONFIGURATION: u8 = 64;
const EXIT_FAILED: u8 = 1;
const EXIT_DONE: u8 = 0;

/// An identity that ends within this long is told of at the start.
const EXPIRES_SOON: Duration = Duration::from_secs(30 * 86_400);

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Read and judge everything; bind nothing, change nothing.
    Check,
    Serve,
}

/// Runs a server by the configuration in `file`, or judges it only; the process' exit code.
pub fn serve(file: &Path, doing: Doing) -> u8 {
    let now = now();
    let (configuration, identity) = match config::load(file, now) {
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
    match run(configuration, identity) {
        Ok(()) => EXIT_DONE,
        Err(failure) => {
            say(&mut io::stderr(), &format!("error {failure}\n"));
            EXIT_FAILED
        }
    }
}

/// Why a server ended or did not start; one sentence with its code.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}: {error}", error.code())]
    Daemon { error: DaemonError },
    #[error("{code}: cannot {what}: {why}", code = codes::SOCKET)]
    Process { what: String, why: io::Error },
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Failure {
        Failure::Daemon { error }
    }
}

fn run(configuration: Configuration, identity: Identity) -> Result<(), Failure> {
    let failed = |what: &str| {
        let what = what.to_string();
        move |why| Failure::Process { what, why }
    };
    // One thread serves all; a second comes only to read an import or to look up a name.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .thread_keep_alive(Duration::from_secs(1))
        .build()
        .map_err(failed("start the runtime"))?;
    let result = runtime.block_on(async {
        // Before anything else: a signal during the start must not kill the process halfway.
        let mut terminate = signal(SignalKind::terminate()).map_err(failed("wait for SIGTERM"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed("wait for SIGINT"))?;
        let (mut running, socket) = begin(configuration, identity).await?;
        let asked = tokio::select! {
            _ = terminate.recv() => Ok("SIGTERM"),
            _ = interrupt.recv() => Ok("SIGINT"),
            error = running.failed() => Err(error),
        };
        match asked {
            Ok(signal) => {
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
) -> Result<(Running, ApiSocket), Failure> {
    let path = configuration.data_dir.join(SOCKET_NAME);
    let (vendor_keys, limits) = (configuration.vendor_keys.clone(), configuration.limits.clone());
    let mut line = described(&configuration);
    let settings = configuration.settings(identity, software().to_string());
    let running = start(settings).await?;
    if let Some(address) = running.listening() {
        line.push_str(&format!(", listening at {address}"));
    }
    let api = Api::new(running.port(), vendor_keys, limits.api, limits.import);
    let socket = ApiSocket::open(&path, api).map_err(|why| {
        let what = format!("open the socket {}", path.display());
        Failure::Process { what, why }
    })?;
    say(&mut io::stdout(), &format!("ready: {line}\n"));
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

/// `LICTREE_LOG=debug` says more, `LICTREE_LOG=lictree::daemon=debug` more of one part.
fn log_to_stderr() {
    let default = tracing_subscriber::filter::LevelFilter::INFO.into();
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(default)
        .with_env_var("LICTREE_LOG")
        .from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Whoever runs a server inside another program may have a log of its own.
    let _ = log.with_ansi(io::stderr().is_terminal()).try_init();
}

fn warn_of_expiry(identity: &Identity, now: Timestamp) {
    let expires = identity.expires();
    if expires < now.after(EXPIRES_SOON) {
        tracing::warn!(expires = %expires.calendar(),
            "this server's identity expires soon; have a new one issued");
    }
}

/// The version people see.
pub fn software() -> &'static str {
    concat!("lictree ", env!("CARGO_PKG_VERSION"))
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since_epoch)
}

/// Whoever closed the other end does not want to know.
fn say(out: &mut impl Write, text: &str) {
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
