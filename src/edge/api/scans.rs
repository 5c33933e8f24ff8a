//! Scans of this server's site: run, looked at, paused, resumed, stopped.

use crate::client::contract::{ScanBody, ScanList, ScanView};
use crate::edge::api::failure::Failure;
use crate::edge::api::read::Named;
use crate::edge::api::{Api, read};
use crate::edge::scan::{Change, Desk, about_product};
use crate::model::name::ProductName;
use crate::model::request::Request;
use axum::Json;
use axum::body::Body;
use axum::extract::State;

/// The desk; none stands behind the ports of tests, nor behind a server that stops.
fn desk(api: &Api) -> Result<&Desk, Failure> {
    api.0.desk.as_ref().ok_or(Failure::Stopping)
}

pub(super) async fn run(State(api): State<Api>, body: Body) -> Result<Json<ScanView>, Failure> {
    let (desk, limits) = (desk(&api)?, &api.0.limits);
    let bytes = read::bytes(body, limits.body_bytes_max as u64, limits.body_timeout).await?;
    let body: ScanBody = read::json(&bytes)?;
    if let Some(product) = &body.auto_manage {
        is_known(&api, product).await?;
    }
    desk.run(&body).map(Json).map_err(Failure::Refused)
}

/// Whether this server knows of such a product: a typing mistake is told at once, not after hours.
async fn is_known(api: &Api, product: &ProductName) -> Result<(), Failure> {
    let nobody = Request::Manage { devices: Vec::new(), product: Some(product.clone()) };
    match api.ask(nobody).await {
        Ok(_) => Ok(()),
        Err(Failure::Refused(refusal)) => Err(Failure::Refused(about_product(product, refusal))),
        Err(failure) => Err(failure),
    }
}

pub(super) async fn list(State(api): State<Api>) -> Result<Json<ScanList>, Failure> {
    Ok(Json(desk(&api)?.list()))
}

pub(super) async fn show(
    State(api): State<Api>,
    Named(id): Named,
) -> Result<Json<ScanView>, Failure> {
    desk(&api)?.show(read::part(&id)?).map(Json).map_err(Failure::Refused)
}

pub(super) async fn pause(
    State(api): State<Api>,
    Named(id): Named,
) -> Result<Json<ScanView>, Failure> {
    change(&api, &id, Change::Pause)
}

pub(super) async fn resume(
    State(api): State<Api>,
    Named(id): Named,
) -> Result<Json<ScanView>, Failure> {
    change(&api, &id, Change::Resume)
}

pub(super) async fn stop(
    State(api): State<Api>,
    Named(id): Named,
) -> Result<Json<ScanView>, Failure> {
    change(&api, &id, Change::Stop)
}

fn change(api: &Api, id: &str, change: Change) -> Result<Json<ScanView>, Failure> {
    desk(api)?.change(read::part(id)?, change).map(Json).map_err(Failure::Refused)
}
