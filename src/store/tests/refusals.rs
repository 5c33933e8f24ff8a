//! Every refusal: the right one, with a sentence, and nothing written.

use super::*;
use crate::store::value::{place, seal};
use crate::store::{Survivors, create, open};
use redb::{Database, ReadableTable, TableDefinition};
use std::fs;
use std::path::{Path, PathBuf};

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const ENTRIES: TableDefinition<u64, &[u8]> = TableDefinition::new("entries");
const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");

fn refusal(disk: &LossyDisk) -> StoreError {
    open_disk(disk).map(|opened| opened.2).expect_err("it must be refused")
}

/// A disk with six entries and rows at the third.
fn used_disk() -> LossyDisk {
    let disk = fresh_disk();
    let (mut log, mut rows, _) = open_disk(&disk).unwrap();
    log.append(&[with_hard(batch(1, 1..=6, 1), 1, 5)]).unwrap();
    rows.checkpoint(&checkpoint(at(3, 1), vec![row(1, "a", "1"), row(1, "b", "2")]), 4).unwrap();
    disk
}

/// Changes a file behind the stores' back, with redb's own means.
fn tamper(disk: &LossyDisk, file: &str, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = Database::builder().create_with_backend(disk.file(file)).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

fn a_folder() -> (tempfile::TempDir, PathBuf) {
    let data = tempfile::tempdir().unwrap();
    let dir = data.path().join("store");
    create(&dir, &folder()).unwrap();
    (data, dir)
}

fn refused_folder(dir: &Path) -> StoreError {
    open(dir, &StoreLimits::default()).map(|opened| opened.2).expect_err("it must be refused")
}

#[test]
fn a_folder_that_is_not_there() {
    let data = tempfile::tempdir().unwrap();
    let error = refused_folder(&data.path().join("nowhere"));
    assert!(matches!(error, StoreError::NotThere { .. }), "{error}");
    assert!(error.to_string().contains("log.redb is not there; create the folder first"));
}

#[test]
fn creating_where_something_is() {
    let (_data, dir) = a_folder();
    let error = create(&dir, &folder()).unwrap_err();
    assert!(matches!(error, StoreError::AlreadyThere { .. }), "{error}");
    open(&dir, &StoreLimits::default()).expect("what was there stays");
}

#[test]
fn what_an_interrupted_creation_left_is_removed() {
    let data = tempfile::tempdir().unwrap();
    let dir = data.path().join("store");
    fs::create_dir(data.path().join("store.new")).unwrap();
    fs::write(data.path().join("store.new/log.redb"), "half").unwrap();
    create(&dir, &folder()).unwrap();
    assert!(!data.path().join("store.new").exists());
    assert_eq!(open(&dir, &StoreLimits::default()).unwrap().2.folder, folder());
}

#[test]
fn a_second_process_in_the_same_folder() {
    let (_data, dir) = a_folder();
    let first = open(&dir, &StoreLimits::default()).unwrap();
    let error = refused_folder(&dir);
    assert!(matches!(error, StoreError::AlreadyServed { .. }), "{error}");
    assert!(error.to_string().starts_with("another lictree serves this folder"));
    drop(first);
    open(&dir, &StoreLimits::default()).expect("free again");
}

#[test]
fn files_that_are_no_database_or_cut_short() {
    for (file, keep) in [("log.redb", 0), ("rows.redb", 0), ("log.redb", 300), ("rows.redb", 9000)]
    {
        let (_data, dir) = a_folder();
        let content = fs::read(dir.join(file)).unwrap();
        fs::write(dir.join(file), &content[..keep]).unwrap();
        let error = refused_folder(&dir);
        assert!(matches!(error, StoreError::Damaged { .. }), "{file} {keep}: {error}");
        assert!(error.to_string().contains(file), "{error}");
    }
    let (_data, dir) = a_folder();
    fs::write(dir.join("rows.redb"), "this is a letter, not a database\n".repeat(1000)).unwrap();
    assert!(matches!(refused_folder(&dir), StoreError::Damaged { .. }));
}

#[test]
fn a_database_of_another_program() {
    let disk = LossyDisk::new();
    for file in ["log.redb", "rows.redb"] {
        tamper(&disk, file, |transaction| {
            transaction.open_table(TableDefinition::<u32, u32>::new("theirs")).unwrap();
        });
    }
    assert!(matches!(refusal(&disk), StoreError::Damaged { .. }));
}

#[test]
fn a_newer_format() {
    for file in ["log.redb", "rows.redb"] {
        for (format, lowest_reader, refused) in [(9_u32, 2_u32, true), (9, 1, false)] {
            let disk = used_disk();
            tamper(&disk, file, |transaction| {
                let body = [format.to_le_bytes(), lowest_reader.to_le_bytes()].concat();
                let value = seal(place::META, b"format", &[&body]);
                transaction.open_table(META).unwrap().insert("format", &value[..]).unwrap();
            });
            if refused {
                let error = refusal(&disk);
                let newer = matches!(error, StoreError::NewerFormat { found: 9, .. });
                assert!(newer, "{error}");
                assert!(error.to_string().contains("start the newer program"), "{error}");
            } else {
                open_disk(&disk).expect("a newer writer that older readers may follow");
            }
        }
    }
}

#[test]
fn a_log_that_ends_before_the_rows() {
    let (older, disk) = (fresh_disk(), used_disk());
    disk.overwrite("log.redb", older.content("log.redb"));
    disk.overwrite("log.witness", Vec::new());
    let error = refusal(&disk);
    let behind = matches!(error, StoreError::LogBehindRows { log_last: 0, rows_at: 3, .. });
    assert!(behind, "{error}");
}

#[test]
fn a_log_that_begins_behind_the_rows() {
    let disk = used_disk();
    let rows_before = disk.content("rows.redb");
    let (mut log, mut rows, _) = open_disk(&disk).unwrap();
    rows.checkpoint(&checkpoint(at(5, 1), Vec::new()), 5).unwrap();
    log.cut_behind(at(5, 1));
    log.append(&[]).unwrap();
    drop((log, rows));
    disk.overwrite("rows.redb", rows_before);
    disk.overwrite("rows.witness", Vec::new());
    let error = refusal(&disk);
    assert!(matches!(error, StoreError::LogGap { log_first: 6, rows_at: 3, .. }), "{error}");
}

#[test]
fn an_older_copy_of_a_file_that_still_fits() {
    for file in ["log.redb", "rows.redb"] {
        let disk = used_disk();
        let before = disk.content(file);
        let (mut log, mut rows, _) = open_disk(&disk).unwrap();
        log.append(&[batch(2, 7..=8, 1)]).unwrap();
        rows.checkpoint(&checkpoint(at(6, 1), Vec::new()), 6).unwrap();
        drop((log, rows));
        disk.overwrite(file, before);
        let error = refusal(&disk);
        assert!(matches!(error, StoreError::SteppedBack { .. }), "{file}: {error}");
    }
}

#[test]
fn files_of_two_servers() {
    let (mine, theirs) = (used_disk(), LossyDisk::new());
    let other = FolderMeta { incarnation: 7, ..folder() };
    create_on(FolderFiles::on(&theirs), &other).unwrap();
    mine.overwrite("rows.redb", theirs.content("rows.redb"));
    mine.overwrite("rows.witness", Vec::new());
    let error = refusal(&mine);
    assert!(matches!(error, StoreError::NotTogether { .. }), "{error}");
    let shown = error.to_string();
    assert!(shown.contains("incarnation feed") && shown.contains("incarnation 7"), "{shown}");
}

#[test]
fn a_missing_entry_or_row() {
    let disk = used_disk();
    tamper(&disk, "log.redb", |transaction| {
        transaction.open_table(ENTRIES).unwrap().remove(5).unwrap();
    });
    assert!(refusal(&disk).to_string().contains("entry 6 follows entry 4"));

    let disk = used_disk();
    tamper(&disk, "log.redb", |transaction| {
        transaction.open_table(ENTRIES).unwrap().remove(6).unwrap();
    });
    assert!(refusal(&disk).to_string().contains("it ends at entry 5 and should end at 6"));

    let disk = used_disk();
    tamper(&disk, "rows.redb", |transaction| {
        transaction.open_table(ROWS).unwrap().remove(&b"\x01a"[..]).unwrap();
    });
    assert!(refusal(&disk).to_string().contains("it holds 1 rows, not the 2"));
}

#[test]
fn a_value_whose_checksum_is_wrong() {
    let disk = used_disk();
    tamper(&disk, "log.redb", |transaction| {
        let mut entries = transaction.open_table(ENTRIES).unwrap();
        let fourth = entries.get(4).unwrap().unwrap().value().to_vec();
        entries.insert(5, fourth.as_slice()).unwrap();
    });
    assert!(refusal(&disk).to_string().contains("the checksum of entry 5 is wrong"));

    let disk = used_disk();
    tamper(&disk, "rows.redb", |transaction| {
        let mut rows = transaction.open_table(ROWS).unwrap();
        rows.insert(&b"\x01b"[..], &b"changed by hand"[..]).unwrap();
    });
    assert!(refusal(&disk).to_string().contains("the checksum of row 1 is wrong"));

    let disk = used_disk();
    tamper(&disk, "rows.redb", |transaction| {
        transaction.open_table(META).unwrap().insert("state", &b"nonsense"[..]).unwrap();
    });
    assert!(refusal(&disk).to_string().contains("the checksum of its state is wrong"));
}

#[test]
fn a_term_that_differs_where_the_rows_stand() {
    let disk = used_disk();
    tamper(&disk, "log.redb", |transaction| {
        let mut entries = transaction.open_table(ENTRIES).unwrap();
        for index in 1_u64..=3 {
            let parts: [&[u8]; 2] = [&0_u64.to_le_bytes(), b"x"];
            let value = seal(place::ENTRIES, &index.to_le_bytes(), &parts);
            entries.insert(index, value.as_slice()).unwrap();
        }
    });
    assert!(refusal(&disk).to_string().contains("its entry 3 is not of term 1"));
}

#[test]
fn what_breaks_the_order_is_refused_before_it_is_written() {
    let disk = used_disk();
    let (mut log, mut rows, _) = open_disk(&disk).unwrap();
    log.cut_behind(at(3, 1));
    log.append(&[]).unwrap();
    let before = disk.operations();
    let wrong = [
        batch(1, 8..=8, 1),
        batch(1, 3..=7, 1),
        batch(1, 7..=7, 0),
        with_hard(LogBatch::default(), 1, 7),
        LogBatch { entries: vec![entry(7, 1), entry(9, 1)], ..LogBatch::default() },
    ];
    for batch in wrong {
        let error = log.append(std::slice::from_ref(&batch)).unwrap_err();
        assert!(matches!(error, StoreError::OutOfOrder { .. }), "{batch:?}: {error}");
    }
    let error = rows.checkpoint(&checkpoint(at(2, 1), Vec::new()), 2).unwrap_err();
    assert!(matches!(error, StoreError::OutOfOrder { .. }), "{error}");
    let big = LogEntry { data: vec![0; (33 << 20) + 1], ..entry(7, 1) };
    let error = log.append(&[LogBatch { entries: vec![big], ..LogBatch::default() }]).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    assert_eq!(disk.operations(), before, "nothing was written");
    log.append(&[batch(1, 7..=7, 1)]).expect("the store goes on");
}

#[test]
fn a_cut_at_an_entry_of_another_term_stops_the_store() {
    let disk = used_disk();
    let (mut log, ..) = open_disk(&disk).unwrap();
    log.cut_behind(at(3, 2));
    assert!(matches!(log.append(&[]).unwrap_err(), StoreError::OutOfOrder { .. }));
    drop(log);
    assert_eq!(reopened(&disk).cut, at(0, 0));
}

#[test]
fn nothing_is_taken_after_a_failed_sync_and_it_is_not_tried_again() {
    let disk = used_disk();
    let (mut log, mut rows, before) = open_disk(&disk).unwrap();
    let syncs = disk.syncs();
    let entries = [batch(2, 7..=7, 1)];
    disk.fail_sync(1);
    let error = log.append(&entries).unwrap_err();
    assert!(matches!(error, StoreError::Write { .. }), "{error}");
    assert!(error.to_string().contains("log.redb failed"), "{error}");
    assert!(matches!(log.append(&entries).unwrap_err(), StoreError::Failed { .. }));
    assert!(matches!(log.append(&[]).unwrap_err(), StoreError::Failed { .. }));
    let more = checkpoint(at(5, 1), vec![row(1, "c", "3")]);
    disk.fail_sync(1);
    assert!(matches!(rows.checkpoint(&more, 5).unwrap_err(), StoreError::Write { .. }));
    assert!(matches!(rows.checkpoint(&more, 5).unwrap_err(), StoreError::Failed { .. }));
    assert!(matches!(rows.load_whole().unwrap_err(), StoreError::Failed { .. }));
    drop((log, rows));
    assert_eq!(disk.syncs(), syncs, "not even when the files are closed");
    assert_eq!(reopened(&disk.crash(Survivors::None)), before);
}

#[test]
fn nothing_is_taken_after_any_failed_write() {
    let (mut failed, mut durable) = (0, 0);
    for nth in 1..=8 {
        let disk = used_disk();
        let (mut log, rows, before) = open_disk(&disk).unwrap();
        disk.fail_write(nth);
        let answer = log.append(&[batch(2, 7..=7, 1)]);
        let there = |recovered: Recovered| recovered.entries.last().unwrap().index == 7;
        match answer {
            Ok(()) => assert!(there(reopened(&disk.crash(Survivors::None)))),
            Err(error) => {
                assert!(matches!(error, StoreError::Write { .. }), "write {nth}: {error}");
                let error = log.append(&[batch(3, 7..=7, 1)]).unwrap_err();
                assert!(matches!(error, StoreError::Failed { .. }), "write {nth}: {error}");
                drop((log, rows));
                // The last write is the witness's: the commit before it is durable.
                let after = reopened(&disk.crash(Survivors::None));
                assert!(after == before || there(after.clone()), "write {nth}: {after:?}");
                failed += 1;
                durable += u32::from(after != before);
            }
        }
    }
    assert!(failed > 1 && durable == 1, "{failed} failed, {durable} of them durable");
}
