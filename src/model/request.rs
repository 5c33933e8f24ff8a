//! What people ask of a server, over its API, and what it answers.

use super::count::LicenseCount;
use super::device::{DeviceId, DeviceState};
use super::discovery::Found;
use super::holding::HoldingOption;
use super::license::License;
use super::name::{ProductName, ServerName};
use super::refusal::Refusal;
use super::view::{
    EventView, LicenseView, NodePage, NodeView, RangesView, ServerView, ServersView, StatusView,
};
use serde::{Deserialize, Serialize};

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
    Nodes(NodeFilter),
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
    Import {
        found: Vec<Found>,
    },
    Events {
        after: u64,
        limit: usize,
    },
    Status,
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

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFilter {
    /// Any of these; empty means all.
    pub managing_sources: Vec<ServerName>,
    pub state: Option<DeviceState>,
    /// Part of the host name or of an address.
    pub text: Option<String>,
    /// Only what comes behind this id (the `next` of the page before).
    pub after: Option<DeviceId>,
    /// At most this many; the server's own limit holds too.
    pub limit: usize,
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
    Nodes(NodePage),
    Node(NodeView),
    DevicesDone(Vec<DeviceOutcome>),
    Imported { new: u64, known: u64 },
    Events(Vec<EventView>),
    Status(StatusView),
}

/// What came of a change of a holding option, or what would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldingOutcome {
    pub product: ProductName,
    pub relay: ServerName,
    pub option: HoldingOption,
    pub before: RangesView,
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
