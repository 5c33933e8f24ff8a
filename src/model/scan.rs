//! What a scan came to, as the server is told at its end.

use super::name::ProductName;
use super::refusal::Refusal;

/// How a scan ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanEnd {
    Done,
    /// By somebody.
    Stopped,
    Failed(Refusal),
}

/// A scan in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanSummary {
    pub name: String,
    pub end: ScanEnd,
    /// Addresses to look at.
    pub addresses: u64,
    /// So many of them as of all asking is done: the figure that is shown while it runs.
    pub done: u64,
    /// Addresses that answered.
    pub found: u64,
    /// Machines that were not known before.
    pub new: u64,
    /// What found nodes were to be managed for; none is where the scan was stopped.
    pub product: Option<ProductName>,
    pub managed: u64,
    /// No license was left for them.
    pub unlicensed: u64,
    /// Nobody has decided yet.
    pub undecided: u64,
    /// Why not, or why nobody was asked for a license at all.
    pub why_undecided: Option<Refusal>,
    /// Methods that could not be used, or not wholly, and what was found and not booked.
    pub hindered: Vec<Refusal>,
}
