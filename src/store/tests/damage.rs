//! Flipped bytes: the content is exactly right or refused; never a wrong value, never a panic.

use super::*;
use crate::store::Survivors;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A small folder with a bit of everything, still open when its power goes or closed in order.
fn played(end: End) -> (LossyDisk, Recovered) {
    let disk = fresh_disk();
    let (mut log, mut rows, _) = open_disk(&disk).unwrap();
    for number in 0..12 {
        let first = 1 + number * 4;
        log.append(&[with_hard(batch(number, first..=first + 3, 1), 1, first)]).unwrap();
        if number % 3 == 1 {
            let many = (0..30).map(|n| row(1, &format!("{n}"), &format!("{number}"))).collect();
            rows.checkpoint(&checkpoint(at(first, 1), many), first).unwrap();
            log.cut_behind(at(first, 1));
        }
    }
    let disk = match end {
        End::Orderly => {
            drop((log, rows));
            disk
        }
        End::Killed => disk.crash(Survivors::All),
    };
    let expected = reopened(&disk.crash(Survivors::All));
    (disk.crash(Survivors::All), expected)
}

#[derive(Clone, Copy, Debug)]
enum End {
    Orderly,
    Killed,
}

/// Positions spread over the file, and the first bytes, which are redb's header.
fn positions(len: usize, count: usize) -> BTreeSet<usize> {
    let spread = (0..count).map(|n| n * len / count + (n * 131) % (len / count));
    (0..320).step_by(3).chain(spread).filter(|position| *position < len).collect()
}

/// What was opened must also be fit to be written to: much is added, and all of it is found.
fn go_on(mut log: LogStore, mut rows: RowStore, disk: &LossyDisk, case: &str) {
    let (first, mut expected) = (log.last().index + 1, log.entries_from(0).unwrap());
    let mut twin = rows.load_whole().unwrap();
    for number in 0..4 {
        let added = batch(1, first + number * 20..=first + number * 20 + 19, 1);
        log.append(std::slice::from_ref(&added)).unwrap_or_else(|error| panic!("{case}: {error}"));
        expected.extend(added.entries);
        let more: Vec<_> = (0..40).map(|n| row(200, &format!("{number} {n:02}"), "new")).collect();
        twin.rows.extend(more.clone());
        let next = checkpoint(twin.at, more);
        rows.checkpoint(&next, 1).unwrap_or_else(|error| panic!("{case}: {error}"));
    }
    drop((log, rows));
    let (log, _, found) = open_disk(disk).unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(found.rows, twin, "{case}");
    assert_eq!(log.entries_from(0).unwrap(), expected, "{case}");
}

fn flip_each(end: End, file: &str, count: usize) {
    let (disk, expected) = played(end);
    let content = disk.content(file);
    let used: Vec<_> = (0..content.len()).filter(|byte| content[*byte] != 0).collect();
    let mut chosen = positions(content.len(), count);
    chosen.extend(positions(used.len(), count).into_iter().map(|nth| used[nth]));
    let (mut right, mut refused) = (0, 0);
    for position in chosen {
        let damaged = disk.crash(Survivors::All);
        let mut bytes = content.clone();
        bytes[position] ^= 1 << (position % 8);
        damaged.overwrite(file, bytes);
        let opened = catch_unwind(AssertUnwindSafe(|| open_disk(&damaged)));
        match opened.unwrap_or_else(|_| panic!("{end:?} {file}: byte {position} panics")) {
            Ok((log, rows, found)) => {
                assert_eq!(found, expected, "{end:?} {file}: byte {position}");
                go_on(log, rows, &damaged, &format!("{end:?} {file}: byte {position}"));
                right += 1;
            }
            Err(StoreError::Damaged { .. } | StoreError::SteppedBack { .. }) => refused += 1,
            Err(StoreError::NewerFormat { .. }) => panic!("the format is under a checksum"),
            Err(other) => panic!("{end:?} {file}: byte {position}: {other}"),
        }
    }
    assert!(right > 0 && refused > 0, "{right} right, {refused} refused");
}

#[test]
fn a_flipped_byte_in_the_log_of_an_orderly_end() {
    flip_each(End::Orderly, "log.redb", 300);
}

#[test]
fn a_flipped_byte_in_the_log_of_a_killed_server() {
    flip_each(End::Killed, "log.redb", 300);
}

#[test]
fn a_flipped_byte_in_the_rows_of_an_orderly_end() {
    flip_each(End::Orderly, "rows.redb", 300);
}

#[test]
fn a_flipped_byte_in_the_rows_of_a_killed_server() {
    flip_each(End::Killed, "rows.redb", 300);
}

#[test]
fn a_damaged_or_missing_witness_refuses_nothing() {
    let (disk, expected) = played(End::Killed);
    for file in ["log.witness", "rows.witness"] {
        let content = disk.content(file);
        for position in 0..content.len() {
            let mut bytes = content.clone();
            bytes[position] ^= 0x10;
            disk.overwrite(file, bytes);
            assert_eq!(reopened(&disk.crash(Survivors::All)), expected);
        }
        disk.overwrite(file, Vec::new());
        assert_eq!(reopened(&disk.crash(Survivors::All)), expected);
    }
}

#[test]
fn a_file_cut_short_anywhere_is_refused_or_right() {
    let (disk, expected) = played(End::Killed);
    for file in ["log.redb", "rows.redb"] {
        let content = disk.content(file);
        for keep in (0..content.len()).step_by(content.len() / 60) {
            let cut = disk.crash(Survivors::All);
            cut.overwrite(file, content[..keep].to_vec());
            match open_disk(&cut) {
                Ok((.., found)) => assert_eq!(found, expected, "{file} cut to {keep}"),
                Err(StoreError::Damaged { .. } | StoreError::SteppedBack { .. }) => {}
                Err(other) => panic!("{file} cut to {keep}: {other}"),
            }
        }
    }
}
