//! Why a group cannot start from what it was given, or does not take a batch.

use crate::model::log::LogPosition;

/// A refusal. Nothing has changed when one is returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    #[error("cannot start as member 0: 0 means nobody; give the member an id from 1")]
    MemberZero,
    #[error(
        "cannot start as member {member}: the group's members are {voters:?}; \
         start this server with the member id its data was made with"
    )]
    NotAMember { member: u64, voters: Vec<u64> },
    #[error(
        "cannot start a group of {found} members: this version runs servers of one member; \
         start it with a version that knows several"
    )]
    SeveralMembers { found: usize },
    #[error("cannot start with these limits: {reason}; correct the limits")]
    Limits { reason: String },
    #[error(
        "cannot start: the log holds entry {found} where entry {expected} must stand; \
         restore the data folder from a backup"
    )]
    Gap { expected: u64, found: u64 },
    #[error(
        "cannot start: the log stands at index {}, term {} after a position of term {after_term}; \
         terms never fall and start at 1; restore the data folder from a backup",
        at.index, at.term
    )]
    TermFalls { at: LogPosition, after_term: u64 },
    #[error(
        "cannot start: the log reaches term {log_term}, the stored term is {term}; the log and \
         the term were not written together; restore the data folder from a backup"
    )]
    TermBehindLog { log_term: u64, term: u64 },
    #[error(
        "cannot start: rows stand at log position {applied}, the log ends at {last}; \
         rows and log do not belong together; restore both from one backup"
    )]
    AppliedBeyondLog { applied: u64, last: u64 },
    #[error(
        "cannot start: rows stand at log position {applied}, the log begins after {cut}; \
         the entries between are missing; restore rows and log from one backup"
    )]
    AppliedBeforeLog { applied: u64, cut: u64 },
    #[error(
        "cannot start: entries up to {commit} were agreed, the log ends at {last}; \
         its end is lost; restore the data folder from a backup"
    )]
    CommitBeyondLog { commit: u64, last: u64 },
    #[error(
        "cannot start: the log or its term stands at {found}, beyond any that can be reached; \
         restore the data folder from a backup"
    )]
    OutOfReach { found: u64 },
    #[error("cannot take a batch: this member does not lead; ask the leader ({leader:?})")]
    NotLeading { leader: Option<u64> },
    #[error(
        "cannot take a batch yet: commands from before this start are not all decided; \
         report the batches in flight as durable and poll"
    )]
    Settling,
    #[error("cannot take a batch without a byte: it would pass for a leader's first entry")]
    BatchEmpty,
    #[error("cannot take a batch of {bytes} bytes: {max} is the limit; split it")]
    BatchTooLarge { bytes: u64, max: u64 },
    #[error(
        "cannot take a batch of {bytes} bytes: {uncommitted} bytes wait for the disk and {max} \
         is the limit; try again when some are durable"
    )]
    TooMuchUncommitted { bytes: u64, uncommitted: u64, max: u64 },
}
