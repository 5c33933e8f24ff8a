//! `lictree server invite|replace|invitations|uninvite|approve|remove|lost|rename`: who is in the
//! tree.

use crate::client::contract::{InviteBody, Invited};
use crate::edge::cli::value;
use crate::edge::codes;
use crate::edge::config;
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::founding::{CONFIG_NAME, PORT};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::model::name::ServerName;
use crate::model::request::Doing;
use crate::model::time::Timestamp;
use crate::model::view::{InviteView, LostCount, LostView};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use std::path::Path;

#[derive(Debug, Args)]
pub(super) struct Invite {
    /// The name of the new server.
    name: ServerName,
    /// The server it is to call.
    #[arg(long, value_name = "SERVER")]
    parent: ServerName,
    #[command(flatten)]
    code: Code,
}

#[derive(Debug, Args)]
pub(super) struct Replace {
    /// The server whose disk is lost, as `server list` shows it.
    name: ServerName,
    #[command(flatten)]
    code: Code,
}

#[derive(Debug, Args)]
pub(super) struct Move {
    /// The server, as `server list` shows it.
    name: ServerName,
    /// The server it is to call from now on.
    #[arg(long, value_name = "SERVER")]
    parent: ServerName,
    /// Let it move although licenses that it uses stay counted where they are.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    code: Code,
}

/// How a code is made.
#[derive(Debug, Args)]
struct Code {
    /// How long the code lives, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = value::minutes)]
    life: u64,
    /// Let the new server wait until `server approve` was said.
    #[arg(long)]
    approve: bool,
    /// Where the parent is reached, for the line that is printed. When left out: the parent's
    /// name, with the port of its configuration where that is in the folder of `--data`.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
}

pub(super) async fn invite(invite: Invite, terminal: &Terminal) -> Result<(), Failure> {
    let Invite { name, parent, code } = invite;
    make_code(name, parent, code, What::Comes, terminal).await
}

/// With all that it holds, and all below it.
pub(super) async fn move_to(wanted: Move, terminal: &Terminal) -> Result<(), Failure> {
    let Move { name, parent, force, code } = wanted;
    let server = terminal.client()?.server(&name).await?;
    if server.parent.as_ref() == Some(&parent) {
        let message = format!("{name} is below {parent} already");
        let hint = "name another parent; to take a code back that is not used yet: \
                    lictree server uninvite NAME";
        return Err(Failure::new(Exit::Refused, codes::PLACE, message, hint));
    }
    make_code(name, parent, code, What::Moves { force }, terminal).await
}

/// Its place in the tree stays.
pub(super) async fn replace(replace: Replace, terminal: &Terminal) -> Result<(), Failure> {
    let Replace { name, code } = replace;
    let server = terminal.client()?.server(&name).await?;
    let Some(parent) = server.parent else {
        let message = format!("{name} is the primary; its place is not taken on an empty disk");
        let hint = "bring it back from a backup: lictree backup restore";
        return Err(Failure::new(Exit::Refused, codes::PRIMARY_STAYS, message, hint));
    };
    make_code(name, parent, code, What::Replaces, terminal).await
}

/// Who is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Comes,
    Moves {
        force: bool,
    },
    /// A server of the tree whose disk is lost.
    Replaces,
}

async fn make_code(
    name: ServerName,
    parent: ServerName,
    code: Code,
    what: What,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Code { life, approve, address } = code;
    let client = terminal.client()?;
    let (to, known) = match address {
        Some(address) => (address, Known::Given),
        None => guessed(&parent, terminal.data_dir()?),
    };
    let life_s = life.saturating_mul(60);
    let (replaces, moves) = (what == What::Replaces, matches!(what, What::Moves { .. }));
    let force = what == What::Moves { force: true };
    let body = InviteBody { name, parent, life_s, approval: approve, replaces, force };
    let invited = client.invite(&body).await?;
    let port_assumed = known == Known::Assumed;
    let answer = Answer { invited, to, port_assumed, replaces, moves };
    terminal.show(&answer, |answer, _| line(answer, known))
}

/// What is told of an invitation.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    invited: Invited,
    to: String,
    port_assumed: bool,
    /// It is for a server of the tree whose disk is lost.
    replaces: bool,
    /// It is for a server of the tree that goes to another place in it.
    moves: bool,
}

/// Where the address in the line is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Given,
    /// Its port stands in the parent's configuration.
    Configured,
    /// The parent's configuration says that it does not listen.
    Deaf,
    /// Nothing here knows the parent's port.
    Assumed,
}

/// Where the parent may be reached: its configuration is at hand only where it is asked itself.
fn guessed(parent: &ServerName, data_dir: &Path) -> (String, Known) {
    let (configuration, _) = config::read(&data_dir.join(CONFIG_NAME));
    let listen = configuration.filter(|known| known.name == *parent).map(|known| known.listen);
    match listen {
        Some(Some(listen)) if listen.port() != 0 => {
            (format!("{parent}:{}", listen.port()), Known::Configured)
        }
        Some(None) => (format!("{parent}:{PORT}"), Known::Deaf),
        _ => (format!("{parent}:{PORT}"), Known::Assumed),
    }
}

fn line(answer: &Answer, known: Known) -> String {
    let Answer { invited: Invited { code, invitation, approval, replaced }, to, .. } = answer;
    let InviteView { name, parent, expires, .. } = invitation;
    let until = age::moment(*expires);
    let mut text = match replaced {
        Some(before) => format!(
            "The code of {name} from before, {} until {}, is void by this one.\n\n",
            before.state,
            age::moment(before.expires)
        ),
        None => String::new(),
    };
    text.push_str(&format!(
        "At the machine of {name}, until {until} and once, with the address of {parent} behind \
         --to:\n\n  lictree join {code} --to {to}\n\n"
    ));
    match known {
        Known::Given | Known::Configured => {}
        Known::Deaf => text.push_str(&format!(
            "{parent} does not listen: give it `listen` in its configuration and start it again \
             before {name} joins.\n"
        )),
        Known::Assumed => text.push_str(&format!(
            "The port {PORT} is assumed: `listen` in the configuration of {parent} says which it \
             is.\n"
        )),
    }
    if answer.replaces {
        text.push_str(&format!(
            "The folder there has to be new, or without its state. From that moment the {name} of \
             before is shut out. The new one recovers by itself (lictree recovery show); license \
             files that were registered at {name} have to be registered there again.\n"
        ));
    }
    if answer.moves {
        text.push_str(&format!(
            "Stop {name} first, and put the folder it has behind --at; then start it again. What \
             it holds, its nodes and the servers below it go with it.\n"
        ));
    }
    if *approval {
        text.push_str(&format!("It then waits for: lictree server approve {name}\n"));
    }
    text
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

/// Shows what it had first: nobody but people can know that it will never run again.
pub(super) async fn lost(
    name: ServerName,
    yes: bool,
    force: bool,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let client = terminal.client()?;
    let view = client.lose_server(&name, Doing::Preview).await?;
    if force && !view.counts.is_empty() {
        terminal.note(&at_risk(&view));
    }
    if !yes && (force || view.counts.is_empty()) {
        terminal.agree(&format!("give {name} up as lost, for good?"))?;
    }
    let doing = if force { Doing::Force } else { Doing::Do };
    let view = client.lose_server(&name, doing).await?;
    let again = match view.serials.is_empty() {
        true => String::new(),
        false => {
            let serials: Vec<String> = view.serials.iter().map(ToString::to_string).collect();
            format!("license files that were registered there: {}\n", serials.join(", "))
        }
    };
    let text = format!(
        "done: {name} is out of the tree for good, and what it held is the primary's; its name is \
         not used again\n{again}"
    );
    terminal.show(&view, |_, _| text)
}

/// What may be used twice if the server runs all the same.
fn at_risk(view: &LostView) -> String {
    let line = |count: &LostCount| {
        let LostCount { product, held, registered, managed } = count;
        format!(
            "  {product}: {held} of the primary's held, {registered} registered, {managed} devices \
             managed\n"
        )
    };
    let lines: String = view.counts.iter().map(line).collect();
    let name = &view.name;
    format!("If {name} still runs somewhere, this may be used twice:\n{lines}")
}

pub(super) async fn rename(
    name: ServerName,
    title: String,
    terminal: &Terminal,
) -> Result<(), Failure> {
    terminal.client()?.entitle(&name, &title).await?;
    said(terminal, renamed(&name, &title))
}

fn renamed(name: &ServerName, title: &str) -> String {
    match title {
        "" => format!("done: {name} has no other name any more; it is shown as {name}\n"),
        _ => format!("done: {name} is called {title:?}; commands still name it {name}\n"),
    }
}

fn said(terminal: &Terminal, text: String) -> Result<(), Failure> {
    terminal.show(&json!({ "done": true }), |_, _| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(state: &str) -> InviteView {
        InviteView {
            id: "1".to_string(),
            name: "west".parse().unwrap(),
            parent: "hq".parse().unwrap(),
            expires: Timestamp(3_600_000),
            state: state.to_string(),
            key: None,
            failures: 0,
        }
    }

    fn answer(approval: bool, replaced: Option<InviteView>) -> Answer {
        let (code, invitation) = ("LTJ1-x".to_string(), view("open"));
        let invited = Invited { code, invitation, approval, replaced };
        let to = "hq:4747".to_string();
        Answer { invited, to, port_assumed: true, replaces: false, moves: false }
    }

    #[test]
    fn an_assumed_port_an_approval_and_a_void_code_are_told() {
        let plain = line(&answer(false, None), Known::Given);
        assert!(plain.ends_with("--to hq:4747\n\n"), "{plain}");
        let all = line(&answer(true, Some(view("waits for approval"))), Known::Assumed);
        assert!(all.starts_with("The code of west from before, waits for approval"), "{all}");
        assert!(all.contains("The port 4747 is assumed"), "{all}");
        assert!(all.ends_with("lictree server approve west\n"), "{all}");
        let json = serde_json::to_value(answer(true, Some(view("open")))).unwrap();
        assert_eq!((&json["approval"], &json["port_assumed"]), (&true.into(), &true.into()));
        assert_eq!(json["replaced"]["state"], "open");
    }

    #[test]
    fn the_port_is_that_of_the_configuration_at_hand() {
        let folder = tempfile::tempdir().unwrap();
        let of = |listen: &str, parent: &str| {
            let whose = "tree = \"t\"\nname = \"hq\"\nrole = \"primary\"\ndata_dir = \".\"";
            let text = format!("{whose}\n{listen}\n");
            std::fs::write(folder.path().join(CONFIG_NAME), text).unwrap();
            guessed(&parent.parse().unwrap(), folder.path())
        };
        let listens = "listen = \"127.0.0.1:5151\"";
        assert_eq!(of(listens, "hq"), ("hq:5151".to_string(), Known::Configured));
        assert_eq!(of("", "hq"), ("hq:4747".to_string(), Known::Deaf));
        assert_eq!(of("listen = \"127.0.0.1:0\"", "hq").1, Known::Assumed);
        assert_eq!(of(listens, "west"), ("west:4747".to_string(), Known::Assumed));
    }

    #[test]
    fn a_name_that_is_taken_away_is_not_quoted() {
        let west = "west".parse().unwrap();
        assert!(renamed(&west, "").contains("no other name any more"));
        assert!(renamed(&west, "West").contains("is called \"West\""));
    }
}
