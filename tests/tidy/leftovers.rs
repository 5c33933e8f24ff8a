//! What may not be left in a file: a missing introduction, a panic without a reason, unfinished
//! code, marks for later, and traces of the machine somebody worked on.
//!
//! The needles that are searched in every file are written in two pieces, so that this file does
//! not hold what it looks for.

use crate::lexer::{Kind, Token};
use crate::source::{Finding, Source, check};
use crate::syntax::{is, spells};

/// The shortest text that can say why something cannot happen, in characters.
const REASON_CHARS_MIN: usize = 12;

const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];

/// How paths of one person's or one machine's folders begin.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!(":\\", "Users\\"),
];

/// Where packages come from is the business of whoever builds.
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("sparse", "+http"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("proxy.golang", ".org"),
    concat!("artif", "actory"),
];

pub fn module_docs(sources: &[Source]) -> Vec<Finding> {
    let said = |source: &&Source| {
        let first = source.text.lines().next().unwrap_or_default();
        first.strip_prefix("//! ").is_some_and(|doc| !doc.trim().is_empty())
    };
    let silent = sources.iter().filter(|source| source.is_rust() && !said(source));
    silent.map(|source| source.finding(1, "no `//!` here; say what the file is")).collect()
}

pub fn panics(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let tokens = source.tokens();
        for (at, token) in tokens.iter().enumerate() {
            let called = is(&tokens, at, ".") || is(&tokens, at, "::");
            let Some(name) = tokens.get(at + 1).filter(|_| called && !source.is_test(token.line))
            else {
                continue;
            };
            let what = match name.text {
                "unwrap" | "unwrap_err" => "give a typed error, or `expect` with the reason",
                "expect" | "expect_err" if is_thin(&tokens, at + 2) => {
                    "its text is too short; say why it cannot happen"
                }
                _ => continue,
            };
            found.push(source.finding(name.line, format!("`{}`; {what}", name.text)));
        }
    }
    found
}

/// An argument list at `open` begins with a text that cannot be a reason.
fn is_thin(tokens: &[Token<'_>], open: usize) -> bool {
    let reason = tokens.get(open + 1).filter(|token| token.kind == Kind::Text);
    is(tokens, open, "(")
        && reason.is_some_and(|reason| reason.text.trim().chars().count() < REASON_CHARS_MIN)
}

pub fn unfinished(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let tokens = source.tokens();
        for (at, token) in tokens.iter().enumerate() {
            if UNFINISHED.iter().any(|name| spells(&tokens, at, &[name, "!"])) {
                let what = format!("`{}!`; finish it, or leave it out", token.text);
                found.push(source.finding(token.line, what));
            }
        }
    }
    found
}

pub fn marks(sources: &[Source]) -> Vec<Finding> {
    find(sources, MARKS, |before, after| {
        let is_letter = |character: char| character.is_alphanumeric();
        let word = !before.ends_with(is_letter) && !after.starts_with(is_letter);
        word.then_some("a mark for later; do it now, or write down the decision not to")
    })
}

pub fn machines(sources: &[Source]) -> Vec<Finding> {
    let mut found = find(sources, MACHINE_PATHS, |before, _| {
        let inside = |character: char| character.is_alphanumeric() || "_-.~/}".contains(character);
        let begins = !before.ends_with(inside);
        begins.then_some("a path of one machine; make it relative, or a setting")
    });
    found.extend(find(sources, REGISTRIES, |_, _| {
        Some("a package registry; where packages come from is for the builder to set")
    }));
    found
}

/// Every place of a needle, for which `judge`, told the text before and after it, finds words.
fn find(
    sources: &[Source],
    needles: &[&str],
    judge: fn(&str, &str) -> Option<&'static str>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources {
        for (at, line) in source.text.lines().enumerate() {
            for needle in needles {
                for (start, _) in line.match_indices(needle) {
                    let verdict = judge(&line[..start], &line[start + needle.len()..]);
                    let finding = |what| source.finding(at + 1, format!("`{needle}`: {what}"));
                    found.extend(verdict.map(finding));
                }
            }
        }
    }
    found
}

#[test]
fn a_file_without_introduction_is_seen() {
    let given = [
        ("src/a.rs", "//! What it is.\nuse x;\n"),
        ("src/b.rs", "use x;\n//! What it is.\n"),
        ("tests/c.rs", "//!\n"),
        ("benches/d.rs", ""),
        ("README.md", ""),
    ];
    let expected = "\
        benches/d.rs:1: no `//!` here; say what the file is
        src/b.rs:1: no `//!` here; say what the file is
        tests/c.rs:1: no `//!` here; say what the file is";
    check(module_docs, &given, expected);
}

#[test]
fn a_panic_without_reason_is_seen() {
    let text = "fn f() {\n    // a.unwrap()\n    a.unwrap();\n    a.unwrap_or(1);\n\
                    a.expect(\"works\");\n    a.expect(\"the caller checked the length\");\n\
                    a.map(Option::unwrap);\n    parser.expect(Token::End);\n    \
                    a\n    .expect_err(\"\");\n}\n\
                #[cfg(test)]\nmod tests {\n    fn f() { a.unwrap() }\n}\n";
    let given = [("src/a.rs", text), ("src/a/tests.rs", "fn f() { a.unwrap() }")];
    let expected = "\
        src/a.rs:3: `unwrap`; give a typed error, or `expect` with the reason
        src/a.rs:5: `expect`; its text is too short; say why it cannot happen
        src/a.rs:7: `unwrap`; give a typed error, or `expect` with the reason
        src/a.rs:10: `expect_err`; its text is too short; say why it cannot happen";
    check(panics, &given, expected);
}

#[test]
fn unfinished_code_is_seen() {
    let text = "fn f() { todo!() }\n// dbg!(x)\nfn g() { dbg!(x); let todo = unimplemented!(); }\n";
    let expected = "\
        tests/a.rs:1: `todo!`; finish it, or leave it out
        tests/a.rs:3: `dbg!`; finish it, or leave it out
        tests/a.rs:3: `unimplemented!`; finish it, or leave it out";
    check(unfinished, &[("tests/a.rs", text)], expected);
}

#[test]
fn a_mark_for_later_is_seen() {
    let text = format!("x{0}x\n# {0}: x\n{1}(me)\ntodo\n", MARKS[0], MARKS[1]);
    let expected = format!(
        "config/a.toml:2: `{}`: a mark for later; do it now, or write down the decision not to\n\
         config/a.toml:3: `{}`: a mark for later; do it now, or write down the decision not to",
        MARKS[0], MARKS[1]
    );
    check(marks, &[("config/a.toml", &text)], &expected);
}

#[test]
fn traces_of_a_machine_are_seen() {
    let [home, work, root, users, windows] = MACHINE_PATHS else { panic!("five are known") };
    let text = format!(
        "\"{home}x\"\nhttps://x.org{work}x\n({work}x)\nsrc{root}x\n{users}\nC{windows}x\n$HOME/x\n\
         from {}\n",
        REGISTRIES[0]
    );
    let path = "a path of one machine; make it relative, or a setting";
    let registry = "a package registry; where packages come from is for the builder to set";
    let expected = format!(
        "a.md:1: `{home}`: {path}\na.md:3: `{work}`: {path}\na.md:5: `{users}`: {path}\n\
         a.md:8: `{}`: {registry}",
        REGISTRIES[0]
    );
    check(machines, &[("a.md", &text)], &expected);
}
