//! Devices: what a scan found at a site, and whether it is managed.

use super::account::{Want, WishNumber};
use super::discovery::MacAddress;
use super::moving::Goal;
use super::name::{ProductName, ServerName};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Numbers the devices of one managing source, from 1; never used again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct DeviceNumber(pub u64);

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one device in the whole tree: `d:17` is number 17 of managing source d.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceId {
    pub managing_source: ServerName,
    pub number: DeviceNumber,
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.managing_source, self.number))
    }
}

/// Why a text is not the id of a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a node id; ids look like d:17 (managing source, colon, number)")]
pub struct DeviceIdError(pub String);

impl FromStr for DeviceId {
    type Err = DeviceIdError;
    fn from_str(text: &str) -> Result<Self, DeviceIdError> {
        let wrong = || DeviceIdError(text.chars().take(80).collect());
        let (source, number) = text.split_once(':').ok_or_else(wrong)?;
        let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number = number.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
        let managing_source = source.parse().map_err(|_| wrong())?;
        Ok(DeviceId { managing_source, number: DeviceNumber(number) })
    }
}

impl TryFrom<String> for DeviceId {
    type Error = DeviceIdError;
    fn try_from(text: String) -> Result<Self, DeviceIdError> {
        text.parse()
    }
}

impl From<DeviceId> for String {
    fn from(id: DeviceId) -> String {
        id.to_string()
    }
}

/// The three states of a device (JP1-40). Only `Managed` uses a license.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum DeviceState {
    #[default]
    Discovered,
    Managed,
    /// Set aside: a scan that finds it again changes nothing but last-seen (JP1-42).
    Ignored,
}

/// Addresses one device may have; the oldest beyond are forgotten.
pub const ADDRESSES_MAX: usize = 64;

/// Hardware addresses one device may have besides its main one.
pub const OTHER_MACS_MAX: usize = 16;

/// A device as its managing source knows it and as upper servers mirror it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Names it where it names any machine; else the one seen last.
    pub mac: Option<MacAddress>,
    /// Those of nodes that an operator said are this one; at most [`OTHER_MACS_MAX`].
    pub other_macs: Vec<MacAddress>,
    /// The newest finding's first; at most [`ADDRESSES_MAX`].
    pub addresses: Vec<IpAddr>,
    pub host_name: Option<String>,
    pub state: DeviceState,
    /// The product it is managed under; only with `Managed`.
    pub product: Option<ProductName>,
    /// Where it is to be managed, so that it may be given up here; only with `Managed`. Apart,
    /// because few have one and there are millions of devices.
    pub goal: Option<Box<Goal>>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// Its last changes of state, oldest first, at most [`STATE_CHANGES_MAX`]; before the first of
    /// all it was discovered.
    pub history: Vec<StateChange>,
}

/// More changes of the state of one device are forgotten, oldest first.
pub const STATE_CHANGES_MAX: usize = 16;

/// A device went over into a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    pub at: Timestamp,
    pub state: DeviceState,
}

impl Device {
    /// Goes over into a state; the one before.
    pub fn enter(&mut self, state: DeviceState, at: Timestamp) -> DeviceState {
        let before = std::mem::replace(&mut self.state, state);
        if before != state {
            self.history.push(StateChange { at, state });
            let more = self.history.len().saturating_sub(STATE_CHANGES_MAX);
            self.history.drain(..more);
        }
        before
    }
}

impl Device {
    /// Its hardware addresses, the main one first.
    pub fn macs(&self) -> impl Iterator<Item = MacAddress> {
        self.mac.iter().chain(&self.other_macs).copied()
    }

    /// Whether a hardware address says which machine it is.
    pub fn is_named(&self) -> bool {
        self.macs().any(MacAddress::names_a_machine)
    }
}

/// A wish of a device that has no verdict yet; kept only at the managing source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenWish {
    pub product: ProductName,
    pub number: WishNumber,
    pub want: Want,
}
