//! Many relays at once, each a task of this process.

use crate::measure;
use crate::product::Site;
use crate::relay::{Callers, Networks, Relay, Shared, Tally};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Whoever is not attached by then never will be.
const PATIENCE: Duration = Duration::from_secs(120);

/// So many relays are on their way at once while nothing is measured.
const GENTLY: usize = 200;

pub struct Fleet {
    runtime: tokio::runtime::Runtime,
    place: watch::Sender<Option<SocketAddr>>,
    tally: watch::Receiver<Tally>,
    pub callers: Callers,
    _tasks: JoinSet<()>,
}

impl Fleet {
    /// Relays that call the primary of `site` one after another. Returns when all are attached.
    pub fn start(site: &Site, networks: Networks, address: SocketAddr) -> Fleet {
        let runtime = measure::runtime();
        let (place, parent) = watch::channel(Some(address));
        let tally = Arc::new(watch::Sender::new(Tally::default()));
        let told = tally.subscribe();
        let shared = Shared { parent, tally };
        let (callers, tasks) = runtime.block_on(async {
            let (callers, mut tasks) = (Callers::new(site, networks), JoinSet::new());
            for (number, name) in callers.names.iter().enumerate() {
                let dialer = callers.dialers[number].clone();
                tasks.spawn(Relay::new(number, name, dialer, shared.clone()).run());
                until(&told, |tally| tally.attached + GENTLY > number).await;
            }
            until(&told, |tally| tally.attached == callers.names.len()).await;
            (callers, tasks)
        });
        Fleet { runtime, place, tally: told, callers, _tasks: tasks }
    }

    /// Carries all connections while `work` is under way.
    pub fn during<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Nothing but what relays do by themselves.
    pub fn rest(&self, time: Duration) {
        self.during(measure::pause(time));
    }

    /// Every relay leaves and stays away.
    pub fn leave(&self) {
        self.place.send_replace(None);
        self.during(until(&self.tally, |tally| tally.attached == 0));
    }

    /// All call at once; returns when every one is attached.
    pub fn storm(&self, address: SocketAddr) {
        self.place.send_replace(Some(address));
        let all = self.callers.names.len();
        self.during(until(&self.tally, |tally| tally.attached == all));
    }

    pub fn tally(&self) -> Tally {
        self.tally.borrow().clone()
    }
}

async fn until(tally: &watch::Receiver<Tally>, reached: impl Fn(&Tally) -> bool) {
    let mut told = tally.clone();
    let come = tokio::time::timeout(PATIENCE, told.wait_for(|tally| reached(tally))).await;
    assert!(come.is_ok(), "not within {PATIENCE:?}: {:?}", tally.borrow());
}
