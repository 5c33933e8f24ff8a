//! The first table: what ran, how much of it, and what came of it.

use crate::runs::{Run, Runs, grouped};
use serde_json::Value;

const HEAD: &str = "| what ran | how much | result | when (UTC) | machine |\n|---|---|---|---|---|";

pub fn table(runs: &Runs) -> String {
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let mut text = format!("{HEAD}\n");
    for run in &runs.0 {
        let (much, result) = match run.test {
            "model" => (states(run), broken(run)),
            "sim" if run.sum("seeds").is_some() => (seeds(run), simulated(run)),
            "sim" => (format!("{} rules", run.passed), "each seen broken".to_string()),
            "crash" => crash(run),
            "hostile" => lies(run),
            "chaos" => chaos(run),
            "drills" => {
                let rows = "nothing that was answered is lost, every audit adds up";
                (format!("drills: {}", run.passed), rows.to_string())
            }
            "fuzz" => (listed(run, &["readers", "readings"]), listed(run, &["failures", "slow"])),
            _ => (format!("tests: {}", run.passed), "all pass".to_string()),
        };
        let Run { what, test, at, seconds, .. } = run;
        let result = if run.good { result } else { format!("**FAILED**; {result}") };
        text += &format!("| {what} (`{test}`) | {much} | {result} | {at} | {cores} cores, ");
        text += &format!("{seconds:.0} s |\n");
    }
    text
}

/// The figures, each with its name as it stands in the line of JSON.
fn listed(run: &Run, figures: &[&str]) -> String {
    let word = |figure: &&str| format!("{} {}", run.said(figure), figure.replace('_', " "));
    figures.iter().map(word).collect::<Vec<_>>().join(", ")
}

pub fn states(model: &Run) -> String {
    let models: Vec<&Value> = model.lines.iter().filter(|line| line["kind"] == "model").collect();
    let sum = |figure: &str| models.iter().filter_map(|line| line[figure].as_u64()).sum();
    let exhausted = models.iter().filter(|line| line["exhausted"] == true).count();
    let (models, states, steps) =
        (models.len(), grouped(sum("states")), grouped(sum("transitions")));
    format!("{models} models, {exhausted} of them exhausted: {states} states, {steps} steps")
}

pub fn broken(model: &Run) -> String {
    let (whole, broken): (Vec<&Value>, _) =
        model.lines.iter().partition(|line| line["kind"] == "model");
    let is_seen = |line: &&&Value| line["violation"].is_string();
    let violations = whole.iter().filter(is_seen).count();
    let seen: Vec<_> = broken.iter().filter(is_seen).collect();
    let steps = seen.iter().filter_map(|line| line["steps"].as_u64()).max().unwrap_or(0);
    let (seen, broken) = (seen.len(), broken.len());
    format!(
        "{violations} violations; {seen} of {broken} broken rules seen, in at most {steps} steps"
    )
}

pub fn virtual_hours(sim: &Run) -> f64 {
    sim.sum("virtual_s").unwrap_or(0) as f64 / 3_600.0
}

/// Virtual time for each second of the run.
pub fn speed(sim: &Run) -> String {
    let seconds: f64 = sim.lines.iter().filter_map(|line| line["seconds"].as_f64()).sum();
    grouped((sim.sum("virtual_s").unwrap_or(0) as f64 / seconds).round() as u64)
}

fn seeds(sim: &Run) -> String {
    let faults = ["letters", "letters_lost", "cuts", "crashes", "pauses", "set_back", "clocks_set"];
    let done = ["joins", "removals", "servers_moved", "renewals", "rotations"];
    let done = [&done[..], &["holding_changes", "moves"]].concat();
    let (seeds, hours) = (listed(sim, &["seeds"]), virtual_hours(sim));
    format!("{seeds}, {hours:.1} virtual hours: {}, {}", listed(sim, &faults), listed(sim, &done))
}

/// Also where it failed: how often.
fn simulated(sim: &Run) -> String {
    let figures = ["violations", "violations_of_liveness", "failed_seeds", "checks"];
    format!("{}, {} times real time", listed(sim, &figures), speed(sim))
}

fn crash(run: &Run) -> (String, String) {
    let did = ["operations", "boundaries", "cuts", "failed_syncs", "failed_writes", "torn_bytes"];
    let refused = listed(run, &["torn_files_refused", "flips_refused"]);
    let did = format!("{}, {}", listed(run, &did), listed(run, &["flips"]));
    (did, format!("nothing that was said is lost; {refused}"))
}

fn lies(run: &Run) -> (String, String) {
    let came = listed(run, &["named", "ignored", "own", "ranges_unchanged"]);
    (format!("{} to two parents; floods, lies to a child", listed(run, &["lies"])), came)
}

fn chaos(run: &Run) -> (String, String) {
    let did = listed(run, &["runs", "faults", "operations"]);
    let least = run.said("operations_per_s_min");
    let did = format!("{did}, in each run at least {least} operations a second");
    (did, listed(run, &["violations", "void_runs", "failed_runs"]))
}
