//! Everything but success: a refusal by the server, or by the API before it asked.

use crate::client::contract::ErrorBody;
use crate::daemon::port::AskError;
use crate::edge::codes;
use crate::model::refusal::Refusal;
use crate::model::text::plain;
use axum::Json;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// Why a request brings no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server, or the file that was sent, says no.
    Refused(Refusal),
    /// The request makes no sense.
    Unreadable(String),
    /// The request is understood, and a value in it is not one of those allowed.
    OutOfBounds(Refusal),
    NoSuchPath(String),
    /// Whoever asks may not use the socket.
    NotAdmitted,
    TooLarge {
        bytes_max: u64,
    },
    /// It came too slowly.
    TooSlow(Duration),
    Stopping,
    TooLate(Duration),
    /// As many imports as may be are under way.
    ImportBusy,
    /// The same of backups.
    BackupBusy,
    /// The server answered another question: a fault of the program.
    Unexpected,
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Failure {
        match error {
            AskError::Stopping => Failure::Stopping,
            AskError::TooLate(waited) => Failure::TooLate(waited),
        }
    }
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Failure::Refused(_) => StatusCode::CONFLICT,
            Failure::Unreadable(_) | Failure::OutOfBounds(_) => StatusCode::BAD_REQUEST,
            Failure::NoSuchPath(_) => StatusCode::NOT_FOUND,
            Failure::NotAdmitted => StatusCode::FORBIDDEN,
            Failure::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Failure::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Failure::ImportBusy | Failure::BackupBusy => StatusCode::TOO_MANY_REQUESTS,
            Failure::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Failure::TooLate(_) => StatusCode::GATEWAY_TIMEOUT,
            Failure::Unexpected => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn refusal(self) -> Refusal {
        match self {
            Failure::Refused(refusal) | Failure::OutOfBounds(refusal) => refusal,
            Failure::Unreadable(why) => Refusal::new(
                codes::REQUEST_UNREADABLE,
                // It repeats what was sent.
                plain(&why),
                "correct what the message names; is the program that asks of another version?",
            ),
            Failure::NoSuchPath(path) => Refusal::new(
                codes::NO_SUCH_PATH,
                format!("there is no {}", plain(&path)),
                "is the program that asks newer than this server? See `lictree status`",
            ),
            Failure::NotAdmitted => Refusal::new(
                codes::NOT_ADMITTED,
                "this socket is not for you",
                "run this as the server's user, or as a member of `socket_group` in its [api]",
            ),
            Failure::TooLarge { bytes_max } => Refusal::new(
                codes::BODY_TOO_LARGE,
                format!("what was sent has more than {bytes_max} bytes"),
                "send less at once, or raise the limit in the server's configuration",
            ),
            Failure::TooSlow(within) => Refusal::new(
                codes::REQUEST_UNREADABLE,
                format!("what was sent was not whole within {within:?}"),
                "send it again",
            ),
            Failure::Stopping => {
                Refusal::new(codes::STOPPING, "the server stops", "ask again once it is back")
            }
            Failure::TooLate(waited) => Refusal::new(
                codes::TOO_LATE,
                format!("the server did not answer within {waited:?}"),
                "ask again; when it happens often, look at the load and at the server's log",
            ),
            Failure::ImportBusy => Refusal::new(
                codes::IMPORT_BUSY,
                "another import is under way",
                "wait until it is done, then import again",
            ),
            Failure::BackupBusy => Refusal::new(
                codes::BACKUP_BUSY,
                "another backup of this server is being made",
                "wait until it is done, then begin again",
            ),
            Failure::Unexpected => Refusal::new(
                codes::UNEXPECTED_ANSWER,
                "the server answered another question than was asked",
                "this is a fault of the program: report it with the server's log",
            ),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status();
        (status, Json(ErrorBody { error: self.refusal() })).into_response()
    }
}

pub(super) async fn no_such_path(method: Method, uri: Uri) -> Failure {
    Failure::NoSuchPath(format!("{method} {}", uri.path()))
}

pub(super) async fn not_admitted() -> Failure {
    Failure::NotAdmitted
}
