//! What network devices print of their neighbours in detail: CDP and LLDP, one block for each.
//!
//! ```text
//!   ------------------------
//!   Device ID: desk-switch            Chassis id: 0004.7a2a.bbbb     begins a block
//!     IP address: 10.1.1.2            System Name: phone-2
//!   Version :                         System Description:            what the neighbour says
//!   any text of the neighbour's       any text of the neighbour's    of itself, up to an empty
//!                                                                    line or a ruler: passed over
//!   Management address(es):           Management Addresses:
//!     IP address: 10.1.1.2              IP: 10.132.14.52
//! ```
//!
//! Everything in a block was sent by the neighbour. It may lie about itself; text of its own is not
//! read, so it cannot easily tell of others. A block whose last line has no end was cut, and is
//! left out: an address cut short is a right address of another machine.

use crate::client::contract::ImportFormat;
use crate::edge::import::gather::Gather;
use crate::edge::import::{Import, ImportError, ImportLimits, SkipReason, read_address};
use crate::model::discovery::{Found, MacAddress};
use std::net::IpAddr;

/// Lines that begin further in go on with what a line before says.
const CONTINUES_FROM: usize = 12;
/// So many dashes are a ruler.
const RULER: &str = "-----";

/// What a line is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Names the neighbour, and begins its block.
    Begins,
    Name,
    Address,
    /// Text of the neighbour's own follows.
    Speech,
    Other,
}

/// A neighbour so far.
struct Block {
    line: u64,
    found: Found,
    fault: Option<SkipReason>,
}

/// `format` is CDP or LLDP.
pub(super) fn read(
    bytes: &[u8],
    format: ImportFormat,
    limits: &ImportLimits,
) -> Result<Import, ImportError> {
    let mut gather = Gather::new(format, limits);
    let mut block: Option<Block> = None;
    let (mut lines, mut speech) = (0, false);
    for (line, content) in (1..).zip(bytes.split_inclusive(|b| *b == b'\n')) {
        lines = line;
        if content.len() > limits.line_bytes_max {
            fault(&mut block, SkipReason::TooLong);
            continue;
        }
        let text = String::from_utf8_lossy(content);
        let (part, value) = part_of(format, text.trim_end());
        let ends_speech = text.trim().is_empty() || text.trim().starts_with(RULER);
        speech = (speech || part == Part::Speech) && !ends_speech;
        if speech {
            continue;
        }
        if part == Part::Begins {
            end(block.replace(Block::begun(format, line, value)), &mut gather)?;
        } else if let Some(block) = &mut block {
            block.take(part, value);
        }
        if !content.ends_with(b"\n") {
            fault(&mut block, SkipReason::CutOff);
        }
    }
    end(block, &mut gather)?;
    if !gather.has_understood() {
        return Err(ImportError::NothingRead { format, lines });
    }
    Ok(gather.finish())
}

/// Whether a line begins a block of this format.
pub(super) fn begins(format: ImportFormat, line: &str) -> bool {
    part_of(format, line).0 == Part::Begins
}

fn part_of(format: ImportFormat, line: &str) -> (Part, &str) {
    let further_in = line.len() - line.trim_start().len() >= CONTINUES_FROM;
    let Some((key, value)) = line.split_once(':').filter(|_| !further_in) else {
        return (Part::Other, "");
    };
    let key = key.trim().to_ascii_lowercase();
    let part = match (format, key.as_str()) {
        (ImportFormat::Cdp, "device id") => Part::Begins,
        (ImportFormat::Cdp, "ip address" | "ipv4 address" | "ipv6 address") => Part::Address,
        (ImportFormat::Cdp, "version") => Part::Speech,
        (ImportFormat::Lldp, "chassis id" | "chassisid") => Part::Begins,
        (ImportFormat::Lldp, "system name" | "sysname") => Part::Name,
        (ImportFormat::Lldp, "ip" | "ipv6" | "mgmtip") => Part::Address,
        (ImportFormat::Lldp, "management address" | "management address ipv6") => Part::Address,
        (ImportFormat::Lldp, "system description") => Part::Speech,
        _ => Part::Other,
    };
    (part, value.trim())
}

fn fault(block: &mut Option<Block>, reason: SkipReason) {
    if let Some(block) = block {
        block.fault = block.fault.or(Some(reason));
    }
}

fn end(block: Option<Block>, gather: &mut Gather<'_>) -> Result<(), ImportError> {
    let Some(Block { line, found, fault }) = block else { return Ok(()) };
    let nobody = found.mac.is_none() && found.addresses.is_empty();
    let reason = fault.or(nobody.then_some(SkipReason::NoAddress));
    gather.take(line, reason.map_or(Ok(found), Err))
}

impl Block {
    /// CDP begins with a name; LLDP with what its maker calls the chassis, which may be a hardware
    /// address or an address.
    fn begun(format: ImportFormat, line: u64, value: &str) -> Block {
        let mut block = Block { line, found: Found::default(), fault: None };
        let id = value.strip_prefix("mac ").unwrap_or(value).trim();
        match id.parse::<MacAddress>() {
            Ok(mac) => block.found.mac = Some(mac),
            Err(_) if first_address(id).is_some() => block.take(Part::Address, id),
            Err(_) if format == ImportFormat::Cdp => block.take(Part::Name, id),
            Err(_) => {}
        }
        block
    }

    fn take(&mut self, part: Part, value: &str) {
        match part {
            // Some put the serial number behind: `core-1(FOX1234ABCD)`.
            Part::Name if !value.is_empty() => {
                let name = value.split_once('(').map_or(value, |(name, _)| name);
                self.found.host_name = Some(name.trim().to_string());
            }
            Part::Address => self.found.addresses.extend(first_address(value)),
            _ => {}
        }
    }
}

/// The first word, where it is an address; `not advertised` is none.
fn first_address(value: &str) -> Option<IpAddr> {
    read_address(value.split_ascii_whitespace().next()?)
}

#[cfg(test)]
mod tests;
