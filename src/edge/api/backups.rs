//! The server's share of a backup, given out as it is read.
//!
//! ```text
//!   checkpoint now ─► picture of the rows ─► thread: pieces ─► some wait ─► body of the answer
//! ```
//! The owner's task waits for none of it. A thread holds the picture until the last piece is taken,
//! whoever asked has left, or the time for it is over. An answer that was broken off ends without
//! its last chunk, so nobody takes it for whole.

use crate::daemon::DaemonError;
use crate::daemon::backup::{BackupHead, RowsPicture, pour};
use crate::edge::api::Api;
use crate::edge::api::failure::Failure;
use crate::edge::codes;
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, Request};
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::io;
use std::ops::ControlFlow;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Pieces that wait for whoever reads the answer.
const PIECES_WAITING_MAX: usize = 4;

/// What the thread that reads says.
enum Poured {
    Piece(Vec<u8>),
    Whole,
}

pub(super) async fn create(State(api): State<Api>) -> Result<Response, Failure> {
    let place = api.0.backups.clone().try_acquire_owned().map_err(|_| Failure::BackupBusy)?;
    let Answer::Status(status) = api.ask(Request::Status).await? else {
        return Err(Failure::Unexpected);
    };
    let picture = api.0.port.picture().await?;
    if picture.rows() == 0 {
        return Err(Failure::Refused(Refusal::new(
            codes::BACKUP_NOT_MADE,
            "this server has just begun and has nothing yet that could be kept",
            "try again in a moment",
        )));
    }
    let head = BackupHead {
        folder: picture.folder().clone(),
        role: status.role,
        taken_at: status.as_of,
        at: picture.at(),
        rows: picture.rows(),
        software: status.software,
    };
    let (pieces, poured) = mpsc::channel(PIECES_WAITING_MAX);
    let until = Instant::now() + api.0.limits.backup_timeout;
    // It ends by itself: with the reader, or with its time.
    drop(tokio::task::spawn_blocking(move || {
        let given = give_out(&picture, &head, &pieces, until);
        // Whoever sees the end may ask for the next one.
        drop((picture, place));
        match given {
            Ok(ControlFlow::Continue(())) => drop(give(&pieces, Poured::Whole, until)),
            Ok(ControlFlow::Break(())) => {}
            Err(error) => tracing::error!("a backup was broken off: {error}"),
        }
    }));
    let body = stream::unfold(Some(poured), |poured| async move {
        let mut poured = poured?;
        match poured.recv().await {
            Some(Poured::Piece(piece)) => Some((Ok(piece), Some(poured))),
            Some(Poured::Whole) => None,
            None => Some((Err(io::Error::other("the backup was broken off")), None)),
        }
    });
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, Body::from_stream(body)).into_response())
}

/// Gives out all of it but the end. Blocks.
fn give_out(
    picture: &RowsPicture,
    head: &BackupHead,
    pieces: &mpsc::Sender<Poured>,
    until: Instant,
) -> Result<ControlFlow<()>, DaemonError> {
    let poured = pour(picture, head, |piece| give(pieces, Poured::Piece(piece), until))?;
    if poured.is_continue() {
        let change = head.at.index;
        tracing::info!(change, rows = head.rows, "a backup of this server was given out");
    }
    Ok(poured)
}

/// Waits until there is room for it; a break when nobody takes it any more, or not in time.
fn give(pieces: &mpsc::Sender<Poured>, poured: Poured, until: Instant) -> ControlFlow<()> {
    match Handle::current().block_on(timeout_at(until, pieces.send(poured))) {
        Ok(Ok(())) => ControlFlow::Continue(()),
        // Whoever asked has left.
        Ok(Err(_)) => ControlFlow::Break(()),
        Err(_) => {
            tracing::warn!("a backup was broken off: it was not fetched in time");
            ControlFlow::Break(())
        }
    }
}
