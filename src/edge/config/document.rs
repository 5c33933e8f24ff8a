//! The raw configuration: a TOML document whose keys are asked for one by one.
//!
//! Asking never fails: a value that cannot be used becomes a [`Problem`] with its line, and the
//! default stands in, so that one reading finds everything that is wrong.

use crate::edge::codes;
use crate::model::text::plain;
use crate::model::view::LimitView;
use std::cell::RefCell;
use std::fmt;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The largest configuration file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Problems told of one file; nobody reads more, and each takes a look through the file.
const PROBLEMS_MAX: usize = 100;

/// What the names of limits begin with.
const LIMITS: &str = "limits.";

/// One thing that is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `LT0103`; see `lictree explain`.
    pub code: &'static str,
    /// The file, and the line in it where there is one.
    pub place: String,
    /// The key's full name, `limits.network.streams_max`; empty when it is no key's fault.
    pub key: String,
    pub what: String,
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { code, place, key, what, remedy } = self;
        let colon = if key.is_empty() { "" } else { ": " };
        write!(f, "{code} {place}: {key}{colon}{what}; {remedy}")
    }
}

/// Everything that is wrong with a configuration; at least one thing.
pub type Problems = Vec<Problem>;

/// The text of a configuration file.
pub(super) fn read(file: &Path) -> Result<String, Problems> {
    let problem = |what: String| {
        let remedy = "name a readable file: `lictree serve --config FILE`".to_string();
        let (code, place) = (codes::CONFIG_FILE, file.display().to_string());
        vec![Problem { code, place, key: String::new(), what, remedy }]
    };
    let opened = std::fs::File::open(file).map_err(|error| problem(error.to_string()))?;
    let mut text = String::new();
    let taken = opened.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    match taken.map_err(|error| problem(error.to_string()))? as u64 {
        bytes if bytes > FILE_BYTES_MAX => {
            Err(problem(format!("it has more than {FILE_BYTES_MAX} bytes")))
        }
        _ => Ok(text),
    }
}

/// A file while it is read: its problems so far, and every key that was asked for.
pub(super) struct Document<'a> {
    file: &'a Path,
    text: &'a str,
    problems: RefCell<Problems>,
    asked: RefCell<Vec<String>>,
    /// Every number below `limits`, with what it came to.
    limits: RefCell<Vec<LimitView>>,
}

impl<'a> Document<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Document<'a> {
        let (problems, asked, limits) = Default::default();
        Document { file, text, problems, asked, limits }
    }

    /// The outermost table; what is no TOML becomes problems.
    pub(super) fn table(&self) -> Spanned<DeTable<'a>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            let remedy = "see https://toml.io for what a line may look like";
            self.complain(codes::CONFIG_SYNTAX, at, "", error.message(), remedy);
        }
        table
    }

    pub(super) fn section<'b>(&'b self, name: &str, table: Option<&'b DeTable<'a>>) -> Section<'b> {
        Section { document: self, name: name.to_string(), table, asked: Vec::new() }
    }

    /// Keys are told as somebody wrote them, and with nothing in them that moves a cursor.
    pub(super) fn complain(
        &self,
        code: &'static str,
        at: usize,
        key: &str,
        what: &str,
        remedy: &str,
    ) {
        let mut problems = self.problems.borrow_mut();
        let (key, what, remedy) = match problems.len() {
            PROBLEMS_MAX.. => return,
            len if len + 1 == PROBLEMS_MAX => {
                ("", "more is wrong from here on", "correct what is told, and look again")
            }
            _ => (key, what, remedy),
        };
        let before = self.text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let place = format!("{}:{line}", self.file.display());
        let (key, what, remedy) = (plain(key), plain(what), plain(remedy));
        problems.push(Problem { code, place, key, what, remedy });
    }

    /// The limits that were asked for, in that order.
    pub(super) fn stated_limits(&self) -> Vec<LimitView> {
        self.limits.borrow().clone()
    }

    pub(super) fn into_problems(self) -> Problems {
        self.problems.into_inner()
    }

    /// Every key that was asked for, by its full name.
    #[cfg(test)]
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }
}

/// One table of a document, or the lack of it.
pub(super) struct Section<'a> {
    document: &'a Document<'a>,
    name: String,
    table: Option<&'a DeTable<'a>>,
    asked: Vec<&'static str>,
}

/// A value and where it stands.
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

impl<'a> Section<'a> {
    /// A count or a size; stays as it is when the key is not there or cannot be used.
    pub(super) fn number<T>(
        &mut self,
        key: &'static str,
        into: &mut T,
        allowed: RangeInclusive<u64>,
    ) where
        T: TryFrom<u64> + TryInto<u64> + Copy,
    {
        let default = *into;
        if let Some(found) = self.integer(key, &allowed)
            && let Ok(number) = T::try_from(found)
        {
            *into = number;
        }
        let name = self.full(key);
        if name.starts_with(LIMITS)
            && let (Ok(limit), Ok(default)) = ((*into).try_into(), default.try_into())
        {
            let limit = LimitView { name, limit, default, in_use: None };
            self.document.limits.borrow_mut().push(limit);
        }
    }

    /// A time in the unit that the key ends in: `_ms` or `_s`.
    pub(super) fn time(
        &mut self,
        key: &'static str,
        into: &mut Duration,
        allowed: RangeInclusive<u64>,
    ) {
        if let Some(found) = self.integer(key, &allowed) {
            let ms = if key.ends_with("_ms") { found } else { found.saturating_mul(1_000) };
            *into = Duration::from_millis(ms);
        }
    }

    /// A text that must mean something, as `like` shows.
    pub(super) fn parsed<T: FromStr>(&mut self, key: &'static str, like: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        let found = self.text(key)?;
        match found.value.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let (what, remedy) = (error.to_string(), format!("write it like {like}"));
                self.complain(codes::CONFIG_VALUE, found.at, key, &what, &remedy);
                None
            }
        }
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<Located<String>> {
        let found = self.value(key)?;
        self.as_text(key, found)
    }

    /// The name of something that may be written as its number too, without quotes.
    pub(super) fn name_or_number(&mut self, key: &'static str) -> Option<Located<String>> {
        let found = self.value(key)?;
        match found.get_ref().as_integer().filter(|integer| integer.radix() == 10) {
            Some(number) => {
                let (value, at) = (number.as_str().to_string(), found.span().start);
                Some(Located { value, at })
            }
            None => self.as_text(key, found),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<Located<String>> {
        let Some(found) = self.value(key) else { return Vec::new() };
        let Some(list) = found.get_ref().as_array() else {
            self.other_kind(key, found, "a list of texts in quotes");
            return Vec::new();
        };
        list.iter().filter_map(|item| self.as_text(key, item)).collect()
    }

    /// A list of whole numbers; those out of bounds are told.
    pub(super) fn numbers(&mut self, key: &'static str, allowed: RangeInclusive<u64>) -> Vec<u64> {
        let Some(found) = self.value(key) else { return Vec::new() };
        let Some(list) = found.get_ref().as_array() else {
            self.other_kind(key, found, "a list of whole numbers");
            return Vec::new();
        };
        list.iter().filter_map(|item| self.as_number(key, item, &allowed)).collect()
    }

    /// Every table of that name, `[[…]]`, in the order of the file.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Section<'a>> {
        // Not kept among the keys that a file must show: without such a table there is none.
        self.asked.push(key);
        let Some((_, found)) = self.find(key) else { return Vec::new() };
        let all = found.get_ref().as_array().into_iter().flat_map(|list| list.iter());
        let tables: Vec<_> = all.map(|item| item.get_ref().as_table()).collect();
        if found.get_ref().as_array().is_none() || tables.iter().any(Option::is_none) {
            self.other_kind(key, found, &format!("tables, [[{}]]", self.full(key)));
        }
        let name = self.full(key);
        tables.into_iter().flatten().map(|one| self.document.section(&name, Some(one))).collect()
    }

    /// The table of that name in this one.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'a> {
        let table = self.value(key).and_then(|found| {
            let table = found.get_ref().as_table();
            if table.is_none() {
                self.other_kind(key, found, &format!("a table, [{}]", self.full(key)));
            }
            table
        });
        self.document.section(&self.full(key), table)
    }

    /// Says that a key which must be there is not.
    pub(super) fn missing(&self, key: &str, remedy: &str) {
        let at = self.document.text.len();
        self.complain(codes::CONFIG_MISSING, at, key, "it is not there", remedy);
    }

    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Whether the key is written down, whatever it says.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Where a key stands, for problems that show only together with another.
    pub(super) fn place_of(&self, key: &str) -> usize {
        self.find(key).map_or(0, |(at, _)| at)
    }

    pub(super) fn complain(&self, code: &'static str, at: usize, key: &str, what: &str, rem: &str) {
        self.document.complain(code, at, &self.full(key), what, rem);
    }

    /// Refuses every key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.table.into_iter().flat_map(|table| table.iter()) {
            let name = key.get_ref().as_ref();
            if !self.asked.contains(&name) {
                let nearest = nearest(name, &self.asked);
                let remedy = match nearest {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => "remove it; config/primary.toml and config/relay.toml show every key"
                        .to_string(),
                };
                let (at, what) = (key.span().start, "no such key is known");
                self.complain(codes::CONFIG_UNKNOWN, at, name, what, &remedy);
            }
        }
    }

    fn integer(&mut self, key: &'static str, allowed: &RangeInclusive<u64>) -> Option<u64> {
        let found = self.value(key)?;
        self.as_number(key, found, allowed)
    }

    fn as_number(
        &self,
        key: &str,
        found: &Spanned<DeValue<'_>>,
        allowed: &RangeInclusive<u64>,
    ) -> Option<u64> {
        let Some(integer) = found.get_ref().as_integer() else {
            self.other_kind(key, found, "a whole number without quotes");
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let usable = number.filter(|number| allowed.contains(number));
        if usable.is_none() {
            let what = format!("{integer} is out of bounds");
            let remedy = format!("give a number from {} to {}", allowed.start(), allowed.end());
            self.complain(codes::CONFIG_VALUE, found.span().start, key, &what, &remedy);
        }
        usable
    }

    fn as_text(&self, key: &str, found: &Spanned<DeValue<'_>>) -> Option<Located<String>> {
        let Some(text) = found.get_ref().as_str() else {
            self.other_kind(key, found, "a text in quotes");
            return None;
        };
        Some(Located { value: text.to_string(), at: found.span().start })
    }

    fn other_kind(&self, key: &str, found: &Spanned<DeValue<'_>>, expected: &str) {
        let what = format!("it is a value of the kind {}", found.get_ref().type_str());
        let remedy = format!("it must be {expected}");
        self.complain(codes::CONFIG_VALUE, found.span().start, key, &what, &remedy);
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.push(key);
        self.document.asked.borrow_mut().push(self.full(key));
        self.find(key).map(|(_, value)| value)
    }

    fn find(&self, key: &str) -> Option<(usize, &'a Spanned<DeValue<'a>>)> {
        let found = self.table?.iter().find(|(name, _)| name.get_ref().as_ref() == key);
        found.map(|(name, value)| (name.span().start, value))
    }

    fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_string() } else { format!("{}.{key}", self.name) }
    }
}

/// The known key that a person may have meant: at most a third of it would have to change.
pub(in crate::edge) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    // No letter more than a third can be left out: a key as long as a file costs nothing.
    let close = |key: &&&str| name.chars().count().abs_diff(key.len()) * 3 <= key.len();
    let best = known.iter().filter(close).min_by_key(|key| distance(name, key))?;
    (distance(name, best) * 3 <= best.len()).then_some(*best)
}

/// How many letters must be added, left out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.chars().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
