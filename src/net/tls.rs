//! TLS and transport settings: TLS 1.3, certificates from both sides, nothing resumed.
//!
//! A resumed session would skip the check of the peer's certificate, so there are no session
//! tickets, no stored sessions and no early data. The cryptography is named here and does not
//! depend on a default of the whole process.

use crate::net::{Identity, NetError, NetLimits};
use aws_lc_rs::hmac;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ConnectionId, ConnectionIdGenerator, TransportConfig, VarInt};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use std::sync::Arc;

/// The generation of the protocol. What stays compatible keeps it.
pub(crate) const ALPN: &[u8] = b"lictree/1";

fn cryptography() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn fault(error: impl std::fmt::Display) -> NetError {
    NetError::Tls(error.to_string())
}

fn believed(identity: &Identity) -> Result<Arc<RootCertStore>, NetError> {
    let mut roots = RootCertStore::empty();
    for authority in identity.authorities() {
        roots.add(authority.clone()).map_err(fault)?;
    }
    Ok(Arc::new(roots))
}

fn key_of(identity: &Identity) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(identity.key().clone_key())
}

/// How an endpoint names its connections, and ends those it does not know.
///
/// The key of the resets comes from the identity, so that a parent that crashed and is back ends
/// at once what its children still send into the old connection (RFC 9000, 10.3). With a random
/// key a child would notice only after its idle timeout.
pub(crate) fn endpoint_config(identity: &Identity) -> quinn::EndpointConfig {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, identity.key().secret_pkcs8_der());
    let derived = hmac::sign(&secret, b"lictree reset of connections");
    let reset = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
    let mut config = quinn::EndpointConfig::new(Arc::new(reset));
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

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

/// How a parent answers.
pub(crate) fn server_config(
    identity: &Identity,
    limits: &NetLimits,
) -> Result<quinn::ServerConfig, NetError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(believed(identity)?, cryptography());
    let mut tls = rustls::ServerConfig::builder_with_provider(cryptography())
        .with_protocol_versions(&[&TLS13])
        .map_err(fault)?
        .with_client_cert_verifier(verifier.build().map_err(fault)?)
        .with_single_cert(identity.chain().to_vec(), key_of(identity))
        .map_err(fault)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.max_early_data_size = 0;
    let crypto = QuicServerConfig::try_from(tls).map_err(fault)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport(limits)?));
    config.max_incoming(limits.handshakes_max);
    config.incoming_buffer_size(limits.handshake_buffer_bytes);
    config.incoming_buffer_size_total(limits.handshake_buffers_bytes);
    Ok(config)
}

/// How a child asks.
pub(crate) fn client_config(
    identity: &Identity,
    limits: &NetLimits,
) -> Result<quinn::ClientConfig, NetError> {
    let mut tls = rustls::ClientConfig::builder_with_provider(cryptography())
        .with_protocol_versions(&[&TLS13])
        .map_err(fault)?
        .with_root_certificates(believed(identity)?)
        .with_client_auth_cert(identity.chain().to_vec(), key_of(identity))
        .map_err(fault)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
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
