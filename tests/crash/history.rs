//! What one server went through: its log, what it knew at each point of it, and when it said
//! something to others.

use lictree::model::command::Founding;
use lictree::model::log::{Checkpoint, LogBatch, LogEntry, LogPosition};
use lictree::model::tuning::Tuning;
use lictree::simulator::truth::Truth;
use lictree::store::{LogStore, RowStore, StoreError};
use std::collections::BTreeMap;

/// A number of operations of a disk, as a moment of its past.
pub type Moment = usize;

/// One commit to one of the two files of a server.
#[derive(Clone, Debug)]
pub enum Job {
    Append { batches: Vec<LogBatch>, cut: LogPosition },
    Save(Checkpoint),
}

impl Job {
    pub fn carry_out(&self, log: &mut LogStore, rows: &mut RowStore) -> Result<(), StoreError> {
        match self {
            Job::Append { batches, cut } => {
                log.cut_behind(*cut);
                log.append(batches)
            }
            Job::Save(checkpoint) => rows.checkpoint(checkpoint, checkpoint.at.index),
        }
    }

    fn entries(&self) -> impl Iterator<Item = &LogEntry> {
        let batches = match self {
            Job::Append { batches, .. } => batches.as_slice(),
            Job::Save(_) => &[],
        };
        batches.iter().flat_map(|batch| &batch.entries)
    }
}

pub struct History {
    founding: Founding,
    tuning: Tuning,
    /// Every entry that was ever given to the log, from the first on.
    entries: Vec<LogEntry>,
    /// The last entry that the server was told to be durable.
    told: u64,
    /// What the server knew once it was told so.
    truths: BTreeMap<u64, Truth>,
    /// When something was said, and up to which entry the log must reach from then on.
    said: Vec<(Moment, u64)>,
    /// When each commit began.
    jobs: Vec<(Moment, Job)>,
    /// What the log may reach to, from when on.
    given: Vec<(Moment, u64)>,
    /// From when on the other server knew its log up to which entry.
    beside: Vec<(Moment, u64)>,
    pub sayings: u64,
}

impl History {
    pub fn new(founding: Founding, tuning: Tuning) -> History {
        History {
            founding,
            tuning,
            entries: Vec::new(),
            told: 0,
            truths: BTreeMap::new(),
            said: Vec::new(),
            jobs: Vec::new(),
            given: Vec::new(),
            beside: vec![(0, 0)],
            sayings: 0,
        }
    }

    pub fn founding(&self) -> &Founding {
        &self.founding
    }

    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    pub fn jobs(&self) -> &[(Moment, Job)] {
        &self.jobs
    }

    /// When the last commit to each of the two files began.
    pub fn last_commits(&self) -> [Moment; 2] {
        let last = |is_append: bool| {
            let of_file =
                |(_, job): &&(Moment, Job)| matches!(job, Job::Append { .. }) == is_append;
            self.jobs.iter().rfind(of_file).map_or(0, |(begin, _)| *begin)
        };
        [last(true), last(false)]
    }

    /// When the commit that began at this moment was over: nothing came between it and the next.
    pub fn end_of(&self, begin: Moment, operations: usize) -> Moment {
        let next = self.jobs.iter().find(|(at, _)| *at > begin);
        next.map_or(operations, |(at, _)| *at)
    }

    pub fn told(&self) -> u64 {
        self.told
    }

    /// What the server knew with its log up to here; nothing where it never stood there.
    pub fn truth(&self, index: u64) -> Option<&Truth> {
        self.truths.get(&index)
    }

    /// These are on their way to the log.
    pub fn gives(&mut self, job: &Job) {
        self.entries.extend(job.entries().cloned());
    }

    /// The server learns that all that was given to the log is durable.
    pub fn is_told(&mut self) {
        self.told = self.entries.len() as u64;
    }

    /// The other server knows its log up to this entry from now on.
    pub fn is_beside(&mut self, now: Moment, index: u64) {
        self.beside.push((now, index));
    }

    /// What the server knows: all that it was told to be durable, and nothing more.
    pub fn knows(&mut self, truth: Truth) {
        let known = self.truths.entry(self.told).or_insert_with(|| truth.clone());
        assert!(*known == truth, "the server knows more than it was told to be durable");
    }

    pub fn said(&mut self, now: Moment) {
        self.sayings += 1;
        match self.said.last_mut() {
            Some((at, index)) if *at == now => *index = self.told,
            _ => self.said.push((now, self.told)),
        }
    }

    pub fn begins(&mut self, now: Moment, job: &Job) {
        self.jobs.push((now, job.clone()));
        if let Some(entry) = job.entries().last() {
            self.given.push((now, entry.index));
        }
    }

    /// What must be found after a cut at this moment: all that anything said rests on.
    pub fn promised(&self, at: Moment) -> u64 {
        last_before(&self.said, |said| *said <= at)
    }

    /// What can be found: nothing that was not being written by then.
    pub fn possible(&self, at: Moment) -> u64 {
        last_before(&self.given, |given| *given < at)
    }

    /// Where the other server stood at this moment. It may have gone on while this one did nothing.
    pub fn beside(&self, at: Moment) -> Vec<u64> {
        let now = self.beside.partition_point(|(moment, _)| *moment <= at);
        let before = self.beside.partition_point(|(moment, _)| *moment < at);
        self.beside[before.saturating_sub(1)..now].iter().map(|(_, index)| *index).collect()
    }
}

/// The index of the last moment for which this holds; moments rise, and so do indexes.
fn last_before(moments: &[(Moment, u64)], holds: impl Fn(&Moment) -> bool) -> u64 {
    let end = moments.partition_point(|(moment, _)| holds(moment));
    end.checked_sub(1).map_or(0, |last| moments[last].1)
}
