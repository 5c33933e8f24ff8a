//! `lictree range`: held, used and remaining of every range of shared licenses.

use crate::edge::draw::tree;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::name::ServerName;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// All ranges at the primary; its own at a sharing source.
    List,
    /// The range of one sharing source, with all its destinations.
    Show {
        /// The server whose licenses the range shares.
        source: ServerName,
    },
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let client = terminal.client()?;
    match verb {
        Verb::List => terminal.show(&client.ranges().await?, tree::ranges),
        Verb::Show { source } => terminal.show(&client.range(&source).await?, tree::ranges_whole),
    }
}
