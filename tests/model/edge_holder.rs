//! The holder's end of an edge: what it may do, rule by rule.

use crate::breaking::Breaking;
use crate::edge::{Answer, Edge, HolderCopy, Request, Rules, Stage};
use std::fmt;

/// Takes what the edge is after a step, and the step in words.
pub type Out<'a> = &'a mut dyn FnMut(Edge, fmt::Arguments<'_>);

impl Rules {
    pub fn holder_steps(&self, edge: &Edge, out: Out<'_>) {
        self.use_one(edge, out);
        self.end_one(edge, out);
        self.give_back(edge, out);
        self.answer_challenge(edge, out);
        self.take_answer(edge, out);
        self.take_level(edge, out);
        self.adopt(edge, out);
        self.lift_quarantine(edge, out);
        self.end_term(edge, out);
        self.copy_holder(edge, out);
        self.restore_holder(edge, out);
        self.restart_holder(edge, out);
    }

    /// A new use, from what is held; with no word from anybody (L3). Not in quarantine (R5).
    fn use_one(&self, edge: &Edge, out: Out<'_>) {
        if !edge.is_quarantined() && !edge.ended && edge.used < edge.held() {
            let next = Edge { used: edge.used + 1, in_use: edge.in_use + 1, ..*edge };
            out(next, format_args!("grants a use"));
        }
    }

    /// A device or session ends, known to the ledger or not.
    fn end_one(&self, edge: &Edge, out: Out<'_>) {
        if let Some(in_use) = edge.in_use.checked_sub(1) {
            let next = Edge { in_use, used: edge.used.min(in_use), ..*edge };
            out(next, format_args!("ends a use"));
        }
    }

    /// R1: only from free counts, and durable before it is said. Not in quarantine (R5).
    fn give_back(&self, edge: &Edge, out: Out<'_>) {
        let from_use = self.breaks(Breaking::ReturnFromUse);
        let bound = if from_use { 0 } else { edge.used };
        let quiet = edge.is_quarantined() && !self.breaks(Breaking::QuarantineReturns);
        if quiet || edge.ended || edge.held() <= bound {
            return;
        }
        let returned = edge.returned + 1;
        if self.breaks(Breaking::ReturnBeforeDurable) && edge.asked == 0 && edge.attach_seen != 0 {
            let mut next = *edge;
            next.returns[usize::from(edge.attach_seen) - 1] = returned;
            out(next, format_args!("says that it returned {returned}, and forgets it"));
        }
        out(Edge { returned, ..*edge }, format_args!("returns one: {returned} in all"));
    }

    /// R3: answers the newest challenge, once, and only one that is for this start.
    /// R4: from here on no older attachment is in force, nor does quarantine end by one.
    fn answer_challenge(&self, edge: &Edge, out: Out<'_>) {
        if !edge.challenge_open || edge.request.said {
            return;
        }
        let Some(request) = self.request(edge) else { return };
        let mut next = Edge { asked: edge.challenge, answer: Answer::default(), request, ..*edge };
        if !self.breaks(Breaking::RequestDoesNotFence) {
            next.attach_seen = 0;
        }
        if edge.is_quarantined() && !self.breaks(Breaking::LiftInRecovery) {
            next.stage = Stage::Unattached;
        }
        let (granted, returned, epoch) = (request.granted_seen, request.returned, request.epoch);
        out(
            next,
            format_args!(
                "asks to attach by {}: {granted} seen, {returned} returned, epoch {epoch}",
                edge.challenge
            ),
        );
    }

    /// What a holder says of its edge. R9: in quarantine, to a primary in recovery, it claims only
    /// what its devices prove, and nothing before they are adopted.
    fn request(&self, edge: &Edge) -> Option<Request> {
        let request = Request {
            said: true,
            epoch: edge.epoch_seen,
            granted_seen: edge.granted_seen,
            returned: edge.returned,
            claim: false,
        };
        let proves = edge.is_quarantined() && edge.challenge_recovering;
        if !proves || self.breaks(Breaking::UnadoptedClaim) {
            return Some(request);
        }
        let granted_seen = edge.returned + edge.used;
        // Claims are bounded as grants are.
        let within = granted_seen <= self.apart_max + self.registered;
        let adopted = edge.used == edge.in_use;
        (adopted && within).then_some(Request { granted_seen, claim: true, ..request })
    }

    /// R3: takes the answer to its last request, and to no other.
    fn take_answer(&self, edge: &Edge, out: Out<'_>) {
        let Answer { attach, epoch, granted, returned_seen, recovering } = edge.answer;
        let awaited = edge.asked == attach || self.breaks(Breaking::LateAnswer);
        if !edge.answer.is_said() || !awaited {
            return;
        }
        let mut next = Edge { attach_seen: attach, asked: 0, epoch_seen: epoch, ..*edge };
        if epoch != edge.epoch_seen || edge.is_quarantined() {
            // R6: what it had in an epoch that is over, it drops. R5: what it has on an older disk
            // is no more than a memory.
            (next.granted_seen, next.returned) = (granted, returned_seen);
        } else {
            next.granted_seen = edge.granted_seen.max(granted);
            next.returned = edge.returned.max(returned_seen);
        }
        let same_term = epoch == edge.epoch_seen && !self.breaks(Breaking::ReclaimWithoutFence);
        next.ended &= same_term;
        if next.ended {
            next.granted_seen = self.held_to_the_end(&next);
        }
        if edge.is_quarantined() {
            let promised = recovering && !self.breaks(Breaking::LiftInRecovery);
            next.stage = if promised { Stage::Promised } else { Stage::Attached };
        }
        out(
            next,
            format_args!(
                "is attached by {attach}: {granted} given, {returned_seen} returned, epoch {epoch}"
            ),
        );
    }

    /// R2, R3: a level counts under the attachment in force. From a primary that was in recovery it
    /// says that the recovery is over (R9).
    fn take_level(&self, edge: &Edge, out: Out<'_>) {
        if edge.ended {
            return;
        }
        for attach in self.in_force(edge.attach_seen, Breaking::NoFenceOnLevels) {
            let Some(said) = edge.level_said(attach) else { continue };
            let stage = match edge.stage {
                Stage::Promised => Stage::Attached,
                stage => stage,
            };
            let news = if stage == edge.stage { edge.granted_seen + 1 } else { edge.granted_seen };
            for granted_seen in news..=said.max(edge.granted_seen) {
                let next = Edge { granted_seen, stage, ..*edge };
                out(next, format_args!("takes level {granted_seen} under {attach}"));
            }
        }
    }

    /// R5: in the adoption window a live device shows itself and is in the ledger again.
    fn adopt(&self, edge: &Edge, out: Out<'_>) {
        if edge.is_quarantined() && edge.used < edge.in_use {
            out(Edge { used: edge.used + 1, ..*edge }, format_args!("adopts a device again"));
        }
    }

    /// R5: attached in this start, and all devices adopted. R9: and the primary not in recovery.
    fn lift_quarantine(&self, edge: &Edge, out: Out<'_>) {
        let adopted = edge.used == edge.in_use || self.breaks(Breaking::LiftBeforeAdoption);
        let old_attach = self.breaks(Breaking::LiftOnOldAttach) && edge.attach_seen != 0;
        let attached =
            edge.stage == Stage::Attached || edge.stage == Stage::Unattached && old_attach;
        if attached && adopted {
            out(Edge { stage: Stage::Free, ..*edge }, format_args!("leaves quarantine"));
        }
    }

    /// R6: the term and every token under it end, or the holder is gone for good: it holds nothing
    /// any more. So ends a term that an answer on its way would have begun, for that counts from
    /// the request (`lease.rs`).
    fn end_term(&self, edge: &Edge, out: Out<'_>) {
        if self.reclaims && (!edge.ended || edge.answer.is_said()) {
            let (granted_seen, answer) = (self.held_to_the_end(edge), Answer::default());
            let next = Edge { ended: true, in_use: 0, used: 0, granted_seen, answer, ..*edge };
            out(next, format_args!("comes to the end of its term"));
        }
    }

    /// R6: nothing is held beyond the end of the term.
    fn held_to_the_end(&self, edge: &Edge) -> u8 {
        if self.breaks(Breaking::EndedHolderKeeps) { edge.granted_seen } else { edge.returned }
    }

    /// At any time, in place of an older copy.
    fn copy_holder(&self, edge: &Edge, out: Out<'_>) {
        if !self.holder_copies {
            return;
        }
        let holder_copy = HolderCopy {
            made: true,
            granted_seen: edge.granted_seen,
            returned: edge.returned,
            epoch: edge.epoch_seen,
            attach: edge.attach_seen,
            used: edge.used,
        };
        if holder_copy != edge.holder_copy {
            out(Edge { holder_copy, ..*edge }, format_args!("is copied"));
        }
    }

    /// R5: a start on an older disk is not proven clean (R10), so it begins in quarantine. What it
    /// asked in an earlier start it does not wait for any more (R3). The copy stays.
    fn restore_holder(&self, edge: &Edge, out: Out<'_>) {
        let copy = edge.holder_copy;
        if !copy.made {
            return;
        }
        let quarantine = !self.breaks(Breaking::NoQuarantine);
        let mut next = Edge {
            granted_seen: copy.granted_seen,
            returned: copy.returned,
            epoch_seen: copy.epoch,
            attach_seen: copy.attach,
            used: copy.used.min(edge.in_use),
            asked: 0,
            stage: if quarantine { Stage::Unattached } else { Stage::Free },
            // A challenge is for one start.
            challenge_open: edge.challenge_open && edge.request.said,
            ..*edge
        };
        if edge.ended {
            next.granted_seen = self.held_to_the_end(&next);
        }
        if !self.breaks(Breaking::LateAnswer) {
            next.answer = Answer::default();
        }
        out(next, format_args!("is restored from its copy"));
    }

    /// A clean restart changes nothing: all of the above is durable, the quarantine too (R10).
    fn restart_holder(&self, edge: &Edge, out: Out<'_>) {
        if self.breaks(Breaking::RestartLiftsQuarantine) && edge.is_quarantined() {
            out(Edge { stage: Stage::Free, ..*edge }, format_args!("is restarted"));
        }
    }
}
