//! Lines of the event log about nodes that became managed, ignored or deleted: one for each
//! command, however many nodes it named.
//!
//! ```text
//!   manage, verdict, hand-over ──► become managed … ──► node.managed   3 nodes managed for cad: …
//!   ignore, delete             ──► those that were otherwise before ──► node.ignored, node.deleted
//! ```
//! What changes nothing leaves no line, so what is asked again and again fills no log.

use super::Engine;
use crate::model::count::counted;
use crate::model::device::DeviceNumber;

/// Nodes that a line names; of the rest it says how many.
const NAMED_MAX: usize = 5;

impl Engine {
    /// A line for each product of which this command made nodes managed.
    pub(super) fn note_managed(&mut self) {
        for (product, nodes) in std::mem::take(&mut self.became_managed) {
            self.note_nodes("node.managed", &format!("managed for {product}"), &nodes);
        }
    }

    /// A line about nodes that became something, if there are any.
    pub(super) fn note_nodes(&mut self, kind: &str, what: &str, nodes: &[DeviceNumber]) {
        if nodes.is_empty() {
            return;
        }
        let first = nodes.iter().take(NAMED_MAX);
        let names: Vec<String> = first.map(|node| self.device_id(*node).to_string()).collect();
        let more = match nodes.len() - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let count = counted(nodes.len() as u64, "node");
        self.note(kind, format!("{count} {what}: {}{more}", names.join(", ")));
    }
}
