//! A scan by nmap as XML (`nmap -oX`).
//!
//! ```text
//!   nmaprun ─┬─ host ─┬─ status state="up"            only hosts that are up are taken
//!            │        ├─ address addr= addrtype=      ipv4, ipv6, mac
//!            │        └─ hostnames ── hostname name=  the first one
//!            └─ …     anything else: checked for form, then passed over
//! ```
//!
//! Invariant: nothing is given out before the outermost element was closed and the file ended
//! there. No document type but nmap's bare one, no entity but the predefined five: nothing is ever
//! expanded, fetched or looked up.

use crate::client::contract::ImportFormat;
use crate::edge::import::gather::Gather;
use crate::edge::import::{Import, ImportError, ImportLimits, SkipReason};
use crate::model::discovery::Found;
use quick_xml::XmlVersion;
use quick_xml::errors::{Error as XmlError, IllFormedError};
use quick_xml::escape::{EscapeError, resolve_xml_entity};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use std::borrow::Cow;

/// How much of a bad text an error repeats.
const SHOWN_CHARS_MAX: usize = 120;

pub(super) fn read(bytes: &[u8], limits: &ImportLimits) -> Result<Import, ImportError> {
    let text = std::str::from_utf8(bytes).map_err(|error| ImportError::NotUtf8 {
        line: 1 + line_ends(&bytes[..error.valid_up_to()]),
    })?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    reader.config_mut().enable_all_checks(true);
    let mut scan = Scan::new(limits);
    let mut before = 0;
    loop {
        let event = reader.read_event();
        let at = usize::try_from(reader.buffer_position()).unwrap_or(text.len()).min(text.len());
        scan.line += line_ends(&bytes[before..at]);
        before = at;
        match event {
            Ok(Event::Eof) => return scan.finish(),
            Ok(event) => scan.take(event)?,
            Err(XmlError::IllFormed(IllFormedError::UnclosedReference))
                if is_last(&bytes[before..]) =>
            {
                return Err(ImportError::EndsInTheMiddle { line: scan.line });
            }
            Err(error) => return Err(scan.fault(error)),
        }
    }
}

/// Whether no markup follows: a reference that is not closed here was cut, not mistyped.
fn is_last(bytes: &[u8]) -> bool {
    !bytes.contains(&b'<')
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

/// The elements that mean something, each only within its own parent.
#[derive(Clone, Copy, PartialEq)]
enum Element {
    NmapRun,
    Host,
    HostNames,
    Other,
}

/// What was read of the host that is open.
#[derive(Default)]
struct Host {
    line: u64,
    up: bool,
    unreadable: bool,
    found: Found,
}

struct Scan<'a> {
    limits: &'a ImportLimits,
    gather: Gather<'a>,
    open: Vec<Element>,
    /// The outermost element was closed.
    closed: bool,
    host: Host,
    /// Of the end of what was read last.
    line: u64,
}

type Attributes<'x> = Vec<(&'x str, Cow<'x, str>)>;

impl<'a> Scan<'a> {
    fn new(limits: &'a ImportLimits) -> Scan<'a> {
        let gather = Gather::new(ImportFormat::NmapXml, limits);
        Scan { limits, gather, open: Vec::new(), closed: false, host: Host::default(), line: 1 }
    }

    fn take(&mut self, event: Event<'_>) -> Result<(), ImportError> {
        match event {
            Event::Start(start) | Event::Empty(start) => self.start(&start),
            Event::End(_) => self.end(),
            Event::DocType(name) => self.document_type(&name.into_inner()),
            Event::GeneralRef(reference) => self.reference(&reference),
            Event::Text(text) if text.trim_ascii().is_empty() => Ok(()),
            Event::Text(_) | Event::CData(_) => self.content(),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn finish(self) -> Result<Import, ImportError> {
        if !self.closed {
            return Err(ImportError::EndsInTheMiddle { line: self.line });
        }
        Ok(self.gather.finish())
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), ImportError> {
        if self.open.len() >= self.limits.xml_depth_max {
            return Err(ImportError::TooDeep { line: self.line, max: self.limits.xml_depth_max });
        }
        let name = start.name().0;
        let attributes = self.attributes(start)?;
        let element = match (self.open.last(), name) {
            (None, _) if self.closed => return Err(self.ill_formed("a second document")),
            (None, "nmaprun") => Element::NmapRun,
            (None, _) => return Err(ImportError::NotNmap { found: shown(name) }),
            (Some(Element::NmapRun), "host") => {
                self.host = Host { line: self.line, ..Host::default() };
                Element::Host
            }
            (Some(Element::Host), "hostnames") => Element::HostNames,
            (Some(Element::Host), "status" | "address")
            | (Some(Element::HostNames), "hostname") => {
                self.host.read(name, &attributes);
                Element::Other
            }
            _ => Element::Other,
        };
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) -> Result<(), ImportError> {
        let element = self.open.pop();
        self.closed = self.open.is_empty();
        match element {
            Some(Element::Host) => {
                let host = std::mem::take(&mut self.host);
                self.gather.take(host.line, host.row())
            }
            _ => Ok(()),
        }
    }

    /// Every attribute with its predefined entities and numbers replaced, wanted or not: a bad
    /// one anywhere spoils the file.
    fn attributes<'x>(&self, start: &'x BytesStart<'_>) -> Result<Attributes<'x>, ImportError> {
        let max = self.limits.xml_attributes_max;
        let mut read = Attributes::new();
        for attribute in start.attributes() {
            if read.len() >= max {
                return Err(ImportError::TooManyAttributes { line: self.line, max });
            }
            let attribute = attribute.map_err(|error| self.fault(error.into()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            read.push((attribute.key.0, value.map_err(|error| self.fault(error))?));
        }
        Ok(read)
    }

    fn document_type(&self, name: &str) -> Result<(), ImportError> {
        let expected = self.open.is_empty() && !self.closed && name.trim_ascii() == "nmaprun";
        if expected { Ok(()) } else { Err(ImportError::DocumentType { line: self.line }) }
    }

    fn reference(&self, reference: &BytesRef<'_>) -> Result<(), ImportError> {
        let character = reference.resolve_char_ref().map_err(|error| self.fault(error))?;
        let name: &str = reference;
        if character.is_none() && resolve_xml_entity(name).is_none() {
            return Err(ImportError::Entity { line: self.line, name: shown(name) });
        }
        self.content()
    }

    /// Text belongs into an element.
    fn content(&self) -> Result<(), ImportError> {
        match self.open.is_empty() {
            true => Err(self.ill_formed("text outside of the outermost element")),
            false => Ok(()),
        }
    }

    fn ill_formed(&self, what: &str) -> ImportError {
        ImportError::NotWellFormed { line: self.line, what: shown(what) }
    }

    fn fault(&self, error: XmlError) -> ImportError {
        match error {
            XmlError::Syntax(_) | XmlError::IllFormed(IllFormedError::MissingEndTag(_)) => {
                ImportError::EndsInTheMiddle { line: self.line }
            }
            XmlError::Escape(EscapeError::UnrecognizedEntity(_, name)) => {
                ImportError::Entity { line: self.line, name: shown(&name) }
            }
            error => self.ill_formed(&error.to_string()),
        }
    }
}

impl Host {
    /// One of `status`, `address` and `hostname`.
    fn read(&mut self, name: &str, attributes: &Attributes<'_>) {
        let value = |wanted| attributes.iter().find(|(key, _)| *key == wanted).map(|(_, v)| &**v);
        match name {
            "status" => self.up = value("state") == Some("up"),
            "address" => self.read_address(value("addr"), value("addrtype")),
            _ if self.found.host_name.is_none() => {
                self.found.host_name = value("name").map(str::to_string);
            }
            _ => {}
        }
    }

    fn read_address(&mut self, address: Option<&str>, kind: Option<&str>) {
        let address = address.unwrap_or_default();
        let read = match kind {
            Some("mac") => address.parse().map(|mac| self.found.mac = Some(mac)).is_ok(),
            _ => address.parse().map(|ip| self.found.addresses.push(ip)).is_ok(),
        };
        self.unreadable |= !read;
    }

    fn row(self) -> Result<Found, SkipReason> {
        match (self.up, self.unreadable) {
            (false, _) => Err(SkipReason::NotUp),
            (true, true) => Err(SkipReason::Unreadable),
            (true, false) => Ok(self.found),
        }
    }
}

#[cfg(test)]
mod tests;
