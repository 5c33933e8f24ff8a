//! A relay between that tells of other rows than were written is found out by the writer's word.

use super::*;
use crate::engine::Deed;
use crate::engine::state::State;
use crate::model::command::{Command, CommandBatch, Founding};
use crate::model::count::LicenseCount;
use crate::model::device::DeviceNumber;
use crate::model::discovery::Found;
use crate::model::holding::Role;
use crate::model::letter::{Letter, LinkId};
use crate::model::license::{License, LicenseTerms, Metric};
use crate::model::name::ProductName;
use crate::model::report::{Figures, ReportRow, RowBody, RowName};
use crate::model::tuning::Tuning;
use std::net::Ipv4Addr;

/// Of the servers west, north and hq, each to the next.
const LINKS: [LinkId; 2] = [LinkId(1), LinkId(2)];
const NAMES: [&str; 3] = ["west", "north", "hq"];

/// What north does to a letter that it sends up; without it the letter is lost.
type Lie = fn(&mut Letter) -> bool;

fn honest(_: &mut Letter) -> bool {
    true
}

/// west below north below hq, each an engine; letters between them come at once.
struct Chain {
    servers: [Engine; 3],
    now: Timestamp,
    lie: Lie,
}

impl Chain {
    fn new() -> Chain {
        let engine = |name: &str| {
            let role = if name == "hq" { Role::Primary } else { Role::Relay };
            let (tree, name) = ("t".parse().unwrap(), name.parse().unwrap());
            let founding = Founding { tree, name, role, incarnation: 5 };
            Engine::new(State::new(founding), Tuning::default(), "test".to_string(), 1)
        };
        let now = Timestamp(1_000_000);
        let mut chain = Chain { servers: NAMES.map(engine), now, lie: honest };
        for (child, link) in [(1, LINKS[1]), (0, LINKS[0])] {
            chain.servers[child + 1].downlink_up(link, NAMES[child].parse().unwrap());
            chain.servers[child].uplink_up(link, NAMES[child + 1].parse().unwrap(), now);
            chain.settle();
        }
        chain
    }

    /// Until nobody has anything to say.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            let deeds = self.servers.each_mut().map(|server| server.deeds(self.now));
            if deeds.iter().all(Vec::is_empty) {
                return;
            }
            for (at, deeds) in deeds.into_iter().enumerate() {
                deeds.into_iter().for_each(|deed| self.carry(at, deed));
            }
        }
        panic!("they never come to rest");
    }

    fn carry(&mut self, at: usize, deed: Deed) {
        match deed {
            Deed::Send { link, mut letter } => {
                let up = LINKS.iter().position(|other| *other == link) == Some(at);
                if at == 1 && up && !(self.lie)(&mut letter) {
                    return;
                }
                let to = if up { at + 1 } else { at - 1 };
                self.servers[to].receive(link, letter, self.now);
            }
            Deed::Propose(command) => {
                let batch = CommandBatch { at: self.now, commands: vec![command] };
                self.servers[at].apply(&batch);
            }
            _ => {}
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        while self.now < end {
            self.now = self.now.after(Duration::from_millis(500));
            self.servers.iter_mut().for_each(|server| server.pass_time(self.now));
            self.settle();
        }
    }

    fn find(&mut self, first: u32, count: u32) {
        let address = |n: u32| Ipv4Addr::from(0x0a00_0000 + n).into();
        let one = |n| Found { addresses: vec![address(n)], ..Found::default() };
        let found = (first..first + count).map(one).collect();
        self.servers[0].propose(Command::Discover { found });
        self.settle();
    }

    /// west manages a device with a license that hq has.
    fn manage_one(&mut self) {
        let product: ProductName = "cad".parse().unwrap();
        let terms = LicenseTerms {
            serial: "S-1".parse().unwrap(),
            vendor: "Acme".to_string(),
            product: product.clone(),
            count: LicenseCount(9),
            metric: Metric::ManagedDevices,
            not_before: Timestamp(0),
            not_after: None,
            tree: None,
            server: None,
            confirm_within_days: None,
            note: String::new(),
        };
        let license = License::try_from(terms).unwrap();
        self.servers[2].propose(Command::RegisterLicense(license));
        self.find(1, 1);
        self.servers[0].propose(Command::Manage { devices: vec![DeviceNumber(1)], product });
        self.settle();
    }

    fn hq(&self) -> &Engine {
        &self.servers[2]
    }

    fn has_other_rows(&self) -> bool {
        self.hq().has_other_rows(&NAMES[0].parse().unwrap())
    }

    /// Whether the rows at hq were as west says behind that moment.
    fn is_proven_since(&self, table: Table, moment: Timestamp) -> bool {
        self.hq().heads.proven.get(&stream(table)).is_some_and(|at| *at > moment)
    }

    fn told(&self) -> Vec<&str> {
        let events = self.hq().state().events.values();
        let told = events.filter(|event| event.kind == "rows.unlike");
        told.map(|event| event.text.as_str()).collect()
    }
}

fn stream(table: Table) -> StreamId {
    StreamId { origin: NAMES[0].parse().unwrap(), table }
}

/// The rows of west that a letter tells of.
fn rows_of_west(letter: &mut Letter) -> Option<&mut Vec<ReportRow>> {
    match &mut letter.body {
        Body::Report(batch) if batch.stream.origin.as_str() == "west" => Some(&mut batch.rows),
        _ => None,
    }
}

const MINUTES: Duration = Duration::from_secs(180);

#[test]
fn rows_are_proven_by_their_writer_and_again_after_each_change() {
    let mut chain = Chain::new();
    for count in [20, 30] {
        chain.find(1, count);
        let merged = chain.now;
        assert!(!chain.is_proven_since(Table::Nodes, merged), "their writer said nothing yet");
        chain.pass(Duration::from_secs(2));
        assert!(chain.is_proven_since(Table::Nodes, merged));
    }
    assert!(!chain.has_other_rows() && chain.told().is_empty());
}

#[test]
fn what_is_altered_left_out_or_invented_on_the_way_is_told() {
    let lies: [(&str, Lie); 3] = [
        ("a row is altered", |letter| {
            let rows = rows_of_west(letter).into_iter().flatten();
            for row in rows.filter(|row| row.name == RowName::Device(DeviceNumber(7))) {
                if let RowBody::Device(device) = &mut row.body {
                    device.host_name = Some("nobody-said-so".to_string());
                }
            }
            true
        }),
        ("a row is left out", |letter| {
            let named = |row: &ReportRow| row.name == RowName::Device(DeviceNumber(7));
            if let Some(rows) = rows_of_west(letter) {
                rows.retain(|row| !named(row));
            }
            true
        }),
        ("a row is invented", |letter| {
            if let Some(rows) = rows_of_west(letter)
                && let Some(row) =
                    rows.iter().find(|row| row.name == RowName::Device(DeviceNumber(7)))
            {
                let invented =
                    ReportRow { name: RowName::Device(DeviceNumber(7_000)), ..row.clone() };
                rows.push(invented);
            }
            true
        }),
    ];
    for (what, lie) in lies {
        let mut chain = Chain::new();
        chain.lie = lie;
        chain.find(1, 20);
        chain.pass(MINUTES);
        assert!(chain.has_other_rows(), "{what}");
        let told = chain.told();
        assert!(told.len() == 1 && told[0].contains("the nodes of west"), "{what}: {told:?}");
        assert!(told[0].contains("by way of north"), "{what}: {told:?}");
    }
}

#[test]
fn figures_that_are_altered_are_told_and_the_audit_does_not_add_up() {
    let mut chain = Chain::new();
    chain.lie = |letter| {
        for row in rows_of_west(letter).into_iter().flatten() {
            if let RowBody::Figures(figures) = &mut row.body {
                *figures = Figures { managed: LicenseCount(900), ..*figures };
            }
        }
        true
    };
    chain.manage_one();
    chain.pass(MINUTES);
    assert!(chain.has_other_rows());
    let audit = chain.hq().audit(chain.now);
    assert!(!audit.adds_up, "{audit:?}");
    let unlike = audit.products.iter().flat_map(|one| &one.servers).flat_map(|one| &one.unlike);
    assert!(unlike.clone().any(|text| text.contains("not those that it wrote")), "{audit:?}");
}

#[test]
fn who_holds_the_word_of_a_writer_back_lets_its_figures_age() {
    let mut chain = Chain::new();
    chain.lie = |letter| !matches!(letter.body, Body::Heads { .. });
    chain.manage_one();
    let merged = chain.now;
    let unconfirmed = |chain: &Chain| {
        let audit = chain.hq().audit(chain.now);
        let west = audit.unconfirmed.into_iter().find(|one| one.server.as_str() == "west");
        west.map(|west| west.why)
    };
    chain.pass(MINUTES);
    assert!(!chain.is_proven_since(Table::Figures, merged) && unconfirmed(&chain).is_none());
    chain.pass(MINUTES);
    assert!(unconfirmed(&chain).unwrap().contains("its own word"));
    chain.lie = honest;
    chain.pass(MINUTES);
    assert!(chain.is_proven_since(Table::Figures, merged) && unconfirmed(&chain).is_none());
}

#[test]
fn who_counts_on_in_the_name_of_a_writer_or_leaves_rows_unwhole_lets_them_stay_unproven() {
    let lies: [Lie; 2] = [
        |letter| {
            if let Body::Report(batch) = &mut letter.body {
                batch.upto += 5;
            }
            true
        },
        |letter| {
            if let Body::Report(batch) = &mut letter.body {
                (batch.complete, batch.rows) = (false, Vec::new());
            }
            true
        },
    ];
    for lie in lies {
        let mut chain = Chain::new();
        chain.lie = lie;
        chain.find(1, 20);
        let merged = chain.now;
        chain.pass(MINUTES);
        assert!(!chain.is_proven_since(Table::Nodes, merged));
        assert!(!chain.has_other_rows() && chain.told().is_empty(), "they may just be late");
    }
}

/// A relay that has a word of a writer says it every ten seconds, and holds all else back.
#[test]
fn what_a_writer_said_once_proves_nothing_for_ever() {
    let mut chain = Chain::new();
    chain.manage_one();
    chain.pass(Duration::from_secs(20));
    let name: ServerName = NAMES[0].parse().unwrap();
    let number = chain.hq().heads.heard[&name];
    let head = |table| (table, chain.servers[0].heads.said[&table]);
    let said = [Table::Figures, Table::Nodes].map(head);
    chain.lie = |letter| !matches!(letter.body, Body::Heads { .. });
    for _ in 0..40 {
        chain.pass(Duration::from_secs(10));
        let now = chain.now;
        chain.servers[2].heads_came(&name, (number, &said), now);
    }
    assert!(chain.hq().lacks_proof(&name, chain.now));
    let now = chain.now;
    chain.servers[2].heads_came(&name, (number + 1, &said), now);
    assert!(!chain.hq().lacks_proof(&name, chain.now));
}

#[test]
fn a_primary_that_was_started_anew_is_told_again() {
    let mut chain = Chain::new();
    chain.find(1, 20);
    chain.pass(Duration::from_secs(2));
    chain.servers[2].heads = Heads::default();
    let started = chain.now;
    chain.pass(MINUTES);
    assert!(chain.is_proven_since(Table::Nodes, started));
}
