//! The escrow edge: counts between the primary and a relay (safety.md 1.3, R1, R2, R7).
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
use crate::model::letter::{Address, Body, LinkId};
use crate::model::name::{ProductName, ServerName};
use crate::model::row::{EdgeRow, HoldingRow, RowKey};
use crate::model::time::Timestamp;
use crate::model::tuning::Mutant;

impl Engine {
    /// What this server has of a product, before uses (I2).
    pub fn balance(&self, product: &ProductName) -> Balance {
        let ledger = self.state.ledgers.get(product);
        let (registered, given) = ledger.map_or((0, 0), |l| (l.registered, l.given));
        let received = self.state.holdings.get(product).map_or(0, |h| h.granted_seen - h.returned);
        // What was received is the word of the server above.
        Balance::of(registered.saturating_add(received), given)
    }

    pub fn used(&self, product: &ProductName) -> u64 {
        self.state.ledgers.get(product).map_or(0, |ledger| ledger.used())
    }

    pub fn shortage(&self, product: &ProductName) -> u64 {
        self.used(product).saturating_sub(self.balance(product).own)
    }

    /// Primary: licenses that relays are to give back, and have not yet.
    pub(super) fn coming_back(&self, product: &ProductName) -> u64 {
        let edges = self.state.edges.iter().filter(|((of, _), _)| of == product);
        let leaving = edges.filter(|(_, edge)| edge.level.option == HoldingOption::None);
        leaving.map(|(_, edge)| edge.level.granted.saturating_sub(edge.level.returned_seen)).sum()
    }

    // === The primary's end ===

    pub(super) fn levels(&self, relay: &ServerName) -> Vec<(ProductName, Level)> {
        let edges = self.state.edges.iter().filter(|((_, name), _)| name == relay);
        edges.map(|((product, _), edge)| (product.clone(), self.told(product, edge))).collect()
    }

    /// Primary: a relay says how its edge is. Under the attachment in force it knows what it was
    /// given; what cannot be is not booked (R7).
    pub(super) fn edge_report_came(
        &mut self,
        link: LinkId,
        relay: ServerName,
        attach: AttachId,
        (product, report): (ProductName, EdgeReport),
        now: Timestamp,
    ) {
        let in_force = self.state.met.get(&relay).and_then(|met| met.attach) == Some(attach);
        let edge = self.state.edges.get(&(product.clone(), relay.clone()));
        let level = edge.map_or(Level::default(), |edge| edge.level);
        if in_force && !is_possible(&level, &report) {
            let what = format!("claims counts of {product} that were never given (R7)");
            return self.refuse_word("edge.refused", link, &relay, &what, now);
        }
        self.propose(Command::BookEdge { relay, attach, product, report });
    }

    /// Primary: what a relay says of an edge under its attachment.
    pub(super) fn book_edge(
        &mut self,
        relay: &ServerName,
        attach: AttachId,
        product: &ProductName,
        report: &EdgeReport,
    ) {
        let met = self.state.met.get(relay).filter(|met| !met.unsaid);
        let current = met.and_then(|met| met.attach);
        if current != Some(attach) && !self.tuning.breaks(Mutant::NoAttachFence) {
            // Under another attachment than it believes: the level tells it so.
            return self.owe_level(relay, product);
        }
        if self.book_report(relay, product, report) {
            self.owe_level(relay, product);
        }
    }

    /// Takes a report in; whether the relay should hear the level again.
    pub(super) fn book_report(
        &mut self,
        relay: &ServerName,
        product: &ProductName,
        report: &EdgeReport,
    ) -> bool {
        let key = (product.clone(), relay.clone());
        let Some(edge) = self.state.edges.get_mut(&key) else { return false };
        let was_settled = Engine::edge_is_settled(edge);
        let level = &mut edge.level;
        // Its author was named when it came.
        if !is_possible(level, report) {
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
        if report.version == level.version && level.option == HoldingOption::None && !report.holds {
            edge.promised = false;
        }
        if declined && level.option != HoldingOption::Registered {
            edge.promised = true;
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
            self.note_sparingly("holding.booked", &format!("{relay} "), text);
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
        if self.recovers() {
            return false;
        }
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
            let open = self.challenges.get(relay).map(|open| open.nonce);
            let nonce = open.unwrap_or_else(|| self.entropy.draw());
            return self.challenge(relay, nonce);
        }
        let Some(attach) = self.state.met.get(relay).and_then(|met| met.attach) else { return };
        let key = (product.clone(), relay.clone());
        let Some(edge) = self.state.edges.get(&key) else { return };
        let body =
            Body::Level { attach, product: product.clone(), level: self.told(product, edge) };
        self.send_below(relay, body);
    }

    /// Whether both ends agree, as far as the primary knows.
    pub fn edge_is_settled(edge: &EdgeRow) -> bool {
        let outstanding = edge.level.granted - edge.level.returned_seen;
        edge.granted_seen == edge.level.granted
            && edge.version_seen == edge.level.version
            && outstanding <= edge.level.target.0
            && (edge.level.option != HoldingOption::None || !edge.promised)
    }

    // === The relay's end ===

    /// Relay: what the primary gave and wants.
    pub(super) fn take_level(&mut self, attach: AttachId, product: &ProductName, level: &Level) {
        let server = &self.state.server;
        let in_force = server.fenced.is_none() && server.attach == Some(attach);
        if !in_force && !self.tuning.breaks(Mutant::NoOlderGrantFence) {
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
        row.level.confirm_within_days = level.confirm_within_days;
        self.state.touch(RowKey::Holding(product.clone()));
        self.state.stirred.insert(product.clone());
        self.advance(product);
        self.give_back(product);
        self.owe_edge_report(product);
    }

    /// Relay: returns what is free above the target. Counts under uses stay until those end.
    pub(super) fn give_back(&mut self, product: &ProductName) {
        if self.state.is_primary() || self.recovers() {
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
        let report = self.edge_report(product, row);
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

    pub(super) fn edge_report(&self, product: &ProductName, row: &HoldingRow) -> EdgeReport {
        EdgeReport {
            version: row.level.version,
            epoch: row.level.epoch,
            granted_seen: row.granted_seen,
            returned: row.returned,
            declined: row.declined,
            holds: row.phase != Phase::Sharing,
            option: row.level.option,
            target: row.level.target,
            lacks: self.shortage(product),
        }
    }

    pub(super) fn propose(&mut self, command: Command) {
        self.deeds.push(Deed::Propose(command));
        self.proposed += 1;
    }
}

/// Whether a relay can say this of what it was given (I4).
fn is_possible(level: &Level, report: &EdgeReport) -> bool {
    report.returned <= report.granted_seen
        && report.granted_seen <= level.granted
        && report.version <= level.version
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
