//! What was written comes back, in a folder and on the lossy disk.

use super::*;
use crate::store::{Survivors, create, open};

#[test]
fn a_fresh_folder_holds_nothing_but_its_name() {
    let data = tempfile::tempdir().unwrap();
    let dir = data.path().join("store");
    create(&dir, &folder()).unwrap();
    let (log, rows, recovered) = open(&dir, &StoreLimits::default()).unwrap();
    assert_eq!((log.last(), rows.at()), (at(0, 0), at(0, 0)));
    let nothing = Recovered {
        folder: folder(),
        rows: Checkpoint::default(),
        entries: Vec::new(),
        hard_state: HardState::default(),
        cut: at(0, 0),
    };
    assert_eq!(recovered, nothing);
}

#[test]
fn entries_rows_and_hard_state_come_back_from_a_folder() {
    let data = tempfile::tempdir().unwrap();
    let dir = data.path().join("store");
    create(&dir, &folder()).unwrap();
    let (mut log, mut rows, _) = open(&dir, &StoreLimits::default()).unwrap();
    log.append(&[with_hard(batch(1, 1..=9, 2), 2, 6)]).unwrap();
    let kept = vec![row(1, "b", "2"), row(1, "c", ""), row(7, "a", "1")];
    rows.checkpoint(&checkpoint(at(4, 2), vec![row(7, "a", "1"), row(1, "x", "gone")]), 5).unwrap();
    let changes = vec![removed(1, "x"), row(1, "c", ""), row(1, "b", "old"), row(1, "b", "2")];
    rows.checkpoint(&checkpoint(at(5, 2), changes), 6).unwrap();
    drop((log, rows));
    let (_, _, recovered) = open(&dir, &StoreLimits::default()).unwrap();
    assert_eq!(recovered.rows, checkpoint(at(5, 2), kept));
    assert_eq!(recovered.entries, batch(0, 6..=9, 2).entries);
    assert_eq!(recovered.hard_state, HardState { term: 2, vote: 1, commit: 6 });
}

#[test]
fn batches_that_wait_together_cost_one_sync() {
    let disk = fresh_disk();
    let (mut log, ..) = open_disk(&disk).unwrap();
    log.append(&[batch(1, 1..=1, 1)]).unwrap();
    let before = disk.syncs();
    let hard_only = with_hard(LogBatch::default(), 3, 5);
    log.append(&[with_hard(batch(2, 2..=4, 1), 1, 2), batch(3, 5..=6, 2), hard_only]).unwrap();
    assert_eq!(disk.syncs() - before, 1);
    log.append(&[]).unwrap();
    log.append(&[LogBatch::default()]).unwrap();
    assert_eq!(disk.syncs() - before, 1, "nothing new must not touch the disk");
    drop(log);
    let recovered = reopened(&disk);
    let expected = [batch(0, 1..=4, 1).entries, batch(0, 5..=6, 2).entries].concat();
    assert_eq!(recovered.entries, expected);
    assert_eq!(recovered.hard_state, HardState { term: 3, vote: 1, commit: 5 });
}

#[test]
fn a_later_batch_overwrites_the_tail() {
    let disk = fresh_disk();
    let (mut log, ..) = open_disk(&disk).unwrap();
    log.append(&[batch(1, 1..=8, 1)]).unwrap();
    log.append(&[batch(2, 6..=7, 2)]).unwrap();
    assert_eq!(log.last(), at(7, 2));
    // Within one call: 8..=10 of term 2 give way to 9 of term 3.
    log.append(&[batch(3, 8..=10, 2), batch(4, 9..=9, 3)]).unwrap();
    drop(log);
    let expected =
        [batch(0, 1..=5, 1).entries, batch(0, 6..=8, 2).entries, batch(0, 9..=9, 3).entries];
    assert_eq!(reopened(&disk).entries, expected.concat());
}

#[test]
fn an_equal_index_of_a_later_term_is_written_again() {
    let disk = fresh_disk();
    let (mut log, ..) = open_disk(&disk).unwrap();
    log.append(&[batch(1, 1..=3, 1)]).unwrap();
    let other = LogEntry { data: b"other".to_vec(), ..entry(3, 1) };
    log.append(&[LogBatch { entries: vec![other.clone()], ..LogBatch::default() }]).unwrap();
    drop(log);
    assert_eq!(reopened(&disk).entries[2], other);
}

#[test]
fn a_cut_is_done_with_the_next_append_and_costs_no_sync_of_its_own() {
    let disk = fresh_disk();
    let (mut log, mut rows, _) = open_disk(&disk).unwrap();
    log.append(&[batch(1, 1..=6, 1)]).unwrap();
    rows.checkpoint(&checkpoint(at(4, 1), vec![row(1, "a", "1")]), 4).unwrap();
    let before = disk.syncs();
    log.cut_behind(at(4, 1));
    log.cut_behind(at(2, 1));
    assert_eq!(disk.syncs(), before);
    log.append(&[batch(2, 7..=7, 1)]).unwrap();
    assert_eq!(disk.syncs(), before + 1);
    drop((log, rows));
    let recovered = reopened(&disk);
    assert_eq!(recovered.cut, at(4, 1));
    assert_eq!(recovered.entries, batch(0, 5..=7, 1).entries);
}

#[test]
fn a_long_cut_is_spread_over_appends() {
    let disk = fresh_disk();
    let limits = StoreLimits { cut_entries_max: 4, ..StoreLimits::default() };
    let (mut log, mut rows, _) = open_on(FolderFiles::on(&disk), &limits).unwrap();
    log.append(&[batch(1, 1..=6, 1), batch(2, 7..=10, 2)]).unwrap();
    rows.checkpoint(&checkpoint(at(9, 2), Vec::new()), 9).unwrap();
    log.cut_behind(at(9, 2));
    for cut in [at(4, 1), at(8, 2), at(9, 2), at(9, 2)] {
        log.append(&[]).unwrap();
        assert_eq!(reopened(&disk.crash(Survivors::None)).cut, cut);
    }
    assert_eq!(reopened(&disk.crash(Survivors::None)).entries, batch(0, 10..=10, 2).entries);
}

#[test]
fn a_log_cut_to_nothing_goes_on() {
    let disk = fresh_disk();
    let (mut log, mut rows, _) = open_disk(&disk).unwrap();
    log.append(&[batch(1, 1..=6, 1)]).unwrap();
    rows.checkpoint(&checkpoint(at(6, 1), Vec::new()), 6).unwrap();
    log.cut_behind(at(6, 1));
    log.append(&[]).unwrap();
    drop((log, rows));
    let (mut log, rows, recovered) = open_disk(&disk).unwrap();
    assert_eq!((recovered.cut, recovered.entries), (at(6, 1), Vec::new()));
    assert_eq!(recovered.hard_state.commit, 6, "the rows' position is agreed");
    log.append(&[batch(1, 7..=7, 2)]).unwrap();
    drop((log, rows));
    assert_eq!(reopened(&disk).entries, batch(0, 7..=7, 2).entries);
}

#[test]
fn the_commit_kept_with_the_rows_counts_up_to_the_log_s_end() {
    let disk = fresh_disk();
    let (mut log, mut rows, _) = open_disk(&disk).unwrap();
    log.append(&[with_hard(batch(1, 1..=6, 1), 1, 1)]).unwrap();
    rows.checkpoint(&checkpoint(at(3, 1), Vec::new()), 5).unwrap();
    drop((log, rows));
    assert_eq!(reopened(&disk).hard_state.commit, 5);
    let (_log, mut rows, _) = open_disk(&disk).unwrap();
    rows.checkpoint(&checkpoint(at(3, 1), Vec::new()), 9).unwrap();
    drop((_log, rows));
    assert_eq!(reopened(&disk).hard_state.commit, 6, "entries that are not there are not agreed");
}

#[test]
fn a_member_that_takes_over_rows_starts_its_log_behind_them() {
    let disk = fresh_disk();
    let (mut log, mut rows, _) = open_disk(&disk).unwrap();
    log.append(&[with_hard(batch(1, 1..=6, 1), 1, 3)]).unwrap();
    rows.checkpoint(&checkpoint(at(3, 1), vec![row(1, "a", "old"), row(2, "b", "old")]), 3)
        .unwrap();
    let whole = checkpoint(at(100, 4), vec![row(1, "a", "new")]);
    rows.replace(&whole, 100).unwrap();
    // A crash between the two steps ends at the same place.
    let between = disk.crash(Survivors::None);
    log.restart_at(at(100, 4), HardState { term: 4, vote: 0, commit: 0 }).unwrap();
    log.append(&[batch(2, 101..=102, 4)]).unwrap();
    drop((log, rows));

    let recovered = reopened(&disk);
    assert_eq!((recovered.rows, recovered.cut), (whole.clone(), at(100, 4)));
    assert_eq!(recovered.entries, batch(0, 101..=102, 4).entries);
    assert_eq!(recovered.hard_state.commit, 100);

    let recovered = reopened(&between);
    assert_eq!((recovered.rows, recovered.cut), (whole, at(100, 4)));
    assert_eq!(recovered.entries, Vec::new());
    assert_eq!(recovered.hard_state, HardState { term: 1, vote: 1, commit: 100 });
}

#[test]
fn rows_stream_in_order_with_their_position() {
    let disk = fresh_disk();
    let (_log, mut rows, _) = open_disk(&disk).unwrap();
    let many: Vec<_> = (0..300).map(|n| row(n as u8 % 3, &format!("{n:04}"), "v")).collect();
    rows.checkpoint(&checkpoint(at(1, 1), many.clone()), 1).unwrap();
    let mut sorted = many;
    sorted.sort_by(|a, b| (a.table, &a.key).cmp(&(b.table, &b.key)));
    let whole = rows.load_whole().unwrap();
    assert_eq!(whole, checkpoint(at(1, 1), sorted));
}
