//! What one relay that is connected and has nothing to say costs the primary.

use crate::fleet::Fleet;
use crate::measure;
use crate::product::{Primary, Site};
use crate::relay::Networks;
use std::time::Duration;

const REGISTERED: u64 = 1_000_000;

/// After so long the relays are known on the disk too, and have said once more that they are there.
const SETTLED: Duration = Duration::from_secs(12);

/// KiB for one relay.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub own_kib: f64,
    pub resident_kib: f64,
}

pub fn measure(relays: usize) -> Cost {
    let site = Site::new(relays);
    let primary = site.start();
    let runtime = measure::runtime();
    runtime.block_on(primary.register(&site, REGISTERED));
    let before = memory(&primary);
    let fleet = Fleet::start(&site, Networks::Own, primary.address());
    fleet.rest(SETTLED);
    let status = fleet.during(primary.client().status()).unwrap();
    assert_eq!(status.servers_online, relays as u64 + 1, "not every relay is there");
    let after = memory(&primary);
    let each = |after: u64, before: u64| (after as f64 - before as f64) / relays as f64;
    Cost { own_kib: each(after.0, before.0), resident_kib: each(after.1, before.1) }
}

fn memory(primary: &Primary) -> (u64, u64) {
    let of = |key| measure::memory_kib(primary.process(), key);
    (of("RssAnon:"), of("VmRSS:"))
}
