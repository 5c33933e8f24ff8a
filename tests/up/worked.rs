//! The worked example of the reference's figure, all its rows, by the commands of an operator.

use crate::patience::until;
use crate::program::{done, json, lictree, refused};
use crate::script::{Expected, steps, table};
use crate::tree::{Tree, folder};

#[test]
fn the_worked_example_holds_row_by_row() {
    let data = folder();
    let tree = Tree::start("jp1-figure", data.path());
    let (a, c) = (tree.at("a"), tree.at("c"));
    let mut tables = 0;
    for step in steps(data.path()) {
        match &step.expected {
            Expected::Done => drop(done(&step.line)),
            Expected::Refused(code) => assert_eq!(refused(&step.line), *code, "{}", step.row),
            Expected::Table(expected) => {
                tables += 1;
                until(&step.row, || {
                    let found = table(&serde_json::from_str(&lictree(&step.line).out).unwrap());
                    if found == *expected { Ok(()) } else { Err(found) }
                });
            }
        }
        if step.row.starts_with("# Row 2") {
            let lacking = format!("node list --managing-source c,e --state discovered {a}");
            assert_eq!(json(&lacking)["total"], 4 + 14);
        }
    }
    assert_eq!(tables, 12);

    let again = data.path().join("S-2.license");
    assert_eq!(refused(&format!("license register {} {c}", again.display())), "LT0201");
    let more = format!("license distribute inventory 151 --to b --yes --force {a}");
    assert_eq!(refused(&more), "LT0222", "more than is registered");
}
