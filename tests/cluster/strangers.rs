//! Peers that break the rules are cut off with a word; the server goes on for all others.

use crate::site::{Process, Site, eventually, run};
use lictree::model::name::ServerName;
use lictree::model::request::Doing;
use lictree::net::{Closed, Connection, Denials, Dialer, Identity, NetLimits, ReceiveError};
use lictree::wire::{Hello, encode_hello};
use std::net::SocketAddr;

async fn connected(identity: &Identity, address: SocketAddr) -> Connection {
    let limits =
        NetLimits { frame_bytes_max: 2 << 20, send_window_bytes: 4 << 20, ..NetLimits::default() };
    let dialer = Dialer::toward(address, identity, &Denials::default(), limits).unwrap();
    let expected: ServerName = "hq".parse().unwrap();
    dialer.dial(address, &expected).await.unwrap()
}

/// What the server says when it closes; frames before that are read and dropped.
async fn last_word(mut connection: Connection) -> String {
    loop {
        match connection.receiver.receive().await {
            Ok(_) => {}
            Err(ReceiveError::Closed(Closed::ByPeer { reason, .. })) => return reason,
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_first_frame_that_is_no_greeting_ends_the_connection() {
    let site = Site::new();
    let server = Process::start(&site.primary("hq"));
    let west = site.identity("west");
    run(async {
        let connection = connected(&west, server.address()).await;
        connection.sender.try_send(b"GET / HTTP/1.1").unwrap();
        assert!(last_word(connection).await.contains("no greeting"));
    });
    run(server.client().status()).unwrap();
    server.stop();
}

#[test]
fn a_frame_above_the_limit_ends_the_connection() {
    let site = Site::new();
    let server = Process::start(&site.primary("hq"));
    let west = site.identity("west");
    run(async {
        let connection = connected(&west, server.address()).await;
        connection.sender.try_send(vec![7; 1_100_000]).unwrap();
        assert!(last_word(connection).await.contains("at most 1048576"));
    });
    run(server.client().status()).unwrap();
}

#[test]
fn who_is_shut_out_between_handshake_and_greeting_is_not_let_in() {
    let site = Site::new();
    let server = Process::start(&site.primary("hq"));
    let west: ServerName = "west".parse().unwrap();
    let relay = Process::start(&site.relay("west", "hq", server.address()));
    eventually("west is met", || run(server.client().server(&west)), |_| true);
    relay.stop();
    run(async {
        let connection = connected(&site.identity("west"), server.address()).await;
        server.client().remove_server(&west, Doing::Do).await.unwrap();
        let hello = Hello::of("acme".parse().unwrap(), west, 1, "test".to_string());
        connection.sender.try_send(encode_hello(&hello)).unwrap();
        assert!(last_word(connection).await.contains("removed from the tree"));
    });
    assert_eq!(run(server.client().servers()).unwrap().servers.len(), 1);
    server.stop();
}

#[test]
fn a_peer_without_a_certificate_or_of_another_protocol_is_not_let_in() {
    let site = Site::new();
    let server = Process::start(&site.primary("hq"));
    let address = server.address();
    for (protocol, expected) in [("lictree/1", "certificate"), ("h3", "protocol")] {
        let error = run(bare_call(address, protocol)).to_string().to_lowercase();
        assert!(error.contains(expected), "{protocol}: {error}");
    }
    run(server.client().status()).unwrap();
    let mut server = server;
    server.signal("TERM");
    server.ended();
    let log = server.log();
    assert!(log.contains("a call was not taken"), "{log}");
}

/// A call that shows no certificate and believes anyone; how it ends.
async fn bare_call(address: SocketAddr, protocol: &str) -> quinn::ConnectionError {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(std::sync::Arc::new(Credulous))
        .with_no_client_auth();
    tls.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let config = quinn::ClientConfig::new(std::sync::Arc::new(crypto));
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    match endpoint.connect_with(config, address, "lictree").unwrap().await {
        Err(error) => error,
        // With TLS 1.3 the client is done before the server has judged it.
        Ok(connection) => connection.closed().await,
    }
}

#[derive(Debug)]
struct Credulous;

impl rustls::client::danger::ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
