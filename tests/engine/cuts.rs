//! The worked example with the power of one server gone at every sync of its disk in turn: what a
//! sync had not made durable is lost, or survives in part; the server is started from the rest,
//! and the example goes on to the same tables. Nothing that was answered is lost, nothing doubled,
//! and at every moment the primary shows as many licenses as are registered.

use crate::disks::{Cut, Disks};
use crate::tree::Tree;
use lictree::model::tuning::Tuning;
use lictree::store::Survivors;
use std::collections::BTreeMap;
use std::panic::{RefUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SERVERS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// How long after a power cut a table may take, in simulated time.
const PATIENCE_S: u64 = 60;

type Nodes = BTreeMap<&'static str, String>;

/// A run of the whole example.
struct Run {
    tree: Tree,
    /// Every node as each server knows it in the end.
    nodes: Nodes,
}

fn play(having: &[&str], cuts: &[Cut]) -> Result<Run, String> {
    // Rows are saved every few commands, so that starts find all mixtures of rows and log.
    let tuning = Tuning { checkpoint_log_bytes: 1_000, ..Tuning::default() };
    let mut tree = Tree::new(tuning, Disks::of(having, cuts));
    let mut restarts = 0;
    for step in crate::case::steps(include_str!("worked-example.txt")) {
        let mut answer = tree.run(&step.command);
        if step.command == "ranges" {
            for _ in 0..PATIENCE_S {
                if answer.trim() == step.expected {
                    break;
                }
                tree.pass(Duration::from_secs(1));
                answer = tree.run(&step.command);
            }
        }
        let cut_here = tree.restarts() > restarts;
        restarts = tree.restarts();
        let (answer, expected) = (answer.trim(), step.expected.as_str());
        if answer != expected && !(cut_here && is_as_good(answer, expected)) {
            return Err(format!("{}\n  got:\n{answer}\n  not:\n{expected}", step.command));
        }
    }
    tree.pass(Duration::from_secs(PATIENCE_S));
    // Nothing is registered, then 150, then 50 more; no moment shows any other sum.
    if !tree.sums().iter().eq([0, 150, 200].iter()) {
        return Err(format!("sums that were shown: {:?}", tree.sums()));
    }
    let nodes = SERVERS.map(|server| (server, tree.run(&format!("nodes {server}"))));
    Ok(Run { tree, nodes: nodes.into() })
}

/// What is answered to somebody whose first question was answered by a power cut, or asked while
/// the relay that it is about had none.
fn is_as_good(answer: &str, expected: &str) -> bool {
    match expected {
        "done" => answer.starts_with("in transit") || answer.starts_with("refused LT0209"),
        _ if expected.starts_with("registered") => answer.starts_with("refused LT0201"),
        _ => match expected.split_once(" new, ") {
            Some((new, _)) => answer == format!("0 new, {new} known"),
            None => false,
        },
    }
}

/// The whole example without a cut, with a disk for every server.
fn whole() -> Run {
    play(&SERVERS, &[]).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn cut(server: &str, sync: u64, survivors: Survivors) -> Cut {
    Cut { server: server.parse().unwrap(), sync, forgotten: 0, survivors }
}

fn some(seed: u64) -> Survivors {
    Survivors::Some { seed, piece_bytes: 512 }
}

/// Every sync of each server, with nothing, some and all surviving of what it had not made durable.
fn single_cuts(whole: &Tree, servers: &[&str]) -> Vec<Vec<Cut>> {
    let mut cuts = Vec::new();
    for server in servers {
        for sync in 1..=whole.disks().syncs(server) {
            for survivors in [Survivors::None, some(sync), Survivors::All] {
                cuts.push(vec![cut(server, sync, survivors)]);
            }
        }
    }
    cuts
}

/// Every sync of each server, and then one of the first syncs of the same one's next start, or of
/// another one at any time.
fn double_cuts(whole: &Run) -> Vec<Vec<Cut>> {
    let mut cuts = Vec::new();
    for (at, server) in SERVERS.into_iter().enumerate() {
        for sync in 1..=whole.tree.disks().syncs(server) {
            let other = SERVERS[(at + 1 + sync as usize % 4) % 5];
            let first = cut(server, sync, some(sync + 1_000));
            cuts.push(vec![first.clone(), cut(server, 1 + sync % 4, Survivors::None)]);
            cuts.push(vec![first, cut(other, 1 + sync * 7 % 20, some(sync + 2_000))]);
        }
    }
    cuts
}

/// Judges a run with each of these; the failures.
fn failures(
    cuts: &[Vec<Cut>],
    judged: impl Fn(&[Cut]) -> Result<(), String> + Sync + RefUnwindSafe,
) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(cuts) = cuts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = catch_unwind(|| judged(cuts));
                    let found = found.unwrap_or_else(|_| Err("it panicked".to_string()));
                    wrong.lock().unwrap().extend(found.err().map(|why| format!("{cuts:?}: {why}")));
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

/// Plays with the power gone at every sync of each of these servers; every run must end as one
/// without a cut does.
#[track_caller]
pub fn all_survive_every_cut(
    servers: &[&str],
    play: impl Fn(&[Cut]) -> Result<Tree, String> + Sync + RefUnwindSafe,
) {
    let whole = play(&[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    let cuts = single_cuts(&whole, servers);
    println!("{} runs with a cut", cuts.len());
    let wrong = failures(&cuts, |cuts| match play(cuts)?.restarts() {
        0 => Err("the power never went".to_string()),
        _ => Ok(()),
    });
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cuts.len(), wrong.join("\n"));
}

fn judged(cuts: &[Cut], nodes: &Nodes) -> Result<(), String> {
    let having: Vec<&str> = cuts.iter().map(|cut| cut.server.as_str()).collect();
    let found = play(&having, cuts)?;
    if found.tree.restarts() == 0 {
        return Err("the power never went".to_string());
    }
    match found.nodes.iter().find(|(server, found)| **found != nodes[*server]) {
        Some((server, found)) => Err(format!("the nodes of {server} are\n{found}")),
        None => Ok(()),
    }
}

#[track_caller]
fn all_go_well(nodes: &Nodes, cuts: &[Vec<Cut>]) {
    let wrong = failures(cuts, |cuts| judged(cuts, nodes));
    assert!(
        wrong.is_empty(),
        "{} of {} went wrong:\n{}",
        wrong.len(),
        cuts.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_power_goes_at_every_sync_of_every_server() {
    let whole = whole();
    let cuts = single_cuts(&whole.tree, &SERVERS);
    let syncs = SERVERS.map(|server| format!("{server} {}", whole.tree.disks().syncs(server)));
    println!("{} runs, a cut at each sync: {}", cuts.len(), syncs.join(", "));
    assert!(SERVERS.iter().all(|server| whole.tree.disks().syncs(server) >= 10));
    all_go_well(&whole.nodes, &cuts);
}

#[test]
fn the_power_goes_twice() {
    let whole = whole();
    let cuts = double_cuts(&whole);
    println!("{} runs of two cuts", cuts.len());
    all_go_well(&whole.nodes, &cuts);
}

#[test]
fn a_disk_that_forgets_syncs_is_noticed_by_these_tests() {
    let whole = whole();
    let syncs = whole.tree.disks().syncs("a");
    let bad = |sync| vec![Cut { forgotten: 8, ..cut("a", sync, Survivors::None) }];
    let cuts: Vec<_> = (syncs / 2..=syncs).step_by(4).map(bad).collect();
    let wrong = failures(&cuts, |cuts| judged(cuts, &whole.nodes)).len();
    println!("{wrong} of {} noticed", cuts.len());
    assert!(wrong * 2 > cuts.len(), "{wrong} of {} noticed", cuts.len());
}
