//! A sync or a write that fails: the server stops at once, says so, tries nothing twice, and comes
//! back with all that it answered.

use crate::lan::Host;
use crate::patience::until;
use crate::server::Server;
use crate::tree::{audit, find, manage, managed, range, two};
use std::collections::BTreeSet;

fn with_faults() -> (tempfile::TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    let host = Host { faults: Some(folder.path().to_path_buf()) };
    (folder, host)
}

/// From now on the call fails; the next change meets it, in the log at once and in the rows when
/// they are saved.
fn meets(server: &mut Server, call: &str, file: &str) {
    server.host.fail(call, file);
    let asked = server.ask("node manage --managing-source west --count 1 --json");
    // In the log: not answered. In the rows: it may have been, by then.
    assert!(asked.exit != 0 || file == "rows.redb", "{asked:?}");
    assert_eq!(server.ended().code(), Some(1));
    let log = server.log();
    assert!(log.contains(file) && log.contains("(LT0504)"), "{log}");
    assert!(log.contains("look at the disk and its space, then start again"), "{log}");
    assert_eq!(server.host.failures(call), 1, "no {call} is tried again");
    server.host.mend(call);
    server.start();
}

#[track_caller]
fn fails(call: &str, file: &str) {
    let (_faults, host) = with_faults();
    let (_folder, hq, mut west) = two(host);
    find(&west, 9);
    let mut answered: BTreeSet<String> = manage(&west, "west", 3);
    meets(&mut west, call, file);
    let there = managed(&west).unwrap();
    assert!(there.is_superset(&answered), "{answered:?}, and there are {there:?}");
    answered = there;
    answered.extend(manage(&west, "west", 2));
    assert_eq!(managed(&west).unwrap(), answered);
    range(&hq, "west", 10, answered.len() as u64);
    audit(&hq, answered.len());
}

#[test]
fn a_sync_of_the_log_that_fails_stops_the_server() {
    fails("sync", "log.redb");
}

#[test]
fn what_is_not_synced_yet_is_not_answered() {
    let (_faults, host) = with_faults();
    let (_folder, _hq, west) = two(host);
    find(&west, 9);
    west.host.fail("hold", "log.redb");
    std::thread::scope(|scope| {
        let ask = || west.ask("node manage --managing-source west --count 1 --json");
        let asked = scope.spawn(ask);
        until("a sync waits", || {
            (west.host.failures("hold") > 0).then_some(()).ok_or("none".to_string())
        });
        // An answer that did not wait for that would be here by now.
        west.done("status --json");
        let early = asked.is_finished();
        west.host.mend("hold");
        let asked = asked.join().unwrap();
        assert!(!early && asked.exit == 0, "{early} {asked:?}");
    });
}

#[test]
fn a_sync_of_the_rows_that_fails_stops_the_server() {
    fails("sync", "rows.redb");
}

#[test]
fn a_write_of_the_log_that_fails_stops_the_server() {
    fails("write", "log.redb");
}

#[test]
fn a_write_of_the_rows_that_fails_stops_the_server() {
    fails("write", "rows.redb");
}
