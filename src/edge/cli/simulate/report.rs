//! What came of the seeds: for people a table and what each figure means, for programs JSON.

use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::topology::Topology;
use crate::model::count::counted;
use crate::simulator::agreement::Agreement;
use crate::simulator::figures::Figures;
use crate::simulator::mishaps::Mishaps;
use crate::simulator::outcome::Outcome;
use crate::simulator::run::{AGREE_MS, REST_MS, Settings};
use crate::simulator::violation::Violation;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Seeds that a table shows one by one; of more only those that failed.
const ROWS_MAX: usize = 100;
/// Failed seeds that are told with all they found, and violations of each.
const FAILED_MAX: usize = 10;
const VIOLATIONS_MAX: usize = 8;

/// One seed, and how long it took.
pub(super) struct Did {
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
}

impl Did {
    fn passed(&self) -> bool {
        self.outcome.violations.is_empty()
    }
}

/// All seeds of one command.
pub(super) struct Report<'a> {
    pub(super) topology: Option<&'a Topology>,
    pub(super) settings: &'a Settings,
    pub(super) runs: &'a BTreeMap<u64, Did>,
    pub(super) took: Duration,
    /// The command that shows a seed again.
    pub(super) again: &'a dyn Fn(u64) -> String,
}

impl Report<'_> {
    pub(super) fn failed(&self) -> impl Iterator<Item = (&u64, &Did)> {
        self.runs.iter().filter(|(_, did)| !did.passed())
    }

    fn totals(&self) -> Figures {
        let figures = self.runs.values().map(|did| did.outcome.figures);
        figures.fold(Figures::default(), Figures::with)
    }

    /// The latest of all seeds in which all agreed: counts, and what the primary shows.
    fn agreed(&self) -> (Option<u64>, Option<u64>) {
        let agreed = || self.runs.values().map(|did| did.outcome.agreement);
        let counts = agreed().filter_map(|one| one.counts_ms).max();
        (counts, agreed().filter_map(|one| one.rows_ms).max())
    }

    /// The contract of `--json`: docs/reference/command-line.md.
    pub(super) fn json(&self) -> Value {
        let (counts_ms, rows_ms) = self.agreed();
        let estate = self.settings.plan.estate.as_ref();
        let faults = self.settings.plan.mishaps.as_ref().map(Mishaps::names);
        let run = |(seed, did): (&u64, &Did)| self.run_json(*seed, did);
        json!({
            "passed": self.failed().next().is_none(),
            "tree": self.topology.map(|topology| &topology.tree),
            "servers": estate.map(|estate| estate.topology.len()),
            "virtual_ms": self.settings.virtual_ms,
            "faults": faults,
            "agree_limit_ms": AGREE_MS,
            "rows_limit_ms": REST_MS,
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
            "total": {
                "seeds": self.runs.len(),
                "failed": self.failed().count(),
                "agreed_after_ms": counts_ms,
                "rows_agreed_after_ms": rows_ms,
                "figures": figures_json(&self.totals()),
                "took_ms": self.took.as_millis() as u64,
                "times_real_time": times(self.totals().virtual_ms, self.took),
            },
        })
    }

    fn run_json(&self, seed: u64, did: &Did) -> Value {
        let Outcome { violations, trace_hash, figures, mishaps, agreement, lines, .. } =
            &did.outcome;
        let violation =
            |one: &Violation| json!({ "rule": one.rule, "at_ms": one.at.ms(), "text": one.text });
        json!({
            "seed": seed,
            "passed": did.passed(),
            "faults": mishaps.names(),
            "violations": violations.iter().map(violation).collect::<Vec<_>>(),
            "agreed_after_ms": agreement.counts_ms,
            "rows_agreed_after_ms": agreement.rows_ms,
            "figures": figures_json(figures),
            "trace": format!("{trace_hash:016x}"),
            "lines": lines,
            "took_ms": did.took.as_millis() as u64,
            "times_real_time": times(figures.virtual_ms, did.took),
            "again": (self.again)(seed),
        })
    }

    pub(super) fn text(&self, ink: Ink) -> String {
        let mut text = format!("{}\n\n", self.heading());
        if self.runs.len() > 1 {
            text.push_str(&self.rows(ink));
            text.push('\n');
        }
        text.push_str(&self.summary(ink));
        self.failed().take(FAILED_MAX).for_each(|(seed, did)| {
            text.push_str(&self.failure(*seed, did, ink));
        });
        let (failed, all) = (self.failed().count(), self.runs.len());
        let verdict = match (failed, all) {
            (0, _) => ink.paint("pass", Tone::Good),
            _ => ink.paint("fail", Tone::Bad),
        };
        let of = counted(all as u64, "seed");
        text.push_str(&format!("\n{verdict}: {failed} of {of} broke a rule\n"));
        text
    }

    fn heading(&self) -> String {
        let tree = match (self.topology, &self.settings.plan.estate) {
            (Some(topology), Some(estate)) => {
                let servers = counted(estate.topology.len() as u64, "server");
                let said = estate.devices();
                let machines = if said > 0 { counted(said, "machine") } else { String::new() };
                let machines = if said > 0 { format!(", {machines} described") } else { machines };
                format!("tree {}: {servers}{machines}", topology.tree)
            }
            _ => "a tree drawn from each seed".to_string(),
        };
        let seeds = match (self.runs.keys().next(), self.runs.keys().last()) {
            (Some(first), Some(last)) if first != last => format!("seeds {first} to {last}"),
            (Some(seed), _) => format!("seed {seed}"),
            _ => "no seed".to_string(),
        };
        let span = span(self.settings.virtual_ms);
        let faults = match (&self.settings.plan.mishaps, self.runs.values().next()) {
            (Some(named), _) => format!("faults: {}", listed(named, ", ")),
            (None, Some(did)) if self.runs.len() == 1 => {
                format!("faults drawn: {}", listed(&did.outcome.mishaps, ", "))
            }
            _ => "faults drawn from each seed".to_string(),
        };
        format!("{tree}\n{seeds}, {span} virtual each\n{faults}")
    }

    /// A row a seed.
    fn rows(&self, ink: Ink) -> String {
        let mut table = Table::new(vec![
            ("seed", Lean::Right),
            ("result", Lean::Left),
            ("asks", Lean::Right),
            ("grants", Lean::Right),
            ("denials", Lean::Right),
            ("overshoot", Lean::Right),
            ("shortage", Lean::Right),
            ("agreed", Lean::Right),
            ("lost", Lean::Right),
            ("crashes", Lean::Right),
            ("cuts", Lean::Right),
            ("set back", Lean::Right),
            ("x real time", Lean::Right),
        ]);
        let few = self.runs.len() <= ROWS_MAX;
        let shown = self.runs.iter().filter(|(_, did)| few || !did.passed()).take(ROWS_MAX);
        let mut rows = 0;
        for (seed, did) in shown {
            rows += 1;
            let figures = &did.outcome.figures;
            let result = match did.passed() {
                true => Cell::new("pass", Tone::Good),
                false => Cell::new("fail", Tone::Bad),
            };
            let mut row = vec![Cell::plain(seed), result];
            let numbers = [
                figures.asks,
                figures.grants,
                figures.denials,
                figures.overshoot_max,
                figures.shortage_max,
            ];
            row.extend(numbers.map(Cell::plain));
            row.push(Cell::plain(seconds(did.outcome.agreement.counts_ms)));
            let numbers = [figures.letters_lost, figures.crashes, figures.cuts, figures.set_back];
            row.extend(numbers.map(Cell::plain));
            row.push(Cell::plain(times(figures.virtual_ms, did.took)));
            table.row(row);
        }
        match self.runs.len() - rows {
            0 => table.text(ink),
            more if rows == 0 => format!("{more} seeds passed\n"),
            more => format!("{}and {more} more\n", table.text(ink)),
        }
    }

    /// Every figure of all seeds, and what it means.
    fn summary(&self, ink: Ink) -> String {
        let mut table = Table::new(vec![
            ("figure", Lean::Left),
            ("count", Lean::Right),
            ("what it is", Lean::Left),
        ]);
        let mut row = |name: &str, count: String, what: String, wrong: bool| {
            let tone = if wrong { Tone::Bad } else { Tone::Plain };
            table.row(vec![Cell::plain(name), Cell::new(count, tone), Cell::plain(what)]);
        };
        let all = self.totals();
        let text = |text: &str| text.to_string();
        for (name, count, what) in counts(&all) {
            let wrong = count > 0 && ["overshoot", "denied at the end"].contains(&name);
            row(name, count.to_string(), text(what), wrong);
        }
        let (counts_ms, rows_ms) = self.agreed();
        let limit = AGREE_MS / 1_000;
        let what = format!("after the faults ended all counts agreed; the limit is {limit} s");
        row("agreed", seconds(counts_ms), what + &self.among(|one| one.counts_ms), false);
        let limit = REST_MS / 1_000;
        let what = format!("the primary showed what was so, too; the limit is {limit} s");
        row("shown", seconds(rows_ms), what + &self.among(|one| one.rows_ms), false);
        let took = format!("{} s of real time", self.took.as_millis() as f64 / 1_000.0);
        let what = format!("times real time, {} virtual in {took}", span(all.virtual_ms));
        row("speed", times(all.virtual_ms, self.took).to_string(), what, false);
        table.text(ink)
    }

    /// Where a figure is not of all seeds, of how many: a run ends at its first violation, and
    /// looking ends before the time of rows is over.
    fn among(&self, of: impl Fn(&Agreement) -> Option<u64>) -> String {
        let has = |did: &&Did| of(&did.outcome.agreement).is_some();
        let (some, all) = (self.runs.values().filter(has).count(), self.runs.len());
        match some == all {
            true => String::new(),
            false => format!("; seen in {some} of {}", counted(all as u64, "seed")),
        }
    }

    fn failure(&self, seed: u64, did: &Did, ink: Ink) -> String {
        let mut text = format!("\nseed {seed}: {}\n", did.outcome.story);
        for line in &did.outcome.lines {
            text.push_str(&format!("  {line}\n"));
        }
        for violation in did.outcome.violations.iter().take(VIOLATIONS_MAX) {
            text.push_str(&format!("{} {violation}\n", ink.paint("broken", Tone::Bad)));
        }
        let more = did.outcome.violations.len().saturating_sub(VIOLATIONS_MAX);
        if more > 0 {
            text.push_str(&format!("and {more} more\n"));
        }
        text.push_str(&format!("see it again: {}\n", (self.again)(seed)));
        text
    }
}

/// Name, number and meaning of what is counted.
fn counts(all: &Figures) -> [(&'static str, u64, &'static str); 22] {
    [
        ("asks", all.asks, "devices that somebody asked to manage, and was answered"),
        ("grants", all.grants, "of them managed then"),
        ("denials", all.denials, "of them not: no license was left, or no such device"),
        ("asked at the end", all.probes, "when faults were over, where a license was free"),
        ("denied at the end", all.probes_denied, "of them; must be 0"),
        ("overshoot", all.overshoot_max, "devices beyond all licenses at worst; must be 0"),
        ("shortage", all.shortage_max, "lacking in a ledger at worst: forced, ended or moved"),
        ("full", all.full, "times a ledger was seen with no license left"),
        ("letters", all.letters, "sent between servers"),
        ("lost", all.letters_lost, "of them never arrived"),
        ("crashes", all.crashes, "of servers, with what they had not synced"),
        ("cuts", all.cuts, "of lines between a server and its parent"),
        ("pauses", all.pauses, "of servers that stood still"),
        ("disks full", all.disks_full, "for a while"),
        ("set back", all.set_back, "disks put back from an older copy"),
        ("clocks set", all.clocks_set, "back and forward, on machines of servers"),
        ("joins", all.joins, "of servers, new ones and those that were there before"),
        ("removals", all.removals, "of servers from the tree"),
        ("servers moved", all.servers_moved, "below another parent"),
        ("changes", all.holding_changes, "of what relays hold"),
        ("moves", all.moves, "of devices to another site"),
        ("checks", all.checks, "of the whole tree against the rules"),
    ]
}

fn figures_json(figures: &Figures) -> Value {
    json!({
        "virtual_ms": figures.virtual_ms,
        "asks": figures.asks,
        "grants": figures.grants,
        "denials": figures.denials,
        "asks_at_end": figures.probes,
        "denials_at_end": figures.probes_denied,
        "overshoot": figures.overshoot_max,
        "shortage": figures.shortage_max,
        "full": figures.full,
        "letters": figures.letters,
        "letters_lost": figures.letters_lost,
        "requests": figures.requests,
        "crashes": figures.crashes,
        "cuts": figures.cuts,
        "pauses": figures.pauses,
        "disks_full": figures.disks_full,
        "set_back": figures.set_back,
        "clocks_set": figures.clocks_set,
        "joins": figures.joins,
        "removals": figures.removals,
        "renewals": figures.renewals,
        "rotations": figures.rotations,
        "servers_moved": figures.servers_moved,
        "holding_changes": figures.holding_changes,
        "moves": figures.moves,
        "checks": figures.checks,
    })
}

/// Names between signs; `none` where there is none.
pub(super) fn listed(mishaps: &Mishaps, between: &str) -> String {
    let names = mishaps.names();
    if names.is_empty() { "none".to_string() } else { names.join(between) }
}

/// `3 min`, `1 h 30 min`: whole minutes, and seconds where there are any.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    let parts = [(seconds / 3_600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, unit)| format!("{count} {unit}")).collect();
    if parts.is_empty() { "0 s".to_string() } else { parts.join(" ") }
}

/// `-` where it was not seen.
fn seconds(ms: Option<u64>) -> String {
    ms.map_or("-".to_string(), |ms| format!("{:.2} s", ms as f64 / 1_000.0))
}

fn times(virtual_ms: u64, took: Duration) -> u64 {
    virtual_ms / u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::moment::Moment;

    fn did(seed: u64, overshoot_max: u64, violations: Vec<Violation>) -> (u64, Did) {
        let figures = Figures { virtual_ms: 60_000, asks: 40, grants: 30, ..Figures::default() };
        let counts_ms = violations.is_empty().then_some(3_250);
        let outcome = Outcome {
            seed,
            story: "a small tree".to_string(),
            violations,
            trace_hash: 255,
            figures: Figures { overshoot_max, ..figures },
            mishaps: "crash,cut".parse().unwrap(),
            agreement: Agreement { counts_ms, rows_ms: None },
            lines: Vec::new(),
        };
        (seed, Did { outcome, took: Duration::from_millis(300) })
    }

    fn report(runs: &BTreeMap<u64, Did>, told: impl FnOnce(&Report<'_>)) {
        let (settings, again) = (Settings::default(), |seed| format!("again {seed}"));
        let took = Duration::from_millis(500);
        told(&Report { topology: None, settings: &settings, runs, took, again: &again });
    }

    #[test]
    fn one_that_failed_is_seen_in_the_table_and_below_it() {
        let text = "one too many".to_string();
        let broken = Violation { at: Moment::of_ms(7), rule: "I1", text };
        let runs = BTreeMap::from([did(1, 0, Vec::new()), did(2, 1, vec![broken; 9])]);
        report(&runs, |report| {
            let text = report.text(Ink::Plain);
            let row = |begin: &str| {
                let found = text.lines().find(|line| line.trim_start().starts_with(begin));
                found.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
            };
            assert_eq!(row("1 "), "1 pass 40 30 0 0 0 3.25 s 0 0 0 0 200");
            assert_eq!(row("2 "), "2 fail 40 30 0 1 0 - 0 0 0 0 200");
            assert_eq!(
                row("asks "),
                "asks 80 devices that somebody asked to manage, and was answered"
            );
            assert!(row("agreed").ends_with("limit is 25 s; seen in 1 of 2 seeds"), "{text}");
            let end = "\nand 1 more\nsee it again: again 2\n\nfail: 1 of 2 seeds broke a rule\n";
            assert!(text.ends_with(end) && text.contains("\nbroken I1 at 7 ms: one too many\n"));
            let json = report.json();
            assert_eq!((&json["passed"], &json["total"]["failed"]), (&json!(false), &json!(1)));
            assert_eq!(json["runs"][1]["violations"][0]["at_ms"], json!(7));
            assert_eq!(json["runs"][0]["trace"], json!("00000000000000ff"));
            assert_eq!(json["runs"][0]["faults"], json!(["cut", "crash"]));
        });
    }

    #[test]
    fn of_very_many_seeds_only_those_that_failed_have_a_row() {
        let broken = Violation { at: Moment::of_ms(7), rule: "I1", text: "x".to_string() };
        let mut runs: BTreeMap<u64, Did> = (1..=101).map(|seed| did(seed, 0, Vec::new())).collect();
        report(&runs, |report| assert!(report.rows(Ink::Plain) == "101 seeds passed\n"));
        runs.extend([did(50, 1, vec![broken])]);
        report(&runs, |report| {
            let rows = report.rows(Ink::Plain);
            assert!(rows.lines().count() == 3 && rows.ends_with("and 100 more\n"), "{rows}");
        });
    }

    #[test]
    fn spans_are_told_in_whole_units() {
        assert_eq!([0, 60_000, 5_400_000].map(span), ["0 s", "1 min", "1 h 30 min"]);
        assert_eq!(span(3_601_999), "1 h 1 s");
    }
}
