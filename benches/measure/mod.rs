//! What all benches share: figures of a run, medians of several, and what `/proc` knows.

pub mod caller;
pub mod machine;
pub mod page;

use lictree::model::time::Timestamp;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One run of one row.
#[derive(Clone, Debug)]
pub struct Run {
    pub per_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    /// Processor time of the server for one request, all its threads together.
    pub server_cpu_us: f64,
}

impl Run {
    /// From the times of all answered requests, in nanoseconds.
    pub fn of(mut waits_ns: Vec<u64>, elapsed: Duration, server_cpu: Duration) -> Run {
        waits_ns.sort_unstable();
        let count = waits_ns.len() as f64;
        let part = |share: f64| {
            let at = ((count * share) as usize).min(waits_ns.len().saturating_sub(1));
            waits_ns.get(at).map_or(f64::NAN, |ns| *ns as f64 / 1e3)
        };
        Run {
            per_second: count / elapsed.as_secs_f64(),
            p50_us: part(0.5),
            p99_us: part(0.99),
            server_cpu_us: server_cpu.as_secs_f64() * 1e6 / count,
        }
    }
}

/// Several runs of one row.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub runs: Vec<Run>,
}

impl Row {
    pub fn of(name: &str) -> Row {
        Row { name: name.to_string(), runs: Vec::new() }
    }

    pub fn rate(&self) -> Spread {
        Spread::of(self.runs.iter().map(|run| run.per_second))
    }

    fn median(&self, figure: impl Fn(&Run) -> f64) -> f64 {
        Spread::of(self.runs.iter().map(figure)).median
    }

    /// A line of a table with [`HEAD`].
    pub fn line(&self) -> String {
        let (p50, p99) = (self.median(|run| run.p50_us), self.median(|run| run.p99_us));
        let cpu = self.median(|run| run.server_cpu_us);
        format!("| {} | {} | {p50:.0} / {p99:.0} | {cpu:.1} |", self.name, self.rate())
    }
}

/// The head of a table of rows.
pub const HEAD: &str = "| row | a second, median (least..most) | p50 / p99 us | \
                        server's processor us each |\n|---|---|---|---|";

/// The middle and the ends of some figures.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub least: f64,
    pub median: f64,
    pub most: f64,
}

impl Spread {
    pub fn of(figures: impl Iterator<Item = f64>) -> Spread {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let [least, .., most] = sorted[..] else {
            let only = sorted.first().copied().unwrap_or(f64::NAN);
            return Spread { least: only, median: only, most: only };
        };
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Spread { least, median: (low + high) / 2.0, most }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { least, median, most } = self;
        write!(f, "{median:.0} ({least:.0}..{most:.0})")
    }
}

/// Processor time that the living threads of a process have used.
pub fn processor_time(process: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("the process is ours");
    let spent = |task: PathBuf| -> u64 {
        // A thread may end meanwhile.
        let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
    };
    Duration::from_nanos(tasks.flatten().map(|task| spent(task.path())).sum())
}

/// The same with those threads that have ended; counted in hundredths of a second.
pub fn whole_processor_time(process: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process is ours");
    let (_, fields) = text.rsplit_once(')').expect("the name stands in brackets");
    // Behind the name: time in the program is the 12th field, time in the system the 13th.
    let ticks = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().expect("it is a number"));
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// A line of `/proc/<process>/status` that is a number of KiB.
pub fn memory_kib(process: u32, key: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).expect("the process is ours");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("Linux has this line");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("it is a number")
}

/// Packets for which the socket at an address had no room so far.
pub fn dropped(address: SocketAddr) -> u64 {
    let text = fs::read_to_string("/proc/net/udp").expect("Linux has this file");
    let port = format!(":{:04X}", address.port());
    let of = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let own = fields.get(1).is_some_and(|local| local.ends_with(&port));
        fields.last().filter(|_| own).and_then(|drops| drops.parse::<u64>().ok())
    };
    text.lines().filter_map(of).sum()
}

/// The time of day, as the product has it.
pub fn now() -> Timestamp {
    Timestamp::default().after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
}

/// Keeps a pace: the next thing is to happen at a moment, whatever else does. Never a wait for
/// something that could be asked for.
pub async fn pause_until(at: Instant) {
    let nothing = tokio::time::timeout_at(at.into(), std::future::pending::<()>()).await;
    assert!(nothing.is_err());
}

/// The same for a length of time.
pub async fn pause(time: Duration) {
    pause_until(Instant::now() + time).await;
}

/// A folder on the disk that is built on, so never in memory only; empty, removed at the end.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("the build made its parent")
}

/// One thread that serves all, as the product has it.
pub fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime needs nothing that is not there")
}

/// Whether cargo runs benches now; `cargo test --benches` must not take minutes.
pub fn asked_for() -> bool {
    let asked = std::env::args().any(|argument| argument == "--bench");
    if !asked {
        println!("nothing measured: this is a bench; run it with `cargo bench`");
    }
    asked
}
