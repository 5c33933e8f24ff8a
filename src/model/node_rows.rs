//! The nodes found for a list: packed, so that finding many copies little.

use super::device::{Device, DeviceId, DeviceNumber, DeviceState};
use super::name::ServerName;
use super::node_query::NodeCursor;
use super::packed::{self, Facts, Packed};
use super::text::plain;
use super::time::Timestamp;
use super::view::{NodePage, NodeView};

/// Room is not made for more rows than this beforehand: there may be fewer.
const ROWS_EXPECTED_MAX: usize = 128;
/// More bytes than the facts of most nodes take.
const FACTS_USUALLY: usize = 64;

/// Some of a sorted list of nodes; what people are shown of it is a [`NodePage`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRows {
    pub as_of: Timestamp,
    /// How many match, in all; nothing where that takes looking at each.
    pub total: Option<u64>,
    /// Behind which place to go on; nothing where there is no more.
    pub next: Option<NodeCursor>,
    rows: Vec<Row>,
    /// Of all rows, one behind the other.
    facts: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    managing_source: ServerName,
    waiting: Option<String>,
    number: DeviceNumber,
    state: DeviceState,
    last_seen: Timestamp,
    facts: usize,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct NodeRow<'a> {
    pub managing_source: &'a ServerName,
    /// What was asked for and not answered yet; known only at the managing source.
    pub waiting: Option<&'a str>,
    pub number: DeviceNumber,
    pub state: DeviceState,
    pub last_seen: Timestamp,
    pub facts: Facts<'a>,
}

impl NodeRows {
    /// None yet.
    pub fn new(as_of: Timestamp, total: Option<u64>) -> NodeRows {
        NodeRows { as_of, total, ..NodeRows::default() }
    }

    /// Makes room for so many more, so that it need not be made again and again.
    pub fn expect(&mut self, rows: usize) {
        let rows = rows.min(ROWS_EXPECTED_MAX);
        self.rows.reserve(rows);
        self.facts.reserve(rows * FACTS_USUALLY);
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn push(&mut self, source: &ServerName, node: Packed<'_>, waiting: Option<String>) {
        self.facts.extend_from_slice(node.facts);
        self.rows.push(Row {
            managing_source: source.clone(),
            waiting,
            number: node.number,
            state: node.state().unwrap_or_default(),
            last_seen: node.last_seen,
            facts: node.facts.len(),
        });
    }

    /// A device that waits for nothing.
    pub fn push_device(&mut self, id: &DeviceId, device: &Device) {
        let facts = packed::pack(device);
        let node = Packed::node(id.number, 0, device, &facts);
        self.push(&id.managing_source, node, None);
    }

    /// What comes behind these; its end is theirs from now on.
    pub fn append(&mut self, more: NodeRows) {
        self.rows.extend(more.rows);
        self.facts.extend(more.facts);
        self.next = more.next;
    }

    pub fn iter(&self) -> impl Iterator<Item = NodeRow<'_>> {
        let mut rest = self.facts.as_slice();
        self.rows.iter().map(move |row| {
            let (facts, behind) = rest.split_at_checked(row.facts).unwrap_or_default();
            rest = behind;
            NodeRow {
                managing_source: &row.managing_source,
                waiting: row.waiting.as_deref(),
                number: row.number,
                state: row.state,
                last_seen: row.last_seen,
                facts: packed::unpack(facts).unwrap_or_default(),
            }
        })
    }

    /// As people are shown it.
    pub fn page(&self) -> NodePage {
        let nodes = self.iter().map(|row| row.view()).collect();
        NodePage { as_of: self.as_of, nodes, total: self.total, next: self.next.clone() }
    }
}

impl NodeRow<'_> {
    pub fn id(&self) -> DeviceId {
        DeviceId { managing_source: self.managing_source.clone(), number: self.number }
    }

    /// What people are shown of it, without its history.
    pub fn view(&self) -> NodeView {
        let facts = self.facts;
        NodeView {
            id: self.id(),
            managing_source: self.managing_source.clone(),
            state: self.state,
            product: facts.product_name(),
            waiting: self.waiting.map(str::to_string),
            host_name: facts.host_name.map(plain),
            addresses: facts.addresses().collect(),
            mac: facts.mac.map(|mac| mac.to_string()),
            other_macs: facts.other_macs().map(|mac| mac.to_string()).collect(),
            first_seen: facts.first_seen,
            last_seen: self.last_seen,
            history: Vec::new(),
        }
    }
}
