//! The figure of R004 as a running tree: `a ─ b ─ d`, `a ─ c ─ e`, holders a, c and d; then eleven
//! steps, each with the table that the primary shows after it.

use lictree::model::count::LicenseCount;
use lictree::model::device::{DeviceId, DeviceNumber, DeviceState};
use lictree::model::discovery::{Found, MacAddress};
use lictree::model::license::{License, LicenseTerms, Metric};
use lictree::model::name::ProductName;
use lictree::model::request::{Answer, DeviceOutcome, Doing, HoldingChange, HoldingVerb, Request};
use lictree::model::tuning::Tuning;
use lictree::model::view::RangeView;
use lictree::simulator::entropy::Entropy;
use lictree::simulator::making::Making;
use lictree::simulator::moment::BEGINNING;
use lictree::simulator::topology::{PRIMARY, Topology};
use lictree::simulator::weather::Weather;
use lictree::simulator::world::World;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const D: usize = 3;
const E: usize = 4;

struct Tree {
    world: World,
    /// Devices of each place that were asked to be managed so far.
    asked: [u64; 5],
    serials: u64,
}

fn product() -> ProductName {
    "jp1".parse().unwrap()
}

impl Tree {
    fn new() -> Tree {
        let making = Making {
            topology: Topology::worked_example(),
            tuning: Tuning::default(),
            weather: Weather::CALM,
            ahead_ms_max: 0,
            clocks_are_set: false,
            keep_lines: 0,
        };
        let world = World::new(making, Entropy::new(1));
        let mut tree = Tree { world, asked: [0; 5], serials: 0 };
        tree.rest();
        tree
    }

    /// Lets everything that is on its way arrive.
    fn rest(&mut self) {
        let until = self.world.now().after_ms(5_000);
        while self.world.step(until) {}
    }

    fn ask(&mut self, place: usize, request: Request) -> Answer {
        let id = self.world.post(place, request).expect("no server is ever down here");
        let until = self.world.now().after_ms(20_000);
        while self.world.step(until) {
            let answers = self.world.take_answers();
            if let Some(answered) = answers.into_iter().find(|answered| answered.id == id) {
                return answered.answer;
            }
        }
        panic!("no answer within 20 s");
    }

    fn register(&mut self, place: usize, count: u64) {
        self.serials += 1;
        let terms = LicenseTerms {
            serial: format!("S-{}", self.serials).parse().unwrap(),
            vendor: "hitachi".to_string(),
            product: product(),
            count: LicenseCount(count),
            metric: Metric::ManagedDevices,
            not_before: BEGINNING,
            not_after: None,
            tree: None,
            server: None,
            confirm_within_days: None,
            note: String::new(),
        };
        let license = License::try_from(terms).unwrap();
        let answer = self.ask(place, Request::RegisterLicense(license));
        assert!(matches!(answer, Answer::LicenseRegistered(_)), "{answer:?}");
    }

    /// The message of the refusal, if it was refused.
    fn change(&mut self, relay: usize, verb: HoldingVerb, doing: Doing) -> Option<String> {
        let relay = self.world.topology.name(relay).clone();
        let product = Some(product());
        let change = HoldingChange { product, relay, verb, doing };
        match self.ask(PRIMARY, Request::SetHolding(change)) {
            Answer::Holding(outcome) => outcome.refusal.map(|refusal| refusal.to_string()),
            Answer::Refused(refusal) => Some(refusal.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn done(&mut self, relay: usize, verb: HoldingVerb, doing: Doing) {
        let refused = self.change(relay, verb, doing);
        assert_eq!(refused, None);
    }

    fn refused(&mut self, relay: usize, verb: HoldingVerb, doing: Doing) -> String {
        self.change(relay, verb, doing).expect("it was to be refused")
    }

    fn distribute(&mut self, relay: usize, count: u64) {
        self.done(relay, HoldingVerb::Distribute(LicenseCount(count)), Doing::Do);
    }

    fn scan(&mut self, place: usize, count: u64) {
        let device = |number: u64| Found {
            mac: Some(MacAddress([2, 0, 0, 0, place as u8, number as u8])),
            host_name: Some(format!("pc-{place}-{number}")),
            ..Found::default()
        };
        let found = (1..=count).map(device).collect();
        let answer = self.ask(place, Request::Import { found });
        assert_eq!(answer, Answer::Imported { new: count, known: 0 });
    }

    /// Asks to manage so many more devices of a place.
    fn manage(&mut self, place: usize, count: u64) -> Vec<DeviceOutcome> {
        let managing_source = self.world.topology.name(place).clone();
        let first = self.asked[place] + 1;
        self.asked[place] += count;
        let id = |n| DeviceId { managing_source: managing_source.clone(), number: DeviceNumber(n) };
        let devices = (first..first + count).map(id).collect();
        match self.ask(place, Request::Manage { devices, product: Some(product()) }) {
            Answer::DevicesDone(outcomes) => outcomes,
            other => panic!("{other:?}"),
        }
    }

    fn managed(&mut self, place: usize, count: u64) {
        for outcome in self.manage(place, count) {
            assert_eq!(outcome.state, Some(DeviceState::Managed), "{outcome:?}");
        }
    }

    fn full(&mut self, place: usize) {
        for outcome in self.manage(place, 1) {
            assert_eq!(outcome.state, Some(DeviceState::Discovered), "{outcome:?}");
            assert!(outcome.refusal.is_some());
        }
    }

    /// One line a range, in the order of the table: source, destinations, held/used/remaining.
    fn table(&mut self) -> String {
        self.rest();
        let Answer::Ranges(shown) = self.ask(PRIMARY, Request::Ranges) else { panic!("no table") };
        assert!(shown.ranges.iter().all(|range| range.in_transit == LicenseCount::ZERO));
        shown.ranges.iter().map(line).collect::<Vec<_>>().join(" | ")
    }

    fn shows(&mut self, step: u32, expected: &str) {
        assert_eq!(self.table(), expected, "after step {step}");
    }
}

fn line(range: &RangeView) -> String {
    let members: Vec<&str> = range.destinations.iter().map(|name| name.as_str()).collect();
    let members = if members.is_empty() { String::new() } else { format!(" {members:?}") };
    let short = match range.shortage.0 {
        0 => String::new(),
        short => format!(" short {short}"),
    };
    let RangeView { source, held, used, remaining, .. } = range;
    format!("{source}{} {held}/{used}/{remaining}{short}", members.replace('"', ""))
}

/// Step 0: licenses and devices as in the first line of the run.
fn start() -> Tree {
    let mut tree = Tree::new();
    tree.register(A, 150);
    tree.distribute(D, 10);
    tree.distribute(C, 40);
    tree.rest();
    for (place, found, managed) in [(A, 40, 30), (B, 30, 25), (C, 20, 12), (D, 20, 7), (E, 40, 20)]
    {
        tree.scan(place, found);
        tree.managed(place, managed);
    }
    tree
}

#[test]
fn the_worked_example() {
    use HoldingVerb::{Authorize, Deauthorize, Distribute, Withdraw};
    let of = |count| Distribute(LicenseCount(count));
    let mut tree = start();
    tree.shows(0, "a [b] 100/55/45 | d 10/7/3 | c [e] 40/32/8");
    tree.managed(E, 8);
    tree.shows(1, "a [b] 100/55/45 | d 10/7/3 | c [e] 40/40/0");
    tree.full(E);
    tree.shows(2, "a [b] 100/55/45 | d 10/7/3 | c [e] 40/40/0");
    tree.managed(D, 3);
    tree.full(D);
    tree.shows(3, "a [b] 100/55/45 | d 10/10/0 | c [e] 40/40/0");
    tree.distribute(D, 15);
    tree.shows(4, "a [b] 95/55/40 | d 15/10/5 | c [e] 40/40/0");
    tree.done(C, Withdraw, Doing::Do);
    tree.shows(5, "a [b, c, e] 135/95/40 | d 15/10/5");
    tree.refused(C, Authorize, Doing::Do);
    tree.shows(5, "a [b, c, e] 135/95/40 | d 15/10/5");
    tree.done(C, Authorize, Doing::Force);
    tree.shows(6, "a [b] 135/55/80 | d 15/10/5 | c [e] 0/40/0 short 40");
    tree.register(C, 50);
    tree.shows(7, "a [b] 135/55/80 | d 15/10/5 | c [e] 50/40/10");
    tree.refused(C, of(5), Doing::Do);
    tree.refused(C, of(5), Doing::Force);
    tree.shows(8, "a [b] 135/55/80 | d 15/10/5 | c [e] 50/40/10");
    let refusal = tree.refused(B, of(20), Doing::Do);
    assert!(refusal.contains("25") && refusal.contains("20"), "{refusal}");
    tree.shows(9, "a [b] 135/55/80 | d 15/10/5 | c [e] 50/40/10");
    tree.distribute(B, 30);
    tree.shows(10, "a 105/30/75 | b 30/25/5 | d 15/10/5 | c [e] 50/40/10");
    tree.refused(D, Withdraw, Doing::Do);
    tree.shows(10, "a 105/30/75 | b 30/25/5 | d 15/10/5 | c [e] 50/40/10");
    tree.done(D, Withdraw, Doing::Force);
    tree.shows(11, "a 120/30/90 | b [d] 30/35/0 short 5 | c [e] 50/40/10");
    // A has 120 to give: 121 is refused whatever is done; 91 would leave 29 for the 30 it uses.
    tree.refused(E, of(121), Doing::Force);
    tree.refused(E, of(91), Doing::Do);
    tree.refused(C, Deauthorize, Doing::Force);
    assert_eq!(tree.change(E, of(91), Doing::Preview), tree.change(E, of(91), Doing::Do));
    tree.shows(11, "a 120/30/90 | b [d] 30/35/0 short 5 | c [e] 50/40/10");
}
