//! `lictree node list`: a page, all of them, their number, or a file for a spreadsheet.

use super::{addresses, state, state_or_waiting, state_word};
use crate::client::Client;
use crate::edge::cli::value;
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::count::counted;
use crate::model::device::DeviceState;
use crate::model::name::ServerName;
use crate::model::node_query::{NodeCursor, NodeFilter, NodeQuery, NodeSort};
use crate::model::time::Timestamp;
use crate::model::view::{NodePage, NodeTotal, NodeView};
use clap::Args;

/// Nodes asked for at once where all are listed.
const CSV_PAGE: usize = 1_000;

#[derive(Debug, Args)]
pub(in crate::edge::cli) struct List {
    #[command(flatten)]
    filter: Filter,
    /// By `id`, `last-seen` (newest first), `name` or `address`.
    #[arg(long, default_value = "id", value_name = "ORDER")]
    sort: NodeSort,
    /// Only what comes behind this place: the `next` of the page before, or a node's id.
    #[arg(long, value_name = "PLACE")]
    after: Option<NodeCursor>,
    /// Nodes on a page.
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = value::some)]
    limit: usize,
    /// Only how many there are.
    #[arg(long, conflicts_with_all = ["after", "csv"])]
    count: bool,
    /// All pages, as comma-separated values with a line of titles.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Which nodes.
#[derive(Debug, Args)]
pub(in crate::edge::cli) struct Filter {
    /// Only of these servers.
    #[arg(long, value_delimiter = ',', value_name = "SERVER,…")]
    managing_source: Vec<ServerName>,
    /// `discovered`, `managed` or `ignored`; all of them when left out.
    #[arg(long, value_parser = one_state)]
    state: Option<DeviceState>,
    /// Only with this in the host name, an address or the MAC, however a MAC is spelled.
    #[arg(long)]
    text: Option<String>,
    /// Only what was seen since then: 7d, 12h, 30m, 2026-01-31 or 2026-01-31T00:00:00Z.
    #[arg(long, value_name = "MOMENT", value_parser = value::ago)]
    seen_since: Option<Timestamp>,
    /// Only what was not seen since then.
    #[arg(long, value_name = "MOMENT", value_parser = value::ago)]
    seen_before: Option<Timestamp>,
}

impl From<Filter> for NodeFilter {
    fn from(filter: Filter) -> NodeFilter {
        let Filter { managing_source, state, text, seen_since, seen_before } = filter;
        NodeFilter { managing_sources: managing_source, state, text, seen_since, seen_before }
    }
}

fn one_state(text: &str) -> Result<DeviceState, String> {
    state(text).map_err(|told| format!("{told}: one of them, or leave it out for all"))
}

pub(super) async fn run(client: &Client, list: List, terminal: &Terminal) -> Result<(), Failure> {
    let List { filter, sort, after, limit, count, csv } = list;
    let filter = NodeFilter::from(filter);
    if count {
        let total = NodeTotal { count: client.count_nodes(&filter).await? };
        return terminal.show(&total, |total, _| format!("{}\n", total.count));
    }
    let query = NodeQuery { filter, sort, after, limit };
    match csv {
        true => write_all(client, query, terminal).await,
        false => terminal.show(&client.counted_nodes(&query).await?, page_text),
    }
}

/// Page by page, so that a million nodes need no more memory than a page.
async fn write_all(
    client: &Client,
    mut query: NodeQuery,
    terminal: &Terminal,
) -> Result<(), Failure> {
    terminal.print(
        "node,managing_source,state,waiting,product,host_name,addresses,mac,first_seen,last_seen\n",
    )?;
    query.limit = CSV_PAGE;
    loop {
        let page = client.nodes(&query).await?;
        let lines: String = page.nodes.iter().map(csv_line).collect();
        terminal.print(&lines)?;
        query.after = page.next;
        if query.after.is_none() {
            return Ok(());
        }
    }
}

/// Nothing in a value needs quotes: names, addresses and moments hold no comma, quote or line end,
/// and none begins like a formula.
fn csv_line(node: &NodeView) -> String {
    let addresses: Vec<String> = node.addresses.iter().map(|one| one.to_string()).collect();
    let values = [
        node.id.to_string(),
        node.managing_source.to_string(),
        state_word(node.state).to_string(),
        node.waiting.clone().unwrap_or_default(),
        node.product.as_ref().map_or(String::new(), |product| product.to_string()),
        node.host_name.as_deref().map_or(String::new(), inert),
        addresses.join(" "),
        node.mac.clone().unwrap_or_default(),
        node.first_seen.calendar().to_string(),
        node.last_seen.calendar().to_string(),
    ];
    values.join(",") + "\n"
}

/// A host name as a spreadsheet takes it for text: one that begins with a sign is no formula.
fn inert(name: &str) -> String {
    let plain: String = name.chars().filter(|c| !",\"\r\n".contains(*c)).collect();
    match plain.chars().next() {
        Some(first) if !first.is_alphanumeric() => format!("'{plain}"),
        _ => plain,
    }
}

pub(super) fn page_text(page: &NodePage, ink: Ink) -> String {
    let mut table = Table::new(vec![
        ("node", Lean::Left),
        ("state", Lean::Left),
        ("host name", Lean::Left),
        ("address", Lean::Left),
        ("mac", Lean::Left),
        ("product", Lean::Left),
        ("last seen", Lean::Left),
    ]);
    for node in &page.nodes {
        table.row(vec![
            Cell::plain(&node.id),
            state_or_waiting(node),
            Cell::plain(node.host_name.as_deref().unwrap_or_default()),
            Cell::plain(addresses(node)),
            Cell::plain(node.mac.as_deref().unwrap_or_default()),
            Cell::plain(node.product.as_ref().map_or("", |product| product.as_str())),
            Cell::new(age::ago(page.as_of, Some(node.last_seen)), Tone::Faint),
        ]);
    }
    let more = page.next.as_ref().map_or(String::new(), |next| format!("; more: --after {next}"));
    let shown = page.nodes.len() as u64;
    let of = page
        .total
        .map_or(counted(shown, "node"), |total| format!("{shown} of {}", counted(total, "node")));
    format!("{}{of}{more}\n", table.text(ink))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_states_at_once_are_told_what_there_is() {
        assert_eq!(one_state("managed"), Ok(DeviceState::Managed));
        let told = one_state("managed,ignored").unwrap_err();
        assert!(told.contains("`discovered`, `managed` or `ignored`"), "{told}");
        assert!(told.contains("one of them, or leave it out for all"), "{told}");
    }

    #[test]
    fn a_name_is_no_formula_and_no_second_column() {
        assert_eq!(inert("press-7.example"), "press-7.example");
        assert_eq!(inert("-1,2"), "'-12");
        assert_eq!(inert("=cmd"), "'=cmd");
    }
}
