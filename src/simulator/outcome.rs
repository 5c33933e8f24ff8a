//! What came of a run, and how to see it again.

use crate::simulator::agreement::Agreement;
use crate::simulator::figures::Figures;
use crate::simulator::mishaps::Mishaps;
use crate::simulator::violation::Violation;
use std::fmt;

#[derive(Clone, Debug)]
pub struct Outcome {
    pub seed: u64,
    /// The tree, the faults and the people that the seed drew.
    pub story: String,
    /// Empty when all went well; a run stops at its first violations.
    pub violations: Vec<Violation>,
    pub trace_hash: u64,
    pub figures: Figures,
    /// What could go wrong in it.
    pub mishaps: Mishaps,
    pub agreement: Agreement,
    /// The last things that happened, if the run was told to keep them.
    pub lines: Vec<String>,
}

/// Of many violations at one moment only so many are shown.
const SHOWN_MAX: usize = 8;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.story)?;
        for line in &self.lines {
            writeln!(f, "  {line}")?;
        }
        for violation in self.violations.iter().take(SHOWN_MAX) {
            writeln!(f, "BROKEN {violation}")?;
        }
        if self.violations.len() > SHOWN_MAX {
            writeln!(f, "… and {} more", self.violations.len() - SHOWN_MAX)?;
        }
        writeln!(f, "{}", self.figures)?;
        write!(
            f,
            "see it again: LICTREE_SEED={} cargo test --locked --test sim one_seed -- --nocapture",
            self.seed
        )
    }
}
