//! Runs a model and says what came of it: a line for people, and one for programs.
//!
//! `LICTREE_MODEL` says how far: 1 is the ordinary run, 2 and 3 are for a machine that has time and
//! memory. `LICTREE_MODEL_OUT` names a file to which each run adds a line of JSON.

use crate::breaking::Breaking;
use crate::explorer::{Explored, Model, explore};
use std::io::Write as _;
use std::{env, fs};

/// How far the bounds go.
pub fn level() -> usize {
    let asked = env::var("LICTREE_MODEL").ok();
    let level = asked.map_or(Some(1), |text| text.parse().ok());
    let level = level.filter(|level| (1..=3).contains(level));
    level.expect("LICTREE_MODEL is 1, 2 or 3: how far the bounds go")
}

/// So many states at most, which are about 45 bytes each for every word of a state.
fn states_max() -> usize {
    [40_000_000, 150_000_000, 600_000_000][level() - 1]
}

/// Explores the rules as they are: nothing may break, and all that should can happen. The ordinary
/// run sees every state; a longer one may come to its end before.
#[track_caller]
pub fn hold<M: Model<W>, const W: usize>(name: &str, model: &M) -> Explored<W> {
    let explored = explore(model, states_max());
    let mut said = line(name, &explored);
    let missed = &explored.missed;
    if let Some(violation) = &explored.violation {
        let (invariant, steps) = (violation.invariant, violation.path.join("\n    "));
        said += &format!("\n  BROKEN: {invariant}\n    {steps}");
    }
    println!("{said}");
    write_out("model", name, &explored);
    assert!(explored.violation.is_none(), "{name}: the rules do not hold:\n{said}");
    assert!(missed.is_empty(), "{name}: never seen: {}", missed.join("; "));
    assert!(explored.exhausted || level() > 1, "{name}: the ordinary run sees every state");
    explored
}

/// Explores rules of which one is broken: whether it is seen.
pub fn is_seen<M: Model<W>, const W: usize>(breaking: Breaking, model: &M) -> bool {
    let explored = explore(model, states_max());
    let (rule, words) = (breaking.rule(), breaking.words());
    let mut said = line(&format!("{rule} broken: {words}"), &explored);
    match &explored.violation {
        Some(violation) => {
            let (invariant, steps) = (violation.invariant, violation.path.join("\n    "));
            let count = violation.path.len();
            said += &format!("\n  seen in {count} steps: {invariant}\n    {steps}");
        }
        None => said += "\n  NOT SEEN",
    }
    println!("{said}");
    write_out("broken", &format!("{breaking:?}"), &explored);
    explored.violation.is_some()
}

/// `name   states   steps   depth   seconds   states/s   exhausted`
fn line<const W: usize>(name: &str, explored: &Explored<W>) -> String {
    let Explored { seen, transitions, depth, took, exhausted, violation, .. } = explored;
    let (states, seconds) = (seen.states.len(), took.as_secs_f64());
    let end = match (exhausted, violation) {
        (true, _) => "EXHAUSTED",
        (false, Some(_)) => "ends here",
        (false, None) => "NOT exhausted",
    };
    let rate = states as f64 / seconds;
    format!(
        "{name:<72} {states:>11} states {transitions:>12} steps  depth {depth:>3} {seconds:>7.1} s \
         {rate:>9.0}/s  {end}"
    )
}

fn write_out<const W: usize>(kind: &str, name: &str, explored: &Explored<W>) {
    let Some(path) = env::var_os("LICTREE_MODEL_OUT") else { return };
    let Explored { seen, transitions, depth, took, exhausted, .. } = explored;
    let (states, seconds) = (seen.states.len(), took.as_secs_f64());
    // No name, invariant or step has a quote in it.
    let mut json = format!("{{\"kind\":\"{kind}\",\"name\":\"{name}\",\"states\":{states}");
    json += &format!(",\"transitions\":{transitions},\"depth\":{depth}");
    json += &format!(",\"exhausted\":{exhausted},\"seconds\":{seconds:.2}");
    if let Some(violation) = &explored.violation {
        let (invariant, steps) = (violation.invariant, violation.path.len());
        let path = violation.path.join("\",\"");
        json += &format!(",\"violation\":\"{invariant}\",\"steps\":{steps}");
        json += &format!(",\"path\":[\"{path}\"]");
    }
    json += "}\n";
    let file = fs::OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(json.as_bytes()));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
