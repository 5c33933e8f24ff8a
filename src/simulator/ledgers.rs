//! Checks of one server by itself, from one durable state to the next: balance (I2), counters that
//! only rise (I4), no grant in a full range (I11).

use crate::model::device::DeviceNumber;
use crate::model::name::{ProductName, ServerName};
use crate::simulator::truth::{EdgeTruth, ProductTruth, Truth, Uses, outstanding};
use crate::simulator::violation::Findings;
use std::collections::{BTreeMap, BTreeSet};

/// Uses that stand in some outbox of the tree: what may arrive without a grant.
pub type Afloat = BTreeSet<(ServerName, DeviceNumber)>;

/// One server, one product, before and after.
pub struct Step<'a> {
    pub name: &'a ServerName,
    pub product: &'a ProductName,
    pub before: &'a ProductTruth,
    pub after: &'a ProductTruth,
    /// Relays whose edges may count from zero again.
    pub anew: &'a BTreeSet<ServerName>,
}

/// The uses in the outboxes of these servers for one product.
pub fn afloat(truths: &[Truth], product: &ProductName) -> Afloat {
    let products = truths.iter().filter_map(|truth| truth.products.get(product));
    let packs = products.flat_map(|known| known.outboxes.iter());
    let uses = packs.flat_map(|pack| pack.uses.iter());
    uses.flat_map(|(origin, devices)| devices.iter().map(|d| (origin.clone(), *d))).collect()
}

/// Only the packs of a server that is no more as it was; nothing where there are none.
pub fn packs_of(truth: Truth) -> Option<Truth> {
    let packs = |(product, known): (ProductName, ProductTruth)| {
        let outboxes = known.outboxes;
        let known = ProductTruth { outboxes, ..ProductTruth::default() };
        (!known.outboxes.is_empty()).then_some((product, known))
    };
    let products: BTreeMap<_, _> = truth.products.into_iter().filter_map(packs).collect();
    (!products.is_empty()).then(|| Truth { products, ..Truth::default() })
}

/// Everything that must hold of one step of one server. A license that expired lets the balance
/// fall below zero, and so does what a primary that was set back takes as a fact.
pub fn check(step: &Step<'_>, may_lack: bool, afloat: &Afloat, out: &mut Findings) {
    balance(step, may_lack, out);
    rising(step, out);
    grants(step, afloat, out);
}

fn balance(step: &Step<'_>, may_lack: bool, out: &mut Findings) {
    let Step { name, product, after, .. } = step;
    let own = after.own();
    out.hold(own >= 0 || may_lack, "I2", || format!("{name} has {own} of {product}"));
    out.hold(after.returned <= after.granted_seen, "I2", || {
        let (returned, seen) = (after.returned, after.granted_seen);
        format!("{name} returned {returned} of {product} and was given {seen}")
    });
    for (relay, EdgeTruth { level, .. }) in &after.edges {
        out.hold(level.returned_seen <= level.granted, "I4", || {
            format!("edge to {relay} of {product} at the primary: {level:?}")
        });
    }
}

fn rising(step: &Step<'_>, out: &mut Findings) {
    let Step { name, product, before, after, anew } = step;
    let own = |p: &ProductTruth| [p.granted_seen, p.returned, p.version, p.cycle];
    let fell = |before: &[u64], after: &[u64]| before.iter().zip(after).any(|(b, a)| a < b);
    out.hold(!fell(&own(before), &own(after)), "I4", || {
        format!("a counter of {name} for {product} fell: {:?} to {:?}", own(before), own(after))
    });
    let counters = |edge: &EdgeTruth| {
        let level = edge.level;
        [level.granted, level.returned_seen, level.version, level.epoch, edge.version_seen]
    };
    for (relay, edge) in before.edges.iter().filter(|(relay, _)| !anew.contains(*relay)) {
        let now = after.edges.get(relay).copied().unwrap_or_default();
        out.hold(!fell(&counters(edge), &counters(&now)), "I4", || {
            format!("the edge to {relay} of {product} fell: {edge:?} to {now:?}")
        });
    }
}

/// A use that is new and did not come from an outbox was granted here. The last grant found a free
/// license, so without what arrived the ledger cannot be above the most it ever had since.
fn grants(step: &Step<'_>, afloat: &Afloat, out: &mut Findings) {
    let Step { name, product, before, after, anew } = step;
    if before.ledger == after.ledger {
        return;
    }
    let (mut granted, mut arrived) = (0, 0);
    for (origin, device) in new_uses(&before.ledger, &after.ledger) {
        match afloat.contains(&(origin.clone(), device)) {
            true => arrived += 1,
            false => granted += 1,
        }
    }
    let (used, most) = (after.used(), most_owned(before, after, anew));
    out.hold(granted == 0 || i128::from(used - arrived) <= most, "I11", || {
        format!(
            "{name} granted {granted} uses of {product}: it uses {used}, {arrived} of them \
             arrived, and it never had more than {most} to use (had {}, used {})",
            before.own(),
            before.used(),
        )
    });
}

fn new_uses<'a>(
    before: &'a Uses,
    after: &'a Uses,
) -> impl Iterator<Item = (&'a ServerName, DeviceNumber)> {
    after.iter().flat_map(move |(origin, devices)| {
        let known = before.get(origin).map(Vec::as_slice).unwrap_or_default();
        let new = devices.iter().filter(|device| known.binary_search(device).is_err());
        new.map(move |device| (origin, *device))
    })
}

/// The most that can have been own between two states: every rise first, every fall later. What
/// was promised to one that never attached, or to a data set that is gone, is own until it is given
/// anew.
fn most_owned(before: &ProductTruth, after: &ProductTruth, anew: &BTreeSet<ServerName>) -> i128 {
    let forgotten = before.edges.iter().filter(|(relay, _)| anew.contains(*relay));
    let forgotten = forgotten.map(|(_, edge)| outstanding(&edge.level).max(0));
    let rise = |before: u64, after: u64| i128::from(after.saturating_sub(before));
    let returned = after.edges.iter().map(|(relay, edge)| {
        let known = before.edges.get(relay).map_or(0, |edge| edge.level.returned_seen);
        rise(known, edge.level.returned_seen)
    });
    before.own()
        + rise(before.registered, after.registered)
        + rise(before.granted_seen, after.granted_seen)
        + returned.sum::<i128>()
        + forgotten.sum::<i128>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(registered: u64, devices: &[u64]) -> ProductTruth {
        let devices = devices.iter().map(|n| DeviceNumber(*n)).collect();
        let ledger = Uses::from([("e".parse().unwrap(), devices)]);
        ProductTruth { registered, ledger, ..ProductTruth::default() }
    }

    fn findings(before: &ProductTruth, after: &ProductTruth, afloat: &Afloat) -> Vec<&'static str> {
        let (name, product) = ("a".parse().unwrap(), "atlas".parse().unwrap());
        let mut out = Findings::at(crate::simulator::moment::Moment::default());
        let anew = BTreeSet::new();
        let step = Step { name: &name, product: &product, before, after, anew: &anew };
        check(&step, false, afloat, &mut out);
        out.into_violations().iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn a_grant_in_a_full_range_is_seen_and_an_arrival_is_not_one() {
        let none = Afloat::new();
        assert!(findings(&truth(2, &[1]), &truth(2, &[1, 2]), &none).is_empty());
        assert_eq!(findings(&truth(2, &[1, 2]), &truth(2, &[1, 2, 3]), &none), ["I11"]);
        let afloat = Afloat::from([("e".parse().unwrap(), DeviceNumber(3))]);
        assert!(findings(&truth(2, &[1, 2]), &truth(2, &[1, 2, 3]), &afloat).is_empty());
    }

    #[test]
    fn what_was_promised_to_one_that_begins_anew_is_there_to_use() {
        let relay: ServerName = "d".parse().unwrap();
        let given = |granted, devices: &[u64]| {
            let level = crate::model::edge::Level { granted, ..Default::default() };
            let edges = BTreeMap::from([(relay.clone(), EdgeTruth { level, version_seen: 0 })]);
            ProductTruth { edges, ..truth(10, devices) }
        };
        let (before, after) = (given(7, &[1, 2, 3]), given(4, &[1, 2, 3, 4]));
        let most = |anew: &[&ServerName]| {
            most_owned(&before, &after, &anew.iter().map(|name| (*name).clone()).collect())
        };
        assert_eq!((most(&[]), most(&[&relay])), (3, 10));
    }

    #[test]
    fn counters_that_fall_and_balances_below_zero_are_seen() {
        let seen = |granted_seen, returned| ProductTruth {
            granted_seen,
            returned,
            ..ProductTruth::default()
        };
        let none = Afloat::new();
        assert!(findings(&seen(3, 1), &seen(4, 2), &none).is_empty());
        assert_eq!(findings(&seen(3, 1), &seen(2, 1), &none), ["I4"]);
        assert_eq!(findings(&seen(3, 1), &seen(3, 4), &none), ["I2", "I2"]);
    }
}
