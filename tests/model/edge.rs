//! One escrow edge as a model: what both ends keep, what is on its way, what is really in use.
//!
//! ```text
//!   primary                                        holder
//!   granted         ── level {attach, granted} ─────────►  granted_seen
//!   returned_seen   ◄───────── return {attach, returned} ──  returned
//!   challenge       ── challenge ────────────────────────►
//!                   ◄── request {epoch, granted_seen, returned} ── asked
//!   attach          ── answer {granted, returned_seen} ───►  attach_seen
//! ```
//! The rules are those of the escrow, R1 to R10; each stands at what it governs, in
//! `edge_primary.rs` and `edge_holder.rs`. What is broken on purpose is listed in `breaking.rs`.
//!
//! **The network** loses, doubles, delays and reorders. So it is the set of all letters ever sent:
//! taking one leaves it there, losing one is never taking it. Of the levels said under one
//! attachment the highest is kept, for whatever lies below it was said too; of returns likewise.
//!
//! **What is left out of a state** (`Edge::normal`), because no future step can tell it apart:
//! - Letters that nobody can take any more. An attachment that was replaced never comes back into
//!   force, at either end, unless a copy holds it.
//! - The numbers of attachments: only which are the same counts. They are numbered anew, so
//!   attachments are unlimited. The same goes for epochs, of which the order counts too.
//! - A common part of all counters of the edge: rules look at differences only. So counts may go to
//!   and fro without end; what is bounded is how far the counters of one state are apart.

use crate::bits::{choice, packed};
use crate::breaking::Breaking;
use std::ops::RangeInclusive;

choice! {
    /// How far a holder is after a start that is not proven clean (R5).
    pub enum Stage {
        /// No quarantine.
        Free,
        /// Not attached in this start.
        Unattached,
        /// Attached in this start, to a primary in recovery (R9).
        Promised,
        /// Attached in this start; the devices are still to be adopted.
        Attached,
    }
}

packed! {
    pub struct PrimaryCopy {
        pub made: bool,
        pub granted: u8 = 3,
        pub returned_seen: u8 = 3,
        pub epoch: u8 = 2,
        pub attach: u8 = 3,
    }
}

packed! {
    pub struct HolderCopy {
        pub made: bool,
        pub granted_seen: u8 = 3,
        pub returned: u8 = 3,
        pub epoch: u8 = 2,
        pub attach: u8 = 3,
        pub used: u8 = 2,
    }
}

packed! {
    /// The holder's answer to the newest challenge.
    pub struct Request {
        pub said: bool,
        pub epoch: u8 = 2,
        pub granted_seen: u8 = 3,
        pub returned: u8 = 3,
        /// Of a holder in quarantine: only what its devices prove (R9).
        pub claim: bool,
    }
}

packed! {
    /// The primary's answer to the request that the holder waits for.
    pub struct Answer {
        /// 0 where there is none.
        pub attach: u8 = 3,
        pub epoch: u8 = 2,
        pub granted: u8 = 3,
        pub returned_seen: u8 = 3,
        pub recovering: bool,
    }
}

packed! {
    pub struct Edge {
        // The primary's end.
        pub granted: u8 = 3,
        pub returned_seen: u8 = 3,
        pub epoch: u8 = 2,
        /// The attachment in force; 0 for none.
        pub attach: u8 = 3,
        /// The newest challenge; its number becomes the attachment's.
        pub challenge: u8 = 3,
        pub challenge_open: bool,
        /// It was sent by a primary in recovery.
        pub challenge_recovering: bool,
        /// The holder attached since the primary's recovery began (R8).
        pub heard: bool,
        pub primary_copy: PrimaryCopy,

        // The holder's end.
        pub granted_seen: u8 = 3,
        pub returned: u8 = 3,
        pub epoch_seen: u8 = 2,
        pub attach_seen: u8 = 3,
        /// The challenge it has answered and waits on; 0 for none.
        pub asked: u8 = 3,
        pub used: u8 = 2,
        pub stage: Stage,
        pub holder_copy: HolderCopy,

        // The truth.
        pub in_use: u8 = 2,
        /// The holder's term and every token under it have ended, or it is gone for good (R6).
        pub ended: bool,

        // Letters.
        /// By attachment: the highest level said and one more, or 0 where none was.
        pub levels: [u8; 4] = 3,
        /// By attachment: the highest return said.
        pub returns: [u8; 4] = 3,
        pub request: Request,
        pub answer: Answer,
        /// Only where stale requests are taken: the one before.
        pub stale_request: Request,
    }
}

/// How far a run goes, and what is broken in it.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Licenses there are in all.
    pub registered: u8,
    /// The most a counter of an edge may be above the lowest of it.
    pub apart_max: u8,
    /// Copies of the holder's and of the primary's disk are made and come back.
    pub holder_copies: bool,
    pub primary_copies: bool,
    /// Edges are reclaimed (R6).
    pub reclaims: bool,
    /// States are kept as they are: attachments and counters come to an end.
    pub raw: bool,
    pub breaking: Option<Breaking>,
}

impl Rules {
    pub fn breaks(&self, breaking: Breaking) -> bool {
        self.breaking == Some(breaking)
    }

    /// R3: the attachments under which letters count: one, or none.
    pub fn in_force(&self, attach: u8, unfenced: Breaking) -> RangeInclusive<u8> {
        if self.breaks(unfenced) { 1..=4 } else { attach.max(1)..=attach }
    }

    /// What is broken on purpose must do harm, not only look wrong. One breaking only looks wrong:
    /// counters that only rise put it right again.
    pub fn judges_all(&self) -> bool {
        matches!(self.breaking, None | Some(Breaking::ReclaimWithoutFence))
    }
}

impl Answer {
    pub fn is_said(&self) -> bool {
        self.attach != 0
    }
}

impl Edge {
    /// Attached, and nothing was given yet.
    pub fn start() -> Edge {
        Edge { attach: 1, challenge: 1, attach_seen: 1, ..Edge::default() }
    }

    /// What the primary has given and not back.
    pub fn outstanding(&self) -> u8 {
        self.granted.saturating_sub(self.returned_seen)
    }

    /// What the holder has by its own counters.
    pub fn held(&self) -> u8 {
        self.granted_seen.saturating_sub(self.returned)
    }

    pub fn is_quarantined(&self) -> bool {
        self.stage != Stage::Free
    }

    pub fn level_said(&self, attach: u8) -> Option<u8> {
        self.levels[usize::from(attach) - 1].checked_sub(1)
    }

    pub fn return_said(&self, attach: u8) -> u8 {
        self.returns[usize::from(attach) - 1]
    }

    /// A number for a challenge, and the attachment by it, that nobody has.
    pub fn fresh_number(&self, raw: bool) -> Option<u8> {
        let taken = [self.attach, self.attach_seen, self.asked, self.holder_copy.attach];
        let above = if raw { self.challenge } else { 0 };
        (above + 1..=4).find(|number| !taken.contains(number))
    }

    /// An epoch above all that somebody may still name.
    pub fn fresh_epoch(&self) -> Option<u8> {
        let mut edge = *self;
        let highest = edge.epochs().into_iter().flatten().map(|epoch| *epoch).max();
        highest.map(|epoch| epoch + 1).filter(|epoch| *epoch < 4)
    }
}
