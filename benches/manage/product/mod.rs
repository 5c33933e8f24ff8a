//! A primary as a process, and sharing destinations that ask it for licenses.
//!
//! ```text
//!   destinations (this process)               lictree serve, a child
//!   n dialers, a certificate each ── wishes for new devices ──► log, one sync for all that waits
//!   m wishes outstanding each     ◄───────────── verdicts ──── said when they are durable
//! ```
//!
//! Nothing of the product is left out: identities, greeting, presence, routes, ledger, log, and
//! rows saved every 5 s. A run is long enough for a save to fall into it. In the end the holder
//! must have counted exactly what was granted.

pub mod destination;
pub mod primary;

pub use primary::{Primary, Site};

use crate::measure::{self, Run};
use destination::Destination;
use std::time::{Duration, Instant};

const RUN_TIME: Duration = Duration::from_secs(6);

/// What is registered at the holder; more than can be asked for.
const REGISTERED: u64 = 50_000_000;

/// How it is made sure that the holder knows what it granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its range counts as many uses as licenses were granted.
    Count,
    /// The same, and once more after it was killed and started again.
    KillAndCount,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub destinations: usize,
    pub outstanding: usize,
}

pub const CASES: &[Case] =
    &[Case { destinations: 1, outstanding: 1 }, Case { destinations: 64, outstanding: 16 }];

impl Case {
    pub fn name(&self) -> String {
        format!("lictree: {} x {}", self.destinations, self.outstanding)
    }

    /// Measures it once, with a fresh holder.
    pub fn run(&self, proof: Proof) -> Run {
        let site = Site::new(self.destinations);
        let primary = site.start();
        measure::runtime().block_on(primary.register(&site, REGISTERED));
        let cpu_before = measure::processor_time(primary.process());
        let (waits, elapsed) = measure::runtime().block_on(self.ask(&site, &primary));
        let cpu = measure::processor_time(primary.process()) - cpu_before;
        // The first wish of each destination was no part of the run.
        let granted = (waits.len() + self.destinations) as u64;
        let counted = measure::runtime().block_on(primary.used());
        assert_eq!(counted, granted, "the holder counts other uses than it granted");
        if proof == Proof::KillAndCount {
            drop(primary);
            let counted = measure::runtime().block_on(site.start().used());
            assert_eq!(counted, granted, "what was granted is not there after a kill");
        }
        Run::of(waits, elapsed, cpu)
    }

    async fn ask(&self, site: &Site, primary: &Primary) -> (Vec<u64>, Duration) {
        let mut destinations = Vec::new();
        for name in site.destinations() {
            let mut one = Destination::connect(site, name, primary.address()).await;
            // It makes the destination known, and warms everything up.
            one.keep(1, Instant::now()).await;
            destinations.push(one);
        }
        let (begun, outstanding) = (Instant::now(), self.outstanding);
        let tasks = destinations.into_iter().map(|mut one| {
            tokio::spawn(async move { (one.keep(outstanding, begun + RUN_TIME).await, one) })
        });
        let tasks: Vec<_> = tasks.collect();
        let (mut waits, mut asked) = (Vec::new(), Vec::new());
        for task in tasks {
            let (some, one) = task.await.unwrap();
            waits.extend(some);
            asked.push(one);
        }
        (waits, begun.elapsed())
    }
}
