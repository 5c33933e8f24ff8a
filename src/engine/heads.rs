//! What a server's rows are, in its own words (safety.md 1.11, I7).
//!
//! ```text
//!   west                          north                       primary
//!     ── rows up to 7 ──────────►  ── rows up to 7 ─────────►  merged
//!     ◄───────────────────────────── settled: 7 ─────────────
//!     ── Heads{7, digest}, signed by west ──────────────────►  the digest of what is here at 7?
//!                                                              equal: as written; else: unlike
//! ```
//! Reports are letters between neighbours: each relay tells its parent what it has itself. So a
//! relay that lies could tell of rows that nobody wrote. What their writer says of all of them
//! together comes from the writer alone, and a relay between can hold it up only.
//!
//! Invariants
//! - A head is said once the primary has all rows of its version, and judged where those are here.
//!   One that later rows have overtaken says nothing; the next one does.
//! - Rows are called unlike only where they should be whole: letters that were lost or late leave
//!   out rows for a while. Who never lets them be whole, or counts on in the writer's name, keeps
//!   them from being confirmed, and that is seen.
//! - Rows are proven by their writer alone. Each time it says heads they bear a number above those
//!   before; what is said again proves nothing. Figures of which there was no proof for long are
//!   not confirmed (`audit`).
//! - Each server says a head when its rows have changed, at most one in `heads_interval` and a
//!   millisecond for each row; and with every presence, for a primary that was started anew.

#[cfg(test)]
mod tests;

use super::Engine;
use super::digest;
use crate::model::letter::{Address, Body};
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::report::{Head, StreamId, Table};
use crate::model::time::Timestamp;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The volatile side.
#[derive(Debug, Default)]
pub struct Heads {
    /// Relay: of each own table, the last one that was made.
    said: BTreeMap<Table, Head>,
    /// Relay: the number of the last word.
    number: u64,
    /// Primary: the number of each writer's last word. Of servers with rows only.
    heard: BTreeMap<ServerName, u64>,
    /// Relay: when the next may be made.
    pauses: BTreeMap<Table, Timestamp>,
    /// Primary: of versions that did not come yet. Of streams there are rows of only.
    awaited: BTreeMap<StreamId, Head>,
    /// Primary: when the rows here were last known to be as their writer said; without a proof,
    /// since when one is waited for. Of servers that were heard only.
    proven: BTreeMap<StreamId, Timestamp>,
    /// Primary: whose rows here are not what their writer says. Of streams there are rows of only.
    unlike: BTreeSet<StreamId>,
}

impl Heads {
    /// What is here of a server's rows is gone.
    pub fn forget(&mut self, name: &ServerName) {
        self.heard.remove(name);
        for stream in StreamId::of(name) {
            self.awaited.remove(&stream);
            self.proven.remove(&stream);
            self.unlike.remove(&stream);
        }
    }
}

impl Engine {
    // === The writer's end ===

    /// When the next head is to be said.
    pub(super) fn heads_due(&self) -> Option<Timestamp> {
        if self.state.is_primary() || !self.reaches_primary() || self.links.uplink().is_none() {
            return None;
        }
        let own = StreamId::of(self.state.name());
        let new = own.iter().filter(|stream| self.settled_head(stream).is_none());
        let new = new.filter(|stream| self.primary_has(stream));
        new.map(|stream| self.heads.pauses.get(&stream.table).copied().unwrap_or_default()).min()
    }

    /// Says what the own rows are that the primary has and was not told so of.
    pub(super) fn say_heads_when_due(&mut self, now: Timestamp) {
        if self.heads_due().is_none_or(|due| now < due) {
            return;
        }
        let mut heads = Vec::new();
        for stream in StreamId::of(self.state.name()) {
            let pause = self.heads.pauses.get(&stream.table).is_none_or(|due| now >= *due);
            if pause && self.settled_head(&stream).is_none() && self.primary_has(&stream) {
                heads.push((stream.table, self.make_head(&stream, now)));
            }
        }
        self.send_heads(heads, now);
    }

    /// License time goes on over starts, so the numbers do.
    fn send_heads(&mut self, heads: Vec<(Table, Head)>, now: Timestamp) {
        self.heads.number = self.license_time(now).0.max(self.heads.number + 1);
        let number = self.heads.number;
        self.send_above(Address::Primary, Body::Heads { number, heads });
    }

    /// Says the last ones again: a primary that was started anew does not know them, and that they
    /// are still so proves that nobody holds later ones back.
    pub(super) fn repeat_heads(&mut self, now: Timestamp) {
        let own = StreamId::of(self.state.name());
        let heads =
            own.iter().filter_map(|stream| Some((stream.table, self.settled_head(stream)?)));
        let heads: Vec<(Table, Head)> = heads.collect();
        if !heads.is_empty() && self.reaches_primary() {
            self.send_heads(heads, now);
        }
    }

    /// The head of an own stream that was made of it as it is now.
    fn settled_head(&self, stream: &StreamId) -> Option<Head> {
        let (incarnation, version) = self.stream_version(stream);
        let said = self.heads.said.get(&stream.table).copied();
        said.filter(|head| (head.incarnation, head.version) == (incarnation, version))
    }

    fn make_head(&mut self, stream: &StreamId, now: Timestamp) -> Head {
        let (incarnation, version) = self.stream_version(stream);
        let (digest, rows) = match stream.table {
            Table::Nodes => {
                let nodes = &self.state.own_nodes;
                (digest::of_nodes(nodes.by_number()), nodes.len())
            }
            Table::Figures => {
                let rows = &self.state.own_figures;
                let all = rows.iter().map(|(product, row)| (product, row.version, &row.figures));
                (digest::of_all_figures(all), rows.len())
            }
        };
        let head = Head { incarnation, version, digest };
        let pause = self.tuning.heads_interval + Duration::from_millis(rows as u64);
        self.heads.pauses.insert(stream.table, now.after(pause));
        self.heads.said.insert(stream.table, head);
        head
    }

    // === The primary's end ===

    /// Primary: what a server says of its own rows.
    pub(super) fn heads_came(
        &mut self,
        author: &ServerName,
        (number, heads): (u64, &[(Table, Head)]),
        now: Timestamp,
    ) {
        let has_rows = StreamId::of(author).iter().any(|one| self.state.mirrors.contains_key(one));
        let is_new = self.heads.heard.get(author).is_none_or(|last| number > *last);
        if !has_rows || !is_new {
            return;
        }
        self.heads.heard.insert(author.clone(), number);
        for (table, head) in heads {
            let stream = StreamId { origin: author.clone(), table: *table };
            let Some(mirror) = self.state.mirrors.get(&stream) else { continue };
            if mirror.incarnation != head.incarnation {
                continue;
            }
            match mirror.have.cmp(&head.version) {
                Ordering::Less => drop(self.heads.awaited.insert(stream, *head)),
                Ordering::Equal => self.judge_rows(&stream, head, now),
                Ordering::Greater => {}
            }
        }
    }

    /// Primary: rows of a stream have come.
    pub(super) fn judge_awaited(&mut self, stream: &StreamId, now: Timestamp) {
        let Some(head) = self.heads.awaited.get(stream).copied() else { return };
        let (incarnation, have) = self.stream_version(stream);
        if (incarnation, have) == (head.incarnation, head.version) {
            self.judge_rows(stream, &head, now);
        }
        if incarnation != head.incarnation || have >= head.version {
            self.heads.awaited.remove(stream);
        }
    }

    fn judge_rows(&mut self, stream: &StreamId, written: &Head, now: Timestamp) {
        let Some(mirror) = self.state.mirrors.get(stream) else { return };
        if mirror.digest() != written.digest {
            if mirror.is_whole {
                self.rows_are_unlike(stream, now);
            }
            return;
        }
        self.heads.unlike.remove(stream);
        self.heads.proven.insert(stream.clone(), now);
    }

    fn rows_are_unlike(&mut self, stream: &StreamId, now: Timestamp) {
        if self.heads.unlike.insert(stream.clone()) {
            self.note_unlike(stream, now);
        }
    }

    /// Primary: a writer is there, and a proof of its rows is waited for from now on.
    pub(super) fn await_proof(&mut self, stream: StreamId, now: Timestamp) {
        if !self.state.is_primary() {
            return;
        }
        self.heads.proven.entry(stream).or_insert(now);
    }

    /// Primary: whether there was no proof for long of figures that a server is said to have. What
    /// changes without a pause is proven less often.
    pub(super) fn lacks_proof(&self, server: &ServerName, now: Timestamp) -> bool {
        let stream = StreamId { origin: server.clone(), table: Table::Figures };
        let (_, have) = self.stream_version(&stream);
        let proven = self.heads.proven.get(&stream);
        have > 0 && proven.is_some_and(|at| now.since(*at) > self.tuning.unproven_max)
    }

    fn note_unlike(&mut self, stream: &StreamId, now: Timestamp) {
        let origin = &stream.origin;
        let by = self.links.way_down(origin).and_then(|way| self.links.child(way)).cloned();
        let by =
            by.filter(|by| by != origin).map_or(String::new(), |by| format!(", by way of {by}"));
        let table = format!("{:?}", stream.table).to_lowercase();
        let refusal = Refusal::new(
            "LT0448",
            format!("the {table} of {origin} that came here{by} are not those that it wrote"),
            format!(
                "look at the servers between here and {origin}: one of them lies or is damaged"
            ),
        );
        self.note_refusal("rows.unlike", &refusal, now);
    }

    /// Primary: whether rows of a server here are other than it says.
    pub fn has_other_rows(&self, server: &ServerName) -> bool {
        StreamId::of(server).iter().any(|stream| self.heads.unlike.contains(stream))
    }
}
