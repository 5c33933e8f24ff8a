//! One connection to a neighbour: greetings both ways, then letters both ways.
//!
//! ```text
//!   here                                       neighbour
//!    │ ── Hello: tree, name, versions, software ──► │
//!    │ ◄── Hello ────────────────────────────────── │   each judges the other's
//!    │   (tree and name must be those of its certificate; one version must be spoken by both)
//!    ▼
//!   LinkUp ─► owner        frames ─► letters ─► owner        end ─► LinkDown ─► owner
//! ```
//!
//! Invariants: the owner hears `LinkUp` before any letter, and `LinkDown` once, last. A full inbox
//! holds up the neighbour, nothing else.

use crate::daemon::author::Authors;
use crate::daemon::clock::wall;
use crate::daemon::keyring::Keyring;
use crate::daemon::links::{close_code, side_word};
use crate::daemon::owner::Event;
use crate::daemon::pace::Paces;
use crate::daemon::refused;
use crate::model::letter::{Body, Letter, LinkId};
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::request::Request;
use crate::net::{CloseCode, Connection, FrameReceiver, Peer, ReceiveError, SendError};
use crate::server::input::Side;
use crate::wire::{self, Frame, Hello, Incompatible, WireError, WireLimits};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// What all connections of one server share.
pub(super) struct Hall {
    inbox: mpsc::Sender<Event>,
    hello: Hello,
    limits: WireLimits,
    hello_timeout: Duration,
    keyring: Arc<Keyring>,
    authors: Authors,
    paces: Arc<Paces>,
    link_last: AtomicU64,
    /// Bodies of newer versions, passed over.
    unsupported: AtomicU64,
}

/// Why a connection is no more.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkEnd {
    #[error("it did not greet within {0:?}")]
    Silent(Duration),
    #[error("its first frame is no greeting: {0}")]
    NoHello(String),
    #[error("it greets as {said}, but its certificate is of {proven}")]
    OtherName { said: String, proven: String },
    #[error(transparent)]
    Version(#[from] Incompatible),
    #[error("a frame of it cannot be read: {0}")]
    Unreadable(WireError),
    #[error("{0}")]
    Lost(#[from] ReceiveError),
    #[error("{0}")]
    Unsent(#[from] SendError),
    #[error("it says what to believe, and no authority of the tree has sealed that")]
    NotSealed,
    #[error("it connects more often than allowed")]
    TooOften,
    #[error("its certificate has ended")]
    Expired,
    #[error("this server stops")]
    Stopping,
}

impl LinkEnd {
    fn close_code(&self) -> CloseCode {
        match self {
            LinkEnd::Silent(_) | LinkEnd::NoHello(_) | LinkEnd::OtherName { .. } => {
                close_code::NO_HELLO
            }
            LinkEnd::Version(_) => close_code::VERSION,
            LinkEnd::Unreadable(_) => close_code::UNREADABLE,
            LinkEnd::NotSealed => close_code::RULE_BROKEN,
            LinkEnd::TooOften => close_code::TOO_OFTEN,
            LinkEnd::Expired => close_code::CERTIFICATE,
            LinkEnd::Lost(_) | LinkEnd::Unsent(_) => CloseCode::DONE,
            LinkEnd::Stopping => close_code::STOPPING,
        }
    }
}

impl Hall {
    pub(super) fn new(
        inbox: mpsc::Sender<Event>,
        hello: Hello,
        limits: WireLimits,
        hello_timeout: Duration,
        (keyring, authors): (Arc<Keyring>, Authors),
        paces: Arc<Paces>,
    ) -> Hall {
        let (link_last, unsupported) = Default::default();
        Hall {
            inbox,
            hello,
            limits,
            hello_timeout,
            keyring,
            authors,
            paces,
            link_last,
            unsupported,
        }
    }

    /// A line in the event log about somebody who was refused. Left out where too much waits: the
    /// program's log has it.
    pub(super) fn tell_of(&self, refusal: Refusal) {
        let (answer, _nobody_waits) = oneshot::channel();
        let request = Box::new(Request::CallRefused(refusal));
        drop(self.inbox.try_send(Event::Asked { request, answer }));
    }

    /// The parent lets this server in no more.
    pub(super) async fn tell_shut_out(&self, by: ServerName) {
        let (answer, _nobody_waits) = oneshot::channel();
        let request = Box::new(Request::ShutOut { by });
        // A server that stops says so to nobody.
        let _ = self.post(Event::Asked { request, answer }).await;
    }

    async fn post(&self, event: Event) -> Result<(), LinkEnd> {
        self.inbox.send(event).await.map_err(|_| LinkEnd::Stopping)
    }
}

/// Carries letters both ways until the connection ends, and says why it did.
pub(super) async fn carry(hall: &Hall, connection: Connection, side: Side) -> LinkEnd {
    let Connection { link: line, sender, mut receiver } = connection;
    let number = LinkId(hall.link_last.fetch_add(1, Ordering::Relaxed) + 1);
    let (peer, what) = (line.peer().clone(), side_word(side));
    let Err(end) = async {
        // The parent is called from here, at this server's own pace.
        if side == Side::Below && !hall.paces.may_connect(&peer.name, Instant::now()) {
            return Err(LinkEnd::TooOften);
        }
        sender.try_send(wire::encode_hello(&hall.hello))?;
        let first = greeted(hall, &peer, &mut receiver).await?;
        let name = peer.name.clone();
        hall.post(Event::LinkUp { link: number, peer: name, side, sender }).await?;
        // A connection does not outlive what was proven for it.
        let life = peer.expires.since(wall());
        let letters = relay_letters(hall, number, &peer, first, &mut receiver);
        let end = tokio::time::timeout(life, letters).await.unwrap_or(Err(LinkEnd::Expired));
        hall.post(Event::LinkDown { link: number }).await?;
        end
    }
    .await;
    match &end {
        LinkEnd::Lost(_) | LinkEnd::Stopping => {
            tracing::info!(peer = %peer.name, side = what, "connection ended: {end}");
        }
        _ => tracing::warn!(peer = %peer.name, side = what, "connection ended here: {end}"),
    }
    if let Some(refusal) = refused::neighbour(&peer.name, &end) {
        hall.tell_of(refusal);
    }
    line.close(end.close_code(), &end.to_string());
    end
}

/// Waits for the neighbour's greeting and judges it; returns the letters that came with it.
async fn greeted(hall: &Hall, peer: &Peer, receiver: &mut FrameReceiver) -> Result<Batch, LinkEnd> {
    let within = hall.hello_timeout;
    let come = tokio::time::timeout(within, receiver.receive()).await;
    let batch = come.map_err(|_| LinkEnd::Silent(within))??;
    let mut frames = batch.iter();
    let first = frames.next().unwrap_or_default();
    let hello = wire::decode_hello(first, &hall.limits);
    let hello = hello.map_err(|error| LinkEnd::NoHello(error.to_string()))?;
    judge(&hall.hello, peer, &hello)?;
    letters(hall, peer, frames)
}

fn judge(own: &Hello, peer: &Peer, hello: &Hello) -> Result<(), LinkEnd> {
    if (&hello.tree, &hello.name) != (&peer.tree, &peer.name) {
        let shown = |tree: &_, name: &_| format!("{name} of the tree {tree}");
        let (said, proven) = (shown(&hello.tree, &hello.name), shown(&peer.tree, &peer.name));
        return Err(LinkEnd::OtherName { said, proven });
    }
    wire::agree(own, hello)?;
    Ok(())
}

/// Hands on what comes; ends only with the connection.
async fn relay_letters(
    hall: &Hall,
    link: LinkId,
    peer: &Peer,
    first: Batch,
    receiver: &mut FrameReceiver,
) -> Result<std::convert::Infallible, LinkEnd> {
    let mut batch = first;
    loop {
        let Batch { letters, forged } = batch;
        let pause = hall.paces.says(&peer.name, &letters, forged, Instant::now());
        if !letters.is_empty() {
            hall.post(Event::Letters { link, letters }).await?;
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        batch = self::letters(hall, peer, receiver.receive().await?.iter())?;
    }
}

/// The letters of such frames. One that was not written by its author is left out: who passed it on
/// may have it from another that lies.
fn letters<'a>(
    hall: &Hall,
    peer: &Peer,
    frames: impl Iterator<Item = &'a [u8]>,
) -> Result<Batch, LinkEnd> {
    let (mut letters, mut forged, mut told) = (Vec::new(), 0, None);
    for frame in frames {
        match wire::decode_frame(frame, &hall.limits) {
            Ok(Frame::Letter(letter)) => {
                if let Body::Trust(sealed) = &letter.body
                    && !hall.keyring.is_genuine(sealed)
                {
                    return Err(LinkEnd::NotSealed);
                }
                match hall.authors.judge(&letter, peer) {
                    Ok(true) => letters.push(letter),
                    Ok(false) => {}
                    Err(why) => {
                        forged += 1;
                        told = Some(refused::letter(&letter, &peer.name, &why));
                    }
                }
            }
            Ok(Frame::Hello(_)) => {
                return Err(LinkEnd::NoHello("it greets a second time".to_string()));
            }
            // A newer neighbour may say what this version does not know; it goes on without.
            Err(WireError::Unsupported { what, number }) => {
                let passed_over = hall.unsupported.fetch_add(1, Ordering::Relaxed) + 1;
                tracing::debug!(passed_over, "{what} number {number} is of a newer version");
            }
            Err(error) => return Err(LinkEnd::Unreadable(error)),
        }
    }
    told.into_iter().for_each(|refusal| hall.tell_of(refusal));
    Ok(Batch { letters, forged })
}

/// What came at once.
struct Batch {
    letters: Vec<Letter>,
    /// Letters that were left out because they are not their authors'.
    forged: usize,
}
