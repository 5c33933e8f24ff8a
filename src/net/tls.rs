//! TLS and transport settings: TLS 1.3, certificates from both sides, nothing resumed.
//!
//! A resumed session would skip the check of the peer's certificate and of the denials, so there
//! are no session tickets, no stored sessions and no early data. The cryptography is named here
//! and does not depend on a default of the whole process.

use crate::model::time::Timestamp;
use crate::net::certificate::DNS_NAME;
use crate::net::denials::UnlessDenied;
use crate::net::{Denials, Identity, NetError, NetLimits};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ConnectionId, ConnectionIdGenerator, TransportConfig, VarInt};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use std::sync::Arc;
use std::time::Duration;

/// The generation of the protocol. What stays compatible keeps it.
pub(crate) const ALPN: &[u8] = b"lictree/1";
/// The generation of joining, the one protocol served to those who have no certificate yet.
pub(crate) const JOIN_ALPN: &[u8] = b"lictree-join/1";

pub(crate) fn cryptography() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

pub(crate) fn fault(error: impl std::fmt::Display) -> NetError {
    NetError::Tls(error.to_string())
}

fn roots(authorities: &[CertificateDer<'_>]) -> Result<Arc<RootCertStore>, NetError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(fault)?;
    }
    Ok(Arc::new(roots))
}

/// Knows the certificates of callers that one of `authorities` has issued.
pub(crate) fn client_verifier(
    authorities: &[CertificateDer<'_>],
) -> Result<Arc<dyn ClientCertVerifier>, NetError> {
    let roots = roots(authorities)?;
    WebPkiClientVerifier::builder_with_provider(roots, cryptography()).build().map_err(fault)
}

pub(crate) fn key_of(identity: &Identity) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(identity.key().clone_key())
}

/// The same for those who are called.
pub(crate) fn server_verifier(
    authorities: &[CertificateDer<'_>],
) -> Result<Arc<dyn ServerCertVerifier>, NetError> {
    let roots = roots(authorities)?;
    let built = WebPkiServerVerifier::builder_with_provider(roots, cryptography()).build();
    Ok(built.map_err(fault)?)
}

/// How an endpoint names its connections, and ends those it does not know.
pub(crate) fn endpoint_config(identity: &Identity) -> quinn::EndpointConfig {
    let mut config = quinn::EndpointConfig::new(Arc::new(identity.reset_key().hmac()));
    config.cid_generator(|| Box::new(RandomNames));
    config
}

/// Connections are named by eight random bytes; any eight may be one of an earlier start.
struct RandomNames;

impl ConnectionIdGenerator for RandomNames {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut name = [0; 8];
        aws_lc_rs::rand::fill(&mut name)
            .expect("the system gives random bytes; TLS has just taken some");
        ConnectionId::new(&name)
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Judges a server's certificate by its own authorities, as a child would at `now`.
pub(crate) fn prove(identity: &Identity, now: Timestamp) -> Result<(), NetError> {
    let verifier = server_verifier(identity.authorities())?;
    let [leaf, between @ ..] = identity.chain() else {
        return Err(fault("it holds no certificate"));
    };
    let name = ServerName::try_from(DNS_NAME).map_err(fault)?;
    let at = UnixTime::since_unix_epoch(Duration::from_millis(now.0));
    verifier.verify_server_cert(leaf, between, &name, &[], at).map(|_| ()).map_err(fault)
}

/// How a parent answers its children.
pub(crate) fn server_config(
    identity: &Identity,
    denials: &Denials,
    limits: &NetLimits,
) -> Result<quinn::ServerConfig, NetError> {
    let inner = client_verifier(identity.authorities())?;
    let verifier = UnlessDenied { denials: denials.clone(), inner };
    let mut tls = rustls::ServerConfig::builder_with_provider(cryptography())
        .with_protocol_versions(&[&TLS13])
        .map_err(fault)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(identity.chain().to_vec(), key_of(identity))
        .map_err(fault)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    resume_nothing(&mut tls);
    let crypto = QuicServerConfig::try_from(tls).map_err(fault)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport(limits)?));
    config.max_incoming(limits.handshakes_max);
    config.incoming_buffer_size(limits.handshake_buffer_bytes);
    config.incoming_buffer_size_total(limits.handshake_buffers_bytes);
    Ok(config)
}

/// Every handshake is a whole one.
pub(crate) fn resume_nothing(tls: &mut rustls::ServerConfig) {
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.max_early_data_size = 0;
}

/// How a child asks.
pub(crate) fn client_config(
    identity: &Identity,
    denials: &Denials,
    limits: &NetLimits,
) -> Result<quinn::ClientConfig, NetError> {
    let inner = server_verifier(identity.authorities())?;
    let verifier = UnlessDenied { denials: denials.clone(), inner };
    let mut tls = rustls::ClientConfig::builder_with_provider(cryptography())
        .with_protocol_versions(&[&TLS13])
        .map_err(fault)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(identity.chain().to_vec(), key_of(identity))
        .map_err(fault)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    asking(tls, limits)
}

/// How one asks who wants to join and has no certificate yet.
pub(crate) fn join_config(
    verifier: Arc<dyn ServerCertVerifier>,
    limits: &NetLimits,
) -> Result<quinn::ClientConfig, NetError> {
    let mut tls = rustls::ClientConfig::builder_with_provider(cryptography())
        .with_protocol_versions(&[&TLS13])
        .map_err(fault)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    tls.alpn_protocols = vec![JOIN_ALPN.to_vec()];
    asking(tls, limits)
}

fn asking(
    mut tls: rustls::ClientConfig,
    limits: &NetLimits,
) -> Result<quinn::ClientConfig, NetError> {
    tls.resumption = rustls::client::Resumption::disabled();
    tls.enable_early_data = false;
    let crypto = QuicClientConfig::try_from(tls).map_err(fault)?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    let mut transport = transport(limits)?;
    // One side suffices to keep both awake; a parent with thousands of children stays quiet.
    transport.keep_alive_interval(Some(limits.keep_alive_interval));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

fn transport(limits: &NetLimits) -> Result<TransportConfig, NetError> {
    let window = VarInt::from_u32(limits.receive_window_bytes);
    let streams = VarInt::from_u32(limits.streams_max);
    let idle = limits.idle_timeout.try_into();
    let idle = idle.map_err(|_| NetError::Limits("idle_timeout is too long for QUIC"))?;
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(Some(idle))
        .max_concurrent_bidi_streams(streams)
        .max_concurrent_uni_streams(streams)
        .stream_receive_window(window)
        .receive_window(window)
        .send_window(limits.send_window_bytes)
        .datagram_receive_buffer_size(None);
    Ok(config)
}
