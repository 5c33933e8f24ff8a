//! A relay that says what it found, as its parent sees it.
//!
//! ```text
//!   hello, presence, offer ──►
//!                          ◄── ack: have
//!   report, report, … ──►        as many letters ahead as a relay has
//!                          ◄── ack: have, durable at the primary
//! ```

use crate::measure::now;
use crate::product::Site;
use crate::product::primary::{PRIMARY, TREE};
use lictree::model::device::{Device, DeviceNumber, DeviceState};
use lictree::model::discovery::MacAddress;
use lictree::model::letter::{Address, Body, Letter, Presence};
use lictree::model::name::ServerName;
use lictree::model::report::{ReportBatch, ReportRow, RowBody, RowName, StreamId, Table};
use lictree::model::time::Timestamp;
use lictree::model::tuning::Tuning;
use lictree::net::{Connection, Denials, Dialer, NetLimits};
use lictree::wire::{self, Frame, Hello, WireLimits};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

/// A primary that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Reporter {
    _dialer: Dialer,
    connection: Connection,
    name: ServerName,
    /// The numbers of its nodes among those of all.
    rows: Vec<u64>,
}

impl Reporter {
    pub async fn connect(
        site: &Site,
        name: &ServerName,
        address: SocketAddr,
        number: usize,
        nodes: usize,
    ) -> Reporter {
        let identity = site.identity(name);
        let dialer =
            Dialer::toward(address, &identity, &Denials::default(), NetLimits::default()).unwrap();
        let parent: ServerName = PRIMARY.parse().unwrap();
        let connection = dialer.dial(address, &parent).await.unwrap();
        let hello = Hello::of(TREE.parse().unwrap(), name.clone(), 1, "bench".to_string());
        connection.sender.try_send(wire::encode_hello(&hello)).unwrap();
        let sources = crate::SOURCES as u64;
        let rows = (0..nodes as u64).filter(|row| row % sources == number as u64).collect();
        let mut one = Reporter { _dialer: dialer, connection, name: name.clone(), rows };
        one.say(Body::Presence(Presence {
            name: name.clone(),
            parent,
            incarnation: 1,
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
        }));
        let version = one.rows.len() as u64;
        one.say(Body::ReportOffer { stream: one.stream(), incarnation: 1, version });
        one.acknowledged().await;
        one
    }

    /// Every node, for the first time.
    pub async fn report_new(&mut self) {
        let row = |nth: usize, row: u64| (nth as u64 + 1, RowBody::Device(Box::new(node(row))));
        self.report(0, row).await;
    }

    /// Every node, seen again and otherwise as it was.
    pub async fn report_seen(&mut self) {
        let base = self.rows.len() as u64;
        let seen = |nth: usize, row: u64| {
            let later = Timestamp(node(row).last_seen.0 + 86_400_000);
            (base + nth as u64 + 1, RowBody::Seen(later))
        };
        self.report(base, seen).await;
    }

    async fn report(&mut self, mut after: u64, row: impl Fn(usize, u64) -> (u64, RowBody)) {
        let tuning = Tuning::default();
        let rows: Vec<ReportRow> = self
            .rows
            .iter()
            .enumerate()
            .map(|(nth, number)| {
                let (version, body) = row(nth, *number);
                ReportRow { name: RowName::Device(DeviceNumber(nth as u64 + 1)), version, body }
            })
            .collect();
        let mut ahead = 0;
        let last = rows.last().map_or(0, |row| row.version);
        let mut have = after;
        for some in rows.chunks(tuning.report_rows_max) {
            let upto = some[some.len() - 1].version;
            let rows = some.to_vec();
            let (stream, complete) = (self.stream(), upto == last);
            let batch = ReportBatch { stream, incarnation: 1, after, upto, complete, rows };
            self.say(Body::Report(batch));
            after = upto;
            ahead += 1;
            while ahead >= tuning.report_window {
                have = self.acknowledged().await;
                ahead -= 1;
            }
        }
        while have < last {
            have = self.acknowledged().await;
        }
    }

    fn stream(&self) -> StreamId {
        StreamId { origin: self.name.clone(), table: Table::Nodes }
    }

    fn say(&self, body: Body) {
        let to = match body {
            Body::Presence(_) => Address::Primary,
            _ => Address::Neighbour,
        };
        let route = if to == Address::Primary { vec![self.name.clone()] } else { Vec::new() };
        let letter = Letter::new(to, route, body);
        self.connection.sender.try_send(wire::encode_letter(&letter)).unwrap();
    }

    /// What the primary has, as it next says so.
    async fn acknowledged(&mut self) -> u64 {
        loop {
            let come = tokio::time::timeout(PATIENCE, self.connection.receiver.receive()).await;
            let batch = come.expect("the primary answers").unwrap();
            let mut have = None;
            for frame in batch.iter() {
                let frame = wire::decode_frame(frame, &WireLimits::default());
                if let Ok(Frame::Letter(Letter {
                    body: Body::ReportAck { have: upto, .. }, ..
                })) = frame
                {
                    have = Some(upto);
                }
            }
            if let Some(have) = have {
                return have;
            }
        }
    }
}

/// Row `i` of `peerbench list`.
fn node(i: u64) -> Device {
    let r = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let [_, _, _, _, a, b, c, d] = i.to_be_bytes();
    let seen = 1_710_000_000 + (r >> 20) % 8_640_000;
    Device {
        mac: Some(MacAddress([2, 0, a, b, c, d])),
        other_macs: Vec::new(),
        goal: None,
        addresses: vec![Ipv4Addr::new(10, b, c, d).into()],
        host_name: Some(format!("node-{i:07}.site{}.example", i % crate::SOURCES as u64)),
        state: [DeviceState::Discovered, DeviceState::Managed, DeviceState::Ignored]
            [((r >> 50) % 3) as usize],
        product: None,
        first_seen: Timestamp((1_700_000_000 + (r >> 30) % 8_640_000) * 1_000),
        last_seen: Timestamp(seen * 1_000),
        history: Vec::new(),
    }
}

/// Waits for all of these.
pub async fn all(work: impl Iterator<Item: Future<Output = ()>>) {
    let mut work: Vec<_> = work.map(Box::pin).collect();
    let mut done = vec![false; work.len()];
    let all = std::future::poll_fn(|context| {
        for (one, done) in work.iter_mut().zip(&mut done) {
            *done = *done || one.as_mut().poll(context).is_ready();
        }
        if done.iter().all(|done| *done) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    });
    pin!(all).await;
}
