//! Reads the project's own files and holds the rules that reviewers would otherwise have to keep
//! in their heads: which folder may name which, how large things get, which words are ours.
//!
//! ```text
//!   git ls-files, or a walk ──► Source ──► rule ──► findings  `file:line: what; what to do`
//!                                 │
//!                                 └─ lexer: words, marks and texts; comments are gone
//! ```
//!
//! Every rule is a function from sources to findings. Here each is asked about the project; beside
//! each rule stand snapshots of small texts that break it. A rule that gets in the way for a good
//! reason gets an exception with that reason, in the list of its own file.

#[path = "tidy/source.rs"]
mod source;

#[path = "tidy/lexer.rs"]
mod lexer;

#[path = "tidy/syntax.rs"]
mod syntax;

#[path = "tidy/layering.rs"]
mod layering;

#[path = "tidy/sizes.rs"]
mod sizes;

#[path = "tidy/leftovers.rs"]
mod leftovers;

#[path = "tidy/words.rs"]
mod words;

#[path = "tidy/determinism.rs"]
mod determinism;

use source::{Finding, Rule, project, snapshot};

/// Asks all the rules, and fails with every place that breaks one, a line each.
#[track_caller]
fn hold(rules: &[Rule]) {
    let findings: Vec<Finding> = rules.iter().flat_map(|rule| rule(project())).collect();
    let places = findings.len();
    assert!(findings.is_empty(), "{places} to put right:\n\n{}", snapshot(findings));
}

#[test]
fn folders_name_lower_folders_only() {
    hold(&[layering::folders, layering::climbing]);
}

#[test]
fn libraries_have_one_home() {
    hold(&[layering::homes]);
}

#[test]
fn files_functions_and_lines_stay_small() {
    hold(&[sizes::files, sizes::functions, sizes::columns, sizes::median]);
}

#[test]
fn every_file_says_what_it_is() {
    hold(&[leftovers::module_docs]);
}

#[test]
fn nothing_panics_without_a_reason() {
    hold(&[leftovers::panics]);
}

#[test]
fn nothing_is_left_over() {
    hold(&[leftovers::unfinished, leftovers::marks]);
}

#[test]
fn no_machine_shows_through() {
    hold(&[leftovers::machines]);
}

#[test]
fn each_thing_has_one_word() {
    hold(&[words::wrong_words, words::type_names, words::folder_names]);
}

#[test]
fn equal_inputs_give_equal_effects() {
    hold(&[determinism::impure, determinism::denials]);
}

#[test]
fn only_the_edge_prints() {
    hold(&[determinism::printing]);
}

#[test]
fn tests_wait_on_conditions() {
    hold(&[determinism::sleeping_tests]);
}
