//! Those who call to join and do something else, and what it costs them and nobody else.

use super::joins::raw_config;
use super::strangers::refusal;
use super::{Family, LOOPBACK, limits, name};
use crate::net::{CloseCode, JoinCall, NetError, NetLimits, Refusal, SendError, Side};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A call of one who follows no rules, from the address `local`.
async fn raw_call(family: &Family, local: SocketAddr) -> quinn::Connection {
    raw_call_with(family, local, raw_config(family)).await
}

async fn raw_call_with(
    family: &Family,
    local: SocketAddr,
    config: quinn::ClientConfig,
) -> quinn::Connection {
    let endpoint = quinn::Endpoint::client(local).unwrap();
    endpoint.connect_with(config, family.address, "lictree").unwrap().await.unwrap()
}

fn closed_with(error: quinn::ConnectionError) -> CloseCode {
    match error {
        quinn::ConnectionError::ApplicationClosed(close) => {
            CloseCode(close.error_code.into_inner() as u32)
        }
        other => panic!("{other}"),
    }
}

/// What the server says of one who sends `bytes` on the only stream and ends it.
async fn sent(bytes: &[u8]) -> Refusal {
    let mut family = Family::new(limits());
    let quic = raw_call(&family, LOOPBACK).await;
    let (mut send, _receive) = quic.open_bi().await.unwrap();
    // The server may have heard enough before all is sent.
    let _ = send.write_all(bytes).await;
    let _ = send.finish();
    let (by, why) = refusal(family.listener.refused().await.error);
    assert_eq!(by, Side::Here);
    assert_eq!(closed_with(quic.closed().await), CloseCode::BAD_JOIN);
    why
}

fn bad(what: &str) -> Refusal {
    Refusal::BadJoin(what.to_string())
}

#[tokio::test]
async fn a_frame_that_is_too_long_empty_cut_or_followed_by_more_is_refused() {
    let too_long = "a frame of 16385 bytes was announced, at most 16384 are allowed";
    assert_eq!(sent(&[1, 0x40, 0, 0, 7]).await, bad(too_long));
    let huge = "a frame of 4294967295 bytes was announced, at most 16384 are allowed";
    assert_eq!(sent(&[0xff; 4]).await, bad(huge));
    assert_eq!(sent(&[0; 4]).await, bad("a frame without bytes was announced"));
    for cut in [&[][..], &[2, 0], &[2, 0, 0, 0], &[2, 0, 0, 0, 7]] {
        assert_eq!(sent(cut).await, bad("the stream ended within the frame"));
    }
    assert_eq!(sent(&[1, 0, 0, 0, 7, 8]).await, bad("more followed than one frame"));
}

#[tokio::test]
async fn a_stream_that_is_reset_is_a_frame_cut_off() {
    let mut family = Family::new(limits());
    let quic = raw_call(&family, LOOPBACK).await;
    let (mut send, _receive) = quic.open_bi().await.unwrap();
    send.write_all(&[2, 0, 0, 0, 7]).await.unwrap();
    send.reset(9_u32.into()).unwrap();
    let why = refusal(family.listener.refused().await.error);
    assert_eq!(why, (Side::Here, bad("the stream ended within the frame")));
    assert_eq!(closed_with(quic.closed().await), CloseCode::BAD_JOIN);
}

#[tokio::test]
async fn a_second_stream_of_either_kind_is_refused_at_any_time() {
    for (asked_before, both_ways) in [(false, true), (false, false), (true, true), (true, false)] {
        let mut family = Family::new(limits());
        let quic = raw_call(&family, LOOPBACK).await;
        let (mut send, _receive) = quic.open_bi().await.unwrap();
        send.write_all(&[1, 0, 0, 0]).await.unwrap();
        let mut call = None;
        if asked_before {
            send.write_all(&[7]).await.unwrap();
            send.finish().unwrap();
            call = Some(family.listener.joining().await);
        }
        let mut second = match both_ways {
            true => quic.open_bi().await.unwrap().0,
            false => quic.open_uni().await.unwrap(),
        };
        second.write_all(b"x").await.unwrap();
        let why = refusal(family.listener.refused().await.error);
        assert_eq!(why, (Side::Here, bad("it opened a second stream")));
        assert_eq!(closed_with(quic.closed().await), CloseCode::BAD_JOIN);
        if let Some(call) = call {
            assert_eq!(call.answer("too late"), Err(SendError::Ended));
        }
    }
}

const SHORT: Duration = Duration::from_millis(1_000);

/// The family's limits, with a short time for a call and one call at once.
fn hurried() -> NetLimits {
    NetLimits { join_timeout: SHORT, joins_max: 1, ..limits() }
}

/// The same, but it is the request that has little time.
fn hurried_to_ask() -> NetLimits {
    NetLimits { join_request_timeout: SHORT, joins_max: 1, ..limits() }
}

#[track_caller]
fn assert_too_slow(error: &NetError) {
    assert!(matches!(error, NetError::TooSlow { after, .. } if *after == SHORT), "{error}");
}

/// The next refusal is that the call took too long; its place is free again.
async fn assert_cut_off(family: &mut Family, quic: quinn::Connection) {
    assert_too_slow(&family.listener.refused().await.error);
    assert_eq!(closed_with(quic.closed().await), CloseCode::TOO_SLOW);
    let asker = family.asker().with(limits());
    let answered = async { family.listener.joining().await.answer("welcome") };
    let (reply, answered) = tokio::join!(asker.ask(), answered);
    assert_eq!(answered, Ok(()));
    assert_eq!(reply.unwrap().bytes, b"welcome");
}

#[tokio::test]
async fn one_who_says_nothing_is_cut_off() {
    for hurried in [hurried_to_ask(), hurried()] {
        let mut family = Family::new(hurried);
        let quic = raw_call(&family, LOOPBACK).await;
        assert_cut_off(&mut family, quic).await;
    }
}

#[tokio::test]
async fn silent_ones_in_all_places_are_gone_before_a_call_may_end() {
    let mut family = Family::new(NetLimits { join_request_timeout: SHORT, ..limits() });
    let mut silent = Vec::new();
    for stranger in 0..family.limits.joins_max {
        let address = Ipv4Addr::new(127, 0, 1, 1 + (stranger / 4) as u8);
        silent.push(raw_call(&family, SocketAddr::from((address, 0))).await);
    }
    for _ in &silent {
        assert_too_slow(&family.listener.refused().await.error);
    }
    let asker = family.asker();
    let answered = async { family.listener.joining().await.answer("welcome") };
    let (reply, answered) = tokio::join!(asker.ask(), answered);
    assert_eq!((reply.unwrap().bytes.as_slice(), answered), (&b"welcome"[..], Ok(())));
    assert_eq!(family.listener.refused_count(), silent.len() as u64);
}

#[tokio::test]
async fn an_answer_has_its_time_however_short_that_of_a_request() {
    let mut family = Family::new(hurried_to_ask());
    let quic = raw_call(&family, LOOPBACK).await;
    let (mut send, mut receive) = quic.open_bi().await.unwrap();
    send.write_all(&[1, 0, 0, 0, 7]).await.unwrap();
    send.finish().unwrap();
    let call = family.listener.joining().await;
    // As long as a stranger that came later is kept.
    let second = NetLimits { join_request_timeout: SHORT, ..limits() };
    let mut other = Family::new(second);
    let silent = raw_call(&other, LOOPBACK).await;
    assert_cut_off(&mut other, silent).await;
    call.answer([9]).unwrap();
    assert_eq!(receive.read_to_end(10).await.unwrap(), [1, 0, 0, 0, 9]);
}

#[tokio::test]
async fn one_who_stops_within_a_frame_or_never_ends_it_is_cut_off() {
    for bytes in [&[3][..], &[3, 0, 0, 0, 7], &[3, 0, 0, 0, 7, 8, 9]] {
        let mut family = Family::new(hurried_to_ask());
        let quic = raw_call(&family, LOOPBACK).await;
        let (mut send, _receive) = quic.open_bi().await.unwrap();
        send.write_all(bytes).await.unwrap();
        assert_cut_off(&mut family, quic).await;
    }
}

#[tokio::test]
async fn one_who_never_reads_the_answer_is_cut_off() {
    let mut family = Family::new(hurried());
    let mut config = raw_config(&family);
    let mut transport = quinn::TransportConfig::default();
    transport.stream_receive_window(64_u32.into()).receive_window(64_u32.into());
    config.transport_config(std::sync::Arc::new(transport));
    let quic = raw_call_with(&family, LOOPBACK, config).await;
    let (mut send, _receive) = quic.open_bi().await.unwrap();
    send.write_all(&[1, 0, 0, 0, 7]).await.unwrap();
    send.finish().unwrap();
    family.listener.joining().await.answer(vec![1; 1_000]).unwrap();
    assert_cut_off(&mut family, quic).await;
}

#[tokio::test]
async fn one_whom_nobody_answers_in_time_is_cut_off() {
    let mut family = Family::new(hurried());
    let quic = raw_call(&family, LOOPBACK).await;
    let (mut send, _receive) = quic.open_bi().await.unwrap();
    send.write_all(&[1, 0, 0, 0, 7]).await.unwrap();
    send.finish().unwrap();
    let call = family.listener.joining().await;
    assert_cut_off(&mut family, quic).await;
    assert_eq!(call.answer("too late"), Err(SendError::Ended));
}

#[tokio::test]
async fn one_who_asks_and_gets_no_answer_gives_up() {
    let mut family = Family::new(limits());
    let short = NetLimits { join_timeout: Duration::from_millis(400), ..limits() };
    let asker = family.asker().with(short);
    let (asked, call) = tokio::join!(asker.ask(), family.listener.joining());
    let error = asked.unwrap_err();
    assert!(matches!(error, NetError::TooSlow { address, .. } if address == family.address));
    family.listener.refused().await;
    assert_eq!(call.answer("too late"), Err(SendError::Ended));
}

#[tokio::test]
async fn a_call_that_is_dropped_is_closed() {
    let mut family = Family::new(limits());
    let asker = family.asker();
    let dropped = async { drop(family.listener.joining().await) };
    let (asked, ()) = tokio::join!(asker.ask(), dropped);
    assert_eq!(refusal(asked.unwrap_err()), (Side::Peer, Refusal::NotAnswered));
    let refused = family.listener.refused().await;
    assert_eq!(refusal(refused.error), (Side::Here, Refusal::NotAnswered));
}

#[tokio::test]
async fn what_may_not_be_sent_is_not_sent() {
    let mut family = Family::new(limits());
    let (found, allowed) = (16 * 1024 + 1, 16 * 1024);
    for (bytes, why) in
        [(vec![0; found], SendError::TooLong { found, allowed }), (vec![], SendError::Empty)]
    {
        let asker = family.asker();
        let error = asker.ask_with(bytes.clone()).await.unwrap_err();
        assert!(matches!(error, NetError::Unsendable(found) if found == why));
        family.listener.refused().await;
        let answered = async { family.listener.joining().await.answer(&bytes) };
        let (asked, answered) = tokio::join!(asker.ask(), answered);
        assert_eq!(answered, Err(why));
        assert_eq!(refusal(asked.unwrap_err()), (Side::Peer, Refusal::NotAnswered));
        family.listener.refused().await;
    }
}

#[tokio::test]
async fn calls_at_once_are_bounded_and_a_freed_place_is_given_again() {
    let mut family = Family::new(NetLimits { joins_max: 2, ..limits() });
    let (first, second) = (raw_call(&family, LOOPBACK).await, raw_call(&family, LOOPBACK).await);
    let asker = family.asker();
    let (asked, refused) = tokio::join!(asker.ask(), family.listener.refused());
    let busy = Refusal::Busy("2 calls to join".to_string());
    assert_eq!(refusal(refused.error), (Side::Here, busy));
    let (by, why) = refusal(asked.unwrap_err());
    assert!(by == Side::Peer && matches!(why, Refusal::Busy(_)), "{why}");
    first.close(CloseCode::DONE.0.into(), b"");
    family.listener.refused().await;
    let answered = async { family.listener.joining().await.answer([1]) };
    let (asked, answered) = tokio::join!(asker.ask(), answered);
    assert_eq!((asked.unwrap().bytes, answered), (vec![1], Ok(())));
    drop(second);
}

#[tokio::test]
async fn one_address_keeps_some_places_and_another_gets_one() {
    let mut family = Family::new(NetLimits { joins_per_address_max: 2, ..limits() });
    let address = SocketAddr::from((Ipv4Addr::new(127, 0, 1, 1), 0));
    let first = raw_call(&family, address).await;
    let _second = raw_call(&family, address).await;
    let third = raw_call(&family, address).await;
    let busy = Refusal::Busy("2 calls to join from one address".to_string());
    assert_eq!(refusal(family.listener.refused().await.error), (Side::Here, busy));
    assert_eq!(closed_with(third.closed().await), CloseCode::BUSY);
    let now = family.listener.occupancy().now();
    assert_eq!((now.joins, now.joins_of_one_address), (2, 2));
    let asker = family.asker();
    let answered = async { family.listener.joining().await.answer([1]) };
    assert_eq!(tokio::join!(asker.ask(), answered).0.unwrap().bytes, [1]);
    first.close(CloseCode::DONE.0.into(), b"");
    family.listener.refused().await;
    assert_eq!(family.listener.occupancy().now().joins_of_one_address, 1);
}

#[tokio::test]
async fn calls_from_one_address_are_bounded_and_hold_up_no_other_address() {
    let mut family = Family::new(NetLimits { joins_per_address_per_minute: 2, ..limits() });
    for _ in 0..2 {
        let asker = family.asker();
        let answered = async { family.listener.joining().await.answer([1]).unwrap() };
        tokio::join!(asker.ask(), answered).0.unwrap();
    }
    let asker = family.asker();
    for _ in 0..2 {
        let (asked, refused) = tokio::join!(asker.ask(), family.listener.refused());
        assert_eq!(refusal(refused.error), (Side::Here, Refusal::TooOften));
        assert_eq!(refusal(asked.unwrap_err()), (Side::Peer, Refusal::TooOften));
    }
    let neighbour = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0));
    let quic = raw_call(&family, neighbour).await;
    let (mut send, mut receive) = quic.open_bi().await.unwrap();
    send.write_all(&[1, 0, 0, 0, 7]).await.unwrap();
    send.finish().unwrap();
    let call: JoinCall = family.listener.joining().await;
    assert_eq!(call.remote.ip(), neighbour.ip());
    let mut own = [0; 32];
    quic.export_keying_material(&mut own, b"EXPORTER lictree join", b"").unwrap();
    assert_eq!(call.exporter, own);
    call.answer([9]).unwrap();
    assert_eq!(receive.read_to_end(10).await.unwrap(), [1, 0, 0, 0, 9]);
    // Neighbours are not those who join.
    family.connect().await;
}

#[tokio::test]
async fn those_who_join_take_no_place_of_handshakes() {
    let mut family = Family::new(NetLimits { handshakes_max: 1, ..limits() });
    let _silent = raw_call(&family, LOOPBACK).await;
    let top = name("top");
    let dialer = family.dialer();
    // The doorman may hear of the end of the first handshake a moment later than its caller.
    let mut came = None;
    while came.is_none() {
        let dialed = dialer.dial(family.address, &top);
        let accepted = family.listener.accept();
        let (dialed, accepted) = tokio::join!(dialed, accepted);
        match accepted.unwrap() {
            crate::net::Arrival::Connected(connection) => {
                dialed.unwrap();
                came = Some(connection);
            }
            crate::net::Arrival::Refused(refused) => {
                assert!(matches!(refusal(refused.error).1, Refusal::Busy(_)));
            }
            crate::net::Arrival::Join(_) => panic!("nothing was asked"),
        }
    }
}
