//! All scans of a server: what waits, what runs, what is over, and when the next one is due.
//!
//! ```text
//!   scan run ──► waiting (a few) ──► worker: one at a time ──► over (some are kept)
//!   clerk: every so often ─┘             │          ▲
//!                                        ▼          │ its turn comes again
//!                     held, or outside its hours: paused; the next one has its turn
//! ```
//!
//! One scan asks at a time. One that is paused gives its turn back, so that it holds up nobody; it
//! counts among those that wait, so there are few of them.
//!
//! Nothing of it is kept over a restart: what a scan found is booked, its line stands in the event
//! log, and plans count from the start anew. One that runs or waits when the server stops has no
//! line: by then the server takes in nothing more.

use crate::client::contract::{PlannedScan, ScanBody, ScanList, ScanState, ScanView};
use crate::daemon::port::Port;
use crate::edge::codes;
use crate::edge::scan::ScanLimits;
use crate::edge::scan::job::Job;
use crate::edge::scan::names::Names;
use crate::edge::scan::plan::{Plan, ScanRules, ScanSettings};
use crate::edge::scan::run::{Crew, run};
use crate::edge::scan::window::Window;
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::request::Request;
use crate::model::scan::{ScanEnd, ScanSummary};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

/// The first scheduled scan comes no sooner than this after a start, so that a server that starts
/// again and again does not ask all its machines each time.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// Hours are looked at so often at least: the clock of a machine may be set.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(60);

/// What a desk is made of.
pub struct DeskParts {
    pub port: Port,
    /// Whose nodes it finds.
    pub me: ServerName,
    pub rules: ScanRules,
    pub limits: ScanLimits,
}

/// The desk. Dropping the last copy ends its tasks, and the scan that runs.
#[derive(Clone)]
pub struct Desk {
    inner: Arc<Inner>,
    _tasks: Arc<[AbortOnDropHandle<()>; 3]>,
}

struct Inner {
    rules: ScanRules,
    limits: ScanLimits,
    jobs: Mutex<Jobs>,
    /// One turn; it goes from scan to scan.
    turns: Arc<Semaphore>,
    /// Something waits.
    wake: Notify,
    /// What is told of scans that were stopped before they began; as many as are kept.
    lines: mpsc::Sender<ScanSummary>,
    /// When each planned scan starts next, in the order of the rules; nothing where it is run by
    /// hand only.
    due: Mutex<Vec<Option<Instant>>>,
}

#[derive(Default)]
struct Jobs {
    last: u64,
    /// The oldest first; waiting and running ones among them.
    all: VecDeque<Arc<Job>>,
}

/// What a scan is told by somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Pause,
    Resume,
    Stop,
}

impl Desk {
    /// Inside a tokio runtime only.
    pub fn open(parts: DeskParts) -> Desk {
        let DeskParts { port, me, rules, limits } = parts;
        let names = Names::new(limits.names_at_once, limits.name_wait);
        let loopback = rules.loopback;
        let crew = Crew { port, me, names, limits: limits.clone(), loopback };
        let begun = Instant::now();
        let first = |plan: &ScanSettings| Some(begun + plan.every?.min(FIRST_AFTER));
        let due = Mutex::new(rules.planned.iter().map(first).collect());
        let (jobs, wake) = (Mutex::default(), Notify::new());
        let turns = Arc::new(Semaphore::new(1));
        let (lines, ended) = mpsc::channel(limits.kept_max.max(1));
        let scribe = tokio::spawn(write_lines(ended, crew.port.clone()));
        let inner = Arc::new(Inner { rules, limits, jobs, turns, wake, lines, due });
        let worker = tokio::spawn(work(inner.clone(), crew));
        let clerk = tokio::spawn(keep_hours(inner.clone()));
        let tasks = [worker, clerk, scribe].map(AbortOnDropHandle::new);
        Desk { inner, _tasks: Arc::new(tasks) }
    }

    /// Puts a scan into the queue.
    ///
    /// # Errors
    /// What of it cannot be, and that too many wait already.
    pub fn run(&self, body: &ScanBody) -> Result<ScanView, Refusal> {
        let Inner { rules, limits, .. } = &*self.inner;
        let plan = Plan::asked(body, rules, limits)?;
        let job = self.inner.enqueue(plan)?;
        Ok(self.inner.jobs().view(&job))
    }

    pub fn list(&self) -> ScanList {
        let jobs = self.inner.jobs();
        let scans = jobs.all.iter().map(|job| jobs.view(job)).collect();
        drop(jobs);
        let due = self.inner.due().clone();
        let planned = self.inner.rules.planned.iter().zip(due).map(|(plan, due)| PlannedScan {
            name: plan.name.clone(),
            segments: plan.segments.iter().map(|segment| segment.to_string()).collect(),
            every_s: plan.every.map(|every| every.as_secs()),
            window: plan.window.map(|window| window.to_string()),
            auto_manage: plan.auto_manage.clone(),
            next_s: due.map(|due| next_start(due, plan.window).as_secs()),
        });
        ScanList { scans, planned: planned.collect() }
    }

    /// # Errors
    /// There is no such scan, or it is not kept any more.
    pub fn show(&self, id: u64) -> Result<ScanView, Refusal> {
        let job = self.inner.job(id)?;
        Ok(self.inner.jobs().view(&job))
    }

    /// # Errors
    /// As [`Desk::show`], and that the scan is over.
    pub fn change(&self, id: u64, change: Change) -> Result<ScanView, Refusal> {
        let job = self.inner.job(id)?;
        let state = job.state();
        if state.is_over() {
            return Err(Refusal::new(
                codes::SCAN_OVER,
                format!("scan {id} is {} already", state.word()),
                format!("see what came of it: lictree scan show {id}"),
            ));
        }
        job.order(|orders| match change {
            Change::Pause => orders.held = true,
            Change::Resume => orders.held = false,
            Change::Stop => orders.stopped = true,
        });
        // One that never ran has nothing to finish.
        if change == Change::Stop && state == ScanState::Waiting {
            let line = job.summary(ScanEnd::Stopped);
            job.end(ScanState::Stopped);
            if self.inner.lines.try_send(line).is_err() {
                tracing::warn!(id, "the event log has no line of this scan: too many were stopped");
            }
        }
        Ok(self.inner.jobs().view(&job))
    }

    /// Scans that wait or are paused, of those that may.
    pub fn waiting(&self) -> usize {
        self.inner.jobs().waiting()
    }
}

impl Jobs {
    fn waiting(&self) -> usize {
        let waits = |job: &&Arc<Job>| matches!(job.state(), ScanState::Waiting | ScanState::Paused);
        self.all.iter().filter(waits).count()
    }

    /// A scan, and behind which it waits.
    fn view(&self, job: &Job) -> ScanView {
        let mut view = job.view();
        let orders = job.orders();
        let by_itself = orders.held || orders.closed;
        let waits = matches!(view.state, ScanState::Waiting | ScanState::Paused) && !by_itself;
        if waits {
            let asking = self.all.iter().find(|other| other.id != job.id && other.has_turn());
            view.behind = asking.map(|other| other.id);
        }
        view
    }
}

impl Inner {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        // The list is whole at every moment, whoever panicked.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self) -> MutexGuard<'_, Vec<Option<Instant>>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn job(&self, id: u64) -> Result<Arc<Job>, Refusal> {
        let known = self.jobs().all.iter().find(|job| job.id == id).cloned();
        known.ok_or_else(|| {
            Refusal::new(
                codes::SCAN_NOT_FOUND,
                format!("no scan {id} is known"),
                "see which there are: `lictree scan list`; what old ones came to stands in \
                 `lictree event list`, but for those that ran or waited when the server stopped",
            )
        })
    }

    fn enqueue(&self, plan: Plan) -> Result<Arc<Job>, Refusal> {
        let mut jobs = self.jobs();
        let waiting = jobs.waiting();
        let max = self.limits.waiting_max;
        if waiting >= max {
            return Err(Refusal::new(
                codes::SCANS_TOO_MANY,
                format!("{waiting} scans wait or are paused already, {max} may"),
                "wait until one is done, or stop one: `lictree scan list`, `lictree scan stop ID`",
            ));
        }
        jobs.last += 1;
        let job = Arc::new(Job::new(jobs.last, plan, self.turns.clone()));
        jobs.all.push_back(job.clone());
        while jobs.all.iter().filter(|job| job.state().is_over()).count() > self.limits.kept_max
            && let Some(at) = jobs.all.iter().position(|job| job.state().is_over())
        {
            jobs.all.remove(at);
        }
        self.wake.notify_one();
        Ok(job)
    }

    fn next_waiting(&self) -> Option<Arc<Job>> {
        self.jobs().all.iter().find(|job| job.state() == ScanState::Waiting).cloned()
    }

    /// The next scan, once it is its turn.
    async fn next(&self) -> Arc<Job> {
        loop {
            let Some(job) = self.next_waiting() else {
                self.wake.notified().await;
                continue;
            };
            job.take_turn().await;
            if job.state() == ScanState::Waiting {
                return job;
            }
            // It was stopped before its turn came.
            job.give_turn_back();
        }
    }
}

async fn work(inner: Arc<Inner>, crew: Crew) {
    let crew = Arc::new(crew);
    // One of them asks; the others are paused.
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = under_way.join_next() => {}
            job = inner.next() => {
                // Now: until it has begun it would be taken for one that waits.
                job.begin();
                under_way.spawn(carry_out(job, crew.clone()));
            }
        }
    }
}

/// Has the event log tell of scans that were stopped before they began.
async fn write_lines(mut ended: mpsc::Receiver<ScanSummary>, port: Port) {
    while let Some(summary) = ended.recv().await {
        // Without an answer the server stops, or is too busy to note anything.
        let _ = port.ask(Request::ScanEnded(summary)).await;
    }
}

async fn carry_out(job: Arc<Job>, crew: Arc<Crew>) {
    within_hours(&job, &crew).await;
    let view = job.view();
    tracing::info!(
        scan = view.name,
        id = view.id,
        found = view.found,
        new = view.new,
        "scan {}",
        view.state.word()
    );
}

/// Runs a scan, and holds it while its window is closed.
async fn within_hours(job: &Job, crew: &Crew) {
    let running = run(job, crew);
    tokio::pin!(running);
    loop {
        let change = match job.plan.window {
            Some(window) => {
                let (closed, change) = hours(window);
                job.order(|orders| orders.closed = closed);
                change
            }
            None => return running.await,
        };
        tokio::select! {
            () = &mut running => return,
            () = sleep(change.min(LOOK_AT_CLOCK)) => {}
        }
    }
}

/// How long until a planned scan begins that is due then: where its hours have not come by then,
/// until they come.
fn next_start(due: Instant, window: Option<Window>) -> Duration {
    let due = due.saturating_duration_since(Instant::now());
    window.map_or(due, |window| within_window(due, window, &jiff::Zoned::now()))
}

fn within_window(due: Duration, window: Window, now: &jiff::Zoned) -> Duration {
    let then = now.saturating_add(jiff::SignedDuration::try_from(due).unwrap_or_default());
    due.saturating_add(window.opens_in(then.time()))
}

/// Whether the window is closed now, and when that changes.
fn hours(window: Window) -> (bool, Duration) {
    let now = jiff::Zoned::now().time();
    match window.opens_in(now) {
        Duration::ZERO => (false, window.closes_in(now)),
        opens => (true, opens),
    }
}

/// Starts planned scans when they are due.
async fn keep_hours(inner: Arc<Inner>) {
    loop {
        let Some(soonest) = inner.due().iter().flatten().min().copied() else { return };
        sleep_until(soonest.min(Instant::now() + LOOK_AT_CLOCK)).await;
        for (at, settings) in inner.rules.planned.iter().enumerate() {
            let is_due = inner.due().get(at).copied().flatten();
            if is_due.is_some_and(|due| due <= Instant::now()) {
                let next = start(&inner, settings);
                inner.due()[at] = Some(Instant::now() + next);
            }
        }
    }
}

/// Starts a planned scan if its hours have come; how long until the next time.
fn start(inner: &Inner, settings: &ScanSettings) -> Duration {
    if let Some((true, opens)) = settings.window.map(hours) {
        return opens;
    }
    let name = settings.name.as_str();
    let open = |job: &Arc<Job>| job.plan.name == name && !job.state().is_over();
    if inner.jobs().all.iter().any(open) {
        tracing::info!(scan = name, "not started: the one before is not done yet");
    } else {
        let planned = Plan::of(settings, &inner.rules, &inner.limits);
        if let Err(refusal) = planned.and_then(|plan| inner.enqueue(plan)) {
            tracing::warn!(scan = name, "not started: {refusal}");
        }
    }
    settings.every.unwrap_or(LOOK_AT_CLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_scan_begins_when_its_hours_have_come() {
        let window: Window = "22:00-05:00".parse().unwrap();
        let now: jiff::Zoned = "2026-11-27T04:00:00[UTC]".parse().unwrap();
        let hours = |count: u64| Duration::from_secs(count * 3_600);
        let minute = Duration::from_secs(60);
        assert_eq!(within_window(minute, window, &now), minute);
        // At ten it would be due; at ten in the evening it begins.
        assert_eq!(within_window(hours(6), window, &now), hours(18));
        assert_eq!(within_window(hours(20), window, &now), hours(20));
    }
}
