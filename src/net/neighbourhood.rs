//! Where strangers call from, for limits that one of them cannot escape by taking another address.
//!
//! Who has one IPv6 address has a whole /64, and often a /48; who has many IPv4 addresses often has
//! them side by side.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An IPv4 address that came to an IPv6 socket, as people know it.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The addresses of one caller: an IPv4 address, an IPv6 /64.
pub(crate) fn caller(address: IpAddr) -> IpAddr {
    masked(address, 32, 64)
}

/// The addresses of one network: an IPv4 /24, an IPv6 /48.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    masked(address, 24, 48)
}

/// Only the first bits. An IPv4 address that came to an IPv6 socket is an IPv4 address.
fn masked(address: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(Ipv4Addr::BITS - v4_bits).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(Ipv6Addr::BITS - v6_bits).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

/// How many handshakes are under way from each network. There are never more networks here than
/// handshakes.
#[derive(Clone, Default)]
pub(crate) struct Networks(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

impl Networks {
    pub(crate) fn count(&self, address: IpAddr) -> usize {
        self.counts().get(&network(address)).copied().unwrap_or(0)
    }

    /// How many there are in all, and in the network with the most.
    pub(crate) fn all_and_most(&self) -> (usize, usize) {
        let counts = self.counts();
        (counts.values().sum(), counts.values().copied().max().unwrap_or(0))
    }

    /// Counts one more, until what is returned is dropped.
    pub(crate) fn enter(&self, address: IpAddr) -> Present {
        let network = network(address);
        *self.counts().entry(network).or_insert(0) += 1;
        Present { networks: self.clone(), network }
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        // No code under this lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts in its network while it lives.
pub(crate) struct Present {
    networks: Networks,
    network: IpAddr,
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut counts = self.networks.counts();
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn neighbours_are_told_from_others() {
        for (address, of_caller, of_network) in [
            ("192.0.2.77", "192.0.2.77", "192.0.2.0"),
            ("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1::"),
            ("::1", "::", "::"),
        ] {
            let found = (caller(ip(address)), network(ip(address)));
            assert_eq!(found, (ip(of_caller), ip(of_network)), "{address}");
        }
    }

    #[test]
    fn those_who_have_left_leave_nothing_behind() {
        let networks = Networks::default();
        let first = networks.enter(ip("192.0.2.1"));
        let second = networks.enter(ip("192.0.2.2"));
        assert_eq!(networks.count(ip("192.0.2.3")), 2);
        assert_eq!(networks.count(ip("192.0.3.1")), 0);
        assert_eq!(networks.all_and_most(), (2, 2));
        drop(first);
        assert_eq!(networks.count(ip("192.0.2.3")), 1);
        drop(second);
        assert!(networks.counts().is_empty());
    }
}
