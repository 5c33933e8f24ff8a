//! The whole way of a tree by hand, three levels deep, each server its own host.

use crate::founding::{enter, join, primary, register};
use crate::lan::Lan;
use crate::patience::until;
use crate::server::{Server, code_of, machines};
use std::time::{Duration, Instant};

#[test]
fn a_tree_is_made_grown_moved_and_cut_by_hand() {
    let Some(mut lan) = Lan::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let hq = primary(&mut lan, folder.path());
    let west = join(&mut lan, &hq, "west", ("hq", &hq), 2);
    let south = join(&mut lan, &hq, "south", ("west", &west), 3);
    let mut deep = join(&mut lan, &hq, "deep", ("south", &south), 4);

    register(&hq, 100);
    hq.done("license distribute inventory 10 --to deep --yes");
    deep.done(&format!("node import {}", machines(folder.path(), 12)));
    deep.done("node manage --managing-source deep --count 10");
    let full = deep.ask("node manage --managing-source deep --count 1 --json");
    assert_eq!(full.code(), "LT0301", "a full range refuses: {full:?}");
    until("the primary shows it", || {
        let ranges = hq.json("range list")?;
        let rows = ranges["ranges"].as_array().cloned().unwrap_or_default();
        let shown = |row: &serde_json::Value| row["source"] == "deep" && row["used"] == 10;
        rows.iter().any(shown).then_some(()).ok_or(ranges.to_string())
    });

    moves_while_connected(&hq, &mut deep);
    is_removed_and_comes_again(&hq, &south, &mut deep);
}

/// Another address, and the connection stays.
fn moves_while_connected(hq: &Server, deep: &mut Server) {
    let before = deep.log().matches("connected").count();
    deep.host.move_to(44, 4);
    until("it is seen at its new address", || {
        let row = hq.row("deep")?;
        let address = row["address"].as_str().unwrap_or_default().to_string();
        let there = address.starts_with("10.77.0.44:") && row["online"] == true;
        there.then_some(()).ok_or(row.to_string())
    });
    assert_eq!(deep.log().matches("connected").count(), before, "it connected anew");
}

fn is_removed_and_comes_again(hq: &Server, south: &Server, deep: &mut Server) {
    let kept = hq.ask("server remove deep --yes --json");
    assert_eq!(kept.code(), "LT0423", "it holds licenses: {kept:?}");
    let told = Instant::now();
    hq.done("server remove deep --yes --force");
    until("its connection is ended", || {
        let log = south.log();
        let ended = log.contains("it was removed from the tree");
        ended.then_some(()).ok_or("not yet".to_string())
    });
    let took = told.elapsed();
    assert!(took < Duration::from_secs(5), "it was there for {took:?} at depth 3");
    until("it is refused", || {
        let log = deep.log();
        let refused = log.contains("revoked") || log.contains("removed") || log.contains("denied");
        refused.then_some(()).ok_or(log)
    });
    assert_eq!(hq.row("deep").unwrap()["standing"], "removed");

    let code = code_of(&hq.done("server invite deep --parent south"));
    deep.stop();
    enter(deep, &code, &format!("{}:4747", south.host.address));
    deep.start();
    until("it is back with what it had", || {
        let row = hq.row("deep")?;
        let back = row["online"] == true
            && row["standing"] == "member"
            && row["certificate"]["enrolment"] == 2
            && row["nodes"]["managed"] == 10;
        back.then_some(()).ok_or(row.to_string())
    });
}
