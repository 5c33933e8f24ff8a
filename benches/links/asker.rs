//! A client of the primary's socket that asks for one license after another at a steady pace.

use crate::measure::{self, Spread};
use crate::product::primary::PRIMARY;
use lictree::client::Client;
use lictree::model::device::{DeviceId, DeviceNumber, DeviceState};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PACE: Duration = Duration::from_millis(20);

/// A thread of its own, so that it waits for the server and not for the relays' side.
pub struct Asker {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<Asked>,
}

impl Asker {
    /// Asks from the node of this number on.
    pub fn start(client: Client, first_node: u64) -> Asker {
        let enough = Arc::new(AtomicBool::new(false));
        let stop = enough.clone();
        let thread = std::thread::spawn(move || {
            measure::runtime().block_on(ask(&client, first_node, &stop))
        });
        Asker { enough, thread }
    }

    pub fn stop(self) -> Asked {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// How long each grant took, in milliseconds, from the moment at which it was to be asked for.
pub struct Asked(Vec<f64>);

impl Asked {
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    pub fn p50_ms(&self) -> f64 {
        Spread::of(self.0.iter().copied()).median
    }

    pub fn most_ms(&self) -> f64 {
        Spread::of(self.0.iter().copied()).most
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, p50, most) = (self.count(), self.p50_ms(), self.most_ms());
        write!(f, "{count} grants in {p50:.1} ms (median) to {most:.1} ms")
    }
}

async fn ask(client: &Client, first_node: u64, stop: &AtomicBool) -> Asked {
    let mut took = Vec::new();
    let mut due = Instant::now();
    while !stop.load(Ordering::Relaxed) || took.is_empty() {
        measure::pause_until(due).await;
        let number = DeviceNumber(first_node + took.len() as u64);
        let device = DeviceId { managing_source: PRIMARY.parse().unwrap(), number };
        let done = client.manage(vec![device], None).await.unwrap();
        assert_eq!(done[0].state, Some(DeviceState::Managed), "{done:?}");
        took.push(due.elapsed().as_secs_f64() * 1e3);
        // A grant that took long holds up those behind it, and they say so once.
        due = (due + PACE).max(Instant::now());
    }
    Asked(took)
}
