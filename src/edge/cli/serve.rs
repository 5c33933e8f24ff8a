//! `lictree serve`: one server, until it is told to stop.

use crate::edge::codes;
use crate::edge::config::{self, Configuration, Problem};
use crate::edge::serve::{self, Doing, EXIT_BAD_CONFIGURATION};
use crate::edge::terminal::failure::Failure;
use crate::edge::terminal::{Form, Terminal};
use crate::model::count::counted;
use clap::Args;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The server's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Read and judge the whole configuration; bind nothing, change nothing. With `--json` as one
    /// document.
    #[arg(long)]
    check: bool,
    /// Stop when this parent process ends.
    #[arg(long = "while", value_name = "PROCESS", hide = true)]
    parent: Option<i32>,
}

pub(super) fn run(arguments: Arguments, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let Arguments { config, check, parent } = arguments;
    if check && terminal.form == Form::Json {
        return judged(&config, terminal);
    }
    if let Some(parent) = parent.and_then(Pid::from_raw) {
        // Where the system offers no such signal, the server outlives its parent.
        let _ = set_parent_process_death_signal(Some(Signal::TERM));
        // The parent may have ended before that.
        if getppid() != Some(parent) {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let doing = if check { Doing::Check } else { Doing::Serve };
    Ok(ExitCode::from(serve::serve(&config, doing)))
}

/// The same judgement as for people; one that is bad is told as every failure, on standard error.
fn judged(file: &Path, terminal: &Terminal) -> Result<ExitCode, Failure> {
    match config::load(file) {
        Ok((configuration, _)) => {
            terminal.show(&described(file, &configuration), |_, _| String::new())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            terminal.note(&format!("{}\n", told(file, &problems)));
            Ok(ExitCode::from(EXIT_BAD_CONFIGURATION))
        }
    }
}

fn described(file: &Path, configuration: &Configuration) -> Value {
    let Configuration { tree, name, role, data_dir, listen, parent, .. } = configuration;
    let parent =
        parent.as_ref().map(|above| json!({ "name": above.name, "address": above.address }));
    json!({
        "file": file.display().to_string(),
        "tree": tree,
        "name": name,
        "role": role,
        "data": data_dir.display().to_string(),
        "listen": listen.map(|address| address.to_string()),
        "parent": parent,
    })
}

/// Every problem, and the first of them as the code of the whole.
fn told(file: &Path, problems: &[Problem]) -> Value {
    let code = problems.first().map_or(codes::CONFIG_FILE, |problem| problem.code);
    let count = counted(problems.len() as u64, "problem");
    let listed = problems.iter().map(|problem| {
        json!({
            "code": problem.code,
            "file": problem.place,
            "key": problem.key,
            "message": problem.what,
            "hint": problem.remedy,
        })
    });
    let listed: Vec<Value> = listed.collect();
    let message = format!("{}: {count}", file.display());
    let hint = "correct every problem that is listed";
    json!({ "error": { "code": code, "message": message, "hint": hint, "problems": listed } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lictree.toml");
        std::fs::write(&file, "tree = \"t\"\nname = \"?\"\nlisen = 1\n").unwrap();
        let error = &told(&file, &config::load(&file).unwrap_err())["error"];
        let problems = error["problems"].as_array().unwrap();
        assert!(problems.len() > 1, "{error}");
        assert!(error["message"].as_str().unwrap().ends_with(" problems"), "{error}");
        let unknown = problems.iter().find(|problem| problem["code"] == "LT0105").unwrap();
        assert_eq!(unknown["key"], "lisen");
        assert!(unknown["file"].as_str().unwrap().ends_with("lictree.toml:3"), "{unknown}");
    }
}
