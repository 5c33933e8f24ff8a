//! Rows of relays as the primary has them (I10): they never step back, they are what their writer
//! wrote, and once all is quiet they are all of it.

use crate::model::report::StreamId;
use crate::simulator::enrolments::Census;
use crate::simulator::topology::PRIMARY;
use crate::simulator::truth::{RowsTruth, mirrored, written};
use crate::simulator::violation::Findings;
use crate::simulator::world::World;
use std::collections::{BTreeMap, BTreeSet};

/// Under which enrolment and incarnation of its writer, and up to which version.
type Known = (u64, u64, u64);

/// How far each stream was known when it was last looked at.
#[derive(Debug, Default)]
pub struct Mirrors {
    known: BTreeMap<StreamId, Known>,
}

impl Mirrors {
    /// Rows of a data set that took the place of another one may come and go until all between
    /// know: `replaced`. Who was set back knows less than it said before: `recovering`.
    pub fn check(
        &mut self,
        world: &World,
        replaced: &BTreeSet<usize>,
        recovering: &BTreeSet<usize>,
        out: &mut Findings,
    ) {
        let Some(primary) = world.server(PRIMARY) else { return };
        // Until it has gone through its log again it knows less than its disk.
        if !world.has_caught_up(PRIMARY) {
            return;
        }
        let originals = originals(world);
        for (stream, mirror) in mirrored(primary) {
            let met = primary.engine().state().met.get(&stream.origin);
            let enrolment = met.map_or(0, |met| met.enrolment.number);
            let place = world.topology.place_of(&stream.origin);
            if place.is_none_or(|place| !replaced.contains(&place)) {
                self.check_rising(&stream, enrolment, &mirror, out);
            }
            let knows = place.is_none_or(|place| !recovering.contains(&place));
            if let Some(original) = originals.get(&stream).filter(|_| knows) {
                compare(&stream, &mirror, original, out);
            }
        }
    }

    fn check_rising(
        &mut self,
        stream: &StreamId,
        enrolment: u64,
        mirror: &RowsTruth,
        out: &mut Findings,
    ) {
        let now = (enrolment, mirror.incarnation, mirror.version);
        let before = self.known.insert(stream.clone(), now);
        let same = |before: &Known| (before.0, before.1) == (now.0, now.1);
        let fell = before.filter(same).is_some_and(|before| before.2 > now.2);
        out.hold(!fell, "I10", || format!("{stream:?} fell from {before:?} to {now:?}"));
    }

    /// The end of a quiet time: what the primary has is all there is, and nobody had to be told
    /// again what should never have differed.
    pub fn check_equal(&self, world: &World, census: &Census, out: &mut Findings) {
        for server in (0..world.topology.len()).filter_map(|place| world.server(place)) {
            let events = server.engine().state().events.values();
            for event in events.filter(|event| event.kind == "rows.differed") {
                out.add("I10", format!("{}: {}", server.engine().state().name(), event.text));
            }
        }
        let Some(primary) = world.server(PRIMARY) else { return };
        let mirrors = mirrored(primary);
        for (stream, original) in originals(world) {
            let place = world.topology.place_of(&stream.origin);
            if place.is_none_or(|place| place == PRIMARY || !census.has(place)) {
                continue;
            }
            let mirror = mirrors.get(&stream).cloned().unwrap_or_default();
            let holds = mirror.rows == original.rows;
            out.hold(holds, "I10", || {
                let differs = |name| mirror.rows.get(name) != original.rows.get(name);
                let names = mirror.rows.keys().chain(original.rows.keys());
                let differing: Vec<_> = names.filter(|name| differs(name)).take(3).collect();
                let (has, all) = (mirror.version, original.version);
                format!("the primary has {stream:?} up to {has} of {all}; differing: {differing:?}")
            });
        }
    }
}

fn originals(world: &World) -> BTreeMap<StreamId, RowsTruth> {
    let up = (0..world.topology.len()).filter(|place| world.has_caught_up(*place));
    up.filter_map(|place| world.server(place)).flat_map(written).collect()
}

fn compare(stream: &StreamId, mirror: &RowsTruth, original: &RowsTruth, out: &mut Findings) {
    if mirror.incarnation != original.incarnation {
        return;
    }
    out.hold(mirror.version <= original.version, "I10", || {
        let (has, wrote) = (mirror.version, original.version);
        format!("the primary has {stream:?} up to {has}; its writer wrote {wrote}")
    });
    for (name, row) in &mirror.rows {
        let same_version = original.rows.get(name).filter(|wrote| wrote.version == row.version);
        let holds = same_version.is_none_or(|wrote| wrote == row);
        out.hold(holds, "I10", || format!("{stream:?} {name:?}: {row:?}, not as it was written"));
    }
}
