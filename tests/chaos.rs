//! Real processes under chaos: a tree in network namespaces, fifty clients, and faults drawn from a
//! seed; then every rule that a history can show.
//!
//! ```text
//!   seed ──► weather ──► kill -9, SIGSTOP, cuts (nft), stepped clocks ──► tree of five servers
//!        └─► udp_relay: loss, copies, delay, other order ────────────────►  │ sockets
//!                                       50 clients, an operator ◄───────────┘
//!                                         └► history ──► sweep, replay ──► violations
//!                                            agreement: after the faults ──► still to come?
//! ```
//! - `tree`: the servers. `udp_relay`: the roads between them. `weather`: what goes wrong.
//! - `client`, `operator`: who asks. `history`: what was asked and answered.
//! - `sweep`: never one license too many. `replay`: one order of the log, and nothing answered is
//!   lost. `agreement`: in the end all say the same. `run`: all of that from one seed.
//!
//! A run with less than 200 operations a second is void, and fails. The rules themselves are tried
//! on histories made by hand, beside each. Needs root, `ip`, `nft` and libfaketime, as `.ci/run`
//! provides; without root it is skipped.
//!
//! ```text
//! LICTREE_CHAOS_SEEDS=120 cargo test --locked --test chaos -- --nocapture
//! LICTREE_CHAOS_SEED=17 cargo test --locked --test chaos -- --nocapture
//! ```
//! What a seed draws is the same again; processes and clients take their own time.

#[path = "patience/mod.rs"]
mod patience;

#[path = "hosts/lan.rs"]
#[allow(dead_code)]
mod lan;

#[path = "hosts/server.rs"]
#[allow(dead_code)]
mod server;

#[path = "hosts/founding.rs"]
#[allow(dead_code)]
mod founding;

#[path = "chaos/agreement.rs"]
mod agreement;

#[path = "chaos/client.rs"]
mod client;

#[path = "chaos/history.rs"]
mod history;

#[path = "chaos/operator.rs"]
mod operator;

#[path = "chaos/replay.rs"]
mod replay;

#[path = "chaos/run.rs"]
mod run;

#[path = "chaos/sweep.rs"]
mod sweep;

#[path = "chaos/tree.rs"]
mod tree;

#[path = "chaos/udp_relay.rs"]
mod udp_relay;

#[path = "chaos/weather.rs"]
mod weather;

use lan::Lan;
use run::Report;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Runs at once: each waits more than it works.
const AT_ONCE: usize = 2;
/// Runs of the ordinary test.
const SEEDS: u64 = 8;

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn the_tree_keeps_its_rules_under_chaos() {
    let seeds = match variable("LICTREE_CHAOS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + variable("LICTREE_CHAOS_SEEDS").unwrap_or(SEEDS),
    };
    if Lan::new().is_none() {
        return;
    }
    let (begun, next, reports) =
        (Instant::now(), AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let report = run::run(Lan::new().unwrap(), seed);
                    println!("{report}");
                    reports.lock().unwrap().push(report);
                }
            });
        }
    });
    let reports = reports.into_inner().unwrap();
    tell(&reports, begun.elapsed());
    let bad: Vec<u64> = reports.iter().filter(|one| !one.is_good()).map(|one| one.seed).collect();
    assert!(bad.is_empty(), "LICTREE_CHAOS_SEED={bad:?}: what was found is above");
    let (kinds, runs) = (kinds(&reports), reports.len() as u64);
    for kind in ["granted", "released", "full", "looks"] {
        assert!(kinds.get(kind) > Some(&(20 * runs)), "too little is {kind}: {kinds:?}");
    }
}

fn kinds(reports: &[Report]) -> BTreeMap<&'static str, u64> {
    let mut all = BTreeMap::new();
    for (kind, count) in reports.iter().flat_map(|report| &report.kinds) {
        *all.entry(*kind).or_default() += count;
    }
    all
}

/// The figures, and as a line of JSON in the file that `LICTREE_CHAOS_OUT` names.
fn tell(reports: &[Report], took: Duration) {
    let sum = |figure: fn(&Report) -> u64| reports.iter().map(figure).sum::<u64>();
    let mut json = json!({
        "kind": "chaos",
        "runs": reports.len(),
        "operations": sum(|one| one.answered),
        "operations_per_s_min": reports.iter().map(Report::rate).min().unwrap_or(0),
        "faults": sum(|one| one.weather.0.len() as u64),
        "answers_of_the_primary": sum(|one| one.of_primary),
        "violations_of_order": sum(Report::out_of_order),
        "violations": sum(|one| one.violations.len() as u64),
        "void_runs": sum(|one| one.is_void().into()),
        "failed_runs": sum(|one| (!one.is_good()).into()),
        "agreed_after_ms_max": reports.iter().map(|one| one.agreed_after.as_millis() as u64).max(),
        "seconds": took.as_secs_f64(),
    });
    for (kind, count) in kinds(reports) {
        json[kind] = count.into();
    }
    println!("{json}");
    let Some(path) = std::env::var_os("LICTREE_CHAOS_OUT") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| writeln!(file, "{json}")).unwrap();
}
