//! What holds for all frames: they come back, no bytes make reading panic or ask for much memory,
//! and the golden bytes stay.

mod arbitrary;
mod bounds;
mod sample;

use crate::record::RecordError;
use crate::record::field::put_number;
use crate::record::golden;
use crate::wire::{
    Frame, WireError, WireLimits, decode_frame, decode_hello, decode_letter, encode_frame,
    encode_hello, encode_letter,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn limits() -> WireLimits {
    WireLimits::default()
}

#[test]
fn golden_frames() {
    let samples = sample::frames();
    let written: Vec<_> =
        samples.iter().map(|(name, frame)| (name.to_string(), encode_frame(frame))).collect();
    let samples: BTreeMap<_, _> = samples.into_iter().collect();
    for (file, name, bytes) in golden::hold("wire", "frames", &written) {
        let read = decode_frame(&bytes, &limits());
        let read = read.unwrap_or_else(|error| panic!("{file} {name}: {error}"));
        if file == "frames.txt" {
            assert_eq!(read, samples[name.as_str()], "{name}");
        }
    }
}

#[test]
fn every_number_of_a_body_has_a_sample() {
    let number = |frame| match frame {
        Frame::Letter(letter) => sample::body_tag(&letter),
        Frame::Hello(_) => None,
    };
    let frames = sample::frames().into_iter();
    let numbers: BTreeSet<u32> = frames.filter_map(|(_, frame)| number(frame)).collect();
    assert_eq!(numbers, (10..=30).chain(40..=42).chain(45..=52).collect());
}

#[test]
fn each_flipped_bit_of_a_golden_frame_is_an_error_or_a_frame() {
    for (_, frame) in sample::frames() {
        let golden = encode_frame(&frame);
        for at in 0..golden.len() {
            for bit in 0..8_u32 {
                let mut bytes = golden.clone();
                bytes[at] ^= 1_u8 << bit;
                if let Ok(other) = decode_frame(&bytes, &limits()) {
                    let again = encode_frame(&other);
                    assert_eq!(decode_frame(&again, &limits()), Ok(other));
                }
            }
            let _ = decode_frame(&golden[..at], &limits());
        }
    }
}

/// A frame of one field of bytes.
fn tagged(tag: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_number(&mut bytes, tag << 3 | 2);
    put_number(&mut bytes, content.len() as u64);
    bytes.extend(content);
    bytes
}

#[test]
fn what_a_newer_version_says_is_unsupported() {
    let unsupported = |what, number| Err(WireError::Unsupported { what, number });
    assert_eq!(decode_frame(&tagged(3, b"x"), &limits()), unsupported("a frame", 3));
    // To the primary, and a body of number 99.
    let mut letter = vec![2 << 3, 1];
    letter.extend(tagged(99, b"x"));
    let frame = decode_frame(&tagged(2, &letter), &limits());
    assert_eq!(frame, unsupported("part of a letter", 99));
    // An address of number 7, and the body Resume.
    let mut letter = tagged(7, b"x");
    letter.extend([11 << 3, 1]);
    let frame = decode_frame(&tagged(2, &letter), &limits());
    assert_eq!(frame, unsupported("part of a letter", 7));
}

#[test]
fn a_field_of_a_newer_version_is_left_out() {
    let letter = sample::letter("take-over");
    let mut bytes = encode_letter(&letter)[2..].to_vec();
    bytes.extend(tagged(99, b"x"));
    assert_eq!(decode_letter(&tagged(2, &bytes), &limits()), Ok(letter));
}

#[test]
fn nothing_and_half_a_letter_are_errors() {
    assert_eq!(decode_frame(&[], &limits()), Err(WireError::Empty));
    let missing = RecordError::Missing { what: "a letter", field: "address or body" };
    assert_eq!(decode_frame(&tagged(2, &[2 << 3, 1]), &limits()), Err(missing.into()));
}

#[test]
fn a_greeting_is_no_letter() {
    let hello = sample::hello();
    let bytes = encode_hello(&hello);
    assert_eq!(decode_hello(&bytes, &limits()), Ok(hello));
    let other = WireError::Other { expected: "a letter", found: "a greeting" };
    assert_eq!(decode_letter(&bytes, &limits()), Err(other));
    let other = WireError::Other { expected: "a greeting", found: "a letter" };
    assert_eq!(decode_hello(&encode_letter(&sample::letter("resume")), &limits()), Err(other));
}

#[test]
fn a_name_that_is_none_is_refused() {
    let letter = [tagged(5, b"Not Plain"), vec![11 << 3, 1]].concat();
    let read = decode_letter(&tagged(2, &letter), &limits());
    let found = matches!(read, Err(WireError::Value(RecordError::Name { .. })));
    assert!(found, "{read:?}");
}

proptest! {
    #[test]
    fn frames_come_back(frame in arbitrary::frame()) {
        let bytes = encode_frame(&frame);
        prop_assert_eq!(decode_frame(&bytes, &limits()), Ok(frame));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = decode_frame(&bytes, &limits());
        let _ = decode_frame(&tagged(1, &bytes), &limits());
        let _ = decode_frame(&tagged(2, &bytes), &limits());
    }

    #[test]
    fn any_content_of_a_body_is_an_error_or_a_letter(
        tag in 10..31_u64,
        bytes in vec(any::<u8>(), 0..200),
    ) {
        let letter = [vec![1 << 3, 1], tagged(tag, &bytes)].concat();
        let _ = decode_letter(&tagged(2, &letter), &limits());
    }

    #[test]
    fn mended_frames_do_not_make_it_panic(
        frame in arbitrary::frame(),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = encode_frame(&frame);
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = decode_frame(&bytes, &limits());
    }
}
