//! Attaching: how a relay and the primary come to agree on all edges at once (safety.md R3, R4).
//!
//! ```text
//!   relay                                      primary
//!      ── AttachHello ──────────────────────►  draws a nonce; an older one is void
//!      ◄───────────────────── Challenge{nonce}
//!   Fence, durable: nothing older counts (R4)
//!      ── AttachRequest{nonce, what I have} ─► checked, durable: the newest attachment (R3, R7)
//!      ◄────────── Attached{attach, levels} ── or AttachRefused: nothing of it was taken
//! ```

use super::Engine;
use super::transfer::edge_report;
use crate::model::command::Command;
use crate::model::edge::{AttachId, EdgeReport, Level};
use crate::model::letter::{Address, Body};
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::row::RowKey;
use crate::model::time::Timestamp;
use crate::model::tuning::Tuning;

impl Engine {
    // === The primary's end ===

    /// Primary: the newest challenge counts, and once (R3).
    pub(super) fn attach_asked(
        &mut self,
        relay: ServerName,
        nonce: u64,
        incarnation: u64,
        edges: Vec<(ProductName, EdgeReport)>,
    ) {
        if self.challenges.get(&relay) == Some(&nonce) {
            self.challenges.remove(&relay);
            let before = self.unattached.get(&relay);
            let refusal = before.and_then(|_| self.attach_check(&relay, incarnation, &edges).err());
            if let Some(refusal) = refusal.filter(|refusal| Some(refusal) == before) {
                return self.refuse_attach(&relay, nonce, refusal);
            }
            let attach = self.next_attach();
            self.propose(Command::Attach { relay, nonce, attach, incarnation, edges });
        }
    }

    /// Primary: whether a relay that is known may begin to attach once more now: each attachment
    /// takes a place in the log. Who may not asks again.
    pub(super) fn may_attach(&mut self, relay: &ServerName, now: Timestamp) -> bool {
        if !self.state.met.contains_key(relay) {
            return false;
        }
        let Tuning { attaches_burst, attach_interval, .. } = self.tuning;
        let before = self.attaches_full.get(relay).copied().unwrap_or(now);
        let full = before.max(now).after(attach_interval);
        let may = full <= now.after(attach_interval.saturating_mul(attaches_burst));
        if may {
            self.attaches_full.insert(relay.clone(), full);
        }
        may
    }

    /// Primary: opens a challenge for this relay; an older one is void.
    pub(super) fn challenge(&mut self, relay: &ServerName, nonce: u64) {
        self.challenges.insert(relay.clone(), nonce);
        self.send_below(relay, Body::Challenge { nonce });
    }

    /// Primary: a relay is attached anew, or told why not.
    pub(super) fn attach(
        &mut self,
        relay: &ServerName,
        nonce: u64,
        attach: AttachId,
        incarnation: u64,
        edges: &[(ProductName, EdgeReport)],
    ) {
        if !self.state.met.contains_key(relay) {
            // It did not say yet that it is there. It will, and asks again.
            return;
        }
        if let Err(refusal) = self.attach_check(relay, incarnation, edges) {
            self.note("server.attach-refused", refusal.to_string());
            return self.refuse_attach(relay, nonce, refusal);
        }
        self.begin_anew(relay, incarnation);
        if let Some(way) = self.links.way_down(relay) {
            self.attach_ways.insert(relay.clone(), way);
        }
        let Some(met) = self.state.met.get_mut(relay) else { return };
        met.attach = Some(attach);
        self.unattached.remove(relay);
        self.state.server.attach_last = self.state.server.attach_last.max(attach.counter);
        self.state.touch(RowKey::Met(relay.clone()));
        self.state.touch(RowKey::Server);
        for (product, report) in edges {
            self.book_report(relay, product, report);
        }
        let body = Body::Attached { nonce, attach, levels: self.levels(relay) };
        self.send_below(relay, body);
    }

    /// A relay with a new data set and nothing outstanding: its edges count from zero again. What
    /// its old data set may still say carries an older attachment.
    fn begin_anew(&mut self, relay: &ServerName, incarnation: u64) {
        let Some(met) = self.state.met.get_mut(relay) else { return };
        if met.incarnation == incarnation {
            return;
        }
        met.incarnation = incarnation;
        self.state.touch(RowKey::Met(relay.clone()));
        let edges = self.state.edges.iter_mut().filter(|((_, name), _)| name == relay);
        let mut changed = Vec::new();
        for ((product, _), edge) in edges {
            edge.level.granted = 0;
            edge.level.returned_seen = 0;
            edge.granted_seen = 0;
            changed.push(product.clone());
        }
        for product in changed {
            self.state.touch(RowKey::Edge(product.clone(), relay.clone()));
            self.state.count_given(&product);
            self.top_up(relay, &product);
        }
    }

    /// R7, and that the relay did not go back behind what it said before.
    fn attach_check(
        &self,
        relay: &ServerName,
        incarnation: u64,
        edges: &[(ProductName, EdgeReport)],
    ) -> Result<(), Refusal> {
        let known = self.state.met.get(relay).map(|met| met.incarnation);
        let refused = |why: String| {
            Err(Refusal::new(
                "LT0232",
                format!("{relay} is not attached: {why}"),
                format!("start {relay} with its own newest data folder"),
            ))
        };
        let said =
            |product: &ProductName| edges.iter().find(|(p, _)| p == product).map(|(_, r)| *r);
        let another = known != Some(incarnation) && known != Some(0);
        if another && self.has_claims(relay) {
            let why = "its data is another than before, and licenses were registered there";
            return refused(why.to_string());
        }
        let edges_here = self.state.edges.iter().filter(|((_, name), _)| name == relay);
        for ((product, _), edge) in edges_here {
            let report = said(product).unwrap_or_default();
            let outstanding = edge.level.granted - edge.level.returned_seen;
            // One that joined and was not heard yet (0) cannot have been told of any.
            let told = known != Some(incarnation) && known != Some(0);
            if told && outstanding > 0 {
                return refused(format!(
                    "its data is another than before, and {product} was given"
                ));
            }
            if known != Some(incarnation) {
                // Nothing is with it: it begins anew, and so does the edge.
                continue;
            }
            if report.granted_seen < edge.granted_seen || report.returned < edge.level.returned_seen
            {
                return refused(format!("it forgot counts of {product} that it had confirmed"));
            }
        }
        for (product, report) in edges {
            let granted = self.state.edges.get(&(product.clone(), relay.clone()));
            let granted = granted.map_or(0, |edge| edge.level.granted);
            if report.granted_seen > granted || report.returned > report.granted_seen {
                return refused(format!("it claims counts of {product} that were never given"));
            }
        }
        Ok(())
    }

    /// Tells a relay, and keeps in mind that it was told: its next ask for the same reason needs no
    /// place in the log.
    fn refuse_attach(&mut self, relay: &ServerName, nonce: u64, refusal: Refusal) {
        self.send_below(relay, Body::AttachRefused { nonce, refusal: refusal.clone() });
        self.unattached.insert(relay.clone(), refusal);
    }

    // === The relay's end ===

    /// Relay: ask for an attachment; from its durable `Fence` on, nothing older counts.
    pub(super) fn fence(&mut self, nonce: u64) {
        self.state.server.fenced = Some(nonce);
        self.state.touch(RowKey::Server);
        let incarnation = self.state.server.founding.incarnation;
        let edges = self.state.holdings.iter();
        let edges = edges.map(|(product, row)| (product.clone(), edge_report(row))).collect();
        self.send_above(Address::Primary, Body::AttachRequest { nonce, incarnation, edges });
    }

    pub(super) fn ask_attach(&mut self) {
        self.send_above(Address::Primary, Body::AttachHello);
    }

    /// Relay: the primary has a newer attachment of this relay in force than is known here. A late
    /// copy of an older challenge brings that about; attaching anew puts it right.
    pub(super) fn is_superseded(&self, attach: AttachId) -> bool {
        let server = &self.state.server;
        let known = server.attach.filter(|_| server.fenced.is_none());
        known.is_some_and(|known| known.counter < attach.counter)
    }

    pub(super) fn attached(
        &mut self,
        nonce: u64,
        attach: AttachId,
        levels: &[(ProductName, Level)],
    ) {
        if self.state.server.fenced != Some(nonce) {
            return;
        }
        self.state.server.fenced = None;
        self.state.server.attach = Some(attach);
        self.attach_refusal = None;
        self.state.touch(RowKey::Server);
        for (product, level) in levels {
            self.take_level(attach, product, level);
        }
    }
}
