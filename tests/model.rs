//! The rules by which counts and uses move, checked in every state that they can get into.
//!
//! ```text
//!   a model: state, steps, invariants ──► explorer ──► every state, nearest first
//!                                                  └─► or the shortest way to what is broken
//! ```
//! Each model is a protocol of the servers without the servers: small figures, named rules, and a
//! network that loses, doubles, delays and reorders all it carries. A rule bears the number that it
//! has in the code: R1 to R10 and the sections of safety.md. Read in this order:
//!
//! - `edge`: what both ends of an escrow edge keep. `edge_holder`, `edge_primary`: its rules.
//!   `escrow`: a primary with one holder or two; any end is copied and comes back from its copy, at
//!   any moment and again and again; edges are reclaimed.
//! - `turns`: uses that travel with counts. `account`: a ledger. `turns_site`, `turns_relay`,
//!   `turns_primary`: the rules.
//! - `lease`: credit for a time, by two clocks.
//! - `edge_normal`, `turns_normal`: what of a state does not matter. Hence nothing is counted: not
//!   the attachments, restores, turns or wishes; bounded is how much is under way at a time.
//! - `breaking`: every rule broken on purpose; each must be seen. `explorer`, `bits`, `table`: the
//!   machinery.
//!
//! The table, larger bounds (2 takes minutes and 10 GB, 3 hours and what there is), and a file:
//!
//! ```text
//! cargo test --locked --test model -- --nocapture
//! LICTREE_MODEL=2 LICTREE_MODEL_OUT=model.jsonl cargo test --locked --test model -- --nocapture
//! ```
//!
//! # Where the models say more than the rules
//!
//! Without each of these an invariant breaks; the breaking named shows the shortest way.
//!
//! - R3: a challenge is for one start of the holder, and an answer for one request. Else an answer
//!   from before a restore ends the quarantine after it (`LateAnswer`).
//! - R5, R10: quarantine is durable; a clean restart does not end it (`RestartLiftsQuarantine`).
//! - R6: a holder whose term is over drops what it held by itself, before it is told of an epoch
//!   (`EndedHolderKeeps`).
//! - R8: in recovery G becomes what the holder says, not the higher of both: the copy may be of a
//!   ledger that a claim or a reclaim has replaced since (`RecoveryByMaximum`). A holder in a later
//!   epoch is believed with its epoch; one in an earlier epoch, and without a claim, has nothing
//!   (`RecoveryByOldEpoch`).
//! - 1.9: counts that may be on their way back are not promised again (`CountsOnTheWayBack`).
//! - 1.9: a promise stands, also withdrawn, until the relay says that it shares
//!   (`PromiseEndsUnheard`), and no other is made before (`PromisedAnew`).
//! - 1.9: uses that are promised away hide no shortage (`MaskedShortage`).

#[path = "model/account.rs"]
mod account;

#[path = "model/bits.rs"]
mod bits;

#[path = "model/breaking.rs"]
mod breaking;

#[path = "model/edge.rs"]
mod edge;

#[path = "model/edge_holder.rs"]
mod edge_holder;

#[path = "model/edge_normal.rs"]
mod edge_normal;

#[path = "model/edge_primary.rs"]
mod edge_primary;

#[path = "model/escrow.rs"]
mod escrow;

#[path = "model/explorer.rs"]
mod explorer;

#[path = "model/lease.rs"]
mod lease;

#[path = "model/table.rs"]
mod table;

#[path = "model/turns.rs"]
mod turns;

#[path = "model/turns_normal.rs"]
mod turns_normal;

#[path = "model/turns_primary.rs"]
mod turns_primary;

#[path = "model/turns_relay.rs"]
mod turns_relay;

#[path = "model/turns_site.rs"]
mod turns_site;

use breaking::Breaking;
use edge::Rules;
use escrow::Tree;
use explorer::{Model, explore, path, stuck};
use lease::Lease;
use table::{hold, is_seen, level};
use turns::Turns;

/// The bounds of this run, of those for each level.
fn bounds<T: Copy>(levels: [T; 3]) -> T {
    levels[level() - 1]
}

/// Two licenses, nothing befalls a disk, nothing is reclaimed.
const CALM: Rules = Rules {
    registered: 2,
    apart_max: 2,
    holder_copies: false,
    primary_copies: false,
    reclaims: false,
    raw: false,
    breaking: None,
};

const TURNS: Turns =
    Turns { registered: 3, wishes_max: 3, versions_max: 3, raw: false, breaking: None };

const LEASE: Lease = Lease { tick: 2, drift: 1, ticks: 4, breaking: None };

// === The rules hold ===
// The longest first: tests begin in the order of their names.

#[test]
fn both_ends_restored() {
    let (registered, apart_max) = bounds([(2, 3), (3, 3), (3, 3)]);
    let rules = Rules { registered, apart_max, holder_copies: true, primary_copies: true, ..CALM };
    hold("one holder; both ends restored (R1-R5, R7-R10)", &Tree::<1> { rules });
}

#[test]
fn both_ends_restored_and_reclaimed() {
    let (registered, apart_max) = bounds([(2, 1), (2, 2), (3, 3)]);
    let copies = Rules { holder_copies: true, primary_copies: true, ..CALM };
    let rules = Rules { registered, apart_max, reclaims: true, ..copies };
    hold("one holder; both ends restored, reclaims (R1-R10)", &Tree::<1> { rules });
}

#[test]
fn counts_between_two_holders() {
    let reclaims = bounds([false, true, true]);
    let primary_copies = bounds([false, false, true]);
    let calm = Rules { registered: 3, apart_max: 3, primary_copies, reclaims, ..CALM };
    let rules = Rules { holder_copies: true, ..calm };
    hold("two holders; either restored (R1-R5, R7, R10)", &Tree::<2> { rules });
}

#[test]
fn holder_restored() {
    let rules = Rules { registered: 3, apart_max: 3, holder_copies: true, reclaims: true, ..CALM };
    hold("one holder; it is restored, reclaims (R1-R7, R10)", &Tree::<1> { rules });
}

#[test]
fn leases_by_two_clocks() {
    let (tick, ticks) = bounds([(4, 7), (5, 7), (10, 3)]);
    hold("a lease by two clocks (1.6)", &Lease { tick, ticks, ..LEASE });
}

#[test]
fn primary_restored() {
    let rules = Rules { registered: 3, apart_max: 3, primary_copies: true, reclaims: true, ..CALM };
    hold("one holder; the primary is restored, reclaims (R1-R4, R6-R8)", &Tree::<1> { rules });
}

#[test]
fn uses_that_travel() {
    let (registered, wishes_max) = bounds([(3, 3), (2, 4), (3, 4)]);
    hold("uses travel with counts (1.9)", &Turns { registered, wishes_max, ..TURNS });
}

// === Each rule is needed ===

/// Broken runs keep states as they are, for what is left out of them rests on the rules; but where
/// only other rules bear on that, they need not.
fn breakings_of_an_edge() -> Vec<(Breaking, Rules)> {
    use Breaking::*;
    let raw = Rules { apart_max: 3, raw: true, ..CALM };
    let holder = Rules { holder_copies: true, ..raw };
    let primary = Rules { primary_copies: true, ..raw };
    let both = Rules { holder_copies: true, apart_max: 2, ..primary };
    let reclaims = Rules { reclaims: true, ..raw };
    let normal = Rules { raw: false, ..both };
    let forgetful = Rules { reclaims: true, holder_copies: false, ..normal };
    vec![
        (GrantBeforeDurable, raw),
        (ReturnBeforeDurable, raw),
        (ReturnFromUse, raw),
        (NoFenceOnReturns, holder),
        (NoFenceOnLevels, primary),
        (StaleRequest, holder),
        (LateAnswer, holder),
        (RequestDoesNotFence, primary),
        (NoQuarantine, holder),
        (QuarantineReturns, holder),
        (LiftBeforeAdoption, holder),
        (LiftOnOldAttach, holder),
        (RestartLiftsQuarantine, holder),
        (ReclaimBeforeEnd, reclaims),
        (ReclaimWithoutFence, reclaims),
        (EndedHolderKeeps, forgetful),
        (NoClamp, raw),
        (ClaimBelieved, raw),
        (NoRecovery, primary),
        (RecoveryEndsUnheard, primary),
        (RecoveryEndsUnadopted, primary),
        (RecoveryByMaximum, forgetful),
        (RecoveryByOldEpoch, forgetful),
        (UnadoptedClaim, both),
        (LiftInRecovery, normal),
        (OldReturnsAfterRestore, both),
    ]
}

fn breakings_of_turns() -> Vec<(Breaking, Turns)> {
    use Breaking::*;
    let raw = Turns { registered: 2, raw: true, ..TURNS };
    let two_wishes = Turns { wishes_max: 2, ..TURNS };
    vec![
        (FullRangeGrants, raw),
        (UsesStay, raw),
        (OutboxErasedUnbooked, raw),
        (HandsOverAgain, raw),
        (HandoverBookedAgain, raw),
        (YieldBookedAgain, raw),
        (CountsBeforeUses, raw),
        (DecidesWhileTaking, raw),
        (DecidesWhileYielding, raw),
        (GrantsThoughPromised, two_wishes),
        (GrantsThoughOut, raw),
        (PromiseEndsUnheard, two_wishes),
        (PromisedAnew, two_wishes),
        (CountsOnTheWayBack, Turns { registered: 2, ..two_wishes }),
        (MaskedShortage, Turns { registered: 2, ..two_wishes }),
        (LateWishDecided, raw),
        (VerdictOfAnyWish, raw),
    ]
}

const BREAKINGS_OF_A_LEASE: &[Breaking] = &[
    Breaking::GrantorWithoutDrift,
    Breaking::DestinationWithoutDrift,
    Breaking::LeaseFromReceipt,
    Breaking::TokenOutlivesLease,
    Breaking::LeaseOutlivesBoot,
    Breaking::TermFromFirstAnswer,
    Breaking::TermOverAtBoot,
    Breaking::GrantsForgottenAtBoot,
];

/// The one that takes two holders: what one has is given to the other.
const TAKEN_BACK: Rules = Rules { breaking: Some(Breaking::TakenBackByTime), raw: true, ..CALM };

#[test]
fn rules_of_an_edge_are_needed() {
    let is_seen = |(breaking, rules): (Breaking, Rules)| {
        let rules = Rules { breaking: Some(breaking), ..rules };
        (breaking, is_seen(breaking, &Tree::<1> { rules }))
    };
    let mut tried: Vec<_> = breakings_of_an_edge().into_iter().map(is_seen).collect();
    let taken_back = Tree::<2> { rules: TAKEN_BACK };
    tried.push((Breaking::TakenBackByTime, table::is_seen(Breaking::TakenBackByTime, &taken_back)));
    assert_all_seen(&tried);
}

#[test]
fn rules_of_turns_and_leases_are_needed() {
    let turns = breakings_of_turns().into_iter().map(|(breaking, turns)| {
        (breaking, is_seen(breaking, &Turns { breaking: Some(breaking), ..turns }))
    });
    let leases = BREAKINGS_OF_A_LEASE.iter().map(|breaking| {
        (*breaking, is_seen(*breaking, &Lease { breaking: Some(*breaking), ..LEASE }))
    });
    assert_all_seen(&turns.chain(leases).collect::<Vec<_>>());
}

#[track_caller]
fn assert_all_seen(tried: &[(Breaking, bool)]) {
    let unseen = tried.iter().filter(|(_, seen)| !seen).map(|(breaking, _)| breaking.words());
    let unseen: Vec<&str> = unseen.collect();
    assert!(unseen.is_empty(), "rules that were broken unseen:\n{}", unseen.join("\n"));
}

#[test]
fn every_breaking_is_tried() {
    let edge = breakings_of_an_edge().into_iter().map(|(breaking, _)| breaking);
    let turns = breakings_of_turns().into_iter().map(|(breaking, _)| breaking);
    let tried = edge.chain(turns).chain(BREAKINGS_OF_A_LEASE.iter().copied());
    let tried: Vec<Breaking> = tried.chain(TAKEN_BACK.breaking).collect();
    for breaking in Breaking::ALL {
        assert_eq!(tried.iter().filter(|tried| *tried == breaking).count(), 1, "{breaking:?}");
    }
}

// === What is left out of a state does not matter ===

/// Every raw state, with left out what does not matter, is one that was explored without it.
fn assert_nothing_is_lost<M: Model<W>, const W: usize>(
    name: &str,
    raw: &M,
    normal: &M,
    settle: impl Fn(&mut M::State),
) {
    let all = explore(normal, usize::MAX).seen;
    let some = explore(raw, 300_000).seen;
    for (at, words) in some.states.iter().enumerate() {
        let mut state = M::unpack(words);
        settle(&mut state);
        let found = all.index(&M::pack(&state));
        assert!(found.is_some(), "{name}: lost:\n{}", path(raw, &some, at).join("\n"));
    }
    println!("{name}: {} raw states are all among {}", some.states.len(), all.states.len());
}

#[test]
fn nothing_is_lost_of_an_edge() {
    let holder = Rules { holder_copies: true, reclaims: true, ..CALM };
    let primary = Rules { primary_copies: true, reclaims: true, ..CALM };
    let both = Rules { holder_copies: true, primary_copies: true, ..CALM };
    for rules in [holder, primary, Rules { registered: 1, apart_max: 1, ..both }] {
        let raw = Tree::<1> { rules: Rules { raw: true, ..rules } };
        assert_nothing_is_lost("one holder", &raw, &Tree { rules }, |state| state.settle(&rules));
    }
    let rules = Rules { holder_copies: true, apart_max: 1, ..CALM };
    let raw = Tree::<2> { rules: Rules { raw: true, ..rules } };
    assert_nothing_is_lost("two holders", &raw, &Tree { rules }, |state| state.settle(&rules));
}

#[test]
fn nothing_is_lost_of_turns() {
    let turns = Turns { registered: 1, ..TURNS };
    let raw = Turns { raw: true, ..turns };
    assert_nothing_is_lost("turns", &raw, &turns, |state| turns.settle(state));
}

// === From everywhere there is a way to rest ===

fn assert_none_is_stuck<M: Model<W>, const W: usize>(name: &str, model: &M) {
    let explored = explore(model, usize::MAX);
    assert!(explored.exhausted, "{name}: only what was seen whole can be told to be stuck");
    if let Some(at) = stuck(model, &explored).first() {
        panic!("{name}: no way to rest after:\n{}", path(model, &explored.seen, *at).join("\n"));
    }
    println!("{name}: a way to rest from each of {} states", explored.seen.states.len());
}

#[test]
fn all_licenses_can_come_home() {
    let both = Rules { holder_copies: true, primary_copies: true, ..CALM };
    let one = Rules { registered: 1, apart_max: 1, ..both };
    assert_none_is_stuck("one holder", &Tree::<1> { rules: one });
    let rules = Rules { primary_copies: false, reclaims: true, ..both };
    assert_none_is_stuck("one holder, reclaims", &Tree::<1> { rules });
    let rules = Rules { apart_max: 1, primary_copies: false, ..both };
    assert_none_is_stuck("two holders", &Tree::<2> { rules });
    assert_none_is_stuck("turns", &Turns { registered: 1, ..TURNS });
    assert_none_is_stuck("a lease", &LEASE);
}
