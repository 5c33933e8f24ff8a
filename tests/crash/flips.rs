//! Bits of the files are flipped: a start refuses, or knows exactly what it knew.
//!
//! One case is told by the witness alone: the flip that spoils the newest commit looks like a
//! commit that was never finished. The witness is not synced, so it survives a crash of the
//! process and may not survive a power cut. Both are tried; without it a server may come back
//! one commit older, never otherwise.

use crate::judge::{Judge, Start};
use crate::tally::{Tally, spread};
use crate::torn::with;
use lictree::simulator::entropy::Entropy;
use lictree::store::{LossyDisk, Recovered, Survivors};

/// Flips in each file, with the witness and without.
const FLIPS: usize = 1_000;

/// One file of a disk, and what a start from that disk finds.
struct Case<'a> {
    judge: &'a Judge<'a>,
    disk: LossyDisk,
    has_witness: bool,
    file: &'static str,
    whole: Recovered,
}

pub fn flip_bits(judges: &[Judge<'_>; 2]) -> Tally {
    let mut cases = Vec::new();
    for judge in judges {
        let seeing = judge.disk.crash(Survivors::All);
        let blind = seeing.crash(Survivors::All);
        ["log.witness", "rows.witness"].iter().for_each(|file| blind.overwrite(file, Vec::new()));
        for (disk, has_witness) in [(seeing, true), (blind, false)] {
            for file in ["log.redb", "rows.redb"] {
                let Start::Found(whole) = judge.start_from(&disk.crash(Survivors::All)) else {
                    panic!("the disk is refused before a bit of it is flipped");
                };
                cases.push(Case { judge, disk: disk.clone(), has_witness, file, whole });
            }
        }
    }
    let drawn = |case: &Case<'_>| drawn(&case.disk.content(case.file));
    let mut pieces = Vec::new();
    for case in &cases {
        pieces.extend(drawn(case).into_iter().map(|place| (case, place)));
    }
    spread(&pieces, |(case, place), tally| flip(case, *place, tally))
}

/// Half of them anywhere, half of them where something stands.
fn drawn(content: &[u8]) -> Vec<(usize, u8)> {
    let mut entropy = Entropy::new(content.len() as u64);
    let used: Vec<usize> = (0..content.len()).filter(|byte| content[*byte] != 0).collect();
    let mut one = |flip: usize| {
        let byte = match flip % 2 {
            0 => entropy.index(content.len()),
            _ => used[entropy.index(used.len())],
        };
        (byte, 1 << entropy.below(8))
    };
    (0..FLIPS).map(&mut one).collect()
}

/// One bit of one file is another.
fn flip(case: &Case<'_>, (byte, bit): (usize, u8), tally: &mut Tally) {
    let Case { judge, disk, has_witness, file, whole } = case;
    let mut content = disk.content(file);
    content[byte] ^= bit;
    let history = judge.history;
    let one_older = history.last_commits().map(|at| history.possible(at));
    let one_older = one_older.into_iter().min().unwrap_or(0)..=history.told();
    tally.add("flips", 1);
    let wrong = match judge.start_from(&with(disk, file, content)) {
        Start::Refused("LT0502", _) => return tally.add("flips refused", 1),
        Start::Refused(code, why) => format!("refused {code}: {why}"),
        Start::Found(found) if found == *whole => return,
        Start::Found(found) => match judge.check_log(one_older, &found) {
            Ok(_) if !has_witness => return tally.add("flips that took back a commit", 1),
            Ok(last) => format!("ends at {last}, with its rows at {}", found.rows.at.index),
            Err(wrong) => wrong,
        },
    };
    let name = &history.founding().name;
    tally.wrong(format!("{name}, {file}, byte {byte}, bit {bit}: {wrong}"));
}
