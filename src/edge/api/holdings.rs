//! Holding options and distributed counts, changed or only looked ahead at.

use crate::client::contract::HoldingBody;
use crate::edge::api::failure::Failure;
use crate::edge::api::{Api, read};
use crate::model::request::{Answer, HoldingChange, HoldingOutcome, Request};
use axum::Json;
use axum::body::Body;
use axum::extract::State;

pub(super) async fn set(
    State(api): State<Api>,
    body: Body,
) -> Result<Json<HoldingOutcome>, Failure> {
    let limits = &api.0.limits;
    let bytes = read::bytes(body, limits.body_bytes_max as u64, limits.body_timeout).await?;
    let body: HoldingBody = read::json(&bytes)?;
    let change = HoldingChange::try_from(body).map_err(|why| Failure::Unreadable(why.into()))?;
    match api.ask(Request::SetHolding(change)).await? {
        Answer::Holding(outcome) => Ok(Json(outcome)),
        _ => Err(Failure::Unexpected),
    }
}
