//! What the ranges lack for what was discovered in them, by the commands of an operator.

use crate::patience::until;
use crate::program::{done, json, lictree, refused};
use crate::tree::{Tree, folder};
use serde_json::Value;
use std::path::Path;

/// `discovered/duplicates/lacking` of range c, as the primary says it.
fn of_c(a: &str) -> String {
    let view = json(&format!("range lacking c {a}"));
    let range = &view["ranges"][0];
    assert_eq!(view["lacking"], range["lacking"]);
    format!("{}/{}/{}", range["discovered"], range["duplicates"], range["lacking"])
}

#[track_caller]
fn lacks(a: &str, expected: &str) {
    until(expected, || {
        let found = of_c(a);
        if found == expected { Ok(()) } else { Err(found) }
    });
}

fn import(server: &str, data: &Path, rows: &[(u8, &str)]) {
    let file = data.join("found.csv");
    let line = |(last, mac): &(u8, &str)| format!("192.0.2.{last},{mac}\n");
    let text: String = rows.iter().map(line).collect();
    std::fs::write(&file, format!("address,mac\n{text}")).unwrap();
    done(&format!("node import {} {server}", file.display()));
}

fn discovered(server: &str, name: &str) -> Vec<String> {
    let list = format!("node list --managing-source {name} --state discovered {server}");
    let nodes = json(&list)["nodes"].clone();
    let id = |node: &Value| node["id"].as_str().unwrap().to_string();
    nodes.as_array().unwrap().iter().map(id).collect()
}

/// The two answers of the worked example, with six discovered nodes in the range of c: none at its
/// step 0, six at its step 2.
#[test]
fn a_full_range_lacks_what_is_discovered_in_it() {
    let data = folder();
    let tree = Tree::start("jp1-figure", data.path());
    let [a, c, e] = ["a", "c", "e"].map(|server| tree.at(server));
    lacks(&a, "26/0/18");
    let more = discovered(&e, "e").into_iter().skip(2).collect::<Vec<_>>().join(" ");
    done(&format!("node delete {more} --yes {e}"));
    lacks(&a, "6/0/0");

    let row = |last: u8| (last, format!("00:1b:21:00:00:{last:02x}"));
    let rows: Vec<(u8, String)> = (1..=8).map(row).collect();
    let rows: Vec<(u8, &str)> = rows.iter().map(|(last, mac)| (*last, mac.as_str())).collect();
    import(&e, data.path(), &rows);
    done(&format!("node manage --managing-source e --count 8 {e}"));
    assert_eq!(refused(&format!("node manage --managing-source e --count 1 {e}")), "LT0301");
    lacks(&a, "6/0/6");

    // c finds a machine that e manages already: that needs no further license.
    import(&c, data.path(), &rows[..1]);
    lacks(&a, "7/1/6");
    let view = json(&format!("range lacking --by managing-source {a}"));
    let sources: Vec<String> = view["ranges"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|range| range["by"].as_array().unwrap())
        .map(|by| format!("{} {}", by["managing_source"].as_str().unwrap(), by["discovered"]))
        .collect();
    assert_eq!(sources, ["a 6", "b 17", "d 12", "c 5", "e 2"]);

    let alike = json(&format!("node duplicates --by mac {a}"));
    let groups = alike["groups"].as_array().unwrap();
    let one = groups.iter().find(|group| group["value"] == "00:1b:21:00:00:01").unwrap();
    assert_eq!((&one["alike"], &one["count"]), (&"mac".into(), &2.into()));
    let text = done(&format!("range lacking {a}")).out;
    assert!(text.lines().last().unwrap().starts_with("in all"), "{text}");
}

#[test]
fn nodes_are_listed_in_every_order_and_counted() {
    let data = folder();
    let tree = Tree::start("jp1-figure", data.path());
    let a = tree.at("a");
    let all = json(&format!("node list --count {a}"))["count"].as_u64().unwrap();
    let csv = done(&format!("node list --csv --sort address {a}")).out;
    assert_eq!(csv.lines().count() as u64, all + 1);
    for sort in ["id", "last-seen", "name", "address"] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = json(&format!("node list --sort {sort} --limit 40 {after} {a}"));
            assert_eq!(page["total"], all);
            for node in page["nodes"].as_array().unwrap() {
                seen.push(node["id"].as_str().unwrap().to_string());
            }
            let Some(next) = page["next"].as_str() else { break };
            after = format!("--after {next}");
        }
        assert_eq!(seen.len() as u64, all, "{sort}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len() as u64, all, "{sort}: a node twice");
    }
    let page = json(&format!("node list --sort name --limit 3 {a}"));
    let next = page["next"].as_str().unwrap();
    assert_eq!(refused(&format!("node list --sort address --after {next} {a}")), "LT0316");
    assert_eq!(json(&format!("node list --count --seen-since 1d {a}"))["count"], all);
    assert_eq!(json(&format!("node list --count --seen-before 1d {a}"))["count"], 0);
    let managed = json(&format!("node list --state managed --limit 1 {a}"))["nodes"][0].clone();
    let id = managed["id"].as_str().unwrap();
    let shown = json(&format!("node show {id} {a}"));
    assert_eq!(shown["history"][0]["state"], "managed");
    assert_eq!(managed["history"], Value::Null, "a list has no histories");
    let outcome = lictree(&format!("node list --sort size {a}"));
    assert!(outcome.exit == 2 && outcome.err.contains("last-seen"), "{outcome:?}");
}
