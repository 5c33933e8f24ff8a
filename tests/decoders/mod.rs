//! Everything that reads what comes from outside, each as one function of bytes: what the fuzz
//! targets of `fuzz/` run, and what `tests/fuzz.rs` runs with the inputs they left.
//!
//! ```text
//!   bytes ─► reader of the product ─┬─ refused: in words that a terminal can show
//!                                   └─ taken:   written and read again it is the same
//!              │ memory within a bound, no panic
//! ```
//!
//! - Every check reads as the product does, by the same functions and with its default limits.
//! - Where one form of bytes is promised, what was taken must be written as it came.
//! - What is set aside while reading is held against a [`Bound`]; `crate::memory` measures it,
//!   where it can.
//! - A check answers whether the bytes were taken, and panics where the reader is wrong.

mod backups;
mod certificates;
mod configuration;
mod imports;
mod letters;
mod records;
mod requests;
mod secrets;
mod words;

use crate::memory;
use lictree::model::text::is_invisible;
use std::fmt::Display;

/// One reader.
pub struct Target {
    /// Also that of its folder in `fuzz/corpus`.
    pub name: &'static str,
    pub check: fn(&[u8]) -> bool,
    pub shape: Shape,
}

/// How its bytes are made up, for whoever changes them with a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A protobuf message behind so many bytes.
    Message(usize),
    /// A protobuf message behind a byte with a length, and so many bytes more.
    Keyed,
    Text,
    /// Something else, with lengths in it.
    Bytes,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "frame", check: letters::frames, shape: Shape::Bytes },
    Target { name: "letter", check: letters::letter, shape: Shape::Message(0) },
    Target { name: "hello", check: letters::hello, shape: Shape::Message(0) },
    Target { name: "join_request", check: letters::join_request, shape: Shape::Message(0) },
    Target { name: "join_reply", check: letters::join_reply, shape: Shape::Message(0) },
    Target { name: "batch", check: records::batch, shape: Shape::Message(0) },
    Target { name: "row", check: records::row, shape: Shape::Keyed },
    Target { name: "key", check: records::key, shape: Shape::Bytes },
    Target { name: "meta", check: records::meta, shape: Shape::Bytes },
    Target { name: "backup", check: backups::whole, shape: Shape::Bytes },
    Target { name: "backup_part", check: backups::part, shape: Shape::Message(1) },
    Target { name: "license", check: secrets::license, shape: Shape::Text },
    Target { name: "vendor_key", check: secrets::vendor_key, shape: Shape::Text },
    Target { name: "join_code", check: secrets::join_code, shape: Shape::Text },
    Target { name: "certificate", check: certificates::certificate, shape: Shape::Bytes },
    Target { name: "signing_request", check: certificates::request, shape: Shape::Bytes },
    Target { name: "identity_name", check: certificates::name, shape: Shape::Text },
    Target { name: "configuration", check: configuration::whole, shape: Shape::Text },
    Target { name: "scan", check: configuration::scan, shape: Shape::Text },
    Target { name: "topology", check: configuration::topology, shape: Shape::Text },
    Target { name: "nmap", check: imports::nmap, shape: Shape::Text },
    Target { name: "arp", check: imports::arp, shape: Shape::Text },
    Target { name: "ip_neigh", check: imports::ip_neigh, shape: Shape::Text },
    Target { name: "cdp", check: imports::cdp, shape: Shape::Text },
    Target { name: "lldp", check: imports::lldp, shape: Shape::Text },
    Target { name: "csv", check: imports::csv, shape: Shape::Text },
    Target { name: "any_list", check: imports::any_list, shape: Shape::Text },
    Target { name: "request", check: requests::request, shape: Shape::Text },
    Target { name: "body", check: requests::body, shape: Shape::Text },
    Target { name: "words", check: words::words, shape: Shape::Text },
];

/// What reading may set aside at once: so many times what came, and so many bytes more.
#[derive(Clone, Copy, Debug)]
struct Bound {
    times: usize,
    plus: usize,
}

impl Bound {
    /// What `read` makes of these bytes.
    #[track_caller]
    fn hold<T>(self, bytes: &[u8], read: impl FnOnce() -> T) -> T {
        let (made, peak) = memory::peak(read);
        let most = self.times * bytes.len() + self.plus;
        let len = bytes.len();
        assert!(peak <= most, "{peak} bytes were set aside for {len} bytes, at most {most} may be");
        made
    }
}

/// What is told of bad bytes goes to terminals and logs: nothing in it may move a cursor or hide.
#[track_caller]
fn assert_sayable(told: impl Display) {
    let text = told.to_string();
    assert!(!text.contains(is_invisible), "this is told as it came: {text:?}");
    assert!(!text.is_empty(), "nothing is told");
}

/// The text of bytes that are only read as text.
fn text_of(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
