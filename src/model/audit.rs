//! Whether the counts of the tree add up: for every product, what is registered anywhere is held
//! somewhere or on its way (safety.md 1.2, I2 and I5).

use super::count::LicenseCount;
use super::name::{ProductName, ServerName};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What the primary knows, as of when it learned it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    pub as_of: Timestamp,
    pub adds_up: bool,
    pub products: Vec<ProductAudit>,
    /// Members whose newest figures are not known here: what they say may be of before.
    pub unconfirmed: Vec<Unconfirmed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductAudit {
    pub product: ProductName,
    /// The sums of all servers.
    pub counts: AuditCounts,
    pub adds_up: bool,
    pub servers: Vec<ServerAudit>,
}

/// One server's part of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAudit {
    pub server: ServerName,
    pub counts: AuditCounts,
    /// When this was last known to be so; nothing where it never spoke of the product.
    pub as_of: Option<Timestamp>,
    /// It was removed from the tree; what it holds stays counted.
    pub removed: bool,
    /// What does not fit together, in sentences.
    pub unlike: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCounts {
    pub registered: LicenseCount,
    pub held: LicenseCount,
    /// Granted to it or given back by it, and not known to have come.
    pub in_transit: LicenseCount,
    pub used: LicenseCount,
    /// Its own managed devices.
    pub managed: LicenseCount,
    /// Granted to others beyond what is registered: from licenses that have ended since, that a
    /// primary which was set back does not know of, or that it gave a second time.
    pub overdrawn: LicenseCount,
}

/// A member of which something is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    pub server: ServerName,
    pub online: bool,
    pub last_seen: Option<Timestamp>,
    /// In words.
    pub why: String,
}

impl AuditCounts {
    /// Whether all that is registered, or was when it was granted, is held or on its way.
    pub fn add_up(&self) -> bool {
        let there = self.held.0.checked_add(self.in_transit.0);
        there.is_some() && there == self.registered.0.checked_add(self.overdrawn.0)
    }

    /// The sum; as much as fits where a server says absurd numbers.
    pub fn plus(self, other: AuditCounts) -> AuditCounts {
        let sum = |a: LicenseCount, b: LicenseCount| LicenseCount(a.0.saturating_add(b.0));
        AuditCounts {
            registered: sum(self.registered, other.registered),
            held: sum(self.held, other.held),
            in_transit: sum(self.in_transit, other.in_transit),
            used: sum(self.used, other.used),
            managed: sum(self.managed, other.managed),
            overdrawn: sum(self.overdrawn, other.overdrawn),
        }
    }
}
