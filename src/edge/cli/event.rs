//! `lictree event`: what happened at a server, for people.

use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::view::EventView;
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Lines of the event log, oldest first.
    List {
        /// Only what comes behind this number.
        #[arg(long, default_value_t = 0, value_name = "NUMBER")]
        after: u64,
        /// At most this many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let Verb::List { after, limit } = verb;
    let events = terminal.client()?.events(after, limit).await?;
    terminal.show(&json!({ "events": events }), |_, ink| table(&events, ink))
}

fn table(events: &[EventView], ink: Ink) -> String {
    let mut table = Table::new(vec![
        ("number", Lean::Right),
        ("at", Lean::Left),
        ("kind", Lean::Left),
        ("what", Lean::Left),
    ]);
    for event in events {
        table.row(vec![
            Cell::plain(event.number),
            Cell::new(age::moment(event.at), Tone::Faint),
            Cell::plain(&event.kind),
            Cell::plain(&event.text),
        ]);
    }
    table.text(ink)
}
