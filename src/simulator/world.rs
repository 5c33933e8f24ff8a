//! A tree of servers in one thread: the clock, the disks, the lines and whatever happens next.
//!
//! ```text
//!   run ──post, crash, cut, pause──► World ──Input──► Server   (one of each place)
//!    ▲                                │  ◄──Effect──┘
//!    └── answers, changed places ─────┤
//!                                     ├──► Disk     durable after a drawn delay, or lost
//!                                     └──► Network  arrives after a drawn delay, or never
//! ```
//! Equal seeds give equal worlds: every draw comes from one generator, every event has its place in
//! one order, and nothing is read from outside.

use crate::model::letter::Letter;
use crate::model::log::LogBatch;
use crate::model::request::{Answer, Request, RequestId};
use crate::model::time::Timestamp;
use crate::model::tuning::Tuning;
use crate::server::Server;
use crate::server::effect::Effect;
use crate::server::input::Input;
use crate::simulator::clocks::Wall;
use crate::simulator::entropy::Entropy;
use crate::simulator::figures::Figures;
use crate::simulator::link::{ConnectionId, End};
use crate::simulator::making::{Making, founding};
use crate::simulator::moment::Moment;
use crate::simulator::network::{Cut, Network};
use crate::simulator::queue::Queue;
use crate::simulator::site::Site;
use crate::simulator::topology::{PRIMARY, Topology};
use crate::simulator::trace::Trace;
use crate::simulator::truth::Truth;
use crate::simulator::weather::Weather;
use std::collections::{BTreeMap, BTreeSet};

/// An answer that a server gave.
#[derive(Clone, Debug)]
pub struct Answered {
    pub at: Moment,
    pub place: usize,
    pub id: RequestId,
    pub answer: Answer,
}

#[derive(Debug)]
pub(super) enum Event {
    Work { place: usize, start: u64 },
    Deadline { place: usize, start: u64, at: Moment },
    Written { place: usize, start: u64 },
    Saved { place: usize, start: u64 },
    Dial { child: usize, start: u64 },
    Opened { connection: ConnectionId, end: End },
    Closed { connection: ConnectionId, end: End },
    Arrived { connection: ConnectionId, to: End, letter: Box<Letter> },
    Silence { child: usize, cut: u64 },
    Mended { child: usize, cut: u64 },
    Restart { place: usize },
    Resume { place: usize },
    DiskFreed { place: usize },
    Renew { place: usize, start: u64, at: Moment },
}

/// More looks at its inbox within one millisecond than any sane server needs.
const LOOKS_PER_MS_MAX: u64 = 5_000;

pub struct World {
    pub topology: Topology,
    pub weather: Weather,
    pub figures: Figures,
    pub trace: Trace,
    pub(super) tuning: Tuning,
    pub(super) now: Moment,
    pub(super) queue: Queue<Event>,
    pub(super) entropy: Entropy,
    pub(super) network: Network,
    pub(super) sites: Vec<Site>,
    request_last: u64,
    asked: BTreeMap<RequestId, usize>,
    answers: Vec<Answered>,
    lost: Vec<RequestId>,
    changed: BTreeSet<usize>,
    stepped: BTreeSet<usize>,
    set_back: Vec<usize>,
    breaches: Vec<(&'static str, String)>,
    looks: (u64, u64),
    pub(super) letters: (u64, u64),
    /// Renewals of certificates on their way.
    pub(super) renewals: BTreeMap<RequestId, usize>,
}

impl World {
    /// All founders are started at once on empty disks.
    pub fn new(making: Making, mut entropy: Entropy) -> World {
        let topology = making.topology;
        let sites = (0..topology.len()).map(|place| {
            let founding = founding(&topology, place, &mut entropy);
            let mut site = Site::new(founding, entropy.below(making.ahead_ms_max + 1));
            site.wall = making.clocks_are_set.then(Wall::default);
            site
        });
        let sites = sites.collect();
        let mut world = World {
            network: Network::of_places(topology.len()),
            topology,
            weather: making.weather,
            figures: Figures::default(),
            trace: Trace::keeping(making.keep_lines),
            tuning: making.tuning,
            now: Moment::default(),
            queue: Queue::default(),
            entropy,
            sites,
            request_last: 0,
            asked: BTreeMap::new(),
            answers: Vec::new(),
            lost: Vec::new(),
            changed: BTreeSet::new(),
            stepped: BTreeSet::new(),
            set_back: Vec::new(),
            breaches: Vec::new(),
            looks: (0, 0),
            letters: (0, 0),
            renewals: BTreeMap::new(),
        };
        (0..world.topology.founders()).for_each(|place| world.found(place));
        world
    }

    pub fn now(&self) -> Moment {
        self.now
    }

    pub fn next_at(&self) -> Option<Moment> {
        self.queue.next_at()
    }

    /// Goes on to the next event, if it is due by then; otherwise just to that moment.
    pub fn step(&mut self, until: Moment) -> bool {
        match self.queue.next_at() {
            Some(at) if at <= until => {
                let (at, event) = self.queue.pop().expect("it was seen just above");
                self.now = self.now.max(at);
                self.happen(event);
                true
            }
            _ => {
                self.now = self.now.max(until);
                false
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Work { place, start } if self.sites[place].takes(start) => self.work(place),
            Event::Deadline { place, start, at } => self.deadline(place, start, at),
            Event::Written { place, start } if self.sites[place].takes(start) => {
                self.written(place);
            }
            Event::Saved { place, start } if self.sites[place].takes(start) => self.saved(place),
            Event::Dial { child, start } if self.sites[child].takes(start) => self.dial(child),
            Event::Opened { connection, end } => self.opened(connection, end),
            Event::Closed { connection, end } => self.closed(connection, end),
            Event::Arrived { connection, to, letter } => self.arrived(connection, to, *letter),
            Event::Silence { child, cut } => self.silence(child, cut),
            Event::Mended { child, cut } if self.network.line(child).cuts == cut => {
                self.network.mend(child);
            }
            Event::Restart { place } if self.sites[place].server.is_none() => self.restart(place),
            Event::Resume { place } => self.resume(place),
            Event::DiskFreed { place } => self.free_disk(place),
            Event::Renew { place, start, at } => self.renew(place, start, at),
            // Meant for a start that is over, or for a cut that was followed by another.
            _ => {}
        }
    }

    // What people ask.

    /// Gives a request to a server; nothing when it is down.
    pub fn post(&mut self, place: usize, request: Request) -> Option<RequestId> {
        self.sites[place].server.as_ref()?;
        self.request_last += 1;
        let id = RequestId(self.request_last);
        self.asked.insert(id, place);
        self.figures.requests += 1;
        self.take_in(place, Input::Request { id, request });
        Some(id)
    }

    pub fn take_answers(&mut self) -> Vec<Answered> {
        std::mem::take(&mut self.answers)
    }

    /// Requests that will never be answered: their server went down.
    pub fn take_lost(&mut self) -> Vec<RequestId> {
        std::mem::take(&mut self.lost)
    }

    /// Places whose server took a step, or started, since this was last asked.
    pub fn take_stepped(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.stepped)
    }

    /// Places whose durable state may have changed since this was last asked.
    pub fn take_changed(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.changed)
    }

    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Places whose disk was put back from a copy since this was last asked.
    pub fn take_set_back(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.set_back)
    }

    /// What no server may do, whatever happens to it.
    pub fn take_breaches(&mut self) -> Vec<(&'static str, String)> {
        std::mem::take(&mut self.breaches)
    }

    pub fn truth(&self, place: usize) -> Truth {
        self.sites[place].truth()
    }

    pub fn server(&self, place: usize) -> Option<&Server> {
        self.sites[place].server.as_ref()
    }

    /// Whether what the server says now is all that its disk knows.
    pub fn has_caught_up(&self, place: usize) -> bool {
        self.sites[place].has_caught_up()
    }

    pub fn is_up(&self, place: usize) -> bool {
        self.sites[place].server.is_some()
    }

    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// A letter that nobody sent arrives from a neighbour; as from a copy of an old disk. Whether
    /// there is a connection to that neighbour.
    pub fn forge(&mut self, place: usize, from: usize, letter: Letter) -> bool {
        let Some(link) = self.network.link_between(place, from) else { return false };
        self.take_in(place, Input::Letter { link, letter });
        true
    }

    // What fate does.

    /// The process ends, unsynced writes with it; it starts again after a while.
    pub fn crash(&mut self, place: usize, down_ms: u64) {
        if self.sites[place].server.is_none() {
            return;
        }
        self.figures.crashes += 1;
        self.trace.note(self.now, format!("{:>3} crashes", self.topology.name(place)));
        self.go_down(place);
        self.queue.push(self.now.after_ms(down_ms), Event::Restart { place });
    }

    pub fn clock_of(&self, place: usize) -> Timestamp {
        self.sites[place].clock(self.now)
    }

    /// A copy is made of the disk, as a backup.
    pub fn back_up(&mut self, place: usize) {
        self.sites[place].backup = Some(self.sites[place].disk.copy());
        self.sites[place].backup_serials = self.truth(place).serials;
    }

    /// Whether a license file is registered at the primary that its copy does not know: its
    /// operator would have to register it again.
    fn would_lose_licenses(&self, place: usize) -> bool {
        let serials = self.truth(place).serials;
        place == PRIMARY && !serials.is_subset(&self.sites[place].backup_serials)
    }

    pub fn has_backup(&self, place: usize) -> bool {
        let backup = self.sites[place].backup.as_ref();
        backup.is_some_and(|backup| !backup.is_empty())
    }

    /// The server goes down and comes up on the copy of its disk.
    pub fn set_back(&mut self, place: usize, down_ms: u64) {
        if self.sites[place].server.is_none()
            || !self.has_backup(place)
            || self.would_lose_licenses(place)
            || !self.all_are_known()
        {
            return;
        }
        self.figures.set_back += 1;
        self.trace.note(self.now, format!("{:>3} is set back", self.topology.name(place)));
        self.go_down(place);
        if let Err(error) = self.sites[place].set_back(&self.tuning, self.now) {
            self.breach(place, &format!("cannot start from the copy of its disk: {error}"));
        }
        self.set_back.push(place);
        self.queue.push(self.now.after_ms(down_ms), Event::Restart { place });
    }

    /// Whether the primary knows of every server. One with a ready-made identity that never was
    /// heard there is known to nobody who could be asked.
    fn all_are_known(&self) -> bool {
        let met = self.truth(PRIMARY).met;
        let mut born = (1..self.topology.len()).filter(|place| self.is_born(*place));
        born.all(|place| met.contains_key(self.topology.name(place)))
    }

    /// The disk of a relay is lost, and an empty one takes its place: it is to recover what the
    /// tree knows of it.
    pub fn lose_disk(&mut self, place: usize, down_ms: u64, ahead_ms: u64) {
        let name = self.topology.name(place).clone();
        let known = self.truth(PRIMARY).met.get(&name).copied();
        let former = known.filter(|met| !met.removed).map_or(0, |met| met.incarnation);
        if self.sites[place].server.is_none() || former == 0 || !self.all_are_known() {
            return;
        }
        self.figures.set_back += 1;
        self.trace.note(self.now, format!("{name:>3} loses its disk"));
        self.go_down(place);
        self.sites[place].lose_disk(former, ahead_ms);
        self.set_back.push(place);
        self.queue.push(self.now.after_ms(down_ms), Event::Restart { place });
    }

    pub(super) fn go_down(&mut self, place: usize) {
        for (connection, end) in self.network.of_place(place) {
            self.network.close(connection, end);
            let noticed_us = match self.entropy.chance(500) {
                true => self.entropy.between(1_000, 100_000),
                false => self.entropy.between(1_000_000, 5_000_000),
            };
            let end = end.other();
            self.queue.push(self.now.after_us(noticed_us), Event::Closed { connection, end });
        }
        self.compare_with_disk(place);
        let stopped = self.sites[place].stop(&self.tuning, &mut self.entropy, self.now);
        if let Err(error) = stopped {
            self.breach(place, &format!("cannot start from its own disk: {error}"));
        }
        self.forget_requests(place);
        self.changed.insert(place);
    }

    /// A start would find exactly what the server says now.
    pub fn compare_with_disk(&mut self, place: usize) {
        if let Some(differs) = self.sites[place].differs_from_disk(&self.tuning, self.now) {
            self.breach(place, &format!("says what its disk does not: {differs}"));
        }
    }

    fn forget_requests(&mut self, place: usize) {
        let of_place = |asked: &(&RequestId, &usize)| *asked.1 == place;
        let lost: Vec<RequestId> = self.asked.iter().filter(of_place).map(|(id, _)| *id).collect();
        for id in lost {
            self.asked.remove(&id);
            self.renewals.remove(&id);
            self.lost.push(id);
        }
    }

    /// Cuts the line above this child for so long.
    pub fn cut(&mut self, child: usize, cut: Cut, for_ms: u64) {
        self.figures.cuts += 1;
        let number = self.network.cut(child, cut);
        let noticed = self.now.after_ms(self.entropy.between(3_000, 6_000));
        self.queue.push(noticed, Event::Silence { child, cut: number });
        self.queue.push(self.now.after_ms(for_ms), Event::Mended { child, cut: number });
        let line = format!("line above {} is cut: {cut:?}", self.topology.name(child));
        self.trace.note(self.now, line);
    }

    /// The process stands still; what comes in waits.
    pub fn pause(&mut self, place: usize, for_ms: u64) {
        if self.sites[place].server.is_some() && !self.sites[place].paused {
            self.figures.pauses += 1;
            self.sites[place].paused = true;
            self.queue.push(self.now.after_ms(for_ms), Event::Resume { place });
        }
    }

    /// All faults end: lines are whole, every server runs.
    pub fn heal(&mut self) {
        self.weather = Weather::CALM;
        self.set_clocks_right();
        for place in 0..self.sites.len() {
            self.network.mend(place);
            self.resume(place);
            self.free_disk(place);
            if self.is_born(place) && self.sites[place].server.is_none() {
                self.restart(place);
            }
        }
        self.trace.note(self.now, "all faults end".to_string());
    }

    fn resume(&mut self, place: usize) {
        self.sites[place].paused = false;
        if !self.sites[place].inbox.is_empty() {
            self.call_to_work(place);
        }
    }

    pub(super) fn restart(&mut self, place: usize) {
        let entropy = self.entropy.draw();
        let booted = self.sites[place].boot(&self.tuning, entropy, self.now);
        if let Err(error) = booted {
            self.breach(place, &format!("does not start: {error}"));
            return;
        }
        self.trace.note(self.now, format!("{:>3} starts", self.topology.name(place)));
        let start = self.sites[place].start;
        if place != PRIMARY {
            let at = self.now.after_us(self.entropy.between(1_000, 50_000));
            self.queue.push(at, Event::Dial { child: place, start });
        }
        self.show_disk(place);
        self.show_keyring(place);
        self.stepped.insert(place);
        self.call_to_work(place);
    }

    pub(super) fn breach(&mut self, place: usize, what: &str) {
        self.breach_of("server", place, what);
    }

    pub(super) fn breach_of(&mut self, rule: &'static str, place: usize, what: &str) {
        self.breaches.push((rule, format!("{} {what}", self.topology.name(place))));
    }

    // One server's work.

    pub(super) fn take_in(&mut self, place: usize, input: Input) {
        self.sites[place].inbox.push(input);
        self.call_to_work(place);
    }

    fn call_to_work(&mut self, place: usize) {
        let site = &mut self.sites[place];
        if site.work_is_due || site.paused || site.server.is_none() {
            return;
        }
        site.work_is_due = true;
        let start = site.start;
        let at = self.now.after_us(self.weather.gathering(&mut self.entropy));
        self.queue.push(at, Event::Work { place, start });
    }

    fn work(&mut self, place: usize) {
        let site = &mut self.sites[place];
        site.work_is_due = false;
        let clock = site.clock(self.now);
        let (Some(server), false) = (site.server.as_mut(), site.paused) else { return };
        if let Some(wall) = &site.wall {
            server.handle(clock, Input::Clock(wall.reading(clock, self.now)));
        }
        let mut persisted = false;
        for input in std::mem::take(&mut site.inbox) {
            self.trace.input(self.now, place, self.topology.name(place), &input);
            self.figures.inputs += 1;
            persisted |= matches!(input, Input::Persisted { .. });
            server.handle(clock, input);
        }
        let effects = server.effects(clock);
        self.stepped.insert(place);
        if persisted {
            site.caught_up();
            self.changed.insert(place);
        }
        self.count_look(place);
        self.watch_clock(place);
        self.carry_out(place, effects);
        self.set_deadline(place);
    }

    fn count_look(&mut self, place: usize) {
        let (ms, looks) = self.looks;
        self.looks = if ms == self.now.ms() { (ms, looks + 1) } else { (self.now.ms(), 0) };
        if self.looks.1 == LOOKS_PER_MS_MAX {
            self.breach(place, "spins: it works on and on without time passing");
        }
    }

    fn carry_out(&mut self, place: usize, effects: Vec<Effect>) {
        let dies = !effects.is_empty() && self.entropy.chance(self.weather.crash_in_effects);
        let done = if dies { self.entropy.index(effects.len() + 1) } else { effects.len() };
        for effect in effects.into_iter().take(done) {
            self.carry_out_one(place, effect);
        }
        if dies {
            let down_ms = self.entropy.between(10, 3_000);
            self.crash(place, down_ms);
        }
    }

    fn carry_out_one(&mut self, place: usize, effect: Effect) {
        match effect {
            Effect::Persist(batch) => self.write(place, batch),
            Effect::Send { link, letter } => self.send(place, link, letter),
            Effect::Answer { id, answer, .. } => self.answer(place, id, *answer),
            Effect::Checkpoint(checkpoint) => {
                self.sites[place].disk.save(checkpoint);
                let late = 10 * self.weather.disk_delay(&mut self.entropy);
                let start = self.sites[place].start;
                self.queue.push(self.now.after_us(late), Event::Saved { place, start });
            }
            Effect::CutLog(at) => self.sites[place].disk.cut(at),
            Effect::Close { link, why } => self.hang_up(place, link, &why),
            Effect::Certify { ticket, job } => self.certify(place, ticket, &job),
            Effect::Believe(trust) => self.believe(place, &trust),
        }
    }

    fn write(&mut self, place: usize, batch: LogBatch) {
        batch.entries.iter().for_each(|entry| self.trace.bytes(&entry.data));
        let late = self.weather.disk_delay(&mut self.entropy);
        let site = &mut self.sites[place];
        let at = self.now.after_us(late).max(site.disk_free_at);
        site.disk_free_at = at;
        site.disk.write(batch);
        self.queue.push(at, Event::Written { place, start: site.start });
    }

    fn written(&mut self, place: usize) {
        if let Some(number) = self.sites[place].disk.written() {
            self.take_in(place, Input::Persisted { number });
        }
    }

    fn saved(&mut self, place: usize) {
        if !self.sites[place].disk.rows_may_be_saved() {
            self.breach(place, "saves rows that are ahead of its durable log");
        }
        if let Some(at) = self.sites[place].disk.saved() {
            self.take_in(place, Input::Checkpointed { at });
        }
    }

    fn answer(&mut self, place: usize, id: RequestId, answer: Answer) {
        if self.asked.remove(&id) != Some(place) {
            self.breach(place, &format!("answers {id:?}, which nobody waits for"));
        }
        if self.trace.keeps_lines() {
            let line = format!("{:>3} ► {id:?} {answer:?}", self.topology.name(place));
            self.trace.note(self.now, line.chars().take(400).collect());
        }
        if self.renewals.remove(&id).is_some() {
            return self.renewed(place, &answer);
        }
        self.answers.push(Answered { at: self.now, place, id, answer });
    }

    fn set_deadline(&mut self, place: usize) {
        let site = &mut self.sites[place];
        let wanted = site.server.as_ref().and_then(Server::next_deadline);
        let wanted = wanted.map(|at| Moment::reading(at, site.ahead_ms));
        let wanted = wanted.map(|at| at.max(Moment::of_ms(self.now.ms() + 1)));
        if wanted == site.deadline_at {
            return;
        }
        site.deadline_at = wanted;
        if let Some(at) = wanted {
            self.queue.push(at, Event::Deadline { place, start: site.start, at });
        }
    }

    fn deadline(&mut self, place: usize, start: u64, at: Moment) {
        let site = &mut self.sites[place];
        if site.takes(start) && site.deadline_at == Some(at) {
            site.deadline_at = None;
            self.take_in(place, Input::Deadline);
        }
    }
}
