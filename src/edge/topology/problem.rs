//! What is wrong with a topology: one line each, with the place and what to do about it.

use crate::model::text::plain;
use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that must be put right before a topology can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// See `lictree explain`.
    pub code: &'static str,
    pub file: PathBuf,
    /// Where in the file: `server d: options.cad`; empty when it is the file itself.
    pub key: String,
    /// What was found.
    pub found: String,
    /// What to do.
    pub remedy: String,
}

impl Problem {
    /// Where, and what was found.
    pub fn sentence(&self) -> String {
        let Problem { file, key, found, .. } = self;
        let place = if key.is_empty() { String::new() } else { format!("{key}: ") };
        format!("{}: {place}{found}", file.display())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { code, remedy, .. } = self;
        write!(f, "{}; {remedy} ({code})", self.sentence())
    }
}

/// Collects all problems of one file, so that a person sees them at once.
#[derive(Debug)]
pub(super) struct Complaints {
    file: PathBuf,
    problems: Vec<Problem>,
}

impl Complaints {
    pub(super) fn new(file: &Path) -> Complaints {
        Complaints { file: file.to_path_buf(), problems: Vec::new() }
    }

    /// Names are told as somebody wrote them, and with nothing in them that moves a cursor.
    pub(super) fn add(
        &mut self,
        code: &'static str,
        key: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.problems.push(Problem {
            code,
            file: self.file.clone(),
            key: plain(&key.into()),
            found: plain(&found.into()),
            remedy: plain(&remedy.into()),
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn all(self) -> Vec<Problem> {
        self.problems
    }

    /// The value, if nothing is wrong.
    pub(super) fn judge<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.problems.is_empty() { Ok(value) } else { Err(self.problems) }
    }
}
