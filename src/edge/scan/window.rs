//! The hours of a day in which a scan may ask, in the time of its machine.

use jiff::civil::Time;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const MINUTES_A_DAY: u16 = 24 * 60;

/// From a minute of the day up to another, which may lie behind midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    from: u16,
    until: u16,
}

/// Why a text names no hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no hours; the two ends must differ")]
pub struct WindowError(String);

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Window, WindowError> {
        let wrong = || WindowError(text.chars().take(40).collect());
        let (from, until) = text.split_once('-').ok_or_else(wrong)?;
        let from = minute(from.trim()).ok_or_else(wrong)?;
        let until = minute(until.trim()).ok_or_else(wrong)?;
        (from != until).then_some(Window { from, until }).ok_or_else(wrong)
    }
}

/// `22:00` as the minute of the day.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |text: &str, below: u16| {
        let plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| plain && *number < below)
    };
    Some(two(hours, 24)? * 60 + two(minutes, 60)?)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Window { from, until } = self;
        let ends = format!("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60);
        f.pad(&ends)
    }
}

impl Window {
    /// How long from this time of day until it opens; nothing when it is open.
    pub fn opens_in(&self, now: Time) -> Duration {
        let minute = minute_of(now);
        let open = match self.from < self.until {
            true => (self.from..self.until).contains(&minute),
            false => minute >= self.from || minute < self.until,
        };
        if open {
            return Duration::ZERO;
        }
        whole_minutes(self.from, minute, now)
    }

    /// How long from this time of day until it closes; at least a second when it is open.
    pub fn closes_in(&self, now: Time) -> Duration {
        whole_minutes(self.until, minute_of(now), now)
    }
}

fn minute_of(now: Time) -> u16 {
    u16::from(now.hour().unsigned_abs()) * 60 + u16::from(now.minute().unsigned_abs())
}

/// From now to the beginning of a minute of this day, or of the next.
fn whole_minutes(to: u16, minute: u16, now: Time) -> Duration {
    let minutes = (to + MINUTES_A_DAY - minute - 1) % MINUTES_A_DAY;
    let second = u64::from(now.second().unsigned_abs());
    Duration::from_secs(u64::from(minutes) * 60 + 60 - second.min(59))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i8, minute: i8, second: i8) -> Time {
        Time::constant(hour, minute, second, 0)
    }

    #[test]
    fn a_window_reaches_over_midnight() {
        let night: Window = "22:00-05:30".parse().unwrap();
        assert_eq!(night.to_string(), "22:00-05:30");
        for open in [at(22, 0, 0), at(23, 59, 59), at(0, 0, 0), at(5, 29, 59)] {
            assert_eq!(night.opens_in(open), Duration::ZERO, "{open}");
        }
        assert_eq!(night.opens_in(at(5, 30, 0)), Duration::from_secs(16 * 3_600 + 1_800));
        assert_eq!(night.opens_in(at(21, 59, 30)), Duration::from_secs(30));
        assert_eq!(night.closes_in(at(5, 29, 59)), Duration::from_secs(1));
        assert_eq!(night.closes_in(at(22, 0, 0)), Duration::from_secs(7 * 3_600 + 1_800));
        let day: Window = "08:00 - 17:00".parse().unwrap();
        assert_eq!(day.opens_in(at(12, 0, 0)), Duration::ZERO);
        assert_eq!(day.opens_in(at(17, 0, 0)), Duration::from_secs(15 * 3_600));
    }

    #[test]
    fn what_names_no_hours_is_refused() {
        let bad = ["", "22:00", "22-05", "24:00-05:00", "22:60-05:00", "5:00-6:00", "+1:00-02:00"];
        for bad in bad.into_iter().chain(["05:00-05:00", "22:00-05:00-06:00"]) {
            assert!(bad.parse::<Window>().is_err(), "{bad}");
        }
    }
}
