//! What a text case says of nodes: findings as they come, and nodes that are merged.

use crate::tree::{Tree, refused};
use lictree::model::audit::AuditCounts;
use lictree::model::device::DeviceId;
use lictree::model::discovery::Found;
use lictree::model::node_query::{NodeFilter, NodeQuery};
use lictree::model::request::{Answer, Request};
use lictree::model::view::NodeView;
use std::time::Duration;

impl Tree {
    pub fn run_nodes(&mut self, words: &[&str]) -> Option<String> {
        Some(match words {
            ["seen", at, mac, addresses] => self.seen(at, mac, addresses, None),
            ["seen", at, mac, addresses, name] => self.seen(at, mac, addresses, Some(name)),
            ["identities", at] => self.identities(at),
            ["merge", keep, others @ ..] => {
                let (at, _) = keep.split_once(':').unwrap();
                self.merge(at, keep, others)
            }
            ["move", id, "to", goal] => self.move_node(id, Some(goal)),
            ["stay", id] => self.move_node(id, None),
            ["waits", id] => self.waits(id, id.split_once(':').unwrap().0),
            ["waits", id, "at", at] => self.waits(id, at),
            ["audit", at] => self.audit(at),
            ["merge-at", at, keep, others @ ..] => self.merge(at, keep, others),
            ["not-seen-for", at, seconds] => self.not_seen_for(at, seconds.parse().unwrap()),
            _ => return None,
        })
    }

    /// One machine is found, a second after whatever was before; `-` is nothing.
    fn seen(&mut self, at: &str, mac: &str, addresses: &str, name: Option<&str>) -> String {
        self.pass(Duration::from_secs(1));
        let some = |text: &&str| *text != "-";
        let found = Found {
            mac: Some(mac).filter(some).map(|mac| mac.parse().unwrap()),
            addresses: addresses.split(',').filter(some).map(|a| a.parse().unwrap()).collect(),
            host_name: name.map(str::to_string),
        };
        match self.ask(at, Request::Import { found: vec![found] }) {
            Answer::Imported { new: 1, known: 0 } => "new".to_string(),
            Answer::Imported { new: 0, known: 1 } => "known".to_string(),
            other => refused(other),
        }
    }

    fn identities(&mut self, at: &str) -> String {
        let query = NodeQuery { limit: 500, ..NodeQuery::default() };
        let answer = self.ask(at, Request::Nodes(query));
        let Answer::Nodes { page, .. } = answer else { panic!("no nodes") };
        page.page().nodes.iter().map(line).collect()
    }

    fn merge(&mut self, at: &str, keep: &str, others: &[&str]) -> String {
        let id = |text: &str| -> DeviceId { text.parse().unwrap() };
        let keep = id(keep);
        let others: Vec<DeviceId> = others.iter().map(|other| id(other)).collect();
        let may = Request::MayUnite { keep: keep.clone(), others: others.clone() };
        let told = self.outcomes(at, may);
        let done = self.outcomes(at, Request::Unite { keep, others });
        // Whether it may be is told before, in the same words, and changes nothing.
        let refusal = if done.starts_with("refused") { done.as_str() } else { "" };
        assert_eq!(told, refusal);
        done
    }

    fn move_node(&mut self, id: &str, goal: Option<&str>) -> String {
        let (at, _) = id.split_once(':').unwrap();
        let (device, to) = (id.parse().unwrap(), goal.map(|goal| goal.parse().unwrap()));
        self.outcomes(at, Request::Move { device, to })
    }

    /// The state of a node, and what it waits for, at its managing source.
    fn waits(&mut self, id: &str, at: &str) -> String {
        match self.ask(at, Request::Node(id.parse().unwrap())) {
            Answer::Node(node) => {
                let waits = node.waiting.unwrap_or_else(|| "nothing".to_string());
                format!("{:?}, waits for: {waits}", node.state)
            }
            other => refused(other),
        }
    }

    /// What is registered, held and on its way: of all, and of each server; and who lags.
    fn audit(&mut self, at: &str) -> String {
        let Answer::Audit(view) = self.ask(at, Request::Audit) else { return "refused".into() };
        let mut lines = Vec::new();
        for product in &view.products {
            let of = |counts: &AuditCounts| {
                let AuditCounts { registered, held, in_transit, overdrawn, .. } = counts;
                format!("{registered} + {overdrawn} = {held} + {in_transit}")
            };
            let sum = if product.adds_up { "adds up" } else { "does not add up" };
            lines.push(format!("{}: {}, {sum}", product.product, of(&product.counts)));
            for server in &product.servers {
                let removed = if server.removed { " (removed)" } else { "" };
                lines.push(format!("  {}{removed}: {}", server.server, of(&server.counts)));
                lines.extend(server.unlike.iter().map(|one| format!("    {one}")));
            }
        }
        for one in &view.unconfirmed {
            lines.push(format!("not confirmed: {}, {}", one.server, one.why));
        }
        lines.join("\n")
    }

    fn not_seen_for(&mut self, at: &str, seconds: u64) -> String {
        let moment = self.before(Duration::from_secs(seconds));
        let filter = |seen_before, seen_since| NodeQuery {
            filter: NodeFilter { seen_before, seen_since, ..NodeFilter::default() },
            limit: 500,
            ..NodeQuery::default()
        };
        let [old, new] = [filter(Some(moment), None), filter(None, Some(moment))].map(|filter| {
            match self.ask(at, Request::Nodes(filter)) {
                Answer::Nodes { page, .. } => page.iter().map(|n| format!(" {}", n.id())).collect(),
                other => refused(other),
            }
        });
        format!("not seen:{old}\nseen:{new}")
    }
}

/// `c:1 Discovered 00:1b:21:00:00:01 [10.0.0.5 10.0.0.6] pc-7, also 00:1b:21:00:00:02`.
fn line(node: &NodeView) -> String {
    let addresses: Vec<String> = node.addresses.iter().map(|a| a.to_string()).collect();
    let mac = node.mac.as_deref().unwrap_or("-");
    let mut text = format!("{} {:?} {mac} [{}]", node.id, node.state, addresses.join(" "));
    if let Some(name) = &node.host_name {
        text += &format!(" {name}");
    }
    if !node.other_macs.is_empty() {
        text += &format!(", also {}", node.other_macs.join(" "));
    }
    text + "\n"
}
