//! The server's side of joining: one call of somebody who has no certificate yet.
//!
//! ```text
//!   handshake ─► rate, place ─► [request read] ─► JoinCall ─► whoever accepts ─► answer
//!                               └ join_request_timeout ┘
//!                               └──────────── one task, within join_timeout ─────────────┘
//! ```
//! The answer may have to come from the top of the tree, and gets its time. The request is all up
//! to the caller, and one who keeps silent must not keep a place for as long.
//!
//! Invariants: at most `joins_max` such tasks, and `joins_per_address_max` of one caller; none
//! lives longer than `join_timeout` after its handshake, nor than `join_request_timeout` without
//! a request, whatever the caller does or does not do.

use crate::net::join::frame::{self, Fault};
use crate::net::join::places::{Full, Place, Places};
use crate::net::join::rate::Rate;
use crate::net::join::{EXPORTER_BYTES, exporter};
use crate::net::{
    Arrival, CloseCode, NetError, NetLimits, Refusal, SendError, greeting, neighbourhood,
};
use quinn::{ConnectionError, RecvStream, SendStream, StoppedError, WriteError};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// Somebody wants to join and waits for an answer.
///
/// Who that is, nobody knows: only that they speak from `remote`, and what their request proves.
/// Dropped without an answer, the call is closed.
pub struct JoinCall {
    pub remote: SocketAddr,
    /// What they sent, at most `join_bytes_max`.
    pub request: Vec<u8>,
    /// Bytes that only the two ends of this connection know, the same at both. A proof made over
    /// them counts on no other connection.
    pub exporter: [u8; EXPORTER_BYTES],
    answer: oneshot::Sender<Vec<u8>>,
    join_bytes_max: u32,
}

impl JoinCall {
    /// Sends the one answer and ends the call. [`SendError::Ended`] when the caller is gone or its
    /// time is up; after [`SendError::TooLong`] or [`SendError::Empty`] the call is closed
    /// without an answer.
    pub fn answer(self, bytes: impl AsRef<[u8]>) -> Result<(), SendError> {
        let frame = frame::made(bytes.as_ref(), self.join_bytes_max)?;
        self.answer.send(frame).map_err(|_| SendError::Ended)
    }
}

/// Who may begin to join, of those whose handshake has ended.
pub(crate) struct JoinDoor {
    rate: Mutex<Rate>,
    places: Places,
    joins_max: usize,
    joins_per_address_max: usize,
    request_timeout: Duration,
    timeout: Duration,
    join_bytes_max: u32,
}

impl JoinDoor {
    pub(crate) fn new(limits: &NetLimits) -> JoinDoor {
        let per_minute = limits.joins_per_address_per_minute;
        JoinDoor {
            rate: Mutex::new(Rate::new(per_minute, limits.join_addresses_max)),
            places: Places::new(limits.joins_max, limits.joins_per_address_max),
            joins_max: limits.joins_max,
            joins_per_address_max: limits.joins_per_address_max,
            request_timeout: limits.join_request_timeout.min(limits.join_timeout),
            timeout: limits.join_timeout,
            join_bytes_max: limits.join_bytes_max,
        }
    }

    /// Calls under way in all and of the busiest caller, and callers of lately.
    pub(crate) fn occupied(&self) -> (usize, usize, usize) {
        let (all, most) = self.places.all_and_most();
        let rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        (all, most, rate.callers())
    }

    /// Lets a caller begin, or says why not. The handshake has proven that they are at `remote`.
    pub(crate) fn admit(
        &self,
        quic: quinn::Connection,
        remote: SocketAddr,
    ) -> Result<Joining, NetError> {
        let now = Instant::now();
        let caller = neighbourhood::caller(remote.ip());
        // No code under this lock can panic half-way through a change.
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        if !rate.take(caller, now.into_std()) {
            return Err(greeting::refuse(&quic, Refusal::TooOften));
        }
        drop(rate);
        let place = self.places.take(caller).map_err(|full| {
            let why = match full {
                Full::All => format!("{} calls to join", self.joins_max),
                Full::OfThisCaller => {
                    format!("{} calls to join from one address", self.joins_per_address_max)
                }
            };
            greeting::refuse(&quic, Refusal::Busy(why))
        })?;
        Ok(Joining {
            quic,
            remote,
            began: now,
            request_timeout: self.request_timeout,
            timeout: self.timeout,
            join_bytes_max: self.join_bytes_max,
            _place: place,
        })
    }
}

/// A call under way.
pub(crate) struct Joining {
    quic: quinn::Connection,
    remote: SocketAddr,
    /// When its handshake ended; both times count from then.
    began: Instant,
    request_timeout: Duration,
    timeout: Duration,
    join_bytes_max: u32,
    /// Counts against `joins_max` and `joins_per_address_max`.
    _place: Place,
}

impl Joining {
    /// Where the caller is.
    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Carries the call from its request to its answer, and closes it.
    pub(crate) async fn carry(self, arrived: mpsc::Sender<Arrival>) -> Result<(), NetError> {
        // Streams that are dropped tell the caller of an end; the reason must be there before.
        let mut streams = None;
        let served = within(self.began, self.timeout, self.serve(&mut streams, arrived)).await;
        match served {
            Ok(()) => {
                self.quic.close(CloseCode::DONE.0.into(), b"answered");
                Ok(())
            }
            Err(End::Refused(why)) => Err(greeting::refuse(&self.quic, why)),
            Err(End::Lost(error)) => {
                Err(NetError::from_handshake(error, self.remote, self.timeout))
            }
            Err(End::Slow(after)) => {
                let slow = NetError::TooSlow { address: self.remote, after };
                self.quic.close(CloseCode::TOO_SLOW.0.into(), slow.to_string().as_bytes());
                Err(slow)
            }
        }
    }

    async fn serve(
        &self,
        streams: &mut Option<(SendStream, RecvStream)>,
        arrived: mpsc::Sender<Arrival>,
    ) -> Result<(), End> {
        let opened = async { self.quic.accept_bi().await.map_err(End::Lost) };
        let opened = within(self.began, self.request_timeout, opened).await?;
        let (send, receive) = streams.insert(opened);
        tokio::select! {
            biased;
            answered = self.answer(send, receive, arrived) => answered,
            end = self.further_stream() => Err(end),
        }
    }

    async fn answer(
        &self,
        send: &mut SendStream,
        receive: &mut RecvStream,
        arrived: mpsc::Sender<Arrival>,
    ) -> Result<(), End> {
        let request = async { Ok(frame::read(receive, self.join_bytes_max).await?) };
        let request = within(self.began, self.request_timeout, request).await?;
        let exporter = exporter(&self.quic).map_err(End::bad)?;
        let (answer, answered) = oneshot::channel();
        let (remote, join_bytes_max) = (self.remote, self.join_bytes_max);
        let call = JoinCall { remote, request, exporter, answer, join_bytes_max };
        // Fails only when the listener is gone, and then the call goes with it.
        let _ = arrived.send(Arrival::Join(call)).await;
        let frame = answered.await.map_err(|_| End::Refused(Refusal::NotAnswered))?;
        match send.write_all(&frame).await {
            Ok(()) => {}
            Err(WriteError::ConnectionLost(error)) => return Err(End::Lost(error)),
            Err(error) => return Err(End::bad(error)),
        }
        // Fails only on a stream that was stopped, and so does the next.
        let _ = send.finish();
        match send.stopped().await {
            Ok(None) => Ok(()),
            // One who has the answer may close before its last acknowledgement is on its way.
            Err(StoppedError::ConnectionLost(ConnectionError::ApplicationClosed(close)))
                if close.error_code == CloseCode::DONE.0.into() =>
            {
                Ok(())
            }
            Err(StoppedError::ConnectionLost(error)) => Err(End::Lost(error)),
            Ok(Some(_)) | Err(_) => Err(End::bad("it does not want the answer")),
        }
    }

    /// Waits for what must not be: a stream beside the only one, or the end of the connection.
    async fn further_stream(&self) -> End {
        let opened = tokio::select! {
            opened = self.quic.accept_bi() => opened.map(drop),
            opened = self.quic.accept_uni() => opened.map(drop),
        };
        match opened {
            Ok(()) => End::bad("it opened a second stream"),
            Err(error) => End::Lost(error),
        }
    }
}

/// Why a call ends without an answer.
enum End {
    Refused(Refusal),
    Lost(ConnectionError),
    /// Its time, so much, is over.
    Slow(Duration),
}

/// What comes of `work`, if it is done so long after the beginning.
async fn within<T>(
    began: Instant,
    after: Duration,
    work: impl Future<Output = Result<T, End>>,
) -> Result<T, End> {
    timeout_at(began + after, work).await.unwrap_or(Err(End::Slow(after)))
}

impl End {
    fn bad(what: impl std::fmt::Display) -> End {
        End::Refused(Refusal::BadJoin(what.to_string()))
    }
}

impl From<Fault> for End {
    fn from(fault: Fault) -> End {
        match fault {
            Fault::Lost(error) => End::Lost(error),
            other => End::bad(other),
        }
    }
}
