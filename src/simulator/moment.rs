//! Virtual time: microseconds since a world began. Servers see whole milliseconds of it.

use crate::model::time::Timestamp;

/// When every world begins, as servers see it: 2027-01-15T08:00:00Z.
pub const BEGINNING: Timestamp = Timestamp(1_800_000_000_000);

/// A point of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    pub fn of_ms(ms: u64) -> Moment {
        Moment(ms.saturating_mul(1_000))
    }

    pub fn after_us(self, us: u64) -> Moment {
        Moment(self.0.saturating_add(us))
    }

    pub fn after_ms(self, ms: u64) -> Moment {
        self.after_us(ms.saturating_mul(1_000))
    }

    pub fn ms(self) -> u64 {
        self.0 / 1_000
    }

    /// What a server whose clock is ahead by so many milliseconds reads.
    pub fn timestamp(self, ahead_ms: u64) -> Timestamp {
        Timestamp(BEGINNING.0 + self.ms() + ahead_ms)
    }

    /// When a server with that clock reads `at`.
    pub fn reading(at: Timestamp, ahead_ms: u64) -> Moment {
        Moment::of_ms(at.0.saturating_sub(BEGINNING.0).saturating_sub(ahead_ms))
    }
}
