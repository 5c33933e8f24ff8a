//! What people ask of a server, over its API, and what it answers.

use super::audit::AuditView;
use super::count::LicenseCount;
use super::device::{DeviceId, DeviceState};
use super::discovery::Found;
use super::enrolment::{Approval, CertificateAnswer, CertificateAsk, InviteId, PROOF_LEN};
use super::holding::HoldingOption;
use super::license::License;
use super::moving::Goal;
use super::name::{ProductName, ServerName};
use super::node_query::{NodeFilter, NodeQuery};
use super::node_rows::NodeRows;
use super::refusal::Refusal;
use super::scan::ScanSummary;
use super::view::{
    EventView, InviteView, LicenseView, LostView, NodeView, RangesView, RecoveryView, RotationView,
    ServerView, ServersView, StatusView,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Names one request until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A license whose file was found genuine.
    RegisterLicense(License),
    Licenses,
    SetHolding(HoldingChange),
    Servers,
    Server(ServerName),
    Ranges,
    /// The range of this source.
    Range(ServerName),
    /// One page, or as much of it as one step looks at.
    Nodes(NodeQuery),
    /// One step of counting, behind this node.
    CountNodes {
        filter: NodeFilter,
        after: Option<DeviceId>,
    },
    Node(DeviceId),
    /// Without a product: the only one there is.
    Manage {
        devices: Vec<DeviceId>,
        product: Option<ProductName>,
    },
    Ignore {
        devices: Vec<DeviceId>,
    },
    Delete {
        devices: Vec<DeviceId>,
    },
    /// The others are the same machine as the kept one; all of this server.
    Unite {
        keep: DeviceId,
        others: Vec<DeviceId>,
    },
    /// Whether [`Request::Unite`] would be refused now; changes nothing.
    MayUnite {
        keep: DeviceId,
        others: Vec<DeviceId>,
    },
    /// A device goes to another server's site: it is given up once that manages it. Without a
    /// goal it stays.
    Move {
        device: DeviceId,
        to: Option<Goal>,
    },
    Import {
        found: Vec<Found>,
    },
    Events {
        after: u64,
        limit: usize,
    },
    Status,
    /// Primary: whether all counts add up.
    Audit,
    Recovery,
    /// Somebody knows that this server's data was set back.
    BeginRecovery,
    EndRecovery {
        doing: Doing,
    },
    /// Somebody knows that the clock here is right, although it is ahead of what has passed.
    AcceptClock,
    /// A license file was refused before the server heard of it: answered with the same refusal
    /// once it stands in the event log.
    LicenseRefused(Refusal),
    /// A neighbour or a stranger was refused before the server heard of it; answered at once, and
    /// told to the event log if there is not too much of it.
    CallRefused(Refusal),
    /// The parent, which has proven itself, lets this server in no more: its enrolment is denied.
    ShutOut {
        by: ServerName,
    },
    /// A scan of this server's own daemon is over; answered once that stands in the event log.
    ScanEnded(ScanSummary),

    /// A server is to come into the tree; the code was made by whoever asks.
    Invite(Invitation),
    Invitations,
    Uninvite(ServerName),
    Approve(ServerName),
    /// By somebody who called to join, and by this server itself when its certificate grows old.
    Certificate(CertificateAsk),
    /// A server is shut out of the tree.
    Remove {
        name: ServerName,
        doing: Doing,
    },
    /// A server is lost for good: what it held is the primary's again.
    Lose {
        name: ServerName,
        doing: Doing,
    },
    /// What people call a server.
    Entitle {
        name: ServerName,
        title: String,
    },
    /// The tree goes over to a new authority: begin, or take the next step before all are ready.
    RotateAuthority {
        doing: Doing,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub id: InviteId,
    pub name: ServerName,
    pub parent: ServerName,
    pub proof_key: [u8; PROOF_LEN],
    pub life: Duration,
    pub approval: Approval,
    /// For a server of the tree whose disk is lost: it takes up what the tree knows of it.
    pub replaces: bool,
    /// It may move although uses of it stay counted where they are.
    pub forced: bool,
}

/// `license distribute`, `license withdraw`, `server authorize`, `server deauthorize`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldingChange {
    /// Without one: the only product there is.
    pub product: Option<ProductName>,
    pub relay: ServerName,
    pub verb: HoldingVerb,
    pub doing: Doing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldingVerb {
    /// The relay is meant to hold exactly this many; zero is `Withdraw`.
    Distribute(LicenseCount),
    Withdraw,
    Authorize,
    Deauthorize,
}

/// How far to go with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Say what would come of it; change nothing.
    Preview,
    /// Do it unless it makes or deepens a shortage.
    Do,
    /// Do it even so.
    Force,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Refused(Refusal),
    LicenseRegistered(LicenseView),
    Licenses(Vec<LicenseView>),
    Holding(HoldingOutcome),
    Servers(ServersView),
    Server(ServerView),
    Ranges(RangesView),
    /// What one step found, and how many nodes a page may have.
    Nodes {
        page: NodeRows,
        limit: usize,
    },
    /// How many fit so far, and behind which node to go on.
    NodeCount {
        count: u64,
        next: Option<DeviceId>,
    },
    Node(NodeView),
    DevicesDone(Vec<DeviceOutcome>),
    Imported {
        new: u64,
        known: u64,
    },
    Events(Vec<EventView>),
    Status(StatusView),
    Audit(AuditView),
    Recovery(RecoveryView),
    Invited(InviteView),
    Invitations(Vec<InviteView>),
    Certificate(CertificateAnswer),
    Done,
    Rotation(RotationView),
    Lost(LostView),
}

/// What came of a change of a holding option, or what would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldingOutcome {
    pub product: ProductName,
    pub relay: ServerName,
    pub option: HoldingOption,
    /// What was set before, and how many were distributed by that.
    pub option_before: HoldingOption,
    pub count_before: LicenseCount,
    /// As `range list` shows them now.
    pub before: RangesView,
    /// As they will be when all is booked; as before where the change is impossible.
    pub after: RangesView,
    /// Set when it was, or would be, refused.
    pub refusal: Option<Refusal>,
    /// Counts not yet booked at the other side; zero when it is done.
    pub in_transit: LicenseCount,
}

/// What became of one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceOutcome {
    pub id: DeviceId,
    /// Nothing: it is gone.
    pub state: Option<DeviceState>,
    /// Why it is not as asked for: refused, or not answered yet.
    pub refusal: Option<Refusal>,
}
