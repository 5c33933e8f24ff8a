//! Rust source as words, marks and texts, each with its line. Comments and blanks are gone, and
//! what stands in a string is one `Text`, so no rule mistakes prose for code.
//!
//! It knows just enough to never lose its place: nested comments, raw strings, byte and character
//! literals against lifetimes. What does not lex (it would not compile either) ends the file.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name, a keyword or a raw name without its `r#`.
    Word,
    /// `::` or one character of punctuation.
    Mark,
    /// The inside of a string literal, as written.
    Text,
    /// A number, a character or a lifetime.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub line: usize,
}

impl Token<'_> {
    pub fn is(&self, text: &str) -> bool {
        self.text == text && matches!(self.kind, Kind::Word | Kind::Mark)
    }
}

pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, at: 0, line: 1, tokens: Vec::new() };
    while lexer.at < text.len() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    /// Always on a character's first byte.
    at: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Moves on by `len` bytes of the text and counts the lines in them.
    fn skip(&mut self, len: usize) -> &'a str {
        let passed = &self.rest()[..len];
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        self.at += len;
        passed
    }

    /// Moves on by `len` bytes, of which those inside the two margins are the token.
    fn take(&mut self, kind: Kind, len: usize, before: usize, after: usize) {
        let line = self.line;
        let text = self.skip(len);
        self.tokens.push(Token { kind, text: &text[before..len - after], line });
    }

    fn step(&mut self) {
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or(' ');
        match first {
            _ if first.is_whitespace() => drop(self.skip(first.len_utf8())),
            _ if rest.starts_with("//") => drop(self.skip(rest.find('\n').unwrap_or(rest.len()))),
            _ if rest.starts_with("/*") => drop(self.skip(comment_len(rest))),
            '"' => self.take_string(0),
            '\'' => self.take_quote(0),
            _ if first.is_ascii_digit() => self.take(Kind::Other, word_len(rest), 0, 0),
            _ if is_word(first) => self.take_word(),
            _ if rest.starts_with("::") => self.take(Kind::Mark, 2, 0, 0),
            _ => self.take(Kind::Mark, first.len_utf8(), 0, 0),
        }
    }

    /// A word, or a literal with a prefix that looks like one.
    fn take_word(&mut self) {
        let len = word_len(self.rest());
        let (word, then) = self.rest().split_at(len);
        let hashes = then.bytes().take_while(|byte| *byte == b'#').count();
        match word {
            "r" | "br" | "cr" if then[hashes..].starts_with('"') => self.take_raw(len, hashes),
            "b" | "c" if then.starts_with('"') => self.take_string(len),
            "b" if then.starts_with('\'') => self.take_quote(len),
            "r" if hashes == 1 => drop(self.skip(2)),
            _ => self.take(Kind::Word, len, 0, 0),
        }
    }

    fn take_string(&mut self, prefix: usize) {
        let body = &self.rest()[prefix + 1..];
        match closing(body, b'"') {
            Some(len) => self.take(Kind::Text, prefix + len + 2, prefix + 1, 1),
            None => drop(self.skip(self.rest().len())),
        }
    }

    fn take_raw(&mut self, prefix: usize, hashes: usize) {
        let before = prefix + hashes + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        match self.rest()[before..].find(&end) {
            Some(len) => self.take(Kind::Text, before + len + end.len(), before, end.len()),
            None => drop(self.skip(self.rest().len())),
        }
    }

    /// `'a'`, `b'a'` and `'\n'` are characters, `'a` is a lifetime.
    fn take_quote(&mut self, prefix: usize) {
        let body = &self.rest()[prefix + 1..];
        let mut inside = body.chars();
        let first = inside.next();
        let is_char = first == Some('\\') || inside.next() == Some('\'');
        match closing(body, b'\'').filter(|_| is_char) {
            Some(len) => self.take(Kind::Other, prefix + len + 2, 0, 0),
            None => self.take(Kind::Other, prefix + 1 + word_len(body), 0, 0),
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn word_len(text: &str) -> usize {
    text.find(|character| !is_word(character)).unwrap_or(text.len())
}

/// Where the first `end` stands that no backslash escapes.
fn closing(text: &str, end: u8) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == end && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

fn comment_len(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    loop {
        match text.get(at..at + 2) {
            Some("/*") => (depth, at) = (depth + 1, at + 2),
            Some("*/") if depth == 1 => return at + 2,
            Some("*/") => (depth, at) = (depth - 1, at + 2),
            _ if at >= text.len() => return text.len(),
            _ => at += 1,
        }
    }
}

#[test]
fn comments_strings_and_lifetimes_are_told_apart() {
    let text = r##"
// x::y "
/* a /* é */ b */ fn f<'a>(c: &'a str) -> char { 'é' }
let s = "x::\"y\\"; '\''; b'"'; b"z"; r#"q"u"#; r"w\"; r#type.0;
"##;
    let found: Vec<String> = tokens(text)
        .iter()
        .map(|token| match token.kind {
            Kind::Text => format!("{}:<{}>", token.line, token.text),
            Kind::Other => format!("{}:({})", token.line, token.text),
            Kind::Word | Kind::Mark => token.text.to_string(),
        })
        .collect();
    let expected = r#"fn f < 3:('a) > ( c : & 3:('a) str ) - > char { 3:('é') } \
let s = 4:<x::\"y\\> ; 4:('\'') ; 4:(b'"') ; 4:<z> ; 4:<q"u> ; 4:<w\> ; type . 4:(0) ;"#;
    assert_eq!(found.join(" "), expected.replace("\\\n", ""));
}

#[test]
fn text_that_ends_early_ends_the_tokens() {
    for text in ["\"x", "r#\"x\"", "/* x", "'", "b'", "'\\", "r#", "/*é", "x 'é"] {
        assert!(tokens(text).len() <= 2, "{text}");
    }
}
