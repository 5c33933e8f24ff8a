//! Who takes part in a lie, what each may know of the others, and letters as the liar writes them.

use lictree::model::account::{Account, Below, Entry, Pack, PackPart, Verdict};
use lictree::model::device::DeviceNumber;
use lictree::model::edge::{AttachId, DataSet, EdgeReport};
use lictree::model::enrolment::Credentials;
use lictree::model::letter::{Address, Body, Letter, Presence};
use lictree::model::name::{ProductName, ServerName};
use lictree::model::report::{ReportBatch, ReportRow, RowBody, RowName, StreamId, Table};
use lictree::model::time::Timestamp;
use std::collections::BTreeMap;

/// The servers of a lie by their parts, and what the liar knows.
#[derive(Clone, Debug)]
pub struct Cast {
    pub rogue: &'static str,
    /// Whom the rogue is connected to.
    pub parent: &'static str,
    pub primary: &'static str,
    /// Another child of the same parent; it shares what the rogue shares.
    pub sibling: &'static str,
    /// Below the rogue; an honest one.
    pub child: &'static str,
    /// Somewhere else in the tree, and nobody's neighbour here.
    pub far: &'static str,
    /// What rogue and sibling share of a holder above.
    pub shared: &'static str,
    /// What the rogue holds by distribution, if anything.
    pub held: &'static str,
    pub now: Timestamp,
    /// The rogue's own, and valid.
    pub attach: AttachId,
    pub incarnation: u64,
    /// Of the challenge that is open.
    pub nonce: u64,
    pub sibling_incarnation: u64,
    /// What is right to say of what it holds.
    pub counts: EdgeReport,
}

pub fn server(text: &str) -> ServerName {
    text.parse().unwrap()
}

pub fn product(text: &str) -> ProductName {
    text.parse().unwrap()
}

/// Up to somebody, by a way of names.
pub fn up(to: Address, route: &[&str], body: Body) -> Letter {
    Letter::new(to, route.iter().map(|name| server(name)).collect(), body)
}

pub fn to_neighbour(body: Body) -> Letter {
    Letter::to_neighbour(body)
}

impl Cast {
    pub fn holds(&self) -> bool {
        self.counts.holds
    }

    /// To the primary, as the rogue itself.
    pub fn own(&self, body: Body) -> Vec<Letter> {
        self.by(&[self.rogue], body)
    }

    /// To the primary, by a way of names.
    pub fn by(&self, route: &[&str], body: Body) -> Vec<Letter> {
        vec![up(Address::Primary, route, body)]
    }

    /// To whoever holds a product, by a way of names.
    pub fn to_holder(&self, of: &str, route: &[&str], body: Body) -> Vec<Letter> {
        vec![up(Address::Holder(product(of)), route, body)]
    }

    /// The same as the rogue itself, of what is shared.
    pub fn to_source(&self, body: Body) -> Vec<Letter> {
        self.to_holder(self.shared, &[self.rogue], body)
    }

    pub fn presence(&self, name: &str, parent: &str) -> Presence {
        Presence {
            name: server(name),
            parent: server(parent),
            incarnation: if name == self.rogue { self.incarnation } else { 77 },
            interval_ms: 10_000,
            versions: Vec::new(),
            software: "rogue".to_string(),
            trust: 0,
            credentials: Credentials::default(),
            clock: self.now,
            standing: Default::default(),
            kept_ms: 0,
            address: String::new(),
            recovers: false,
        }
    }

    pub fn says_it_is(&self, name: &str, parent: &str, route: &[&str]) -> Vec<Letter> {
        self.by(route, Body::Presence(self.presence(name, parent)))
    }

    /// What the rogue says of its counts.
    pub fn counts(&self, of: &str, report: EdgeReport) -> Vec<Letter> {
        self.own(Body::EdgeReport { attach: self.attach, product: product(of), report })
    }

    /// An answer to the open challenge.
    pub fn attaches(
        &self,
        incarnation: u64,
        former: u64,
        edges: Vec<(ProductName, EdgeReport)>,
    ) -> Vec<Letter> {
        let versions = vec![(Table::Figures, u64::MAX), (Table::Nodes, u64::MAX)];
        let nonce = self.nonce;
        let data = DataSet { incarnation, former, ..DataSet::default() };
        self.own(Body::AttachRequest { nonce, data, versions, edges })
    }

    /// Uses that the rogue gives back, in one letter.
    pub fn pack(&self, of: &str, cycle: u64, accounts: Vec<Account>, below: Vec<Below>) -> Pack {
        let (giver, relay) = (server(self.rogue), server(self.rogue));
        Pack { product: product(of), giver, relay, cycle, accounts, below }
    }

    pub fn yields(&self, cycle: u64, accounts: Vec<Account>, below: Vec<Below>) -> Vec<Letter> {
        let piece = self.pack(self.shared, cycle, accounts, below);
        self.to_source(Body::Yield(PackPart { part: 0, parts: 1, piece }))
    }

    pub fn reports(&self, origin: &str, table: Table, rows: Vec<ReportRow>) -> Vec<Letter> {
        self.batch(origin, table, (0, 1_000), rows)
    }

    pub fn batch(
        &self,
        origin: &str,
        table: Table,
        (after, upto): (u64, u64),
        rows: Vec<ReportRow>,
    ) -> Vec<Letter> {
        let stream = stream(origin, table);
        let incarnation = self.incarnation;
        let batch = ReportBatch { stream, incarnation, after, upto, complete: true, rows };
        vec![to_neighbour(Body::Report(batch))]
    }
}

/// Uses of a server, with these numbers of devices.
pub fn account(
    origin: &str,
    (floor, stated): (u64, u64),
    devices: &[u64],
    entry: (u64, Verdict),
) -> Account {
    let (number, verdict) = entry;
    let entries: BTreeMap<DeviceNumber, Entry> =
        devices.iter().map(|n| (DeviceNumber(*n), Entry { number, verdict })).collect();
    let origin = server(origin);
    Account { route: vec![origin.clone()], origin, floor, stated, entries }
}

pub fn lower_holder(relay: &str) -> Below {
    Below { relay: server(relay), route: vec![server(relay)], cycle: u64::MAX, out: true }
}

pub fn stream(origin: &str, table: Table) -> StreamId {
    StreamId { origin: server(origin), table }
}

pub fn row(name: RowName, version: u64, body: RowBody) -> ReportRow {
    ReportRow { name, version, body }
}
