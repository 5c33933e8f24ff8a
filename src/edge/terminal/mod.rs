//! The person or script at the other end: what was asked for, and where answers go.
//!
//! Data goes to standard output, all else to standard error. A reader that stops reading (a pipe
//! into `head`) is no failure.

pub mod failure;

use crate::client::Client;
use crate::edge::codes;
use crate::edge::draw::ink::Ink;
use crate::edge::founding::CONFIG_NAME;
use crate::edge::terminal::failure::{Exit, Failure};
use serde::Serialize;
use std::io::{BufRead, ErrorKind, IsTerminal, Read, Write, stderr, stdin, stdout};
use std::path::{Path, PathBuf};

/// The longest answer to a question that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 1_024;

/// In which form data is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// How one run of the program was asked to work.
#[derive(Clone, Debug)]
pub struct Terminal {
    pub form: Form,
    /// The data folder of the server that is asked.
    pub data: Option<PathBuf>,
    pub ink: Ink,
}

impl Terminal {
    /// A client of the server that `--data` names.
    pub fn client(&self) -> Result<Client, Failure> {
        let folder = self.data_dir()?;
        let inside = servers_in(folder);
        match inside.first() {
            Some(first) if !folder.join(CONFIG_NAME).exists() => {
                let found = format!("{} holds a whole tree, not one server", folder.display());
                let names: Vec<&str> =
                    inside.iter().filter_map(|path| path.file_name()?.to_str()).collect();
                let (names, first) = (names.join(", "), first.display());
                let hint = format!("say which of {names}, such as `--data {first}`");
                Err(Failure::usage(found, hint))
            }
            _ => Ok(Client::of_data_dir(folder)),
        }
    }

    /// The folder that `--data` names.
    pub fn data_dir(&self) -> Result<&Path, Failure> {
        self.data.as_deref().ok_or_else(|| {
            let hint =
                "add `--data DIR`, or `export LICTREE_DATA=DIR`; DIR is a server's data folder";
            Failure::usage("no server is named", hint)
        })
    }

    /// Writes the value as JSON, or what `text` makes of it.
    pub fn show<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T, Ink) -> String,
    ) -> Result<(), Failure> {
        match self.form {
            Form::Text => self.print(&text(value, self.ink)),
            Form::Json => {
                let json = serde_json::to_string_pretty(value).map_err(not_written)?;
                self.print(&format!("{json}\n"))
            }
        }
    }

    /// Writes data for people; scripts that asked for JSON do not get it.
    pub fn say(&self, text: &str) -> Result<(), Failure> {
        match self.form {
            Form::Text => self.print(text),
            Form::Json => Ok(()),
        }
    }

    /// Writes to standard output.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(not_written(error)),
            _ => Ok(()),
        }
    }

    /// Writes to standard error. There is nowhere left to say that this failed.
    pub fn note(&self, text: &str) {
        let _ = stderr().lock().write_all(text.as_bytes());
    }

    /// Asks a question; only `y` or `yes` is a yes, and anything else a failure.
    pub fn agree(&self, question: &str) -> Result<(), Failure> {
        let hint = "add `--yes` to do it without a question";
        let no = |why: &str| {
            let message = format!("{why}: \"{question}\"; nothing was changed");
            Failure::new(Exit::Refused, codes::NOT_AGREED, message, hint)
        };
        if !stdin().is_terminal() || !stderr().is_terminal() {
            return Err(no("nobody is there to answer"));
        }
        self.note(&format!("{question} [y/N] "));
        let mut answer = String::new();
        let read = stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut answer);
        read.map_err(not_written)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(no("this was not answered with yes")),
        }
    }
}

fn not_written(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Refused, codes::SYSTEM, format!("cannot write the answer: {error}"), "")
}

/// Folders in this one that are servers' data folders, at most 100, by name.
fn servers_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(100);
    let mut found: Vec<PathBuf> =
        entries.map(|e| e.path()).filter(|p| p.join(CONFIG_NAME).exists()).collect();
    found.sort();
    found
}
