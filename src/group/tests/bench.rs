//! A group, a disk in memory, and a record of everything that passed between them.

use crate::group::{Group, GroupError, GroupLimits, GroupStart, Work};
use crate::model::log::{HardState, LogBatch, LogEntry, LogPosition};

/// What a disk holds: the log above `cut`, and the hard state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    pub cut: LogPosition,
    pub entries: Vec<LogEntry>,
    pub hard_state: HardState,
}

impl Disk {
    pub fn write(&mut self, batch: &LogBatch) {
        if let Some(first) = batch.entries.first() {
            assert!(first.index <= self.last() + 1, "a gap on disk before {}", first.index);
            self.entries.truncate((first.index - self.cut.index - 1) as usize);
        }
        self.entries.extend(batch.entries.iter().cloned());
        self.hard_state = batch.hard_state.unwrap_or(self.hard_state);
    }

    pub fn last(&self) -> u64 {
        self.cut.index + self.entries.len() as u64
    }

    pub fn entry(&self, index: u64) -> Option<&LogEntry> {
        self.entries.get(index.checked_sub(self.cut.index + 1)? as usize)
    }

    pub fn cut_through(&mut self, index: u64) {
        while let Some(first) = self.entries.first().filter(|entry| entry.index <= index) {
            self.cut = LogPosition { index: first.index, term: first.term };
            self.entries.remove(0);
        }
    }

    /// A start from what is here, with rows that stand at `applied`.
    pub fn start(&self, applied: u64) -> GroupStart {
        GroupStart {
            cut: self.cut,
            applied,
            entries: self.entries.clone(),
            hard_state: self.hard_state,
            ..fresh()
        }
    }
}

/// Member 1, alone, with nothing on its disk.
pub fn fresh() -> GroupStart {
    GroupStart { member: 1, entropy: 7, voters: vec![1], ..GroupStart::default() }
}

pub struct Bench {
    pub group: Group,
    /// Handed to the disk and not written.
    pub queued: Vec<LogBatch>,
    pub disk: Disk,
    /// All that was handed out as committed.
    pub committed: Vec<LogEntry>,
    /// All work, in order.
    pub works: Vec<Work>,
    batches: u64,
}

impl Bench {
    pub fn new(start: GroupStart) -> Bench {
        Bench::within(start, GroupLimits::default())
    }

    pub fn within(start: GroupStart, limits: GroupLimits) -> Bench {
        let disk =
            Disk { cut: start.cut, entries: start.entries.clone(), hard_state: start.hard_state };
        let group = Group::start_within(start, limits).expect("a start that a run left behind");
        Bench { group, queued: vec![], disk, committed: vec![], works: vec![], batches: 0 }
    }

    /// A fresh group that leads.
    pub fn leading() -> Bench {
        let mut bench = Bench::new(fresh());
        bench.settle();
        assert!(bench.group.leads());
        bench
    }

    /// Takes one piece of work; checks that batches are numbered without gaps and that the disk
    /// has all that is handed out.
    pub fn poll(&mut self) -> Option<Work> {
        let work = self.group.poll()?;
        assert_ne!(work, Work::default(), "work that is none");
        for entry in &work.committed {
            assert_eq!(self.disk.entry(entry.index), Some(entry), "handed out before durable");
            self.committed.push(entry.clone());
        }
        if let Some(batch) = &work.persist {
            self.batches += 1;
            assert_eq!(batch.number, self.batches);
            self.queued.push(batch.clone());
        }
        self.works.push(work.clone());
        Some(work)
    }

    /// The disk writes up to `count` batches in one commit and reports the last of them.
    pub fn persist(&mut self, count: usize) {
        let count = count.min(self.queued.len());
        let written: Vec<LogBatch> = self.queued.drain(..count).collect();
        for batch in &written {
            self.disk.write(batch);
        }
        if let Some(last) = written.last() {
            self.group.persisted(last.number);
        }
    }

    /// Polls and persists until nothing is left to do.
    pub fn settle(&mut self) {
        loop {
            while self.poll().is_some() {}
            if self.queued.is_empty() {
                return;
            }
            self.persist(usize::MAX);
        }
    }

    pub fn propose(&mut self, data: &[u8]) -> Result<(), GroupError> {
        self.group.propose(data.to_vec())
    }

    /// The commands handed out, leaders' first entries left away.
    pub fn commands(&self) -> Vec<Vec<u8>> {
        let data = self.committed.iter().map(|entry| entry.data.clone());
        data.filter(|data| !data.is_empty()).collect()
    }
}

/// The number of a command, as its bytes, with some more to make sizes differ.
pub fn command(number: u32) -> Vec<u8> {
    let mut data = number.to_be_bytes().to_vec();
    data.resize(4 + number as usize % 90, 0xab);
    data
}

/// A step of a generated run.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Propose,
    Poll,
    Persist(usize),
    Cut,
    Tick,
}

impl Bench {
    /// Takes one step; `proposed` counts the commands accepted.
    pub fn step(&mut self, step: Step, proposed: &mut u32) {
        match step {
            Step::Propose => match self.propose(&command(*proposed)) {
                Ok(()) => *proposed += 1,
                Err(GroupError::Settling) => assert!(!self.group.leads()),
                Err(other) => panic!("{other}"),
            },
            Step::Poll => drop(self.poll()),
            Step::Persist(count) => self.persist(count),
            Step::Cut => self.group.cut(self.group.handed_out().index),
            Step::Tick => self.group.tick(),
        }
    }
}
