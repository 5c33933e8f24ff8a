//! What is refused, and how that is told.

use crate::patience::until;
use crate::program::{code, done, example, json, lictree, refused};
use crate::tree::{Tree, folder, signal};

#[test]
fn each_end_has_its_exit() {
    let figure = example("jp1-figure");
    let figure = figure.display();
    assert_eq!(lictree("--help").exit, 0);
    assert_eq!(lictree("range").exit, 2);
    let unclear = lictree("range lst --json");
    assert_eq!((unclear.exit, code(&unclear).as_str()), (2, "LT0139"));
    let nobody = lictree("range list --json");
    assert_eq!((nobody.exit, code(&nobody).as_str()), (2, "LT0139"));
    let away = lictree("range list --data target/nobody-there --json");
    assert_eq!((away.exit, code(&away).as_str()), (3, "LT0690"));
    let bad = lictree("topology check docs --json");
    assert_eq!((bad.exit, code(&bad).as_str()), (64, "LT0120"));
    let plan = format!("topology plan {figure} --distribute inventory=111:d");
    assert_eq!(refused(&plan), "LT0125");
    let ranges = json(&format!("topology show {figure}"));
    assert_eq!(ranges["ranges"][2]["destinations"], serde_json::json!(["e"]));
    assert_eq!(ranges["ranges"][2]["as_of"], ranges["as_of"]);
    assert_eq!(lictree("explain LT0139").exit, 0);
    assert_eq!(lictree("explain LT0000").exit, 2);
}

#[test]
fn a_running_tree_refuses_what_it_must() {
    let data = folder();
    let tree = Tree::start("jp1-figure", data.path());
    let (a, e) = (tree.at("a"), tree.at("e"));
    let path = data.path().display();
    let second = format!("up {} --data {path}", example("jp1-figure").display());
    assert_eq!(refused(&second), "LT0126");
    let unasked = lictree(&format!("license distribute inventory 15 --to d {a} --json"));
    assert_eq!((unasked.exit, code(&unasked).as_str()), (1, "LT0134"));
    assert_eq!(refused(&format!("range list {e}")), "LT0603");
    assert_eq!(refused(&format!("node manage e:30 {a}")), "LT0303");
    assert_eq!(refused(&format!("node list --managing-source zz {a}")), "LT0207");
    assert_eq!(refused(&format!("server show c {e}")), "LT0605");
    assert_eq!(refused(&format!("node manage e:30 --product nosuch {e}")), "LT0231");
    let typo = format!("license distribute nosuch 5 --to d --yes {a}");
    assert_eq!(refused(&typo), "LT0231");
    let unasked = lictree(&format!("node delete e:1 {e} --json"));
    assert_eq!((unasked.exit, code(&unasked).as_str()), (1, "LT0134"));
    assert!(unasked.err.contains("forget 1 managed node? That frees 1 license."), "{unasked:?}");
    assert_eq!(refused(&format!("node merge e:1 e:1 --yes {e}")), "LT0308");
    assert_eq!(refused(&format!("node merge e:1 d:1 --yes {e}")), "LT0307");
    assert_eq!(refused(&format!("node merge e:1 e:2 --yes {a}")), "LT0303");
    assert_eq!(refused(&format!("node merge e:1 e:2 {e}")), "LT0134");
    let forget = "node forget --not-seen 1d --managing-source";
    assert_eq!(refused(&format!("{forget} e --yes {a}")), "LT0303");
    assert_eq!(lictree(&format!("node forget --not-seen 90 {e}")).exit, 2);
    let shown = done(&format!("{forget} e,d --state managed --dry-run {a}"));
    assert!(shown.out.contains("no such node was last seen before"), "{shown:?}");
    let none = format!("node manage --managing-source e --count 0 {e}");
    assert_eq!(lictree(&none).exit, 2);
    let many = format!("node manage --managing-source e --count 500 {e}");
    assert_eq!(refused(&many), "LT0136");
    let whole = lictree(&format!("status --data {path} --json"));
    assert_eq!((whole.exit, code(&whole).as_str()), (2, "LT0139"));
    tree.stands("nothing changed", &["a 100/55", "d 10/7", "c 40/32"]);
}

#[test]
fn what_is_ordered_for_a_relay_that_is_away_is_in_transit() {
    let data = folder();
    let tree = Tree::start("jp1-figure", data.path());
    signal("KILL", tree.pid_of("d"));
    until("d is gone", || match lictree(&format!("status {}", tree.at("d"))).exit {
        3 => Ok(()),
        exit => Err(format!("exit {exit}")),
    });
    let ordered = done(&format!("license distribute inventory 20 --to d --yes {}", tree.at("a")));
    assert!(ordered.out.contains("in transit 10"), "{}", ordered.out);
    assert_eq!(tree.stop(), 0);
    let again = Tree::start("jp1-figure", data.path());
    again.stands("booked", &["a 90/55", "d 20/7", "c 40/32"]);
}

#[test]
fn what_a_vendor_makes_is_what_servers_take() {
    let data = folder();
    let (key, out) = (data.path().join("v.key"), data.path().join("x.license"));
    let (key, out) = (key.display(), out.display());
    done(&format!("vendor keygen --out {key}"));
    assert_eq!(refused(&format!("vendor keygen --out {key}")), "LT0130");
    let issue = format!("vendor issue --key {key} --product cad --out {out}");
    done(&format!("{issue} --count 5 --serial S-1"));
    assert_eq!(refused(&format!("{issue} --count 0")), "LT0131");
    let first = std::fs::read(data.path().join("x.license")).unwrap();
    assert_eq!(refused(&format!("{issue} --count 6")), "LT0131", "one is there already");
    assert_eq!(std::fs::read(data.path().join("x.license")).unwrap(), first);
    let from_pub = format!("vendor issue --key {key}.pub --product cad --count 1");
    assert_eq!(refused(&from_pub), "LT0130");
    assert!(lictree(&from_pub).err.contains("it is the public half"));
    let hq = data.path().join("hq");
    let (hq, west) = (hq.display(), data.path().join("west"));
    let west = west.display();
    done(&format!("init primary hq --tree acme --at {hq}"));
    assert_eq!(refused(&format!("init primary hq --tree acme --at {hq}")), "LT0132");
    let inside = format!("up {} --data {hq}", example("jp1-figure").display());
    assert_eq!(refused(&inside), "LT0127", "a tree inside the folder of a server");
    done(&format!("init relay west --parent hq --at {west} --data {hq}"));
    done(&format!("serve --check --config {hq}/lictree.toml"));
    done(&format!("serve --check --config {west}/lictree.toml"));
    assert_eq!(refused(&format!("init relay x --parent hq --at {west}2 --data {west}")), "LT0132");
}

#[test]
fn whoever_inspects_a_license_file_sees_what_it_says_and_what_it_is_worth() {
    let data = folder();
    let path = |name: &str| data.path().join(name).display().to_string();
    let (ours, theirs, file) = (path("v.key"), path("o.key"), path("x.license"));
    done(&format!("vendor keygen --out {ours}"));
    done(&format!("vendor keygen --out {theirs}"));
    let issue = format!("vendor issue --key {ours} --product cad --count 5 --out {file}");
    assert_eq!(refused(&format!("{issue} --server site-7")), "LT0131");
    assert_eq!(refused(&format!("{issue} --confirm-within 0")), "LT0131");
    done(&format!(
        "{issue} --serial S-1 --metric sessions --tree acme --server site-7 --confirm-within 30 \
         --not-before 2026-01-31T00:00:00Z --not-after 2026-02-28T00:00:00Z --note spare"
    ));
    let inspect = format!("vendor inspect {file}");
    let seen = json(&inspect);
    for (field, expected) in [
        ("serial", "S-1"),
        ("metric", "sessions"),
        ("not_after", "2026-02-28T00:00:00Z"),
        ("tree", "acme"),
        ("server", "site-7"),
        ("note", "spare"),
        ("signature", "not-checked"),
        ("validity", "expired"),
    ] {
        assert_eq!(seen[field], expected, "{field} of {seen}");
    }
    assert_eq!((seen["count"].as_u64(), seen["confirm_within_days"].as_u64()), (Some(5), Some(30)));
    let genuine = json(&format!("{inspect} --key {theirs}.pub --key {ours}.pub"));
    assert_eq!(genuine["signature"], "genuine");
    let table = done(&format!("{inspect} --key {ours}.pub")).out;
    let row = |row: &&str| table.lines().any(|line| line == *row);
    assert!(["server          site-7", "signature       genuine"].iter().all(row), "{table}");
    assert_eq!(refused(&format!("{inspect} --key {theirs}.pub")), "LT0213");
    assert_eq!(refused(&format!("{inspect} --key {file}")), "LT0130");

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("count: 5", "count: 50")).unwrap();
    let forged = lictree(&format!("{inspect} --key {ours}.pub --json"));
    assert_eq!((forged.exit, code(&forged).as_str()), (1, "LT0214"));
    assert!(forged.out.contains("\"forged\"") && forged.out.contains("50"), "{}", forged.out);
    for (text, code) in [
        (text.replace('\n', "\r\n"), "LT0212"),
        (text.replace("license 1", "license 7"), "LT0211"),
        (text.replace("tree: acme", "tree: Acme"), "LT0215"),
        ("x".repeat(64 * 1024 + 1), "LT0210"),
        (String::new(), "LT0210"),
    ] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(refused(&inspect), code);
    }
    assert_eq!(refused(&format!("vendor inspect {}", path("none"))), "LT0135");
}
