//! The little of Rust's grammar that the rules need, on top of tokens: which paths a file names,
//! where its functions and modules begin and end, and what is compiled for tests only.

use crate::lexer::{Kind, Token, tokens};
use std::ops::RangeInclusive;

/// A path as written, with the groups of a `use` multiplied out.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedPath<'a> {
    pub segments: Vec<&'a str>,
    pub line: usize,
    /// The token it begins with (that of its group, inside one).
    pub at: usize,
}

impl NamedPath<'_> {
    /// The two names stand next to each other in it.
    pub fn holds(&self, first: &str, second: &str) -> bool {
        self.segments.windows(2).any(|pair| pair == [first, second])
    }
}

/// A function with a body.
pub struct Function<'a> {
    pub name: &'a str,
    pub lines: RangeInclusive<usize>,
}

/// Every path of two or more segments. `a::{b, c::{self, d}}` is `a::b`, `a::c::self`, `a::c::d`.
pub fn paths<'a>(tokens: &[Token<'a>]) -> Vec<NamedPath<'a>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = tokens[at].kind == Kind::Word && is(tokens, at + 1, "::");
        at = if begins { walk_path(tokens, at, &mut Vec::new(), &mut found) } else { at + 1 };
    }
    found
}

/// Reads one path or group from `at`, below `prefix`; gives where it ends.
fn walk_path<'a>(
    tokens: &[Token<'a>],
    at: usize,
    prefix: &mut Vec<&'a str>,
    found: &mut Vec<NamedPath<'a>>,
) -> usize {
    if is(tokens, at, "{") {
        return walk_group(tokens, at, prefix, found);
    }
    prefix.push(tokens[at].text);
    let goes_on = is(tokens, at + 1, "::") && tokens.get(at + 2).is_some_and(continues_path);
    let end = if goes_on {
        walk_path(tokens, at + 2, prefix, found)
    } else {
        found.push(NamedPath { segments: prefix.clone(), line: tokens[at].line, at });
        at + 1
    };
    prefix.pop();
    end
}

fn walk_group<'a>(
    tokens: &[Token<'a>],
    open: usize,
    prefix: &mut Vec<&'a str>,
    found: &mut Vec<NamedPath<'a>>,
) -> usize {
    let mut at = open + 1;
    while at < tokens.len() && !is(tokens, at, "}") {
        at = match &tokens[at] {
            token if token.is("as") => at + 2,
            token if continues_path(token) => walk_path(tokens, at, prefix, found),
            _ => at + 1,
        };
    }
    at + 1
}

fn continues_path(token: &Token<'_>) -> bool {
    token.kind == Kind::Word || token.is("{") || token.is("*")
}

pub fn functions<'a>(tokens: &[Token<'a>]) -> Vec<Function<'a>> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let Some(name) = tokens.get(at + 1).filter(|name| name.kind == Kind::Word) else {
            continue;
        };
        let end = item_end(tokens, at);
        if is(tokens, at, "fn") && is(tokens, end, "}") {
            found.push(Function { name: name.text, lines: tokens[at].line..=tokens[end].line });
        }
    }
    found
}

/// The tokens of each `mod name { … }`, from `mod` to its closing brace.
pub fn inline_modules(tokens: &[Token<'_>]) -> Vec<RangeInclusive<usize>> {
    let opens = |at: &usize| is(tokens, *at, "mod") && is(tokens, at + 2, "{");
    (0..tokens.len()).filter(opens).map(|at| at..=item_end(tokens, at)).collect()
}

/// The lines of every item under `#[cfg(test)]`.
pub fn test_lines(tokens: &[Token<'_>]) -> Vec<RangeInclusive<usize>> {
    let lines = |(attribute, item): (usize, usize)| {
        let end = item_end(tokens, item).min(tokens.len() - 1);
        tokens[attribute].line..=tokens[end].line
    };
    test_items(tokens).into_iter().map(lines).collect()
}

/// The names of every `#[cfg(test)] mod name;`.
pub fn declared_test_modules<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let items = test_items(tokens).into_iter().map(|(_, item)| item);
    let declares = |item: &usize| is(tokens, *item, "mod") && is(tokens, item + 2, ";");
    items.filter(declares).map(|item| tokens[item + 1].text).collect()
}

/// Items under `#[cfg(test)]` or `#[cfg(all(test, …))]`: where the attribute and the item begin.
fn test_items(tokens: &[Token<'_>]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let alone = spells(tokens, at, &["#", "[", "cfg", "(", "test", ")", "]"]);
        if !alone && !spells(tokens, at, &["#", "[", "cfg", "(", "all", "(", "test"]) {
            continue;
        }
        let mut item = at;
        while is(tokens, item, "#") && is(tokens, item + 1, "[") {
            item = matching(tokens, item + 1) + 1;
        }
        while is(tokens, item, "pub") || is(tokens, item, "(") {
            item = if is(tokens, item, "(") { matching(tokens, item) + 1 } else { item + 1 };
        }
        if tokens.get(item).is_some_and(|token| ITEMS.contains(&token.text)) {
            found.push((at, item));
        }
    }
    found
}

const ITEMS: &[&str] = &[
    "async",
    "const",
    "enum",
    "fn",
    "impl",
    "macro_rules",
    "mod",
    "static",
    "struct",
    "trait",
    "type",
    "use",
];

/// The item's last token: its closing brace, or its semicolon. Beyond the end when it has none.
fn item_end(tokens: &[Token<'_>], start: usize) -> usize {
    let is_fn = is(tokens, start + 1, "fn");
    let ends_in_semicolon = ["use", "static", "type", "const"].iter().any(|k| is(tokens, start, k));
    let mut at = start;
    while at < tokens.len() {
        at = match tokens[at].text {
            _ if tokens[at].kind != Kind::Mark => at,
            ";" => return at,
            "{" if is_fn || !ends_in_semicolon => return matching(tokens, at),
            "(" | "[" | "{" => matching(tokens, at),
            _ => at,
        } + 1;
    }
    at
}

/// The token that closes the bracket at `open`. Beyond the end when none does.
fn matching(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            _ if token.kind != Kind::Mark => {}
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 1 => return at,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

pub fn is(tokens: &[Token<'_>], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.is(text))
}

/// The tokens from `at` on are exactly these.
pub fn spells(tokens: &[Token<'_>], at: usize, texts: &[&str]) -> bool {
    texts.iter().enumerate().all(|(offset, text)| is(tokens, at + offset, text))
}

#[test]
fn the_groups_of_a_use_are_multiplied_out() {
    let text = "use crate::{model::{self, count::*}, net as n};\nlet x = a::b::<u8>::c(d);";
    let found: Vec<String> = paths(&tokens(text)).iter().map(|p| p.segments.join("::")).collect();
    assert_eq!(
        found,
        ["crate::model::self", "crate::model::count::*", "crate::net", "a::b"],
        "what follows a turbofish is a name of its own"
    );
    assert!(paths(&tokens("use a::{b, {c")).len() == 2, "an open group ends with the file");
}

#[test]
fn functions_end_where_their_bodies_end() {
    let text = "trait T { fn a(x: [u8; 2]); }\nfn b()\n-> [u8; 1]\n{ fn c() {} }\nfn d(f: fn()) {}";
    let all = tokens(text);
    let found: Vec<_> = functions(&all).into_iter().map(|f| (f.name, f.lines)).collect();
    assert_eq!(found, [("b", 2..=4), ("c", 4..=4), ("d", 5..=5)]);
}

#[test]
fn test_items_are_found_whatever_stands_between() {
    let text = "#[cfg(test)]\nuse a::{b};\nfn f() {}\n\
                #[cfg(all(test, unix))]\n#[allow(x)]\npub(crate) mod m {\n}\n\
                #[cfg(not(test))]\nmod n {}\n#[cfg(test)]\nmod laws;\n";
    assert_eq!(test_lines(&tokens(text)), [1..=2, 4..=7, 10..=11]);
    assert_eq!(declared_test_modules(&tokens(text)), ["laws"]);
}
