//! Colour where a person looks at a terminal that has it; plain text everywhere else.

use std::io::IsTerminal;

/// Whether texts are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Plain,
    Color,
}

/// What a piece of text is meant to say besides its words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// Less important than what stands around it.
    Faint,
    /// As it should be.
    Good,
    /// On its way, or to be looked at.
    Notable,
    /// Wrong now.
    Bad,
}

impl Ink {
    /// Colour on a terminal, unless `NO_COLOR` is set to anything or the terminal is `dumb`.
    pub fn of(stream: &impl IsTerminal) -> Ink {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        if stream.is_terminal() && set("NO_COLOR").is_none() && !dumb {
            Ink::Color
        } else {
            Ink::Plain
        }
    }

    /// The text in its tone.
    pub fn paint(self, text: &str, tone: Tone) -> String {
        let code = match (self, tone) {
            (Ink::Plain, _) | (_, Tone::Plain) => return text.to_string(),
            (_, Tone::Strong) => "1",
            (_, Tone::Faint) => "2",
            (_, Tone::Good) => "32",
            (_, Tone::Notable) => "33",
            (_, Tone::Bad) => "1;31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// The first `columns` characters of a line; what colours them takes no room.
pub fn cut(line: &str, columns: usize) -> String {
    let (mut kept, mut taken, mut in_code) = (String::new(), 0, false);
    for c in line.chars() {
        match (c, in_code) {
            ('\u{1b}', _) => in_code = true,
            ('m', true) => {
                in_code = false;
                kept.push(c);
                continue;
            }
            (_, true) => {}
            (_, false) if taken == columns => continue,
            (_, false) => taken += 1,
        }
        kept.push(c);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ink_leaves_a_text_alone() {
        assert_eq!(Ink::Plain.paint("x", Tone::Bad), "x");
        assert_eq!(Ink::Color.paint("x", Tone::Plain), "x");
        assert_eq!(Ink::Color.paint("x", Tone::Good), "\u{1b}[32mx\u{1b}[0m");
    }

    #[test]
    fn a_line_is_cut_without_losing_the_end_of_a_colour() {
        let line = format!("ab{}cd", Ink::Color.paint("xyz", Tone::Bad));
        assert_eq!(cut(&line, 3), "ab\u{1b}[1;31mx\u{1b}[0m");
        assert_eq!(cut(&line, 9), line);
    }

    #[test]
    fn a_file_is_no_terminal() {
        assert_eq!(Ink::of(&tempfile::tempfile().unwrap()), Ink::Plain);
    }
}
