//! Devices managed per second at one holder: the real product against `benches/limit`.
//!
//! Run: `cargo bench --bench manage`, with `-- kill` to also kill the holder after each run and
//! count again what its next start knows.

#[path = "../measure/mod.rs"]
#[allow(dead_code)]
mod measure;

#[allow(dead_code)]
mod product;

use measure::{HEAD, Row};
use product::{CASES, Proof};

const RUNS: usize = 3;

fn main() {
    if !measure::asked_for() {
        return;
    }
    let killed = std::env::args().any(|argument| argument == "kill");
    let proof = if killed { Proof::KillAndCount } else { Proof::Count };
    println!("{HEAD}");
    for case in CASES {
        let mut row = Row::of(&case.name());
        row.runs.extend((0..RUNS).map(|_| case.run(proof)));
        println!("{}", row.line());
    }
}
