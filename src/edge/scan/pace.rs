//! How fast a scan asks: a bucket that fills at the set rate.
//!
//! ```text
//!   time ──► rate ──► bucket, at most 1/50 s of it ──► probes, about 1 ms of them at once
//! ```
//!
//! No second has more than the rate and 2 % of it, whatever happened before: what was not asked
//! while the machine was busy, or the scan paused, is not made up for beyond that. Exact in whole
//! numbers: nothing drifts, however long a scan is.

use std::time::Duration;
use tokio::time::Instant;

/// What one probe costs, so that a nanosecond brings as many as the rate.
const PROBE: u128 = 1_000_000_000;

/// The part of a second that the bucket holds: 2 %.
const BUCKET_PARTS: u32 = 50;
/// The part of a second that is waited for at once, so that fast scans do not wake for each probe.
const STEP_PARTS: u32 = 1_000;

/// The bucket.
#[derive(Debug)]
pub struct Pace {
    per_second: u32,
    held: u128,
    filled: Instant,
}

impl Pace {
    /// A bucket with one probe in it. A rate of nothing counts as one per second.
    pub fn new(per_second: u32, now: Instant) -> Pace {
        Pace { per_second: per_second.max(1), held: PROBE, filled: now }
    }

    fn most(&self) -> u128 {
        u128::from((self.per_second / BUCKET_PARTS).max(1)) * PROBE
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_nanos();
        let more = passed.saturating_mul(u128::from(self.per_second));
        self.held = self.held.saturating_add(more).min(self.most());
        self.filled = self.filled.max(now);
    }

    /// How many probes may leave now, at most `wanted`; they are taken.
    pub fn grant(&mut self, wanted: usize, now: Instant) -> usize {
        self.fill(now);
        let there = usize::try_from(self.held / PROBE).unwrap_or(usize::MAX);
        let granted = there.min(wanted);
        self.held -= granted as u128 * PROBE;
        granted
    }

    /// Until when to wait for the next ones.
    fn next(&self) -> Instant {
        let step = u128::from((self.per_second / STEP_PARTS).max(1)) * PROBE;
        let missing = step.saturating_sub(self.held).div_ceil(u128::from(self.per_second));
        self.filled + Duration::from_nanos(u64::try_from(missing).unwrap_or(u64::MAX))
    }

    /// Waits until at least one probe may leave; how many may, at most `wanted`.
    pub async fn take(&mut self, wanted: usize) -> usize {
        loop {
            match self.grant(wanted, Instant::now()) {
                0 if wanted > 0 => tokio::time::sleep_until(self.next()).await,
                granted => return granted,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many leave within this time of a clock that is always right, taken as they come.
    fn taken(per_second: u32, within: Duration) -> usize {
        let begun = Instant::now();
        let (mut pace, mut now, mut all) = (Pace::new(per_second, begun), begun, 0);
        while now < begun + within {
            match pace.grant(usize::MAX, now) {
                0 => now = pace.next(),
                granted => all += granted,
            }
        }
        all
    }

    #[test]
    fn the_rate_is_kept_slow_and_fast() {
        for per_second in [1, 7, 50, 1_000, 9_999, 100_000] {
            let seconds = 30;
            let all = taken(per_second, Duration::from_secs(seconds)) as f64;
            let expected = f64::from(per_second) * seconds as f64;
            let off = (all - expected).abs();
            assert!(off <= (expected / 50.0).max(1.0), "{per_second}/s: {all} of {expected}");
        }
    }

    #[test]
    fn what_was_not_asked_is_not_made_up_for() {
        let begun = Instant::now();
        let mut pace = Pace::new(1_000, begun);
        let later = begun + Duration::from_secs(3_600);
        assert_eq!(pace.grant(usize::MAX, later), 20);
        assert_eq!(pace.grant(usize::MAX, later), 0);
        assert_eq!(pace.grant(usize::MAX, begun), 0, "a clock that goes back brings nothing");
        let later = later + Duration::from_millis(5);
        assert_eq!(pace.grant(3, later), 3);
        assert_eq!(pace.grant(usize::MAX, later), 2);
    }

    #[tokio::test]
    async fn what_is_there_is_taken_at_once_and_nothing_wanted_is_not_waited_for() {
        let mut pace = Pace::new(1, Instant::now());
        assert_eq!(pace.take(5).await, 1);
        assert_eq!(pace.take(0).await, 0);
        assert!(pace.next() > pace.filled);
    }
}
