//! What goes up the tree: numbered rows of one writer each (safety.md 1.11, I10).
//!
//! A stream is one table of one server. Its writer numbers every change; a row carries the number
//! of its last change. Whoever has everything up to number n asks for what lies above n.

use super::count::LicenseCount;
use super::device::{Device, DeviceNumber};
use super::holding::{HoldingOption, Phase};
use super::name::{ProductName, ServerName};
use super::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// One row a product: what the server holds and uses. Sent before nodes.
    Figures,
    /// One row a discovered node.
    Nodes,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The writer.
    pub origin: ServerName,
    pub table: Table,
}

/// What one server says of one product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub option: HoldingOption,
    pub phase: Phase,
    /// Version of the level it acts by ([`super::edge::Level::version`]).
    pub version: u64,
    pub registered: LicenseCount,
    pub held: LicenseCount,
    /// Uses in its ledger: those of every managing source of its range.
    pub used: LicenseCount,
    /// Devices managed with itself as managing source, whichever ledger has their uses.
    pub managed: LicenseCount,
    pub granted_seen: u64,
    pub returned: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowName {
    Product(ProductName),
    Device(DeviceNumber),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowBody {
    Figures(Figures),
    Device(Box<Device>),
    /// Only when it was last seen is other than in the row before, which whoever reads this has.
    Seen(Timestamp),
    /// The row is no more.
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow {
    pub name: RowName,
    pub version: u64,
    pub body: RowBody,
}

/// A digest of all rows of a stream: SHA-256 over their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowsDigest(pub [u8; 32]);

/// What all rows of a stream are at one version, in the words of their writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub incarnation: u64,
    pub version: u64,
    pub digest: RowsDigest,
}

/// Every row of one stream whose last change lies in an interval of versions.
///
/// What a mirror has in that interval and the batch does not name is no more: it was deleted, or it
/// changed again and comes later. So a mirror needs no memory of deletions to be put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportBatch {
    pub stream: StreamId,
    /// The writer's data set; a new one means that all rows of an older one are void.
    pub incarnation: u64,
    /// Everything above this number …
    pub after: u64,
    /// … up to this one is here, as far as it still matters.
    pub upto: u64,
    /// Nothing was left out because it changed behind `upto`: whoever has all letters up to this
    /// one has every row as it was at `upto`.
    pub complete: bool,
    pub rows: Vec<ReportRow>,
}
