//! What a change of a holding option would do to the ranges of a topology; nothing runs.
//!
//! The rules are those of a running primary (requirements: ranges, rules 2 to 5): what is above
//! the registered count is refused, what makes or deepens a shortage needs `--force`.

use crate::edge::topology::{Holding, Topology, figures};
use crate::model::count::{COUNT_MAX, LicenseCount, counted};
use crate::model::name::{ProductName, ServerName};
use crate::model::time::Timestamp;
use crate::model::view::{RangeView, RangesView};

/// A change as an operator would order it at the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The relay is to hold exactly this many; zero is a withdrawal.
    Distribute {
        product: ProductName,
        count: LicenseCount,
        to: ServerName,
    },
    Withdraw {
        product: ProductName,
        from: ServerName,
    },
    Authorize {
        product: ProductName,
        relay: ServerName,
    },
    Deauthorize {
        product: ProductName,
        relay: ServerName,
    },
}

impl Change {
    /// The product and the relay it is about.
    pub fn about(&self) -> (&ProductName, &ServerName) {
        match self {
            Change::Distribute { product, to, .. } => (product, to),
            Change::Withdraw { product, from } => (product, from),
            Change::Authorize { product, relay } | Change::Deauthorize { product, relay } => {
                (product, relay)
            }
        }
    }
}

/// What a primary would say to a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Done,
    /// It makes or deepens a shortage.
    NeedsForce,
    /// The reason.
    Refused(String),
}

/// The ranges before and after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub before: RangesView,
    /// As before when the change is refused.
    pub after: RangesView,
    pub verdict: Verdict,
    /// What is worth saying about the change, a sentence each.
    pub remarks: Vec<String>,
}

/// The ranges of the changed product before and after.
pub fn plan(topology: &Topology, change: &Change, now: Timestamp) -> Plan {
    let product = change.about().0;
    let before = only(figures::ranges(topology, now), product);
    let changed = match changed(topology, change) {
        Ok(changed) => changed,
        Err(reason) => {
            let after = before.clone();
            return Plan { before, after, verdict: Verdict::Refused(reason), remarks: Vec::new() };
        }
    };
    let after = only(figures::ranges(&changed, now), product);
    let short: Vec<&RangeView> = after.ranges.iter().filter(|r| is_worse(&before, r)).collect();
    let verdict = if short.is_empty() { Verdict::Done } else { Verdict::NeedsForce };
    let shortage = |range: &&RangeView| {
        let RangeView { source, held, used, shortage, .. } = range;
        format!(
            "range {source} would be short of {shortage}: it would hold {held}, {used} are used"
        )
    };
    let remarks = short.iter().map(shortage).chain(moved(topology, &changed, product)).collect();
    Plan { before, after, verdict, remarks }
}

fn only(mut view: RangesView, product: &ProductName) -> RangesView {
    view.ranges.retain(|range| &range.product == product);
    view
}

fn is_worse(before: &RangesView, after: &RangeView) -> bool {
    let was = before.ranges.iter().find(|range| range.source == after.source);
    after.shortage > was.map_or(LicenseCount::ZERO, |range| range.shortage)
}

/// Which devices get their licenses from another server than before.
fn moved(before: &Topology, after: &Topology, product: &ProductName) -> Vec<String> {
    let source = |topology: &Topology, name: &ServerName| {
        let ranges = topology.ranges(product).into_iter();
        let mut own = ranges.filter(|r| &r.source == name || r.destinations.contains(name));
        own.next().map(|range| range.source)
    };
    let line = |name: &ServerName| {
        let (was, is) = (source(before, name)?, source(after, name)?);
        let devices = before.servers.get(name)?.managed.get(product).copied().unwrap_or(0);
        let devices = counted(devices, "device");
        let text = format!("{devices} of {name} would move from range {was} to range {is}");
        (was != is).then_some(text)
    };
    before.servers.keys().filter_map(line).collect()
}

/// The topology with the change, or why it is refused whatever is forced.
fn changed(topology: &Topology, change: &Change) -> Result<Topology, String> {
    let (product, relay) = change.about();
    if !topology.products.contains_key(product) {
        return Err(format!("there is no product {product}"));
    }
    let server = topology.servers.get(relay).ok_or(format!("there is no server {relay}"))?;
    let is_primary = server.parent.is_none();
    if is_primary {
        return Err(format!("{relay} is the primary: it always holds and has no option"));
    }
    let here = topology.registered(relay, product);
    if here > LicenseCount::ZERO && !matches!(change, Change::Authorize { .. }) {
        return Err(format!("{here} licenses are registered at {relay} itself"));
    }
    let option = option_after(change, server.options.get(product).copied())?;
    let mut changed = topology.clone();
    let options = changed.servers.get_mut(relay).map(|server| &mut server.options);
    options.map(|options| match option {
        Some(holding) => options.insert(product.clone(), holding),
        None => options.remove(product),
    });
    check_sum(&changed, product).map(|()| changed)
}

fn option_after(change: &Change, now: Option<Holding>) -> Result<Option<Holding>, String> {
    let relay = change.about().1;
    match (change, now) {
        (Change::Distribute { count, .. }, _) if *count > COUNT_MAX => {
            Err(format!("a distribution is at most {COUNT_MAX}"))
        }
        (Change::Distribute { count, .. }, _) => {
            Ok((*count > LicenseCount::ZERO).then_some(Holding::Distributed(*count)))
        }
        (Change::Withdraw { .. }, Some(Holding::Distributed(_))) => Ok(None),
        (Change::Withdraw { .. }, _) => Err(format!("nothing is distributed to {relay}")),
        (Change::Authorize { .. }, _) => Ok(Some(Holding::Registered)),
        (Change::Deauthorize { .. }, Some(Holding::Registered)) => Ok(None),
        (Change::Deauthorize { .. }, _) => Err(format!("{relay} is not authorized to register")),
    }
}

/// What is distributed must be registered at the primary.
fn check_sum(changed: &Topology, product: &ProductName) -> Result<(), String> {
    let registered = changed.primary().map(|primary| changed.registered(primary, product));
    let (has, given) = (registered.unwrap_or_default(), changed.distributed(product));
    if given > has {
        return Err(format!("{given} would be distributed and {has} are registered"));
    }
    Ok(())
}
