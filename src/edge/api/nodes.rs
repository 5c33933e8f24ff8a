//! Discovered nodes: looking at them, managing, ignoring and deleting them.

use crate::client::contract::{DeviceList, DeviceOutcomes, MergeBody};
use crate::edge::api::failure::Failure;
use crate::edge::api::read::Named;
use crate::edge::api::{Api, node_json, read};
use crate::model::device::{DeviceId, DeviceState};
use crate::model::discovery::MacAddress;
use crate::model::node_query::{NodeCursor, NodeFilter, NodeQuery, NodeSort};
use crate::model::node_rows::NodeRows;
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, Request};
use crate::model::time::Timestamp;
use crate::model::view::{NodeTotal, NodeView};
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// What is asked for as its words come; the server bounds `limit`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NodesQuery {
    /// Names with commas between them.
    managing_source: String,
    state: Option<DeviceState>,
    text: Option<String>,
    seen_since: Option<Timestamp>,
    seen_before: Option<Timestamp>,
    sort: NodeSort,
    after: Option<NodeCursor>,
    limit: usize,
    /// Whether to say how many there are although that takes looking at each.
    count: bool,
}

impl Default for NodesQuery {
    fn default() -> NodesQuery {
        NodesQuery {
            managing_source: String::new(),
            state: None,
            text: None,
            seen_since: None,
            seen_before: None,
            sort: NodeSort::Id,
            after: None,
            limit: 100,
            count: false,
        }
    }
}

impl NodesQuery {
    fn filter(&self) -> Result<NodeFilter, Failure> {
        let names = self.managing_source.split(',').filter(|name| !name.is_empty());
        Ok(NodeFilter {
            managing_sources: names.map(read::part).collect::<Result<_, _>>()?,
            state: self.state,
            text: self.text.clone(),
            seen_since: self.seen_since,
            seen_before: self.seen_before,
        })
    }
}

pub(super) async fn list(
    State(api): State<Api>,
    query: Result<Query<NodesQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let query = read::query(query)?;
    let filter = spelled(&api, query.filter()?).await?;
    let NodesQuery { sort, after, limit, count, .. } = query;
    let query = NodeQuery { filter, sort, after, limit };
    let mut page = whole_page(&api, query.clone()).await?;
    if let (true, Some(after)) = (page.is_empty(), &query.after) {
        // One that was deleted since it ended a page still says where the next one begins; of one
        // that never was, nothing is behind.
        if let Some(refusal) = unknown(&api, &after.id).await? {
            return Err(Failure::Refused(refusal));
        }
    }
    if count && page.total.is_none() {
        page.total = Some(count_all(&api, query.filter).await?);
    }
    let json = node_json::page(&page).map_err(|_| Failure::Unexpected)?;
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

pub(super) async fn count(
    State(api): State<Api>,
    query: Result<Query<NodesQuery>, QueryRejection>,
) -> Result<Json<NodeTotal>, Failure> {
    let query = read::query(query)?;
    if query.after.is_some() {
        return Err(Failure::Unreadable("a count begins at the first node".to_string()));
    }
    let filter = spelled(&api, query.filter()?).await?;
    Ok(Json(NodeTotal { count: count_all(&api, filter).await? }))
}

/// The filter with its text as MACs are kept here, where it looks like a MAC of another spelling
/// and nothing has it as it was written: a name or an address that has it comes first.
async fn spelled(api: &Api, mut filter: NodeFilter) -> Result<NodeFilter, Failure> {
    let Some(mac) = filter.text.as_deref().and_then(mac_spelled) else { return Ok(filter) };
    let query = NodeQuery { filter: filter.clone(), limit: 1, ..NodeQuery::default() };
    if whole_page(api, query).await?.is_empty() {
        filter.text = Some(mac);
    }
    Ok(filter)
}

/// `0050.56ab.cdef`, `00-50-56` or `005056abcdef`, or a part of it, with colons instead.
fn mac_spelled(text: &str) -> Option<String> {
    if let Ok(whole) = text.trim().parse::<MacAddress>() {
        return Some(whole.to_string()).filter(|kept| kept != text);
    }
    let hex = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (sign, digits) = if text.contains('-') { ('-', 2) } else { ('.', 4) };
    let parts: Vec<&str> = text.trim().split(sign).collect();
    let last = parts.len() - 1;
    let fits = |(at, part): (usize, &&str)| {
        let whole = part.len() == digits;
        hex(part) && (whole || (part.len() < digits && (at == 0 || at == last)))
    };
    // Numbers of an IPv4 address have three digits at most.
    let whole = parts.iter().any(|part| part.len() == digits);
    let bare = last == 0 && parts[0].len() == 12 && hex(&parts[0]);
    if !bare && (last == 0 || !whole || !parts.iter().enumerate().all(fits)) {
        return None;
    }
    let bytes = parts.iter().enumerate().flat_map(|(at, part)| bytes_of(part, at == 0));
    Some(bytes.collect::<Vec<_>>().join(":"))
}

/// The digits two by two; one that is alone stands where its other one was cut off.
fn bytes_of(digits: &str, first: bool) -> Vec<&str> {
    let alone = if first { digits.len() % 2 } else { 0 };
    let (alone, pairs) = digits.split_at(alone);
    let pairs = pairs.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap_or_default());
    Some(alone).filter(|alone| !alone.is_empty()).into_iter().chain(pairs).collect()
}

/// A page step by step: others have their turn at the server between two of them.
async fn whole_page(api: &Api, mut query: NodeQuery) -> Result<NodeRows, Failure> {
    let (mut page, limit) = one_step(api, query.clone()).await?;
    while page.next.is_some() && page.len() < limit {
        query.after = page.next.take();
        query.limit = limit - page.len();
        let (more, _) = one_step(api, query.clone()).await?;
        page.append(more);
    }
    Ok(page)
}

/// What one step found, and how many nodes a page has at most.
async fn one_step(api: &Api, query: NodeQuery) -> Result<(NodeRows, usize), Failure> {
    match api.ask(Request::Nodes(query)).await? {
        Answer::Nodes { page, limit } => Ok((page, limit)),
        _ => Err(Failure::Unexpected),
    }
}

async fn count_all(api: &Api, filter: NodeFilter) -> Result<u64, Failure> {
    let (mut total, mut after) = (0, None);
    loop {
        let request = Request::CountNodes { filter: filter.clone(), after };
        let Answer::NodeCount { count, next } = api.ask(request).await? else {
            return Err(Failure::Unexpected);
        };
        total += count;
        if next.is_none() {
            return Ok(total);
        }
        after = next;
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
    let filter = NodeFilter { managing_sources, ..NodeFilter::default() };
    one_step(api, NodeQuery { filter, limit: 1, ..NodeQuery::default() }).await?;
    Ok(Some(refusal))
}

pub(super) async fn show(
    State(api): State<Api>,
    Named(id): Named,
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
    let MergeBody { keep, others, check } = read::json(&bytes)?;
    if others.is_empty() {
        return Err(Failure::Unreadable("`others` names no node".to_string()));
    }
    match check {
        true => done(&api, Request::MayUnite { keep, others }).await,
        false => done(&api, Request::Unite { keep, others }).await,
    }
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

pub(super) async fn done(api: &Api, request: Request) -> Result<Json<DeviceOutcomes>, Failure> {
    match api.ask(request).await? {
        Answer::DevicesDone(devices) => Ok(Json(DeviceOutcomes { devices })),
        _ => Err(Failure::Unexpected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_looked_for_however_it_is_spelled() {
        for (text, kept) in [
            ("0050.56ab.cdef", "00:50:56:ab:cd:ef"),
            ("0050.56ab", "00:50:56:ab"),
            ("50.56ab.cd", "50:56:ab:cd"),
            ("050.56ab.c", "0:50:56:ab:c"),
            ("00-50-56-AB-CD-EF", "00:50:56:ab:cd:ef"),
            ("743a-65b4-d720", "74:3a:65:b4:d7:20"),
            ("0:16:3e:bb:0:1", "00:16:3e:bb:00:01"),
            ("00-50-56", "00:50:56"),
            ("0-50-5", "0:50:5"),
            ("005056abcdef", "00:50:56:ab:cd:ef"),
        ] {
            assert_eq!(mac_spelled(text).as_deref(), Some(kept), "{text}");
        }
        for other in
            ["", "10.0.0.7", "10.0", "press-7", "00:50:56", "pc.1234", "abcd", "1-2", "é-00"]
        {
            assert_eq!(mac_spelled(other), None, "{other}");
        }
    }
}
