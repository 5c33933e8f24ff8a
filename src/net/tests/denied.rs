//! Those whose certificates are valid and who must not be let in all the same.

use super::strangers::{call, refusal};
use super::{Family, LOOPBACK, issue, limits, name, now};
use crate::model::holding::Role;
use crate::net::greeting::GREETING;
use crate::net::{Denials, Dialer, Identity, KeyAndRequest, NetError, Refusal, Side, tls};
use std::collections::BTreeMap;
use std::time::Duration;

/// `west` as it is after joining for the `enrolment`-th time.
fn enrolled(family: &Family, server: &str, enrolment: u64) -> Identity {
    let KeyAndRequest { key, request } = Identity::request().unwrap();
    let life = Duration::from_secs(86_400);
    let authority = &family.authority;
    let certified =
        authority.certify(&request, (Role::Relay, &name(server), enrolment), now(), life).unwrap();
    Identity::assemble(key, certified.chain, vec![authority.certificate().to_vec()]).unwrap()
}

fn deny(denials: &Denials, server: &str, up_to: u64) {
    denials.set(BTreeMap::from([(name(server), up_to)]));
}

#[tokio::test]
async fn a_denied_child_is_refused_as_revoked_and_one_enrolled_later_is_let_in() {
    let mut family = Family::new(limits());
    deny(&family.denials, "west", 1);
    for enrolment in [0, 1] {
        let denied = enrolled(&family, "west", enrolment);
        let [child, parent] = call(&mut family, &denied, "top").await;
        assert_eq!(child, (Side::Peer, Refusal::Denied));
        assert_eq!(parent, (Side::Here, Refusal::Denied));
    }
    family.child = enrolled(&family, "west", 2);
    let (_child, parent) = family.connect().await;
    assert_eq!(parent.link.peer().enrolment, 2);
    assert_eq!(parent.link.peer().expires, family.child.expires());
}

#[tokio::test]
async fn a_denied_parent_is_refused_by_its_child() {
    let mut family = Family::new(limits());
    let denials = Denials::default();
    deny(&denials, "top", 0);
    let dialer =
        Dialer::toward(family.address, &family.child, &denials, family.limits.clone()).unwrap();
    let top = name("top");
    let (dialed, refused) =
        tokio::join!(dialer.dial(family.address, &top), family.listener.refused());
    assert_eq!(refusal(dialed.err().unwrap()), (Side::Here, Refusal::Denied));
    assert_eq!(refusal(refused.error), (Side::Peer, Refusal::Denied));
}

/// The TLS alert "certificate revoked" (RFC 8446, section 6), as QUIC carries it.
fn assert_revoked(error: quinn::ConnectionError) {
    match error {
        quinn::ConnectionError::ConnectionClosed(close) => {
            assert_eq!(u64::from(close.error_code), 0x100 + 44, "{close}");
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_denied_do_not_even_get_through_the_handshake() {
    let family = Family::new(limits());
    deny(&family.denials, "west", 0);
    let config = tls::client_config(&family.child, &Denials::default(), &family.limits).unwrap();
    let endpoint = quinn::Endpoint::client(LOOPBACK).unwrap();
    let connecting = endpoint.connect_with(config, family.address, "lictree").unwrap();
    match connecting.await {
        Ok(quic) => assert_revoked(quic.closed().await),
        Err(error) => assert_revoked(error),
    }

    let parent = issue(&family.authority, "top");
    let config = tls::server_config(&parent, &Denials::default(), &family.limits).unwrap();
    let endpoint = quinn::Endpoint::server(config, LOOPBACK).unwrap();
    let address = endpoint.local_addr().unwrap();
    let denials = Denials::default();
    deny(&denials, "top", 0);
    let dialer = Dialer::toward(address, &family.child, &denials, family.limits.clone()).unwrap();
    let top = name("top");
    let served = async { endpoint.accept().await.unwrap().await };
    let (dialed, served) = tokio::join!(dialer.dial(address, &top), served);
    assert!(dialed.is_err());
    assert_revoked(served.err().unwrap());
}

#[tokio::test]
async fn a_renewed_parent_goes_on_denying() {
    let mut family = Family::new(limits());
    deny(&family.denials, "west", 0);
    family.listener.renew(&issue(&family.authority, "top")).unwrap();
    let denied = issue(&family.authority, "west");
    let [_, parent] = call(&mut family, &denied, "top").await;
    assert_eq!(parent, (Side::Here, Refusal::Denied));
}

#[tokio::test]
async fn a_child_denied_between_handshake_and_greeting_is_refused() {
    let mut family = Family::new(limits());
    let config = tls::client_config(&family.child, &Denials::default(), &family.limits).unwrap();
    let endpoint = quinn::Endpoint::client(LOOPBACK).unwrap();
    let connecting = endpoint.connect_with(config, family.address, "lictree").unwrap();
    let quic = connecting.await.unwrap();
    // The parent says this once it has verified the child's certificate.
    while quic.stats().frame_rx.handshake_done == 0 {
        tokio::task::yield_now().await;
    }
    deny(&family.denials, "west", 0);
    let (mut send, _receive) = quic.open_bi().await.unwrap();
    send.write_all(&GREETING).await.unwrap();
    let refused = family.listener.refused().await;
    assert_eq!(refusal(refused.error), (Side::Here, Refusal::Denied));
    let error = NetError::from_handshake(quic.closed().await, family.address, Duration::ZERO);
    assert_eq!(refusal(error), (Side::Peer, Refusal::Denied));
}

#[tokio::test]
async fn a_parent_denied_between_handshake_and_greeting_is_refused() {
    let family = Family::new(limits());
    let parent = issue(&family.authority, "top");
    let config = tls::server_config(&parent, &Denials::default(), &family.limits).unwrap();
    let endpoint = quinn::Endpoint::server(config, LOOPBACK).unwrap();
    let address = endpoint.local_addr().unwrap();
    let denials = Denials::default();
    let dialer = Dialer::toward(address, &family.child, &denials, family.limits.clone()).unwrap();
    let served = async {
        let quic = endpoint.accept().await.unwrap().await.unwrap();
        let (mut send, mut receive) = quic.accept_bi().await.unwrap();
        receive.read_exact(&mut [0; 4]).await.unwrap();
        deny(&denials, "top", 0);
        send.write_all(&GREETING).await.unwrap();
        quic.closed().await
    };
    let top = name("top");
    let (dialed, closed) = tokio::join!(dialer.dial(address, &top), served);
    assert_eq!(refusal(dialed.err().unwrap()), (Side::Here, Refusal::Denied));
    let error = NetError::from_handshake(closed, address, Duration::ZERO);
    assert_eq!(refusal(error), (Side::Peer, Refusal::Denied));
}
