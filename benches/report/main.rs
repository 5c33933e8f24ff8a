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

use cost::Cost;
use measure::page::{self, Goals};
use measure::{HEAD, Row, machine};
use product::Proof;

const ROUNDS: usize = 3;

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
    page::write("report", &text);
}

fn text(head: &str, limits: &[Row], ours: &[Row], cost: &Cost) -> String {
    let [one, many, shared] = limits else { unreachable!("the limit has three rows") };
    let [our_one, our_many] = ours else { unreachable!("the product has two rows") };
    let rows: String = limits.iter().chain(ours).map(|row| format!("{}\n", row.line())).collect();
    let share = |ours: &Row, limit: &Row| ours.rate().median / limit.rate().median;
    let mut goals = Goals::default();
    let mut share_goal = |what: &str, found: f64, asked: f64| {
        let (percent, least) = (found * 100.0, asked * 100.0);
        let (share, least) = (format!("{percent:.0} %"), format!("at least {least:.0} %"));
        goals.add(what, share, least, found >= asked);
    };
    share_goal("1 x 1 of the limit", share(our_one, one), SHARE_OF_ONE);
    share_goal("64 x 16 of the limit, a socket each", share(our_many, many), SHARE_OF_MANY);
    share_goal("64 x 16 of the limit, one socket", share(our_many, shared), SHARE_OF_MANY);
    let Cost { start_ms, resident_mib, .. } = cost;
    let (found, asked) = (format!("{start_ms} ms"), format!("at most {START_MS} ms"));
    goals.add("start of an idle server", found, asked, start_ms.median <= START_MS);
    let (found, asked) = (format!("{resident_mib:.1} MiB"), format!("at most {RESIDENT_MIB} MiB"));
    goals.add("memory of an idle server", found, asked, *resident_mib <= RESIDENT_MIB);
    format!("{head}\n\n{HEAD}\n{rows}\n{}", goals.table())
}
