//! QUIC without the rules of lictree: clients that believe any server, come from any address of the
//! loopback, and show whatever certificate they like.

use crate::site::Site;
use lictree::model::enrolment::CertificateAnswer;
use lictree::wire::WireLimits;
use lictree::wire::join::{
    JoinCode, JoinRequest, decode_join_reply, encode_join_request, proof, proof_key,
};
use rcgen::{CertificateParams, Issuer, KeyPair, SanType};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// What a client shows of itself.
pub struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// A certificate that the tree's own authority has signed, with whatever URIs.
pub fn signed(site: &Site, uris: &[&str]) -> Shown {
    let folder = site.folder.path().join("stolen");
    site.authority.save(&folder).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let key = KeyPair::from_pem(&read("ca.key")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read("ca.pem"), key).unwrap();
    let mut wanted = CertificateParams::new(vec!["lictree".to_string()]).unwrap();
    wanted
        .subject_alt_names
        .extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
    let key = KeyPair::generate().unwrap();
    let made = wanted.signed_by(&key, &issuer).unwrap();
    Shown { chain: vec![made.der().clone()], key: PrivateKeyDer::Pkcs8(key.serialize_der().into()) }
}

/// One call. The endpoint must be kept for as long as the connection is used.
pub async fn call(
    from: Ipv4Addr,
    to: SocketAddr,
    protocol: &str,
    shown: Option<Shown>,
) -> Result<(quinn::Endpoint, quinn::Connection), quinn::ConnectionError> {
    let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous));
    let mut tls = match shown {
        Some(Shown { chain, key }) => tls.with_client_auth_cert(chain, key).unwrap(),
        None => tls.with_no_client_auth(),
    };
    tls.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let endpoint = quinn::Endpoint::client((from, 0).into()).unwrap();
    let connection = endpoint.connect_with(config, to, "lictree").unwrap().await?;
    Ok((endpoint, connection))
}

/// How a call of one who shows this ends.
pub async fn turned_away(
    to: SocketAddr,
    protocol: &str,
    shown: Option<Shown>,
) -> quinn::ConnectionError {
    match call(Ipv4Addr::LOCALHOST, to, protocol, shown).await {
        Err(error) => error,
        // With TLS 1.3 the client is done before the server has judged it.
        Ok((_endpoint, connection)) => connection.closed().await,
    }
}

/// A call to join, as somebody makes it who has their own idea of a code's secret.
pub struct JoinTry {
    pub from: Ipv4Addr,
    pub code: JoinCode,
    /// Of a key (PKCS#10).
    pub request: Vec<u8>,
}

/// The bytes of the request and the answer to it; the text is how the call ended without one.
pub async fn try_to_join(
    to: SocketAddr,
    it: &JoinTry,
) -> Result<(Vec<u8>, CertificateAnswer), String> {
    let (_endpoint, quic) = join_call(it.from, to).await?;
    let mut exporter = [0; 32];
    quic.export_keying_material(&mut exporter, b"EXPORTER lictree join", b"").unwrap();
    let proof = proof(&proof_key(&it.code.secret), &exporter, (&it.request, 0));
    let (invite, request) = (it.code.invite, it.request.clone());
    let bytes = encode_join_request(&JoinRequest { invite, request, had: 0, proof });
    let answer = say(&quic, &bytes).await?;
    Ok((bytes, answer))
}

/// Says bytes that were a request to join once, on a call of their own.
pub async fn say_again(
    from: Ipv4Addr,
    to: SocketAddr,
    bytes: &[u8],
) -> Result<CertificateAnswer, String> {
    let (_endpoint, quic) = join_call(from, to).await?;
    say(&quic, bytes).await
}

async fn join_call(
    from: Ipv4Addr,
    to: SocketAddr,
) -> Result<(quinn::Endpoint, quinn::Connection), String> {
    call(from, to, "lictree-join/1", None).await.map_err(|error| error.to_string())
}

async fn say(quic: &quinn::Connection, request: &[u8]) -> Result<CertificateAnswer, String> {
    let asked = async {
        let (mut send, mut receive) = quic.open_bi().await.map_err(|_| ())?;
        let len = u32::try_from(request.len()).unwrap().to_le_bytes();
        send.write_all(&[&len, request].concat()).await.map_err(|_| ())?;
        send.finish().map_err(|_| ())?;
        receive.read_to_end(64 << 10).await.map_err(|_| ())
    };
    let Ok(answer) = asked.await else { return Err(quic.closed().await.to_string()) };
    quic.close(0_u32.into(), b"that was all");
    Ok(decode_join_reply(&answer[4..], &WireLimits::default()).unwrap())
}

#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
