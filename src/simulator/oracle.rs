//! Watches a world from outside and says which rules it breaks.
//!
//! It keeps what every server durably knew when it last looked. After every step that may have
//! changed a server it checks that server; the whole tree is looked over at most once in
//! [`LOOK_GAP_MS`] of virtual time, and after every answer.

use crate::model::device::DeviceNumber;
use crate::model::name::{ProductName, ServerName};
use crate::model::request::{Answer, Request, RequestId};
use crate::model::time::Timestamp;
use crate::server::Server;
use crate::simulator::enrolments::{Census, Enrolments};
use crate::simulator::figures::Figures;
use crate::simulator::ledgers::{self, Step};
use crate::simulator::mirror::Mirrors;
use crate::simulator::moment::Moment;
use crate::simulator::moves::{self, Moves};
use crate::simulator::promises::Promises;
use crate::simulator::shown;
use crate::simulator::topology::{PRIMARY, Topology};
use crate::simulator::truth::{MetTruth, ProductTruth, Truth};
use crate::simulator::violation::{Findings, Violation};
use crate::simulator::whole::Whole;
use crate::simulator::world::World;
use std::collections::{BTreeMap, BTreeSet};

/// The whole tree is not looked over more often, unless something was answered.
const LOOK_GAP_MS: u64 = 20;
/// The table that people see is added up this often.
const SHOWN_GAP_MS: u64 = 250;
/// Mirrored rows are compared this often.
const MIRROR_GAP_MS: u64 = 4_000;
/// One server after the other is compared this often with what a start would find on its disk.
const DISK_GAP_MS: u64 = 2_000;

pub struct Oracle {
    truths: Vec<Truth>,
    promises: Promises,
    enrolments: Enrolments,
    apart: Apart,
    mirrors: Mirrors,
    moves: Moves,
    looked_at: Moment,
    mirrors_at: Moment,
    shown_at: Moment,
    disk_at: Moment,
    disk_place: usize,
    stale: bool,
    violations: Vec<Violation>,
}

impl Oracle {
    pub fn new(places: usize) -> Oracle {
        Oracle {
            truths: vec![Truth::default(); places],
            promises: Promises::of_places(places),
            enrolments: Enrolments::of_places(places),
            apart: Apart::default(),
            mirrors: Mirrors::default(),
            moves: Moves::of_places(places),
            looked_at: Moment::default(),
            mirrors_at: Moment::default(),
            shown_at: Moment::default(),
            disk_at: Moment::default(),
            disk_place: 0,
            stale: false,
            violations: Vec::new(),
        }
    }

    pub fn truths(&self) -> &[Truth] {
        &self.truths
    }

    pub fn promises(&self) -> &Promises {
        &self.promises
    }

    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub fn add(&mut self, findings: Findings) {
        self.violations.extend(findings.into_violations());
    }

    /// When the primary last changed what is to be believed.
    pub fn trust_risen_at(&self) -> Moment {
        self.enrolments.risen_at()
    }

    pub fn posted(&mut self, id: RequestId, place: usize, request: &Request) {
        self.promises.posted(id, place, request);
        self.moves.posted(place, request);
        self.enrolments.posted(id, request);
    }

    pub fn lost(&mut self, id: RequestId) {
        self.promises.lost(id);
        self.enrolments.lost(id);
    }

    pub fn heard(&mut self, id: RequestId, answer: &Answer) {
        self.promises.heard(id, answer);
        self.enrolments.heard(id, answer);
        self.stale = true;
        self.looked_at = Moment::default();
    }

    /// A server starts at this place with a new certificate.
    pub fn joined(&mut self, world: &World, place: usize, parent: usize, empty: bool) {
        if world.is_born(place) && world.topology.parent(place) != Some(parent) {
            self.apart.moved.extend(below(&world.topology, BTreeSet::from([place])));
        }
        let known: BTreeSet<_> = self.truths[place].uses().collect();
        self.apart.stated.entry(place).or_default().extend(known);
        self.apart.unheard.insert(place);
        if empty {
            self.apart.edges.insert(place);
            if world.is_born(place) {
                self.apart.replaced.insert(place);
            }
            let gone = std::mem::take(&mut self.truths[place]);
            self.apart.gone.extend(ledgers::packs_of(gone));
            self.promises.begins_anew(place);
            self.moves.begins_anew(place);
            self.enrolments.begins_anew(place);
        }
    }

    /// The disk of this place was put back from an older copy: what was said since is void, as far
    /// as nobody else knows it.
    fn set_back(&mut self, world: &World, place: usize) {
        self.apart.edges.insert(place);
        self.apart.recovering.insert(place);
        self.apart.set_back.insert(place);
        let out = self.removed(world);
        self.apart.unheard.extend(out);
        let before = std::mem::replace(&mut self.truths[place], world.truth(place));
        // What it stated before may still come.
        let known: BTreeSet<_> = before.uses().chain(self.truths[place].uses()).collect();
        self.apart.stated.entry(place).or_default().extend(known);
        self.apart.unbegun.insert(place, world.clock_of(place));
        // Packs that were on their way from it still come.
        self.apart.gone.extend(ledgers::packs_of(before));
        self.promises.begins_anew(place);
        self.moves.set_back(place);
        self.enrolments.begins_anew(place);
        if place == PRIMARY {
            self.mirrors = Mirrors::default();
        }
    }

    /// Places whose data set took the place of another one, and all below them.
    pub fn replaced(&self, topology: &Topology) -> BTreeSet<usize> {
        below(topology, self.apart.replaced.clone())
    }

    /// Places that came below another parent at some time, and those that came with them.
    pub fn moved(&self) -> &BTreeSet<usize> {
        &self.apart.moved
    }

    /// Who is of the tree now.
    pub fn census(&self, world: &World) -> Census {
        Census::taken(world, &self.truths[PRIMARY])
    }

    /// What must be so once all faults have ended.
    pub fn check_rest(&self, world: &World, out: &mut Findings) {
        let (census, replaced) = (self.census(world), self.replaced(&world.topology));
        census.check_rest(world, &self.truths, out);
        world.check_clocks(out);
        let replaced = &replaced | &self.apart.set_back;
        let settled = |place| census.has(place) && !replaced.contains(&place);
        moves::check_rest(&world.topology, &self.truths, settled, out);
    }

    /// Looks at what changed since the last time.
    pub fn watch(&mut self, world: &mut World) {
        let mut out = Findings::at(world.now());
        for place in world.take_set_back() {
            self.set_back(world, place);
        }
        self.note_unstated(world);
        for place in world.take_changed() {
            self.look_at(world, place, &mut out);
        }
        for (rule, breach) in world.take_breaches() {
            out.add(rule, breach);
        }
        if self.stale && world.now() >= self.looked_at.after_ms(LOOK_GAP_MS) {
            self.look_over(world, &mut out);
        }
        if world.now() >= self.mirrors_at.after_ms(MIRROR_GAP_MS) {
            self.mirrors_at = world.now();
            let Apart { replaced, recovering, .. } = &self.apart;
            match recovering.contains(&PRIMARY) {
                // What it has goes back, and is told again.
                true => self.mirrors = Mirrors::default(),
                false => self.mirrors.check(world, replaced, recovering, &mut out),
            }
        }
        if world.now() >= self.disk_at.after_ms(DISK_GAP_MS) {
            self.disk_at = world.now();
            self.disk_place = (self.disk_place + 1) % world.topology.len();
            world.compare_with_disk(self.disk_place);
        }
        self.add(out);
    }

    /// Of whoever came another way what it uses may be booked anew, from now on until it is.
    fn note_unstated(&mut self, world: &mut World) {
        for place in world.take_stepped() {
            if world.server(place).is_some_and(|server| server.engine().is_unstated()) {
                self.apart.stated.entry(place).or_default().extend(self.truths[place].uses());
            }
        }
    }

    fn look_at(&mut self, world: &mut World, place: usize, out: &mut Findings) {
        let after = world.truth(place);
        if after == self.truths[place] {
            return;
        }
        let before = std::mem::replace(&mut self.truths[place], after);
        self.stale = true;
        let (name, after) = (world.topology.name(place), &self.truths[place]);
        self.enrolments.check_step(world, place, after, out);
        let set_back_at = self.apart.unbegun.get(&place).copied();
        let unbegun = set_back_at.is_some_and(|at| after.recovers_since.is_none_or(|s| s < at));
        if after.recovers {
            self.apart.recovering.insert(place);
        } else if before.recovers && !unbegun {
            self.apart.recovering.remove(&place);
        }
        let states = |server: &Server| server.engine().is_unstated();
        if self.apart.recovering.contains(&place) || world.server(place).is_some_and(states) {
            self.apart.stated.entry(place).or_default().extend(after.uses());
        } else if world.server(place).is_some() {
            self.apart.stated.remove(&place);
        }
        if !unbegun {
            self.apart.unbegun.remove(&place);
        }
        let stated = |truth: &Truth| (truth.stated_under, truth.stated_way);
        if (before.unstated && !after.unstated) || stated(after) != stated(&before) {
            self.apart.unheard.remove(&place);
        }
        let recovers = before.recovers || self.apart.recovering.contains(&place);
        if !recovers {
            let set_back = &self.apart.set_back;
            self.moves.check_step(&world.topology, place, (&before, after), set_back, out);
            world.figures.moves = self.moves.done;
        }
        self.moves.learn(place, after);
        if after.attached.is_some() && !recovers {
            self.apart.edges.remove(&place);
        }
        check_what_only_grows(name, &before, after, out);
        let unknown = ProductTruth::default();
        let anew = begun_anew(&before.met, &after.met);
        for (product, now) in &after.products {
            let before = before.products.get(product).unwrap_or(&unknown);
            if before == now {
                continue;
            }
            let afloat = match before.ledger == now.ledger {
                true => ledgers::Afloat::new(),
                false => {
                    let mut afloat = ledgers::afloat(&self.truths, product);
                    afloat.append(&mut ledgers::afloat(&self.apart.gone, product));
                    afloat.extend(self.stated(&world.topology, product));
                    afloat.extend(self.taken_back(product));
                    afloat
                }
            };
            let step = Step { name, product, before, after: now, anew: &anew };
            if !recovers && !after.forced {
                let may_lack = after.has_expired || after.was_set_back;
                ledgers::check(&step, may_lack, &afloat, out);
            }
            note(&mut world.figures, now);
        }
    }

    /// Recoveries went on without these.
    pub fn given_up(&mut self, places: &BTreeSet<usize>) {
        self.apart.given_up.extend(places);
    }

    /// Places of servers that the primary shut out, be it by another certificate of their name, or
    /// that were given up.
    fn removed(&self, world: &World) -> BTreeSet<usize> {
        let primary = &self.truths[PRIMARY];
        let is_out = |place: &usize| {
            let name = world.topology.name(*place);
            let (known, denied) = (primary.met.get(name), primary.denied.get(name));
            let by = world.proof(*place).map(|proof| proof.enrolment);
            known.is_some_and(|met| met.removed || by.is_some_and(|by| by < met.enrolment))
                || by.is_some_and(|by| denied.is_some_and(|upto| by <= *upto))
        };
        let removed = (1..world.topology.len()).filter(is_out);
        let apart = self.apart.given_up.iter().chain(&self.apart.unheard);
        removed.chain(apart.copied()).collect()
    }

    /// What a server that recovers took back from its outbox, and may have come all the same.
    fn taken_back(&self, product: &ProductName) -> ledgers::Afloat {
        let recovering = self.apart.recovering.iter().map(|place| &self.truths[*place]);
        let known = recovering.filter_map(|truth| truth.products.get(product));
        let uses = known.flat_map(|known| known.ledger.iter());
        uses.flat_map(|(origin, of)| of.iter().map(|device| (origin.clone(), *device))).collect()
    }

    /// What servers that recover use, and state to others; also what they let go since, for it may
    /// be booked before that is known.
    fn stated(&self, topology: &Topology, product: &ProductName) -> ledgers::Afloat {
        let uses = self.apart.stated.iter().flat_map(|(place, uses)| {
            let name = topology.name(*place);
            let of = uses.iter().filter(|(used, _)| used == product);
            of.map(|(_, device)| (name.clone(), *device))
        });
        uses.collect()
    }

    fn look_over(&mut self, world: &mut World, out: &mut Findings) {
        self.stale = false;
        self.looked_at = world.now();
        world.figures.checks += 1;
        let apart = &self.apart.edges;
        let uses_are_known = self.apart.recovering.is_empty();
        let gone = match self.apart.set_back.is_empty() {
            true => BTreeSet::new(),
            false => self.removed(world),
        };
        let (topology, truths) = (&world.topology, self.truths.as_slice());
        let counts_are_known = !self.apart.recovering.contains(&PRIMARY);
        let gone = &gone;
        let moved = &self.apart.moved;
        let whole =
            Whole { topology, truths, apart, uses_are_known, counts_are_known, gone, moved };
        let overshoot = whole.check(out);
        world.figures.overshoot_max = world.figures.overshoot_max.max(overshoot);
        self.enrolments.check(world.now(), &self.truths[PRIMARY], out);
        let mut twins = self.truths[PRIMARY].met.iter().filter(|(_, met)| met.has_twin);
        // A start after a crash, or on an older disk, never looks like a second instance.
        let twin = twins.next();
        out.hold(twin.is_none(), "R10", || format!("{twin:?} is taken for two, and runs once"));
        for (place, truth) in self.truths.iter().enumerate() {
            self.promises.check(place, world.topology.name(place), truth, out);
        }
        let registers = |relay: &ServerName| {
            let place = world.topology.place_of(relay);
            // Whoever was set back may have lost licenses that the primary knows it by.
            let lost = |place| self.apart.set_back.contains(&place);
            place.is_some_and(|place| !self.truths[place].serials.is_empty() || lost(place))
        };
        self.promises.check_holdings(&self.truths[PRIMARY], registers, out);
        if counts_are_known && world.now() >= self.shown_at.after_ms(SHOWN_GAP_MS) {
            self.shown_at = world.now();
            shown::check(world, &self.truths, out);
        }
    }

    /// The last look: everything, whether or not it changed.
    pub fn conclude(&mut self, world: &mut World) {
        let mut out = Findings::at(world.now());
        self.look_over(world, &mut out);
        self.census(world).check_rest(world, &self.truths, &mut out);
        let replaced = self.replaced(&world.topology);
        self.mirrors.check(world, &replaced, &self.apart.recovering, &mut out);
        self.check_shown(world, &mut out);
        self.add(out);
    }

    /// What the primary has and shows of others is what is so, once all is quiet.
    pub fn check_shown(&self, world: &World, out: &mut Findings) {
        // Figures of a data set that is gone stay until there are others in their place.
        let replaced = self.replaced(&world.topology);
        let settled = Census { members: &self.census(world).members - &replaced };
        self.mirrors.check_equal(world, &settled, out);
        shown::check_equal(world, &self.truths, &settled, out);
    }
}

/// Servers whose data set is another than the one the tree knew.
#[derive(Debug, Default)]
struct Apart {
    /// Relays that begin anew: until they attach, their edge at the primary is that of the data
    /// set before.
    edges: BTreeSet<usize>,
    /// Places that were set back and do not know yet what is used.
    recovering: BTreeSet<usize>,
    /// What each of them was seen to use since it recovers.
    stated: BTreeMap<usize, BTreeSet<(ProductName, DeviceNumber)>>,
    /// Places that were set back and have not begun to recover since, and when by their clocks.
    unbegun: BTreeMap<usize, Timestamp>,
    /// Places that were set back at some time.
    set_back: BTreeSet<usize>,
    given_up: BTreeSet<usize>,
    /// Places that came below another parent, and all that were below them then.
    moved: BTreeSet<usize>,
    /// Places that were shut out while a disk was lost: who forgot them hears of them again when
    /// they are back, and say anew what they use.
    unheard: BTreeSet<usize>,
    /// Places whose data set took the place of another one.
    replaced: BTreeSet<usize>,
    /// Of the data sets before, the packs: they may still be on their way.
    gone: Vec<Truth>,
}

/// Serials stay whose they are, and license time goes on.
fn check_what_only_grows(name: &ServerName, before: &Truth, after: &Truth, out: &mut Findings) {
    for (serial, by) in &before.claims {
        out.hold(after.claims.get(serial) == Some(by), "serial", || {
            format!("{serial} was {by}'s; {name} knows {:?} now", after.claims.get(serial))
        });
    }
    let (time, was) = (after.seen_time.license, before.seen_time.license);
    out.hold(time >= was, "I9", || format!("license time of {name} is {time}, was {was}"));
}

/// These places, and all below them.
fn below(topology: &Topology, mut these: BTreeSet<usize>) -> BTreeSet<usize> {
    for place in 1..topology.len() {
        if topology.parent(place).is_some_and(|parent| these.contains(&parent)) {
            these.insert(place);
        }
    }
    these
}

/// Relays whose edges count from zero again: forgotten, or with another data set.
fn begun_anew(
    before: &BTreeMap<ServerName, MetTruth>,
    after: &BTreeMap<ServerName, MetTruth>,
) -> BTreeSet<ServerName> {
    let incarnation = |met: &BTreeMap<ServerName, MetTruth>, name| {
        met.get(name).map(|met: &MetTruth| met.incarnation)
    };
    let names =
        before.keys().filter(|name| incarnation(before, *name) != incarnation(after, *name));
    names.cloned().collect()
}

fn note(figures: &mut Figures, known: &ProductTruth) {
    figures.shortage_max = figures.shortage_max.max(known.shortage());
    let holds = known.own() > 0;
    figures.full += u64::from(holds && known.free() == 0);
    figures.packs += known.outboxes.len() as u64;
}
