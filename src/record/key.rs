//! The keys of rows: a table number, and a tuple as bytes.
//!
//! A name ends with a zero byte, which no name has in it; a number has eight bytes, the highest
//! first. So the bytes of two keys of one table stand in the order of the keys, and a scan of all
//! rows of one product, or of one stream, is a scan of one prefix.

use crate::model::device::DeviceNumber;
use crate::model::enrolment::InviteId;
use crate::model::name::NameError;
use crate::model::report::{RowName, StreamId};
use crate::model::row::RowKey;
use crate::record::error::RecordError;
use crate::record::number::Numbered;
use crate::record::outside::{serial, serial_text};
use std::str::FromStr;

/// The tables by number. A number stays with its table for good.
pub mod table {
    pub const SERVER: u8 = 1;
    pub const LICENSE: u8 = 2;
    pub const EDGE: u8 = 3;
    pub const MET: u8 = 4;
    pub const HOLDING: u8 = 5;
    pub const ACCOUNT: u8 = 6;
    pub const ENTRY: u8 = 7;
    pub const BELOW: u8 = 8;
    pub const OUTBOX: u8 = 9;
    pub const DEVICE: u8 = 10;
    pub const GONE: u8 = 11;
    pub const OWN_FIGURES: u8 = 12;
    pub const STREAM: u8 = 13;
    pub const MIRRORED: u8 = 14;
    pub const EVENT: u8 = 15;
    pub const INVITE: u8 = 20;
    pub const TRUST: u8 = 21;
    pub const CLAIM: u8 = 16;
}

/// What a table holds, for errors.
fn title(table: u8) -> Option<&'static str> {
    Some(match table {
        table::SERVER => "the server",
        table::LICENSE => "licenses",
        table::EDGE => "edges",
        table::MET => "servers met",
        table::HOLDING => "holding options",
        table::ACCOUNT => "accounts",
        table::ENTRY => "entries of accounts",
        table::BELOW => "lower holders",
        table::OUTBOX => "outbox",
        table::DEVICE => "devices",
        table::GONE => "devices that are gone",
        table::OWN_FIGURES => "own figures",
        table::STREAM => "streams",
        table::MIRRORED => "mirrored rows",
        table::EVENT => "events",
        table::INVITE => "invitations",
        table::TRUST => "what the tree believes",
        table::CLAIM => "claims of serials",
        _ => return None,
    })
}

/// In front of a row's name within a stream.
const PRODUCT: u8 = 1;
const DEVICE: u8 = 2;

struct KeyBytes(Vec<u8>);

/// Room for the longest key of most trees: two names and a number.
const KEY_LEN_USUAL: usize = 48;

impl KeyBytes {
    fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self.byte(0)
    }

    fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    fn stream(self, stream: &StreamId) -> Self {
        self.text(stream.origin.as_str()).byte(stream.table.number() as u8)
    }

    fn row(self, name: &RowName) -> Self {
        match name {
            RowName::Product(product) => self.byte(PRODUCT).text(product.as_str()),
            RowName::Device(device) => self.byte(DEVICE).number(device.0),
        }
    }
}

/// The table of a key, and the key as bytes.
pub fn encode_key(key: &RowKey) -> (u8, Vec<u8>) {
    let bytes = KeyBytes(Vec::with_capacity(KEY_LEN_USUAL));
    let (table, bytes) = match key {
        RowKey::Server => (table::SERVER, bytes),
        RowKey::License(serial) => (table::LICENSE, bytes.text(serial_text(serial))),
        RowKey::Edge(product, relay) => {
            (table::EDGE, bytes.text(product.as_str()).text(relay.as_str()))
        }
        RowKey::Met(server) => (table::MET, bytes.text(server.as_str())),
        RowKey::Holding(product) => (table::HOLDING, bytes.text(product.as_str())),
        RowKey::Account(product, origin) => {
            (table::ACCOUNT, bytes.text(product.as_str()).text(origin.as_str()))
        }
        RowKey::Entry(product, origin, device) => {
            let account = bytes.text(product.as_str()).text(origin.as_str());
            (table::ENTRY, account.number(device.0))
        }
        RowKey::Below(product, relay) => {
            (table::BELOW, bytes.text(product.as_str()).text(relay.as_str()))
        }
        RowKey::Outbox(product, relay) => {
            (table::OUTBOX, bytes.text(product.as_str()).text(relay.as_str()))
        }
        RowKey::Device(device) => (table::DEVICE, bytes.number(device.0)),
        RowKey::Gone(device) => (table::GONE, bytes.number(device.0)),
        RowKey::OwnFigures(product) => (table::OWN_FIGURES, bytes.text(product.as_str())),
        RowKey::Stream(stream) => (table::STREAM, bytes.stream(stream)),
        RowKey::Mirrored(stream, name) => (table::MIRRORED, bytes.stream(stream).row(name)),
        RowKey::Event(number) => (table::EVENT, bytes.number(*number)),
        RowKey::Invite(id) => (table::INVITE, bytes.number(id.0)),
        RowKey::Trust => (table::TRUST, bytes),
        RowKey::Claim(serial) => (table::CLAIM, bytes.text(serial_text(serial))),
    };
    (table, bytes.0)
}

/// What is left of a key. Each part is nothing when the bytes are not of its kind.
struct KeyParts<'a>(&'a [u8]);

impl KeyParts<'_> {
    fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = str::from_utf8(&self.0[..end]).ok()?.to_string();
        self.0 = &self.0[end + 1..];
        Some(text)
    }

    fn name<N: FromStr<Err = NameError>>(&mut self) -> Option<N> {
        self.text()?.parse().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    fn device(&mut self) -> Option<DeviceNumber> {
        self.number().map(DeviceNumber)
    }

    fn stream(&mut self) -> Option<StreamId> {
        let origin = self.name()?;
        Some(StreamId { origin, table: Numbered::numbered(u32::from(self.byte()?)).ok()? })
    }

    fn row(&mut self) -> Option<RowName> {
        match self.byte()? {
            PRODUCT => self.name().map(RowName::Product),
            DEVICE => self.device().map(RowName::Device),
            _ => None,
        }
    }

    fn key(&mut self, table: u8) -> Option<RowKey> {
        Some(match table {
            table::SERVER => RowKey::Server,
            table::LICENSE => RowKey::License(serial(&self.text()?).ok()?),
            table::EDGE => RowKey::Edge(self.name()?, self.name()?),
            table::MET => RowKey::Met(self.name()?),
            table::HOLDING => RowKey::Holding(self.name()?),
            table::ACCOUNT => RowKey::Account(self.name()?, self.name()?),
            table::ENTRY => RowKey::Entry(self.name()?, self.name()?, self.device()?),
            table::BELOW => RowKey::Below(self.name()?, self.name()?),
            table::OUTBOX => RowKey::Outbox(self.name()?, self.name()?),
            table::DEVICE => RowKey::Device(self.device()?),
            table::GONE => RowKey::Gone(self.device()?),
            table::OWN_FIGURES => RowKey::OwnFigures(self.name()?),
            table::STREAM => RowKey::Stream(self.stream()?),
            table::MIRRORED => RowKey::Mirrored(self.stream()?, self.row()?),
            table::EVENT => RowKey::Event(self.number()?),
            table::INVITE => RowKey::Invite(InviteId(self.number()?)),
            table::TRUST => RowKey::Trust,
            table::CLAIM => RowKey::Claim(serial(&self.text()?).ok()?),
            _ => return None,
        })
    }
}

/// The key of such bytes in that table.
pub fn decode_key(table: u8, bytes: &[u8]) -> Result<RowKey, RecordError> {
    let name = title(table).ok_or(RecordError::UnknownTable { table })?;
    let mut parts = KeyParts(bytes);
    let key = parts.key(table).filter(|_| parts.0.is_empty());
    key.ok_or_else(|| RecordError::Key { table, name, key: bytes.to_vec() })
}
