//! One run: a tree drawn from a seed, a working day full of faults, then rest.
//!
//! ```text
//!   0 ───────── work and faults ─────────► heal ── 25 s ──► L2 ── 10 s ──► L1 ── 20 s ──► end
//!                                          │ faults and work end           │              │ L2,
//!                                          │ a last scan at every site     │ probes       │ I10
//! ```
//! The invariants are watched from the first moment to the last.

use crate::model::request::{Answer, Doing, Request, RequestId};
use crate::model::tuning::Tuning;
use crate::simulator::entropy::Entropy;
use crate::simulator::faults::Faults;
use crate::simulator::figures::Figures;
use crate::simulator::joiners::{Joined, Joiners};
use crate::simulator::liveness::{Probe, Rest};
use crate::simulator::making::Making;
use crate::simulator::moment::Moment;
use crate::simulator::oracle::Oracle;
use crate::simulator::outcome::Outcome;
use crate::simulator::set_backs::{SetBacks, Whose};
use crate::simulator::topology::{PRIMARY, Topology};
use crate::simulator::truth::awaited;
use crate::simulator::violation::Findings;
use crate::simulator::workload::{Errand, Habits, Workload};
use crate::simulator::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How runs are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Virtual time of a run; at least [`REST_MS`] and some more.
    pub virtual_ms: u64,
    /// Whose disks are put back from older copies.
    pub set_backs: Whose,
    /// Lines of the trace that a failed run shows.
    pub keep_lines: usize,
    /// What every server is tuned to; limits of letters and entries are drawn below these.
    pub tuning: Tuning,
}

impl Default for Settings {
    /// Three simulated minutes.
    fn default() -> Settings {
        let tuning = Tuning::default();
        Settings { virtual_ms: 180_000, set_backs: Whose::Relays, keep_lines: 0, tuning }
    }
}

/// The quiet part at the end of a run.
pub const REST_MS: u64 = 55_000;
/// After the faults ended, all must agree within this: twice the slowest repeat, and a little.
const AGREE_MS: u64 = 25_000;
const PROBE_MS: u64 = 10_000;
/// Lines of the trace that a run which fails is shown with.
const KEPT_LINES: usize = 60;
/// How often the operator of a primary looks whether it recovers.
const RECOVERY_GAP_MS: u64 = 500;
/// When an operator ends recoveries that wait for servers which cannot come.
const END_MS: u64 = 15_000;
/// How long a change of what is believed takes to get to everybody, when nothing fails.
const TOLD_MS: u64 = 3_000;
/// More steps than a new authority takes.
const TRUST_STEPS_MAX: u32 = 4;

/// Runs one seed. A run that fails is run again, to show its last lines.
pub fn run(seed: u64, settings: &Settings) -> Outcome {
    let outcome = run_once(seed, settings);
    if outcome.violations.is_empty() || settings.keep_lines > 0 {
        return outcome;
    }
    run_once(seed, &Settings { keep_lines: KEPT_LINES, ..settings.clone() })
}

fn run_once(seed: u64, settings: &Settings) -> Outcome {
    let mut run = Run::new(seed, settings);
    let caught = catch_unwind(AssertUnwindSafe(|| run.go()));
    if let Err(panic) = caught {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        let mut out = Findings::at(run.world.now());
        out.add("panic", text.unwrap_or_else(|| "without words".to_string()));
        run.oracle.add(out);
    }
    run.outcome(seed)
}

struct Run {
    world: World,
    workload: Workload,
    joiners: Joiners,
    faults: Faults,
    set_backs: SetBacks,
    oracle: Oracle,
    recovery_looked_at: Moment,
    heal_at: Moment,
    end_at: Moment,
    probes: BTreeMap<RequestId, Probe>,
    ranges_asked: Option<RequestId>,
}

impl Run {
    fn new(seed: u64, settings: &Settings) -> Run {
        let mut entropy = Entropy::new(seed);
        let room = entropy.between(1, 3) as usize;
        let topology = Topology::drawn(&mut entropy).with_room(room, &mut entropy);
        let mut faults = Faults::drawn(entropy.fork());
        let habits = Habits::drawn(&mut entropy, topology.founders());
        let workload = Workload::new(&topology, habits, entropy.fork());
        let set_backs = SetBacks::drawn(seed, settings.set_backs);
        let joiners = Joiners::drawn(&topology, set_backs.are_drawn(), entropy.fork());
        let joiners = match settings.set_backs {
            Whose::Primarys | Whose::All => joiners.at_rest(),
            Whose::Nobodys | Whose::Relays => joiners,
        };
        let making = Making {
            tuning: drawn_tuning(&settings.tuning, &mut entropy),
            weather: faults.weather(),
            ahead_ms_max: if entropy.chance(300) { 20_000 } else { 0 },
            keep_lines: settings.keep_lines,
            topology,
        };
        let oracle = Oracle::new(making.topology.len());
        let heal_at = Moment::of_ms(settings.virtual_ms.saturating_sub(REST_MS));
        let end_at = Moment::of_ms(settings.virtual_ms);
        let world = World::new(making, entropy);
        let (probes, ranges_asked) = (BTreeMap::new(), None);
        Run {
            world,
            workload,
            joiners,
            faults,
            set_backs,
            oracle,
            recovery_looked_at: Moment::default(),
            heal_at,
            end_at,
            probes,
            ranges_asked,
        }
    }

    fn go(&mut self) {
        for errand in self.workload.opening() {
            self.post(&errand);
        }
        while self.world.now() < self.heal_at && self.goes_well() {
            let people = self.workload.next_at().min(self.joiners.next_at());
            let faults = self.faults.next_at().min(self.set_backs.next_at());
            self.pass(people.min(faults).min(self.heal_at));
            self.act();
        }
        self.rest();
    }

    fn act(&mut self) {
        let now = self.world.now();
        if now >= self.heal_at {
            return;
        }
        if now >= self.faults.next_at() {
            self.faults.strike(&mut self.world);
        }
        if now >= self.set_backs.next_at() {
            self.set_backs.strike(&mut self.world);
        }
        if now >= self.recovery_looked_at.after_ms(RECOVERY_GAP_MS) {
            self.recovery_looked_at = now;
            self.end_of_primarys();
        }
        if now >= self.workload.next_at() {
            for errand in self.workload.errands(now) {
                self.post(&errand);
            }
        }
        if now >= self.joiners.next_at() {
            for errand in self.joiners.errands(now) {
                self.post_request(errand.place, &errand.request, |run, id| {
                    run.joiners.posted(id, &errand);
                });
            }
        }
    }

    /// Faults end, and what was promised for then must come true.
    fn rest(&mut self) {
        self.world.heal();
        self.pass(self.heal_at.after_ms(1_000));
        let scans = self.workload.last_scans();
        scans.iter().for_each(|errand| self.post(errand));
        self.pass(self.heal_at.after_ms(END_MS));
        self.end_of_primarys();
        self.end_recoveries();
        self.pass(self.heal_at.after_ms(AGREE_MS));
        self.look_at_rest();
        self.probe();
        self.pass(self.heal_at.after_ms(AGREE_MS + PROBE_MS));
        self.see_probes();
        self.pass(self.end_at);
        self.look_at_rest();
        if self.goes_well() {
            self.oracle.conclude(&mut self.world);
        }
    }

    fn goes_well(&self) -> bool {
        self.oracle.violations().is_empty()
    }

    /// Lets everything happen that is due by then. Stops at the first violation.
    fn pass(&mut self, until: Moment) {
        while self.goes_well() && self.world.step(until) {
            self.listen();
        }
    }

    fn listen(&mut self) {
        for answered in self.world.take_answers() {
            self.workload.heard(answered.id, &answered.answer);
            self.joiners.heard(answered.id, &answered.answer);
            self.oracle.heard(answered.id, &answered.answer);
            self.hear_rest(answered.id, &answered.answer);
        }
        for id in self.world.take_lost() {
            self.workload.lost(id);
            self.joiners.lost(id);
            self.oracle.lost(id);
        }
        for joined in self.joiners.take_joined() {
            self.start_joined(&joined);
        }
        self.oracle.watch(&mut self.world);
    }

    fn start_joined(&mut self, joined: &Joined) {
        let Joined { place, grant, empty } = joined;
        self.oracle.joined(&self.world, *place, *empty);
        self.world.join(*place, grant, *empty);
        for errand in self.workload.arrival(*place, *empty) {
            self.post(&errand);
        }
    }

    fn post(&mut self, errand: &Errand) {
        self.post_request(errand.place, &errand.request, |run, id| run.workload.posted(id, errand));
    }

    fn post_request(
        &mut self,
        place: usize,
        request: &Request,
        then: impl FnOnce(&mut Run, RequestId),
    ) {
        if let Some(id) = self.world.post(place, request.clone()) {
            self.oracle.posted(id, place, request);
            then(self, id);
        }
    }

    // The end.

    /// A step of a new authority may be taken at any moment, also after the faults; what all are
    /// to believe is looked at when it had the time to come to them.
    fn let_trust_arrive(&mut self) {
        for _ in 0..TRUST_STEPS_MAX {
            let told = self.oracle.trust_risen_at().after_ms(TOLD_MS);
            if self.world.now() >= told {
                return;
            }
            self.pass(told);
        }
    }

    fn look_at_rest(&mut self) {
        self.let_trust_arrive();
        if !self.goes_well() {
            return;
        }
        let mut out = Findings::at(self.world.now());
        self.no_recovery(&mut out);
        self.each_product(|rest| rest.check(&mut out));
        self.oracle.check_rest(&self.world, &mut out);
        let mut born = (0..self.world.topology.len()).filter(|place| self.world.is_born(*place));
        let up = born.find(|place| !self.world.has_caught_up(*place));
        out.hold(up.is_none(), "L2", || format!("server at place {up:?} did not come back"));
        for (id, place) in self.oracle.promises().unanswered() {
            out.add(
                "L1",
                format!("{id:?} to {} was never answered", self.world.topology.name(place)),
            );
        }
        self.oracle.add(out);
        if self.goes_well() {
            let asked = |run: &mut Run, id| run.ranges_asked = Some(id);
            self.post_request(PRIMARY, &Request::Ranges, asked);
            self.pass(self.world.now().after_ms(1_000));
        }
    }

    /// The operator of a primary that recovers ends it, once all that there are have said what they
    /// hold.
    fn end_of_primarys(&mut self) {
        let Some(server) = self.world.server(PRIMARY) else { return };
        let met = &self.oracle.truths()[PRIMARY].met;
        let mut born = (1..self.world.topology.len()).filter(|place| self.world.is_born(*place));
        let all = born.all(|place| met.contains_key(self.world.topology.name(place)));
        if all && awaited(server).is_some_and(|awaits| awaits.is_empty()) {
            let request = Request::EndRecovery { doing: Doing::Do };
            self.post_request(PRIMARY, &request, |_, _| {});
        }
    }

    /// Whoever could not come in again with what it has, and is waited for, is given up.
    fn end_recoveries(&mut self) {
        let census = self.oracle.census(&self.world);
        for place in (0..self.world.topology.len()).filter(|place| census.has(*place)) {
            let Some(server) = self.world.server(place) else { continue };
            let awaits = awaited(server).unwrap_or_default();
            let named = awaits.iter().filter_map(|awaited| awaited.server.as_ref());
            let places = named.filter_map(|server| self.world.topology.place_of(server));
            let lost: BTreeSet<usize> = places.filter(|place| !census.has(*place)).collect();
            if !lost.is_empty() {
                self.oracle.given_up(&lost);
                let request = Request::EndRecovery { doing: Doing::Force };
                self.post_request(place, &request, |_, _| {});
            }
        }
    }

    fn no_recovery(&self, out: &mut Findings) {
        let census = self.oracle.census(&self.world);
        let members = (0..self.world.topology.len()).filter(|place| census.has(*place));
        let up = members.filter_map(|place| self.world.server(place));
        for server in up {
            if let Some(awaits) = awaited(server) {
                let name = server.engine().state().name();
                out.add("L2", format!("{name} recovers still, and awaits {awaits:?}"));
            }
        }
    }

    fn each_product(&self, mut of: impl FnMut(Rest<'_>)) {
        let (topology, truths) = (&self.world.topology, self.oracle.truths());
        let (census, replaced) =
            (&self.oracle.census(&self.world), &self.oracle.replaced(topology));
        for product in &self.workload.habits().products {
            of(Rest { topology, truths, product, census, replaced });
        }
    }

    fn hear_rest(&mut self, id: RequestId, answer: &Answer) {
        if self.ranges_asked != Some(id) {
            return;
        }
        let mut out = Findings::at(self.world.now());
        match answer {
            Answer::Ranges(shown) => self.each_product(|rest| rest.check_shown(shown, &mut out)),
            other => out.add("L2", format!("asked for the ranges the primary said {other:?}")),
        }
        self.oracle.add(out);
    }

    fn probe(&mut self) {
        let mut probes: Vec<Probe> = Vec::new();
        self.each_product(|rest| probes.extend(rest.probes(&probes)));
        for probe in probes {
            let request = Request::Manage {
                devices: vec![probe.device.clone()],
                product: Some(probe.product.clone()),
            };
            let place = probe.place;
            self.world.figures.probes += 1;
            self.post_request(place, &request, |run, id| {
                run.probes.insert(id, probe);
            });
        }
    }

    fn see_probes(&mut self) {
        if !self.goes_well() {
            return;
        }
        let mut out = Findings::at(self.world.now());
        for probe in self.probes.values() {
            let truth = &self.oracle.truths()[probe.place];
            let managed = truth.managed(&probe.product).any(|n| n == probe.device.number);
            out.hold(managed, "L1", || {
                format!("its range had a license free for {} of {}", probe.device, probe.product)
            });
        }
        self.oracle.add(out);
    }

    fn outcome(self, seed: u64) -> Outcome {
        let fates = self.oracle.promises().fates;
        let figures = Figures {
            virtual_ms: self.world.now().ms(),
            asks: fates.asks,
            grants: fates.grants,
            denials: fates.denials,
            holding_changes: self.oracle.promises().holding_changes,
            removals: self.joiners.removals,
            rotations: self.joiners.rotations,
            ..self.world.figures
        };
        Outcome {
            seed,
            story: format!(
                "tree {}; faults {:?}{}; {:?}",
                self.world.topology.drawing(),
                self.faults.kinds(),
                if self.set_backs.are_drawn() { " and disks put back" } else { "" },
                self.workload.habits(),
            ),
            violations: self.oracle.violations().to_vec(),
            trace_hash: self.world.trace.hash(),
            figures,
            lines: self.world.trace.lines().cloned().collect(),
        }
    }
}

/// Small limits in some runs, so that packs, wishes and reports take many letters.
fn drawn_tuning(base: &Tuning, entropy: &mut Entropy) -> Tuning {
    let mut tuning = base.clone();
    tuning.reconcile_interval = Duration::from_millis(entropy.between(2_000, 60_000));
    tuning.move_interval = Duration::from_millis(entropy.between(200, 6_000));
    if entropy.chance(400) {
        tuning.moves_per_letter_max = entropy.between(1, 3) as usize;
        tuning.rows_looked_at_max = entropy.between(2, 10) as usize;
        tuning.report_rows_max = entropy.between(1, 8) as usize;
        tuning.report_window = entropy.between(1, 4) as usize;
        tuning.wishes_per_letter_max = entropy.between(1, 4) as usize;
        tuning.pack_entries_per_letter_max = entropy.between(1, 5) as usize;
        tuning.entry_commands_max = entropy.between(1, 8) as usize;
    }
    if entropy.chance(500) {
        tuning.checkpoint_interval = Duration::from_millis(entropy.between(50, 5_000));
        tuning.checkpoint_log_bytes = entropy.between(200, 20_000);
        tuning.checkpoint_rows_max = entropy.between(20, 2_000) as usize;
    }
    tuning
}
