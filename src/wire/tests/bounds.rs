//! Frames that ask for more than they may, and those that fit exactly.

use crate::model::account::{Account, Below, Entry, Pack, PackPart, Want, Wish, WishVerdict};
use crate::model::device::DeviceNumber;
use crate::model::edge::{EdgeReport, Level};
use crate::model::letter::{Address, Body, Letter};
use crate::model::moving::{MoveAnswer, MoveAsk, Reached, Sought};
use crate::model::name::{ProductName, ServerName};
use crate::model::report::{ReportRow, RowBody, RowName};
use crate::model::tuning::Tuning;
use crate::record::RecordError;
use crate::record::field::put_number;
use crate::record::sample::{
    account, attach, below as below_sample, level, move_answer, move_ask, named,
    pack as sample_pack, report, servers,
};
use crate::wire::tests::{limits, sample, tagged};
use crate::wire::{
    WireError, WireLimits, decode_frame, decode_letter, encode_hello, encode_letter,
};

fn to_holder(body: Body) -> Letter {
    Letter::new(Address::Holder(named("cad")), Vec::new(), body)
}

fn wishes(count: usize) -> Letter {
    let wish = |n| Wish { device: DeviceNumber(n), number: n, want: Want::Manage };
    let wishes = (0..count as u64).map(wish).collect();
    to_holder(Body::Wishes { product: named("cad"), floor: 0, wishes })
}

fn rows(count: usize) -> Letter {
    let mut batch = report();
    let row =
        |n| ReportRow { name: RowName::Device(DeviceNumber(n)), version: n, body: RowBody::Gone };
    batch.rows = (0..count as u64).map(row).collect();
    to_holder(Body::Report(batch))
}

fn moves(count: usize) -> Letter {
    let (device, macs) = (DeviceNumber(4), Vec::new);
    let sought = |number| Sought { number, device, version: 9, macs: macs(), node: None };
    let sought = (0..count as u64).map(sought).collect();
    to_holder(Body::MoveAsk(MoveAsk { sought, ..move_ask() }))
}

fn reached(count: usize) -> Letter {
    let reached = vec![Reached { number: 7, node: DeviceNumber(4) }; count];
    to_holder(Body::MoveAnswer(MoveAnswer { reached, ..move_answer() }))
}

fn pack(accounts: usize, below: usize, entries: usize) -> Letter {
    let empty = Account { entries: Default::default(), ..account() };
    let entry = *account().entries.values().next().unwrap();
    let mut accounts = vec![empty; accounts];
    if entries > 0 {
        let entries = (0..entries as u64).map(|n| (DeviceNumber(n), entry)).collect();
        accounts.push(Account { entries, ..account() });
    }
    let below = vec![below_sample(); below];
    let piece = Pack { accounts, below, ..sample_pack() };
    to_holder(Body::Handover(PackPart { part: 0, parts: 1, piece }))
}

fn levels(count: usize) -> Letter {
    let levels = vec![(named("cad"), level()); count];
    to_holder(Body::Attached { nonce: 1, data: 0, attach: attach(), levels, generation: 0 })
}

fn route(len: usize) -> Letter {
    Letter { route: servers(&vec!["a"; len]), ..to_holder(Body::AttachHello) }
}

#[test]
fn each_list_has_its_limit() {
    let WireLimits { accounts_max, entries_max, lower_max, products_max, .. } = limits();
    let WireLimits { rows_max, moves_max, wishes_max, depth_max, .. } = limits();
    type Case = (&'static str, usize, fn(usize) -> Letter);
    let cases: [Case; 9] = [
        ("wishes", wishes_max, wishes),
        ("rows", rows_max, rows),
        ("devices that move", moves_max, moves),
        ("devices that move", moves_max, reached),
        ("accounts", accounts_max, |count| pack(count, 0, 0)),
        ("lower holders", lower_max, |count| pack(0, count, 0)),
        ("entries of accounts", entries_max, |count| pack(0, 0, count)),
        ("products", products_max, levels),
        ("servers in one route", depth_max, route),
    ];
    for (part, max, letter) in cases {
        let fits = letter(max);
        assert_eq!(decode_letter(&encode_letter(&fits), &limits()), Ok(fits), "{part}");
        match decode_letter(&encode_letter(&letter(max + 1)), &limits()) {
            Err(WireError::Value(RecordError::TooMany { what, found, .. })) => {
                assert_eq!((what, found), (part, max + 1));
            }
            other => panic!("{part}: {other:?}"),
        }
    }
}

#[test]
fn names_of_all_routes_are_counted_together() {
    let few = WireLimits { names_max: 3, ..limits() };
    let letter = pack(2, 0, 0);
    let too_many = RecordError::TooMany { what: "names in routes", found: 2, max: 1 };
    assert_eq!(decode_letter(&encode_letter(&letter), &few), Err(too_many.into()));
}

#[test]
fn long_frames_greetings_and_texts_are_refused() {
    let short = WireLimits { frame_len_max: 100, ..limits() };
    let too_long = WireError::TooLong { what: "a frame", found: 101, max: 100 };
    assert_eq!(decode_frame(&[0; 101], &short), Err(too_long));

    let mut hello = sample::hello();
    hello.capabilities = vec![String::new(); limits().hello_len_max / 2];
    let refused = decode_frame(&encode_hello(&hello), &limits());
    assert!(matches!(refused, Err(WireError::TooLong { what: "a greeting", .. })), "{refused:?}");

    let mut hello = sample::hello();
    hello.software = "x".repeat(limits().text_len_max + 1);
    let refused = decode_frame(&encode_hello(&hello), &limits());
    let expected = matches!(refused, Err(WireError::Value(RecordError::TooLarge { .. })));
    assert!(expected, "{refused:?}");
}

/// A length of nearly four billion in front of nothing.
#[test]
fn a_length_that_nothing_follows_is_refused() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for tag in 10..=28_u64 {
        let mut body = Vec::new();
        put_number(&mut body, tag << 3 | 2);
        body.extend(huge);
        let letter = [vec![1 << 3, 1], body].concat();
        assert!(decode_letter(&tagged(2, &letter), &limits()).is_err());
        // The same one level further in.
        let inner: Vec<u8> =
            (1..8).flat_map(|tag: u8| [&[tag << 3 | 2], &huge[..]].concat()).collect();
        let letter = [vec![1 << 3, 1], tagged(tag, &inner)].concat();
        assert!(decode_letter(&tagged(2, &letter), &limits()).is_err());
    }
}

/// As many items of each list as fit, with as few bytes as can be: an empty item of a list has two,
/// one of columns three.
#[test]
fn no_list_sets_aside_more_than_it_pays_for() {
    fn assert_within<T>(what: &str, count: usize, item_len: usize) {
        let taken = count * size_of::<T>();
        let paid = 4 * count * item_len + (64 << 10);
        assert!(taken <= paid, "{what}: {taken} bytes where {paid} are paid for");
    }
    let WireLimits { accounts_max, entries_max, lower_max, products_max, .. } = limits();
    assert_within::<Account>("accounts", accounts_max, 2);
    assert_within::<Below>("lower holders", lower_max, 2);
    assert_within::<(ProductName, Level)>("levels", products_max, 2);
    assert_within::<(ProductName, EdgeReport)>("edges", products_max, 2);
    assert_within::<(ProductName, ServerName)>("sources", products_max, 2);
    assert_within::<ReportRow>("rows", limits().rows_max, 2);
    assert_within::<Sought>("devices that move", limits().moves_max, 2);
    assert_within::<Reached>("devices that have moved", limits().moves_max, 2);
    assert_within::<Wish>("wishes", limits().wishes_max, 3);
    assert_within::<WishVerdict>("verdicts", limits().wishes_max, 3);
    assert_within::<(DeviceNumber, Entry)>("entries", entries_max, 3);
}

#[test]
fn what_servers_send_by_default_is_within_the_limits() {
    let (tuning, limits) = (Tuning::default(), limits());
    assert!(tuning.wishes_per_letter_max <= limits.wishes_max);
    assert!(tuning.report_rows_max <= limits.rows_max);
    assert!(tuning.moves_per_letter_max <= limits.moves_max);
    assert!(tuning.pack_entries_per_letter_max <= limits.entries_max);
    assert!(tuning.pack_entries_per_letter_max < limits.accounts_max);
    assert!(tuning.products_max <= limits.products_max);
    assert!(tuning.depth_max <= limits.depth_max);
}
