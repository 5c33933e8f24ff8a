//! Ranges of shared licenses: which server's licenses the devices of a server use.
//!
//! "A sharing destination forms a range of shared licenses with the sharing source on the nearest
//! higher level" (R004). So ranges partition the tree, and nobody names one:
//!
//! ```text
//!   source(s) = s                  if s holds, and the primary always does
//!             = source(parent(s))  otherwise                              (JP1-15 to JP1-19)
//! ```
//! No state, no counts: a tree and who holds in, ranges out.

use crate::model::name::ServerName;
use std::collections::{BTreeMap, BTreeSet};

/// Every server with its parent; the primary has none.
pub type Tree = BTreeMap<ServerName, Option<ServerName>>;

/// A sharing source and its sharing destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    pub source: ServerName,
    /// Relays that hold nothing, from above to below, by name among siblings.
    pub destinations: Vec<ServerName>,
}

/// What makes a tree no tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    #[error("no server is the primary; give exactly one no parent")]
    NoPrimary,
    #[error("{0} and {1} both have no parent; only the primary has none")]
    TwoPrimaries(ServerName, ServerName),
    #[error("{0} names {1} as its parent, and no server has that name")]
    UnknownParent(ServerName, ServerName),
    #[error("{0} is above itself: its parents go in a circle")]
    Circle(ServerName),
}

/// The ranges of a tree, depth first from the primary; that order numbers them for display.
///
/// Servers that the primary does not reach are in no range; [`check`] tells why.
pub fn ranges(tree: &Tree, holds: impl Fn(&ServerName) -> bool) -> Vec<Range> {
    let children = children(tree);
    let mut ranges: Vec<Range> = Vec::new();
    let primary = tree.iter().find(|(_, parent)| parent.is_none()).map(|(name, _)| name);
    // A server still to visit, and the range of its parent.
    let mut ahead: Vec<(&ServerName, Option<usize>)> =
        primary.into_iter().map(|name| (name, None)).collect();
    while let Some((server, above)) = ahead.pop() {
        let range = match above {
            Some(range) if !holds(server) => {
                ranges[range].destinations.push(server.clone());
                range
            }
            _ => {
                ranges.push(Range { source: server.clone(), destinations: Vec::new() });
                ranges.len() - 1
            }
        };
        let below = children.get(server).into_iter().flatten();
        ahead.extend(below.rev().map(|child| (*child, Some(range))));
    }
    ranges
}

/// Puts every server that the primary does not reach below it: one whose parent was not met yet,
/// and the first of a circle that late news of moves have made. A server that is in no range would
/// hold licenses that no table shows.
pub fn hang_lost(tree: &mut Tree, primary: &ServerName) {
    let known: BTreeSet<ServerName> = tree.keys().cloned().collect();
    for parent in tree.values_mut().flatten().filter(|parent| !known.contains(*parent)) {
        *parent = primary.clone();
    }
    let below = children(tree);
    let (mut reached, mut lost) = (BTreeSet::new(), Vec::new());
    reach(&below, primary, &mut reached);
    for server in &known {
        if !reached.contains(server) {
            lost.push(server.clone());
            reach(&below, server, &mut reached);
        }
    }
    for server in lost {
        tree.insert(server, Some(primary.clone()));
    }
}

fn reach<'a>(
    below: &BTreeMap<&'a ServerName, Vec<&'a ServerName>>,
    from: &'a ServerName,
    reached: &mut BTreeSet<ServerName>,
) {
    let mut ahead = vec![from];
    while let Some(server) = ahead.pop() {
        if reached.insert(server.clone()) {
            ahead.extend(below.get(server).into_iter().flatten());
        }
    }
}

/// The children of each server, by name.
pub fn children(tree: &Tree) -> BTreeMap<&ServerName, Vec<&ServerName>> {
    let mut children: BTreeMap<&ServerName, Vec<&ServerName>> = BTreeMap::new();
    for (server, parent) in tree {
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(server);
        }
    }
    children
}

/// Everything that keeps this from being one tree under one primary.
pub fn check(tree: &Tree) -> Result<(), Vec<TreeError>> {
    let mut errors = Vec::new();
    let primaries: Vec<&ServerName> =
        tree.iter().filter(|(_, parent)| parent.is_none()).map(|(name, _)| name).collect();
    match primaries.as_slice() {
        [] => errors.push(TreeError::NoPrimary),
        [first, rest @ ..] => errors.extend(
            rest.iter().map(|next| TreeError::TwoPrimaries((*first).clone(), (*next).clone())),
        ),
    }
    for (server, parent) in tree {
        if let Some(parent) = parent.as_ref().filter(|parent| !tree.contains_key(*parent)) {
            errors.push(TreeError::UnknownParent(server.clone(), parent.clone()));
        }
        if is_above_itself(tree, server) {
            errors.push(TreeError::Circle(server.clone()));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn is_above_itself(tree: &Tree, server: &ServerName) -> bool {
    let mut at = server;
    for _ in 0..tree.len() {
        match tree.get(at) {
            Some(Some(parent)) if parent == server => return true,
            Some(Some(parent)) => at = parent,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> ServerName {
        text.parse().unwrap()
    }

    fn tree(pairs: &[(&str, &str)]) -> Tree {
        let parent = |p: &str| (!p.is_empty()).then(|| name(p));
        pairs.iter().map(|(server, above)| (name(server), parent(above))).collect()
    }

    #[test]
    fn the_figure_of_the_reference() {
        let tree = tree(&[("a", ""), ("b", "a"), ("c", "a"), ("d", "b"), ("e", "c")]);
        let holders: BTreeSet<ServerName> = ["c", "d"].map(name).into();
        let text: Vec<String> = ranges(&tree, |s| holders.contains(s))
            .iter()
            .map(|r| format!("{}: {:?}", r.source, r.destinations))
            .collect();
        assert_eq!(text, ["a: [b]", "d: []", "c: [e]"]);
    }

    #[test]
    fn servers_that_hang_nowhere_are_put_below_the_primary() {
        let mut lost =
            tree(&[("a", ""), ("b", "a"), ("e", "d"), ("f", "e"), ("x", "y"), ("y", "x")]);
        hang_lost(&mut lost, &name("a"));
        let above = |s: &str| lost[&name(s)].as_ref().map(ToString::to_string).unwrap_or_default();
        let all = ["a", "b", "e", "f", "x", "y"].map(|s| format!("{s}<{}", above(s)));
        assert_eq!(all, ["a<", "b<a", "e<a", "f<e", "x<a", "y<x"]);
        assert_eq!(check(&lost), Ok(()));
    }

    #[test]
    fn what_is_no_tree_is_said() {
        let circle = tree(&[("a", ""), ("b", "c"), ("c", "b")]);
        assert_eq!(
            check(&circle),
            Err(vec![TreeError::Circle(name("b")), TreeError::Circle(name("c"))])
        );
        let lost = tree(&[("a", ""), ("b", "x"), ("z", "")]);
        assert_eq!(
            check(&lost),
            Err(vec![
                TreeError::TwoPrimaries(name("a"), name("z")),
                TreeError::UnknownParent(name("b"), name("x")),
            ])
        );
        assert_eq!(check(&tree(&[("b", "b")])).unwrap_err().len(), 2);
    }

    /// The naive twin: walk up until somebody holds.
    fn source_by_walking(
        tree: &Tree,
        holders: &BTreeSet<ServerName>,
        s: &ServerName,
    ) -> ServerName {
        match &tree[s] {
            Some(parent) if !holders.contains(s) => source_by_walking(tree, holders, parent),
            _ => s.clone(),
        }
    }

    proptest! {
        #[test]
        fn ranges_agree_with_walking_up(parents in prop::collection::vec(any::<u16>(), 0..40),
                                        held in any::<u64>()) {
            let id = |i: usize| name(&format!("s{i:02}"));
            let mut tree = Tree::from([(id(0), None)]);
            for (i, parent) in parents.iter().enumerate() {
                tree.insert(id(i + 1), Some(id(*parent as usize % (i + 1))));
            }
            let holders: BTreeSet<ServerName> =
                (0..=parents.len()).filter(|i| held >> i & 1 == 1).map(id).collect();
            let ranges = ranges(&tree, |s| holders.contains(s));
            let mut seen = BTreeSet::new();
            for range in &ranges {
                for member in range.destinations.iter().chain([&range.source]) {
                    prop_assert!(seen.insert(member.clone()), "{member} is in two ranges");
                    prop_assert_eq!(&source_by_walking(&tree, &holders, member), &range.source);
                }
            }
            prop_assert_eq!(seen.len(), tree.len());
            prop_assert!(check(&tree).is_ok());
        }
    }
}
