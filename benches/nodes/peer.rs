//! What `peerbench list` printed of PostgreSQL on this machine.

use std::collections::BTreeMap;
use std::fs;

#[derive(Debug, Default)]
pub struct Peer {
    /// Queries a second and p50 in ms, by kind and clients.
    queries: BTreeMap<(&'static str, usize), (f64, f64)>,
    pub upsert_new: Option<f64>,
    pub upsert_again: Option<f64>,
}

/// How its lines begin.
const KINDS: [(&str, &str); 6] = [
    ("one source, newest seen first, page 1 of 50", "page"),
    ("one source, page 10 (offset 450)", "deep"),
    ("one source, number of matches", "count"),
    ("ten sources (a", "ten"),
    ("ten sources, number of matches", "tencount"),
    ("one source, name contains, page 1 of 50", "like"),
];

impl Peer {
    /// From the file that `PEERBENCH` names; nothing is known without.
    pub fn read() -> Peer {
        let Ok(file) = std::env::var("PEERBENCH") else { return Peer::default() };
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("cannot read {file}: {e}"));
        let mut peer = Peer::default();
        text.lines().for_each(|line| peer.take(line));
        peer
    }

    fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |from_end: usize| {
            let at = words.len().checked_sub(from_end)?;
            words.get(at)?.parse::<f64>().ok()
        };
        if line.starts_with("ingest: upsert in batches") {
            self.upsert_new = number(2);
        } else if line.starts_with("ingest: the same rows again") {
            self.upsert_again = number(2);
        }
        let Some((_, kind)) = KINDS.iter().find(|(begin, _)| line.starts_with(begin)) else {
            return;
        };
        // clients, queries a second, p50, p99, p99.9, two loads, rows
        if let (Some(clients), Some(rate), Some(p50)) = (number(8), number(7), number(6)) {
            self.queries.insert((kind, clients as usize), (rate, p50));
        }
    }

    pub fn of(&self, kind: &str, clients: usize) -> Option<(f64, f64)> {
        let found = self.queries.iter().find(|((k, c), _)| *k == kind && *c == clients);
        found.map(|(_, figures)| *figures)
    }
}
