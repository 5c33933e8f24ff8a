//! `lictree server invite|invitations|uninvite|approve|remove|rename`: who is in the tree.

use crate::client::contract::{InviteBody, Invited};
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::founding::PORT;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::name::ServerName;
use crate::model::request::Doing;
use crate::model::time::Timestamp;
use crate::model::view::InviteView;
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct Invite {
    /// The name of the new server.
    name: ServerName,
    /// The server it is to call.
    #[arg(long, value_name = "SERVER")]
    parent: ServerName,
    /// How long the code lives, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    life: u64,
    /// Let the new server wait until `server approve` was said.
    #[arg(long)]
    approve: bool,
    /// Where the parent is reached, for the line that is printed.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
}

pub(super) async fn invite(invite: Invite, terminal: &Terminal) -> Result<(), Failure> {
    let Invite { name, parent, life, approve, address } = invite;
    let to = address.unwrap_or_else(|| format!("{parent}:{PORT}"));
    let life_s = life.saturating_mul(60);
    let body = InviteBody { name, parent, life_s, approval: approve };
    let invited = terminal.client()?.invite(&body).await?;
    terminal.show(&invited, |invited, _| line(invited, &to, approve))
}

fn line(invited: &Invited, to: &str, approve: bool) -> String {
    let InviteView { name, parent, expires, .. } = &invited.invitation;
    let until = age::moment(*expires);
    let approval = match approve {
        true => format!("It then waits for: lictree server approve {name}\n"),
        false => String::new(),
    };
    format!(
        "At the machine of {name}, until {until} and once, with the address of {parent} behind \
         --to:\n\n  lictree join {} --to {to}\n\n{approval}",
        invited.code
    )
}

pub(super) async fn invitations(terminal: &Terminal) -> Result<(), Failure> {
    let list = terminal.client()?.invitations().await?;
    let now = Timestamp(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0));
    terminal.show(&list, |list, ink| table(&list.invitations, now, ink))
}

fn table(invitations: &[InviteView], now: Timestamp, ink: Ink) -> String {
    if invitations.is_empty() {
        return "no invitation is open\n".to_string();
    }
    let mut table = Table::new(vec![
        ("server", Lean::Left),
        ("below", Lean::Left),
        ("state", Lean::Left),
        ("ends in", Lean::Right),
        ("wrong tries", Lean::Right),
        ("key", Lean::Left),
    ]);
    for invite in invitations {
        let tone = match invite.state.as_str() {
            "void" | "expired" => Tone::Bad,
            "waits for approval" => Tone::Notable,
            _ => Tone::Good,
        };
        table.row(vec![
            Cell::plain(&invite.name),
            Cell::plain(&invite.parent),
            Cell::new(&invite.state, tone),
            Cell::plain(age::length(invite.expires.since(now))),
            Cell::plain(invite.failures),
            Cell::new(invite.key.as_deref().unwrap_or_default(), Tone::Faint),
        ]);
    }
    table.text(ink)
}

pub(super) async fn uninvite(name: ServerName, terminal: &Terminal) -> Result<(), Failure> {
    terminal.client()?.uninvite(&name).await?;
    said(terminal, format!("done: the code of {name} is void\n"))
}

pub(super) async fn approve(name: ServerName, terminal: &Terminal) -> Result<(), Failure> {
    terminal.client()?.approve(&name).await?;
    said(terminal, format!("done: {name} gets its certificate when it asks again\n"))
}

/// Asks first: whoever is removed is out within seconds.
pub(super) async fn remove(
    name: ServerName,
    yes: bool,
    force: bool,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let client = terminal.client()?;
    if !force {
        client.remove_server(&name, Doing::Preview).await?;
    }
    if !yes {
        let what = if force { "; what it holds and uses stays counted" } else { "" };
        terminal.agree(&format!("shut {name} out of the tree{what}?"))?;
    }
    let doing = if force { Doing::Force } else { Doing::Do };
    client.remove_server(&name, doing).await?;
    let back = format!("to bring it back: lictree server invite {name} --parent SERVER");
    said(terminal, format!("done: {name} is denied everywhere; {back}\n"))
}

pub(super) async fn rename(
    name: ServerName,
    title: String,
    terminal: &Terminal,
) -> Result<(), Failure> {
    terminal.client()?.entitle(&name, &title).await?;
    said(terminal, format!("done: {name} is called {title:?}; commands still name it {name}\n"))
}

fn said(terminal: &Terminal, text: String) -> Result<(), Failure> {
    terminal.show(&json!({ "done": true }), |_, _| text)
}
