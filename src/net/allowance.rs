//! How much may come in a time: a bucket that is full at first and refills evenly.
//!
//! ```text
//!   kept of a bucket: when it will be full again      now ─────────► full
//!                                                       more than `burst` away: overdrawn
//! ```

use std::time::{Duration, Instant};

/// So many at once, and then so many in every span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// In which one comes back.
    interval: Duration,
    /// In which an empty bucket fills.
    burst: Duration,
}

impl Allowance {
    /// `per_span` in every `span`, and `burst` at once. Zeros are taken as ones.
    pub fn new(per_span: u32, span: Duration, burst: u32) -> Allowance {
        let interval = span / per_span.max(1);
        Allowance { interval, burst: interval.saturating_mul(burst.max(1)) }
    }

    /// When a bucket that would be full at `full` is full again after `count` are taken out of it.
    pub fn take(&self, full: Option<Instant>, count: u32, now: Instant) -> Instant {
        full.map_or(now, |full| full.max(now)) + self.interval.saturating_mul(count)
    }

    /// How long until a bucket is not overdrawn any more; zero when it is not.
    pub fn overdrawn(&self, full: Instant, now: Instant) -> Duration {
        full.saturating_duration_since(now).saturating_sub(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_the_rest_evenly() {
        let (allowance, now) = (Allowance::new(10, Duration::from_secs(1), 5), Instant::now());
        let full = allowance.take(None, 5, now);
        assert_eq!(allowance.overdrawn(full, now), Duration::ZERO);
        let full = allowance.take(Some(full), 2, now);
        assert_eq!(allowance.overdrawn(full, now), Duration::from_millis(200));
        let later = now + Duration::from_millis(200);
        assert_eq!(allowance.overdrawn(full, later), Duration::ZERO);
        // However long nothing was taken, the burst is all there is.
        let much_later = now + Duration::from_secs(3_600);
        let full = allowance.take(Some(full), 6, much_later);
        assert_eq!(allowance.overdrawn(full, much_later), Duration::from_millis(100));
    }
}
