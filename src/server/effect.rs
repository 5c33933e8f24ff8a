//! Everything a server asks its surroundings to do, in order.

use crate::model::enrolment::{CertifyJob, Trust};
use crate::model::letter::{Letter, LinkId};
use crate::model::log::{Checkpoint, LogBatch, LogPosition};
use crate::model::request::{Answer, RequestId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make durable, then report `Persisted`. Several may be on their way.
    Persist(LogBatch),
    Send {
        link: LinkId,
        letter: Letter,
    },
    Answer {
        id: RequestId,
        answer: Box<Answer>,
        /// All entries of the log up to here are in it, and none behind: answers in the order of
        /// their index are one history of this server, across its starts too.
        log_index: u64,
    },
    /// Save rows, then report `Checkpointed`. At most one is on its way.
    Checkpoint(Checkpoint),
    /// The log up to here is not needed any more.
    CutLog(LogPosition),
    /// End this connection: the neighbour broke a rule.
    Close {
        link: LinkId,
        why: String,
    },
    /// Work for the authority's key; report `Certified`.
    Certify {
        ticket: u64,
        job: Box<CertifyJob>,
    },
    /// From now on this is believed; connections of servers that it denies end.
    Believe(Trust),
}
