//! The one HTTP/JSON API of a server, over the Unix socket in its data folder.
//!
//! ```text
//!   command line, programs ──► DATA/lictree.sock ──► admitted? ──► route ──► Port::ask ──► server
//!                                                      │ no         │ license files are opened,
//!                                                      ▼            ▼ imports are read, here
//!        200 what was asked for │ 403, 4xx {"error":{"code","message","hint"}} │ 503 the same
//! ```
//!
//! Who is admitted: `access`. Which routes there are, and for whom: `engine::permission`.
//!
//! | method and path | request | answer |
//! |---|---|---|
//! | `GET /v1/status` | | `StatusView` |
//! | `GET /v1/audit` | | `AuditView` |
//! | `GET /v1/recovery` | | `RecoveryView` |
//! | `POST /v1/recovery/begin` | | `{}` |
//! | `POST /v1/recovery/end` | `DoingBody` | `{}` |
//! | `POST /v1/backup` | | head and rows of a backup, as `store::backup` has them |
//! | `GET` `POST /v1/licenses` | POST: a license file | `{"licenses":[…]}`, `LicenseView` |
//! | `POST /v1/holdings` | `HoldingBody` | `HoldingOutcome` |
//! | `GET /v1/servers`, `/v1/servers/NAME` | | `ServersView`, `ServerView` |
//! | `GET /v1/ranges`, `/v1/ranges/SOURCE` | | `RangesView` |
//! | `GET /v1/nodes?managing_source=a,b&state=…&text=…&seen_since=…&seen_before=…` and \
//!   `&sort=…&after=…&limit=…&count=true` | | `NodePage` |
//! | `GET /v1/node-duplicates?managing_source=a,b&by=mac&limit=…` | | `DuplicatesView` |
//! | `GET /v1/lacking?source=…` | | `LackingView` |
//! | `GET /v1/node-count?` and the same down to `seen_before` | | `NodeTotal` |
//! | `GET /v1/nodes/ID` | | `NodeView` |
//! | `POST /v1/nodes/manage`, `/ignore`, `/delete` | `DeviceList` | `{"devices":[…]}` |
//! | `POST /v1/nodes/merge`, `/move` | `MergeBody`, `MoveBody` | `{"devices":[…]}` |
//! | `POST /v1/imports?format=auto\|nmap\|arp` | a list of machines | `ImportOutcome` |
//! | `GET` `POST /v1/invitations` | POST: `InviteBody` | `InviteList`, `Invited` |
//! | `POST /v1/invitations/NAME/withdraw`, `/approve` | | `{"done":true}` |
//! | `POST /v1/servers/NAME/remove`, `/title` | `DoingBody`, `TitleBody` | `{"done":true}` |
//! | `POST /v1/servers/NAME/lost` | `DoingBody` | `LostView` |
//! | `POST /v1/authority/rotate` | `DoingBody` | `RotationView` |
//! | `POST /v1/certificate/renew` | | whether it came, and when it ends |
//! | `GET` `POST /v1/scans` | POST: `ScanBody` | `ScanList`, `ScanView` |
//! | `GET /v1/scans/ID` | | `ScanView` |
//! | `POST /v1/scans/ID/pause`, `/resume`, `/stop` | | `ScanView` |
//! | `GET /v1/events?after=…&limit=…` | | `{"events":[…]}` |
//! | `GET /v1/limits` | | `LimitsView` |
//!
//! Every answer that the server gave says in its head, as `lictree-log-index: 4711`, how much of
//! the server's log is in it (`position`), a refusal too.
//!
//! Invariant: whatever comes, in whatever size or speed, costs bounded memory and time.

mod access;
mod backups;
mod duplicates;
mod enrolment;
mod failure;
mod holdings;
mod imports;
mod lacking;
mod licenses;
mod limits;
mod moves;
mod node_json;
mod nodes;
mod position;
mod read;
mod routes;
mod scans;
mod socket;
mod survey;
mod views;

#[cfg(test)]
mod tests;

pub use access::{Access, GroupRefused, SocketGroup};
pub use socket::{ApiSocket, NotOpened};

use crate::daemon::keyring::Keyring;
use crate::daemon::port::Port;
use crate::edge::import::ImportLimits;
use crate::edge::scan::Desk;
use crate::model::request::{Answer, Request};
use crate::model::view::LimitView;
use crate::net::Occupancy;
use crate::wire::license_file::VendorKeys;
use failure::Failure;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What the API may take of its machine. The defaults are stated here only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// Connections at once; further ones wait. 64.
    pub connections_max: usize,
    /// The longest head of a request. 16 KiB.
    pub header_bytes_max: usize,
    /// The longest body besides license files (64 KiB) and imports (a limit of their own). 1 MiB.
    pub body_bytes_max: usize,
    /// Imports at once; each may hold a whole file. 1.
    pub imports_max: usize,
    /// Looks at all nodes at once (`range lacking`, `node duplicates`); further ones wait. 1.
    pub surveys_max: usize,
    /// Backups at once; each holds back what the rows' file could give free, and a thread. 1.
    pub backups_max: usize,
    /// How long one backup may take; then it is broken off. 1 h.
    pub backup_timeout: Duration,
    /// Machines handed to the server in one piece. 1,000.
    pub import_batch_max: usize,
    /// From a connection, or the answer before, to the end of a request's head. 10 s.
    pub header_timeout: Duration,
    /// From there to the end of its body. 60 s.
    pub body_timeout: Duration,
    /// The longest life of a code with which a server joins. 30 days.
    pub invite_life_max: Duration,
}

impl Default for ApiLimits {
    fn default() -> ApiLimits {
        ApiLimits {
            connections_max: 64,
            header_bytes_max: 16 << 10,
            body_bytes_max: 1 << 20,
            imports_max: 1,
            surveys_max: 1,
            backups_max: 1,
            backup_timeout: Duration::from_secs(3_600),
            import_batch_max: 1_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            invite_life_max: Duration::from_secs(30 * 86_400),
        }
    }
}

/// What every route needs.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    port: Port,
    vendor_keys: VendorKeys,
    keyring: Option<Arc<Keyring>>,
    occupancy: Option<Occupancy>,
    desk: Option<Desk>,
    stated: Vec<LimitView>,
    limits: ApiLimits,
    import: ImportLimits,
    /// Connections to the socket there are.
    connections: AtomicUsize,
    imports: Semaphore,
    surveys: Semaphore,
    /// Held by the thread that reads, however its reader left.
    backups: Arc<Semaphore>,
}

/// What an API is made of.
pub struct ApiParts {
    pub port: Port,
    pub vendor_keys: VendorKeys,
    /// What the server proves itself with; none stands behind the ports of tests.
    pub keyring: Option<Arc<Keyring>>,
    /// How many call at the server's own port, where it has one.
    pub occupancy: Option<Occupancy>,
    /// Where scans are run; none stands behind the ports of tests.
    pub desk: Option<Desk>,
    /// Every limit as the configuration has it.
    pub stated: Vec<LimitView>,
    pub limits: ApiLimits,
    pub import: ImportLimits,
}

impl Api {
    pub fn new(parts: ApiParts) -> Api {
        let ApiParts { port, vendor_keys, keyring, occupancy, desk, stated, limits, import } =
            parts;
        let imports = Semaphore::new(limits.imports_max);
        let surveys = Semaphore::new(limits.surveys_max);
        let backups = Arc::new(Semaphore::new(limits.backups_max));
        Api(Arc::new(Inner {
            port,
            vendor_keys,
            keyring,
            occupancy,
            desk,
            stated,
            limits,
            import,
            connections: AtomicUsize::new(0),
            imports,
            surveys,
            backups,
        }))
    }

    /// Answers one request as the socket does for those whom it admits.
    pub async fn answer(&self, request: axum::extract::Request) -> axum::response::Response {
        let service = TowerToHyperService::new(routes::router(self.clone()));
        match service.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// The server's answer, unless it refuses.
    async fn ask(&self, request: Request) -> Result<Answer, Failure> {
        let answered = self.0.port.ask_at(request).await?;
        position::note(answered.log_index);
        match *answered.answer {
            Answer::Refused(refusal) => Err(Failure::Refused(refusal)),
            answer => Ok(answer),
        }
    }

    /// The prints of the authorities that this server believes, for codes.
    fn pins(&self) -> Result<Vec<[u8; 32]>, Failure> {
        let keyring = self.0.keyring.as_ref().ok_or(Failure::Stopping)?;
        let (_, authorities) = keyring.credentials();
        Ok(authorities.into_iter().map(|print| print.0).collect())
    }
}
