//! The way down from the primary to a server: who is above whom, by which enrolments.
//!
//! ```text
//!   the primary        b                         d, below b
//!      ── Heard{way} ──► way of b:               ── Heard{way of b} ──► way of d:
//!                        way, "b", enrolment                            way of b, "d", enrolment
//! ```
//! Invariant: a server whose way is another than the one on which it has said what it uses says it
//! anew before it attaches. It has moved, or came with a server above it that has; its uses are in
//! the ledger of a holder that may not be above it any more, and may forget them.

use super::Engine;
use super::digest;
use crate::model::letter::LinkId;
use crate::model::time::Timestamp;
use crate::model::tuning::Mutant;

/// The way to the primary itself. 0 is none: it is not known.
const OF_THE_PRIMARY: u64 = 1;

impl Engine {
    /// The way to this server, as a number that no other way has; 0 while the parent has not said
    /// its own.
    pub(super) fn way(&self) -> u64 {
        match (self.state.is_primary(), self.way_above) {
            (true, _) => OF_THE_PRIMARY,
            (false, 0) => 0,
            (false, above) => digest::of_way(above, self.state.name(), self.credentials.enrolment),
        }
    }

    /// The parent says which way it is reached.
    pub(super) fn way_came(&mut self, above: u64, now: Timestamp) {
        if above == 0 || above == self.way_above {
            return;
        }
        self.way_above = above;
        if self.is_unstated() {
            self.say_anew();
        }
        let links: Vec<LinkId> = self.links.downlinks().collect();
        links.into_iter().for_each(|link| self.send_heard(link, now));
    }

    /// Whether the holders above have to hear once more what is used here: one of them is lost, or
    /// this server has come another way, or was shut out, and nobody waited for it meanwhile.
    pub fn is_unstated(&self) -> bool {
        let server = &self.state.server;
        if self.tuning.breaks(Mutant::WaySilent) {
            return server.unstated;
        }
        let way = self.way();
        let is_new = self.credentials.enrolment > server.stated_under;
        let is_elsewhere = way != 0 && way != server.stated_way;
        !self.state.is_primary() && (server.unstated || is_new || is_elsewhere)
    }
}
