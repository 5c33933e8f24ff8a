//! From settings and a data folder to a running server, and its orderly end.

use crate::daemon::DaemonError;
use crate::daemon::author::Authors;
use crate::daemon::clock::{Clock, wall};
use crate::daemon::disk::Disk;
use crate::daemon::downlink::take_calls;
use crate::daemon::entropy::random_bits;
use crate::daemon::keyring::Keyring;
use crate::daemon::link::Hall;
use crate::daemon::links::Links;
use crate::daemon::owner::{Owner, Parts};
use crate::daemon::pace::Paces;
use crate::daemon::port::Port;
use crate::daemon::registrar::Registrar;
use crate::daemon::renewal::Renewal;
use crate::daemon::room::Room;
use crate::daemon::settings::{DaemonLimits, Settings, state_dir};
use crate::daemon::uplink::{Pauses, Uplink};
use crate::daemon::witness::{Found, Witness};
use crate::model::command::Founding;
use crate::model::enrolment::Trust;
use crate::model::holding::Role;
use crate::model::name::{ServerName, TreeName};
use crate::model::time::Timestamp;
use crate::net::{Listener, Occupancy};
use crate::server::{Server, Start, StartError};
use crate::store::{self, FolderMeta, LogStore, Recovered, Reserve, RowStore, StoreLimits};
use crate::wire::Hello;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// A running server. Dropping it ends everything at once, as a crash would.
pub struct Running {
    port: Port,
    keyring: Arc<Keyring>,
    _renewal: AbortOnDropHandle<()>,
    listening: Option<SocketAddr>,
    occupancy: Option<Occupancy>,
    stop: CancellationToken,
    owner: AbortOnDropHandle<Result<(), DaemonError>>,
    downlinks: Option<AbortOnDropHandle<()>>,
    _uplink: Option<AbortOnDropHandle<()>>,
}

/// Opens the data folder (made anew when there is no state yet), starts the server and its links.
/// To be called inside a runtime. Requests are answered once the server has its own log.
pub async fn start(settings: Settings) -> Result<Running, DaemonError> {
    let room = Room::of(state_dir(&settings.data_dir), settings.limits.room.clone());
    let (log, rows, recovered, is_new) = open(&settings, room.reserve())?;
    let (witness, proven) = witness(&settings, &recovered, is_new)?;
    let mut clock = Clock::start();
    let server = recovered_server(&settings, recovered, proven, clock.now())?;
    let DaemonLimits { inbox_max, log_queue_max, stop_grace, .. } = settings.limits;
    let trust = server.engine().state().trust.trust.clone();
    let registrar = registrar(&settings, &trust)?;
    let keyring = Arc::new(Keyring::open(&settings.data_dir, settings.identity)?);
    keyring.believe(&trust, clock.now())?;
    let listener = match settings.listen {
        Some(address) => {
            let (identity, denials) = (keyring.identity(), keyring.denials());
            Some(Listener::bind(address, &identity, denials, settings.net.clone())?)
        }
        None => None,
    };
    let occupancy = listener.as_ref().map(Listener::occupancy);
    let listening = listener.as_ref().map(Listener::local_address).transpose()?;
    let disk = Disk::start(log, rows, witness, log_queue_max)?;
    let paces = Arc::new(Paces::new(&settings.limits.pace, settings.net.connections_max));
    let (post, inbox) = mpsc::channel(inbox_max);
    let parts = Parts {
        server,
        clock,
        disk,
        room,
        links: Links::default(),
        paces: paces.clone(),
        keyring: keyring.clone(),
        registrar,
        inbox,
        inbox_max,
        stop_grace,
    };
    let hello = Hello::of(settings.tree, settings.name, random_bits()?, settings.software);
    let (wire, hello_timeout) = (settings.wire, settings.limits.hello_timeout);
    let keys = (keyring.clone(), Authors::new(keyring.clone(), settings.tuning.servers_max));
    let hall = Arc::new(Hall::new(post.clone(), hello, wire, hello_timeout, keys, paces));
    let pauses = Pauses::new(&settings.limits, random_bits()?);
    let uplink = settings.parent.map(|parent| {
        let (keyring, hall) = (keyring.clone(), hall.clone());
        Uplink { parent, keyring, net: settings.net, hall, pauses, calls: 0 }
    });
    let stop = CancellationToken::new();
    // Longer than any wait of the server itself, which answers with better words.
    let port = Port::new(post, settings.tuning.answer_wait + ANSWER_SLACK);
    let downlinks = listener
        .map(|listener| take_calls(listener, hall, port.clone(), keyring.clone(), stop.clone()));
    let renewal = Renewal {
        keyring: keyring.clone(),
        role: settings.role,
        port: port.clone(),
        retry: settings.limits.renewal_retry,
        chance: random_bits()?,
        now: wall,
    };
    Ok(Running {
        port,
        keyring,
        _renewal: AbortOnDropHandle::new(tokio::spawn(renewal.keep())),
        listening,
        occupancy,
        owner: AbortOnDropHandle::new(tokio::spawn(Owner::new(parts).run(stop.clone()))),
        downlinks: downlinks.map(|task| AbortOnDropHandle::new(tokio::spawn(task))),
        _uplink: uplink.map(|uplink| AbortOnDropHandle::new(tokio::spawn(uplink.keep()))),
        stop,
    })
}

/// The server as its folder remembers it.
fn recovered_server(
    settings: &Settings,
    recovered: Recovered,
    proven: bool,
    now: Timestamp,
) -> Result<Server, DaemonError> {
    Ok(Server::start(Start {
        proven,
        tuning: settings.tuning.clone(),
        founding: founding(settings, &recovered)?,
        software: settings.software.clone(),
        rows_at: recovered.rows.at,
        // The log is read from where the rows stand, wherever it was cut.
        cut: recovered.rows.at,
        rows: recovered.rows.rows,
        hard_state: recovered.hard_state,
        entries: recovered.entries,
        entropy: random_bits()?,
        now,
    })?)
}

/// How much longer a request waits than the server makes it wait for others.
const ANSWER_SLACK: Duration = Duration::from_secs(5);

impl Running {
    /// Where to ask this server.
    pub fn port(&self) -> Port {
        self.port.clone()
    }

    /// What this server proves itself with, and whom it believes.
    pub fn keyring(&self) -> Arc<Keyring> {
        self.keyring.clone()
    }

    /// Where children call, with the port that the system chose.
    pub fn listening(&self) -> Option<SocketAddr> {
        self.listening
    }

    /// How many call here, where anybody may.
    pub fn occupancy(&self) -> Option<Occupancy> {
        self.occupancy.clone()
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

/// The authority's key, where this server is the primary and has it.
fn registrar(settings: &Settings, trust: &Trust) -> Result<Option<Registrar>, DaemonError> {
    if settings.role != Role::Primary {
        return Ok(None);
    }
    let life = settings.tuning.certificate_life;
    let registrar = Registrar::open(&settings.data_dir, &settings.tree, &settings.name, life);
    let mut registrar = registrar.map_err(DaemonError::identity)?;
    match &mut registrar {
        Some(registrar) => {
            if let Err(error) = registrar.believe(trust) {
                tracing::error!("cannot note which authority issues: {error}");
            }
        }
        None => {
            tracing::warn!("the authority of the tree is not here: no server can join or renew")
        }
    }
    Ok(registrar)
}

/// The witness, and whether it proves that this folder is the newest of this server.
fn witness(
    settings: &Settings,
    recovered: &Recovered,
    is_new: bool,
) -> Result<(Witness, bool), DaemonError> {
    let last = recovered.entries.last().map_or(recovered.rows.at.index, |entry| entry.index);
    let known = (recovered.folder.incarnation, last);
    let (path, dir) = (settings.witness.as_deref(), &settings.data_dir);
    let (witness, found) = Witness::open(path, dir, known, is_new)?;
    match &found {
        Found::Proven => {}
        Found::Nothing => tracing::warn!("no witness proves that this data folder is the newest"),
        Found::Another => tracing::warn!("the witness is of another data folder of this server"),
        Found::Later(index) => tracing::warn!(
            "this data folder is an older copy: it ends at change {last}, and there was {index}"
        ),
    }
    Ok((witness, found == Found::Proven))
}

/// The stores of the data folder, and whether they were made now.
fn open(
    settings: &Settings,
    reserve: &Arc<Reserve>,
) -> Result<(LogStore, RowStore, Recovered, bool), DaemonError> {
    let dir = state_dir(&settings.data_dir);
    let mark = settings.data_dir.join(STATE_MADE);
    let is_new = !dir.exists();
    if is_new {
        // An empty state in place of one that is lost would count licenses a second time.
        if mark.exists() {
            return Err(DaemonError::StateLost { state: dir, mark });
        }
        make_state(&settings.data_dir, &settings.tree, &settings.name, random_bits()?)?;
        tracing::info!(folder = %dir.display(), "a new, empty state was made");
    }
    if !mark.exists() {
        let why = |error: std::io::Error| error.to_string();
        std::fs::write(&mark, MARK_TEXT)
            .map_err(|error| DaemonError::Folder { path: mark, why: why(error) })?;
    }
    let limits = StoreLimits {
        log_cache_bytes: settings.limits.log_cache_bytes,
        rows_cache_bytes: settings.limits.rows_cache_bytes,
        ..StoreLimits::default()
    };
    let (log, rows, recovered) = store::open_with_reserve(&dir, &limits, reserve)?;
    Ok((log, rows, recovered, is_new))
}

/// Makes the state of a server that has none. With the incarnation of a data set that is lost it is
/// a copy of that from before anything was written: no witness proves it, so the first start begins
/// to recover what the tree knows.
pub fn make_state(
    data_dir: &Path,
    tree: &TreeName,
    server: &ServerName,
    incarnation: u64,
) -> Result<(), DaemonError> {
    let meta = FolderMeta { tree: tree.clone(), server: server.clone(), incarnation };
    Ok(store::create(&state_dir(data_dir), &meta)?)
}

/// Stands in a data folder from the first start on.
pub(super) const STATE_MADE: &str = "state.made";
pub(super) const MARK_TEXT: &str = "This server has state. If the folder state/ is gone,\n\
    bring it back from a backup. Remove this file only to begin anew, with nothing.\n";

fn founding(settings: &Settings, recovered: &Recovered) -> Result<Founding, StartError> {
    let FolderMeta { tree, server: name, incarnation } = recovered.folder.clone();
    if (&tree, &name) != (&settings.tree, &settings.name) {
        let found = format!("{name} of the tree {tree}");
        let expected = format!("{} of the tree {}", settings.name, settings.tree);
        return Err(StartError::AnotherServer { found, expected });
    }
    Ok(Founding { tree, name, role: settings.role, incarnation })
}
