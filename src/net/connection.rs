//! A made connection: frames both ways, in order, each whole or not at all.
//!
//! ```text
//!   Connection ─┬─ sender ───► queue ─► writer task ─► stream ─►  peer
//!               ├─ receiver ◄───────────────────────── stream ◄─  peer
//!               └─ link: who is there, close, closed
//! ```
//!
//! When the last part of a connection is dropped, it is closed at once, and what was queued
//! is lost; [`FrameSender::finish`] delivers it first.

use crate::net::certificate::Peer;
use crate::net::error::{code_and_reason, plain_text};
use crate::net::frame::{FrameBatch, FrameBuffer};
use crate::net::neighbourhood::canonical;
use crate::net::queue::Queue;
use crate::net::{CloseCode, Closed, FrameSender, NetLimits, ReceiveError, greeting, signature};
use quinn::{ReadError, RecvStream, SendStream};
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

/// How many pieces one read may bring; a piece is what one packet carried (about 1.4 KiB).
const PIECES_PER_READ: usize = 32;

/// The parts of a connection, to be held by those who need them.
pub struct Connection {
    pub link: Link,
    pub sender: FrameSender,
    pub receiver: FrameReceiver,
}

impl Connection {
    /// Takes over a stream on which both greetings have passed.
    pub(crate) fn start(
        quic: quinn::Connection,
        peer: Peer,
        send: SendStream,
        receive: RecvStream,
        limits: &NetLimits,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Connection {
        let queue = Arc::new(Queue::new(limits));
        let writer = AbortOnDropHandle::new(tokio::spawn(queue.clone().write_to(send)));
        let link = Link(Arc::new(Shared {
            quic,
            peer,
            idle_timeout: limits.idle_timeout,
            closed_here: OnceLock::new(),
            _writer: writer,
            _slot: slot,
        }));
        let receiver = FrameReceiver {
            link: link.clone(),
            stream: receive,
            buffer: FrameBuffer::new(limits.frame_bytes_max),
        };
        Connection { sender: FrameSender::new(link.clone(), queue), receiver, link }
    }
}

/// The connection as a whole: who is there, and its end.
#[derive(Clone)]
pub struct Link(Arc<Shared>);

struct Shared {
    quic: quinn::Connection,
    peer: Peer,
    idle_timeout: Duration,
    closed_here: OnceLock<(CloseCode, String)>,
    /// Held so that the task ends with the connection.
    _writer: AbortOnDropHandle<()>,
    /// Counts against the listener's `connections_max`.
    _slot: Option<OwnedSemaphorePermit>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.quic.close(CloseCode::DROPPED.0.into(), b"dropped without a reason");
    }
}

impl Link {
    /// Who has proven to be at the other end.
    pub fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// Whether what the peer has shown still proves it to one who believes these authorities:
    /// they may be others than at the handshake.
    pub fn is_proven_to(&self, authorities: &[CertificateDer<'_>]) -> bool {
        let expires = self.peer().expires;
        greeting::chain(&self.0.quic).is_ok_and(|chain| {
            let Some((leaf, between)) = chain.split_first() else { return false };
            signature::check_issued(leaf, between, authorities, expires).is_ok()
        })
    }

    /// Where the peer is now; a child may move to another address while it is connected.
    pub fn remote_address(&self) -> SocketAddr {
        canonical(self.0.quic.remote_address())
    }

    /// The best current guess of the time to the peer and back.
    pub fn round_trip(&self) -> Duration {
        self.0.quic.rtt()
    }

    /// Ends the connection at once and tells the peer why. Frames not yet delivered are lost.
    /// Only the first reason counts.
    pub fn close(&self, code: CloseCode, reason: &str) {
        let _ = self.0.closed_here.set((code, reason.to_string()));
        self.0.quic.close(code.0.into(), reason.as_bytes());
    }

    /// Waits for the end of the connection and says why it came.
    pub async fn closed(&self) -> Closed {
        let error = self.0.quic.closed().await;
        self.explain(error)
    }

    fn explain(&self, error: quinn::ConnectionError) -> Closed {
        use quinn::ConnectionError as Quic;
        match error {
            Quic::ApplicationClosed(close) => {
                let (code, reason) = code_and_reason(&close);
                Closed::ByPeer { code, reason }
            }
            Quic::LocallyClosed => {
                let unsaid = || (CloseCode::DROPPED, "its socket was closed".to_string());
                let (code, reason) = self.0.closed_here.get().cloned().unwrap_or_else(unsaid);
                Closed::Here { code, reason }
            }
            Quic::TimedOut => Closed::Idle { after: self.0.idle_timeout },
            Quic::Reset => Closed::Forgotten,
            other => Closed::Broken(plain_text(other.to_string().as_bytes())),
        }
    }
}

/// Takes frames off a connection.
pub struct FrameReceiver {
    link: Link,
    stream: RecvStream,
    buffer: FrameBuffer,
}

impl FrameReceiver {
    /// The connection that it receives from.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// All whole frames that one read brought, at least one. Nothing is lost when this is
    /// dropped while it waits.
    ///
    /// A peer that breaks the rules of frames is cut off here; frames before that are handed
    /// out first.
    pub async fn receive(&mut self) -> Result<FrameBatch, ReceiveError> {
        loop {
            match self.buffer.take_whole() {
                Ok(Some(batch)) => return Ok(batch),
                Ok(None) => {}
                Err(error) => return Err(self.cut_off(error)),
            }
            let mut pieces: [_; PIECES_PER_READ] = std::array::from_fn(|_| Default::default());
            match self.stream.read_chunks(&mut pieces).await {
                Ok(Some(count)) => {
                    pieces[..count].iter().for_each(|piece| self.buffer.push(piece));
                }
                Ok(None) => return Err(self.buffer.end()),
                Err(error) => return Err(self.lost(error).await.into()),
            }
        }
    }

    fn cut_off(&self, error: ReceiveError) -> ReceiveError {
        let code = match &error {
            ReceiveError::Empty => CloseCode::FRAME_EMPTY,
            _ => CloseCode::FRAME_TOO_LONG,
        };
        self.link.close(code, &error.to_string());
        error
    }

    async fn lost(&self, error: ReadError) -> Closed {
        match error {
            ReadError::ConnectionLost(error) => self.link.explain(error),
            // Our peers never reset the stream of frames: the rest of the connection is of no use.
            other => {
                self.link.close(CloseCode::DROPPED, &other.to_string());
                self.link.closed().await
            }
        }
    }
}
