//! Which rows are what a filter asks for.

use crate::model::node_query::NodeFilter;
use crate::model::packed::{Facts, Packed};
use crate::model::spelling;
use memchr::memmem::Finder;

pub struct Fits<'a> {
    filter: &'a NodeFilter,
    text: Option<Text>,
}

impl Fits<'_> {
    pub fn new(filter: &NodeFilter) -> Fits<'_> {
        Fits { filter, text: filter.text.as_deref().map(Text::new) }
    }

    pub fn looks_for_text(&self) -> bool {
        self.text.is_some()
    }

    pub fn is_too_old(&self, row: &Packed<'_>) -> bool {
        self.filter.seen_since.is_some_and(|since| row.last_seen < since)
    }

    pub fn lets_through(&mut self, row: &Packed<'_>) -> bool {
        let state = self.filter.state.is_none_or(|state| row.state() == Some(state));
        let old = self.filter.seen_before.is_none_or(|before| row.last_seen < before);
        let fits = state && old && !self.is_too_old(row);
        fits && self.text.as_mut().is_none_or(|text| text.is_in(&row.facts()))
    }
}

/// A text that is looked for, large and small letters the same.
struct Text {
    /// In small letters.
    small: String,
    finder: Finder<'static>,
    /// Whether it has a letter that could be large in a name.
    has_letters: bool,
    /// Whether it could be part of an address at all.
    is_of_address: bool,
    scratch: Vec<u8>,
}

impl Text {
    fn new(text: &str) -> Text {
        let small = text.to_lowercase();
        let of_address = |byte: u8| byte.is_ascii_hexdigit() || b".:".contains(&byte);
        Text {
            finder: Finder::new(small.as_bytes()).into_owned(),
            has_letters: small.bytes().any(|byte| !byte.is_ascii() || byte.is_ascii_alphabetic()),
            is_of_address: small.bytes().all(of_address),
            small,
            scratch: Vec::new(),
        }
    }

    fn is_in(&mut self, facts: &Facts<'_>) -> bool {
        facts.host_name.is_some_and(|name| self.is_in_name(name))
            || self.is_of_address && self.is_in_addresses(facts)
    }

    fn is_in_name(&mut self, name: &str) -> bool {
        if !self.has_letters {
            return self.finder.find(name.as_bytes()).is_some();
        }
        if !name.is_ascii() {
            return name.to_lowercase().contains(&self.small);
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(name.as_bytes());
        self.scratch.make_ascii_lowercase();
        self.finder.find(&self.scratch).is_some()
    }

    fn is_in_addresses(&mut self, facts: &Facts<'_>) -> bool {
        self.scratch.clear();
        for address in facts.addresses() {
            spelling::address(&mut self.scratch, address);
            // In no text that is looked for here.
            self.scratch.push(b' ');
        }
        for mac in facts.mac.into_iter().chain(facts.other_macs()) {
            spelling::mac(&mut self.scratch, mac);
            self.scratch.push(b' ');
        }
        self.finder.find(&self.scratch).is_some()
    }
}
