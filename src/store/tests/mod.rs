//! Tests of the stores: what comes back, what is refused, what survives a crash or damage.

mod crash;
mod damage;
mod refusals;
mod roundtrip;

use crate::model::log::{Checkpoint, HardState, LogBatch, LogEntry, LogPosition, RowChange};
use crate::store::{
    FolderFiles, FolderMeta, LogStore, LossyDisk, Recovered, RowStore, StoreError, StoreLimits,
    create_on, open_on,
};

fn folder() -> FolderMeta {
    FolderMeta {
        tree: "acme".parse().unwrap(),
        server: "paris".parse().unwrap(),
        incarnation: 0xfeed,
    }
}

fn fresh_disk() -> LossyDisk {
    let disk = LossyDisk::new();
    create_on(FolderFiles::on(&disk), &folder()).unwrap();
    disk
}

fn open_disk(disk: &LossyDisk) -> Result<(LogStore, RowStore, Recovered), StoreError> {
    open_on(FolderFiles::on(disk), &StoreLimits::default())
}

fn reopened(disk: &LossyDisk) -> Recovered {
    open_disk(disk).unwrap().2
}

fn entry(index: u64, term: u64) -> LogEntry {
    let data = format!("entry {index} of term {term} ").repeat(1 + index as usize % 7);
    LogEntry { index, term, data: data.into_bytes() }
}

fn batch(number: u64, indexes: std::ops::RangeInclusive<u64>, term: u64) -> LogBatch {
    LogBatch {
        number,
        entries: indexes.map(|index| entry(index, term)).collect(),
        hard_state: None,
    }
}

fn with_hard(batch: LogBatch, term: u64, commit: u64) -> LogBatch {
    LogBatch { hard_state: Some(HardState { term, vote: 1, commit }), ..batch }
}

fn at(index: u64, term: u64) -> LogPosition {
    LogPosition { index, term }
}

fn row(table: u8, key: &str, value: &str) -> RowChange {
    RowChange { table, key: key.as_bytes().to_vec(), value: Some(value.as_bytes().to_vec()) }
}

fn removed(table: u8, key: &str) -> RowChange {
    RowChange { table, key: key.as_bytes().to_vec(), value: None }
}

fn checkpoint(at: LogPosition, rows: Vec<RowChange>) -> Checkpoint {
    Checkpoint { at, rows }
}
