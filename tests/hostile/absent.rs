//! Lies about servers that are away: nobody speaks for them but the liar.

use crate::cast::{account, lower_holder, product, server};
use crate::telling::{BELOW_THE_PRIMARY, grown, lines};
use lictree::model::account::{PackPart, Verdict};
use lictree::model::letter::Body;

#[test]
fn what_a_site_uses_that_is_away_stays_used() {
    let (mut tree, cast) = grown(&BELOW_THE_PRIMARY);
    tree.run("cut s");
    let used = |tree: &crate::tree::Tree| {
        let ledger = &tree.state("a").ledgers[&product(cast.shared)];
        let head = ledger.account_head(&server("s"));
        (ledger.used_by(&server("s")), head)
    };
    let before = used(&tree);
    let nothing = || account("s", (u64::MAX, u64::MAX), &[1, 2, 3], (u64::MAX, Verdict::Released));
    for letter in cast.yields(5, vec![nothing()], vec![]) {
        tree.deliver("r", "a", letter);
    }
    assert_eq!(used(&tree), before);
    // In two parts, the second in the name of the one that is away.
    let mut parts = [0, 1].map(|_| cast.pack(cast.shared, 6, vec![], vec![]));
    (parts[1].relay, parts[1].accounts) = (server("s"), vec![nothing()]);
    for (piece, part) in parts.into_iter().zip(0..) {
        for letter in cast.to_source(Body::Yield(PackPart { part, parts: 2, piece })) {
            tree.deliver("r", "a", letter);
        }
    }
    assert_eq!(used(&tree), before);
    let refused = lines(&tree, "a").into_iter().any(|(kind, text)| {
        kind == "word.refused" && text.contains("r gives back in the name of s")
    });
    assert!(refused, "{:?}", lines(&tree, "a"));
    tree.run("heal s");
    assert_eq!(tree.run("manage s 2 of tool").trim(), "2 Managed");
}

#[test]
fn a_site_that_is_away_is_not_cut_off_when_it_comes_back() {
    let (mut tree, cast) = grown(&BELOW_THE_PRIMARY);
    tree.run("cut b");
    // c has no account of tool yet, so only where it was met says that it is not below r.
    for letter in cast.yields(5, vec![], ["b", "c", "q"].map(lower_holder).to_vec()) {
        tree.deliver("r", "a", letter);
    }
    tree.run("heal b");
    tree.run("pass 1");
    for site in ["b", "c"] {
        assert_eq!(tree.run(&format!("manage {site} 1 of tool")).trim(), "1 Managed", "{site}");
    }
}
