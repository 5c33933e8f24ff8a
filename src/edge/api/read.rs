//! Bodies, queries and parts of paths, read with a bound and a word about what is wrong.

use crate::edge::api::failure::Failure;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// The whole body, if it is short enough and comes in time.
pub(super) async fn bytes(
    body: Body,
    bytes_max: u64,
    within: Duration,
) -> Result<Vec<u8>, Failure> {
    let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let collected = tokio::time::timeout(within, Limited::new(body, limit).collect()).await;
    match collected.map_err(|_| Failure::TooSlow(within))? {
        Ok(whole) => Ok(whole.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::TooLarge { bytes_max }),
        Err(error) => Err(Failure::Unreadable(format!("the body broke off: {error}"))),
    }
}

pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::Unreadable(error.to_string()))
}

pub(super) fn query<T>(read: Result<Query<T>, QueryRejection>) -> Result<T, Failure> {
    read.map(|Query(query)| query).map_err(|error| Failure::Unreadable(error.body_text()))
}

/// The one part of a path that names something, as text.
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Named, Failure> {
        let read = Path::<String>::from_request_parts(parts, state).await;
        read.map(|Path(text)| Named(text)).map_err(|error| Failure::Unreadable(error.body_text()))
    }
}

/// A part of a path or of a query that must mean something.
pub(super) fn part<T: FromStr>(text: &str) -> Result<T, Failure>
where
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| Failure::Unreadable(error.to_string()))
}
