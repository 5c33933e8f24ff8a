//! Two of one server: a copy of its folder runs beside it. Neither grants anything from when both
//! have spoken, and the one that is started anew goes on; no count is ever wrong at the primary.

use crate::lan::Host;
use crate::patience::until;
use crate::server::Server;
use crate::tree::{audit, copy, find, manage, managed, online, range, told, two};
use std::collections::BTreeSet;

/// Waits until a server says that the primary does not take its word, and with which code.
#[track_caller]
fn refused(server: &Server, code: &str) {
    until("it is refused", || {
        let status = server.json("status")?;
        let found = status["attach_refusal"]["code"].as_str();
        (found == Some(code)).then_some(()).ok_or(status.to_string())
    });
}

/// Waits until a server does not recover any more.
#[track_caller]
fn right(server: &Server) {
    until("it is right again", || {
        let view = server.json("recovery show")?;
        view["recovery"].is_null().then_some(()).ok_or(view.to_string())
    });
}

#[test]
fn of_two_folders_of_one_server_both_are_refused_until_one_is_started_anew() {
    let (_folder, hq, mut west) = two(Host::default());
    find(&west, 9);
    let before = manage(&west, "west", 3);
    range(&hq, "west", 10, 3);
    west.end_in_order();
    let mut twin = Server::at(Host::default(), west.folder.with_file_name("west-copy"));
    copy(&west.folder, &twin.folder);
    west.start();
    online(&hq, "west", true);

    // No witness is beside the copy: it recovers, and attaches after west did. Then west speaks.
    twin.start();
    for server in [&west, &twin] {
        refused(server, "LT0234");
        let managed = server.ask("node manage --managing-source west --count 1 --json");
        assert_eq!(managed.code(), "LT0234");
    }
    assert_eq!(told(&hq, "server.twin"), 1);

    // The copy is to stay.
    west.stop();
    twin.end_in_order();
    twin.start();
    right(&twin);
    let mut used: BTreeSet<String> = managed(&twin).unwrap();
    assert_eq!(used, before);
    used.extend(manage(&twin, "west", 2));
    range(&hq, "west", 10, 5);
    audit(&hq, used.len());
}
