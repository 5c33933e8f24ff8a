//! The durable state of a server as rows, for checkpoints and for loading them.
//!
//! The engine's state is the log applied; a checkpoint saves what changed since the last one, so
//! that the log behind it can be cut.

use super::account::{Account, Below, Entry, Pack};
use super::clock::SeenTime;
use super::command::Founding;
use super::device::{Device, DeviceNumber, OpenWish};
use super::edge::{AttachId, DataSet, Level};
use super::enrolment::{Invite, InviteId, KeyPrint, SealedTrust};
use super::event::Event;
use super::holding::Phase;
use super::license::{License, Serial};
use super::moving::OpenMove;
use super::name::{ProductName, ServerName};
use super::recovery::Recovery;
use super::report::{Figures, ReportRow, RowName, StreamId, Table};
use super::time::Timestamp;

/// Names one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey {
    Server,
    License(Serial),
    Edge(ProductName, ServerName),
    Met(ServerName),
    Holding(ProductName),
    Account(ProductName, ServerName),
    Entry(ProductName, ServerName, DeviceNumber),
    Below(ProductName, ServerName),
    Outbox(ProductName, ServerName),
    Device(DeviceNumber),
    Gone(DeviceNumber),
    OwnFigures(ProductName),
    Stream(StreamId),
    Mirrored(StreamId, RowName),
    Event(u64),
    Invite(InviteId),
    Trust,
    Claim(Serial),
}

/// What a row holds; the variant is that of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    Server(ServerRow),
    License(LicenseRow),
    Edge(EdgeRow),
    Met(MetRow),
    Holding(HoldingRow),
    /// An account without its entries (those are rows of their own).
    Account(Account),
    Entry(Entry),
    Below(Below),
    /// Accounts that left this ledger and are not yet known to be booked elsewhere.
    Outbox(Pack),
    Device(DeviceRow),
    /// The version at which the device was deleted.
    Gone(u64),
    OwnFigures(OwnFiguresRow),
    Stream(StreamRow),
    Mirrored(ReportRow),
    Event(Event),
    Invite(Invite),
    Trust(SealedTrust),
    /// Primary: the relay that claimed the serial.
    Claim(ServerName),
}

/// One row each server has once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRow {
    pub founding: Founding,
    pub device_last: DeviceNumber,
    pub wish_last: u64,
    pub event_last: u64,
    /// The last number of each own stream.
    pub figures_version: u64,
    pub nodes_version: u64,
    /// Deletions up to here are forgotten.
    pub nodes_floor: u64,
    /// Relay: the attachment in force.
    pub attach: Option<AttachId>,
    /// Relay: the nonce of an attachment that was asked for; nothing older counts.
    pub fenced: Option<u64>,
    /// Primary: attachments given out so far.
    pub attach_last: u64,
    /// Its data may not be its newest.
    pub recovery: Option<Recovery>,
    /// Data sets that its present one came from, oldest first: a primary that was set back may not
    /// have heard of them. At most [`FORMERS_MAX`].
    pub formers: Vec<u64>,
    /// Primary: it was set back once, so relays may hold more than is registered here.
    pub was_set_back: bool,
    /// The holders above have to hear what is used here: one is lost that counted it.
    pub unstated: bool,
    /// Relay: the enrolment under which they have heard it, and the way from the primary. Under
    /// another one it has come to another place, or was shut out for a while, and they have to hear
    /// it once more.
    pub stated_under: u64,
    pub stated_way: u64,
    /// Relay: when it was attached last.
    pub attached_at: Timestamp,
    /// License time as it was last written down.
    pub seen_time: SeenTime,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseRow {
    pub license: License,
    pub registered_at: Timestamp,
    pub expired: bool,
}

/// Primary: one edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeRow {
    pub level: Level,
    /// What the relay was last heard to say.
    pub granted_seen: u64,
    pub version_seen: u64,
    /// It was authorized, and has not said since that nothing is registered there: so it may keep
    /// its registered licenses instead of what was set after.
    pub may_decline: bool,
    /// It was told that it is to hold, and did not say since that it does not: uses of those below
    /// it may be with it, or come to be.
    pub promised: bool,
}

/// Primary: a server below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetRow {
    pub name: ServerName,
    pub parent: ServerName,
    pub incarnation: u64,
    pub attach: Option<AttachId>,
    pub enrolment: Enrolment,
    /// What people call it; empty for just its name.
    pub title: String,
    /// Data sets of which the present one is the continuation, oldest first: it was set back. At
    /// most [`FORMERS_MAX`].
    pub formers: Vec<u64>,
    /// This primary was set back, and it has not said since what it holds.
    pub unsaid: bool,
    /// How many data sets it had before this one, at least ([`GENERATION_BITS`]).
    pub generation: u64,
    /// Starts of it that attached, the newest last; at most [`STARTS_MAX`].
    pub starts: Vec<u64>,
    /// Two instances of it answered in turns: none is attached until one is started anew.
    pub has_twin: bool,
    /// Where it was before it moved, until it attaches at its place: then its holders know what it
    /// uses.
    pub moved_from: Option<ServerName>,
    /// It recovered when it attached last.
    pub recovers: bool,
}

impl MetRow {
    /// One of which nothing else is known.
    pub fn new(name: ServerName, parent: ServerName) -> MetRow {
        MetRow {
            name,
            parent,
            incarnation: 0,
            attach: None,
            enrolment: Enrolment::default(),
            title: String::new(),
            formers: Vec::new(),
            unsaid: false,
            generation: 0,
            starts: Vec::new(),
            has_twin: false,
            moved_from: None,
            recovers: false,
        }
    }

    /// One that joins, and of which nothing but the number of its enrolment is known: whatever it
    /// said when it was there before is older than what it says from now on. It may have been there
    /// without an enrolment, too, which is number 0.
    pub fn joined(name: &ServerName, parent: &ServerName, enrolment: u64) -> MetRow {
        let before = enrolment.min(ENROLMENTS_TOLD_APART);
        let generation = before * GENERATIONS_OF_ENROLMENT;
        MetRow { generation, ..MetRow::new(name.clone(), parent.clone()) }
    }

    /// Another data set goes on for the one known here; that and all it came from are former.
    pub fn go_on_as(&mut self, data: &DataSet) {
        let known = std::mem::replace(&mut self.incarnation, data.incarnation);
        self.generation += u64::from(![0, data.incarnation].contains(&known));
        self.came_from(data);
        if known != data.incarnation {
            remember_former(&mut self.formers, known);
        }
    }

    /// Those that it names as former ones are.
    pub fn came_from(&mut self, data: &DataSet) {
        let named = data.formers.iter().copied().chain([data.former]);
        named.filter(|of| *of != data.incarnation).for_each(|of| {
            remember_former(&mut self.formers, of);
        });
    }

    /// Whether a data set came from the one known here, or both from another: it is this server's.
    pub fn is_kin(&self, data: &DataSet) -> bool {
        let known = |of: &u64| *of != 0 && (*of == self.incarnation || self.formers.contains(of));
        known(&data.former) || data.formers.iter().any(known)
    }
}

/// One more data set that another came from; 0 is none.
pub fn remember_former(formers: &mut Vec<u64>, former: u64) {
    if former != 0 && !formers.contains(&former) {
        formers.push(former);
    }
    let more = formers.len().saturating_sub(FORMERS_MAX);
    formers.drain(..more);
}

/// The numbers of a data set (of wishes, statements and turns) are the time of its clock, in
/// milliseconds below this bit, and its generation above: whatever clock another disk comes with,
/// it says nothing that is older than what was said before.
pub const GENERATION_BITS: u32 = 44;

/// More data sets than a server has between two enrolments; and enrolments that have numbers of
/// their own, all that fit above the clock.
const GENERATIONS_OF_ENROLMENT: u64 = 1_000;
const ENROLMENTS_TOLD_APART: u64 = (1 << (63 - GENERATION_BITS)) / GENERATIONS_OF_ENROLMENT - 1;

/// A time as a number below [`GENERATION_BITS`]. A clock of a far future stands still there, and
/// leaves room for as many numbers as a server ever gives.
pub fn clock_number(at: Timestamp) -> u64 {
    at.0.min((1 << GENERATION_BITS) - (1 << (GENERATION_BITS - 4)))
}

/// Data sets before the present one that are remembered of a server.
pub const FORMERS_MAX: usize = 64;

/// Starts that are remembered of a server.
pub const STARTS_MAX: usize = 16;

/// Primary: how a server stands to the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enrolment {
    /// Its newest; 0 where its identity was made ready beside the authority.
    pub number: u64,
    /// The last key that a certificate was given for; none is known of enrolment 0.
    pub key: Option<KeyPrint>,
    /// When that certificate ends.
    pub expires: Timestamp,
    pub standing: Standing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    #[default]
    Member,
    /// Shut out; what it holds and uses still counts.
    Removed,
}

/// Relay: where it stands for one product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldingRow {
    pub phase: Phase,
    /// The primary's word as far as it was taken.
    pub level: Level,
    pub granted_seen: u64,
    pub returned: u64,
    /// Counts its turns as a holder.
    pub cycle: u64,
    pub declined: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceRow {
    pub device: Device,
    pub version: u64,
    pub wish: Option<OpenWish>,
    /// It is given up once another server manages it; only of managed ones.
    pub moving: Option<OpenMove>,
    /// Deleted by its operator; kept unseen until its release has a verdict.
    pub deleted: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnFiguresRow {
    pub figures: Figures,
    pub version: u64,
}

/// Primary: how far a stream is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamRow {
    pub incarnation: u64,
    pub have: u64,
    pub merged_at: Timestamp,
}

impl StreamId {
    /// The two streams of a server.
    pub fn of(origin: &ServerName) -> [StreamId; 2] {
        [Table::Figures, Table::Nodes].map(|table| StreamId { origin: origin.clone(), table })
    }
}
