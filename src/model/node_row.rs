//! A node as it is found for a list: packed, so that finding many copies little.

use super::device::{Device, DeviceId, DeviceNumber};
use super::name::ServerName;
use super::packed::Packed;
use super::text::plain;
use super::view::NodeView;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    pub managing_source: ServerName,
    /// What was asked for and not answered yet; known only at the managing source.
    pub waiting: Option<String>,
    pub node: Packed,
}

impl NodeRow {
    /// A node that waits for nothing.
    pub fn of(id: DeviceId, device: &Device) -> NodeRow {
        let node = Packed::node(id.number, 0, device);
        NodeRow { managing_source: id.managing_source, waiting: None, node }
    }

    pub fn number(&self) -> DeviceNumber {
        self.node.number
    }

    pub fn id(&self) -> DeviceId {
        let managing_source = self.managing_source.clone();
        DeviceId { managing_source, number: self.node.number }
    }

    /// What people are shown of it, without its history.
    pub fn view(&self) -> NodeView {
        let facts = self.node.facts();
        NodeView {
            id: self.id(),
            managing_source: self.managing_source.clone(),
            state: self.node.state().unwrap_or_default(),
            product: facts.product_name(),
            waiting: self.waiting.clone(),
            host_name: facts.host_name.map(plain),
            addresses: facts.addresses().collect(),
            mac: facts.mac.map(|mac| mac.to_string()),
            other_macs: facts.other_macs().map(|mac| mac.to_string()).collect(),
            first_seen: facts.first_seen,
            last_seen: self.node.last_seen,
            history: Vec::new(),
        }
    }
}
