//! Nodes that are likely one machine: the same MAC, host name or address (JP1-53).
//!
//! ```text
//!   all nodes ─► (hash of what may be alike, node), sorted ─► runs of two and more ─► looked at
//! ```
//! Only hashes are kept of all nodes, sixteen bytes and an id each; whether those of a run are
//! really alike is seen when they are shown. Nodes that have several values in common are one run.

use crate::client::contract::{Alike, DuplicateGroup, DuplicatesView};
use crate::edge::api::failure::Failure;
use crate::edge::api::survey::each_node;
use crate::edge::api::{Api, read};
use crate::model::device::{DeviceId, DeviceState};
use crate::model::node_query::NodeFilter;
use crate::model::request::{Answer, Request};
use crate::model::view::NodeView;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DuplicatesQuery {
    /// Names with commas between them; all where it is empty.
    managing_source: String,
    /// Only what is alike in this.
    by: Option<Alike>,
    /// Groups shown.
    limit: usize,
}

impl Default for DuplicatesQuery {
    fn default() -> DuplicatesQuery {
        DuplicatesQuery { managing_source: String::new(), by: None, limit: 100 }
    }
}

/// Groups in one answer at most.
const GROUPS_MAX: usize = 1_000;
/// Nodes shown of one group at most.
const NODES_MAX: usize = 50;

pub(super) async fn show(
    State(api): State<Api>,
    query: Result<Query<DuplicatesQuery>, QueryRejection>,
) -> Result<Json<DuplicatesView>, Failure> {
    let DuplicatesQuery { managing_source, by, limit } = read::query(query)?;
    let limit = limit.clamp(1, GROUPS_MAX);
    let names = managing_source.split(',').filter(|name| !name.is_empty());
    let managing_sources = names.map(read::part).collect::<Result<_, _>>()?;
    let filter = NodeFilter { managing_sources, ..NodeFilter::default() };
    // Each takes memory for every node there is.
    let _place = api.0.surveys.acquire().await.map_err(|_| Failure::Stopping)?;
    let mut view = DuplicatesView { groups: Vec::new(), total: 0 };
    for alike in Alike::ALL.into_iter().filter(|alike| by.is_none_or(|by| by == *alike)) {
        let hasher = RandomState::new();
        let runs = runs_of(&api, &filter, alike, &hasher).await?;
        view.total += runs.len() as u64;
        for run in runs.iter().take(limit - view.groups.len()) {
            view.groups.extend(group_of(&api, alike, run, &hasher).await?);
        }
        view.groups.truncate(limit);
    }
    Ok(Json(view))
}

/// What nodes have in common in one respect; ignored ones are out of the question.
fn values(alike: Alike, node: &NodeView) -> Vec<String> {
    if node.state == DeviceState::Ignored {
        return Vec::new();
    }
    match alike {
        Alike::Mac => node.machine_macs().iter().map(|mac| mac.to_string()).collect(),
        Alike::Name => node.host_name.iter().map(|name| name.to_lowercase()).collect(),
        Alike::Address => node.addresses.iter().map(|address| address.to_string()).collect(),
    }
}

/// The nodes of which two and more have a hash in common, those with most first.
async fn runs_of(
    api: &Api,
    filter: &NodeFilter,
    alike: Alike,
    hasher: &RandomState,
) -> Result<Vec<Run>, Failure> {
    let mut hashed: Vec<(u64, DeviceId)> = Vec::new();
    each_node(api, filter, |node| {
        let hashes = values(alike, &node).into_iter().map(|value| hasher.hash_one(value));
        hashed.extend(hashes.map(|hash| (hash, node.id.clone())));
    })
    .await?;
    let sorting = tokio::task::spawn_blocking(move || runs(hashed));
    // Only a panic while sorting ends here otherwise.
    sorting.await.map_err(|_| Failure::Unexpected)
}

/// Nodes, and the hashes that all of them have and no other node has.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    nodes: Vec<DeviceId>,
    hashes: BTreeSet<u64>,
}

fn runs(mut hashed: Vec<(u64, DeviceId)>) -> Vec<Run> {
    hashed.sort_unstable();
    hashed.dedup();
    let alike = hashed.chunk_by(|(one, _), (other, _)| one == other).filter(|run| run.len() > 1);
    let mut by_nodes: BTreeMap<Vec<DeviceId>, BTreeSet<u64>> = BTreeMap::new();
    for run in alike {
        let nodes = run.iter().map(|(_, id)| id.clone()).collect();
        by_nodes.entry(nodes).or_default().insert(run[0].0);
    }
    let runs = by_nodes.into_iter().map(|(nodes, hashes)| Run { nodes, hashes });
    let mut runs: Vec<Run> = runs.collect();
    runs.sort_by(|one, other| {
        other.nodes.len().cmp(&one.nodes.len()).then_with(|| one.nodes.cmp(&other.nodes))
    });
    runs
}

/// The nodes of a run as they are now, if two and more still have a value of it in common.
async fn group_of(
    api: &Api,
    alike: Alike,
    run: &Run,
    hasher: &RandomState,
) -> Result<Option<DuplicateGroup>, Failure> {
    let mut by_value: BTreeMap<String, Vec<NodeView>> = BTreeMap::new();
    for id in run.nodes.iter().take(NODES_MAX) {
        match api.ask(Request::Node(id.clone())).await {
            Ok(Answer::Node(node)) => {
                let of_run = |value: &String| run.hashes.contains(&hasher.hash_one(value));
                for value in values(alike, &node).into_iter().filter(of_run) {
                    by_value.entry(value).or_default().push(node.clone());
                }
            }
            // It was deleted meanwhile.
            Err(Failure::Refused(_)) => {}
            Ok(_) => return Err(Failure::Unexpected),
            Err(failure) => return Err(failure),
        }
    }
    by_value.retain(|_, nodes| nodes.len() > 1);
    let (more_values, count) = (by_value.len().saturating_sub(1) as u64, run.nodes.len() as u64);
    let group = |(value, nodes)| DuplicateGroup { alike, value, more_values, count, nodes };
    Ok(by_value.pop_first().map(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_of_two_and_more_and_the_longest_is_first() {
        let id = |text: &str| text.parse::<DeviceId>().unwrap();
        let hashed = vec![
            (7, id("c:1")),
            (3, id("c:2")),
            (7, id("e:9")),
            (8, id("e:9")),
            (8, id("c:1")),
            (5, id("d:2")),
            (5, id("c:4")),
            (5, id("b:4")),
            // One node with the same address twice is no duplicate of itself.
            (9, id("b:1")),
            (9, id("b:1")),
        ];
        let run = |nodes: &[&str], hashes: &[u64]| Run {
            nodes: nodes.iter().map(|node| id(node)).collect(),
            hashes: hashes.iter().copied().collect(),
        };
        let expected = [run(&["b:4", "c:4", "d:2"], &[5]), run(&["c:1", "e:9"], &[7, 8])];
        assert_eq!(runs(hashed), expected);
    }
}
