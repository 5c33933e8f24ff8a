//! Codes that are of no use: used, expired by withdrawal, changed, of another tree, guessed.

use crate::founding::primary;
use crate::lan::Lan;
use crate::server::{Outcome, Server, code_of};

fn try_to_join(server: &Server, code: &str, to: &Server) -> Outcome {
    let (at, to) = (server.folder.display().to_string(), format!("{}:4747", to.host.address));
    server.run(&["join", code, "--to", &to, "--at", &at, "--json"])
}

fn made(server: &Server) -> bool {
    server.folder.exists()
}

#[test]
fn a_code_serves_once_where_it_was_made_and_unchanged() {
    let Some(mut lan) = Lan::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let hq = primary(&mut lan, folder.path());
    let stranger = Server::at(lan.host(9), folder.path().join("stranger"));
    let code = code_of(&hq.done("server invite west --parent hq"));

    // Changed by one character, and cut: found before anybody is called.
    let middle = code.len() / 2;
    let other = if code.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let mut changed = code.clone();
    changed.replace_range(middle..=middle, other);
    for bad in [changed.as_str(), &code[..code.len() - 2], "LTJ1-", "nonsense"] {
        assert_eq!(try_to_join(&stranger, bad, &hq).code(), "LT0430", "{bad}");
    }

    let west = Server::at(lan.host(2), folder.path().join("west"));
    assert_eq!(try_to_join(&west, &code, &hq).exit, 0);
    assert_eq!(try_to_join(&stranger, &code, &hq).code(), "LT0414", "it has served west");

    let withdrawn = code_of(&hq.done("server invite east --parent hq"));
    hq.done("server uninvite east");
    assert_eq!(try_to_join(&stranger, &withdrawn, &hq).code(), "LT0413");
    assert!(!made(&stranger), "nothing was made of a refusal");

    let events = hq.done("event list");
    assert!(events.contains("LT0414"), "{events}");
}

#[test]
fn whoever_shows_another_authority_learns_nothing() {
    let Some(mut lan) = Lan::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let hq = primary(&mut lan, folder.path());
    let code = code_of(&hq.done("server invite west --parent hq"));
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let mut between = Server::at(lan.host(8), elsewhere.join("hq"));
    let (at, listen) = (between.folder.display().to_string(), "10.77.0.8:4747");
    let init = ["init", "primary", "hq", "--tree", "acme", "--at", &at, "--listen", listen];
    assert_eq!(between.run(&init).exit, 0);
    between.start();
    let west = Server::at(lan.host(2), folder.path().join("west"));
    assert_eq!(try_to_join(&west, &code, &between).code(), "LT0431");
    assert!(!made(&west));
    assert!(!between.done("event list").contains("join"), "nothing reached it");
    assert_eq!(try_to_join(&west, &code, &hq).exit, 0, "the code is still good");
}
