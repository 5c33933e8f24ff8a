//! `lictree node forget`: nodes that no scan has seen for long are deleted, some at a time.
//!
//! ```text
//!   status ──► now, whose nodes ──► count ──► question ──► list 500 ──► delete them ─┐
//!                                                               ▲                    │
//!                                                               └── until none is left
//! ```
//! The moment before which a node must have been seen last is fixed at the start, so the end comes:
//! whatever is found meanwhile is not listed any more.

use super::list::page_text;
use super::{state, state_word};
use crate::client::{Client, ClientError};
use crate::edge::cli::value;
use crate::edge::codes;
use crate::edge::discovered::NODES_PER_REQUEST_MAX;
use crate::edge::draw::age;
use crate::edge::draw::ink::Ink;
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::model::count::counted;
use crate::model::device::{DeviceId, DeviceState};
use crate::model::name::ServerName;
use crate::model::node_query::{NodeFilter, NodeQuery};
use crate::model::time::{Timestamp, duration_ms};
use crate::model::view::NodePage;
use clap::Args;
use serde::Serialize;
use std::time::Duration;

#[derive(Debug, Args)]
pub(in crate::edge::cli) struct Forget {
    /// Only nodes last seen longer ago than this, such as 90d, 12h or 30m.
    #[arg(long, value_name = "TIME", value_parser = value::span)]
    not_seen: Duration,
    /// Only of these servers. Each forgets only its own; a dry run shows those of others, too.
    #[arg(long, value_delimiter = ',', value_name = "SERVER,…")]
    managing_source: Vec<ServerName>,
    /// In these states: `discovered`, `managed` (frees licenses), `ignored` (comes back when
    /// found again).
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "STATE,…",
        default_value = "discovered",
        value_parser = state
    )]
    state: Vec<DeviceState>,
    /// Show what would be forgotten; change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do it without a question.
    #[arg(long)]
    yes: bool,
}

/// How many nodes of a server in a state were not seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Tally {
    managing_source: ServerName,
    state: DeviceState,
    nodes: u64,
}

#[derive(Debug, Serialize)]
struct Outcome {
    /// Nodes seen last before this moment are meant.
    seen_before: Timestamp,
    dry_run: bool,
    forgotten: u64,
    counts: Vec<Tally>,
    /// The first of them, in a dry run.
    first: Option<NodePage>,
}

/// Nodes listed by a dry run.
const FIRST_SHOWN: usize = 20;

/// What is asked for, with the moment that it means.
struct Search<'a> {
    client: &'a Client,
    /// The server that is asked.
    own: ServerName,
    states: Vec<DeviceState>,
    seen_before: Timestamp,
}

pub(super) async fn run(
    forget: Forget,
    client: &Client,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Forget { not_seen, managing_source, mut state, dry_run, yes } = forget;
    let status = client.status().await?;
    state.sort_unstable();
    state.dedup();
    // By the server's clock: it is the one that notes when a node was seen.
    let seen_before = Timestamp(status.as_of.0.saturating_sub(duration_ms(not_seen)));
    let search = Search { client, own: status.name, states: state, seen_before };
    let sources = search.sources(managing_source, dry_run).await?;
    let counts = search.count(&sources).await?;
    let mut outcome = Outcome { seen_before, dry_run, forgotten: 0, counts, first: None };
    if dry_run {
        outcome.first = Some(search.first(&outcome.counts, status.as_of).await?);
    } else if !outcome.counts.is_empty() {
        if !yes {
            terminal.agree(&question(&outcome.counts, not_seen))?;
        }
        outcome.forgotten = search.forget_all().await?;
    }
    terminal.show(&outcome, |outcome, ink| outcome_text(outcome, &search.own, ink))
}

impl Search<'_> {
    /// Whose nodes are meant. Nodes of others are forgotten where they were found (JP1-44).
    async fn sources(
        &self,
        asked: Vec<ServerName>,
        dry_run: bool,
    ) -> Result<Vec<ServerName>, Failure> {
        if dry_run && asked.is_empty() {
            let servers = self.client.servers().await?.servers;
            return Ok(servers.into_iter().map(|server| server.name).collect());
        }
        match asked.iter().find(|source| **source != self.own).filter(|_| !dry_run) {
            Some(other) => Err(Failure::new(
                Exit::Refused,
                codes::OF_ANOTHER_SERVER,
                format!("{} cannot forget nodes that {other} found; only {other} can", self.own),
                format!("run the command with --data of {other}'s folder"),
            )),
            None if asked.is_empty() => Ok(vec![self.own.clone()]),
            None => Ok(asked),
        }
    }

    fn filter(&self, source: &ServerName, state: DeviceState) -> NodeFilter {
        NodeFilter {
            managing_sources: vec![source.clone()],
            state: Some(state),
            seen_before: Some(self.seen_before),
            ..NodeFilter::default()
        }
    }

    async fn page(
        &self,
        source: &ServerName,
        state: DeviceState,
        limit: usize,
    ) -> Result<NodePage, ClientError> {
        let filter = self.filter(source, state);
        self.client.nodes(&NodeQuery { filter, limit, ..NodeQuery::default() }).await
    }

    async fn count(&self, sources: &[ServerName]) -> Result<Vec<Tally>, Failure> {
        let mut counts = Vec::new();
        for source in sources {
            for state in &self.states {
                let nodes = self.client.count_nodes(&self.filter(source, *state)).await?;
                if nodes > 0 {
                    counts.push(Tally { managing_source: source.clone(), state: *state, nodes });
                }
            }
        }
        Ok(counts)
    }

    async fn first(&self, counts: &[Tally], as_of: Timestamp) -> Result<NodePage, Failure> {
        let total = counts.iter().map(|tally| tally.nodes).sum();
        let mut first = NodePage { as_of, nodes: Vec::new(), total: Some(total), next: None };
        for Tally { managing_source, state, .. } in counts {
            let room = FIRST_SHOWN - first.nodes.len();
            if room > 0 {
                first.nodes.extend(self.page(managing_source, *state, room).await?.nodes);
            }
        }
        Ok(first)
    }

    /// How many were forgotten. Of what fails, and what comes behind it, nothing is.
    async fn forget_all(&self) -> Result<u64, Failure> {
        let mut forgotten = 0;
        for state in &self.states {
            loop {
                let done = async {
                    let page = self.page(&self.own, *state, NODES_PER_REQUEST_MAX).await?;
                    self.forget_some(page.nodes.into_iter().map(|node| node.id).collect()).await
                };
                match done.await {
                    Ok(0) => break,
                    Ok(some) => forgotten += some,
                    Err(failure) => return Err(after(failure, forgotten)),
                }
            }
        }
        Ok(forgotten)
    }

    async fn forget_some(&self, ids: Vec<DeviceId>) -> Result<u64, Failure> {
        if ids.is_empty() {
            return Ok(0);
        }
        let outcomes = self.client.delete(ids).await?;
        match outcomes.iter().find_map(|outcome| outcome.refusal.clone()) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(outcomes.len() as u64),
        }
    }
}

fn after(mut failure: Failure, forgotten: u64) -> Failure {
    let before = counted(forgotten, "node");
    failure.message.push_str(&format!("; {before} before it were forgotten"));
    failure
}

/// The words for a time that was given in whole minutes, hours or days.
fn words(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match minutes {
        _ if minutes.is_multiple_of(1_440) => counted(minutes / 1_440, "day"),
        _ if minutes.is_multiple_of(60) => counted(minutes / 60, "hour"),
        _ => counted(minutes, "minute"),
    }
}

fn question(counts: &[Tally], not_seen: Duration) -> String {
    let of = |state: DeviceState| -> u64 {
        counts.iter().filter(|tally| tally.state == state).map(|tally| tally.nodes).sum()
    };
    let (all, managed) = (counts.iter().map(|tally| tally.nodes).sum(), of(DeviceState::Managed));
    let mut text = format!("forget {} not seen for {}?", counted(all, "node"), words(not_seen));
    if managed > 0 {
        let frees = counted(managed, "license");
        text.push_str(&format!(" {managed} of them managed: that frees {frees}."));
    }
    match of(DeviceState::Ignored) {
        0 => {}
        ignored => text.push_str(&format!(
            " {ignored} of them ignored: found again, they come back as discovered."
        )),
    }
    text
}

fn outcome_text(outcome: &Outcome, own: &ServerName, ink: Ink) -> String {
    let since = age::moment(outcome.seen_before);
    let Some(first) = &outcome.first else {
        return format!(
            "{} not seen since {since} forgotten\n",
            counted(outcome.forgotten, "node")
        );
    };
    let mut table = Table::new(vec![
        ("managing source", Lean::Left),
        ("state", Lean::Left),
        ("not seen", Lean::Right),
    ]);
    for Tally { managing_source, state, nodes } in &outcome.counts {
        table.row(vec![
            Cell::plain(managing_source),
            Cell::plain(state_word(*state)),
            Cell::plain(nodes),
        ]);
    }
    let mut others: Vec<&str> = outcome.counts.iter().map(|t| t.managing_source.as_str()).collect();
    others.dedup();
    others.retain(|source| *source != own.as_str());
    let elsewhere = match others.as_slice() {
        [] => String::new(),
        some => format!(
            "{own} forgets only what it found; for {} run this with --data of its folder there\n",
            some.join(", ")
        ),
    };
    match outcome.counts.is_empty() {
        true => format!("no such node was last seen before {since}; nothing was changed\n"),
        false => format!(
            "last seen before {since}; nothing was changed\n\n{}\n{}{elsewhere}",
            table.text(ink),
            page_text(first, ink)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::SOCKET_NAME;
    use crate::daemon::port::{Port, PortTwin};
    use crate::edge::api::{Access, Api, ApiLimits, ApiParts, ApiSocket};
    use crate::edge::import::ImportLimits;
    use crate::model::device::Device;
    use crate::model::node_rows::NodeRows;
    use crate::model::refusal::Refusal;
    use crate::model::request::{Answer, DeviceOutcome, Request};
    use crate::wire::license_file::VendorKeys;
    use DeviceState::{Discovered, Ignored, Managed};
    use std::collections::BTreeSet;
    use std::path::Path;

    fn tally(source: &str, state: DeviceState, nodes: u64) -> Tally {
        Tally { managing_source: source.parse().unwrap(), state, nodes }
    }

    #[test]
    fn the_question_says_what_comes_free_and_what_comes_back() {
        let day = Duration::from_secs(86_400);
        assert_eq!(
            question(&[tally("d", Discovered, 1)], 90 * day),
            "forget 1 node not seen for 90 days?"
        );
        let all = [tally("d", Discovered, 7), tally("d", Managed, 2), tally("d", Ignored, 3)];
        assert_eq!(
            question(&all, day / 2),
            "forget 12 nodes not seen for 12 hours? 2 of them managed: that frees 2 licenses. 3 of \
             them ignored: found again, they come back as discovered."
        );
    }

    #[test]
    fn a_dry_run_says_where_the_nodes_of_others_are_forgotten() {
        let counts = vec![tally("a", Discovered, 1), tally("d", Discovered, 4)];
        let first = NodePage { as_of: Timestamp(0), nodes: Vec::new(), total: Some(5), next: None };
        let (seen_before, first) = (Timestamp(0), Some(first));
        let outcome = Outcome { seen_before, dry_run: true, forgotten: 0, counts, first };
        let text = outcome_text(&outcome, &"a".parse().unwrap(), Ink::Plain);
        assert!(text.contains("nothing was changed"), "{text}");
        assert!(text.contains("a forgets only what it found; for d run this"), "{text}");
        let own = outcome_text(&outcome, &"d".parse().unwrap(), Ink::Plain);
        assert!(own.contains("for a run this"), "{own}");
    }

    fn listen(folder: &Path) -> (ApiSocket, PortTwin) {
        let (port, twin) = Port::with_twin(Duration::from_secs(20));
        let api = Api::new(ApiParts {
            port,
            vendor_keys: VendorKeys { trusted: Vec::new(), retired: Vec::new() },
            keyring: None,
            occupancy: None,
            desk: None,
            stated: Vec::new(),
            limits: ApiLimits::default(),
            import: ImportLimits::default(),
        });
        let access = Access::new(None);
        (ApiSocket::open(&folder.join(SOCKET_NAME), api, access).unwrap(), twin)
    }

    /// A server with some discovered nodes that lets so many be deleted, as far as a search sees.
    struct Site {
        nodes: BTreeSet<DeviceId>,
        lets: usize,
    }

    impl Site {
        fn judge(&mut self, request: Request) -> Answer {
            match request {
                Request::Nodes(NodeQuery { filter, limit, .. }) => {
                    assert_eq!(filter.seen_before, Some(Timestamp(7)));
                    let some = self.nodes.iter().filter(|_| filter.state == Some(Discovered));
                    let mut page = NodeRows::new(Timestamp(9), Some(self.nodes.len() as u64));
                    for id in some.take(limit) {
                        page.push_device(id, &Device::default());
                    }
                    Answer::Nodes { page, limit }
                }
                Request::Delete { devices } if devices.len() <= self.lets => {
                    assert!(devices.len() <= NODES_PER_REQUEST_MAX);
                    self.lets -= devices.len();
                    let gone = |id: DeviceId| {
                        assert!(self.nodes.remove(&id), "{id} was not there");
                        DeviceOutcome { id, state: None, refusal: None }
                    };
                    Answer::DevicesDone(devices.into_iter().map(gone).collect())
                }
                Request::Delete { .. } => Answer::Refused(Refusal::new("LT0604", "enough", "")),
                other => panic!("nobody asks for {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn all_that_match_are_forgotten_in_pieces_until_one_fails() {
        for (lets, left) in [(2_000, 0), (999, 700)] {
            let folder = tempfile::tempdir().unwrap();
            let (_socket, mut twin) = listen(folder.path());
            let client = Client::of_data_dir(folder.path());
            let own: ServerName = "d".parse().unwrap();
            let states = vec![Discovered, Ignored];
            let search = Search { client: &client, own, states, seen_before: Timestamp(7) };
            let id = |n| format!("d:{n}").parse().unwrap();
            let mut site = Site { nodes: (1..=1_200).map(id).collect(), lets };
            let outcome = tokio::select! {
                outcome = search.forget_all() => outcome,
                _ = async { while twin.answer(|asked| site.judge(asked)).await.is_some() {} } => {
                    unreachable!("the port is open")
                }
            };
            assert_eq!(site.nodes.len(), left);
            match outcome {
                Ok(forgotten) => assert_eq!((forgotten, left), (1_200, 0)),
                Err(failure) => {
                    assert_eq!((failure.code.as_str(), left), ("LT0604", 700));
                    assert_eq!(failure.message, "enough; 500 nodes before it were forgotten");
                }
            }
        }
    }

    #[test]
    fn what_fails_in_the_middle_says_how_far_it_came() {
        let failure = after(Failure::new(Exit::Refused, "LT0604", "too many", ""), 500);
        assert_eq!(failure.message, "too many; 500 nodes before it were forgotten");
    }
}
