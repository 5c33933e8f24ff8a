//! Peers that break the rules are cut off with a word; the server goes on for all others.

use crate::raw;
use crate::site::{Process, Site, eventually, run};
use lictree::model::name::ServerName;
use lictree::model::request::Doing;
use lictree::net::{Closed, Connection, Denials, Dialer, Identity, NetLimits, ReceiveError};
use lictree::wire::{Hello, encode_hello};
use std::net::SocketAddr;
use std::time::Duration;

pub async fn connected(identity: &Identity, address: SocketAddr) -> Connection {
    let limits = NetLimits {
        frame_bytes_max: 2 << 20,
        send_window_bytes: 4 << 20,
        keep_alive_interval: Duration::from_millis(500),
        ..NetLimits::default()
    };
    let dialer = Dialer::toward(address, identity, &Denials::default(), limits).unwrap();
    let expected: ServerName = "hq".parse().unwrap();
    dialer.dial(address, &expected).await.unwrap()
}

/// What the server says when it closes; frames before that are read and dropped.
pub async fn last_word(mut connection: Connection) -> String {
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
fn a_connection_of_an_authority_that_is_forgotten_since_ends() {
    let site = Site::new();
    let config = site.primary("hq");
    site.authority.save(&site.data_dir("hq").join("authority")).unwrap();
    let server = Process::start(&config);
    run(async {
        let connection = connected(&site.identity("west"), server.address()).await;
        let west = "west".parse().unwrap();
        let hello = Hello::of("acme".parse().unwrap(), west, 1, "test".to_string());
        connection.sender.try_send(encode_hello(&hello)).unwrap();
        server.client().rotate_authority(Doing::Do).await.unwrap();
        assert!(last_word(connection).await.contains("believed no more"));
    });
    server.stop();
}

#[test]
fn a_peer_without_a_certificate_or_of_another_protocol_is_not_let_in() {
    let site = Site::new();
    let server = Process::start(&site.primary("hq"));
    let address = server.address();
    for (protocol, expected) in [("lictree/1", "certificate"), ("h3", "protocol")] {
        let error = run(raw::turned_away(address, protocol, None));
        let error = error.to_string().to_lowercase();
        assert!(error.contains(expected), "{protocol}: {error}");
    }
    run(server.client().status()).unwrap();
    let mut server = server;
    server.signal("TERM");
    server.ended();
    let log = server.log();
    assert!(log.contains("a call was not taken"), "{log}");
}
