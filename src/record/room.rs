//! How much one message may hold.
//!
//! A letter from another server says how many wishes, rows, names it has. Each list is counted in
//! the bytes that are there and paid for here before anything is set aside for it, so a short
//! letter cannot ask for much memory. What a server wrote itself is read with [`Room::boundless`].

use crate::record::error::RecordError;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Accounts of a pack.
    Accounts,
    /// Devices of an account, or of a command.
    Entries,
    /// Lower holders of a pack.
    Lower,
    /// Servers that routes name.
    Names,
    /// What is said of products or of tables, each once.
    Products,
    /// Rows of a report.
    Rows,
    /// Devices that move.
    Moves,
    /// Wishes, or verdicts on them.
    Wishes,
}

/// What is still free, of each part, in the message being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    pub accounts: usize,
    pub entries: usize,
    pub lower: usize,
    pub names: usize,
    pub products: usize,
    pub rows: usize,
    pub moves: usize,
    pub wishes: usize,
    /// The longest route, in servers.
    pub depth_max: usize,
    /// The longest text that is not a name, in bytes.
    pub text_len_max: usize,
}

impl Room {
    /// For bytes of one's own: what is there may be there.
    pub fn boundless() -> Room {
        Room {
            accounts: usize::MAX,
            entries: usize::MAX,
            lower: usize::MAX,
            names: usize::MAX,
            products: usize::MAX,
            rows: usize::MAX,
            moves: usize::MAX,
            wishes: usize::MAX,
            depth_max: usize::MAX,
            text_len_max: usize::MAX,
        }
    }

    /// Pays for `count` more of this part.
    pub fn take(&mut self, part: Part, count: usize) -> Result<(), RecordError> {
        let (left, what) = match part {
            Part::Accounts => (&mut self.accounts, "accounts"),
            Part::Entries => (&mut self.entries, "entries of accounts"),
            Part::Lower => (&mut self.lower, "lower holders"),
            Part::Names => (&mut self.names, "names in routes"),
            Part::Products => (&mut self.products, "products"),
            Part::Rows => (&mut self.rows, "rows"),
            Part::Moves => (&mut self.moves, "devices that move"),
            Part::Wishes => (&mut self.wishes, "wishes"),
        };
        match left.checked_sub(count) {
            Some(rest) => *left = rest,
            None => return Err(RecordError::TooMany { what, found: count, max: *left }),
        }
        Ok(())
    }

    /// Lets a text pass that is short enough.
    pub fn text(&self, what: &'static str, text: String) -> Result<String, RecordError> {
        if text.len() > self.text_len_max {
            let max = self.text_len_max as u64;
            return Err(RecordError::TooLarge { what, found: text.len() as u64, max });
        }
        Ok(text)
    }
}
