//! `lictree cert`: certificates of servers, and the authority that issues them.

use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::name::ServerName;
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
        /// Do it without a question.
        #[arg(long)]
        yes: bool,
        /// Take the next step of a change that is under way, without the servers it waits for.
        /// Those are left behind: nobody takes their certificates any more, and each has to join
        /// again with a code of `server invite`. `cert list` shows whom it waits for.
        #[arg(long)]
        force: bool,
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
        Verb::RotateCa { yes, force } => rotate(yes, force, terminal).await,
    }
}

async fn rotate(yes: bool, force: bool, terminal: &Terminal) -> Result<(), Failure> {
    let client = terminal.client()?;
    let before = client.rotate_authority(Doing::Preview).await?;
    let doing = if force { Doing::Force } else { Doing::Do };
    // What would be refused is not asked about.
    let possible = force == (before.phase != "none");
    if possible && !yes {
        terminal.agree(&question(&before, doing))?;
    }
    let now = client.rotate_authority(doing).await?;
    terminal.show(&now, |view, _| booked_text(&before, view))
}

/// What came of it, and where the rest is seen.
fn booked_text(before: &RotationView, now: &RotationView) -> String {
    if now.trust == before.trust {
        return "asked for, and not booked yet: `lictree cert list` shows when it is, \
                `lictree event list` what is in its way\n"
            .to_string();
    }
    let more = if now.phase == "none" { "" } else { "how far it is: lictree cert list\n" };
    format!("booked: {}{more}", rotation_text(now))
}

fn question(view: &RotationView, doing: Doing) -> String {
    if doing != Doing::Force {
        return "make a new authority and let all servers renew their certificates?".to_string();
    }
    match view.waits_for.as_slice() {
        [] => "take the next step without waiting?".to_string(),
        names => format!(
            "take the next step without {}? Whoever is left behind has to join again.",
            listed(names)
        ),
    }
}

/// So many names in a sentence, and how many more there are.
const NAMES_SHOWN: usize = 10;

fn listed(names: &[ServerName]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).map(ServerName::as_str).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
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
        names => format!("; waiting for {}", listed(names)),
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
            "asked for, and not there yet; the present certificate ends {expires}. It is asked \
             for until it comes: `lictree cert list` shows a later end then; until then \
             `lictree doctor` and the server's log say what is in the way\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(phase: &str, trust: u64, waits_for: &[&str]) -> RotationView {
        RotationView {
            as_of: Timestamp(0),
            phase: phase.to_string(),
            trust,
            authorities: Vec::new(),
            waits_for: waits_for.iter().map(|name| name.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn a_rotation_is_booked_or_said_to_be_only_asked_for() {
        let before = view("none", 3, &[]);
        let booked = booked_text(&before, &view("spreading", 4, &["b", "c"]));
        assert!(
            booked.starts_with("booked: new authority: all servers are being told"),
            "{booked}"
        );
        assert!(booked.contains("waiting for b, c\nhow far it is: lictree cert list"), "{booked}");
        let open = booked_text(&before, &before);
        assert!(open.contains("not booked yet") && open.contains("lictree cert list"), "{open}");
        // The last step ends it: nothing is left to look at.
        let over = booked_text(&view("renewing", 5, &["b"]), &view("none", 6, &[]));
        assert_eq!(over, "booked: authority: one, nothing is changing\n");
    }

    #[test]
    fn force_names_who_is_left_behind() {
        let asked = question(&view("renewing", 5, &["b", "c"]), Doing::Force);
        assert_eq!(
            asked,
            "take the next step without b, c? Whoever is left behind has to join again."
        );
        assert_eq!(listed(&vec!["b".parse().unwrap(); 12]).matches("b").count(), 10);
    }

    #[test]
    fn a_certificate_that_did_not_come_is_not_said_to_be_there() {
        let late = renewed_text(&json!({ "renewed": false, "expires": "2026-01-01T00:00:00Z" }));
        assert!(late.contains("not there yet") && late.contains("lictree cert list"), "{late}");
    }
}
