//! Every durable change of a server as a value.
//!
//! A command is decided when it is applied, in the order of the log. It carries every id and every
//! random number it needs; applying makes none. Most can be applied twice without effect.

use super::account::{Pack, Wish, WishNumber, WishVerdict};
use super::clock::SeenTime;
use super::count::LicenseCount;
use super::device::DeviceNumber;
use super::discovery::Found;
use super::edge::{AttachId, DataSet, EdgeReport, Level};
use super::enrolment::EnrolmentCommand;
use super::holding::{HoldingOption, Role};
use super::license::{License, Serial};
use super::moving::MovingCommand;
use super::name::{ProductName, ServerName, TreeName};
use super::reconcile::Reconcile;
use super::recovery::RecoveryCommand;
use super::report::{ReportBatch, Table};
use super::time::Timestamp;

/// One entry of the log: commands and the moment at which they were proposed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandBatch {
    pub at: Timestamp,
    pub commands: Vec<Command>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The first command of every server.
    Found(Founding),

    /// A genuine license file is booked here.
    RegisterLicense(License),
    /// Its time is over: it no longer counts.
    ExpireLicense(Serial),
    /// License time got this far, and this is thought of the clock here, which showed `wall`.
    SeeTime {
        seen: SeenTime,
        wall: Timestamp,
    },

    /// Primary: a relay's holding option and distributed count become these.
    SetHolding(SetHolding),
    /// Primary: a server was met, or its parent or data set changed.
    MeetServer {
        name: ServerName,
        parent: ServerName,
        incarnation: u64,
        /// The one by which it said so: a word from before it was enrolled anew moves it nowhere.
        enrolment: u64,
    },
    /// Primary: the newest attachment of this relay.
    Attach {
        relay: ServerName,
        nonce: u64,
        attach: AttachId,
        data: DataSet,
        edges: Vec<(ProductName, EdgeReport)>,
    },
    /// Primary: what a relay says of an edge.
    BookEdge {
        relay: ServerName,
        attach: AttachId,
        product: ProductName,
        report: EdgeReport,
    },

    /// Relay: from now on nothing under an older attachment counts (R4).
    Fence {
        nonce: u64,
    },
    /// Relay: the primary took the attachment asked for with that nonce.
    Attached {
        nonce: u64,
        attach: AttachId,
        levels: Vec<(ProductName, Level)>,
        /// Of its data set, as the primary counts ([`crate::model::row::MetRow::generation`]).
        generation: u64,
    },
    /// Relay: what the primary says of an edge.
    TakeLevel {
        attach: AttachId,
        product: ProductName,
        level: Level,
    },

    /// Holder: decide the wishes of one managing source.
    BookWishes(BookWishes),
    /// Managing source: what the range's source decided.
    Settle {
        product: ProductName,
        verdicts: Vec<WishVerdict>,
        /// Whoever asked still waits and is told of every refusal: no line is due.
        told: bool,
    },

    /// Holder: the accounts that come through this relay leave the ledger for it.
    HandOver {
        product: ProductName,
        relay: ServerName,
        route: Vec<ServerName>,
        cycle: u64,
    },
    /// Taker: the accounts are in this ledger now.
    BookHandover(Pack),
    /// Giver: the taker has them.
    HandoverBooked {
        product: ProductName,
        relay: ServerName,
        cycle: u64,
    },
    /// Holder: accounts of a relay that holds no longer.
    BookYield {
        pack: Pack,
        route: Vec<ServerName>,
    },
    /// Relay: the holder above has them.
    YieldBooked {
        product: ProductName,
        cycle: u64,
    },

    /// Managing source: devices that a scan or an import found.
    Discover {
        found: Vec<Found>,
    },
    Manage {
        devices: Vec<DeviceNumber>,
        product: ProductName,
    },
    Ignore {
        devices: Vec<DeviceNumber>,
    },
    Delete {
        devices: Vec<DeviceNumber>,
    },
    /// Managing source: the others are the same machine as the kept one, and go.
    Unite {
        keep: DeviceNumber,
        others: Vec<DeviceNumber>,
    },
    /// Managing source: devices that go to another server's site.
    Moving(MovingCommand),
    /// What becomes of a server that was set back.
    Recovery(RecoveryCommand),

    /// Primary: rows from below.
    Merge(ReportBatch),
    /// Origin: the primary has this table up to here; deletions up to there need no memory.
    /// Primary: rows of a stream are put right; void where the stream is at another version.
    Refill(Reconcile),
    ForgetGone {
        table: Table,
        upto: u64,
    },

    /// Primary: the serial is this server's from now on, unless it is somebody's already. Relay: it
    /// is, and no license of this relay's any more.
    ClaimSerial {
        serial: Serial,
        by: ServerName,
    },
    /// How servers come and go, and whom to believe.
    Enrolment(EnrolmentCommand),
    /// A line for the event log: something was refused that left no other trace.
    Note {
        kind: String,
        text: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    pub tree: TreeName,
    pub name: ServerName,
    pub role: Role,
    /// Names this data set; drawn at random once.
    pub incarnation: u64,
}

/// An operator's change of one edge, as decided at the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetHolding {
    pub relay: ServerName,
    pub product: ProductName,
    pub option: HoldingOption,
    /// Absolute; zero unless the option is `Distributed`.
    pub target: LicenseCount,
    /// Whether a shortage that it makes or deepens was accepted by the operator.
    pub forced: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookWishes {
    pub product: ProductName,
    pub origin: ServerName,
    pub route: Vec<ServerName>,
    pub floor: WishNumber,
    pub wishes: Vec<Wish>,
    /// The disk here has no room for one more use.
    pub no_room: bool,
}
