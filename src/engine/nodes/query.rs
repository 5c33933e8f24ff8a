//! Lists of nodes, over the tables of many managing sources.
//!
//! ```text
//!   table of b  ─ rows in the order, from the place on ─┐
//!   table of c  ─ rows in the order, from the place on ─┼─► the next of all ─ fits? ─► page
//!   table of d  ─ …                                    ─┘
//! ```
//! The owner of the state does nothing else meanwhile, so one step looks at `rows_looked_at_max`
//! rows and then says where to go on; whoever asked goes on from there.

use super::fits::Fits;
use super::{By, Marks, NodeTable, Place, place_of};
use crate::engine::Engine;
use crate::engine::moving::waits_for;
use crate::model::device::{DeviceId, DeviceNumber, DeviceState};
use crate::model::name::ServerName;
use crate::model::node_query::{CursorKey, NodeCursor, NodeFilter, NodeQuery, NodeSort};
use crate::model::node_rows::NodeRows;
use crate::model::packed::Packed;
use crate::model::refusal::Refusal;
use crate::model::report::{StreamId, Table};
use crate::model::time::Timestamp;
use crate::model::view::{NodeCounts, NodeView};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// The tables that are looked at, in the order of their names.
pub(super) type Tables<'a> = BTreeMap<&'a ServerName, &'a NodeTable>;
/// The rows of tables that fit, where they were looked for beforehand.
pub(super) type Marked<'a> = BTreeMap<&'a ServerName, Marks>;

/// A node and the server that manages it.
#[derive(Clone, Copy)]
pub(super) struct Hit<'a> {
    source: &'a ServerName,
    row: Packed<'a>,
}

impl Hit<'_> {
    pub(super) fn id(&self) -> DeviceId {
        DeviceId { managing_source: self.source.clone(), number: self.row.number }
    }
}

impl Engine {
    /// The nodes of one server, as far as they are known here.
    pub(in crate::engine) fn node_table(&self, source: &ServerName) -> Option<&NodeTable> {
        if source == self.state.name() {
            return Some(&self.state.own_nodes);
        }
        let stream = StreamId { origin: source.clone(), table: Table::Nodes };
        self.state.mirrors.get(&stream).and_then(|mirror| mirror.nodes())
    }

    /// Primary: whether some rows here are of before it was set back, and not told again since.
    pub(in crate::engine) fn is_doubted(&self, source: &ServerName) -> bool {
        let stream = StreamId { origin: source.clone(), table: Table::Nodes };
        let (_, have) = self.stream_version(&stream);
        self.node_table(source).is_some_and(|table| table.after(have).next().is_some())
    }

    pub(in crate::engine) fn node_counts(&self, source: &ServerName) -> NodeCounts {
        self.node_table(source).map(NodeTable::counts).unwrap_or_default()
    }

    pub(in crate::engine) fn node(&self, id: &DeviceId) -> Option<NodeView> {
        let row = self.node_table(&id.managing_source)?.get(id.number)?;
        row.state()?;
        let mut rows = NodeRows::default();
        let waits_for = self.waits_for(&Hit { source: &id.managing_source, row });
        rows.push(&id.managing_source, row, waits_for);
        let mut view = rows.iter().next()?.view();
        view.history = row.facts().history().collect();
        Some(view)
    }

    /// One step of a page of `limit` nodes. With a `next`, it may have fewer.
    ///
    /// # Errors
    /// The cursor is of another order, or names a node that is not known and no place.
    pub(in crate::engine) fn nodes(
        &self,
        query: &NodeQuery,
        limit: usize,
        now: Timestamp,
    ) -> Result<NodeRows, Refusal> {
        let NodeQuery { filter, sort, after, .. } = query;
        let tables = self.tables(filter);
        let after = after.as_ref().map(|cursor| self.placed(cursor, *sort)).transpose()?;
        let mut fits = Fits::new(filter);
        let marked = self.marked(&tables, &mut fits);
        let mut page = NodeRows::new(now, total(&tables, filter));
        page.expect(limit);
        let mut last: Option<Hit<'_>> = None;
        for (looked_at, hit) in in_order(&tables, &marked, *sort, after.as_ref()).enumerate() {
            if *sort == NodeSort::LastSeen && fits.is_too_old(&hit.row) {
                break;
            }
            let fits = fits.lets_through(&hit.row);
            let full = fits && page.len() == limit;
            if full || looked_at >= self.tuning.rows_looked_at_max {
                page.next = last.map(|hit| cursor_of(*sort, &hit));
                break;
            }
            if fits {
                page.push(hit.source, hit.row, self.waits_for(&hit));
            }
            last = Some(hit);
        }
        Ok(page)
    }

    /// One step of counting, in the order of the ids: how many fit, and behind which to go on.
    pub(in crate::engine) fn count_nodes(
        &self,
        filter: &NodeFilter,
        after: Option<&DeviceId>,
    ) -> (u64, Option<DeviceId>) {
        let tables = self.tables(filter);
        if let (None, Some(total)) = (after, total(&tables, filter)) {
            return (total, None);
        }
        let after = after.map(|id| NodeCursor { id: id.clone(), key: None });
        let mut fits = Fits::new(filter);
        let mut count = 0;
        let mut last: Option<Hit<'_>> = None;
        let all = Marked::new();
        let rows = in_order(&tables, &all, NodeSort::Id, after.as_ref());
        for (looked_at, hit) in rows.enumerate() {
            if looked_at >= self.tuning.rows_looked_at_max {
                return (count, last.map(|hit| hit.id()));
            }
            count += u64::from(fits.lets_through(&hit.row));
            last = Some(hit);
        }
        (count, None)
    }

    /// Looks for a text beforehand, where the rows are few enough for one step.
    fn marked<'a>(&self, tables: &Tables<'a>, fits: &mut Fits<'_>) -> Marked<'a> {
        let rows: usize = tables.values().map(|table| table.len()).sum();
        if !fits.looks_for_text() || rows > self.tuning.rows_looked_at_max {
            return Marked::new();
        }
        let mark = |(name, table): (&&'a ServerName, &&NodeTable)| {
            (*name, table.mark(|row| fits.lets_through(row)))
        };
        tables.iter().map(mark).collect()
    }

    fn tables(&self, filter: &NodeFilter) -> Tables<'_> {
        if !filter.managing_sources.is_empty() {
            let named = filter.managing_sources.iter();
            return named.filter_map(|name| self.known_table(name)).collect();
        }
        let nodes = self.state.mirrors.iter().filter(|(stream, _)| stream.table == Table::Nodes);
        let mirrored =
            nodes.filter_map(|(stream, m)| m.nodes().map(|table| (&stream.origin, table)));
        mirrored.chain([(self.state.name(), &self.state.own_nodes)]).collect()
    }

    /// A server's table, with its name as it stands here.
    fn known_table(&self, name: &ServerName) -> Option<(&ServerName, &NodeTable)> {
        if name == self.state.name() {
            return Some((self.state.name(), &self.state.own_nodes));
        }
        let stream = StreamId { origin: name.clone(), table: Table::Nodes };
        let (stream, mirror) = self.state.mirrors.get_key_value(&stream)?;
        mirror.nodes().map(|table| (&stream.origin, table))
    }

    /// A cursor with its place.
    fn placed(&self, cursor: &NodeCursor, sort: NodeSort) -> Result<NodeCursor, Refusal> {
        let key = match &cursor.key {
            Some(key) if key.sort() != sort => {
                return Err(Refusal::new(
                    "LT0316",
                    format!("{cursor} is a place in the order by {}", key.sort().word()),
                    format!(
                        "list by {0} further, or begin anew by {1}",
                        key.sort().word(),
                        sort.word()
                    ),
                ));
            }
            None if sort != NodeSort::Id => {
                let table = self.node_table(&cursor.id.managing_source);
                let row = table.and_then(|table| table.get(cursor.id.number));
                let row = row.filter(|row| row.state().is_some());
                let row = row.ok_or_else(|| crate::engine::request::no_node(&cursor.id))?;
                key_of(sort, &row)
            }
            key => key.clone(),
        };
        Ok(NodeCursor { id: cursor.id.clone(), key })
    }

    /// What a node waits for; of those of others it is known only where they are to go.
    fn waits_for(&self, Hit { source, row }: &Hit<'_>) -> Option<String> {
        let own = *source == self.state.name();
        let device = own.then(|| self.state.devices.get(&row.number)).flatten();
        waits_for(device.and_then(|device| device.wish.as_ref()), row)
    }
}

/// How many nodes fit, where that is known without looking at each.
fn total(tables: &Tables<'_>, filter: &NodeFilter) -> Option<u64> {
    if filter.text.is_some() {
        return None;
    }
    let seen = filter.seen_since.is_some() || filter.seen_before.is_some();
    let of = |table: &NodeTable| {
        let NodeCounts { discovered, managed, ignored } = table.counts();
        let all = discovered + managed + ignored;
        match filter.state {
            None if seen => {
                let since = filter.seen_since.map_or(all, |moment| table.seen_since(moment));
                let newer = filter.seen_before.map_or(0, |moment| table.seen_since(moment));
                since.saturating_sub(newer)
            }
            None => all,
            Some(DeviceState::Discovered) => discovered,
            Some(DeviceState::Managed) => managed,
            Some(DeviceState::Ignored) => ignored,
        }
    };
    match filter.state {
        Some(_) if seen => None,
        _ => Some(tables.values().map(|table| of(table)).sum()),
    }
}

/// The nodes of all tables in one order, behind a cursor that has its place; of tables with marks,
/// the marked ones.
pub(super) fn in_order<'a>(
    tables: &Tables<'a>,
    marked: &'a Marked<'_>,
    sort: NodeSort,
    after: Option<&NodeCursor>,
) -> Box<dyn Iterator<Item = Hit<'a>> + 'a> {
    let from = |(source, table): (&&'a ServerName, &&'a NodeTable)| {
        let source = *source;
        let place = after.map(|cursor| place_in(source, sort, cursor));
        let rows = table.behind(by(sort), place, marked.get(source));
        rows.map(move |row| Hit { source, row })
    };
    if sort == NodeSort::Id {
        let first = after.map(|cursor| &cursor.id.managing_source);
        let reached = tables.iter().filter(|(source, _)| first.is_none_or(|f| **source >= f));
        let runs: Vec<_> = reached.map(from).collect();
        return Box::new(runs.into_iter().flatten());
    }
    Box::new(Merged::of(sort, tables.iter().map(from)))
}

/// The place of a cursor in the table of a server: whatever stands there or before was listed.
fn place_in<'c>(source: &ServerName, sort: NodeSort, cursor: &'c NodeCursor) -> Place<'c> {
    // Alike ones go by server, then by number.
    let number = match source.cmp(&cursor.id.managing_source) {
        std::cmp::Ordering::Less => DeviceNumber(u64::MAX),
        std::cmp::Ordering::Equal => cursor.id.number,
        std::cmp::Ordering::Greater => DeviceNumber(0),
    };
    match &cursor.key {
        Some(CursorKey::Seen(at)) => Place::Seen(Reverse(*at), number),
        Some(CursorKey::Name(name)) => {
            Place::Name(name.is_none(), name.as_deref().unwrap_or_default(), number)
        }
        Some(CursorKey::Address(address)) => Place::Address(address.is_none(), *address, number),
        None if sort == NodeSort::Id => Place::Number(number),
        None => Place::Number(DeviceNumber(0)),
    }
}

pub(super) fn by(sort: NodeSort) -> By {
    match sort {
        NodeSort::Id => By::Number,
        NodeSort::LastSeen => By::Seen,
        NodeSort::Name => By::Name,
        NodeSort::Address => By::Address,
    }
}

fn key_of(sort: NodeSort, row: &Packed<'_>) -> Option<CursorKey> {
    match sort {
        NodeSort::Id => None,
        NodeSort::LastSeen => Some(CursorKey::Seen(row.last_seen)),
        NodeSort::Name => Some(CursorKey::Name(row.facts().host_name.map(str::to_string))),
        NodeSort::Address => Some(CursorKey::Address(row.facts().addresses().next())),
    }
}

pub(super) fn cursor_of(sort: NodeSort, hit: &Hit<'_>) -> NodeCursor {
    NodeCursor { id: hit.id(), key: key_of(sort, &hit.row) }
}

/// The next of many sorted runs, again and again.
struct Merged<'a, I> {
    sort: NodeSort,
    runs: Vec<I>,
    /// What each run has next: its place among those of all servers, and of which run it is.
    heads: BinaryHeap<Reverse<(Place<'a>, usize, DeviceNumber)>>,
    next: Vec<Option<Hit<'a>>>,
}

impl<'a, I: Iterator<Item = Hit<'a>>> Merged<'a, I> {
    fn of(sort: NodeSort, runs: impl Iterator<Item = I>) -> Merged<'a, I> {
        let runs: Vec<I> = runs.collect();
        let next = vec![None; runs.len()];
        let mut merged = Merged { sort, runs, heads: BinaryHeap::new(), next };
        (0..merged.runs.len()).for_each(|run| merged.draw(run));
        merged
    }

    /// Takes the next of a run to where all are compared.
    fn draw(&mut self, run: usize) {
        self.next[run] = self.runs[run].next();
        if let Some(Hit { row, .. }) = self.next[run] {
            let place = place_of(by(self.sort), &row).without_number();
            self.heads.push(Reverse((place, run, row.number)));
        }
    }
}

impl<'a, I: Iterator<Item = Hit<'a>>> Iterator for Merged<'a, I> {
    type Item = Hit<'a>;

    fn next(&mut self) -> Option<Hit<'a>> {
        let Reverse((_, run, _)) = self.heads.pop()?;
        let hit = self.next[run].take();
        self.draw(run);
        hit
    }
}
