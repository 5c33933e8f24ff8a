//! A relay of the tree, with a valid identity, that lies: to the primary, to an honest relay above
//! it, and to an honest relay below it.
//!
//! - `lies`: every lie with what must come of it. `cast`: who takes part, and the words.
//! - `telling`: tells one and looks at every server before and after. `dump`: what is looked at.
//! - `floods`: the same lie without end. `absent`: lies about one that is away. `child`: lies down.
//!
//! ```text
//!            a  primary: 100 node, 50 tool
//!     ┌──────┼──────┐
//!     b      r      s          b holds 30 node, c and q share them; r holds 20 node
//!   ┌─┴─┐    │                 r, k and s share tool with a
//!   c   q    k                 the rogue is r, which lies to a; or q, which lies to b, and to a
//!       e                      by way of b; or r, which lies to k
//! ```
//! A letter is handed in as the daemon does once it is decoded, over the link of the rogue, whose
//! own engine is silent from then on. `tests/cluster/hostile.rs` tells some of them over QUIC.
//!
//! With `LICTREE_HOSTILE_OUT` naming a file, the figures are appended to it as a line of JSON.

#[path = "engine/disks.rs"]
#[expect(dead_code, reason = "the disks of the text cases lose power, those here do not")]
mod disks;

#[path = "engine/enrolment.rs"]
mod enrolment;

#[path = "engine/full.rs"]
mod full;

#[path = "engine/nodes.rs"]
mod nodes;

#[path = "engine/lost.rs"]
mod lost;
#[path = "engine/twins.rs"]
mod twins;

#[path = "engine/tree.rs"]
#[expect(dead_code, reason = "the tree of the text cases can do more than is needed here")]
mod tree;

#[path = "hostile/cast.rs"]
mod cast;

#[path = "hostile/dump.rs"]
mod dump;

#[path = "hostile/lies.rs"]
mod lies;

#[path = "hostile/rogue.rs"]
mod rogue;

#[path = "hostile/telling.rs"]
mod telling;

#[path = "hostile/floods.rs"]
mod floods;

#[path = "hostile/absent.rs"]
mod absent;

#[path = "hostile/child.rs"]
mod child;

use lies::Outcome;
use std::io::Write;
use telling::{BELOW_THE_PRIMARY, BETWEEN, Told, tell};

/// At least so many different lies, to each of the two.
const LIES_MIN: usize = 40;

#[test]
fn no_lie_changes_more_than_the_liars_own() {
    let mut wrong = Vec::new();
    let mut told = Vec::new();
    for place in [BELOW_THE_PRIMARY, BETWEEN] {
        let lies = lies::all(&telling::grown(&place).1).len();
        assert!(lies >= LIES_MIN, "only {lies}");
        let mut stage = None;
        for number in 0..lies {
            match tell(&place, number, &mut stage) {
                Ok(one) => told.push(one),
                Err(why) => wrong.push(why),
            }
        }
    }
    report(&told, wrong.len());
    assert!(wrong.is_empty(), "{} lies:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

/// One line for people, and the same for programs.
fn report(told: &[Told], wrong: usize) {
    let of = |is: fn(&Outcome) -> bool| told.iter().filter(|one| is(&one.outcome)).count();
    let named = of(|outcome| matches!(outcome, Outcome::Named(_) | Outcome::Cut(_)));
    let ignored = of(|outcome| *outcome == Outcome::Ignored);
    let own = of(|outcome| matches!(outcome, Outcome::Own | Outcome::Brings));
    let (lies, ranges) = (told.len() + wrong, told.len());
    println!(
        "{lies} lies: {named} named or cut off, {ignored} ignored, {own} of its own only; the \
         ranges of others are unchanged after {ranges}"
    );
    let Some(path) = std::env::var_os("LICTREE_HOSTILE_OUT") else { return };
    let json = format!(
        "{{\"lies\":{lies},\"named\":{named},\"ignored\":{ignored},\"own\":{own},\
         \"ranges_unchanged\":{ranges}}}\n"
    );
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(json.as_bytes())).unwrap();
}
