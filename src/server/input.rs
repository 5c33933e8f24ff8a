//! Everything that can ever happen to a server.

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
    Request {
        id: RequestId,
        request: Request,
    },
    /// The log has this batch and all before it.
    Persisted {
        number: u64,
    },
    /// The rows stand at this position; the log up to there may be cut.
    Checkpointed {
        at: LogPosition,
    },
    /// Nothing but time has passed; or: save the rows now (an orderly stop).
    Deadline,
    CheckpointNow,
}
