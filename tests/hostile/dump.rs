//! All that a server knows, as lines with a name each, so that what changed can be told exactly.

use lictree::engine::Engine;
use lictree::engine::state::State;
use lictree::model::account::Account;
use lictree::model::name::ServerName;
use lictree::model::report::{Figures, RowBody, StreamId};
use lictree::model::row::OwnFiguresRow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Everything but the lines of the event log.
    All,
    /// Not what sums of the rogue's own uses show: the figures of those whose licenses it shares.
    WithoutSums,
}

/// Lines of one server by name; those that belong to one of `but` are left out.
pub fn of(state: &State, but: &[&str], depth: Depth) -> BTreeMap<String, String> {
    let but: BTreeSet<ServerName> = but.iter().map(|name| name.parse().unwrap()).collect();
    let mut lines = Lines { but, lines: BTreeMap::new() };
    servers(state, &mut lines, depth);
    ledgers(state, &mut lines);
    own(state, &mut lines, depth);
    mirrors(state, &mut lines, depth);
    lines.lines
}

struct Lines {
    but: BTreeSet<ServerName>,
    lines: BTreeMap<String, String>,
}

impl Lines {
    fn add(&mut self, name: &str, owners: &[&ServerName], what: &impl Debug) {
        if owners.iter().all(|owner| !self.but.contains(*owner)) {
            let owners: Vec<&str> = owners.iter().map(|owner| owner.as_str()).collect();
            let before = self.lines.insert(format!("{name} {owners:?}"), format!("{what:?}"));
            assert_eq!(before, None, "two lines are called {name} {owners:?}");
        }
    }
}

fn without_sums(figures: &Figures) -> Figures {
    Figures { used: Default::default(), ..*figures }
}

fn mirrors(state: &State, lines: &mut Lines, depth: Depth) {
    for (StreamId { origin, table }, mirror) in &state.mirrors {
        if depth == Depth::All {
            lines.add(&format!("rows {table:?}"), &[origin], &(mirror.incarnation, mirror.have));
        }
        for name in mirror.names() {
            let Some(mut row) = mirror.row(&name) else { continue };
            if depth == Depth::WithoutSums {
                row.version = 0;
                if let RowBody::Figures(figures) = &mut row.body {
                    *figures = without_sums(figures);
                }
            }
            lines.add(&format!("row {name:?}"), &[origin], &row);
        }
    }
}

fn servers(state: &State, lines: &mut Lines, depth: Depth) {
    let mut server = state.server.clone();
    server.event_last = 0;
    server.attach_last = 0;
    if depth == Depth::WithoutSums {
        server.figures_version = 0;
    }
    lines.add("server", &[], &server);
    lines.add("trust", &[], &state.trust);
    for met in state.met.values() {
        lines.add("met", &[&met.name], met);
    }
    for ((product, relay), edge) in &state.edges {
        lines.add(&format!("edge {product}"), &[relay], edge);
    }
    for (serial, by) in &state.claims {
        lines.add(&format!("claim {serial}"), &[by], &());
    }
    for (id, invite) in &state.invites {
        lines.add(&format!("invite {id}"), &[&invite.name], invite);
    }
}

fn ledgers(state: &State, lines: &mut Lines) {
    for (product, ledger) in &state.ledgers {
        let counts = (ledger.registered, ledger.given, ledger.lacking);
        if counts != (0, 0, 0) {
            lines.add(&format!("ledger {product}"), &[], &counts);
        }
        for (account, used) in ledger.accounts() {
            let Account { origin, route, floor, stated, entries } = account;
            let head = (route, floor, stated);
            lines.add(&format!("account {product}"), &[origin], &head);
            lines.add(&format!("used {product}"), &[origin], &used);
            for (device, entry) in entries {
                lines.add(&format!("entry {product} {device}"), &[origin], entry);
            }
        }
        for below in ledger.below.values() {
            lines.add(&format!("below {product}"), &[&below.relay], below);
        }
        for (relay, pack) in &ledger.outbox {
            lines.add(&format!("outbox {product}"), &[relay], pack);
        }
    }
}

fn own(state: &State, lines: &mut Lines, depth: Depth) {
    let me = state.name();
    for (serial, row) in &state.licenses {
        lines.add(&format!("license {serial}"), &[me], row);
    }
    for (product, row) in &state.holdings {
        lines.add(&format!("holding {product}"), &[me], row);
    }
    for (number, row) in &state.devices {
        lines.add(&format!("device {number}"), &[me], row);
    }
    for (product, row) in &state.own_figures {
        let OwnFiguresRow { figures, version } = *row;
        match depth {
            Depth::All => lines.add(&format!("figures {product}"), &[me], &(figures, version)),
            // A product that is known by name only is as good as none.
            Depth::WithoutSums => {
                let figures = without_sums(&figures);
                let shown = Figures { phase: Default::default(), ..figures };
                if shown != Figures::default() {
                    lines.add(&format!("figures {product}"), &[me], &figures);
                }
            }
        }
    }
    let waiting = (&state.open, &state.moving, &state.managed, &state.gone);
    lines.add("waiting", &[me], &waiting);
}

/// The lines that differ, as `name: before -> after`.
pub fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let names = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    names.map(|name| format!("{name}: {:?} -> {:?}", before.get(name), after.get(name))).collect()
}

/// About how much a server keeps in mind, durable or not: the length of all of it, written out.
pub fn size(engine: &Engine) -> usize {
    format!("{engine:?}").len()
}
