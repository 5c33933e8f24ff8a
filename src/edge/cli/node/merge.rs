//! `lictree node merge`: several nodes that are one machine become one.

use super::{node_text, show_done};
use crate::client::Client;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::count::counted;
use crate::model::device::{DeviceId, DeviceState};
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub(in crate::edge::cli) struct Merge {
    /// The node that stays, with its number and its state.
    #[arg(value_name = "KEEP")]
    keep: DeviceId,
    /// The nodes that become part of it. The licenses of managed ones come free.
    #[arg(required = true, value_name = "OTHER")]
    others: Vec<DeviceId>,
    /// Do it without a question.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(merge: Merge, client: &Client, terminal: &Terminal) -> Result<(), Failure> {
    let Merge { keep, others, yes } = merge;
    if !yes {
        // Nobody is asked about what would be refused.
        if let refused @ Err(_) = client.may_merge(keep.clone(), others.clone()).await {
            return show_done(refused, client, Vec::new(), &others, terminal).await;
        }
        let mut managed = 0;
        for id in &others {
            managed += u64::from(client.node(id).await?.state == DeviceState::Managed);
        }
        terminal.agree(&question(&keep, &others, managed))?;
    }
    let outcomes = match client.merge(keep.clone(), others.clone()).await {
        Ok(outcomes) => outcomes,
        refused => return show_done(refused, client, Vec::new(), &others, terminal).await,
    };
    let node = client.node(&keep).await?;
    let whole = json!({ "node": node, "devices": outcomes });
    terminal.show(&whole, |_, ink| {
        let merged = counted(outcomes.len() as u64, "node");
        format!("{merged} merged into {keep}\n{}", node_text(&node, ink))
    })
}

fn question(keep: &DeviceId, others: &[DeviceId], managed: u64) -> String {
    let names: Vec<String> = others.iter().take(5).map(DeviceId::to_string).collect();
    let names = match others.len().saturating_sub(5) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    };
    let frees = match managed {
        0 => String::new(),
        _ => format!(" That frees {}.", counted(managed, "license")),
    };
    format!("make {names} part of {keep}? It cannot be taken back.{frees}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_the_nodes_and_what_comes_free() {
        let id = |n: u64| -> DeviceId { format!("d:{n}").parse().unwrap() };
        assert_eq!(
            question(&id(1), &[id(2), id(3)], 1),
            "make d:2, d:3 part of d:1? It cannot be taken back. That frees 1 license."
        );
        let many: Vec<DeviceId> = (2..12).map(id).collect();
        let asked = question(&id(1), &many, 0);
        assert!(asked.contains("d:6 and 5 more part of d:1?"), "{asked}");
        assert!(!asked.contains("frees"), "{asked}");
    }
}
