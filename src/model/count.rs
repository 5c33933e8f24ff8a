//! Counts of licenses.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A number of licenses. Plain subtraction is not offered: what could go below zero must say
/// what that means (`remaining`, `shortage`, or an error).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LicenseCount(pub u64);

/// The largest count one license file or one distribution may carry.
///
/// Sums of up to four billion of them stay below `u64::MAX`, so no sum of counts can wrap.
pub const COUNT_MAX: LicenseCount = LicenseCount(u32::MAX as u64);

impl LicenseCount {
    pub const ZERO: LicenseCount = LicenseCount(0);

    /// Sum, held at `u64::MAX` (unreachable with counts up to [`COUNT_MAX`]).
    pub fn plus(self, other: LicenseCount) -> LicenseCount {
        LicenseCount(self.0.saturating_add(other.0))
    }

    /// `self - other`, or nothing when `other` is larger.
    pub fn minus(self, other: LicenseCount) -> Option<LicenseCount> {
        self.0.checked_sub(other.0).map(LicenseCount)
    }

    /// What of `self` lies above `other`; zero when nothing does.
    pub fn above(self, other: LicenseCount) -> LicenseCount {
        LicenseCount(self.0.saturating_sub(other.0))
    }
}

/// `1 node`, `2 nodes`: how many of what, for people.
pub fn counted(count: u64, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{end}")
}

impl fmt::Display for LicenseCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::iter::Sum for LicenseCount {
    fn sum<I: Iterator<Item = LicenseCount>>(counts: I) -> LicenseCount {
        counts.fold(LicenseCount::ZERO, LicenseCount::plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_all_else_is_plural() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "node")), ["0 nodes", "1 node", "2 nodes"]);
    }
}
