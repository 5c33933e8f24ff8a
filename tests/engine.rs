//! Text cases of the engine: a command, `----`, what it answers. `LICTREE_REWRITE=1` writes the
//! expected texts anew; read the difference before you keep it.

#[path = "engine/tree.rs"]
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

/// One command with what is expected of it.
struct Step {
    comments: String,
    command: String,
    expected: String,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let (head, expected) = block.split_once("\n----").unwrap_or((block, ""));
        let comment = |line: &&str| line.starts_with('#');
        let comments = head.lines().filter(comment).map(|line| format!("{line}\n")).collect();
        let command = head.lines().filter(|line| !comment(line)).collect();
        steps.push(Step { comments, command, expected: expected.trim().to_string() });
    }
    steps
}

fn run(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let mut tree = tree::Tree::default();
    let mut found = String::new();
    let mut wrong = Vec::new();
    for step in steps(&text) {
        let answer = tree.run(&step.command);
        if answer.trim() != step.expected {
            wrong.push(format!("{}\n  got:\n{answer}\n  not:\n{}", step.command, step.expected));
        }
        let answer = answer.trim();
        let line = if answer.is_empty() { String::new() } else { format!("{answer}\n") };
        found += &format!("{}{}\n----\n{line}\n", step.comments, step.command);
    }
    if std::env::var_os("LICTREE_REWRITE").is_some() {
        fs::write(path, found.trim_end().to_string() + "\n").unwrap();
    } else {
        assert!(wrong.is_empty(), "{}:\n{}", path.display(), wrong.join("\n\n"));
    }
}

fn case(name: &str) {
    run(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/engine").join(name));
}

#[test]
fn the_worked_example() {
    case("worked-example.txt");
}

#[test]
fn four_ways_to_register_the_same_table() {
    case("registration-variants.txt");
}

#[test]
fn what_is_refused() {
    case("refusals.txt");
}

#[test]
fn devices_and_their_states() {
    case("devices.txt");
}
