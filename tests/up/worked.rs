//! The worked example of the reference's figure, all its rows, by the commands of an operator.

use crate::program::{done, json, refused};
use crate::tree::{Tree, folder};

const FULL: &str = "LT0301";

#[test]
fn the_worked_example_holds_row_by_row() {
    let data = folder();
    let tree = Tree::start("jp1-figure", data.path());
    let (a, c, d, e) = (tree.at("a"), tree.at("c"), tree.at("d"), tree.at("e"));
    tree.stands("row 0", &["a 100/55", "d 10/7", "c 40/32"]);

    done(&format!("node manage --managing-source e --count 8 {e}"));
    tree.stands("row 1", &["a 100/55", "d 10/7", "c 40/40"]);

    let ninth = format!("node manage --managing-source e --count 1 {e}");
    assert_eq!(refused(&ninth), FULL);
    tree.stands("row 2", &["a 100/55", "d 10/7", "c 40/40"]);
    let lacking = format!("node list --managing-source c,e --state discovered {a}");
    assert_eq!(json(&lacking)["total"], 4 + 14);

    done(&format!("node manage --managing-source d --count 3 {d}"));
    assert_eq!(refused(&format!("node manage --managing-source d --count 1 {d}")), FULL);
    tree.stands("row 3", &["a 100/55", "d 10/10", "c 40/40"]);

    done(&format!("license distribute inventory 15 --to d --yes {a}"));
    tree.stands("row 4", &["a 95/55", "d 15/10", "c 40/40"]);

    done(&format!("license withdraw inventory --from c --yes {a}"));
    tree.stands("row 5", &["a 135/95", "d 15/10"]);

    assert_eq!(refused(&format!("server authorize c --yes {a}")), "LT0224");
    done(&format!("server authorize c --yes --force {a}"));
    tree.stands("row 6", &["a 135/55", "d 15/10", "c 0/40 short 40"]);

    let (key, file) = (data.path().join(".up/vendor.key"), data.path().join("c.license"));
    let (key, file) = (key.display(), file.display());
    done(&format!("vendor issue --key {key} --product inventory --count 50 --out {file}"));
    done(&format!("license register {file} {c}"));
    tree.stands("row 7", &["a 135/55", "d 15/10", "c 50/40"]);
    assert_eq!(refused(&format!("license register {file} {c}")), "LT0201");

    let to_c = refused(&format!("license distribute inventory 5 --to c --yes --force {a}"));
    assert_eq!(to_c, "LT0208", "row 8");

    let to_b = refused(&format!("license distribute inventory 20 --to b --yes {a}"));
    assert_eq!(to_b, "LT0224", "row 9");

    done(&format!("license distribute inventory 30 --to b --yes {a}"));
    tree.stands("row 10", &["a 105/30", "b 30/25", "d 15/10", "c 50/40"]);

    assert_eq!(refused(&format!("license withdraw inventory --from d --yes {a}")), "LT0224");
    done(&format!("license withdraw inventory --from d --yes --force {a}"));
    tree.stands("row 11", &["a 120/30", "b 30/35 short 5", "c 50/40"]);

    let more = format!("license distribute inventory 151 --to b --yes --force {a}");
    assert_eq!(refused(&more), "LT0222", "more than is registered");
}
