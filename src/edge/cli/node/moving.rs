//! `lictree node move`: a machine that goes to another server's site.

use crate::client::Client;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::device::DeviceId;
use crate::model::moving::Goal;
use clap::Args;
use serde_json::json;

/// The node stays managed, and uses its license, until the other server manages the same machine;
/// then it is deleted here and its license comes free. Manage it there in the ordinary way. Where
/// both share one range, that takes one license more for a moment: in a full range the other server
/// is told that none is left (LT0301).
#[derive(Debug, Args)]
pub(in crate::edge::cli) struct Move {
    /// A managed node of this server, such as b:17.
    #[arg(value_name = "ID")]
    id: DeviceId,
    /// The server it goes to, or the node that it is there, such as d:4. Only the latter will do
    /// where the machine has no MAC of its own.
    #[arg(long, value_name = "SERVER|ID", required_unless_present = "cancel")]
    to: Option<Goal>,
    /// It stays.
    #[arg(long, conflicts_with = "to")]
    cancel: bool,
}

pub(super) async fn run(asked: Move, client: &Client, terminal: &Terminal) -> Result<(), Failure> {
    let Move { id, to, cancel: _ } = asked;
    let devices = client.move_node(id.clone(), to.clone()).await?;
    terminal.show(&json!({ "devices": devices }), |_, _| told(&id, to.as_ref()))
}

fn told(id: &DeviceId, to: Option<&Goal>) -> String {
    let here = &id.managing_source;
    let Some(Goal { server, node }) = to else { return format!("{id} stays at {here}\n") };
    let (what, how) = match node {
        Some(node) => (format!("{server}:{node}"), format!("{server}:{node}")),
        None => ("the same machine".to_string(), "ID".to_string()),
    };
    format!(
        "{id} stays managed until {server} manages {what}; then it is given up here\n\
         manage it at {server}: lictree node manage {how}\n\
         see whether it still waits: lictree node show {id}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_do_is_said() {
        let id: DeviceId = "b:17".parse().unwrap();
        let goal = |text: &str| -> Goal { text.parse().unwrap() };
        assert!(told(&id, Some(&goal("d"))).contains("until d manages the same machine;"));
        assert!(told(&id, Some(&goal("d:4"))).contains("at d: lictree node manage d:4\n"));
        assert_eq!(told(&id, None), "b:17 stays at b\n");
    }
}
