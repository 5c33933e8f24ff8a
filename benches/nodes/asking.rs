//! The queries of `peerbench list`, asked over the socket by one thread.

use crate::measure::Run;
use crate::measure::caller::Caller;
use crate::peer::Peer;
use lictree::model::view::NodePage;
use std::path::Path;
use std::time::{Duration, Instant};

const RUN_TIME: Duration = Duration::from_secs(5);

/// One kind of query, as `peerbench` names it, and how many times PostgreSQL's rate is asked for.
pub struct Query {
    pub what: &'static str,
    pub kind: &'static str,
    pub goal: f64,
}

pub const QUERIES: [Query; 6] = [
    Query { what: "one source, newest seen first, page 1 of 50", kind: "page", goal: 2.0 },
    Query { what: "one source, page 10", kind: "deep", goal: 5.0 },
    Query { what: "one source, number of matches", kind: "count", goal: 10.0 },
    Query { what: "ten sources, page 1 of 50", kind: "ten", goal: 50.0 },
    Query { what: "ten sources, number of matches", kind: "tencount", goal: 75.0 },
    Query { what: "one source, name contains, page 1 of 50", kind: "like", goal: 5.0 },
];

/// What came of one kind with so many clients.
pub struct Asked {
    what: &'static str,
    kind: &'static str,
    clients: usize,
    pub rate: f64,
    pub p50_ms: f64,
    p99_ms: f64,
}

impl Asked {
    pub fn is(&self, kind: &str, clients: usize) -> bool {
        self.kind == kind && self.clients == clients
    }

    pub fn line(&self, peer: &Peer) -> String {
        let Asked { what, clients, rate, p50_ms, p99_ms, .. } = self;
        let theirs = peer.of(self.kind, *clients);
        let theirs =
            theirs.map_or("not measured".to_string(), |(rate, p50)| format!("{rate:.0}, {p50:.3}"));
        format!("| {what} | {clients} | {rate:.0} | {p50_ms:.3} / {p99_ms:.3} | {theirs} |\n")
    }
}

/// Every kind with one client and with sixteen.
pub async fn all(socket: &Path, sources: usize) -> Vec<Asked> {
    let deep = deep_places(socket, sources).await;
    let mut rows = Vec::new();
    for query in &QUERIES {
        for clients in [1, 16] {
            let asked = ask(socket, query, clients, sources, &deep).await;
            eprintln!("{} x {clients}: {:.0}/s, {:.3} ms", query.kind, asked.rate, asked.p50_ms);
            rows.push(asked);
        }
    }
    rows
}

async fn ask(
    socket: &Path,
    query: &Query,
    clients: usize,
    sources: usize,
    deep: &[String],
) -> Asked {
    let begun = Instant::now();
    let one = |number: usize| async move {
        let mut caller = Caller::connect(socket).await;
        let (mut waits, mut at) = (Vec::new(), number * 7_919 % sources);
        while begun.elapsed() < RUN_TIME {
            at = (at + 613) % sources;
            let path = path_of(query.kind, at, sources, deep);
            let asked = Instant::now();
            caller.get(&path).await;
            waits.push(asked.elapsed().as_nanos() as u64);
        }
        waits
    };
    let local = tokio::task::LocalSet::new();
    let waits = std::cell::RefCell::new(Vec::new());
    let (one, waits) = (&one, &waits);
    let work = (0..clients).map(|number| async move {
        let own = one(number).await;
        waits.borrow_mut().extend(own);
    });
    local.run_until(crate::reporter::all(work)).await;
    let run = Run::of(waits.take(), begun.elapsed(), Duration::ZERO);
    let Query { what, kind, .. } = query;
    let (p50_ms, p99_ms) = (run.p50_us / 1e3, run.p99_us / 1e3);
    Asked { what, kind, clients, rate: run.per_second, p50_ms, p99_ms }
}

fn path_of(kind: &str, at: usize, sources: usize, deep: &[String]) -> String {
    let name = |number: usize| format!("site-{}", number % sources + 1);
    let ten = || (0..10).map(|i| name(at + i * 97)).collect::<Vec<_>>().join(",");
    let list = "/v1/nodes?sort=last-seen&limit=50&managing_source=";
    match kind {
        "page" => format!("{list}{}", name(at)),
        "deep" => format!("{list}{}&after={}", name(at), deep[at]),
        "count" => format!("/v1/node-count?managing_source={}", name(at)),
        "ten" => format!("{list}{}", ten()),
        "tencount" => format!("/v1/node-count?managing_source={}", ten()),
        _ => format!("{list}{}&text=77", name(at)),
    }
}

/// Where the tenth page of every source begins.
async fn deep_places(socket: &Path, sources: usize) -> Vec<String> {
    let mut caller = Caller::connect(socket).await;
    let mut places = Vec::new();
    for at in 0..sources {
        let name = at % sources + 1;
        let path = format!("/v1/nodes?sort=last-seen&limit=450&managing_source=site-{name}");
        let page: NodePage = serde_json::from_slice(&caller.get(&path).await).unwrap();
        let next = page.next.map_or("site-1:1".to_string(), |next| next.to_string());
        places.push(next.replace(':', "%3A").replace('@', "%40"));
    }
    places
}
