//! `lictree server`: the servers of the tree, and who may register licenses.

use crate::edge::cli::enrol;
use crate::edge::cli::holding::{Consent, Wanted, change};
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::clock::ClockStanding;
use crate::model::holding::{HoldingOption, Phase, Role};
use crate::model::name::{ProductName, ServerName};
use crate::model::request::HoldingVerb;
use crate::model::time::Timestamp;
use crate::model::view::{HoldingView, ServerView, ServersView};
use clap::Subcommand;
use std::time::Duration;

/// Clocks that differ by less are right: the way of the message is in what is measured.
const CLOCK_SHOWN_MS: i64 = 5_000;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// This server and all below it.
    List,
    /// One server: where it stands, what it holds and found.
    Show {
        /// Its name, as `server list` shows it.
        server: ServerName,
    },
    /// Let a new server come into the tree: prints the line to paste there.
    Invite(enrol::Invite),
    /// Invitations: open, waiting, used.
    Invitations,
    /// Make the code of an invitation void.
    Uninvite {
        /// The name that was invited.
        server: ServerName,
    },
    /// Agree that a server that waits gets its certificate.
    Approve {
        /// The name that was invited.
        server: ServerName,
    },
    /// Shut a server out of the tree; its connections end within seconds.
    Remove {
        /// Its name, as `server list` shows it.
        server: ServerName,
        /// Do it without a question.
        #[arg(long)]
        yes: bool,
        /// Do it although it holds licenses or uses them; those stay counted.
        #[arg(long)]
        force: bool,
    },
    /// Put a server whose disk is lost on another one: prints the line to paste there. It takes up
    /// what the tree knows of it: what it holds, its nodes, who uses what.
    Replace(enrol::Replace),
    /// Move a server below another one, with all below it: prints the line to paste there.
    Move(enrol::Move),
    /// Give a server up that is lost for good: what it held is the primary's again.
    Lost {
        /// Its name, as `server list` shows it.
        server: ServerName,
        /// Do it without a question.
        #[arg(long)]
        yes: bool,
        /// Do it although it held or used licenses: they may be used twice if it still runs.
        #[arg(long)]
        force: bool,
    },
    /// Call a server something that people know; its name in commands stays.
    Rename {
        /// Its name, as `server list` shows it.
        server: ServerName,
        /// What people call it: one line, or nothing.
        title: String,
    },
    /// Let a relay register licenses itself; it becomes a holder.
    Authorize {
        /// The relay.
        server: ServerName,
        /// For which product; may be left out where there is one.
        #[arg(long)]
        product: Option<ProductName>,
        #[command(flatten)]
        consent: Consent,
    },
    /// A relay may no longer register licenses.
    Deauthorize {
        /// The relay.
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
        Verb::Invite(invite) => enrol::invite(invite, terminal).await,
        Verb::Invitations => enrol::invitations(terminal).await,
        Verb::Uninvite { server } => enrol::uninvite(server, terminal).await,
        Verb::Approve { server } => enrol::approve(server, terminal).await,
        Verb::Remove { server, yes, force } => enrol::remove(server, yes, force, terminal).await,
        Verb::Replace(replace) => enrol::replace(replace, terminal).await,
        Verb::Move(wanted) => enrol::move_to(wanted, terminal).await,
        Verb::Lost { server, yes, force } => enrol::lost(server, yes, force, terminal).await,
        Verb::Rename { server, title } => enrol::rename(server, title, terminal).await,
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
        ("certificate", Lean::Right),
        ("behind", Lean::Right),
        ("clock", Lean::Right),
        ("address", Lean::Left),
        ("managed", Lean::Right),
        ("discovered", Lean::Right),
        ("ignored", Lean::Right),
        ("software", Lean::Left),
    ]);
    for server in &view.servers {
        table.row(vec![
            Cell::plain(named(server)),
            Cell::plain(role(server.role)),
            Cell::plain(server.parent.as_ref().map_or("", |parent| parent.as_str())),
            state(server),
            Cell::plain(seen(server, view.as_of)),
            certificate(server, view.as_of),
            Cell::plain(server.lag_rows.map_or(String::new(), |rows| rows.to_string())),
            clock(server),
            Cell::plain(&server.address),
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
    let online = match server.standing.as_str() {
        "member" if server.online => "online",
        "member" | "recovers" if !server.online => "offline",
        other => other,
    };
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
    if !server.title.is_empty() {
        text.push_str(&format!("called {:?}\n", server.title));
    }
    if !server.address.is_empty() {
        text.push_str(&format!("seen at {}\n", server.address));
    }
    if let Some(certificate) = &server.certificate {
        let (number, end) = (certificate.enrolment, age::moment(certificate.expires));
        text.push_str(&format!("certificate of enrolment {number}, ends {end}\n"));
    }
    if !server.holdings.is_empty() {
        text.push_str(&format!("\n{}", holdings(&server.holdings, server.role, ink)));
    }
    text
}

/// What a server is for each product.
pub(super) fn holdings(views: &[HoldingView], role: Role, ink: Ink) -> String {
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
            Cell::plain(option(view.option, role)),
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

fn seen(server: &ServerView, now: Timestamp) -> String {
    match server.last_seen {
        None if server.standing == "member" => "not since the start here".to_string(),
        last => age::ago(now, last),
    }
}

/// Its name, and what people call it.
fn named(server: &ServerView) -> String {
    match server.title.as_str() {
        "" => server.name.to_string(),
        title => format!("{} ({title})", server.name),
    }
}

/// How long its certificate lives yet.
fn certificate(server: &ServerView, now: Timestamp) -> Cell {
    let Some(certificate) = &server.certificate else { return Cell::plain("") };
    let left = certificate.expires.since(now);
    let tone = if left < Duration::from_secs(86_400) { Tone::Notable } else { Tone::Good };
    Cell::new(age::length(left), tone)
}

/// What the server thinks of its clock, or how far that is ahead, where it is worth a look.
fn clock(server: &ServerView) -> Cell {
    match server.clock {
        Some(ClockStanding::SetBack) => return Cell::new("set back", Tone::Bad),
        Some(ClockStanding::SetForward) => return Cell::new("set forward", Tone::Bad),
        Some(ClockStanding::Right) | None => {}
    }
    match server.clock_ahead_ms {
        Some(ms) if ms.abs() >= CLOCK_SHOWN_MS => {
            let sign = if ms > 0 { "+" } else { "-" };
            let length = age::length(Duration::from_millis(ms.unsigned_abs()));
            Cell::new(format!("{sign}{length}"), Tone::Bad)
        }
        Some(_) => Cell::new("right", Tone::Good),
        None => Cell::plain(""),
    }
}

fn state(server: &ServerView) -> Cell {
    match server.standing.as_str() {
        "removed" => return Cell::new("removed", Tone::Bad),
        "expected" => return Cell::new("expected", Tone::Notable),
        "running twice" => return Cell::new("running twice", Tone::Bad),
        "recovers" if server.online => return Cell::new("recovers", Tone::Notable),
        _ => {}
    }
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

/// The primary has no option: it always holds.
fn option(option: HoldingOption, role: Role) -> &'static str {
    match (role, option) {
        (Role::Primary, _) => "primary",
        (_, HoldingOption::None) => "none",
        (_, HoldingOption::Distributed) => "distributed",
        (_, HoldingOption::Registered) => "registered",
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
