//! A server that moves with what it uses (docs/operating/joining-and-removing.md).

use crate::lan::Host;
use crate::patience::until;
use crate::server::{Server, code_of};
use crate::tree::{
    address, audit, config, enter, find, free_address, join, manage, managed, online, range, two,
};
use std::fs;

#[test]
fn what_is_used_moves_with_a_count() {
    let (_folder, hq, mut west) = two(Host::default());
    listens(&hq, &mut west);
    let mut east = join(Host::default(), &hq, "east");
    find(&east, 9);
    let used = manage(&east, "east", 3);
    range(&hq, "hq", 90, 3);
    let there = "server move east --parent west";
    assert_eq!(hq.ask(&format!("{there} --json")).code(), "LT0445");
    carried(&hq, &mut east, &west, "west", 3);
    range(&hq, "west", 10, 3);
    range(&hq, "hq", 90, 0);
    assert_eq!(managed(&east).unwrap(), used);
    audit(&hq, used.len());
}

/// Too many are counted, never too few, and there is a way out.
#[test]
fn what_a_forced_move_left_is_counted_until_the_server_was_there_again() {
    let (_folder, hq, mut west) = two(Host::default());
    listens(&hq, &mut west);
    let mut east = join(Host::default(), &hq, "east");
    carried(&hq, &mut east, &west, "west", 0);
    find(&east, 9);
    let used = manage(&east, "east", 3);
    range(&hq, "west", 10, 3);
    west.stop();
    online(&hq, "west", false);
    moved(&hq, &mut east, &hq, "hq", "--force");
    range(&hq, "hq", 90, 3);
    west.start();
    online(&hq, "west", true);
    range(&hq, "west", 10, 3);
    range(&hq, "hq", 90, 3);
    assert_eq!(managed(&east).unwrap(), used);
    carried(&hq, &mut east, &west, "west", 3);
    range(&hq, "west", 10, 3);
    range(&hq, "hq", 90, 0);
    carried(&hq, &mut east, &hq, "hq", 3);
    range(&hq, "west", 10, 0);
    range(&hq, "hq", 90, 3);
    assert_eq!(managed(&east).unwrap(), used);
    audit(&hq, used.len());
}

/// Lets servers below call west.
#[track_caller]
fn listens(hq: &Server, west: &mut Server) {
    west.stop();
    let text = fs::read_to_string(config(west)).unwrap();
    let listen = format!("listen = \"{}\"\n\n[parent]", free_address());
    fs::write(config(west), text.replacen("[parent]", &listen, 1)).unwrap();
    west.start();
    online(hq, "west", true);
}

/// With licenses of its own while it moves, as the page tells it.
#[track_caller]
fn carried(hq: &Server, server: &mut Server, parent: &Server, name: &str, used: u64) {
    if used > 0 {
        hq.done(&format!("license distribute inventory {used} --to east --yes"));
        range(hq, "east", used, used);
    }
    moved(hq, server, parent, name, "");
    if used > 0 {
        until("the withdrawal is taken", || {
            let told = hq.ask("license withdraw inventory --from east --yes");
            (told.exit == 0).then_some(()).ok_or(told.err)
        });
    }
}

/// Moves east, with the folder it has and another `[parent]` in its configuration.
#[track_caller]
fn moved(hq: &Server, server: &mut Server, parent: &Server, name: &str, how: &str) {
    let code = until("the move is taken", || {
        let told = hq.ask(&format!("server move east --parent {name} {how}"));
        (told.exit == 0).then(|| code_of(&told.out)).ok_or(told.err)
    });
    server.stop();
    enter(server, parent, &code);
    let text = fs::read_to_string(config(server)).unwrap();
    let (before, after) = text.split_once("[parent]").unwrap();
    let lines = after.lines().map(|line| match line.split_once(" = ") {
        Some(("name", _)) => format!("name = \"{name}\""),
        Some(("address", _)) => format!("address = \"{}\"", address(parent)),
        _ => line.to_string(),
    });
    let after = lines.collect::<Vec<String>>().join("\n");
    fs::write(config(server), format!("{before}[parent]{after}\n")).unwrap();
    server.start();
    until("it is below its new parent", || {
        let row = hq.row("east")?;
        let there = row["parent"] == name && row["online"] == true;
        there.then_some(()).ok_or(row.to_string())
    });
}
