//! How large things may get: files, functions and lines that fit into one head and one screen.
//!
//! Test code may be as long as its tables are, but not wider. A median above the aim means that
//! many files grew, which no single limit would see.

use crate::source::{Finding, Source, check};
use crate::syntax;

const FILE_LINES_MAX: usize = 600;
const FILE_LINES_MEDIAN_MAX: usize = 200;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_COLUMNS_MAX: usize = 100;

fn product(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|source| source.is_rust() && !source.test)
}

pub fn files(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in product(sources) {
        let lines = source.lines_outside_tests();
        if lines > FILE_LINES_MAX {
            let what = format!("{lines} lines outside tests, at most {FILE_LINES_MAX}");
            found.push(source.finding(1, format!("{what}; split it by noun")));
        }
    }
    found
}

pub fn functions(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in product(sources) {
        for function in syntax::functions(&source.tokens()) {
            let (start, lines) = (*function.lines.start(), function.lines.count());
            if lines > FUNCTION_LINES_MAX && !source.is_test(start) {
                let name = function.name;
                let what = format!("`fn {name}` has {lines} lines, at most {FUNCTION_LINES_MAX}");
                found.push(source.finding(start, format!("{what}; name its parts")));
            }
        }
    }
    found
}

pub fn columns(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        for (at, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > LINE_COLUMNS_MAX {
                let what = format!("{columns} columns, at most {LINE_COLUMNS_MAX}; break the line");
                found.push(source.finding(at + 1, what));
            }
        }
    }
    found
}

pub fn median(sources: &[Source]) -> Vec<Finding> {
    let mut files: Vec<(usize, &Source)> =
        product(sources).map(|source| (source.lines_outside_tests(), source)).collect();
    files.sort_by_key(|(lines, _)| *lines);
    let middle = files.get(files.len() / 2).filter(|(lines, _)| *lines > FILE_LINES_MEDIAN_MAX);
    let finding = |(lines, source): &(usize, &Source)| {
        let what = format!("half of all files have {lines} lines or more");
        let remedy = format!("at most {FILE_LINES_MEDIAN_MAX} in the middle; split the largest");
        source.finding(1, format!("{what}, {remedy}"))
    };
    middle.map(finding).into_iter().collect()
}

fn body(lines: usize) -> String {
    format!("fn f() {{\n{}}}\n", "    x();\n".repeat(lines - 2))
}

#[test]
fn a_long_file_is_seen_and_its_tests_do_not_count() {
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(700));
    let (fits, long) = ("\n".repeat(600) + &tests, "\n".repeat(601) + &tests);
    let given = [
        ("src/a.rs", fits.as_str()),
        ("src/b.rs", &long),
        ("src/b/tests.rs", &long),
        ("tests/c.rs", &long),
        ("docs/d.md", &long),
    ];
    check(files, &given, "src/b.rs:1: 601 lines outside tests, at most 600; split it by noun");
}

#[test]
fn a_long_function_is_seen() {
    let text = format!("\n{}{}#[cfg(test)]\nmod tests {{\n{}}}\n", body(70), body(71), body(80));
    let given = [("src/a.rs", text.as_str()), ("tests/b.rs", &text)];
    check(functions, &given, "src/a.rs:72: `fn f` has 71 lines, at most 70; name its parts");
}

#[test]
fn a_wide_line_is_seen_in_tests_too() {
    let text = format!("{}\n{}\n", "é".repeat(100), "é".repeat(101));
    let given = [("tests/a.rs", text.as_str()), ("README.md", &text)];
    check(columns, &given, "tests/a.rs:2: 101 columns, at most 100; break the line");
}

#[test]
fn a_large_middle_is_seen() {
    let (small, large) = ("\n".repeat(200), "\n".repeat(201));
    let fits = [("src/a.rs", small.as_str()), ("src/b.rs", &small), ("src/c.rs", &large)];
    check(median, &fits, "");
    let grown = [("src/a.rs", small.as_str()), ("src/b.rs", &large), ("src/c.rs", &large)];
    let expected = "src/b.rs:1: half of all files have 201 lines or more, \
                    at most 200 in the middle; split the largest";
    check(median, &grown, expected);
}
