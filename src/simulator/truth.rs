//! What one server durably knows, as the checks see it.
//!
//! The only file of the simulator that looks inside a server. It reads `Server::engine().state()`:
//! `licenses`, `edges`, `holdings`, `ledgers` (accounts, outbox), `devices`, `mirrors`, `trust`,
//! `met`, `invites`, `events`.

use crate::model::account::{Account, Pack, Verdict};
use crate::model::clock::{ClockStanding, SeenTime};
use crate::model::device::{DeviceId, DeviceNumber, DeviceState};
use crate::model::discovery::MacAddress;
use crate::model::edge::{AttachId, Level};
use crate::model::enrolment::InviteId;
use crate::model::event::Event;
use crate::model::holding::Phase;
use crate::model::license::Serial;
use crate::model::moving::OpenMove;
use crate::model::name::{ProductName, ServerName};
use crate::model::report::{ReportRow, RowBody, RowName, StreamId};
use crate::model::row::{DeviceRow, MetRow, OwnFiguresRow, Standing};
use crate::model::time::Timestamp;
use crate::model::view::{AwaitedView, RangeView};
use crate::server::Server;
use std::collections::{BTreeMap, BTreeSet};

/// Devices with a use, by managing source; each list sorted.
pub type Uses = BTreeMap<ServerName, Vec<DeviceNumber>>;

/// One server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    pub products: BTreeMap<ProductName, ProductTruth>,
    pub devices: BTreeMap<DeviceNumber, DeviceTruth>,
    /// Devices that were given up because another server manages them, and as which node, with the
    /// number of the event: after a restore the same number may be given up once more.
    pub moved: BTreeMap<DeviceNumber, (u64, DeviceId)>,
    /// The last number given to a device, deleted or not.
    pub device_last: DeviceNumber,
    pub serials: BTreeSet<Serial>,
    /// Primary: which relay claimed which serial.
    pub claims: BTreeMap<Serial, ServerName>,
    /// Some license's time was over.
    pub has_expired: bool,
    /// Primary: it was set back once. Uses that a relay has no license for, by force, came back to
    /// it as counts: its own lack them since.
    pub was_set_back: bool,
    pub seen_time: SeenTime,
    /// Relay: the attachment it acts under.
    pub attach: Option<AttachId>,
    /// Relay: the one that it last had, also while it asks for another.
    pub attached: Option<AttachId>,
    /// Another one begins with every recovery of one that was set back.
    pub incarnation: u64,
    /// Since when it recovers, also where that was ended by force.
    pub recovers_since: Option<Timestamp>,
    /// It was set back, and does not know yet what is used.
    pub recovers: bool,
    /// Its recovery was ended without some who may still say what they use.
    pub forced: bool,
    /// The holders above have not all heard what is used here.
    pub unstated: bool,
    pub stated_under: u64,
    pub stated_way: u64,
    pub trust_version: u64,
    /// Up to which enrolment each name is denied.
    pub denied: BTreeMap<ServerName, u64>,
    pub authorities: Vec<Vec<u8>>,
    /// Primary: whom it knows, and the codes there are.
    pub met: BTreeMap<ServerName, MetTruth>,
    pub invites: BTreeSet<InviteId>,
}

/// A server as the primary knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetTruth {
    pub enrolment: u64,
    pub incarnation: u64,
    pub removed: bool,
    pub has_twin: bool,
}

/// One product at one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductTruth {
    pub registered: u64,
    /// Primary: what it says of each relay, and what it last heard.
    pub edges: BTreeMap<ServerName, EdgeTruth>,
    /// Relay: its side of the edge.
    pub granted_seen: u64,
    pub returned: u64,
    pub phase: Phase,
    pub version: u64,
    pub cycle: u64,
    pub declined: bool,
    pub ledger: Uses,
    pub outboxes: Vec<PackTruth>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeTruth {
    pub level: Level,
    pub version_seen: u64,
}

/// Uses that left a ledger and are not known to be booked elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackTruth {
    /// The relay whose turn it is.
    pub relay: Option<ServerName>,
    pub cycle: u64,
    pub uses: Uses,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceTruth {
    pub state: DeviceState,
    pub product: Option<ProductName>,
    /// What was asked for has no verdict yet.
    pub waits: bool,
    /// Its operator deleted it; it is kept until its release is answered.
    pub deleted: bool,
    pub moving: Option<OpenMove>,
    /// Those that name a machine.
    pub macs: Vec<MacAddress>,
}

impl ProductTruth {
    /// Licenses this server may use or give on: may be below zero where a license expired.
    pub fn own(&self) -> i128 {
        let given = self.edges.values().map(|edge| outstanding(&edge.level)).sum::<i128>();
        i128::from(self.registered) + i128::from(self.granted_seen)
            - i128::from(self.returned)
            - given
    }

    pub fn used(&self) -> u64 {
        self.ledger.values().map(|devices| devices.len() as u64).sum()
    }

    pub fn free(&self) -> u64 {
        u64::try_from(self.own() - i128::from(self.used())).unwrap_or(0)
    }

    pub fn shortage(&self) -> u64 {
        u64::try_from(i128::from(self.used()) - self.own().max(0)).unwrap_or(0)
    }
}

/// What the primary gave and has not back.
pub fn outstanding(level: &Level) -> i128 {
    i128::from(level.granted) - i128::from(level.returned_seen)
}

impl Truth {
    /// Own devices managed under this product.
    pub fn managed<'a>(&'a self, product: &'a ProductName) -> impl Iterator<Item = DeviceNumber> {
        let under = move |device: &DeviceTruth| {
            device.state == DeviceState::Managed && device.product.as_ref() == Some(product)
        };
        self.devices.iter().filter(move |(_, d)| under(d)).map(|(number, _)| *number)
    }

    /// Own devices that are managed, each with its product.
    pub fn uses(&self) -> impl Iterator<Item = (ProductName, DeviceNumber)> {
        let managed = self.devices.iter().filter(|(_, d)| d.state == DeviceState::Managed);
        managed.filter_map(|(number, device)| Some((device.product.clone()?, *number)))
    }

    pub fn product(&self, product: &ProductName) -> ProductTruth {
        self.products.get(product).cloned().unwrap_or_default()
    }
}

/// Rows of a server's streams, as its writer or as the primary has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowsTruth {
    pub incarnation: u64,
    /// Everything up to here is there.
    pub version: u64,
    pub rows: BTreeMap<RowName, ReportRow>,
}

/// What the primary has of every other server's streams.
pub fn mirrored(primary: &Server) -> BTreeMap<StreamId, RowsTruth> {
    mirrored_of(primary, |_| true)
}

/// The same of some streams.
pub fn mirrored_of(
    primary: &Server,
    which: impl Fn(&StreamId) -> bool,
) -> BTreeMap<StreamId, RowsTruth> {
    let mirrors = primary.engine().state().mirrors.iter();
    let own = primary.engine().state().name();
    let foreign = mirrors.filter(|(stream, _)| stream.origin != *own && which(stream));
    // One that refused all that came so far is as good as none.
    let foreign = foreign.filter(|(_, mirror)| mirror.incarnation != 0);
    foreign
        .map(|(stream, mirror)| {
            let names = mirror.names();
            let rows = names.iter().filter_map(|name| mirror.row(name));
            let rows = rows.map(|row| (row.name.clone(), row)).collect();
            let known = RowsTruth { incarnation: mirror.incarnation, version: mirror.have, rows };
            (stream.clone(), known)
        })
        .collect()
}

/// What a server waits for that recovers, and was not ended by force.
pub fn awaited(server: &Server) -> Option<Vec<AwaitedView>> {
    let recovery = server.engine().recovery_view(Timestamp(0)).recovery;
    recovery.filter(|recovery| !recovery.forced).map(|recovery| recovery.awaits)
}

/// The ranges as the primary shows them to people.
pub fn shown(primary: &Server, now: Timestamp) -> Vec<RangeView> {
    primary.engine().ranges(now).map_or(Vec::new(), |view| view.ranges)
}

/// What a server itself says in its streams.
pub fn written(server: &Server) -> BTreeMap<StreamId, RowsTruth> {
    let state = server.engine().state();
    let [figures, nodes] = StreamId::of(state.name());
    let figure = |(product, row): (&ProductName, &OwnFiguresRow)| ReportRow {
        name: RowName::Product(product.clone()),
        version: row.version,
        body: RowBody::Figures(row.figures),
    };
    let node = |(number, row): (&DeviceNumber, &DeviceRow)| ReportRow {
        name: RowName::Device(*number),
        version: row.version,
        body: RowBody::Device(Box::new(row.device.clone())),
    };
    let kept = state.devices.iter().filter(|(_, row)| !row.deleted);
    let rows = [
        (figures, state.server.figures_version, by_name(state.own_figures.iter().map(figure))),
        (nodes, state.server.nodes_version, by_name(kept.map(node))),
    ];
    let incarnation = state.server.founding.incarnation;
    let known = |(stream, version, rows)| (stream, RowsTruth { incarnation, version, rows });
    rows.into_iter().map(known).collect()
}

fn by_name(rows: impl Iterator<Item = ReportRow>) -> BTreeMap<RowName, ReportRow> {
    rows.map(|row| (row.name.clone(), row)).collect()
}

/// What this server durably knows: its engine's state is its log applied, and only what is on disk
/// is applied.
pub fn truth_of(server: &Server) -> Truth {
    let state = server.engine().state();
    let device = |(number, row): (&DeviceNumber, &DeviceRow)| {
        let known = DeviceTruth {
            state: row.device.state,
            product: row.device.product.clone(),
            waits: row.wish.is_some(),
            deleted: row.deleted,
            moving: row.moving.clone(),
            macs: row.device.macs().filter(|mac| mac.names_a_machine()).collect(),
        };
        (*number, known)
    };
    let mut truth = Truth {
        products: BTreeMap::new(),
        devices: state.devices.iter().map(device).collect(),
        moved: state.events.iter().filter_map(|(at, event)| moved(*at, event)).collect(),
        device_last: state.server.device_last,
        serials: state.licenses.keys().cloned().collect(),
        claims: state.claims.clone(),
        seen_time: state.server.seen_time,
        has_expired: state.licenses.values().any(|license| license.expired),
        was_set_back: state.server.was_set_back,
        attach: state.server.attach.filter(|_| state.server.fenced.is_none()),
        attached: state.server.attach,
        incarnation: state.server.founding.incarnation,
        recovers_since: state.server.recovery.as_ref().map(|recovery| recovery.since),
        recovers: server.engine().recovers(),
        forced: state.server.recovery.as_ref().is_some_and(|recovery| recovery.forced),
        unstated: state.server.unstated,
        stated_under: state.server.stated_under,
        stated_way: state.server.stated_way,
        trust_version: state.trust.trust.version,
        denied: state.trust.trust.denied.iter().map(|(name, d)| (name.clone(), d.upto)).collect(),
        authorities: state.trust.trust.authorities.clone(),
        met: state.met.iter().map(|(name, row)| (name.clone(), met_truth(row))).collect(),
        invites: state.invites.keys().copied().collect(),
    };
    for license in state.licenses.values().filter(|license| !license.expired) {
        at(&mut truth, &license.license.product).registered += license.license.count.0;
    }
    for ((product, relay), edge) in &state.edges {
        let known = EdgeTruth { level: edge.level, version_seen: edge.version_seen };
        at(&mut truth, product).edges.insert(relay.clone(), known);
    }
    for (product, row) in &state.holdings {
        let known = at(&mut truth, product);
        known.granted_seen = row.granted_seen;
        known.returned = row.returned;
        known.phase = row.phase;
        known.version = row.level.version;
        known.cycle = row.cycle;
        known.declined = row.declined;
    }
    for (product, ledger) in &state.ledgers {
        let known = at(&mut truth, product);
        known.ledger = uses_of(ledger.accounts().map(|(account, _)| account));
        known.outboxes = ledger.outbox.values().map(pack_truth).collect();
    }
    truth.products.retain(|_, known| *known != ProductTruth::default());
    truth
}

/// License time as a server counts it.
#[derive(Clone, Copy, Debug)]
pub struct ClockTruth {
    pub standing: ClockStanding,
    pub license_time: Timestamp,
    /// When the first of the licenses that count ends.
    pub first_end: Option<Timestamp>,
}

/// The same now, which only a server that runs can say.
pub fn clock_truth(server: &Server, now: Timestamp) -> ClockTruth {
    let engine = server.engine();
    let counting = engine.state().licenses.values().filter(|row| !row.expired);
    ClockTruth {
        standing: engine.clock_standing(),
        license_time: engine.license_time(now),
        first_end: counting.filter_map(|row| row.license.not_after).min(),
    }
}

/// Which device went where, as a line of the event log says it: `b:17 is managed as d:4 now; …`.
fn moved(at: u64, event: &Event) -> Option<(DeviceNumber, (u64, DeviceId))> {
    if event.kind != "node.moved" {
        return None;
    }
    let mut ids = event.text.split(' ').filter_map(|word| word.parse::<DeviceId>().ok());
    Some((ids.next()?.number, (at, ids.next()?)))
}

fn met_truth(row: &MetRow) -> MetTruth {
    MetTruth {
        enrolment: row.enrolment.number,
        incarnation: row.incarnation,
        removed: row.enrolment.standing == Standing::Removed,
        has_twin: row.has_twin,
    }
}

fn at<'a>(truth: &'a mut Truth, product: &ProductName) -> &'a mut ProductTruth {
    truth.products.entry(product.clone()).or_default()
}

fn pack_truth(pack: &Pack) -> PackTruth {
    PackTruth {
        relay: Some(pack.relay.clone()),
        cycle: pack.cycle,
        uses: uses_of(pack.accounts.iter()),
    }
}

fn uses_of<'a>(accounts: impl Iterator<Item = &'a Account>) -> Uses {
    let granted = |account: &Account| {
        let granted = account.entries.iter().filter(|(_, e)| e.verdict == Verdict::Granted);
        granted.map(|(device, _)| *device).collect::<Vec<_>>()
    };
    let uses = accounts.map(|account| (account.origin.clone(), granted(account)));
    uses.filter(|(_, devices)| !devices.is_empty()).collect()
}

/// Where two descriptions differ: what the first and the second say there, shortened.
pub fn difference<T: PartialEq + std::fmt::Debug>(one: &T, other: &T) -> Option<String> {
    if one == other {
        return None;
    }
    let (one, other) = (format!("{one:?}"), format!("{other:?}"));
    let at = one.bytes().zip(other.bytes()).position(|(a, b)| a != b);
    let at = at.or((one.len() != other.len()).then(|| one.len().min(other.len())))?;
    let around = |text: &str| {
        let bytes = text.as_bytes();
        let part = &bytes[at.saturating_sub(200)..bytes.len().min(at + 200)];
        String::from_utf8_lossy(part).into_owned()
    };
    Some(format!("…{}… against …{}…", around(&one), around(&other)))
}
