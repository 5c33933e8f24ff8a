//! Nodes as people name them: merged, and forgotten.

use crate::program::{done, json, refused};
use crate::tree::{Tree, folder};

#[test]
fn one_machine_that_was_two_managed_nodes_uses_one_license() {
    let data = folder();
    let tree = Tree::start("jp1-figure", data.path());
    let (a, e) = (tree.at("a"), tree.at("e"));
    let second = json(&format!("node show e:2 {e}"));
    let merged = json(&format!("node merge e:1 e:2 --yes {e}"));
    assert_eq!(
        merged["devices"],
        serde_json::json!([{ "id": "e:2", "state": null, "refusal": null }])
    );
    assert_eq!(merged["node"]["other_macs"], serde_json::json!([second["mac"]]));
    assert_eq!(merged["node"]["first_seen"], second["first_seen"]);
    assert_eq!(refused(&format!("node show e:2 {e}")), "LT0306");
    tree.stands("one license came free", &["a 100/55", "d 10/7", "c 40/31"]);
    let above = done(&format!("node show e:1 {a}"));
    assert!(above.out.contains("other macs"), "{}", above.out);
    // All were found just now: nothing is forgotten, and nobody is asked.
    let forgotten = json(&format!("node forget --not-seen 1d --state discovered,managed {e}"));
    assert_eq!(
        (&forgotten["forgotten"], &forgotten["counts"]),
        (&0.into(), &serde_json::json!([]))
    );
}
