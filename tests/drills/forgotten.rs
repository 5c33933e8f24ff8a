//! Servers that joined after the copy was made to which the primary goes back
//! (docs/operating/recovery.md): it cannot know them.

use crate::lan::Host;
use crate::patience::until;
use crate::server::{Server, code_of};
use crate::tree::{
    audit, copied, ends_recovery, enter, find, join, manage, managed, online, put_back, range,
    register, told, two,
};

/// Who comes then uses nothing, and is told why; taken in, it is counted with all that it holds and
/// uses.
#[test]
fn who_joined_after_the_primarys_copy_uses_nothing_until_it_is_known() {
    let (_folder, mut hq, _west) = two(Host::default());
    let older = copied(&mut hq);
    let (mut north, mut east) = joined_since(&hq);
    let used = [managed(&north), managed(&east)].map(|used| used.unwrap().len());
    north.stop();
    east.stop();
    put_back(&mut hq, &older);
    ends_recovery(&hq, 1);
    for (server, name) in [(&mut north, "north"), (&mut east, "east")] {
        server.start();
        until_unknown(server);
        let asked = server.ask(&format!("node manage --managing-source {name} --count 1 --json"));
        assert_eq!(asked.exit, 1, "{asked:?}");
    }
    assert_eq!(told(&hq, "server.unknown"), 2);
    range(&hq, "hq", 90, 0);
    hq.done("recovery begin");
    for name in ["north", "east"] {
        online(&hq, name, true);
    }
    ends_recovery(&hq, 2);
    // east asks its sharing source, and is answered now.
    range(&hq, "north", 20, 3);
    range(&hq, "hq", 70, 4);
    audit(&hq, used.iter().sum::<usize>() + 1);
}

/// The number of its enrolment was given before, to the folder that it joins with.
#[test]
fn who_is_invited_anew_by_a_primary_that_forgot_it_says_what_it_uses() {
    let (_folder, mut hq, _west) = two(Host::default());
    let older = copied(&mut hq);
    let mut east = join(Host::default(), &hq, "east");
    find(&east, 9);
    let used = manage(&east, "east", 3);
    range(&hq, "hq", 90, 3);
    east.stop();
    put_back(&mut hq, &older);
    ends_recovery(&hq, 1);
    let code = code_of(&hq.done("server invite east --parent hq"));
    enter(&east, &hq, &code);
    east.start();
    range(&hq, "hq", 90, 3);
    assert_eq!(managed(&east).unwrap(), used);
    audit(&hq, used.len());
}

/// A license file that an operator registers at the primary, as its owner is not known there.
#[test]
fn a_license_that_was_registered_again_counts_once() {
    let (_folder, mut hq, _west) = two(Host::default());
    let older = copied(&mut hq);
    let mut north = join(Host::default(), &hq, "north");
    hq.done("server authorize north --yes");
    let file = hq.folder.with_file_name("license-7");
    until("it is authorized", || {
        let told = register(&north, "7");
        (told.exit == 0).then_some(()).ok_or(told.err)
    });
    range(&hq, "north", 7, 0);
    find(&north, 9);
    let used = manage(&north, "north", 2);
    north.stop();
    put_back(&mut hq, &older);
    ends_recovery(&hq, 1);
    hq.done(&format!("license register {}", file.display()));
    range(&hq, "hq", 97, 0);
    north.start();
    until_unknown(&north);
    hq.done("recovery begin");
    online(&hq, "north", true);
    ends_recovery(&hq, 2);
    until("the license has left north", || {
        let audit = hq.json("audit")?;
        let counts = &audit["products"][0]["counts"];
        let fits = audit["adds_up"] == true && counts["registered"] == 107;
        fits.then_some(()).ok_or(audit.to_string())
    });
    assert_eq!(told(&north, "license.twice"), 1);
    // It is given what is used there, and no more.
    range(&hq, "north", 2, 2);
    range(&hq, "hq", 95, 0);
    assert_eq!(managed(&north).unwrap(), used);
    audit(&hq, used.len());
}

/// north holds 20 and uses 3 of them, east uses 3 of the primary's.
fn joined_since(hq: &Server) -> (Server, Server) {
    let servers = ["north", "east"].map(|name| join(Host::default(), hq, name));
    hq.done("license distribute inventory 20 --to north --yes");
    for (server, name) in servers.iter().zip(["north", "east"]) {
        find(server, 9);
        manage(server, name, 3);
    }
    range(hq, "north", 20, 3);
    range(hq, "hq", 70, 3);
    let [north, east] = servers;
    (north, east)
}

#[track_caller]
fn until_unknown(server: &Server) {
    until("it hears that it is not known", || {
        let told = server.json("status")?;
        let refusal = told["attach_refusal"]["code"] == "LT0232";
        refusal.then_some(()).ok_or(told.to_string())
    });
}
