//! Tables of ARP as text, read row by row.
//!
//! A row is known by what it holds, not by the kind of system that printed it, so that tables of
//! several systems may stand in one file:
//!
//! ```text
//!   name (address) at mac …            Linux -a, BSD, macOS, AIX
//!   name hwtype mac …                  Linux -v where it found a name
//!   … address … mac …, either first    every other table
//! ```
//!
//! A line that holds none of these words (titles, rulers, sums) is layout and not counted.
//! A last line without an end is taken only if something stands behind what was read of it: a cut
//! `00:50:56:c0:00:0` is a right address of another machine.

use crate::client::contract::ImportFormat;
use crate::edge::import::gather::Gather;
use crate::edge::import::{Import, ImportError, ImportLimits, SkipReason, read_address};
use crate::model::discovery::{Found, MacAddress};
use std::net::IpAddr;

pub(super) fn read(bytes: &[u8], limits: &ImportLimits) -> Result<Import, ImportError> {
    let mut gather = Gather::new(ImportFormat::Arp, limits);
    let mut lines = 0;
    for (line, content) in (1..).zip(bytes.split_inclusive(|b| *b == b'\n')) {
        lines = line;
        if content.len() > limits.line_bytes_max {
            gather.take(line, Err(SkipReason::TooLong))?;
        } else if let Some(row) = row_in(content) {
            gather.take(line, row)?;
        }
    }
    if !gather.has_understood() {
        return Err(ImportError::NothingRead { format: ImportFormat::Arp, lines });
    }
    Ok(gather.finish())
}

/// What a line says; nothing when it is layout.
fn row_in(content: &[u8]) -> Option<Result<Found, SkipReason>> {
    let text = String::from_utf8_lossy(content);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let read = if words.first() == Some(&"Interface:") { None } else { row_of(&words) };
    let whole = text.ends_with(|c: char| c.is_ascii_whitespace());
    match read {
        _ if words.is_empty() => None,
        None if whole => None,
        Some(row) if whole || row.last + 1 < words.len() => Some(row.found),
        _ => Some(Err(SkipReason::CutOff)),
    }
}

/// A row, and the place of the last word that was used of it.
struct Row {
    found: Result<Found, SkipReason>,
    last: usize,
}

fn row_of(words: &[&str]) -> Option<Row> {
    let address_of = |pair: &[&str]| in_brackets(pair[0]).and_then(read_address);
    // Only the name stands before the address, and strangers write it: it may look like a row of
    // its own. So the last place that fits is the true one.
    let at = words.windows(2).rposition(|pair| pair[1] == "at" && address_of(pair).is_some());
    let Some(at) = at else { return row_of_table(words) };
    let word = words.get(at + 2).copied().unwrap_or_default();
    let found = match word.parse() {
        Ok(mac) => Ok(found(Some(words[..at].join(" ")), address_of(&words[at..]), mac)),
        Err(_) if is_incomplete(word) => Err(SkipReason::Incomplete),
        Err(_) => Err(SkipReason::Unreadable),
    };
    Some(Row { found, last: at + 2 })
}

fn row_of_table(words: &[&str]) -> Option<Row> {
    let mac = words.iter().enumerate().find_map(|(i, word)| Some((i, word.parse().ok()?)));
    let address = words.iter().enumerate().find_map(|(i, word)| Some((i, read_address(word)?)));
    let incomplete = words.iter().position(|word| is_incomplete(word));
    match (address, mac) {
        (Some((i, address)), Some((j, mac))) => {
            Some(Row { found: Ok(found(None, Some(address), mac)), last: i.max(j) })
        }
        (None, Some((2, mac))) if words[1] == "ether" => {
            Some(Row { found: Ok(found(Some(words[0].to_string()), None, mac)), last: 2 })
        }
        (None, Some((last, _))) => Some(Row { found: Err(SkipReason::Unreadable), last }),
        // A line with nothing but an address may still lack its hardware address.
        (Some((i, _)), None) => {
            Some(Row { found: Err(SkipReason::Incomplete), last: incomplete.unwrap_or(i) })
        }
        (None, None) => incomplete.map(|last| Row { found: Err(SkipReason::Incomplete), last }),
    }
}

fn found(host_name: Option<String>, address: Option<IpAddr>, mac: MacAddress) -> Found {
    Found { mac: Some(mac), addresses: address.into_iter().collect(), host_name }
}

fn in_brackets(word: &str) -> Option<&str> {
    word.strip_prefix('(')?.strip_suffix(')')
}

fn is_incomplete(word: &str) -> bool {
    word.trim_matches(['<', '>', '(', ')']).eq_ignore_ascii_case("incomplete")
}

#[cfg(test)]
mod tests;
