//! Two of one server: a copy of its folder runs beside it. The newest to attach wins, the other one
//! is refused with a code, and no count is ever wrong at the primary.

use crate::lan::Host;
use crate::patience::until;
use crate::server::Server;
use crate::tree::{audit, copy, find, manage, managed, online, range, recovered, two};
use std::collections::BTreeSet;

/// Waits until a server says that the primary does not take its word.
#[track_caller]
fn refused(server: &Server) -> String {
    until("it is refused", || {
        let status = server.json("status")?;
        let code = status["attach_refusal"]["code"].as_str().map(str::to_string);
        code.ok_or(status.to_string())
    })
}

#[test]
fn of_two_folders_of_one_server_one_is_refused_and_counts_stay_right() {
    let (_folder, hq, mut west) = two(Host::default());
    find(&west, 9);
    let before = manage(&west, "west", 3);
    range(&hq, "west", 10, 3);
    west.end();
    let mut twin = Server::at(Host::default(), west.folder.with_file_name("west-copy"));
    copy(&west.folder, &twin.folder);
    west.start();
    online(&hq, "west", true);

    // No witness is beside the copy: it recovers, and with that it is the server from then on.
    twin.start();
    recovered(&twin, 1);
    let code = refused(&west);
    assert_eq!(code, "LT0232");
    assert_eq!(west.ask("node manage --managing-source west --count 1 --json").code(), code);
    let mut used: BTreeSet<String> = managed(&twin).unwrap();
    assert_eq!(used, before);
    used.extend(manage(&twin, "west", 2));
    range(&hq, "west", 10, 5);
    west.stop();
    audit(&hq, used.len());
}
