//! Topologies that are read, refused, counted and planned with.

use crate::edge::draw::ink::Ink;
use crate::edge::draw::tree::{self, Columns};
use crate::edge::topology::plan::{Change, Verdict, plan};
use crate::edge::topology::{Topology, figures};
use crate::model::count::LicenseCount;
use crate::model::time::Timestamp;
use crate::model::view::RangesView;
use std::path::Path;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Two offices and a table of three machines.
const GOOD: &str = r#"
tree = "small"
[[product]]
name = "cad"
[[license]]
count = 10
at = "hq"
[[server]]
name = "hq"
discovery = [{ file = "arp.txt" }]
managed = 2
[[server]]
name = "west"
parent = "hq"
options = { cad = { distributed = 4 } }
"#;

const ARP: &str = "\
? (10.0.0.1) at 00:04:4b:cc:9c:01 [ether] on eth0
? (10.0.0.2) at 00:04:4b:cc:9c:02 [ether] on eth0
? (10.0.0.3) at 00:04:4b:cc:9c:03 [ether] on eth0
";

/// Every problem of a text, a line each, without the folder.
fn problems(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("topology.toml"), text).unwrap();
    std::fs::write(folder.path().join("arp.txt"), ARP).unwrap();
    let found = Topology::read(folder.path()).err().unwrap_or_default();
    found.iter().map(|p| format!("{} {}: {}", p.code, p.key, p.found)).collect()
}

/// The problems of the good text after one replacement.
#[track_caller]
fn spoilt(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "nothing to replace");
    problems(&GOOD.replace(from, to))
}

fn example(name: &str) -> Topology {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("topology-examples");
    Topology::read(&root.join(name)).unwrap()
}

#[test]
fn a_good_topology_has_no_problem() {
    assert_eq!(problems(GOOD), Vec::<String>::new());
}

#[test]
fn a_topology_is_read_from_a_file_of_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("half.toml");
    std::fs::write(folder.path().join("arp.txt"), ARP).unwrap();
    std::fs::write(&file, GOOD).unwrap();
    let read = Topology::read_at(&file).unwrap();
    assert_eq!((read.tree.as_str(), read.folder.as_path()), ("small", folder.path()));
    std::fs::write(&file, GOOD.replace("parent = \"hq\"", "parent = \"no\"")).unwrap();
    assert_eq!(Topology::read_at(&file).unwrap_err()[0].file, file);
    let missing = folder.path().join("nope.toml");
    assert_eq!(Topology::read_at(&missing).unwrap_err()[0].file, missing);
    let none = Topology::read_at(folder.path()).unwrap_err();
    assert_eq!((none[0].code, none[0].file.ends_with("topology.toml")), ("LT0120", true));
    std::fs::write(folder.path().join("topology.toml"), GOOD).unwrap();
    assert_eq!(Topology::read_at(folder.path()).unwrap(), read);
}

#[test]
fn what_makes_no_tree_is_refused() {
    let two = spoilt("name = \"west\"", "name = \"hq\"");
    assert!(two.contains(&"LT0122 server hq: there are two of this name".to_string()), "{two:?}");
    let lost = spoilt("parent = \"hq\"", "parent = \"no\"");
    assert!(lost[0].contains("west names no as its parent"), "{lost:?}");
    let circle = spoilt("parent = \"hq\"", "parent = \"west\"");
    assert!(circle[0].starts_with("LT0122") && circle[0].contains("circle"), "{circle:?}");
    assert!(spoilt("parent = \"hq\"", "")[0].contains("both have no parent"));
    let deep = |n: usize| format!("[[server]]\nname = \"s{n}\"\nparent = \"s{}\"\n", n - 1);
    let chain: String = (1..70).map(deep).collect();
    let chain = problems(&format!("{}{chain}", GOOD.replace("name = \"west\"", "name = \"s0\"")));
    assert_eq!(chain.len(), 7, "{chain:?}");
    assert!(chain[0].contains("below the 64th"), "{chain:?}");
    let none = problems("[[product]]\nname = \"cad\"\n");
    assert_eq!(none.last().unwrap(), "LT0122 server: there is none");
}

#[test]
fn absurd_counts_are_refused() {
    let one = |from, to| -> String {
        let found = spoilt(from, to);
        assert!(!found.is_empty(), "nothing is said");
        found[0].clone()
    };
    assert_eq!(one("count = 10", "count = 0"), "LT0123 license at hq: a count of 0");
    assert_eq!(
        one("distributed = 4", "distributed = 0"),
        "LT0123 server west: options.cad: a distribution of 0"
    );
    assert_eq!(
        one("distributed = 4", "distributed = 11"),
        "LT0123 product cad: 11 are distributed and 10 are registered at hq"
    );
    assert_eq!(
        one("managed = 2", "managed = 4"),
        "LT0123 server hq: managed: 4 of 3 discovered nodes"
    );
    assert_eq!(
        one("distributed = 4", "distributed = 9"),
        "LT0123 product cad: range hq is to manage 2 and holds 1"
    );
    assert_eq!(
        one(
            "count = 10\nat = \"hq\"",
            "count = 10\nat = \"hq\"\n[[license]]\ncount = 1\nat = \"west\""
        ),
        "LT0123 license at west: that relay may not register licenses"
    );
    assert_eq!(
        one("managed = 2", "managed = 2\nlisten = 0"),
        "LT0123 server hq: listen: 0 is no port"
    );
    let huge = spoilt("count = 10", "count = 4294967296");
    assert_eq!(huge, ["LT0123 license at hq: a count of 4294967296"]);
    let negative = spoilt("count = 10", "count = -1");
    assert!(negative[0].starts_with("LT0121 license number 1"), "{negative:?}");
}

#[test]
fn names_that_nobody_has_are_refused() {
    assert_eq!(
        spoilt("at = \"hq\"", "at = \"nobody\"")[0],
        "LT0123 license at nobody: no server has that name"
    );
    let product = spoilt("{ cad =", "{ cam =");
    assert_eq!(product[0], "LT0123 server west: options: there is no product cam");
    let twice = spoilt("[[license]]", "[[product]]\nname = \"cad\"\n[[license]]");
    assert_eq!(twice, ["LT0123 product cad: it is named twice"]);
    let primary = spoilt("managed = 2", "managed = 2\noptions = { cad = \"registered\" }");
    assert!(primary[0].contains("the primary always holds"), "{primary:?}");
    let ports = spoilt("managed = 2", "managed = 2\nlisten = 7001").is_empty();
    assert!(ports);
    let same = GOOD
        .replace("managed = 2", "managed = 2\nlisten = 7001")
        .replace("parent = \"hq\"", "parent = \"hq\"\nlisten = 7001");
    assert_eq!(problems(&same), ["LT0123 server west: listen: hq listens on 7001 too"]);
}

#[test]
fn discovery_tables_are_looked_at() {
    let missing = spoilt("arp.txt", "no.txt");
    assert!(missing[0].starts_with("LT0124 server hq: discovery: no.txt: cannot"), "{missing:?}");
    for outside in ["../arp.txt", "/etc/hosts"] {
        let found = spoilt("arp.txt", outside);
        assert!(found[0].contains("outside the folder"), "{found:?}");
    }
    let wrong = spoilt("file = \"arp.txt\"", "file = \"arp.txt\", format = \"nmap\"");
    assert!(wrong[0].starts_with("LT0124"), "{wrong:?}");
}

#[test]
fn all_misspelt_keys_are_named_at_once() {
    let text = GOOD.replace("managed", "manged").replace("options", "option");
    let found = problems(&format!("trees = 1\n{text}"));
    let keys: Vec<&str> = found.iter().map(String::as_str).collect();
    assert!(keys[0].starts_with("LT0121 server hq: unknown field `manged`"), "{keys:?}");
    assert!(keys[1].starts_with("LT0121 server west: unknown field `option`"), "{keys:?}");
    assert_eq!(keys[2], "LT0121 trees: no such key");
    assert_eq!(keys.len(), 3, "what follows from these is not said: {keys:?}");
    let broken = problems("tree = \"x\"\n[[server\n");
    assert!(broken[0].starts_with("LT0121 line 2"), "{broken:?}");
}

#[test]
fn the_key_that_was_meant_is_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("servers = 1\n{}", GOOD.replace("options", "optoins"));
    std::fs::write(folder.path().join("topology.toml"), text).unwrap();
    let found = Topology::read(folder.path()).unwrap_err();
    let remedies: Vec<&str> = found.iter().map(|problem| problem.remedy.as_str()).collect();
    assert_eq!(remedies, ["did you mean `options`?", "did you mean `server`?"], "{found:?}");
}

#[test]
fn a_name_moves_no_cursor_when_it_is_told() {
    let found = spoilt("name = \"west\"", "name = \"we\\u001bst\"\n\"lis\\u202eten\" = 4");
    assert!(!found.is_empty());
    let told = found.join("\n");
    assert!(!told.contains(['\u{1b}', '\u{202e}']) && told.contains('\u{fffd}'), "{told:?}");
}

#[test]
fn a_folder_without_a_topology_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let found = Topology::read(folder.path()).unwrap_err();
    assert_eq!((found.len(), found[0].code), (1, "LT0120"));
    std::fs::write(folder.path().join("topology.toml"), vec![b'#'; 5 << 20]).unwrap();
    assert!(Topology::read(folder.path()).unwrap_err()[0].found.contains("more than"));
}

#[test]
fn every_example_is_drawn_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("topology-examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        let topology = Topology::read(&folder).unwrap();
        let (servers, ranges) = (figures::servers(&topology, NOW), figures::ranges(&topology, NOW));
        let drawn = tree::tree(&servers, &ranges, Columns::Counts, Ink::Plain);
        let expected = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
        assert_eq!(drawn, expected, "{}", folder.display());
        seen += 1;
    }
    assert!(seen >= 7, "only {seen} examples");
}

/// `source held/used` of each range.
fn short(view: &RangesView) -> Vec<String> {
    view.ranges.iter().map(|r| format!("{} {}/{}", r.source, r.held, r.used)).collect()
}

#[test]
fn levels_begin_at_the_primary() {
    let levels = example("jp1-figure").levels();
    assert_eq!(format!("{levels:?}"), "[[a], [b, c], [d, e]]");
}

#[test]
fn the_four_registrations_of_the_figure_have_the_same_ranges() {
    let names = [
        "jp1-figure",
        "jp1-figure-registered",
        "jp1-figure-c-registered",
        "jp1-figure-d-registered",
    ];
    for name in names {
        let ranges = figures::ranges(&example(name), NOW);
        assert_eq!(short(&ranges), ["a 100/55", "d 10/7", "c 40/32"], "{name}");
    }
}

fn planned(topology: &Topology, change: &Change) -> (Verdict, Vec<String>) {
    let plan = plan(topology, change, NOW);
    (plan.verdict, short(&plan.after))
}

fn distribute(count: u64, to: &str) -> Change {
    let product = "inventory".parse().unwrap();
    Change::Distribute { product, count: LicenseCount(count), to: to.parse().unwrap() }
}

#[test]
fn a_plan_shows_what_a_primary_would_do() {
    let figure = example("jp1-figure");
    let (verdict, after) = planned(&figure, &distribute(15, "d"));
    assert_eq!(
        (verdict, after),
        (Verdict::Done, vec!["a 95/55".into(), "d 15/7".into(), "c 40/32".into()])
    );
    let (verdict, after) = planned(&figure, &distribute(20, "b"));
    assert_eq!(verdict, Verdict::NeedsForce);
    assert_eq!(after, ["a 80/30", "b 20/25", "d 10/7", "c 40/32"]);
    let product = || "inventory".parse().unwrap();
    let withdraw = Change::Withdraw { product: product(), from: "c".parse().unwrap() };
    assert_eq!(
        planned(&figure, &withdraw),
        (Verdict::Done, vec!["a 140/87".into(), "d 10/7".into()])
    );
    let authorize = Change::Authorize { product: product(), relay: "c".parse().unwrap() };
    let (verdict, after) = planned(&figure, &authorize);
    assert_eq!((verdict, after[2].as_str()), (Verdict::NeedsForce, "c 0/32"));
}

#[test]
fn a_plan_says_what_no_force_helps() {
    let refused = |topology: &Topology, change: &Change, part: &str| {
        let plan = plan(topology, change, NOW);
        let Verdict::Refused(why) = &plan.verdict else { panic!("{:?}", plan.verdict) };
        assert!(why.contains(part), "{why}");
        assert_eq!(plan.before, plan.after);
    };
    let figure = example("jp1-figure");
    refused(&figure, &distribute(111, "d"), "151 would be distributed");
    refused(&figure, &distribute(1, "a"), "is the primary");
    refused(&figure, &distribute(1, "x"), "no server x");
    let product = || "inventory".parse().unwrap();
    let back = Change::Withdraw { product: product(), from: "b".parse().unwrap() };
    refused(&figure, &back, "nothing is distributed to b");
    let registered = example("jp1-figure-registered");
    refused(&registered, &distribute(5, "c"), "40 licenses are registered at c");
    let forbid = Change::Deauthorize { product: product(), relay: "c".parse().unwrap() };
    refused(&registered, &forbid, "40 licenses are registered at c");
}
