//! Values of arguments; whoever writes one wrongly is shown one that is right.

use crate::model::time::Timestamp;
use std::net::SocketAddr;
use std::time::Duration;

/// A count, zero among them.
pub(super) fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write a whole number, such as 25".to_string())
}

/// How many of what there is; none would be nothing to do.
pub(super) fn some(text: &str) -> Result<usize, String> {
    let wrong = || "write a whole number from 1 on, such as 25".to_string();
    text.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)
}

/// A time that something lives; none would be over at once.
pub(super) fn minutes(text: &str) -> Result<u64, String> {
    let wrong = || "write whole minutes from 1 on, such as 60".to_string();
    text.parse().ok().filter(|minutes| *minutes > 0).ok_or_else(wrong)
}

/// A length of time in one unit, such as `90d`; none would be nothing to wait for.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "write days, hours or minutes from 1 on, such as 90d, 12h or 30m".to_string();
    let unit_s = match text.chars().last() {
        Some('d') => 86_400,
        Some('h') => 3_600,
        Some('m') => 60,
        _ => return Err(wrong()),
    };
    let digits = &text[..text.len() - 1];
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.parse::<u64>().ok().filter(|count| plain && *count > 0);
    let s = count.and_then(|count| count.checked_mul(unit_s)).ok_or_else(wrong)?;
    Ok(Duration::from_secs(s))
}

pub(super) fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| "write a moment such as 2026-01-31T00:00:00Z".to_string())
}

/// A moment, or how long ago it was.
pub(super) fn ago(text: &str) -> Result<Timestamp, String> {
    let wrong = || {
        "write 7d, 12h, 30m, a day such as 2026-01-31 (its beginning in UTC) or a moment such as \
         2026-01-31T00:00:00Z"
            .to_string()
    };
    let ms = |at: jiff::Timestamp| u64::try_from(at.as_millisecond()).map(Timestamp);
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return ms(moment).map_err(|_| wrong());
    }
    if let Some(day) = day(text) {
        return ms(day).map_err(|_| wrong());
    }
    let now = ms(jiff::Timestamp::now()).map_err(|_| wrong())?;
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text.strip_suffix(unit).and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
    let seconds = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return Err(wrong()),
    };
    Ok(Timestamp(now.0.saturating_sub(number.saturating_mul(seconds * 1_000))))
}

/// The beginning of a day in UTC.
fn day(text: &str) -> Option<jiff::Timestamp> {
    const FORM: usize = "2026-01-31".len();
    let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == FORM)?;
    Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// Where a server listens.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let wrong = |_| "write an address and a UDP port, such as 0.0.0.0:4747 or [::]:4747";
    text.parse().map_err(wrong).map_err(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_wrongly_is_shown_rightly() {
        assert_eq!((count("0"), some("3")), (Ok(0), Ok(3)));
        assert!(some("0").unwrap_err().contains("such as 25"));
        assert!(minutes("0").unwrap_err().contains("such as 60"));
        assert_eq!(span("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(span("12h").map(|s| s.as_secs()), Ok(43_200));
        assert_eq!(span("30m").map(|s| s.as_secs()), Ok(1_800));
        for bad in ["", "d", "90", "0d", "-1d", "+1d", "1.5d", "90 d", "9é", "99999999999999999d"]
        {
            assert!(span(bad).unwrap_err().contains("such as 90d"), "{bad:?}");
        }
        assert!(count("many").unwrap_err().contains("such as 25"));
        assert!(moment("2026-01-31T00:00:00Z").is_ok());
        assert!(moment("tomorrow").unwrap_err().contains("2026-01-31T00:00:00Z"));
        assert_eq!(ago("1970-01-01T00:00:07Z"), Ok(Timestamp(7_000)));
        assert_eq!(ago("1970-01-02"), Ok(Timestamp(86_400_000)));
        for bad in ["2026-02-30", "2026-11", "1970-01-02T07:00", "20261127"] {
            assert!(ago(bad).unwrap_err().contains("2026-01-31 "), "{bad}");
        }
        assert!(ago("7d").unwrap() < ago("12h").unwrap());
        assert!(ago("99999999999999999999d").is_err() && ago("7").is_err() && ago("").is_err());
        assert!(ago("7ü").unwrap_err().contains("12h"));
        assert!(listen("[::]:4747").is_ok());
        assert!(listen("4747").unwrap_err().contains("0.0.0.0:4747"));
    }
}
