//! Commands come out in the order they went in, once, and never before they are durable.

use proptest::prelude::*;

use crate::group::tests::bench::{Bench, Step, command, fresh};
use crate::group::{Group, GroupError, GroupLimits};
use crate::model::log::{HardState, LogPosition};

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Propose),
        6 => Just(Step::Poll),
        4 => (1..6_usize).prop_map(Step::Persist),
        1 => Just(Step::Cut),
        1 => Just(Step::Tick),
    ]
}

/// Small enough that every limit is met within a generated run.
fn tight() -> GroupLimits {
    GroupLimits { batches_in_flight_max: 3, committed_bytes_max: 200, ..GroupLimits::default() }
}

proptest! {
    #[test]
    fn any_interleaving_hands_out_what_was_proposed_in_order(
        steps in prop::collection::vec(step(), 1..2_500),
        limits in prop_oneof![Just(GroupLimits::default()), Just(tight())],
    ) {
        let mut bench = Bench::within(fresh(), limits);
        let mut proposed = 0;
        for step in steps {
            bench.step(step, &mut proposed);
            prop_assert!(bench.queued.len() <= limits.batches_in_flight_max);
        }
        bench.settle();
        let expected: Vec<Vec<u8>> = (0..proposed).map(command).collect();
        prop_assert_eq!(bench.commands(), expected);
        let indexes = bench.committed.iter().map(|entry| entry.index);
        prop_assert!(indexes.eq(1..=u64::from(proposed) + 1));
        prop_assert_eq!(bench.disk.last(), u64::from(proposed) + 1);
    }

    #[test]
    fn equal_inputs_and_entropy_give_equal_work(
        steps in prop::collection::vec(step(), 1..500),
    ) {
        let run = || {
            let mut bench = Bench::within(fresh(), tight());
            let mut proposed = 0;
            for &step in &steps {
                bench.step(step, &mut proposed);
            }
            (bench.works, bench.disk)
        };
        prop_assert_eq!(run(), run());
    }
}

#[test]
fn a_fresh_member_leads_after_one_durable_batch() {
    let mut bench = Bench::new(fresh());
    assert!(!bench.group.leads());
    assert_eq!(bench.propose(b"early"), Err(GroupError::Settling));

    let work = bench.poll().expect("the first batch");
    let batch = work.persist.expect("term, vote and first entry");
    assert_eq!(batch.hard_state, Some(HardState { term: 1, vote: 1, commit: 0 }));
    assert_eq!((batch.entries.len(), batch.entries[0].data.len()), (1, 0));
    assert_eq!((work.committed, bench.poll()), (vec![], None));

    bench.persist(1);
    assert!(!bench.group.leads(), "its first entry is not handed out");
    let work = bench.poll().expect("the first entry");
    assert_eq!((work.persist, work.committed), (None, batch.entries));
    assert!(bench.group.leads());
    assert_eq!(bench.group.leader(), Some(1));
    assert_eq!(bench.poll(), None);
}

#[test]
fn a_thousand_commands_in_one_go_share_one_batch() {
    let mut bench = Bench::leading();
    for number in 0..1_000 {
        assert_eq!(bench.propose(&command(number)), Ok(()));
    }
    assert_eq!(bench.group.last_position(), LogPosition { index: 1_001, term: 1 });
    let batch = bench.poll().and_then(|work| work.persist).expect("a batch");
    assert_eq!(batch.entries.len(), 1_000);
    assert_eq!(bench.poll(), None);
    bench.settle();
    assert_eq!(bench.commands(), (0..1_000).map(command).collect::<Vec<_>>());
}

#[test]
fn batches_are_given_to_the_disk_while_earlier_ones_are_not_durable() {
    let mut bench = Bench::leading();
    for number in 0..5 {
        assert_eq!(bench.propose(&command(number)), Ok(()));
        assert!(bench.poll().is_some_and(|work| work.persist.is_some()));
    }
    assert_eq!(bench.queued.len(), 5);
    bench.persist(2);
    while bench.poll().is_some() {}
    assert_eq!(bench.commands(), [command(0), command(1)]);
    bench.settle();
    assert_eq!(bench.commands().len(), 5);
}

#[test]
fn no_more_batches_than_allowed_are_in_flight_and_the_rest_shares_one() {
    let limits = GroupLimits { batches_in_flight_max: 2, ..GroupLimits::default() };
    let mut bench = Bench::within(fresh(), limits);
    bench.settle();
    for number in 0..6 {
        assert_eq!(bench.propose(&command(number)), Ok(()));
        bench.poll();
    }
    assert_eq!(bench.queued.len(), 2);
    bench.persist(1);
    let work = bench.poll().expect("room for one more");
    assert_eq!(work.persist.map(|batch| batch.entries.len()), Some(4));
    assert_eq!(work.committed.len(), 1);
}

#[test]
fn a_batch_is_refused_when_empty_too_large_or_when_too_much_waits() {
    let limits = GroupLimits {
        batch_bytes_max: 100,
        uncommitted_bytes_max: 150,
        message_bytes_max: 100,
        ..GroupLimits::default()
    };
    let mut bench = Bench::within(fresh(), limits);
    bench.settle();
    assert_eq!(bench.propose(&[]), Err(GroupError::BatchEmpty));
    let too_large = GroupError::BatchTooLarge { bytes: 101, max: 100 };
    assert_eq!(bench.propose(&[1; 101]), Err(too_large));
    assert_eq!(bench.propose(&[1; 100]), Ok(()));
    let too_much = GroupError::TooMuchUncommitted { bytes: 60, uncommitted: 100, max: 150 };
    assert_eq!(bench.propose(&[2; 60]), Err(too_much));
    bench.settle();
    assert_eq!(bench.group.uncommitted_bytes(), 0);
    assert_eq!(bench.propose(&[2; 60]), Ok(()));
    bench.settle();
    assert_eq!(bench.commands(), [vec![1; 100], vec![2; 60]]);
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    let refused = |limits| {
        let started = Group::start_within(fresh(), limits).err();
        assert!(matches!(started, Some(GroupError::Limits { .. })), "{started:?}");
    };
    refused(GroupLimits { batches_in_flight_max: 0, ..GroupLimits::default() });
    refused(GroupLimits { messages_in_flight_max: 0, ..GroupLimits::default() });
    refused(GroupLimits { heartbeat_ticks: 0, ..GroupLimits::default() });
    refused(GroupLimits { election_ticks: 3, ..GroupLimits::default() });
    refused(GroupLimits { uncommitted_bytes_max: 1, ..GroupLimits::default() });
}

#[test]
fn cut_forgets_what_is_handed_out_and_nothing_else() {
    let mut bench = Bench::leading();
    for number in 0..4 {
        assert_eq!(bench.propose(&command(number)), Ok(()));
        bench.poll();
    }
    bench.persist(2);
    while bench.poll().is_some() {}
    bench.group.cut(u64::MAX);
    assert_eq!(bench.group.term_of(2), None);
    assert_eq!(bench.group.term_of(3), Some(1), "the last position cut");
    assert_eq!(bench.group.term_of(5), Some(1), "not durable yet");
    assert_eq!(bench.group.term_of(6), None);
    bench.group.cut(2);
    bench.settle();
    assert_eq!(bench.commands(), (0..4).map(command).collect::<Vec<_>>());
}

#[test]
fn a_lone_leader_needs_no_ticks() {
    let mut bench = Bench::leading();
    assert!(!bench.group.needs_ticks());
    for _ in 0..1_000 {
        bench.group.tick();
    }
    assert_eq!(bench.poll(), None);
    assert!(bench.group.leads());
}

/// The ticks at which a member that nobody answers stands for election.
fn election_ticks(entropy: u64, member: u64) -> Vec<u32> {
    let start = crate::group::GroupStart { entropy, member, voters: vec![1, 2, 3], ..fresh() };
    let mut group = Group::assemble(start, GroupLimits::default()).expect("three members");
    assert!(group.needs_ticks());
    let stood = (0..300).filter(|_| {
        let before = group.elections();
        group.tick();
        group.elections() > before
    });
    stood.collect()
}

#[test]
fn a_member_without_a_leader_stands_at_seeded_times() {
    let times = election_ticks(7, 1);
    assert_eq!(times, election_ticks(7, 1));
    assert_ne!(times, election_ticks(8, 1));
    assert_ne!(times, election_ticks(7, 2));
    let waits: Vec<u32> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits.iter().all(|wait| (10..20).contains(wait)), "{waits:?}");
    assert!(waits.windows(2).any(|pair| pair[0] != pair[1]), "{waits:?}");
}
