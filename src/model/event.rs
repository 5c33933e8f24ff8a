//! What happened, for people.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One line of the event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Counts up from 1 at each server.
    pub number: u64,
    pub at: Timestamp,
    /// A stable word that scripts may match: `license.registered`, `range.shortage`, …
    pub kind: String,
    /// A sentence.
    pub text: String,
}
