//! `lictree status`: one server in a few lines.

use crate::edge::cli::server;
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::holding::Role;
use crate::model::refusal::Refusal;
use crate::model::view::{Advice, StatusView};

pub(super) async fn run(terminal: &Terminal) -> Result<(), Failure> {
    let status = terminal.client()?.status().await?;
    terminal.show(&status, text)
}

fn text(status: &StatusView, ink: Ink) -> String {
    let StatusView { tree, name, software, waiting, report_lag, nodes, .. } = status;
    let role = server::role(status.role);
    let way = way_up(status, ink);
    let below = status.servers_online + status.servers_offline;
    let mut text = format!("{name}: {role} of {tree}{way}, {software}\n");
    if let Some(Refusal { code, message, hint }) = &status.attach_refusal {
        let message = ink.paint(message, Tone::Bad);
        text.push_str(&format!("{message} ({code})\n  {hint}\n  more: lictree explain {code}\n"));
    }
    if below > 0 {
        let (online, offline) = (status.servers_online, status.servers_offline);
        text.push_str(&format!("servers: {online} online, {offline} offline\n"));
    }
    text.push_str(&format!(
        "nodes: {} managed, {} discovered, {} ignored\n",
        nodes.managed, nodes.discovered, nodes.ignored
    ));
    text.push_str(&format!("waiting for an answer: {waiting}; not yet reported: {report_lag}\n"));
    for Advice { sentence, command } in &status.advice {
        let sentence = ink.paint(sentence, Tone::Notable);
        text.push_str(&format!("! {sentence}: {command}\n"));
    }
    if !status.products.is_empty() {
        text.push_str(&format!("\n{}", server::holdings(&status.products, status.role, ink)));
    }
    text
}

/// Who is above, and whether the way to the primary is open.
fn way_up(status: &StatusView, ink: Ink) -> String {
    let parent = status.parent.as_ref().map_or(String::new(), |parent| format!(" below {parent}"));
    if status.role == Role::Primary {
        return String::new();
    }
    if status.connected {
        return format!("{parent}, {}", ink.paint("connected", Tone::Good));
    }
    let since = match (status.cut_off_since, &status.parent) {
        (Some(since), _) => {
            let length = age::length(status.as_of.since(since));
            format!(" for {length}, since {}", age::moment(since))
        }
        // Nothing was lost here: there was no connection yet.
        (None, None) => " since before this start".to_string(),
        (None, Some(parent)) => {
            format!(" since a moment not known here; {parent} is connected, the cut is further up")
        }
    };
    let state = ink.paint("NOT connected to the primary", Tone::Bad);
    format!("{parent}, {state}{since}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;
    use crate::model::view::{ClockView, NodeCounts};

    fn cut_off() -> StatusView {
        StatusView {
            advice: Vec::new(),
            as_of: Timestamp(600_000),
            tree: "t".parse().unwrap(),
            name: "e".parse().unwrap(),
            role: Role::Relay,
            software: "lictree 1".to_string(),
            connected: false,
            parent: Some("c".parse().unwrap()),
            cut_off_since: Some(Timestamp(300_000)),
            clock_ahead_ms: None,
            clock: ClockView::default(),
            attach_refusal: None,
            disk_short: None,
            servers_online: 1,
            servers_offline: 0,
            products: Vec::new(),
            nodes: NodeCounts::default(),
            waiting: 0,
            report_lag: 0,
        }
    }

    fn first_line(status: &StatusView) -> String {
        text(status, Ink::Plain).lines().next().unwrap().to_string()
    }

    #[test]
    fn a_relay_that_is_cut_off_says_so_and_since_when() {
        let cut_off = cut_off();
        let expected = "e: relay of t below c, NOT connected to the primary for 5 min, \
                        since 1970-01-01 00:05:00Z, lictree 1";
        assert_eq!(first_line(&cut_off), expected);
        let never = StatusView { parent: None, cut_off_since: None, ..cut_off.clone() };
        let expected = "e: relay of t, NOT connected to the primary since before this start, \
                        lictree 1";
        assert_eq!(first_line(&never), expected);
        let further_up = StatusView { cut_off_since: None, ..cut_off.clone() };
        let expected = "e: relay of t below c, NOT connected to the primary since a moment not \
                        known here; c is connected, the cut is further up, lictree 1";
        assert_eq!(first_line(&further_up), expected);
        let there = StatusView { connected: true, cut_off_since: None, ..cut_off };
        assert_eq!(first_line(&there), "e: relay of t below c, connected, lictree 1");
    }

    #[test]
    fn a_relay_that_is_not_taken_shows_why() {
        let refusal = Refusal::new("LT0232", "d is not attached: reason", "do this");
        let status = StatusView { attach_refusal: Some(refusal), ..cut_off() };
        let shown = text(&status, Ink::Plain);
        let expected = "d is not attached: reason (LT0232)\n  do this\n  more: lictree explain";
        assert!(shown.contains(expected), "{shown}");
    }
}
