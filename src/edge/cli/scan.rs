//! `lictree scan`: finding the machines of a server's site.

use crate::client::Client;
use crate::client::contract::{PlannedScan, ScanBody, ScanList, ScanMethod, ScanState, ScanView};
use crate::edge::cli::value;
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::terminal::{Form, Terminal};
use crate::model::count::counted;
use crate::model::name::ProductName;
use crate::model::refusal::Refusal;
use clap::{ArgGroup, Args, Subcommand};
use std::io::IsTerminal;
use std::time::Duration;

/// How often a scan that is watched is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Cells of a bar.
const BAR_CELLS: u64 = 30;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run a scan: one of the configuration by its name, or segments named here.
    Run(Run),
    /// Scans that wait, run, and ran; and those that are planned.
    List,
    /// One scan: how far it is, what it found, what it could not use.
    Show {
        /// As `scan list` shows it.
        #[arg(value_parser = scan_id)]
        id: u64,
        /// Look on until it is over.
        #[arg(long)]
        watch: bool,
    },
    /// Let a scan wait until it is resumed.
    Pause {
        /// As `scan list` shows it.
        #[arg(value_parser = scan_id)]
        id: u64,
    },
    /// Let a paused scan go on.
    Resume {
        /// As `scan list` shows it.
        #[arg(value_parser = scan_id)]
        id: u64,
    },
    /// End a scan; what it found until now is kept.
    Stop {
        /// As `scan list` shows it.
        #[arg(value_parser = scan_id)]
        id: u64,
    },
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["name", "segment"])))]
pub(super) struct Run {
    /// A scan of the server's configuration.
    name: Option<String>,
    /// What to search: 10.1.0.0/24, 10.1.0.7-10.1.2.9, 10.1.0.7-90, or one address; several times.
    #[arg(long, value_name = "SEGMENT", value_delimiter = ',')]
    segment: Vec<String>,
    /// What to leave alone, besides what the configuration excludes.
    #[arg(long, value_name = "SEGMENT", value_delimiter = ',')]
    exclude: Vec<String>,
    /// `neighbours`, `icmp`, `tcp`, `names`, `mdns`; all but the last when left out.
    #[arg(long, value_name = "METHOD,…", value_delimiter = ',')]
    methods: Option<Vec<ScanMethod>>,
    /// For `tcp`; 22, 80, 443 and 445 when left out.
    #[arg(long, value_name = "PORT,…", value_delimiter = ',')]
    ports: Option<Vec<u16>>,
    /// Probes in a second; 1000 when left out.
    #[arg(long, value_name = "COUNT", value_parser = rate)]
    rate: Option<u32>,
    /// Manage what is found for this product, as long as there are licenses.
    #[arg(long, value_name = "PRODUCT")]
    auto_manage: Option<ProductName>,
    /// Look on until it is over.
    #[arg(long)]
    watch: bool,
}

fn scan_id(text: &str) -> Result<u64, String> {
    let wrong = "a scan is named by its number, such as 3; see which there are: lictree scan list";
    text.parse().map_err(|_| wrong.to_string())
}

fn rate(text: &str) -> Result<u32, String> {
    let rate = value::some(text)?;
    u32::try_from(rate).map_err(|_| "write a whole number, such as 1000".to_string())
}

pub(super) async fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let client = terminal.client()?;
    match verb {
        Verb::Run(Run { name, segment, exclude, methods, ports, rate, auto_manage, watch }) => {
            let body =
                ScanBody { name, segments: segment, exclude, methods, ports, rate, auto_manage };
            let scan = client.run_scan(&body).await?;
            if watch {
                return look_on(&client, scan, terminal).await;
            }
            terminal.show(&scan, |scan, _| begun(scan))
        }
        Verb::List => terminal.show(&client.scans().await?, list_text),
        Verb::Show { id, watch } => {
            let scan = client.scan(id).await?;
            if watch {
                return look_on(&client, scan, terminal).await;
            }
            terminal.show(&scan, scan_text)
        }
        Verb::Pause { id } => change(&client, id, "pause", terminal).await,
        Verb::Resume { id } => change(&client, id, "resume", terminal).await,
        Verb::Stop { id } => change(&client, id, "stop", terminal).await,
    }
}

async fn change(client: &Client, id: u64, verb: &str, terminal: &Terminal) -> Result<(), Failure> {
    let scan = client.change_scan(id, verb).await?;
    terminal.show(&scan, |scan, _| format!("scan {id} ({}): {}\n", scan.name, changed(verb, scan)))
}

/// What became of a scan that was asked for.
fn begun(scan: &ScanView) -> String {
    let what = counted_addresses(scan.addresses);
    let behind = scan.behind.map_or(String::new(), |id| format!("; waits behind {id}"));
    let hours = scan.hours_waived.as_ref();
    let hours = hours.map_or(String::new(), |hours| {
        format!("; asked for by name, so it does not keep to its hours {hours}")
    });
    let id = scan.id;
    format!("scan {id}: {what}{behind}{hours}; see how far: lictree scan show {id}\n")
}

/// What became of a scan that was told something.
fn changed(verb: &str, scan: &ScanView) -> String {
    match (verb, scan.state, scan.behind) {
        // One that is told to stop books what it found first.
        ("stop", state, _) if !state.is_over() => "stops".to_string(),
        ("resume", ScanState::Waiting | ScanState::Paused, Some(id)) => {
            format!("resumed, its turn comes after scan {id}")
        }
        ("resume", ScanState::Paused, None) => format!("resumed, {}", scan.doing),
        ("resume", state, _) => format!("resumed, {}", state.word()),
        (_, state, _) => state.word().to_string(),
    }
}

/// Shows a scan until it is over: a line that is drawn again on a terminal, the end of it anywhere.
async fn look_on(client: &Client, scan: ScanView, terminal: &Terminal) -> Result<(), Failure> {
    let live = terminal.form == Form::Text && std::io::stderr().is_terminal();
    let mut scan = scan;
    while !scan.state.is_over() {
        if live {
            terminal.note(&format!("\r\u{1b}[2K{}", bar_line(&scan, terminal.ink)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
        scan = client.scan(scan.id).await?;
    }
    if live {
        terminal.note("\r\u{1b}[2K");
    }
    terminal.show(&scan, scan_text)?;
    match scan.notes.last().filter(|_| scan.state == ScanState::Failed) {
        Some(Refusal { code, message, hint }) => {
            Err(Failure::new(Exit::Refused, code, message, hint))
        }
        None => Ok(()),
    }
}

fn counted_addresses(count: u64) -> String {
    if count == 1 { "1 address".to_string() } else { format!("{count} addresses") }
}

fn tone(state: ScanState) -> Tone {
    match state {
        ScanState::Running => Tone::Strong,
        ScanState::Done => Tone::Good,
        ScanState::Paused | ScanState::Stopped => Tone::Notable,
        ScanState::Failed => Tone::Bad,
        ScanState::Waiting => Tone::Faint,
    }
}

fn bar(scan: &ScanView, ink: Ink) -> String {
    let part = scan.part(100);
    let full = usize::try_from(part * BAR_CELLS / 100).unwrap_or(0);
    let rest = usize::try_from(BAR_CELLS).unwrap_or(0) - full;
    let done = ink.paint(&"█".repeat(full), tone(scan.state));
    format!("{done}{} {part:>3} %", ink.paint(&"░".repeat(rest), Tone::Faint))
}

fn bar_line(scan: &ScanView, ink: Ink) -> String {
    let left = scan
        .left_s
        .map_or(String::new(), |left| format!(", {} left", age::length(Duration::from_secs(left))));
    let all = counted_addresses(scan.addresses);
    // As many of them as the bar says: each is asked several times.
    let (done, found) = (scan.part(scan.addresses), scan.found);
    format!("{} {done} of {all}, {found} found{left}", bar(scan, ink))
}

fn scan_text(scan: &ScanView, ink: Ink) -> String {
    let word = Cell::new(scan.state.word(), tone(scan.state)).text(ink);
    let doing = match scan.behind {
        Some(id) => format!(", until scan {id} is done or paused"),
        None if scan.state.is_over() => String::new(),
        None => format!(", {}", scan.doing),
    };
    let methods: Vec<String> = scan.methods.iter().map(ScanMethod::to_string).collect();
    let moment = |at: Option<_>| at.map_or(String::new(), age::moment);
    let mut nodes = format!("{} new, {} known", scan.new, scan.known);
    if scan.managed + scan.unlicensed > 0 {
        nodes.push_str(&format!(", {} managed", scan.managed));
    }
    if scan.unlicensed > 0 {
        nodes.push_str(&format!(", {} without a license left", scan.unlicensed));
    }
    let hours = scan.hours_waived.as_ref();
    let hours = hours.map_or(String::new(), |hours| format!("{hours}, not kept to: run by name"));
    let rows = [
        ("scan", format!("{} ({})", scan.id, Cell::plain(&scan.name).text(Ink::Plain))),
        ("state", format!("{word}{doing}")),
        ("progress", bar_line(scan, ink)),
        ("hours", hours),
        ("segments", Cell::plain(scan.segments.join(", ")).text(Ink::Plain)),
        ("methods", methods.join(", ")),
        ("rate", format!("{} probes a second, {} so far", scan.rate, scan.probes)),
        ("nodes", nodes),
        ("began", moment(scan.began)),
        ("ended", moment(scan.ended)),
    ];
    let rows = rows.iter().filter(|(_, value)| !value.is_empty());
    let mut text: String = rows.map(|(title, value)| format!("{title:<10} {value}\n")).collect();
    for Refusal { code, message, hint } in &scan.notes {
        let note = ink.paint(&format!("{message} ({code})"), Tone::Notable);
        text.push_str(&format!("note       {note}\n           {hint}\n"));
    }
    text
}

/// The state, and for which other scan this one waits.
fn state_words(scan: &ScanView) -> String {
    let word = scan.state.word();
    scan.behind.map_or(word.to_string(), |id| format!("{word} behind {id}"))
}

fn list_text(list: &ScanList, ink: Ink) -> String {
    let mut table = Table::new(vec![
        ("scan", Lean::Right),
        ("name", Lean::Left),
        ("state", Lean::Left),
        ("done", Lean::Right),
        ("addresses", Lean::Right),
        ("found", Lean::Right),
        ("new", Lean::Right),
        ("managed", Lean::Right),
        ("notes", Lean::Right),
        ("began", Lean::Left),
    ]);
    for scan in &list.scans {
        table.row(vec![
            Cell::plain(scan.id),
            Cell::plain(&scan.name),
            Cell::new(state_words(scan), tone(scan.state)),
            Cell::plain(format!("{} %", scan.part(100))),
            Cell::plain(scan.addresses),
            Cell::plain(scan.found),
            Cell::plain(scan.new),
            Cell::plain(scan.managed),
            Cell::plain(scan.notes.len()),
            Cell::new(scan.began.map_or(String::new(), age::moment), Tone::Faint),
        ]);
    }
    let mut text = match list.scans.is_empty() {
        true => "no scan since the server started\n".to_string(),
        false => table.text(ink),
    };
    for planned in &list.planned {
        text.push_str(&planned_line(planned));
    }
    text
}

fn planned_line(planned: &PlannedScan) -> String {
    let length = |s| age::length(Duration::from_secs(s));
    let every = match planned.every_s {
        Some(s) => format!("every {}", length(s)),
        None => format!("by hand: lictree scan run {}", planned.name),
    };
    let window = planned.window.as_ref().map_or(String::new(), |hours| format!(", {hours}"));
    let next = planned.next_s.map_or(String::new(), |s| format!(", next in {}", length(s)));
    let segments = counted(planned.segments.len() as u64, "segment");
    format!("planned: {}, {segments}, {every}{window}{next}\n", planned.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    fn scan(state: ScanState) -> ScanView {
        ScanView {
            as_of: Timestamp(0),
            id: 3,
            name: "office".to_string(),
            state,
            doing: "asking by echo requests".to_string(),
            behind: None,
            hours_waived: None,
            segments: vec!["10.1.0.0/24".to_string()],
            methods: vec![ScanMethod::Icmp, ScanMethod::Tcp],
            rate: 1_000,
            addresses: 254,
            looked_at: 127,
            found: 9,
            steps_done: 127,
            steps: 508,
            probes: 127,
            new: 2,
            known: 7,
            managed: 0,
            unlicensed: 0,
            left_s: Some(1),
            began: Some(Timestamp(0)),
            ended: None,
            notes: vec![Refusal::new("LT0332", "icmp cannot be used", "grant it")],
        }
    }

    #[test]
    fn a_running_scan_shows_how_far_it_is() {
        let text = scan_text(&scan(ScanState::Running), Ink::Plain);
        // It asked half of them once, and goes to each four times.
        let line = "progress   ███████░░░░░░░░░░░░░░░░░░░░░░░  25 % 63 of 254 addresses, 9 found, \
                    1 s left\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("state      running, asking by echo requests\n"), "{text}");
        assert!(text.contains("icmp cannot be used (LT0332)\n           grant it\n"), "{text}");
    }

    #[test]
    fn one_that_is_over_is_whole_and_says_what_came_of_it() {
        let over = ScanView { unlicensed: 2, managed: 5, left_s: None, ..scan(ScanState::Done) };
        let text = scan_text(&over, Ink::Plain);
        assert!(text.contains("100 % 254 of 254 addresses, 9 found\n"), "{text}");
        let nodes = "nodes      2 new, 7 known, 5 managed, 2 without a license left\n";
        assert!(text.contains(nodes), "{text}");
        let stopped = ScanView { left_s: None, ..scan(ScanState::Stopped) };
        let text = scan_text(&stopped, Ink::Plain);
        assert!(text.contains(" 25 % 63 of 254 addresses, 9 found\n"), "{text}");
    }

    #[test]
    fn one_that_waits_says_for_which() {
        let waits = ScanView { behind: Some(2), ..scan(ScanState::Waiting) };
        let text = scan_text(&waits, Ink::Plain);
        assert!(text.contains("state      waiting, until scan 2 is done or paused\n"), "{text}");
        let text = list_text(&ScanList { scans: vec![waits], planned: Vec::new() }, Ink::Plain);
        assert!(text.contains("waiting behind 2"), "{text}");
    }

    #[test]
    fn one_that_is_run_by_name_says_that_it_does_not_keep_to_its_hours() {
        let hours_waived = Some("22:00-05:00".to_string());
        let waived = ScanView { hours_waived, ..scan(ScanState::Waiting) };
        let told = begun(&waived);
        assert!(told.contains("does not keep to its hours 22:00-05:00; see"), "{told}");
        let text = scan_text(&waived, Ink::Plain);
        assert!(text.contains("hours      22:00-05:00, not kept to: run by name\n"), "{text}");
        assert!(!begun(&scan(ScanState::Waiting)).contains("hours"));
    }

    #[test]
    fn one_that_is_resumed_says_what_comes_now() {
        let paused = |behind, doing: &str| {
            let doing = doing.to_string();
            changed("resume", &ScanView { behind, doing, ..scan(ScanState::Paused) })
        };
        assert_eq!(paused(Some(7), "waiting for its turn"), "resumed, its turn comes after scan 7");
        assert_eq!(paused(None, "waiting for its hours"), "resumed, waiting for its hours");
        assert_eq!(changed("resume", &scan(ScanState::Running)), "resumed, running");
        assert_eq!(changed("pause", &scan(ScanState::Paused)), "paused");
        assert_eq!(changed("stop", &scan(ScanState::Running)), "stops");
        assert_eq!(changed("stop", &scan(ScanState::Stopped)), "stopped");
    }

    #[test]
    fn an_id_that_is_none_is_told_what_one_looks_like() {
        assert_eq!(scan_id("3"), Ok(3));
        for bad in ["office", "", "-1", "3.5", "99999999999999999999"] {
            let told = scan_id(bad).unwrap_err();
            assert!(told.contains("such as 3") && told.contains("lictree scan list"), "{told}");
        }
    }

    #[test]
    fn run_alone_names_both_that_it_takes() {
        #[derive(Debug, clap::Parser)]
        struct Alone {
            #[command(flatten)]
            _run: Run,
        }
        use clap::Parser;
        let told = Alone::try_parse_from(["run"]).unwrap_err().to_string();
        assert!(told.contains("NAME") && told.contains("--segment"), "{told}");
        assert!(Alone::try_parse_from(["run", "office", "--segment", "10.0.0.1"]).is_err());
        assert!(Alone::try_parse_from(["run", "--segment", "10.0.0.1,10.0.0.2"]).is_ok());
        assert!(Alone::try_parse_from(["run", "office"]).is_ok());
    }

    #[test]
    fn plans_stand_below_what_ran() {
        let planned = PlannedScan {
            name: "office".to_string(),
            segments: vec!["10.1.0.0/24".to_string()],
            every_s: Some(21_600),
            window: Some("22:00-05:00".to_string()),
            auto_manage: None,
            next_s: Some(60),
        };
        let text = list_text(&ScanList { scans: Vec::new(), planned: vec![planned] }, Ink::Plain);
        let expected = "planned: office, 1 segment, every 6 h, 22:00-05:00, next in 60 s\n";
        assert_eq!(text, format!("no scan since the server started\n{expected}"));
    }
}
