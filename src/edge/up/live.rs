//! The running tree, shown while it runs: redrawn on a terminal, else a plain line on each change.

use crate::client::Client;
use crate::edge::draw::ink::{self, Ink};
use crate::edge::draw::tree::{self, Columns};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::edge::topology::{Holding, Topology};
use crate::edge::up::folder::Folder;
use crate::edge::up::processes::Processes;
use crate::model::count::counted;
use crate::model::name::ServerName;
use crate::model::view::{RangeView, RangesView, ServerView, ServersView};
use std::collections::BTreeMap;
use std::io::{IsTerminal, stdout};
use std::time::Duration;

/// The pause between two drawings.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// What is shown.
pub(super) struct Live<'a> {
    pub(super) topology: &'a Topology,
    pub(super) primary: &'a ServerName,
    pub(super) folder: &'a Folder,
    pub(super) processes: &'a mut Processes,
    pub(super) terminal: &'a Terminal,
}

impl Live<'_> {
    /// Shows the tree until it is dropped; ends by itself only when nothing can be written.
    pub(super) async fn show(&mut self) -> Result<(), Failure> {
        let client = Client::of_data_dir(&self.folder.server(self.primary));
        let redraws = stdout().is_terminal();
        let (mut drawn, mut said) = (0, BTreeMap::new());
        let mut known = None;
        loop {
            if let (Ok(servers), Ok(ranges)) = (client.servers().await, client.ranges().await) {
                known = Some((servers, ranges));
            }
            self.processes.look();
            let down = self.down().await;
            if redraws {
                drawn = self.redraw(drawn, known.as_ref(), &down)?;
            } else if let Some((servers, ranges)) = &known {
                said = self.changes(&said, lines(servers, ranges, &down))?;
            }
            tokio::time::sleep(DRAW_EVERY).await;
        }
    }

    /// Servers whose process ended and that nobody started again: why, and how to start them.
    async fn down(&self) -> Vec<(ServerName, String)> {
        let mut down = Vec::new();
        for (name, how) in self.processes.ended() {
            let client = Client::of_data_dir(&self.folder.server(name));
            if client.status().await.is_err() {
                let config = self.folder.config(name);
                let start = format!("{} serve --config {}", program(), config.display());
                down.push((name.clone(), format!("{how}\n  start it again: {start}")));
            }
        }
        down
    }

    /// Draws over what was drawn before; how many lines that were.
    fn redraw(
        &self,
        before: usize,
        known: Option<&(ServersView, RangesView)>,
        down: &[(ServerName, String)],
    ) -> Result<usize, Failure> {
        let (columns, rows) = size();
        let ink = self.terminal.ink;
        let table = match known {
            Some((servers, ranges)) => {
                tree::tree(servers, ranges, Columns::Live { width: columns }, ink)
            }
            None => "waiting for the primary\n".to_string(),
        };
        let notice = |(name, how): &(ServerName, String)| format!("\n{name} is down: {how}\n");
        let mut below: String = down.iter().map(notice).collect();
        below.push_str("\nCtrl-C stops all; the same command goes on from disk\n");
        let kept = on_screen(&table, &below, rows.saturating_sub(1));
        let kept: Vec<String> =
            kept.iter().map(|line| format!("{}\n", ink::cut(line, columns))).collect();
        let up = if before > 0 { format!("\u{1b}[{before}A\u{1b}[J") } else { String::new() };
        self.terminal.print(&format!("{up}{}", kept.concat()))?;
        Ok(kept.len())
    }

    /// Prints the lines that are not as they were.
    fn changes(
        &self,
        before: &BTreeMap<String, String>,
        now: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Failure> {
        for (key, line) in &now {
            if before.get(key) != Some(line) {
                self.terminal.print(&format!("{key}: {line}\n"))?;
            }
        }
        Ok(now)
    }

    /// Commands for a second terminal, with the paths as they are here.
    pub(super) fn suggestions(&self) -> String {
        let at = |name: &ServerName| format!("--data {}", self.folder.server(name).display());
        let mut lines = vec![
            format!("range list {}", at(self.primary)),
            format!("server list {}", at(self.primary)),
            format!("event list {}", at(self.primary)),
        ];
        let servers = &self.topology.servers;
        let mut found = servers.iter().filter(|(_, s)| s.nodes > s.managed.values().sum::<u64>());
        if let Some((name, _)) = found.next_back() {
            lines.push(format!("node list {} --state discovered --limit 5", at(name)));
            lines.push(format!("node manage --managing-source {name} --count 1 {}", at(name)));
        }
        let distributed = servers.iter().flat_map(|(name, server)| {
            server.options.iter().filter_map(move |(product, holding)| match holding {
                Holding::Distributed(count) => Some((name, product, count.0 + 5)),
                Holding::Registered => None,
            })
        });
        if let Some((name, product, count)) = distributed.last() {
            let primary = at(self.primary);
            lines.push(format!("license distribute {product} {count} --to {name} {primary}"));
        }
        let program = program();
        let lines: String = lines.iter().map(|line| format!("  {program} {line}\n")).collect();
        format!("Try in a second terminal:\n{lines}\n")
    }
}

/// The lines that fit: what stands below is kept, and of the table the first rows.
fn on_screen(table: &str, below: &str, rows: usize) -> Vec<String> {
    let (table, below): (Vec<&str>, Vec<&str>) = (table.lines().collect(), below.lines().collect());
    let below = &below[below.len().saturating_sub(rows)..];
    let room = rows - below.len();
    let mut kept: Vec<String> = table.iter().take(room).map(|line| (*line).to_string()).collect();
    let more = table.len() - kept.len();
    if more > 0
        && let Some(last) = kept.last_mut()
    {
        let lines = counted(more as u64 + 1, "line");
        *last = format!("… {lines} more");
    }
    kept.extend(below.iter().map(|line| (*line).to_string()));
    kept
}

/// One line for each range and server that is worth a line when it changes.
fn lines(
    servers: &ServersView,
    ranges: &RangesView,
    down: &[(ServerName, String)],
) -> BTreeMap<String, String> {
    let range = |range: &RangeView| {
        let RangeView { product, source, held, used, remaining, shortage, in_transit, .. } = range;
        let key = format!("range {source} of {product}");
        let line = format!(
            "held {held}, used {used}, remaining {remaining}, shortage {shortage}, \
             in transit {in_transit}"
        );
        (key, line)
    };
    let server = |server: &ServerView| {
        let state = if server.online { "online" } else { "offline" };
        let (managed, discovered) = (server.nodes.managed, server.nodes.discovered);
        let line = format!("{state}, {managed} managed, {discovered} discovered");
        (format!("server {}", server.name), line)
    };
    let mut lines: BTreeMap<String, String> = ranges.ranges.iter().map(range).collect();
    lines.extend(servers.servers.iter().map(server));
    for (name, how) in down {
        lines.insert(format!("server {name}"), format!("down: {how}"));
    }
    lines
}

/// Columns and rows of the terminal; those of an old one when it does not say.
fn size() -> (usize, usize) {
    let found = rustix::termios::tcgetwinsize(stdout()).ok();
    let found = found.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    found.map_or((80, 24), |size| (usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// How this program was called: by its path, or by cargo.
fn program() -> String {
    if std::env::var_os("CARGO_MANIFEST_DIR").is_some() {
        return "cargo run -q --".to_string();
    }
    std::env::args().next().unwrap_or_else(|| "lictree".to_string())
}

/// The tree by its counts only, without colour.
pub(super) async fn counts(client: &Client) -> Result<String, Failure> {
    let (servers, ranges) = (client.servers().await?, client.ranges().await?);
    Ok(tree::tree(&servers, &ranges, Columns::Counts, Ink::Plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_terminal_keeps_what_stands_below_the_table() {
        let (table, below) = ("1\n2\n3\n4\n5\n", "\nd is down\n\nCtrl-C stops all\n");
        let shown = |rows| on_screen(table, below, rows).join("|");
        assert_eq!(shown(9), "1|2|3|4|5||d is down||Ctrl-C stops all");
        assert_eq!(shown(8), "1|2|3|… 2 lines more||d is down||Ctrl-C stops all");
        assert_eq!(shown(5), "… 5 lines more||d is down||Ctrl-C stops all");
        assert_eq!(shown(2), "|Ctrl-C stops all");
        assert_eq!(shown(0), "");
    }
}
