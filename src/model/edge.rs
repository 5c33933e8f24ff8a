//! The escrow edge between the primary and one relay for one product (safety.md 1.1, 1.3).
//!
//! ```text
//!      primary                                     relay
//!      granted        ── Level (what I gave) ──►   granted_seen
//!      returned_seen  ◄── EdgeReport (what came) ──   returned
//! ```
//! All four are cumulative and only rise. Outstanding at the primary = granted − returned_seen;
//! held at the relay = granted_seen − returned. What travels is the current value, never a
//! difference, so a repeat or an old copy changes nothing (R2).

use super::count::LicenseCount;
use super::holding::HoldingOption;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names one attachment of a relay to the primary; never used twice (R3).
///
/// A counter of the primary's log with 64 random bits behind it, so that a primary that lost its
/// last steps cannot give one out again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttachId {
    pub counter: u64,
    pub random: u64,
}

impl fmt::Display for AttachId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.counter, self.random)
    }
}

/// Which data set of its name a relay attaches with, and which start of it speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataSet {
    pub incarnation: u64,
    /// The one that it continues, while it recovers ([`super::recovery`]); otherwise 0.
    pub former: u64,
    /// Drawn at each start: of two instances of one server each has its own. 0 of software that
    /// draws none.
    pub start: u64,
    /// Those that it came from, oldest first ([`super::row::ServerRow::formers`]).
    pub formers: Vec<u64>,
    /// How many there were before it, at least, as its numbers say
    /// ([`super::row::GENERATION_BITS`]).
    pub generation: u64,
    /// The enrolment under which the holders above know what is used here.
    pub stated_under: u64,
    /// It recovers, perhaps as the data set that it was.
    pub recovers: bool,
}

/// What the primary says of an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    pub option: HoldingOption,
    /// Rises with every change of option or target.
    pub version: u64,
    /// What the relay is meant to hold by distribution; it returns what is free above it.
    pub target: LicenseCount,
    /// Rises when the edge is reclaimed by force (R6).
    pub epoch: u64,
    pub granted: u64,
    pub returned_seen: u64,
    /// The least of the licenses that these counts come from: a relay that was not attached for
    /// so many days makes no new uses. 0 is no such bound. Filled in where the level is said.
    pub confirm_within_days: u32,
}

/// What the relay says of an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeReport {
    /// The level's version it acts by.
    pub version: u64,
    pub epoch: u64,
    pub granted_seen: u64,
    pub returned: u64,
    /// It cannot act by that version: licenses are registered there.
    pub declined: bool,
    /// It holds, or is on its way to or from it: uses of those below may be with it.
    pub holds: bool,
    /// What that version told it; a primary that was set back may not know it.
    pub option: HoldingOption,
    pub target: LicenseCount,
    /// Uses that it has no license for.
    pub lacks: u64,
}
