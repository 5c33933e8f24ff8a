//! Strangers' first packets as fast as they can be sent, while somebody honest works.
//!
//! ```text
//!   flooder, a child ── Initial packets from many addresses ──► the primary, or a socket that
//!                                                               nobody reads (control)
//!   destination, a thread ── a wish every 5 ms ──► the primary ── verdict, when durable
//! ```
//!
//! The control takes the same processor time away and sends the primary nothing: what differs is
//! what the packets cost the primary.

use crate::flooder;
use crate::measure::{self, Spread};
use crate::product::destination::Destination;
use crate::product::{Primary, Site};
use crate::storm::configured;
use lictree::net::NetLimits;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

const REGISTERED: u64 = 50_000_000;
const TIME: Duration = Duration::from_secs(6);
const PACE: Duration = Duration::from_millis(5);
const LOOKS: Duration = Duration::from_millis(50);

/// What is sent to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Calm,
    /// So many packets a second, or as fast as a core can, to a socket that nobody reads.
    Control(Option<u64>),
    Flood(Option<u64>),
}

pub const STATED: u64 = 5_000;

pub const WEATHERS: [Weather; 5] = [
    Weather::Calm,
    Weather::Control(Some(STATED)),
    Weather::Flood(Some(STATED)),
    Weather::Control(None),
    Weather::Flood(None),
];

impl Weather {
    pub fn name(self) -> String {
        let pace = |rate: Option<u64>| {
            rate.map_or("as fast as a core can".to_string(), |rate| format!("{rate} a second"))
        };
        match self {
            Weather::Calm => "no flood".to_string(),
            Weather::Control(rate) => format!("flood beside it, {}", pace(rate)),
            Weather::Flood(rate) => format!("flood, {}", pace(rate)),
        }
    }
}

/// One run under one weather.
#[derive(Clone, Copy, Debug)]
pub struct Felt {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub most_ms: f64,
    /// Packets a second, and the share of what was sent that found no room at the primary's socket.
    pub sent_per_s: f64,
    pub dropped: f64,
    /// The primary's own memory at its highest, over what it was before all runs of the round.
    pub grown_mib: f64,
}

/// One round: every weather once, with a fresh primary.
pub fn round(limits: &NetLimits) -> Vec<Felt> {
    let site = Site::new(1);
    site.configure(&configured(limits));
    let primary = site.start();
    let runtime = measure::runtime();
    runtime.block_on(primary.register(&site, REGISTERED));
    let name = site.destinations().next().unwrap();
    let mut honest = runtime.block_on(Destination::connect(&site, name, primary.address()));
    // What is allocated once for any client is no growth.
    runtime.block_on(ask(&mut honest, Duration::from_secs(1)));
    let before = own_kib(&primary);
    let feel = |weather| feel(weather, &primary, &runtime, &mut honest, before);
    WEATHERS.map(feel).into()
}

fn feel(
    weather: Weather,
    primary: &Primary,
    runtime: &tokio::runtime::Runtime,
    honest: &mut Destination,
    before_kib: u64,
) -> Felt {
    let sink = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let flooder = match weather {
        Weather::Calm => None,
        Weather::Control(rate) => Some(flooder::Child::start(sink.local_addr().unwrap(), rate)),
        Weather::Flood(rate) => Some(flooder::Child::start(primary.address(), rate)),
    };
    let (dropped_before, begun) = (measure::dropped(primary.address()), Instant::now());
    let mut most_kib = 0;
    let mut waits = runtime.block_on(async {
        let looking = async {
            loop {
                most_kib = most_kib.max(own_kib(primary));
                measure::pause(LOOKS).await;
            }
        };
        tokio::select! {
            waits = ask(honest, TIME) => waits,
            () = looking => unreachable!("nobody stops looking"),
        }
    });
    let sent = flooder.map_or(0, flooder::Child::stop) as f64;
    let elapsed = begun.elapsed().as_secs_f64();
    let dropped = (measure::dropped(primary.address()) - dropped_before) as f64;
    waits.sort_unstable_by(f64::total_cmp);
    Felt {
        p50_ms: Spread::of(waits.iter().copied()).median,
        p99_ms: waits[waits.len() * 99 / 100],
        most_ms: waits[waits.len() - 1],
        sent_per_s: sent / elapsed,
        dropped: if sent > 0.0 { dropped / sent } else { 0.0 },
        grown_mib: (most_kib as f64 - before_kib as f64) / 1024.0,
    }
}

/// How long each verdict took, in milliseconds, from the moment at which it was to be asked for.
async fn ask(honest: &mut Destination, time: Duration) -> Vec<f64> {
    let begun = Instant::now();
    let (mut due, mut waits) = (begun, Vec::new());
    while due < begun + time {
        measure::pause_until(due).await;
        honest.keep(1, Instant::now()).await;
        waits.push(due.elapsed().as_secs_f64() * 1e3);
        // A verdict that took long holds up those behind it, and they say so once.
        due = (due + PACE).max(Instant::now());
    }
    waits
}

fn own_kib(primary: &Primary) -> u64 {
    measure::memory_kib(primary.process(), "RssAnon:")
}
