//! What can be looked at: status, servers, ranges, events.

use crate::client::contract::EventList;
use crate::edge::api::failure::Failure;
use crate::edge::api::read::Named;
use crate::edge::api::{Api, read};
use crate::model::audit::AuditView;
use crate::model::request::{Answer, Request};
use crate::model::view::{RangesView, RecoveryView, ServerView, ServersView, StatusView};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

type Shown<T> = Result<Json<T>, Failure>;

pub(super) async fn status(State(api): State<Api>) -> Shown<StatusView> {
    match api.ask(Request::Status).await? {
        Answer::Status(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn servers(State(api): State<Api>) -> Shown<ServersView> {
    match api.ask(Request::Servers).await? {
        Answer::Servers(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn server(State(api): State<Api>, Named(name): Named) -> Shown<ServerView> {
    match api.ask(Request::Server(read::part(&name)?)).await? {
        Answer::Server(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn audit(State(api): State<Api>) -> Shown<AuditView> {
    match api.ask(Request::Audit).await? {
        Answer::Audit(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn recovery(State(api): State<Api>) -> Shown<RecoveryView> {
    match api.ask(Request::Recovery).await? {
        Answer::Recovery(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn ranges(State(api): State<Api>) -> Shown<RangesView> {
    match api.ask(Request::Ranges).await? {
        Answer::Ranges(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn range(State(api): State<Api>, Named(source): Named) -> Shown<RangesView> {
    match api.ask(Request::Range(read::part(&source)?)).await? {
        Answer::Ranges(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

/// Somebody knows that the clock of this server is right, although it is ahead of what has passed.
pub(super) async fn accept_clock(State(api): State<Api>) -> Shown<Value> {
    match api.ask(Request::AcceptClock).await? {
        Answer::Done => Ok(Json(json!({ "done": true }))),
        _ => Err(Failure::Unexpected),
    }
}

/// Without words: the first page from the beginning.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EventsQuery {
    after: u64,
    limit: usize,
}

impl Default for EventsQuery {
    fn default() -> EventsQuery {
        EventsQuery { after: 0, limit: 100 }
    }
}

pub(super) async fn events(
    State(api): State<Api>,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Shown<EventList> {
    let EventsQuery { after, limit } = read::query(query)?;
    match api.ask(Request::Events { after, limit }).await? {
        Answer::Events(events) => Ok(Json(EventList { events })),
        _ => Err(Failure::Unexpected),
    }
}
