//! A disk that is lost, and a site that is (docs/operating/lost-disks.md).

use crate::lan::Host;
use crate::patience::until;
use crate::server::{Server, code_of};
use crate::tree::{audit, enter, find, join, manage, managed, online, range, recovered, told, two};

#[test]
fn an_empty_disk_takes_the_place_of_one_that_is_lost() {
    let (_folder, hq, mut west) = two(Host::default());
    find(&west, 9);
    let mut used = manage(&west, "west", 4);
    range(&hq, "west", 10, 4);
    west.stop();
    std::fs::remove_dir_all(&west.folder).unwrap();
    let code = code_of(&hq.done("server replace west"));
    enter(&west, &hq, &code);
    west.start();
    online(&hq, "west", true);
    recovered(&west, 1);
    assert_eq!(managed(&west).unwrap(), used);
    used.extend(manage(&west, "west", 1));
    range(&hq, "west", 10, 5);
    audit(&hq, used.len());
    assert_eq!(told(&hq, "server.replaced"), 1);
}

#[test]
fn what_a_site_held_that_is_lost_is_the_primarys_again() {
    let (_folder, hq, mut west) = two(Host::default());
    let east = join(Host::default(), &hq, "east");
    find(&west, 9);
    find(&east, 9);
    manage(&west, "west", 4);
    let used = manage(&east, "east", 2);
    range(&hq, "west", 10, 4);
    assert_eq!(hq.ask("server lost west --yes --json").code(), "LT0444");
    west.stop();
    online(&hq, "west", false);
    assert_eq!(hq.ask("server lost west --yes --json").code(), "LT0443");
    range(&hq, "west", 10, 4);
    hq.done("server lost west --yes --force");
    range(&hq, "hq", 100, 2);
    audit(&hq, used.len());
    assert_eq!(told(&hq, "server.lost"), 1);
    // It was not lost after all: nobody talks to it.
    west.start();
    until_refused(&hq);
    range(&hq, "hq", 100, 2);
    audit(&hq, used.len());
}

fn until_refused(hq: &Server) {
    until("it is refused", || {
        (told(hq, "call.refused") > 0).then_some(()).ok_or("nobody was".to_string())
    });
}
