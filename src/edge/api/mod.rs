//! The one HTTP/JSON API of a server, over the Unix socket in its data folder.
//!
//! ```text
//!   command line, programs ──► DATA/lictree.sock (0600) ──► route ──► Port::ask ──► server
//!                                  │ license files are opened, imports are read, here
//!                                  ▼
//!        200 what was asked for │ 4xx {"error":{"code","message","hint"}} │ 503 the same
//! ```
//!
//! | method and path | request | answer |
//! |---|---|---|
//! | `GET /v1/status` | | `StatusView` |
//! | `GET` `POST /v1/licenses` | POST: a license file | `{"licenses":[…]}`, `LicenseView` |
//! | `POST /v1/holdings` | `HoldingBody` | `HoldingOutcome` |
//! | `GET /v1/servers`, `/v1/servers/NAME` | | `ServersView`, `ServerView` |
//! | `GET /v1/ranges`, `/v1/ranges/SOURCE` | | `RangesView` |
//! | `GET /v1/nodes?managing_source=a,b&state=…&text=…&after=…&limit=…` | | `NodePage` |
//! | `GET /v1/nodes/ID` | | `NodeView` |
//! | `POST /v1/nodes/manage`, `/ignore`, `/delete` | `DeviceList` | `{"devices":[…]}` |
//! | `POST /v1/imports?format=auto\|nmap\|arp` | a list of machines | `ImportOutcome` |
//! | `GET /v1/events?after=…&limit=…` | | `{"events":[…]}` |
//!
//! Invariant: whatever comes, in whatever size or speed, costs bounded memory and time.

mod failure;
mod holdings;
mod imports;
mod licenses;
mod nodes;
mod read;
mod socket;
mod views;

#[cfg(test)]
mod tests;

pub use socket::ApiSocket;

use crate::daemon::port::{AskError, Port};
use crate::edge::import::ImportLimits;
use crate::model::request::{Answer, Request};
use crate::wire::license_file::VendorPublicKey;
use axum::Router;
use axum::routing::{get, post};
use failure::Failure;
use std::sync::Arc;
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
    /// Machines handed to the server in one piece. 1,000.
    pub import_batch_max: usize,
    /// From a connection, or the answer before, to the end of a request's head. 10 s.
    pub header_timeout: Duration,
    /// From there to the end of its body. 60 s.
    pub body_timeout: Duration,
}

impl Default for ApiLimits {
    fn default() -> ApiLimits {
        ApiLimits {
            connections_max: 64,
            header_bytes_max: 16 << 10,
            body_bytes_max: 1 << 20,
            imports_max: 1,
            import_batch_max: 1_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
        }
    }
}

/// What every route needs.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    port: Port,
    vendor_keys: Vec<VendorPublicKey>,
    limits: ApiLimits,
    import: ImportLimits,
    imports: Semaphore,
}

impl Api {
    pub fn new(
        port: Port,
        vendor_keys: Vec<VendorPublicKey>,
        limits: ApiLimits,
        import: ImportLimits,
    ) -> Api {
        let imports = Semaphore::new(limits.imports_max);
        Api(Arc::new(Inner { port, vendor_keys, limits, import, imports }))
    }

    /// The server's answer, unless it refuses.
    async fn ask(&self, request: Request) -> Result<Answer, Failure> {
        match self.0.port.ask(request).await {
            Ok(Answer::Refused(refusal)) => Err(Failure::Refused(refusal)),
            Ok(answer) => Ok(answer),
            Err(AskError::Stopping) => Err(Failure::Stopping),
            Err(AskError::TooLate(waited)) => Err(Failure::TooLate(waited)),
        }
    }

    fn router(self) -> Router {
        Router::new()
            .route("/v1/status", get(views::status))
            .route("/v1/licenses", get(licenses::list).post(licenses::register))
            .route("/v1/holdings", post(holdings::set))
            .route("/v1/servers", get(views::servers))
            .route("/v1/servers/{name}", get(views::server))
            .route("/v1/ranges", get(views::ranges))
            .route("/v1/ranges/{source}", get(views::range))
            .route("/v1/nodes", get(nodes::list))
            .route("/v1/nodes/{id}", get(nodes::show))
            .route("/v1/nodes/manage", post(nodes::manage))
            .route("/v1/nodes/ignore", post(nodes::ignore))
            .route("/v1/nodes/delete", post(nodes::delete))
            .route("/v1/imports", post(imports::import))
            .route("/v1/events", get(views::events))
            .fallback(failure::no_such_path)
            .method_not_allowed_fallback(failure::no_such_path)
            .with_state(self)
    }
}
