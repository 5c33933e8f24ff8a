//! How requests of people reach the owner, from any task.

use crate::daemon::owner::{Event, Usage};
use crate::model::log::{Checkpoint, LogPosition, RowChange};
use crate::model::request::{Answer, Request};
use crate::store::{self, FolderFiles, FolderMeta, LossyDisk, RowStore, RowsPicture, StoreLimits};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Why a request got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    #[error("the server stops and answers no more")]
    Stopping,
    #[error("no answer within {0:?}")]
    TooLate(Duration),
}

/// An answer, and how much of the server's log is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub answer: Box<Answer>,
    /// All entries of the log up to here, and none behind.
    pub log_index: u64,
}

/// Asks the server; cheap to clone.
#[derive(Clone)]
pub struct Port {
    inbox: mpsc::Sender<Event>,
    patience: Duration,
}

/// The other end of a port where no server stands: for tests of who asks.
pub struct PortTwin {
    asked: mpsc::Receiver<Event>,
    /// How many requests it answered: what its answers say of a log.
    answered: u64,
    /// The rows of the last picture that was given.
    kept: Option<RowStore>,
}

impl Port {
    pub(super) fn new(inbox: mpsc::Sender<Event>, patience: Duration) -> Port {
        Port { inbox, patience }
    }

    /// A port that nobody serves yet, and the end that answers.
    pub fn with_twin(patience: Duration) -> (Port, PortTwin) {
        let (inbox, asked) = mpsc::channel(16);
        (Port { inbox, patience }, PortTwin { asked, answered: 0, kept: None })
    }

    /// How long this port waits for an answer.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// The server's answer. When nobody waits for it any more, it may still be carried out.
    pub async fn ask(&self, request: Request) -> Result<Answer, AskError> {
        Ok(*self.ask_at(request).await?.answer)
    }

    /// The same with its place in the order of the server's log.
    pub async fn ask_at(&self, request: Request) -> Result<Answered, AskError> {
        let (answer, answered) = oneshot::channel();
        let event = Event::Asked { request: Box::new(request), answer };
        let whole = async {
            self.inbox.send(event).await.map_err(|_| AskError::Stopping)?;
            answered.await.map_err(|_| AskError::Stopping)
        };
        let late = AskError::TooLate(self.patience);
        tokio::time::timeout(self.patience, whole).await.unwrap_or(Err(late))
    }

    /// How much of the limits is in use.
    pub async fn usage(&self) -> Result<Usage, AskError> {
        let (answer, answered) = oneshot::channel();
        let whole = async {
            let event = Event::Measured(answer);
            self.inbox.send(event).await.map_err(|_| AskError::Stopping)?;
            answered.await.map_err(|_| AskError::Stopping)
        };
        let late = AskError::TooLate(self.patience);
        tokio::time::timeout(self.patience, whole).await.unwrap_or(Err(late))
    }

    /// Everything that the server must remember, as it is now: with all that was answered until
    /// here. Others decide and write meanwhile; while it is kept, the rows' file grows.
    pub async fn picture(&self) -> Result<RowsPicture, AskError> {
        let (answer, answered) = oneshot::channel();
        let whole = async {
            let event = Event::Pictured(answer);
            self.inbox.send(event).await.map_err(|_| AskError::Stopping)?;
            answered.await.map_err(|_| AskError::Stopping)
        };
        let late = AskError::TooLate(self.patience);
        tokio::time::timeout(self.patience, whole).await.unwrap_or(Err(late))
    }

    /// Waits until the owner has taken this in behind everything that came before it, however
    /// long that takes: whoever pings decides what a long wait means.
    pub async fn ping(&self) -> Result<(), AskError> {
        let (answer, answered) = oneshot::channel();
        self.inbox.send(Event::Pinged(answer)).await.map_err(|_| AskError::Stopping)?;
        answered.await.map_err(|_| AskError::Stopping)
    }
}

impl PortTwin {
    /// Answers the next request by `judge`; nothing when no port is left.
    pub async fn answer(&mut self, judge: impl FnOnce(Request) -> Answer) -> Option<()> {
        match self.asked.recv().await? {
            Event::Asked { request, answer } => {
                self.answered += 1;
                let log_index = self.answered;
                // Whoever asked may have left.
                drop(answer.send(Answered { answer: Box::new(judge(*request)), log_index }));
            }
            _ => return None,
        }
        Some(())
    }

    /// Answers the next look at the limits with nothing; nothing when something else came.
    pub async fn measured(&mut self) -> Option<()> {
        match self.asked.recv().await? {
            Event::Measured(answer) => drop(answer.send(Usage::default())),
            _ => return None,
        }
        Some(())
    }

    /// Answers the next look at everything with these rows; nothing when something else came.
    pub async fn pictured(&mut self, folder: &FolderMeta, rows: Vec<RowChange>) -> Option<()> {
        let Event::Pictured(answer) = self.asked.recv().await? else { return None };
        let disk = LossyDisk::new();
        store::create_on(FolderFiles::on(&disk), folder).ok()?;
        let files = FolderFiles::on(&disk);
        let (_, mut kept, _) = store::open_on(files, &StoreLimits::default()).ok()?;
        let at = LogPosition { index: 1, term: 1 };
        kept.checkpoint(&Checkpoint { at, rows }, at.index).ok()?;
        // Whoever asked may have left.
        drop(answer.send(kept.picture().ok()?));
        self.kept = Some(kept);
        Some(())
    }

    /// The next ping, to be answered or not; nothing when something else came.
    pub async fn ping(&mut self) -> Option<oneshot::Sender<()>> {
        match self.asked.recv().await? {
            Event::Pinged(answer) => Some(answer),
            _ => None,
        }
    }
}
