//! How fast a sweep of echo requests is, how well it keeps its rate, and `nmap -sn` beside it:
//! `cargo bench --bench scan`, as root.
//!
//! nmap takes addresses of its own machine for found and asks nobody there, so the sweep is of
//! another machine: a namespace that answers at every address of a segment.

#[path = "../measure/mod.rs"]
#[allow(dead_code)]
mod measure;

mod hosts;

use hosts::{Neighbour, SEGMENT};
use lictree::edge::scan::{Segment, SegmentLimits, Targets, sweep_echoes};
use measure::page::{self, Goals};
use measure::{Spread, machine};
use std::process::Command;
use std::time::{Duration, Instant};

const RATES: [u32; 7] = [1_000, 10_000, 20_000, 50_000, 100_000, 150_000, 200_000];
/// The rate that must be kept, and how exactly (P21).
const RATE_GOAL: u32 = 10_000;
const OFF_GOAL: f64 = 2.0;
const NMAP_GOAL: f64 = 10.0;
/// A sweep is cut to what its rate asks in about this time.
const SECONDS: u64 = 5;
const ROUNDS: usize = 3;
/// What nmap is given: enough to see its pace, not so much that it takes minutes.
const NMAP_ADDRESSES: u64 = 8_192;

struct Swept {
    /// Addresses a second, from the first request to the last.
    rate: f64,
    lost: f64,
}

/// A line of the table: the median of the rate, and the worst of the rest.
struct Row {
    rate: f64,
    off: f64,
    lost: f64,
}

fn targets(addresses_max: u64) -> Targets {
    let segment: Segment = SEGMENT.parse().expect("a segment");
    let limits = SegmentLimits { segments_max: 64, exclusions_max: 1, addresses_max: u64::MAX };
    let whole = Targets::of(std::slice::from_ref(&segment), &[], &limits).expect("a segment");
    let count = usize::try_from(addresses_max.min(whole.count())).expect("it fits into memory");
    let mut addresses = whole.addresses().take(count);
    let first = addresses.next().expect("a segment has an address");
    let last = addresses.last().unwrap_or(first);
    let some: Segment = format!("{first}-{last}").parse().expect("two addresses in order");
    Targets::of(&[some], &[], &limits).expect("a part of a segment")
}

fn sweep(targets: &Targets, rate: u32) -> Swept {
    let work = sweep_echoes(targets, rate, Duration::from_secs(1));
    let echoes = measure::runtime().block_on(work).expect("root may ping");
    let (sent, alive) = (echoes.sent as f64, echoes.alive.len() as f64);
    Swept { rate: sent / echoes.took.as_secs_f64(), lost: (1.0 - alive / sent) * 100.0 }
}

fn nmap(targets: &Targets) -> Option<Swept> {
    let list: String = targets.addresses().map(|address| format!("{address}\n")).collect();
    let folder = measure::folder();
    let file = folder.path().join("addresses");
    std::fs::write(&file, list).expect("the folder takes a file");
    let begun = Instant::now();
    let mut command = Command::new("nmap");
    command.args(["-sn", "-n", "-PE", "--disable-arp-ping", "-iL"]).arg(&file);
    let said = command.output().ok()?;
    let rate = targets.count() as f64 / begun.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    // `Nmap done: 8192 IP addresses (8192 hosts up) scanned in 0.52 seconds`
    let up = said.lines().last()?.split_once('(')?.1.split(' ').next()?.parse::<f64>().ok()?;
    Some(Swept { rate, lost: (1.0 - up / targets.count() as f64) * 100.0 })
}

fn main() {
    if !measure::asked_for() {
        return;
    }
    if !hosts::is_inside() {
        if !hosts::run_inside() {
            println!("nothing measured: this bench makes network namespaces; run it as root");
        }
        return;
    }
    let head = machine::line();
    let _neighbour = Neighbour::start();
    let mut goals = Goals::default();
    let mut table = "| sweep | addresses a second, median (least..most) | off the rate set, at \
                     most | lost, at most |\n|---|---|---|---|\n"
        .to_string();
    let mut row = |what: &str, swept: &[Swept], rate: Option<u32>| {
        let spread = Spread::of(swept.iter().map(|swept| swept.rate));
        let worst = |of: &dyn Fn(&Swept) -> f64| swept.iter().map(of).fold(0.0, f64::max);
        let off = rate.map(|rate| worst(&|s| (s.rate / f64::from(rate) - 1.0).abs() * 100.0));
        let lost = worst(&|s| s.lost);
        let shown = off.map_or("-".to_string(), |off| format!("{off:.2} %"));
        table.push_str(&format!("| {what} | {spread} | {shown} | {lost:.3} % |\n"));
        Row { rate: spread.median, off: off.unwrap_or_default(), lost }
    };
    let mut rows = Vec::new();
    for rate in RATES {
        let targets = targets(u64::from(rate) * SECONDS);
        let swept: Vec<Swept> = (0..ROUNDS).map(|_| sweep(&targets, rate)).collect();
        let kept = row(&format!("at most {rate}/s"), &swept, Some(rate));
        let off = kept.off;
        rows.push(kept);
        if rate == RATE_GOAL {
            let what = format!("a rate of {RATE_GOAL}/s kept");
            let (found, asked) = (format!("within {off:.2} %"), format!("within {OFF_GOAL:.0} %"));
            goals.add(&what, found, asked, off <= OFF_GOAL);
        }
    }
    let some = targets(NMAP_ADDRESSES);
    let theirs: Vec<Swept> = (0..ROUNDS).filter_map(|_| nmap(&some)).collect();
    let lost = theirs.iter().map(|swept| swept.lost).fold(0.0, f64::max);
    let theirs = (!theirs.is_empty()).then(|| row("`nmap -sn -PE`", &theirs, None).rate);
    // Only what loses no more than nmap does is as good a sweep.
    let fast = rows.iter().filter(|row| row.lost <= lost).map(|row| row.rate).fold(0.0, f64::max);
    let what = "the fastest that loses no more, beside nmap";
    goals.ratio(what, theirs.map(|rate| fast / rate), NMAP_GOAL);
    let text = format!("{head}\n\n{table}\n{}", goals.table());
    println!("{text}");
    page::write("scan", &text);
}
