//! How many licenses the ranges lack for what was discovered in them (JP1-46, JP1-47).
//!
//! ```text
//!   nodes of the servers of a range:   discovered   ─┬─ not known otherwise ─► needed
//!                                                    └─ its MAC is that of a managed node of the
//!                                      managed         range, or of one counted before: once
//!   lacking = needed - remaining, and never less than nothing
//! ```

use crate::client::contract::{LackingRange, LackingSource, LackingView};
use crate::edge::api::failure::Failure;
use crate::edge::api::survey::each_node;
use crate::edge::api::{Api, read};
use crate::model::device::DeviceState;
use crate::model::discovery::MacAddress;
use crate::model::name::{ProductName, ServerName};
use crate::model::node_query::NodeFilter;
use crate::model::request::{Answer, Request};
use crate::model::view::{NodeView, RangeView};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LackingQuery {
    /// Only the range of this sharing source.
    source: String,
}

pub(super) async fn show(
    State(api): State<Api>,
    query: Result<Query<LackingQuery>, QueryRejection>,
) -> Result<Json<LackingView>, Failure> {
    let LackingQuery { source } = read::query(query)?;
    let request = match source.as_str() {
        "" => Request::Ranges,
        source => Request::Range(read::part(source)?),
    };
    let Answer::Ranges(view) = api.ask(request).await? else { return Err(Failure::Unexpected) };
    // Each takes memory for every node there is.
    let _place = api.0.surveys.acquire().await.map_err(|_| Failure::Stopping)?;
    let servers: BTreeSet<&ServerName> = view.ranges.iter().flat_map(servers_of).collect();
    let mut found = BTreeMap::new();
    for server in servers {
        found.insert(server.clone(), found_by(&api, server).await?);
    }
    let ranges: Vec<LackingRange> =
        view.ranges.iter().map(|range| lacking_in(range, &found)).collect();
    let lacking = ranges.iter().map(|range| range.lacking).sum();
    Ok(Json(LackingView { as_of: view.as_of, ranges, lacking }))
}

fn servers_of(range: &RangeView) -> impl Iterator<Item = &ServerName> {
    std::iter::once(&range.source).chain(&range.destinations)
}

/// What one server found, as far as it matters here.
#[derive(Debug, Default)]
struct Found {
    /// Of each discovered node the MACs that name a machine.
    discovered: Vec<Vec<MacAddress>>,
    managed: Vec<(ProductName, MacAddress)>,
}

async fn found_by(api: &Api, server: &ServerName) -> Result<Found, Failure> {
    let mut found = Found::default();
    let managing_sources = vec![server.clone()];
    let filter = NodeFilter { managing_sources, ..NodeFilter::default() };
    each_node(api, &filter, |node| found.take(&node)).await?;
    Ok(found)
}

impl Found {
    fn take(&mut self, node: &NodeView) {
        match (node.state, &node.product) {
            (DeviceState::Discovered, _) => self.discovered.push(node.machine_macs()),
            (DeviceState::Managed, Some(product)) => {
                let macs = node.machine_macs().into_iter();
                self.managed.extend(macs.map(|mac| (product.clone(), mac)));
            }
            _ => {}
        }
    }
}

fn lacking_in(range: &RangeView, found: &BTreeMap<ServerName, Found>) -> LackingRange {
    let servers = || servers_of(range).filter_map(|name| Some((name, found.get(name)?)));
    let managed = servers().flat_map(|(_, found)| &found.managed);
    let mut known: HashSet<MacAddress> =
        managed.filter(|(product, _)| *product == range.product).map(|(_, mac)| *mac).collect();
    let (mut discovered, mut duplicates, mut by) = (0, 0, Vec::new());
    for (name, found) in servers() {
        let all = found.discovered.len() as u64;
        for macs in &found.discovered {
            let again = macs.iter().any(|mac| known.contains(mac));
            duplicates += u64::from(again);
            known.extend(macs);
        }
        discovered += all;
        by.push(LackingSource { managing_source: name.clone(), discovered: all });
    }
    let needed = discovered - duplicates;
    LackingRange {
        product: range.product.clone(),
        source: range.source.clone(),
        discovered,
        duplicates,
        remaining: range.remaining,
        lacking: needed.saturating_sub(range.remaining.0),
        by,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::count::LicenseCount;

    fn range(remaining: u64) -> RangeView {
        RangeView {
            product: "inventory".parse().unwrap(),
            source: "c".parse().unwrap(),
            destinations: vec!["e".parse().unwrap()],
            held: LicenseCount(40),
            used: LicenseCount(40 - remaining),
            remaining: LicenseCount(remaining),
            shortage: LicenseCount(0),
            in_transit: LicenseCount(0),
            as_of: None,
        }
    }

    fn mac(last: u8) -> MacAddress {
        MacAddress([0x00, 0x1b, 0x21, 0, 0, last])
    }

    fn found(discovered: &[&[MacAddress]], managed: &[MacAddress]) -> Found {
        let product: ProductName = "inventory".parse().unwrap();
        Found {
            discovered: discovered.iter().map(|macs| macs.to_vec()).collect(),
            managed: managed.iter().map(|mac| (product.clone(), *mac)).collect(),
        }
    }

    #[test]
    fn what_is_discovered_above_what_remains_is_lacking() {
        let nodes = [&[][..]; 6];
        let found = BTreeMap::from([
            ("c".parse().unwrap(), found(&nodes[..2], &[])),
            ("e".parse().unwrap(), found(&nodes[..4], &[])),
            ("d".parse().unwrap(), found(&nodes, &[])),
        ]);
        // The two answers of the worked example, at its steps 2 and 0.
        assert_eq!(lacking_in(&range(0), &found).lacking, 6);
        assert_eq!(lacking_in(&range(8), &found).lacking, 0);
        assert_eq!(lacking_in(&range(4), &found).lacking, 2);
        let by: Vec<u64> = lacking_in(&range(0), &found).by.iter().map(|s| s.discovered).collect();
        assert_eq!(by, [2, 4]);
    }

    #[test]
    fn a_machine_that_two_servers_found_needs_one_license() {
        let (one, two, three) = (mac(1), mac(2), mac(3));
        let found = BTreeMap::from([
            ("c".parse().unwrap(), found(&[&[one], &[], &[three, mac(4)]], &[two])),
            ("e".parse().unwrap(), found(&[&[one], &[two], &[], &[mac(4)]], &[])),
        ]);
        let lacking = lacking_in(&range(0), &found);
        // One of c again at e, one that c manages, and one under its other MAC.
        assert_eq!((lacking.discovered, lacking.duplicates, lacking.lacking), (7, 3, 4));
    }
}
