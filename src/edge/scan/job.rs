//! One scan as others see it: where it is, and what it is told meanwhile.

use crate::client::contract::{ScanState, ScanView};
use crate::daemon::wall;
use crate::edge::scan::plan::Plan;
use crate::edge::scan::refusal::unmanaged;
use crate::model::refusal::Refusal;
use crate::model::scan::{ScanEnd, ScanSummary};
use crate::model::time::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Notes that are kept; each method has a few at most.
const NOTES_MAX: usize = 16;

/// What a scan is told while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Orders {
    /// By somebody, until it is resumed.
    pub(super) held: bool,
    /// It is outside its hours.
    pub(super) closed: bool,
    /// For good.
    pub(super) stopped: bool,
}

/// Somebody ended the scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped;

/// Figures of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) doing: &'static str,
    pub(super) looked_at: u64,
    pub(super) found: u64,
    pub(super) steps: u64,
    pub(super) steps_done: u64,
    pub(super) probes: u64,
    pub(super) new: u64,
    pub(super) known: u64,
    pub(super) managed: u64,
    pub(super) unlicensed: u64,
    notes: Vec<Refusal>,
    began: Option<Timestamp>,
    ended: Option<(Timestamp, ScanState)>,
}

/// One scan, waiting, running or over.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) plan: Plan,
    orders: watch::Sender<Orders>,
    progress: Mutex<Progress>,
    /// The one turn there is; whoever has it asks. One that is paused gives it back.
    turns: Arc<Semaphore>,
    turn: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Job {
    pub(super) fn new(id: u64, plan: Plan, turns: Arc<Semaphore>) -> Job {
        let progress = Mutex::new(Progress { doing: "waiting", ..Progress::default() });
        let (orders, turn) = (watch::Sender::default(), Mutex::default());
        Job { id, plan, orders, progress, turns, turn }
    }

    /// Waits for its turn, behind those that wait already.
    pub(super) async fn take_turn(&self) {
        if !self.has_turn() {
            // Nobody closes the semaphore.
            *self.turn() = self.turns.clone().acquire_owned().await.ok();
        }
    }

    pub(super) fn give_turn_back(&self) {
        *self.turn() = None;
    }

    pub(super) fn has_turn(&self) -> bool {
        self.turn().is_some()
    }

    fn turn(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        // It is there or not at every moment, whoever panicked.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The figures, to read or to change. Held for no longer than that.
    pub(super) fn figures(&self) -> MutexGuard<'_, Progress> {
        // Figures are whole at every moment, whoever panicked.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders.send_modify(change);
    }

    pub(super) fn orders(&self) -> Orders {
        *self.orders.borrow()
    }

    /// Waits while the scan is to pause, and lets others have their turn meanwhile.
    pub(super) async fn gate(&self) -> Result<(), Stopped> {
        let go = |orders: &Orders| orders.stopped || !(orders.held || orders.closed);
        loop {
            let now = self.orders();
            match (now.stopped, go(&now), self.has_turn()) {
                (true, _, _) => return Err(Stopped),
                (false, true, true) => return Ok(()),
                (false, false, _) => {
                    self.give_turn_back();
                    let mut orders = self.orders.subscribe();
                    // This job itself keeps the sender, so the wait ends by an order only.
                    let _ = orders.wait_for(go).await;
                }
                (false, true, false) => {
                    let mut orders = self.orders.subscribe();
                    tokio::select! {
                        () = self.take_turn() => {}
                        _ = orders.wait_for(|orders| *orders != now) => {}
                    }
                }
            }
        }
    }

    pub(super) fn begin(&self) {
        self.figures().began = Some(wall());
    }

    pub(super) fn end(&self, state: ScanState) {
        // Whoever stops a scan wants no more of it, licenses neither.
        if let (ScanState::Stopped, Some(product)) = (state, &self.plan.auto_manage) {
            self.note(unmanaged(product));
        }
        let mut figures = self.figures();
        figures.doing = state.word();
        figures.ended = Some((wall(), state));
        drop(figures);
        self.give_turn_back();
    }

    pub(super) fn doing(&self, what: &'static str) {
        self.figures().doing = what;
    }

    /// Keeps a word about something that did not go as it should, once.
    pub(super) fn note(&self, note: Refusal) {
        let mut figures = self.figures();
        if figures.notes.len() < NOTES_MAX && !figures.notes.contains(&note) {
            figures.notes.push(note);
        }
    }

    pub(super) fn notes(&self) -> Vec<Refusal> {
        self.figures().notes.clone()
    }

    pub(super) fn state(&self) -> ScanState {
        let figures = self.figures();
        match (figures.ended, figures.began) {
            (Some((_, state)), _) => state,
            (None, None) => ScanState::Waiting,
            (None, Some(_)) => {
                let orders = self.orders();
                let asks = self.has_turn() && !orders.held && !orders.closed;
                let paused = !asks && !orders.stopped;
                if paused { ScanState::Paused } else { ScanState::Running }
            }
        }
    }

    /// What it came to, for the event log; nothing of what was managed.
    pub(super) fn summary(&self, end: ScanEnd) -> ScanSummary {
        let view = self.view();
        ScanSummary {
            end,
            addresses: view.addresses,
            done: view.part(view.addresses),
            found: view.found,
            new: view.new,
            name: view.name,
            product: self.plan.auto_manage.clone(),
            managed: 0,
            unlicensed: 0,
            undecided: 0,
            why_undecided: None,
            hindered: Vec::new(),
        }
    }

    pub(super) fn view(&self) -> ScanView {
        let state = self.state();
        let orders = self.orders();
        let figures = self.figures().clone();
        let doing = match state {
            ScanState::Paused if orders.held => "held until it is resumed",
            ScanState::Paused if orders.closed => "waiting for its hours",
            ScanState::Paused => "waiting for its turn",
            _ => figures.doing,
        };
        let running = state == ScanState::Running;
        let left = figures.steps.saturating_sub(figures.steps_done);
        ScanView {
            as_of: wall(),
            id: self.id,
            name: self.plan.name.clone(),
            state,
            doing: doing.to_string(),
            behind: None,
            hours_waived: self.plan.waived.map(|window| window.to_string()),
            segments: self.plan.segments.clone(),
            methods: self.plan.methods.clone(),
            rate: self.plan.rate,
            addresses: self.plan.targets.count(),
            looked_at: figures.looked_at,
            found: figures.found,
            steps_done: figures.steps_done,
            steps: figures.steps,
            probes: figures.probes,
            new: figures.new,
            known: figures.known,
            managed: figures.managed,
            unlicensed: figures.unlicensed,
            left_s: running.then(|| left.div_ceil(u64::from(self.plan.rate))),
            began: figures.began,
            ended: figures.ended.map(|(at, _)| at),
            notes: figures.notes,
        }
    }
}
