//! How a connection begins, and what both sides check before it is one.
//!
//! ```text
//!   child                                   parent
//!     ── TLS handshake, both certificates ──►
//!     checks tree and expected name           checks tree
//!     ── opens a stream: "LTC1" ────────────► counts its connections
//!     ◄──────────────────────────── "LTC1" ── still not denied
//!     still not denied
//! ```
//!
//! In TLS 1.3 the dialing side is through before the other has looked at its certificate;
//! the answering four bytes are what tells the child that it was let in.

use crate::model::name::TreeName;
use crate::net::certificate::Peer;
use crate::net::{Denials, NetError, Refusal, Side};
use quinn::{ReadError, ReadExactError, RecvStream};
use rustls::pki_types::CertificateDer;

/// The first bytes of each direction.
pub(crate) const GREETING: [u8; 4] = *b"LTC1";

/// The certificates that the peer has shown, its own first.
pub(crate) fn chain(quic: &quinn::Connection) -> Result<Vec<CertificateDer<'static>>, Refusal> {
    let shown = quic.peer_identity().ok_or(Refusal::NoCertificate)?;
    let chain = shown.downcast::<Vec<CertificateDer<'static>>>();
    chain.map(|chain| *chain).map_err(|_| Refusal::NoCertificate)
}

/// Who the peer has proven to be; refuses one of another tree.
pub(crate) fn proven_peer(quic: &quinn::Connection, tree: &TreeName) -> Result<Peer, Refusal> {
    let chain = chain(quic)?;
    let leaf = chain.first().ok_or(Refusal::NoCertificate)?;
    let peer = Peer::named_by(leaf).map_err(Refusal::NoName)?;
    if peer.tree != *tree {
        return Err(Refusal::OtherTree { expected: tree.clone(), found: peer.tree });
    }
    Ok(peer)
}

/// Looks once more before the peer is let in: a denial may have come since the handshake.
pub(crate) fn check_denials(peer: &Peer, denials: &Denials) -> Result<(), Refusal> {
    if denials.is_denied(peer) { Err(Refusal::Denied) } else { Ok(()) }
}

/// Closes `quic` and tells the peer why.
pub(crate) fn refuse(quic: &quinn::Connection, why: Refusal) -> NetError {
    quic.close(why.close_code().0.into(), why.to_string().as_bytes());
    NetError::Refused { by: Side::Here, why }
}

/// Reads the peer's first four bytes, and refuses it when they are others.
///
/// `lost` says what the end of a connection means here.
pub(crate) async fn read(
    quic: &quinn::Connection,
    stream: &mut RecvStream,
    lost: impl Fn(quinn::ConnectionError) -> NetError,
) -> Result<(), NetError> {
    let mut found = [0; GREETING.len()];
    match stream.read_exact(&mut found).await {
        Ok(()) if found == GREETING => Ok(()),
        Err(ReadExactError::ReadError(ReadError::ConnectionLost(error))) => Err(lost(error)),
        Ok(()) | Err(_) => Err(refuse(quic, Refusal::NoGreeting)),
    }
}
