//! Choosing discovered nodes where a person says how many, not which.

use crate::client::Client;
use crate::edge::codes;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::model::count::counted;
use crate::model::device::{DeviceId, DeviceState};
use crate::model::name::ServerName;
use crate::model::request::NodeFilter;

/// Nodes named in one request; more are asked for piece by piece.
pub const NODES_PER_REQUEST_MAX: usize = 500;

/// The first `count` discovered nodes of one server that nothing was asked for yet.
pub async fn first_discovered(
    client: &Client,
    source: ServerName,
    count: usize,
) -> Result<Vec<DeviceId>, Failure> {
    let mut filter = NodeFilter {
        managing_sources: vec![source.clone()],
        state: Some(DeviceState::Discovered),
        limit: NODES_PER_REQUEST_MAX,
        ..NodeFilter::default()
    };
    let mut ids = Vec::new();
    while ids.len() < count {
        let page = client.nodes(&filter).await?;
        let free = page.nodes.into_iter().filter(|node| node.waiting.is_none());
        ids.extend(free.map(|node| node.id).take(count - ids.len()));
        filter.after = page.next;
        if filter.after.is_none() {
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
