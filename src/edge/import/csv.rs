//! A list with named columns: what a DHCP server, a directory or a person exports.
//!
//! ```text
//!   Host Name;IP Address;Hardware Address           the first row names the columns, in any order
//!   pc-17;10.0.0.17;00-0C-29-1A-4E-3B               `,` `;` or tab between, as that row has it
//! ```
//!
//! Columns are known by their names ([`KINDS`]); others are passed over. A cell may hold several
//! addresses with blanks, `;` or `,` between.

use crate::client::contract::ImportFormat;
use crate::edge::import::gather::Gather;
use crate::edge::import::{Import, ImportError, ImportLimits, SkipReason, read_address};
use crate::model::discovery::{Found, MacAddress};
use csv::{ByteRecord, ReaderBuilder};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Mac,
    Address,
    Name,
}

/// Names of columns, with nothing but their letters and digits.
const KINDS: [(Kind, &[&str]); 3] = [
    (
        Kind::Mac,
        &["mac", "macaddress", "macaddr", "hwaddress", "hardwareaddress", "physicaladdress"],
    ),
    (
        Kind::Address,
        &[
            "ip",
            "ipaddress",
            "ipaddresses",
            "address",
            "addresses",
            "ipv4",
            "ipv6",
            "ipv4address",
            "ipv6address",
            "ipaddr",
        ],
    ),
    (Kind::Name, &["name", "hostname", "host", "dnsname", "computername", "devicename", "fqdn"]),
];

pub(super) fn read(bytes: &[u8], limits: &ImportLimits) -> Result<Import, ImportError> {
    let format = ImportFormat::Csv;
    let head = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let head = String::from_utf8_lossy(&head[..head.len().min(limits.line_bytes_max)]);
    let Some((delimiter, columns)) = columns_of(&head) else {
        return Err(ImportError::NoColumns { found: head.trim().chars().take(200).collect() });
    };
    let mut gather = Gather::new(format, limits);
    for (line, content) in (1..).zip(bytes.split_inclusive(|b| *b == b'\n')).skip(1) {
        let text = content.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let last = !content.ends_with(b"\n");
        let row = match content.len() > limits.line_bytes_max {
            true => Err(SkipReason::TooLong),
            false => row_of(&cells_of(content, delimiter), &columns, last),
        };
        gather.take(line, row)?;
    }
    Ok(gather.finish())
}

/// The cells of one line. A quote that is not closed would take in every line after it, so a row
/// never goes on in the next line: its last cell then ends with the end of the line.
fn cells_of(line: &[u8], delimiter: u8) -> ByteRecord {
    if !line.contains(&b'"') {
        let line = line.trim_ascii_end();
        return line.split(|b| *b == delimiter).collect();
    }
    let mut builder = ReaderBuilder::new();
    builder.delimiter(delimiter).flexible(true).has_headers(false).buffer_capacity(line.len());
    let mut record = ByteRecord::new();
    // Of bytes in memory, records of any length: it cannot fail.
    builder.from_reader(line).read_byte_record(&mut record).unwrap_or(false);
    record
}

/// Whether a first line names columns that are known here.
pub(super) fn is_head(line: &str) -> bool {
    columns_of(line).is_some()
}

/// The sign between columns, and what is in which; nothing where no machine could be told.
fn columns_of(head: &str) -> Option<(u8, Vec<Option<Kind>>)> {
    let count = |sign: &char| head.matches(*sign).count();
    let sign = [',', ';', '\t'].into_iter().rev().max_by_key(count)?;
    let columns: Vec<Option<Kind>> = head.split(sign).map(kind_of).collect();
    let tells = columns.iter().flatten().any(|kind| *kind != Kind::Name);
    tells.then_some((sign as u8, columns))
}

fn kind_of(title: &str) -> Option<Kind> {
    let plain: String = title.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let plain = plain.to_ascii_lowercase();
    KINDS.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(kind, _)| *kind)
}

fn row_of(record: &ByteRecord, columns: &[Option<Kind>], last: bool) -> Result<Found, SkipReason> {
    // A last row without an end may be cut in its last cell, or before.
    if last && (record.len() < columns.len() || columns.last().is_some_and(Option::is_some)) {
        return Err(SkipReason::CutOff);
    }
    let mut found = Found::default();
    for (kind, cell) in columns.iter().zip(record.iter()) {
        let text = String::from_utf8_lossy(cell);
        if kind.is_some() && cell.ends_with(b"\n") {
            return Err(SkipReason::OpenQuote);
        }
        match (kind, text.trim()) {
            (None, _) | (_, "") => {}
            (Some(Kind::Name), text) => found.host_name = Some(text.to_string()),
            (Some(Kind::Mac), text) => {
                found.mac = Some(read_mac(text).ok_or(SkipReason::Unreadable)?);
            }
            (Some(Kind::Address), text) => {
                for word in text.split([' ', ';', ',', '\t']).filter(|word| !word.is_empty()) {
                    found.addresses.push(read_address(word).ok_or(SkipReason::Unreadable)?);
                }
            }
        }
    }
    if found.mac.is_none() && found.addresses.is_empty() {
        return Err(SkipReason::NoAddress);
    }
    Ok(found)
}

/// Lists have them without any sign between, too.
fn read_mac(text: &str) -> Option<MacAddress> {
    let bare = text.len() == 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !bare {
        return text.parse().ok();
    }
    let number = u64::from_str_radix(text, 16).ok()?;
    let [_, _, bytes @ ..] = number.to_be_bytes();
    Some(MacAddress(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::import;

    fn read(text: &str) -> Result<Import, ImportError> {
        import::read(text.as_bytes(), ImportFormat::Auto, &ImportLimits::default())
    }

    fn shown(import: &Import) -> Vec<String> {
        let show = |found: &Found| {
            let mac = found.mac.map(String::from).unwrap_or_default();
            let name = found.host_name.clone().unwrap_or_default();
            format!("{name} {mac} {:?}", found.addresses)
        };
        import.found.iter().map(show).collect()
    }

    #[test]
    fn columns_are_known_by_their_names_whatever_stands_between_them() {
        for sign in [",", ";", "\t"] {
            let text = "Host Name|Scope|IP Address|Client MAC|Mac-Address\r\n\
                        pc-17|a \"b|10.0.0.17|x|00-0C-29-1A-4E-3B\r\n\
                        pc-18||10.0.0.18 2001:db8::18||000c291a4e3c\r\n"
                .replace('|', sign)
                .replace("a \"b", "\"a b\"");
            let import = read(&text).unwrap();
            assert_eq!(import.format, ImportFormat::Csv);
            assert_eq!(
                shown(&import),
                [
                    "pc-17 00:0c:29:1a:4e:3b [10.0.0.17]",
                    "pc-18 00:0c:29:1a:4e:3c [10.0.0.18, 2001:db8::18]"
                ]
            );
        }
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        for end in ["\n", "\r\n"] {
            let rows = ["address,mac", "10.0.0.1,", "x,", "", "10.0.0.2,", "224.0.0.1,", "y,"];
            let text = rows.map(|row| format!("{row}{end}")).concat();
            let import = read(&text).unwrap();
            let lines: Vec<u64> = import.skipped.iter().map(|skipped| skipped.line).collect();
            assert_eq!((lines, import.found.len()), (vec![3, 6, 7], 2), "{end:?}");
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_is_told_with_its_line_and_the_others_are_taken() {
        let import = read(
            "ip,mac,name\n10.0.0.1,,one\nten,,two\n,00:00:00:00:00:zz,three\n,,four\n\
             \"10.0.0.5\nx\",,five\n10.0.0.6,,six\n10.0.0.7,,sev",
        )
        .unwrap();
        let lines: Vec<u64> = import.skipped.iter().map(|skipped| skipped.line).collect();
        assert_eq!(lines, [3, 4, 5, 6, 7, 9]);
        assert_eq!(import.skipped[3].reason, SkipReason::OpenQuote);
        assert_eq!(import.skipped[5].reason, SkipReason::CutOff);
        assert_eq!(shown(&import), ["one  [10.0.0.1]", "six  [10.0.0.6]"]);
    }

    #[test]
    fn a_quote_that_is_not_closed_costs_its_row_and_no_other() {
        let import = read(
            "ip,name,note\n10.0.0.1,\"pc,one\n10.0.0.2,pc2,\"say \"\"hi\"\"\"\n\
             10.0.0.3,pc3,\"two\nlines\"\n10.0.0.4,\"pc4\",\n",
        )
        .unwrap();
        let skipped: Vec<_> = import.skipped.iter().map(|s| (s.line, s.reason)).collect();
        assert_eq!(skipped, [(2, SkipReason::OpenQuote), (5, SkipReason::Unreadable)]);
        let rows = ["pc2  [10.0.0.2]", "pc3  [10.0.0.3]", "pc4  [10.0.0.4]"];
        assert_eq!(shown(&import), rows);
    }

    #[test]
    fn a_list_without_a_column_that_tells_a_machine_is_refused_whole() {
        let asked =
            |text: &str| import::read(text.as_bytes(), ImportFormat::Csv, &ImportLimits::default());
        for bad in ["name,owner\npc,me\n", "10.0.0.1,00:00:00:00:00:01\n", "\n"] {
            let error = asked(bad).unwrap_err();
            assert!(matches!(error, ImportError::NoColumns { .. } | ImportError::Empty), "{error}");
        }
    }
}
