//! The Unix socket: bound for its user, and a group if so told, served with bounds, removed at the
//! end.

use crate::edge::api::access::{Access, GroupRefused};
use crate::edge::api::{Api, failure, routes};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::fs::Mode;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How long requests under way may take once the server stops.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The pause after a connection could not be taken (no more file descriptors, usually).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A served socket. Dropping it ends everything at once and leaves the file.
pub struct ApiSocket {
    path: PathBuf,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    #[error(transparent)]
    Socket(#[from] io::Error),
    #[error(transparent)]
    Group(#[from] GroupRefused),
}

impl ApiSocket {
    /// Binds `path` (0600, or 0660 for a group) and serves it to whom `access` admits. What lies
    /// there is removed first: whoever calls this has the data folder for itself, so it is what a
    /// crash left.
    pub fn open(path: &Path, api: Api, access: Access) -> Result<ApiSocket, NotOpened> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        // For one call: what other threads make meanwhile is only more private.
        let before = rustix::process::umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
        let bound = UnixListener::bind(path);
        rustix::process::umask(before);
        let listener = bound?;
        access.open_to_group(path)?;
        let stop = CancellationToken::new();
        let task = AbortOnDropHandle::new(tokio::spawn(serve(listener, api, access, stop.clone())));
        Ok(ApiSocket { path: path.to_path_buf(), stop, task })
    }

    /// Removes the socket and gives requests under way a moment to end.
    pub async fn close(self) {
        // Whether it is gone already makes no difference.
        let _ = std::fs::remove_file(&self.path);
        self.stop.cancel();
        let _ = self.task.await;
    }
}

async fn serve(listener: UnixListener, api: Api, access: Access, stop: CancellationToken) {
    let (http, connections_max) = (http(&api), api.0.limits.connections_max);
    let router = routes::router(api.clone());
    let mut connections = JoinSet::new();
    loop {
        api.0.connections.store(connections.len(), Ordering::Relaxed);
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept(), if connections.len() < connections_max => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (http, router, access) = (http.clone(), router.clone(), access.clone());
        connections.spawn(async move {
            let router = if is_admitted(&access, &stream).await { router } else { closed() };
            talk(http, stream, router).await;
        });
    }
    drop(listener);
    // Those that take longer are broken off.
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LAST_WORDS, all).await;
}

/// Whether the program at the other end runs for somebody who may use the socket.
async fn is_admitted(access: &Access, stream: &UnixStream) -> bool {
    // Who cannot be told apart is a stranger.
    let Ok(peer) = stream.peer_cred() else { return false };
    let admitted = access.admits(peer).await;
    if !admitted {
        let (uid, gid) = (peer.uid(), peer.gid());
        tracing::info!(uid, gid, "somebody who may not use the socket was turned away");
    }
    admitted
}

/// What a stranger finds.
fn closed() -> Router {
    Router::new().fallback(failure::not_admitted)
}

fn http(api: &Api) -> http1::Builder {
    let limits = &api.0.limits;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes_max);
    http
}

async fn talk(http: http1::Builder, stream: UnixStream, router: Router) {
    let service = TowerToHyperService::new(router);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!("a connection to the socket ended: {error}");
    }
}
