//! Rules broken on purpose: each must be seen, or the simulator is blind to it.

use crate::old_attachments::{after_an_old_grant, after_an_old_return};
use crate::seeds::{many, moving};
use lictree::model::tuning::{Mutant, Tuning};
use lictree::simulator::faults::Fault;
use lictree::simulator::mishaps::{Mishap, Mishaps};
use lictree::simulator::plan::Plan;
use lictree::simulator::run::Settings;
use lictree::simulator::set_backs::Whose;

/// Runs seeds until one breaks a rule, and says which; `seeds` at most.
fn must_be_seen(mutant: Mutant, seeds: u64) {
    must_be_seen_where(Whose::Relays, mutant, seeds);
}

/// The same, where disks of these are put back.
fn must_be_seen_where(set_backs: Whose, mutant: Mutant, seeds: u64) {
    must_be_seen_in(&Settings { set_backs, ..Settings::default() }, mutant, seeds);
}

/// The same, in runs of a kind.
fn must_be_seen_in(settings: &Settings, mutant: Mutant, seeds: u64) {
    must_be_seen_from(1, settings, mutant, seeds);
}

/// The same, beginning with a seed that is not long before the first one that shows it.
fn must_be_seen_from(first: u64, settings: &Settings, mutant: Mutant, seeds: u64) {
    let tuning = Tuning { mutant: Some(mutant), ..Tuning::default() };
    let settings = Settings { tuning, ..settings.clone() };
    let failed = many(first, seeds, 1, &settings).failed;
    let first = failed.iter().min_by_key(|outcome| outcome.seed);
    let outcome = first.unwrap_or_else(|| panic!("{mutant:?} was not seen in {seeds} seeds"));
    println!("{mutant:?} seen with seed {}: {}", outcome.seed, outcome.violations[0]);
}

#[test]
fn a_grant_that_is_sent_before_it_is_debited() {
    must_be_seen(Mutant::NoDebitFirst, 300);
}

/// Without restored disks nothing old says more than what came since: seeds cannot see this one.
#[test]
fn a_return_under_an_old_attachment() {
    let tuning = Tuning { mutant: Some(Mutant::NoAttachFence), ..Tuning::default() };
    assert_ne!(after_an_old_return(tuning), []);
}

#[test]
fn a_grant_under_an_old_attachment() {
    let tuning = Tuning { mutant: Some(Mutant::NoOlderGrantFence), ..Tuning::default() };
    assert_ne!(after_an_old_grant(tuning), []);
}

#[test]
fn uses_that_do_not_travel() {
    must_be_seen(Mutant::UsesStay, 100);
}

#[test]
fn a_server_that_moves_and_says_nothing_anew() {
    must_be_seen_from(360, &moving(), Mutant::WaySilent, 400);
}

#[test]
fn a_license_registered_without_a_claim() {
    must_be_seen(Mutant::NoClaim, 100);
}

#[test]
fn a_code_that_serves_twice() {
    must_be_seen(Mutant::CodeServesTwice, 100);
}

#[test]
fn a_denial_that_is_forgotten_at_a_start() {
    must_be_seen(Mutant::NoDenialsAtStart, 100);
}

#[test]
fn a_trust_that_goes_back() {
    must_be_seen(Mutant::TrustGoesBack, 300);
}

#[test]
fn a_device_given_up_where_nobody_manages_it() {
    must_be_seen(Mutant::MoveBeforeManaged, 100);
}

#[test]
fn a_device_given_up_for_one_that_moves() {
    must_be_seen(Mutant::MovesGoRound, 100);
}

#[test]
fn a_device_given_up_before_others_see_that_it_moves() {
    must_be_seen_from(160, &Settings::default(), Mutant::MoveUntold, 400);
}

#[test]
fn a_relay_set_back_that_goes_on() {
    must_be_seen(Mutant::NoRecovery, 100);
}

#[test]
fn a_recovery_that_waits_for_nobody_below() {
    must_be_seen(Mutant::EndsUnstated, 100);
}

#[test]
fn a_recovery_with_the_counts_of_the_copy() {
    must_be_seen(Mutant::CountsOfTheCopy, 100);
}

#[test]
fn a_primary_set_back_that_goes_on() {
    must_be_seen_where(Whose::Primarys, Mutant::NoRecovery, 100);
}

#[test]
fn a_recovery_of_the_primary_that_waits_for_no_statement() {
    must_be_seen_where(Whose::Primarys, Mutant::EndsUnstated, 100);
}

#[test]
fn a_clock_that_was_set_back_is_believed_at_a_start() {
    let tuning = Tuning { mutant: Some(Mutant::ClockBelieved), ..Tuning::default() };
    let mishaps = [Mishap::ClockSet, Mishap::Fault(Fault::Crash)];
    let plan = Plan { mishaps: Some(Mishaps::of(mishaps)), ..Plan::default() };
    let failed = many(1, 20, 20, &Settings { tuning, plan, ..Settings::default() }).failed;
    let i9 = failed.iter().filter(|outcome| outcome.violations[0].rule == "I9").count();
    assert!(i9 > 0, "a clock that is believed was not seen in 20 seeds");
    println!("seen in {i9} of 20 seeds: {}", failed[0].violations[0]);
}

#[test]
fn a_grant_in_a_full_range() {
    must_be_seen(Mutant::GrantInFullRange, 20);
}
