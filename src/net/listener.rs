//! The end that waits for connections: a parent, and its children call.
//!
//! ```text
//!   packet ─► doorman task ─► one task per handshake, with a timeout ─► arrivals ─► accept()
//!                │ too many: refused; many: address must be proven (Retry)
//!                └─ owns all handshake tasks; ends with the listener
//! ```
//!
//! Invariants: a stranger's handshake never holds up another's; at most `handshakes_max` run
//! and at most `connections_max` are made; refusals never displace arrivals.

use crate::model::name::TreeName;
use crate::net::greeting::{self, GREETING};
use crate::net::{CloseCode, Connection, Identity, NetError, NetLimits, Refusal, Side, tls};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Refusals kept until somebody asks; further ones are only counted.
const REFUSALS_KEPT_MAX: usize = 64;

/// A stranger who was not let in.
#[derive(Debug)]
pub struct Refused {
    pub remote: SocketAddr,
    pub error: NetError,
}

/// What came to a listener.
pub enum Arrival {
    Connected(Connection),
    /// For the log only; nothing is left to do. Some are dropped when many come.
    Refused(Refused),
}

/// Waits for connections on one UDP socket. Dropping it takes no further ones; those that
/// were accepted go on.
pub struct Listener {
    endpoint: quinn::Endpoint,
    limits: NetLimits,
    arrivals: mpsc::Receiver<Connection>,
    refusals: mpsc::Receiver<Refused>,
    refused: Arc<AtomicU64>,
    /// Held so that the task ends with the listener.
    _doorman: AbortOnDropHandle<()>,
}

impl Listener {
    /// Takes the UDP socket `address`; port 0 lets the system choose. Must be called inside
    /// the runtime.
    pub fn bind(
        address: SocketAddr,
        identity: &Identity,
        limits: NetLimits,
    ) -> Result<Listener, NetError> {
        limits.check()?;
        let config = tls::server_config(identity, &limits)?;
        let socket = std::net::UdpSocket::bind(address)
            .map_err(|source| NetError::Bind { address, source })?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let own = tls::endpoint_config(identity);
        let endpoint = quinn::Endpoint::new(own, Some(config), socket, runtime)
            .map_err(|source| NetError::Bind { address, source })?;
        let (arrived, arrivals) = mpsc::channel(limits.arrivals_max);
        let (turned_away, refusals) = mpsc::channel(REFUSALS_KEPT_MAX);
        let refused = Arc::new(AtomicU64::new(0));
        let door = Door {
            tree: identity.tree().clone(),
            slots: Arc::new(Semaphore::new(limits.connections_max)),
            limits: limits.clone(),
            arrived,
            turned_away,
            refused: refused.clone(),
        };
        let doorman = tokio::spawn(watch_door(endpoint.clone(), Arc::new(door)));
        let _doorman = AbortOnDropHandle::new(doorman);
        Ok(Listener { endpoint, limits, arrivals, refusals, refused, _doorman })
    }

    /// The address it listens at, with the port that the system chose.
    pub fn local_address(&self) -> Result<SocketAddr, NetError> {
        self.endpoint.local_addr().map_err(|error| NetError::Broken(error.to_string()))
    }

    /// The next arrival; nothing once the listener was closed. Nothing is lost when this is
    /// dropped while it waits.
    pub async fn accept(&mut self) -> Option<Arrival> {
        tokio::select! {
            biased;
            connection = self.arrivals.recv() => connection.map(Arrival::Connected),
            Some(refused) = self.refusals.recv() => Some(Arrival::Refused(refused)),
        }
    }

    /// Strangers refused since the start, those included that `accept` did not show.
    pub fn refused_count(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Shows another identity of the same server to all who come from now on.
    pub fn renew(&self, identity: &Identity) -> Result<(), NetError> {
        let config = tls::server_config(identity, &self.limits)?;
        self.endpoint.set_server_config(Some(config));
        Ok(())
    }

    /// Closes every connection, accepted or not, and waits at most `within` until their peers
    /// have been told.
    pub async fn close(self, code: CloseCode, reason: &str, within: Duration) {
        self.endpoint.close(code.0.into(), reason.as_bytes());
        // Peers that cannot be told find out by their idle timeout.
        let _ = tokio::time::timeout(within, self.endpoint.wait_idle()).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.endpoint.set_server_config(None);
    }
}

/// What the doorman and the handshakes share.
struct Door {
    tree: TreeName,
    limits: NetLimits,
    slots: Arc<Semaphore>,
    arrived: mpsc::Sender<Connection>,
    turned_away: mpsc::Sender<Refused>,
    refused: Arc<AtomicU64>,
}

async fn watch_door(endpoint: quinn::Endpoint, door: Arc<Door>) {
    let mut handshakes = JoinSet::new();
    loop {
        tokio::select! {
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => admit(incoming, &door, &mut handshakes),
                None => return,
            },
            Some(_) = handshakes.join_next() => {}
        }
    }
}

fn admit(incoming: quinn::Incoming, door: &Arc<Door>, handshakes: &mut JoinSet<()>) {
    let remote = incoming.remote_address();
    if handshakes.len() >= door.limits.handshakes_max {
        incoming.refuse();
        let why = Refusal::Busy(format!("{} handshakes", door.limits.handshakes_max));
        door.turn_away(remote, NetError::Refused { by: Side::Here, why });
    } else if handshakes.len() >= door.limits.handshakes_retry_above
        && !incoming.remote_address_validated()
        && incoming.may_retry()
    {
        if let Err(error) = incoming.retry() {
            error.into_incoming().ignore();
        }
    } else {
        let door = door.clone();
        handshakes.spawn(async move { door.receive(incoming).await });
    }
}

impl Door {
    /// One handshake from its first packet to an arrival or a refusal.
    async fn receive(&self, incoming: quinn::Incoming) {
        let remote = incoming.remote_address();
        let after = self.limits.handshake_timeout;
        let made = tokio::time::timeout(after, self.handshake(incoming)).await;
        match made.unwrap_or(Err(NetError::TooSlow { address: remote, after })) {
            // Fails only when the listener is gone, and then the connection goes with it.
            Ok(connection) => drop(self.arrived.send(connection).await),
            Err(error) => self.turn_away(remote, error),
        }
    }

    fn turn_away(&self, remote: SocketAddr, error: NetError) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        // Full: the count says it all.
        let _ = self.turned_away.try_send(Refused { remote, error });
    }

    async fn handshake(&self, incoming: quinn::Incoming) -> Result<Connection, NetError> {
        let (address, after) = (incoming.remote_address(), self.limits.handshake_timeout);
        let lost = |error| NetError::from_handshake(error, address, after);
        let quic = incoming.accept().map_err(lost)?.await.map_err(lost)?;
        let peer =
            greeting::proven_peer(&quic, &self.tree).map_err(|why| greeting::refuse(&quic, why))?;
        let (mut send, mut receive) = quic.accept_bi().await.map_err(lost)?;
        greeting::read(&quic, &mut receive, lost).await?;
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            let why = Refusal::Busy(format!("{} connections", self.limits.connections_max));
            return Err(greeting::refuse(&quic, why));
        };
        if send.write_all(&GREETING).await.is_err() {
            return Err(lost(quic.closed().await));
        }
        Ok(Connection::start(quic, peer, send, receive, &self.limits, Some(slot)))
    }
}
