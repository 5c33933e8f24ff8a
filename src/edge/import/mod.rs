//! Readers of the lists of machines that a site already has: scans, tables of neighbours, exports.
//!
//! ```text
//!   file ─► size ─► format ─┬─ nmap XML:         whole document or nothing ─┐
//!                           ├─ ARP, `ip neigh`:  row by row ────────────────┤
//!                           ├─ CDP, LLDP:        block by block ────────────┼─► gather ─► machines
//!                           └─ CSV:              row by row ────────────────┘   (same one = one)
//! ```
//!
//! Every byte read here was written by strangers: names come from whoever answers a scan. So all
//! sizes are bounded ([`ImportLimits`]), names hold plain characters only, what is left out is
//! counted and listed with a reason, and equal bytes give equal results in equal order.
//!
//! Whether a file is whole can be told for nmap (a cut one is refused, nothing of it is taken).
//! A text with a table of ARP has no mark at its end: one that was cut at the end of a line reads
//! as a shorter table. Cut inside a line, that row is skipped and reported.

mod arp;
mod csv;
mod gather;
mod ip_neigh;
mod neighbours;
mod nmap;

#[cfg(test)]
mod tests;

use crate::client::contract::ImportFormat;
use crate::model::discovery::Found;
use std::borrow::Cow;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// What one import may take up. Beyond a limit a file is refused, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportLimits {
    /// Size of a file. Default 64 MiB.
    pub bytes_max: u64,
    /// Rows of a table, hosts of a scan. Default 200,000.
    pub rows_max: u64,
    /// Host names taken from a file; machines beyond are taken without. Default 100,000.
    pub host_names_max: u64,
    /// Skipped rows listed, and refused names; more are only counted. Default 100.
    pub skipped_listed_max: usize,
    /// Length of a line of text; a longer one is skipped. Default 4,096.
    pub line_bytes_max: usize,
    /// Elements within elements of XML. Default 32.
    pub xml_depth_max: usize,
    /// Attributes of an element of XML. Default 64.
    pub xml_attributes_max: usize,
}

impl Default for ImportLimits {
    fn default() -> Self {
        ImportLimits {
            bytes_max: 64 * 1024 * 1024,
            rows_max: 200_000,
            host_names_max: 100_000,
            skipped_listed_max: 100,
            line_bytes_max: 4_096,
            xml_depth_max: 32,
            xml_attributes_max: 64,
        }
    }
}

/// What was read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// How it was read; never [`ImportFormat::Auto`].
    pub format: ImportFormat,
    /// The machines, in order of first appearance.
    pub found: Vec<Found>,
    /// Rows or hosts seen, the skipped ones among them.
    pub rows: u64,
    /// The first skipped ones; of each reason some, however often another one comes before.
    pub skipped: Vec<Skipped>,
    pub skipped_total: u64,
    /// Host names left out: not plain, too long, or too many. Their machines are taken.
    pub names_refused: u64,
    /// The lines of the first of them.
    pub names_refused_at: Vec<u64>,
}

/// A row or host that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Counted from 1.
    pub line: u64,
    pub reason: SkipReason,
}

/// Why a row or host was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum SkipReason {
    #[error("no machine answered (host not up)")]
    NotUp,
    #[error("no hardware address is known (incomplete)")]
    Incomplete,
    #[error("a broadcast address is no machine")]
    Broadcast,
    #[error("a multicast address is no machine")]
    Multicast,
    #[error("an unspecified address (all zero) is no machine")]
    Unspecified,
    #[error("a loopback address says nothing outside its machine")]
    Loopback,
    #[error("neither an address nor a hardware address is given")]
    NoAddress,
    #[error("the addresses of this row cannot be read")]
    Unreadable,
    #[error("a quote is not closed in its line")]
    OpenQuote,
    #[error("the line is too long")]
    TooLong,
    #[error("the end of the file is not whole")]
    CutOff,
}

/// Why nothing was taken of a file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("cannot read {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{0} is not a file; to read a stream, write it into a file first")]
    NotAFile(PathBuf),
    #[error("the file has more than {max} bytes")]
    TooLarge { max: u64 },
    #[error("the file has more than {max} rows")]
    TooManyRows { max: u64 },
    #[error("the file is empty")]
    Empty,
    #[error("the file is UTF-16 text; save it as UTF-8")]
    Utf16,
    #[error(
        "the file has so many zero bytes that it looks like UTF-16 text without its mark; save \
         it as UTF-8"
    )]
    Utf16Unmarked,
    #[error("nothing in it was recognised as a machine (lines read as `{format}`: {lines})")]
    NothingRead { format: ImportFormat, lines: u64 },
    #[error("the scan in this file lists no machine: none answered it")]
    NoHosts,
    #[error("none of its {rows} rows is a machine; line {}: {}", first.line, first.reason)]
    NoMachine { rows: u64, first: Skipped },
    #[error("the first line names no column with addresses: {found:?}")]
    NoColumns { found: String },
    #[error("this XML is not of nmap (its outermost element is {found:?})")]
    NotNmap { found: String },
    #[error("line {line}: the XML is not UTF-8 text")]
    NotUtf8 { line: u64 },
    #[error(
        "line {line}: the XML brings a document type of its own; nmap writes only \
         `<!DOCTYPE nmaprun>`, and nothing else is read"
    )]
    DocumentType { line: u64 },
    #[error("line {line}: the XML uses the entity {name:?}; only the predefined ones are read")]
    Entity { line: u64, name: String },
    #[error("line {line}: elements are nested deeper than {max}")]
    TooDeep { line: u64, max: usize },
    #[error("line {line}: an element has more than {max} attributes")]
    TooManyAttributes { line: u64, max: usize },
    #[error("line {line}: the XML is not well-formed ({what:?})")]
    NotWellFormed { line: u64, what: String },
    #[error("line {line}: the file ends in the middle; nothing of it was taken, export it again")]
    EndsInTheMiddle { line: u64 },
}

/// The machines in a file. Its size is looked at before its content.
pub fn read_file(
    path: &Path,
    format: ImportFormat,
    limits: &ImportLimits,
) -> Result<Import, ImportError> {
    let failed = |source| ImportError::Io { path: path.to_path_buf(), source };
    let about = std::fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        return Err(ImportError::NotAFile(path.to_path_buf()));
    }
    if about.len() > limits.bytes_max {
        return Err(ImportError::TooLarge { max: limits.bytes_max });
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // The file may have grown since: never more than one byte over the limit is read.
    file.take(limits.bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    read(&bytes, format, limits)
}

/// The machines in the bytes of a file.
pub fn read(
    bytes: &[u8],
    format: ImportFormat,
    limits: &ImportLimits,
) -> Result<Import, ImportError> {
    if bytes.len() as u64 > limits.bytes_max {
        return Err(ImportError::TooLarge { max: limits.bytes_max });
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(ImportError::Utf16);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ImportError::Empty);
    }
    if looks_like_utf16(bytes) {
        return Err(ImportError::Utf16Unmarked);
    }
    let bytes = &*with_line_feeds(bytes);
    let format = if format == ImportFormat::Auto { guess(bytes) } else { format };
    let import = read_as(bytes, format, limits)?;
    match import.rows {
        // Of nmap's XML it is known that it is whole: a scan that found nobody.
        0 if format != ImportFormat::NmapXml => {
            let lines = bytes.trim_ascii_end().split(|byte| *byte == b'\n').count() as u64;
            Err(ImportError::NothingRead { format, lines })
        }
        _ => Ok(import),
    }
}

fn read_as(
    bytes: &[u8],
    format: ImportFormat,
    limits: &ImportLimits,
) -> Result<Import, ImportError> {
    match format {
        ImportFormat::NmapXml => nmap::read(bytes, limits),
        ImportFormat::IpNeigh => ip_neigh::read(bytes, limits),
        ImportFormat::Cdp | ImportFormat::Lldp => neighbours::read(bytes, format, limits),
        ImportFormat::Csv => csv::read(bytes, limits),
        ImportFormat::Arp | ImportFormat::Auto => arp::read(bytes, limits),
    }
}

/// Whether every third byte of the beginning is zero, or more: plain text of most languages has
/// every second one in UTF-16, and none in UTF-8.
fn looks_like_utf16(bytes: &[u8]) -> bool {
    let begin = &bytes[..bytes.len().min(GUESSED_BY)];
    let zeros = begin.iter().filter(|byte| **byte == 0).count();
    zeros > 0 && zeros >= begin.len() / 3
}

/// The text with a line feed for each carriage return that ends a line alone. Those right before a
/// line feed belong to it.
fn with_line_feeds(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'\r') {
        return Cow::Borrowed(bytes);
    }
    let mut text = bytes.to_vec();
    let mut before_feed = false;
    for byte in text.iter_mut().rev() {
        match *byte {
            b'\r' if !before_feed => *byte = b'\n',
            b'\r' => {}
            other => before_feed = other == b'\n',
        }
    }
    Cow::Owned(text)
}

/// An address, with the interface that some put behind `%` cut off.
fn read_address(word: &str) -> Option<IpAddr> {
    word.split('%').next()?.parse().ok()
}

/// How much of a file is looked at to guess what it is, in bytes.
const GUESSED_BY: usize = 64 * 1024;

/// What a file is, by how it begins; a table of ARP where nothing else fits.
fn guess(bytes: &[u8]) -> ImportFormat {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(GUESSED_BY)]);
    let first = text.trim_start().lines().next().unwrap_or_default();
    let has_block = |format: &ImportFormat| {
        text.lines().any(|line| neighbours::begins(*format, line.trim_end()))
    };
    match first {
        _ if first.starts_with('<') => ImportFormat::NmapXml,
        _ if csv::is_head(first) => ImportFormat::Csv,
        _ if ip_neigh::is_row(first) => ImportFormat::IpNeigh,
        _ => {
            let blocks = [ImportFormat::Cdp, ImportFormat::Lldp].into_iter().find(has_block);
            blocks.unwrap_or(ImportFormat::Arp)
        }
    }
}
