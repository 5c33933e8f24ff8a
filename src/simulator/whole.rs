//! Checks of the whole tree at one moment: every use in exactly one place (I3, I12), every license
//! at one side of an edge or in transit (I4, I5), never more in use than there is (I1), no license
//! registered at two servers (serial).

use crate::model::device::DeviceNumber;
use crate::model::holding::Phase;
use crate::model::license::Serial;
use crate::model::name::{ProductName, ServerName};
use crate::simulator::topology::{PRIMARY, Topology};
use crate::simulator::truth::{ProductTruth, Truth, Uses, outstanding};
use crate::simulator::violation::Findings;
use std::collections::{BTreeMap, BTreeSet};

/// All servers' durable states, as of one moment.
pub struct Whole<'a> {
    pub topology: &'a Topology,
    pub truths: &'a [Truth],
    /// Relays whose edges need not agree with the primary's, until they have attached again.
    pub apart: &'a BTreeSet<usize>,
    /// Nobody recovers: every use is in a ledger or on its way.
    pub uses_are_known: bool,
    /// The primary does not recover: it knows what it gave, and whose license files are.
    pub counts_are_known: bool,
    /// Places that are out of the tree, where what they used was forgotten: by a server that was
    /// set back and cannot ask them.
    pub gone: &'a BTreeSet<usize>,
    /// Places that came below another parent: uses that the primary had not heard of when it let
    /// them go stay counted at the holder that they had.
    pub moved: &'a BTreeSet<usize>,
}

/// One use as it stands in a ledger or an outbox.
type Use<'a> = (&'a ServerName, DeviceNumber);

impl Whole<'_> {
    pub fn products(&self) -> BTreeSet<&ProductName> {
        self.truths.iter().flat_map(|truth| truth.products.keys()).collect()
    }

    /// What each server knows of a product, with its name.
    pub fn of<'b>(
        &'b self,
        product: &'b ProductName,
    ) -> impl Iterator<Item = (&'b ServerName, &'b ProductTruth)> {
        let named = self.topology.places().iter().zip(self.truths);
        named.filter_map(|(place, truth)| Some((&place.name, truth.products.get(product)?)))
    }

    /// How many devices are managed of the product that overshoots the most; zero is the rule.
    pub fn check(&self, out: &mut Findings) -> u64 {
        let mut overshoot = 0;
        for product in self.products() {
            if self.counts_are_known {
                self.edges(product, out);
            }
            if self.uses_are_known {
                overshoot = overshoot.max(self.uses(product, out));
            }
        }
        self.serials(out);
        overshoot
    }

    /// No serial is registered at two servers, nor at a relay that has not claimed it.
    fn serials(&self, out: &mut Findings) {
        let claims = &self.truths[PRIMARY].claims;
        let mut owners: BTreeMap<&Serial, &ServerName> = BTreeMap::new();
        for (at, (place, truth)) in self.topology.places().iter().zip(self.truths).enumerate() {
            let name = &place.name;
            for serial in &truth.serials {
                if let Some(other) = owners.insert(serial, name) {
                    out.add("serial", format!("{serial} is registered at {other} and at {name}"));
                }
                let owner = claims.get(serial);
                if !self.counts_are_known {
                    continue;
                }
                let is_own = if at == PRIMARY { owner.is_none() } else { owner == Some(name) };
                out.hold(is_own, "serial", || {
                    format!("{serial} is registered at {name}; the primary knows {owner:?} by it")
                });
            }
        }
    }

    /// 0 <= returned_seen <= returned <= granted_seen <= granted; so nothing is at both sides.
    fn edges(&self, product: &ProductName, out: &mut Findings) {
        let at_primary = self.truths[PRIMARY].products.get(product);
        for (name, relay) in self.of(product).skip_while(|(n, _)| *n == self.topology.name(0)) {
            let edge = at_primary.and_then(|p| p.edges.get(name)).copied().unwrap_or_default();
            let level = edge.level;
            let place = self.topology.place_of(name);
            let held = i128::from(relay.granted_seen) - i128::from(relay.returned);
            // One that was set back may hold what it gave back already; it grants nothing of it.
            let apart = place.is_some_and(|place| self.apart.contains(&place));
            out.hold(held <= outstanding(&level) || !self.uses_are_known, "I5", || {
                format!("{name} holds {held} of {product}, of which the primary counts {level:?}")
            });
            if apart {
                continue;
            }
            let holds = level.returned_seen <= relay.returned
                && relay.returned <= relay.granted_seen
                && relay.granted_seen <= level.granted;
            out.hold(holds, "I5", || {
                let (seen, returned) = (relay.granted_seen, relay.returned);
                format!(
                    "edge to {name} of {product}: primary {level:?}, relay has seen {seen} and \
                     returned {returned}"
                )
            });
            out.hold(relay.version <= level.version, "I5", || {
                let (knows, word) = (relay.version, level.version);
                format!("{name} acts by version {knows} of {product}; the primary's word is {word}")
            });
        }
    }

    /// How many devices are managed beyond what there is for them.
    fn uses(&self, product: &ProductName, out: &mut Findings) -> u64 {
        let mut counted: Vec<Use<'_>> = Vec::new();
        let mut afloat: Vec<Use<'_>> = Vec::new();
        for (name, known) in self.of(product) {
            // What was stated to one that takes over is in the ledger above too, until that comes.
            let place = self.topology.place_of(name);
            let forced = place.is_some_and(|place| self.truths[place].forced);
            let comes = forced && known.phase == Phase::Taking;
            add_uses(if comes { &mut afloat } else { &mut counted }, &known.ledger);
            known.outboxes.iter().for_each(|pack| add_uses(&mut afloat, &pack.uses));
        }
        counted.sort_unstable();
        afloat.sort_unstable();
        afloat.dedup();
        // Of whoever is out of the tree a server that was set back counts what it last knew.
        let may_be_twice = |origin| {
            let place = self.topology.place_of(origin);
            place.is_some_and(|place| self.gone.contains(&place) || self.moved.contains(&place))
        };
        let twice = counted.windows(2).filter(|pair| pair[0] == pair[1]);
        for pair in twice.filter(|pair| !may_be_twice(pair[0].0)) {
            let (origin, device) = pair[0];
            let ledgers = self.ledgers_with(product, origin, device);
            out.add("I12", format!("{origin}:{device} uses {product} in the ledgers of {ledgers}"));
        }
        let managed = self.managed(product, &counted, &afloat, out);
        let unbooked = afloat.iter().filter(|u| counted.binary_search(u).is_err()).count() as i128;
        let registered: i128 = self.of(product).map(|(_, p)| i128::from(p.registered)).sum();
        let over = |p: &ProductTruth| (i128::from(p.used()) - p.own()).max(0);
        let shortages: i128 = self.of(product).map(|(_, p)| over(p)).sum();
        let beyond = managed - (registered + shortages + unbooked);
        out.hold(beyond <= 0, "I1", || {
            format!(
                "{managed} devices are managed under {product}: {registered} licenses, \
                 {shortages} short, {unbooked} uses on their way"
            )
        });
        u64::try_from(beyond).unwrap_or(0)
    }

    /// How many devices are managed; each must have its use somewhere.
    fn managed(
        &self,
        product: &ProductName,
        counted: &[Use<'_>],
        afloat: &[Use<'_>],
        out: &mut Findings,
    ) -> i128 {
        let mut managed = 0;
        for (at, (place, truth)) in self.topology.places().iter().zip(self.truths).enumerate() {
            if self.gone.contains(&at) {
                continue;
            }
            for device in truth.managed(product) {
                managed += 1;
                let one = (&place.name, device);
                let found =
                    counted.binary_search(&one).is_ok() || afloat.binary_search(&one).is_ok();
                out.hold(found, "I12", || {
                    let name = &place.name;
                    format!("{name}:{device} is managed under {product} and in no ledger")
                });
            }
        }
        managed
    }

    fn ledgers_with(&self, product: &ProductName, origin: &ServerName, of: DeviceNumber) -> String {
        let has = |known: &ProductTruth| known.ledger.get(origin).is_some_and(|d| d.contains(&of));
        let with = self.of(product).filter(|(_, known)| has(known)).map(|(name, _)| name.as_str());
        with.collect::<Vec<_>>().join(" and ")
    }
}

fn add_uses<'a>(to: &mut Vec<Use<'a>>, uses: &'a Uses) {
    to.extend(uses.iter().flat_map(|(origin, devices)| devices.iter().map(move |d| (origin, *d))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::device::DeviceState;
    use crate::simulator::moment::Moment;
    use crate::simulator::truth::DeviceTruth;

    /// The rules that servers break which registered and claimed this.
    fn broken(registered: &[&[&str]], claims: &[(&str, usize)]) -> Vec<&'static str> {
        let topology = Topology::chain(registered.len());
        let serial = |text: &str| text.parse::<Serial>().unwrap();
        let of = |serials: &&[&str]| Truth {
            serials: serials.iter().map(|text| serial(text)).collect(),
            ..Truth::default()
        };
        let mut truths: Vec<Truth> = registered.iter().map(of).collect();
        let claims = claims.iter().map(|(text, at)| (serial(text), topology.name(*at).clone()));
        truths[PRIMARY].claims = claims.collect();
        let mut out = Findings::at(Moment::default());
        Whole {
            topology: &topology,
            truths: &truths,
            apart: &BTreeSet::new(),
            uses_are_known: true,
            counts_are_known: true,
            gone: &BTreeSet::new(),
            moved: &BTreeSet::new(),
        }
        .check(&mut out);
        out.into_violations().iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn devices_beyond_all_licenses_are_counted() {
        let product: ProductName = "atlas".parse().unwrap();
        let managed = |number| {
            let device = DeviceTruth {
                state: DeviceState::Managed,
                product: Some(product.clone()),
                waits: false,
                deleted: false,
                moving: None,
                macs: Vec::new(),
            };
            (DeviceNumber(number), device)
        };
        // Three devices and two licenses: one is in no ledger, or in one that is short of it.
        let topology = Topology::chain(1);
        let overshoot = |booked: &[u64]| {
            let devices: Vec<_> = booked.iter().map(|n| DeviceNumber(*n)).collect();
            let ledger = Uses::from([(topology.name(0).clone(), devices)]);
            let known = ProductTruth { registered: 2, ledger, ..ProductTruth::default() };
            let truth = Truth {
                products: BTreeMap::from([(product.clone(), known)]),
                devices: (1..=3).map(managed).collect(),
                ..Truth::default()
            };
            let (none, mut out) = (BTreeSet::new(), Findings::at(Moment::default()));
            let whole = Whole {
                topology: &topology,
                truths: &[truth],
                apart: &none,
                uses_are_known: true,
                counts_are_known: true,
                gone: &none,
                moved: &none,
            };
            (whole.check(&mut out), out.into_violations().len())
        };
        assert_eq!(overshoot(&[1, 2]), (1, 2));
        assert_eq!(overshoot(&[1, 2, 3]), (0, 0));
    }

    #[test]
    fn a_serial_at_two_servers_is_seen_and_one_without_a_claim_too() {
        let lawful: &[&[&str]] = &[&["S-1"], &["S-2"], &["S-3"]];
        assert!(broken(lawful, &[("S-2", 1), ("S-3", 2), ("S-4", 2)]).is_empty());
        assert_eq!(broken(lawful, &[("S-2", 1)]), ["serial"]);
        assert_eq!(broken(lawful, &[("S-2", 1), ("S-3", 1)]), ["serial"]);
        // At the second one it is not claimed either.
        assert_eq!(broken(&[&[], &["S-2"], &["S-2"]], &[("S-2", 1)]), ["serial", "serial"]);
        assert_eq!(broken(&[&["S-2"], &["S-2"]], &[("S-2", 1)]), ["serial", "serial"]);
    }
}
