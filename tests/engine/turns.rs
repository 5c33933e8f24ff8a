//! Uses on their way from one ledger to another while connections come and go.

use crate::disks::Disks;
use crate::tree::Tree;
use lictree::model::letter::{Address, Body, Letter};
use lictree::model::name::{ProductName, ServerName};
use lictree::model::tuning::Tuning;

/// The level of c that a says and b did not hear.
fn level_comes_late(tree: &mut Tree) {
    let (product, c): (ProductName, ServerName) = ("node".parse().unwrap(), "c".parse().unwrap());
    let state = tree.state("a");
    let attach = state.met[&c].attach.unwrap();
    let level = state.edges[&(product.clone(), c.clone())].level;
    let body = Body::Level { attach, product, level };
    tree.deliver("b", "c", Letter::new(Address::Below(c), Vec::new(), body));
}

/// b calls anew before a has noticed that its old connection is no more, and says over the new one
/// that c took its uses out of the ledger that b gives back. Were that not believed, a would pack
/// nothing for c and forget what it packed before: found with seed 1433 of the simulator.
#[test]
fn what_a_relay_gives_back_over_a_second_connection_is_its_own_to_say() {
    let mut tree = Tree::new(Tuning::default(), Disks::default());
    let run = |tree: &mut Tree, commands: &[&str]| {
        commands.iter().for_each(|command| drop(tree.run(command)));
    };
    run(&mut tree, &["tree a b<a c<b", "register a S-1 20", "find c 3", "manage c 2", "pass 5"]);
    // c asks for its uses, and what a packed for it is lost.
    run(&mut tree, &["deaf b", "distribute c 5"]);
    level_comes_late(&mut tree);
    // b takes over what is below it: that c has taken its uses out.
    run(&mut tree, &["hears b", "distribute b 3", "cut c"]);
    // Long after c was heard last.
    run(&mut tree, &["pass 60"]);
    assert_eq!(tree.run("ranges a").lines().next(), Some("a: 12/0/12"));
    run(&mut tree, &["heal b", "withdraw b", "pass 5", "heal c", "pass 5"]);
    assert_eq!(tree.run("ranges a"), "a b: 15/0/15\nc: 5/2/3\n= 20");
}
