//! Checks of devices that move: given up only where another server managed the machine, and never
//! for nothing; and every move whose machine is managed at its goal is done in the end.

use crate::model::device::{DeviceNumber, DeviceState};
use crate::model::discovery::MacAddress;
use crate::model::name::ServerName;
use crate::model::request::Request;
use crate::simulator::topology::Topology;
use crate::simulator::truth::{DeviceTruth, Truth};
use crate::simulator::violation::Findings;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub struct Moves {
    /// Nodes of each place that were ever managed, and the MACs that named them then.
    managed: Vec<BTreeMap<DeviceNumber, BTreeSet<MacAddress>>>,
    /// Nodes of each place that somebody asked to ignore, to delete or to merge.
    let_go: Vec<BTreeSet<DeviceNumber>>,
    /// Nodes that were given up, and as what they were managed then.
    became: BTreeMap<(usize, DeviceNumber), (usize, DeviceNumber)>,
    pub done: u64,
}

impl Moves {
    pub fn of_places(places: usize) -> Moves {
        let (managed, let_go) = (vec![BTreeMap::new(); places], vec![BTreeSet::new(); places]);
        Moves { managed, let_go, became: BTreeMap::new(), done: 0 }
    }

    pub fn posted(&mut self, place: usize, request: &Request) {
        let devices = match request {
            Request::Ignore { devices } | Request::Delete { devices } => devices,
            Request::Unite { others, .. } => others,
            _ => return,
        };
        self.let_go[place].extend(devices.iter().map(|device| device.number));
    }

    /// Its numbers begin anew. What was managed here may still stand in the primary's rows.
    pub fn begins_anew(&mut self, place: usize) {
        self.let_go[place].clear();
        self.became.retain(|(from, _), (to, _)| *from != place && *to != place);
    }

    /// Its disk is an older one: what was asked of it may be done once more.
    pub fn set_back(&mut self, place: usize) {
        self.became.retain(|(from, _), (to, _)| *from != place && *to != place);
    }

    /// A server went from one state of its own to another.
    pub fn check_step(
        &mut self,
        topology: &Topology,
        place: usize,
        (before, after): (&Truth, &Truth),
        set_back: &BTreeSet<usize>,
        out: &mut Findings,
    ) {
        let name = topology.name(place);
        for (number, device) in before.devices.iter().filter(|(_, device)| is_managed(device)) {
            if after.devices.get(number).is_some_and(is_managed) {
                continue;
            }
            match after.moved.get(number) {
                Some(went @ (_, goal)) if before.moved.get(number) != Some(went) => {
                    self.done += 1;
                    let there = topology.place_of(&goal.managing_source);
                    let known = there.and_then(|there| self.managed[there].get(&goal.number));
                    // Whoever was set back may have forgotten that it managed it.
                    let forgot = there.is_some_and(|there| set_back.contains(&there));
                    let holds = forgot || known.is_some_and(|macs| is_reached(device, macs));
                    out.hold(holds, "1.9", || {
                        format!("{name}:{number} was given up and {goal} never was that machine")
                    });
                    let meant = device.moving.as_ref();
                    let meant = meant.is_none_or(|m| m.goal.server == goal.managing_source);
                    out.hold(meant, "1.9", || {
                        format!("{name}:{number} went to {goal}, and was to go elsewhere")
                    });
                    let around = there
                        .is_some_and(|there| self.went((place, *number), (there, goal.number)));
                    out.hold(!around, "1.9", || {
                        format!("{name}:{number} went to {goal}, which was given up for it")
                    });
                }
                _ => out.hold(self.let_go[place].contains(number), "1.9", || {
                    format!("{name}:{number} was given up, and nobody asked for it")
                }),
            }
        }
    }

    /// Which machines a server manages.
    pub fn learn(&mut self, place: usize, after: &Truth) {
        for (number, device) in after.devices.iter().filter(|(_, device)| is_managed(device)) {
            let known = self.managed[place].entry(*number).or_default();
            known.extend(device.macs.iter().copied());
        }
    }

    /// A node was given up. Whether what it was managed as then was given up for it in the end.
    fn went(&mut self, node: (usize, DeviceNumber), to: (usize, DeviceNumber)) -> bool {
        self.became.insert(node, to);
        let mut at = to;
        for _ in 0..self.became.len() {
            match self.became.get(&at).filter(|_| at != node) {
                Some(next) => at = *next,
                None => break,
            }
        }
        at == node
    }
}

fn is_managed(device: &DeviceTruth) -> bool {
    device.state == DeviceState::Managed && !device.deleted
}

/// Whether a node with these MACs is what a device waits for, or one that was named to it.
fn is_reached(device: &DeviceTruth, macs: &BTreeSet<MacAddress>) -> bool {
    let exact = device.moving.as_ref().is_some_and(|moving| moving.goal.node.is_some());
    let nameless = device.macs.is_empty() || macs.is_empty();
    (exact && nameless) || device.macs.iter().any(|mac| macs.contains(mac))
}

/// L1: nothing waits for what is so already. `of` are the places to look at.
pub fn check_rest(
    topology: &Topology,
    truths: &[Truth],
    of: impl Fn(usize) -> bool,
    out: &mut Findings,
) {
    let there = |server: &ServerName| topology.place_of(server).filter(|place| of(*place));
    for (place, truth) in truths.iter().enumerate().filter(|(place, _)| of(*place)) {
        for (number, device) in &truth.devices {
            let Some(moving) = &device.moving else { continue };
            let Some(there) = there(&moving.goal.server) else { continue };
            // One that waits to move itself takes nothing over.
            let stays = |other: &DeviceTruth| is_managed(other) && other.moving.is_none();
            let managed = truths[there].devices.iter().filter(|(_, other)| stays(other));
            let same = |other: &DeviceTruth| device.macs.iter().any(|m| other.macs.contains(m));
            let mut reached = managed.filter(|(node, other)| match moving.goal.node {
                Some(goal) => **node == goal && same(other),
                None => same(other),
            });
            if let Some((node, _)) = reached.next() {
                let (here, goal) = (topology.name(place), &moving.goal.server);
                out.add("L1", format!("{here}:{number} still waits; {goal}:{node} is managed"));
            }
        }
    }
}
