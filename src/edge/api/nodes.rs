//! Discovered nodes: looking at them, managing, ignoring and deleting them.

use crate::client::contract::{DeviceList, DeviceOutcomes, MergeBody};
use crate::edge::api::failure::Failure;
use crate::edge::api::{Api, read};
use crate::model::device::{DeviceId, DeviceState};
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, NodeFilter, Request};
use crate::model::time::Timestamp;
use crate::model::view::{NodePage, NodeView};
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;

/// A filter as its words come; the server bounds `limit`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NodesQuery {
    /// Names with commas between them.
    managing_source: String,
    state: Option<DeviceState>,
    text: Option<String>,
    seen_before: Option<Timestamp>,
    seen_since: Option<Timestamp>,
    after: Option<DeviceId>,
    limit: usize,
}

impl Default for NodesQuery {
    fn default() -> NodesQuery {
        NodesQuery {
            managing_source: String::new(),
            state: None,
            text: None,
            seen_before: None,
            seen_since: None,
            after: None,
            limit: 100,
        }
    }
}

pub(super) async fn list(
    State(api): State<Api>,
    query: Result<Query<NodesQuery>, QueryRejection>,
) -> Result<Json<NodePage>, Failure> {
    let query = read::query(query)?;
    let NodesQuery { state, text, seen_before, seen_since, after, limit, .. } = query;
    let names = query.managing_source.split(',').filter(|name| !name.is_empty());
    let managing_sources = names.map(read::part).collect::<Result<_, _>>()?;
    let unknown = match &after {
        Some(after) => unknown(&api, after).await?,
        None => None,
    };
    let filter =
        NodeFilter { managing_sources, state, text, seen_before, seen_since, after, limit };
    let page = page(&api, filter).await?;
    match unknown {
        // One that was deleted since it ended a page still says where the next one begins.
        Some(refusal) if page.nodes.is_empty() => Err(Failure::Refused(refusal)),
        _ => Ok(Json(page)),
    }
}

/// Why there is no such node, where there is none; refused where its server is not in sight.
async fn unknown(api: &Api, id: &DeviceId) -> Result<Option<Refusal>, Failure> {
    let refusal = match api.ask(Request::Node(id.clone())).await {
        Ok(_) => return Ok(None),
        Err(Failure::Refused(refusal)) => refusal,
        Err(failure) => return Err(failure),
    };
    let managing_sources = vec![id.managing_source.clone()];
    page(api, NodeFilter { managing_sources, limit: 1, ..NodeFilter::default() }).await?;
    Ok(Some(refusal))
}

async fn page(api: &Api, filter: NodeFilter) -> Result<NodePage, Failure> {
    match api.ask(Request::Nodes(filter)).await? {
        Answer::Nodes(page) => Ok(page),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<NodeView>, Failure> {
    match api.ask(Request::Node(read::part(&id)?)).await? {
        Answer::Node(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn manage(
    State(api): State<Api>,
    body: Body,
) -> Result<Json<DeviceOutcomes>, Failure> {
    let DeviceList { devices, product } = device_list(&api, body).await?;
    done(&api, Request::Manage { devices, product }).await
}

pub(super) async fn ignore(
    State(api): State<Api>,
    body: Body,
) -> Result<Json<DeviceOutcomes>, Failure> {
    let devices = without_product(device_list(&api, body).await?)?;
    done(&api, Request::Ignore { devices }).await
}

pub(super) async fn delete(
    State(api): State<Api>,
    body: Body,
) -> Result<Json<DeviceOutcomes>, Failure> {
    let devices = without_product(device_list(&api, body).await?)?;
    done(&api, Request::Delete { devices }).await
}

pub(super) async fn merge(
    State(api): State<Api>,
    body: Body,
) -> Result<Json<DeviceOutcomes>, Failure> {
    let limits = &api.0.limits;
    let bytes = read::bytes(body, limits.body_bytes_max as u64, limits.body_timeout).await?;
    let MergeBody { keep, others } = read::json(&bytes)?;
    if others.is_empty() {
        return Err(Failure::Unreadable("`others` names no node".to_string()));
    }
    done(&api, Request::Unite { keep, others }).await
}

async fn device_list(api: &Api, body: Body) -> Result<DeviceList, Failure> {
    let limits = &api.0.limits;
    let bytes = read::bytes(body, limits.body_bytes_max as u64, limits.body_timeout).await?;
    read::json(&bytes)
}

fn without_product(list: DeviceList) -> Result<Vec<DeviceId>, Failure> {
    match list.product {
        None => Ok(list.devices),
        Some(_) => Err(Failure::Unreadable("only `manage` has a `product`".to_string())),
    }
}

async fn done(api: &Api, request: Request) -> Result<Json<DeviceOutcomes>, Failure> {
    match api.ask(request).await? {
        Answer::DevicesDone(devices) => Ok(Json(DeviceOutcomes { devices })),
        _ => Err(Failure::Unexpected),
    }
}
