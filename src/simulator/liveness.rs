//! What must come true once all faults have ended (L1, L2): ledgers agree, nothing is in transit,
//! the primary shows what is so, and a free license is had for the asking.

use crate::model::device::{DeviceId, DeviceNumber, DeviceState};
use crate::model::holding::{HoldingOption, Phase};
use crate::model::name::{ProductName, ServerName};
use crate::model::view::RangesView;
use crate::simulator::enrolments::Census;
use crate::simulator::topology::{PRIMARY, Topology};
use crate::simulator::truth::{EdgeTruth, ProductTruth, Truth, Uses};
use crate::simulator::violation::Findings;
use std::collections::{BTreeMap, BTreeSet};

/// A tree in which all has come to rest, or should have.
pub struct Rest<'a> {
    pub topology: &'a Topology,
    pub truths: &'a [Truth],
    pub product: &'a ProductName,
    /// Who is of the tree; nothing is promised to others.
    pub census: &'a Census,
    /// Places whose data set took the place of another one: what that one had stays counted.
    pub replaced: &'a BTreeSet<usize>,
    /// Places that came below another parent: a holder that they had may still count what the
    /// primary had not heard of when it let them go.
    pub moved: &'a BTreeSet<usize>,
}

/// One device that must get a license when it asks.
#[derive(Clone, Debug)]
pub struct Probe {
    pub place: usize,
    pub device: DeviceId,
    pub product: ProductName,
}

impl Rest<'_> {
    fn at(&self, place: usize) -> ProductTruth {
        self.truths[place].product(self.product)
    }

    fn holds(&self, place: usize) -> bool {
        place == PRIMARY || self.at(place).phase == Phase::Holding
    }

    /// The place whose licenses the devices of this one use.
    pub fn source(&self, place: usize) -> usize {
        match self.topology.parent(place) {
            Some(parent) if !self.holds(place) => self.source(parent),
            _ => place,
        }
    }

    fn places(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.census.members.iter().copied()
    }

    fn settled(&self) -> impl Iterator<Item = usize> {
        self.places().filter(|place| !self.replaced.contains(place))
    }

    fn is_settled(&self, name: &ServerName) -> bool {
        let place = self.topology.place_of(name);
        place.is_some_and(|place| self.census.has(place) && !self.replaced.contains(&place))
    }

    /// L2 without what is shown.
    pub fn check(&self, out: &mut Findings) {
        for place in self.places() {
            let name = self.topology.name(place);
            let at = self.at(place);
            let settled = |relay: &Option<ServerName>| {
                relay.as_ref().is_none_or(|relay| self.is_settled(relay))
            };
            let packs = at.outboxes.iter().filter(|pack| settled(&pack.relay)).count();
            out.hold(packs == 0, "L2", || format!("{name} still has {packs} packs on their way"));
            if place != PRIMARY && !self.replaced.contains(&place) {
                self.check_edge(place, name, out);
            }
        }
        self.check_uses(out);
    }

    fn check_edge(&self, place: usize, name: &ServerName, out: &mut Findings) {
        let relay = self.at(place);
        let edge = self.at(PRIMARY).edges.get(name).copied().unwrap_or_default();
        let EdgeTruth { level, version_seen } = edge;
        let agreed = level.granted == relay.granted_seen
            && level.returned_seen == relay.returned
            && level.version == relay.version
            && level.version == version_seen;
        out.hold(agreed, "L2", || {
            format!("the edge to {name} did not come to rest: primary {edge:?}, relay {relay:?}")
        });
        let phase = match level.option {
            _ if relay.declined => relay.phase,
            HoldingOption::None => Phase::Sharing,
            HoldingOption::Distributed | HoldingOption::Registered => Phase::Holding,
        };
        out.hold(relay.phase == phase, "L2", || {
            format!(
                "{name} is {:?} for {} with option {:?}",
                relay.phase, self.product, level.option
            )
        });
        let held = relay.granted_seen.saturating_sub(relay.returned);
        let target = level.target.0;
        let shrinking = held > target && relay.free() == 0;
        // The primary gives no more than it has free, whatever the target.
        let lacking = held < target && self.at(PRIMARY).free() == 0;
        let lawful = held == target || shrinking || lacking;
        out.hold(lawful || relay.declined, "L2", || {
            let free = relay.free();
            format!("{name} was to hold {target} of {}, holds {held}, {free} free", self.product)
        });
    }

    /// Each ledger has exactly the managed devices of its range (I3).
    fn check_uses(&self, out: &mut Findings) {
        let mut due: BTreeMap<usize, Uses> = BTreeMap::new();
        for place in self.settled() {
            let truth = &self.truths[place];
            for (number, device) in truth.devices.iter().filter(|(_, device)| device.waits) {
                let name = self.topology.name(place);
                out.add("L1", format!("{name}:{number} still waits for a verdict: {device:?}"));
            }
            let managed: Vec<DeviceNumber> = truth.managed(self.product).collect();
            if !managed.is_empty() {
                let uses = due.entry(self.source(place)).or_default();
                uses.insert(self.topology.name(place).clone(), managed);
            }
        }
        for place in self.places() {
            let due = due.remove(&place).unwrap_or_default();
            let mut kept = self.at(place).ledger;
            for (origin, devices) in &mut kept {
                let moved = self.topology.place_of(origin).filter(|at| self.moved.contains(at));
                let due = due.get(origin);
                devices.retain(|one| moved.is_none() || due.is_some_and(|due| due.contains(one)));
            }
            kept.retain(|origin, devices| !devices.is_empty() && self.is_settled(origin));
            let name = self.topology.name(place);
            out.hold(kept == due, "L2", || {
                format!("ledger of {name} for {} has {kept:?}, its range {due:?}", self.product)
            });
        }
    }

    /// The table that the primary shows, against what is so.
    pub fn check_shown(&self, shown: &RangesView, out: &mut Findings) {
        let mut lines = BTreeMap::new();
        for place in self.settled() {
            if self.source(place) == place {
                let at = self.at(place);
                let own = u64::try_from(at.own()).unwrap_or(0);
                // Of who was shut out the primary shows what it was last told.
                let is_told = at.ledger.keys().all(|origin| self.is_settled(origin));
                let used = is_told.then(|| at.used());
                lines.insert(self.topology.name(place), (own, used, Vec::new()));
            }
        }
        for place in self.settled() {
            let source = self.topology.name(self.source(place));
            if let Some((.., members)) = lines.get_mut(source)
                && *source != *self.topology.name(place)
            {
                members.push(self.topology.name(place));
            }
        }
        let rows = shown.ranges.iter().filter(|row| row.product == *self.product);
        let rows = rows.filter(|row| self.is_settled(&row.source));
        let table: BTreeMap<_, _> = rows
            .map(|row| {
                let mut members: Vec<_> =
                    row.destinations.iter().filter(|name| self.is_settled(name)).collect();
                members.sort_by_key(|name| self.topology.place_of(name));
                let told = lines.get(&row.source).is_some_and(|(_, used, _)| used.is_some());
                (&row.source, (row.held.0, told.then_some(row.used.0), members))
            })
            .collect();
        // A product that nobody ever registered is not known, and so not shown.
        let nothing = |(own, used, _): &(u64, _, Vec<_>)| *own == 0 && *used == Some(0);
        let unknown = table.is_empty() && lines.len() == 1 && lines.values().all(nothing);
        out.hold(table == lines || unknown, "L2", || {
            format!("the primary shows {table:?} for {}; so it is {lines:?}", self.product)
        });
    }

    /// Devices that must get a license: at most as many in a range as it has free. None of those
    /// that were `taken` for another product.
    pub fn probes(&self, taken: &[Probe]) -> Vec<Probe> {
        let mut free: BTreeMap<usize, u64> = BTreeMap::new();
        let mut probes = Vec::new();
        for place in self.places().rev() {
            let source = self.source(place);
            let free = free.entry(source).or_insert_with(|| self.at(source).free());
            let is_taken = |number| {
                taken.iter().any(|probe| probe.place == place && probe.device.number == number)
            };
            let discovered = self.truths[place].devices.iter().find(|(number, device)| {
                let discovered = device.state == DeviceState::Discovered;
                discovered && !device.waits && !device.deleted && !is_taken(**number)
            });
            let (Some((number, _)), 1..) = (discovered, *free) else { continue };
            if self.replaced.contains(&place) || self.replaced.contains(&source) {
                continue;
            }
            *free -= 1;
            let managing_source = self.topology.name(place).clone();
            let device = DeviceId { managing_source, number: *number };
            probes.push(Probe { place, device, product: self.product.clone() });
        }
        probes
    }
}
