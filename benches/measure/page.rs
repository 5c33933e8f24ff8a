//! Figures written between the marks of their section in a page of docs/internals.

use std::fs;
use std::path::Path;

const FILE: &str = "docs/internals/performance.md";
const END: &str = "<!-- figures: end -->";

/// Puts the text of one bench between its marks in docs/internals/performance.md.
pub fn write(bench: &str, text: &str) {
    write_into(FILE, bench, text);
}

/// The same in another page.
pub fn write_into(file: &str, bench: &str, text: &str) {
    let begin = format!("<!-- figures: written by `cargo bench --bench {bench}` -->");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let page = fs::read_to_string(&path).expect("the page is part of the project");
    let (before, rest) = page.split_once(&begin).expect("the page has the mark of the beginning");
    let (_, after) = rest.split_once(END).expect("the page has the mark of the end");
    fs::write(&path, format!("{before}{begin}\n\n{text}\n{END}{after}")).unwrap();
    println!("written to {file}");
}

/// A table of goals.
#[derive(Default)]
pub struct Goals(String);

impl Goals {
    pub fn add(&mut self, what: &str, found: String, asked: String, met: bool) {
        let word = if met { "met" } else { "**missed**" };
        self.0.push_str(&format!("| {what} | {found} | {asked} | {word} |\n"));
    }

    /// How many times what it is held against; nothing where that was not measured.
    pub fn ratio(&mut self, what: &str, found: Option<f64>, asked: f64) {
        let asked_text = format!("at least {asked:.0} x");
        match found {
            Some(found) => self.add(what, format!("{found:.1} x"), asked_text, found >= asked),
            None => self.0.push_str(&format!("| {what} | not measured | {asked_text} | |\n")),
        }
    }

    pub fn table(&self) -> String {
        format!("| what | found | goal | |\n|---|---|---|---|\n{}", self.0)
    }
}
