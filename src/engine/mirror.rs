//! The rows of another server as far as they came up: its mirror (I10).
//!
//! Versions of one writer only rise. A mirror that has everything up to `have` equals the writer's
//! rows as they were at that number, as far as they still matter.

use super::digest;
use super::nodes::NodeTable;
use super::reconcile::is_in;
use crate::model::name::ProductName;
use crate::model::packed::Packed;
use crate::model::reconcile::Refill;
use crate::model::report::{Figures, ReportBatch, ReportRow, RowBody, RowName, RowsDigest, Table};
use crate::model::row::StreamRow;
use crate::model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
pub struct Mirror {
    pub incarnation: u64,
    pub have: u64,
    pub merged_at: Timestamp,
    /// Every row is as the writer had it at `have`; not known after a start. A writer whose rows
    /// are many letters leaves out of the first what has changed since their number, and says it
    /// in a later one: until then that is missing here.
    pub is_whole: bool,
    /// Rows that a late letter took away and later ones did not bring again: without them it is not
    /// whole, until a comparison says so.
    missing: BTreeSet<RowName>,
    rows: Rows,
}

#[derive(Clone, Debug)]
enum Rows {
    /// With the version of each.
    Figures(BTreeMap<ProductName, (u64, Figures)>),
    Nodes(Box<NodeTable>),
}

/// What merging a batch did.
pub enum Merged {
    /// These rows are other than before.
    Rows(Vec<RowName>),
    /// It does not join on to what is here, or is of an older data set.
    Refused,
}

impl Mirror {
    /// Of a stream of which nothing is known yet.
    pub fn of(table: Table) -> Mirror {
        let rows = match table {
            Table::Figures => Rows::Figures(BTreeMap::new()),
            Table::Nodes => Rows::Nodes(Box::default()),
        };
        let (merged_at, missing) = (Timestamp(0), BTreeSet::new());
        Mirror { incarnation: 0, have: 0, merged_at, is_whole: false, missing, rows }
    }

    pub fn head(&self) -> StreamRow {
        StreamRow { incarnation: self.incarnation, have: self.have, merged_at: self.merged_at }
    }

    pub fn figures(&self, product: &ProductName) -> Option<&Figures> {
        match &self.rows {
            Rows::Figures(rows) => rows.get(product).map(|(_, figures)| figures),
            Rows::Nodes(_) => None,
        }
    }

    /// The products of which there are figures.
    pub fn products(&self) -> impl Iterator<Item = &ProductName> {
        let rows = match &self.rows {
            Rows::Figures(rows) => Some(rows.keys()),
            Rows::Nodes(_) => None,
        };
        rows.into_iter().flatten()
    }

    pub fn nodes(&self) -> Option<&NodeTable> {
        match &self.rows {
            Rows::Nodes(table) => Some(table),
            Rows::Figures(_) => None,
        }
    }

    /// A row as it was written.
    pub fn row(&self, name: &RowName) -> Option<ReportRow> {
        match (&self.rows, name) {
            (Rows::Figures(rows), RowName::Product(product)) => {
                rows.get(product).map(|(version, figures)| figures_row(product, *version, figures))
            }
            (Rows::Nodes(table), RowName::Device(number)) => table.get(*number).map(whole_row),
            _ => None,
        }
    }

    /// All names of rows, in their order; those of deleted ones left out.
    pub fn names(&self) -> Vec<RowName> {
        match &self.rows {
            Rows::Figures(rows) => rows.keys().cloned().map(RowName::Product).collect(),
            Rows::Nodes(table) => {
                let there = table.by_number().filter(|row| row.state().is_some());
                there.map(|row| RowName::Device(row.number)).collect()
            }
        }
    }

    /// At most `max` rows changed after a number, oldest change first, for one who had every row as
    /// it was at `whole`: of what was only seen again since then, no more than that.
    pub fn after(&self, version: u64, whole: u64, max: usize) -> Vec<ReportRow> {
        match &self.rows {
            Rows::Figures(rows) => {
                let later = rows.iter().filter(|(_, (changed, _))| *changed > version);
                let mut later: Vec<ReportRow> = later
                    .map(|(product, (version, figures))| figures_row(product, *version, figures))
                    .collect();
                later.sort_by_key(|row| row.version);
                later.truncate(max);
                later
            }
            Rows::Nodes(table) => {
                table.after(version).take(max).map(|row| row_for(row, whole)).collect()
            }
        }
    }

    /// The digests of the rows, bucket by bucket.
    pub fn buckets(&self) -> Vec<u64> {
        match &self.rows {
            Rows::Figures(rows) => digest::buckets(rows.iter().map(|(product, (v, figures))| {
                (RowName::Product(product.clone()), digest::of_figures(product, *v, figures))
            })),
            Rows::Nodes(table) => digest::buckets(table.digests()),
        }
    }

    /// The digest of all rows.
    pub fn digest(&self) -> RowsDigest {
        match &self.rows {
            Rows::Figures(rows) => digest::of_all_figures(
                rows.iter().map(|(product, (version, figures))| (product, *version, figures)),
            ),
            Rows::Nodes(table) => digest::of_nodes(table.by_number()),
        }
    }

    /// At most `max` rows of a bucket behind a name, in the order of their names.
    pub fn bucket_rows(&self, bucket: u8, after: Option<&RowName>, max: usize) -> Vec<ReportRow> {
        let names = self.names().into_iter().filter(|name| is_in(name, bucket, after, None));
        names.take(max).filter_map(|name| self.row(&name)).collect()
    }

    /// Puts the rows of a refill in place of those here; which are other ones now.
    pub fn refill(&mut self, refill: &Refill) -> Vec<RowName> {
        let Refill { bucket, after, upto, rows } = refill;
        let named: BTreeSet<&RowName> = rows.iter().map(|row| &row.name).collect();
        let mut changed = self.names();
        changed.retain(|name| {
            is_in(name, *bucket, after.as_ref(), upto.as_ref()) && !named.contains(name)
        });
        changed.iter().for_each(|name| self.remove(name));
        for row in
            rows.iter().filter(|row| self.row(&row.name).as_ref() != Some(*row)).collect::<Vec<_>>()
        {
            self.put(row);
            changed.push(row.name.clone());
        }
        changed
    }

    /// How many rows there are, deleted ones included.
    pub fn row_count(&self) -> usize {
        match &self.rows {
            Rows::Figures(rows) => rows.len(),
            Rows::Nodes(table) => table.len(),
        }
    }

    pub fn load_head(&mut self, row: StreamRow) {
        self.incarnation = row.incarnation;
        self.have = row.have;
        self.merged_at = row.merged_at;
    }

    pub fn load_row(&mut self, row: &ReportRow) {
        self.put(row);
    }

    /// Takes a batch in if it joins on to what is here.
    pub fn merge(&mut self, batch: &ReportBatch, at: Timestamp) -> Merged {
        let mut changed = Vec::new();
        if batch.incarnation != self.incarnation {
            // A new data set of the writer starts from nothing.
            if batch.after != 0 {
                return Merged::Refused;
            }
            changed.extend(self.clear());
            self.incarnation = batch.incarnation;
        }
        if batch.after > self.have {
            return Merged::Refused;
        }
        let dropped = self.drop_unnamed(batch);
        let is_late = batch.upto < self.have;
        if is_late {
            self.missing.extend(dropped.iter().cloned());
        }
        changed.extend(dropped);
        for row in &batch.rows {
            // What is not newer than `have` is here already, or was deleted since.
            if row.version > self.have && row.version <= batch.upto {
                changed.push(row.name.clone());
                self.put(row);
            }
        }
        let is_told = if is_late { self.is_whole } else { batch.complete };
        self.is_whole = is_told && self.missing.is_empty();
        self.have = self.have.max(batch.upto);
        self.merged_at = at;
        Merged::Rows(changed)
    }

    /// All of it is to be told once more; until then its rows stay as they are.
    pub fn doubt(&mut self) {
        self.have = 0;
        self.is_whole = false;
        self.missing.clear();
    }

    /// Whoever has every row has the same ones.
    pub fn is_compared(&mut self) {
        self.is_whole = true;
        self.missing.clear();
    }

    /// Rows last changed within the batch's interval that it does not name are no more.
    fn drop_unnamed(&mut self, batch: &ReportBatch) -> Vec<RowName> {
        if batch.after >= batch.upto {
            return Vec::new();
        }
        let within = self.names_within(batch.after, batch.upto);
        if within.is_empty() {
            return within;
        }
        let named: BTreeSet<&RowName> = batch.rows.iter().map(|row| &row.name).collect();
        let gone: Vec<RowName> = within.into_iter().filter(|name| !named.contains(name)).collect();
        gone.iter().for_each(|name| self.remove(name));
        gone
    }

    /// The rows last changed after one number and up to another.
    fn names_within(&self, after: u64, upto: u64) -> Vec<RowName> {
        match &self.rows {
            Rows::Figures(rows) => {
                let within = rows.iter().filter(|(_, (v, _))| *v > after && *v <= upto);
                within.map(|(product, _)| RowName::Product(product.clone())).collect()
            }
            Rows::Nodes(table) => {
                let within = table.after(after).take_while(|row| row.version <= upto);
                within.map(|row| RowName::Device(row.number)).collect()
            }
        }
    }

    fn put(&mut self, row: &ReportRow) {
        if !matches!(row.body, RowBody::Seen(_)) {
            self.missing.remove(&row.name);
        }
        match (&mut self.rows, &row.name, &row.body) {
            (Rows::Figures(rows), RowName::Product(product), RowBody::Figures(figures)) => {
                rows.insert(product.clone(), (row.version, *figures));
            }
            (Rows::Nodes(table), RowName::Device(number), RowBody::Device(device)) => {
                table.put(*number, row.version, device);
            }
            (Rows::Nodes(table), RowName::Device(number), RowBody::Gone) => {
                table.put_gone(*number, row.version);
            }
            (Rows::Nodes(table), RowName::Device(number), RowBody::Seen(at)) => {
                table.see(*number, row.version, *at);
            }
            // Of another table: refused where it came in.
            _ => {}
        }
    }

    fn remove(&mut self, name: &RowName) {
        match (&mut self.rows, name) {
            (Rows::Figures(rows), RowName::Product(product)) => drop(rows.remove(product)),
            (Rows::Nodes(table), RowName::Device(number)) => drop(table.remove(*number)),
            _ => {}
        }
    }

    fn clear(&mut self) -> Vec<RowName> {
        self.have = 0;
        self.missing.clear();
        let names = self.names_within(0, u64::MAX);
        match &mut self.rows {
            Rows::Figures(rows) => rows.clear(),
            Rows::Nodes(table) => **table = NodeTable::default(),
        }
        names
    }

    /// Deletions up to here are known wherever they matter.
    pub fn forget_gone(&mut self, upto: u64) -> Vec<RowName> {
        let Rows::Nodes(table) = &mut self.rows else { return Vec::new() };
        let gone = table.forget_gone(upto);
        gone.into_iter().map(RowName::Device).collect()
    }
}

pub(super) fn figures_row(product: &ProductName, version: u64, figures: &Figures) -> ReportRow {
    let body = RowBody::Figures(*figures);
    ReportRow { name: RowName::Product(product.clone()), version, body }
}

pub(super) fn whole_row(row: Packed<'_>) -> ReportRow {
    let body = row.device().map_or(RowBody::Gone, |device| RowBody::Device(Box::new(device)));
    ReportRow { name: RowName::Device(row.number), version: row.version, body }
}

/// A row for one who had every row as it was at a number.
pub(super) fn row_for(row: Packed<'_>, whole: u64) -> ReportRow {
    if row.facts_version > whole || row.state().is_none() {
        return whole_row(row);
    }
    let body = RowBody::Seen(row.last_seen);
    ReportRow { name: RowName::Device(row.number), version: row.version, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::device::{Device, DeviceNumber};
    use crate::model::name::ServerName;
    use crate::model::report::{StreamId, Table};

    fn batch(after: u64, upto: u64) -> ReportBatch {
        let origin: ServerName = "west".parse().unwrap();
        let stream = StreamId { origin, table: Table::Nodes };
        let (incarnation, complete, rows) = (1, true, Vec::new());
        ReportBatch { stream, incarnation, after, upto, complete, rows }
    }

    #[test]
    fn a_mirror_that_is_told_again_is_whole_when_it_is_told_all() {
        let row = |number, version| {
            let device = Device { last_seen: Timestamp(version), ..Device::default() };
            let name = RowName::Device(DeviceNumber(number));
            ReportRow { name, version, body: RowBody::Device(Box::new(device)) }
        };
        let with =
            |(after, upto), complete, rows| ReportBatch { complete, rows, ..batch(after, upto) };
        let mut mirror = Mirror::of(Table::Nodes);
        mirror.merge(&with((0, 3), true, vec![row(1, 1), row(2, 2), row(3, 3)]), Timestamp(1));
        assert!(mirror.is_whole);
        // The first one has changed since, and comes last.
        mirror.merge(&with((0, 2), false, vec![row(2, 2)]), Timestamp(2));
        assert!(!mirror.is_whole && mirror.have == 3 && mirror.row_count() == 2);
        mirror.merge(&with((2, 4), true, vec![row(3, 3), row(1, 4)]), Timestamp(3));
        assert!(mirror.is_whole && mirror.row_count() == 3);
        // It comes late, and changes nothing.
        mirror.merge(&with((0, 3), false, vec![row(1, 1), row(2, 2), row(3, 3)]), Timestamp(4));
        assert!(mirror.is_whole && mirror.row_count() == 3);
    }

    /// Found by a peer that sent just these two letters.
    #[test]
    fn the_end_of_all_numbers_is_no_reason_to_fall() {
        let mut mirror = Mirror::of(Table::Nodes);
        mirror.merge(&batch(0, u64::MAX), Timestamp(1));
        mirror.merge(&batch(u64::MAX, u64::MAX), Timestamp(2));
        assert!(mirror.after(u64::MAX, 0, 10).is_empty());
    }
}
