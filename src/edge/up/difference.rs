//! Two texts side by side, as far as they differ.

/// Lines only in `expected` begin with `-`, lines only in `found` with `+`; the rest with a blank.
pub(super) fn difference(expected: &str, found: &str) -> String {
    let (left, right): (Vec<&str>, Vec<&str>) =
        (expected.lines().collect(), found.lines().collect());
    let mut text = String::new();
    for at in 0..left.len().max(right.len()) {
        match (left.get(at), right.get(at)) {
            (Some(one), Some(other)) if one == other => text.push_str(&format!("  {one}\n")),
            (one, other) => {
                text.extend(one.map(|line| format!("- {line}\n")));
                text.extend(other.map(|line| format!("+ {line}\n")));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_marked() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\n"), "  a\n- b\n+ x\n- c\n");
        assert_eq!(difference("a\n", "a\n"), "  a\n");
    }
}
