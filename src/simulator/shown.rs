//! The table of ranges as the primary shows it, held against what is registered: every license is
//! shown once, in a range or in transit, at every moment and with whatever figures are late; and
//! once all is quiet the table is the truth.

use crate::model::name::ProductName;
use crate::model::report::{RowBody, RowName, Table};
use crate::model::view::RangeView;
use crate::simulator::enrolments::Census;
use crate::simulator::topology::PRIMARY;
use crate::simulator::truth::{Truth, mirrored_of, shown};
use crate::simulator::violation::Findings;
use crate::simulator::world::World;

/// At any moment: the shown counts of a product add up to what is registered at the primary, and
/// at relays as far as the primary knows.
pub fn check(world: &World, truths: &[Truth], out: &mut Findings) {
    let Some(primary) = world.server(PRIMARY).filter(|_| world.has_caught_up(PRIMARY)) else {
        return;
    };
    let audit = primary.engine().audit(world.now().timestamp(0));
    out.hold(audit.adds_up, "audit", || format!("it does not add up: {audit:?}"));
    let ranges = shown(primary, world.now().timestamp(0));
    // Only these name products.
    let mirrors = mirrored_of(primary, |stream| stream.table == Table::Figures);
    for (product, known) in &truths[PRIMARY].products {
        // More is given than there is left of an expired license: shown as a shortage elsewhere.
        if known.own() < 0 {
            continue;
        }
        let rows = mirrors.values().flat_map(|mirror| &mirror.rows);
        let reported = rows.filter_map(|(name, row)| match (name, &row.body) {
            (RowName::Product(of), RowBody::Figures(figures)) if of == product => {
                Some(figures.registered.0)
            }
            _ => None,
        });
        let registered = known.registered + reported.sum::<u64>();
        let table: Vec<&RangeView> = ranges.iter().filter(|r| r.product == *product).collect();
        let sum: u64 = table.iter().map(|range| range.held.0 + range.in_transit.0).sum();
        out.hold(sum == registered, "shown", || {
            format!("{sum} of {product} are shown, {registered} are registered: {table:?}")
        });
    }
}

/// The end of a quiet time: each range holds and uses what its source says itself.
pub fn check_equal(world: &World, truths: &[Truth], census: &Census, out: &mut Findings) {
    check(world, truths, out);
    let Some(primary) = world.server(PRIMARY) else { return };
    for range in shown(primary, world.now().timestamp(0)) {
        let place = world.topology.place_of(&range.source).filter(|place| census.has(*place));
        let Some(place) = place else { continue };
        let (held, used) = figures(&truths[place], &range.product);
        let holds = i128::from(range.held.0) == held.max(0) && range.used.0 == used;
        out.hold(holds, "shown", || {
            format!("{range:?} is shown; its source holds {held} and uses {used}")
        });
    }
}

fn figures(truth: &Truth, product: &ProductName) -> (i128, u64) {
    truth.products.get(product).map_or((0, 0), |known| (known.own(), known.used()))
}
