//! A primary and a relay over real stores, through 500 operations; then the power goes at every
//! moment of that, files are torn, disks fail, bits flip. Whatever is left, a start from it knows
//! everything that was said, and nothing that was not logged: I6 of `safety.md`, and I2, I5 and I12
//! against the other server as it stood at that moment.
//!
//! ```text
//!   script ──► pair ──► site a ──► LogStore, RowStore ──► LossyDisk ─┐   every past moment,
//!                       site b ──► LogStore, RowStore ──► LossyDisk ─┤   torn, failing, flipped
//!                        │                                           ▼
//!                        └► history: said, and resting on entry n ─► judge ──► Server::start
//! ```
//!
//! - `script`: what is asked. `pair`: the two servers and the letters between them. `site`: one of
//!   them, which does what it is told as the daemon does. `history`: when it said what.
//! - `judge`: is what a start finds the state after some whole prefix of the log, and does the
//!   prefix reach as far as everything that was answered or sent?
//! - `cuts`: the power goes at every write and sync. `failures`: each of them fails once. `torn`:
//!   the last record of each file, torn at every byte. `flips`: bits that are not what was written.
//!   `tally`: figures.
//!
//! More scripts than the one of the ordinary run, and the figures as a line of JSON in a file:
//!
//! ```text
//! LICTREE_CRASH=100 cargo test --locked --test crash -- --nocapture
//! LICTREE_CRASH_OUT=crash.jsonl cargo test --locked --test crash
//! ```
//!
//! # What a start cannot tell
//!
//! Damage to the newest commit of a file can look like a commit that was cut off; then only the
//! witness beside the file knows better. It is not synced: it survives the end of the process and
//! may not survive a power cut. So without it a start may be one commit older, and `flips` counts
//! how often (with this script never: redb refuses by itself). The witness of the daemon, outside
//! of the folder, is not part of these tests.

#[path = "crash/cuts.rs"]
mod cuts;

#[path = "crash/failures.rs"]
mod failures;

#[path = "crash/flips.rs"]
mod flips;

#[path = "crash/history.rs"]
mod history;

#[path = "crash/judge.rs"]
mod judge;

#[path = "crash/pair.rs"]
mod pair;

#[path = "crash/script.rs"]
mod script;

#[path = "crash/site.rs"]
mod site;

#[path = "crash/tally.rs"]
mod tally;

#[path = "crash/torn.rs"]
mod torn;

use history::History;
use judge::Judge;
use lictree::store::LossyDisk;
use site::Rule;
use tally::Tally;

const OPERATIONS: usize = 500;

/// For damage a short script: what is torn is the same, and the files are small.
const OPERATIONS_BEFORE_DAMAGE: usize = 40;

/// So many scripts; 1 is the ordinary run.
fn scripts() -> u64 {
    let asked = std::env::var("LICTREE_CRASH").ok();
    let scripts = asked.map_or(Some(1), |text| text.parse().ok());
    scripts.expect("LICTREE_CRASH is a number: how many scripts are played")
}

fn play(seed: u64, operations: usize, tally: &mut Tally) -> [(History, LossyDisk); 2] {
    let script = script::play(seed, operations, Rule::Kept);
    tally.add("operations", operations as u64);
    tally.add("answered", script.pair.answered);
    let played = script.pair.ended();
    tally.add("said", played.iter().map(|(history, _)| history.sayings).sum());
    played
}

#[test]
fn nothing_that_was_said_is_lost() {
    let mut tally = Tally::default();
    for seed in 1..=scripts() {
        let played = play(seed, OPERATIONS, &mut tally);
        let judges = Judge::both(&played);
        tally.append(cuts::cut_everywhere(&judges));
        tally.append(failures::fail_everything(&judges));
        tally.add("starts that differ", judges.iter().map(Judge::starts).sum());
        let played = play(seed, OPERATIONS_BEFORE_DAMAGE, &mut Tally::default());
        let judges = Judge::both(&played);
        tally.append(torn::tear_everywhere(&judges));
        tally.append(flips::flip_bits(&judges));
    }
    tally.show();
    tally.assert_right();
}

#[test]
fn every_kind_of_operation_is_done() {
    let script = script::play(1, OPERATIONS, Rule::Kept);
    let undone = script.kinds.iter().filter(|(_, (done, _))| *done == 0);
    assert_eq!(undone.collect::<Vec<_>>(), []);
}

#[test]
fn a_server_that_speaks_before_its_log_is_durable_is_seen() {
    let played = script::play(1, 60, Rule::ToldTooEarly).pair.ended();
    let found = cuts::cut_everywhere(&Judge::both(&played));
    assert!(found.wrongs() > 100, "{found:?}");
}

#[test]
fn a_disk_that_forgets_its_last_sync_is_seen() {
    let played = play(1, 60, &mut Tally::default());
    let found = cuts::cut_with_a_forgotten_sync(&Judge::both(&played));
    assert!(found.wrongs() > 20, "{found:?}");
}
