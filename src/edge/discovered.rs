//! Choosing discovered nodes where a person says how many, not which.

use crate::client::Client;
use crate::edge::codes;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::model::count::counted;
use crate::model::device::{DeviceId, DeviceState};
use crate::model::name::ServerName;
use crate::model::node_query::{NodeFilter, NodeQuery};

/// Nodes named in one request; more are asked for piece by piece.
pub const NODES_PER_REQUEST_MAX: usize = 500;

/// The first `count` discovered nodes of one server that nothing was asked for yet.
pub async fn first_discovered(
    client: &Client,
    source: ServerName,
    count: usize,
) -> Result<Vec<DeviceId>, Failure> {
    let filter = NodeFilter {
        managing_sources: vec![source.clone()],
        state: Some(DeviceState::Discovered),
        ..NodeFilter::default()
    };
    let mut query = NodeQuery { filter, limit: NODES_PER_REQUEST_MAX, ..NodeQuery::default() };
    let mut ids = Vec::new();
    while ids.len() < count {
        let page = client.nodes(&query).await?;
        let free = page.nodes.into_iter().filter(|node| node.waiting.is_none());
        ids.extend(free.map(|node| node.id).take(count - ids.len()));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    if ids.len() < count {
        let nodes = counted(ids.len() as u64, "discovered node");
        let message = format!("{source} has {nodes}, not {count}");
        let hint = format!("ask for fewer, or find more: `lictree node import FILE` at {source}");
        return Err(Failure::new(Exit::Refused, codes::TOO_FEW_NODES, message, hint));
    }
    Ok(ids)
}
