//! How much of a listener's limits is in use now.

use crate::net::join::JoinDoor;
use crate::net::neighbourhood::Networks;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Figures of a moment; each beside its limit in [`crate::net::NetLimits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupied {
    /// Handshakes under way, and those of the network that has most.
    pub handshakes: usize,
    pub handshakes_of_one_network: usize,
    pub connections: usize,
    /// Calls to join under way, those of the address that has most, and addresses that called
    /// lately.
    pub joins: usize,
    pub joins_of_one_address: usize,
    pub join_addresses: usize,
}

/// Looks at a listener from any task; cheap to clone.
#[derive(Clone)]
pub struct Occupancy {
    pub(super) networks: Networks,
    pub(super) slots: Arc<Semaphore>,
    pub(super) connections_max: usize,
    pub(super) joins: Arc<JoinDoor>,
}

impl Occupancy {
    pub fn now(&self) -> Occupied {
        let (handshakes, handshakes_of_one_network) = self.networks.all_and_most();
        let (joins, joins_of_one_address, join_addresses) = self.joins.occupied();
        let connections = self.connections_max.saturating_sub(self.slots.available_permits());
        Occupied {
            handshakes,
            handshakes_of_one_network,
            connections,
            joins,
            joins_of_one_address,
            join_addresses,
        }
    }
}
