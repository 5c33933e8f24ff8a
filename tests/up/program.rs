//! Runs the binary and keeps what it said.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What came of one run.
#[derive(Debug)]
pub struct Outcome {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictree"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command.env_remove("LICTREE_DATA").env_remove("CARGO_MANIFEST_DIR");
    command
}

/// Runs `lictree` with the words of `line` and waits for its end.
pub fn lictree(line: &str) -> Outcome {
    let done = command().args(line.split_whitespace()).output().unwrap();
    Outcome {
        exit: done.status.code().unwrap_or(-1),
        out: String::from_utf8(done.stdout).unwrap(),
        err: String::from_utf8(done.stderr).unwrap(),
    }
}

/// What a line answers in JSON.
#[track_caller]
pub fn json(line: &str) -> Value {
    let outcome = lictree(&format!("{line} --json"));
    assert_eq!(outcome.exit, 0, "{line}: {}", outcome.err);
    serde_json::from_str(&outcome.out).unwrap()
}

/// Does what `line` says, which must not be refused.
#[track_caller]
pub fn done(line: &str) -> Outcome {
    let outcome = lictree(line);
    assert_eq!(outcome.exit, 0, "{line}: {outcome:?}");
    outcome
}

/// The code with which `line` is refused.
#[track_caller]
pub fn refused(line: &str) -> String {
    let outcome = lictree(&format!("{line} --json"));
    assert_eq!(outcome.exit, 1, "{line}: {outcome:?}");
    code(&outcome)
}

/// The code of a failure told as JSON; its sentence and its hint must be there.
#[track_caller]
pub fn code(outcome: &Outcome) -> String {
    let told: Value = serde_json::from_str(&outcome.err)
        .unwrap_or_else(|error| panic!("{error}: {:?}", outcome.err));
    let error = &told["error"];
    assert!(error["message"].is_string() && error["hint"].is_string(), "{told}");
    error["code"].as_str().unwrap().to_string()
}

pub fn example(name: &str) -> PathBuf {
    Path::new("topology-examples").join(name)
}
