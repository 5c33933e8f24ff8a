//! Rows of a mirror that silently differ are found and put right (safety.md 1.11, I10).
//!
//! ```text
//!   child                                            parent
//!      ── Whole(digest) at a version ──────────►     the same version, another digest?
//!      ◄── Buckets(256 digests) ──                   nothing where they are equal
//!      ── Refill(bucket, rows), … ─────────────►     puts those rows right, and those only
//! ```
//! Reports carry what changed; this finds what should never have become different: a fault of a
//! disk, of memory, or of the program. Every stream is compared once in `reconcile_interval`, one
//! after another. Hop by hop: what a relay put right is compared with its own parent next time.
//!
//! Invariants
//! - A word counts only where both sides are at its version. Letters of one connection come in
//!   order, so a refill comes after all reports that were sent before it.
//! - Only who has every row as its writer had it at that version says so: what it tells again is
//!   right, whatever the parent has.

#[cfg(test)]
mod tests;

use super::Engine;
use super::digest;
use super::mirror::{figures_row, whole_row};
use crate::model::command::Command;
use crate::model::letter::{Body, LinkId};
use crate::model::name::{ProductName, ServerName};
use crate::model::reconcile::{BUCKETS, Compared, Reconcile, Refill};
use crate::model::report::{ReportRow, RowBody, RowName, StreamId, Table};
use crate::model::row::{OwnFiguresRow, RowKey};
use crate::model::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// What is being told again of one stream.
#[derive(Debug)]
struct Sweep {
    buckets: VecDeque<u8>,
    /// Behind which row of the first of them to go on.
    after: Option<RowName>,
}

/// The volatile side.
#[derive(Debug, Default)]
pub struct Reconciling {
    /// When the next stream is compared.
    due: Timestamp,
    /// The one that was compared last.
    last: Option<StreamId>,
    sweeps: BTreeMap<StreamId, Sweep>,
}

impl Engine {
    /// When the next stream is to be compared with the parent's.
    pub(super) fn reconcile_due(&self) -> Option<Timestamp> {
        let relay = !self.state.is_primary() && self.links.uplink().is_some();
        relay.then_some(self.reconciling.due)
    }

    /// The parent is another, or begins anew.
    pub(super) fn begin_reconciling(&mut self, now: Timestamp) {
        self.reconciling.sweeps.clear();
        self.reconciling.due = now.after(self.reconcile_pause());
    }

    fn reconcile_pause(&self) -> std::time::Duration {
        let streams = u32::try_from(2 + self.state.mirrors.len()).unwrap_or(u32::MAX);
        self.tuning.reconcile_interval / streams
    }

    /// Says the digest of the next stream that the parent has wholly.
    pub(super) fn compare_next(&mut self, now: Timestamp) {
        if self.reconcile_due().is_none_or(|due| now < due) {
            return;
        }
        self.reconciling.due = now.after(self.reconcile_pause());
        let Some(stream) = self.next_stream() else { return };
        self.reconciling.last = Some(stream.clone());
        let (incarnation, version) = self.stream_version(&stream);
        if version == 0 || !self.is_whole(&stream) || !self.parent_has(&stream, version) {
            return;
        }
        let what = Compared::Whole(digest::whole(&self.buckets(&stream)));
        self.tell_parent(Reconcile { stream, incarnation, version, what });
    }

    fn next_stream(&self) -> Option<StreamId> {
        let own = StreamId::of(self.state.name());
        let all = || own.iter().chain(self.state.mirrors.keys());
        let later = |stream: &&StreamId| self.reconciling.last.as_ref().is_none_or(|l| *stream > l);
        let next = all().filter(later).min().or_else(|| all().min());
        next.cloned()
    }

    fn tell_parent(&mut self, word: Reconcile) {
        if let Some(link) = self.links.uplink() {
            self.send_neighbour(link, Body::Reconcile(word));
        }
    }

    /// The digests of the rows of a stream as they are here.
    fn buckets(&self, stream: &StreamId) -> Vec<u64> {
        if stream.origin != *self.state.name() {
            return self.state.mirrors.get(stream).map_or(vec![0; BUCKETS], |m| m.buckets());
        }
        match stream.table {
            Table::Nodes => digest::buckets(self.state.own_nodes.digests()),
            Table::Figures => {
                let rows = self.state.own_figures.iter().map(|(product, row)| {
                    let digest = digest::of_figures(product, row.version, &row.figures);
                    (RowName::Product(product.clone()), digest)
                });
                digest::buckets(rows)
            }
        }
    }

    /// A word about rows from a neighbour: from a child, or from the parent.
    pub(super) fn reconcile(
        &mut self,
        link: LinkId,
        child: Option<ServerName>,
        word: Reconcile,
        now: Timestamp,
    ) {
        let Some(child) = child else { return self.parent_differs(word, now) };
        let more = match &word.what {
            Compared::Refill(refill) => refill.rows.len(),
            Compared::Whole(_) | Compared::Buckets(_) => 0,
        };
        if !self.may_report(link, &child, &word.stream, now)
            || !is_sound(&word)
            || !self.has_room_for_rows(&word.stream, more)
        {
            return;
        }
        match word.what {
            Compared::Whole(digest) if self.is_at(&word) => {
                let buckets = self.buckets(&word.stream);
                if digest::whole(&buckets) != digest {
                    let word = Reconcile { what: Compared::Buckets(buckets), ..word };
                    self.send_neighbour(link, Body::Reconcile(word));
                } else if let Some(mirror) = self.state.mirrors.get_mut(&word.stream) {
                    mirror.is_compared();
                }
            }
            Compared::Refill(_) if self.state.is_primary() => self.propose(Command::Refill(word)),
            Compared::Refill(_) => {
                self.take_refill(&word);
                self.forget_whole(&word.stream);
            }
            Compared::Whole(_) | Compared::Buckets(_) => {}
        }
    }

    /// Whether the stream of a word is here at its version.
    fn is_at(&self, word: &Reconcile) -> bool {
        self.stream_version(&word.stream) == (word.incarnation, word.version)
    }

    /// Whether every row of a stream is here as its writer had it at the number it is here at.
    pub(super) fn is_whole(&self, stream: &StreamId) -> bool {
        self.state.mirrors.get(stream).is_none_or(|mirror| mirror.is_whole)
    }

    /// The parent has other rows at this version: those of the buckets that differ are told again.
    fn parent_differs(&mut self, word: Reconcile, now: Timestamp) {
        let is_at = self.is_at(&word) && self.is_whole(&word.stream);
        let Reconcile { stream, what: Compared::Buckets(theirs), .. } = word else { return };
        if !is_at || theirs.len() != BUCKETS {
            return;
        }
        let ours = self.buckets(&stream);
        let differs = |bucket: &u8| ours[usize::from(*bucket)] != theirs[usize::from(*bucket)];
        let buckets: VecDeque<u8> = (0..=u8::MAX).filter(differs).collect();
        if !buckets.is_empty() {
            self.note_differing(&stream, buckets.len(), now);
            self.reconciling.sweeps.insert(stream.clone(), Sweep { buckets, after: None });
            for _ in 0..self.tuning.report_window {
                self.sweep_on(&stream);
            }
        }
    }

    fn note_differing(&mut self, stream: &StreamId, buckets: usize, now: Timestamp) {
        let parent = self.links.parent().map_or(String::new(), |parent| parent.to_string());
        let text = format!(
            "{parent} had other rows of {} than are here, in {buckets} of {BUCKETS} parts; they \
             are told again",
            stream.origin
        );
        self.note_at_pace("rows.differed", text, now);
    }

    /// The next letter of a sweep, if there is one; another goes for every answer that comes.
    pub(super) fn sweep_on(&mut self, stream: &StreamId) {
        let Some(Sweep { buckets, after }) = self.reconciling.sweeps.get(stream) else { return };
        let (incarnation, version) = self.stream_version(stream);
        let Some(bucket) = buckets.front().copied().filter(|_| self.parent_has(stream, version))
        else {
            // New rows are on their way; what still differs is found the next time.
            self.reconciling.sweeps.remove(stream);
            return;
        };
        let after = after.clone();
        let mut rows = self.bucket_rows(stream, bucket, after.as_ref());
        let more = rows.len() > self.tuning.report_rows_max;
        rows.truncate(self.tuning.report_rows_max);
        let upto = rows.last().map(|row| row.name.clone()).filter(|_| more);
        if let Some(sweep) = self.reconciling.sweeps.get_mut(stream) {
            sweep.after = upto.clone();
            if upto.is_none() {
                sweep.buckets.pop_front();
            }
        }
        let what = Compared::Refill(Refill { bucket, after, upto, rows });
        self.tell_parent(Reconcile { stream: stream.clone(), incarnation, version, what });
    }

    /// Rows of a bucket behind a name, in the order of the names, one more than a letter takes.
    fn bucket_rows(
        &self,
        stream: &StreamId,
        bucket: u8,
        after: Option<&RowName>,
    ) -> Vec<ReportRow> {
        let max = self.tuning.report_rows_max + 1;
        if stream.origin != *self.state.name() {
            let mirror = self.state.mirrors.get(stream);
            return mirror.map_or(Vec::new(), |mirror| mirror.bucket_rows(bucket, after, max));
        }
        let is_meant = |name: &RowName| is_in(name, bucket, after, None);
        match stream.table {
            Table::Nodes => {
                let rows = self.state.own_nodes.by_number().filter(|row| row.state().is_some());
                let meant = rows.filter(|row| is_meant(&RowName::Device(row.number)));
                meant.take(max).map(whole_row).collect()
            }
            Table::Figures => {
                let rows = self.state.own_figures.iter();
                let meant = rows.filter(|(name, _)| is_meant(&RowName::Product((*name).clone())));
                let row = |(product, row): (&ProductName, &OwnFiguresRow)| {
                    figures_row(product, row.version, &row.figures)
                };
                meant.take(max).map(row).collect()
            }
        }
    }

    /// Puts the rows of a refill in place of those here.
    pub(super) fn take_refill(&mut self, word: &Reconcile) {
        let stream = &word.stream;
        if let Compared::Refill(refill) = &word.what
            && self.is_at(word)
            && let Some(mirror) = self.state.mirrors.get_mut(stream)
        {
            let changed = mirror.refill(refill);
            if self.state.is_primary() {
                for name in changed {
                    self.state.touch(RowKey::Mirrored(stream.clone(), name));
                }
            }
        }
        self.ack(stream);
    }
}

/// Whether a row belongs to a bucket and lies in an interval of names.
pub(super) fn is_in(
    name: &RowName,
    bucket: u8,
    after: Option<&RowName>,
    upto: Option<&RowName>,
) -> bool {
    after.is_none_or(|after| name > after)
        && upto.is_none_or(|upto| name <= upto)
        && digest::bucket_of(name) == bucket
}

/// Every row of a refill is one of its table, its bucket and its interval, and of no later version.
fn is_sound(word: &Reconcile) -> bool {
    let Compared::Refill(refill) = &word.what else { return true };
    let Refill { bucket, after, upto, rows } = refill;
    rows.iter().all(|row| {
        is_in(&row.name, *bucket, after.as_ref(), upto.as_ref())
            && row.version <= word.version
            && !matches!(row.body, RowBody::Seen(_) | RowBody::Gone)
            && super::report::row_fits(row, word.stream.table)
    })
}
