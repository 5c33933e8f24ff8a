//! A crash at any point loses nothing that was handed out, invents nothing, and keeps the order.

use crate::group::tests::bench::{Bench, Disk, Step, command, fresh};
use crate::group::{Group, GroupError, GroupStart};
use crate::model::log::{HardState, LogEntry, LogPosition};

/// Small numbers from a seed, each below `below`.
fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

fn step(number: u64) -> Step {
    match number {
        0..5 => Step::Propose,
        5..9 => Step::Poll,
        _ => Step::Persist(number as usize - 8),
    }
}

/// Starts from `disk` with rows at `applied` and checks everything a restart promises.
fn check_restart(disk: &Disk, applied: u64, handed_out: u64) {
    let mut again = Bench::new(disk.start(applied));
    let commit = disk.hard_state.commit.max(applied);
    let above_commit = |entry: &LogEntry| entry.index > commit;

    // Before the new term's first entry is durable: what is known to be agreed and no more.
    while again.poll().is_some() {}
    assert_eq!(again.committed.len() as u64, commit - applied);
    assert!(!again.committed.iter().any(above_commit));
    assert!(!again.group.leads());
    assert_eq!(again.propose(b"x"), Err(GroupError::Settling));

    // After: the whole log of the disk in its order, then the new term's first entry.
    again.settle();
    assert!(again.group.leads());
    let (first_of_term, rest) = again.committed.split_last().expect("the first entry of the term");
    assert_eq!(rest, &disk.entries[(applied - disk.cut.index) as usize..]);
    assert_eq!(first_of_term.term, disk.hard_state.term + 1);
    assert_eq!((first_of_term.index, first_of_term.data.len()), (disk.last() + 1, 0));
    assert!(disk.last() >= handed_out, "something handed out is not on the disk");
}

#[test]
fn a_crash_at_every_point_loses_nothing_and_invents_nothing() {
    for seed in 0..12 {
        let mut draw = numbers(seed);
        let mut bench = Bench::new(fresh());
        let mut proposed = 0;
        for _ in 0..120 {
            bench.step(step(draw(12)), &mut proposed);
            let handed_out = bench.group.handed_out().index;
            // The disk may have written more than it could report.
            let mut disk = bench.disk.clone();
            for written in 0..=bench.queued.len() {
                let applied = draw(handed_out + 1);
                for applied in [0, applied, handed_out] {
                    check_restart(&disk, applied, handed_out);
                }
                let mut cut = disk.clone();
                cut.cut_through(applied);
                check_restart(&cut, applied, handed_out);
                if let Some(batch) = bench.queued.get(written) {
                    disk.write(batch);
                }
            }
        }
        assert!(proposed > 20, "seed {seed} proposed only {proposed}");
    }
}

#[test]
fn many_lives_in_a_row_keep_one_history() {
    let mut draw = numbers(99);
    let (mut disk, mut history, mut proposed) = (Disk::default(), Vec::new(), 0);
    for life in 1..=40_u64 {
        let applied = history.len() as u64;
        let mut cut = disk.clone();
        cut.cut_through(draw(applied + 1));
        let mut bench = Bench::new(cut.start(applied));
        for _ in 0..draw(60) {
            bench.step(step(draw(12)), &mut proposed);
        }
        for batch in bench.queued.iter().take(draw(3) as usize) {
            bench.disk.write(batch);
        }
        history.extend(bench.committed);
        let (kept, new) = (cut.cut.index as usize, bench.disk.entries);
        disk.entries.truncate(kept);
        disk.entries.extend(new);
        disk.hard_state = bench.disk.hard_state;
        assert!(disk.hard_state.term <= life);
        assert_eq!(history, disk.entries[..history.len()], "life {life}");
    }
    assert!(history.len() > 100, "{}", history.len());
}

#[test]
fn a_start_behind_a_cut_goes_on_at_the_next_index() {
    let mut bench = Bench::leading();
    for number in 0..10 {
        assert_eq!(bench.propose(&command(number)), Ok(()));
        bench.settle();
        bench.group.cut(bench.group.handed_out().index);
    }
    // All is in the rows and the log is empty.
    let mut disk = bench.disk.clone();
    disk.cut_through(11);
    assert_eq!((disk.entries.len(), disk.cut), (0, LogPosition { index: 11, term: 1 }));
    let mut again = Bench::new(disk.start(11));
    assert_eq!(again.group.handed_out(), disk.cut);
    again.settle();
    assert_eq!(again.propose(b"next"), Ok(()));
    again.settle();
    let indexes: Vec<u64> = again.committed.iter().map(|entry| entry.index).collect();
    assert_eq!((indexes, again.commands()), (vec![12, 13], vec![b"next".to_vec()]));
    assert_eq!(again.group.last_position(), LogPosition { index: 13, term: 2 });
}

/// Four commands in the log of term 2 above a cut at 3, agreed up to 5.
fn sound() -> GroupStart {
    let entry = |index| LogEntry { index, term: 2, data: vec![1] };
    GroupStart {
        hard_state: HardState { term: 2, vote: 1, commit: 5 },
        cut: LogPosition { index: 3, term: 1 },
        applied: 4,
        entries: (4..=7).map(entry).collect(),
        ..fresh()
    }
}

fn refusal(change: impl FnOnce(&mut GroupStart)) -> Option<GroupError> {
    let mut start = sound();
    change(&mut start);
    Group::start(start).err()
}

#[test]
fn what_no_run_can_have_left_behind_is_refused_by_name() {
    use GroupError::*;
    assert_eq!(refusal(|_| ()), None);
    assert_eq!(refusal(|s| s.member = 0), Some(MemberZero));
    let voters = vec![2];
    assert_eq!(refusal(|s| s.voters = vec![2]), Some(NotAMember { member: 1, voters }));
    assert_eq!(refusal(|s| s.voters = vec![]), Some(NotAMember { member: 1, voters: vec![] }));
    assert_eq!(refusal(|s| s.voters = vec![1, 2, 3]), Some(SeveralMembers { found: 3 }));
    let gap = |expected, found| Some(Gap { expected, found });
    assert_eq!(refusal(|s| drop(s.entries.remove(1))), gap(5, 6));
    assert_eq!(refusal(|s| s.cut.index = 2), gap(3, 4));
    assert_eq!(refusal(|s| s.entries[3].index = 6), gap(7, 6));
    let falls =
        |index, term, after_term| Some(TermFalls { at: LogPosition { index, term }, after_term });
    assert_eq!(refusal(|s| s.entries[2].term = 1), falls(6, 1, 2));
    assert_eq!(refusal(|s| s.cut.term = 0), falls(3, 0, 0));
    assert_eq!(refusal(|s| s.cut.term = 3), falls(4, 2, 3));
    let behind = TermBehindLog { log_term: 2, term: 0 };
    assert_eq!(refusal(|s| s.hard_state = HardState::default()), Some(behind));
    let beyond = AppliedBeyondLog { applied: 8, last: 7 };
    assert_eq!(refusal(|s| s.applied = 8), Some(beyond));
    assert_eq!(refusal(|s| s.applied = 2), Some(AppliedBeforeLog { applied: 2, cut: 3 }));
    let lost = CommitBeyondLog { commit: 8, last: 7 };
    assert_eq!(refusal(|s| s.hard_state.commit = 8), Some(lost));
    let found = u64::MAX;
    assert_eq!(refusal(|s| s.hard_state.term = found), Some(OutOfReach { found }));
    assert_eq!(refusal(|s| s.cut.index = found), Some(OutOfReach { found }));
}
