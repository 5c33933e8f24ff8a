//! `lictree cert`: certificates of servers, and the authority that issues them.

use crate::edge::cli::holding::Consent;
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::request::Doing;
use crate::model::time::Timestamp;
use crate::model::view::{CertificateView, RotationView, ServerView};
use clap::Subcommand;
use serde_json::json;
use std::time::Duration;

/// Digits of a key's print that are shown: enough to tell two authorities apart.
const PRINT_SHOWN: usize = 12;
/// Shorter than this, a certificate's end is pointed at.
const SOON: Duration = Duration::from_secs(86_400);

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// The certificate of every server, and how far a change of authority is.
    List,
    /// Let the server that `--data` names ask for a new certificate now.
    Renew,
    /// Go over to a new authority: all servers are told, then all renew, then the old one ends.
    #[command(name = "rotate-ca")]
    RotateCa {
        #[command(flatten)]
        consent: Consent,
    },
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let client = terminal.client()?;
    match verb {
        Verb::List => {
            let servers = client.servers().await?;
            let rotation = client.rotate_authority(Doing::Preview).await.ok();
            let answer = json!({ "servers": certificates(&servers.servers), "rotation": rotation });
            terminal.show(&answer, |_, ink| {
                let rotation = rotation.as_ref().map_or(String::new(), rotation_text);
                format!("{}\n{rotation}", table(&servers.servers, servers.as_of, ink))
            })
        }
        Verb::Renew => {
            let renewed = client.renew_certificate().await?;
            terminal.show(&renewed, |value, _| renewed_text(value))
        }
        Verb::RotateCa { consent } => {
            let before = client.rotate_authority(Doing::Preview).await?;
            let doing = if consent.force { Doing::Force } else { Doing::Do };
            if !consent.yes {
                terminal.agree(&question(&before, doing))?;
            }
            let now = client.rotate_authority(doing).await?;
            terminal.show(&now, |view, _| match view.phase.as_str() {
                "none" => "asked for; how far it is: lictree cert list\n".to_string(),
                _ => rotation_text(view),
            })
        }
    }
}

fn question(view: &RotationView, doing: Doing) -> String {
    match doing {
        Doing::Force => format!(
            "take the next step without {}? They will have to join again.",
            match view.waits_for.len() {
                0 => "waiting".to_string(),
                count => format!("waiting for {count} servers"),
            }
        ),
        _ => "make a new authority and let all servers renew their certificates?".to_string(),
    }
}

fn certificates(servers: &[ServerView]) -> Vec<serde_json::Value> {
    let one =
        |server: &ServerView| json!({ "name": server.name, "certificate": server.certificate });
    servers.iter().map(one).collect()
}

fn table(servers: &[ServerView], now: Timestamp, ink: Ink) -> String {
    let mut table = Table::new(vec![
        ("server", Lean::Left),
        ("ends", Lean::Left),
        ("in", Lean::Right),
        ("enrolment", Lean::Right),
        ("authority", Lean::Left),
        ("trust", Lean::Right),
    ]);
    for server in servers {
        let row = match &server.certificate {
            Some(certificate) => known(server, certificate, now),
            None => vec![Cell::plain(&server.name), Cell::new("not known", Tone::Faint)],
        };
        table.row(row);
    }
    table.text(ink)
}

fn known(server: &ServerView, certificate: &CertificateView, now: Timestamp) -> Vec<Cell> {
    let CertificateView { expires, enrolment, authority, trust } = certificate;
    let left = expires.since(now);
    let tone = if left < SOON { Tone::Notable } else { Tone::Good };
    vec![
        Cell::plain(&server.name),
        Cell::plain(age::moment(*expires)),
        Cell::new(age::length(left), tone),
        Cell::plain(enrolment),
        Cell::plain(authority.get(..PRINT_SHOWN).unwrap_or(authority)),
        Cell::plain(trust),
    ]
}

fn rotation_text(view: &RotationView) -> String {
    let waits = match view.waits_for.as_slice() {
        [] => String::new(),
        names => {
            let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            format!("; waiting for {}", names.join(", "))
        }
    };
    match view.phase.as_str() {
        "none" => "authority: one, nothing is changing\n".to_string(),
        "spreading" => format!("new authority: all servers are being told of it{waits}\n"),
        _ => format!("new authority: it issues, and all servers renew{waits}\n"),
    }
}

fn renewed_text(value: &serde_json::Value) -> String {
    let expires = value["expires"].as_str().unwrap_or("?");
    match value["renewed"].as_bool() {
        Some(true) => format!("done: the new certificate ends {expires}\n"),
        _ => format!(
            "asked for; the present certificate ends {expires}. Why no new one came stands in the \
             server's log\n"
        ),
    }
}
