//! The log of one server: what its members agree on, in order. Commands are opaque bytes here.

/// One entry of the log: a batch of commands, or nothing (a new leader's first entry).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Position, from 1, without gaps.
    pub index: u64,
    /// The leader's term under which it was proposed.
    pub term: u64,
    /// An encoded batch of commands; empty for a leader's first entry.
    pub data: Vec<u8>,
}

/// What a member must never forget between two starts besides its log (raft's hard state).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    pub term: u64,
    /// The member voted for in `term`; 0 is none.
    pub vote: u64,
    /// All entries up to here are agreed. May lag behind the truth on disk.
    pub commit: u64,
}

/// A position in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    pub index: u64,
    pub term: u64,
}

/// What the disk must take in one go: entries and hard state belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogBatch {
    /// Counts up from 1 within one start; reported back when durable.
    pub number: u64,
    pub entries: Vec<LogEntry>,
    pub hard_state: Option<HardState>,
}

/// One durable row of a server's state: a table number, a key, a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    pub table: u8,
    pub key: Vec<u8>,
    /// `None` removes the row.
    pub value: Option<Vec<u8>>,
}

/// Rows that changed since the last checkpoint, and the log position they stand at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    pub at: LogPosition,
    pub rows: Vec<RowChange>,
}
