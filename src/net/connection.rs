//! A made connection: frames both ways, in order, each whole or not at all.
//!
//! ```text
//!   on the stream:   LL LL LL LL  frame bytes …   LL LL LL LL  frame bytes …
//!                    └ u32 little-endian: length of the frame, 1 to frame_bytes_max
//! ```
//!
//! The length is judged before anything is kept for the frame; a peer that announces too
//! much is cut off. When the last part of a connection (link, sender, receiver) is dropped, it is
//! closed at once, and what was queued is lost; [`FrameSender::finish`] delivers it first.

use crate::net::certificate::Peer;
use crate::net::error::code_and_reason;
use crate::net::queue::Queue;
use crate::net::{CloseCode, Closed, FrameSender, NetLimits, ReceiveError};
use quinn::{ReadError, RecvStream, SendStream};
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
            buffer: Vec::new(),
            frame_bytes_max: limits.frame_bytes_max,
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

    /// Where the peer is now; a child may move to another address while it is connected.
    pub fn remote_address(&self) -> SocketAddr {
        self.0.quic.remote_address()
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
                let unsaid = || (CloseCode::DROPPED, "the listener was closed".to_string());
                let (code, reason) = self.0.closed_here.get().cloned().unwrap_or_else(unsaid);
                Closed::Here { code, reason }
            }
            Quic::TimedOut => Closed::Idle { after: self.0.idle_timeout },
            Quic::Reset => Closed::Forgotten,
            other => Closed::Broken(crate::net::error::plain_text(other.to_string().as_bytes())),
        }
    }
}

/// Takes frames off a connection.
pub struct FrameReceiver {
    link: Link,
    stream: RecvStream,
    /// What has come and was not handed out: at most one unfinished frame and one read.
    buffer: Vec<u8>,
    frame_bytes_max: u32,
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
            if let Some(batch) = self.take_whole()? {
                return Ok(batch);
            }
            let mut pieces: [_; PIECES_PER_READ] = std::array::from_fn(|_| Default::default());
            match self.stream.read_chunks(&mut pieces).await {
                Ok(Some(count)) => {
                    pieces[..count].iter().for_each(|piece| self.buffer.extend_from_slice(piece));
                }
                Ok(None) if self.buffer.is_empty() => return Err(ReceiveError::Finished),
                Ok(None) => return Err(ReceiveError::Cut(self.buffer.len())),
                Err(error) => return Err(self.lost(error).await.into()),
            }
        }
    }

    /// Splits the whole frames off the buffer; the beginning of the next one stays.
    fn take_whole(&mut self) -> Result<Option<FrameBatch>, ReceiveError> {
        let (mut end, mut count) = (0, 0);
        loop {
            match frame_len(&self.buffer[end..], self.frame_bytes_max) {
                Ok(Some(len)) if self.buffer.len() - end >= 4 + len => {
                    end += 4 + len;
                    count += 1;
                }
                // A rule was broken, but not by the frames before.
                Err(error) if count == 0 => return Err(self.cut_off(error)),
                Ok(_) | Err(_) => break,
            }
        }
        if count == 0 {
            return Ok(None);
        }
        let begun = self.buffer.split_off(end);
        let bytes = std::mem::replace(&mut self.buffer, begun);
        Ok(Some(FrameBatch { bytes, count }))
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

/// The length that stands at the beginning of `bytes`, when it is whole and allowed.
fn frame_len(bytes: &[u8], allowed: u32) -> Result<Option<usize>, ReceiveError> {
    match bytes.first_chunk().map(|head| u32::from_le_bytes(*head)) {
        None => Ok(None),
        Some(0) => Err(ReceiveError::Empty),
        Some(found) if found > allowed => Err(ReceiveError::TooLong { found, allowed }),
        Some(found) => Ok(Some(found as usize)),
    }
}

/// Whole frames that came together, in order, in one piece of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameBatch {
    bytes: Vec<u8>,
    count: usize,
}

impl FrameBatch {
    /// How many frames; at least one.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The frames, first come first.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (head, after) = rest.split_first_chunk()?;
            let (frame, next) = after.split_at_checked(u32::from_le_bytes(*head) as usize)?;
            rest = next;
            Some(frame)
        })
    }
}
