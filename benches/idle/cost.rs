//! Starts a primary over a folder that it has used before, again and again.

use crate::measure::{self, Spread};
use crate::product::Site;
use std::fmt;
use std::time::{Duration, Instant};

const STARTS: usize = 10;

/// After so long whatever a start needed for itself is done.
const IDLE: Duration = Duration::from_secs(2);

pub struct Cost {
    /// From the call that makes the process until its status is answered, in milliseconds.
    pub start_ms: Spread,
    /// Resident memory, in MiB; of it what is no mapped file.
    pub resident_mib: f64,
    pub own_mib: f64,
}

pub fn measure() -> Cost {
    let site = Site::new(0);
    let runtime = measure::runtime();
    let first = site.start();
    runtime.block_on(first.register(&site, 1_000));
    first.stop();
    let starts = (0..STARTS).map(|_| {
        let begun = Instant::now();
        let primary = site.start();
        runtime.block_on(primary.client().status()).unwrap();
        let took = begun.elapsed();
        primary.stop();
        took.as_secs_f64() * 1e3
    });
    let start_ms = Spread::of(starts);
    let primary = site.start();
    runtime.block_on(primary.client().status()).unwrap();
    runtime.block_on(measure::pause(IDLE));
    let mib = |key| measure::memory_kib(primary.process(), key) as f64 / 1024.0;
    Cost { start_ms, resident_mib: mib("VmRSS:"), own_mib: mib("RssAnon:") }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { start_ms, resident_mib, own_mib } = self;
        write!(
            f,
            "start {start_ms} ms, {resident_mib:.1} MiB resident, {own_mib:.1} MiB of it its own"
        )
    }
}
