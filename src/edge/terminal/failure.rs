//! Why a command did not do what was asked, and how that leaves the program.

use crate::client::ClientError;
use crate::edge::codes;
use crate::edge::topology::problem::Problem;
use crate::model::refusal::Refusal;
use serde_json::{Value, json};
use std::process::ExitCode;

/// How the program ends. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Refused = 1,
    Usage = 2,
    Unreachable = 3,
    BadConfiguration = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// What is said on standard error when a command was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub code: String,
    pub message: String,
    /// The next step; may be empty.
    pub hint: String,
    /// Everything that is wrong with a file, where that is the reason.
    pub problems: Vec<Problem>,
}

impl Failure {
    pub fn new(
        exit: Exit,
        code: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Failure {
        Failure {
            exit,
            code: code.to_string(),
            message: message.into(),
            hint: hint.into(),
            problems: Vec::new(),
        }
    }

    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, codes::USAGE, message, hint)
    }

    /// The contract of `--json`: `{"error":{"code","message","hint"}}`.
    pub fn json(&self) -> Value {
        let problem = |p: &Problem| {
            json!({
                "code": p.code,
                "file": p.file.display().to_string(),
                "key": p.key,
                "message": p.found,
                "hint": p.remedy,
            })
        };
        let Failure { code, message, hint, problems, .. } = self;
        let mut error = json!({ "code": code, "message": message, "hint": hint });
        if !problems.is_empty() {
            error["problems"] = problems.iter().map(problem).collect();
        }
        json!({ "error": error })
    }

    /// The same for people, some lines.
    pub fn text(&self) -> String {
        let mut lines = vec![format!("lictree: {} ({})", self.message, self.code)];
        // One problem is the message itself.
        let problems = self.problems.iter().filter(|_| self.problems.len() > 1);
        lines.extend(problems.map(|problem| format!("  {problem}")));
        if !self.hint.is_empty() {
            lines.push(format!("  {}", self.hint));
        }
        lines.push(format!("  more: lictree explain {}\n", self.code));
        lines.join("\n")
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Failure {
        let code = problems.first().map_or(codes::USAGE, |problem| problem.code);
        let (message, hint) = match problems.as_slice() {
            [one] => (one.sentence(), one.remedy.clone()),
            many => {
                (format!("the topology cannot be used: {} problems", many.len()), String::new())
            }
        };
        let mut failure = Failure::new(Exit::BadConfiguration, code, message, hint);
        failure.problems = problems;
        failure
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::new(Exit::Refused, &refusal.code, refusal.message, refusal.hint)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match error {
            ClientError::Refused(refusal) => refusal.into(),
            ClientError::Unable(Refusal { code, message, hint }) => {
                Failure::new(Exit::Unreachable, &code, message, hint)
            }
            ClientError::Unreachable { ref socket, ref why, .. } => {
                let message = format!("no answer from the server at {}: {why}", socket.display());
                Failure::new(Exit::Unreachable, error.code(), message, error.hint())
            }
            ClientError::Unreadable { ref socket, ref why, .. } => {
                let message = format!("the answer of {} cannot be read: {why}", socket.display());
                Failure::new(Exit::Unreachable, error.code(), message, error.hint())
            }
        }
    }
}
