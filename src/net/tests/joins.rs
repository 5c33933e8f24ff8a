//! Joining: who is believed, what goes over, and what both ends know then.

use super::strangers::{believing, nameless, raw_tls, refusal};
use super::{Family, LOOPBACK, authority, issue, limits, name, now};
use crate::model::holding::Role;
use crate::model::time::Timestamp;
use crate::net::{
    Arrival, Authority, Identity, JoinCall, JoinReply, Listener, NetError, NetLimits, Refusal,
    Side, join, tls,
};
use quinn::crypto::rustls::QuicServerConfig;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

impl Listener {
    pub(super) async fn joining(&mut self) -> JoinCall {
        match self.accept().await {
            Some(Arrival::Join(call)) => call,
            Some(Arrival::Refused(refused)) => panic!("refused: {}", refused.error),
            Some(Arrival::Connected(_)) => panic!("a neighbour came"),
            None => panic!("the listener has ended"),
        }
    }
}

fn pin(authority: &Authority) -> [u8; 32] {
    authority.print().0
}

/// One who has a code of the family's tree, and asks with it.
pub(super) struct Asker {
    address: SocketAddr,
    pins: [[u8; 32]; 1],
    limits: NetLimits,
}

impl Family {
    pub(super) fn asker(&self) -> Asker {
        let pins = [pin(&self.authority)];
        Asker { address: self.address, pins, limits: self.limits.clone() }
    }
}

impl Asker {
    pub(super) fn with(self, limits: NetLimits) -> Asker {
        Asker { limits, ..self }
    }

    pub(super) async fn ask(&self) -> Result<JoinReply, NetError> {
        self.ask_with(b"let me in".to_vec()).await
    }

    pub(super) async fn ask_with(&self, request: Vec<u8>) -> Result<JoinReply, NetError> {
        join(self.address, &self.pins, &self.limits, |_| request).await
    }
}

/// Joins where nobody may be believed: the request must not even be made.
async fn ask_in_vain(address: SocketAddr, pins: &[[u8; 32]]) -> NetError {
    let made = |_| -> Vec<u8> { panic!("the request was made") };
    join(address, pins, &limits(), made).await.unwrap_err()
}

#[track_caller]
fn assert_not_pinned(error: &NetError, at: SocketAddr) {
    assert!(matches!(error, NetError::NotPinned { address } if *address == at), "{error}");
}

#[tokio::test]
async fn one_frame_goes_each_way_and_both_ends_know_the_same_secret() {
    let mut family = Family::new(limits());
    let (address, pins) = (family.address, [pin(&family.authority)]);
    let mut known = [0; 32];
    let request = |exporter| {
        known = exporter;
        vec![7; 16 * 1024]
    };
    let asked = join(address, &pins, &family.limits, request);
    let answered = async {
        let call = family.listener.joining().await;
        let (remote, exporter) = (call.remote, call.exporter);
        assert_eq!(call.request, vec![7; 16 * 1024]);
        call.answer(vec![9; 16 * 1024]).unwrap();
        (remote, exporter)
    };
    let (reply, (remote, exporter)) = tokio::join!(asked, answered);
    let reply = reply.unwrap();
    assert_eq!(reply.bytes, vec![9; 16 * 1024]);
    assert_eq!(reply.authorities, [family.authority.certificate()]);
    assert_eq!((reply.server.tree.as_str(), reply.server.name.as_str()), ("acme", "top"));
    assert_eq!(remote.ip(), LOOPBACK.ip());
    assert_eq!(exporter, known);
    assert_ne!(exporter, [0; 32]);
    assert_eq!(family.listener.refused_count(), 0);
}

#[tokio::test]
async fn every_connection_has_another_secret() {
    let mut family = Family::new(limits());
    let mut seen = Vec::new();
    for _ in 0..2 {
        let answered = async {
            let call = family.listener.joining().await;
            seen.push(call.exporter);
            call.answer([1]).unwrap();
        };
        let pins = [pin(&family.authority)];
        let asked = join(family.address, &pins, &family.limits, |_| vec![1]);
        tokio::join!(asked, answered).0.unwrap();
    }
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_key_made_by_one_who_joins_becomes_an_identity_that_connects() {
    let mut family = Family::new(limits());
    let new = Identity::request().unwrap();
    let pins = [pin(&family.authority)];
    let asked = join(family.address, &pins, &family.limits, |_| new.request.clone());
    let answered = async {
        let call = family.listener.joining().await;
        let life = Duration::from_secs(3_600);
        let certified =
            family.authority.certify(&call.request, (Role::Relay, &name("west"), 4), now(), life);
        call.answer(&certified.unwrap().chain[0]).unwrap();
    };
    let reply = tokio::join!(asked, answered).0.unwrap();
    family.child = Identity::assemble(new.key, vec![reply.bytes], reply.authorities).unwrap();
    let (_child, parent) = family.connect().await;
    assert_eq!((parent.link.peer().name.as_str(), parent.link.peer().enrolment), ("west", 4));
}

#[tokio::test]
async fn a_server_with_another_pin_gets_nothing_of_the_request() {
    let mut family = Family::new(limits());
    for pins in [vec![pin(&authority("acme"))], vec![]] {
        let (error, refused) =
            tokio::join!(ask_in_vain(family.address, &pins), family.listener.refused());
        assert_not_pinned(&error, family.address);
        let said = "is not of the tree this code is for";
        assert!(error.to_string().contains(said), "{error}");
        // The handshake failed at the one who asks: there was never a stream.
        assert_eq!(refusal(refused.error), (Side::Peer, Refusal::OtherAuthority));
    }
}

/// A server of any kind that speaks lictree-join/1; what its handshake came to.
async fn impostor(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    pins: &[[u8; 32]],
) -> NetError {
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    tls.alpn_protocols = vec![tls::JOIN_ALPN.to_vec()];
    let crypto = Arc::new(QuicServerConfig::try_from(tls).unwrap());
    let endpoint =
        quinn::Endpoint::server(quinn::ServerConfig::with_crypto(crypto), LOOPBACK).unwrap();
    let address = endpoint.local_addr().unwrap();
    let served = async { endpoint.accept().await.unwrap().await };
    let (error, served) = tokio::join!(ask_in_vain(address, pins), served);
    assert!(served.is_err(), "the impostor's handshake was whole");
    match error {
        NetError::NotPinned { address: at } => assert_eq!(at, address),
        NetError::Refused { by: Side::Here, .. } => {}
        ref other => panic!("{other}"),
    }
    error
}

fn shown(identity: &Identity, authority: &[u8]) -> Vec<CertificateDer<'static>> {
    vec![identity.chain()[0].clone(), CertificateDer::from(authority.to_vec())]
}

#[tokio::test]
async fn an_impostor_who_shows_the_pinned_authority_is_not_believed() {
    let (tree, other) = (authority("acme"), authority("acme"));
    let pins = [pin(&tree)];
    let own = issue(&other, "top");
    let key = || PrivateKeyDer::Pkcs8(own.key().clone_key());
    // Its certificate was issued by another authority, of the same name even.
    let error = impostor(shown(&own, tree.certificate()), key(), &pins).await;
    assert!(matches!(error, NetError::NotPinned { .. }), "{error}");
    let error = impostor(shown(&own, other.certificate()), key(), &pins).await;
    assert!(matches!(error, NetError::NotPinned { .. }), "{error}");
}

#[tokio::test]
async fn a_pinned_authority_must_be_shown_as_it_made_itself() {
    let tree = authority("acme");
    let own = issue(&tree, "top");
    let key = || PrivateKeyDer::Pkcs8(own.key().clone_key());
    // The serial number stands right behind the version.
    let mut changed = tree.certificate().to_vec();
    let serial = changed.windows(3).position(|found| found == [2, 1, 2]).unwrap() + 6;
    changed[serial] ^= 1;
    let pins = [pin(&tree)];
    let error = impostor(shown(&own, &changed), key(), &pins).await;
    assert!(matches!(error, NetError::NotPinned { .. }), "{error}");
    let error = impostor(own.chain().to_vec(), key(), &pins).await;
    assert!(matches!(error, NetError::NotPinned { .. }), "{error}");
}

#[tokio::test]
async fn one_that_the_authority_made_no_server_is_not_believed() {
    let (root, leaf, key) = nameless();
    let print = crate::net::public_key::sha256(
        x509_parser::parse_x509_certificate(&root).unwrap().1.public_key().raw,
    );
    let error = impostor(vec![leaf, root], key, &[print]).await;
    assert!(matches!(error, NetError::NotPinned { .. }), "{error}");
}

#[tokio::test]
async fn a_server_whose_certificate_has_expired_is_told_apart() {
    let tree = authority("acme");
    let long_ago = Timestamp(now().0 - 2 * 86_400_000);
    let own = tree.issue(Role::Relay, &name("top"), long_ago, Duration::from_secs(86_400)).unwrap();
    let key = PrivateKeyDer::Pkcs8(own.key().clone_key());
    let error = impostor(shown(&own, tree.certificate()), key, &[pin(&tree)]).await;
    assert_eq!(refusal(error), (Side::Here, Refusal::Expired));
}

#[tokio::test]
async fn a_code_with_two_pins_finds_its_tree_while_authorities_change() {
    let mut family = Family::new(limits());
    let next = authority("acme");
    let both = believing(issue(&family.authority, "top"), &issue(&next, "top"));
    family.listener.renew(&both).unwrap();
    let (old_pin, new_pin, stranger) = (pin(&family.authority), pin(&next), pin(&authority("x")));
    let certificates = [family.authority.certificate(), next.certificate()].map(<[u8]>::to_vec);
    for (pins, expected) in [
        (vec![old_pin], &certificates[..1]),
        (vec![stranger, old_pin], &certificates[..1]),
        (vec![new_pin, old_pin], &certificates[..]),
    ] {
        let asked = join(family.address, &pins, &family.limits, |_| vec![1]);
        let answered = async { family.listener.joining().await.answer([2]).unwrap() };
        assert_eq!(tokio::join!(asked, answered).0.unwrap().authorities, expected);
    }
    // It believes the next one, but has no certificate of it yet.
    let pins = [new_pin];
    let (error, _) = tokio::join!(ask_in_vain(family.address, &pins), family.listener.refused());
    assert_not_pinned(&error, family.address);
    let renewed = believing(issue(&next, "top"), &issue(&family.authority, "top"));
    family.listener.renew(&renewed).unwrap();
    let asked = join(family.address, &pins, &family.limits, |_| vec![1]);
    let answered = async { family.listener.joining().await.answer([2]).unwrap() };
    assert_eq!(tokio::join!(asked, answered).0.unwrap().authorities, certificates[1..]);
}

#[tokio::test]
async fn authorities_are_shown_to_those_who_join_only() {
    let family = Family::new(limits());
    let config = tls::client_config(&family.child, &family.denials, &family.limits).unwrap();
    for (config, expected) in [(config, 1), (raw_config(&family), 2)] {
        let endpoint = quinn::Endpoint::client(LOOPBACK).unwrap();
        let connecting = endpoint.connect_with(config, family.address, "lictree").unwrap();
        let quic = connecting.await.unwrap();
        let chain = quic.peer_identity().unwrap().downcast::<Vec<CertificateDer<'static>>>();
        assert_eq!(chain.unwrap().len(), expected);
    }
}

/// The settings of one who joins and believes the family's authority.
pub(super) fn raw_config(family: &Family) -> quinn::ClientConfig {
    let verifier = tls::server_verifier(family.child.authorities()).unwrap();
    tls::join_config(verifier, &family.limits).unwrap()
}

/// A client without certificate that offers these protocols; how its connection ends.
async fn without_certificate(
    address: SocketAddr,
    authority: &CertificateDer<'static>,
    offered: &[&[u8]],
) -> quinn::ConnectionError {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let mut tls = raw_tls(roots).with_no_client_auth();
    tls.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let endpoint = quinn::Endpoint::client(LOOPBACK).unwrap();
    let connecting = endpoint.connect_with(config, address, "lictree").unwrap();
    match connecting.await {
        Ok(quic) => quic.closed().await,
        Err(error) => error,
    }
}

#[tokio::test]
async fn joining_is_no_way_around_the_certificate_of_a_neighbour() {
    let mut family = Family::new(limits());
    let (address, root) = (family.address, family.child.authorities()[0].clone());
    for offered in
        [vec![tls::ALPN], vec![tls::JOIN_ALPN, tls::ALPN], vec![tls::ALPN, tls::JOIN_ALPN]]
    {
        let (ended, refused) =
            tokio::join!(without_certificate(address, &root, &offered), family.listener.refused());
        assert_eq!(refusal(refused.error), (Side::Here, Refusal::NoCertificate));
        // The handshake itself failed, as it does for any stranger: nothing was answered.
        let error = NetError::from_handshake(ended, family.address, Duration::ZERO);
        assert_eq!(refusal(error), (Side::Peer, Refusal::NoCertificate));
    }
    for offered in [vec![&b"lictree-join/2"[..], b"lictree/2"], vec![b"h3"], vec![]] {
        let (ended, refused) =
            tokio::join!(without_certificate(address, &root, &offered), family.listener.refused());
        assert_eq!(refusal(refused.error), (Side::Here, Refusal::OtherProtocol));
        let error = NetError::from_handshake(ended, family.address, Duration::ZERO);
        assert_eq!(refusal(error), (Side::Peer, Refusal::OtherProtocol));
    }
}

#[tokio::test]
async fn a_server_that_knows_nothing_of_joining_says_so() {
    let family = Family::new(limits());
    let plain = tls::server_config(&issue(&family.authority, "top"), &family.denials, &limits());
    let endpoint = quinn::Endpoint::server(plain.unwrap(), LOOPBACK).unwrap();
    let address = endpoint.local_addr().unwrap();
    let served = async { endpoint.accept().await.unwrap().await };
    let pins = [pin(&family.authority)];
    let (error, served) = tokio::join!(ask_in_vain(address, &pins), served);
    assert_eq!(refusal(error), (Side::Peer, Refusal::OtherProtocol));
    assert!(served.is_err());
}
