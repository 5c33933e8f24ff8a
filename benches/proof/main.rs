//! All proofs in one run, and their tables for docs/internals/proof.md.
//!
//! ```text
//!   PROOFS ──► cargo test --locked --test X ──► lines of JSON ──► did: what ran, and how much
//!                                                             └─► held: against others' figures
//! ```
//! Run: `cargo bench --profile dev --bench proof`; in the profile of the tests nothing is built
//! twice. What the tests read from the environment (`LICTREE_SEEDS`, `LICTREE_MODEL`,
//! `LICTREE_CRASH`, `LICTREE_FUZZ`, `LICTREE_CHAOS_SEEDS`) says how much is run; the page says how
//! much it was.

#[path = "../measure/mod.rs"]
#[allow(dead_code)]
mod measure;

mod did;
mod held;
mod runs;

use measure::{asked_for, machine, page};
use runs::Runs;

const PAGE: &str = "docs/internals/proof.md";

/// What it is, the file of its tests, and a text that the names of those that are meant hold.
const PROOFS: [(&str, &str, &str); 25] = [
    ("model check", "model", ""),
    ("simulator", "sim", "seeds::thousand_seeds"),
    ("simulator, the primary put back", "sim", "seeds::seeds_with_the_primary_put_back"),
    ("simulator, all put back at once", "sim", "seeds::seeds_with_all_put_back"),
    ("simulator, disks lost and replaced", "sim", "seeds::seeds_with_lost_disks"),
    ("simulator, full disks", "sim", "seeds::seeds_with_full_disks"),
    ("simulator, servers that move", "sim", "seeds::seeds_with_servers_that_move"),
    ("simulator, rules broken one by one", "sim", "mutants::"),
    ("power cuts and damage", "crash", ""),
    ("relays that lie", "hostile", ""),
    ("readers of bytes, not instrumented", "fuzz", ""),
    ("a server killed at work", "cluster", "life::many_crashes_in_the_middle_of_work"),
    ("every kind of frame said again", "cluster", "replay::"),
    ("a primary put back", "cluster", "restored::"),
    ("backups and what comes back", "cluster", "backup::"),
    ("a disk or a server lost", "cluster", "lost::"),
    ("clocks that are set", "cluster", "clocks::"),
    ("words in the name of another", "cluster", "signed::"),
    ("drills of real servers", "drills", ""),
    ("joins that are wrong or late", "cluster", "joins::"),
    ("codes to join with", "hosts", "codes::"),
    ("renewal and a new authority under load", "hosts", "rotation::"),
    ("from the first server to removal", "hosts", "way::"),
    ("what a stranger finds", "hosts", "ports::"),
    ("real processes under chaos", "chaos", "the_tree_keeps_its_rules"),
];

fn main() {
    if !asked_for() {
        return;
    }
    runs::build(&PROOFS);
    let (head, begun) = (machine::line(), std::time::Instant::now());
    let runs = Runs(PROOFS.iter().map(runs::run).collect());
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    let (did, held) = (did::table(&runs), held::table(&runs));
    let text = format!("{head} It took {minutes:.1} minutes.\n\n{did}\n{held}");
    println!("{text}");
    page::write_into(PAGE, "proof", &text);
    let failed = runs.0.iter().filter(|run| !run.good).count();
    assert!(failed == 0, "{failed} of the proofs failed; what they said is above");
}
