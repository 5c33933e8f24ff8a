//! What the tree of a topology counts once it stands: the same views a running tree gives.
//!
//! ```text
//!   held(primary) = registered − distributed      held(relay) = distributed, or registered there
//!   used(range)   = devices to manage at its source and destinations
//! ```

use crate::edge::topology::{Holding, Topology, TopologyServer};
use crate::engine::range::Range;
use crate::model::count::LicenseCount;
use crate::model::holding::{HoldingOption, Phase, Role};
use crate::model::name::{ProductName, ServerName};
use crate::model::time::Timestamp;
use crate::model::view::{HoldingView, NodeCounts, RangeView, RangesView, ServerView, ServersView};

/// The ranges of every product. `now` is the moment of every figure: nothing older is known.
pub fn ranges(topology: &Topology, now: Timestamp) -> RangesView {
    let view = |product: &ProductName, range: Range| range_view(topology, product, range, now);
    let of = |product| topology.ranges(product).into_iter().map(move |range| view(product, range));
    RangesView { as_of: now, ranges: topology.products.keys().flat_map(of).collect() }
}

fn range_view(
    topology: &Topology,
    product: &ProductName,
    range: Range,
    now: Timestamp,
) -> RangeView {
    let held = held(topology, &range.source, product);
    let members = range.destinations.iter().chain([&range.source]);
    let used: LicenseCount = members.map(|name| managed(topology, name, product)).sum();
    RangeView {
        product: product.clone(),
        source: range.source,
        destinations: range.destinations,
        held,
        used,
        remaining: held.above(used),
        shortage: used.above(held),
        in_transit: LicenseCount::ZERO,
        as_of: Some(now),
    }
}

/// What a server holds of a product.
pub fn held(topology: &Topology, name: &ServerName, product: &ProductName) -> LicenseCount {
    let Some(server) = topology.servers.get(name) else { return LicenseCount::ZERO };
    match server.options.get(product) {
        Some(Holding::Distributed(count)) => *count,
        None if server.parent.is_some() => LicenseCount::ZERO,
        None => topology.registered(name, product).above(topology.distributed(product)),
        Some(Holding::Registered) => topology.registered(name, product),
    }
}

fn managed(topology: &Topology, name: &ServerName, product: &ProductName) -> LicenseCount {
    let server = topology.servers.get(name);
    LicenseCount(server.and_then(|server| server.managed.get(product)).copied().unwrap_or(0))
}

/// Every server, all online, their devices managed as described.
pub fn servers(topology: &Topology, now: Timestamp) -> ServersView {
    let view = |(name, server): (&ServerName, &TopologyServer)| {
        let managed = server.managed.values().sum::<u64>();
        let discovered = server.nodes.saturating_sub(managed);
        ServerView {
            name: name.clone(),
            role: if server.parent.is_none() { Role::Primary } else { Role::Relay },
            parent: server.parent.clone(),
            online: true,
            last_seen: Some(now),
            software: String::new(),
            title: String::new(),
            standing: "member".to_string(),
            address: String::new(),
            certificate: None,
            clock_ahead_ms: None,
            clock: None,
            lag_rows: None,
            holdings: topology.products.keys().map(|p| holding(topology, name, p)).collect(),
            nodes: NodeCounts { discovered, managed, ignored: 0 },
        }
    };
    ServersView { as_of: now, servers: topology.servers.iter().map(view).collect() }
}

fn holding(topology: &Topology, name: &ServerName, product: &ProductName) -> HoldingView {
    let ranges = topology.ranges(product);
    let member = |range: &&Range| &range.source == name || range.destinations.contains(name);
    let source = ranges.iter().find(member).map(|range| range.source.clone());
    let option = topology.servers.get(name).and_then(|server| server.options.get(product));
    let holds = source.as_ref() == Some(name);
    HoldingView {
        product: product.clone(),
        option: option.map_or(HoldingOption::None, |holding| holding.option()),
        phase: if holds { Phase::Holding } else { Phase::Sharing },
        source,
        held: held(topology, name, product),
        used: if holds { used(topology, name, product) } else { LicenseCount::ZERO },
        managed: managed(topology, name, product),
        in_transit: LicenseCount::ZERO,
    }
}

fn used(topology: &Topology, source: &ServerName, product: &ProductName) -> LicenseCount {
    let range = topology.ranges(product).into_iter().find(|range| &range.source == source);
    let members = range.into_iter().flat_map(|range| range.destinations);
    members.chain([source.clone()]).map(|name| managed(topology, &name, product)).sum()
}
