//! `lictree doctor`: what a server needs, looked at, with remedies.

use crate::edge::doctor::{Finding, Place, State, examine};
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::founding::CONFIG_NAME;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::time::Timestamp;
use clap::Args;
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use serde_json::json;
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The server's configuration; lictree.toml in the folder of `--data` when left out.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let file = match arguments.config {
        Some(file) => file,
        None => {
            // A folder with many servers is told as everywhere else.
            terminal.client()?;
            terminal.data_dir()?.join(CONFIG_NAME)
        }
    };
    let place = Place::of(&file);
    become_owner(&place.data_dir);
    let now = Timestamp(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0));
    let found = super::online(async { Ok(examine(&place, now).await) })?;
    let bad = found.iter().filter(|finding| finding.state == State::Bad).count();
    let warnings = found.iter().filter(|finding| finding.state == State::Warning).count();
    let answer = json!({
        "config": place.file.display().to_string(),
        "data": place.data_dir.display().to_string(),
        "findings": found,
        "bad": bad,
        "warnings": warnings,
    });
    let marks = if std::io::stdout().is_terminal() { Marks::Drawn } else { Marks::Words };
    terminal.show(&answer, |_, ink| text(&found, marks, ink))?;
    Ok(if bad > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Root looks with the eyes of the folder's owner: as it the server runs, and what it cannot read
/// or write is what matters.
fn become_owner(data_dir: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let Ok(found) = std::fs::metadata(data_dir) else { return };
    let (uid, gid) = (Uid::from_raw(found.uid()), Gid::from_raw(found.gid()));
    if !uid.is_root() {
        // No other thread is there yet, and those that come are as this one. Whoever cannot become
        // the owner is told of that as a finding.
        let _ = set_thread_groups(&[])
            .and_then(|()| set_thread_res_gid(gid, gid, gid))
            .and_then(|()| set_thread_res_uid(uid, uid, uid));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marks {
    Drawn,
    Words,
}

fn text(found: &[Finding], marks: Marks, ink: Ink) -> String {
    let mut text = String::new();
    for Finding { about, state, text: what, remedy } in found {
        let (mark, tone) = mark(*state, marks);
        let mark = ink.paint(&mark, tone);
        text.push_str(&format!("{mark} {:<13}  {}\n", about.word(), plain(what)));
        if let Some(remedy) = remedy {
            let indent = " ".repeat(if marks == Marks::Drawn { 17 } else { 24 });
            text.push_str(&format!("{indent}{}\n", ink.paint(&plain(remedy), Tone::Faint)));
        }
    }
    let count = |state| found.iter().filter(|finding| finding.state == state).count();
    match (count(State::Bad), count(State::Warning)) {
        (0, 0) => text.push_str("all is well\n"),
        (bad, warnings) => text.push_str(&format!("bad: {bad}, to be looked at: {warnings}\n")),
    }
    text
}

fn mark(state: State, marks: Marks) -> (String, Tone) {
    let (sign, word, tone) = match state {
        State::Ok => ("✓", "ok", Tone::Good),
        State::Skipped => ("-", "skipped", Tone::Faint),
        State::Warning => ("!", "warning", Tone::Notable),
        State::Bad => ("✗", "bad", Tone::Bad),
    };
    match marks {
        Marks::Drawn => (sign.to_string(), tone),
        Marks::Words => (format!("{word:<8}"), tone),
    }
}

/// What a terminal would obey instead of show becomes `?`.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::doctor::About;

    #[test]
    fn findings_are_signs_on_a_terminal_and_words_elsewhere() {
        let found = [
            Finding::ok(About::Clock, "it\u{1b} goes"),
            Finding::bad(About::DiskSpace, "it is full", "make room"),
            Finding::warning(About::Server, "none runs", "start it"),
            Finding::skipped(About::Port, "it does not listen"),
        ];
        let expected = "\
✓ clock          it? goes
✗ disk-space     it is full
                 make room
! server         none runs
                 start it
- port           it does not listen
bad: 1, to be looked at: 1
";
        assert_eq!(text(&found, Marks::Drawn, Ink::Plain), expected);
        let expected = "\
ok       clock          it? goes
bad      disk-space     it is full
                        make room
";
        let words = text(&found, Marks::Words, Ink::Plain);
        assert!(words.starts_with(expected), "{words}");
        assert!(text(&found[..1], Marks::Words, Ink::Plain).ends_with("all is well\n"));
    }
}
