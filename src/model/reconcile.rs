//! What parent and child say to find rows that silently differ, and to put them right.

use super::report::{ReportRow, RowName, StreamId};

/// Parts of the rows of a stream that are compared one by one.
pub const BUCKETS: usize = 256;

/// A word about one stream at one version; void where the other side is not at that version too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconcile {
    pub stream: StreamId,
    pub incarnation: u64,
    pub version: u64,
    pub what: Compared,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Up: the digest of all rows here.
    Whole(u64),
    /// Down, where that is another: the digests of the rows here, bucket by bucket, [`BUCKETS`].
    Buckets(Vec<u64>),
    /// Up: what a bucket really holds.
    Refill(Refill),
}

/// Every row of one bucket whose name lies in an interval. What the other side has in that interval
/// and this does not name is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refill {
    pub bucket: u8,
    /// Behind this name; nothing for the first.
    pub after: Option<RowName>,
    /// Up to the last row's name; nothing where these are the last ones.
    pub upto: Option<RowName>,
    pub rows: Vec<ReportRow>,
}
