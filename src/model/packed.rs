//! One row of a table of nodes in as few bytes as is sensible.
//!
//! ```text
//!   facts:  what, 1 ─ first seen, 6 ─ [mac, 6] ─ [product, 1 + n] ─ [host name, 1 + n]
//!           ─ [goal, 1 + n] ─ [other macs, 1 + n of 6]
//!           ─ [changes of state, 1 + n of 7] ─ addresses, each 1 + 4 or 16
//! ```
//! The bytes never leave the memory: their form may change with every version.

use crate::model::device::{Device, DeviceNumber, DeviceState, StateChange};
use crate::model::discovery::MacAddress;
use crate::model::name::ProductName;
use crate::model::time::Timestamp;
use std::net::IpAddr;

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Node(DeviceState),
    /// It was deleted; the number of the deletion is still needed.
    Gone,
}

/// A row as it lies in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed<'a> {
    pub version: u64,
    /// The version at which anything but `last_seen` changed last.
    pub facts_version: u64,
    pub number: DeviceNumber,
    pub last_seen: Timestamp,
    pub kind: Kind,
    /// What [`pack`] made.
    pub facts: &'a [u8],
}

const HAS_MAC: u8 = 1;
const HAS_PRODUCT: u8 = 2;
const HAS_NAME: u8 = 4;
const HAS_HISTORY: u8 = 8;
const HAS_MACS: u8 = 16;
const HAS_GOAL: u8 = 32;
/// More bytes than most nodes take.
const PACKED_USUALLY: usize = 96;
/// A change of state: when, 6, and into which, 1.
const CHANGE: usize = 7;

impl<'a> Packed<'a> {
    /// A node whose facts are packed already.
    pub fn node(
        number: DeviceNumber,
        version: u64,
        device: &Device,
        facts: &'a [u8],
    ) -> Packed<'a> {
        let (last_seen, kind) = (device.last_seen, Kind::Node(device.state));
        Packed { version, facts_version: version, number, last_seen, kind, facts }
    }

    /// A node that was deleted.
    pub fn gone(number: DeviceNumber, version: u64) -> Packed<'a> {
        let (last_seen, kind) = (Timestamp(0), Kind::Gone);
        Packed { version, facts_version: version, number, last_seen, kind, facts: &[] }
    }

    /// The state; nothing where the node is gone.
    pub fn state(&self) -> Option<DeviceState> {
        match self.kind {
            Kind::Node(state) => Some(state),
            Kind::Gone => None,
        }
    }

    /// The row as a device; nothing where it is gone.
    pub fn device(&self) -> Option<Device> {
        let state = self.state()?;
        let facts = self.facts();
        Some(Device {
            mac: facts.mac,
            other_macs: facts.other_macs().collect(),
            addresses: facts.addresses().collect(),
            host_name: facts.host_name.map(str::to_string),
            state,
            product: facts.product_name(),
            goal: facts.goal.and_then(|goal| goal.parse().ok()).map(Box::new),
            first_seen: facts.first_seen,
            last_seen: self.last_seen,
            history: facts.history().collect(),
        })
    }

    pub fn facts(&self) -> Facts<'a> {
        unpack(self.facts).unwrap_or_default()
    }
}

/// The facts of a row, borrowed from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    pub first_seen: Timestamp,
    pub mac: Option<MacAddress>,
    pub product: Option<&'a str>,
    pub host_name: Option<&'a str>,
    /// Where it is to be managed: `d`, or `d:4`.
    pub goal: Option<&'a str>,
    other_macs: &'a [u8],
    history: &'a [u8],
    addresses: &'a [u8],
}

impl<'a> Facts<'a> {
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + 'a {
        let mut bytes = self.addresses;
        std::iter::from_fn(move || {
            let (len, rest) = bytes.split_first()?;
            match len {
                4 => {
                    let (octets, rest) = rest.split_first_chunk::<4>()?;
                    bytes = rest;
                    Some(IpAddr::from(*octets))
                }
                _ => {
                    let (octets, rest) = rest.split_first_chunk::<16>()?;
                    bytes = rest;
                    Some(IpAddr::from(*octets))
                }
            }
        })
    }

    /// Those it was merged with.
    pub fn other_macs(&self) -> impl Iterator<Item = MacAddress> + 'a {
        self.other_macs.as_chunks::<6>().0.iter().map(|mac| MacAddress(*mac))
    }

    pub fn history(&self) -> impl Iterator<Item = StateChange> + 'a {
        self.history.chunks_exact(CHANGE).map(|bytes| StateChange {
            at: moment(bytes),
            state: match bytes[CHANGE - 1] {
                1 => DeviceState::Managed,
                2 => DeviceState::Ignored,
                _ => DeviceState::Discovered,
            },
        })
    }

    pub fn product_name(&self) -> Option<ProductName> {
        self.product.and_then(|product| product.parse().ok())
    }
}

/// The facts of a device as bytes, behind each other.
pub fn pack(device: &Device) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PACKED_USUALLY);
    bytes.push(0);
    put_moment(&mut bytes, device.first_seen);
    if let Some(mac) = device.mac {
        bytes[0] |= HAS_MAC;
        bytes.extend(mac.0);
    }
    if let Some(product) = &device.product {
        bytes[0] |= HAS_PRODUCT;
        put_text(&mut bytes, product.as_str());
    }
    if let Some(name) = &device.host_name {
        bytes[0] |= HAS_NAME;
        put_text(&mut bytes, name);
    }
    if let Some(goal) = &device.goal {
        bytes[0] |= HAS_GOAL;
        put_text(&mut bytes, &goal.to_string());
    }
    if !device.other_macs.is_empty() {
        bytes[0] |= HAS_MACS;
        bytes.push(u8::try_from(device.other_macs.len()).unwrap_or(u8::MAX));
        bytes.extend(device.other_macs.iter().take(usize::from(u8::MAX)).flat_map(|mac| mac.0));
    }
    if !device.history.is_empty() {
        bytes[0] |= HAS_HISTORY;
        bytes.push(u8::try_from(device.history.len()).unwrap_or(u8::MAX));
        for StateChange { at, state } in device.history.iter().take(usize::from(u8::MAX)) {
            put_moment(&mut bytes, *at);
            bytes.push(match state {
                DeviceState::Discovered => 0,
                DeviceState::Managed => 1,
                DeviceState::Ignored => 2,
            });
        }
    }
    for address in &device.addresses {
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

/// Six bytes of milliseconds last for 8,900 years.
fn put_moment(bytes: &mut Vec<u8>, at: Timestamp) {
    bytes.extend(&at.0.to_le_bytes()[..6]);
}

fn moment(bytes: &[u8]) -> Timestamp {
    let mut whole = [0; 8];
    whole.iter_mut().zip(&bytes[..6]).for_each(|(to, from)| *to = *from);
    Timestamp(u64::from_le_bytes(whole))
}

/// A text of at most 255 bytes, as every name here is; of a longer one, as much as are whole
/// characters.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let longest = (0..=usize::from(u8::MAX)).rev().find(|len| text.is_char_boundary(*len));
    let text = text.get(..longest.unwrap_or(0)).unwrap_or(text);
    bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    bytes.extend(text.as_bytes());
}

/// The facts in bytes that [`pack`] made; nothing of others.
pub fn unpack(bytes: &[u8]) -> Option<Facts<'_>> {
    let (has, rest) = bytes.split_first()?;
    let (first_seen, mut rest) = rest.split_at_checked(6)?;
    let mut facts = Facts { first_seen: moment(first_seen), ..Facts::default() };
    if has & HAS_MAC != 0 {
        let (mac, behind) = rest.split_first_chunk::<6>()?;
        facts.mac = Some(MacAddress(*mac));
        rest = behind;
    }
    if has & HAS_PRODUCT != 0 {
        facts.product = Some(take_text(&mut rest)?);
    }
    if has & HAS_NAME != 0 {
        facts.host_name = Some(take_text(&mut rest)?);
    }
    if has & HAS_GOAL != 0 {
        facts.goal = Some(take_text(&mut rest)?);
    }
    if has & HAS_MACS != 0 {
        let (macs, behind) = rest.split_first()?;
        (facts.other_macs, rest) = behind.split_at_checked(usize::from(*macs) * 6)?;
    }
    if has & HAS_HISTORY != 0 {
        let (changes, behind) = rest.split_first()?;
        (facts.history, rest) = behind.split_at_checked(usize::from(*changes) * CHANGE)?;
    }
    facts.addresses = rest;
    Some(facts)
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let (len, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*len))?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state() -> impl Strategy<Value = DeviceState> {
        prop_oneof![
            Just(DeviceState::Discovered),
            Just(DeviceState::Managed),
            Just(DeviceState::Ignored)
        ]
    }

    fn device() -> impl Strategy<Value = Device> {
        let address = prop_oneof![
            any::<[u8; 4]>().prop_map(IpAddr::from),
            any::<[u8; 16]>().prop_map(IpAddr::from)
        ];
        (
            prop::collection::vec(any::<[u8; 6]>().prop_map(MacAddress), 0..4),
            prop::collection::vec(address, 0..5),
            proptest::option::of("[a-zü.-]{0,60}"),
            state(),
            proptest::option::of((
                "[a-z][a-z0-9]{0,20}",
                proptest::option::of("[a-z]{1,9}(:[1-9]{1,9})?"),
            )),
            0u64..1 << 48,
            any::<u64>(),
            prop::collection::vec((0u64..1 << 48, state()), 0..4),
        )
            .prop_map(
                |(macs, addresses, host_name, state, managed, first, last, history)| Device {
                    mac: macs.first().copied(),
                    other_macs: macs.iter().skip(1).copied().collect(),
                    addresses,
                    host_name,
                    state,
                    product: managed.as_ref().map(|(name, _)| name.parse().unwrap()),
                    goal: managed
                        .and_then(|(_, goal)| goal)
                        .map(|goal| Box::new(goal.parse().unwrap())),
                    first_seen: Timestamp(first),
                    last_seen: Timestamp(last),
                    history: history
                        .into_iter()
                        .map(|(at, state)| StateChange { at: Timestamp(at), state })
                        .collect(),
                },
            )
    }

    proptest! {
        #[test]
        fn a_device_comes_out_as_it_went_in(device in device(), number in any::<u64>()) {
            let facts = pack(&device);
            let packed = Packed::node(DeviceNumber(number), 7, &device, &facts);
            prop_assert_eq!(packed.device(), Some(device));
        }
    }

    #[test]
    fn a_row_is_small() {
        let device = Device {
            mac: Some(MacAddress([2, 0, 0, 1, 2, 3])),
            addresses: vec!["10.1.2.3".parse().unwrap()],
            host_name: Some("node-0123456.site77.example".to_string()),
            ..Device::default()
        };
        assert_eq!(pack(&device).len(), 46);
    }
}
