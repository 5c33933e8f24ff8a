//! The whole way of a tree by hand, three levels deep, each server its own host.

use crate::lan::Lan;
use crate::patience::until;
use crate::server::{Server, code_of, machines};
use std::path::Path;
use std::time::{Duration, Instant};

/// A primary with a vendor's key, and nobody below.
pub fn primary(lan: &mut Lan, folder: &Path) -> Server {
    let host = lan.host(1);
    let mut hq = Server::at(host, folder.join("hq"));
    let key = folder.join("vendor.key").display().to_string();
    assert_eq!(hq.run(&["vendor", "keygen", "--out", &key]).exit, 0);
    let public = std::fs::read_to_string(format!("{key}.pub")).unwrap();
    let public = public.trim().to_string();
    let (at, listen) = (hq.folder.display().to_string(), format!("{}:4747", hq.host.address));
    let init = ["init", "primary", "hq", "--tree", "acme", "--at", &at, "--listen", &listen];
    let made = hq.run(&[&init[..], &["--vendor-key", &public]].concat());
    assert_eq!(made.exit, 0, "{made:?}");
    hq.start();
    hq
}

/// Invites a server and lets it join on a host of its own.
pub fn join(lan: &mut Lan, hq: &Server, name: &str, parent: (&str, &Server), number: u8) -> Server {
    let code = code_of(&hq.done(&format!("server invite {name} --parent {}", parent.0)));
    let mut server = Server::at(lan.host(number), hq.folder.with_file_name(name));
    enter(&server, &code, parent.1);
    server.start();
    until("the primary hears of it", || match hq.row(name)? {
        row if row["online"] == true => Ok(()),
        row => Err(row.to_string()),
    });
    server
}

#[track_caller]
fn enter(server: &Server, code: &str, parent: &Server) {
    let (at, to) = (server.folder.display().to_string(), format!("{}:4747", parent.host.address));
    let listen = "0.0.0.0:4747";
    let joined = server.run(&["join", code, "--to", &to, "--at", &at, "--listen", listen]);
    assert_eq!(joined.exit, 0, "{joined:?}");
}

/// Issues a license and registers it at the primary.
pub fn register(hq: &Server, count: u32) {
    let folder = hq.folder.parent().unwrap();
    let (key, file) = (folder.join("vendor.key"), folder.join("license.txt"));
    let (key, file) = (key.display().to_string(), file.display().to_string());
    let count = count.to_string();
    let issue = ["vendor", "issue", "--key", &key, "--product", "inventory", "--count", &count];
    assert_eq!(hq.run(&[&issue[..], &["--out", &file]].concat()).exit, 0);
    hq.done(&format!("license register {file}"));
}

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
    enter(deep, &code, south);
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
