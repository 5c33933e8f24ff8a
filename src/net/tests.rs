//! Tests of `net` on loopback: two real ends, ports chosen by the system, no sleeps.

mod frames;
mod strangers;

use crate::model::name::{ServerName, TreeName};
use crate::model::time::Timestamp;
use crate::net::{Arrival, Authority, Connection, Dialer, Identity, Listener, NetLimits, Refused};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    authority.issue(&name(server), now(), Duration::from_secs(86_400)).unwrap()
}

/// Short enough for a test that waits for the end of it.
fn limits() -> NetLimits {
    NetLimits { handshake_timeout: Duration::from_secs(20), ..NetLimits::default() }
}

impl Listener {
    async fn connected(&mut self) -> Connection {
        match self.accept().await {
            Some(Arrival::Connected(connection)) => connection,
            Some(Arrival::Refused(refused)) => panic!("refused: {}", refused.error),
            None => panic!("the listener has ended"),
        }
    }

    async fn refused(&mut self) -> Refused {
        match self.accept().await {
            Some(Arrival::Refused(refused)) => refused,
            Some(Arrival::Connected(_)) => panic!("a stranger was let in"),
            None => panic!("the listener has ended"),
        }
    }
}

/// A parent `top` that listens, and what a child `west` needs to call it.
struct Family {
    authority: Authority,
    listener: Listener,
    address: SocketAddr,
    child: Identity,
    limits: NetLimits,
}

impl Family {
    fn new(limits: NetLimits) -> Family {
        let authority = authority("acme");
        let parent = issue(&authority, "top");
        let listener = Listener::bind(LOOPBACK, &parent, limits.clone()).unwrap();
        let address = listener.local_address().unwrap();
        let child = issue(&authority, "west");
        Family { authority, listener, address, child, limits }
    }

    fn dialer(&self) -> Dialer {
        Dialer::toward(self.address, &self.child, self.limits.clone()).unwrap()
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
