//! A primary and its holders: the edges of one product together.
//!
//! With one holder this is the protocol of an edge with all that can befall a disk; with two, the
//! way of counts from one holder to the other. What the edges share is what the primary has free.

use crate::bits;
use crate::breaking::Breaking;
use crate::edge::{Edge, Rules, Stage};
use crate::edge_primary::Primary;
use crate::explorer::{Landmark, Model, Steps};
use std::fmt;

#[derive(Clone, Copy, Debug)]
pub struct Escrow<const HOLDERS: usize> {
    pub primary: Primary,
    /// Sorted: two holders that change places are the same tree.
    pub edges: [Edge; HOLDERS],
}

pub struct Tree<const HOLDERS: usize> {
    pub rules: Rules,
}

/// How a holder is called in a path; as edges are sorted, each time anew.
const NAMES: [&str; 2] = ["holder", "other holder"];

type Out<'a, 'b, const HOLDERS: usize> = &'a mut Steps<'b, Escrow<HOLDERS>>;

impl<const HOLDERS: usize> Escrow<HOLDERS> {
    fn outstanding(&self) -> u8 {
        self.edges.iter().map(Edge::outstanding).sum()
    }

    /// What the primary may grant or use.
    fn free(&self, rules: &Rules) -> u8 {
        let bound = self.primary.used + self.outstanding();
        if self.primary.recovering { 0 } else { rules.registered.saturating_sub(bound) }
    }

    /// Says what there is to say, and leaves out what does not matter.
    pub fn settle(&mut self, rules: &Rules) {
        for edge in &mut self.edges {
            edge.settle(self.primary.recovering, rules);
        }
        self.edges.sort_unstable();
    }
}

impl<const HOLDERS: usize> Tree<HOLDERS> {
    fn go(&self, mut next: Escrow<HOLDERS>, out: Out<'_, '_, HOLDERS>, words: fmt::Arguments<'_>) {
        next.settle(&self.rules);
        out.go(next, words);
    }

    /// A step of one edge; the others stay settled.
    fn go_edge(
        &self,
        mut next: Escrow<HOLDERS>,
        at: usize,
        out: Out<'_, '_, HOLDERS>,
        words: fmt::Arguments<'_>,
    ) {
        next.edges[at].settle(next.primary.recovering, &self.rules);
        next.edges.sort_unstable();
        out.go(next, words);
    }

    /// Uses of the primary's own range. In recovery it grants none, and a live device shows itself
    /// and is in the ledger again (R8).
    fn own_steps(&self, from: &Escrow<HOLDERS>, out: Out<'_, '_, HOLDERS>) {
        let primary = from.primary;
        let with = |primary: Primary| Escrow { primary, ..*from };
        if from.free(&self.rules) > 0 {
            let next = Primary { used: primary.used + 1, in_use: primary.in_use + 1, ..primary };
            out.go(with(next), format_args!("primary grants a use"));
        }
        if let Some(in_use) = primary.in_use.checked_sub(1) {
            let next = Primary { in_use, used: primary.used.min(in_use), ..primary };
            out.go(with(next), format_args!("primary ends a use"));
        }
        if primary.used < primary.in_use {
            let next = Primary { used: primary.used + 1, ..primary };
            out.go(with(next), format_args!("primary adopts a device again"));
        }
    }

    /// R8: every holder has attached, and the own devices are in the ledger again.
    fn end_recovery(&self, from: &Escrow<HOLDERS>, out: Out<'_, '_, HOLDERS>) {
        let Primary { used, in_use, recovering, .. } = from.primary;
        let all = from.edges.iter().all(|edge| edge.heard);
        let heard = all || self.rules.breaks(Breaking::RecoveryEndsUnheard);
        let adopted = used == in_use || self.rules.breaks(Breaking::RecoveryEndsUnadopted);
        if recovering && heard && adopted {
            let mut next = *from;
            next.primary.recovering = false;
            if self.rules.breaks(Breaking::OldReturnsAfterRestore) {
                next.edges.iter_mut().for_each(|edge| edge.attach = edge.primary_copy.attach);
            }
            self.go(next, out, format_args!("primary ends its recovery"));
        }
    }

    /// The primary is copied at any time, in place of an older copy, and goes back to its copy as
    /// often as one likes.
    fn disk_steps(&self, from: &Escrow<HOLDERS>, out: Out<'_, '_, HOLDERS>) {
        if !self.rules.primary_copies {
            return;
        }
        let primary = Primary { copy_used: from.primary.used, ..from.primary };
        let edges = from.edges.map(Rules::copy_primary_end);
        self.go(Escrow { primary, edges }, out, format_args!("primary is copied"));
        if from.edges.iter().all(|edge| edge.primary_copy.made) {
            let primary = Primary {
                used: from.primary.copy_used.min(from.primary.in_use),
                recovering: !self.rules.breaks(Breaking::NoRecovery),
                ..from.primary
            };
            let edges = from.edges.map(|edge| self.rules.restore_primary_end(edge));
            let words = format_args!("primary is restored from its copy");
            self.go(Escrow { primary, edges }, out, words);
        }
    }

    fn edge_steps(&self, from: &Escrow<HOLDERS>, at: usize, out: Out<'_, '_, HOLDERS>) {
        let (name, edge) = (NAMES[at], from.edges[at]);
        let with = |edge: Edge| {
            let mut next = *from;
            next.edges[at] = edge;
            next
        };
        let mut others = from.edges.iter().enumerate().filter(|(other, _)| *other != at);
        let other_copied = others.any(|(_, other)| other.holder_copy.made);
        self.rules.holder_steps(&edge, &mut |next, words| {
            // One copy at a time: it comes back in place of either holder.
            if !(other_copied && next.holder_copy.made) {
                self.go_edge(with(next), at, out, format_args!("{name} {words}"));
            }
        });
        let free = from.free(&self.rules);
        self.rules.primary_steps(&from.primary, free, &edge, &mut |next, words| {
            self.go_edge(with(next), at, out, format_args!("{words} ({name})"));
        });
    }
}

impl<const HOLDERS: usize> Model<HOLDERS> for Tree<HOLDERS> {
    type State = Escrow<HOLDERS>;

    /// Each edge in a word; the primary stands with the first.
    fn pack(state: &Escrow<HOLDERS>) -> [u128; HOLDERS] {
        let mut words = [0; HOLDERS];
        words[0] = bits::join(&state.edges[0], &state.primary);
        for (word, edge) in words.iter_mut().zip(&state.edges).skip(1) {
            *word = bits::to_word(edge);
        }
        words
    }

    fn unpack(words: &[u128; HOLDERS]) -> Escrow<HOLDERS> {
        let (_, primary) = bits::part::<Edge, Primary>(words[0]);
        Escrow { primary, edges: words.map(bits::from_word) }
    }

    fn start(&self) -> Escrow<HOLDERS> {
        let mut edge = Edge::start();
        edge.settle(false, &self.rules);
        Escrow { primary: Primary::default(), edges: [edge; HOLDERS] }
    }

    fn steps(&self, from: &Escrow<HOLDERS>, out: &mut Steps<'_, Escrow<HOLDERS>>) {
        self.own_steps(from, out);
        self.end_recovery(from, out);
        self.disk_steps(from, out);
        for at in 0..HOLDERS {
            self.edge_steps(from, at, out);
        }
    }

    fn broken(&self, state: &Escrow<HOLDERS>) -> Option<&'static str> {
        let in_use: u8 = state.edges.iter().map(|edge| edge.in_use).sum();
        if state.primary.in_use + in_use > self.rules.registered {
            return Some("I1: more is in use than there is");
        }
        if state.edges.iter().any(|edge| edge.returned_seen > edge.granted) {
            return Some("I7: more came back than was given");
        }
        let bound = state.outstanding() + state.primary.used;
        if !state.primary.recovering && bound > self.rules.registered {
            return Some("I2: the primary has given and used more than there is");
        }
        let apart = |edge: &Edge| broken_edge(state.primary.recovering, edge);
        if self.rules.judges_all() { state.edges.iter().find_map(apart) } else { None }
    }

    fn landmarks(&self) -> Vec<Landmark<Escrow<HOLDERS>>> {
        let Rules { holder_copies, primary_copies, reclaims, .. } = self.rules;
        let mut all: Vec<Landmark<Escrow<HOLDERS>>> = vec![
            ("every holder uses what it was given", |s| s.edges.iter().all(is_using)),
            ("a return is on its way", |s| s.edges.iter().any(is_returning)),
        ];
        if holder_copies {
            all.push(("a restored holder has its devices", |s| s.edges.iter().any(has_adopted)));
        }
        if primary_copies {
            all.push(("a primary in recovery has heard everybody", has_heard));
        }
        if reclaims {
            all.push(("a holder begins a new epoch", |s| s.edges.iter().any(begins_anew)));
        }
        all
    }

    /// Every license is back with the primary, and every holder could hold again.
    fn is_at_rest(&self, state: &Escrow<HOLDERS>) -> bool {
        let Primary { in_use, recovering, .. } = state.primary;
        let home = |edge: &Edge| {
            edge.granted == edge.returned_seen && !edge.is_quarantined() && !edge.ended
        };
        in_use == self.rules.registered && !recovering && state.edges.iter().all(home)
    }
}

fn is_using(edge: &Edge) -> bool {
    !edge.is_quarantined() && edge.in_use > 0
}

fn is_returning(edge: &Edge) -> bool {
    edge.attach != 0 && edge.return_said(edge.attach) > edge.returned_seen
}

fn has_adopted(edge: &Edge) -> bool {
    edge.stage == Stage::Attached && edge.in_use > 0 && edge.used == edge.in_use
}

fn has_heard<const HOLDERS: usize>(state: &Escrow<HOLDERS>) -> bool {
    state.primary.recovering && state.edges.iter().all(|edge| edge.heard)
}

fn begins_anew(edge: &Edge) -> bool {
    edge.ended && edge.answer.is_said() && edge.answer.epoch != edge.epoch_seen
}

/// With the counters in order no count is at both ends or on two ways at once (I5): what is out is
/// held, on its way down or on its way up, and none of these is below zero.
fn broken_edge(recovering: bool, edge: &Edge) -> Option<&'static str> {
    let apart = edge.is_quarantined() || recovering || edge.epoch != edge.epoch_seen;
    if apart {
        return None;
    }
    if edge.used > edge.held() {
        return Some("I2: a holder uses more than it holds");
    }
    let order = [edge.returned_seen, edge.returned, edge.granted_seen, edge.granted];
    (!order.is_sorted()).then_some("I4: the counters of an edge are out of order")
}
