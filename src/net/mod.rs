//! QUIC connections between proven identities. Carries bytes; knows nothing of licenses.
//!
//! ```text
//!   child                                                        parent
//!   Dialer ── TLS 1.3, both sides prove a certificate of the ──► Listener
//!     │        tree's own authority, ALPN lictree/1                 │
//!     │  "LTC1" on one bidirectional stream ──────────────────►     │ name and tree checked
//!     │  ◄───────────────────────── "LTC1": you are let in          │
//!     ▼                                                             ▼
//!   Connection { link, sender, receiver }        Connection { link, sender, receiver }
//!        frames: u32 little-endian length, then that many bytes, both ways
//! ```
//!
//! - `authority`: the tree's own certificate authority; issues identities.
//! - `identity`: what a server proves itself with, as files that only its user can read.
//! - `certificate`: what is read from a certificate: tree, server name, fingerprint, validity.
//! - `public_key`, `request`, `signature`: keys, asking for their certificates, signed bytes.
//! - `listener`, `dialer`: the two ends of making a connection; `greeting`: what both check.
//! - `reception`: which of its two protocols a listener speaks with a caller, and how.
//! - `join`: the second of them, for those who have no certificate yet.
//! - `neighbourhood`: which callers count as one. `allowance`: how much may come in a time.
//! - `denials`: valid certificates that are not to be let in any more.
//! - `connection`, `queue`, `frame`: frames on a made connection, gathered into few writes.
//! - `tls`, `reset_key`: settings of TLS and QUIC. `private_file`: files that survive a crash.
//! - `limits`: every bound, with its default; `occupancy`: how much of them is in use.
//!
//! Invariants: no connection is handed out before both sides accepted each other; a frame
//! is delivered whole, once and in order, or not at all; memory for a peer is bounded before
//! and after it has proven who it is.

mod allowance;
mod authority;
mod certificate;
mod connection;
mod denials;
mod dialer;
mod error;
mod frame;
mod greeting;
mod identity;
mod join;
mod limits;
mod listener;
mod neighbourhood;
mod occupancy;
mod private_file;
mod public_key;
mod queue;
mod reception;
mod request;
mod reset_key;
mod signature;
mod tls;

#[cfg(test)]
mod tests;

pub use allowance::Allowance;
pub use authority::{Authority, Certified, authority_print};
pub use certificate::{Fingerprint, Peer};
pub use connection::{Connection, FrameReceiver, Link};
pub use denials::Denials;
pub use dialer::Dialer;
pub use error::{
    CloseCode, Closed, IdentityError, NetError, ReceiveError, Refusal, SendError, Side,
};
pub use frame::{FrameBatch, FrameBuffer};
pub use identity::Identity;
pub use join::{JoinCall, JoinReply, join};
pub use limits::NetLimits;
pub use listener::{Arrival, Listener, Refused};
pub use occupancy::{Occupancy, Occupied};
pub use queue::FrameSender;
pub use request::{KeyAndRequest, SecretKey};
pub use signature::{Purpose, Signer, check_seal};
