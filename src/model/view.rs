//! What people and scripts are shown. The field names are the contract of `--json`.

use super::clock::ClockStanding;
use super::count::LicenseCount;
use super::device::{DeviceId, DeviceState, StateChange};
use super::discovery::MacAddress;
use super::disk::DiskShort;
use super::holding::{HoldingOption, Phase, Role};
use super::license::Serial;
use super::name::{ProductName, ServerName, TreeName};
use super::node_query::NodeCursor;
use super::refusal::Refusal;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One range of shared licenses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeView {
    pub product: ProductName,
    pub source: ServerName,
    pub destinations: Vec<ServerName>,
    pub held: LicenseCount,
    pub used: LicenseCount,
    pub remaining: LicenseCount,
    pub shortage: LicenseCount,
    /// Given by one side and not yet known to be booked at the other.
    pub in_transit: LicenseCount,
    /// When the source was last known to hold and use this; nothing when it never spoke.
    pub as_of: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangesView {
    pub as_of: Timestamp,
    pub ranges: Vec<RangeView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseView {
    pub serial: String,
    pub vendor: String,
    pub product: ProductName,
    pub count: LicenseCount,
    pub metric: String,
    pub not_before: Timestamp,
    pub not_after: Option<Timestamp>,
    pub registered_at: Timestamp,
    pub expired: bool,
    /// The only tree, and the only server in it, where it may be registered.
    pub tree: Option<TreeName>,
    pub server: Option<ServerName>,
    /// A relay makes no new uses that was not attached for so long.
    pub confirm_within_days: Option<u16>,
    pub note: String,
}

/// What one server is for one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldingView {
    pub product: ProductName,
    pub option: HoldingOption,
    pub phase: Phase,
    /// Where its devices get their licenses from.
    pub source: Option<ServerName>,
    pub held: LicenseCount,
    pub used: LicenseCount,
    /// Its own managed devices.
    pub managed: LicenseCount,
    pub in_transit: LicenseCount,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerView {
    pub name: ServerName,
    pub role: Role,
    pub parent: Option<ServerName>,
    pub online: bool,
    pub last_seen: Option<Timestamp>,
    pub software: String,
    /// What people call it; empty for just its name.
    pub title: String,
    pub standing: String,
    /// Where its parent sees it.
    pub address: String,
    pub certificate: Option<CertificateView>,
    /// How far its clock is ahead of the primary's, roughly: the way of the message is in it.
    pub clock_ahead_ms: Option<i64>,
    /// What it thinks of its clock: `right`, `set-back` or `set-forward`; nothing while it was not
    /// heard.
    pub clock: Option<ClockStanding>,
    /// Rows that the primary does not have yet.
    pub lag_rows: Option<u64>,
    pub holdings: Vec<HoldingView>,
    pub nodes: NodeCounts,
}

/// What a server proves itself with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateView {
    pub expires: Timestamp,
    pub enrolment: u64,
    /// The print of the key of the authority that issued it.
    pub authority: String,
    /// The version of the trust it holds.
    pub trust: u64,
}

/// One invitation; its code was shown once and is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteView {
    pub id: String,
    pub name: ServerName,
    pub parent: ServerName,
    pub expires: Timestamp,
    /// `open`, `waits for approval`, `approved`, `used`, `void` or `expired`.
    pub state: String,
    /// The key that waits or was served, for comparing with what the new server shows.
    pub key: Option<String>,
    pub failures: u32,
}

/// What a server held and used that is lost: at risk if it should run all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostView {
    pub name: ServerName,
    /// Products of which it had anything.
    pub counts: Vec<LostCount>,
    /// License files that were registered there; from then on they are nobody's.
    pub serials: Vec<Serial>,
}

/// The same of one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostCount {
    pub product: ProductName,
    /// Of the primary's licenses; they are the primary's again.
    pub held: u64,
    /// By license files at the server itself; they are gone with it.
    pub registered: u64,
    /// Devices with it as managing source.
    pub managed: u64,
}

/// How far the tree is on its way to a new authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationView {
    pub as_of: Timestamp,
    /// `none`, `spreading` (all are told of the new one) or `renewing` (it issues).
    pub phase: String,
    pub trust: u64,
    /// Prints of the keys of the authorities believed, oldest first.
    pub authorities: Vec<String>,
    /// Servers that the phase waits for.
    pub waits_for: Vec<ServerName>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServersView {
    pub as_of: Timestamp,
    pub servers: Vec<ServerView>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCounts {
    pub discovered: u64,
    pub managed: u64,
    pub ignored: u64,
}

/// One device, wherever it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    pub id: DeviceId,
    pub managing_source: ServerName,
    pub state: DeviceState,
    pub product: Option<ProductName>,
    /// What was asked for and not answered yet: `manage`, `release`, or `move to d`.
    pub waiting: Option<String>,
    pub host_name: Option<String>,
    /// The newest finding's first.
    pub addresses: Vec<IpAddr>,
    pub mac: Option<String>,
    /// Those of the nodes that were merged with this one.
    #[serde(default)]
    pub other_macs: Vec<String>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// Its changes of state, oldest first, as far as they are kept; only where one node is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<StateChange>,
}

impl NodeView {
    /// The MACs that name a machine.
    pub fn machine_macs(&self) -> Vec<MacAddress> {
        let texts = self.mac.iter().chain(&self.other_macs);
        let macs = texts.filter_map(|text| text.parse().ok());
        macs.filter(|mac: &MacAddress| mac.names_a_machine()).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePage {
    pub as_of: Timestamp,
    pub nodes: Vec<NodeView>,
    /// How many match, on all pages; nothing where that takes looking at each, and nobody asked.
    pub total: Option<u64>,
    /// Ask for what comes behind this place; nothing on the last page.
    pub next: Option<NodeCursor>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeTotal {
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    pub number: u64,
    pub at: Timestamp,
    pub kind: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    pub as_of: Timestamp,
    pub tree: TreeName,
    pub name: ServerName,
    pub role: Role,
    pub software: String,
    /// Whether the way to the primary is open; always true at the primary.
    pub connected: bool,
    pub parent: Option<ServerName>,
    /// When the connection to the parent was lost; nothing while there is one, or was none yet.
    pub cut_off_since: Option<Timestamp>,
    /// How far the clock here is ahead of the parent's, roughly: the way of the message is in it.
    /// Nothing at the primary, and until the parent said what its clock shows.
    pub clock_ahead_ms: Option<i64>,
    #[serde(default)]
    pub clock: ClockView,
    /// Why the primary does not take this relay's word on what it holds.
    pub attach_refusal: Option<Refusal>,
    /// Too little room on the disk: nothing new is taken.
    pub disk_short: Option<DiskShort>,
    pub servers_online: u64,
    pub servers_offline: u64,
    pub products: Vec<HoldingView>,
    pub nodes: NodeCounts,
    /// Wishes of own devices that no source has answered yet.
    pub waiting: u64,
    /// Rows that the neighbour above does not have yet.
    pub report_lag: u64,
    /// What a person should look at, the most urgent first.
    pub advice: Vec<Advice>,
}

/// The clock of a server, and license time there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockView {
    pub standing: ClockStanding,
    pub license_time: Timestamp,
    /// What the clock showed when it was read last.
    pub wall: Option<Timestamp>,
    /// Licenses that would end if license time were that.
    pub would_end: u64,
}

/// Something that asks for a person, and the command to go on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    pub sentence: String,
    pub command: String,
}

/// One limit of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitView {
    /// As the configuration spells it: `limits.network.connections_max`.
    pub name: String,
    pub limit: u64,
    pub default: u64,
    /// What counts against it now; nothing where it bounds single things, not a sum of them.
    pub in_use: Option<u64>,
}

/// What one neighbour takes of this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeighbourView {
    pub name: ServerName,
    /// `parent` or `child`.
    pub side: String,
    pub address: String,
    /// What it has not taken yet.
    pub queued_frames: u64,
    pub queued_bytes: u64,
    /// How often, and how long in all, its letters had to wait because it was too fast.
    pub held_up: u64,
    pub held_up_ms: u64,
    /// Connections of it that were not taken because it connected too often.
    pub connections_refused: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsView {
    pub as_of: Timestamp,
    pub limits: Vec<LimitView>,
    pub neighbours: Vec<NeighbourView>,
}

/// A server's recovery, as that server shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryView {
    pub as_of: Timestamp,
    pub server: ServerName,
    /// Nothing where it does not recover.
    pub recovery: Option<RecoveryState>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryState {
    pub since: Timestamp,
    /// What was found.
    pub why: String,
    /// It was ended by force, and some below have not said yet what they use.
    pub forced: bool,
    /// What it waits for; at most a thousand.
    pub awaits: Vec<AwaitedView>,
}

/// Something that a recovery waits for: `primary`, `nodes`, `handover`, `statement`, `source` or
/// `edge`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitedView {
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerName>,
}
