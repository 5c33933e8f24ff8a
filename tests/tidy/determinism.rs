//! Equal inputs give equal effects: the deciding part reads no clock, draws no random number, and
//! depends on no order that differs from run to run. And what hangs on time elsewhere: tests wait
//! on conditions, only the edge talks to the terminal.

use crate::lexer::{Kind, Token};
use crate::source::{Finding, Source, check};
use crate::syntax::{self, is, spells};

/// Folders whose behaviour is a function of what they are handed.
const PURE: &[&str] = &["model", "engine", "group", "record", "server", "simulator"];

/// Folders that carry the deny line of clippy.toml at their top.
const DENYING: &[&str] = &["engine", "group", "server", "simulator"];

const DENIAL: &str = "#![deny(clippy::disallowed_methods, clippy::disallowed_types)]";

/// Two names next to each other in a path, and what to do instead.
const IMPURE_PATHS: &[(&str, &str, &str)] = &[
    ("Instant", "now", "take the time as an argument"),
    ("SystemTime", "now", "take the time as an argument"),
    ("Zoned", "now", "take the time as an argument"),
    ("thread", "sleep", "answer when to be woken"),
];

const IMPURE_NAMES: &[(&str, &str)] = &[
    ("HashMap", "use `BTreeMap`, whose order is its keys'"),
    ("HashSet", "use `BTreeSet`, whose order is its values'"),
    ("RandomState", "use an order that is the same in every run"),
    ("thread_rng", "take entropy as an argument"),
];

const IMPURE_LIBRARIES: &[&str] = &["rand", "fastrand", "getrandom"];

const PRINTS: &[&str] = &["print", "println", "eprint", "eprintln"];

pub fn impure(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.in_folders(PURE)) {
        let tokens = source.tokens();
        for path in syntax::paths(&tokens) {
            let called = IMPURE_PATHS.iter().find(|(first, last, _)| path.holds(first, last));
            let what = |(first, last, remedy): &(_, _, _)| format!("`{first}::{last}`; {remedy}");
            found.extend(called.map(|called| source.finding(path.line, what(called))));
            let library = IMPURE_LIBRARIES.iter().find(|library| path.segments[0] == **library);
            let what = |library| format!("`{library}::`; take entropy as an argument");
            found.extend(library.map(|library| source.finding(path.line, what(library))));
        }
        for token in tokens.iter().filter(|token| token.kind == Kind::Word) {
            let named = IMPURE_NAMES.iter().find(|(name, _)| token.text == *name);
            let what = |(name, remedy): &(_, _)| format!("`{name}`; {remedy}");
            found.extend(named.map(|named| source.finding(token.line, what(named))));
        }
    }
    found
}

/// The compiler sees what this file cannot, if the folder asks it to.
pub fn denials(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for folder in DENYING {
        let top = format!("src/{folder}/mod.rs");
        for source in sources.iter().filter(|source| source.path == top) {
            let tokens = source.tokens();
            if !tokens.is_empty() && !(0..tokens.len()).any(|at| denies(&tokens, at)) {
                let what = format!("clippy's bans are not denied; put `{DENIAL}` below the doc");
                found.push(source.finding(1, what));
            }
        }
    }
    found
}

/// An inner attribute at `at` denies both bans.
fn denies(tokens: &[Token<'_>], at: usize) -> bool {
    let begins = spells(tokens, at, &["#", "!", "[", "deny", "("]);
    let inside = || tokens[at..].iter().take_while(|token| !token.is("]"));
    let names = |ban| inside().any(|token| token.is(ban));
    begins && names("disallowed_methods") && names("disallowed_types")
}

pub fn printing(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    let silent = |source: &&Source| source.folder().is_some_and(|f| !["edge", "main"].contains(&f));
    for source in sources.iter().filter(silent) {
        let tokens = source.tokens();
        for (at, token) in tokens.iter().enumerate() {
            if PRINTS.contains(&token.text) && token.kind == Kind::Word && is(&tokens, at + 1, "!")
            {
                let what = format!("`{}!`; answer it, or use tracing", token.text);
                found.push(source.finding(token.line, what));
            }
        }
    }
    found
}

/// One file may sleep: the one that has the patience of all tests, and waits on conditions.
pub fn sleeping_tests(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    let patience = ["tests/patience.rs", "tests/patience/mod.rs"];
    let awake = |source: &&Source| source.is_rust() && !patience.contains(&source.path.as_str());
    for source in sources.iter().filter(awake) {
        for path in syntax::paths(&source.tokens()) {
            let sleep = ["thread", "time"].iter().find(|module| path.holds(module, "sleep"));
            if let Some(module) = sleep.filter(|_| source.is_test(path.line)) {
                let what = format!("`{module}::sleep` in a test; wait on a condition");
                found.push(source.finding(path.line, what));
            }
        }
    }
    found
}

#[test]
fn what_differs_from_run_to_run_is_seen() {
    let text = "use std::{collections::{BTreeMap, HashMap}, thread::sleep, time};\n\
                // HashSet, Instant::now()\nlet at = time::Instant::now();\n\
                let at = SystemTime::now();\nlet x: HashSet<u8> = rand::random();\n\
                #[cfg(test)]\nmod tests {\n    fn f() { std::thread::sleep(d) }\n}\n";
    let given = [("src/server/mod.rs", text), ("src/daemon/mod.rs", text), ("tests/a.rs", text)];
    let expected = "\
        src/server/mod.rs:1: `HashMap`; use `BTreeMap`, whose order is its keys'
        src/server/mod.rs:1: `thread::sleep`; answer when to be woken
        src/server/mod.rs:3: `Instant::now`; take the time as an argument
        src/server/mod.rs:4: `SystemTime::now`; take the time as an argument
        src/server/mod.rs:5: `HashSet`; use `BTreeSet`, whose order is its values'
        src/server/mod.rs:5: `rand::`; take entropy as an argument
        src/server/mod.rs:8: `thread::sleep`; answer when to be woken";
    check(impure, &given, expected);
}

#[test]
fn a_folder_that_does_not_deny_is_seen() {
    let half = "//! x\n#![deny(clippy::disallowed_types)]\nmod y;\n";
    let given = [
        ("src/engine/mod.rs", half),
        ("src/group/mod.rs", "//! Nothing to deny yet.\n"),
        ("src/server/mod.rs", &format!("//! x\n\n{DENIAL}\nmod y;\n")),
        ("src/daemon/mod.rs", "mod y;\n"),
    ];
    let expected = "src/engine/mod.rs:1: clippy's bans are not denied; \
                    put `#![deny(clippy::disallowed_methods, clippy::disallowed_types)]` \
                    below the doc";
    check(denials, &given, expected);
}

#[test]
fn a_print_below_the_edge_is_seen() {
    let text =
        "fn f() { println!(\"x\") }\n// eprintln!(\"x\")\nfn g() { write!(f, \"print!\") }\n";
    let given = [("src/net/mod.rs", text), ("src/edge/cli.rs", text), ("tests/a.rs", text)];
    check(printing, &given, "src/net/mod.rs:1: `println!`; answer it, or use tracing");
}

#[test]
fn a_sleeping_test_is_seen() {
    let text = "use std::thread::{self, sleep};\nfn f() { tokio::time::sleep(d).await }\n";
    let inline = "fn f() { thread::sleep(d) }\n#[cfg(test)]\nmod tests {\n    \
                  fn g() { thread::sleep(d) }\n}\n";
    let given =
        [("tests/a.rs", text), ("tests/patience/mod.rs", text), ("src/daemon/run.rs", inline)];
    let expected = "\
        src/daemon/run.rs:4: `thread::sleep` in a test; wait on a condition
        tests/a.rs:1: `thread::sleep` in a test; wait on a condition
        tests/a.rs:2: `time::sleep` in a test; wait on a condition";
    check(sleeping_tests, &given, expected);
}
