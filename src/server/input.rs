//! Everything that can ever happen to a server.

use crate::model::clock::Reading;
use crate::model::disk::DiskShort;
use crate::model::enrolment::{Certified, Credentials, KeyPrint};
use crate::model::letter::{Letter, LinkId};
use crate::model::log::LogPosition;
use crate::model::name::ServerName;
use crate::model::request::{Request, RequestId};

/// Where the neighbour at the other end of a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It is the parent.
    Above,
    /// It is a child.
    Below,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A connection to a neighbour whose name is proven.
    LinkUp {
        link: LinkId,
        peer: ServerName,
        side: Side,
    },
    LinkDown {
        link: LinkId,
    },
    Letter {
        link: LinkId,
        letter: Letter,
    },
    /// Where a child is seen; it may move while it is connected.
    Seen {
        link: LinkId,
        address: String,
    },
    /// What the authority's key made of an `Effect::Certify`.
    Certified {
        ticket: u64,
        result: Certified,
    },
    /// What this server proves itself with from now on, and the authorities it believes.
    Credentials {
        credentials: Credentials,
        authorities: Vec<KeyPrint>,
    },
    Request {
        id: RequestId,
        request: Request,
    },
    /// What the clocks of the machine show; before all else that is told at one moment.
    Clock(Reading),
    /// The log has this batch and all before it.
    Persisted {
        number: u64,
    },
    /// The rows stand at this position; the log up to there may be cut.
    Checkpointed {
        at: LogPosition,
    },
    /// The disk of the data folder has too little room for anything new, or has it again. Said
    /// once after each start, and when it changes.
    Disk {
        short: Option<DiskShort>,
    },
    /// Nothing but time has passed; or: save the rows now (an orderly stop).
    Deadline,
    CheckpointNow,
    /// The process is about to end: what is to be known at the next start goes into the log.
    Stopping,
}
