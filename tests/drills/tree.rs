//! A tree of real servers, made as an operator makes it, and what is looked at afterwards.

use crate::lan::Host;
use crate::patience::until;
use crate::server::{Outcome, Server, code_of, machines};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::UdpSocket;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

/// Short waits: they say how soon, not what.
pub const TIMES: &str = "\n[times]\npresence_interval_ms = 300\nretry_interval_ms = 100\n\
                         checkpoint_interval_ms = 200\nredial_longest_ms = 300\n\
                         disk_look_interval_ms = 50\n";

/// A primary with 100 licenses.
pub fn primary(host: Host, folder: PathBuf, more: &str) -> Server {
    let mut hq = Server::at(host, folder);
    let beside = hq.folder.parent().unwrap().to_path_buf();
    let key = beside.join("vendor.key").display().to_string();
    assert_eq!(hq.run(&["vendor", "keygen", "--out", &key]).exit, 0);
    let public = fs::read_to_string(format!("{key}.pub")).unwrap();
    let (at, listen) = (hq.folder.display().to_string(), free_address());
    let init = ["init", "primary", "hq", "--tree", "acme", "--at", &at, "--listen", &listen];
    let made = hq.run(&[&init[..], &["--vendor-key", public.trim()]].concat());
    assert_eq!(made.exit, 0, "{made:?}");
    add(&hq, &format!("{TIMES}{more}"));
    hq.start();
    register(&hq, "100");
    hq
}

/// What the text of a configuration has below `listen`.
pub fn address(server: &Server) -> String {
    let text = fs::read_to_string(config(server)).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("listen = ")).unwrap();
    line.trim_matches('"').to_string()
}

pub fn free_address() -> String {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

pub fn config(server: &Server) -> PathBuf {
    server.folder.join("lictree.toml")
}

fn add(server: &Server, text: &str) {
    let before = fs::read_to_string(config(server)).unwrap();
    fs::write(config(server), before + text).unwrap();
}

/// Issues a license file and registers it.
pub fn register(hq: &Server, count: &str) -> Outcome {
    let beside = hq.folder.parent().unwrap();
    let key = beside.join("vendor.key").display().to_string();
    let file = beside.join(format!("license-{count}")).display().to_string();
    let issue = ["vendor", "issue", "--key", &key, "--product", "inventory", "--count", count];
    assert_eq!(hq.run(&[&issue[..], &["--out", &file]].concat()).exit, 0);
    hq.ask(&format!("license register {file} --json"))
}

/// A relay that joins by a code, and runs.
pub fn join(host: Host, hq: &Server, name: &str) -> Server {
    join_in(host, hq, name, hq.folder.with_file_name(name))
}

/// The same, in this folder.
pub fn join_in(host: Host, hq: &Server, name: &str, folder: PathBuf) -> Server {
    let code = code_of(&hq.done(&format!("server invite {name} --parent hq")));
    let mut relay = Server::at(host, folder);
    enter(&relay, hq, &code);
    relay.start();
    online(hq, name, true);
    relay
}

/// At the new place, with the line that was printed at the primary.
#[track_caller]
pub fn enter(relay: &Server, parent: &Server, code: &str) {
    let at = relay.folder.display().to_string();
    let join = ["join", code, "--to", &address(parent), "--at", &at];
    let key = parent.folder.with_file_name("vendor.key.pub").display().to_string();
    let first = ["--vendor-key", &key];
    let is_new = !config(relay).exists();
    let joined = relay.run(&[&join[..], if is_new { &first } else { &[] }].concat());
    assert_eq!(joined.exit, 0, "{joined:?}");
    let found = fs::read_to_string(config(relay)).unwrap();
    if !found.contains("[times]") {
        add(relay, TIMES);
    }
}

/// A folder for the servers of one drill, hq, and west which was given 10.
pub fn two(west: Host) -> (tempfile::TempDir, Server, Server) {
    let folder = tempfile::tempdir().unwrap();
    let hq = primary(Host::default(), folder.path().join("hq"), "");
    let west = join(west, &hq, "west");
    hq.done("license distribute inventory 10 --to west --yes");
    range(&hq, "west", 10, 0);
    (folder, hq, west)
}

#[track_caller]
pub fn online(hq: &Server, name: &str, as_said: bool) {
    until(&format!("{name} online: {as_said}"), || match hq.row(name)? {
        row if row["online"] == as_said => Ok(()),
        row => Err(row.to_string()),
    });
}

/// Lets a server find so many machines, those there were before included.
pub fn find(server: &Server, count: u8) {
    let beside = server.folder.parent().unwrap().join(format!("found-{count}"));
    fs::create_dir_all(&beside).unwrap();
    server.done(&format!("node import {}", machines(&beside, count)));
}

/// Manages so many more; all of them are answered to be managed.
#[track_caller]
pub fn manage(server: &Server, name: &str, count: u8) -> BTreeSet<String> {
    let line = format!("node manage --managing-source {name} --count {count} --json");
    let told: Value = serde_json::from_str(&server.done(&line)).unwrap();
    let managed = |one: &Value| one["state"] == "managed" && one["refusal"].is_null();
    let devices = told["devices"].as_array().unwrap();
    assert!(devices.len() == usize::from(count) && devices.iter().all(managed), "{told}");
    devices.iter().map(id).collect()
}

fn id(device: &Value) -> String {
    device["id"].as_str().unwrap().to_string()
}

/// What a server shows as managed.
pub fn managed(server: &Server) -> Result<BTreeSet<String>, String> {
    let page = server.json("node list --state managed --limit 500")?;
    Ok(page["nodes"].as_array().unwrap().iter().map(id).collect())
}

/// Waits until the primary shows so many held and used in a range, and nothing in transit.
#[track_caller]
pub fn range(hq: &Server, source: &str, held: u64, used: u64) {
    until(&format!("{source} holds {held}, {used} used"), || {
        let ranges = hq.json("range list")?;
        let rows = ranges["ranges"].as_array().unwrap();
        let fits = |row: &Value| {
            row["source"] == source
                && row["held"] == held
                && row["used"] == used
                && row["in_transit"] == 0
        };
        rows.iter().any(fits).then_some(()).ok_or(ranges.to_string())
    });
}

/// `lictree audit` ends with 0 and counts as many uses as were answered, all of them confirmed.
#[track_caller]
pub fn audit(hq: &Server, used: usize) {
    until(&format!("the audit adds up, {used} used"), || {
        let audit = hq.json("audit")?;
        let counts = &audit["products"][0]["counts"];
        let fits = audit["adds_up"] == true
            && counts["used"] == used
            && counts["managed"] == used
            && counts["in_transit"] == 0
            && audit["unconfirmed"].as_array().is_some_and(Vec::is_empty);
        fits.then_some(()).ok_or(audit.to_string())
    });
}

/// Lines of the event log of a kind.
pub fn told(server: &Server, kind: &str) -> usize {
    let events = server.json("event list --limit 1000").unwrap();
    events["events"].as_array().unwrap().iter().filter(|event| event["kind"] == kind).count()
}

/// Waits until a recovery is over that began before or begins soon.
#[track_caller]
pub fn recovered(server: &Server, times: usize) {
    until("it has recovered", || {
        let ended = told(server, "recovery.ended");
        let view = server.json("recovery show")?;
        (ended == times && view["recovery"].is_null()).then_some(()).ok_or(view.to_string())
    });
}

/// At the primary: all have said what they hold, so an operator ends it.
#[track_caller]
pub fn ends_recovery(hq: &Server, times: usize) {
    until("all have said what they hold", || {
        let view = hq.json("recovery show")?;
        let awaits = view["recovery"]["awaits"].as_array();
        awaits.is_some_and(Vec::is_empty).then_some(()).ok_or(view.to_string())
    });
    hq.done("recovery end");
    recovered(hq, times);
}

impl Server {
    /// Runs a command that asks no server; it must not be refused.
    #[track_caller]
    pub fn done_beside(&self, line: &str) -> String {
        let outcome = self.run(&line.split_whitespace().collect::<Vec<&str>>());
        assert_eq!(outcome.exit, 0, "{line}: {outcome:?}");
        outcome.out
    }

    /// Ends in order, as by a service manager.
    pub fn end_in_order(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        assert!(self.ended().success());
    }

    /// Waits until it ends by itself.
    pub fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let status = until("it ends", || match child.try_wait().unwrap() {
            Some(status) => Ok(status),
            None => Err("it runs".to_string()),
        });
        assert_eq!(status.signal(), None, "it was killed, or fell");
        status
    }

    /// Starts and ends by itself; what it said meanwhile.
    pub fn fails_to_serve(&mut self) -> String {
        let said = self.folder.with_extension("failed");
        let mut command = self.host.command(env!("CARGO_BIN_EXE_lictree"));
        command.args(["serve", "--config"]).arg(config(self)).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(File::create(&said).unwrap());
        self.child = Some(command.spawn().unwrap());
        assert_eq!(self.ended().code(), Some(1));
        fs::read_to_string(said).unwrap()
    }
}

/// A copy of the folder, made while the server is stopped, and the server again.
pub fn copied(server: &mut Server) -> PathBuf {
    server.end_in_order();
    let older = server.folder.with_extension("older");
    copy(&server.folder, &older);
    server.start();
    older
}

/// The machine is gone, and the older copy is put in its place.
pub fn put_back(server: &mut Server, older: &PathBuf) {
    server.stop();
    move_away(&server.folder);
    fs::rename(older, &server.folder).unwrap();
    server.start();
}

/// Copies a folder, as an operator does with `cp -a`.
pub fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(done.success());
}

/// Moves a folder away, to be kept until all is well.
pub fn move_away(folder: &Path) {
    fs::rename(folder, folder.with_extension("old")).unwrap();
}
