//! License files: proven here, before the server hears of them.

use crate::client::contract::LicenseList;
use crate::edge::api::failure::Failure;
use crate::edge::api::{Api, read};
use crate::edge::license_refusal::refusal;
use crate::model::license::License;
use crate::model::request::{Answer, Request};
use crate::model::view::LicenseView;
use crate::wire::license_file::{self, LICENSE_FILE_LEN_MAX, LicenseFileError};
use axum::Json;
use axum::body::Body;
use axum::extract::State;

pub(super) async fn list(State(api): State<Api>) -> Result<Json<LicenseList>, Failure> {
    match api.ask(Request::Licenses).await? {
        Answer::Licenses(licenses) => Ok(Json(LicenseList { licenses })),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn register(
    State(api): State<Api>,
    body: Body,
) -> Result<Json<LicenseView>, Failure> {
    let license = match genuine(&api, body).await? {
        Ok(license) => license,
        Err(error) => return Err(refused(&api, &error).await),
    };
    match api.ask(Request::RegisterLicense(license)).await? {
        Answer::LicenseRegistered(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

/// The license in a body; the outer failure is one of the way the body came.
async fn genuine(api: &Api, body: Body) -> Result<Result<License, LicenseFileError>, Failure> {
    let bytes_max = LICENSE_FILE_LEN_MAX as u64;
    match read::bytes(body, bytes_max, api.0.limits.body_timeout).await {
        Ok(bytes) => Ok(license_file::open(&bytes, &api.0.vendor_keys)),
        Err(Failure::TooLarge { .. }) => Ok(Err(LicenseFileError::TooLarge)),
        Err(failure) => Err(failure),
    }
}

/// Refuses a file, with a line in the event log.
async fn refused(api: &Api, error: &LicenseFileError) -> Failure {
    let refusal = refusal(error);
    // A server that cannot take the line now refuses the file no less.
    let _ = api.ask(Request::LicenseRefused(refusal.clone())).await;
    Failure::Refused(refusal)
}
