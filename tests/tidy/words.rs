//! One word for each thing: refuses the wrong words that are wrong everywhere.
//!
//! A word is found as a part of a name too: `max_seats`, `SeatCount`. Words that are wrong for one
//! thing and right for another (a node is no server, but `discovered node` is ours) are for the
//! reader to see; the glossary has them.

use crate::lexer::Kind;
use crate::source::{Finding, Source, check};

/// A wrong word (also with an `s`), and ours.
const WRONG: &[(&str, &str)] = &[
    ("downstream", "below, child"),
    ("entitlement", "license file"),
    ("licence", "license"),
    ("licenced", "licensed"),
    ("licencing", "licensing"),
    ("master", "primary"),
    ("quota", "distribution"),
    ("seat", "license"),
    ("sku", "product"),
    ("slave", "relay"),
    ("upstream", "above, parent"),
];

/// Where a wrong word is right: how the path begins, the word (`*` is any), and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("tests/tidy/words.rs", "*", "it lists what it refuses"),
    ("topology-examples/", "*", "trees as others drew them, with their names"),
];

/// Ends of type names that say that something is done, and not what the thing is.
const EMPTY_ENDS: &[&str] = &["Manager", "Handler", "Helper", "Helpers", "Util", "Utils"];

/// Names under which anything could stand, so that in the end everything does.
const EMPTY_NAMES: &[&str] =
    &["common", "core", "helper", "helpers", "misc", "types", "util", "utils"];

pub fn wrong_words(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources {
        let lines = source.text.lines().enumerate().map(|(at, line)| (at + 1, line));
        for (at, line) in std::iter::once((1, source.path.as_str())).chain(lines) {
            for (wrong, ours) in WRONG.iter().filter(|(wrong, _)| says(line, wrong)) {
                if !is_excepted(&source.path, wrong) {
                    found.push(source.finding(at, format!("`{wrong}`; we say {ours}")));
                }
            }
        }
    }
    found
}

fn is_excepted(path: &str, wrong: &str) -> bool {
    let covers = |word: &str| word == "*" || word == wrong;
    EXCEPTIONS.iter().any(|(under, word, _)| path.starts_with(under) && covers(word))
}

/// The line has the word, or its plural, as a word or as part of a name.
fn says(line: &str, word: &str) -> bool {
    let same = |part: &str| {
        let part = part.to_lowercase();
        part.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest == "s")
    };
    let words = line.split(|character: char| !character.is_alphanumeric());
    words.into_iter().any(|word| same(word) || humps(word).into_iter().any(same))
}

/// `SeatCount` is `Seat` and `Count`, `HTTPSeats` is `HTTP` and `Seats`.
fn humps(word: &str) -> Vec<&str> {
    let letters: Vec<(usize, char)> = word.char_indices().collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for at in 1..letters.len() {
        let (before, (index, this)) = (letters[at - 1].1, letters[at]);
        let then_small = letters.get(at + 1).is_some_and(|(_, next)| next.is_lowercase());
        if this.is_uppercase() && (!before.is_uppercase() || then_small) {
            parts.push(&word[start..index]);
            start = index;
        }
    }
    parts.push(&word[start..]);
    parts
}

pub fn type_names(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let tokens = source.tokens();
        for pair in tokens.windows(2) {
            let defines = ["struct", "enum", "trait", "type", "union"].contains(&pair[0].text);
            let name = pair[1].text;
            let empty = EMPTY_ENDS.iter().find(|end| name.ends_with(*end));
            if let Some(end) = empty.filter(|_| defines && pair[1].kind == Kind::Word) {
                let what = format!("`{name}`; `{end}` says nothing, name what it is");
                found.push(source.finding(pair[1].line, what));
            }
        }
    }
    found
}

/// Of folders, of files and of modules within a file.
pub fn folder_names(sources: &[Source]) -> Vec<Finding> {
    let remedy = "what has no noun has no home; find the noun";
    let mut found = Vec::new();
    for source in sources {
        let stems = source.path.split('/').map(|part| part.split('.').next().unwrap_or(part));
        let empty = stems.filter(|stem| EMPTY_NAMES.contains(stem));
        found.extend(empty.map(|stem| source.finding(1, format!("named `{stem}`; {remedy}"))));
        if source.is_rust() {
            for pair in source.tokens().windows(2) {
                let opens = pair[0].is("mod") && EMPTY_NAMES.contains(&pair[1].text);
                let what = || format!("`mod {}`; {remedy}", pair[1].text);
                found.extend(opens.then(|| source.finding(pair[1].line, what())));
            }
        }
    }
    found
}

#[test]
fn a_wrong_word_is_seen_in_prose_and_in_names() {
    let text = "A Licence, please.\nlet max_seats = seatbelt;\nstruct HTTPSeatCount;\n\
                fn upStream()\nthe SKUs\nmastery, reseat, webmaster\n";
    let given = [
        ("docs/quota.md", ""),
        ("src/a.rs", text),
        ("topology-examples/x/topology.toml", "name = \"master\"\n"),
    ];
    let expected = "\
        docs/quota.md:1: `quota`; we say distribution
        src/a.rs:1: `licence`; we say license
        src/a.rs:2: `seat`; we say license
        src/a.rs:3: `seat`; we say license
        src/a.rs:4: `upstream`; we say above, parent
        src/a.rs:5: `sku`; we say product";
    check(wrong_words, &given, expected);
}

#[test]
fn an_empty_type_name_is_seen() {
    let text = "pub struct LicenseManager;\nimpl Handler for X {}\ntrait Handler {}\n\
                // struct XHelper\nstruct Utility;\ntype IdUtils = u8;\n";
    let expected = "\
        src/a.rs:1: `LicenseManager`; `Manager` says nothing, name what it is
        src/a.rs:3: `Handler`; `Handler` says nothing, name what it is
        src/a.rs:6: `IdUtils`; `Utils` says nothing, name what it is";
    check(type_names, &[("src/a.rs", text)], expected);
}

#[test]
fn a_folder_for_anything_is_seen() {
    let given = [
        ("tests/common/mod.rs", ""),
        ("src/edge/types.rs", ""),
        ("src/model/corelation.rs", "mod util {\n}\nmod utility;\n"),
    ];
    let expected = "\
        src/edge/types.rs:1: named `types`; what has no noun has no home; find the noun
        src/model/corelation.rs:1: `mod util`; what has no noun has no home; find the noun
        tests/common/mod.rs:1: named `common`; what has no noun has no home; find the noun";
    check(folder_names, &given, expected);
}

#[test]
fn every_exception_has_a_reason() {
    for (under, word, reason) in EXCEPTIONS {
        assert!(reason.len() > 12, "why may {under} say {word}?");
    }
}
