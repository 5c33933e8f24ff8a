//! The two threads that write: one for the log, one for the rows.
//!
//! ```text
//!   Owner ─ LogJob ─► queue (bounded) ─► log thread: all that waits, one append, one sync ─┐
//!         ─ RowsJob ─► (one place) ─► rows thread: one commit ─────────────────────────────┤
//!         ◄──────────────────────────── watch of Progress: latest only ────────────────────┘
//! ```
//!
//! Invariant: progress never waits for the owner, so the owner may wait for room in a queue.
//! After the first failure a thread writes nothing more.

use crate::daemon::DaemonError;
use crate::daemon::witness::Witness;
use crate::model::log::{Checkpoint, LogBatch, LogPosition};
use crate::store::{LogStore, RowStore, RowsPicture};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot, watch};

/// What is durable so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// The number of the last batch that the log has.
    pub(super) persisted: u64,
    /// How many checkpoints were saved in this run, and where the last one stands.
    pub(super) checkpoints: u64,
    pub(super) rows_at: LogPosition,
    pub(super) failed: Option<DaemonError>,
}

pub(super) enum LogJob {
    Append(LogBatch),
    /// Durable with the next append.
    Cut(LogPosition),
    /// It is durable that the server recovers: the witness follows this log.
    Attest,
}

/// Rows to save, and who wants to see all of them when they are.
pub(super) struct RowsJob {
    pub(super) checkpoint: Checkpoint,
    pub(super) pictures: Vec<oneshot::Sender<RowsPicture>>,
}

/// The owner's side of both threads. They end when it is dropped.
pub(super) struct Disk {
    log: mpsc::Sender<LogJob>,
    rows: mpsc::Sender<RowsJob>,
    progress: watch::Receiver<Progress>,
    threads: [JoinHandle<()>; 2],
}

impl Disk {
    pub(super) fn start(
        log: LogStore,
        rows: RowStore,
        witness: Witness,
        log_queue_max: usize,
    ) -> Result<Disk, DaemonError> {
        let (report, progress) = watch::channel(Progress::default());
        let report = Arc::new(report);
        let (to_log, log_jobs) = mpsc::channel(log_queue_max);
        let (to_rows, rows_jobs) = mpsc::channel(1);
        let log_thread = spawn("lictree-log", &report, move |report| {
            keep_log((log, witness), log_jobs, log_queue_max, report)
        })?;
        let rows_thread =
            spawn("lictree-rows", &report, move |report| keep_rows(rows, rows_jobs, report))?;
        Ok(Disk { log: to_log, rows: to_rows, progress, threads: [log_thread, rows_thread] })
    }

    /// Hands a job to the log's thread; waits while its queue is full.
    pub(super) async fn log(&self, job: LogJob) -> Result<(), DaemonError> {
        self.log.send(job).await.map_err(|_| self.ended())
    }

    /// Jobs that wait for the log's thread.
    pub(super) fn log_queue(&self) -> usize {
        self.log.max_capacity() - self.log.capacity()
    }

    /// Hands a checkpoint to the rows' thread; waits while one is being saved.
    pub(super) async fn save_rows(&self, job: RowsJob) -> Result<(), DaemonError> {
        self.rows.send(job).await.map_err(|_| self.ended())
    }

    /// Waits for further progress. Nothing is lost when this is dropped while it waits.
    pub(super) async fn advanced(&mut self) {
        // An end of both threads is shown by `failed`, or asked for.
        let _ = self.progress.changed().await;
    }

    pub(super) fn progress(&mut self) -> Progress {
        self.progress.borrow_and_update().clone()
    }

    /// Ends both threads after what they were handed, and waits for them.
    pub(super) fn stop(self) {
        drop((self.log, self.rows));
        for thread in self.threads {
            // A panic was shown as a failure already.
            let _ = thread.join();
        }
    }

    fn ended(&self) -> DaemonError {
        let failed = self.progress.borrow().failed.clone();
        failed.unwrap_or(DaemonError::Broken("a thread of the disk ended unasked".to_string()))
    }
}

type Report = Arc<watch::Sender<Progress>>;

fn spawn(
    name: &str,
    report: &Report,
    work: impl FnOnce(&watch::Sender<Progress>) -> Result<(), DaemonError> + Send + 'static,
) -> Result<JoinHandle<()>, DaemonError> {
    let report = Mourner(report.clone());
    let body = move || {
        if let Err(error) = work(&report.0) {
            report.fail(error);
        }
    };
    let thread = std::thread::Builder::new().name(name.to_string()).spawn(body);
    thread.map_err(|error| DaemonError::Thread(error.to_string()))
}

/// Tells the owner when its thread dies of a panic.
struct Mourner(Report);

impl Mourner {
    fn fail(&self, error: DaemonError) {
        self.0.send_modify(|progress| {
            progress.failed.get_or_insert(error);
        });
    }
}

impl Drop for Mourner {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.fail(DaemonError::Broken("a thread of the disk panicked".to_string()));
        }
    }
}

fn keep_log(
    (mut store, mut witness): (LogStore, Witness),
    mut jobs: mpsc::Receiver<LogJob>,
    at_once: usize,
    report: &watch::Sender<Progress>,
) -> Result<(), DaemonError> {
    let (mut waiting, mut batches) = (Vec::new(), Vec::new());
    while jobs.blocking_recv_many(&mut waiting, at_once) > 0 {
        for job in waiting.drain(..) {
            match job {
                LogJob::Append(batch) => batches.push(batch),
                LogJob::Cut(position) => store.cut_behind(position),
                LogJob::Attest => witness.follow(),
            }
        }
        let Some(last) = batches.last().map(|batch| batch.number) else { continue };
        store.append(&batches)?;
        let reached = batches.iter().filter_map(|batch| batch.entries.last()).next_back();
        if let Some(entry) = reached {
            witness.advance(entry.index);
        }
        batches.clear();
        report.send_modify(|progress| progress.persisted = last);
    }
    Ok(())
}

fn keep_rows(
    mut store: RowStore,
    mut jobs: mpsc::Receiver<RowsJob>,
    report: &watch::Sender<Progress>,
) -> Result<(), DaemonError> {
    while let Some(RowsJob { checkpoint, pictures }) = jobs.blocking_recv() {
        // What the rows stand at is agreed; more need not be known to start from them.
        store.checkpoint(&checkpoint, checkpoint.at.index)?;
        report.send_modify(|progress| {
            progress.checkpoints += 1;
            progress.rows_at = checkpoint.at;
        });
        for asked in pictures {
            // Reading it is not for this thread. Whoever asked may have left.
            drop(asked.send(store.picture()?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log::{HardState, LogEntry};
    use crate::store::{FolderFiles, FolderMeta, LossyDisk, StoreLimits, create_on, open_on};

    fn started() -> (Disk, LossyDisk) {
        let disk = LossyDisk::new();
        let (tree, server) = ("acme".parse().unwrap(), "hq".parse().unwrap());
        let folder = FolderMeta { tree, server, incarnation: 1 };
        create_on(FolderFiles::on(&disk), &folder).unwrap();
        let (log, rows, _) = open_on(FolderFiles::on(&disk), &StoreLimits::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (witness, _) = Witness::open(None, &folder.path().join("hq"), (1, 0), true).unwrap();
        (Disk::start(log, rows, witness, 4).unwrap(), disk)
    }

    fn batch(number: u64, index: u64) -> LogJob {
        let entries = vec![LogEntry { index, term: 1, data: vec![7] }];
        let hard_state = Some(HardState { term: 1, vote: 1, commit: 0 });
        LogJob::Append(LogBatch { number, entries, hard_state })
    }

    #[tokio::test]
    async fn what_waits_is_written_in_order_and_the_last_number_is_told() {
        let (mut disk, _) = started();
        for number in 1..=20 {
            disk.log(batch(number, number)).await.unwrap();
        }
        while disk.progress().persisted < 20 {
            disk.advanced().await;
        }
        let at = LogPosition { index: 20, term: 1 };
        let (asked, picture) = oneshot::channel();
        let checkpoint = Checkpoint { at, rows: Vec::new() };
        disk.save_rows(RowsJob { checkpoint, pictures: vec![asked] }).await.unwrap();
        while disk.progress().checkpoints < 1 {
            disk.advanced().await;
        }
        assert_eq!(disk.progress().rows_at, at);
        assert_eq!(picture.await.unwrap().at(), at);
        assert!(disk.progress().failed.is_none());
        disk.stop();
    }

    #[tokio::test]
    async fn after_a_failed_sync_nothing_more_is_taken_and_the_reason_is_told() {
        let (mut disk, below) = started();
        below.fail_sync(1);
        disk.log(batch(1, 1)).await.unwrap();
        while disk.progress().failed.is_none() {
            disk.advanced().await;
        }
        assert_eq!(disk.progress().persisted, 0);
        // The thread may still be on its way out when the reason is told already.
        while disk.log(batch(2, 1)).await.is_ok() {}
        let error = disk.log(batch(3, 1)).await.unwrap_err();
        assert_eq!(error.code(), "LT0504", "{error}");
        disk.stop();
    }
}
