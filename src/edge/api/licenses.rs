//! License files: proven here, before the server hears of them.

use crate::client::contract::LicenseList;
use crate::edge::api::failure::Failure;
use crate::edge::api::{Api, read};
use crate::edge::codes;
use crate::model::refusal::Refusal;
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
    let bytes_max = LICENSE_FILE_LEN_MAX as u64;
    let bytes = read::bytes(body, bytes_max, api.0.limits.body_timeout).await?;
    let license = license_file::open(&bytes, &api.0.vendor_keys).map_err(refused)?;
    match api.ask(Request::RegisterLicense(license)).await? {
        Answer::LicenseRegistered(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

fn refused(error: LicenseFileError) -> Failure {
    use LicenseFileError as Error;
    let (code, hint) = match &error {
        Error::TooLarge(_) | Error::NotALicenseFile => (
            codes::LICENSE_FILE_OTHER,
            "name the file that the vendor sent: `lictree license register FILE`",
        ),
        Error::OtherFormat(_) => {
            (codes::LICENSE_FILE_FORMAT, "update this server, then register the file again")
        }
        Error::LineEnds | Error::Damaged(_) => (
            codes::LICENSE_FILE_DAMAGED,
            "take the file from the vendor's message again, as an attachment",
        ),
        Error::UntrustedKey(_) => (
            codes::LICENSE_KEY_UNTRUSTED,
            "add the vendor's public key to `vendor_keys` in the configuration, and restart",
        ),
        Error::Forged(_) => {
            (codes::LICENSE_FORGED, "ask the vendor for the file again; do not edit it")
        }
        Error::NotAField { .. }
        | Error::UnknownField { .. }
        | Error::DuplicateField { .. }
        | Error::MissingField(_)
        | Error::Product(_)
        | Error::Count(_)
        | Error::Moment { .. }
        | Error::Terms(_)
        | Error::NotCanonical => {
            (codes::LICENSE_TERMS, "send this message to the vendor and ask for a new file")
        }
    };
    Failure::Refused(Refusal::new(code, error.to_string(), hint))
}
