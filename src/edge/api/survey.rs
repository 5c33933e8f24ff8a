//! Going through the nodes of many servers, step by step: others have their turn in between.

use crate::edge::api::Api;
use crate::edge::api::failure::Failure;
use crate::model::node_query::{NodeFilter, NodeQuery};
use crate::model::request::{Answer, Request};
use crate::model::view::NodeView;

/// Nodes asked for at once.
const STEP: usize = 1_000;

/// Shows every node that a filter lets through to `look`, in the order of the ids.
pub(super) async fn each_node(
    api: &Api,
    filter: &NodeFilter,
    mut look: impl FnMut(NodeView),
) -> Result<(), Failure> {
    let mut query = NodeQuery { filter: filter.clone(), limit: STEP, ..NodeQuery::default() };
    loop {
        match api.ask(Request::Nodes(query.clone())).await? {
            Answer::Nodes { page, .. } => {
                page.iter().map(|row| row.view()).for_each(&mut look);
                query.after = page.next;
            }
            _ => return Err(Failure::Unexpected),
        }
        if query.after.is_none() {
            return Ok(());
        }
    }
}
