//! Servers that are started on an older copy of their folder (docs/operating/recovery.md).

use crate::lan::Host;
use crate::tree::{
    audit, copied, ends_recovery, find, manage, managed, online, put_back, range, recovered, two,
};

/// The witness beside the folder knows better.
#[test]
fn a_relay_on_an_older_copy_recovers_by_itself() {
    let (_folder, hq, mut west) = two(Host::default());
    find(&west, 9);
    let mut used = manage(&west, "west", 2);
    range(&hq, "west", 10, 2);
    let older = copied(&mut west);
    online(&hq, "west", true);
    used.extend(manage(&west, "west", 3));
    range(&hq, "west", 10, 5);
    hq.done("license distribute inventory 6 --to west --yes");
    range(&hq, "west", 6, 5);
    put_back(&mut west, &older);
    recovered(&west, 1);
    // The 4 that it gave back are not its, and there is one left.
    assert_eq!(managed(&west).unwrap(), used);
    used.extend(manage(&west, "west", 1));
    let full = west.ask("node manage --managing-source west --count 1 --json");
    assert!(full.out.contains("LT0301") || full.err.contains("LT0301"), "{full:?}");
    range(&hq, "west", 6, 6);
    audit(&hq, used.len());
}

/// The witness is put back with the folder; then the primary knows better.
#[test]
fn a_relay_whose_witness_is_older_too_is_told_by_the_primary() {
    let (_folder, hq, mut west) = two(Host::default());
    find(&west, 9);
    let mut used = manage(&west, "west", 2);
    let witness = west.folder.with_extension("witness");
    let older = copied(&mut west);
    let kept = std::fs::read(&witness).unwrap();
    online(&hq, "west", true);
    used.extend(manage(&west, "west", 3));
    range(&hq, "west", 10, 5);
    west.stop();
    std::fs::write(&witness, kept).unwrap();
    put_back(&mut west, &older);
    recovered(&west, 1);
    assert_eq!(managed(&west).unwrap(), used);
    range(&hq, "west", 10, 5);
    audit(&hq, used.len());
}

/// Its witness alone holds it back.
#[test]
fn a_relay_on_an_older_copy_grants_nothing_while_nobody_is_there_to_tell_it() {
    let (_folder, mut hq, mut west) = two(Host::default());
    find(&west, 9);
    manage(&west, "west", 2);
    range(&hq, "west", 10, 2);
    let older = copied(&mut west);
    online(&hq, "west", true);
    manage(&west, "west", 3);
    range(&hq, "west", 10, 5);
    hq.stop();
    put_back(&mut west, &older);
    let asked = west.ask("node manage --managing-source west --count 1 --json");
    assert_eq!(asked.code(), "LT0241", "{asked:?}");
}

#[test]
fn a_primary_on_an_older_copy_asks_everybody_and_an_operator_ends_it() {
    let (_folder, mut hq, west) = two(Host::default());
    find(&west, 9);
    let mut used = manage(&west, "west", 2);
    range(&hq, "west", 10, 2);
    let older = copied(&mut hq);
    online(&hq, "west", true);
    hq.done("license distribute inventory 60 --to west --yes");
    used.extend(manage(&west, "west", 3));
    range(&hq, "west", 60, 5);
    put_back(&mut hq, &older);
    // Relays that hold go on granting meanwhile.
    used.extend(manage(&west, "west", 1));
    let more = hq.ask("license distribute inventory 70 --to west --yes --json");
    assert_eq!(more.code(), "LT0241", "{more:?}");
    ends_recovery(&hq, 1);
    assert_eq!(managed(&west).unwrap(), used);
    range(&hq, "west", 60, 6);
    range(&hq, "hq", 40, 0);
    audit(&hq, used.len());
}
