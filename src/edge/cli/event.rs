//! `lictree event`: what happened at a server, for people.

use crate::edge::cli::value;
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
    /// The newest lines of the event log, the newest last.
    List {
        /// Only what comes behind this number, the first lines of it: the `next` of the list
        /// before.
        #[arg(long, default_value_t = 0, value_name = "NUMBER", value_parser = value::count)]
        after: u64,
        /// At most this many lines.
        #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = value::some)]
        limit: usize,
    },
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let Verb::List { after, limit } = verb;
    let events = terminal.client()?.events(after, limit).await?;
    let next = events.last().map_or(after, |event| event.number);
    let list = json!({ "events": events, "next": next });
    terminal.show(&list, |_, ink| format!("{}{}", table(&events, ink), what_is_next(next)))
}

fn what_is_next(next: u64) -> String {
    format!("what comes next: lictree event list --after {next}\n")
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
