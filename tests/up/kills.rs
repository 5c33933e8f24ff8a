//! kill -9 of servers while a tree is brought up: the same command goes on, and nothing is lost
//! and nothing doubled.

use crate::program::{command, example, lictree};
use crate::tree::{folder, pid_of, signal};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

const KILLS: usize = 54;
const SERVERS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Brings the figure up, kills one server when so many lines of progress were said, and waits for
/// the end. False when it stood before that.
fn killed_on_the_way(data: &Path, server: &str, lines: usize) -> bool {
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
    // It may have ended by itself between the line and now.
    let pid = pid_of(&data.join(server)).filter(|_| reached);
    pid.into_iter().for_each(|pid| signal("KILL", pid));
    said.for_each(drop);
    child.wait().unwrap();
    pid.is_some()
}

#[test]
fn servers_may_be_killed_at_any_step_of_the_start() {
    let mut killed = 0;
    let mut round = 0;
    while killed < KILLS {
        let data = folder();
        // Each start is cut off one step later than the one before.
        let mut stands = false;
        for attempt in 0.. {
            let server = SERVERS[(round + attempt) % SERVERS.len()];
            match killed_on_the_way(data.path(), server, 1 + (attempt + round) % 4) {
                true => killed += 1,
                false => stands = true,
            }
            if stands || attempt > 20 {
                break;
            }
        }
        let line = format!("up {} --verify --data", example("jp1-figure").display());
        let outcome = lictree(&format!("{line} {}", data.path().display()));
        assert_eq!(outcome.exit, 0, "after {killed} kills: {}\n{}", outcome.out, outcome.err);
        round += 1;
    }
}
