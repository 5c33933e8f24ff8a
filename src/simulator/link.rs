//! One connection between a child and its parent.
//!
//! ```text
//!   Dialing ──opened at each end, at its own time──► Up ──broken──► Down at each end, likewise
//! ```
//! Each end knows it by a `LinkId` of its own. Letters of a connection arrive on that connection
//! or never; between the two ends' times one of them believes what the other no longer does.

use crate::model::letter::LinkId;
use crate::simulator::keyring::Proof;
use crate::simulator::moment::Moment;

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Child,
    Parent,
}

impl End {
    pub fn other(self) -> End {
        match self {
            End::Child => End::Parent,
            End::Parent => End::Child,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndState {
    Dialing,
    Up,
    Down,
}

/// One end: whose it is and what it knows.
#[derive(Clone, Debug)]
pub struct Terminal {
    pub place: usize,
    /// What it showed in the handshake.
    pub proof: Proof,
    pub link: LinkId,
    pub state: EndState,
    pub opens_at: Moment,
    /// No letter to this end arrives before the one ahead of it, unless it is reordered.
    pub last_due: Moment,
}

/// Who is about to be at an end, and from when on.
#[derive(Clone, Debug)]
pub struct Party {
    pub place: usize,
    pub proof: Proof,
    pub opens_at: Moment,
}

/// Numbers connections of one world.
pub type ConnectionId = u64;

#[derive(Clone, Debug)]
pub struct Connection {
    pub child: Terminal,
    pub parent: Terminal,
    /// Nothing new travels on it.
    pub broken: bool,
}

impl Connection {
    pub fn at(&self, end: End) -> &Terminal {
        match end {
            End::Child => &self.child,
            End::Parent => &self.parent,
        }
    }

    pub fn at_mut(&mut self, end: End) -> &mut Terminal {
        match end {
            End::Child => &mut self.child,
            End::Parent => &mut self.parent,
        }
    }

    pub fn is_up(&self) -> bool {
        !self.broken && [&self.child, &self.parent].iter().all(|end| end.state == EndState::Up)
    }

    pub fn is_over(&self) -> bool {
        self.child.state == EndState::Down && self.parent.state == EndState::Down
    }
}
