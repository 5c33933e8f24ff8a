//! The side of joining that has no certificate yet: asks a server, once it has proven to be of the
//! tree that the code is for.

use crate::net::certificate::{self, DNS_NAME, Peer};
use crate::net::join::frame::{self, Fault};
use crate::net::join::{EXPORTER_BYTES, exporter};
use crate::net::{CloseCode, NetError, NetLimits, Refusal, Side, tls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// What a server answered to one who joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinReply {
    /// The answer, as the server sent it.
    pub bytes: Vec<u8>,
    /// The authorities (certificates, DER) the server showed whose keys are pinned. At least one.
    pub authorities: Vec<Vec<u8>>,
    /// The server that answered.
    pub server: Peer,
}

/// The most authorities that are looked at in what a server shows. A tree has one, or two while
/// one gives way to the other.
const SHOWN_MAX: usize = 16;
/// How long the end waits until the server was told.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// Certificates as a server shows them, its own first.
type Chain = Vec<CertificateDer<'static>>;

/// Asks the server at `address` to be let into its tree, and brings its answer.
///
/// The server must show an authority whose key (SHA-256 of its SubjectPublicKeyInfo) is one of
/// `pins`, and a certificate of that authority's for a server of its tree. Otherwise
/// [`NetError::NotPinned`]: then nothing was sent, and `make_request` was not called.
/// `make_request` gets the exporter of the connection; its bytes go to the server.
///
/// Ends within `handshake_timeout` and `join_timeout`. May be dropped at any await.
pub async fn join(
    address: SocketAddr,
    pins: &[[u8; 32]],
    limits: &NetLimits,
    make_request: impl FnOnce([u8; EXPORTER_BYTES]) -> Vec<u8>,
) -> Result<JoinReply, NetError> {
    limits.check()?;
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let endpoint =
        quinn::Endpoint::client(any).map_err(|source| NetError::Bind { address: any, source })?;
    let reply = call(&endpoint, address, pins, limits, make_request).await;
    endpoint.close(CloseCode::DONE.0.into(), b"that was all");
    // A server that cannot be told finds out by its own timeout.
    let _ = timeout(CLOSE_WITHIN, endpoint.wait_idle()).await;
    reply
}

async fn call(
    endpoint: &quinn::Endpoint,
    address: SocketAddr,
    pins: &[[u8; 32]],
    limits: &NetLimits,
    make_request: impl FnOnce([u8; EXPORTER_BYTES]) -> Vec<u8>,
) -> Result<JoinReply, NetError> {
    let algorithms = tls::cryptography().signature_verification_algorithms;
    let pinned = Pinned { pins: pins.to_vec(), algorithms };
    let config = tls::join_config(Arc::new(pinned), limits)?;
    let connecting = endpoint
        .connect_with(config, address, DNS_NAME)
        .map_err(|error| NetError::Address { address, why: error.to_string() })?;
    let after = limits.handshake_timeout;
    let quic = timeout(after, connecting)
        .await
        .map_err(|_| NetError::Unreachable { address, after })?
        .map_err(|error| match NetError::from_handshake(error, address, after) {
            NetError::Refused { by: Side::Here, why: Refusal::OtherAuthority } => {
                NetError::NotPinned { address }
            }
            other => other,
        })?;
    let after = limits.join_timeout;
    let asked = timeout(after, ask(&quic, pins, address, limits, make_request));
    asked.await.unwrap_or(Err(NetError::TooSlow { address, after }))
}

async fn ask(
    quic: &quinn::Connection,
    pins: &[[u8; 32]],
    address: SocketAddr,
    limits: &NetLimits,
    make_request: impl FnOnce([u8; EXPORTER_BYTES]) -> Vec<u8>,
) -> Result<JoinReply, NetError> {
    let lost = |error| NetError::from_handshake(error, address, limits.join_timeout);
    let bad = |why: String| NetError::BadAnswer { address, why };
    let shown = quic.peer_identity().and_then(|shown| shown.downcast::<Chain>().ok());
    let (server, authorities) = shown
        .as_deref()
        .and_then(|chain| pinned(chain.first()?, &chain[1..], pins))
        .ok_or(NetError::NotPinned { address })?;
    let request = make_request(exporter(quic).map_err(bad)?);
    let request = frame::made(&request, limits.join_bytes_max).map_err(NetError::Unsendable)?;
    let (mut send, mut receive) = quic.open_bi().await.map_err(lost)?;
    if send.write_all(&request).await.is_err() || send.finish().is_err() {
        // The server may have had enough before it had all; what it said is in its close.
        return Err(lost(quic.closed().await));
    }
    match frame::read(&mut receive, limits.join_bytes_max).await {
        Ok(bytes) => {
            let authorities = authorities.into_iter().map(|one| one.to_vec()).collect();
            Ok(JoinReply { bytes, authorities, server })
        }
        Err(Fault::Lost(error)) => Err(lost(error)),
        Err(fault) => Err(bad(fault.to_string())),
    }
}

/// The server that `leaf` names, and those of the `shown` authorities of its tree that are pinned;
/// nothing if there is none. That one of them has issued `leaf` is for the verifier to see.
fn pinned<'c>(
    leaf: &CertificateDer<'_>,
    shown: &'c [CertificateDer<'c>],
    pins: &[[u8; 32]],
) -> Option<(Peer, Vec<CertificateDer<'c>>)> {
    let server = Peer::named_by(leaf).ok()?;
    let of_the_tree = |shown: &&CertificateDer<'_>| {
        certificate::read_authority(shown).is_ok_and(|found| {
            // Only the whole certificate that the authority itself has signed is to be believed
            // later, not another one made around the same key.
            found.tree == server.tree
                && pins.contains(&found.public_key.print().0)
                && found.by_itself
        })
    };
    let authorities: Vec<_> = shown.iter().take(SHOWN_MAX).filter(of_the_tree).cloned().collect();
    (!authorities.is_empty()).then_some((server, authorities))
}

/// Believes a server whose authority is pinned, and no other.
#[derive(Debug)]
struct Pinned {
    pins: Vec<[u8; 32]>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        shown: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (_, authorities) =
            pinned(leaf, shown, &self.pins).ok_or(CertificateError::UnknownIssuer)?;
        let verifier =
            tls::server_verifier(&authorities).map_err(|_| CertificateError::UnknownIssuer)?;
        verifier.verify_server_cert(leaf, &[], name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
