//! Whether the configuration can be used: every problem is a finding.

use crate::edge::config::{Configuration, Problem};
use crate::edge::doctor::{About, Finding};
use std::path::Path;

pub(super) fn look(
    file: &Path,
    configuration: Option<&Configuration>,
    problems: &[Problem],
) -> Vec<Finding> {
    if problems.is_empty() {
        let whose = configuration.map_or(String::new(), |known| {
            format!(" describes server {} of the tree {}", known.name, known.tree)
        });
        return vec![Finding::ok(About::Configuration, format!("{}{whose}", file.display()))];
    }
    let one = |problem: &Problem| {
        let Problem { code, place, key, what, remedy } = problem;
        let colon = if key.is_empty() { "" } else { ": " };
        let text = format!("{place}: {key}{colon}{what} ({code})");
        Finding::bad(About::Configuration, text, remedy)
    };
    problems.iter().map(one).collect()
}
