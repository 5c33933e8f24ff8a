//! What holds for all values: they come back, broken bytes are errors, sizes and orders agree, and
//! the golden bytes stay.

use crate::model::command::{Command, CommandBatch};
use crate::model::log::RowChange;
use crate::model::time::Timestamp;
use crate::record::arbitrary::command::{batch, command};
use crate::record::arbitrary::row::{key, row};
use crate::record::field::{put_number, take_number};
use crate::record::golden;
use crate::record::sample;
use crate::record::{
    RecordError, command_len, decode_batch, decode_row, encode_batch, encode_key, encode_row,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn alone(command: Command) -> CommandBatch {
    CommandBatch { at: Timestamp(1_795_000_000_000), commands: vec![command] }
}

#[test]
fn golden_commands() {
    let samples = sample::commands();
    let written: Vec<_> = samples
        .iter()
        .map(|(name, command)| (name.to_string(), encode_batch(&alone(command.clone()))))
        .collect();
    let samples: BTreeMap<_, _> = samples.into_iter().collect();
    for (file, name, bytes) in golden::hold("record", "commands", &written) {
        let read = decode_batch(&bytes).unwrap_or_else(|error| panic!("{file} {name}: {error}"));
        if file == "commands.txt" {
            assert_eq!(read, alone(samples[name.as_str()].clone()), "{name}");
        }
    }
}

/// The moment of [`alone`], and nothing else.
fn empty() -> CommandBatch {
    CommandBatch { at: Timestamp(1_795_000_000_000), commands: vec![] }
}

#[test]
fn every_number_of_a_command_has_a_sample() {
    let number = |(_, command)| {
        let bytes = encode_batch(&alone(command));
        // Behind the moment stand key and length of the command, and the key of its kind.
        let mut rest = &bytes[encode_batch(&empty()).len()..];
        let [_, _, kind] = [(); 3].map(|()| take_number(&mut rest).unwrap());
        kind >> 3
    };
    let numbers: BTreeSet<u64> = sample::commands().into_iter().map(number).collect();
    assert_eq!(numbers, (1..=28).chain(30..=31).chain([36]).collect());
}

/// Table, key and value in one line of bytes.
fn joined(change: &RowChange) -> Vec<u8> {
    let mut bytes = vec![change.table, change.key.len() as u8];
    bytes.extend(&change.key);
    bytes.extend(change.value.as_ref().unwrap());
    bytes
}

fn parted(bytes: &[u8]) -> RowChange {
    let (key, value) = bytes[2..].split_at(usize::from(bytes[1]));
    RowChange { table: bytes[0], key: key.to_vec(), value: Some(value.to_vec()) }
}

#[test]
fn golden_rows() {
    let samples = sample::rows();
    let written: Vec<_> = samples
        .iter()
        .map(|(name, key, row)| (name.to_string(), joined(&encode_row(key, Some(row)))))
        .collect();
    let samples: BTreeMap<_, _> =
        samples.into_iter().map(|(name, key, row)| (name, (key, row))).collect();
    for (file, name, bytes) in golden::hold("record", "rows", &written) {
        let read =
            decode_row(&parted(&bytes)).unwrap_or_else(|error| panic!("{file} {name}: {error}"));
        if file == "rows.txt" {
            assert_eq!(read, samples[name.as_str()], "{name}");
        }
    }
    let tables: BTreeSet<u8> = written.iter().map(|(_, bytes)| bytes[0]).collect();
    assert_eq!(tables, (1..=16).chain(20..=21).collect(), "every table has a sample");
}

#[test]
fn a_changed_form_is_seen() {
    let golden = "a 0011\nb 22\n";
    assert_eq!(golden::difference(golden, golden), None);
    for changed in ["a 0012\nb 22\n", "a 0011\n", "a 0011\nb 22\nc 33\n", ""] {
        assert!(golden::difference(golden, changed).is_some(), "{changed:?}");
    }
}

#[test]
fn a_command_of_a_newer_version_stops_the_reader() {
    let mut bytes = encode_batch(&empty());
    let mut command = Vec::new();
    put_number(&mut command, 99 << 3 | 2);
    command.push(0);
    put_number(&mut bytes, 2 << 3 | 2);
    put_number(&mut bytes, command.len() as u64);
    bytes.extend(command);
    let unknown = RecordError::Unknown { what: "a command", found: 99 };
    assert_eq!(decode_batch(&bytes), Err(unknown));
}

#[test]
fn a_field_of_a_newer_version_is_left_out() {
    let batch = alone(Command::Fence { nonce: 7 });
    let mut bytes = encode_batch(&batch);
    put_number(&mut bytes, 99 << 3 | 2);
    bytes.extend([2, 9, 9]);
    assert_eq!(decode_batch(&bytes), Ok(batch));
}

#[test]
fn a_removal_and_an_unknown_table_are_no_rows() {
    let (_, key, row) = sample::rows().remove(1);
    let removal = encode_row(&key, None);
    assert_eq!(removal.value, None);
    assert_eq!(decode_row(&removal), Err(RecordError::Removed { table: 2 }));
    let change = RowChange { table: 99, ..encode_row(&key, Some(&row)) };
    assert_eq!(decode_row(&change), Err(RecordError::UnknownTable { table: 99 }));
}

proptest! {
    #[test]
    fn batches_come_back(batch in batch()) {
        let bytes = encode_batch(&batch);
        prop_assert_eq!(decode_batch(&bytes), Ok(batch));
    }

    #[test]
    fn rows_come_back((key, row) in row()) {
        let change = encode_row(&key, Some(&row));
        prop_assert_eq!(decode_row(&change), Ok((key, row)));
    }

    #[test]
    fn keys_stand_in_the_order_of_their_bytes(a in key(), b in key()) {
        let ((table_a, bytes_a), (table_b, bytes_b)) = (encode_key(&a), encode_key(&b));
        if table_a == table_b {
            prop_assert_eq!(a.cmp(&b), bytes_a.cmp(&bytes_b));
        } else {
            prop_assert_ne!(a, b);
        }
    }

    #[test]
    fn the_length_of_a_command_is_never_understated(command in command()) {
        let len = encode_batch(&alone(command.clone())).len() - encode_batch(&empty()).len();
        prop_assert!(len <= command_len(&command), "{} > {}", len, command_len(&command));
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in vec(any::<u8>(), 0..200),
        table in 0..18_u8,
        cut in 0..20_usize,
    ) {
        let _ = decode_batch(&bytes);
        let (key, value) = bytes.split_at(cut.min(bytes.len()));
        let _ = decode_row(&RowChange { table, key: key.to_vec(), value: Some(value.to_vec()) });
    }

    #[test]
    fn cut_and_flipped_batches_do_not_make_it_panic(
        batch in batch(),
        at: prop::sample::Index,
        bit in 0..8_u32,
    ) {
        let mut bytes = encode_batch(&batch);
        let at = at.index(bytes.len());
        let _ = decode_batch(&bytes[..at]);
        bytes[at] ^= 1_u8 << bit;
        let _ = decode_batch(&bytes);
    }
}
