//! Typed calls to a running server over its Unix socket, for the command line, agents and
//! applications.
//!
//! ```text
//!   Client ── HTTP/1.1, JSON, one connection a call ──► DATA/lictree.sock ── edge::api
//! ```
//!
//! - `backup`: a server's state, as it comes.
//! - `call`: one request and its answer, within a deadline and a size.
//! - `contract`: the bodies that both sides of the socket speak; `edge::api` answers with them.
//! - `error`: a refusal by the server, or why there was no answer.
//!
//! Invariant: a call ends, with an answer or with a [`ClientError`] that names the next step.

mod backup;
mod call;
pub mod contract;
mod error;
mod scan;

pub use backup::BackupFailed;
pub use error::{ClientError, UNREACHABLE, UNREADABLE_ANSWER};

use crate::model::audit::AuditView;
use crate::model::device::DeviceId;
use crate::model::moving::Goal;
use crate::model::name::{ProductName, ServerName};
use crate::model::node_query::{NodeFilter, NodeQuery};
use crate::model::request::{DeviceOutcome, Doing, HoldingChange, HoldingOutcome};
use crate::model::view::{
    EventView, LicenseView, LimitsView, LostView, NodePage, NodeTotal, NodeView, RangesView,
    RecoveryView, RotationView, ServerView, ServersView, StatusView,
};
use call::{Method, Query};
use contract::{
    Alike, DeviceList, DeviceOutcomes, DoingBody, DuplicatesView, EventList, HoldingBody,
    ImportFormat, ImportOutcome, InviteBody, InviteList, Invited, LackingView, LicenseList,
    MergeBody, MoveBody, ScanBody, ScanList, ScanView, TitleBody,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The name of the socket in a server's data folder.
pub const SOCKET_NAME: &str = "lictree.sock";

/// What one call may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// From the connection to the last byte of an answer. Default 30 s.
    pub deadline: Duration,
    /// The same for an import, which is read and booked piece by piece. Default 600 s.
    pub import_deadline: Duration,
    /// The longest answer. Default 64 MiB.
    pub answer_bytes_max: usize,
    /// The longest backup, which is not kept in memory. Default 64 GiB.
    pub backup_bytes_max: u64,
}

impl Default for ClientLimits {
    fn default() -> ClientLimits {
        ClientLimits {
            deadline: Duration::from_secs(30),
            import_deadline: Duration::from_secs(600),
            answer_bytes_max: 64 << 20,
            backup_bytes_max: 64 << 30,
        }
    }
}

/// Asks one server. Cheap to make; connects anew for every call. Inside a tokio runtime only.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    limits: ClientLimits,
    /// What the last answer said of the log; 0 where there is none.
    log_index: Arc<AtomicU64>,
}

impl Client {
    /// A client of the server that listens at this socket.
    pub fn new(socket: impl Into<PathBuf>) -> Client {
        Client::with_limits(socket, ClientLimits::default())
    }

    pub fn with_limits(socket: impl Into<PathBuf>, limits: ClientLimits) -> Client {
        Client { socket: socket.into(), limits, log_index: Arc::default() }
    }

    /// A client of the server that has this data folder.
    pub fn of_data_dir(data_dir: &Path) -> Client {
        Client::new(data_dir.join(SOCKET_NAME))
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// How much of the server's log is in the last answer of this client or a clone of it, a
    /// refusal too: all entries up to this index, and none behind. Answers of one server in the
    /// order of their index are one history of it. Nothing where the last call had no answer of
    /// the server.
    pub fn log_index(&self) -> Option<u64> {
        Some(self.log_index.load(Ordering::Relaxed)).filter(|index| *index > 0)
    }

    pub async fn status(&self) -> Result<StatusView, ClientError> {
        self.get("/v1/status").await
    }

    /// Registers a license; `file` is the license file as its vendor issued it.
    pub async fn register_license(&self, file: Vec<u8>) -> Result<LicenseView, ClientError> {
        self.call(Method::Post, "/v1/licenses", file, self.limits.deadline).await
    }

    pub async fn licenses(&self) -> Result<Vec<LicenseView>, ClientError> {
        let list: LicenseList = self.get("/v1/licenses").await?;
        Ok(list.licenses)
    }

    /// `distribute`, `withdraw`, `authorize`, `deauthorize`, or what would come of them.
    pub async fn set_holding(&self, change: &HoldingChange) -> Result<HoldingOutcome, ClientError> {
        self.post("/v1/holdings", &HoldingBody::from(change)).await
    }

    pub async fn servers(&self) -> Result<ServersView, ClientError> {
        self.get("/v1/servers").await
    }

    pub async fn server(&self, name: &ServerName) -> Result<ServerView, ClientError> {
        self.get(&format!("/v1/servers/{name}")).await
    }

    pub async fn audit(&self) -> Result<AuditView, ClientError> {
        self.get("/v1/audit").await
    }

    pub async fn ranges(&self) -> Result<RangesView, ClientError> {
        self.get("/v1/ranges").await
    }

    /// The range whose sharing source this server is, or that it belongs to.
    pub async fn range(&self, source: &ServerName) -> Result<RangesView, ClientError> {
        self.get(&format!("/v1/ranges/{source}")).await
    }

    /// One page of nodes; ask again with `after` set to its `next` for the one behind it.
    pub async fn nodes(&self, query: &NodeQuery) -> Result<NodePage, ClientError> {
        self.get(&Query::nodes(query, false).path()).await
    }

    /// The same, with its `total` also where that takes looking at every node.
    pub async fn counted_nodes(&self, query: &NodeQuery) -> Result<NodePage, ClientError> {
        self.get(&Query::nodes(query, true).path()).await
    }

    /// How many nodes a filter lets through.
    pub async fn count_nodes(&self, filter: &NodeFilter) -> Result<u64, ClientError> {
        let total: NodeTotal = self.get(&Query::filtered("/v1/node-count", filter).path()).await?;
        Ok(total.count)
    }

    pub async fn node(&self, id: &DeviceId) -> Result<NodeView, ClientError> {
        self.get(&format!("/v1/nodes/{id}")).await
    }

    /// How many licenses the range of this sharing source lacks, or all ranges.
    pub async fn lacking(&self, source: Option<&ServerName>) -> Result<LackingView, ClientError> {
        self.survey(&Query::lacking(source).path()).await
    }

    /// Nodes that are likely one machine, at most `limit` groups.
    pub async fn duplicates(
        &self,
        managing_sources: &[ServerName],
        by: Option<Alike>,
        limit: usize,
    ) -> Result<DuplicatesView, ClientError> {
        self.survey(&Query::duplicates(managing_sources, by, limit).path()).await
    }

    pub async fn manage(
        &self,
        devices: Vec<DeviceId>,
        product: Option<ProductName>,
    ) -> Result<Vec<DeviceOutcome>, ClientError> {
        self.devices("/v1/nodes/manage", DeviceList { devices, product }).await
    }

    pub async fn ignore(&self, devices: Vec<DeviceId>) -> Result<Vec<DeviceOutcome>, ClientError> {
        self.devices("/v1/nodes/ignore", DeviceList { devices, product: None }).await
    }

    pub async fn delete(&self, devices: Vec<DeviceId>) -> Result<Vec<DeviceOutcome>, ClientError> {
        self.devices("/v1/nodes/delete", DeviceList { devices, product: None }).await
    }

    /// Makes the others part of the node that is kept; what became of the others.
    pub async fn merge(
        &self,
        keep: DeviceId,
        others: Vec<DeviceId>,
    ) -> Result<Vec<DeviceOutcome>, ClientError> {
        let body = MergeBody { keep, others, check: false };
        let outcomes: DeviceOutcomes = self.post("/v1/nodes/merge", &body).await?;
        Ok(outcomes.devices)
    }

    /// Whether the others could become part of the node that is kept; changes nothing.
    pub async fn may_merge(
        &self,
        keep: DeviceId,
        others: Vec<DeviceId>,
    ) -> Result<Vec<DeviceOutcome>, ClientError> {
        let body = MergeBody { keep, others, check: true };
        let outcomes: DeviceOutcomes = self.post("/v1/nodes/merge", &body).await?;
        Ok(outcomes.devices)
    }

    /// Has a node given up once its goal manages it; without a goal it stays.
    pub async fn move_node(
        &self,
        device: DeviceId,
        to: Option<Goal>,
    ) -> Result<Vec<DeviceOutcome>, ClientError> {
        let cancel = to.is_none();
        let body = MoveBody { device, to, cancel };
        let outcomes: DeviceOutcomes = self.post("/v1/nodes/move", &body).await?;
        Ok(outcomes.devices)
    }

    /// Takes in the machines of a list; `file` is read by the server.
    pub async fn import(
        &self,
        format: ImportFormat,
        file: Vec<u8>,
    ) -> Result<ImportOutcome, ClientError> {
        let path = format!("/v1/imports?format={format}");
        self.call(Method::Post, &path, file, self.limits.import_deadline).await
    }

    /// Lines of the event log behind number `after`, at most `limit`.
    pub async fn events(&self, after: u64, limit: usize) -> Result<Vec<EventView>, ClientError> {
        let list: EventList = self.get(&format!("/v1/events?after={after}&limit={limit}")).await?;
        Ok(list.events)
    }

    /// Puts a scan into the server's queue.
    pub async fn run_scan(&self, body: &ScanBody) -> Result<ScanView, ClientError> {
        self.post("/v1/scans", body).await
    }

    pub async fn scans(&self) -> Result<ScanList, ClientError> {
        self.get("/v1/scans").await
    }

    pub async fn scan(&self, id: u64) -> Result<ScanView, ClientError> {
        self.get(&format!("/v1/scans/{id}")).await
    }

    /// `pause`, `resume` or `stop`.
    pub async fn change_scan(&self, id: u64, verb: &str) -> Result<ScanView, ClientError> {
        self.post(&format!("/v1/scans/{id}/{verb}"), &()).await
    }

    /// What the server allows, and how much of it is in use.
    pub async fn limits(&self) -> Result<LimitsView, ClientError> {
        self.get("/v1/limits").await
    }

    /// Makes an invitation and its code, at the primary.
    pub async fn invite(&self, body: &InviteBody) -> Result<Invited, ClientError> {
        self.post("/v1/invitations", body).await
    }

    pub async fn invitations(&self) -> Result<InviteList, ClientError> {
        self.get("/v1/invitations").await
    }

    pub async fn uninvite(&self, name: &ServerName) -> Result<Value, ClientError> {
        self.post(&format!("/v1/invitations/{name}/withdraw"), &()).await
    }

    pub async fn approve(&self, name: &ServerName) -> Result<Value, ClientError> {
        self.post(&format!("/v1/invitations/{name}/approve"), &()).await
    }

    /// Shuts a server out of the tree; with `Preview` only says whether that may be.
    pub async fn remove_server(
        &self,
        name: &ServerName,
        doing: Doing,
    ) -> Result<Value, ClientError> {
        let body = DoingBody { doing: doing.into() };
        self.post(&format!("/v1/servers/{name}/remove"), &body).await
    }

    /// Gives a server up as lost; with `Preview` only says what it had.
    pub async fn lose_server(
        &self,
        name: &ServerName,
        doing: Doing,
    ) -> Result<LostView, ClientError> {
        let body = DoingBody { doing: doing.into() };
        self.post(&format!("/v1/servers/{name}/lost"), &body).await
    }

    pub async fn entitle(&self, name: &ServerName, title: &str) -> Result<Value, ClientError> {
        let title = title.to_string();
        self.post(&format!("/v1/servers/{name}/title"), &TitleBody { title }).await
    }

    /// How far a change of authority is; with `Do` it begins, with `Force` goes on.
    pub async fn rotate_authority(&self, doing: Doing) -> Result<RotationView, ClientError> {
        self.post("/v1/authority/rotate", &DoingBody { doing: doing.into() }).await
    }

    pub async fn recovery(&self) -> Result<RecoveryView, ClientError> {
        self.get("/v1/recovery").await
    }

    /// Tells a server that its data was set back.
    pub async fn begin_recovery(&self) -> Result<Value, ClientError> {
        self.post("/v1/recovery/begin", &serde_json::json!({})).await
    }

    /// Ends a recovery; by `Force` without those who have not said what they use.
    pub async fn end_recovery(&self, doing: Doing) -> Result<Value, ClientError> {
        self.post("/v1/recovery/end", &DoingBody { doing: doing.into() }).await
    }

    /// Tells a server that its clock is right, although it is ahead of what has passed.
    pub async fn accept_clock(&self) -> Result<Value, ClientError> {
        self.post("/v1/clock/accept", &serde_json::json!({})).await
    }

    /// Lets the server ask for a new certificate.
    pub async fn renew_certificate(&self) -> Result<Value, ClientError> {
        self.post("/v1/certificate/renew", &()).await
    }

    async fn devices(
        &self,
        path: &str,
        list: DeviceList,
    ) -> Result<Vec<DeviceOutcome>, ClientError> {
        let done: DeviceOutcomes = self.post(path, &list).await?;
        Ok(done.devices)
    }

    /// What takes looking at every node there is.
    async fn survey<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(Method::Get, path, Vec::new(), self.limits.import_deadline).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(Method::Get, path, Vec::new(), self.limits.deadline).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.unreadable(error))?;
        self.call(Method::Post, path, body, self.limits.deadline).await
    }
}
