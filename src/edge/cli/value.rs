//! Values of arguments; whoever writes one wrongly is shown one that is right.

use std::net::SocketAddr;

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

pub(super) fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| "write a moment such as 2026-01-31T00:00:00Z".to_string())
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
        assert!(count("many").unwrap_err().contains("such as 25"));
        assert!(moment("2026-01-31T00:00:00Z").is_ok());
        assert!(moment("tomorrow").unwrap_err().contains("2026-01-31T00:00:00Z"));
        assert!(listen("[::]:4747").is_ok());
        assert!(listen("4747").unwrap_err().contains("0.0.0.0:4747"));
    }
}
