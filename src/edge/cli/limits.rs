//! `lictree limits`: what this server allows, how much of it is in use, and who takes it.

use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::view::{LimitView, LimitsView, NeighbourView};
use clap::Subcommand;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Limits that fill up, those that the configuration changes, and each neighbour's share.
    Show {
        /// Every limit there is.
        #[arg(long)]
        all: bool,
    },
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let Verb::Show { all } = verb;
    let view = terminal.client()?.limits().await?;
    terminal.show(&view, |view, ink| text(view, all, ink))
}

/// From this share of a limit on a person should look.
const NEARLY_FULL: f64 = 0.8;
const BAR_WIDTH: usize = 10;

fn text(view: &LimitsView, all: bool, ink: Ink) -> String {
    let shown: Vec<&LimitView> = view.limits.iter().filter(|limit| all || tells(limit)).collect();
    let left_out = view.limits.len() - shown.len();
    let mut text = limits(&shown).text(ink);
    if left_out > 0 {
        text.push_str(&format!("{left_out} more at their defaults: lictree limits show --all\n"));
    }
    if !view.neighbours.is_empty() {
        text.push_str(&format!("\n{}", neighbours(&view.neighbours).text(ink)));
    }
    text
}

fn tells(limit: &LimitView) -> bool {
    limit.in_use.is_some() || limit.limit != limit.default
}

fn limits(shown: &[&LimitView]) -> Table {
    let mut table = Table::new(vec![
        ("limit", Lean::Left),
        ("in use", Lean::Right),
        ("of", Lean::Right),
        ("", Lean::Left),
        ("default", Lean::Right),
    ]);
    for limit in shown {
        let share = limit.in_use.map(|in_use| in_use as f64 / limit.limit.max(1) as f64);
        // The log is meant to be full.
        let tone = match share {
            Some(share) if share >= NEARLY_FULL && !limit.name.ends_with("events_kept") => {
                Tone::Bad
            }
            _ => Tone::Plain,
        };
        let changed = limit.limit != limit.default;
        table.row(vec![
            Cell::plain(&limit.name),
            limit.in_use.map_or(Cell::empty(), |in_use| Cell::new(in_use, tone)),
            Cell::plain(limit.limit),
            Cell::new(share.map_or(String::new(), bar), tone),
            if changed { Cell::new(limit.default, Tone::Notable) } else { Cell::empty() },
        ]);
    }
    table
}

/// A share as a bar; anything at all is seen.
fn bar(share: f64) -> String {
    let full = (share * BAR_WIDTH as f64).ceil().clamp(0.0, BAR_WIDTH as f64) as usize;
    format!("{}{}", "█".repeat(full), "·".repeat(BAR_WIDTH - full))
}

fn neighbours(all: &[NeighbourView]) -> Table {
    let mut table = Table::new(vec![
        ("neighbour", Lean::Left),
        ("side", Lean::Left),
        ("address", Lean::Left),
        ("waits to be sent", Lean::Right),
        ("held up", Lean::Right),
        ("for", Lean::Right),
        ("connections refused", Lean::Right),
    ]);
    for one in all {
        let tone = if one.held_up > 0 { Tone::Notable } else { Tone::Plain };
        let for_length = match one.held_up {
            0 => Cell::empty(),
            _ => Cell::new(age::length(Duration::from_millis(one.held_up_ms)), tone),
        };
        table.row(vec![
            Cell::plain(&one.name),
            Cell::plain(&one.side),
            Cell::plain(&one.address),
            Cell::plain(format!("{} B", one.queued_bytes)),
            Cell::new(one.held_up, tone),
            for_length,
            Cell::plain(one.connections_refused),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    fn limit(name: &str, limit: u64, default: u64, in_use: Option<u64>) -> LimitView {
        LimitView { name: name.to_string(), limit, default, in_use }
    }

    fn view() -> LimitsView {
        LimitsView {
            as_of: Timestamp(0),
            limits: vec![
                limit("limits.servers_max", 100, 100, Some(3)),
                limit("limits.report_rows_max", 256, 256, None),
                limit("limits.pack_parts_max", 7, 10_000, None),
                limit("limits.events_kept", 10, 10, Some(10)),
            ],
            neighbours: vec![NeighbourView {
                name: "west".parse().unwrap(),
                side: "child".to_string(),
                address: "192.0.2.7:4747".to_string(),
                queued_frames: 1,
                queued_bytes: 77,
                held_up: 2,
                held_up_ms: 90_000,
                connections_refused: 0,
            }],
        }
    }

    #[test]
    fn what_fills_up_or_was_changed_is_shown_and_the_rest_on_demand() {
        let shown = text(&view(), false, Ink::Plain);
        assert!(shown.contains("limits.servers_max") && shown.contains("█·········"), "{shown}");
        assert!(shown.contains("limits.pack_parts_max") && shown.contains("10000"), "{shown}");
        assert!(!shown.contains("report_rows_max"), "{shown}");
        assert!(shown.contains("1 more at their defaults"), "{shown}");
        let west = shown.lines().find(|line| line.starts_with("west")).unwrap();
        assert!(west.contains("77 B") && west.contains("90 s"), "{west}");
        let all = text(&view(), true, Ink::Plain);
        assert!(all.contains("report_rows_max") && !all.contains("more at"), "{all}");
    }

    #[test]
    fn a_bar_shows_anything_at_all() {
        assert_eq!(
            [0.0, 0.001, 0.5, 1.0, 9.0].map(|share| bar(share).matches('█').count()),
            [0, 1, 5, 10, 10]
        );
    }
}
