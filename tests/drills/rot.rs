//! Bits that rot in the files of a server: it refuses to start, names what is wrong and the next
//! step, and the step leads out.

use crate::lan::Host;
use crate::server::{Server, code_of};
use crate::tree::{
    audit, config, ends_recovery, enter, find, manage, managed, move_away, online, range,
    recovered, two,
};
use std::fs;

/// One bit in every page of a file but the first.
fn rot(server: &Server, file: &str) {
    let path = server.folder.join("state").join(file);
    let mut bytes = fs::read(&path).unwrap();
    for page in bytes.chunks_mut(4_096).skip(1) {
        let middle = page.len() / 2;
        page[middle] ^= 1;
    }
    fs::write(path, bytes).unwrap();
}

#[track_caller]
fn refuses(server: &mut Server, file: &str) {
    let said = server.fails_to_serve();
    assert!(said.contains(file) && said.contains("(LT0502)"), "{said}");
    assert!(
        said.contains("restore it from a backup or let the server join its tree anew"),
        "{said}"
    );
}

/// As docs/operating/backup.md says.
fn restore(server: &mut Server, backup: &str) {
    move_away(&server.folder);
    server.done_beside(&format!("backup restore {backup} --at {}", server.folder.display()));
    server.start();
}

fn back_up(server: &Server) -> String {
    let file = server.folder.with_extension("backup").display().to_string();
    server.done(&format!("backup create --out {file}"));
    server.done_beside(&format!("backup show {file}"));
    file
}

#[test]
fn a_primary_whose_files_rot_comes_back_from_its_backup() {
    for file in ["log.redb", "rows.redb"] {
        let (_folder, mut hq, west) = two(Host::default());
        find(&west, 9);
        let mut used = manage(&west, "west", 2);
        range(&hq, "west", 10, 2);
        let backup = back_up(&hq);
        used.extend(manage(&west, "west", 2));
        range(&hq, "west", 10, 4);
        hq.end_in_order();
        rot(&hq, file);
        refuses(&mut hq, file);
        restore(&mut hq, &backup);
        ends_recovery(&hq, 1);
        assert_eq!(managed(&west).unwrap(), used);
        range(&hq, "west", 10, 4);
        used.extend(manage(&west, "west", 1));
        audit(&hq, used.len());
    }
}

#[test]
fn a_relay_whose_rows_rot_comes_back_from_its_backup() {
    let (_folder, hq, mut west) = two(Host::default());
    find(&west, 9);
    let mut used = manage(&west, "west", 2);
    let backup = back_up(&west);
    used.extend(manage(&west, "west", 2));
    range(&hq, "west", 10, 4);
    west.end_in_order();
    rot(&west, "rows.redb");
    refuses(&mut west, "rows.redb");
    restore(&mut west, &backup);
    recovered(&west, 1);
    assert_eq!(managed(&west).unwrap(), used);
    used.extend(manage(&west, "west", 1));
    range(&hq, "west", 10, 5);
    audit(&hq, used.len());
}

/// Without a backup an empty disk takes its place.
#[test]
fn a_relay_whose_log_rots_is_replaced() {
    let (_folder, hq, mut west) = two(Host::default());
    find(&west, 9);
    let mut used = manage(&west, "west", 4);
    range(&hq, "west", 10, 4);
    west.end_in_order();
    rot(&west, "log.redb");
    refuses(&mut west, "log.redb");
    let code = code_of(&hq.done("server replace west"));
    move_away(&west.folder);
    enter(&west, &hq, &code);
    assert!(config(&west).exists());
    west.start();
    online(&hq, "west", true);
    recovered(&west, 1);
    assert_eq!(managed(&west).unwrap(), used);
    used.extend(manage(&west, "west", 1));
    range(&hq, "west", 10, 5);
    audit(&hq, used.len());
}
