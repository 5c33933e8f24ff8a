//! Why a daemon cannot start, or cannot go on.

use crate::net::{IdentityError, NetError};
use crate::server::StartError;
use crate::store::StoreError;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a daemon cannot start, or cannot go on. Each ends the process.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DaemonError {
    #[error(transparent)]
    Store(Arc<StoreError>),
    #[error(transparent)]
    State(Arc<StartError>),
    #[error(transparent)]
    Net(Arc<NetError>),
    #[error(transparent)]
    Identity(Arc<IdentityError>),
    #[error("cannot make the folder {}: {why}; check its place and permissions", path.display())]
    Folder { path: PathBuf, why: String },
    #[error(
        "the state of this server is gone: {} is missing, and {} says that it was made; bring it \
         back from a backup, or remove that file to begin anew with nothing",
        state.display(),
        mark.display()
    )]
    StateLost { state: PathBuf, mark: PathBuf },
    #[error("the operating system gives no random bits; without them no server may start")]
    NoEntropy,
    #[error("cannot start a thread for the disk: {0}; raise the limit of threads or processes")]
    Thread(String),
    #[error("a part of the server broke a promise it relies on: {0}; report it with the log")]
    Broken(String),
}

impl From<StoreError> for DaemonError {
    fn from(error: StoreError) -> DaemonError {
        DaemonError::Store(Arc::new(error))
    }
}

impl From<StartError> for DaemonError {
    fn from(error: StartError) -> DaemonError {
        DaemonError::State(Arc::new(error))
    }
}

impl From<NetError> for DaemonError {
    fn from(error: NetError) -> DaemonError {
        DaemonError::Net(Arc::new(error))
    }
}

impl DaemonError {
    pub fn identity(error: IdentityError) -> DaemonError {
        DaemonError::Identity(Arc::new(error))
    }

    /// `LT0501`; see `lictree explain`.
    pub fn code(&self) -> &'static str {
        match self {
            DaemonError::Store(error) => store_code(error),
            DaemonError::State(error) => match **error {
                StartError::AnotherServer { .. } => "LT0505",
                StartError::Damaged(_) => "LT0502",
            },
            DaemonError::Net(_) => "LT0405",
            DaemonError::Identity(error) => match **error {
                IdentityError::LooseFile { .. }
                | IdentityError::LooseFolder { .. }
                | IdentityError::OtherUser { .. } => "LT0402",
                _ => "LT0401",
            },
            DaemonError::Folder { .. } => "LT0504",
            DaemonError::StateLost { .. } => "LT0502",
            DaemonError::NoEntropy | DaemonError::Thread(_) | DaemonError::Broken(_) => "LT0506",
        }
    }
}

fn store_code(error: &StoreError) -> &'static str {
    match error {
        StoreError::AlreadyServed { .. } => "LT0501",
        StoreError::NotThere { .. }
        | StoreError::Damaged { .. }
        | StoreError::NotTogether { .. }
        | StoreError::LogBehindRows { .. }
        | StoreError::LogGap { .. }
        | StoreError::SteppedBack { .. } => "LT0502",
        StoreError::NewerFormat { .. } => "LT0503",
        StoreError::Full { .. } => "LT0514",
        StoreError::AlreadyThere { .. }
        | StoreError::TooLarge { .. }
        | StoreError::Io { .. }
        | StoreError::Write { .. }
        | StoreError::Closed { .. }
        | StoreError::Failed { .. } => "LT0504",
        StoreError::OutOfOrder { .. } => "LT0506",
    }
}
