//! The figures as they stand in docs/internals/performance.md.

use crate::DEPTHS;
use crate::load::Load;
use crate::measure::page::Goals;
use crate::watch::Change;

/// The longest that one of a hundred changes may take under load, in ms, and at what rate.
const LOAD_P99_MS: f64 = 50.0;
const LOAD_RATE: f64 = 10_000.0;

/// Changes at the end of an idle chain.
pub struct Idle {
    pub levels: usize,
    pub changes: Vec<Change>,
}

/// The middle, the 99th of a hundred, and the longest, in ms.
#[derive(Clone, Copy, Debug)]
struct Times {
    p50: f64,
    p99: f64,
    longest: f64,
}

impl Times {
    fn of(ns: impl Iterator<Item = u64>) -> Times {
        let mut sorted: Vec<u64> = ns.collect();
        sorted.sort_unstable();
        let at = |share: f64| {
            let place = (sorted.len() as f64 * share) as usize;
            let found = sorted.get(place.min(sorted.len().saturating_sub(1)));
            found.map_or(f64::NAN, |ns| *ns as f64 / 1e6)
        };
        Times { p50: at(0.5), p99: at(0.99), longest: at(1.0) }
    }

    fn cell(&self) -> String {
        format!("{:.2} / {:.2} / {:.0}", self.p50, self.p99, self.longest)
    }
}

fn answered(changes: &[Change]) -> Times {
    Times::of(changes.iter().map(|one| one.answered))
}

fn shown(changes: &[Change]) -> Times {
    Times::of(changes.iter().map(|one| one.shown))
}

fn shown_after_answer(changes: &[Change]) -> Times {
    Times::of(changes.iter().map(|one| one.shown - one.answered))
}

impl Idle {
    pub fn line(&self) -> String {
        let Idle { levels, changes } = self;
        format!("| {levels} levels below the primary, nothing else to do {}", line(changes))
    }
}

/// What was watched over the sockets, behind the name of a row.
fn line(changes: &[Change]) -> String {
    let cells = [answered(changes), shown_after_answer(changes), shown(changes)];
    let cells = cells.map(|times| times.cell()).join(" | ");
    format!("| {} | {cells} |\n", changes.len())
}

/// The text of one run, as it grows.
pub struct Text {
    text: String,
    watched: String,
    goals: Goals,
}

impl Text {
    pub fn new(head: &str) -> Text {
        let watched = "| one node imported at a leaf, ms, p50 / p99 / longest | changes | \
                       leaf has answered | shown, from the answer | shown, from the request |\n\
                       |---|---|---|---|---|\n";
        Text { text: format!("{head}\n"), watched: watched.to_string(), goals: Goals::default() }
    }

    pub fn idle(&mut self, rows: &[Idle]) {
        for row in rows {
            self.watched.push_str(&row.line());
            let goal = DEPTHS.iter().find(|goal| goal.0 == row.levels);
            let (levels, p50_max, p99_max) = *goal.expect("every depth has a goal");
            for (word, times) in [
                ("the answer", shown_after_answer(&row.changes)),
                ("the request", shown(&row.changes)),
            ] {
                let what = format!("{levels} levels, nothing else to do, from {word}");
                self.goal(&format!("{what}, p50"), times.p50, p50_max);
                if let Some(p99_max) = p99_max {
                    self.goal(&format!("{what}, p99"), times.p99, p99_max);
                }
            }
        }
    }

    pub fn load(&mut self, load: &Load) {
        let Load { size, per_second, watched, .. } = load;
        self.watched.push_str(&format!("| 5 levels, {} leaves beside it ", size.leaves));
        self.watched.push_str(&line(watched));
        let (seen, whole) = (load.seen_again_ns.iter(), load.whole_ns.iter());
        let (counts, seen, whole) =
            ((seen.len(), whole.len()), Times::of(seen.copied()), Times::of(whole.copied()));
        self.text.push_str(&format!(
            "\n{} leaves, {} changes a second asked for, {per_second:.0} reached, for {} s; \
             {} letters, {} asked after, {} packets without room at \
             a server's socket:\n\n\
             | change at one of them, ms, p50 / p99 / longest | changes | from when it is due \
             until the leaf knows that it is settled |\n|---|---|---|\n\
             | a node seen again | {} | {} |\n| a whole row | {} | {} |\n\n\
             | process | processor time, of a core |\n|---|---|\n",
            size.leaves,
            size.per_second,
            size.measured.as_secs(),
            load.letters,
            load.asked_after,
            load.dropped,
            counts.0,
            seen.cell(),
            counts.1,
            whole.cell(),
        ));
        for (name, share) in &load.processors {
            self.text.push_str(&format!("| {name} | {:.0} % |\n", share * 100.0));
        }
        for (word, times) in
            [("the answer", shown_after_answer(watched)), ("the request", shown(watched))]
        {
            let what = format!("5 levels, {} leaves beside it, from {word}, p99", size.leaves);
            self.goal(&what, times.p99, LOAD_P99_MS);
        }
        // Not all: what is due at the end is settled a moment later.
        let least = LOAD_RATE * 0.99;
        let (found, asked) = (format!("{per_second:.0}"), format!("at least {least:.0}"));
        let is_met = *per_second >= least;
        self.goals.add("changes a second meanwhile", found, asked, is_met);
    }

    fn goal(&mut self, what: &str, found: f64, most: f64) {
        let (shown, asked) = (format!("{found:.2} ms"), format!("at most {most:.0} ms"));
        self.goals.add(what, shown, asked, found <= most);
    }

    pub fn whole(&self) -> String {
        let Text { text, watched, goals } = self;
        format!("{text}\n{watched}\n{}", goals.table())
    }
}
