//! How fast one neighbour may be: connections, letters and rows of each certificate's server.
//!
//! ```text
//!   connection ─► bucket of its server ── empty: closed; it calls again, later and later
//!   letters of one read ─► buckets of their sender ─► owner
//!                            └ overdrawn: the next read waits for so long; meanwhile QUIC's window
//!                              fills, and then the sender has to wait as well
//! ```
//!
//! No letter is lost or refused, so that a site which was away for long can say all it has to say;
//! and whoever says more than a site can have to say takes no more than its share of this server.
//! A letter counts for the server that passed it on: a relay answers for all that are below it.
//!
//! Invariant: at most `kept_max` servers are remembered besides those whose buckets are not full.

use crate::model::letter::{Body, Letter};
use crate::model::name::ServerName;
use crate::net::Allowance;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The paces that a neighbour may keep up, and go beyond for a moment. The defaults are stated
/// here only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaceLimits {
    /// Connections of one server, and at once. 60 and 30.
    pub connections_per_minute: u32,
    pub connections_burst: u32,
    /// Letters of one neighbour, and at once. 20,000 and 40,000.
    pub letters_per_second: u32,
    pub letters_burst: u32,
    /// Rows in its reports, and at once. 20,000 and 100,000.
    pub rows_per_second: u32,
    pub rows_burst: u32,
    /// So many letters a letter counts for that is not its author's: to find that takes about as
    /// long. 20.
    pub letters_of_a_forged_one: u32,
}

impl Default for PaceLimits {
    fn default() -> PaceLimits {
        PaceLimits {
            connections_per_minute: 60,
            connections_burst: 30,
            letters_per_second: 20_000,
            letters_burst: 40_000,
            rows_per_second: 20_000,
            rows_burst: 100_000,
            letters_of_a_forged_one: 20,
        }
    }
}

/// An ask after devices that move has the primary look through rows (`rows_looked_at_max`); that
/// takes about as long as booking so many.
const ROWS_OF_A_LOOK: usize = 500;

/// What was taken out of the buckets of one server.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// When each bucket is full again; nothing before it was first used.
    connections: Option<Instant>,
    letters: Option<Instant>,
    rows: Option<Instant>,
    held_up: HeldUp,
}

/// What being too fast has brought a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HeldUp {
    /// Connections that were not taken.
    pub(super) refused: u64,
    /// How often, and how long in all, its letters had to wait.
    pub(super) letters: u64,
    pub(super) length: Duration,
}

/// The buckets of all servers that are connected or were lately.
pub(super) struct Paces {
    connections: Allowance,
    letters: Allowance,
    rows: Allowance,
    /// Letters that one which is not its author's counts for.
    forged: usize,
    kept_max: usize,
    of: Mutex<BTreeMap<ServerName, Pace>>,
}

impl Paces {
    pub(super) fn new(limits: &PaceLimits, kept_max: usize) -> Paces {
        let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
        let PaceLimits { connections_per_minute, connections_burst, .. } = *limits;
        let PaceLimits { letters_per_second, letters_burst, .. } = *limits;
        let PaceLimits { rows_per_second, rows_burst, .. } = *limits;
        Paces {
            connections: Allowance::new(connections_per_minute, minute, connections_burst),
            letters: Allowance::new(letters_per_second, second, letters_burst),
            rows: Allowance::new(rows_per_second, second, rows_burst),
            forged: limits.letters_of_a_forged_one as usize,
            kept_max,
            of: Mutex::default(),
        }
    }

    /// Whether one more connection of this server is taken.
    pub(super) fn may_connect(&self, server: &ServerName, now: Instant) -> bool {
        let mut all = self.all();
        if all.len() >= self.kept_max {
            all.retain(|_, pace| pace.is_in_use(now));
        }
        let pace = all.entry(server.clone()).or_default();
        let full = self.connections.take(pace.connections, 1, now);
        if self.connections.overdrawn(full, now).is_zero() {
            pace.connections = Some(full);
            return true;
        }
        pace.held_up.refused += 1;
        false
    }

    /// How long its next letters wait, now that these came, and so many that were forged.
    pub(super) fn says(
        &self,
        server: &ServerName,
        letters: &[Letter],
        forged: usize,
        now: Instant,
    ) -> Duration {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let rows = letters.iter().map(|letter| match &letter.body {
            Body::Report(batch) => batch.rows.len(),
            Body::MoveAsk(_) => ROWS_OF_A_LOOK,
            _ => 0,
        });
        let weight = letters.len().saturating_add(forged.saturating_mul(self.forged));
        let (letters, rows) = (count(weight), count(rows.sum()));
        let mut all = self.all();
        let pace = all.entry(server.clone()).or_default();
        let letters_full = self.letters.take(pace.letters, letters, now);
        let rows_full = self.rows.take(pace.rows, rows, now);
        (pace.letters, pace.rows) = (Some(letters_full), Some(rows_full));
        let overdrawn = self.letters.overdrawn(letters_full, now);
        let wait = overdrawn.max(self.rows.overdrawn(rows_full, now));
        pace.held_up.letters += u64::from(!wait.is_zero());
        pace.held_up.length += wait;
        wait
    }

    pub(super) fn held_up(&self, server: &ServerName) -> HeldUp {
        self.all().get(server).map_or(HeldUp::default(), |pace| pace.held_up)
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<ServerName, Pace>> {
        // No code under this lock can panic half-way through a change.
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    fn is_in_use(&self, now: Instant) -> bool {
        [self.connections, self.letters, self.rows].into_iter().flatten().any(|full| full > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::ReportBatch;
    use crate::record::sample;

    fn slow(kept_max: usize) -> Paces {
        let limits = PaceLimits {
            connections_per_minute: 60,
            connections_burst: 2,
            letters_per_second: 10,
            letters_burst: 5,
            rows_per_second: 100,
            rows_burst: 200,
            letters_of_a_forged_one: 20,
        };
        Paces::new(&limits, kept_max)
    }

    fn letters(count: usize, body: &Body) -> Vec<Letter> {
        let letter = Letter::to_neighbour(body.clone());
        vec![letter; count]
    }

    #[test]
    fn who_connects_too_often_is_not_taken_and_others_are() {
        let (paces, now) = (slow(10), Instant::now());
        let [west, east]: [ServerName; 2] = ["west", "east"].map(|name| name.parse().unwrap());
        let taken = (0..5).filter(|_| paces.may_connect(&west, now)).count();
        assert_eq!((taken, paces.held_up(&west).refused), (2, 3));
        assert!(paces.may_connect(&east, now));
        // What was refused cost nothing: one comes back in a second.
        assert!(paces.may_connect(&west, now + Duration::from_secs(1)));
        assert!(!paces.may_connect(&west, now + Duration::from_secs(1)));
    }

    #[test]
    fn a_letter_that_is_not_its_authors_weighs_as_many() {
        let (paces, now) = (slow(10), Instant::now());
        let west: ServerName = "west".parse().unwrap();
        let wait = paces.says(&west, &[], 1, now);
        assert_eq!(wait, Duration::from_millis(1_500), "15 letters beyond the burst of 5");
    }

    #[test]
    fn letters_and_rows_beyond_the_pace_make_the_next_ones_wait() {
        let (paces, now) = (slow(10), Instant::now());
        let west: ServerName = "west".parse().unwrap();
        assert_eq!(
            paces.says(&west, &letters(5, &Body::Resume { way: 0 }), 0, now),
            Duration::ZERO
        );
        let wait = paces.says(&west, &letters(2, &Body::Resume { way: 0 }), 0, now);
        assert_eq!(wait, Duration::from_millis(200));
        let later = now + Duration::from_secs(60);
        let rows = vec![sample::report().rows[0].clone(); 150];
        let batch = ReportBatch { rows, ..sample::report() };
        let wait = paces.says(&west, &letters(2, &Body::Report(batch)), 0, later);
        assert_eq!(wait, Duration::from_secs(1));
        let ask = Body::MoveAsk(sample::move_ask());
        let later = later + Duration::from_secs(60);
        let wait = paces.says(&"north".parse().unwrap(), &letters(1, &ask), 0, later);
        assert_eq!(wait, Duration::from_secs(3));
        let held_up = HeldUp { refused: 0, letters: 2, length: Duration::from_millis(1_200) };
        assert_eq!(paces.held_up(&west), held_up);
        assert_eq!(paces.held_up(&"east".parse().unwrap()), HeldUp::default());
    }

    #[test]
    fn those_who_are_long_quiet_are_forgotten() {
        let (paces, now) = (slow(3), Instant::now());
        for number in 0..1_000 {
            let name = format!("s{number}").parse().unwrap();
            assert!(paces.may_connect(&name, now + number * Duration::from_secs(2)));
            assert!(paces.all().len() <= 3);
        }
    }
}
