//! Pages of the documentation on a terminal: their words without the marks of Markdown.

use crate::edge::draw::ink::{Ink, Tone};

/// A page of headings, paragraphs, `**strong**` words and code between backticks. Where there is
/// no colour, code keeps its backticks: they say where a command ends.
pub fn page(markdown: &str, ink: Ink) -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(heading) => format!("{}\n", ink.paint(heading, Tone::Strong)),
        None => format!("{}\n", words(line, ink)),
    };
    markdown.lines().map(line).collect()
}

fn words(line: &str, ink: Ink) -> String {
    let strong = |(at, part): (usize, &str)| match at % 2 {
        0 => code(part, ink),
        _ => ink.paint(part, Tone::Strong),
    };
    line.split("**").enumerate().map(strong).collect()
}

fn code(text: &str, ink: Ink) -> String {
    if ink == Ink::Plain {
        return text.to_string();
    }
    let painted = |(at, part): (usize, &str)| match at % 2 {
        0 => part.to_string(),
        _ => ink.paint(part, Tone::Notable),
    };
    text.split('`').enumerate().map(painted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_shown_without_its_marks() {
        let text = "# LT0001: a title\n\n**What to do.** Run `lictree status` again.\n";
        let plain = "LT0001: a title\n\nWhat to do. Run `lictree status` again.\n";
        assert_eq!(page(text, Ink::Plain), plain);
        let colored = page(text, Ink::Color);
        assert!(colored.contains("\u{1b}[1mWhat to do.\u{1b}[0m Run "), "{colored:?}");
        assert!(!colored.contains(['`', '*', '#']), "{colored:?}");
    }
}
