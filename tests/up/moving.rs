//! A machine that goes to another server's site, by the commands of the two operators.

use crate::patience::until;
use crate::program::{done, json, lictree, refused};
use crate::tree::{Tree, folder};
use serde_json::Value;
use std::path::Path;

/// Found at a server by a list; its id there.
fn found(server: &str, name: &str, data: &Path, address: &str, mac: &str) -> String {
    let file = data.join("found.csv");
    std::fs::write(&file, format!("address,mac\n{address},{mac}\n")).unwrap();
    done(&format!("node import {} {server}", file.display()));
    let list = format!("node list --managing-source {name} --text {address} {server}");
    json(&list)["nodes"][0]["id"].as_str().unwrap().to_string()
}

#[test]
fn managed_at_the_new_one_first_and_given_up_at_the_old_after() {
    let data = folder();
    let tree = Tree::start("jp1-figure", data.path());
    let (c, e) = (tree.at("c"), tree.at("e"));
    let mac = "00:1b:21:00:00:77";
    let old = found(&e, "e", data.path(), "192.0.2.77", mac);
    assert_eq!(refused(&format!("node move {old} --to c {e}")), "LT0317");
    done(&format!("node manage {old} {e}"));
    tree.stands("it is managed at e", &["a 100/55", "d 10/7", "c 40/33"]);

    let moved = json(&format!("node move {old} --to c {e}"));
    let expected = serde_json::json!([{ "id": old, "state": "managed", "refusal": null }]);
    assert_eq!(moved["devices"], expected);
    // c finds it, which is not enough.
    let new = found(&c, "c", data.path(), "192.0.2.78", mac);
    assert_eq!(json(&format!("node show {old} {e}"))["waiting"], "move to c");
    let shown = done(&format!("node show {old} {e}")).out;
    assert!(shown.contains("managed, waits to move to c"), "{shown}");
    let listed = json(&format!("node list --text {mac} {e}"));
    assert_eq!(listed["nodes"][0]["waiting"], "move to c");

    done(&format!("node manage {new} {c}"));
    let used = || json(&format!("range show c {c}"))["ranges"][0]["used"].as_u64().unwrap();
    let at_once = used();
    assert!((33..=34).contains(&at_once), "{at_once}");
    until("the old one is given up", || match lictree(&format!("node show {old} {e}")) {
        gone if gone.exit == 1 => Ok(()),
        there => Err(format!("{there:?}")),
    });
    assert_eq!(refused(&format!("node show {old} {e}")), "LT0306");
    until("one license", || if used() == 33 { Ok(()) } else { Err(format!("{} used", used())) });
    tree.stands("it is managed at c", &["a 100/55", "d 10/7", "c 40/33"]);
    let events = json(&format!("event list {e}"))["events"].clone();
    let text = |event: &Value| event["text"].as_str().unwrap().to_string();
    let line = events.as_array().unwrap().iter().find(|event| event["kind"] == "node.moved");
    let line = line.map(text).unwrap_or_default();
    assert!(line.contains(&old) && line.contains(&new), "{line}");
}

#[test]
fn a_move_that_cannot_be_is_refused_and_one_that_waits_is_taken_back() {
    let data = folder();
    let tree = Tree::start("jp1-figure", data.path());
    let (a, e) = (tree.at("a"), tree.at("e"));
    let one = found(&e, "e", data.path(), "192.0.2.77", "00:1b:21:00:00:77");
    let nameless = found(&e, "e", data.path(), "192.0.2.78", "02:42:ac:1c:01:03");
    done(&format!("node manage {one} {nameless} {e}"));
    assert_eq!(refused(&format!("node move {one} --to e {e}")), "LT0318");
    assert_eq!(refused(&format!("node move {nameless} --to c {e}")), "LT0319");
    assert_eq!(refused(&format!("node move {one} --to c {a}")), "LT0303");
    assert_eq!(refused(&format!("node move e:999 --to c {e}")), "LT0306");
    for usage in [format!("node move {one}"), format!("node move {one} --to c --cancel")] {
        assert_eq!(lictree(&format!("{usage} {e}")).exit, 2, "{usage}");
    }
    done(&format!("node move {nameless} --to c:999 {e}"));
    assert_eq!(json(&format!("node show {nameless} {e}"))["waiting"], "move to c:999");
    done(&format!("node move {one} --to nowhere {e}"));
    until("nobody knows it", || {
        let events = json(&format!("event list {e}"))["events"].to_string();
        if events.contains("node.goal-unknown") { Ok(()) } else { Err(events) }
    });
    done(&format!("node move {one} --cancel {e}"));
    assert_eq!(json(&format!("node show {one} {e}"))["waiting"], Value::Null);
    tree.stop();
}
