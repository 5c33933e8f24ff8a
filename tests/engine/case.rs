//! A text case: blocks of comments, a command, `----`, and what it answers.

/// One command with what is expected of it.
pub struct Step {
    /// Whole lines, each with its `#`.
    pub comments: String,
    pub command: String,
    pub expected: String,
}

pub fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let (head, expected) = block.split_once("\n----").unwrap_or((block, ""));
        let comment = |line: &&str| line.starts_with('#');
        let comments = head.lines().filter(comment).map(|line| format!("{line}\n")).collect();
        let command = head.lines().filter(|line| !comment(line)).collect();
        steps.push(Step { comments, command, expected: expected.trim().to_string() });
    }
    steps
}
