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
    /// Addresses that were asked at least once.
    pub looked_at: u64,
    /// Addresses that answered.
    pub found: u64,
    /// Machines that were not known before.
    pub new: u64,
    /// What found nodes were to be managed for.
    pub product: Option<ProductName>,
    pub managed: u64,
    /// No license was left for them.
    pub unlicensed: u64,
    /// Nobody has decided yet.
    pub undecided: u64,
    /// Why not, or why nobody was asked for a license at all.
    pub why_undecided: Option<Refusal>,
    /// Methods that could not be used, or not wholly.
    pub hindered: Vec<Refusal>,
}
