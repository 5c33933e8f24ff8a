//! The escrow edge: counts between the primary and a relay (safety.md 1.3, R1 to R4, R7).
//!
//! ```text
//!   primary                                   relay
//!   SetHolding: granted += n, durable   (R1)
//!      ── Level{attach, granted, …} ────────► TakeLevel: granted_seen = granted, durable
//!      ◄── EdgeReport{attach, granted_seen, returned} ──
//!                                             GiveBack: returned += what is free, durable (R1)
//!   BookEdge: returned_seen = returned  ◄──── EdgeReport
//! ```
//! Invariants
//! - 0 ≤ returned_seen ≤ returned ≤ granted_seen ≤ granted (I4); what breaks it is not booked (R7).
//! - Only what carries the attachment in force counts (R3, R4); everything is cumulative (R2).
//! - A message leaves only after the change it tells of was applied, so it is durable (R1).

use super::{Deed, Engine, ledger::Balance};
use crate::model::command::Command;
use crate::model::edge::{AttachId, EdgeReport, Level};
use crate::model::holding::{HoldingOption, Phase};
use crate::model::letter::{Address, Body};
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::row::{EdgeRow, HoldingRow, RowKey};
use crate::model::time::Timestamp;
use crate::model::tuning::Tuning;

impl Engine {
    /// What this server has of a product, before uses (I2).
    pub fn balance(&self, product: &ProductName) -> Balance {
        let ledger = self.state.ledgers.get(product);
        let (registered, given) = ledger.map_or((0, 0), |l| (l.registered, l.given));
        let received = self.state.holdings.get(product).map_or(0, |h| h.granted_seen - h.returned);
        Balance::of(registered + received, given)
    }

    pub fn used(&self, product: &ProductName) -> u64 {
        self.state.ledgers.get(product).map_or(0, |ledger| ledger.used())
    }

    pub fn shortage(&self, product: &ProductName) -> u64 {
        self.used(product).saturating_sub(self.balance(product).own)
    }

    // === The primary's end ===

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

    fn levels(&self, relay: &ServerName) -> Vec<(ProductName, Level)> {
        let edges = self.state.edges.iter().filter(|((_, name), _)| name == relay);
        edges.map(|((product, _), edge)| (product.clone(), edge.level)).collect()
    }

    /// Primary: what a relay says of an edge under its attachment.
    pub(super) fn book_edge(
        &mut self,
        relay: &ServerName,
        attach: AttachId,
        product: &ProductName,
        report: &EdgeReport,
    ) {
        let current = self.state.met.get(relay).and_then(|met| met.attach);
        #[cfg(feature = "mutants")]
        let current = match self.tuning.mutant {
            Some(crate::model::tuning::Mutant::NoAttachFence) => Some(attach),
            _ => current,
        };
        if current != Some(attach) {
            // Under another attachment than it believes: the level tells it so.
            return self.owe_level(relay, product);
        }
        if self.book_report(relay, product, report) {
            self.owe_level(relay, product);
        }
    }

    /// Takes a report in; whether the relay should hear the level again.
    fn book_report(
        &mut self,
        relay: &ServerName,
        product: &ProductName,
        report: &EdgeReport,
    ) -> bool {
        let key = (product.clone(), relay.clone());
        let Some(edge) = self.state.edges.get_mut(&key) else { return false };
        let was_settled = Engine::edge_is_settled(edge);
        let level = &mut edge.level;
        if report.granted_seen > level.granted
            || report.returned > report.granted_seen
            || report.version > level.version
        {
            let text = format!("{relay} claims counts of {product} that were never given (R7)");
            self.note("edge.refused", text);
            return false;
        }
        let came = report.returned > level.returned_seen;
        level.returned_seen = level.returned_seen.max(report.returned);
        edge.granted_seen = edge.granted_seen.max(report.granted_seen);
        edge.version_seen = edge.version_seen.max(report.version);
        // Only what was registered by leave can be a reason to decline.
        let declined = report.declined && report.version == level.version && edge.may_decline;
        if report.version == level.version && !report.declined {
            edge.may_decline = false;
        }
        if declined && level.option != HoldingOption::Registered {
            level.option = HoldingOption::Registered;
            level.target = crate::model::count::LicenseCount::ZERO;
            level.version += 1;
            let text =
                format!("{relay} keeps registering {product}: licenses are registered there");
            self.note("holding.declined", text);
        }
        self.state.touch(RowKey::Edge(key.0, key.1));
        self.state.count_given(product);
        let topped = self.top_up(relay, product);
        let edge = &self.state.edges[&(product.clone(), relay.clone())];
        let booked = (!was_settled && Engine::edge_is_settled(edge))
            .then(|| booked_in_words(relay, product, &edge.level));
        let behind =
            report.granted_seen < edge.level.granted || report.version < edge.level.version;
        if let Some(text) = booked {
            self.note("holding.booked", text);
        }
        came || topped || behind || declined
    }

    /// Distributions that could not be met before are met now, as far as it goes.
    pub(super) fn fill_targets(&mut self) {
        let lacks = |product: &&ProductName| {
            self.state.ledgers.get(*product).is_some_and(|ledger| ledger.lacking > 0)
        };
        let products: Vec<ProductName> = self.state.stirred.iter().filter(lacks).cloned().collect();
        for product in products {
            let first = (product.clone(), ServerName::lowest());
            let edges = self.state.edges.range(first..).take_while(|((p, _), _)| *p == product);
            let relays: Vec<ServerName> = edges.map(|((_, relay), _)| relay.clone()).collect();
            for relay in relays {
                if self.top_up(&relay, &product) {
                    self.owe_level(&relay, &product);
                }
            }
        }
    }

    /// Gives what the target still lacks, as far as it is free here (R1: durable before said).
    pub(super) fn top_up(&mut self, relay: &ServerName, product: &ProductName) -> bool {
        let free = self.balance(product).own.saturating_sub(self.used(product));
        let key = (product.clone(), relay.clone());
        let Some(edge) = self.state.edges.get_mut(&key) else { return false };
        let outstanding = edge.level.granted - edge.level.returned_seen;
        let more = edge.level.target.0.saturating_sub(outstanding).min(free);
        if more == 0 {
            return false;
        }
        edge.level.granted += more;
        self.state.touch(RowKey::Edge(key.0, key.1));
        self.state.count_given(product);
        true
    }

    /// The level of an edge is to be said when this run of inputs is done. What is said is the
    /// current one (R2), so once is enough, and letters that come doubled are not answered doubled.
    pub(super) fn owe_level(&mut self, relay: &ServerName, product: &ProductName) {
        self.owed_levels.insert((relay.clone(), product.clone()));
    }

    /// The same of the relay's side of an edge.
    pub(super) fn owe_edge_report(&mut self, product: &ProductName) {
        self.owed_edge_reports.insert(product.clone());
    }

    /// Says the level of an edge, when the relay is attached.
    pub(super) fn send_level(&mut self, relay: &ServerName, product: &ProductName) {
        // The attachment is the secret of the way it was made on: on another one the relay has to
        // attach anew first, which only its own data set can.
        let Some(way) = self.links.way_down(relay) else { return };
        if self.attach_ways.get(relay) != Some(&way) {
            let open = self.challenges.get(relay).copied();
            let nonce = open.unwrap_or_else(|| self.entropy.draw());
            return self.challenge(relay, nonce);
        }
        let Some(attach) = self.state.met.get(relay).and_then(|met| met.attach) else { return };
        let key = (product.clone(), relay.clone());
        let Some(edge) = self.state.edges.get(&key) else { return };
        let body = Body::Level { attach, product: product.clone(), level: edge.level };
        self.send_below(relay, body);
    }

    /// Whether both ends agree, as far as the primary knows.
    pub fn edge_is_settled(edge: &EdgeRow) -> bool {
        let outstanding = edge.level.granted - edge.level.returned_seen;
        edge.granted_seen == edge.level.granted
            && edge.version_seen == edge.level.version
            && outstanding <= edge.level.target.0
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

    /// Relay: what the primary gave and wants.
    pub(super) fn take_level(&mut self, attach: AttachId, product: &ProductName, level: &Level) {
        let server = &self.state.server;
        #[allow(unused_mut)]
        let mut in_force = server.fenced.is_none() && server.attach == Some(attach);
        #[cfg(feature = "mutants")]
        if self.tuning.mutant == Some(crate::model::tuning::Mutant::NoOlderGrantFence) {
            in_force = true;
        }
        if !in_force {
            return;
        }
        if !self.state.holdings.contains_key(product)
            && self.state.holdings.len() >= self.tuning.products_max
        {
            return;
        }
        let row = self.state.holdings.entry(product.clone()).or_default();
        if level.epoch != row.level.epoch || level.granted < row.granted_seen {
            return;
        }
        row.granted_seen = level.granted;
        let seen = row.level.returned_seen.max(level.returned_seen);
        if level.version > row.level.version {
            row.level = *level;
            row.declined = false;
        }
        row.level.returned_seen = seen;
        self.state.touch(RowKey::Holding(product.clone()));
        self.state.stirred.insert(product.clone());
        self.advance(product);
        self.give_back(product);
        self.owe_edge_report(product);
    }

    /// Relay: returns what is free above the target. Counts under uses stay until those end.
    pub(super) fn give_back(&mut self, product: &ProductName) {
        if self.state.is_primary() {
            return;
        }
        let free = self.balance(product).own.saturating_sub(self.used(product));
        let Some(row) = self.state.holdings.get_mut(product) else { return };
        let target = match (row.phase, row.level.option) {
            (Phase::Taking | Phase::Yielding, _) => return,
            (Phase::Holding, HoldingOption::Distributed) => row.level.target.0,
            _ => 0,
        };
        let excess = (row.granted_seen - row.returned).saturating_sub(target);
        let more = excess.min(free);
        if more > 0 {
            row.returned += more;
            self.state.touch(RowKey::Holding(product.clone()));
            self.state.stirred.insert(product.clone());
            self.owe_edge_report(product);
        }
    }

    pub(super) fn send_edge_report(&mut self, product: &ProductName) {
        let server = &self.state.server;
        let Some(attach) = server.attach.filter(|_| server.fenced.is_none()) else { return };
        let Some(row) = self.state.holdings.get(product) else { return };
        let report = edge_report(row);
        let body = Body::EdgeReport { attach, product: product.clone(), report };
        self.send_above(Address::Primary, body);
    }

    /// Says again whatever the other end may not have (both ends; at each retry).
    pub(super) fn repeat_edges(&mut self) -> bool {
        let behind = |row: &HoldingRow| row.returned > row.level.returned_seen;
        let holdings = self.state.holdings.iter().filter(|(_, row)| behind(row));
        let products: Vec<ProductName> = holdings.map(|(product, _)| product.clone()).collect();
        products.iter().for_each(|product| self.owe_edge_report(product));
        let edges = self.state.edges.iter().filter(|(_, edge)| !Engine::edge_is_settled(edge));
        let edges: Vec<(ProductName, ServerName)> = edges.map(|(key, _)| key.clone()).collect();
        edges.iter().for_each(|(product, relay)| self.owe_level(relay, product));
        !products.is_empty() || !edges.is_empty()
    }

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

    pub(super) fn propose(&mut self, command: Command) {
        self.deeds.push(Deed::Propose(command));
        self.proposed += 1;
    }
}

fn edge_report(row: &HoldingRow) -> EdgeReport {
    EdgeReport {
        version: row.level.version,
        epoch: row.level.epoch,
        granted_seen: row.granted_seen,
        returned: row.returned,
        declined: row.declined,
    }
}

/// What both ends agree on now.
fn booked_in_words(relay: &ServerName, product: &ProductName, level: &Level) -> String {
    let holds = level.granted - level.returned_seen;
    match level.option {
        HoldingOption::Distributed if holds < level.target.0 => {
            format!("{relay} holds {holds} {product} of the {} it is to hold", level.target)
        }
        HoldingOption::Distributed => format!("{relay} holds {holds} {product}"),
        HoldingOption::Registered => format!("{relay} knows that it may register {product}"),
        HoldingOption::None => format!("{relay} holds no {product} of the primary's any more"),
    }
}
