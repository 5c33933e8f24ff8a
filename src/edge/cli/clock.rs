//! `lictree clock`: license time, by which dated licenses end, and the clock of a server's machine.

use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::clock::ClockStanding;
use crate::model::view::ClockView;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// What the clock of this server shows, and license time, by which dated licenses end.
    Show,
    /// The clock of this server was set forward, and that is right: license time follows it now.
    /// That cannot be taken back: licenses that end by it stay ended.
    Accept,
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let client = terminal.client()?;
    match verb {
        Verb::Show => {
            let view = client.status().await?.clock;
            terminal.show(&view, text)
        }
        Verb::Accept => {
            let done = client.accept_clock().await?;
            terminal.show(&done, |_, _| "license time follows the clock again\n".to_string())
        }
    }
}

fn text(view: &ClockView, ink: Ink) -> String {
    let ClockView { standing, license_time, wall, would_end } = view;
    let wall = wall.map_or("not read yet".to_string(), age::moment);
    let mut text = format!("license time {}\nclock        {wall}\n", age::moment(*license_time));
    let (line, tone) = match standing {
        ClockStanding::Right => return text + "the clock is right: license time follows it\n",
        ClockStanding::SetBack => (
            "the clock was set back: license time goes on without it. Set it right; nothing else \
             is to be done",
            Tone::Notable,
        ),
        ClockStanding::SetForward => (
            "the clock was set forward: license time goes on without it. Set it right; or, if it \
             is right: lictree clock accept",
            Tone::Notable,
        ),
    };
    text.push_str(&format!("{}\n", ink.paint(line, tone)));
    if *standing == ClockStanding::SetForward {
        text.push_str(&format!("licenses here that would end by it: {would_end}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    #[test]
    fn a_clock_that_was_set_is_told_with_what_to_do() {
        let license_time = Timestamp(1_800_000_000_000);
        let wall = Some(Timestamp(1_800_086_400_000));
        let standing = ClockStanding::SetForward;
        let view = ClockView { standing, license_time, wall, would_end: 2 };
        let said = text(&view, Ink::Plain);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "license time 2027-01-15 08:00:00Z");
        assert_eq!(lines[1], "clock        2027-01-16 08:00:00Z");
        assert!(lines[2].ends_with("lictree clock accept"), "{said}");
        assert_eq!(lines[3], "licenses here that would end by it: 2");
        let back = text(&ClockView { standing: ClockStanding::SetBack, ..view }, Ink::Plain);
        assert!(back.contains("set back") && !back.contains("accept"), "{back}");
        let right = text(&ClockView { standing: ClockStanding::Right, ..view }, Ink::Plain);
        assert!(right.ends_with("license time follows it\n"), "{right}");
    }
}
