//! What a server with nothing to do costs.

use crate::site::{Process, Site, run};
use std::time::Instant;

/// Generous bounds: builds under test are slower and larger than released ones.
#[test]
fn an_idle_server_starts_fast_and_stays_small() {
    let site = Site::new();
    let config = site.primary("hq");
    Process::start(&config).stop();
    let begun = Instant::now();
    let server = Process::start(&config);
    let start_ms = begun.elapsed().as_millis();
    run(server.client().status()).unwrap();
    let path = format!("/proc/{}", server.child.id());
    let status = std::fs::read_to_string(format!("{path}/status")).unwrap();
    let number = |key: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let (rss_kib, threads) = (number("VmRSS:"), number("Threads:"));
    println!("start {start_ms} ms, {rss_kib} KiB, {threads} threads");
    assert!(start_ms < 2_000, "{start_ms} ms");
    assert!(rss_kib < 40 * 1024, "{rss_kib} KiB");
    assert_eq!(threads, 3, "the owner's, the log's, the rows'");
}
