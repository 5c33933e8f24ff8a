//! A range that is to hold less than it uses (docs/operating/ranges-and-holders.md).

use crate::lan::Host;
use crate::patience::until;
use crate::server::Server;
use crate::tree::{audit, find, join, manage, managed, range, two};

#[test]
fn what_is_in_use_stays_and_goes_back_as_it_comes_free() {
    let (_folder, hq, west) = two(Host::default());
    find(&west, 9);
    let mut used = manage(&west, "west", 5);
    range(&hq, "west", 10, 5);
    let fewer = "license distribute inventory 3 --to west --yes --json";
    assert_eq!(hq.ask(fewer).code(), "LT0224");
    range(&hq, "west", 10, 5);
    hq.done(&format!("{fewer} --drain"));
    holds(&hq, "west", 5, 5);
    let more = west.ask("node manage --managing-source west --count 1 --json");
    assert!(more.exit == 1 && more.out.contains("LT0301"), "{more:?}");
    for (id, left) in used.clone().iter().zip([4, 3, 2]) {
        west.done(&format!("node ignore {id}"));
        used.remove(id);
        holds(&hq, "west", left.max(3), left);
    }
    range(&hq, "west", 3, 2);
    assert_eq!(managed(&west).unwrap(), used);
    audit(&hq, used.len());
}

/// Who held nothing has nothing to give back: it would use more than it is given, at once.
#[test]
fn a_range_that_begins_with_less_than_it_uses_does_not_drain() {
    let (_folder, hq, _west) = two(Host::default());
    let east = join(Host::default(), &hq, "east");
    find(&east, 9);
    let used = manage(&east, "east", 2);
    range(&hq, "hq", 90, 2);
    let told = hq.ask("license distribute inventory 1 --to east --yes --drain --json");
    assert!(told.code() == "LT0224" && !told.err.contains("--drain"), "{told:?}");
    range(&hq, "hq", 90, 2);
    audit(&hq, used.len());
}

#[track_caller]
fn holds(hq: &Server, source: &str, held: u64, used: u64) {
    until(&format!("{source} holds {held}, {used} used"), || {
        let ranges = hq.json("range list")?;
        let mut rows = ranges["ranges"].as_array().unwrap().iter();
        let fits = rows.any(|r| r["source"] == source && r["held"] == held && r["used"] == used);
        fits.then_some(()).ok_or(ranges.to_string())
    });
}
