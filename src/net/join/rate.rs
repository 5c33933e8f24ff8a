//! How often one caller may try to join.
//!
//! Each caller has a bucket of N calls (see `allowance`); one call comes back every minute / N.
//!
//! Invariant: at most `callers_max` are kept. When a further one comes, the one goes whose bucket
//! is full first: it had the least left to wait.

use crate::net::Allowance;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);

/// The buckets of all callers that have called lately.
pub(crate) struct Rate {
    allowance: Allowance,
    callers_max: usize,
    full_at: BTreeMap<IpAddr, Instant>,
    /// The same, the one that is full first in front.
    order: BTreeSet<(Instant, IpAddr)>,
}

impl Rate {
    pub(crate) fn new(per_minute: u32, callers_max: usize) -> Rate {
        let allowance = Allowance::new(per_minute, WINDOW, per_minute);
        Rate { allowance, callers_max, full_at: BTreeMap::new(), order: BTreeSet::new() }
    }

    /// Takes one call out of the bucket of `caller`; says no, and takes nothing, when it is empty.
    pub(crate) fn take(&mut self, caller: IpAddr, now: Instant) -> bool {
        let before = self.full_at.get(&caller).copied();
        let full = self.allowance.take(before, 1, now);
        if !self.allowance.overdrawn(full, now).is_zero() {
            return false;
        }
        if let Some(before) = before {
            self.order.remove(&(before, caller));
        }
        self.full_at.insert(caller, full);
        self.order.insert((full, caller));
        while self.full_at.len() > self.callers_max
            && let Some((_, first)) = self.order.pop_first()
        {
            self.full_at.remove(&first);
        }
        true
    }

    /// How many callers are remembered.
    pub(crate) fn callers(&self) -> usize {
        self.full_at.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_bucket_empties_and_comes_back_call_by_call() {
        let (mut rate, start) = (Rate::new(5, 10), Instant::now());
        let taken = (0..7).filter(|_| rate.take(caller(1), start)).count();
        assert_eq!(taken, 5);
        assert!(rate.take(caller(2), start));
        assert!(!rate.take(caller(1), start + seconds(11)));
        // What was refused has cost nothing.
        assert!(rate.take(caller(1), start + seconds(12)));
        assert!(!rate.take(caller(1), start + seconds(12)));
        let later = start + seconds(72);
        let taken = (0..7).filter(|_| rate.take(caller(1), later)).count();
        assert_eq!(taken, 5);
    }

    #[test]
    fn the_table_is_bounded_and_keeps_those_with_the_longest_to_wait() {
        let (mut rate, start) = (Rate::new(2, 3), Instant::now());
        assert!(rate.take(caller(0), start) && rate.take(caller(0), start));
        for number in 1..1_000 {
            assert!(rate.take(caller(number), start));
            assert!(rate.full_at.len() <= 3);
            assert_eq!(rate.full_at.len(), rate.order.len());
        }
        assert!(!rate.take(caller(0), start), "the busiest was forgotten");
    }
}
