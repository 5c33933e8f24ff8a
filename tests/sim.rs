//! The whole tree in one thread: thousands of seeds, the worked example, and broken rules that must
//! be seen. `docs/internals/simulator.md` tells how to read a failure.
//!
//! Environment: `LICTREE_SEED` (one seed, for `one_seed`), `LICTREE_FIRST_SEED` and
//! `LICTREE_SEEDS` (which seeds and how many, for `thousand_seeds`), `LICTREE_SEED_S` (virtual
//! seconds of each), `LICTREE_SET_BACKS` (`primary`, `all` or `lost`: whose disks are put
//! back in it, or lost),
//! `LICTREE_KEEP_LINES` (how much of its trace a seed that fails is shown with),
//! `LICTREE_SIM_OUT` (a file to which each run of many seeds adds its figures as a line of JSON).

#[path = "sim/full_size.rs"]
mod full_size;
#[path = "sim/mutants.rs"]
mod mutants;
#[path = "sim/old_attachments.rs"]
mod old_attachments;
#[path = "sim/seeds.rs"]
mod seeds;
#[path = "sim/turns.rs"]
mod turns;
#[path = "sim/worked_example.rs"]
mod worked_example;
