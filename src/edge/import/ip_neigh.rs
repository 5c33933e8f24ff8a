//! The neighbour table of Linux, as `ip neigh` prints it.
//!
//! ```text
//!   10.0.0.7 dev eth0 lladdr 00:16:3e:aa:bb:07 router REACHABLE
//!   └ address            └ hardware address           └ states, in capitals
//! ```
//!
//! A row is whole when it ends with a state, so a cut one is known by that.

use crate::client::contract::ImportFormat;
use crate::edge::import::gather::Gather;
use crate::edge::import::{Import, ImportError, ImportLimits, SkipReason, read_address};
use crate::model::discovery::Found;

/// The states of ip-neighbour(8).
const STATES: [&str; 9] =
    ["PERMANENT", "NOARP", "REACHABLE", "STALE", "NONE", "INCOMPLETE", "DELAY", "PROBE", "FAILED"];

pub(super) fn read(bytes: &[u8], limits: &ImportLimits) -> Result<Import, ImportError> {
    let format = ImportFormat::IpNeigh;
    let mut gather = Gather::new(format, limits);
    let mut lines = 0;
    for (line, content) in (1..).zip(bytes.split_inclusive(|b| *b == b'\n')) {
        lines = line;
        if content.len() > limits.line_bytes_max {
            gather.take(line, Err(SkipReason::TooLong))?;
            continue;
        }
        let text = String::from_utf8_lossy(content);
        let whole = content.ends_with(b"\n");
        match row_of(&text) {
            Some(row) => gather.take(line, row)?,
            None if text.trim().is_empty() => {}
            None if whole => gather.take(line, Err(SkipReason::Unreadable))?,
            None => gather.take(line, Err(SkipReason::CutOff))?,
        }
    }
    if !gather.has_understood() {
        return Err(ImportError::NothingRead { format, lines });
    }
    Ok(gather.finish())
}

/// Whether a line is a row of this table.
pub(super) fn is_row(line: &str) -> bool {
    row_of(line).is_some()
}

/// What a line says; nothing when it is no row, or no whole one.
fn row_of(line: &str) -> Option<Result<Found, SkipReason>> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let address = read_address(words.first()?)?;
    if !STATES.contains(words.last()?) {
        return None;
    }
    let hardware = words.iter().position(|word| *word == "lladdr");
    let hardware = hardware.and_then(|at| words.get(at + 1)).map(|word| word.parse());
    Some(match hardware {
        _ if words.contains(&"FAILED") => Err(SkipReason::NotUp),
        None => Err(SkipReason::Incomplete),
        // Tunnels have an address of another kind there.
        Some(Err(_)) => Err(SkipReason::Unreadable),
        Some(Ok(mac)) => Ok(Found { mac: Some(mac), addresses: vec![address], host_name: None }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::import;

    /// As ip-neighbour(8) describes it; the rows are made up.
    const TABLE: &str = "\
192.0.2.7 dev eth0 lladdr 00:16:3e:aa:bb:07 REACHABLE
192.0.2.1 dev eth0 lladdr 00:16:3e:aa:bb:01 router STALE
192.0.2.9 dev eth0  FAILED
192.0.2.10 dev eth0 INCOMPLETE
192.0.2.11 dev eth0 lladdr 00:16:3e:aa:bb:0b FAILED
fe80::1 dev eth0 lladdr 00:16:3e:aa:bb:01 router DELAY
192.0.2.12 lladdr 00:16:3e:aa:bb:0c PERMANENT
224.0.0.251 dev eth0 lladdr 01:00:5e:00:00:fb NOARP
198.51.100.2 dev gre1 lladdr 203.0.113.9 NOARP
";

    fn read(text: &str) -> Result<Import, ImportError> {
        import::read(text.as_bytes(), ImportFormat::IpNeigh, &ImportLimits::default())
    }

    #[test]
    fn every_row_is_a_machine_or_says_why_not() {
        let import = read(TABLE).unwrap();
        let found: Vec<String> =
            import.found.iter().map(|f| format!("{:?}", f.addresses)).collect();
        assert_eq!(found, ["[192.0.2.7]", "[192.0.2.1, fe80::1]", "[192.0.2.12]"]);
        let why: Vec<(u64, SkipReason)> =
            import.skipped.iter().map(|skipped| (skipped.line, skipped.reason)).collect();
        use SkipReason::{Incomplete, Multicast, NotUp, Unreadable};
        assert_eq!(why, [(3, NotUp), (4, Incomplete), (5, NotUp), (8, Multicast), (9, Unreadable)]);
        assert_eq!(import::guess(TABLE.as_bytes()), ImportFormat::IpNeigh);
    }

    #[test]
    fn a_table_cut_at_any_byte_gives_no_machine_that_the_whole_one_does_not() {
        let whole = read(TABLE).unwrap().found;
        for cut in 0..TABLE.len() {
            let Ok(import) = read(&TABLE[..cut]) else { continue };
            for found in import.found {
                let same = whole.iter().find(|one| one.mac == found.mac).unwrap();
                assert!(found.addresses.iter().all(|a| same.addresses.contains(a)), "at {cut}");
            }
        }
    }
}
