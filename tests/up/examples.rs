//! Every example, run.

use crate::patience::until;
use crate::program::{done, example, json, lictree, refused};
use crate::tree::{Tree, folder, signal};
use std::collections::BTreeSet;

#[track_caller]
fn verified(name: &str) {
    let data = folder();
    let line = format!("up {} --verify --data {}", example(name).display(), data.path().display());
    let outcome = lictree(&line);
    assert_eq!(outcome.exit, 0, "{}", outcome.err);
    let path = example(name).join("expected.txt");
    assert_eq!(outcome.out, std::fs::read_to_string(path).unwrap());
    // The same command again goes on from disk, and changes nothing.
    let again = lictree(&line);
    assert_eq!((again.exit, &again.out), (0, &outcome.out), "{}", again.err);
    assert!(!again.err.contains("registered at"), "{}", again.err);
}

/// Each of these has a test below.
const EXAMPLES: [&str; 7] = [
    "chain-16",
    "flat-site",
    "jp1-figure",
    "jp1-figure-c-registered",
    "jp1-figure-d-registered",
    "jp1-figure-registered",
    "many-sites",
];

#[test]
fn no_example_is_left_out() {
    let folders = std::fs::read_dir(example("")).unwrap();
    let names = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.collect::<BTreeSet<_>>(), EXAMPLES.map(str::to_string).into());
}

#[test]
fn the_figure_stands_with_distributed_licenses() {
    verified("jp1-figure");
}

#[test]
fn the_figure_stands_with_registered_licenses() {
    verified("jp1-figure-registered");
}

#[test]
fn the_figure_stands_with_either_of_both() {
    verified("jp1-figure-c-registered");
    verified("jp1-figure-d-registered");
}

#[test]
fn a_flat_site_stands() {
    verified("flat-site");
}

#[test]
fn many_sites_on_four_levels_stand() {
    verified("many-sites");
}

#[test]
fn a_chain_of_sixteen_levels_stands() {
    verified("chain-16");
}

#[test]
fn a_full_range_refuses_while_the_one_above_has_licenses_left() {
    let data = folder();
    let tree = Tree::start("many-sites", data.path());
    let one_more =
        |site: &str| format!("node manage --managing-source {site} --count 1 {}", tree.at(site));
    assert_eq!(refused(&one_more("east-depot")), "LT0301");
    done(&one_more("east"));
}

#[test]
fn a_tree_that_people_changed_is_kept_and_differs() {
    let data = folder();
    let tree = Tree::start("jp1-figure", data.path());
    let at_e = tree.at("e");
    let one = lictree(&format!("node manage --managing-source e --count 1 {at_e}"));
    assert_eq!(one.exit, 0, "{}", one.err);
    tree.stands("one more", &["a 100/55", "d 10/7", "c 40/33"]);
    assert_eq!(tree.stop(), 0);
    let path = data.path().display();
    let line = format!("up {} --verify --json --data {path}", example("jp1-figure").display());
    let outcome = lictree(&line);
    assert_eq!(outcome.exit, 1);
    assert!(outcome.err.contains("LT0137") && outcome.err.contains("\n+ "), "{}", outcome.err);
}

#[test]
fn servers_end_with_whatever_started_them() {
    let data = folder();
    let tree = Tree::start("jp1-figure", data.path());
    let status = format!("status {}", tree.at("e"));
    assert_eq!(json(&status)["connected"], true);
    signal("KILL", tree.pid());
    until("no server is left", || match lictree(&status).exit {
        3 => Ok(()),
        exit => Err(format!("exit {exit}")),
    });
    drop(tree);
    let again = Tree::start("jp1-figure", data.path());
    again.stands("as before", &["a 100/55", "d 10/7", "c 40/32"]);
}
