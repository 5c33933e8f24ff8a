//! Aligned columns of text.

use crate::edge::draw::ink::{Ink, Tone};
use std::fmt::Display;

/// What stands between two columns.
const GAP: &str = "  ";

/// To which side a column leans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lean {
    Left,
    /// For numbers.
    Right,
}

/// One field of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A text in a tone. What a terminal would obey instead of show becomes `?`.
    pub fn new(text: impl Display, tone: Tone) -> Cell {
        let shown = |c: char| if c.is_control() { '?' } else { c };
        Cell { text: text.to_string().chars().map(shown).collect(), tone }
    }

    pub fn plain(text: impl Display) -> Cell {
        Cell::new(text, Tone::Plain)
    }

    pub fn empty() -> Cell {
        Cell::default()
    }

    /// The cell as it stands in a table.
    pub fn text(&self, ink: Ink) -> String {
        ink.paint(&self.text, self.tone)
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn is_nothing(&self) -> bool {
        self.text.is_empty() || self.text == "0"
    }
}

/// Rows under a heading. Every row is shown with as many columns as the heading has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    columns: Vec<(&'static str, Lean)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(columns: Vec<(&'static str, Lean)>) -> Table {
        Table { columns, rows: Vec::new() }
    }

    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Leaves columns out, by their titles and in this order, until a line has at most `width`
    /// characters. A column in which something stands besides zeros stays, unless it is `spare`.
    pub fn fit(&mut self, width: usize, idle: &[&str], spare: &[&str]) {
        for (title, may_speak) in
            idle.iter().map(|t| (t, false)).chain(spare.iter().map(|t| (t, true)))
        {
            let Some(at) = self.columns.iter().position(|(name, _)| name == title) else {
                continue;
            };
            let silent = |row: &Vec<Cell>| row.get(at).is_none_or(Cell::is_nothing);
            if self.width() > width && (may_speak || self.rows.iter().all(silent)) {
                self.columns.remove(at);
                for row in self.rows.iter_mut().filter(|row| at < row.len()) {
                    row.remove(at);
                }
            }
        }
    }

    fn width(&self) -> usize {
        let gaps = GAP.len() * self.columns.len().saturating_sub(1);
        (0..self.columns.len()).map(|column| self.column_width(column)).sum::<usize>() + gaps
    }

    fn column_width(&self, column: usize) -> usize {
        let title = self.columns.get(column).map_or(0, |(title, _)| title.chars().count());
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(Cell::width).max().unwrap_or(0).max(title)
    }

    /// The table as lines, each ended; no blanks at the end of a line. One without rows is `none`.
    pub fn text(&self, ink: Ink) -> String {
        if self.rows.is_empty() {
            return "none\n".to_string();
        }
        let heading: Vec<Cell> =
            self.columns.iter().map(|(title, _)| Cell::new(title, Tone::Strong)).collect();
        let widths: Vec<usize> = (0..self.columns.len()).map(|c| self.column_width(c)).collect();
        let all = std::iter::once(&heading).chain(&self.rows);
        all.map(|row| self.line(row, &widths, ink)).collect()
    }

    fn line(&self, row: &[Cell], widths: &[usize], ink: Ink) -> String {
        let mut line = String::new();
        let mut blanks = 0;
        let fields = row.iter().zip(&self.columns).zip(widths);
        for (at, ((cell, (_, lean)), width)) in fields.enumerate() {
            let fill = width - cell.width();
            let (before, after) = if *lean == Lean::Right { (fill, 0) } else { (0, fill) };
            blanks += before + if at > 0 { GAP.len() } else { 0 };
            if !cell.text.is_empty() {
                line.push_str(&" ".repeat(blanks));
                line.push_str(&cell.text(ink));
                blanks = 0;
            }
            blanks += after;
        }
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_where_the_text_ends() {
        let mut table =
            Table::new(vec![("server", Lean::Left), ("held", Lean::Right), ("note", Lean::Left)]);
        table.row(vec![Cell::plain("a"), Cell::plain(100), Cell::plain("ä\u{1b}[2J")]);
        table.row(vec![Cell::plain("long-name"), Cell::plain(7), Cell::empty()]);
        table.row(vec![Cell::plain("x"), Cell::empty(), Cell::plain("y")]);
        let expected = "\
server     held  note
a           100  ä?[2J
long-name     7
x                y
";
        assert_eq!(table.text(Ink::Plain), expected);
    }

    #[test]
    fn a_table_without_rows_says_so() {
        assert_eq!(Table::new(vec![("server", Lean::Left)]).text(Ink::Plain), "none\n");
    }

    #[test]
    fn a_narrow_table_leaves_out_what_says_least() {
        let mut table = Table::new(vec![
            ("name", Lean::Left),
            ("zeros", Lean::Right),
            ("ones", Lean::Right),
            ("age", Lean::Left),
        ]);
        table.row(vec![Cell::plain("x"), Cell::plain(0), Cell::plain(1), Cell::plain("now")]);
        let fitted = |width| {
            let mut table = table.clone();
            table.fit(width, &["zeros", "ones"], &["age"]);
            table.text(Ink::Plain).lines().next().unwrap().to_string()
        };
        assert_eq!(fitted(22), "name  zeros  ones  age");
        assert_eq!(fitted(21), "name  ones  age");
        assert_eq!(fitted(14), "name  ones");
        assert_eq!(fitted(1), "name  ones");
    }

    #[test]
    fn colour_does_not_shift_a_column() {
        let mut table = Table::new(vec![("n", Lean::Right), ("m", Lean::Left)]);
        table.row(vec![Cell::new(12, Tone::Bad), Cell::plain("x")]);
        let text = table.text(Ink::Color);
        assert!(text.ends_with("\u{1b}[1;31m12\u{1b}[0m  x\n"), "{text:?}");
        assert!(text.starts_with(" \u{1b}[1mn\u{1b}[0m  "), "{text:?}");
    }
}
