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
    let from_pub = format!("vendor issue --key {key}.pub --product cad --count 1");
    assert_eq!(refused(&from_pub), "LT0130");
    let hq = data.path().join("hq");
    let (hq, west) = (hq.display(), data.path().join("west"));
    let west = west.display();
    done(&format!("init primary hq --tree acme --at {hq}"));
    assert_eq!(refused(&format!("init primary hq --tree acme --at {hq}")), "LT0132");
    done(&format!("init relay west --parent hq --at {west} --data {hq}"));
    done(&format!("serve --check --config {hq}/lictree.toml"));
    done(&format!("serve --check --config {west}/lictree.toml"));
    assert_eq!(refused(&format!("init relay x --parent hq --at {west}2 --data {west}")), "LT0132");
}
