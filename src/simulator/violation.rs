//! A rule that was seen broken.

use crate::simulator::moment::Moment;
use std::fmt;

/// Names of the rules as in `docs/internals/safety.md`: I1 …, L1, L2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub at: Moment,
    pub rule: &'static str,
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ms: {}", self.rule, self.at.ms(), self.text)
    }
}

/// What was found wrong at one moment.
#[derive(Debug)]
pub struct Findings {
    at: Moment,
    found: Vec<Violation>,
}

impl Findings {
    pub fn at(at: Moment) -> Findings {
        Findings { at, found: Vec::new() }
    }

    pub fn add(&mut self, rule: &'static str, text: String) {
        self.found.push(Violation { at: self.at, rule, text });
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Adds what `text` says unless the rule holds.
    pub fn hold(&mut self, holds: bool, rule: &'static str, text: impl FnOnce() -> String) {
        if !holds {
            self.add(rule, text());
        }
    }

    pub fn into_violations(self) -> Vec<Violation> {
        self.found
    }
}
