//! `lictree range`: held, used and remaining of every range of shared licenses, and what they lack.

use crate::client::contract::{LackingRange, LackingView};
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::draw::tree;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::name::ServerName;
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// All ranges at the primary; its own at a sharing source.
    List,
    /// The range of one sharing source, with all its destinations.
    Show {
        /// The server whose licenses the range shares.
        source: ServerName,
    },
    /// How many licenses are lacking to manage all that was discovered.
    Lacking(Lacking),
}

#[derive(Debug, Args)]
pub(super) struct Lacking {
    /// Only the range of this sharing source.
    source: Option<ServerName>,
    /// A line for each server that discovered something.
    #[arg(long, value_enum)]
    by: Option<By>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    ManagingSource,
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let client = terminal.client()?;
    match verb {
        Verb::List => terminal.show(&client.ranges().await?, tree::ranges),
        Verb::Show { source } => terminal.show(&client.range(&source).await?, tree::ranges_whole),
        Verb::Lacking(Lacking { source, by }) => {
            let view = client.lacking(source.as_ref()).await?;
            match by {
                None => terminal.show(&view, lacking_text),
                Some(By::ManagingSource) => terminal.show(&view, sources_text),
            }
        }
    }
}

fn lacking_text(view: &LackingView, ink: Ink) -> String {
    let mut table = Table::new(vec![
        ("product", Lean::Left),
        ("range", Lean::Left),
        ("discovered", Lean::Right),
        ("known otherwise", Lean::Right),
        ("remaining", Lean::Right),
        ("lacking", Lean::Right),
    ]);
    for range in &view.ranges {
        let LackingRange { product, source, discovered, duplicates, remaining, lacking, .. } =
            range;
        table.row(vec![
            Cell::plain(product),
            Cell::plain(source),
            Cell::plain(discovered),
            Cell::plain(duplicates),
            Cell::plain(remaining),
            lacking_cell(*lacking),
        ]);
    }
    if view.ranges.len() > 1 {
        let mut row = vec![Cell::new("in all", Tone::Strong)];
        row.extend((0..4).map(|_| Cell::empty()));
        row.push(lacking_cell(view.lacking));
        table.row(row);
    }
    table.text(ink)
}

fn lacking_cell(lacking: u64) -> Cell {
    Cell::new(lacking, if lacking > 0 { Tone::Bad } else { Tone::Plain })
}

fn sources_text(view: &LackingView, ink: Ink) -> String {
    let mut table = Table::new(vec![
        ("product", Lean::Left),
        ("range", Lean::Left),
        ("managing source", Lean::Left),
        ("discovered", Lean::Right),
    ]);
    for range in &view.ranges {
        for source in &range.by {
            table.row(vec![
                Cell::plain(&range.product),
                Cell::plain(&range.source),
                Cell::plain(&source.managing_source),
                Cell::plain(source.discovered),
            ]);
        }
    }
    format!("{}\n{}", table.text(ink), lacking_text(view, ink))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::contract::LackingSource;
    use crate::model::count::LicenseCount;
    use crate::model::time::Timestamp;

    fn range(source: &str, discovered: u64, remaining: u64, lacking: u64) -> LackingRange {
        let by = LackingSource { managing_source: source.parse().unwrap(), discovered };
        LackingRange {
            product: "cad".parse().unwrap(),
            source: source.parse().unwrap(),
            discovered,
            duplicates: 0,
            remaining: LicenseCount(remaining),
            lacking,
            by: vec![by],
        }
    }

    #[test]
    fn what_is_lacking_stands_at_the_end_of_each_range_and_of_all() {
        let ranges = vec![range("hq", 3, 9, 0), range("west", 8, 2, 6)];
        let view = LackingView { as_of: Timestamp(0), ranges, lacking: 6 };
        let expected = "\
product  range  discovered  known otherwise  remaining  lacking
cad      hq              3                0          9        0
cad      west            8                0          2        6
in all                                                        6
";
        assert_eq!(lacking_text(&view, Ink::Plain), expected);
        let by = sources_text(&view, Ink::Plain);
        assert!(by.contains("cad      west   west                      8"), "{by}");
        assert!(by.ends_with(expected), "{by}");
    }
}
