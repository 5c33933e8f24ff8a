//! Two instances of one server: a virtual machine that was copied, or a folder that was started
//! twice (safety.md 1.8).
//!
//! ```text
//!   west, start 7                       the primary                      west, start 9 (a copy)
//!      ── AttachRequest{start: 7} ─────►  starts: 7
//!                                         starts: 7, 9  ◄───── AttachRequest{start: 9} ──
//!      ── AttachRequest{start: 7} ─────►  7 spoke before 9 did, and still lives: two of them
//!      ◄── AttachRefused LT0234 ───────                 ──── AttachRefused LT0234 ──────►
//! ```
//! A start that ended never answers a challenge that was made later; so one that answers after
//! another start has is a second instance, and nothing else can look like it.
//!
//! Invariants
//! - From then on neither is attached, and either begins to recover when it hears so: it grants
//!   nothing and gives nothing back.
//! - The way out is a start that is new: people stop one of them, and start the other anew. It
//!   keeps its own rows, and what it uses is stated anew. Where both were started anew, both are
//!   found once more.

use super::Engine;
use super::entropy::Entropy;
use crate::model::edge::DataSet;
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::row::{GENERATION_BITS, RowKey, STARTS_MAX};

/// The code of a refusal that says that another instance runs.
pub(super) const TWIN: &str = "LT0234";

/// The number of a start, from its random bits, and of no other use.
pub(super) fn drawn(entropy: u64) -> u64 {
    Entropy::new(!entropy).draw().max(1)
}

fn refused(relay: &ServerName) -> Refusal {
    Refusal::new(
        TWIN,
        format!("{relay} is not attached: it runs twice, on two machines or from two folders"),
        format!(
            "stop one of the two, then start the other one anew: it recovers; see lictree recovery \
             show at {relay}"
        ),
    )
}

impl Engine {
    // === The primary's end ===

    /// Primary: the refusal of one that is known to run twice, and was not started anew since.
    pub(super) fn known_twin(&self, relay: &ServerName, data: &DataSet) -> Option<Refusal> {
        let met = self.state.met.get(relay).filter(|met| met.has_twin && data.start != 0)?;
        let is_new = !met.starts.contains(&data.start);
        // One that does not recover yet hears first that it has to.
        (!is_new || data.former == 0).then(|| refused(relay))
    }

    /// Primary: whether a start speaks that another one has followed already.
    pub(super) fn follows_its_follower(&self, relay: &ServerName, data: &DataSet) -> bool {
        let starts = self.state.met.get(relay).map(|met| met.starts.as_slice()).unwrap_or_default();
        starts.last() != Some(&data.start) && starts.contains(&data.start)
    }

    /// Primary: takes note of a second instance; whether this one may be attached.
    pub(super) fn twin_check(&mut self, relay: &ServerName, data: &DataSet) -> Result<(), Refusal> {
        let twice = self.follows_its_follower(relay, data);
        let Some(met) = self.state.met.get_mut(relay) else { return Ok(()) };
        if !met.has_twin && twice {
            met.has_twin = true;
            met.attach = None;
            self.state.touch(RowKey::Met(relay.clone()));
            let text = format!("{relay} runs twice: neither is attached until one is started anew");
            self.note("server.twin", text);
        }
        self.known_twin(relay, data).map_or(Ok(()), Err)
    }

    /// Primary: this start is attached.
    pub(super) fn note_start(&mut self, relay: &ServerName, data: &DataSet) {
        let Some(met) = self.state.met.get_mut(relay).filter(|_| data.start != 0) else { return };
        let had_twin = std::mem::replace(&mut met.has_twin, false);
        if !met.starts.contains(&data.start) {
            met.starts.push(data.start);
            let more = met.starts.len().saturating_sub(STARTS_MAX);
            met.starts.drain(..more);
        }
        self.state.touch(RowKey::Met(relay.clone()));
        if had_twin {
            self.note("server.twin-ended", format!("{relay} was started anew, and is attached"));
        }
    }

    // === The relay's end ===

    /// What this server says of itself when it attaches.
    pub(super) fn own_data_set(&self) -> DataSet {
        let server = &self.state.server;
        DataSet {
            incarnation: server.founding.incarnation,
            former: server.recovery.as_ref().map_or(0, |recovery| recovery.former),
            start: self.start,
            formers: server.formers.clone(),
            generation: server.wish_last >> GENERATION_BITS,
            stated_under: server.stated_under,
            recovers: self.recovers(),
        }
    }

    /// Relay: another instance of it runs, and may have used and given back what this one holds.
    pub(super) fn begin_as_twin(&mut self, why: &str) {
        if self.own_data_set().former == 0 {
            let incarnation = self.entropy.draw().max(1);
            self.begin(why, incarnation, true);
        }
    }
}
