//! Every sync and every write fails once: the file that it was for takes nothing more, no sync is
//! tried again, and whatever the disk then holds, a start from it knows all that was said.

use crate::history::{Job, Moment};
use crate::judge::Judge;
use crate::site;
use crate::tally::{Tally, spread};
use lictree::store::{LossyDisk, StoreError, Survivors};

/// What of a disk fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Sync,
    Write,
}

/// Commits that one worker goes through at a time.
const PIECE: usize = 20;

pub fn fail_everything(judges: &[Judge<'_>; 2]) -> Tally {
    let mut pieces = Vec::new();
    for judge in judges {
        pieces.extend(judge.history.jobs().chunks(PIECE).map(|jobs| (judge, jobs)));
    }
    spread(&pieces, |(judge, jobs), tally| {
        let mut past = judge.disk.past();
        for (at, job) in *jobs {
            past.go_to(*at);
            let disk = past.crash(Survivors::All);
            for fault in [Fault::Sync, Fault::Write] {
                fail_each(judge, (*at, job), &disk, fault, tally);
            }
        }
    })
}

/// Every sync, or every write, that a commit takes.
fn fail_each(
    judge: &Judge<'_>,
    commit: (Moment, &Job),
    disk: &LossyDisk,
    fault: Fault,
    tally: &mut Tally,
) {
    for nth in 1.. {
        match fail(judge, commit, disk, (fault, nth)) {
            Ok(true) => tally.add(failed(fault), 1),
            Ok(false) => return,
            Err(wrong) => {
                let name = &judge.history.founding().name;
                let at = commit.0;
                return tally.wrong(format!("{name}, commit at {at}, {fault:?} {nth}: {wrong}"));
            }
        }
    }
}

fn failed(fault: Fault) -> &'static str {
    match fault {
        Fault::Sync => "failed syncs",
        Fault::Write => "failed writes",
    }
}

/// Carries a commit out on a disk that fails once. Whether it came to that.
fn fail(
    judge: &Judge<'_>,
    (at, job): (Moment, &Job),
    disk: &LossyDisk,
    (fault, nth): (Fault, u64),
) -> Result<bool, String> {
    let disk = disk.crash(Survivors::All);
    let (mut log, mut rows, _) = site::open(&disk).map_err(|error| error.to_string())?;
    match fault {
        Fault::Sync => disk.fail_sync(nth),
        Fault::Write => disk.fail_write(nth),
    }
    let syncs_before = disk.syncs();
    match job.carry_out(&mut log, &mut rows) {
        Ok(()) => return Ok(false),
        Err(StoreError::Write { .. }) => {}
        Err(other) => return Err(format!("not a failed write: {other}")),
    }
    let (syncs, operations) = (disk.syncs(), disk.operations());
    if matches!(fault, Fault::Sync) && syncs != syncs_before + nth - 1 {
        return Err("a sync was tried again".to_string());
    }
    match job.carry_out(&mut log, &mut rows) {
        Err(StoreError::Failed { .. }) => {}
        Ok(()) => return Err("the file takes more after a failure".to_string()),
        Err(other) => return Err(format!("another refusal after a failure: {other}")),
    }
    if disk.operations() != operations {
        return Err("something was written after a failure".to_string());
    }
    drop((log, rows));
    // The commit had begun: whatever the other server did before it is done.
    let (at, possible) = (at + 1, judge.history.possible(at + 1));
    let some = Survivors::Some { seed: at as u64 + nth, piece_bytes: 512 };
    let survivors: &[Survivors] = match (fault, nth % 2) {
        (Fault::Sync, _) => &[Survivors::None, some, Survivors::All],
        (Fault::Write, 0) => &[some],
        (Fault::Write, _) => &[Survivors::All],
    };
    for survivors in survivors {
        let found = site::open(&disk.crash(*survivors)).map_err(|error| error.to_string())?.2;
        judge.check(at, possible, &found).map_err(|wrong| format!("{survivors:?}: {wrong}"))?;
    }
    Ok(true)
}
