//! Several nodes that an operator knows to be one machine become one (`node merge`).
//!
//! ```text
//!   KEEP  c:1  mac A   10.0.0.5          ──► c:1  mac A, also B   10.0.0.6, 10.0.0.5
//!   OTHER c:2  mac B   10.0.0.6  pc-7         host name pc-7; first and last seen of both
//!                                        ──► c:2 is gone; the license it used is released
//! ```
//! Decided when it is applied, and checked before that, so that whoever asks in vain is told at
//! once. What the others are found by is from then on what the kept one is found by.

use super::Engine;
use super::device::Told;
use super::identities::newest_first;
use crate::model::account::Want;
use crate::model::device::{Device, DeviceId, DeviceNumber, DeviceState, OTHER_MACS_MAX};
use crate::model::discovery::MacAddress;
use crate::model::refusal::Refusal;
use crate::model::row::DeviceRow;
use std::cmp::Reverse;

/// Nodes that become part of one at a time.
const OTHERS_MAX: usize = 100;

/// Hardware addresses of one node.
const MACS_MAX: usize = OTHER_MACS_MAX + 1;

impl Engine {
    /// Makes the others part of the kept one and deletes them.
    pub(super) fn unite(
        &mut self,
        keep: DeviceNumber,
        others: &[DeviceNumber],
    ) -> Result<(), Refusal> {
        let device = self.united(keep, others)?;
        let goal = self.goal_of(keep).or(others.iter().find_map(|other| self.goal_of(*other)));
        // First of all the others: what names a machine is never at two.
        self.delete(others);
        let Some(row) = self.state.devices.get_mut(&keep) else { return Ok(()) };
        self.state.identities.remove(&row.device, keep);
        row.device = device;
        self.state.identities.insert(&row.device, keep);
        self.number_device(keep, Told::Facts);
        // Where an operator said that the machine moves, it still does.
        if let Some(goal) = goal {
            self.wait_to_move(keep, goal);
        }
        for other in others {
            let (other, keep) = (self.device_id(*other), self.device_id(keep));
            self.note("node.merged", format!("{other} is part of {keep} now"));
        }
        Ok(())
    }

    /// What the kept one would be, or why it cannot.
    pub(super) fn united(
        &self,
        keep: DeviceNumber,
        others: &[DeviceNumber],
    ) -> Result<Device, Refusal> {
        if others.len() > OTHERS_MAX {
            return Err(too_many(others.len()));
        }
        let kept = self.known_row(keep)?;
        let mut rows = vec![kept];
        for (at, other) in others.iter().enumerate() {
            if *other == keep || others[..at].contains(other) {
                return Err(named_twice(&self.device_id(*other)));
            }
            let row = self.known_row(*other)?;
            self.may_give_way(keep, kept, *other, row)?;
            rows.push(row);
        }
        let devices: Vec<&Device> = rows.iter().map(|row| &row.device).collect();
        sum_of(&devices).ok_or_else(|| too_many_macs(&self.device_id(keep)))
    }

    pub(super) fn known_row(&self, number: DeviceNumber) -> Result<&DeviceRow, Refusal> {
        let row = self.state.devices.get(&number).filter(|row| !row.deleted);
        row.ok_or_else(|| super::request::no_node(&self.device_id(number)))
    }

    pub(super) fn device_id(&self, number: DeviceNumber) -> DeviceId {
        DeviceId { managing_source: self.state.name().clone(), number }
    }

    /// Whether all that `other` is and was asked to be may end with it.
    fn may_give_way(
        &self,
        keep: DeviceNumber,
        kept: &DeviceRow,
        other: DeviceNumber,
        row: &DeviceRow,
    ) -> Result<(), Refusal> {
        let is_managed = |row: &DeviceRow| row.device.state == DeviceState::Managed;
        let is_asked = |row: &DeviceRow| row.wish.as_ref().is_some_and(|w| w.want == Want::Manage);
        let (kept_id, id) = (self.device_id(keep), self.device_id(other));
        let waits = match (is_asked(row), is_asked(kept) && is_managed(row)) {
            (true, _) => Some(&id),
            (false, true) => Some(&kept_id),
            (false, false) => None,
        };
        if let Some(waits) = waits {
            return Err(Refusal::new(
                "LT0314",
                format!("{waits} waits for a license that was asked for"),
                format!("wait for the answer (lictree node show {waits}), or ignore it first"),
            ));
        }
        if is_managed(row) && !is_managed(kept) {
            return Err(Refusal::new(
                "LT0309",
                format!("{id} is managed and {kept_id} is not; the merged node would not be"),
                format!(
                    "keep the managed one: lictree node merge {id} {kept_id}; or manage \
                         {kept_id} first"
                ),
            ));
        }
        Ok(())
    }
}

/// All that is known of these together, the first of them before the others; nothing if they have
/// more MACs that name a machine than one node may have.
fn sum_of(devices: &[&Device]) -> Option<Device> {
    let mut sum = (*devices.first()?).clone();
    let (mut named, mut nameless): (Vec<MacAddress>, Vec<MacAddress>) = Default::default();
    for mac in devices.iter().flat_map(|device| device.macs()) {
        let alike = if mac.names_a_machine() { &mut named } else { &mut nameless };
        if alike.len() <= MACS_MAX && !alike.contains(&mac) {
            alike.push(mac);
        }
    }
    if named.len() > MACS_MAX {
        return None;
    }
    // Those that name a machine first; of the others as many as there is room for.
    let mut macs = named.into_iter().chain(nameless).take(MACS_MAX);
    sum.mac = macs.next();
    sum.other_macs = macs.collect();
    let mut by_time = devices.to_vec();
    by_time.sort_by_key(|device| Reverse(device.last_seen));
    let newest = |all: Vec<_>, device: &&Device| newest_first(&all, &device.addresses);
    sum.addresses = by_time.iter().fold(Vec::new(), newest);
    sum.host_name = devices.iter().find_map(|device| device.host_name.clone());
    for device in devices {
        sum.first_seen = sum.first_seen.min(device.first_seen);
        sum.last_seen = sum.last_seen.max(device.last_seen);
    }
    Some(sum)
}

pub(super) fn named_twice(id: &DeviceId) -> Refusal {
    Refusal::new(
        "LT0308",
        format!("{id} is named twice; a node cannot be merged with itself"),
        "name each node once: lictree node merge KEEP OTHER…",
    )
}

pub(super) fn of_two_sources(keep: &DeviceId, other: &DeviceId) -> Refusal {
    Refusal::new(
        "LT0307",
        format!("{keep} and {other} have different managing sources and stay two nodes"),
        format!("ignore or delete one of them where it was found, such as {other}"),
    )
}

fn too_many(others: usize) -> Refusal {
    Refusal::new(
        "LT0315",
        format!("{others} nodes are to be merged with one; at most {OTHERS_MAX} are at a time"),
        "name fewer of them, and the rest when that is done",
    )
}

fn too_many_macs(keep: &DeviceId) -> Refusal {
    Refusal::new(
        "LT0315",
        format!("{keep} would have more than {MACS_MAX} hardware addresses"),
        "merge fewer nodes; delete what is gone",
    )
}
