//! One sharing destination, as far as its holder can tell.

use super::primary::{PRIMARY, PRODUCT, Site};
use lictree::model::account::{Verdict, Want, Wish, WishVerdict};
use lictree::model::device::DeviceNumber;
use lictree::model::letter::{Address, Body, Letter, Presence};
use lictree::model::name::{ProductName, ServerName};
use lictree::model::time::Timestamp;
use lictree::net::{Connection, Denials, Dialer, FrameBatch, NetLimits};
use lictree::wire::{self, Frame, Hello, WireLimits};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A holder that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Destination {
    /// Held, or its connection would end.
    _dialer: Dialer,
    connection: Connection,
    name: ServerName,
    product: ProductName,
    limits: WireLimits,
    /// Numbers of wishes and of their devices; all below are asked for.
    next: u64,
    /// The wishes that wait, in the order of their numbers.
    sent: VecDeque<(u64, Instant)>,
}

impl Destination {
    /// Connects, greets, and says that it is there.
    pub async fn connect(site: &Site, name: ServerName, address: SocketAddr) -> Destination {
        let identity = site.identity(&name);
        let dialer =
            Dialer::toward(address, &identity, &Denials::default(), NetLimits::default()).unwrap();
        let parent: ServerName = PRIMARY.parse().unwrap();
        let connection = dialer.dial(address, &parent).await.unwrap();
        let tree = identity.tree().clone();
        let hello = Hello::of(tree, name.clone(), 1, "bench".to_string());
        connection.sender.try_send(wire::encode_hello(&hello)).unwrap();
        let (product, limits) = (PRODUCT.parse().unwrap(), WireLimits::default());
        let (next, sent) = (1, VecDeque::new());
        let one = Destination { _dialer: dialer, connection, name, product, limits, next, sent };
        let presence = Presence {
            name: one.name.clone(),
            parent,
            incarnation: 1,
            // Long enough for a whole run.
            interval_ms: 600_000,
            versions: Vec::new(),
            software: "bench".to_string(),
            trust: 0,
            credentials: Default::default(),
            clock: Timestamp(0),
            standing: Default::default(),
            kept_ms: 0,
            recovers: false,
            address: String::new(),
        };
        one.say(Address::Primary, Body::Presence(presence));
        one
    }

    fn say(&self, to: Address, body: Body) {
        let letter = Letter::new(to, vec![self.name.clone()], body);
        self.connection.sender.try_send(wire::encode_letter(&letter)).unwrap();
    }

    /// Keeps that many wishes outstanding until the time is over, at least one in all; answers how
    /// long each waited for its license, in nanoseconds.
    pub async fn keep(&mut self, outstanding: usize, until: Instant) -> Vec<u64> {
        let mut waits = Vec::new();
        loop {
            let now = Instant::now();
            if now < until || waits.is_empty() {
                self.wish(outstanding, now);
            }
            if self.sent.is_empty() {
                return waits;
            }
            let come = tokio::time::timeout(PATIENCE, self.connection.receiver.receive()).await;
            self.take(&come.expect("the holder answers").unwrap(), &mut waits);
        }
    }

    /// Fills up what is outstanding with wishes for new devices, in one letter.
    fn wish(&mut self, outstanding: usize, now: Instant) {
        let floor = self.sent.front().map_or(self.next, |(number, _)| *number);
        let missing = outstanding.saturating_sub(self.sent.len()) as u64;
        if missing == 0 {
            return;
        }
        let numbers = self.next..self.next + missing;
        self.next = numbers.end;
        self.sent.extend(numbers.clone().map(|number| (number, now)));
        let wish = |number| Wish { device: DeviceNumber(number), number, want: Want::Manage };
        let wishes = numbers.map(wish).collect();
        let product = self.product.clone();
        self.say(Address::Holder(product.clone()), Body::Wishes { product, floor, wishes });
    }

    fn take(&mut self, batch: &FrameBatch, waits: &mut Vec<u64>) {
        let now = Instant::now();
        for frame in batch.iter() {
            let Frame::Letter(letter) = wire::decode_frame(frame, &self.limits).unwrap() else {
                continue;
            };
            let Body::Verdicts { verdicts, .. } = letter.body else { continue };
            for WishVerdict { number, verdict, .. } in verdicts {
                let (asked, at) = self.sent.pop_front().expect("every verdict was asked for");
                assert_eq!((number, verdict), (asked, Verdict::Granted));
                waits.push((now - at).as_nanos() as u64);
            }
        }
    }
}
