//! The Unix socket: bound for its user alone, served with bounds, removed at the end.

use crate::edge::api::Api;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::fs::Mode;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
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

impl ApiSocket {
    /// Binds `path` (0600) and serves it. What lies there is removed first: whoever calls this
    /// has the data folder for itself, so it is what a crash left.
    pub fn open(path: &Path, api: Api) -> io::Result<ApiSocket> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // For one call: what other threads make meanwhile is only more private.
        let before = rustix::process::umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
        let bound = UnixListener::bind(path);
        rustix::process::umask(before);
        let stop = CancellationToken::new();
        let task = AbortOnDropHandle::new(tokio::spawn(serve(bound?, api, stop.clone())));
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

async fn serve(listener: UnixListener, api: Api, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(api.0.limits.connections_max));
    let http = http(&api);
    let router = api.router();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        let Ok((stream, place)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (http, router) = (http.clone(), router.clone());
        connections.spawn(async move {
            talk(http, stream, router).await;
            drop(place);
        });
    }
    drop(listener);
    // Those that take longer are broken off.
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LAST_WORDS, all).await;
}

async fn accept(
    listener: &UnixListener,
    places: &Arc<Semaphore>,
) -> io::Result<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
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
