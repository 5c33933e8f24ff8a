//! How long ago something was, and when, in the words of people.

use crate::model::time::Timestamp;
use std::time::Duration;

/// `4 s`, `12 min`, `3 h`, `9 d`.
pub fn length(duration: Duration) -> String {
    let s = duration.as_secs();
    match s {
        0..120 => format!("{s} s"),
        120..7_200 => format!("{} min", s / 60),
        7_200..172_800 => format!("{} h", s / 3_600),
        _ => format!("{} d", s / 86_400),
    }
}

/// How long before `now` it was: `now`, `4 s ago`, or `never`.
pub fn ago(now: Timestamp, then: Option<Timestamp>) -> String {
    match then.map(|then| now.since(then)) {
        None => "never".to_string(),
        Some(age) if age < Duration::from_secs(1) => "now".to_string(),
        Some(age) => format!("{} ago", length(age)),
    }
}

/// The moment in UTC to the second, `2026-11-22 19:30:00Z`.
pub fn moment(at: Timestamp) -> String {
    at.calendar().strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_stay_short() {
        let now = Timestamp(10_000_000_000);
        let before = |s: u64| ago(now, Some(Timestamp(now.0 - s * 1_000)));
        let shown = [0, 1, 119, 120, 7_199, 7_200, 172_800].map(before);
        assert_eq!(
            shown,
            ["now", "1 s ago", "119 s ago", "2 min ago", "119 min ago", "2 h ago", "2 d ago"]
        );
        assert_eq!(ago(now, None), "never");
        assert_eq!(ago(now, Some(Timestamp(now.0 + 5_000))), "now");
    }

    #[test]
    fn a_moment_is_calendar_time() {
        assert_eq!(moment(Timestamp(0)), "1970-01-01 00:00:00Z");
        assert_eq!(moment(Timestamp(u64::MAX)).len(), 20);
    }
}
