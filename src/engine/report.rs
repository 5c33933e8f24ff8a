//! Replication upward: every server's rows travel hop by hop to the primary (safety.md 1.11, I10).
//!
//! ```text
//!   child                                          parent
//!      ── ReportOffer{stream, incarnation} ──►     what do I have of it?
//!      ◄── ReportAck{have, settled} ──
//!      ── Report{after = have, upto, rows} ──►     merge (the primary: durable), note have
//!      ◄── ReportAck{have, settled} ──             once the primary has it, or a little later;
//!                                                  … at most `report_window` letters ahead
//! ```
//! Invariants
//! - A row has one writer. Only its last version travels: what changed twice goes once.
//! - A row that was only seen again goes as that where the parent surely has the rest of it.
//! - Nothing waits in a queue: what must go is computed from the rows and what the parent has.
//! - `settled` is what the primary has; deletions up to there are forgotten at their writer.

use super::mirror::{self, Merged, Mirror};
use super::{Deed, Engine};
use crate::model::command::Command;
use crate::model::device::{ADDRESSES_MAX, OTHER_MACS_MAX, STATE_CHANGES_MAX};
use crate::model::holding::Role;
use crate::model::letter::{Body, Letter, LinkId, Presence, Versions};
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::report::{ReportBatch, ReportRow, RowBody, RowName, StreamId, Table};
use crate::model::row::RowKey;
use crate::model::time::Timestamp;
use crate::model::tuning::Tuning;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How far the parent is with one stream.
#[derive(Debug, Default)]
struct Sender {
    /// What the parent has; unknown until it said so.
    have: Option<u64>,
    /// Letters on their way.
    ahead: VecDeque<Ahead>,
    /// The parent is known to have had every row as it was here at this number. Less than `have`
    /// where rows changed while letters were made: a row that changes again is left out of the
    /// letter that would have told of the change before.
    whole: u64,
    /// It may have rows whose deletion is forgotten here: the letters begin again from here.
    again: Option<u64>,
}

/// A letter on its way.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    /// Its last number.
    upto: u64,
    /// Nothing was left out behind it when it was made.
    is_last: bool,
}

/// The volatile side of replication.
#[derive(Debug, Default)]
pub struct Reports {
    senders: BTreeMap<StreamId, Sender>,
    /// Streams with rows that the parent may not have.
    stirred: BTreeSet<StreamId>,
    /// All streams that the parent lacks something of, and some that it has wholly by now.
    lagging: BTreeSet<StreamId>,
    /// What the primary has of each stream, as far as was said.
    settled: BTreeMap<StreamId, u64>,
    /// When a stream was last known to be complete here.
    pub confirmed: BTreeMap<StreamId, Timestamp>,
    /// Through which child a stream comes.
    ways: BTreeMap<StreamId, LinkId>,
    /// Relay: streams with rows that came and were not acknowledged yet, and when all are.
    owed_acks: BTreeSet<StreamId>,
    acks_due: Timestamp,
}

impl Reports {
    /// The parent must be asked again what it has.
    pub fn uplink_down(&mut self) {
        self.senders.clear();
        self.lagging.clear();
    }
}

impl Engine {
    pub(super) fn own_versions(&self) -> Versions {
        [Table::Figures, Table::Nodes].map(|table| (table, self.state.version(table))).into()
    }

    pub(super) fn stream_version(&self, stream: &StreamId) -> (u64, u64) {
        if stream.origin == *self.state.name() {
            (self.state.server.founding.incarnation, self.state.version(stream.table))
        } else {
            self.state.mirrors.get(stream).map_or((0, 0), |m| (m.incarnation, m.have))
        }
    }

    /// Asks the parent, for every stream, what it has.
    pub(super) fn offer_reports(&mut self) {
        if self.state.is_primary() || self.links.uplink().is_none() {
            return;
        }
        let own = StreamId::of(self.state.name());
        let streams: Vec<StreamId> =
            own.into_iter().chain(self.state.mirrors.keys().cloned()).collect();
        streams.iter().for_each(|stream| self.offer(stream));
    }

    fn offer(&mut self, stream: &StreamId) {
        let Some(link) = self.links.uplink() else { return };
        // What this server knows of itself may be less than what is known above.
        let own = stream.origin == *self.state.name();
        if own && self.recovers() && !self.rows_are_back() {
            return;
        }
        self.reports.senders.insert(stream.clone(), Sender::default());
        self.reports.lagging.insert(stream.clone());
        let (incarnation, version) = self.stream_version(stream);
        self.send_neighbour(
            link,
            Body::ReportOffer { stream: stream.clone(), incarnation, version },
        );
    }

    /// A stream has something new for the parent.
    pub(super) fn stir(&mut self, stream: StreamId) {
        if !self.state.is_primary() {
            self.reports.lagging.insert(stream.clone());
            self.reports.stirred.insert(stream);
        }
    }

    /// Sends what the parent lacks, figures before nodes, within the window.
    pub(super) fn send_reports(&mut self) {
        if self.state.is_primary() || self.links.uplink().is_none() {
            return;
        }
        let mut stirred: Vec<StreamId> =
            std::mem::take(&mut self.reports.stirred).into_iter().collect();
        stirred.sort_by_key(|stream| stream.table);
        for stream in stirred {
            match self.reports.senders.get(&stream) {
                Some(_) => self.send_stream(&stream),
                None => self.offer(&stream),
            }
        }
    }

    fn send_stream(&mut self, stream: &StreamId) {
        let Some(link) = self.links.uplink() else { return };
        let (incarnation, version) = self.stream_version(stream);
        loop {
            let Some(sender) = self.reports.senders.get(stream) else { return };
            let Some(have) = sender.have else { return };
            let behind = sender.ahead.back().map_or(have, |ahead| ahead.upto);
            let after = sender.again.unwrap_or(behind);
            if after >= version || sender.ahead.len() >= self.tuning.report_window {
                return;
            }
            let whole = sender.whole;
            let rows = self.rows_after(stream, after, whole);
            let batch = self.batch(stream, incarnation, (after, version), rows);
            if let Some(sender) = self.reports.senders.get_mut(stream) {
                sender.ahead.push_back(Ahead { upto: batch.upto, is_last: batch.upto == version });
                sender.again = sender.again.map(|_| batch.upto).filter(|upto| *upto < have);
            }
            self.send_neighbour(link, Body::Report(batch));
        }
    }

    /// A letter with the next rows after a number, of those up to `version`. Without rows it still
    /// says how far they are complete.
    fn batch(
        &self,
        stream: &StreamId,
        incarnation: u64,
        (after, version): (u64, u64),
        rows: Vec<ReportRow>,
    ) -> ReportBatch {
        let max = self.tuning.report_rows_max;
        let upto =
            if rows.len() < max { version } else { rows.last().map_or(version, |row| row.version) };
        let complete = upto == version && self.is_whole(stream);
        ReportBatch { stream: stream.clone(), incarnation, after, upto, complete, rows }
    }

    /// The next rows after a number, for one who had them all as they were at `whole`.
    fn rows_after(&self, stream: &StreamId, after: u64, whole: u64) -> Vec<ReportRow> {
        let max = self.tuning.report_rows_max;
        if stream.origin != *self.state.name() {
            let mirror = self.state.mirrors.get(stream);
            return mirror.map_or(Vec::new(), |mirror| mirror.after(after, whole, max));
        }
        match stream.table {
            Table::Nodes => {
                let changed = self.state.own_nodes.after(after).take(max);
                changed.map(|row| mirror::row_for(row, whole)).collect()
            }
            Table::Figures => {
                let rows = self.state.own_figures.iter().filter(|(_, row)| row.version > after);
                let mut rows: Vec<ReportRow> = rows
                    .map(|(product, row)| ReportRow {
                        name: RowName::Product(product.clone()),
                        version: row.version,
                        body: RowBody::Figures(row.figures),
                    })
                    .collect();
                rows.sort_by_key(|row| row.version);
                rows.truncate(max);
                rows
            }
        }
    }

    /// Deletions up to here are not known here any more.
    fn forgotten(&self, stream: &StreamId) -> u64 {
        let own = stream.origin == *self.state.name() && stream.table == Table::Nodes;
        if own { self.state.server.nodes_floor } else { 0 }
    }

    /// The parent says what it has.
    pub(super) fn report_acked(
        &mut self,
        stream: &StreamId,
        incarnation: u64,
        have: u64,
        settled: u64,
    ) {
        let (ours, version) = self.stream_version(stream);
        let have = if ours == incarnation { have.min(version) } else { 0 };
        let forgotten = self.forgotten(stream);
        let Some(sender) = self.reports.senders.get_mut(stream) else { return };
        if sender.have.is_none() && have > 0 && have < forgotten {
            sender.again = Some(0);
        }
        if have < sender.whole {
            // It forgot, and has to be told all of every row again.
            sender.whole = 0;
        }
        while let Some(first) = sender.ahead.front().copied().filter(|first| first.upto <= have) {
            sender.ahead.pop_front();
            if first.is_last {
                sender.whole = sender.whole.max(first.upto);
            }
        }
        if have == version {
            sender.whole = version;
        }
        sender.have = Some(have);
        if have < version {
            self.reports.lagging.insert(stream.clone());
        }
        let settled = if ours == incarnation { settled.min(version) } else { 0 };
        let known = self.reports.settled.get(stream).copied().unwrap_or(0);
        if settled > known {
            self.reports.settled.insert(stream.clone(), settled);
            self.report_settled(stream, settled);
        }
        self.send_stream(stream);
        self.sweep_on(stream);
    }

    /// Whether the parent is known to have everything up to the newest number here.
    pub(super) fn parent_has(&self, stream: &StreamId, version: u64) -> bool {
        self.reports.senders.get(stream).is_some_and(|sender| sender.have == Some(version))
    }

    /// Whether the primary is known to have all rows of a stream as they are here; of an empty one
    /// there is nothing to have.
    pub(super) fn primary_has(&self, stream: &StreamId) -> bool {
        let (_, version) = self.stream_version(stream);
        version > 0 && self.reports.settled.get(stream) == Some(&version)
    }

    /// What the parent had of a stream may have been put right here since.
    pub(super) fn forget_whole(&mut self, stream: &StreamId) {
        if let Some(sender) = self.reports.senders.get_mut(stream) {
            sender.whole = 0;
        }
    }

    fn report_settled(&mut self, stream: &StreamId, settled: u64) {
        if stream.origin == *self.state.name() {
            let table = stream.table;
            let old = self.state.gone.values().any(|version| *version <= settled);
            if old && table == Table::Nodes {
                self.propose(Command::ForgetGone { table, upto: settled });
            }
        } else {
            if let Some(mirror) = self.state.mirrors.get_mut(stream) {
                mirror.forget_gone(settled);
            }
            self.ack(stream);
        }
    }

    pub(super) fn forget_gone(&mut self, upto: u64) {
        let old = self.state.gone.iter().filter(|(_, version)| **version <= upto);
        let old: Vec<_> = old.map(|(number, _)| *number).collect();
        for number in old {
            self.state.gone.remove(&number);
            self.state.own_nodes.remove(number);
            self.state.touch(RowKey::Gone(number));
        }
        self.state.server.nodes_floor = self.state.server.nodes_floor.max(upto);
        self.state.touch(RowKey::Server);
    }

    // === The receiving side ===

    /// A child asks what is here of a stream.
    pub(super) fn report_offered(
        &mut self,
        link: LinkId,
        child: &ServerName,
        stream: StreamId,
        incarnation: u64,
        now: Timestamp,
    ) {
        if !self.may_report(link, child, &stream, now) {
            return;
        }
        if !self.state.is_primary() {
            let mirror = self.state.mirror(&stream);
            if mirror.incarnation != incarnation {
                *mirror = Mirror::of(stream.table);
                mirror.incarnation = incarnation;
                // What the parent has and what the primary settled was of the other data set.
                self.reports.senders.remove(&stream);
                self.reports.settled.remove(&stream);
                self.stir(stream.clone());
            }
        }
        self.ack(&stream);
    }

    /// Primary: rows of a server that was removed do not come back through those that had them.
    fn is_shut_out(&self, name: &ServerName) -> bool {
        let denied = self.state.trust.trust.denied.contains_key(name);
        self.state.is_primary() && denied && !self.is_member(name)
    }

    /// Relay: what is here of a server that is out of the tree is passed on no more. One that came
    /// again says it all again.
    pub(super) fn forget_streams(&mut self, name: &ServerName) {
        self.heads.forget(name);
        for stream in StreamId::of(name) {
            self.state.mirrors.remove(&stream);
            self.reports.senders.remove(&stream);
            self.reports.settled.remove(&stream);
            self.reports.stirred.remove(&stream);
            self.reports.owed_acks.remove(&stream);
        }
    }

    /// Only through the child it hangs below may a server's rows come.
    pub(super) fn may_report(
        &mut self,
        link: LinkId,
        child: &ServerName,
        stream: &StreamId,
        now: Timestamp,
    ) -> bool {
        if self.is_shut_out(&stream.origin) || self.is_forgotten(&stream.origin) {
            return false;
        }
        let way = self.links.way_down(&stream.origin);
        let lawful = stream.origin == *child || way == Some(link);
        if !lawful && (way.is_some() || stream.origin == *self.state.name()) {
            let origin = &stream.origin;
            let refusal = Refusal::new(
                "LT0429",
                format!("{child} sends rows of {origin}, which is not below it"),
                format!("look at the server {child}; it lies, or {origin} has just moved"),
            );
            self.note_refusal("rows.refused", &refusal, now);
        }
        let known = self.reports.ways.len() < 2 * self.tuning.servers_max;
        if lawful && (known || self.reports.ways.contains_key(stream)) {
            self.reports.ways.insert(stream.clone(), link);
            return true;
        }
        false
    }

    pub(super) fn report_came(
        &mut self,
        link: LinkId,
        child: &ServerName,
        batch: ReportBatch,
        now: Timestamp,
    ) {
        if !self.may_report(link, child, &batch.stream, now) {
            return;
        }
        if !rows_fit(&batch) {
            let what = "sends rows that fit neither its table nor its numbers";
            return self.refuse_word("rows.refused", link, &batch.stream.origin, what, now);
        }
        if !self.has_room_for_rows(&batch.stream, batch.rows.len()) {
            return;
        }
        // At a relay rows of others are in memory only.
        if self.state.is_primary() && self.has_no_room_for(&batch) {
            return;
        }
        if self.state.is_primary() {
            return self.propose(Command::Merge(batch));
        }
        // A full letter has more behind it, and the child's window is not to fill.
        let is_full = batch.rows.len() >= self.tuning.report_rows_max;
        let mirror = self.state.mirror(&batch.stream);
        match mirror.merge(&batch, now) {
            Merged::Rows(_) if is_full => self.ack(&batch.stream),
            Merged::Rows(_) => self.owe_ack(&batch.stream, now),
            Merged::Refused => return self.ack(&batch.stream),
        }
        self.stir(batch.stream);
    }

    /// More than one site may have: the rest waits until rows are gone.
    pub(super) fn has_room_for_rows(&self, stream: &StreamId, more: usize) -> bool {
        let Tuning { devices_max, products_max, report_rows_max, .. } = self.tuning;
        let max = match stream.table {
            Table::Figures => products_max,
            Table::Nodes => devices_max,
        };
        let rows = self.state.mirrors.get(stream).map_or(0, Mirror::row_count);
        rows + more <= max + report_rows_max
    }

    /// What the primary has of these rows is said soon, and what is here together with it: half as
    /// many letters and packets. A second letter in between is acknowledged at once.
    fn owe_ack(&mut self, stream: &StreamId, now: Timestamp) {
        if self.reports.owed_acks.is_empty() {
            // Long before the child would ask.
            self.reports.acks_due = now.after(self.tuning.retry_interval / 10);
        }
        if !self.reports.owed_acks.insert(stream.clone()) {
            self.ack(stream);
        }
    }

    pub(super) fn acks_due(&self) -> Option<Timestamp> {
        (!self.reports.owed_acks.is_empty()).then_some(self.reports.acks_due)
    }

    pub(super) fn say_owed_acks(&mut self, now: Timestamp) {
        if self.acks_due().is_some_and(|due| now >= due) {
            let owed = std::mem::take(&mut self.reports.owed_acks);
            owed.iter().for_each(|stream| self.ack(stream));
        }
    }

    /// Primary: whether rows are of another data set than the one that attached: a copy was
    /// started, and does not know that yet. The rows there are, are what it is to get back.
    fn is_of_another(&self, batch: &ReportBatch) -> bool {
        let met = self.state.met.get(&batch.stream.origin);
        met.is_some_and(|met| ![0, batch.incarnation].contains(&met.incarnation))
    }

    /// Primary: rows from below become durable.
    pub(super) fn merge(&mut self, batch: &ReportBatch, at: Timestamp) {
        if self.is_of_another(batch) {
            return self.ack(&batch.stream);
        }
        let known = self.state.mirrors.contains_key(&batch.stream);
        if !known && self.state.mirrors.len() >= 2 * self.tuning.servers_max {
            return;
        }
        let mirror = self.state.mirror(&batch.stream);
        if let Merged::Rows(names) = mirror.merge(batch, at) {
            let gone = mirror.forget_gone(batch.upto);
            for name in names.into_iter().chain(gone) {
                self.state.touch(RowKey::Mirrored(batch.stream.clone(), name));
            }
            self.state.touch(RowKey::Stream(batch.stream.clone()));
            self.reports.confirmed.insert(batch.stream.clone(), at);
            self.judge_awaited(&batch.stream, at);
        }
        self.ack(&batch.stream);
    }

    pub(super) fn ack(&mut self, stream: &StreamId) {
        self.reports.owed_acks.remove(stream);
        let Some(link) = self.reports.ways.get(stream).copied() else { return };
        if self.links.child(link).is_none() {
            return;
        }
        let (incarnation, have) = self.stream_version(stream);
        let settled = match self.state.role() {
            Role::Primary => have,
            Role::Relay => self.reports.settled.get(stream).copied().unwrap_or(0),
        };
        let body = Body::ReportAck { stream: stream.clone(), incarnation, have, settled };
        let letter = Letter::to_neighbour(body);
        self.deeds.push(Deed::Send { link, letter });
    }

    /// A presence that names the versions we have confirms the figures as of now.
    pub(super) fn confirm_streams(&mut self, presence: &Presence, now: Timestamp) {
        for (table, version) in &presence.versions {
            let stream = StreamId { origin: presence.name.clone(), table: *table };
            let (incarnation, have) = self.stream_version(&stream);
            let complete = incarnation == presence.incarnation && have >= *version;
            if complete || *version == 0 {
                self.reports.confirmed.insert(stream.clone(), now);
            }
            self.await_proof(stream, now);
        }
    }

    /// Begins again where a letter may have been lost (at each retry).
    pub(super) fn repeat_reports(&mut self) {
        if self.state.is_primary() || self.links.uplink().is_none() {
            return;
        }
        let lagging = std::mem::take(&mut self.reports.lagging);
        for stream in lagging.iter().filter(|stream| self.lags(stream)).collect::<Vec<_>>() {
            self.offer(stream);
        }
    }

    fn lags(&self, stream: &StreamId) -> bool {
        let sender = self.reports.senders.get(stream);
        sender.is_some_and(|s| s.have.is_none_or(|have| have < self.stream_version(stream).1))
    }

    /// Whether the parent lacks anything of any stream. Asked after every input, so what it has
    /// wholly is looked at once and not again until it is stirred.
    pub(super) fn reports_lag(&mut self) -> bool {
        while let Some(stream) = self.reports.lagging.pop_first() {
            if self.lags(&stream) {
                self.reports.lagging.insert(stream);
                return true;
            }
        }
        false
    }

    /// Rows that the parent does not have yet, as numbers of versions.
    pub fn report_lag(&self) -> u64 {
        if self.state.is_primary() {
            return 0;
        }
        let lag = |stream: &StreamId| {
            let (_, version) = self.stream_version(stream);
            let have = self.reports.senders.get(stream).and_then(|sender| sender.have);
            version.saturating_sub(have.unwrap_or(0))
        };
        StreamId::of(self.state.name()).iter().map(lag).sum()
    }
}

/// The longest host name, in bytes; as long as a name of DNS may be (RFC 1035).
const HOST_NAME_LEN_MAX: usize = 255;

/// A row is of a table, and no longer than one may be.
pub(super) fn row_fits(row: &ReportRow, table: Table) -> bool {
    match (&row.name, &row.body, table) {
        (RowName::Product(_), RowBody::Figures(_), Table::Figures)
        | (RowName::Device(_), RowBody::Gone | RowBody::Seen(_), Table::Nodes) => true,
        (RowName::Device(_), RowBody::Device(device), Table::Nodes) => {
            device.addresses.len() <= ADDRESSES_MAX
                && device.other_macs.len() <= OTHER_MACS_MAX
                && device.history.len() <= STATE_CHANGES_MAX
                && device.host_name.as_ref().is_none_or(|name| name.len() <= HOST_NAME_LEN_MAX)
        }
        _ => false,
    }
}

/// Every row is of the stream's table and within the batch's numbers.
fn rows_fit(batch: &ReportBatch) -> bool {
    let fits = |row: &ReportRow| row_fits(row, batch.stream.table);
    batch.after <= batch.upto
        && batch.upto < u64::MAX
        && batch
            .rows
            .iter()
            .all(|row| fits(row) && row.version <= batch.upto && row.version > batch.after)
}

#[cfg(test)]
mod tests;
