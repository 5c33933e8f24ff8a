//! All benches in one run, and its table for docs/internals/performance.md.
//!
//! Run: `cargo bench --bench report`. Each round runs the limit's row and then the product's, so
//! that both meet the same minute of a machine that is not alone.

#[path = "../measure/mod.rs"]
#[allow(dead_code)]
mod measure;

#[path = "../limit/probe/mod.rs"]
mod probe;

#[path = "../manage/product/mod.rs"]
#[allow(dead_code)]
mod product;

#[path = "../idle/cost.rs"]
mod cost;

mod machine;

use cost::Cost;
use measure::{HEAD, Row};
use product::Proof;
use std::fs;
use std::path::Path;

const ROUNDS: usize = 3;
const FILE: &str = "docs/internals/performance.md";
const BEGIN: &str = "<!-- figures: written by `cargo bench --bench report` -->";
const END: &str = "<!-- figures: end -->";

/// Shares of the limit that the product must reach, and what it may cost with nothing to do.
const SHARE_OF_ONE: f64 = 0.60;
const SHARE_OF_MANY: f64 = 0.40;
const START_MS: f64 = 50.0;
const RESIDENT_MIB: f64 = 12.0;

fn main() {
    if probe::serve_if_asked() || !measure::asked_for() {
        return;
    }
    let head = machine::line();
    let mut limits: Vec<Row> = probe::CASES.iter().map(|case| Row::of(&case.name())).collect();
    let mut ours: Vec<Row> = product::CASES.iter().map(|case| Row::of(&case.name())).collect();
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for (case, row) in probe::CASES.iter().zip(&mut limits) {
            row.runs.push(case.run());
        }
        for (case, row) in product::CASES.iter().zip(&mut ours) {
            row.runs.push(case.run(Proof::KillAndCount));
        }
    }
    let text = text(&head, &limits, &ours, &cost::measure());
    println!("{text}");
    write(&text);
}

fn text(head: &str, limits: &[Row], ours: &[Row], cost: &Cost) -> String {
    let [one, many, shared] = limits else { unreachable!("the limit has three rows") };
    let [our_one, our_many] = ours else { unreachable!("the product has two rows") };
    let rows: String = limits.iter().chain(ours).map(|row| format!("{}\n", row.line())).collect();
    let share = |ours: &Row, limit: &Row| ours.rate().median / limit.rate().median;
    let mut goals = String::new();
    let mut goal = |what: &str, found: String, asked: String, met: bool| {
        let word = if met { "met" } else { "**missed**" };
        goals.push_str(&format!("| {what} | {found} | {asked} | {word} |\n"));
    };
    let mut share_goal = |what: &str, found: f64, asked: f64| {
        let (percent, least) = (found * 100.0, asked * 100.0);
        goal(what, format!("{percent:.0} %"), format!("at least {least:.0} %"), found >= asked);
    };
    share_goal("1 x 1 of the limit", share(our_one, one), SHARE_OF_ONE);
    share_goal("64 x 16 of the limit, a socket each", share(our_many, many), SHARE_OF_MANY);
    share_goal("64 x 16 of the limit, one socket", share(our_many, shared), SHARE_OF_MANY);
    let Cost { start_ms, resident_mib, .. } = cost;
    let (found, asked) = (format!("{start_ms} ms"), format!("at most {START_MS} ms"));
    goal("start of an idle server", found, asked, start_ms.median <= START_MS);
    let (found, asked) = (format!("{resident_mib:.1} MiB"), format!("at most {RESIDENT_MIB} MiB"));
    goal("memory of an idle server", found, asked, *resident_mib <= RESIDENT_MIB);
    format!("{head}\n\n{HEAD}\n{rows}\n| what | found | goal | |\n|---|---|---|---|\n{goals}")
}

/// Puts the text between the marks of the page.
fn write(text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let page = fs::read_to_string(&path).expect("the page is part of the project");
    let (before, rest) = page.split_once(BEGIN).expect("the page has the mark of the beginning");
    let (_, after) = rest.split_once(END).expect("the page has the mark of the end");
    fs::write(&path, format!("{before}{BEGIN}\n\n{text}\n{END}{after}")).unwrap();
    println!("written to {FILE}");
}
