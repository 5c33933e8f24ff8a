//! Tests of `net` on loopback: two real ends, ports chosen by the system, no sleeps.

mod denied;
mod frames;
mod join_misuse;
mod joins;
mod strangers;

use crate::model::holding::Role;
use crate::model::name::{ServerName, TreeName};
use crate::model::time::Timestamp;
use crate::net::{
    Arrival, Authority, Connection, Denials, Dialer, Identity, Listener, NetLimits, Refused,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// TLS compares certificates with the real clock, so these tests must too.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(since.as_millis() as u64)
}

fn name(text: &str) -> ServerName {
    text.parse().unwrap()
}

fn authority(tree: &str) -> Authority {
    let tree: TreeName = tree.parse().unwrap();
    Authority::create(&tree, now()).unwrap()
}

fn issue(authority: &Authority, server: &str) -> Identity {
    authority.issue(Role::Relay, &name(server), now(), Duration::from_secs(86_400)).unwrap()
}

/// The defaults, with patience for a machine that is busy with other tests.
fn limits() -> NetLimits {
    let patient = Duration::from_secs(20);
    NetLimits { handshake_timeout: patient, join_request_timeout: patient, ..NetLimits::default() }
}

impl Listener {
    async fn connected(&mut self) -> Connection {
        match self.accept().await {
            Some(Arrival::Connected(connection)) => connection,
            Some(Arrival::Refused(refused)) => panic!("refused: {}", refused.error),
            Some(Arrival::Join(_)) => panic!("somebody joins"),
            None => panic!("the listener has ended"),
        }
    }

    async fn refused(&mut self) -> Refused {
        match self.accept().await {
            Some(Arrival::Refused(refused)) => refused,
            Some(Arrival::Connected(_)) => panic!("a stranger was let in"),
            Some(Arrival::Join(_)) => panic!("somebody joins"),
            None => panic!("the listener has ended"),
        }
    }
}

/// A dialer that knows of no denials.
fn dialer(target: SocketAddr, identity: &Identity, limits: &NetLimits) -> Dialer {
    Dialer::toward(target, identity, &Denials::default(), limits.clone()).unwrap()
}

/// A parent `top` that listens, and what a child `west` needs to call it.
struct Family {
    authority: Authority,
    /// Those that the parent knows.
    denials: Denials,
    listener: Listener,
    address: SocketAddr,
    child: Identity,
    limits: NetLimits,
}

impl Family {
    fn new(limits: NetLimits) -> Family {
        let authority = authority("acme");
        let parent = issue(&authority, "top");
        let denials = Denials::default();
        let listener = Listener::bind(LOOPBACK, &parent, &denials, limits.clone()).unwrap();
        let address = listener.local_address().unwrap();
        let child = issue(&authority, "west");
        Family { authority, denials, listener, address, child, limits }
    }

    fn dialer(&self) -> Dialer {
        dialer(self.address, &self.child, &self.limits)
    }

    /// Both ends of one connection: the child's, the parent's.
    async fn connect(&mut self) -> (Connection, Connection) {
        let dialer = self.dialer();
        let top = name("top");
        let (child, parent) =
            tokio::join!(dialer.dial(self.address, &top), self.listener.connected());
        (child.unwrap(), parent)
    }
}

/// Passes datagrams between one child and a parent until it is dropped: a cable to pull.
struct Cable {
    address: SocketAddr,
    /// Retry packets that the parent has sent.
    retries: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

impl Cable {
    async fn to(target: SocketAddr) -> Cable {
        Cable::between(LOOPBACK, target).await
    }

    /// The parent sees the child at the address `source`.
    async fn between(source: SocketAddr, target: SocketAddr) -> Cable {
        let near = UdpSocket::bind(LOOPBACK).await.unwrap();
        let far = UdpSocket::bind(source).await.unwrap();
        far.connect(target).await.unwrap();
        let address = near.local_addr().unwrap();
        let retries = Arc::new(AtomicUsize::new(0));
        let _task = AbortOnDropHandle::new(tokio::spawn(pass(near, far, retries.clone())));
        Cable { address, retries, _task }
    }
}

async fn pass(near: UdpSocket, far: UdpSocket, retries: Arc<AtomicUsize>) {
    let (mut up, mut down) = ([0; 65_536], [0; 65_536]);
    let mut child = None;
    loop {
        tokio::select! {
            Ok((len, from)) = near.recv_from(&mut up) => {
                child = Some(from);
                let _ = far.send(&up[..len]).await;
            }
            Ok(len) = far.recv(&mut down) => {
                // The first byte of a Retry packet of QUIC version 1 (RFC 9000, 17.2.5).
                retries.fetch_add(usize::from(down[0] & 0xF0 == 0xF0), Ordering::Relaxed);
                if let Some(child) = child {
                    let _ = near.send_to(&down[..len], child).await;
                }
            }
        }
    }
}
