//! `lictree simulate`: a whole tree in virtual time, with faults, and everything watched.
//!
//! ```text
//!   topology.toml ─► tree ─► Plan ─► run_once, a seed a run, on every processor ─► report
//! ```

mod report;
mod tree;

use crate::edge::codes;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::terminal::{Form, Terminal};
use crate::edge::topology::Topology;
use crate::simulator::mishaps::Mishaps;
use crate::simulator::outcome::Outcome;
use crate::simulator::plan::Plan;
use crate::simulator::run::{Settings, run_once};
use clap::Args;
use report::{Did, Report};
use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The most seeds of one command.
const SEEDS_MAX: u64 = 10_000;
const HOURS_MAX: u64 = 24;
/// The shortest run has a minute of rest at its end, and a quarter of one before the faults begin.
const MINUTES_MIN: u64 = 2;
const MINUTES_DEFAULT: u64 = 3;
/// The most lines of what happened last that a run which fails is shown with.
const LINES_MAX: u64 = 10_000;
/// How often it is told how far all is: to a terminal, and to a file.
const TOLD_EVERY: Duration = Duration::from_millis(500);
const TOLD_TO_FILES_EVERY: Duration = Duration::from_secs(10);
/// Threads that simulate; what panics there is told as a broken rule.
const THREAD: &str = "simulated tree";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder with topology.toml, or such a file; when left out, each seed draws a tree.
    #[arg(long, value_name = "DIR|FILE")]
    topology: Option<PathBuf>,
    /// The first seed; equal seeds give equal runs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, from the first one on: 1 to 10000.
    #[arg(long, value_name = "COUNT", default_value_t = 1,
          value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    seeds: u64,
    /// Virtual hours of each run, whole ones: 1 to 24. For less there is `--minutes`.
    #[arg(long, conflicts_with = "minutes",
          value_parser = clap::value_parser!(u64).range(1..=HOURS_MAX))]
    hours: Option<u64>,
    /// Virtual minutes of each run, 2 to 1440; 3 when left out.
    #[arg(long, value_parser = clap::value_parser!(u64).range(MINUTES_MIN..=HOURS_MAX * 60))]
    minutes: Option<u64>,
    /// All that may go wrong, such as `cut,crash,loss`, or `none`; drawn from the seed when left
    /// out. A name that is not known is refused with all that are.
    #[arg(long, value_name = "NAME,…", value_parser = mishaps)]
    faults: Option<Mishaps>,
    /// Show that many of the last things that happened in a run that fails: 0 to 10000.
    #[arg(long, value_name = "COUNT", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(0..=LINES_MAX))]
    lines: u64,
}

fn mishaps(text: &str) -> Result<Mishaps, String> {
    text.parse()
}

impl Arguments {
    fn virtual_ms(&self) -> u64 {
        let minutes = self.hours.map(|hours| hours * 60).or(self.minutes);
        minutes.unwrap_or(MINUTES_DEFAULT) * 60_000
    }

    /// The seeds, as far as there are numbers.
    fn seeds(&self) -> std::ops::Range<u64> {
        self.seed..self.seed.saturating_add(self.seeds)
    }

    /// The command that shows a seed again.
    fn again(&self, seed: u64) -> String {
        let mut line = "lictree simulate".to_string();
        if let Some(path) = &self.topology {
            line.push_str(&format!(" --topology {}", quoted(&path.display().to_string())));
        }
        line.push_str(&format!(" --seed {seed}"));
        match self.hours {
            Some(hours) => line.push_str(&format!(" --hours {hours}")),
            None => line.push_str(&format!(" --minutes {}", self.virtual_ms() / 60_000)),
        }
        if let Some(faults) = &self.faults {
            line.push_str(&format!(" --faults {}", report::listed(faults, ",")));
        }
        line
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

pub(super) fn run(arguments: Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let topology = arguments.topology.as_deref().map(Topology::read_at).transpose()?;
    let estate = topology.as_ref().map(tree::estate).transpose()?;
    if let (Some(topology), Form::Text) = (&topology, terminal.form) {
        tree::remarks(topology).iter().for_each(|text| terminal.note(&format!("{text}\n")));
    }
    let settings = Settings {
        virtual_ms: arguments.virtual_ms(),
        keep_lines: usize::try_from(arguments.lines).unwrap_or(0),
        plan: Plan { estate, mishaps: arguments.faults.clone(), measures: true },
        ..Settings::default()
    };
    hush_panics();
    let began = Instant::now();
    let runs = simulate(&arguments, &settings, terminal);
    if runs.is_empty() {
        let message = "no seed was run: the system gives this process no thread";
        return Err(Failure::new(Exit::Refused, codes::SYSTEM, message, "try again later"));
    }
    let again = |seed| arguments.again(seed);
    let report = Report {
        topology: topology.as_ref(),
        settings: &settings,
        runs: &runs,
        took: began.elapsed(),
        again: &again,
    };
    terminal.show(&report.json(), |_, ink| report.text(ink))?;
    match report.failed().next() {
        None => Ok(()),
        Some((seed, did)) => Err(broken(*seed, &did.outcome, &arguments)),
    }
}

fn broken(seed: u64, outcome: &Outcome, arguments: &Arguments) -> Failure {
    let first = outcome.violations.first().map(ToString::to_string).unwrap_or_default();
    let message = format!("seed {seed} broke a rule: {first}");
    let hint = format!("see it again: {}", arguments.again(seed));
    Failure::new(Exit::Refused, codes::RULE_BROKEN, message, hint)
}

/// A panic of a simulated server is found and told with its seed; it need not be told twice.
fn hush_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if thread::current().name() != Some(THREAD) {
            before(panic);
        }
    }));
}

/// Runs all seeds on all processors, and tells how far they are.
fn simulate(arguments: &Arguments, settings: &Settings, terminal: &Terminal) -> BTreeMap<u64, Did> {
    let seeds = arguments.seeds();
    let count = seeds.end - seeds.start;
    let processors = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let (next, done_ms) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let work = || run_next(&next, seeds.end, settings, &done_ms);
    let mut runs = BTreeMap::new();
    let mut progress = Progress::new(count, settings.virtual_ms, terminal);
    thread::scope(|scope| {
        let (done, all) = channel();
        for _ in 0..processors.min(count) {
            let done = done.clone();
            let begun = thread::Builder::new().name(THREAD.to_string()).spawn_scoped(scope, || {
                let done = done;
                while let Some((seed, did)) = work() {
                    // Nobody takes it only where nobody waits any more.
                    let _ = done.send((seed, did));
                }
            });
            if begun.is_err() {
                break;
            }
        }
        drop(done);
        loop {
            match all.recv_timeout(TOLD_EVERY) {
                Ok((seed, did)) => drop(runs.insert(seed, did)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            progress.tell(runs.len() as u64, done_ms.load(Ordering::Relaxed));
        }
    });
    progress.end();
    runs
}

fn run_next(
    next: &AtomicU64,
    end: u64,
    settings: &Settings,
    done_ms: &AtomicU64,
) -> Option<(u64, Did)> {
    let seed = next.fetch_add(1, Ordering::Relaxed);
    if seed >= end {
        return None;
    }
    let (began, mut told_ms) = (Instant::now(), 0);
    let outcome = run_once(seed, settings, &mut |at| {
        done_ms.fetch_add(at.ms() - told_ms, Ordering::Relaxed);
        told_ms = at.ms();
    });
    // One that ended early is done, too.
    done_ms.fetch_add(settings.virtual_ms.saturating_sub(told_ms), Ordering::Relaxed);
    Some((seed, Did { outcome, took: began.elapsed() }))
}

/// How far all seeds are, on standard error.
struct Progress<'a> {
    seeds: u64,
    all_ms: u64,
    terminal: &'a Terminal,
    /// A line that is drawn again and again; else one after the other.
    redraws: bool,
    told_at: Instant,
}

impl Progress<'_> {
    fn new(seeds: u64, virtual_ms: u64, terminal: &Terminal) -> Progress<'_> {
        let redraws = stderr().is_terminal();
        let all_ms = seeds.saturating_mul(virtual_ms);
        Progress { seeds, all_ms, terminal, redraws, told_at: Instant::now() }
    }

    fn tell(&mut self, seeds: u64, done_ms: u64) {
        let gap = if self.redraws { TOLD_EVERY } else { TOLD_TO_FILES_EVERY };
        if self.terminal.form == Form::Json || self.told_at.elapsed() < gap {
            return;
        }
        self.told_at = Instant::now();
        let (done, all) = (report::span(done_ms.min(self.all_ms)), report::span(self.all_ms));
        let line = format!("{done} of {all} virtual, {seeds} of {} seeds", self.seeds);
        match self.redraws {
            true => self.terminal.note(&format!("\r\u{1b}[2K{line}")),
            false => self.terminal.note(&format!("{line}\n")),
        }
    }

    fn end(&self) {
        if self.redraws && self.terminal.form == Form::Text {
            self.terminal.note("\r\u{1b}[2K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::draw::ink::Ink;
    use crate::model::tuning::{Mutant, Tuning};

    fn arguments(topology: Option<&str>) -> Arguments {
        Arguments {
            topology: topology.map(PathBuf::from),
            seed: 7,
            seeds: 3,
            hours: None,
            minutes: None,
            faults: None,
            lines: 0,
        }
    }

    #[test]
    fn the_command_that_shows_a_seed_again_is_whole() {
        assert_eq!(arguments(None).again(9), "lictree simulate --seed 9 --minutes 3");
        let mut given = arguments(Some("my site's/tree"));
        (given.hours, given.faults) = (Some(2), Some("crash,cut".parse().unwrap()));
        let line = "lictree simulate --topology 'my site'\\''s/tree' --seed 8 --hours 2 \
                    --faults cut,crash";
        assert_eq!(given.again(8), line);
        given.faults = Some(Mishaps::default());
        assert!(given.again(8).ends_with(" --faults none"));
    }

    #[test]
    fn a_broken_rule_is_told_with_the_command_that_shows_it_again() {
        let given = Arguments { seed: 1, seeds: 12, ..arguments(None) };
        let tuning = Tuning { mutant: Some(Mutant::GrantInFullRange), ..Tuning::default() };
        let settings = Settings { tuning, keep_lines: 2, ..Settings::default() };
        let terminal = Terminal { form: Form::Json, data: None, ink: Ink::Plain };
        let runs = simulate(&given, &settings, &terminal);
        assert!(runs.keys().copied().eq(1..13));
        let again = |seed| given.again(seed);
        let took = Duration::from_secs(1);
        let report =
            Report { topology: None, settings: &settings, runs: &runs, took, again: &again };
        let (seed, did) = report.failed().next().expect("such a fault is seen soon");
        let line = format!("\nsee it again: lictree simulate --seed {seed} --minutes 3\n");
        let (text, violation) = (report.text(Ink::Plain), &did.outcome.violations[0]);
        assert!(text.contains(&format!("\nbroken {violation}\n")), "{text}");
        assert!(text.contains(&line) && text.contains("\nfail: "), "{text}");
        assert_eq!(did.outcome.lines.len(), 2);
        let failure = broken(*seed, &did.outcome, &given);
        assert_eq!((failure.exit, failure.code.as_str()), (Exit::Refused, "LT0140"));
        assert!(failure.message.contains(&violation.to_string()), "{failure:?}");
    }

    #[test]
    fn seeds_end_where_numbers_do() {
        assert_eq!(arguments(None).seeds(), 7..10);
        let last = Arguments { seed: u64::MAX - 1, ..arguments(None) };
        assert_eq!(last.seeds().count(), 1);
    }
}
