//! Adds up, at the primary, what is registered and what is held in the whole tree.
//!
//! ```text
//!   the primary          registered there + overdrawn        = held there + granted to others
//!   each other server    granted to it + registered there    = held there + in transit
//!   ───────────────────────────────────────────────────────────────────────────────────────
//!   all                  registered + overdrawn              = held + in transit
//! ```
//! The grants are the primary's own; the rest is what each server last reported. Counts move in
//! steps that are durable at one side before the other, so the sums hold at every moment, however
//! old what is known. They fail where a server says what cannot be: it was set back, or lies.

use super::Engine;
use crate::model::audit::{AuditCounts, AuditView, ProductAudit, ServerAudit, Unconfirmed};
use crate::model::count::LicenseCount;
use crate::model::name::{ProductName, ServerName};
use crate::model::report::{Figures, StreamId, Table};
use crate::model::row::{MetRow, Standing};
use crate::model::time::Timestamp;
use std::collections::BTreeSet;

impl Engine {
    /// The primary's audit of all products.
    pub fn audit(&self, now: Timestamp) -> AuditView {
        let products = self.all_products();
        let products: Vec<ProductAudit> =
            products.iter().map(|product| self.audit_product(product, now)).collect();
        AuditView {
            as_of: now,
            adds_up: products.iter().all(|product| product.adds_up),
            products,
            unconfirmed: self.unconfirmed(now),
        }
    }

    fn audit_product(&self, product: &ProductName, now: Timestamp) -> ProductAudit {
        let mut servers = vec![self.audit_primary(product, now)];
        let others = self.accountable(product);
        servers.extend(others.iter().map(|server| self.audit_server(server, product, now)));
        let counts = servers.iter().fold(AuditCounts::default(), |all, one| all.plus(one.counts));
        let adds_up = counts.add_up() && servers.iter().all(|server| server.unlike.is_empty());
        ProductAudit { product: product.clone(), counts, adds_up, servers }
    }

    /// Everybody else who was granted licenses of a product, or says anything of it.
    fn accountable(&self, product: &ProductName) -> BTreeSet<ServerName> {
        let granted = self.state.edges.keys().filter(|(of, _)| of == product);
        let mut servers: BTreeSet<ServerName> = granted.map(|(_, server)| server.clone()).collect();
        let reported = self.state.mirrors.iter();
        let reported = reported.filter(|(_, mirror)| mirror.figures(product).is_some());
        servers.extend(reported.map(|(stream, _)| stream.origin.clone()));
        servers.remove(self.state.name());
        servers
    }

    fn audit_primary(&self, product: &ProductName, now: Timestamp) -> ServerAudit {
        let server = self.state.name().clone();
        let Figures { registered, held, used, managed, .. } = self.own_figures_now(product);
        let others = self.accountable(product);
        let granted = others.iter().map(|server| self.outstanding(server, product)).sum();
        let in_transit = LicenseCount::ZERO;
        // More is granted than there is left where a license has ended.
        let overdrawn = LicenseCount(granted).above(registered);
        let mut unlike = Vec::new();
        if held.0 + granted != registered.0 + overdrawn.0 {
            unlike.push(format!(
                "{registered} are registered there, {held} held and {granted} granted to others"
            ));
        }
        let counts = AuditCounts { registered, held, in_transit, used, managed, overdrawn };
        ServerAudit { server, counts, as_of: Some(now), removed: false, unlike }
    }

    fn audit_server(
        &self,
        server: &ServerName,
        product: &ProductName,
        now: Timestamp,
    ) -> ServerAudit {
        let figures = self.word_of(server, product);
        let (held, in_transit) = self.held_and_in_transit(server, &figures, product);
        let Figures { registered, used, managed, .. } = figures;
        let overdrawn = LicenseCount::ZERO;
        let counts = AuditCounts { registered, held, in_transit, used, managed, overdrawn };
        let met = self.state.met.get(server);
        ServerAudit {
            server: server.clone(),
            counts,
            as_of: self.as_of(server, now),
            removed: met.is_some_and(|met| met.enrolment.standing == Standing::Removed),
            unlike: self.unlike(server, &figures, product),
        }
    }

    /// What a server last said of a product. What an earlier data set of its name said is void: its
    /// edges began anew with the one it attached with.
    fn word_of(&self, server: &ServerName, product: &ProductName) -> Figures {
        let stream = StreamId { origin: server.clone(), table: Table::Figures };
        let said = self.state.mirrors.get(&stream).map(|mirror| mirror.incarnation);
        match self.state.met.get(server) {
            Some(met) if said.is_some_and(|said| said != met.incarnation) => Figures::default(),
            _ => self.figures_of(server, product),
        }
    }

    /// What of a server's word does not fit to itself, or to what was granted to it.
    fn unlike(&self, server: &ServerName, figures: &Figures, product: &ProductName) -> Vec<String> {
        let Figures { registered, held, granted_seen, returned, .. } = figures;
        let mut unlike = Vec::new();
        if self.has_other_rows(server) {
            unlike.push("the rows of it here are not those that it wrote (LT0448)".to_string());
        }
        let edge = self.state.edges.get(&(product.clone(), server.clone()));
        let granted = edge.map_or(0, |edge| edge.level.granted);
        if *granted_seen > granted {
            unlike.push(format!(
                "it says that {granted_seen} were granted to it in all, and {granted} were"
            ));
        }
        match granted_seen.checked_sub(*returned) {
            None => unlike.push(format!(
                "it says that it gave back {returned} of {granted_seen} that were granted to it"
            )),
            Some(there) if registered.0.checked_add(there) != Some(held.0) => {
                unlike.push(format!(
                    "it says that it holds {held}: {registered} registered there, {there} granted"
                ));
            }
            Some(_) => {}
        }
        unlike
    }

    /// Members of which something is not known here.
    fn unconfirmed(&self, now: Timestamp) -> Vec<Unconfirmed> {
        let members = self.state.met.values();
        let members = members.filter(|met| met.enrolment.standing == Standing::Member);
        let unconfirmed = members.filter_map(|met| {
            let heard = self.heard.get(&met.name);
            let online = self.is_online(&met.name, now);
            let last_seen = heard.map(|heard| heard.at).or(self.as_of(&met.name, now));
            let why = self.why_unconfirmed(met, now)?.to_string();
            Some(Unconfirmed { server: met.name.clone(), online, last_seen, why })
        });
        unconfirmed.collect()
    }

    fn why_unconfirmed(&self, met: &MetRow, now: Timestamp) -> Option<&'static str> {
        let behind = self.heard.get(&met.name).is_none_or(|heard| self.lag_of(&heard.presence) > 0);
        if met.has_twin {
            Some("it runs twice")
        } else if !self.is_online(&met.name, now) {
            Some("offline")
        } else if self.is_known_to_recover(&met.name) {
            Some("it recovers: its figures may be those of an older copy")
        } else if met.unsaid {
            Some("it has not said what it holds since this primary was set back")
        } else if self.unattached.contains_key(&met.name) {
            Some("it is not attached")
        } else if behind {
            Some("more is on its way")
        } else if self.lacks_proof(&met.name, now) {
            Some("its own word on its figures has not come for long")
        } else {
            None
        }
    }
}
