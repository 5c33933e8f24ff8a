//! kill -9 of servers while a tree is brought up: the same command goes on, and nothing is lost
//! and nothing doubled.

use crate::program::{command, example, lictree};
use crate::tree::{folder, pid_of, signal};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

/// In each of the two tests.
const KILLS: usize = 27;
const SERVERS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Brings the figure up, kills one server when so many lines of progress were said, and waits for
/// the end.
fn cut_off(data: &Path, server: &str, lines: usize) -> Cut {
    let mut child = command()
        .arg("up")
        .arg(example("jp1-figure"))
        .args(["--verify", "--data"])
        .arg(data)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let reached = said.nth(lines).is_some_and(|line| {
        let line = line.unwrap();
        assert!(!line.starts_with("lictree:"), "{line}");
        line != "as expected" && line != "stopping all servers"
    });
    let cut = match pid_of(&data.join(server)) {
        _ if !reached => Cut::Stood,
        None => Cut::Missed,
        Some(pid) => {
            signal("KILL", pid);
            Cut::Killed
        }
    };
    said.for_each(drop);
    child.wait().unwrap();
    cut
}

enum Cut {
    Killed,
    /// It was not started yet, or had ended.
    Missed,
    /// The tree stood before so many lines were said.
    Stood,
}

#[test]
fn servers_may_be_killed_at_any_step_of_the_start() {
    kill_at_every_step(0);
}

#[test]
fn others_may_be_killed_at_any_step_of_the_start() {
    kill_at_every_step(1);
}

/// Takes every second round, so that both tests together kill every server at every step.
fn kill_at_every_step(first: usize) {
    let mut killed = 0;
    let mut round = first;
    while killed < KILLS {
        let data = folder();
        // Each start is cut off one step later than the one before.
        for attempt in 0..20 {
            let server = SERVERS[(round + attempt) % SERVERS.len()];
            match cut_off(data.path(), server, 2 + (attempt + round) % 4) {
                Cut::Killed => killed += 1,
                Cut::Missed => {}
                Cut::Stood => break,
            }
        }
        let line = format!("up {} --verify --data", example("jp1-figure").display());
        let outcome = lictree(&format!("{line} {}", data.path().display()));
        assert_eq!(outcome.exit, 0, "after {killed} kills: {}\n{}", outcome.out, outcome.err);
        round += 2;
    }
}
