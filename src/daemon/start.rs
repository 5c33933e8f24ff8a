//! From settings and a data folder to a running server, and its orderly end.

use crate::daemon::DaemonError;
use crate::daemon::clock::Clock;
use crate::daemon::disk::Disk;
use crate::daemon::downlink::take_calls;
use crate::daemon::entropy::random_bits;
use crate::daemon::link::Hall;
use crate::daemon::links::Links;
use crate::daemon::owner::{Owner, Parts};
use crate::daemon::port::Port;
use crate::daemon::settings::{DaemonLimits, Settings, state_dir};
use crate::daemon::uplink::{Pauses, Uplink};
use crate::model::command::Founding;
use crate::net::Listener;
use crate::server::{Server, Start, StartError};
use crate::store::{self, FolderMeta, LogStore, Recovered, RowStore, StoreLimits};
use crate::wire::Hello;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// A running server. Dropping it ends everything at once, as a crash would.
pub struct Running {
    port: Port,
    listening: Option<SocketAddr>,
    stop: CancellationToken,
    owner: AbortOnDropHandle<Result<(), DaemonError>>,
    downlinks: Option<AbortOnDropHandle<()>>,
    _uplink: Option<AbortOnDropHandle<()>>,
}

/// Opens the data folder (made anew when there is no state yet), starts the server and its links.
/// To be called inside a runtime. Requests are answered once the server has its own log.
pub async fn start(settings: Settings) -> Result<Running, DaemonError> {
    let (log, rows, recovered) = open(&settings)?;
    let mut clock = Clock::start();
    let server = Server::start(Start {
        tuning: settings.tuning.clone(),
        founding: founding(&settings, &recovered)?,
        software: settings.software.clone(),
        rows_at: recovered.rows.at,
        // The log is read from where the rows stand, wherever it was cut.
        cut: recovered.rows.at,
        rows: recovered.rows.rows,
        hard_state: recovered.hard_state,
        entries: recovered.entries,
        entropy: random_bits()?,
        now: clock.now(),
    })?;
    let DaemonLimits { inbox_max, log_queue_max, stop_grace, .. } = settings.limits;
    let identity = Arc::new(settings.identity);
    let listener = match settings.listen {
        Some(address) => Some(Listener::bind(address, &identity, settings.net.clone())?),
        None => None,
    };
    let listening = listener.as_ref().map(Listener::local_address).transpose()?;
    let disk = Disk::start(log, rows, log_queue_max)?;
    let links = Links::default();
    let (post, inbox) = mpsc::channel(inbox_max);
    let parts = Parts { server, clock, disk, links, inbox, inbox_max, stop_grace };
    let (tree, name) = (settings.tree, settings.name);
    let hello = Hello::of(tree, name, random_bits()?, settings.software);
    let hall = Hall::new(post.clone(), hello, settings.wire, settings.limits.hello_timeout);
    let hall = Arc::new(hall);
    let uplink = match settings.parent {
        Some(parent) => {
            let pauses = Pauses::new(&settings.limits, random_bits()?);
            let (identity, hall) = (identity.clone(), hall.clone());
            Some(Uplink { parent, identity, net: settings.net, hall, pauses })
        }
        None => None,
    };
    let stop = CancellationToken::new();
    let downlinks = listener.map(|listener| take_calls(listener, hall, stop.clone()));
    Ok(Running {
        // Longer than any wait of the server itself, which answers with better words.
        port: Port::new(post, settings.tuning.answer_wait + ANSWER_SLACK),
        listening,
        owner: AbortOnDropHandle::new(tokio::spawn(Owner::new(parts).run(stop.clone()))),
        downlinks: downlinks.map(|task| AbortOnDropHandle::new(tokio::spawn(task))),
        _uplink: uplink.map(|uplink| AbortOnDropHandle::new(tokio::spawn(uplink.keep()))),
        stop,
    })
}

/// How much longer a request waits than the server makes it wait for others.
const ANSWER_SLACK: Duration = Duration::from_secs(5);

impl Running {
    /// Where to ask this server.
    pub fn port(&self) -> Port {
        self.port.clone()
    }

    /// Where children call, with the port that the system chose.
    pub fn listening(&self) -> Option<SocketAddr> {
        self.listening
    }

    /// Waits until the server ends by itself, which it does for a bad reason only.
    pub async fn failed(&mut self) -> DaemonError {
        match told((&mut self.owner).await) {
            Err(error) => error,
            Ok(()) => DaemonError::Broken("the server ended unasked".to_string()),
        }
    }

    /// Ends in order: no more calls and requests, rows saved, threads ended.
    pub async fn stop(self) -> Result<(), DaemonError> {
        self.stop.cancel();
        let saved = told(self.owner.await);
        if let Some(downlinks) = self.downlinks {
            // A panic there changes nothing any more.
            let _ = downlinks.await;
        }
        saved
    }
}

fn told(ended: Result<Result<(), DaemonError>, JoinError>) -> Result<(), DaemonError> {
    ended.unwrap_or_else(|panic| Err(DaemonError::Broken(panic.to_string())))
}

fn open(settings: &Settings) -> Result<(LogStore, RowStore, Recovered), DaemonError> {
    let dir = state_dir(&settings.data_dir);
    if !dir.exists() {
        let (tree, server) = (settings.tree.clone(), settings.name.clone());
        store::create(&dir, &FolderMeta { tree, server, incarnation: random_bits()? })?;
        tracing::info!(folder = %dir.display(), "a new, empty state was made");
    }
    let limits = StoreLimits {
        log_cache_bytes: settings.limits.log_cache_bytes,
        rows_cache_bytes: settings.limits.rows_cache_bytes,
        ..StoreLimits::default()
    };
    Ok(store::open(&dir, &limits)?)
}

fn founding(settings: &Settings, recovered: &Recovered) -> Result<Founding, StartError> {
    let FolderMeta { tree, server: name, incarnation } = recovered.folder.clone();
    if (&tree, &name) != (&settings.tree, &settings.name) {
        let found = format!("{name} of the tree {tree}");
        let expected = format!("{} of the tree {}", settings.name, settings.tree);
        return Err(StartError::AnotherServer { found, expected });
    }
    Ok(Founding { tree, name, role: settings.role, incarnation })
}
