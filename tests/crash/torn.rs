//! The last record of each file, torn at every byte.
//!
//! ```text
//!   operations of its commit   ■ ■ ■ ■ SYNC ■        the last is the witness's
//!   in order                   ■ ■ ▌                 the power goes within a write
//!   before the sync            ■ ■ ▌ ■               … and what came behind it is there
//!   … zeroed                   ■ ■ ▌0■               … and the rest of it is zeros
//!   acknowledged               ■ ■ ▌ ■ SYNC ■        damage: what is torn was durable
//!   … zeroed                   ■ ■ ▌0■ SYNC ■
//!   cut short                  ■ ■ ▌                 damage: the file ends there
//! ```
//! The first three are power cuts: the server starts. The others it refuses, unless it lacks
//! nothing. The log is torn at each byte, in the first two ways and in one of the others in turn;
//! the rows at every fifth byte, in one of all ways in turn, for many more of theirs are new.

use crate::history::Moment;
use crate::judge::{Judge, Start};
use crate::tally::{Tally, spread};
use lictree::store::{LossyDisk, Survivors};

const FILES: [&str; 4] = ["log.redb", "log.witness", "rows.redb", "rows.witness"];

#[derive(Clone, Copy, Debug)]
enum Way {
    InOrder,
    BeforeTheSync,
    ZeroedBeforeTheSync,
    Acknowledged,
    AcknowledgedAndZeroed,
    CutShort,
}

const WAYS: [Way; 6] = [
    Way::InOrder,
    Way::BeforeTheSync,
    Way::ZeroedBeforeTheSync,
    Way::Acknowledged,
    Way::AcknowledgedAndZeroed,
    Way::CutShort,
];

/// One commit on a disk.
struct Commit<'a> {
    judge: &'a Judge<'a>,
    /// When it has begun: all is done then that the other server did before it.
    begun: Moment,
    end: Moment,
    /// All of it is written, and not synced.
    unsynced: LossyDisk,
    ended: LossyDisk,
}

/// One write of a commit, and what it changed.
struct Tear<'a> {
    commit: &'a Commit<'a>,
    file: &'static str,
    operation: Moment,
    /// The disk before it.
    old: LossyDisk,
    before: Vec<u8>,
    after: Vec<u8>,
    /// Where both differ: elsewhere a tear changes nothing.
    differing: Vec<usize>,
    comes_before_sync: bool,
}

pub fn tear_everywhere(judges: &[Judge<'_>; 2]) -> Tally {
    let mut commits = Vec::new();
    for judge in judges {
        commits.extend(judge.history.last_commits().map(|begin| Commit::new(judge, begin)));
    }
    let tears: Vec<_> = commits.iter().flat_map(Commit::tears).collect();
    let mut pieces = Vec::new();
    for tear in &tears {
        let bytes = (0..tear.differing.len()).step_by(if tear.is_log() { 1 } else { 5 });
        pieces.extend(bytes.map(|byte| (tear, byte)));
    }
    spread(&pieces, |(tear, byte), tally| {
        tally.add("torn bytes", 1);
        tear.ways(*byte).into_iter().for_each(|way| tear.tear(way, *byte, tally));
    })
}

impl<'a> Commit<'a> {
    /// The one that began at this moment.
    fn new(judge: &'a Judge<'a>, begin: Moment) -> Commit<'a> {
        let end = judge.history.end_of(begin, judge.disk.operations());
        let mut past = judge.disk.past();
        let is_sync = |at: &Moment| {
            past.go_to(at + 1);
            past.just_synced()
        };
        let sync = (begin..end).find(is_sync).unwrap_or(end);
        let [unsynced, ended] = [sync, end].map(|at| judge.disk.crash_at(at, Survivors::All));
        Commit { judge, begun: begin + 1, end, unsynced, ended }
    }

    fn tears(&self) -> Vec<Tear<'_>> {
        let mut past = self.judge.disk.past();
        let mut tears = Vec::new();
        let mut comes_before_sync = true;
        for operation in self.begun - 1..self.end {
            past.go_to(operation);
            let old = past.crash(Survivors::All);
            past.go_to(operation + 1);
            comes_before_sync &= !past.just_synced();
            let new = past.crash(Survivors::All);
            for file in FILES {
                let (before, after) = (old.content(file), new.content(file));
                // A change of length writes nothing.
                if before == after || before.len() != after.len() {
                    continue;
                }
                let differing = (0..after.len()).filter(|at| before[*at] != after[*at]).collect();
                let (commit, old) = (self, old.clone());
                let tear = Tear {
                    commit,
                    file,
                    operation,
                    old,
                    before,
                    after,
                    differing,
                    comes_before_sync,
                };
                tears.push(tear);
            }
        }
        tears
    }
}

impl Tear<'_> {
    fn is_log(&self) -> bool {
        self.file.starts_with("log")
    }

    fn ways(&self, byte: usize) -> Vec<Way> {
        let mut ways = match self.is_log() {
            true => vec![Way::InOrder, Way::BeforeTheSync, WAYS[2 + byte % 4]],
            false => vec![WAYS[byte % 6]],
        };
        let needs_sync = |way: &Way| matches!(way, Way::BeforeTheSync | Way::ZeroedBeforeTheSync);
        ways.retain(|way| self.comes_before_sync || !needs_sync(way));
        ways
    }

    /// Tears it at one byte, and starts from that.
    fn tear(&self, way: Way, byte: usize, tally: &mut Tally) {
        let Commit { judge, begun, end, unsynced, ended } = self.commit;
        let (disk, at) = match way {
            Way::InOrder => (&self.old, *begun),
            Way::BeforeTheSync | Way::ZeroedBeforeTheSync => (unsynced, *begun),
            Way::Acknowledged | Way::AcknowledgedAndZeroed | Way::CutShort => (ended, *end),
        };
        let start = judge.start_from(&with(disk, self.file, self.content(way, byte, disk)));
        tally.add("starts from torn files", 1);
        let is_power_cut = at == *begun;
        let wrong = match start {
            Start::Refused("LT0502", _) if !is_power_cut => {
                return tally.add("torn files refused", 1);
            }
            Start::Refused(code, why) => format!("refused {code}: {why}"),
            Start::Found(found) => {
                let possible = judge.history.possible(begun + 1);
                match judge.check(at, possible, &found) {
                    Ok(()) => return,
                    Err(wrong) => wrong,
                }
            }
        };
        let (name, at) = (&judge.history.founding().name, self.differing[byte]);
        let Tear { file, operation, .. } = self;
        tally.wrong(format!("{name}, {file}, operation {operation}, {way:?} at {at}: {wrong}"));
    }

    /// The file without what the write brought from this byte on.
    fn content(&self, way: Way, byte: usize, disk: &LossyDisk) -> Vec<u8> {
        let missing = &self.differing[byte..];
        let mut content = match way {
            Way::InOrder => self.after.clone(),
            _ => disk.content(self.file),
        };
        if let Way::CutShort = way {
            content.truncate(missing[0]);
            return content;
        }
        for at in missing {
            let now = content.get_mut(*at).filter(|now| **now == self.after[*at]);
            // Where a later write of the same commit left something else, that is there.
            let Some(now) = now else { continue };
            *now = match way {
                Way::ZeroedBeforeTheSync | Way::AcknowledgedAndZeroed => 0,
                _ => self.before[*at],
            };
        }
        content
    }
}

/// The disk with another content of one file.
pub fn with(disk: &LossyDisk, file: &str, content: Vec<u8>) -> LossyDisk {
    let other = disk.crash(Survivors::All);
    other.overwrite(file, content);
    other
}
