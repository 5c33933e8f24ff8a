//! `lictree server`: the servers of the tree, and who may register licenses.

use crate::edge::cli::holding::{Consent, Wanted, change};
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::holding::{HoldingOption, Phase, Role};
use crate::model::name::{ProductName, ServerName};
use crate::model::request::HoldingVerb;
use crate::model::time::Timestamp;
use crate::model::view::{HoldingView, ServerView, ServersView};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// This server and all below it.
    List,
    /// One server: where it stands, what it holds and found.
    Show { server: ServerName },
    /// Let a relay register licenses itself; it becomes a holder.
    Authorize {
        server: ServerName,
        /// For which product; may be left out where there is one.
        #[arg(long)]
        product: Option<ProductName>,
        #[command(flatten)]
        consent: Consent,
    },
    /// A relay may no longer register licenses.
    Deauthorize {
        server: ServerName,
        /// For which product; may be left out where there is one.
        #[arg(long)]
        product: Option<ProductName>,
        #[command(flatten)]
        consent: Consent,
    },
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    match verb {
        Verb::List => {
            let servers = terminal.client()?.servers().await?;
            terminal.show(&servers, list)
        }
        Verb::Show { server } => {
            let server = terminal.client()?.server(&server).await?;
            terminal.show(&server, show)
        }
        Verb::Authorize { server, product, consent } => {
            let verb = HoldingVerb::Authorize;
            change(Wanted { product, relay: server, verb }, consent, terminal).await
        }
        Verb::Deauthorize { server, product, consent } => {
            let verb = HoldingVerb::Deauthorize;
            change(Wanted { product, relay: server, verb }, consent, terminal).await
        }
    }
}

fn list(view: &ServersView, ink: Ink) -> String {
    let mut table = Table::new(vec![
        ("server", Lean::Left),
        ("role", Lean::Left),
        ("parent", Lean::Left),
        ("state", Lean::Left),
        ("last seen", Lean::Left),
        ("managed", Lean::Right),
        ("discovered", Lean::Right),
        ("ignored", Lean::Right),
        ("software", Lean::Left),
    ]);
    for server in &view.servers {
        table.row(vec![
            Cell::plain(&server.name),
            Cell::plain(role(server.role)),
            Cell::plain(server.parent.as_ref().map_or("", |parent| parent.as_str())),
            state(server),
            Cell::plain(age::ago(view.as_of, server.last_seen)),
            Cell::plain(server.nodes.managed),
            Cell::plain(server.nodes.discovered),
            Cell::plain(server.nodes.ignored),
            Cell::new(&server.software, Tone::Faint),
        ]);
    }
    table.text(ink)
}

fn show(server: &ServerView, ink: Ink) -> String {
    let parent = server.parent.as_ref().map_or(String::new(), |name| format!(" below {name}"));
    let seen = server.last_seen.map_or("never".to_string(), age::moment);
    let online = if server.online { "online" } else { "offline" };
    let nodes = server.nodes;
    let mut text = format!(
        "{}: {}{parent}, {online}, last seen {seen}\n{} managed, {} discovered, {} ignored\n",
        server.name,
        role(server.role),
        nodes.managed,
        nodes.discovered,
        nodes.ignored
    );
    if !server.software.is_empty() {
        text.push_str(&format!("software {}\n", server.software));
    }
    if !server.holdings.is_empty() {
        text.push_str(&format!("\n{}", holdings(&server.holdings, ink)));
    }
    text
}

/// What a server is for each product.
pub(super) fn holdings(views: &[HoldingView], ink: Ink) -> String {
    let mut table = Table::new(vec![
        ("product", Lean::Left),
        ("option", Lean::Left),
        ("phase", Lean::Left),
        ("source", Lean::Left),
        ("held", Lean::Right),
        ("used", Lean::Right),
        ("in transit", Lean::Right),
        ("managed here", Lean::Right),
    ]);
    for view in views {
        table.row(vec![
            Cell::plain(&view.product),
            Cell::plain(option(view.option)),
            Cell::plain(phase(view.phase)),
            Cell::plain(view.source.as_ref().map_or("", |source| source.as_str())),
            Cell::plain(view.held),
            Cell::plain(view.used),
            Cell::plain(view.in_transit),
            Cell::plain(view.managed),
        ]);
    }
    table.text(ink)
}

fn state(server: &ServerView) -> Cell {
    match (server.online, server.last_seen) {
        (true, _) => Cell::new("online", Tone::Good),
        (false, None | Some(Timestamp(0))) => Cell::new("never seen", Tone::Notable),
        (false, Some(_)) => Cell::new("offline", Tone::Bad),
    }
}

pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Relay => "relay",
    }
}

fn option(option: HoldingOption) -> &'static str {
    match option {
        HoldingOption::None => "none",
        HoldingOption::Distributed => "distributed",
        HoldingOption::Registered => "registered",
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Sharing => "sharing",
        Phase::Taking => "taking over",
        Phase::Holding => "holding",
        Phase::Yielding => "yielding",
    }
}
