//! The primary's end of an edge, and the primary itself, rule by rule.

use crate::bits::packed;
use crate::breaking::Breaking;
use crate::edge::{Answer, Edge, PrimaryCopy, Request, Rules};
use crate::edge_holder::Out;

packed! {
    /// What the primary has beside its edges.
    pub struct Primary {
        /// Uses of its own range, by its ledger and in truth.
        pub used: u8 = 2,
        pub in_use: u8 = 2,
        /// Restored, and not yet told by everybody what it forgot (R8).
        pub recovering: bool,
        pub copy_used: u8 = 2,
    }
}

impl Rules {
    /// `free`: licenses that the primary has neither given nor used.
    pub fn primary_steps(&self, primary: &Primary, free: u8, edge: &Edge, out: Out<'_>) {
        self.challenge(primary, edge, out);
        self.accept(primary, edge, out);
        if !primary.recovering {
            self.grant(free, edge, out);
            self.book_return(edge, out);
        }
        self.reclaim(edge, out);
    }

    /// R1: debit first. The level is said once this is durable, and for as long as it holds (R2).
    fn grant(&self, free: u8, edge: &Edge, out: Out<'_>) {
        let granted = edge.granted + 1;
        if free == 0 || granted > self.apart_max {
            return;
        }
        if self.breaks(Breaking::GrantBeforeDurable) && edge.attach != 0 {
            let mut next = *edge;
            next.levels[usize::from(edge.attach) - 1] = granted + 1;
            out(next, format_args!("primary says level {granted}, and forgets it"));
        }
        out(Edge { granted, ..*edge }, format_args!("primary grants one: {granted} in all"));
    }

    /// R3: books a return under the attachment in force. R7: and never more than was granted.
    fn book_return(&self, edge: &Edge, out: Out<'_>) {
        for attach in self.in_force(edge.attach, Breaking::NoFenceOnReturns) {
            let most = edge.return_said(attach).min(edge.granted);
            for returned_seen in edge.returned_seen + 1..=most {
                let next = Edge { returned_seen, ..*edge };
                out(next, format_args!("primary books return {returned_seen} under {attach}"));
            }
        }
        // A holder that lies may say so at any time.
        if self.breaks(Breaking::NoClamp) {
            let next = Edge { returned_seen: edge.granted + 1, ..*edge };
            out(next, format_args!("primary books the return of one it never gave"));
        }
        if self.breaks(Breaking::TakenBackByTime) && edge.outstanding() > 0 {
            let next = Edge { returned_seen: edge.returned_seen + 1, ..*edge };
            out(next, format_args!("primary takes one back that did not come"));
        }
    }

    /// R3: opens a new challenge, and only the newest counts. In place of one that says the same,
    /// and was not answered, it would change nothing.
    fn challenge(&self, primary: &Primary, edge: &Edge, out: Out<'_>) {
        let same = edge.challenge_recovering == primary.recovering;
        if edge.challenge_open && !edge.request.said && same {
            return;
        }
        let Some(challenge) = edge.fresh_number(self.raw) else { return };
        let mut next = Edge {
            challenge,
            challenge_open: true,
            challenge_recovering: primary.recovering,
            request: Request::default(),
            ..*edge
        };
        if self.breaks(Breaking::StaleRequest) && edge.request.said {
            next.stale_request = edge.request;
        }
        out(next, format_args!("primary sends challenge {challenge}"));
    }

    /// R3: takes the request by the newest challenge, once. What it says is weighed by R7, and in
    /// recovery by R8 and R9.
    fn accept(&self, primary: &Primary, edge: &Edge, out: Out<'_>) {
        if edge.stale_request.said {
            let stale = Edge { request: edge.stale_request, ..*edge };
            self.accept_request(primary, &stale, out);
        }
        if edge.challenge_open && edge.request.said {
            self.accept_request(primary, edge, out);
        }
    }

    fn accept_request(&self, primary: &Primary, edge: &Edge, out: Out<'_>) {
        let Some(weighed) = self.weigh(primary.recovering, edge) else { return };
        let mut next = Edge {
            attach: edge.challenge,
            challenge_open: false,
            heard: true,
            request: Request::default(),
            ..weighed
        };
        if edge.asked == edge.challenge || self.breaks(Breaking::LateAnswer) {
            next.answer = Answer {
                attach: edge.challenge,
                epoch: next.epoch,
                granted: next.granted,
                returned_seen: next.returned_seen,
                recovering: primary.recovering,
            };
        }
        let (attach, granted, returned) = (next.attach, next.granted, next.returned_seen);
        out(
            next,
            format_args!("primary attaches it by {attach}: {granted} given, {returned} returned"),
        );
    }

    /// What the edge is by the word of the holder, if that can be true.
    fn weigh(&self, recovering: bool, edge: &Edge) -> Option<Edge> {
        let Request { epoch, granted_seen, returned, claim, .. } = edge.request;
        let known = edge.returned_seen.max(returned);
        if self.breaks(Breaking::ClaimBelieved) && !recovering {
            // A holder that lies says that it has one more.
            return Some(Edge { granted: edge.granted + 1, returned_seen: known, ..*edge });
        }
        if self.breaks(Breaking::RecoveryByMaximum) && recovering && !claim && epoch == edge.epoch {
            let granted = edge.granted.max(granted_seen);
            return Some(Edge { granted, returned_seen: known, ..*edge });
        }
        let older = epoch < edge.epoch && !claim;
        if recovering && !(older && self.breaks(Breaking::RecoveryByOldEpoch)) {
            // R8, R9: what the holder says is the edge from now on; what was on its way is fenced
            // (R4). One in an epoch that is over, and without a claim, has nothing.
            let (granted, returned_seen) = if older { (0, 0) } else { (granted_seen, returned) };
            return Some(Edge { granted, returned_seen, epoch: edge.epoch.max(epoch), ..*edge });
        }
        if epoch != edge.epoch {
            // R6: it is told that its epoch is over; its counters are of that.
            return Some(*edge);
        }
        let lies = granted_seen > edge.granted || returned > granted_seen;
        (!lies).then_some(Edge { returned_seen: known, ..*edge })
    }

    /// R6: once the term is over, under a new epoch; no attachment outlives it.
    fn reclaim(&self, edge: &Edge, out: Out<'_>) {
        let Some(epoch) = edge.fresh_epoch() else { return };
        let over = edge.ended && !edge.answer.is_said();
        if !self.reclaims || !(over || self.breaks(Breaking::ReclaimBeforeEnd)) {
            return;
        }
        let mut next = Edge { granted: 0, returned_seen: 0, heard: true, ..*edge };
        if !self.breaks(Breaking::ReclaimWithoutFence) {
            (next.epoch, next.attach) = (epoch, 0);
            (next.challenge_open, next.request) = (false, Request::default());
        }
        out(next, format_args!("primary reclaims the edge: epoch {}", next.epoch));
    }

    // === The disk of the primary ===

    pub fn copy_primary_end(edge: Edge) -> Edge {
        let primary_copy = PrimaryCopy {
            made: true,
            granted: edge.granted,
            returned_seen: edge.returned_seen,
            epoch: edge.epoch,
            attach: edge.attach,
        };
        Edge { primary_copy, ..edge }
    }

    /// R8: the primary goes back. No attachment is in force, no challenge is open.
    pub fn restore_primary_end(&self, edge: Edge) -> Edge {
        let copy = edge.primary_copy;
        Edge {
            granted: copy.granted,
            returned_seen: copy.returned_seen,
            epoch: copy.epoch,
            attach: if self.breaks(Breaking::NoRecovery) { copy.attach } else { 0 },
            challenge_open: false,
            heard: false,
            ..edge
        }
    }
}
