//! What can go wrong between two servers that connect, in words for the person who must act.
//!
//! Text that a peer sent is cut and freed of control characters before it is kept.

use crate::model::name::{ServerName, TreeName};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Why an authority or an identity cannot be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("cannot {action} {}: {source}", .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{} may be read or changed by others (permissions {found:03o}); \
         run `chmod 600 {}`",
        .path.display(), .path.display()
    )]
    LooseFile { path: PathBuf, found: u32 },
    #[error(
        "the folder {} is open to others (permissions {found:03o}); run `chmod 700 {}`",
        .path.display(), .path.display()
    )]
    LooseFolder { path: PathBuf, found: u32 },
    #[error(
        "{} belongs to user {found}, but this program runs as user {expected}; \
         run `chown {expected} {}`",
        .path.display(), .path.display()
    )]
    OtherUser { path: PathBuf, found: u32, expected: u32 },
    #[error(
        "{} is larger than the {allowed} bytes that a certificate or key needs",
        .path.display()
    )]
    FileTooLong { path: PathBuf, allowed: u64 },
    #[error(
        "{} holds no usable {what}: {why}; restore it, or have a new one issued",
        .path.display()
    )]
    Unreadable { path: PathBuf, what: &'static str, why: String },
    #[error(
        "the certificate {} was not issued for the key {}; restore the one that belongs to it, \
         or have a new identity issued",
        .certificate.display(), .key.display()
    )]
    KeyMismatch { certificate: PathBuf, key: PathBuf },
    #[error("the certificate {} expired at {at}; have a new identity issued", .path.display())]
    Expired { path: PathBuf, at: String },
    #[error(
        "the certificate {} is valid only from {from}; check this machine's clock",
        .path.display()
    )]
    NotYetValid { path: PathBuf, from: String },
    #[error("cannot make a certificate: {0}")]
    Making(String),
    #[error("the request for a certificate cannot be granted: {0}")]
    Request(String),
    #[error("the certificates that came cannot be used: {0}; ask for new ones")]
    Answer(String),
}

/// Which side of a connection refused the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This program refused the peer.
    Here,
    /// The peer refused this program.
    Peer,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::Here => "refused the peer here",
            Side::Peer => "the peer refused us",
        })
    }
}

/// Why one side would not have the other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no certificate was shown; an identity of the tree is needed")]
    NoCertificate,
    #[error("the certificate was issued by another authority than this tree's")]
    OtherAuthority,
    #[error("the certificate is expired or not yet valid; renew it, or check both clocks")]
    Expired,
    #[error("the certificate is not acceptable: {0}")]
    BadCertificate(String),
    #[error(
        "the other side speaks neither lictree/1 nor, to join, lictree-join/1; \
         check the port and both versions"
    )]
    OtherProtocol,
    #[error("the certificate names no server of a tree: {0}")]
    NoName(String),
    #[error("the certificate is of the tree {found}, expected {expected}")]
    OtherTree { expected: TreeName, found: TreeName },
    #[error("the certificate is of the server {found}, expected {expected}")]
    OtherName { expected: ServerName, found: ServerName },
    #[error(
        "the certificate is denied: this enrolment of the server is not let in any more; \
         it must join anew"
    )]
    Denied,
    #[error("it opened the connection with other bytes than a lictree server does")]
    NoGreeting,
    #[error("it has called to join too often from its address; let a minute pass")]
    TooOften,
    #[error("it does not ask to join as lictree does: {0}")]
    BadJoin(String),
    #[error("the call to join got no answer")]
    NotAnswered,
    #[error("it has as many connections, handshakes or calls to join as it may ({0})")]
    Busy(String),
    #[error("{reason} (code {code})")]
    Told { code: CloseCode, reason: String },
}

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    #[error("the limits cannot work: {0}")]
    Limits(&'static str),
    #[error("cannot set up TLS with this identity: {0}")]
    Tls(String),
    #[error("cannot use the UDP address {address}: {source}")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("cannot connect to {address}: {why}")]
    Address { address: SocketAddr, why: String },
    #[error(
        "nothing answered at {address} within {after:?}; check address, port and firewall (UDP)"
    )]
    Unreachable { address: SocketAddr, after: Duration },
    #[error("{address} answered, but the connection was not complete within {after:?}")]
    TooSlow { address: SocketAddr, after: Duration },
    #[error("{by}: {why}")]
    Refused { by: Side, why: Refusal },
    #[error("the connection broke while it was made: {0}")]
    Broken(String),
    #[error(
        "the server at {address} is not of the tree this code is for; nothing was sent; \
         check the address, or ask for a new code"
    )]
    NotPinned { address: SocketAddr },
    #[error("the request to join cannot be sent: {0}")]
    Unsendable(SendError),
    #[error("{address} answered, but not as a server of lictree does: {why}")]
    BadAnswer { address: SocketAddr, why: String },
}

/// Why a connection that was made is no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    #[error("closed here: {reason} (code {code})")]
    Here { code: CloseCode, reason: String },
    #[error("closed by the peer: {reason} (code {code})")]
    ByPeer { code: CloseCode, reason: String },
    #[error("heard nothing from the peer for {after:?}")]
    Idle { after: Duration },
    #[error("the peer no longer knows the connection; it was probably restarted")]
    Forgotten,
    #[error("broken: {0}")]
    Broken(String),
}

/// Why a frame was not taken for sending.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("the send queue is full ({frames} frames, {bytes} bytes); close the connection")]
    Full { frames: usize, bytes: usize },
    #[error("a frame of {found} bytes is too long; at most {allowed} are allowed")]
    TooLong { found: usize, allowed: u32 },
    #[error("a frame without bytes cannot be sent")]
    Empty,
    #[error("no more frames can be sent: the connection is finished or closed")]
    Ended,
    #[error("the peer did not acknowledge all frames within {after:?}")]
    NotDelivered { after: Duration },
}

/// Why no further frame can be received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    #[error("the peer announced a frame of {found} bytes; at most {allowed} are allowed")]
    TooLong { found: u32, allowed: u32 },
    #[error("the peer announced a frame without bytes")]
    Empty,
    #[error("the peer ended in the middle of a frame, after {0} bytes of it")]
    Cut(usize),
    #[error("the peer has sent its last frame")]
    Finished,
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// A number that tells the peer why a connection is closed.
///
/// 0 to 255 belong to `net`; whoever uses a connection takes numbers from 256 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CloseCode(pub u32);

impl CloseCode {
    /// An orderly end.
    pub const DONE: CloseCode = CloseCode(0);
    /// Every part of the connection was dropped without a reason.
    pub const DROPPED: CloseCode = CloseCode(1);
    /// The peer's certificate names no server.
    pub const NO_NAME: CloseCode = CloseCode(2);
    /// The peer is of another tree.
    pub const OTHER_TREE: CloseCode = CloseCode(3);
    /// The peer is not the server that was expected.
    pub const OTHER_NAME: CloseCode = CloseCode(4);
    /// The connection did not begin as one of lictree does.
    pub const NO_GREETING: CloseCode = CloseCode(5);
    /// As many connections as may be are there.
    pub const BUSY: CloseCode = CloseCode(6);
    /// A frame longer than allowed was announced.
    pub const FRAME_TOO_LONG: CloseCode = CloseCode(7);
    /// A frame of length 0 was announced.
    pub const FRAME_EMPTY: CloseCode = CloseCode(8);
    /// The peer reads more slowly than frames arise; the send queue is full.
    pub const SEND_QUEUE_FULL: CloseCode = CloseCode(9);
    /// The peer's certificate is denied.
    pub const DENIED: CloseCode = CloseCode(10);
    /// Too many calls to join from one address.
    pub const TOO_OFTEN: CloseCode = CloseCode(11);
    /// A call to join that is not made as one.
    pub const BAD_JOIN: CloseCode = CloseCode(12);
    /// A call to join that nobody answered.
    pub const NOT_ANSWERED: CloseCode = CloseCode(13);
    /// A call to join that took too long.
    pub const TOO_SLOW: CloseCode = CloseCode(14);
    /// The first number that `net` leaves to its users.
    pub const FIRST_FREE: CloseCode = CloseCode(256);
}

impl std::fmt::Display for CloseCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The longest text kept of what a peer gave as its reason, in characters.
const REASON_CHARS_MAX: usize = 256;

/// A peer's text, fit to be shown: cut, and without control characters.
pub(crate) fn plain_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(REASON_CHARS_MAX).map(shown).collect()
}

impl Refusal {
    /// The refusal as the peer of a closed connection is told it.
    pub(crate) fn close_code(&self) -> CloseCode {
        match self {
            Refusal::NoName(_) | Refusal::NoCertificate => CloseCode::NO_NAME,
            Refusal::OtherTree { .. } => CloseCode::OTHER_TREE,
            Refusal::OtherName { .. } => CloseCode::OTHER_NAME,
            Refusal::NoGreeting => CloseCode::NO_GREETING,
            Refusal::Busy(_) => CloseCode::BUSY,
            Refusal::Denied => CloseCode::DENIED,
            Refusal::TooOften => CloseCode::TOO_OFTEN,
            Refusal::BadJoin(_) => CloseCode::BAD_JOIN,
            Refusal::NotAnswered => CloseCode::NOT_ANSWERED,
            Refusal::Told { code, .. } => *code,
            Refusal::OtherAuthority
            | Refusal::Expired
            | Refusal::BadCertificate(_)
            | Refusal::OtherProtocol => CloseCode::DROPPED,
        }
    }

    /// A TLS alert as a refusal. The numbers are those of RFC 8446, section 6.
    fn from_alert(alert: u8, reason: &str) -> Refusal {
        match alert {
            44 => Refusal::Denied,
            45 => Refusal::Expired,
            // 51: an authority of the same name, but with another key, fails in the signature.
            48 | 51 => Refusal::OtherAuthority,
            116 => Refusal::NoCertificate,
            120 => Refusal::OtherProtocol,
            _ => Refusal::BadCertificate(format!("TLS alert {alert} {reason}")),
        }
    }
}

/// The TLS alert inside a QUIC transport error code (RFC 9001, section 4.8).
fn alert_of(code: quinn::TransportErrorCode) -> Option<u8> {
    u64::from(code).checked_sub(0x100).and_then(|alert| u8::try_from(alert).ok())
}

impl NetError {
    /// What ended a handshake with `address`.
    pub(crate) fn from_handshake(
        error: quinn::ConnectionError,
        address: SocketAddr,
        after: Duration,
    ) -> NetError {
        use quinn::ConnectionError as Quic;
        let (by, why) = match error {
            Quic::TransportError(fault) => match alert_of(fault.code) {
                Some(alert) => (Side::Here, Refusal::from_alert(alert, &fault.reason)),
                None => return NetError::Broken(fault.to_string()),
            },
            Quic::ConnectionClosed(close) => {
                let reason = plain_text(&close.reason);
                match alert_of(close.error_code) {
                    Some(alert) => (Side::Peer, Refusal::from_alert(alert, &reason)),
                    None if close.error_code == quinn::TransportErrorCode::CONNECTION_REFUSED => {
                        (Side::Peer, Refusal::Busy("too many handshakes".to_string()))
                    }
                    None => return NetError::Broken(plain_text(close.to_string().as_bytes())),
                }
            }
            Quic::ApplicationClosed(close) => (Side::Peer, told(&close)),
            Quic::TimedOut => return NetError::Unreachable { address, after },
            other => return NetError::Broken(other.to_string()),
        };
        NetError::Refused { by, why }
    }
}

fn told(close: &quinn::ApplicationClose) -> Refusal {
    let (code, reason) = code_and_reason(close);
    match code {
        CloseCode::BUSY => Refusal::Busy(reason),
        CloseCode::DENIED => Refusal::Denied,
        CloseCode::TOO_OFTEN => Refusal::TooOften,
        CloseCode::NOT_ANSWERED => Refusal::NotAnswered,
        code => Refusal::Told { code, reason },
    }
}

/// What a peer gave when it closed. A number beyond 32 bits is none of ours.
pub(crate) fn code_and_reason(close: &quinn::ApplicationClose) -> (CloseCode, String) {
    let code = u32::try_from(close.error_code.into_inner()).unwrap_or(u32::MAX);
    (CloseCode(code), plain_text(&close.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_text_is_cut_and_made_plain() {
        assert_eq!(plain_text(b"bad\x1b[31m\nnews"), "bad [31m news");
        assert_eq!(plain_text(&[b'x'; 5000]).len(), REASON_CHARS_MAX);
        assert_eq!(plain_text(&[0xff, b'a']), "\u{fffd}a");
    }
}
