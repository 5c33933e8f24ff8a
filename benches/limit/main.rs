//! What this machine allows without any product code: the ceiling for `benches/manage`.
//!
//! Run: `cargo bench --bench limit`.

#[path = "../measure/mod.rs"]
#[allow(dead_code)]
mod measure;

mod probe;

use measure::{HEAD, Row};
use probe::{CASES, Case};

const RUNS: usize = 3;

fn main() {
    if probe::serve_if_asked() || !measure::asked_for() {
        return;
    }
    println!("{HEAD}");
    for case in CASES {
        let mut row = Row::of(&case.name());
        row.runs.extend((0..RUNS).map(|_| Case::run(case)));
        println!("{}", row.line());
    }
}
