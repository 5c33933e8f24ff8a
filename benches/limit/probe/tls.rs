//! Certificates of one authority, and the settings of both ends.

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{TransportConfig, VarInt};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub const SERVER: &str = "server";
pub const CLIENT: &str = "client";
/// What both certificates are for.
pub const NAME: &str = "limit";

/// Writes an authority's certificate, and a certificate with its key for both ends.
pub fn make_certificates(folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(folder.join("authority.der"), authority.self_signed(&key).unwrap().der()).unwrap();
    let issuer = Issuer::new(authority, key);
    let ends = [
        (SERVER, ExtendedKeyUsagePurpose::ServerAuth),
        (CLIENT, ExtendedKeyUsagePurpose::ClientAuth),
    ];
    for (end, usage) in ends {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![NAME.to_string()]).unwrap();
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::write(folder.join(format!("{end}.der")), certificate.der()).unwrap();
        fs::write(folder.join(format!("{end}.key")), key.serialize_der()).unwrap();
    }
}

/// What one end proves itself with, and whom it believes.
pub struct Files {
    pub authorities: Arc<RootCertStore>,
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

fn read(folder: &Path, end: &str) -> Files {
    let bytes = |name: &str| fs::read(folder.join(name)).unwrap();
    let mut authorities = RootCertStore::empty();
    authorities.add(bytes("authority.der").into()).unwrap();
    Files {
        authorities: Arc::new(authorities),
        chain: vec![bytes(&format!("{end}.der")).into()],
        key: PrivatePkcs8KeyDer::from(bytes(&format!("{end}.key"))).into(),
    }
}

fn cryptography() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// As in `src/net`: 16 streams, windows of 1 MiB, nothing resumed.
fn transport() -> TransportConfig {
    let (window, streams) = (1024 * 1024, VarInt::from_u32(16));
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(Some(Duration::from_secs(30).try_into().unwrap()))
        .max_concurrent_bidi_streams(streams)
        .max_concurrent_uni_streams(streams)
        .stream_receive_window(VarInt::from_u32(window))
        .receive_window(VarInt::from_u32(window))
        .send_window(u64::from(window))
        .datagram_receive_buffer_size(None);
    config
}

pub fn server(folder: &Path) -> quinn::ServerConfig {
    answering(read(folder, SERVER), NAME)
}

/// Asks every caller for a certificate of one of the authorities.
pub fn answering(files: Files, protocol: &str) -> quinn::ServerConfig {
    let Files { authorities, chain, key } = files;
    let verifier = WebPkiClientVerifier::builder_with_provider(authorities, cryptography());
    let mut tls = rustls::ServerConfig::builder_with_provider(cryptography())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain, key)
        .unwrap();
    tls.alpn_protocols = vec![protocol.into()];
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    let crypto = QuicServerConfig::try_from(tls).unwrap();
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport()));
    config
}

pub fn client(folder: &Path) -> quinn::ClientConfig {
    let Files { authorities, chain, key } = read(folder, CLIENT);
    let mut tls = rustls::ClientConfig::builder_with_provider(cryptography())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(authorities)
        .with_client_auth_cert(chain, key)
        .unwrap();
    tls.alpn_protocols = vec![NAME.into()];
    tls.resumption = rustls::client::Resumption::disabled();
    let crypto = QuicClientConfig::try_from(tls).unwrap();
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    let mut transport = transport();
    transport.keep_alive_interval(Some(Duration::from_secs(10)));
    config.transport_config(Arc::new(transport));
    config
}
