//! Who holds licenses, and how a relay becomes a holder or stops being one.

use serde::{Deserialize, Serialize};

/// The license holding option of a relay for one product (R004, JP1-05). Set at the primary.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum HoldingOption {
    /// Holds nothing; shares with the nearest holder above.
    #[default]
    None,
    /// Holds a count that the primary distributed to it.
    Distributed,
    /// Holds the licenses that are registered there.
    Registered,
}

/// Where a server stands between sharing and holding, for one product.
///
/// ```text
///   Sharing ──option set──► Taking ──uses booked──► Holding ──option removed──► Yielding
///      ▲                                                                            │
///      └───────────────────── the holder above has booked the uses ─────────────────┘
/// ```
///
/// In `Taking` and `Yielding` it neither decides nor passes on what concerns the product: whoever
/// asks repeats until it is answered. That is what keeps every use in exactly one ledger (I12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    #[default]
    Sharing,
    Taking,
    Holding,
    Yielding,
}

/// What a server is in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Primary,
    Relay,
}
