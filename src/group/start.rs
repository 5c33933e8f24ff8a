//! What a member starts from, and the check that it is a state some run can have left behind.
//!
//! raft panics on most of what is refused here.

use crate::group::GroupError;
use crate::model::log::{HardState, LogEntry, LogPosition};

/// Indexes and terms above this are damage: a million entries a second reach it in 146,000 years.
/// It keeps sums of them from overflowing.
const REACH: u64 = 1 << 62;

/// What a member starts from; `default()` with a member and its voters is a fresh one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupStart {
    /// This member's id, from 1.
    pub member: u64,
    /// Seeds what raft would draw at random; equal starts with equal inputs run equally.
    pub entropy: u64,
    /// The ids of all members.
    pub voters: Vec<u64>,
    /// As last persisted.
    pub hard_state: HardState,
    /// The last position no longer in the log.
    pub cut: LogPosition,
    /// All entries up to here are in the rows and are not handed out again.
    pub applied: u64,
    /// All entries above `cut`, in order.
    pub entries: Vec<LogEntry>,
}

impl GroupStart {
    /// Checks everything that raft takes for granted.
    pub(in crate::group) fn check(&self) -> Result<(), GroupError> {
        self.check_members()?;
        self.check_log()?;
        self.check_progress()
    }

    /// All entries up to here are agreed. raft stores its commit index only along with other
    /// writes, so rows may stand above it: what they hold was agreed.
    pub(in crate::group) fn commit(&self) -> u64 {
        self.hard_state.commit.max(self.applied)
    }

    fn check_members(&self) -> Result<(), GroupError> {
        if self.member == 0 {
            return Err(GroupError::MemberZero);
        }
        if !self.voters.contains(&self.member) {
            let voters = self.voters.clone();
            return Err(GroupError::NotAMember { member: self.member, voters });
        }
        Ok(())
    }

    fn check_log(&self) -> Result<(), GroupError> {
        let term = self.hard_state.term;
        let reached = self.cut.index.max(term);
        if reached > REACH {
            return Err(GroupError::OutOfReach { found: reached });
        }
        if (self.cut.index == 0) != (self.cut.term == 0) {
            return Err(GroupError::TermFalls { at: self.cut, after_term: 0 });
        }
        let mut before = self.cut;
        for entry in &self.entries {
            let at = LogPosition { index: entry.index, term: entry.term };
            check_successor(before, at)?;
            before = at;
        }
        if before.term > term {
            return Err(GroupError::TermBehindLog { log_term: before.term, term });
        }
        Ok(())
    }

    fn check_progress(&self) -> Result<(), GroupError> {
        let (applied, cut) = (self.applied, self.cut.index);
        let last = cut + self.entries.len() as u64;
        if applied > last {
            return Err(GroupError::AppliedBeyondLog { applied, last });
        }
        if applied < cut {
            return Err(GroupError::AppliedBeforeLog { applied, cut });
        }
        if self.hard_state.commit > last {
            return Err(GroupError::CommitBeyondLog { commit: self.hard_state.commit, last });
        }
        Ok(())
    }
}

fn check_successor(before: LogPosition, at: LogPosition) -> Result<(), GroupError> {
    let expected = before.index + 1;
    if at.index != expected {
        return Err(GroupError::Gap { expected, found: at.index });
    }
    if at.term < before.term.max(1) {
        return Err(GroupError::TermFalls { at, after_term: before.term });
    }
    Ok(())
}
