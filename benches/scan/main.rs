//! How fast a sweep of echo requests is, how well it keeps its rate, and `nmap -sn` beside it where
//! there is one: `cargo bench --bench scan`.
//!
//! By default on 127.1.0.0/16, where the system answers at every address. nmap takes those for its
//! own machine and asks nobody there; so that it has something to do, give both another segment of
//! a machine that answers at all of it: `LICTREE_SCAN_SEGMENT=10.99.0.0/18`, with
//! `ip route add local 10.99.0.0/18 dev lo` over there.

use lictree::edge::scan::{Segment, SegmentLimits, Targets, sweep_echoes};
use std::process::Command;
use std::time::{Duration, Instant};

const RATES: [u32; 4] = [1_000, 10_000, 20_000, 50_000];
/// A sweep is cut to what its rate asks in about this time.
const SECONDS: u64 = 10;
/// What nmap is given: enough to see its pace, not so much that it takes minutes.
const NMAP_ADDRESSES: u64 = 4_096;

fn targets(segment: &Segment, addresses_max: u64) -> Targets {
    let limits = SegmentLimits { segments_max: 64, exclusions_max: 1, addresses_max: u64::MAX };
    let whole = Targets::of(std::slice::from_ref(segment), &[], &limits).expect("a segment");
    let count = usize::try_from(addresses_max.min(whole.count())).expect("it fits into memory");
    let mut addresses = whole.addresses().take(count);
    let first = addresses.next().expect("a segment has an address");
    let last = addresses.last().unwrap_or(first);
    let some: Segment = format!("{first}-{last}").parse().expect("two addresses in order");
    Targets::of(&[some], &[], &limits).expect("a part of a segment")
}

fn main() {
    let segment = std::env::var("LICTREE_SCAN_SEGMENT").unwrap_or("127.1.0.0/16".to_string());
    let segment: Segment = segment.parse().expect("LICTREE_SCAN_SEGMENT names a segment");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system gives a runtime");
    println!("echo requests to {segment}; off = how far the rate kept is from the rate set");
    for rate in RATES {
        let targets = targets(&segment, u64::from(rate) * SECONDS);
        let sweep = sweep_echoes(&targets, rate, Duration::from_secs(1));
        let echoes = runtime.block_on(sweep).expect("this process may ping");
        let (sent, took) = (echoes.sent as f64, echoes.took.as_secs_f64());
        let (kept, alive) = (sent / took, echoes.alive.len() as f64);
        let off = (kept / f64::from(rate) - 1.0) * 100.0;
        let lost = (1.0 - alive / sent) * 100.0;
        println!(
            "lictree {rate:>6}/s: {sent} asked in {took:.2} s, kept {kept:.0}/s, off \
                  {off:+.2} %, {lost:.3} % lost"
        );
    }
    nmap(&targets(&segment, NMAP_ADDRESSES));
}

fn nmap(targets: &Targets) {
    let list: String = targets.addresses().map(|address| format!("{address}\n")).collect();
    let file = std::env::temp_dir().join(format!("lictree-bench-{}", std::process::id()));
    std::fs::write(&file, list).expect("the temporary folder takes a file");
    let begun = Instant::now();
    let done = Command::new("nmap")
        .args(["-sn", "-n", "-PE", "--disable-arp-ping", "-iL"])
        .arg(&file)
        .output();
    let took = begun.elapsed().as_secs_f64();
    // What is not there any more need not go.
    let _ = std::fs::remove_file(&file);
    match done {
        Ok(done) => {
            let said = String::from_utf8_lossy(&done.stdout);
            let last = said.lines().last().unwrap_or_default();
            let kept = targets.count() as f64 / took;
            println!("nmap -sn -PE: {} asked in {took:.2} s, {kept:.0}/s; {last}", targets.count());
        }
        Err(error) => println!("nmap: not measured: {error}"),
    }
}
