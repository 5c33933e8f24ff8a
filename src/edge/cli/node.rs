//! `lictree node`: the machines that scans and imports found, and what becomes of them.

use crate::client::Client;
use crate::client::contract::{ImportFormat, ImportOutcome};
use crate::edge::cli::license::read_bytes;
use crate::edge::discovered::{NODES_PER_REQUEST_MAX, first_discovered};
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::import::ImportLimits;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::device::{DeviceId, DeviceState};
use crate::model::name::{ProductName, ServerName};
use crate::model::request::{DeviceOutcome, NodeFilter};
use crate::model::view::{NodePage, NodeView};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Nodes by managing source, state and text, page by page.
    List(Filter),
    /// One node.
    Show { id: DeviceId },
    /// Let nodes use a license each. Name them, or say how many of which server.
    Manage(Manage),
    /// Set nodes aside; they use no license and no scan brings them back.
    Ignore {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<DeviceId>,
    },
    /// Forget nodes that are ignored or discovered.
    Delete {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<DeviceId>,
        /// Do it without a question.
        #[arg(long)]
        yes: bool,
    },
    /// Take in the machines of a list: `nmap -oX`, or tables of ARP.
    Import {
        file: PathBuf,
        /// `auto`, `nmap` or `arp`.
        #[arg(long, default_value = "auto")]
        format: ImportFormat,
    },
}

#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only of these servers.
    #[arg(long, value_delimiter = ',', value_name = "SERVER,…")]
    managing_source: Vec<ServerName>,
    /// `discovered`, `managed` or `ignored`.
    #[arg(long, value_parser = state)]
    state: Option<DeviceState>,
    /// Only with this in the host name or an address.
    #[arg(long)]
    text: Option<String>,
    /// Only what comes behind this node: the `next` of the page before.
    #[arg(long, value_name = "ID")]
    after: Option<DeviceId>,
    /// Nodes on a page.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

#[derive(Debug, Args)]
pub(super) struct Manage {
    #[arg(value_name = "ID", required_unless_present = "count")]
    ids: Vec<DeviceId>,
    /// For which product; may be left out where there is one.
    #[arg(long)]
    product: Option<ProductName>,
    /// Instead of ids: the first discovered nodes of this server …
    #[arg(long, value_name = "SERVER", requires = "count", conflicts_with = "ids")]
    managing_source: Option<ServerName>,
    /// … and how many of them.
    #[arg(long, requires = "managing_source")]
    count: Option<usize>,
}

fn state(text: &str) -> Result<DeviceState, String> {
    match text {
        "discovered" => Ok(DeviceState::Discovered),
        "managed" => Ok(DeviceState::Managed),
        "ignored" => Ok(DeviceState::Ignored),
        _ => Err("there are `discovered`, `managed` and `ignored`".to_string()),
    }
}

fn state_word(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Discovered => "discovered",
        DeviceState::Managed => "managed",
        DeviceState::Ignored => "ignored",
    }
}

fn state_cell(state: DeviceState) -> Cell {
    let tone = match state {
        DeviceState::Discovered => Tone::Plain,
        DeviceState::Managed => Tone::Good,
        DeviceState::Ignored => Tone::Faint,
    };
    Cell::new(state_word(state), tone)
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let client = terminal.client()?;
    match verb {
        Verb::List(filter) => {
            let page = client.nodes(&filter.into()).await?;
            terminal.show(&page, page_text)
        }
        Verb::Show { id } => terminal.show(&client.node(&id).await?, node_text),
        Verb::Manage(manage) => manage_nodes(&client, manage, terminal).await,
        Verb::Ignore { ids } => show_outcomes(client.ignore(ids).await?, terminal),
        Verb::Delete { ids, yes } => {
            if !yes {
                terminal.agree(&format!("forget {} nodes?", ids.len()))?;
            }
            show_outcomes(client.delete(ids).await?, terminal)
        }
        Verb::Import { file, format } => {
            let bytes = read_bytes(&file, ImportLimits::default().bytes_max)?;
            terminal.show(&client.import(format, bytes).await?, import_text)
        }
    }
}

impl From<Filter> for NodeFilter {
    fn from(filter: Filter) -> NodeFilter {
        let Filter { managing_source, state, text, after, limit } = filter;
        NodeFilter { managing_sources: managing_source, state, text, after, limit }
    }
}

async fn manage_nodes(client: &Client, manage: Manage, terminal: &Terminal) -> Result<(), Failure> {
    let Manage { ids, product, managing_source, count } = manage;
    let ids = match (managing_source, count) {
        (Some(source), Some(count)) => first_discovered(client, source, count).await?,
        _ => ids,
    };
    let mut outcomes = Vec::new();
    for some in ids.chunks(NODES_PER_REQUEST_MAX) {
        outcomes.extend(client.manage(some.to_vec(), product.clone()).await?);
    }
    show_outcomes(outcomes, terminal)
}

/// Shows what became of each, and fails if any did not become what was asked for.
fn show_outcomes(outcomes: Vec<DeviceOutcome>, terminal: &Terminal) -> Result<(), Failure> {
    terminal.show(&json!({ "devices": outcomes }), |_, ink| outcomes_text(&outcomes, ink))?;
    let refused: Vec<&DeviceOutcome> = outcomes.iter().filter(|o| o.refusal.is_some()).collect();
    let Some(first) = refused.first() else { return Ok(()) };
    let Some(refusal) = first.refusal.clone() else { return Ok(()) };
    let mut failure = Failure::from(refusal);
    if refused.len() > 1 {
        let (some, all) = (refused.len(), outcomes.len());
        failure.message = format!("{some} of {all} nodes: {}", failure.message);
    }
    Err(failure)
}

fn outcomes_text(outcomes: &[DeviceOutcome], ink: Ink) -> String {
    let mut table =
        Table::new(vec![("node", Lean::Left), ("state", Lean::Left), ("refused", Lean::Left)]);
    for outcome in outcomes {
        let why = outcome.refusal.as_ref().map_or(String::new(), |refusal| refusal.to_string());
        let why = Cell::new(why, Tone::Bad);
        let state = outcome.state.map_or(Cell::new("deleted", Tone::Faint), state_cell);
        table.row(vec![Cell::plain(&outcome.id), state, why]);
    }
    table.text(ink)
}

fn page_text(page: &NodePage, ink: Ink) -> String {
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
            waiting_cell(node),
            Cell::plain(node.host_name.as_deref().unwrap_or_default()),
            Cell::plain(addresses(node)),
            Cell::plain(node.mac.as_deref().unwrap_or_default()),
            Cell::plain(node.product.as_ref().map_or("", |product| product.as_str())),
            Cell::new(age::ago(page.as_of, Some(node.last_seen)), Tone::Faint),
        ]);
    }
    let more = page.next.as_ref().map_or(String::new(), |next| format!("; more: --after {next}"));
    format!("{}{} of {} nodes{more}\n", table.text(ink), page.nodes.len(), page.total)
}

/// The first address, and how many more there are.
fn addresses(node: &NodeView) -> String {
    match node.addresses.as_slice() {
        [] => String::new(),
        [one] => one.to_string(),
        [first, more @ ..] => format!("{first} and {} more", more.len()),
    }
}

fn waiting_cell(node: &NodeView) -> Cell {
    match node.waiting.as_deref() {
        Some("manage") => Cell::new("discovered, asked for", Tone::Notable),
        Some(_) => Cell::new("giving its license back", Tone::Notable),
        None => state_cell(node.state),
    }
}

fn node_text(node: &NodeView, _: Ink) -> String {
    let list: Vec<String> = node.addresses.iter().map(|address| address.to_string()).collect();
    let rows = [
        ("node", node.id.to_string()),
        ("managing source", node.managing_source.to_string()),
        ("product", node.product.as_ref().map_or(String::new(), |p| p.to_string())),
        ("host name", node.host_name.clone().unwrap_or_default()),
        ("addresses", list.join(", ")),
        ("mac", node.mac.clone().unwrap_or_default()),
        ("first seen", age::moment(node.first_seen)),
        ("last seen", age::moment(node.last_seen)),
    ];
    let lines = rows
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(title, value)| format!("{title:<16} {value}\n"));
    let state = match &node.waiting {
        Some(what) => format!("{} ({what} asked for)", state_word(node.state)),
        None => state_word(node.state).to_string(),
    };
    format!("{}{:<16} {state}\n", lines.collect::<String>(), "state")
}

fn import_text(outcome: &ImportOutcome, _: Ink) -> String {
    let ImportOutcome { format, rows, new, known, skipped_total, skipped, names_refused } = outcome;
    let mut text = format!("{new} new nodes, {known} known ({rows} rows read as {format})\n");
    if *skipped_total > 0 {
        text.push_str(&format!("{skipped_total} rows left out:\n"));
        let line = |row: &crate::client::contract::SkippedRow| {
            format!("  line {}: {}\n", row.line, row.reason)
        };
        text.extend(skipped.iter().map(line));
    }
    if *names_refused > 0 {
        text.push_str(&format!("{names_refused} host names left out: not plain, or too long\n"));
    }
    text
}
