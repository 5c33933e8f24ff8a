//! Why the disk cannot be used, in sentences for the person who runs the server.

use std::io;

/// The advice for every file whose content cannot be trusted.
macro_rules! restore {
    () => {
        "keep the folder for examination, then restore it from a backup or let the server join \
         its tree anew"
    };
}

/// A refusal of the store: what was tried, what was found, what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{file} is not there; create the folder first, or correct the data folder's path")]
    NotThere { file: String },
    #[error(
        "{folder} is to be created, but it already holds something; name a folder that does not \
         exist yet, or start the server that is in this one"
    )]
    AlreadyThere { folder: String },
    #[error("another lictree serves this folder ({file} is locked); stop it first")]
    AlreadyServed { file: String },
    #[error(
        "{file} is of format {found}, which needs a reader of format {lowest_reader}; this \
         program reads up to format {ours}: start the newer program that wrote it"
    )]
    NewerFormat { file: String, found: u32, lowest_reader: u32, ours: u32 },
    #[error("{file} is damaged: {found}; {}", restore!())]
    Damaged { file: String, found: String },
    #[error(
        "{log} belongs to {log_folder} and {rows} to {rows_folder}; the two files of a folder \
         must come from the same server: put back the ones that belong together"
    )]
    NotTogether { log: String, log_folder: String, rows: String, rows_folder: String },
    #[error(
        "{file} ends at entry {log_last}, but the rows stand at entry {rows_at}: acknowledged \
         entries are lost; {}",
        restore!()
    )]
    LogBehindRows { file: String, log_last: u64, rows_at: u64 },
    #[error(
        "{file} begins at entry {log_first}, but the rows stand at entry {rows_at}: the entries \
         between are lost; {}",
        restore!()
    )]
    LogGap { file: String, log_first: u64, rows_at: u64 },
    #[error(
        "{file} holds {found} commits, but {witnessed} were acknowledged: it is an older copy, \
         or its end is damaged; {}",
        restore!()
    )]
    SteppedBack { file: String, found: u64, witnessed: u64 },
    /// The caller broke the order of the log; nothing was written.
    #[error("{file}: {tried}, but {found}; nothing was written: this is a fault of the program")]
    OutOfOrder { file: String, tried: String, found: String },
    /// Nothing was written.
    #[error("{file}: {what} has {bytes} bytes, and at most {bytes_max} fit; make it smaller")]
    TooLarge { file: String, what: &'static str, bytes: usize, bytes_max: usize },
    #[error("{tried} {file} failed: {source}; look at the disk, its space and its permissions")]
    Io { file: String, tried: &'static str, source: io::Error },
    /// The first failed write; what the disk holds now is unknown until the next start.
    #[error(
        "writing {file} failed: {found}; the server must stop: look at the disk and its space, \
         then start again"
    )]
    Write { file: String, found: String },
    /// The first write that found no room, in the reserve either.
    #[error(
        "the disk is full: writing {file} failed: {found}; the server must stop: make room on the \
         disk, then start again: everything that was answered is kept"
    )]
    Full { file: String, found: String },
    /// Only of a picture that is kept longer than its store.
    #[error("{file} was closed while it was read: the server stops")]
    Closed { file: String },
    /// Every call after the first failed write.
    #[error("{file} takes nothing more since a write to it failed; stop, and start again")]
    Failed { file: String },
}

impl StoreError {
    pub(crate) fn damaged(file: &str, found: impl ToString) -> Self {
        Self::Damaged { file: file.to_string(), found: found.to_string() }
    }

    pub(crate) fn io(file: &str, tried: &'static str, source: io::Error) -> Self {
        Self::Io { file: file.to_string(), tried, source }
    }
}
