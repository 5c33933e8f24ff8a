//! Figures written between the marks of their section in docs/internals/performance.md.

use std::fs;
use std::path::Path;

const FILE: &str = "docs/internals/performance.md";
const END: &str = "<!-- figures: end -->";

/// Puts the text of one bench between the marks of the page.
pub fn write(bench: &str, text: &str) {
    let begin = format!("<!-- figures: written by `cargo bench --bench {bench}` -->");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let page = fs::read_to_string(&path).expect("the page is part of the project");
    let (before, rest) = page.split_once(&begin).expect("the page has the mark of the beginning");
    let (_, after) = rest.split_once(END).expect("the page has the mark of the end");
    fs::write(&path, format!("{before}{begin}\n\n{text}\n{END}{after}")).unwrap();
    println!("written to {FILE}");
}

/// A table of goals.
#[derive(Default)]
pub struct Goals(String);

impl Goals {
    pub fn add(&mut self, what: &str, found: String, asked: String, met: bool) {
        let word = if met { "met" } else { "**missed**" };
        self.0.push_str(&format!("| {what} | {found} | {asked} | {word} |\n"));
    }

    pub fn table(&self) -> String {
        format!("| what | found | goal | |\n|---|---|---|---|\n{}", self.0)
    }
}
