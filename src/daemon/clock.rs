//! The clocks of the machine: the time of day, and how long the machine runs.
//!
//! Moments, by which the server waits and which its events carry, go forward only: when the time of
//! day is set back, they go on from where they were, at their own speed, until it has caught up;
//! nothing waits for that. When it is set forward, they jump. What licenses are judged by is
//! another thing, decided from the same two clocks (`engine/license_time.rs`).

use crate::model::clock::Reading;
use crate::model::time::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Debug)]
pub(super) struct Clock {
    /// A moment, and how long the machine ran then.
    anchor: Timestamp,
    up: Duration,
}

impl Clock {
    pub(super) fn start() -> Clock {
        let Reading { wall, up } = read();
        Clock { anchor: wall, up }
    }

    /// Now; never before an earlier answer.
    pub(super) fn now(&mut self) -> Timestamp {
        self.read().0
    }

    /// The same, and what the clocks show.
    pub(super) fn read(&mut self) -> (Timestamp, Reading) {
        let reading = read();
        (self.advanced(reading), reading)
    }

    fn advanced(&mut self, Reading { wall, up }: Reading) -> Timestamp {
        let counted = self.anchor.after(up.saturating_sub(self.up));
        if wall > counted {
            (self.anchor, self.up) = (wall, up);
        }
        wall.max(counted)
    }
}

fn read() -> Reading {
    Reading { wall: wall(), up: up() }
}

/// What the system's clock shows; 1970 when it shows something before.
pub fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since_epoch)
}

/// How long the machine runs. It goes on in suspend, which `Instant` does not.
fn up() -> Duration {
    let up = clock_gettime(ClockId::Boottime);
    let nanoseconds = u32::try_from(up.tv_nsec).unwrap_or(0);
    Duration::new(u64::try_from(up.tv_sec).unwrap_or(0), nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_when_the_clock_is_set_back_and_jumps_when_it_is_set_forward() {
        let hour = Duration::from_secs(3_600);
        let mut clock = Clock { anchor: Timestamp(10_000), up: hour };
        let mut shown = |wall, s| {
            let up = hour + Duration::from_secs(s);
            clock.advanced(Reading { wall: Timestamp(wall), up })
        };
        assert_eq!(shown(3_000, 1), Timestamp(11_000));
        assert_eq!(shown(4_000, 2), Timestamp(12_000));
        assert_eq!(shown(90_000, 3), Timestamp(90_000));
        assert_eq!(shown(1_000, 3), Timestamp(90_000));
        assert_eq!(shown(1_000, 4), Timestamp(91_000));
    }

    #[test]
    fn the_machine_runs_longer_and_longer() {
        let (first, second) = (up(), up());
        assert!(first > Duration::ZERO && second >= first);
    }
}
