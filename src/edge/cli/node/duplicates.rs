//! `lictree node duplicates`: nodes that are likely one machine, and what may be done about it.

use super::{addresses, state_or_waiting};
use crate::client::Client;
use crate::client::contract::{Alike, DuplicateGroup, DuplicatesView};
use crate::edge::cli::value;
use crate::edge::draw::ink::Ink;
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::count::counted;
use crate::model::device::DeviceState;
use crate::model::discovery::MacAddress;
use crate::model::name::ServerName;
use crate::model::view::NodeView;
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::edge::cli) struct Duplicates {
    /// Only nodes of these servers.
    #[arg(long, value_delimiter = ',', value_name = "SERVER,…")]
    managing_source: Vec<ServerName>,
    /// Only what has the same `mac`, `name` or `address`.
    #[arg(long, value_name = "WHAT")]
    by: Option<Alike>,
    /// Groups shown.
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = value::some)]
    limit: usize,
}

pub(super) async fn run(
    duplicates: Duplicates,
    client: &Client,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Duplicates { managing_source, by, limit } = duplicates;
    let view = client.duplicates(&managing_source, by, limit).await?;
    terminal.show(&view, duplicates_text)
}

fn duplicates_text(view: &DuplicatesView, ink: Ink) -> String {
    if view.groups.is_empty() {
        return "no two nodes have a MAC, a name or an address in common\n".to_string();
    }
    let mut table = Table::new(vec![
        ("same", Lean::Left),
        ("value", Lean::Left),
        ("node", Lean::Left),
        ("state", Lean::Left),
        ("host name", Lean::Left),
        ("address", Lean::Left),
        ("mac", Lean::Left),
    ]);
    for group in &view.groups {
        for (at, node) in group.nodes.iter().enumerate() {
            let once = |text: &str| if at == 0 { Cell::plain(text) } else { Cell::empty() };
            let value = match group.more_values {
                0 => group.value.clone(),
                more => format!("{} and {more} more", group.value),
            };
            table.row(vec![
                once(group.alike.word()),
                once(&value),
                Cell::plain(&node.id),
                state_or_waiting(node),
                Cell::plain(node.host_name.as_deref().unwrap_or_default()),
                Cell::plain(addresses(node)),
                Cell::plain(node.mac.as_deref().unwrap_or_default()),
            ]);
        }
    }
    let more = view.total.saturating_sub(view.groups.len() as u64);
    let more = if more > 0 {
        format!("{} more: --limit\n", counted(more, "group"))
    } else {
        String::new()
    };
    format!("{}{more}{}", table.text(ink), advice(&view.groups))
}

/// What to do about the first group for which there is something.
fn advice(groups: &[DuplicateGroup]) -> String {
    let at_one = |group: &&DuplicateGroup| {
        let first = &group.nodes[0].managing_source;
        group.nodes.iter().all(|node| node.managing_source == *first)
    };
    let filled = groups.iter().filter(|g| g.nodes.len() > 1);
    let (different, filled): (Vec<&DuplicateGroup>, Vec<_>) = filled.partition(|g| differ(g));
    let one = filled.iter().copied().find(at_one).map(|group| {
        let (keep, other) = (&group.nodes[0].id, &group.nodes[1].id);
        format!("one machine that one server found twice: lictree node merge {keep} {other}\n")
    });
    let gone = different.first().map(|group| gone(group)).unwrap_or_default();
    let two = filled.iter().copied().find(|group| !at_one(group)).map(|group| {
        let last = &group.nodes[group.nodes.len() - 1];
        let (id, server) = (&last.id, &last.managing_source);
        format!(
            "one machine that two servers found: {}set it aside at one of them, such as `lictree \
             node ignore {id}` at {server}\n",
            moving(group).unwrap_or_default()
        )
    });
    one.unwrap_or_default() + &two.unwrap_or_default() + &gone
}

/// Whether an address is all that two of them have in common, and their MACs say that they are
/// different machines. With one name they may be one machine with two network cards.
fn differ(group: &DuplicateGroup) -> bool {
    let mut macs: Vec<_> = group.nodes.iter().map(NodeView::machine_macs).collect();
    macs.retain(|macs| !macs.is_empty());
    let strangers = |(at, one): (usize, &Vec<MacAddress>)| {
        macs[..at].iter().any(|other| !other.iter().any(|mac| one.contains(mac)))
    };
    group.alike == Alike::Address && macs.iter().enumerate().any(strangers)
}

/// What to do about different machines: most often one of them is not there any more.
fn gone(group: &DuplicateGroup) -> String {
    let Some(oldest) = group.nodes.iter().min_by_key(|node| node.last_seen) else {
        return String::new();
    };
    let (id, server) = (&oldest.id, &oldest.managing_source);
    format!(
        "different MACs are different machines that had one address one after the other; do not \
         merge them. Is {id}, not seen for longest, gone? `lictree node show {id}`, then `lictree \
         node delete {id}` at {server}; all that are gone: `lictree node forget --not-seen 90d \
         --dry-run`\n"
    )
}

/// How a managed one of them gives way to one that another server found.
fn moving(group: &DuplicateGroup) -> Option<String> {
    let is_managed = |node: &&NodeView| node.state == DeviceState::Managed;
    let old = group.nodes.iter().find(is_managed)?;
    let elsewhere = |node: &&NodeView| node.managing_source != old.managing_source;
    let new = group.nodes.iter().find(elsewhere)?;
    let goal = match group.alike {
        Alike::Mac => new.managing_source.to_string(),
        Alike::Name | Alike::Address => new.id.to_string(),
    };
    let (old, here, there) = (&old.id, &old.managing_source, &new.managing_source);
    Some(format!(
        "where it went from {here} to {there}, `lictree node move {old} --to {goal}` at {here}; \
         else "
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    fn node(id: &str) -> NodeView {
        let id: crate::model::device::DeviceId = id.parse().unwrap();
        NodeView {
            managing_source: id.managing_source.clone(),
            id,
            state: DeviceState::Discovered,
            product: None,
            waiting: None,
            host_name: None,
            addresses: vec!["10.0.0.1".parse().unwrap()],
            mac: None,
            other_macs: Vec::new(),
            first_seen: Timestamp(0),
            last_seen: Timestamp(0),
            history: Vec::new(),
        }
    }

    #[test]
    fn different_machines_with_one_address_are_not_to_be_merged() {
        let mut nodes = vec![node("c:4"), node("c:9")];
        nodes[0].mac = Some("00:1b:21:00:00:04".to_string());
        nodes[1].mac = Some("00:1b:21:00:00:09".to_string());
        (nodes[0].last_seen, nodes[1].last_seen) = (Timestamp(9), Timestamp(4));
        let value = "10.0.0.1".to_string();
        let group = |nodes| DuplicateGroup {
            alike: Alike::Address,
            value,
            more_values: 0,
            count: 2,
            nodes,
        };
        let group = group(nodes);
        let text = advice(std::slice::from_ref(&group));
        assert!(!text.contains("node merge"), "{text}");
        assert!(text.contains("Is c:9, ") && text.contains("`lictree node delete c:9` at c"));
        assert!(text.contains("node forget"), "{text}");
        let name = DuplicateGroup { alike: Alike::Name, ..group.clone() };
        assert!(advice(&[name]).contains("node merge c:4 c:9"), "two cards of one machine");
        let mut same = group.clone();
        same.nodes[1].other_macs = vec!["00:1b:21:00:00:04".to_string()];
        assert!(advice(&[same]).contains("node merge c:4 c:9"));
        // One that names no machine does not tell them apart.
        let mut nameless = group;
        nameless.nodes[1].mac = Some("02:42:ac:11:00:02".to_string());
        assert!(advice(&[nameless]).contains("node merge c:4 c:9"));
    }

    #[test]
    fn what_to_do_depends_on_who_found_them() {
        let group = |nodes: &[&str]| DuplicateGroup {
            alike: Alike::Address,
            more_values: 0,
            value: "10.0.0.1".to_string(),
            count: nodes.len() as u64,
            nodes: nodes.iter().map(|id| node(id)).collect(),
        };
        let groups = vec![group(&["c:1", "e:2"]), group(&["c:4", "c:9"])];
        let text = duplicates_text(&DuplicatesView { groups, total: 5 }, Ink::Plain);
        assert!(text.contains("3 groups more: --limit"), "{text}");
        assert!(text.contains("node merge c:4 c:9"), "{text}");
        assert!(text.contains("`lictree node ignore e:2` at e"), "{text}");
        assert!(!text.contains("node move"), "{text}");
        let mut moved = group(&["c:1", "e:2"]);
        moved.nodes[1].state = DeviceState::Managed;
        for (alike, goal) in [(Alike::Mac, "--to c`"), (Alike::Name, "--to c:1`")] {
            let groups = vec![DuplicateGroup { alike, ..moved.clone() }];
            let text = duplicates_text(&DuplicatesView { groups, total: 1 }, Ink::Plain);
            assert!(text.contains(&format!("node move e:2 {goal} at e")), "{text}");
        }
        let none = DuplicatesView { groups: Vec::new(), total: 0 };
        assert!(duplicates_text(&none, Ink::Plain).starts_with("no two nodes"));
    }
}
