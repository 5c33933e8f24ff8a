//! The time of day, made to go forward only.
//!
//! When the system's clock is set back, time goes on from where it was, at its own speed, until
//! the clock has caught up; nothing waits for that. When it is set forward, time jumps.

use crate::model::time::Timestamp;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug)]
pub(super) struct Clock {
    /// A moment by the calendar, and the same one by the counter that only rises.
    anchor: Timestamp,
    since: Instant,
}

impl Clock {
    pub(super) fn start() -> Clock {
        Clock { anchor: wall(), since: Instant::now() }
    }

    /// Now; never before an earlier answer.
    pub(super) fn now(&mut self) -> Timestamp {
        self.advanced(wall(), self.since.elapsed())
    }

    fn advanced(&mut self, wall: Timestamp, elapsed: Duration) -> Timestamp {
        let counted = self.anchor.after(elapsed);
        if wall > counted {
            self.anchor = wall;
            self.since += elapsed;
        }
        wall.max(counted)
    }
}

/// What the system's clock shows; 1970 when it shows something before.
pub fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_when_the_clock_is_set_back_and_jumps_when_it_is_set_forward() {
        let mut clock = Clock { anchor: Timestamp(10_000), since: Instant::now() };
        let second = Duration::from_secs(1);
        assert_eq!(clock.advanced(Timestamp(3_000), second), Timestamp(11_000));
        assert_eq!(clock.advanced(Timestamp(4_000), 2 * second), Timestamp(12_000));
        assert_eq!(clock.advanced(Timestamp(90_000), 3 * second), Timestamp(90_000));
        assert_eq!(clock.advanced(Timestamp(1_000), Duration::ZERO), Timestamp(90_000));
        assert_eq!(clock.advanced(Timestamp(1_000), second), Timestamp(91_000));
    }
}
