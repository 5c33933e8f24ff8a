//! What a license server must remember: the log applied.
//!
//! Invariants
//! - Only `apply` changes it, in the order of the log; equal logs give equal states.
//! - Every change of a row is noted with [`State::touch`], so that a checkpoint saves it.
//! - What can be computed from the rows is not a row: the indexes below are rebuilt at load.

use super::identities::Identities;
use super::ledger::Ledger;
use super::mirror::Mirror;
use super::nodes::NodeTable;
use crate::model::account::WishNumber;
use crate::model::clock::SeenTime;
use crate::model::command::Founding;
use crate::model::device::{DeviceNumber, DeviceState};
use crate::model::enrolment::{Invite, InviteId, SealedTrust};
use crate::model::event::Event;
use crate::model::holding::{Phase, Role};
use crate::model::license::Serial;
use crate::model::moving::OpenMove;
use crate::model::name::{ProductName, ServerName};
use crate::model::report::{RowName, StreamId, Table};
use crate::model::row::{
    DeviceRow, EdgeRow, HoldingRow, LicenseRow, MetRow, OwnFiguresRow, Row, RowKey, ServerRow,
};
use crate::model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The durable state and what is derived from it.
#[derive(Clone, Debug)]
pub struct State {
    pub server: ServerRow,
    pub licenses: BTreeMap<Serial, LicenseRow>,
    pub edges: BTreeMap<(ProductName, ServerName), EdgeRow>,
    pub met: BTreeMap<ServerName, MetRow>,
    pub holdings: BTreeMap<ProductName, HoldingRow>,
    pub ledgers: BTreeMap<ProductName, Ledger>,
    pub devices: BTreeMap<DeviceNumber, DeviceRow>,
    pub gone: BTreeMap<DeviceNumber, u64>,
    pub own_figures: BTreeMap<ProductName, OwnFiguresRow>,
    /// The rows of other servers. Durable at the primary; elsewhere only a memory.
    pub mirrors: BTreeMap<StreamId, Mirror>,
    pub events: BTreeMap<u64, Event>,
    pub invites: BTreeMap<InviteId, Invite>,
    pub trust: SealedTrust,
    /// Primary: serials that relays claimed. Its own follow from its licenses.
    pub claims: BTreeMap<Serial, ServerName>,

    // Derived.
    /// Own devices as they go up and as people list them; deleted ones as such.
    pub own_nodes: NodeTable,
    /// Wishes without a verdict, by product.
    pub open: BTreeMap<ProductName, BTreeMap<WishNumber, DeviceNumber>>,
    /// Devices that move, by the server they go to.
    pub moving: BTreeMap<ServerName, BTreeMap<WishNumber, DeviceNumber>>,
    /// Own managed devices, by product.
    pub managed: BTreeMap<ProductName, u64>,
    pub identities: Identities,
    /// Products whose figures may have changed since they were last numbered.
    pub stirred: BTreeSet<ProductName>,
    dirty: Vec<RowKey>,
    /// The same of entries of accounts: they change most of all, and many of one account together.
    dirty_entries: BTreeMap<(ProductName, ServerName), Vec<DeviceNumber>>,
    dirty_entries_len: usize,
}

impl State {
    /// A server that knows only who it is.
    pub fn new(founding: Founding) -> State {
        State {
            server: ServerRow {
                founding,
                device_last: DeviceNumber(0),
                wish_last: 0,
                event_last: 0,
                figures_version: 0,
                nodes_version: 0,
                nodes_floor: 0,
                attach: None,
                fenced: None,
                attach_last: 0,
                recovery: None,
                formers: Vec::new(),
                was_set_back: false,
                unstated: false,
                stated_under: 0,
                stated_way: 0,
                attached_at: Timestamp(0),
                seen_time: SeenTime::default(),
            },
            licenses: BTreeMap::new(),
            edges: BTreeMap::new(),
            met: BTreeMap::new(),
            holdings: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            devices: BTreeMap::new(),
            gone: BTreeMap::new(),
            own_figures: BTreeMap::new(),
            mirrors: BTreeMap::new(),
            events: BTreeMap::new(),
            invites: BTreeMap::new(),
            trust: SealedTrust::default(),
            claims: BTreeMap::new(),
            own_nodes: NodeTable::default(),
            open: BTreeMap::new(),
            moving: BTreeMap::new(),
            managed: BTreeMap::new(),
            identities: Identities::default(),
            stirred: BTreeSet::new(),
            dirty: Vec::new(),
            dirty_entries: BTreeMap::new(),
            dirty_entries_len: 0,
        }
    }

    pub fn name(&self) -> &ServerName {
        &self.server.founding.name
    }

    pub fn role(&self) -> Role {
        self.server.founding.role
    }

    pub fn is_primary(&self) -> bool {
        self.role() == Role::Primary
    }

    /// Where this server stands for a product; the primary always holds (JP1-01).
    pub fn phase(&self, product: &ProductName) -> Phase {
        match self.role() {
            Role::Primary => Phase::Holding,
            Role::Relay => self.holdings.get(product).map_or(Phase::Sharing, |h| h.phase),
        }
    }

    /// Primary: whose this serial is.
    pub fn claimant(&self, serial: &Serial) -> Option<&ServerName> {
        match self.licenses.contains_key(serial) {
            true => Some(self.name()),
            false => self.claims.get(serial),
        }
    }

    /// Every product this server has anything of. Licenses and edges are not gone through: each has
    /// a ledger, and a primary asks this at every presence of every child.
    pub fn products(&self) -> BTreeSet<ProductName> {
        let (ledgers, held) = (self.ledgers.keys(), self.holdings.keys());
        ledgers.chain(held).chain(self.own_figures.keys()).cloned().collect()
    }

    /// The ledger of a product, made when it is first needed.
    pub fn ledger(&mut self, product: &ProductName) -> &mut Ledger {
        if !self.ledgers.contains_key(product) {
            self.ledgers.insert(product.clone(), Ledger::default());
        }
        self.ledgers.get_mut(product).expect("it was inserted just above")
    }

    /// The mirror of a stream, made when it is first needed.
    pub fn mirror(&mut self, stream: &StreamId) -> &mut Mirror {
        self.mirrors.entry(stream.clone()).or_insert_with(|| Mirror::of(stream.table))
    }

    /// A row changed and must be in the next checkpoint.
    pub fn touch(&mut self, key: RowKey) {
        match key {
            RowKey::Entry(product, origin, device) => {
                self.touch_entries(&product, &origin, &[device]);
            }
            key => self.dirty.push(key),
        }
    }

    /// The same for entries of one account.
    pub fn touch_entries(
        &mut self,
        product: &ProductName,
        origin: &ServerName,
        devices: &[DeviceNumber],
    ) {
        if !devices.is_empty() {
            let account = (product.clone(), origin.clone());
            self.dirty_entries.entry(account).or_default().extend_from_slice(devices);
            self.dirty_entries_len += devices.len();
        }
    }

    /// How many changes wait for a checkpoint (repeats of one row counted).
    pub fn dirty_len(&self) -> usize {
        self.dirty.len() + self.dirty_entries_len
    }

    /// Hands over every row that changed since the last call, once, as it is now; `None` where it
    /// is gone.
    pub fn take_dirty(&mut self, mut take: impl FnMut(&RowKey, Option<&Row>)) {
        let mut keys = std::mem::take(&mut self.dirty);
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            take(&key, self.row(&key).as_ref());
        }
        self.dirty_entries_len = 0;
        for ((product, origin), mut devices) in std::mem::take(&mut self.dirty_entries) {
            devices.sort_unstable();
            devices.dedup();
            let ledger = self.ledgers.get(&product);
            for device in devices {
                let entry = ledger.and_then(|ledger| ledger.entry(&origin, device));
                let key = RowKey::Entry(product.clone(), origin.clone(), device);
                take(&key, entry.map(Row::Entry).as_ref());
            }
        }
    }

    fn row(&self, key: &RowKey) -> Option<Row> {
        match key {
            RowKey::Server => Some(Row::Server(self.server.clone())),
            RowKey::License(serial) => self.licenses.get(serial).cloned().map(Row::License),
            RowKey::Edge(product, relay) => {
                self.edges.get(&(product.clone(), relay.clone())).cloned().map(Row::Edge)
            }
            RowKey::Met(name) => self.met.get(name).cloned().map(Row::Met),
            RowKey::Holding(product) => self.holdings.get(product).cloned().map(Row::Holding),
            RowKey::Account(product, origin) => {
                self.ledgers.get(product)?.account_head(origin).map(Row::Account)
            }
            RowKey::Entry(product, origin, device) => {
                self.ledgers.get(product)?.entry(origin, *device).map(Row::Entry)
            }
            RowKey::Below(product, relay) => {
                self.ledgers.get(product)?.below.get(relay).cloned().map(Row::Below)
            }
            RowKey::Outbox(product, relay) => {
                self.ledgers.get(product)?.outbox.get(relay).cloned().map(Row::Outbox)
            }
            RowKey::Device(number) => self.devices.get(number).cloned().map(Row::Device),
            RowKey::Gone(number) => self.gone.get(number).copied().map(Row::Gone),
            RowKey::OwnFigures(product) => {
                self.own_figures.get(product).copied().map(Row::OwnFigures)
            }
            RowKey::Stream(stream) => self.mirrors.get(stream).map(|m| Row::Stream(m.head())),
            RowKey::Mirrored(stream, name) => {
                self.mirrors.get(stream)?.row(name).map(Row::Mirrored)
            }
            RowKey::Event(number) => self.events.get(number).cloned().map(Row::Event),
            RowKey::Invite(id) => self.invites.get(id).cloned().map(Row::Invite),
            RowKey::Trust => Some(Row::Trust(self.trust.clone())),
            RowKey::Claim(serial) => self.claims.get(serial).cloned().map(Row::Claim),
        }
    }

    /// Puts a saved row back. Call [`State::rebuild`] after the last one.
    pub fn load(&mut self, key: RowKey, row: Row) {
        match (key, row) {
            (RowKey::Server, Row::Server(row)) => self.server = row,
            (RowKey::License(serial), Row::License(row)) => {
                self.licenses.insert(serial, row);
            }
            (RowKey::Edge(product, relay), Row::Edge(row)) => {
                self.edges.insert((product, relay), row);
            }
            (RowKey::Met(name), Row::Met(row)) => {
                self.met.insert(name, row);
            }
            (RowKey::Holding(product), Row::Holding(row)) => {
                self.holdings.insert(product, row);
            }
            (RowKey::Account(product, _), Row::Account(account)) => {
                self.ledger(&product).load_head(account);
            }
            (RowKey::Entry(product, origin, device), Row::Entry(entry)) => {
                self.ledger(&product).load_entry(&origin, device, entry);
            }
            (RowKey::Below(product, relay), Row::Below(row)) => {
                self.ledger(&product).below.insert(relay, row);
            }
            (RowKey::Outbox(product, relay), Row::Outbox(row)) => {
                self.ledger(&product).outbox.insert(relay, row);
            }
            (RowKey::Device(number), Row::Device(row)) => {
                self.devices.insert(number, row);
            }
            (RowKey::Gone(number), Row::Gone(version)) => {
                self.gone.insert(number, version);
            }
            (RowKey::OwnFigures(product), Row::OwnFigures(row)) => {
                self.own_figures.insert(product, row);
            }
            (RowKey::Stream(stream), Row::Stream(row)) => {
                self.mirror(&stream).load_head(row);
            }
            (RowKey::Mirrored(stream, _), Row::Mirrored(row)) => {
                self.mirror(&stream).load_row(&row);
            }
            (RowKey::Event(number), Row::Event(event)) => {
                self.events.insert(number, event);
            }
            (RowKey::Invite(id), Row::Invite(invite)) => {
                self.invites.insert(id, invite);
            }
            (RowKey::Trust, Row::Trust(sealed)) => self.trust = sealed,
            (RowKey::Claim(serial), Row::Claim(by)) => {
                self.claims.insert(serial, by);
            }
            (key, _) => unreachable_row(&key),
        }
    }

    /// Computes everything that is not a row.
    pub fn rebuild(&mut self) {
        self.own_nodes = NodeTable::default();
        for (number, version) in &self.gone {
            self.own_nodes.put_gone(*number, *version);
        }
        self.identities = Identities::of(&self.devices);
        self.open.clear();
        self.moving.clear();
        self.managed.clear();
        for (number, row) in &self.devices {
            match row.deleted {
                true => self.own_nodes.put_gone(*number, row.version),
                false => self.own_nodes.put(*number, row.version, &row.device),
            }
            if let Some(wish) = &row.wish {
                self.open.entry(wish.product.clone()).or_default().insert(wish.number, *number);
            }
            if let Some(OpenMove { goal, number: of }) = &row.moving {
                self.moving.entry(goal.server.clone()).or_default().insert(*of, *number);
            }
            if row.device.state == DeviceState::Managed
                && let Some(product) = &row.device.product
            {
                *self.managed.entry(product.clone()).or_default() += 1;
            }
        }
        let mut products = self.products();
        products.extend(self.licenses.values().map(|row| row.license.product.clone()));
        products.extend(self.edges.keys().map(|(product, _)| product.clone()));
        for product in products {
            self.count_registered(&product);
            self.count_given(&product);
        }
    }

    /// Registered licenses of a product, from the licenses themselves.
    pub fn count_registered(&mut self, product: &ProductName) {
        let counts = self.licenses.values().filter(|l| !l.expired && l.license.product == *product);
        let registered = counts.map(|l| l.license.count.0).sum();
        self.ledger(product).registered = registered;
        self.stirred.insert(product.clone());
    }

    /// What is given to relays and not back, from the edges themselves.
    pub fn count_given(&mut self, product: &ProductName) {
        let first = (product.clone(), ServerName::lowest());
        let edges = self.edges.range(first..).take_while(|((p, _), _)| p == product);
        let (mut given, mut lacking) = (0, 0);
        for ((_, relay), edge) in edges {
            assert!(
                edge.level.returned_seen <= edge.granted_seen
                    && edge.granted_seen <= edge.level.granted
                    && edge.level.returned_seen <= edge.level.granted,
                "I4: the counters of {relay} for {product} are out of order: {edge:?}"
            );
            let outstanding = edge.level.granted - edge.level.returned_seen;
            given += outstanding;
            lacking += edge.level.target.0.saturating_sub(outstanding);
        }
        let ledger = self.ledger(product);
        ledger.given = given;
        ledger.lacking = lacking;
        self.stirred.insert(product.clone());
    }

    /// The wishes below this number of one product all have their verdict.
    pub fn floor(&self, product: &ProductName) -> WishNumber {
        let first = self.open.get(product).and_then(|open| open.keys().next());
        first.copied().unwrap_or(self.server.wish_last + 1)
    }

    /// The last number of an own stream.
    pub fn version(&self, table: Table) -> u64 {
        match table {
            Table::Figures => self.server.figures_version,
            Table::Nodes => self.server.nodes_version,
        }
    }
}

/// Keys and values of rows are read together, by table number: they cannot differ.
fn unreachable_row(key: &RowKey) {
    let is_release = !cfg!(checked);
    assert!(is_release, "a row of another table stood under {key:?}");
}

/// Rows of one device under its stream's name.
pub fn row_name(number: DeviceNumber) -> RowName {
    RowName::Device(number)
}
