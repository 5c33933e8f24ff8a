//! `lictree node`: the machines that scans and imports found, and what becomes of them.

mod duplicates;
mod forget;
mod list;
mod merge;
mod moving;

use crate::client::contract::{ImportFormat, ImportOutcome};
use crate::client::{Client, ClientError};
use crate::edge::cli::license::read_bytes;
use crate::edge::cli::value;
use crate::edge::discovered::{NODES_PER_REQUEST_MAX, first_discovered};
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::import::ImportLimits;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::count::counted;
use crate::model::device::{DeviceId, DeviceState, StateChange};
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::request::DeviceOutcome;
use crate::model::view::NodeView;
use clap::{Args, Subcommand};
use duplicates::Duplicates;
use list::List;
use serde_json::json;
use std::path::PathBuf;

/// Lines named of host names that were left out.
const NAMES_SHOWN: usize = 20;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Nodes by managing source, state, text and when they were seen, page by page.
    List(List),
    /// Nodes that are likely one machine: the same MAC, host name or address.
    Duplicates(Duplicates),
    /// One node.
    Show {
        /// As `node list` shows it, such as d:17.
        id: DeviceId,
    },
    /// Let nodes use a license each. Name them, or say how many of which server.
    Manage(Manage),
    /// Set nodes aside; they use no license and no scan brings them back.
    Ignore {
        /// As `node list` shows them, such as d:17.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<DeviceId>,
    },
    /// Forget nodes. The licenses of managed ones come free; what a scan finds again is new.
    Delete {
        /// As `node list` shows them, such as d:17.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<DeviceId>,
        /// Do it without a question.
        #[arg(long)]
        yes: bool,
    },
    /// Make one node of several that are one machine. All must be of the same server.
    Merge(merge::Merge),
    /// Let a managed node go to another server: it is given up here once that manages it.
    Move(moving::Move),
    /// Forget the nodes of this server that were not seen for long.
    Forget(forget::Forget),
    /// Take in the machines of a list: a scan, a table of neighbours, an export.
    Import {
        /// The list; `-` reads it from standard input.
        file: PathBuf,
        /// `nmap-xml`, `arp`, `ip-neigh`, `cdp`, `lldp`, `csv`; `auto` looks at its first lines.
        #[arg(long, default_value = "auto")]
        format: ImportFormat,
    },
}

#[derive(Debug, Args)]
pub(super) struct Manage {
    /// As `node list` shows them, such as d:17.
    #[arg(value_name = "ID", required_unless_present = "count")]
    ids: Vec<DeviceId>,
    /// For which product; may be left out where there is one.
    #[arg(long)]
    product: Option<ProductName>,
    /// Instead of ids: the first discovered nodes of this server …
    #[arg(long, value_name = "SERVER", requires = "count", conflicts_with = "ids")]
    managing_source: Option<ServerName>,
    /// … and how many of them.
    #[arg(long, requires = "managing_source", value_parser = value::some)]
    count: Option<usize>,
}

fn state(text: &str) -> Result<DeviceState, String> {
    match text {
        "discovered" => Ok(DeviceState::Discovered),
        "managed" => Ok(DeviceState::Managed),
        "ignored" => Ok(DeviceState::Ignored),
        _ => Err("write `discovered`, `managed` or `ignored`".to_string()),
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
        Verb::List(list) => list::run(&client, list, terminal).await,
        Verb::Duplicates(asked) => duplicates::run(asked, &client, terminal).await,
        Verb::Show { id } => terminal.show(&client.node(&id).await?, node_text),
        Verb::Manage(manage) => manage_nodes(&client, manage, terminal).await,
        Verb::Ignore { ids } => {
            let outcomes = client.ignore(ids.clone()).await;
            show_done(outcomes, &client, Vec::new(), &ids, terminal).await
        }
        Verb::Delete { ids, yes } => {
            if !yes {
                terminal.agree(&forgetting(&client, &ids).await?)?;
            }
            let outcomes = client.delete(ids.clone()).await;
            show_done(outcomes, &client, Vec::new(), &ids, terminal).await
        }
        Verb::Merge(merge) => merge::run(merge, &client, terminal).await,
        Verb::Move(asked) => moving::run(asked, &client, terminal).await,
        Verb::Forget(forget) => forget::run(forget, &client, terminal).await,
        Verb::Import { file, format } => {
            let bytes = read_bytes(&file, ImportLimits::default().bytes_max)?;
            terminal.show(&client.import(format, bytes).await?, import_text)
        }
    }
}

/// The question before nodes are deleted, with what it costs.
async fn forgetting(client: &Client, ids: &[DeviceId]) -> Result<String, Failure> {
    let mut managed = 0;
    for id in ids {
        managed += u64::from(client.node(id).await?.state == DeviceState::Managed);
    }
    Ok(forget_question(ids.len() as u64, managed))
}

fn forget_question(nodes: u64, managed: u64) -> String {
    let frees = format!("That frees {}.", counted(managed, "license"));
    match managed {
        0 => format!("forget {}?", counted(nodes, "node")),
        all if all == nodes => format!("forget {}? {frees}", counted(all, "managed node")),
        some => format!("forget {}, {some} of them managed? {frees}", counted(nodes, "node")),
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
        match client.manage(some.to_vec(), product.clone()).await {
            Ok(more) => outcomes.extend(more),
            Err(error) => {
                let rest = ids.get(outcomes.len()..).unwrap_or_default();
                return show_done(Err(error), client, outcomes, rest, terminal).await;
            }
        }
    }
    show_outcomes(outcomes, terminal)
}

/// Shows what became of each node. A request that is refused because of one of its nodes changed
/// none of them: those of earlier requests are `done`, the `rest` is as it was.
async fn show_done(
    answer: Result<Vec<DeviceOutcome>, ClientError>,
    client: &Client,
    done: Vec<DeviceOutcome>,
    rest: &[DeviceId],
    terminal: &Terminal,
) -> Result<(), Failure> {
    let refusal = match answer {
        Ok(outcomes) => return show_outcomes(outcomes, terminal),
        Err(ClientError::Refused(refusal)) if done.len() + rest.len() > 1 => refusal,
        Err(error) => return Err(error.into()),
    };
    let mut outcomes = done;
    let before = outcomes.len();
    for id in rest.iter().take(NODES_PER_REQUEST_MAX) {
        outcomes.push(as_it_was(client, id, &refusal).await?);
    }
    terminal.show(&json!({ "devices": outcomes }), |_, ink| outcomes_text(&outcomes, ink))?;
    let mut failure = Failure::from(refusal);
    failure.message.push_str(&untouched(before as u64, rest.len() as u64));
    Err(failure)
}

/// A node of a request that was refused: its state, and why it is still that.
async fn as_it_was(
    client: &Client,
    id: &DeviceId,
    refusal: &Refusal,
) -> Result<DeviceOutcome, Failure> {
    let (state, refusal) = match client.node(id).await {
        Ok(node) => {
            let message = format!("nothing was done, because: {}", refusal.message);
            let refusal = Refusal::new(&refusal.code, message, refusal.hint.clone());
            (Some(node.state), refusal)
        }
        Err(ClientError::Refused(unknown)) => (None, unknown),
        Err(error) => return Err(error.into()),
    };
    Ok(DeviceOutcome { id: id.clone(), state, refusal: Some(refusal) })
}

/// The end of the sentence that says why a request was refused.
fn untouched(done: u64, rest: u64) -> String {
    match done {
        0 => format!("; nothing was done for any of the {}", counted(rest, "node")),
        _ => format!("; {} before it were done, {rest} were not", counted(done, "node")),
    }
}

/// Shows what became of each, and fails if any did not become what was asked for.
fn show_outcomes(outcomes: Vec<DeviceOutcome>, terminal: &Terminal) -> Result<(), Failure> {
    terminal.show(&json!({ "devices": outcomes }), |_, ink| outcomes_text(&outcomes, ink))?;
    let refused: Vec<&DeviceOutcome> = outcomes.iter().filter(|o| o.refusal.is_some()).collect();
    let Some(first) = refused.first() else { return Ok(()) };
    let Some(refusal) = first.refusal.clone() else { return Ok(()) };
    let mut failure = Failure::from(refusal);
    if refused.len() > 1 {
        let (some, all) = (refused.len(), counted(outcomes.len() as u64, "node"));
        failure.message = format!("{some} of {all}: {}", failure.message);
    }
    Err(failure)
}

fn outcomes_text(outcomes: &[DeviceOutcome], ink: Ink) -> String {
    let mut columns = vec![("node", Lean::Left), ("state", Lean::Left)];
    if outcomes.iter().any(|outcome| outcome.refusal.is_some()) {
        columns.push(("refused", Lean::Left));
    }
    let mut table = Table::new(columns);
    for outcome in outcomes {
        let why = outcome.refusal.as_ref().map_or(String::new(), |refusal| refusal.to_string());
        let why = Cell::new(why, Tone::Bad);
        let gone = if outcome.refusal.is_some() { "not known" } else { "deleted" };
        let state = outcome.state.map_or(Cell::new(gone, Tone::Faint), state_cell);
        table.row(vec![Cell::plain(&outcome.id), state, why]);
    }
    table.text(ink)
}

/// The first address, and how many more there are.
fn addresses(node: &NodeView) -> String {
    match node.addresses.as_slice() {
        [] => String::new(),
        [one] => one.to_string(),
        [first, more @ ..] => format!("{first} and {} more", more.len()),
    }
}

/// The state, and what was asked for and has no answer yet.
fn state_or_waiting(node: &NodeView) -> Cell {
    let state = state_word(node.state);
    match node.waiting.as_deref() {
        Some("manage") => Cell::new(format!("{state}, license asked for"), Tone::Notable),
        Some("release") => Cell::new(format!("{state}, license on its way back"), Tone::Notable),
        Some(moving) => Cell::new(format!("{state}, waits to {moving}"), Tone::Notable),
        None => state_cell(node.state),
    }
}

fn node_text(node: &NodeView, ink: Ink) -> String {
    let list: Vec<String> = node.addresses.iter().map(|address| address.to_string()).collect();
    let rows = [
        ("node", node.id.to_string()),
        ("state", state_or_waiting(node).text(ink)),
        ("managing source", node.managing_source.to_string()),
        ("product", node.product.as_ref().map_or(String::new(), |p| p.to_string())),
        ("host name", node.host_name.clone().unwrap_or_default()),
        ("addresses", list.join(", ")),
        ("mac", node.mac.clone().unwrap_or_default()),
        ("other macs", node.other_macs.join(", ")),
        ("first seen", age::moment(node.first_seen)),
        ("last seen", age::moment(node.last_seen)),
        ("states", history(node)),
    ];
    let lines = rows
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(title, value)| format!("{title:<16} {value}\n"));
    lines.collect()
}

/// What it was when: a line a change, under the first.
fn history(node: &NodeView) -> String {
    let line = |change: &StateChange| {
        format!("{} from {}", state_word(change.state), age::moment(change.at))
    };
    let lines: Vec<String> = node.history.iter().map(line).collect();
    lines.join(&format!("\n{:<17}", ""))
}

fn import_text(outcome: &ImportOutcome, _: Ink) -> String {
    let ImportOutcome { format, rows, new, known, skipped_total, skipped, .. } = outcome;
    let (new, rows) = (counted(*new, "new node"), counted(*rows, "row"));
    let mut text = format!("{new}, {known} known ({rows} read as {format})\n");
    if *skipped_total > 0 {
        text.push_str(&format!("{} left out:\n", counted(*skipped_total, "row")));
        let line = |row: &crate::client::contract::SkippedRow| {
            format!("  line {}: {}\n", row.line, row.reason)
        };
        text.extend(skipped.iter().map(line));
        let more = skipped_total.saturating_sub(skipped.len() as u64);
        if more > 0 {
            text.push_str(&format!("  and {more} more\n"));
        }
    }
    text + &names_text(outcome)
}

/// Which host names were left out, by their lines.
fn names_text(outcome: &ImportOutcome) -> String {
    let ImportOutcome { names_refused, names_refused_at, .. } = outcome;
    if *names_refused == 0 {
        return String::new();
    }
    let first = names_refused_at.iter().take(NAMES_SHOWN);
    let lines: Vec<String> = first.map(u64::to_string).collect();
    let more = match names_refused.saturating_sub(lines.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names = counted(*names_refused, "host name");
    let word = if *names_refused == 1 { "line" } else { "lines" };
    format!(
        "{names} left out of machines that were taken: not plain, too long or too many ({word} \
         {}{more})\n",
        lines.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::contract::SkippedRow;
    use crate::model::time::Timestamp;
    use crate::model::view::NodePage;

    fn node(waiting: Option<&str>) -> NodeView {
        NodeView {
            id: "d:1".parse().unwrap(),
            managing_source: "d".parse().unwrap(),
            state: DeviceState::Ignored,
            product: None,
            waiting: waiting.map(str::to_string),
            host_name: None,
            addresses: Vec::new(),
            mac: None,
            other_macs: Vec::new(),
            first_seen: Timestamp(0),
            last_seen: Timestamp(0),
            history: Vec::new(),
        }
    }

    #[test]
    fn a_state_has_the_same_words_in_a_list_and_alone() {
        let waiting = [None, Some("manage"), Some("release"), Some("move to d")];
        let words = [
            "ignored",
            "ignored, license asked for",
            "ignored, license on its way back",
            "ignored, waits to move to d",
        ];
        for (waiting, words) in waiting.into_iter().zip(words) {
            let node = node(waiting);
            let alone = node_text(&node, Ink::Plain);
            assert_eq!(alone.lines().nth(1).unwrap(), format!("{:<16} {words}", "state"));
            let (as_of, total, next) = (Timestamp(0), Some(1), None);
            let page = NodePage { as_of, nodes: vec![node], total, next };
            let listed = list::page_text(&page, Ink::Plain);
            assert!(listed.contains(words) && listed.ends_with("1 of 1 node\n"), "{listed}");
        }
    }

    #[test]
    fn what_an_import_left_out_is_told_with_its_lines() {
        let skipped = |line| SkippedRow { line, reason: "no machine".to_string() };
        let outcome = ImportOutcome {
            format: ImportFormat::Csv,
            rows: 9,
            new: 2,
            known: 1,
            skipped_total: 6,
            skipped: vec![skipped(3), skipped(7)],
            names_refused: 22,
            names_refused_at: (1..=21).collect(),
        };
        let text = import_text(&outcome, Ink::Plain);
        let skipped =
            "6 rows left out:\n  line 3: no machine\n  line 7: no machine\n  and 4 more\n";
        assert!(text.contains(skipped), "{text}");
        assert!(text.contains("22 host names left out") && text.contains("(lines 1, 2,"), "{text}");
        assert!(text.contains("19, 20 and 2 more)"), "{text}");
        let whole = ImportOutcome { skipped_total: 2, names_refused: 0, ..outcome };
        let text = import_text(&whole, Ink::Plain);
        assert!(text.ends_with("line 7: no machine\n"), "{text}");
    }

    #[test]
    fn the_question_before_a_deletion_says_what_it_frees() {
        assert_eq!(forget_question(2, 0), "forget 2 nodes?");
        assert_eq!(forget_question(1, 1), "forget 1 managed node? That frees 1 license.");
        let mixed = "forget 3 nodes, 2 of them managed? That frees 2 licenses.";
        assert_eq!(forget_question(3, 2), mixed);
    }

    #[test]
    fn refusals_have_a_column_where_there_are_any() {
        let (id, state) = ("d:1".parse().unwrap(), Some(DeviceState::Managed));
        let good = DeviceOutcome { id, state, refusal: None };
        let heading = |outcomes: &[DeviceOutcome]| {
            outcomes_text(outcomes, Ink::Plain).lines().next().unwrap().to_string()
        };
        assert_eq!(heading(std::slice::from_ref(&good)), "node  state");
        let refusal = Some(Refusal::new("LT0301", "full", ""));
        let bad = DeviceOutcome { refusal, ..good.clone() };
        assert_eq!(heading(&[good, bad.clone()]), "node  state    refused");
        let unknown = outcomes_text(&[DeviceOutcome { state: None, ..bad }], Ink::Plain);
        assert!(unknown.contains("not known") && !unknown.contains("deleted"), "{unknown}");
    }

    #[test]
    fn a_refused_request_says_what_was_done_and_what_was_not() {
        assert_eq!(untouched(0, 3), "; nothing was done for any of the 3 nodes");
        assert_eq!(untouched(500, 3), "; 500 nodes before it were done, 3 were not");
    }
}
