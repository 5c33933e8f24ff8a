//! `lictree serve`: one server, until it is told to stop.

use crate::edge::serve::{self, Doing};
use clap::Args;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The server's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Read and judge the whole configuration; bind nothing, change nothing.
    #[arg(long)]
    check: bool,
    /// Stop when this parent process ends.
    #[arg(long = "while", value_name = "PROCESS", hide = true)]
    parent: Option<i32>,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let Arguments { config, check, parent } = arguments;
    if let Some(parent) = parent.and_then(Pid::from_raw) {
        // Where the system offers no such signal, the server outlives its parent.
        let _ = set_parent_process_death_signal(Some(Signal::TERM));
        // The parent may have ended before that.
        if getppid() != Some(parent) {
            return ExitCode::SUCCESS;
        }
    }
    let doing = if check { Doing::Check } else { Doing::Serve };
    ExitCode::from(serve::serve(&config, doing))
}
