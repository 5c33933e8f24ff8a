//! What servers answered, held against what they know afterwards (I6): nothing answered is lost.
//!
//! A promise stands until somebody asks for something else of the same device or relay; that may
//! take effect from the moment it is asked.

use crate::model::count::LicenseCount;
use crate::model::device::{DeviceId, DeviceNumber, DeviceState};
use crate::model::holding::HoldingOption;
use crate::model::license::Serial;
use crate::model::name::{ProductName, ServerName};
use crate::model::request::{Answer, DeviceOutcome, Doing, HoldingVerb, Request, RequestId};
use crate::simulator::topology::PRIMARY;
use crate::simulator::truth::Truth;
use crate::simulator::violation::Findings;
use std::collections::{BTreeMap, BTreeSet};

/// What was asked for and has no answer yet.
#[derive(Clone, Debug)]
enum Asked {
    Devices { verb: DeviceVerb, count: u64 },
    Holding { key: (ServerName, ProductName), becomes: (HoldingOption, LicenseCount) },
    License(Serial),
    Import,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum DeviceVerb {
    Manage,
    Ignore,
    Delete,
}

#[derive(Clone, Debug, Default)]
struct OfPlace {
    devices: BTreeMap<DeviceNumber, DeviceVerb>,
    serials: BTreeSet<Serial>,
    imported: u64,
}

/// How the devices fared that someone asked to manage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    pub asks: u64,
    pub grants: u64,
    pub denials: u64,
}

#[derive(Debug, Default)]
pub struct Promises {
    asked: BTreeMap<RequestId, (usize, Asked)>,
    /// When each thing was last asked of a device: a promise of an earlier request is void.
    last_asked: BTreeMap<(DeviceId, DeviceVerb), RequestId>,
    last_change: BTreeMap<(ServerName, ProductName), RequestId>,
    /// When it was last asked to remove a server: with it go its edges.
    last_removal: BTreeMap<ServerName, RequestId>,
    places: Vec<OfPlace>,
    holdings: BTreeMap<(ServerName, ProductName), (HoldingOption, LicenseCount)>,
    pub fates: Fates,
    pub holding_changes: u64,
}

impl Promises {
    pub fn of_places(places: usize) -> Promises {
        Promises { places: vec![OfPlace::default(); places], ..Promises::default() }
    }

    pub fn posted(&mut self, id: RequestId, place: usize, request: &Request) {
        let asked = match request {
            Request::Manage { devices, .. } => self.touched(id, place, devices, DeviceVerb::Manage),
            Request::Ignore { devices } => self.touched(id, place, devices, DeviceVerb::Ignore),
            Request::Delete { devices } => self.touched(id, place, devices, DeviceVerb::Delete),
            // The others are part of another node then, and gone.
            Request::Unite { others, .. } => self.touched(id, place, others, DeviceVerb::Delete),
            Request::RegisterLicense(license) => Asked::License(license.serial.clone()),
            Request::Import { .. } => Asked::Import,
            Request::SetHolding(change) if change.doing != Doing::Preview => {
                let Some(product) = change.product.clone() else { return };
                let key = (change.relay.clone(), product);
                self.last_change.insert(key.clone(), id);
                self.holdings.remove(&key);
                Asked::Holding { key, becomes: becomes(change.verb) }
            }
            Request::Remove { name, .. } => {
                self.last_removal.insert(name.clone(), id);
                self.holdings.retain(|(relay, _), _| relay != name);
                return;
            }
            _ => return,
        };
        self.asked.insert(id, (place, asked));
    }

    fn touched(
        &mut self,
        id: RequestId,
        place: usize,
        devices: &[DeviceId],
        verb: DeviceVerb,
    ) -> Asked {
        for device in devices {
            self.last_asked.insert((device.clone(), verb), id);
            if self.places[place].devices.get(&device.number).is_some_and(|kept| *kept != verb) {
                self.places[place].devices.remove(&device.number);
            }
        }
        Asked::Devices { verb, count: devices.len() as u64 }
    }

    /// The server here begins anew on an empty disk: what the one before it said is void.
    pub fn begins_anew(&mut self, place: usize) {
        self.places[place] = OfPlace::default();
        if place == PRIMARY {
            self.holdings.clear();
        }
    }

    pub fn lost(&mut self, id: RequestId) {
        self.asked.remove(&id);
    }

    pub fn heard(&mut self, id: RequestId, answer: &Answer) {
        let Some((place, asked)) = self.asked.remove(&id) else { return };
        match (asked, answer) {
            (Asked::Devices { verb, count }, Answer::DevicesDone(outcomes)) => {
                if verb == DeviceVerb::Manage {
                    self.fates.asks += count;
                }
                outcomes.iter().for_each(|outcome| self.device_done(id, place, verb, outcome));
            }
            (Asked::Holding { key, becomes }, Answer::Holding(outcome)) => {
                let done = outcome.refusal.is_none();
                self.holding_changes += u64::from(done);
                let removed = self.last_removal.get(&key.0).is_some_and(|asked| *asked > id);
                if done && !removed && self.last_change.get(&key) == Some(&id) {
                    self.holdings.insert(key, becomes);
                }
            }
            (Asked::License(serial), Answer::LicenseRegistered(_)) => {
                self.places[place].serials.insert(serial);
            }
            (Asked::Import, Answer::Imported { new, .. }) => self.places[place].imported += new,
            _ => {}
        }
    }

    fn device_done(
        &mut self,
        id: RequestId,
        place: usize,
        verb: DeviceVerb,
        outcome: &DeviceOutcome,
    ) {
        let done = outcome.refusal.is_none()
            && match verb {
                DeviceVerb::Manage => outcome.state == Some(DeviceState::Managed),
                DeviceVerb::Ignore => outcome.state == Some(DeviceState::Ignored),
                DeviceVerb::Delete => true,
            };
        if verb == DeviceVerb::Manage {
            self.fates.grants += u64::from(done);
            self.fates.denials += u64::from(!done);
        }
        let others = [DeviceVerb::Manage, DeviceVerb::Ignore, DeviceVerb::Delete];
        let superseded = others.into_iter().filter(|other| *other != verb).any(|other| {
            let asked = self.last_asked.get(&(outcome.id.clone(), other));
            asked.is_some_and(|asked| *asked > id)
        });
        if done && !superseded {
            self.places[place].devices.insert(outcome.id.number, verb);
        }
    }

    /// Requests that have no answer yet, for the end of a run.
    pub fn unanswered(&self) -> impl Iterator<Item = (RequestId, usize)> {
        self.asked.iter().map(|(id, (place, _))| (*id, *place))
    }

    /// Holds one server's promises against what it knows.
    pub fn check(&self, place: usize, name: &ServerName, truth: &Truth, out: &mut Findings) {
        let of_place = &self.places[place];
        for (number, verb) in &of_place.devices {
            let device = truth.devices.get(number).filter(|device| !device.deleted);
            let state = device.map(|device| device.state);
            let holds = match verb {
                // Or given up since, because another server manages it: see `moves`.
                DeviceVerb::Manage => {
                    state == Some(DeviceState::Managed) || truth.moved.contains_key(number)
                }
                // It may have been deleted before: then it was set aside all the more.
                DeviceVerb::Ignore => state.is_none_or(|state| state == DeviceState::Ignored),
                DeviceVerb::Delete => state.is_none(),
            };
            out.hold(holds, "I6", || {
                format!(
                    "{name} answered that {verb:?} {name}:{number} was done; now it is {state:?}"
                )
            });
        }
        for serial in of_place.serials.difference(&truth.serials) {
            out.add("I6", format!("{name} answered that {serial:?} is registered and has it not"));
        }
        out.hold(of_place.imported <= truth.device_last.0, "I6", || {
            let (said, knows) = (of_place.imported, truth.device_last);
            format!("{name} answered that {said} devices were imported and knows {knows}")
        });
    }

    /// Holds the answers about holding options against what the primary knows. A relay where
    /// licenses are registered may have declined.
    pub fn check_holdings(
        &self,
        primary: &Truth,
        registers: impl Fn(&ServerName) -> bool,
        out: &mut Findings,
    ) {
        for ((relay, product), (option, target)) in &self.holdings {
            let edge = primary.products.get(product).and_then(|p| p.edges.get(relay));
            let level = edge.map(|edge| edge.level).unwrap_or_default();
            let declined = level.option == HoldingOption::Registered && registers(relay);
            out.hold(declined || (level.option, level.target) == (*option, *target), "I6", || {
                format!(
                    "the primary answered that {relay} is {option:?} {target} for {product}; \
                     its own word is {level:?}"
                )
            });
        }
    }
}

fn becomes(verb: HoldingVerb) -> (HoldingOption, LicenseCount) {
    match verb {
        HoldingVerb::Distribute(LicenseCount::ZERO) | HoldingVerb::Withdraw => {
            (HoldingOption::None, LicenseCount::ZERO)
        }
        HoldingVerb::Distribute(count) => (HoldingOption::Distributed, count),
        HoldingVerb::Authorize => (HoldingOption::Registered, LicenseCount::ZERO),
        HoldingVerb::Deauthorize => (HoldingOption::None, LicenseCount::ZERO),
    }
}
