//! The ways found to stop or kill a raft group that a group of one member can meet.
//!
//! 1. Rows that stand above the stored commit index: raft panics at the start.
//! 2. After a restart, commands that were answered are in the log and agreed by nothing yet.
//! 6. Becoming leader with a write in flight: raft panics.
//! 7. A Ready that needs no write must wait for writes before it, never for one that never comes.
//!
//! (3, 4, 5 and 8 take a second member or a change of members.)

use crate::group::tests::bench::{Bench, command};
use crate::group::{Group, GroupError, GroupLimits};
use crate::model::log::HardState;

/// Rows are written after what they hold was agreed, the commit index only with the next batch.
#[test]
fn trap_1_rows_above_the_stored_commit_index_start() {
    let mut bench = Bench::leading();
    for number in 0..3 {
        assert_eq!(bench.propose(&command(number)), Ok(()));
        bench.settle();
    }
    let disk = &bench.disk;
    assert!(disk.hard_state.commit < 4, "else this tries nothing");
    let mut again = Bench::new(disk.start(4));
    let batch = again.poll().and_then(|work| work.persist).expect("the new term's first entry");
    assert_eq!(batch.hard_state, Some(HardState { term: 2, vote: 1, commit: 4 }));
    again.settle();
    assert_eq!(again.commands(), Vec::<Vec<u8>>::new());
    assert!(again.group.leads());
}

#[test]
fn trap_1_a_log_that_ends_before_rows_or_commit_is_refused() {
    let mut bench = Bench::leading();
    assert_eq!(bench.propose(&command(0)), Ok(()));
    bench.settle();
    let mut start = bench.disk.start(2);
    start.entries.pop();
    let refused = Group::start(start).err();
    assert_eq!(refused, Some(GroupError::AppliedBeyondLog { applied: 2, last: 1 }));
}

/// What was answered before a crash is agreed only by the new term's first entry.
#[test]
fn trap_2_answered_commands_wait_for_the_new_terms_first_entry() {
    let mut bench = Bench::leading();
    for number in 0..3 {
        assert_eq!(bench.propose(&command(number)), Ok(()));
    }
    bench.settle();
    assert_eq!(bench.commands().len(), 3);

    let mut again = Bench::new(bench.disk.start(0));
    while again.poll().is_some() {}
    assert_eq!(again.commands(), Vec::<Vec<u8>>::new(), "agreed by nothing yet");
    assert!(!again.group.leads());
    assert_eq!(again.propose(b"decided too early"), Err(GroupError::Settling));
    again.persist(1);
    assert!(!again.group.leads(), "durable, but the server has not seen the commands");
    assert_eq!(again.propose(b"decided too early"), Err(GroupError::Settling));
    while again.poll().is_some() {}
    assert_eq!(again.commands(), bench.commands());
    assert!(again.group.leads());
}

/// The same with so many commands that they come in several pieces: it leads after the last.
#[test]
fn trap_2_leads_only_after_the_last_piece() {
    let mut bench = Bench::leading();
    for number in 0..30 {
        assert_eq!(bench.propose(&command(number)), Ok(()));
    }
    bench.settle();
    let limits = GroupLimits { committed_bytes_max: 150, ..GroupLimits::default() };
    let mut again = Bench::within(bench.disk.start(0), limits);
    while again.poll().is_some() {}
    again.persist(1);
    let mut pieces = 0;
    while !again.group.leads() {
        assert_eq!(again.propose(b"decided too early"), Err(GroupError::Settling));
        assert!(again.poll().is_some(), "nothing to do and not leading");
        pieces += 1;
    }
    assert!(pieces > 3, "{pieces}");
    assert_eq!(again.commands(), bench.commands());
    assert_eq!(again.poll(), None);
}

/// An election won with a write in flight would end the process.
#[test]
fn trap_6_no_election_while_a_batch_is_in_flight() {
    let mut bench = Bench::leading();
    assert_eq!(bench.propose(&command(0)), Ok(()));
    let mut again = Bench::new(bench.disk.start(0));
    for bench in [&mut bench, &mut again] {
        assert!(bench.poll().is_some_and(|work| work.persist.is_some()));
        for _ in 0..100 {
            bench.group.tick();
        }
        assert_eq!(bench.poll(), None, "ticks made work");
        bench.settle();
        assert!(bench.group.leads());
    }
}

/// A Ready that needs no write is released with the write before it, and never waits for more.
#[test]
fn trap_7_what_needs_no_write_waits_for_the_write_before_it_and_no_longer() {
    let mut bench = Bench::leading();
    assert_eq!(bench.propose(&command(0)), Ok(()));
    bench.poll();
    assert_eq!(bench.propose(&command(1)), Ok(()));
    bench.poll();
    assert_eq!(bench.group.in_flight_readys(), [(2, 3), (3, 4)]);
    bench.persist(1);
    let work = bench.poll().expect("the first command");
    assert_eq!((work.persist, work.committed.len()), (None, 1));
    assert_eq!(bench.group.in_flight_readys(), [(3, 5)], "joins the batch in flight");
    bench.persist(1);
    let work = bench.poll().expect("the second command, with no write in flight");
    assert_eq!((work.persist, work.committed.len()), (None, 1));
    assert_eq!(bench.group.in_flight_readys(), []);
    assert_eq!(bench.poll(), None);
}

/// A new commit index is no reason to write, and is not forgotten when the next write comes.
#[test]
fn a_commit_index_waits_for_the_next_batch() {
    let mut bench = Bench::leading();
    assert_eq!(bench.disk.hard_state, HardState { term: 1, vote: 1, commit: 0 });
    assert_eq!(bench.poll(), None);
    assert_eq!(bench.propose(&command(0)), Ok(()));
    let batch = bench.poll().and_then(|work| work.persist).expect("a batch");
    assert_eq!(batch.hard_state, Some(HardState { term: 1, vote: 1, commit: 1 }));
    assert_eq!(bench.propose(&command(1)), Ok(()));
    let batch = bench.poll().and_then(|work| work.persist).expect("a batch");
    assert_eq!(batch.hard_state, None, "nothing new to store");
}

/// One report may stand for several batches; a report that comes twice changes nothing.
#[test]
fn one_report_stands_for_all_batches_before_it() {
    let mut bench = Bench::leading();
    for number in 0..4 {
        assert_eq!(bench.propose(&command(number)), Ok(()));
        bench.poll();
    }
    bench.persist(3);
    bench.group.persisted(1);
    bench.group.persisted(0);
    while bench.poll().is_some() {}
    assert_eq!(bench.commands().len(), 3);
    bench.settle();
    assert_eq!(bench.commands().len(), 4);
}
