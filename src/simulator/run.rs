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
use crate::simulator::agreement::{Agreement, LOOK_MS};
use crate::simulator::clocks::Clocks;
use crate::simulator::entropy::Entropy;
use crate::simulator::faults::Faults;
use crate::simulator::figures::Figures;
use crate::simulator::joiners::{Joined, Joiners};
use crate::simulator::liveness::{Probe, Rest};
use crate::simulator::making::Making;
use crate::simulator::mishaps::{Mishap, Mishaps};
use crate::simulator::moment::Moment;
use crate::simulator::oracle::Oracle;
use crate::simulator::outcome::Outcome;
use crate::simulator::plan::Plan;
use crate::simulator::set_backs::{SetBacks, Whose};
use crate::simulator::topology::{PRIMARY, Topology};
use crate::simulator::truth::awaited;
use crate::simulator::violation::Findings;
use crate::simulator::workload::{Errand, Workload};
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
    /// What is not to be drawn.
    pub plan: Plan,
}

impl Default for Settings {
    /// Three simulated minutes.
    fn default() -> Settings {
        Settings {
            virtual_ms: 180_000,
            set_backs: Whose::Relays,
            keep_lines: 0,
            tuning: Tuning::default(),
            plan: Plan::default(),
        }
    }
}

/// The quiet part at the end of a run.
pub const REST_MS: u64 = 55_000;
/// After the faults ended, all must agree within this: twice the slowest repeat, and a little.
pub const AGREE_MS: u64 = 25_000;
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
    let outcome = run_once(seed, settings, &mut |_| {});
    if outcome.violations.is_empty() || settings.keep_lines > 0 {
        return outcome;
    }
    run_once(seed, &Settings { keep_lines: KEPT_LINES, ..settings.clone() }, &mut |_| {})
}

/// Runs one seed, once. `told` hears again and again how far it is, which changes nothing.
pub fn run_once(seed: u64, settings: &Settings, told: &mut dyn FnMut(Moment)) -> Outcome {
    let mut run = Run::new(seed, settings);
    let caught = catch_unwind(AssertUnwindSafe(|| run.go(told)));
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
    clocks: Clocks,
    oracle: Oracle,
    mishaps: Mishaps,
    /// People and faults begin at this moment.
    calm_until: Moment,
    /// Whether it is measured when all agree.
    measures: bool,
    agreement: Agreement,
    recovery_looked_at: Moment,
    heal_at: Moment,
    end_at: Moment,
    probes: BTreeMap<RequestId, Probe>,
    ranges_asked: Option<RequestId>,
}

impl Run {
    fn new(seed: u64, settings: &Settings) -> Run {
        let plan = &settings.plan;
        let mut entropy = Entropy::new(seed);
        let room = entropy.between(1, 3) as usize;
        let drawn = Topology::drawn(&mut entropy);
        let topology = plan.topology(drawn, room, &mut entropy);
        let mut faults = plan.faults(entropy.fork());
        let workload = plan.workload(&topology, settings.virtual_ms, &mut entropy);
        let whose = plan.whose(settings.set_backs);
        let set_backs = plan.set_backs(seed, whose);
        let joiners = Joiners::drawn(&topology, set_backs.are_drawn(), entropy.fork());
        let joiners = match whose {
            Whose::Primarys | Whose::All => joiners.at_rest(),
            Whose::Nobodys | Whose::Relays | Whose::Lost => plan.joiners(joiners),
        };
        let mut clocks = plan.clocks(seed);
        let making = Making {
            tuning: timed(tuning(settings, &mut entropy), &mut clocks),
            weather: faults.weather(),
            ahead_ms_max: plan.ahead_ms_max(entropy.chance(300)),
            clocks_are_set: clocks.are_drawn(),
            keep_lines: settings.keep_lines,
            topology,
        };
        let parts = (&faults, &set_backs, &clocks, &joiners, &workload);
        let mishaps = mishaps_of(parts, whose, making.ahead_ms_max > 0);
        Run {
            oracle: Oracle::new(making.topology.len()),
            world: World::new(making, entropy),
            workload,
            joiners,
            faults,
            set_backs,
            clocks,
            mishaps,
            calm_until: plan.calm_until(),
            measures: plan.measures,
            agreement: Agreement::default(),
            recovery_looked_at: Moment::default(),
            heal_at: Moment::of_ms(settings.virtual_ms.saturating_sub(REST_MS)),
            end_at: Moment::of_ms(settings.virtual_ms),
            probes: BTreeMap::new(),
            ranges_asked: None,
        }
    }

    fn go(&mut self, told: &mut dyn FnMut(Moment)) {
        for errand in self.workload.opening() {
            self.post(&errand);
        }
        while self.world.now() < self.heal_at && self.goes_well() {
            let others = self.joiners.next_at().min(self.faults.next_at());
            let others = others.min(self.set_backs.next_at()).min(self.clocks.next_at());
            let others = others.max(self.calm_until);
            self.pass(self.workload.next_at().min(others).min(self.heal_at));
            self.act();
            told(self.world.now());
        }
        self.rest();
        told(self.world.now());
    }

    fn act(&mut self) {
        let now = self.world.now();
        if now >= self.heal_at {
            return;
        }
        let begun = now >= self.calm_until;
        if begun && now >= self.faults.next_at() {
            self.faults.strike(&mut self.world);
        }
        if begun && now >= self.set_backs.next_at() {
            self.set_backs.strike(&mut self.world);
        }
        if begun && now >= self.clocks.next_at() {
            self.clocks.strike(&mut self.world);
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
        if begun && now >= self.joiners.next_at() {
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
        self.settle(self.heal_at.after_ms(1_000));
        let scans = self.workload.last_scans();
        scans.iter().for_each(|errand| self.post(errand));
        self.settle(self.heal_at.after_ms(END_MS));
        self.end_of_primarys();
        self.end_recoveries();
        // One that waited for another begins to wait for the lost itself.
        for later_ms in [3_000, 6_000] {
            self.settle(self.heal_at.after_ms(END_MS + later_ms));
            self.end_recoveries();
        }
        self.settle(self.heal_at.after_ms(AGREE_MS));
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

    /// Passes, and measures on the way how far all agree; looking changes nothing.
    fn settle(&mut self, until: Moment) {
        while self.measures && self.goes_well() && self.world.now() < until {
            self.pass(self.world.now().after_ms(LOOK_MS).min(until));
            let mut counts = Findings::at(self.world.now());
            self.check_rest(&mut counts);
            let mut rows = Findings::at(self.world.now());
            if counts.is_empty() {
                self.oracle.check_shown(&self.world, &mut rows);
            }
            let after_ms = self.world.now().ms().saturating_sub(self.heal_at.ms());
            self.agreement.seen(after_ms, counts.is_empty(), rows.is_empty());
        }
        self.pass(until);
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
        let Joined { place, parent, grant, empty } = joined;
        self.oracle.joined(&self.world, *place, *parent, *empty);
        self.world.join(*place, *parent, grant, *empty);
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
        self.check_rest(&mut out);
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

    fn check_rest(&self, out: &mut Findings) {
        self.no_recovery(out);
        self.each_product(|rest| rest.check(out));
        self.oracle.check_rest(&self.world, out);
        let mut born = (0..self.world.topology.len()).filter(|place| self.world.is_born(*place));
        let up = born.find(|place| !self.world.has_caught_up(*place));
        out.hold(up.is_none(), "L2", || format!("server at place {up:?} did not come back"));
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
        // Uses go through every server on the way; through one that is not taken nothing goes.
        let members = members.filter(|place| !self.is_below_one_refused(*place));
        let up = members.filter_map(|place| self.world.server(place));
        for server in up {
            if let Some(awaits) = awaited(server) {
                let name = server.engine().state().name();
                out.add("L2", format!("{name} recovers still, and awaits {awaits:?}"));
            }
        }
    }

    /// Whether the primary does not take a server above: one that joined anew with an empty folder
    /// although licenses are with it (LT0232). Only people can help it.
    fn is_below_one_refused(&self, place: usize) -> bool {
        let parent = |at: &usize| self.world.topology.parent(*at);
        let mut above = std::iter::successors(parent(&place), parent);
        above.any(|at| {
            let server = self.world.server(at);
            server.is_some_and(|server| server.engine().attach_refusal().is_some())
        })
    }

    fn each_product(&self, mut of: impl FnMut(Rest<'_>)) {
        let (topology, truths) = (&self.world.topology, self.oracle.truths());
        let (census, replaced) =
            (&self.oracle.census(&self.world), &self.oracle.replaced(topology));
        let moved = self.oracle.moved();
        for product in &self.workload.habits().products {
            of(Rest { topology, truths, product, census, replaced, moved });
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
            self.world.figures.probes_denied += u64::from(!managed);
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
            servers_moved: self.joiners.moves,
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
            mishaps: self.mishaps,
            agreement: self.agreement,
            lines: self.world.trace.lines().cloned().collect(),
        }
    }
}

/// What runs are made of, as far as it may go wrong.
type Parts<'a> = (&'a Faults, &'a SetBacks, &'a Clocks, &'a Joiners, &'a Workload);

/// Everything that can go wrong in a run that is made of these parts.
fn mishaps_of(
    (faults, set_backs, clocks, joiners, workload): Parts<'_>,
    whose: Whose,
    clocks_differ: bool,
) -> Mishaps {
    let habits = workload.habits();
    let [joins, removes, rotates, moves] = joiners.does();
    let put_back = set_backs.are_drawn();
    let others = [
        (Mishap::SetBack, put_back && matches!(whose, Whose::Relays | Whose::All)),
        (Mishap::SetBackPrimary, put_back && matches!(whose, Whose::Primarys | Whose::All)),
        (Mishap::Join, joins),
        (Mishap::Remove, removes),
        (Mishap::Move, moves),
        (Mishap::Rotate, rotates),
        (Mishap::Clock, clocks_differ),
        (Mishap::ClockSet, clocks.are_drawn()),
        (Mishap::Force, habits.forced > 0),
        (Mishap::Expire, habits.expiring > 0),
    ];
    let others = others.into_iter().filter(|(_, is)| *is).map(|(mishap, _)| mishap);
    Mishaps::of(faults.kinds().iter().map(|kind| Mishap::Fault(*kind)).chain(others))
}

/// How often clocks are looked at, in runs in which they are read.
fn timed(tuning: Tuning, clocks: &mut Clocks) -> Tuning {
    if !clocks.are_drawn() {
        return tuning;
    }
    let [clock_look_interval, license_time_interval] = clocks.intervals();
    Tuning { clock_look_interval, license_time_interval, ..tuning }
}

/// Small limits in some runs, so that packs, wishes and reports take many letters. A tree that
/// somebody has keeps the limits it has; only what comes every ten seconds and every five minutes
/// comes more often, or a run would see too little of it.
fn tuning(settings: &Settings, entropy: &mut Entropy) -> Tuning {
    let mut tuning = settings.tuning.clone();
    tuning.reconcile_interval = Duration::from_millis(entropy.between(2_000, 60_000));
    tuning.move_interval = Duration::from_millis(entropy.between(200, 6_000));
    if settings.plan.estate.is_some() {
        return tuning;
    }
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
