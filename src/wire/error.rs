//! Why bytes from another server are not a frame.

use crate::record::RecordError;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Leave it out and go on: a newer server says something that this version does not know.
    #[error("{what} number {number} is none this version knows; update this server to take part")]
    Unsupported { what: &'static str, number: u32 },
    #[error("{what} of {found} bytes is too long; at most {max} are read")]
    TooLong { what: &'static str, found: usize, max: usize },
    #[error("a frame holds neither a greeting nor a letter")]
    Empty,
    #[error("{expected} was to come, and {found} came")]
    Other { expected: &'static str, found: &'static str },
    #[error(transparent)]
    Value(#[from] RecordError),
}
