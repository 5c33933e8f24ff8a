//! A relay as its parent sees it: the deciding part of a real one over a real connection.
//!
//! ```text
//!   server::Server ── letters ──► Dialer ── QUIC ──► the primary, another process
//!     ▲     │ Persist
//!     └─────┘ done at once: what a relay's own disk costs is not asked here
//! ```
//!
//! So everything that a relay says when it comes back is said here: greeting, presence, the offer
//! of its reports, attaching, and all of that again where no answer comes.

use crate::measure::{self, now};
use crate::product::Site;
use crate::product::primary::{PRIMARY, TREE};
use lictree::model::command::Founding;
use lictree::model::edge::AttachId;
use lictree::model::holding::Role;
use lictree::model::letter::LinkId;
use lictree::model::name::{ServerName, TreeName};
use lictree::net::{Connection, Denials, Dialer, FrameBatch, FrameSender, NetLimits};
use lictree::server::effect::Effect;
use lictree::server::input::{Input, Side};
use lictree::server::{Server, Start};
use lictree::wire::{self, Frame, Hello, WireLimits};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Pauses between calls, as those of `daemon::settings::DaemonLimits`.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_LONGEST: Duration = Duration::from_secs(5);

/// Where the relays call from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Networks {
    /// All from 127.0.0.1.
    One,
    /// Each from a /24 of its own.
    Own,
}

impl Networks {
    fn address_of(self, number: usize) -> SocketAddr {
        let address = match self {
            Networks::One => Ipv4Addr::LOCALHOST,
            Networks::Own => Ipv4Addr::from_bits(0x7f01_0001 + ((number as u32) << 8)),
        };
        (address, 0).into()
    }
}

/// Names and sockets of many relays. Their connections are made by the product's own dialer.
pub struct Callers {
    pub names: Vec<ServerName>,
    pub dialers: Vec<Arc<Dialer>>,
}

impl Callers {
    pub fn new(site: &Site, networks: Networks) -> Callers {
        let names: Vec<ServerName> = site.destinations().collect();
        let dialer = |(number, name)| {
            let (local, identity) = (networks.address_of(number), site.identity(name));
            let (denials, limits) = (Denials::default(), NetLimits::default());
            Arc::new(Dialer::bind(local, &identity, &denials, limits).unwrap())
        };
        let dialers = names.iter().enumerate().map(dialer).collect();
        Callers { names, dialers }
    }
}

/// Pauses of one caller: doubling, and cut by chance.
pub struct Pauses {
    next: Duration,
    chance: u64,
}

impl Pauses {
    pub fn new(number: usize) -> Pauses {
        Pauses { next: PAUSE_FIRST, chance: number as u64 }
    }

    pub fn next(&mut self) -> Duration {
        self.chance = self.chance.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let half = self.next / 2;
        self.next = (self.next * 2).min(PAUSE_LONGEST);
        half + half.mul_f64((self.chance >> 40) as f64 / f64::from(1_u32 << 24))
    }
}

/// How many relays are where.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub attached: usize,
    /// Calls that led to no connection, and one of the reasons.
    pub failed: usize,
    pub reason: String,
}

/// What all relays of a run share.
#[derive(Clone)]
pub struct Shared {
    /// Where the primary listens; nothing while nobody is to call it.
    pub parent: watch::Receiver<Option<SocketAddr>>,
    pub tally: Arc<watch::Sender<Tally>>,
}

pub struct Relay {
    number: usize,
    dialer: Arc<Dialer>,
    server: Server,
    hello: Vec<u8>,
    link_last: u64,
    shared: Shared,
}

impl Relay {
    pub fn new(number: usize, name: &ServerName, dialer: Arc<Dialer>, shared: Shared) -> Relay {
        let tree: TreeName = TREE.parse().unwrap();
        let incarnation = number as u64 + 1;
        let founding =
            Founding { tree: tree.clone(), name: name.clone(), role: Role::Relay, incarnation };
        let start = Start {
            proven: true,
            tuning: Default::default(),
            founding,
            software: "bench".to_string(),
            rows: Vec::new(),
            rows_at: Default::default(),
            hard_state: Default::default(),
            entries: Vec::new(),
            cut: Default::default(),
            entropy: incarnation,
            now: now(),
        };
        let hello = Hello::of(tree, name.clone(), incarnation, "bench".to_string());
        let server = Server::start(start).unwrap();
        let hello = wire::encode_hello(&hello);
        let mut relay = Relay { number, dialer, server, hello, link_last: 0, shared };
        relay.carry_out(None);
        relay
    }

    /// Calls the primary wherever it is, for as long as it is polled.
    pub async fn run(mut self) {
        let mut shared = self.shared.clone();
        let mut pauses = Pauses::new(self.number);
        loop {
            let found = shared.parent.wait_for(|parent| parent.is_some()).await;
            let Some(address) = found.ok().and_then(|address| *address) else { return };
            let Err(reason) = self.session(address).await else {
                // Sent away: the next call is a first one.
                pauses = Pauses::new(self.number);
                continue;
            };
            shared.tally.send_modify(|tally| {
                tally.failed += 1;
                tally.reason = reason;
            });
            measure::pause(pauses.next()).await;
        }
    }

    /// One connection, until nobody is to call any more; or why it ended before.
    async fn session(&mut self, address: SocketAddr) -> Result<(), String> {
        let parent: ServerName = PRIMARY.parse().unwrap();
        let connection = self.dialer.dial(address, &parent).await.map_err(|e| e.to_string())?;
        connection.sender.try_send(&self.hello).unwrap();
        self.link_last += 1;
        let link = LinkId(self.link_last);
        let before = self.attachment();
        let ended = self.carry(connection, link, parent, before).await;
        self.server.handle(now(), Input::LinkDown { link });
        self.carry_out(None);
        if self.attachment() != before {
            self.shared.tally.send_modify(|tally| tally.attached -= 1);
        }
        ended
    }

    async fn carry(
        &mut self,
        connection: Connection,
        link: LinkId,
        parent: ServerName,
        before: Option<AttachId>,
    ) -> Result<(), String> {
        let Connection { sender, mut receiver, link: _line } = connection;
        let mut place = self.shared.parent.clone();
        let batch = receiver.receive().await.map_err(|error| error.to_string())?;
        let first = batch.iter().next().unwrap_or_default();
        wire::decode_hello(first, &WireLimits::default()).map_err(|error| error.to_string())?;
        self.server.handle(now(), Input::LinkUp { link, peer: parent, side: Side::Above });
        self.take(link, &batch, 1);
        let mut attached = false;
        loop {
            self.carry_out(Some(&sender));
            if !attached && self.attachment() != before {
                attached = true;
                self.shared.tally.send_modify(|tally| tally.attached += 1);
            }
            let due = self.server.next_deadline();
            let wait = due.map_or(PAUSE_LONGEST, |due| due.since(now()));
            tokio::select! {
                _ = place.wait_for(|parent| parent.is_none()) => return Ok(()),
                came = timeout(wait, receiver.receive()) => match came {
                    Ok(Ok(batch)) => self.take(link, &batch, 0),
                    Ok(Err(error)) => return Err(error.to_string()),
                    Err(_) => self.server.handle(now(), Input::Deadline),
                }
            }
        }
    }

    fn take(&mut self, link: LinkId, batch: &FrameBatch, greetings: usize) {
        for frame in batch.iter().skip(greetings) {
            if let Frame::Letter(letter) =
                wire::decode_frame(frame, &WireLimits::default()).unwrap()
            {
                self.server.handle(now(), Input::Letter { link, letter });
            }
        }
    }

    fn carry_out(&mut self, sender: Option<&FrameSender>) {
        loop {
            let effects = self.server.effects(now());
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::Persist(batch) => {
                        self.server.handle(now(), Input::Persisted { number: batch.number });
                    }
                    Effect::Checkpoint(checkpoint) => {
                        self.server.handle(now(), Input::Checkpointed { at: checkpoint.at });
                    }
                    Effect::Send { letter, .. } => {
                        // A connection that ended is noticed where it is read.
                        let letter = wire::encode_letter(&letter);
                        let _ = sender.map(|sender| sender.try_send(letter));
                    }
                    _ => {}
                }
            }
        }
    }

    /// The attachment in force, as far as the relay knows.
    fn attachment(&self) -> Option<AttachId> {
        self.server.engine().state().server.attach
    }
}
