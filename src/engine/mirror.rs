//! The rows of another server as far as they came up: its mirror (I10).
//!
//! Versions of one writer only rise. A mirror that has everything up to `have` equals the writer's
//! rows as they were at that number, as far as they still matter.

use crate::model::report::{ReportBatch, ReportRow, RowBody, RowName};
use crate::model::row::StreamRow;
use crate::model::time::Timestamp;
use std::collections::BTreeMap;
use std::ops::Bound;

#[derive(Clone, Debug, Default)]
pub struct Mirror {
    pub incarnation: u64,
    pub have: u64,
    pub merged_at: Timestamp,
    rows: BTreeMap<RowName, (u64, RowBody)>,
    by_version: BTreeMap<u64, RowName>,
}

/// What merging a batch did.
pub enum Merged {
    /// These rows are other than before.
    Rows(Vec<RowName>),
    /// It does not join on to what is here, or is of an older data set.
    Refused,
}

impl Mirror {
    pub fn head(&self) -> StreamRow {
        StreamRow { incarnation: self.incarnation, have: self.have, merged_at: self.merged_at }
    }

    pub fn row(&self, name: &RowName) -> Option<ReportRow> {
        let (version, body) = self.rows.get(name)?;
        Some(ReportRow { name: name.clone(), version: *version, body: body.clone() })
    }

    /// All rows in the order of their names, deleted ones left out.
    pub fn rows(&self) -> impl Iterator<Item = (&RowName, &RowBody)> {
        self.rows
            .iter()
            .filter(|(_, (_, body))| *body != RowBody::Gone)
            .map(|(name, (_, body))| (name, body))
    }

    pub fn body(&self, name: &RowName) -> Option<&RowBody> {
        self.rows.get(name).map(|(_, body)| body).filter(|body| **body != RowBody::Gone)
    }

    /// Rows changed after a number, oldest change first.
    pub fn after(&self, version: u64) -> impl Iterator<Item = ReportRow> {
        let later = (Bound::Excluded(version), Bound::Unbounded);
        let names = self.by_version.range(later).map(|(_, name)| name);
        names.filter_map(|name| self.row(name))
    }

    /// How many rows there are, deleted ones included.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    pub fn load_head(&mut self, row: StreamRow) {
        self.incarnation = row.incarnation;
        self.have = row.have;
        self.merged_at = row.merged_at;
    }

    pub fn load_row(&mut self, row: ReportRow) {
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
        changed.extend(self.drop_unnamed(batch));
        for row in &batch.rows {
            // What is not newer than `have` is here already, or was deleted since.
            if row.version > self.have && row.version <= batch.upto {
                changed.push(row.name.clone());
                self.put(row.clone());
            }
        }
        self.have = self.have.max(batch.upto);
        self.merged_at = at;
        Merged::Rows(changed)
    }

    /// Rows last changed within the batch's interval that it does not name are no more.
    fn drop_unnamed(&mut self, batch: &ReportBatch) -> Vec<RowName> {
        if batch.after >= batch.upto {
            return Vec::new();
        }
        let interval = (Bound::Excluded(batch.after), Bound::Included(batch.upto));
        let within = self.by_version.range(interval);
        let known: Vec<(u64, RowName)> = within.map(|(v, name)| (*v, name.clone())).collect();
        let named = |name: &RowName| batch.rows.iter().any(|row| row.name == *name);
        let gone: Vec<(u64, RowName)> =
            known.into_iter().filter(|(_, name)| !named(name)).collect();
        for (version, name) in &gone {
            self.by_version.remove(version);
            self.rows.remove(name);
        }
        gone.into_iter().map(|(_, name)| name).collect()
    }

    fn put(&mut self, row: ReportRow) {
        let ReportRow { name, version, body } = row;
        if let Some((old, _)) = self.rows.insert(name.clone(), (version, body)) {
            self.by_version.remove(&old);
        }
        self.by_version.insert(version, name);
    }

    fn clear(&mut self) -> Vec<RowName> {
        self.have = 0;
        self.by_version.clear();
        std::mem::take(&mut self.rows).into_keys().collect()
    }

    /// Deletions up to here are known wherever they matter.
    pub fn forget_gone(&mut self, upto: u64) -> Vec<RowName> {
        let old: Vec<u64> = self.by_version.range(..=upto).map(|(version, _)| *version).collect();
        let mut gone = Vec::new();
        for version in old {
            let name = &self.by_version[&version];
            if self.rows.get(name).is_some_and(|(_, body)| *body == RowBody::Gone) {
                gone.push(name.clone());
                self.rows.remove(name);
                self.by_version.remove(&version);
            }
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::ServerName;
    use crate::model::report::{StreamId, Table};

    fn batch(after: u64, upto: u64) -> ReportBatch {
        let origin: ServerName = "west".parse().unwrap();
        let stream = StreamId { origin, table: Table::Nodes };
        ReportBatch { stream, incarnation: 1, after, upto, rows: Vec::new() }
    }

    /// Found by a peer that sent just these two letters.
    #[test]
    fn the_end_of_all_numbers_is_no_reason_to_fall() {
        let mut mirror = Mirror::default();
        mirror.merge(&batch(0, u64::MAX), Timestamp(1));
        mirror.merge(&batch(u64::MAX, u64::MAX), Timestamp(2));
        assert_eq!(mirror.after(u64::MAX).count(), 0);
    }
}
