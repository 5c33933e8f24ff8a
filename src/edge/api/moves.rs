//! Nodes that go to another server's site.

use crate::client::contract::{DeviceOutcomes, MoveBody};
use crate::edge::api::failure::Failure;
use crate::edge::api::nodes::done;
use crate::edge::api::{Api, read};
use crate::model::request::Request;
use axum::Json;
use axum::body::Body;
use axum::extract::State;

pub(super) async fn begin(
    State(api): State<Api>,
    body: Body,
) -> Result<Json<DeviceOutcomes>, Failure> {
    let limits = &api.0.limits;
    let bytes = read::bytes(body, limits.body_bytes_max as u64, limits.body_timeout).await?;
    let MoveBody { device, to, cancel } = read::json(&bytes)?;
    if to.is_some() == cancel {
        let what = "either `to` says where the node goes, or `cancel` is true";
        return Err(Failure::Unreadable(what.to_string()));
    }
    done(&api, Request::Move { device, to }).await
}
