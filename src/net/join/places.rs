//! The places of calls to join: few in all, and of those only some for one caller, so that one who
//! keeps them all leaves room for others.
//!
//! Invariant: a caller stands here only while a place of theirs is taken.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why there is no place now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    All,
    OfThisCaller,
}

/// How many places are taken, by whom.
#[derive(Clone)]
pub(super) struct Places {
    all_max: usize,
    of_caller_max: usize,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Places {
    pub(super) fn new(all_max: usize, of_caller_max: usize) -> Places {
        Places { all_max, of_caller_max, taken: Arc::default() }
    }

    /// A place for `caller`, theirs until it is dropped.
    pub(super) fn take(&self, caller: IpAddr) -> Result<Place, Full> {
        let mut taken = self.taken();
        let own = taken.get(&caller).copied().unwrap_or(0);
        if own >= self.of_caller_max {
            return Err(Full::OfThisCaller);
        }
        if taken.values().sum::<usize>() >= self.all_max {
            return Err(Full::All);
        }
        taken.insert(caller, own + 1);
        Ok(Place { places: self.clone(), caller })
    }

    /// How many are taken in all, and by the caller with the most.
    pub(super) fn all_and_most(&self) -> (usize, usize) {
        let taken = self.taken();
        (taken.values().sum(), taken.values().copied().max().unwrap_or(0))
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        // No code under this lock can panic half-way through a change.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place, free again when this is dropped.
pub(super) struct Place {
    places: Places,
    caller: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(count) = taken.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn one_caller_has_some_places_all_have_few_and_what_is_freed_is_given_again() {
        let places = Places::new(3, 2);
        let mine: Vec<Place> = (0..2).map(|_| places.take(caller(1)).ok().unwrap()).collect();
        assert_eq!(places.take(caller(1)).err(), Some(Full::OfThisCaller));
        let other = places.take(caller(2)).ok().unwrap();
        assert_eq!(places.take(caller(3)).err(), Some(Full::All));
        assert_eq!(places.all_and_most(), (3, 2));
        drop(other);
        let third = places.take(caller(3)).ok().unwrap();
        drop((mine, third));
        assert_eq!(places.all_and_most(), (0, 0));
        assert!(places.taken().is_empty());
    }
}
