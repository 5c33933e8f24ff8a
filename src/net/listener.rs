//! The end that waits for connections: a parent, and its children call.
//!
//! ```text
//!   packet ─► doorman task ─► one task per handshake, with a timeout ─► arrivals ─► accept()
//!                │                     └─ lictree-join/1: one task per call ──┘
//!                │ too many: refused; many, or many of one network: address must be proven (Retry)
//!                └─ owns all these tasks; ends with the listener
//! ```
//!
//! Invariants: a stranger's handshake never holds up another's; at most `handshakes_max` run,
//! at most `connections_max` are made and at most `joins_max` calls to join are carried;
//! refusals never displace arrivals.

use crate::model::name::TreeName;
use crate::net::greeting::{self, GREETING};
use crate::net::join::{JoinCall, JoinDoor, Joining};
use crate::net::neighbourhood::{Networks, canonical};
use crate::net::occupancy::Occupancy;
use crate::net::reception::Reception;
use crate::net::{
    CloseCode, Connection, Denials, Identity, NetError, NetLimits, Refusal, Side, tls,
};
use quinn::crypto::rustls::HandshakeData;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
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
    /// Somebody without a certificate asks to be let into the tree.
    Join(JoinCall),
    /// For the log only; nothing is left to do. Some are dropped when many come.
    Refused(Refused),
}

/// How those are answered who come now.
type Current = Arc<RwLock<Arc<Reception>>>;

/// Waits for connections on one UDP socket. Dropping it takes no further ones; those that
/// were accepted go on.
pub struct Listener {
    endpoint: quinn::Endpoint,
    reception: Current,
    denials: Denials,
    limits: NetLimits,
    occupancy: Occupancy,
    arrivals: mpsc::Receiver<Arrival>,
    refusals: mpsc::Receiver<Refused>,
    refused: Arc<AtomicU64>,
    /// Held so that the task ends with the listener.
    _doorman: AbortOnDropHandle<()>,
}

impl Listener {
    /// Takes the UDP socket `address`; port 0 lets the system choose. Nobody is let in whom
    /// `denials` name by then. Must be called inside the runtime.
    pub fn bind(
        address: SocketAddr,
        identity: &Identity,
        denials: &Denials,
        limits: NetLimits,
    ) -> Result<Listener, NetError> {
        limits.check()?;
        let reception = Reception::new(identity, denials, &limits)?;
        let socket = std::net::UdpSocket::bind(address)
            .map_err(|source| NetError::Bind { address, source })?;
        make_room(&socket, limits.socket_receive_bytes);
        let runtime = Arc::new(quinn::TokioRuntime);
        let own = tls::endpoint_config(identity);
        let endpoint = quinn::Endpoint::new(own, Some(reception.plain()), socket, runtime)
            .map_err(|source| NetError::Bind { address, source })?;
        let (arrived, arrivals) = mpsc::channel(limits.arrivals_max);
        let (turned_away, refusals) = mpsc::channel(REFUSALS_KEPT_MAX);
        let refused = Arc::new(AtomicU64::new(0));
        let reception = Arc::new(RwLock::new(Arc::new(reception)));
        let occupancy = Occupancy {
            networks: Networks::default(),
            slots: Arc::new(Semaphore::new(limits.connections_max)),
            connections_max: limits.connections_max,
            joins: Arc::new(JoinDoor::new(&limits)),
        };
        let Occupancy { networks, slots, joins, .. } = occupancy.clone();
        let door = Door {
            reception: reception.clone(),
            tree: identity.tree().clone(),
            denials: denials.clone(),
            networks,
            slots,
            joins,
            limits: limits.clone(),
            arrived,
            turned_away,
            refused: refused.clone(),
        };
        let doorman = tokio::spawn(watch_door(endpoint.clone(), Arc::new(door)));
        let _doorman = AbortOnDropHandle::new(doorman);
        let denials = denials.clone();
        Ok(Listener {
            endpoint,
            reception,
            denials,
            limits,
            occupancy,
            arrivals,
            refusals,
            refused,
            _doorman,
        })
    }

    /// The address it listens at, with the port that the system chose.
    pub fn local_address(&self) -> Result<SocketAddr, NetError> {
        self.endpoint.local_addr().map_err(|error| NetError::Broken(error.to_string()))
    }

    /// How much of its limits is in use, for whoever asks at any time.
    pub fn occupancy(&self) -> Occupancy {
        self.occupancy.clone()
    }

    /// The next arrival; nothing once the listener was closed. Nothing is lost when this is
    /// dropped while it waits.
    pub async fn accept(&mut self) -> Option<Arrival> {
        tokio::select! {
            biased;
            arrival = self.arrivals.recv() => arrival,
            Some(refused) = self.refusals.recv() => Some(Arrival::Refused(refused)),
        }
    }

    /// Strangers refused since the start, those included that `accept` did not show.
    pub fn refused_count(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Shows another identity of the same server to all who come from now on.
    pub fn renew(&self, identity: &Identity) -> Result<(), NetError> {
        let reception = Arc::new(Reception::new(identity, &self.denials, &self.limits)?);
        *self.reception.write().unwrap_or_else(PoisonError::into_inner) = reception;
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

/// Asks for room for a burst of calls, where that is wanted: a first packet for which there is no
/// room is sent again only after a second.
fn make_room(socket: &std::net::UdpSocket, bytes: usize) {
    if bytes == 0 {
        return;
    }
    if let Err(error) = rustix::net::sockopt::set_socket_recv_buffer_size(socket, bytes) {
        tracing::warn!("no other room for packets at the socket than usual: {error}");
    }
}

/// What the doorman and the handshakes share.
struct Door {
    reception: Current,
    tree: TreeName,
    denials: Denials,
    limits: NetLimits,
    networks: Networks,
    slots: Arc<Semaphore>,
    joins: Arc<JoinDoor>,
    arrived: mpsc::Sender<Arrival>,
    turned_away: mpsc::Sender<Refused>,
    refused: Arc<AtomicU64>,
}

async fn watch_door(endpoint: quinn::Endpoint, door: Arc<Door>) {
    let (mut handshakes, mut joins) = (JoinSet::new(), JoinSet::new());
    loop {
        tokio::select! {
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => admit(incoming, &door, &mut handshakes),
                None => return,
            },
            Some(ended) = handshakes.join_next() => {
                if let Ok(Some(joining)) = ended {
                    let door = door.clone();
                    joins.spawn(async move { door.carry(joining).await });
                }
            }
            Some(_) = joins.join_next() => {}
        }
    }
}

/// Begins a handshake, or has the caller prove its address first, or turns it away.
fn admit(incoming: quinn::Incoming, door: &Arc<Door>, handshakes: &mut JoinSet<Option<Joining>>) {
    let remote = canonical(incoming.remote_address());
    let NetLimits { handshakes_max, handshakes_retry_above, handshakes_per_network_max, .. } =
        door.limits;
    if handshakes.len() >= handshakes_max {
        incoming.refuse();
        let why = Refusal::Busy(format!("{handshakes_max} handshakes"));
        door.turn_away(remote, NetError::Refused { by: Side::Here, why });
        return;
    }
    let many = handshakes.len() >= handshakes_retry_above
        || door.networks.count(remote.ip()) >= handshakes_per_network_max;
    if many && !incoming.remote_address_validated() && incoming.may_retry() {
        if let Err(error) = incoming.retry() {
            error.into_incoming().ignore();
        }
        return;
    }
    let (door, present) = (door.clone(), door.networks.enter(remote.ip()));
    handshakes.spawn(async move {
        let joining = door.receive(incoming).await;
        drop(present);
        joining
    });
}

/// What a handshake led to.
enum Met {
    Neighbour(Connection),
    Joining(Joining),
}

impl Door {
    /// One handshake from its first packet to an arrival, a refusal, or a call to be carried.
    async fn receive(&self, incoming: quinn::Incoming) -> Option<Joining> {
        let remote = canonical(incoming.remote_address());
        let after = self.limits.handshake_timeout;
        let made = tokio::time::timeout(after, self.handshake(incoming)).await;
        match made.unwrap_or(Err(NetError::TooSlow { address: remote, after })) {
            Ok(Met::Joining(joining)) => return Some(joining),
            // Fails only when the listener is gone, and then the connection goes with it.
            Ok(Met::Neighbour(connection)) => {
                drop(self.arrived.send(Arrival::Connected(connection)).await);
            }
            Err(error) => self.turn_away(remote, error),
        }
        None
    }

    /// One call of somebody who joins, from its request to its end.
    async fn carry(&self, joining: Joining) {
        let remote = joining.remote();
        if let Err(error) = joining.carry(self.arrived.clone()).await {
            self.turn_away(remote, error);
        }
    }

    fn turn_away(&self, remote: SocketAddr, error: NetError) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        // Full: the count says it all.
        let _ = self.turned_away.try_send(Refused { remote, error });
    }

    async fn handshake(&self, incoming: quinn::Incoming) -> Result<Met, NetError> {
        let (address, after) =
            (canonical(incoming.remote_address()), self.limits.handshake_timeout);
        let lost = |error| NetError::from_handshake(error, address, after);
        let reception = self.reception.read().unwrap_or_else(PoisonError::into_inner).clone();
        let accepted = incoming.accept_with(reception.meet()?);
        let quic = accepted.map_err(lost)?.await.map_err(lost)?;
        if speaks_join(&quic) {
            return self.joins.admit(quic, address).map(Met::Joining);
        }
        self.greet(quic, lost).await.map(Met::Neighbour)
    }

    async fn greet(
        &self,
        quic: quinn::Connection,
        lost: impl Fn(quinn::ConnectionError) -> NetError,
    ) -> Result<Connection, NetError> {
        let peer =
            greeting::proven_peer(&quic, &self.tree).map_err(|why| greeting::refuse(&quic, why))?;
        let (mut send, mut receive) = quic.accept_bi().await.map_err(&lost)?;
        greeting::read(&quic, &mut receive, &lost).await?;
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            let why = Refusal::Busy(format!("{} connections", self.limits.connections_max));
            return Err(greeting::refuse(&quic, why));
        };
        greeting::check_denials(&peer, &self.denials)
            .map_err(|why| greeting::refuse(&quic, why))?;
        if send.write_all(&GREETING).await.is_err() {
            return Err(lost(quic.closed().await));
        }
        Ok(Connection::start(quic, peer, send, receive, &self.limits, Some(slot)))
    }
}

fn speaks_join(quic: &quinn::Connection) -> bool {
    quic.handshake_data()
        .and_then(|data| data.downcast::<HandshakeData>().ok())
        .is_some_and(|data| data.protocol.as_deref() == Some(tls::JOIN_ALPN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::holding::Role;
    use crate::model::time::Timestamp;
    use crate::net::Authority;
    use std::net::UdpSocket;

    const PACKETS: u64 = 40;

    /// How many of some packets found no room while nobody looked.
    fn dropped(socket_receive_bytes: usize) -> u64 {
        let authority = Authority::create(&"acme".parse().unwrap(), Timestamp(0)).unwrap();
        let hq = "hq".parse().unwrap();
        let identity =
            authority.issue(Role::Relay, &hq, Timestamp(0), Duration::from_secs(86_400)).unwrap();
        let limits = NetLimits { socket_receive_bytes, ..Default::default() };
        let own = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(own, &identity, &Denials::default(), limits).unwrap();
        let address = listener.local_address().unwrap();
        let caller = UdpSocket::bind(own).unwrap();
        for _ in 0..PACKETS {
            caller.send_to(&[0; 1_200], address).unwrap();
        }
        let port = format!(":{:04X}", address.port());
        let table = std::fs::read_to_string("/proc/net/udp").unwrap();
        let own =
            |line: &&str| line.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&port));
        let line = table.lines().find(own).unwrap();
        line.split_whitespace().last().unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn the_socket_has_the_room_that_the_limits_ask_for() {
        assert_eq!([0, 1 << 20].map(dropped), [0, 0]);
        // The system gives a few packets' room at least.
        assert!(dropped(1) > PACKETS / 2);
    }
}
