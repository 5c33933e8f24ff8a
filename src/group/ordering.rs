//! One member of a group: takes batches, says what to persist, hands out what is agreed.

use std::collections::VecDeque;
use std::mem;

use raft::eraftpb::{Entry, HardState as RaftHardState};
use raft::{Config, RawNode, ReadOnlyOption, StateRole};
use slog::{Discard, Logger, o};

use crate::group::election::{Draw, timeout_ticks};
use crate::group::tail::{Tail, log_entry};
use crate::group::{GroupError, GroupLimits, GroupStart};
use crate::model::log::{HardState, LogBatch, LogEntry, LogPosition};

/// What must be done now. At least one of the two is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Goes to the disk in one go; `Group::persisted` when it is durable. Batches may be merged
    /// and several may wait, in the order of their numbers.
    pub persist: Option<LogBatch>,
    /// To apply, in this order. An entry without data is a leader's first and moves only the index.
    pub committed: Vec<LogEntry>,
}

/// A batch that the disk has not confirmed.
struct InFlight {
    batch: u64,
    /// The last of raft's Readys that this batch releases: its own, or one behind it that needs
    /// no write and must not be waited for.
    ready: u64,
}

/// One member of a group.
pub struct Group {
    raw: RawNode<Tail>,
    limits: GroupLimits,
    entropy: u64,
    /// Elections this member has stood for.
    attempts: u64,
    /// Numbers rise by one from the front to the back.
    in_flight: VecDeque<InFlight>,
    batches: u64,
    hard_state: HardState,
    /// What the disk holds once all that is in flight is durable.
    hard_state_written: HardState,
    handed_out: LogPosition,
}

impl Group {
    /// Starts the member with the default limits. A lone member campaigns at once and leads as
    /// soon as its first batch is durable and polled.
    ///
    /// Refuses, with an error that names the finding, what no run can have left behind.
    pub fn start(start: GroupStart) -> Result<Group, GroupError> {
        Group::start_within(start, GroupLimits::default())
    }

    /// Starts the member with limits of the caller's.
    pub fn start_within(start: GroupStart, limits: GroupLimits) -> Result<Group, GroupError> {
        // Members talk by messages, which `Work` does not carry yet; without them a group of
        // several would wait for ever.
        if start.voters.len() > 1 {
            return Err(GroupError::SeveralMembers { found: start.voters.len() });
        }
        let mut group = Group::assemble(start, limits)?;
        group.campaign_alone()?;
        Ok(group)
    }

    /// A follower with nothing to do.
    pub(in crate::group) fn assemble(
        start: GroupStart,
        limits: GroupLimits,
    ) -> Result<Group, GroupError> {
        start.check()?;
        let hard_state = HardState { commit: start.commit(), ..start.hard_state };
        let applied = start.applied;
        let config = config(start.member, applied, &limits)?;
        let tail = Tail::new(start.cut, start.entries, hard_state, start.voters);
        let logger = Logger::root(Discard, o!());
        let raw = RawNode::new(&config, tail, &logger).map_err(limits_refused)?;
        let handed_out =
            LogPosition { index: applied, term: raw.raft.raft_log.term(applied).unwrap_or(0) };
        Ok(Group {
            raw,
            limits,
            entropy: start.entropy,
            attempts: 0,
            in_flight: VecDeque::new(),
            batches: 0,
            hard_state,
            hard_state_written: start.hard_state,
            handed_out,
        })
    }

    /// Becomes leader within the call. Only at the start, with nothing in flight: raft asserts
    /// that a new leader's whole log is durable.
    fn campaign_alone(&mut self) -> Result<(), GroupError> {
        self.raw.campaign().map_err(limits_refused)
    }

    /// Offers one batch of commands; it stands at `last_position` afterwards.
    ///
    /// Refused when this member does not lead or is still deciding what was logged before
    /// ([`GroupError::NotLeading`], [`GroupError::Settling`]), when the batch is empty or too
    /// large, and when too much is uncommitted ([`GroupError::TooMuchUncommitted`]).
    pub fn propose(&mut self, data: Vec<u8>) -> Result<(), GroupError> {
        self.check_leads()?;
        let bytes = data.len() as u64;
        if bytes == 0 {
            return Err(GroupError::BatchEmpty);
        }
        if bytes > self.limits.batch_bytes_max {
            return Err(GroupError::BatchTooLarge { bytes, max: self.limits.batch_bytes_max });
        }
        let proposed = self.raw.propose(Vec::new(), data);
        proposed.map_err(|_| GroupError::TooMuchUncommitted {
            bytes,
            uncommitted: self.uncommitted_bytes(),
            max: self.limits.uncommitted_bytes_max,
        })
    }

    fn check_leads(&self) -> Result<(), GroupError> {
        if self.raw.raft.state != StateRole::Leader {
            return Err(GroupError::NotLeading { leader: self.leader() });
        }
        if !self.leads() {
            return Err(GroupError::Settling);
        }
        Ok(())
    }

    /// What must be done now, or nothing. To be asked until it says nothing, after each
    /// `propose`, `persisted` and `tick`, or after several of them.
    pub fn poll(&mut self) -> Option<Work> {
        while self.raw.has_ready() && self.in_flight.len() < self.limits.batches_in_flight_max {
            let work = self.take_ready();
            if work != Work::default() {
                return Some(work);
            }
        }
        None
    }

    /// Messages to other members will be taken here: a leader's at once, a follower's kept with
    /// the batch in flight until it is durable.
    fn take_ready(&mut self) -> Work {
        let mut ready = self.raw.ready();
        let number = ready.number();
        if let Some(state) = ready.hs() {
            self.hard_state = hard_state(state);
        }
        let entries = ready.take_entries();
        let committed = ready.take_committed_entries();
        // A commit index alone is not worth a write: it comes along with the next one.
        let persist = ready.must_sync().then(|| self.next_batch(&entries, number));
        self.raw.mut_store().append(entries);
        self.raw.advance_append_async(ready);
        if persist.is_none() {
            self.release_behind_writes(number);
        }
        Work { persist, committed: self.hand_out(&committed) }
    }

    fn next_batch(&mut self, entries: &[Entry], ready: u64) -> LogBatch {
        self.batches += 1;
        self.in_flight.push_back(InFlight { batch: self.batches, ready });
        let before = mem::replace(&mut self.hard_state_written, self.hard_state);
        LogBatch {
            number: self.batches,
            entries: entries.iter().map(log_entry).collect(),
            hard_state: (before != self.hard_state).then_some(self.hard_state),
        }
    }

    /// A Ready without a write is durable when all before it are: with the last batch in flight,
    /// or now.
    fn release_behind_writes(&mut self, ready: u64) {
        match self.in_flight.back_mut() {
            Some(last) => last.ready = ready,
            None => self.raw.on_persist_ready(ready),
        }
    }

    fn hand_out(&mut self, committed: &[Entry]) -> Vec<LogEntry> {
        if let Some(last) = committed.last() {
            self.handed_out = LogPosition { index: last.index, term: last.term };
            self.raw.advance_apply_to(last.index);
        }
        committed.iter().map(log_entry).collect()
    }

    /// The disk has batch `number` and all before it. Reports come in order; one that was made
    /// before changes nothing.
    pub fn persisted(&mut self, number: u64) {
        let mut durable = None;
        while let Some(first) = self.in_flight.front() {
            if first.batch > number {
                break;
            }
            durable = Some(first.ready);
            self.in_flight.pop_front();
        }
        if let Some(ready) = durable {
            self.raw.on_persist_ready(ready);
        }
    }

    /// Whether this member leads and may decide: the first entry of its term is committed and
    /// handed out, and with it every command that an earlier term may have answered.
    pub fn leads(&self) -> bool {
        let raft = &self.raw.raft;
        // A leader of this term was elected into it with a log that ended in an earlier one.
        raft.state == StateRole::Leader && self.handed_out.term == raft.term
    }

    /// The member that leads as far as this one knows.
    pub fn leader(&self) -> Option<u64> {
        Some(self.raw.raft.leader_id).filter(|&member| member != 0)
    }

    /// Whether `tick` must be called: every 100 ms is meant. A lone leader needs none.
    pub fn needs_ticks(&self) -> bool {
        !(self.raw.raft.state == StateRole::Leader && self.raw.raft.prs().is_singleton())
    }

    /// Lets one tick pass. Nothing happens where none is needed.
    pub fn tick(&mut self) {
        if !self.needs_ticks() {
            return;
        }
        let raft = &mut self.raw.raft;
        let draw = Draw {
            entropy: self.entropy,
            member: raft.id,
            term: raft.term,
            attempt: self.attempts,
        };
        let timeout = timeout_ticks(draw, self.limits.election_ticks);
        raft.set_randomized_election_timeout(timeout);
        let led = raft.state == StateRole::Leader;
        if self.raw.tick() && !led {
            self.attempts += 1;
        }
    }

    /// The last entry's position, proposed ones included, whether polled and durable or not.
    pub fn last_position(&self) -> LogPosition {
        let log = &self.raw.raft.raft_log;
        LogPosition { index: log.last_index(), term: log.last_term() }
    }

    /// The position of the last entry handed out as committed in this start or applied before it.
    pub fn handed_out(&self) -> LogPosition {
        self.handed_out
    }

    /// The term of the entry at `index`; nothing when it is cut or not there yet. The last
    /// position cut is still known.
    pub fn term_of(&self, index: u64) -> Option<u64> {
        let log = &self.raw.raft.raft_log;
        let known = self.raw.store().cut().index..=log.last_index();
        if known.contains(&index) { log.term(index).ok() } else { None }
    }

    /// Proposed and not yet handed out, in bytes of data.
    pub fn uncommitted_bytes(&self) -> u64 {
        self.raw.raft.uncommitted_size() as u64
    }

    /// Elections this member has stood for by waiting in vain.
    #[cfg(test)]
    pub(in crate::group) fn elections(&self) -> u64 {
        self.attempts
    }

    /// Batches in flight, each with the last of raft's Readys that it releases.
    #[cfg(test)]
    pub(in crate::group) fn in_flight_readys(&self) -> Vec<(u64, u64)> {
        self.in_flight.iter().map(|flight| (flight.batch, flight.ready)).collect()
    }

    /// Forgets entries up to here in memory. What is not handed out yet stays. The log on disk
    /// is cut by its own rule.
    pub fn cut(&mut self, index: u64) {
        let index = index.min(self.handed_out.index);
        self.raw.mut_store().forget_through(index);
    }
}

fn config(member: u64, applied: u64, limits: &GroupLimits) -> Result<Config, GroupError> {
    if limits.batches_in_flight_max == 0 {
        let reason = "at least one batch must be allowed in flight".to_owned();
        return Err(GroupError::Limits { reason });
    }
    let config = Config {
        id: member,
        applied,
        election_tick: limits.election_ticks as usize,
        heartbeat_tick: limits.heartbeat_ticks as usize,
        max_size_per_msg: limits.message_bytes_max,
        max_inflight_msgs: limits.messages_in_flight_max,
        max_uncommitted_size: limits.uncommitted_bytes_max,
        max_committed_size_per_ready: limits.committed_bytes_max,
        check_quorum: true,
        pre_vote: true,
        read_only_option: ReadOnlyOption::Safe,
        ..Config::default()
    };
    config.validate().map_err(limits_refused)?;
    Ok(config)
}

/// What raft refuses after our own checks are limits that contradict each other.
fn limits_refused(error: raft::Error) -> GroupError {
    GroupError::Limits { reason: error.to_string() }
}

fn hard_state(state: &RaftHardState) -> HardState {
    HardState { term: state.term, vote: state.vote, commit: state.commit }
}
