//! Frames on their way out: gathered while a write is under way, then written as one.
//!
//! ```text
//!   try_send ─► buffer ─┐ (everything gathered so far)
//!   try_send ─► buffer ─┴─► writer task: one write ─► QUIC stream
//! ```
//!
//! Invariant: what waits here and what is in the writer's hand together stay within the
//! limits of [`NetLimits`]; a frame is taken whole or not at all.

use crate::net::frame::LEN_BYTES;
use crate::net::{Link, NetLimits, SendError};
use quinn::SendStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Puts frames onto a connection. Clones put them onto the same one, each frame whole.
#[derive(Clone)]
pub struct FrameSender {
    link: Link,
    queue: Arc<Queue>,
}

impl FrameSender {
    pub(crate) fn new(link: Link, queue: Arc<Queue>) -> FrameSender {
        FrameSender { link, queue }
    }

    /// The connection that it sends on.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Takes a frame for sending, or says why not; never waits.
    ///
    /// On [`SendError::Full`] the peer is too slow: close the connection, nothing was taken.
    pub fn try_send(&self, frame: impl AsRef<[u8]>) -> Result<(), SendError> {
        self.queue.push(frame.as_ref())
    }

    /// Frames and bytes that the transport has not taken yet.
    pub fn queued(&self) -> (usize, usize) {
        let state = self.queue.state();
        (state.frames + state.writing_frames, state.buffer.len() + state.writing_bytes)
    }

    /// Takes no more frames, and waits until the peer has acknowledged every one.
    ///
    /// The peer's receiver then ends with `Finished`. The connection stays open the other way.
    pub async fn finish(&self, within: Duration) -> Result<(), SendError> {
        self.queue.state().finishing = true;
        self.queue.wake.notify_one();
        let mut outcome = self.queue.outcome.subscribe();
        let ended = outcome.wait_for(|outcome| *outcome != Outcome::Writing);
        match tokio::time::timeout(within, ended).await {
            Ok(Ok(outcome)) if *outcome == Outcome::Delivered => Ok(()),
            Ok(_) => Err(SendError::Ended),
            Err(_) => Err(SendError::NotDelivered { after: within }),
        }
    }
}

/// Frames that wait, as they go onto the stream.
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
    outcome: watch::Sender<Outcome>,
    frame_bytes_max: u32,
    frames_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    /// Lengths and frames, ready for the stream.
    buffer: Vec<u8>,
    frames: usize,
    writing_bytes: usize,
    writing_frames: usize,
    finishing: bool,
}

/// How far the writer has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Writing,
    /// The peer has acknowledged everything.
    Delivered,
    Lost,
}

enum Next {
    Write(Vec<u8>),
    Wait,
    Finish,
}

impl Queue {
    pub(crate) fn new(limits: &NetLimits) -> Queue {
        Queue {
            state: Mutex::default(),
            wake: Notify::new(),
            outcome: watch::Sender::new(Outcome::Writing),
            frame_bytes_max: limits.frame_bytes_max,
            frames_max: limits.send_queue_frames_max,
            bytes_max: limits.send_queue_bytes_max,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code under this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, frame: &[u8]) -> Result<(), SendError> {
        let (found, allowed) = (frame.len(), self.frame_bytes_max);
        let len = match u32::try_from(found) {
            Ok(0) => return Err(SendError::Empty),
            Ok(len) if len <= allowed => len,
            _ => return Err(SendError::TooLong { found, allowed }),
        };
        let mut state = self.state();
        if state.finishing || *self.outcome.borrow() != Outcome::Writing {
            return Err(SendError::Ended);
        }
        let frames = state.frames + state.writing_frames;
        let bytes = state.buffer.len() + state.writing_bytes;
        if frames >= self.frames_max || bytes + LEN_BYTES + found > self.bytes_max {
            return Err(SendError::Full { frames, bytes });
        }
        state.buffer.extend_from_slice(&len.to_le_bytes());
        state.buffer.extend_from_slice(frame);
        state.frames += 1;
        if state.frames == 1 {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Everything gathered so far; what was taken before counts as written.
    fn next(&self) -> Next {
        let mut state = self.state();
        let buffer = std::mem::take(&mut state.buffer);
        state.writing_bytes = buffer.len();
        state.writing_frames = std::mem::take(&mut state.frames);
        match (buffer.is_empty(), state.finishing) {
            (false, _) => Next::Write(buffer),
            (true, true) => Next::Finish,
            (true, false) => Next::Wait,
        }
    }

    /// The writer: ends when the peer has acknowledged all of a finished sender's frames, or
    /// with the connection.
    pub(crate) async fn write_to(self: Arc<Queue>, mut stream: SendStream) {
        let stopped = stream.stopped();
        let outcome = tokio::select! {
            stopped = stopped => match stopped {
                // Nothing stopped it: the end was reached and acknowledged.
                Ok(None) => Outcome::Delivered,
                Ok(Some(_)) | Err(_) => Outcome::Lost,
            },
            () = self.write_until_lost(&mut stream) => Outcome::Lost,
        };
        self.outcome.send_replace(outcome);
    }

    async fn write_until_lost(&self, stream: &mut SendStream) {
        loop {
            match self.next() {
                Next::Write(buffer) => {
                    if stream.write_chunk(buffer.into()).await.is_err() {
                        return;
                    }
                }
                Next::Wait => self.wake.notified().await,
                Next::Finish => {
                    // Fails only on a stream that was stopped, which ends the writer anyway.
                    let _ = stream.finish();
                    return std::future::pending().await;
                }
            }
        }
    }
}
