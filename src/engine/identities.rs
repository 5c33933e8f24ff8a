//! Which finding is which node: the one rule of identity at a managing source (decision 0013).
//!
//! ```text
//!   found with a MAC that names a machine ──► the node with that MAC
//!                                        └──► the oldest with one of the addresses and no MAC
//!   found with a MAC that names none ───────► with one of the addresses, and not named itself
//!            … and without any address ─────► the node with that MAC, and no addresses
//!   found without MAC ──────────────────────► with one of the addresses
//!   nobody ─────────────────────────────────► a new node
//! ```
//! Of several, the one seen last; then the lowest number. A node that was merged with another is
//! found by what the other was found by.
//!
//! Invariants
//! - Computed from the rows that are not deleted and from nothing else, so that a start computes
//!   the same: what a command finds must not depend on which commands came before a checkpoint.
//! - A MAC that names a machine is at one node at most.
//! - A node without MAC has no other MACs either.

#[cfg(test)]
mod tests;

use crate::model::device::{ADDRESSES_MAX, Device, DeviceNumber};
use crate::model::discovery::{Found, MacAddress};
use crate::model::row::DeviceRow;
use crate::model::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

type Rows = BTreeMap<DeviceNumber, DeviceRow>;

/// By what nodes are found again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    /// By a MAC that names a machine.
    machines: BTreeSet<(MacAddress, DeviceNumber)>,
    /// By a MAC that names none, where nothing else is known or an operator said so.
    nameless: BTreeSet<(MacAddress, DeviceNumber)>,
    /// By address, whatever their MACs: private networks overlap, and leases move.
    addresses: BTreeSet<(IpAddr, DeviceNumber)>,
    /// The same of those without MAC only.
    unknown: BTreeSet<(IpAddr, DeviceNumber)>,
}

impl Identities {
    pub fn of(rows: &Rows) -> Identities {
        let mut identities = Identities::default();
        for (number, row) in rows.iter().filter(|(_, row)| !row.deleted) {
            identities.insert(&row.device, *number);
        }
        identities
    }

    pub fn insert(&mut self, device: &Device, number: DeviceNumber) {
        for mac in device.macs() {
            match mac.names_a_machine() {
                true => drop(self.machines.insert((mac, number))),
                false if is_found_by_nameless(device, mac) => {
                    self.nameless.insert((mac, number));
                }
                false => {}
            }
        }
        for address in &device.addresses {
            self.addresses.insert((*address, number));
            if device.mac.is_none() {
                self.unknown.insert((*address, number));
            }
        }
    }

    /// Takes out what [`Identities::insert`] put in for the device as it is.
    pub fn remove(&mut self, device: &Device, number: DeviceNumber) {
        for mac in device.macs() {
            self.machines.remove(&(mac, number));
            self.nameless.remove(&(mac, number));
        }
        for address in &device.addresses {
            self.addresses.remove(&(*address, number));
            self.unknown.remove(&(*address, number));
        }
    }

    /// The node that a finding is of, if it is of any there is; `rows` are those of all nodes.
    pub fn number_of(&self, found: &Found, rows: &Rows) -> Option<DeviceNumber> {
        match found.mac {
            Some(mac) if mac.names_a_machine() => of(&self.machines, mac).next().or_else(|| {
                let oldest = found.addresses.iter().filter_map(|a| of(&self.unknown, *a).next());
                oldest.min()
            }),
            Some(mac) if found.addresses.is_empty() => {
                self.seen_last(of(&self.nameless, mac), rows, |_| true)
            }
            Some(mac) => {
                let may_be =
                    |device: &Device| !device.is_named() || device.other_macs.contains(&mac);
                self.seen_last(self.with_address_of(found), rows, may_be)
            }
            None => self.seen_last(self.with_address_of(found), rows, |_| true),
        }
    }

    fn with_address_of(&self, found: &Found) -> impl Iterator<Item = DeviceNumber> {
        found.addresses.iter().flat_map(|address| of(&self.addresses, *address))
    }

    fn seen_last(
        &self,
        numbers: impl Iterator<Item = DeviceNumber>,
        rows: &Rows,
        may_be: impl Fn(&Device) -> bool,
    ) -> Option<DeviceNumber> {
        let seen = numbers.filter_map(|number| {
            let device = &rows.get(&number)?.device;
            may_be(device).then_some((device.last_seen, Reverse(number)))
        });
        seen.max().map(|(_, Reverse(number))| number)
    }
}

/// How many nodes a server has that knew none and was given these lists, one after another.
pub fn node_count(lists: impl Iterator<Item = Vec<Found>>) -> u64 {
    let (mut identities, mut rows) = (Identities::default(), Rows::new());
    for (at, list) in lists.enumerate() {
        for found in list {
            let known = identities.number_of(&found, &rows);
            let number = known.unwrap_or(DeviceNumber(rows.len() as u64 + 1));
            let device = &mut rows.entry(number).or_default().device;
            identities.remove(device, number);
            learn(device, &found);
            device.last_seen = Timestamp(at as u64);
            identities.insert(device, number);
        }
    }
    rows.len() as u64
}

/// The numbers under a key, lowest first.
fn of<K: Copy + Ord>(
    known: &BTreeSet<(K, DeviceNumber)>,
    key: K,
) -> impl Iterator<Item = DeviceNumber> {
    let all = (key, DeviceNumber(0))..=(key, DeviceNumber(u64::MAX));
    known.range(all).map(|(_, number)| *number)
}

/// A MAC that names no machine says who it is only where nothing better does.
fn is_found_by_nameless(device: &Device, mac: MacAddress) -> bool {
    device.addresses.is_empty() || device.other_macs.contains(&mac)
}

/// Whether this finding of the device says anything new of MAC or addresses.
pub(super) fn is_news(device: &Device, found: &Found) -> bool {
    let current = &found.addresses[..found.addresses.len().min(ADDRESSES_MAX)];
    !device.addresses.starts_with(current) || found.mac.is_some_and(|mac| is_mac_news(device, mac))
}

/// A MAC that names a machine stays; one that names none gives way to a newer one.
fn is_mac_news(device: &Device, mac: MacAddress) -> bool {
    let known = device.macs().any(|known| known == mac);
    !known && (device.mac.is_none() || !(device.is_named() || mac.names_a_machine()))
}

/// Takes MAC and addresses of a finding over into the device.
pub(super) fn learn(device: &mut Device, found: &Found) {
    if let Some(mac) = found.mac
        && is_mac_news(device, mac)
    {
        device.mac = Some(mac);
    }
    let before = std::mem::take(&mut device.addresses);
    device.addresses = newest_first(&found.addresses, &before);
}

/// Both lists without repeats, as long as a list may be.
pub(super) fn newest_first(newer: &[IpAddr], older: &[IpAddr]) -> Vec<IpAddr> {
    let mut all = Vec::with_capacity(ADDRESSES_MAX.min(newer.len() + older.len()));
    for address in newer.iter().chain(older) {
        if all.len() < ADDRESSES_MAX && !all.contains(address) {
            all.push(*address);
        }
    }
    all
}
