//! The power goes after every single operation of a disk.

use crate::history::Moment;
use crate::judge::Judge;
use crate::tally::{Tally, spread};
use lictree::store::{Past, Recovered, Survivors};
use std::ops::Range;

/// Moments that one worker goes through at a time.
const PIECE: usize = 100;

/// Cuts each of the two at every moment, with nothing, all and some surviving of what no sync had
/// followed.
pub fn cut_everywhere(judges: &[Judge<'_>; 2]) -> Tally {
    let pieces: Vec<(&Judge<'_>, Range<Moment>)> = judges.iter().flat_map(pieces_of).collect();
    spread(&pieces, |(judge, moments), tally| cut_at(judge, moments.clone(), tally))
}

fn pieces_of<'a>(judge: &'a Judge<'a>) -> Vec<(&'a Judge<'a>, Range<Moment>)> {
    let end = judge.disk.operations() + 1;
    (0..end).step_by(PIECE).map(|first| (judge, first..end.min(first + PIECE))).collect()
}

fn cut_at(judge: &Judge<'_>, moments: Range<Moment>, tally: &mut Tally) {
    let mut past = judge.disk.past();
    // What is found when nothing survives: the same from one sync to the next.
    let mut synced: Option<Recovered> = None;
    for at in moments {
        past.go_to(at);
        tally.add("boundaries", 1);
        let unsynced = match &synced {
            Some(found) if !past.just_synced() => {
                judge.check(at, judge.history.possible(at), found).map(|()| None)
            }
            _ => judge.judge(at, &past.crash(Survivors::None)).map(Some),
        };
        tally.add("cuts", 1);
        match unsynced {
            Ok(None) => {}
            Ok(found) => synced = found,
            Err(wrong) => tally.wrong(told(judge, at, Survivors::None, &wrong)),
        }
        for survivors in [Survivors::All, some(at)] {
            tally.add("cuts", 1);
            if let Err(wrong) = judge.judge(at, &past.crash(survivors)) {
                tally.wrong(told(judge, at, survivors, &wrong));
            }
        }
    }
}

/// Sectors of two sizes, and another choice of them at every moment.
fn some(at: Moment) -> Survivors {
    Survivors::Some { seed: at as u64, piece_bytes: [512, 4_096][at % 2] }
}

fn told(judge: &Judge<'_>, at: Moment, survivors: Survivors, wrong: &str) -> String {
    let name = &judge.history.founding().name;
    format!("{name}, cut after {at} operations, {survivors:?}: {wrong}")
}

/// The same on a disk whose last sync before each cut was none: what it promised is lost.
pub fn cut_with_a_forgotten_sync(judges: &[Judge<'_>; 2]) -> Tally {
    let mut tally = Tally::default();
    for judge in judges {
        for nth in 2..=judge.disk.syncs() {
            let moment = |nth| judge.disk.operations_before_sync(nth);
            let (Some(before), Some(at)) = (moment(nth - 1), moment(nth)) else { continue };
            let mut past: Past = judge.disk.past();
            past.go_to(before);
            tally.add("cuts", 1);
            if let Err(wrong) = judge.judge(at, &past.crash(Survivors::None)) {
                tally.wrong(told(judge, at, Survivors::None, &wrong));
            }
        }
    }
    tally
}
