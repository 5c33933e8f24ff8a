//! `lictree status`: one server in a few lines.

use crate::edge::cli::server;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::view::StatusView;

pub(super) async fn run(terminal: &Terminal) -> Result<(), Failure> {
    let status = terminal.client()?.status().await?;
    terminal.show(&status, text)
}

fn text(status: &StatusView, ink: Ink) -> String {
    let StatusView { tree, name, software, waiting, report_lag, nodes, .. } = status;
    let role = server::role(status.role);
    let way = match (&status.parent, status.connected) {
        (None, _) => String::new(),
        (Some(parent), true) => {
            format!(" below {parent}, {}", ink.paint("connected", Tone::Good))
        }
        (Some(parent), false) => {
            format!(" below {parent}, {}", ink.paint("not connected", Tone::Bad))
        }
    };
    let below = status.servers_online + status.servers_offline;
    let mut text = format!("{name}: {role} of {tree}{way}, {software}\n");
    if below > 0 {
        let (online, offline) = (status.servers_online, status.servers_offline);
        text.push_str(&format!("servers: {online} online, {offline} offline\n"));
    }
    text.push_str(&format!(
        "nodes: {} managed, {} discovered, {} ignored\n",
        nodes.managed, nodes.discovered, nodes.ignored
    ));
    text.push_str(&format!("waiting for an answer: {waiting}; not yet reported: {report_lag}\n"));
    if !status.products.is_empty() {
        text.push_str(&format!("\n{}", server::holdings(&status.products, ink)));
    }
    text
}
