//! What people are shown: ranges, servers, nodes, status. Reads only.

use super::distribution::range_view;
use super::{Engine, range};
use crate::model::count::LicenseCount;
use crate::model::enrolment::Credentials;
use crate::model::holding::{HoldingOption, Phase, Role};
use crate::model::letter::Presence;
use crate::model::license::Metric;
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::report::{Figures, StreamId, Table};
use crate::model::row::{Enrolment, LicenseRow, Standing};
use crate::model::text::plain;
use crate::model::time::Timestamp;
use crate::model::view::{
    CertificateView, HoldingView, LicenseView, RangeView, RangesView, ServerView, ServersView,
    StatusView,
};
use std::collections::BTreeSet;

impl Engine {
    // === Figures ===

    /// What this server is for a product, as of now.
    pub(super) fn own_figures_now(&self, product: &ProductName) -> Figures {
        let holding = self.state.holdings.get(product);
        let phase = self.state.phase(product);
        let registered = self.state.ledgers.get(product).map_or(0, |l| l.registered);
        Figures {
            option: holding.map_or(HoldingOption::None, |h| h.level.option),
            phase,
            version: holding.map_or(0, |h| h.level.version),
            registered: LicenseCount(registered),
            held: LicenseCount(self.balance(product).own),
            used: LicenseCount(self.used(product)),
            managed: LicenseCount(self.state.managed.get(product).copied().unwrap_or(0)),
            granted_seen: holding.map_or(0, |h| h.granted_seen),
            returned: holding.map_or(0, |h| h.returned),
        }
    }

    pub(super) fn as_of(&self, server: &ServerName, now: Timestamp) -> Option<Timestamp> {
        if server == self.state.name() {
            return Some(now);
        }
        let stream = StreamId { origin: server.clone(), table: Table::Figures };
        let confirmed = self.reports.confirmed.get(&stream).copied();
        let merged = self.state.mirrors.get(&stream).filter(|m| m.have > 0).map(|m| m.merged_at);
        confirmed.max(merged)
    }

    // === Ranges ===

    /// All ranges at the primary; its own range at a sharing source (JP1-31); elsewhere the name of
    /// the source (JP1-32, A-09).
    pub fn ranges(&self, now: Timestamp) -> Result<RangesView, Refusal> {
        let ranges: Vec<RangeView> = match self.state.role() {
            Role::Primary => {
                let products = self.all_products();
                products.iter().flat_map(|product| self.ranges_of(product, now)).collect()
            }
            Role::Relay => {
                let held = self.state.products();
                let held = held.iter().filter(|p| self.state.phase(p) != Phase::Sharing);
                held.map(|product| self.own_range(product, now)).collect()
            }
        };
        if ranges.is_empty() && !self.state.is_primary() {
            return Err(self.no_range());
        }
        Ok(self.ranges_view(ranges, now))
    }

    fn no_range(&self) -> Refusal {
        let sources = self.sources_above.iter();
        let sources: Vec<String> =
            sources.map(|(product, source)| format!("{product} with {source}")).collect();
        let shares = match sources.is_empty() {
            true => "no sharing source is known yet".to_string(),
            false => format!("it shares {}", sources.join(", ")),
        };
        Refusal::new(
            "LT0603",
            format!("{} holds no licenses; {shares}", self.state.name()),
            "ask there, or at the primary: lictree range list",
        )
    }

    pub(super) fn all_products(&self) -> BTreeSet<ProductName> {
        let mut products = self.state.products();
        for mirror in self.state.mirrors.values() {
            products.extend(mirror.products().cloned());
        }
        products
    }

    /// The primary's view of the ranges of a product: by the options set here, with the figures
    /// that each source last reported.
    pub(super) fn ranges_of(&self, product: &ProductName, now: Timestamp) -> Vec<RangeView> {
        let holds = |server: &ServerName| {
            let edge = self.state.edges.get(&(product.clone(), server.clone()));
            let set = edge.is_some_and(|edge| edge.level.option != HoldingOption::None);
            let figures = self.figures_of(server, product);
            // What is registered there stays there, however much of the rest came back already.
            let stays = figures.registered > LicenseCount::ZERO;
            let known = || stays || !self.is_outdated(server, &figures, product);
            let holding = figures.phase != Phase::Sharing && known();
            set || self.outstanding(server, product) > 0 || holding
        };
        let tree = self.tree();
        let me = self.state.name();
        let view = |range: range::Range| {
            let (source, figures) = (&range.source, self.figures_of(&range.source, product));
            let (held, in_transit) = self.held_and_in_transit(source, &figures, product);
            let as_of = self.as_of(source, now);
            range_view(product, range, held, figures.used, in_transit, as_of)
        };
        range::ranges(&tree, |s| s != me && holds(s)).into_iter().map(view).collect()
    }

    /// What a server holds, and what only one end of its edge is known to have booked; together
    /// what is granted to it and what is registered there. Where it gave back more than its figures
    /// know yet, that is here already, and is not shown a second time.
    pub(super) fn held_and_in_transit(
        &self,
        server: &ServerName,
        figures: &Figures,
        product: &ProductName,
    ) -> (LicenseCount, LicenseCount) {
        if !self.state.is_primary() || server == self.state.name() {
            return (figures.held, LicenseCount::ZERO);
        }
        let out = LicenseCount(self.outstanding(server, product));
        let there = LicenseCount(figures.granted_seen.saturating_sub(figures.returned));
        (figures.held.above(there.above(out)), out.above(there))
    }

    /// Whether a return of this server is booked here that its figures do not know yet.
    fn is_outdated(&self, server: &ServerName, figures: &Figures, product: &ProductName) -> bool {
        figures.granted_seen.saturating_sub(figures.returned) > self.outstanding(server, product)
    }

    /// A sharing source's view: itself, the managing sources with an account in its ledger, and
    /// those below it that share with it and never used a license.
    fn own_range(&self, product: &ProductName, now: Timestamp) -> RangeView {
        let me = self.state.name();
        let ledger = self.state.ledgers.get(product);
        let origins = ledger.into_iter().flat_map(|ledger| ledger.accounts());
        let mut destinations: BTreeSet<ServerName> =
            origins.map(|(account, _)| account.origin.clone()).collect();
        destinations.extend(self.heard.keys().filter(|name| self.shares(name, product)).cloned());
        destinations.remove(me);
        let range =
            range::Range { source: me.clone(), destinations: destinations.into_iter().collect() };
        let Figures { held, used, .. } = self.own_figures_now(product);
        range_view(product, range, held, used, LicenseCount::ZERO, Some(now))
    }

    /// Whether no server on the way from one below up to this one holds, itself included: who
    /// holds has taken its uses out of the ledger here.
    fn shares(&self, name: &ServerName, product: &ProductName) -> bool {
        let ledger = self.state.ledgers.get(product);
        let holds = |name: &ServerName| {
            let out = ledger.and_then(|ledger| ledger.below.get(name)).is_some_and(|b| b.out);
            out || self.figures_of(name, product).phase != Phase::Sharing
        };
        let mut at = name;
        for _ in 0..=self.tuning.depth_max {
            if at == self.state.name() {
                return true;
            }
            match self.heard.get(at) {
                Some(heard) if !holds(at) => at = &heard.presence.parent,
                _ => return false,
            }
        }
        false
    }

    // === Servers ===

    pub(super) fn servers(&self, now: Timestamp) -> ServersView {
        let below: BTreeSet<ServerName> =
            self.state.met.keys().chain(self.heard.keys()).cloned().collect();
        let servers = below.iter().filter_map(|name| self.server(name, now));
        let me = self.server(self.state.name(), now);
        ServersView { as_of: now, servers: me.into_iter().chain(servers).collect() }
    }

    pub(super) fn server(&self, name: &ServerName, now: Timestamp) -> Option<ServerView> {
        if name == self.state.name() {
            return Some(ServerView {
                name: name.clone(),
                role: self.state.role(),
                parent: self.parent(),
                online: true,
                last_seen: Some(now),
                software: self.software.clone(),
                title: String::new(),
                standing: "member".to_string(),
                address: String::new(),
                certificate: certificate(&self.credentials, self.state.trust.trust.version),
                clock_ahead_ms: Some(0),
                clock: Some(self.clock_standing()),
                lag_rows: None,
                holdings: self.holdings_of(name),
                nodes: self.node_counts(name),
            });
        }
        let heard = self.heard.get(name);
        let met = self.state.met.get(name);
        // Whom nothing can be asked of yet is not there yet: it is met with the next sync.
        if self.state.is_primary() && met.is_none() {
            return None;
        }
        let parent = heard.map(|h| &h.presence.parent).or(met.map(|m| &m.parent))?;
        Some(ServerView {
            name: name.clone(),
            role: Role::Relay,
            parent: Some(parent.clone()),
            online: self.is_online(name, now),
            last_seen: heard.map(|heard| heard.at).or(self.as_of(name, now)),
            software: heard.map_or(String::new(), |heard| plain(&heard.presence.software)),
            title: met.map_or(String::new(), |met| met.title.clone()),
            standing: self.standing_word(name, heard.is_some()),
            address: heard.map_or(String::new(), |heard| plain(&heard.presence.address)),
            certificate: match heard {
                Some(heard) => certificate(&heard.presence.credentials, heard.presence.trust),
                // Not a word of it since the start here: what it was given.
                None => met.and_then(|met| given(&met.enrolment)),
            },
            clock_ahead_ms: heard.map(super::tree::Heard::clock_ahead_ms),
            clock: heard.map(|heard| heard.presence.standing),
            lag_rows: heard.map(|heard| self.lag_of(&heard.presence)),
            holdings: self.holdings_of(name),
            nodes: self.node_counts(name),
        })
    }

    fn standing_word(&self, name: &ServerName, heard: bool) -> String {
        let met = self.state.met.get(name);
        if met.is_some_and(|met| met.has_twin) {
            return "running twice".to_string();
        }
        match met.map(|met| (met.enrolment.standing, met.incarnation)) {
            Some((Standing::Removed, _)) => "removed",
            Some((Standing::Member, 0)) if !heard => "expected",
            Some((Standing::Member, _)) if self.is_known_to_recover(name) => "recovers",
            _ => "member",
        }
        .to_string()
    }

    /// Whether a server said last that its data may not be its newest.
    pub(super) fn is_known_to_recover(&self, name: &ServerName) -> bool {
        self.heard.get(name).is_some_and(|heard| heard.presence.recovers)
    }

    /// Rows of a server's own that are not here yet, as far as it said how many there are.
    pub(super) fn lag_of(&self, presence: &Presence) -> u64 {
        let lag = |(table, version): &(Table, u64)| {
            let stream = StreamId { origin: presence.name.clone(), table: *table };
            let have = self.state.mirrors.get(&stream).map_or(0, |mirror| mirror.have);
            version.saturating_sub(have)
        };
        // As much as fits where a server says absurd numbers.
        presence.versions.iter().map(lag).fold(0, u64::saturating_add)
    }

    fn holdings_of(&self, server: &ServerName) -> Vec<HoldingView> {
        let me = server == self.state.name();
        let view = |product: ProductName| {
            let figures = self.figures_of(server, &product);
            let Figures { option, phase, used, managed, .. } = figures;
            let edge = self.state.edges.get(&(product.clone(), server.clone()));
            let option = edge.map_or(option, |edge| edge.level.option);
            let (held, in_transit) = self.held_and_in_transit(server, &figures, &product);
            let source =
                if me { self.source(&product) } else { self.source_below(server, &product) };
            HoldingView { product, option, phase, source, held, used, managed, in_transit }
        };
        self.all_products().into_iter().map(view).collect()
    }

    /// The primary's knowledge of another server's source.
    fn source_below(&self, server: &ServerName, product: &ProductName) -> Option<ServerName> {
        let mut at = server;
        for _ in 0..=self.tuning.depth_max {
            let edge = self.state.edges.get(&(product.clone(), at.clone()));
            let set = edge.is_some_and(|edge| edge.level.option != HoldingOption::None);
            if set || at == self.state.name() {
                return Some(at.clone());
            }
            at = self.state.met.get(at).map(|met| &met.parent)?;
        }
        None
    }

    /// Whether a server is this one, below it, or was.
    pub(super) fn is_in_sight(&self, name: &ServerName) -> bool {
        let [figures, nodes] = StreamId::of(name);
        let mirrored = |stream: &StreamId| self.state.mirrors.contains_key(stream);
        name == self.state.name()
            || self.state.met.contains_key(name)
            || self.heard.contains_key(name)
            || mirrored(&figures)
            || mirrored(&nodes)
    }

    // === Status ===

    /// The server above, also while the way there is cut off.
    fn parent(&self) -> Option<ServerName> {
        let before = self.cut_off.as_ref().map(|(parent, _)| parent);
        self.links.parent().or(before).cloned()
    }

    pub(super) fn status(&self, now: Timestamp) -> StatusView {
        let servers = self.servers(now).servers;
        let count = |online| {
            // Who was shut out, or has not come yet, is not missed.
            let is_in = |standing: &str| ["member", "recovers"].contains(&standing);
            let of = |server: &&ServerView| server.online == online && is_in(&server.standing);
            servers.iter().filter(of).count() as u64
        };
        StatusView {
            as_of: now,
            tree: self.state.server.founding.tree.clone(),
            name: self.state.name().clone(),
            role: self.state.role(),
            software: self.software.clone(),
            connected: self.reaches_primary(),
            parent: self.parent(),
            cut_off_since: self
                .way_cut_since
                .or(self.cut_off.as_ref().map(|(_, since)| *since))
                .filter(|_| !self.reaches_primary()),
            clock_ahead_ms: self.clock_ahead_ms,
            clock: self.clock_view(now),
            attach_refusal: self.attach_refusal.clone(),
            disk_short: self.disk_short(),
            servers_online: count(true),
            servers_offline: count(false),
            products: self.holdings_of(self.state.name()),
            nodes: self.node_counts(self.state.name()),
            waiting: self.state.open.values().map(|open| open.len() as u64).sum(),
            report_lag: self.report_lag(),
            advice: self.advice(now),
        }
    }
}

pub(super) fn license_view(row: &LicenseRow) -> LicenseView {
    let license = &row.license;
    LicenseView {
        serial: license.serial.as_str().to_string(),
        vendor: license.vendor.clone(),
        product: license.product.clone(),
        count: license.count,
        metric: match license.metric {
            Metric::ManagedDevices => "managed-devices".to_string(),
            Metric::Sessions => "sessions".to_string(),
        },
        not_before: license.not_before,
        not_after: license.not_after,
        registered_at: row.registered_at,
        expired: row.expired,
        tree: license.tree.clone(),
        server: license.server.clone(),
        confirm_within_days: license.confirm_within_days,
        note: license.note.clone(),
    }
}

/// The certificate that a server was given last, where it was given here.
fn given(enrolment: &Enrolment) -> Option<CertificateView> {
    let Enrolment { number, expires, .. } = enrolment;
    (expires.0 > 0).then(|| CertificateView {
        expires: *expires,
        enrolment: *number,
        authority: String::new(),
        trust: 0,
    })
}

/// Nothing where a server said nothing of it (an older version).
fn certificate(credentials: &Credentials, trust: u64) -> Option<CertificateView> {
    (*credentials != Credentials::default()).then(|| CertificateView {
        expires: credentials.expires,
        enrolment: credentials.enrolment,
        authority: credentials.authority.to_string(),
        trust,
    })
}
