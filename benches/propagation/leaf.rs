//! A relay that finds and sees nodes at a steady pace, as its parent sees it.
//!
//! ```text
//!   hello, presence, offer ──►
//!                          ◄── ack: have        all rows so far are said
//!   report of one row ──►        every 100 ms, as many letters ahead as a relay has
//!                          ◄── ack: have         its parent has the row
//!                          ◄── ack: settled      the primary has it, durable
//! ```

use crate::measure::now;
use crate::product::Site;
use crate::product::primary::TREE;
use lictree::model::device::{Device, DeviceNumber, DeviceState};
use lictree::model::discovery::MacAddress;
use lictree::model::letter::{Address, Body, Letter, Presence};
use lictree::model::name::ServerName;
use lictree::model::report::{ReportBatch, ReportRow, RowBody, RowName, StreamId, Table};
use lictree::model::time::Timestamp;
use lictree::model::tuning::Tuning;
use lictree::net::{Connection, Denials, Dialer, FrameBatch, NetLimits};
use lictree::wire::{self, Frame, Hello, WireLimits};
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// A parent that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(60);
/// Nodes of a leaf. The first half is only ever seen again, the others change.
const NODES: u64 = 20;
/// After so long without a word on what was said, the parent is asked what it has.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    SeenAgain,
    Whole,
}

/// A change that the primary has: when it was due, and how long that took.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    pub kind: Kind,
    pub due: Instant,
    pub took: Duration,
}

/// What a leaf says of its run.
#[derive(Debug, Default)]
pub struct Diary {
    pub settled: Vec<Settled>,
    /// Letters with rows, and how often one had to be asked after.
    pub letters: u64,
    pub asked_after: u64,
}

pub struct Leaf {
    _dialer: Dialer,
    connection: Connection,
    name: ServerName,
    number: usize,
    version: u64,
    /// What the parent has, and the rows that it may lack.
    have: u64,
    unsaid: BTreeMap<u64, ReportRow>,
    said: u64,
    /// The last numbers of letters on their way.
    ahead: VecDeque<u64>,
    /// Whether the parent is being asked what it has.
    asking: bool,
    /// When it last said what it has, or was asked.
    heard: Instant,
    /// What is not settled: number, kind, when it was due.
    open: VecDeque<(u64, Kind, Instant)>,
    diary: Diary,
}

impl Leaf {
    pub async fn connect(
        site: &Site,
        (number, name): (usize, ServerName),
        (parent, address): (ServerName, SocketAddr),
    ) -> Leaf {
        let identity = site.identity(&name);
        let dialer =
            Dialer::toward(address, &identity, &Denials::default(), NetLimits::default()).unwrap();
        let connection = dialer.dial(address, &parent).await.unwrap();
        let hello = Hello::of(TREE.parse().unwrap(), name.clone(), 1, "bench".to_string());
        connection.sender.try_send(wire::encode_hello(&hello)).unwrap();
        let mut leaf = Leaf {
            _dialer: dialer,
            connection,
            name,
            number,
            version: 0,
            have: 0,
            unsaid: BTreeMap::new(),
            said: 0,
            ahead: VecDeque::new(),
            asking: true,
            heard: Instant::now(),
            open: VecDeque::new(),
            diary: Diary::default(),
        };
        leaf.greet(parent);
        // All of its nodes, so that each can be seen again.
        let begun = Instant::now();
        (0..NODES).for_each(|_| leaf.change(begun, Kind::Whole));
        leaf.offer();
        while leaf.have < leaf.version {
            leaf.listen(Instant::now() + RETRY, |leaf| leaf.have == leaf.version).await;
            assert!(begun.elapsed() < PATIENCE, "{} is not heard", leaf.name);
        }
        leaf
    }

    fn greet(&mut self, parent: ServerName) {
        let presence = Presence {
            name: self.name.clone(),
            parent,
            incarnation: 1,
            // Long enough for a whole run.
            interval_ms: 600_000,
            versions: Vec::new(),
            software: "bench".to_string(),
            trust: 0,
            credentials: Default::default(),
            clock: now(),
            standing: Default::default(),
            kept_ms: 0,
            recovers: false,
            address: String::new(),
        };
        self.say(Address::Primary, Body::Presence(presence));
    }

    /// A change every `period`, the first at `first`, for as long as one is due before `end`; then
    /// waits until the primary has them all, but not for ever.
    pub async fn run(mut self, first: Instant, period: Duration, end: Instant) -> Diary {
        self.diary = Diary::default();
        let mut due = first;
        while due < end {
            self.listen(due, |_| false).await;
            let kind = if self.version.is_multiple_of(2) { Kind::SeenAgain } else { Kind::Whole };
            self.change(due, kind);
            due += period;
        }
        while !self.open.is_empty() && end.elapsed() < PATIENCE {
            self.listen(Instant::now() + RETRY, |leaf| leaf.open.is_empty()).await;
        }
        assert!(self.open.is_empty(), "the primary does not have all of {}", self.name);
        self.diary
    }

    /// Something is other than before from now on.
    fn change(&mut self, due: Instant, kind: Kind) {
        self.version += 1;
        let half = NODES / 2;
        let turn = self.version / 2 % half;
        let (number, body) = match kind {
            _ if self.version <= NODES => {
                (self.version, RowBody::Device(Box::new(self.node(self.version))))
            }
            Kind::SeenAgain => (turn + 1, RowBody::Seen(now())),
            Kind::Whole => {
                let number = half + turn + 1;
                (number, RowBody::Device(Box::new(self.node(number))))
            }
        };
        let name = RowName::Device(DeviceNumber(number));
        // Only its last change is said.
        self.unsaid.retain(|_, row| row.name != name);
        self.unsaid.insert(self.version, ReportRow { name, version: self.version, body });
        self.open.push_back((self.version, kind, due));
        self.report();
    }

    /// Says what the parent lacks, within the window.
    fn report(&mut self) {
        let is_full = self.ahead.len() >= Tuning::default().report_window;
        if self.asking || is_full || self.said == self.version {
            return;
        }
        let rows = self.unsaid.range(self.said + 1..).map(|(_, row)| row.clone()).collect();
        let (after, upto) = (self.said, self.version);
        let (stream, complete) = (self.stream(), true);
        let batch = ReportBatch { stream, incarnation: 1, after, upto, complete, rows };
        self.say(Address::Neighbour, Body::Report(batch));
        if self.ahead.is_empty() {
            self.heard = Instant::now();
        }
        self.ahead.push_back(upto);
        self.said = upto;
        self.diary.letters += 1;
    }

    /// Asks what the parent has.
    fn offer(&mut self) {
        (self.asking, self.heard) = (true, Instant::now());
        let (stream, version) = (self.stream(), self.version);
        self.say(Address::Neighbour, Body::ReportOffer { stream, incarnation: 1, version });
    }

    /// Takes what comes until a moment, or until it is enough.
    async fn listen(&mut self, until: Instant, is_enough: impl Fn(&Leaf) -> bool) {
        while !is_enough(self) {
            let come = self.connection.receiver.receive();
            let Ok(come) = tokio::time::timeout_at(until.into(), come).await else { break };
            self.take(&come.expect("the parent keeps the connection"));
        }
        let waits = self.asking || !self.ahead.is_empty();
        if waits && self.heard.elapsed() > RETRY {
            self.diary.asked_after += 1;
            self.offer();
        }
    }

    fn take(&mut self, batch: &FrameBatch) {
        for frame in batch.iter() {
            let frame = wire::decode_frame(frame, &WireLimits::default());
            let Ok(Frame::Letter(Letter { body: Body::ReportAck { have, settled, .. }, .. })) =
                frame
            else {
                continue;
            };
            if std::mem::take(&mut self.asking) {
                // The answer to an offer: what is not there is said again.
                self.ahead.clear();
                self.said = have;
            }
            self.heard = Instant::now();
            self.have = have;
            while self.ahead.front().is_some_and(|upto| *upto <= have) {
                self.ahead.pop_front();
            }
            self.unsaid = self.unsaid.split_off(&(have + 1));
            while self.open.front().is_some_and(|(at, ..)| *at <= settled) {
                let Some((_, kind, due)) = self.open.pop_front() else { break };
                self.diary.settled.push(Settled { kind, due, took: due.elapsed() });
            }
            self.report();
        }
    }

    fn stream(&self) -> StreamId {
        StreamId { origin: self.name.clone(), table: Table::Nodes }
    }

    fn say(&self, to: Address, body: Body) {
        let route = if to == Address::Primary { vec![self.name.clone()] } else { Vec::new() };
        let letter = Letter::new(to, route, body);
        self.connection.sender.try_send(wire::encode_letter(&letter)).unwrap();
    }

    /// A node as it is at present.
    fn node(&self, node: u64) -> Device {
        let [.., a, b] = self.number.to_be_bytes();
        let [.., c] = node.to_be_bytes();
        let [.., d] = self.version.to_be_bytes();
        Device {
            mac: Some(MacAddress([2, 0, 0, a, b, c])),
            other_macs: Vec::new(),
            goal: None,
            addresses: vec![Ipv4Addr::new(10, b, c, d).into()],
            host_name: Some(format!("node-{node}.{}.example", self.name)),
            state: DeviceState::Discovered,
            product: None,
            first_seen: Timestamp(1_700_000_000_000),
            last_seen: now(),
            history: Vec::new(),
        }
    }
}
