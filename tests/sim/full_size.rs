//! Trees that somebody has: as large as a large organisation's, and with faults that are named.

use lictree::model::count::LicenseCount;
use lictree::model::name::ProductName;
use lictree::model::request::HoldingVerb;
use lictree::model::tuning::{Mutant, Tuning};
use lictree::simulator::agreement::Agreement;
use lictree::simulator::estate::{Estate, EstateHolding, EstateLicense, EstateSite};
use lictree::simulator::mishaps::Mishaps;
use lictree::simulator::outcome::Outcome;
use lictree::simulator::plan::Plan;
use lictree::simulator::run::{AGREE_MS, Settings, run_once};
use lictree::simulator::topology::Topology;
use std::collections::BTreeMap;

/// A primary, three regions, three sites below each, and 200 machines that ask for 160 licenses.
fn full_size() -> Estate {
    let parents = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3];
    let product: ProductName = "atlas".parse().unwrap();
    let license = |place, count| EstateLicense {
        place,
        product: product.clone(),
        count: LicenseCount(count),
    };
    let holding = |place, verb| EstateHolding { place, product: product.clone(), verb };
    let distributed = |count| HoldingVerb::Distribute(LicenseCount(count));
    let devices = |place: usize| if place == 0 { 8 } else { 16 };
    let site = |place| EstateSite {
        devices: devices(place),
        managed: BTreeMap::from([(product.clone(), devices(place) / 2)]),
    };
    Estate {
        topology: Topology::of_parents(&parents),
        products: vec![product.clone()],
        licenses: vec![license(0, 140), license(9, 20)],
        holdings: vec![
            holding(1, distributed(40)),
            holding(2, distributed(30)),
            holding(5, distributed(10)),
            holding(9, HoldingVerb::Authorize),
        ],
        sites: (0..13).map(site).collect(),
    }
}

fn settings(faults: Option<&str>) -> Settings {
    let mishaps = faults.map(|faults| faults.parse::<Mishaps>().unwrap());
    let plan = Plan { estate: Some(full_size()), mishaps, measures: true };
    Settings { plan, ..Settings::default() }
}

fn run(seed: u64, settings: &Settings) -> Outcome {
    run_once(seed, settings, &mut |_| {})
}

#[track_caller]
fn passes(seed: u64, settings: &Settings) -> Outcome {
    let outcome = run(seed, settings);
    assert!(outcome.violations.is_empty(), "{outcome}");
    outcome
}

/// More seeds: `lictree simulate`, docs/internals/simulator.md.
#[test]
fn one_seed_of_full_size() {
    assert_eq!(full_size().devices(), 200);
    let outcome = passes(1, &settings(None));
    let figures = outcome.figures;
    assert!(figures.asks > 500 && figures.grants > 200, "too little was asked: {figures}");
    assert!(figures.full > 0 && figures.probes > 0, "no range was full: {figures}");
    assert_eq!((figures.overshoot_max, figures.probes_denied), (0, 0));
    let Agreement { counts_ms, rows_ms } = outcome.agreement;
    assert!(counts_ms.is_some_and(|ms| ms <= AGREE_MS), "{:?}", outcome.agreement);
    assert!(rows_ms >= counts_ms, "{:?}", outcome.agreement);
}

#[test]
fn only_what_is_named_goes_wrong() {
    let quiet = Settings { virtual_ms: 120_000, ..settings(Some("none")) };
    let figures = passes(1, &quiet).figures;
    let wrong = [figures.crashes, figures.cuts, figures.pauses, figures.set_back];
    assert_eq!(wrong, [0; 4], "{figures}");
    assert_eq!([figures.letters_lost, figures.joins, figures.removals], [0; 3], "{figures}");
    assert!(figures.asks > 200, "{figures}");
    let all = "crash,cut,pause,loss,set-back,join,remove";
    let outcome = passes(1, &Settings { virtual_ms: 240_000, ..settings(Some(all)) });
    let figures = outcome.figures;
    let wrong = [figures.crashes, figures.cuts, figures.pauses, figures.letters_lost];
    assert!(wrong.iter().all(|count| *count > 0), "{figures}");
    let changed = [figures.set_back, figures.joins, figures.removals];
    assert!(changed.iter().all(|count| *count > 0), "{figures}");
    assert_eq!(outcome.mishaps, all.parse().unwrap());
}

/// The tree is set up as it is described before anything goes wrong.
#[test]
fn a_tree_stands_as_described_before_faults_begin() {
    let settings = Settings { virtual_ms: 70_000, ..settings(Some("none")) };
    let figures = passes(1, &settings).figures;
    assert_eq!((figures.asks, figures.grants), (100 + figures.probes, 100 + figures.probes));
    // Each is asked for twice.
    assert_eq!((figures.holding_changes, figures.crashes), (8, 0));
}

/// Neither measuring nor being asked how far it is changes a run.
#[test]
fn looking_at_a_run_changes_nothing() {
    let looked_at = Settings { virtual_ms: 90_000, ..settings(None) };
    let mut told = Vec::new();
    let first = run_once(3, &looked_at, &mut |at| told.push(at));
    let mut alone = looked_at.clone();
    alone.plan.measures = false;
    let second = run(3, &alone);
    assert_eq!((first.trace_hash, first.figures), (second.trace_hash, second.figures));
    assert!(told.len() > 10 && told.is_sorted(), "{told:?}");
    assert_eq!(second.agreement, Agreement::default());
    assert_ne!(first.trace_hash, run(4, &alone).trace_hash);
}

#[test]
fn a_rule_that_is_broken_in_such_a_tree_is_seen() {
    let tuning = Tuning { mutant: Some(Mutant::GrantInFullRange), ..Tuning::default() };
    let broken = Settings { tuning, ..settings(Some("none")) };
    let mut outcomes = (1..=5).map(|seed| run(seed, &broken));
    assert!(outcomes.any(|outcome| !outcome.violations.is_empty()), "it was not seen");
}
