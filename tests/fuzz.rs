//! Every reader of what comes from outside, fed with what is nearly right: the twin of the fuzz
//! targets in `fuzz/`, on stable and without instruments.
//!
//! ```text
//!   fuzz/corpus/TARGET ─┬─ as it is ───────────────────────────────┐
//!   folders of inputs ──┼─ cut at each byte, each bit flipped ─────┼─► tests/decoders
//!                       ├─ fields doubled, lengths that lie, … ────┤
//!                       └─ spliced and shaken at random, seeded ───┘
//! ```
//!
//! Equal seeds give equal inputs. An input that a check fails on is kept as a file, whose place the
//! failure names; put it into the corpus with the mended reader.
//!
//! Environment: `LICTREE_FUZZ` (times as many random inputs), `LICTREE_SEED` (other ones),
//! `LICTREE_FUZZ_TARGET` (only that one), `LICTREE_FUZZ_SEEDS=write` (writes the inputs that are
//! made of the golden files), `LICTREE_FUZZ_OUT` (a file to which the figures of all readers are
//! added as a line of JSON). See the table: `cargo test --test fuzz -- --nocapture`.

#[path = "fuzz/corpus.rs"]
mod corpus;
#[path = "decoders/mod.rs"]
mod decoders;
#[path = "fuzz/draw.rs"]
mod draw;
#[path = "fuzz/feeding.rs"]
mod feeding;
#[path = "fuzz/memory.rs"]
mod memory;
#[path = "fuzz/message.rs"]
mod message;
#[path = "fuzz/shake.rs"]
mod shake;

use decoders::TARGETS;
use feeding::{Fed, feed};
use serde_json::json;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
}

/// All readers together, as a line of JSON in the file that `LICTREE_FUZZ_OUT` names.
fn write_out(all: &[Fed]) {
    let Some(path) = std::env::var_os("LICTREE_FUZZ_OUT") else { return };
    let sum = |figure: fn(&Fed) -> usize| all.iter().map(figure).sum::<usize>();
    let json = json!({
        "readers": all.len(),
        "readings": sum(|fed| fed.run),
        "taken": sum(|fed| fed.taken),
        "slow": sum(|fed| fed.slow),
        "failures": sum(|fed| fed.failed.len()),
        "most_bytes": all.iter().map(|fed| fed.most_bytes).max(),
    });
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| writeln!(file, "{json}")).unwrap();
}

#[test]
fn every_reader_holds() {
    let (times, seed) = (number("LICTREE_FUZZ", 1), number("LICTREE_SEED", 1));
    let only = std::env::var("LICTREE_FUZZ_TARGET").ok();
    let chosen = TARGETS.iter().filter(|target| only.as_ref().is_none_or(|o| o == target.name));
    let chosen: Vec<_> = chosen.collect();
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(target) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let fed = feed(target, times, seed);
            all.lock().unwrap().push(fed);
        }
    };
    std::thread::scope(|threads| {
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(chosen.len());
        (0..count).for_each(|_| drop(threads.spawn(work)));
    });
    let mut all: Vec<Fed> = all.into_inner().unwrap();
    all.sort_by_key(|fed| TARGETS.iter().position(|target| target.name == fed.name));
    println!("{}", Fed::HEAD);
    all.iter().for_each(|fed| println!("{fed}"));
    write_out(&all);
    assert_eq!(all.len(), chosen.len());
    let failed: Vec<&str> = all.iter().flat_map(|fed| &fed.failed).map(String::as_str).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    for fed in &all {
        assert!(fed.corpus > 0, "{} has no input at all", fed.name);
        assert!(fed.taken > 0, "{} takes nothing: its inputs do not reach the reader", fed.name);
        assert!(fed.taken < fed.run, "{} refuses nothing", fed.name);
    }
}

#[test]
fn what_is_golden_is_in_the_corpus() {
    let write = std::env::var("LICTREE_FUZZ_SEEDS").is_ok_and(|value| value == "write");
    for (path, bytes) in corpus::seeds() {
        if write {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let there = std::fs::read(&path).unwrap_or_default();
        let remedy = "LICTREE_FUZZ_SEEDS=write cargo test --test fuzz golden";
        assert!(there == bytes, "{} is not what is written today: {remedy}", path.display());
    }
}

/// A length before what it is of, as in every message.
fn with_length(tag: &[u8], mut inner: Vec<u8>) -> Vec<u8> {
    let mut bytes = tag.to_vec();
    let mut length = inner.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.append(&mut inner);
    bytes
}

/// Found by drawing: one denial said 1,300 times took seven times what came, and 64 KiB.
#[test]
fn a_denial_that_is_said_again_and_again_takes_room_once() {
    let denial = b"\x0a\x12\x0a\x07relay-d\x10\x03\x18\x80\x8a\xbe\xc0\xa1\x34";
    let list = with_length(b"\x22", denial.repeat(1_300));
    let trust = with_length(b"\xd2\x02", [b"\x08\x01".to_vec(), list].concat());
    let letter = with_length(b"\x12", [b"\x08\x01".to_vec(), trust].concat());
    let reader = TARGETS.iter().find(|target| target.name == "letter").unwrap();
    assert!((reader.check)(&letter), "it is not taken");
}

#[test]
fn the_corpus_stays_small() {
    let sizes = TARGETS.iter().flat_map(|target| corpus::of(target.name));
    let sizes: Vec<(String, usize)> = sizes.map(|(name, bytes)| (name, bytes.len())).collect();
    let long = sizes.iter().find(|(_, size)| *size > corpus::FILE_BYTES_MAX);
    assert_eq!(long, None);
    assert!(sizes.iter().map(|(_, size)| size).sum::<usize>() < corpus::BYTES_MAX);
    for folder in std::fs::read_dir(corpus::root()).unwrap() {
        let name = folder.unwrap().file_name();
        let known = TARGETS.iter().any(|target| *target.name == *name);
        assert!(known, "there is a corpus for {name:?}, and no such target");
    }
}
