//! One run from one seed: a tree, its clients, bad weather, calm, and all rules against what was
//! answered.

use crate::agreement;
use crate::client::{CLIENTS, Worker};
use crate::history::{Operation, Recorder, Violation};
use crate::lan::Lan;
use crate::operator::Operator;
use crate::replay::replay;
use crate::sweep::sweep;
use crate::tree::{PRIMARY, Tree, clocks_can_step, supply};
use crate::weather::Weather;
use lictree::simulator::entropy::Entropy;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long the clients work.
pub const LENGTH: Duration = Duration::from_secs(6);
/// A run with less is void: what is not asked cannot go wrong.
pub const RATE_MIN: u64 = 200;
/// Operations shown of one violation, and violations of one run.
const SHOWN_MAX: usize = 60;

/// What came of a run.
pub struct Report {
    pub seed: u64,
    pub weather: Weather,
    /// Operations that were answered.
    pub answered: u64,
    /// All operations by what became of them.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Answers of the primary alone.
    pub of_primary: u64,
    pub violations: Vec<Violation>,
    /// How long the clients worked: `LENGTH`, and until all servers were back.
    pub worked: Duration,
    /// From the end of all faults until the tree agreed.
    pub agreed_after: Duration,
    /// What stopped the run before its end.
    pub broken: Option<String>,
}

impl Report {
    pub fn rate(&self) -> u64 {
        1_000 * self.answered / self.worked.as_millis() as u64
    }

    /// Answers of the primary that fit into no order.
    pub fn out_of_order(&self) -> u64 {
        let of_primary = |one: &&Violation| {
            let replayed = one.what.starts_with("order") || one.what.starts_with("I6");
            replayed && one.shown_by.iter().any(|operation| operation.server == PRIMARY)
        };
        self.violations.iter().filter(of_primary).count() as u64
    }

    pub fn is_void(&self) -> bool {
        self.rate() < RATE_MIN
    }

    pub fn is_good(&self) -> bool {
        self.violations.is_empty() && self.broken.is_none() && !self.is_void()
    }
}

pub fn run(lan: Lan, seed: u64) -> Report {
    let mut entropy = Entropy::new(seed);
    let weather = Weather::draw(&mut entropy, LENGTH, clocks_can_step());
    let recorder = Arc::new(Recorder::start());
    // Whatever is found panics, and the logs of the servers are shown with it.
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut tree = Tree::grow(lan, &weather.stepped(), &mut entropy);
        let times = play(&mut tree, &weather, &recorder, &mut entropy);
        let found = judged(&recorder).len();
        assert!(found == 0, "{found} violations");
        times
    }));
    let ((worked, agreed_after), broken) = match played {
        Ok(times) => (times, None),
        Err(panic) => ((LENGTH, Duration::ZERO), Some(words(panic.as_ref()))),
    };
    let violations = judged(&recorder);
    let history = recorder.history();
    let count = |which: &dyn Fn(&Operation) -> bool| {
        history.iter().filter(|one| one.client <= CLIENTS && which(one)).count() as u64
    };
    let answered = count(&Operation::is_answered);
    let mut kinds = BTreeMap::new();
    history.iter().for_each(|one| *kinds.entry(one.kind()).or_default() += 1);
    let of_primary = count(&|one| one.is_answered() && one.server == PRIMARY);
    Report { seed, weather, answered, kinds, of_primary, violations, worked, agreed_after, broken }
}

/// How long the clients worked, and how long after all faults the tree agreed.
fn play(
    tree: &mut Tree,
    weather: &Weather,
    recorder: &Arc<Recorder>,
    entropy: &mut Entropy,
) -> (Duration, Duration) {
    let workers: Vec<Worker> =
        (0..CLIENTS).map(|number| Worker::new(number, tree, recorder.clone(), entropy)).collect();
    let operator = Operator::new(tree, recorder.clone(), entropy);
    let (stop, (ending, ended)) = (CancellationToken::new(), mpsc::channel());
    let (stopped, _stop_anyway) = (stop.clone(), stop.clone().drop_guard());
    let clients = std::thread::spawn(move || {
        // Said when it is dropped, by a panic too.
        let _ending = ending;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async move {
            let mut tasks = tokio::task::JoinSet::new();
            workers.into_iter().for_each(|worker| drop(tasks.spawn(worker.work(stopped.clone()))));
            tasks.spawn(operator.work(stopped.clone()));
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
        });
    });
    let begun = Instant::now();
    weather.pass(tree, LENGTH, &ended);
    tree.calm_down();
    stop.cancel();
    let (worked, calm) = (begun.elapsed(), Instant::now());
    clients.join().unwrap();
    agreement::reach(tree, recorder);
    (worked, calm.elapsed())
}

fn judged(recorder: &Recorder) -> Vec<Violation> {
    let (history, supply) = (recorder.history(), supply());
    let mut violations = sweep(&history, &supply);
    violations.extend(replay(&history, &supply));
    for violation in &mut violations {
        around(violation, &history);
    }
    violations
}

/// Adds all that was asked of the same device, where it is one.
fn around(violation: &mut Violation, history: &[Operation]) {
    if let [.., one] = &violation.shown_by[..]
        && let Some(device) = one.device().cloned()
    {
        let same = history.iter().filter(|other| other.device() == Some(&device));
        violation.shown_by.extend(same.cloned());
    }
    violation.shown_by.sort_by_key(|one| one.began);
    violation.shown_by.dedup();
    let more = violation.shown_by.len().saturating_sub(SHOWN_MAX);
    violation.shown_by.drain(..more);
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_default()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { seed, weather, answered, kinds, violations, broken, .. } = self;
        let rate = self.rate();
        writeln!(f, "seed {seed}: {answered} answers, {rate}/s: {kinds:?}")?;
        writeln!(f, "  the tree agreed after {:.2} s", self.agreed_after.as_secs_f64())?;
        write!(f, "{weather}")?;
        if self.is_void() {
            writeln!(f, "  VOID: less than {RATE_MIN} operations in a second")?;
        }
        for violation in violations.iter().take(10) {
            write!(f, "  {violation}")?;
        }
        broken.iter().try_for_each(|why| writeln!(f, "  {why}"))
    }
}
