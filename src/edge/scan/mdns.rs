//! What announces itself on the links of this machine: printers, telephones, computers, boxes.
//!
//! ```text
//!   which kinds of services are there? ─► each kind: which hosts? ─► names and addresses
//! ```
//!
//! Everything heard is a claim of a stranger. So few kinds and hosts are listened to, for a short
//! time, and only addresses that the scan looks at anyway count.

use crate::edge::scan::names::usable;
use mdns_sd::{Receiver, ServiceDaemon, ServiceEvent};
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What is asked for the kinds of services there are (RFC 6763, 9).
const KINDS: &str = "_services._dns-sd._udp.local.";
/// Kinds of services that are asked for. Most sites have a dozen.
const KINDS_MAX: usize = 64;
/// Hosts that are listened to.
const HOSTS_MAX: usize = 4_096;
/// Addresses taken of one announcement.
const ADDRESSES_MAX: usize = 16;
/// How long kinds are waited for, and then hosts.
const LISTEN: Duration = Duration::from_secs(3);

/// A host that announced itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Announced {
    pub host_name: Option<String>,
    pub addresses: Vec<IpAddr>,
}

/// Listens for some seconds; the daemon of it, a thread and a port, is gone afterwards.
pub async fn announced() -> io::Result<Vec<Announced>> {
    let daemon = ServiceDaemon::new().map_err(io::Error::other)?;
    let heard = listen(&daemon).await;
    // It ends by itself as soon as it has read this.
    let _ = daemon.shutdown();
    heard
}

async fn listen(daemon: &ServiceDaemon) -> io::Result<Vec<Announced>> {
    let kinds = kinds(daemon).await?;
    let mut hosts = BTreeSet::new();
    let until = Instant::now() + LISTEN;
    let mut answers = Vec::new();
    for kind in kinds {
        answers.push(daemon.browse(&kind).map_err(io::Error::other)?);
    }
    for answer in answers {
        while hosts.len() < HOSTS_MAX {
            let Some(event) = next(&answer, until).await else { break };
            if let ServiceEvent::ServiceResolved(service) = event {
                let addresses = service.addresses.iter().map(|one| one.to_ip_addr());
                hosts.insert(host(&service.host, addresses));
            }
        }
    }
    Ok(hosts.into_iter().collect())
}

async fn kinds(daemon: &ServiceDaemon) -> io::Result<BTreeSet<String>> {
    let answer = daemon.browse(KINDS).map_err(io::Error::other)?;
    let until = Instant::now() + LISTEN;
    let mut kinds = BTreeSet::new();
    while kinds.len() < KINDS_MAX {
        match next(&answer, until).await {
            Some(ServiceEvent::ServiceFound(_, kind)) => kinds.insert(kind),
            Some(_) => continue,
            None => break,
        };
    }
    Ok(kinds)
}

async fn next(answers: &Receiver<ServiceEvent>, until: Instant) -> Option<ServiceEvent> {
    // What waits already is taken even when the time is over.
    match answers.try_recv() {
        Ok(event) => Some(event),
        Err(_) => timeout_at(until, answers.recv_async()).await.ok()?.ok(),
    }
}

fn host(name: &str, addresses: impl Iterator<Item = IpAddr>) -> Announced {
    let mut addresses: Vec<IpAddr> = addresses.take(ADDRESSES_MAX).collect();
    addresses.sort();
    let first = addresses.first().copied();
    let host_name = first.and_then(|first| usable(name, first));
    Announced { host_name, addresses }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_taken_with_a_plain_name_and_few_addresses() {
        let ten: IpAddr = "10.0.0.7".parse().unwrap();
        let heard = host("printer-3.local.", [ten].into_iter());
        assert_eq!(heard.host_name.as_deref(), Some("printer-3.local"));
        assert_eq!(host("a b.local.", [ten].into_iter()).host_name, None);
        let many = (0..100).map(|n| IpAddr::from([10, 0, 0, n]));
        assert_eq!(host("x.local.", many).addresses.len(), ADDRESSES_MAX);
    }
}
