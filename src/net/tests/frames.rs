//! Frames on a made connection, and its end.

use super::{Cable, Family, LOOPBACK, limits, name};
use crate::net::greeting::GREETING;
use crate::net::{CloseCode, Closed, FrameReceiver, FrameSender, NetLimits, ReceiveError};
use crate::net::{Denials, SendError, tls};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// Frame `number` of a stream: its length and content follow from the number alone.
fn frame(number: u64) -> Vec<u8> {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    let len = match mixed % 1000 {
        0 => 200_000 + (mixed >> 32) as usize % 62_000,
        1..=50 => 1 + (mixed >> 32) as usize % 8,
        _ => 9 + (mixed >> 32) as usize % 1_500,
    };
    number.to_le_bytes().into_iter().cycle().take(len).collect()
}

async fn send_all(sender: FrameSender, count: u64) {
    for number in 0..count {
        let frame = frame(number);
        while let Err(error) = sender.try_send(&frame) {
            assert!(matches!(error, SendError::Full { .. }), "{error}");
            tokio::task::yield_now().await;
        }
    }
    sender.finish(PATIENCE).await.unwrap();
    assert_eq!(sender.queued(), (0, 0));
    assert_eq!(sender.try_send([1]), Err(SendError::Ended));
}

/// Takes frames until the last; returns how many batches they came in.
async fn receive_all(mut receiver: FrameReceiver, count: u64) -> u64 {
    let (mut number, mut batches) = (0, 0);
    loop {
        let batch = match receiver.receive().await {
            Ok(batch) => batch,
            Err(error) => {
                assert_eq!(error, ReceiveError::Finished);
                assert_eq!(number, count);
                return batches;
            }
        };
        assert_eq!(batch.iter().count(), batch.count());
        for found in batch.iter() {
            assert!(found == frame(number), "frame {number} came otherwise");
            number += 1;
        }
        batches += 1;
    }
}

#[tokio::test]
async fn frames_come_whole_and_in_order_both_ways_under_load() {
    let mut family = Family::new(limits());
    let (child, parent) = family.connect().await;
    let count = 10_000;
    let (.., up, down) = tokio::join!(
        send_all(child.sender, count),
        send_all(parent.sender, count),
        receive_all(parent.receiver, count),
        receive_all(child.receiver, count),
    );
    assert!(up < count / 4 && down < count / 4, "{up} and {down} batches");
}

#[tokio::test]
async fn each_end_knows_who_and_where_the_other_is() {
    let mut family = Family::new(limits());
    let (child, parent) = family.connect().await;
    assert_eq!(parent.link.peer(), family.child.peer());
    assert_eq!(child.link.peer().name, name("top"));
    assert_eq!(child.link.remote_address(), family.address);
    assert_eq!(parent.link.remote_address().ip(), LOOPBACK.ip());
    assert_eq!(family.listener.refused_count(), 0);
}

#[tokio::test]
async fn a_full_queue_takes_nothing_more_until_the_peer_reads() {
    let small = NetLimits {
        frame_bytes_max: 1000,
        send_queue_bytes_max: 10_040,
        send_queue_frames_max: 20,
        receive_window_bytes: 20_000,
        ..limits()
    };
    let mut family = Family::new(small);
    let (child, mut parent) = family.connect().await;
    // Nobody reads: the window of 20,000 bytes fills, then the queue.
    let (mut taken, mut waits) = (0, 0);
    let full = loop {
        match child.sender.try_send([7; 1000]) {
            Ok(()) => (taken, waits) = (taken + 1, 0),
            Err(error) if waits == 1000 => break error,
            Err(_) => {
                waits += 1;
                tokio::task::yield_now().await;
            }
        }
    };
    assert_eq!(full, SendError::Full { frames: 10, bytes: 10_040 });
    assert_eq!(child.sender.queued(), (10, 10_040));
    assert!(taken <= 30, "{taken} frames were taken");
    let mut came = 0;
    while came < taken {
        came += parent.receiver.receive().await.unwrap().count();
    }
    child.sender.try_send([7; 1000]).unwrap();
    child.sender.finish(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn the_number_of_queued_frames_is_bounded_too() {
    let mut family = Family::new(NetLimits { send_queue_frames_max: 3, ..limits() });
    let (child, _parent) = family.connect().await;
    for _ in 0..3 {
        child.sender.try_send("x").unwrap();
    }
    assert_eq!(child.sender.try_send("x"), Err(SendError::Full { frames: 3, bytes: 15 }));
}

#[tokio::test]
async fn a_frame_that_may_not_be_is_not_taken_for_sending() {
    let mut family = Family::new(limits());
    let (child, _parent) = family.connect().await;
    let allowed = family.limits.frame_bytes_max;
    let found = allowed as usize + 1;
    assert_eq!(child.sender.try_send(vec![0; found]), Err(SendError::TooLong { found, allowed }));
    assert_eq!(child.sender.try_send([]), Err(SendError::Empty));
    child.sender.try_send(vec![0; found - 1]).unwrap();
}

/// A genuine child that writes `bytes` where frames belong.
async fn receive_after(bytes: &[u8]) -> (FrameReceiver, quinn::Connection) {
    let mut family = Family::new(limits());
    let config = tls::client_config(&family.child, &Denials::default(), &family.limits).unwrap();
    let endpoint = quinn::Endpoint::client(LOOPBACK).unwrap();
    let connecting = endpoint.connect_with(config, family.address, "lictree").unwrap();
    let quic = connecting.await.unwrap();
    let (mut send, mut receive) = quic.open_bi().await.unwrap();
    send.write_all(&GREETING).await.unwrap();
    let parent = family.listener.connected().await;
    receive.read_exact(&mut [0; 4]).await.unwrap();
    send.write_all(bytes).await.unwrap();
    send.finish().unwrap();
    (parent.receiver, quic)
}

fn close_code(error: quinn::ConnectionError) -> CloseCode {
    match error {
        quinn::ConnectionError::ApplicationClosed(close) => {
            CloseCode(close.error_code.into_inner() as u32)
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_frame_above_the_limit_ends_the_connection_before_it_is_kept() {
    let (mut receiver, quic) = receive_after(&[0xff, 0xff, 0xff, 0x7f, 1, 2, 3]).await;
    let expected = ReceiveError::TooLong { found: 0x7fff_ffff, allowed: 256 * 1024 };
    assert_eq!(receiver.receive().await, Err(expected.clone()));
    assert_eq!(close_code(quic.closed().await), CloseCode::FRAME_TOO_LONG);
    let here = Closed::Here { code: CloseCode::FRAME_TOO_LONG, reason: expected.to_string() };
    assert_eq!(receiver.link().closed().await, here);
}

#[tokio::test]
async fn a_frame_without_bytes_ends_the_connection_after_those_before_it() {
    let (mut receiver, quic) = receive_after(&[2, 0, 0, 0, 8, 9, 0, 0, 0, 0]).await;
    let batch = receiver.receive().await.unwrap();
    assert_eq!(batch.iter().collect::<Vec<_>>(), [[8, 9]]);
    assert_eq!(receiver.receive().await, Err(ReceiveError::Empty));
    assert_eq!(close_code(quic.closed().await), CloseCode::FRAME_EMPTY);
}

#[tokio::test]
async fn an_end_in_the_middle_of_a_frame_is_no_orderly_end() {
    let (mut receiver, _quic) = receive_after(&[3, 0, 0, 0, 8, 9]).await;
    assert_eq!(receiver.receive().await, Err(ReceiveError::Cut(6)));
}

#[tokio::test]
async fn a_reason_reaches_the_peer() {
    let mut family = Family::new(limits());
    let (child, mut parent) = family.connect().await;
    child.link.close(CloseCode::FIRST_FREE, "moved to another parent");
    let reason = "moved to another parent".to_string();
    let by_peer = Closed::ByPeer { code: CloseCode::FIRST_FREE, reason: reason.clone() };
    assert_eq!(parent.receiver.receive().await, Err(ReceiveError::Closed(by_peer.clone())));
    assert_eq!(parent.link.closed().await, by_peer);
    assert_eq!(child.link.closed().await, Closed::Here { code: CloseCode::FIRST_FREE, reason });
}

#[tokio::test]
async fn a_dropped_connection_is_noticed_by_the_other_end() {
    let mut family = Family::new(limits());
    let (child, mut parent) = family.connect().await;
    drop(child);
    let closed = parent.link.closed().await;
    assert!(matches!(closed, Closed::ByPeer { code: CloseCode::DROPPED, .. }), "{closed}");
    assert_eq!(parent.receiver.receive().await, Err(ReceiveError::Closed(closed)));
    assert_eq!(parent.sender.finish(PATIENCE).await, Err(SendError::Ended));

    let (mut child, parent) = family.connect().await;
    drop(parent);
    let error = child.receiver.receive().await.unwrap_err();
    assert!(matches!(error, ReceiveError::Closed(Closed::ByPeer { .. })), "{error}");
}

#[tokio::test]
async fn a_closed_listener_tells_its_children() {
    let mut family = Family::new(limits());
    let (child, _parent) = family.connect().await;
    family.listener.close(CloseCode::DONE, "stopping", PATIENCE).await;
    let by_peer = Closed::ByPeer { code: CloseCode::DONE, reason: "stopping".to_string() };
    assert_eq!(child.link.closed().await, by_peer);
}

#[tokio::test]
async fn a_pulled_cable_is_noticed_by_both_ends() {
    let idle_timeout = Duration::from_millis(600);
    let keep_alive_interval = Duration::from_millis(100);
    let mut family = Family::new(NetLimits { idle_timeout, keep_alive_interval, ..limits() });
    let cable = Cable::to(family.address).await;
    let address = cable.address;
    let dialer = super::dialer(address, &family.child, &family.limits);
    let top = name("top");
    let (child, mut parent) = tokio::join!(dialer.dial(address, &top), family.listener.connected());
    let child = child.unwrap();
    child.sender.try_send("still here").unwrap();
    assert_eq!(parent.receiver.receive().await.unwrap().count(), 1);

    drop(cable);
    let idle = Closed::Idle { after: idle_timeout };
    let (at_child, at_parent) = tokio::join!(child.link.closed(), parent.link.closed());
    assert_eq!((at_child, at_parent), (idle.clone(), idle));
}

#[tokio::test]
async fn a_closed_dialer_tells_its_parent() {
    let mut family = Family::new(limits());
    let (dialer, top) = (family.dialer(), name("top"));
    let (child, parent) =
        tokio::join!(dialer.dial(family.address, &top), family.listener.connected());
    dialer.close(CloseCode::DONE, "going home", PATIENCE).await;
    let by_peer = Closed::ByPeer { code: CloseCode::DONE, reason: "going home".to_string() };
    assert_eq!(parent.link.closed().await, by_peer);
    assert!(matches!(child.unwrap().link.closed().await, Closed::Here { .. }));
}

#[tokio::test]
async fn keep_alives_hold_a_silent_connection_beyond_its_idle_timeout() {
    let idle_timeout = Duration::from_millis(600);
    let keep_alive_interval = Duration::from_millis(50);
    let mut family = Family::new(NetLimits { idle_timeout, keep_alive_interval, ..limits() });
    let (child, parent) = family.connect().await;
    let ended = tokio::time::timeout(2 * idle_timeout, parent.link.closed()).await;
    assert!(ended.is_err(), "{ended:?}");
    drop(child);
    parent.link.closed().await;
}
