//! The program `lictree`. Everything it does is in the library, behind `edge`.

use clap::{Parser, Subcommand};
use lictree::edge::serve::{Doing, serve};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "lictree", version, about = "A license server for organisations with many sites")]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a server
    Serve {
        /// Its configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Judge the configuration and the identity; start nothing
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let Verb::Serve { config, check } = Line::parse().verb;
    let doing = if check { Doing::Check } else { Doing::Serve };
    ExitCode::from(serve(&config, doing))
}
