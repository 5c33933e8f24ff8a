//! The files of the project as the rules see them, and what a rule answers.
//!
//! - A file is read once, when the first rule asks for it.
//! - Under git the files are those git knows; in a source archive, all but what a build leaves.
//! - Data that others wrote is not read: `NOT_READ` says which and why.
//! - Lines count from 1.

use crate::{lexer, syntax};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Names of folders and files that no rule reads, and why.
const NOT_READ: &[(&str, &str)] = &[
    ("fixtures", "outputs of other programs, as found"),
    ("Cargo.lock", "written by cargo"),
    ("LICENSE", "a legal text, word for word"),
    ("LICENSE-APACHE", "a legal text, word for word"),
    ("LICENSE-MIT", "a legal text, word for word"),
    ("corpus", "inputs that broke readers, or nearly"),
];

/// Folders a build or a run leaves in a tree that has no git to ask.
const NOT_WALKED: &[&str] = &["target", ".git", ".lictree"];

/// One text file.
pub struct Source {
    /// Relative to the project, with `/`.
    pub path: String,
    pub text: String,
    /// The whole file is test code.
    pub test: bool,
    /// Lines that are compiled for tests only.
    test_lines: Vec<RangeInclusive<usize>>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let mut source = Source {
            path: path.to_string(),
            text: text.to_string(),
            test: is_test_path(path),
            test_lines: Vec::new(),
        };
        if source.is_rust() {
            source.test_lines = syntax::test_lines(&lexer::tokens(text));
        }
        source
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn tokens(&self) -> Vec<lexer::Token<'_>> {
        lexer::tokens(&self.text)
    }

    /// `engine` for `src/engine/range.rs` and `src/engine.rs`; `main` for `src/main.rs`.
    pub fn folder(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/").filter(|_| self.is_rust())?;
        let first = inside.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }

    pub fn in_folders(&self, folders: &[&str]) -> bool {
        self.folder().is_some_and(|folder| folders.contains(&folder))
    }

    pub fn is_test(&self, line: usize) -> bool {
        self.test || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// The lines that are in every build.
    pub fn lines_outside_tests(&self) -> usize {
        (1..=self.text.lines().count()).filter(|line| !self.is_test(*line)).count()
    }

    pub fn finding(&self, line: usize, what: impl fmt::Display) -> Finding {
        Finding { path: self.path.clone(), line, what: what.to_string() }
    }
}

/// One place that breaks a rule: what was found, `;`, what to do.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Reads all files and answers every place that breaks it.
pub type Rule = fn(&[Source]) -> Vec<Finding>;

/// The findings as text, one a line, in the order of the files.
pub fn snapshot(mut findings: Vec<Finding>) -> String {
    findings.sort();
    findings.iter().map(|finding| format!("{finding}\n")).collect()
}

/// What a rule says about a few small files.
#[track_caller]
pub fn check(rule: Rule, files: &[(&str, &str)], expected: &str) {
    let files = files.iter().map(|(path, text)| Source::new(path, text)).collect();
    let found = snapshot(rule(&with_declared_tests(files)));
    let expected = expected.trim().lines();
    let expected: String = expected.map(|line| format!("{}\n", line.trim())).collect();
    assert!(found == expected, "the rule says\n\n{found}\nand not\n\n{expected}");
}

/// The project's files, in the order of their paths.
pub fn project() -> &'static [Source] {
    static PROJECT: OnceLock<Vec<Source>> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let root = root();
        let mut paths = listed(&root).unwrap_or_else(|| walked(&root));
        paths.sort();
        paths.retain(|path| is_read(path));
        let read = |path: &String| std::fs::read_to_string(root.join(path)).ok();
        let texts = paths.iter().filter_map(|path| Some((path, read(path)?)));
        with_declared_tests(texts.map(|(path, text)| Source::new(path, &text)).collect())
    })
}

/// Cargo says where the package is; a test program that was moved asks the same variable.
fn root() -> PathBuf {
    let said = std::env::var_os("CARGO_MANIFEST_DIR");
    said.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// What git knows; nothing when this is no checkout, or git is missing or unwilling.
fn listed(root: &Path) -> Option<Vec<String>> {
    if !root.join(".git").exists() {
        return None;
    }
    let git = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output().ok()?;
    let text = String::from_utf8(git.stdout).ok().filter(|_| git.status.success())?;
    let paths: Vec<String> =
        text.split('\0').filter(|path| !path.is_empty()).map(str::to_string).collect();
    (!paths.is_empty()).then_some(paths)
}

/// Every file below the root, without what a build or a run leaves.
fn walked(root: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            match entry.file_type() {
                Ok(kind) if kind.is_file() => paths.push(path),
                Ok(kind) if kind.is_dir() && !NOT_WALKED.contains(&name.as_str()) => {
                    folders.push(path);
                }
                _ => {}
            }
        }
    }
    paths
}

fn is_read(path: &str) -> bool {
    path.split('/').all(|part| NOT_READ.iter().all(|(name, _)| part != *name))
}

/// Benches and fuzz targets check the product as tests do; they are not part of it.
fn is_test_path(path: &str) -> bool {
    let checks = ["tests/", "benches/", "fuzz/"].iter().any(|folder| path.starts_with(folder));
    checks || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Marks the files that a `#[cfg(test)] mod name;` brings in.
fn with_declared_tests(mut sources: Vec<Source>) -> Vec<Source> {
    let mut declared = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
        let own = match file {
            "mod.rs" | "lib.rs" | "main.rs" => folder.to_string(),
            _ => source.path.trim_end_matches(".rs").to_string(),
        };
        let names = syntax::declared_test_modules(&source.tokens());
        declared.extend(names.iter().map(|name| format!("{own}/{name}")));
    }
    for source in &mut sources {
        let inside = |module: &String| {
            let rest = source.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        source.test |= declared.iter().any(inside);
    }
    sources
}

#[test]
fn the_project_is_found_with_and_without_git() {
    let root = root();
    let walked = walked(&root);
    for path in ["Cargo.toml", "clippy.toml", "src/lib.rs", "src/model/mod.rs", "tests/tidy.rs"] {
        assert!(walked.iter().any(|found| found == path), "the walk misses {path}");
        assert!(project().iter().any(|source| source.path == path), "{path} is not read");
    }
    for path in listed(&root).unwrap_or_default() {
        let there = root.join(&path).is_file();
        assert!(!there || walked.contains(&path), "git knows {path}, the walk misses it");
    }
    let left = |path: &String| path.starts_with("target/") || path.starts_with(".git/");
    assert!(!walked.iter().any(left), "the walk reads what a build left");
}

#[test]
fn what_others_wrote_is_not_read() {
    assert!(!is_read("tests/fixtures/flexlm/lmstat.txt") && !is_read("fuzz/Cargo.lock"));
    assert!(is_read("Cargo.toml") && is_read("tests/fixtures.rs") && is_read("docs/LICENSE.md"));
}

#[test]
fn test_code_is_known_by_place_and_by_declaration() {
    let lib = "mod a;\n#[cfg(test)]\nmod laws;\n";
    let inline = "fn f() {}\n#[cfg(test)]\nmod tests {\n    fn g() {}\n}\nfn h() {}\n";
    let files = [
        ("src/lib.rs", lib),
        ("src/a.rs", inline),
        ("src/laws.rs", ""),
        ("src/laws/more.rs", ""),
        ("src/lawsuit.rs", ""),
        ("src/a/tests.rs", ""),
        ("tests/x.rs", ""),
    ];
    let sources =
        with_declared_tests(files.iter().map(|(path, text)| Source::new(path, text)).collect());
    let tests: Vec<&str> = sources.iter().filter(|s| s.test).map(|s| s.path.as_str()).collect();
    assert_eq!(tests, ["src/laws.rs", "src/laws/more.rs", "src/a/tests.rs", "tests/x.rs"]);
    let lines: Vec<usize> = (1..=6).filter(|line| sources[1].is_test(*line)).collect();
    assert_eq!(lines, [2, 3, 4, 5]);
    assert_eq!(sources[1].lines_outside_tests(), 2);
}
