//! Answers that say no. Each has a code with a page in `docs/errors/`.

use serde::{Deserialize, Serialize};

/// Why something asked for was not done, what was found, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// `LT0203`; see `lictree explain`.
    pub code: String,
    pub message: String,
    /// The next step, with a command to paste where there is one.
    pub hint: String,
}

impl Refusal {
    pub fn new(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Refusal {
        Refusal { code: code.to_string(), message: message.into(), hint: hint.into() }
    }
}
