//! kill -9 in the middle of work: what was answered is there, and no use is counted twice.

use crate::lan::Host;
use crate::server::{Outcome, Server};
use crate::tree::{audit, find, managed, range, two};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

const ROUNDS: usize = 6;

/// What somebody at a site was answered, and what he asked last without an answer.
#[derive(Debug, Default)]
struct Answers {
    managed: BTreeSet<String>,
    ignored: BTreeSet<String>,
    open: BTreeSet<String>,
}

impl Answers {
    fn keep(&mut self, id: String, managed: bool, outcome: &Outcome) {
        self.managed.remove(&id);
        self.ignored.remove(&id);
        self.open.remove(&id);
        match (outcome.exit, managed) {
            (0, true) => self.managed.insert(id),
            (0, false) => self.ignored.insert(id),
            _ => self.open.insert(id),
        };
    }
}

/// Manages and ignores one node after the other, until it is told to stop or is not answered.
fn work(west: &Server, answers: &mut Answers, stop: &AtomicBool, tick: &Sender<()>, step: &mut u8) {
    while !stop.load(Ordering::Relaxed) {
        *step += 1;
        // Of eight nodes in turn; what was managed is ignored in the next round.
        let id = format!("west:{}", *step % 8 + 1);
        let manage = !answers.managed.contains(&id);
        let verb = if manage { "manage" } else { "ignore" };
        let outcome = west.ask(&format!("node {verb} {id} --json"));
        answers.keep(id, manage, &outcome);
        let _ = tick.send(());
        if outcome.exit != 0 {
            return;
        }
    }
}

#[test]
fn what_was_answered_is_there_after_a_kill_at_any_moment() {
    let (_folder, mut hq, mut west) = two(Host::default());
    find(&west, 8);
    let (mut answers, mut step) = (Answers::default(), 0);
    for round in 0..ROUNDS {
        let stop = AtomicBool::new(false);
        let (tick, ticks) = channel();
        let mut child = west.child.take().unwrap();
        std::thread::scope(|scope| {
            let (site, answers, stop, step) = (&west, &mut answers, &stop, &mut step);
            scope.spawn(move || work(site, answers, stop, &tick, step));
            for _ in 0..3 + round {
                let _ = ticks.recv();
            }
            // While the next one is under way.
            if round % 2 == 1 {
                hq.stop();
            }
            child.kill().unwrap();
            child.wait().unwrap();
            stop.store(true, Ordering::Relaxed);
        });
        if round % 2 == 1 {
            hq.start();
        }
        west.start();
        let there = managed(&west).unwrap();
        assert!(answers.managed.is_subset(&there), "{answers:?}, and there are {there:?}");
        assert!(answers.ignored.is_disjoint(&there), "{answers:?}, and there are {there:?}");
    }
    assert!(answers.managed.len() + answers.ignored.len() > 3, "{answers:?}");
    let there = managed(&west).unwrap();
    range(&hq, "west", 10, there.len() as u64);
    audit(&hq, there.len());
}
