//! `lictree up`: a whole tree on this machine.

use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::edge::up::{Then, Up, up};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder with topology.toml.
    dir: PathBuf,
    /// Compare the tree with the folder's expected.txt, stop, and exit with 0 or 1.
    #[arg(long)]
    verify: bool,
    /// How long each step of the start may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    patience: u64,
}

pub(super) async fn run(arguments: Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let Arguments { dir, verify, patience } = arguments;
    let wanted = Up {
        example: dir,
        data: terminal.data.clone(),
        then: if verify { Then::Verify } else { Then::Show },
        patience: Duration::from_secs(patience),
    };
    up(&wanted, terminal).await
}
