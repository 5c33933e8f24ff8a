//! After the faults: the tree must agree, must know all that was answered, and must grant what is
//! free and nothing else (safety 1.2: L2, I6, L1).

use crate::client::{CLIENTS, UNANSWERED, shown};
use crate::history::{Ask, Operation, Recorder};
use crate::patience::until;
use crate::tree::{DEVICES, PRIMARY, REGISTERED, SERVERS, Tree};
use lictree::client::Client;
use lictree::model::device::{DeviceId, DeviceState};
use lictree::model::node_query::{NodeFilter, NodeQuery};
use lictree::model::request::DeviceOutcome;
use lictree::model::view::{NodeView, RangeView};
use std::collections::BTreeMap;

/// Each waits as long as a server does for another one.
const ASKED_MAX: usize = 20;

/// What the managing servers say of their devices, with the index of each answer.
type Sites = BTreeMap<&'static str, (Vec<NodeView>, u64)>;

/// Waits until all counts add up and every server says the same; then every device is looked at
/// once more, for the rules of `replay`.
pub fn reach(tree: &mut Tree, recorder: &Recorder) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_, sites) = until("the tree agrees", || {
        let fallen = tree.fallen();
        assert!(fallen.is_empty(), "ended by themselves: {fallen:?}");
        let audit = tree.server(PRIMARY).ask("audit");
        if audit.exit != 0 {
            return Err(format!("{audit:?}"));
        }
        runtime.block_on(agreed(tree))
    });
    for (server, (nodes, index)) in &sites {
        for node in nodes {
            let (began, ended) = (recorder.now(), recorder.now());
            let (server, client, index) = (*server, CLIENTS + 1, Some(*index));
            let (ask, outcome) = (Ask::Show(node.id.clone()), shown(node.clone()));
            recorder.note(Operation { server, client, ask, began, ended, outcome, index });
        }
    }
    // A relay that is to hold less gives back what is free only now, and the primary hears of it.
    until("what is free is granted, and nothing else", || {
        runtime.block_on(async {
            let (ranges, sites) = agreed(tree).await?;
            grants_what_is_free(tree, &ranges, &sites).await
        })
    });
}

/// One device more at every server: granted where its range has a license left, refused where not.
async fn grants_what_is_free(
    tree: &Tree,
    ranges: &[RangeView],
    sites: &Sites,
) -> Result<(), String> {
    for range in ranges {
        let mut remaining = range.remaining.0;
        for server in range.destinations.iter().chain([&range.source]) {
            let client = client_of(tree, server.as_str());
            let (nodes, _) = &sites[server.as_str()];
            let free = nodes.iter().find(|node| node.state != DeviceState::Managed);
            let Some(node) = free else { continue };
            let outcome = verdict(&client, &node.id).await?;
            let granted = outcome.state == Some(DeviceState::Managed);
            if granted != (remaining > 0) {
                return Err(format!("L1: {remaining} remaining in {range:?}: {outcome:?}"));
            }
            remaining -= u64::from(granted);
        }
    }
    Ok(())
}

/// What becomes of a device that is to be managed; asked again while the source has not answered.
async fn verdict(client: &Client, device: &DeviceId) -> Result<DeviceOutcome, String> {
    for _ in 0..ASKED_MAX {
        let asked = client.manage(vec![device.clone()], None).await;
        let outcome = asked.map_err(|error| error.to_string())?.remove(0);
        if outcome.refusal.as_ref().is_none_or(|refusal| refusal.code != UNANSWERED) {
            return Ok(outcome);
        }
    }
    Err(format!("{device}: no answer of the source, asked {ASKED_MAX} times"))
}

fn client_of(tree: &Tree, server: &str) -> Client {
    Client::of_data_dir(&tree.folder_of(server))
}

async fn agreed(tree: &Tree) -> Result<(Vec<RangeView>, Sites), String> {
    let hq = client_of(tree, PRIMARY);
    let audit = hq.audit().await.map_err(|error| error.to_string())?;
    if !audit.unconfirmed.is_empty() {
        return Err(format!("not confirmed: {:?}", audit.unconfirmed));
    }
    let ranges = hq.ranges().await.map_err(|error| error.to_string())?.ranges;
    let mut sites = Sites::new();
    for server in SERVERS {
        let client = client_of(tree, server);
        let status = client.status().await.map_err(|error| error.to_string())?;
        if status.waiting > 0 || status.report_lag > 0 || !status.connected {
            return Err(format!("{server}: {status:?}"));
        }
        let there = nodes_of(&client, server).await?;
        let index = client.log_index().ok_or("an answer without an index")?;
        let mirrored = nodes_of(&hq, server).await?;
        let state = |nodes: &[NodeView]| -> Vec<(String, DeviceState)> {
            nodes.iter().map(|node| (node.id.to_string(), node.state)).collect()
        };
        if state(&there) != state(&mirrored) {
            return Err(format!("{PRIMARY} has other nodes of {server} than it has itself"));
        }
        sites.insert(server, (there, index));
    }
    add_up(&ranges, &sites)?;
    Ok((ranges, sites))
}

async fn nodes_of(client: &Client, server: &str) -> Result<Vec<NodeView>, String> {
    let managing_sources = vec![server.parse().unwrap()];
    let filter = NodeFilter { managing_sources, ..NodeFilter::default() };
    let query = NodeQuery { filter, limit: 1_000, ..NodeQuery::default() };
    let page = client.nodes(&query).await.map_err(|error| error.to_string())?;
    match page.nodes.len() {
        found if found == usize::from(DEVICES) => Ok(page.nodes),
        found => Err(format!("{found} nodes of {server}, and {DEVICES} were found")),
    }
}

/// The figures of the primary against what is managed at the sites.
fn add_up(ranges: &[RangeView], sites: &Sites) -> Result<(), String> {
    let held: u64 = ranges.iter().map(|range| range.held.0).sum();
    let away: u64 = ranges.iter().map(|range| range.in_transit.0).sum();
    if held != REGISTERED || away != 0 {
        return Err(format!("{held} held and {away} in transit of {REGISTERED}"));
    }
    for range in ranges {
        let of_range = range.destinations.iter().chain([&range.source]);
        let nodes = of_range.flat_map(|server| &sites[server.as_str()].0);
        let managed = nodes.filter(|node| node.state == DeviceState::Managed).count() as u64;
        if range.used.0 != managed || range.used > range.held {
            return Err(format!("{managed} managed in {range:?}"));
        }
    }
    Ok(())
}
