//! `lictree recovery`: a server that was set back, and what it waits for.

use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::request::Doing;
use crate::model::view::{AwaitedView, RecoveryState, RecoveryView};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Whether this server recovers, since when and why, and what it waits for.
    Show,
    /// Recover now: the data of this server was set back, and nobody has noticed (a snapshot of the
    /// whole machine, for one). Nothing is granted until it has; what is managed stays managed.
    Begin,
    /// At the primary: all have said what they hold. With --force also without those who have not,
    /// at a relay as well: what they use may be granted a second time until they say so.
    End {
        /// Do it without them; the event log says who they were.
        #[arg(long)]
        force: bool,
    },
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let client = terminal.client()?;
    match verb {
        Verb::Show => {
            let view = client.recovery().await?;
            terminal.show(&view, text)
        }
        Verb::Begin => {
            let done = client.begin_recovery().await?;
            terminal.show(&done, |_, _| "it recovers: lictree recovery show\n".to_string())
        }
        Verb::End { force } => {
            let doing = if force { Doing::Force } else { Doing::Do };
            let done = client.end_recovery(doing).await?;
            terminal.show(&done, |_, _| "the recovery is ended\n".to_string())
        }
    }
}

fn text(view: &RecoveryView, ink: Ink) -> String {
    let RecoveryView { as_of, server, recovery } = view;
    let Some(RecoveryState { since, why, forced, awaits }) = recovery else {
        return format!("{server} does not recover: its data is its newest\n");
    };
    let since = age::ago(*as_of, Some(*since));
    let mut text = match forced {
        true => format!("{server} grants again, by force; some below did not say what they use\n"),
        false => {
            let line = format!("{server} recovers, and grants nothing new until it has");
            format!("{}\n", ink.paint(&line, Tone::Notable))
        }
    };
    text.push_str(&format!("since {since}: {why}\n"));
    if awaits.is_empty() && !forced {
        text.push_str(
            "all that are known have said what they hold and use. If no other server is missing,\n\
             end it: lictree recovery end\n",
        );
    }
    for awaited in awaits {
        text.push_str(&format!("waits for {}\n", in_words(awaited)));
    }
    text
}

fn in_words(awaited: &AwaitedView) -> String {
    let AwaitedView { what, product, server } = awaited;
    let product = product.as_ref().map_or(String::new(), ToString::to_string);
    let server = server.as_ref().map_or(String::new(), ToString::to_string);
    match what.as_str() {
        "primary" => "the primary: which licenses it holds, and who is below".to_string(),
        "edge" => format!("{server}: what it holds"),
        "nodes" => "the primary: which nodes it had".to_string(),
        "handover" => format!("the holder above: its uses of {product}"),
        "statement" => format!("{server}: how many {product} it uses"),
        "source" => format!("the holder above: that it knows which {product} are used here"),
        other => format!("{other} {product} {server}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    #[test]
    fn what_a_recovery_waits_for_is_said_in_sentences() {
        let awaited = |what: &str, product: Option<&str>, server: Option<&str>| AwaitedView {
            what: what.to_string(),
            product: product.map(|text| text.parse().unwrap()),
            server: server.map(|text| text.parse().unwrap()),
        };
        let awaits =
            vec![awaited("primary", None, None), awaited("statement", Some("cad"), Some("d"))];
        let since = Timestamp(1_800_000_000_000);
        let why = "its data was set back".to_string();
        let state = RecoveryState { since, why, forced: false, awaits };
        let (as_of, server) = (Timestamp(1_800_000_060_000), "c".parse().unwrap());
        let view = RecoveryView { as_of, server, recovery: Some(state) };
        let said = text(&view, Ink::Plain);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "c recovers, and grants nothing new until it has");
        assert!(lines[1].ends_with(": its data was set back"), "{said}");
        assert_eq!(lines[2], "waits for the primary: which licenses it holds, and who is below");
        assert_eq!(lines[3], "waits for d: how many cad it uses");
        let none = RecoveryView { recovery: None, ..view };
        assert!(text(&none, Ink::Plain).starts_with("c does not recover"));
    }
}
