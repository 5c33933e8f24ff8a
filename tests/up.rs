//! `lictree up` and the commands of its operators: real processes, the real binary, and nothing
//! of the library.
//!
//! - `program`: runs the binary. `tree`: an example that runs while a test looks at it.
//! - `examples`: every example stands as its `expected.txt` says, also after a second start.
//! - `script`: the worked example of the reference's figure in the commands of an operator.
//! - `worked`: it holds row by row. `storm`: also while servers are killed at any point of it.
//! - `kills`: servers killed at each step of the start.
//! - `moving`: nodes that go to another server.
//! - `nodes`: nodes that are merged, and forgotten. `lacking`: listed, and what ranges lack.
//! - `simulate`: trees in virtual time, as people and programs see them.
//! - `refusals`: what is refused, with which code and which exit.

#[path = "patience/mod.rs"]
mod patience;

#[path = "up/lacking.rs"]
mod lacking;

#[path = "up/moving.rs"]
mod moving;

#[path = "up/nodes.rs"]
mod nodes;

#[path = "up/program.rs"]
mod program;

#[path = "up/tree.rs"]
mod tree;

#[path = "up/examples.rs"]
mod examples;

#[path = "engine/case.rs"]
mod case;

#[path = "up/script.rs"]
mod script;

#[path = "up/storm.rs"]
mod storm;

#[path = "up/worked.rs"]
mod worked;

#[path = "up/kills.rs"]
mod kills;

#[path = "up/refusals.rs"]
mod refusals;

#[path = "up/simulate.rs"]
mod simulate;
