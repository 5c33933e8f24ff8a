//! A license as its vendor issued it.

use super::count::LicenseCount;
use super::name::ProductName;
use super::time::Timestamp;

/// Names one license of one vendor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(pub String);

/// What a product counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    ManagedDevices,
    Sessions,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct License {
    pub serial: Serial,
    pub vendor: String,
    pub product: ProductName,
    pub count: LicenseCount,
    pub metric: Metric,
    pub not_before: Timestamp,
    pub not_after: Option<Timestamp>,
    pub note: String,
}
