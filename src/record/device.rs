//! Forms of devices and of what is wished for them.

use crate::model::device::{Device, OpenWish, STATE_CHANGES_MAX, StateChange};
use crate::model::discovery::MacAddress;
use crate::model::time::Timestamp;
use crate::record::error::RecordError;
use crate::record::form::{Form, perhaps};
use crate::record::moving::GoalForm;
use crate::record::name::name;
use crate::record::number::Numbered;
use crate::record::outside::{mac, mac_number};
use crate::record::room::Room;
use prost::Message;
use std::net::IpAddr;

/// Each address with its length before it: 4 or 16, and as many bytes.
pub fn addresses_bytes(addresses: &[IpAddr]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(addresses.len() * 5);
    for address in addresses {
        match address {
            IpAddr::V4(address) => {
                bytes.push(4);
                bytes.extend(address.octets());
            }
            IpAddr::V6(address) => {
                bytes.push(16);
                bytes.extend(address.octets());
            }
        }
    }
    bytes
}

/// The addresses of such bytes.
pub fn addresses(mut bytes: &[u8]) -> Result<Vec<IpAddr>, RecordError> {
    // Five bytes or more for each, so this sets aside less than four times the bytes.
    let mut addresses = Vec::with_capacity(bytes.len() / 5);
    while !bytes.is_empty() {
        let (address, rest) =
            take_address(bytes).ok_or(RecordError::Torn { what: "network addresses" })?;
        addresses.push(address);
        bytes = rest;
    }
    Ok(addresses)
}

fn take_address(bytes: &[u8]) -> Option<(IpAddr, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    match len {
        4 => rest.split_first_chunk::<4>().map(|(octets, rest)| (IpAddr::from(*octets), rest)),
        16 => rest.split_first_chunk::<16>().map(|(octets, rest)| (IpAddr::from(*octets), rest)),
        _ => None,
    }
}

/// Six bytes each.
pub fn macs_bytes(macs: &[MacAddress]) -> Vec<u8> {
    macs.iter().flat_map(|mac| mac.0).collect()
}

/// The hardware addresses of such bytes.
pub fn macs(bytes: &[u8]) -> Result<Vec<MacAddress>, RecordError> {
    let (macs, rest) = bytes.as_chunks::<6>();
    match rest {
        [] => Ok(macs.iter().copied().map(MacAddress).collect()),
        _ => Err(RecordError::Torn { what: "hardware addresses" }),
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct DeviceForm {
    #[prost(uint64, optional, tag = "1")]
    mac: Option<u64>,
    #[prost(bytes = "vec", tag = "2")]
    addresses: Vec<u8>,
    #[prost(string, optional, tag = "3")]
    host_name: Option<String>,
    #[prost(uint32, tag = "4")]
    state: u32,
    #[prost(string, optional, tag = "5")]
    product: Option<String>,
    #[prost(uint64, tag = "6")]
    first_seen_ms: u64,
    #[prost(uint64, tag = "7")]
    last_seen_ms: u64,
    /// Six bytes each.
    #[prost(bytes = "vec", tag = "8")]
    other_macs: Vec<u8>,
    /// Changes of state, each 8 bytes of milliseconds (little-endian) and one for the state.
    #[prost(bytes = "vec", tag = "9")]
    history: Vec<u8>,
    #[prost(message, optional, tag = "10")]
    goal: Option<GoalForm>,
}

impl Form for DeviceForm {
    type Value = Device;
    const WHAT: &'static str = "a device";

    fn of(device: &Device) -> Self {
        DeviceForm {
            mac: device.mac.map(mac_number),
            addresses: addresses_bytes(&device.addresses),
            host_name: device.host_name.clone(),
            state: device.state.number(),
            product: device.product.as_ref().map(|product| product.to_string()),
            first_seen_ms: device.first_seen.0,
            last_seen_ms: device.last_seen.0,
            other_macs: macs_bytes(&device.other_macs),
            history: history_bytes(&device.history),
            goal: device.goal.as_deref().map(GoalForm::of),
        }
    }

    fn value(self, room: &mut Room) -> Result<Device, RecordError> {
        let host_name = self.host_name.map(|text| room.text("a host name", text));
        let product = self.product.map(|product| name(Self::WHAT, &product));
        Ok(Device {
            mac: self.mac.map(mac).transpose()?,
            other_macs: macs(&self.other_macs)?,
            addresses: addresses(&self.addresses)?,
            host_name: host_name.transpose()?,
            state: Numbered::numbered(self.state)?,
            product: product.transpose()?,
            goal: perhaps(self.goal, room)?.map(Box::new),
            first_seen: Timestamp(self.first_seen_ms),
            last_seen: Timestamp(self.last_seen_ms),
            history: history(&self.history)?,
        })
    }
}

/// Bytes of one change of state.
const CHANGE_LEN: usize = 9;

fn history_bytes(history: &[StateChange]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(history.len() * CHANGE_LEN);
    for StateChange { at, state } in history {
        bytes.extend(at.0.to_le_bytes());
        // There are three states; their numbers fit.
        bytes.push(u8::try_from(state.number()).unwrap_or(u8::MAX));
    }
    bytes
}

fn history(bytes: &[u8]) -> Result<Vec<StateChange>, RecordError> {
    const WHAT: &str = "changes of state";
    let (found, max) = (bytes.len() / CHANGE_LEN, STATE_CHANGES_MAX);
    if found > max {
        return Err(RecordError::TooMany { what: WHAT, found, max });
    }
    let changes = bytes.chunks(CHANGE_LEN).map(|bytes| {
        let (at, state) = bytes.split_first_chunk::<8>().ok_or(RecordError::Torn { what: WHAT })?;
        let [state] = state else { return Err(RecordError::Torn { what: WHAT }) };
        let at = Timestamp(u64::from_le_bytes(*at));
        Ok(StateChange { at, state: Numbered::numbered(u32::from(*state))? })
    });
    changes.collect()
}

#[derive(Clone, PartialEq, Message)]
pub struct OpenWishForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(uint64, tag = "2")]
    number: u64,
    #[prost(uint32, tag = "3")]
    want: u32,
}

impl Form for OpenWishForm {
    type Value = OpenWish;
    const WHAT: &'static str = "an open wish";

    fn of(wish: &OpenWish) -> Self {
        let (product, want) = (wish.product.to_string(), wish.want.number());
        OpenWishForm { product, number: wish.number, want }
    }

    fn value(self, _: &mut Room) -> Result<OpenWish, RecordError> {
        let product = name(Self::WHAT, &self.product)?;
        Ok(OpenWish { product, number: self.number, want: Numbered::numbered(self.want)? })
    }
}
