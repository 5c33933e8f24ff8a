//! A million discovered nodes at the primary: taking them in, listing them, starting with them.
//!
//! Run: `cargo bench --bench nodes`; `NODES=100000` in the environment makes it smaller. The rows,
//! the queries and the one thread of all clients are those of `peerbench list`, so the figures of
//! PostgreSQL stand beside them: `PEERBENCH=FILE` names what that command printed on this machine.

#[path = "../measure/mod.rs"]
#[allow(dead_code)]
mod measure;

#[path = "../manage/product/mod.rs"]
#[allow(dead_code)]
mod product;

mod asking;
mod peer;
mod reporter;

use asking::QUERIES;
use measure::page::{self, Goals};
use measure::{machine, memory_kib, processor_time};
use peer::Peer;
use product::{Primary, Site};
use reporter::Reporter;
use std::time::Instant;

/// Managing sources.
const SOURCES: usize = 1_000;
/// Sources that report at once.
const AT_ONCE: usize = 16;
/// Memory for a node, in bytes, and the time of a start (P10 and the issue it is from).
const BYTES_A_NODE: f64 = 150.0;
const RESTART_S: f64 = 3.0;
/// Times PostgreSQL's upserts, for new rows and for the same again (P20).
const INGEST: f64 = 5.0;

fn main() {
    if !measure::asked_for() {
        return;
    }
    let nodes = std::env::var("NODES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let (head, peer) = (machine::line(), Peer::read());
    let site = Site::new(SOURCES);
    let primary = site.start();
    eprintln!("{nodes} nodes of {SOURCES} sources");
    let runtime = measure::runtime();
    let mut reporters = runtime.block_on(connect_all(&site, &primary, nodes));
    // From here on: what a connected relay takes is not what its nodes take.
    let before = memory_kib(primary.process(), "VmRSS:");
    let new = taken(nodes, &primary, || {
        runtime.block_on(report_all(&mut reporters, Reporter::report_new));
    });
    eprintln!("new: {new}");
    let again = taken(nodes, &primary, || {
        runtime.block_on(report_all(&mut reporters, Reporter::report_seen));
    });
    eprintln!("again: {again}");
    let memory = memory_kib(primary.process(), "VmRSS:") - before;
    let each = memory as f64 * 1024.0 / nodes as f64;
    eprintln!("memory: {each:.0} B a node");
    drop((reporters, runtime));
    let rows = measure::runtime().block_on(asking::all(primary.client().socket(), SOURCES));
    let restart = restart(&site, primary, nodes);
    let mut goals = Goals::default();
    let goal = format!("at most {BYTES_A_NODE:.0} B");
    goals.add(
        "memory a node, all of it resident",
        format!("{each:.0} B"),
        goal,
        each <= BYTES_A_NODE,
    );
    let (found, goal) = (format!("{restart:.1} s"), format!("at most {RESTART_S:.0} s"));
    goals.add("start after a kill, until nodes are listed", found, goal, restart <= RESTART_S);
    for (what, ours, theirs) in
        [("new rows", new, peer.upsert_new), ("seen again", again, peer.upsert_again)]
    {
        let what = format!("{what}, durable, {ours}");
        goals.ratio(&what, theirs.map(|theirs| ours.rate / theirs), INGEST);
    }
    let mut table =
        "| query | clients | queries/s | p50 / p99 ms | PostgreSQL: queries/s, p50 ms |\n\
                     |---|---|---|---|---|\n"
            .to_string();
    for row in &rows {
        table.push_str(&row.line(&peer));
    }
    for query in QUERIES {
        let of = |clients| rows.iter().find(|row| row.is(query.kind, clients));
        let (Some(one), Some(many)) = (of(1), of(16)) else { continue };
        if query.kind == "page" {
            let theirs = peer.of(query.kind, 1).map(|(_, p50)| p50 / one.p50_ms);
            goals.ratio("one source, newest first: PostgreSQL's p50 to ours", theirs, 1.0);
        }
        let theirs = peer.of(query.kind, 16).map(|(rate, _)| many.rate / rate);
        goals.ratio(&format!("{}, 16 clients", query.what), theirs, query.goal);
    }
    let text = format!(
        "{head}\n\n{nodes} nodes of {SOURCES} managing sources.\n\n{table}\n{}",
        goals.table()
    );
    println!("{text}");
    page::write("nodes", &text);
}

/// How fast rows were taken in, and what of a processor one took of the primary.
struct Taken {
    rate: f64,
    cpu_us: f64,
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0}/s, {:.1} us of a processor each", self.rate, self.cpu_us)
    }
}

fn taken(rows: usize, primary: &Primary, work: impl FnOnce()) -> Taken {
    let (begun, cpu) = (Instant::now(), processor_time(primary.process()));
    work();
    let cpu = processor_time(primary.process()) - cpu;
    let rate = rows as f64 / begun.elapsed().as_secs_f64();
    Taken { rate, cpu_us: cpu.as_secs_f64() * 1e6 / rows as f64 }
}

/// Connects every source, some at once.
async fn connect_all(site: &Site, primary: &Primary, nodes: usize) -> Vec<Reporter> {
    let names: Vec<_> = site.destinations().collect();
    let mut all = Vec::new();
    for (at, some) in names.chunks(AT_ONCE).enumerate() {
        let connected = std::cell::RefCell::new(Vec::new());
        let connects = some.iter().enumerate().map(|(nth, name)| {
            let connected = &connected;
            async move {
                let number = at * AT_ONCE + nth;
                let one = Reporter::connect(site, name, primary.address(), number, nodes).await;
                connected.borrow_mut().push(one);
            }
        });
        reporter::all(connects).await;
        all.extend(connected.into_inner());
    }
    all
}

/// Every source says all its nodes, some sources at once; over when the primary has said of every
/// row that it is durable.
async fn report_all(reporters: &mut [Reporter], say: impl AsyncFn(&mut Reporter) + Copy) {
    for some in reporters.chunks_mut(AT_ONCE) {
        reporter::all(some.iter_mut().map(async |one| say(one).await)).await;
    }
}

/// Kills the primary; how long until another start of it lists nodes, in seconds.
fn restart(site: &Site, primary: Primary, nodes: usize) -> f64 {
    drop(primary);
    let begun = Instant::now();
    let again = site.start();
    let filter = Default::default();
    let counted = measure::runtime().block_on(again.client().count_nodes(&filter)).unwrap();
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(counted, nodes as u64, "rows that were durable are not there after a kill");
    took
}
