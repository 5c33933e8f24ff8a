//! Those who must not be let in, and those whom they must not hold up.

use super::{Cable, Family, LOOPBACK, authority, issue, limits, name};
use crate::model::holding::Role;
use crate::model::time::Timestamp;
use crate::net::greeting::GREETING;
use crate::net::{Arrival, Denials, Identity, Listener, NetError, NetLimits, Refusal, Side, tls};
use crate::net::{CloseCode, IdentityError};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The refusal and who spoke it.
pub(super) fn refusal(error: NetError) -> (Side, Refusal) {
    match error {
        NetError::Refused { by, why } => (by, why),
        other => panic!("{other:?}"),
    }
}

/// What both ends say when `stranger` calls the family's parent and expects `expected`.
pub(super) async fn call(
    family: &mut Family,
    stranger: &Identity,
    expected: &str,
) -> [(Side, Refusal); 2] {
    let dialer = super::dialer(family.address, stranger, &family.limits);
    let expected = name(expected);
    let (dialed, arrived) =
        tokio::join!(dialer.dial(family.address, &expected), family.listener.refused());
    let child = dialed.err().expect("the stranger was let in");
    [refusal(child), refusal(arrived.error)]
}

/// An identity that is genuine in one tree, and believes the authorities of another, too.
pub(super) fn believing(identity: Identity, also: &Identity) -> Identity {
    let authorities = [identity.authorities(), also.authorities()].concat();
    Identity::from_parts(identity.chain().to_vec(), identity.key().clone_key(), authorities)
        .unwrap()
}

/// A client with settings that no child has.
async fn raw_client(
    believer: &Identity,
    address: SocketAddr,
    change: impl FnOnce(RootCertStore) -> rustls::ClientConfig,
) -> Result<quinn::Connection, quinn::ConnectionError> {
    let mut roots = RootCertStore::empty();
    roots.add(believer.authorities()[0].clone()).unwrap();
    let crypto = QuicClientConfig::try_from(change(roots)).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let endpoint = quinn::Endpoint::client(LOOPBACK).unwrap();
    endpoint.connect_with(config, address, "lictree").unwrap().await
}

pub(super) fn raw_tls(
    roots: RootCertStore,
) -> rustls::ConfigBuilder<rustls::ClientConfig, rustls::client::WantsClientCert> {
    rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
}

fn key_of(identity: &Identity) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(identity.key().clone_key())
}

#[tokio::test]
async fn one_with_another_authority_is_refused_by_both() {
    let mut family = Family::new(limits());
    let stranger = issue(&authority("other"), "west");
    let [child, parent] = call(&mut family, &stranger, "top").await;
    assert_eq!(child, (Side::Here, Refusal::OtherAuthority));
    assert_eq!(parent, (Side::Peer, Refusal::OtherAuthority));
}

#[tokio::test]
async fn one_with_another_authority_of_the_same_name_is_refused_too() {
    let mut family = Family::new(limits());
    let stranger = issue(&authority("acme"), "west");
    let [child, _] = call(&mut family, &stranger, "top").await;
    assert_eq!(child, (Side::Here, Refusal::OtherAuthority));
    // The parent's own check, of a stranger who believes anybody.
    let stranger = believing(stranger, &family.child);
    let [child, parent] = call(&mut family, &stranger, "top").await;
    assert_eq!(child, (Side::Peer, Refusal::OtherAuthority));
    assert_eq!(parent, (Side::Here, Refusal::OtherAuthority));
}

#[tokio::test]
async fn one_whose_certificate_has_expired_is_refused_by_either_end() {
    let mut family = Family::new(limits());
    let day = Duration::from_secs(86_400);
    let long_ago = Timestamp(super::now().0 - 2 * 86_400_000);
    let expired =
        |server| family.authority.issue(Role::Relay, &name(server), long_ago, day).unwrap();
    let (child, parent) = (expired("west"), expired("top"));
    let [at_child, at_parent] = call(&mut family, &child, "top").await;
    assert_eq!(at_child, (Side::Peer, Refusal::Expired));
    assert_eq!(at_parent, (Side::Here, Refusal::Expired));
    family.listener.renew(&parent).unwrap();
    let child = issue(&family.authority, "west");
    let [at_child, at_parent] = call(&mut family, &child, "top").await;
    assert_eq!(at_child, (Side::Here, Refusal::Expired));
    assert_eq!(at_parent, (Side::Peer, Refusal::Expired));
}

#[tokio::test]
async fn one_without_a_certificate_is_refused() {
    let mut family = Family::new(limits());
    let client = raw_client(&family.child, family.address, |roots| {
        let mut tls = raw_tls(roots).with_no_client_auth();
        tls.alpn_protocols = vec![tls::ALPN.to_vec()];
        tls
    });
    let (_client, refused) = tokio::join!(client, family.listener.refused());
    assert_eq!(refusal(refused.error), (Side::Here, Refusal::NoCertificate));
}

#[tokio::test]
async fn one_with_another_protocol_or_none_is_refused() {
    let mut family = Family::new(limits());
    for protocols in [vec![b"lictree/2".to_vec(), b"h3".to_vec()], vec![]] {
        let client = raw_client(&family.child, family.address, |roots| {
            let (chain, key) = (family.child.chain().to_vec(), key_of(&family.child));
            let mut tls = raw_tls(roots).with_client_auth_cert(chain, key).unwrap();
            tls.alpn_protocols = protocols;
            tls
        });
        let (client, refused) = tokio::join!(client, family.listener.refused());
        assert!(client.is_err());
        assert_eq!(refusal(refused.error), (Side::Here, Refusal::OtherProtocol));
    }
}

#[tokio::test]
async fn a_parent_with_another_protocol_is_refused() {
    let family = Family::new(limits());
    let parent = issue(&family.authority, "top");
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(parent.chain().to_vec(), key_of(&parent))
        .unwrap();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let crypto = Arc::new(QuicServerConfig::try_from(tls).unwrap());
    let config = quinn::ServerConfig::with_crypto(crypto);
    let endpoint = quinn::Endpoint::server(config, LOOPBACK).unwrap();
    let address = endpoint.local_addr().unwrap();
    let served = tokio::spawn(async move { endpoint.accept().await.unwrap().await });
    let error = family.dialer().dial(address, &name("top")).await.err().unwrap();
    assert_eq!(refusal(error), (Side::Peer, Refusal::OtherProtocol));
    assert!(served.await.unwrap().is_err());
}

#[tokio::test]
async fn one_of_another_tree_is_refused_although_its_authority_is_believed() {
    let authority = authority("acme");
    let stranger = issue(&super::authority("other"), "west");
    let parent = believing(issue(&authority, "top"), &stranger);
    let child = believing(stranger, &parent);
    let listener = Listener::bind(LOOPBACK, &parent, &Denials::default(), limits()).unwrap();
    let address = listener.local_address().unwrap();
    let child_sees =
        Refusal::OtherTree { expected: "other".parse().unwrap(), found: "acme".parse().unwrap() };
    let mut family = Family {
        authority,
        denials: Denials::default(),
        listener,
        address,
        child,
        limits: limits(),
    };
    let error = family.dialer().dial(address, &name("top")).await.err().unwrap();
    assert_eq!(refusal(error), (Side::Here, child_sees));
    // The same by the parent: whichever end looks first, its reason is what both learn.
    let (_, why) = refusal(family.listener.refused().await.error);
    assert!(
        matches!(
            &why,
            Refusal::OtherTree { .. } | Refusal::Told { code: CloseCode::OTHER_TREE, .. }
        ),
        "{why}"
    );
}

#[tokio::test]
async fn the_parent_itself_refuses_another_tree_and_says_so() {
    let authority = authority("acme");
    let stranger = issue(&super::authority("other"), "west");
    let parent = believing(issue(&authority, "top"), &stranger);
    let mut listener = Listener::bind(LOOPBACK, &parent, &Denials::default(), limits()).unwrap();
    let address = listener.local_address().unwrap();
    let config =
        tls::client_config(&believing(stranger, &parent), &Denials::default(), &limits()).unwrap();
    let endpoint = quinn::Endpoint::client(LOOPBACK).unwrap();
    let quic = endpoint.connect_with(config, address, "lictree").unwrap().await.unwrap();
    let expected = "acme".parse().unwrap();
    let found = "other".parse().unwrap();
    let why = Refusal::OtherTree { expected, found };
    let refused = listener.refused().await;
    assert_eq!(refusal(refused.error), (Side::Here, why.clone()));
    assert_eq!(refused.remote.ip(), LOOPBACK.ip());
    let error = NetError::from_handshake(quic.closed().await, address, Duration::ZERO);
    let told = Refusal::Told { code: CloseCode::OTHER_TREE, reason: why.to_string() };
    assert_eq!(refusal(error), (Side::Peer, told));
}

#[tokio::test]
async fn a_parent_of_another_name_is_refused_and_told() {
    let mut family = Family::new(limits());
    let child = issue(&family.authority, "west");
    let [child, parent] = call(&mut family, &child, "middle").await;
    let why = Refusal::OtherName { expected: name("middle"), found: name("top") };
    let told = Refusal::Told { code: CloseCode::OTHER_NAME, reason: why.to_string() };
    assert_eq!(child, (Side::Here, why));
    assert_eq!(parent, (Side::Peer, told));
}

/// A certificate that a believed authority signed, but that names no server.
pub(super) fn nameless()
-> (CertificateDer<'static>, CertificateDer<'static>, PrivateKeyDer<'static>) {
    let (ca_key, key) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = ca.self_signed(&ca_key).unwrap().der().clone();
    let leaf = rcgen::CertificateParams::new(vec!["lictree".to_string()]).unwrap();
    let leaf = leaf.signed_by(&key, &rcgen::Issuer::new(ca, ca_key)).unwrap().der().clone();
    (root, leaf, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
}

#[tokio::test]
async fn a_genuine_certificate_that_names_no_server_is_refused() {
    let (root, leaf, key) = nameless();
    let mut family = Family::new(limits());
    let parent = issue(&family.authority, "top");
    let authorities = vec![family.child.authorities()[0].clone(), root];
    let parent =
        Identity::from_parts(parent.chain().to_vec(), parent.key().clone_key(), authorities);
    family.listener.renew(&parent.unwrap()).unwrap();
    let client = raw_client(&family.child, family.address, |roots| {
        let mut tls = raw_tls(roots).with_client_auth_cert(vec![leaf], key).unwrap();
        tls.alpn_protocols = vec![tls::ALPN.to_vec()];
        tls
    });
    let (_client, refused) = tokio::join!(client, family.listener.refused());
    let (by, why) = refusal(refused.error);
    assert_eq!((by, why), (Side::Here, Refusal::NoName("it carries no URI".to_string())));
}

#[tokio::test]
async fn one_who_greets_otherwise_is_refused() {
    let mut family = Family::new(limits());
    let config = tls::client_config(&family.child, &Denials::default(), &family.limits).unwrap();
    let endpoint = quinn::Endpoint::client(LOOPBACK).unwrap();
    let connecting = endpoint.connect_with(config, family.address, "lictree").unwrap();
    let quic = connecting.await.unwrap();
    let (mut send, _receive) = quic.open_bi().await.unwrap();
    send.write_all(b"GET / HTTP/1.1").await.unwrap();
    let refused = family.listener.refused().await;
    assert_eq!(refusal(refused.error), (Side::Here, Refusal::NoGreeting));
}

#[tokio::test]
async fn an_address_where_nothing_answers_is_unreachable() {
    let handshake_timeout = Duration::from_millis(100);
    let family = Family::new(NetLimits { handshake_timeout, ..limits() });
    let silent = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    let address = silent.local_addr().unwrap();
    let error = family.dialer().dial(address, &name("top")).await.err().unwrap();
    let expected = (address, handshake_timeout);
    assert!(
        matches!(error, NetError::Unreachable { address, after } if (address, after) == expected),
        "{error}"
    );
}

#[tokio::test]
async fn an_address_in_use_cannot_be_bound() {
    let family = Family::new(limits());
    let parent = issue(&family.authority, "top");
    let error = Listener::bind(family.address, &parent, &family.denials, limits()).err().unwrap();
    assert!(matches!(error, NetError::Bind { address, .. } if address == family.address));
}

/// Strangers who shake hands and then say nothing. Each holds a handshake open.
async fn silent_strangers(family: &Family, count: usize) -> Vec<quinn::Connection> {
    let mut silent = Vec::new();
    for _ in 0..count {
        let config =
            tls::client_config(&family.child, &Denials::default(), &family.limits).unwrap();
        let endpoint = quinn::Endpoint::client(LOOPBACK).unwrap();
        let connecting = endpoint.connect_with(config, family.address, "lictree").unwrap();
        silent.push(connecting.await.unwrap());
    }
    silent
}

#[tokio::test]
async fn strangers_who_say_nothing_hold_up_nobody_and_are_cut_off() {
    let handshake_timeout = Duration::from_millis(1500);
    let mut family = Family::new(NetLimits { handshake_timeout, ..limits() });
    let silent = silent_strangers(&family, 20).await;
    let (child, parent) = family.connect().await;
    child.sender.try_send("let in").unwrap();
    drop(parent);
    for _ in &silent {
        let error = family.listener.refused().await.error;
        assert!(matches!(error, NetError::TooSlow { .. }), "{error}");
    }
    for stranger in silent {
        stranger.closed().await;
    }
}

#[tokio::test]
async fn handshakes_are_bounded() {
    let mut family = Family::new(NetLimits { handshakes_max: 2, ..limits() });
    let _silent = silent_strangers(&family, 2).await;
    let third = issue(&family.authority, "west");
    let [child, parent] = call(&mut family, &third, "top").await;
    assert_eq!(child, (Side::Peer, Refusal::Busy("too many handshakes".to_string())));
    assert_eq!(parent, (Side::Here, Refusal::Busy("2 handshakes".to_string())));
}

#[tokio::test]
async fn connections_are_bounded_and_a_freed_place_is_given_again() {
    let mut family = Family::new(NetLimits { connections_max: 1, ..limits() });
    let first = family.connect().await;
    let second = issue(&family.authority, "west");
    let [child, parent] = call(&mut family, &second, "top").await;
    assert!(matches!(child, (Side::Peer, Refusal::Busy(_))), "{child:?}");
    assert_eq!(parent, (Side::Here, Refusal::Busy("1 connections".to_string())));
    drop(first);
    family.connect().await;
}

#[tokio::test]
async fn addresses_are_proven_when_many_shake_hands() {
    for (handshakes_retry_above, retries) in [(0, true), (1, false)] {
        let mut family = Family::new(NetLimits { handshakes_retry_above, ..limits() });
        let cable = Cable::to(family.address).await;
        let (dialer, top) = (family.dialer(), name("top"));
        let (child, _parent) =
            tokio::join!(dialer.dial(cable.address, &top), family.listener.connected());
        child.unwrap();
        assert_eq!(cable.retries.load(Ordering::Relaxed) > 0, retries);
        assert_eq!(family.listener.refused_count(), 0);
    }
}

#[tokio::test]
async fn addresses_are_proven_when_many_of_their_network_shake_hands() {
    let mut family = Family::new(NetLimits { handshakes_per_network_max: 1, ..limits() });
    // It calls from 127.0.0.1.
    let _silent = silent_strangers(&family, 1).await;
    for (source, retries) in [([127, 0, 0, 9], true), ([127, 0, 1, 9], false)] {
        let cable = Cable::between(SocketAddr::from((source, 0)), family.address).await;
        let (dialer, top) = (family.dialer(), name("top"));
        let (child, parent) =
            tokio::join!(dialer.dial(cable.address, &top), family.listener.connected());
        child.unwrap();
        assert_eq!(parent.link.remote_address().ip(), std::net::IpAddr::from(source));
        assert_eq!(cable.retries.load(Ordering::Relaxed) > 0, retries, "{source:?}");
    }
    assert_eq!(family.listener.refused_count(), 0);
}

#[tokio::test]
async fn a_renewed_identity_is_shown_to_those_who_come_later() {
    let mut family = Family::new(limits());
    let (before, _parent) = family.connect().await;
    let renewed = issue(&family.authority, "top");
    family.listener.renew(&renewed).unwrap();
    let (after, _parent) = family.connect().await;
    assert_eq!(after.link.peer(), renewed.peer());
    assert_ne!(before.link.peer().fingerprint, after.link.peer().fingerprint);
}

#[tokio::test]
async fn a_saved_identity_connects_as_well() {
    let mut family = Family::new(limits());
    let folder = tempfile::tempdir().unwrap();
    let saved = |identity: &Identity| -> Result<Identity, IdentityError> {
        let folder = folder.path().join(identity.name().as_str());
        identity.save(&folder)?;
        Identity::load(&folder, super::now())
    };
    family.child = saved(&family.child).unwrap();
    family.listener.renew(&saved(&issue(&family.authority, "top")).unwrap()).unwrap();
    family.connect().await;
}

#[tokio::test]
async fn noise_on_the_port_is_ignored() {
    let mut family = Family::new(limits());
    let noise = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    let mut packet = [0xC3_u8; 1200];
    for first in 0..=255 {
        packet[0] = first;
        packet[1..5].copy_from_slice(&[0, 0, 0, 1]);
        noise.send_to(&packet, family.address).unwrap();
        noise.send_to(&GREETING, family.address).unwrap();
    }
    let dialer = family.dialer();
    let top = name("top");
    let arrived = async {
        loop {
            if let Some(Arrival::Connected(connection)) = family.listener.accept().await {
                return connection;
            }
        }
    };
    let (child, parent) = tokio::join!(dialer.dial(family.address, &top), arrived);
    assert_eq!(parent.link.peer(), family.child.peer());
    child.unwrap();
}
