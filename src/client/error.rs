//! Why a call brought nothing: the server said no, or there was no (readable) answer.

use crate::model::refusal::Refusal;
use std::path::PathBuf;

/// The code of [`ClientError::Unreachable`].
pub const UNREACHABLE: &str = "LT0690";
/// The code of [`ClientError::Unreadable`].
pub const UNREADABLE_ANSWER: &str = "LT0696";

/// Why a call brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The server understood and said no.
    #[error(transparent)]
    Refused(Refusal),
    /// The server answered that it cannot answer now; whether it carried it out is not known.
    #[error(transparent)]
    Unable(Refusal),
    /// Nobody answered, or not in time; whether the server carried it out is not known.
    #[error("{}: the server at {} gave no answer: {why}", UNREACHABLE, socket.display())]
    Unreachable { socket: PathBuf, why: String, hint: String },
    /// Something answered, but not as a lictree server of this generation does.
    #[error("{}: the answer of {} cannot be read: {why}", UNREADABLE_ANSWER, socket.display())]
    Unreadable { socket: PathBuf, why: String, hint: String },
}

impl ClientError {
    /// `LT0203`; see `lictree explain`.
    pub fn code(&self) -> &str {
        match self {
            ClientError::Refused(refusal) | ClientError::Unable(refusal) => &refusal.code,
            ClientError::Unreachable { .. } => UNREACHABLE,
            ClientError::Unreadable { .. } => UNREADABLE_ANSWER,
        }
    }

    /// The next step.
    pub fn hint(&self) -> &str {
        match self {
            ClientError::Refused(refusal) | ClientError::Unable(refusal) => &refusal.hint,
            ClientError::Unreachable { hint, .. } | ClientError::Unreadable { hint, .. } => hint,
        }
    }
}
