//! Everything that two servers ever said to each other is said again, and changes nothing.

use crate::figures::{events, figures};
use crate::impostors::{greeting, presence, up};
use crate::site::{Process, Site, eventually, run};
use crate::strangers::connected;
use crate::tap::{Kept, Tap, Way, When};
use crate::tree::online;
use lictree::client::contract::ImportFormat;
use lictree::model::count::LicenseCount;
use lictree::model::device::{DeviceId, DeviceState};
use lictree::model::letter::Body;
use lictree::model::name::ProductName;
use lictree::model::request::{Doing, HoldingChange, HoldingVerb};
use lictree::model::view::RangeView;
use lictree::wire::{Frame, WireLimits, decode_frame, encode_letter};
use serde_json::Value;
use std::collections::BTreeSet;

/// One that moves between hq and west, one that stays at hq, one that west registers itself.
const PRODUCTS: [&str; 3] = ["inventory", "spare", "local"];

const MAY_HAPPEN: [&str; 3] = ["certificate.renewed", "server.offline", "server.online"];

/// What [`Tree::works`] leaves in the event log of west, each time.
const WORKS: [(&str, &str); 2] = [
    ("node.managed", "1 node managed for spare: west:9"),
    ("node.ignored", "1 node ignored: west:9"),
];

/// Figures, and the kinds and texts of events.
type Shown = (Value, Vec<(String, String)>);

struct Tree {
    hq: Process,
    west: Process,
    tap: Tap,
    site: Site,
}

fn product(text: &str) -> ProductName {
    text.parse().unwrap()
}

fn ids(numbers: impl Iterator<Item = u64>) -> Vec<DeviceId> {
    numbers.map(|number| format!("west:{number}").parse().unwrap()).collect()
}

impl Tree {
    /// hq above west, over a tapped wire.
    fn grown() -> Tree {
        let site = Site::new();
        let config = site.primary("hq");
        site.authority.save(&site.data_dir("hq").join("authority")).unwrap();
        let hq = Process::start(&config);
        let tap = Tap::between(&site, "west", "hq", hq.address());
        let west = Process::start(&site.relay("west", "hq", tap.address()));
        online(&hq, &["west"]);
        Tree { hq, west, tap, site }
    }

    fn license(&self, serial: &str, of: &str, count: u64) -> Vec<u8> {
        let mut terms = crate::site::terms(serial, count);
        terms.product = product(of);
        crate::site::license_of(&self.site.vendor, terms)
    }

    fn set(&self, of: &str, verb: HoldingVerb) {
        let (relay, product) = ("west".parse().unwrap(), Some(product(of)));
        let change = HoldingChange { product, relay, verb, doing: Doing::Do };
        assert_eq!(run(self.hq.client().set_holding(&change)).unwrap().refusal, None);
    }

    fn distribute(&self, count: u64) {
        self.set("inventory", HoldingVerb::Distribute(LicenseCount(count)));
        self.settled(count);
    }

    /// Waits until west holds so many of what moves, as both say, and nothing is on its way.
    #[track_caller]
    fn settled(&self, held: u64) {
        let of_west = |range: &&RangeView| {
            range.source.as_str() == "west" && range.product == product("inventory")
        };
        eventually(
            &format!("west holds {held}"),
            || run(self.hq.client().ranges()),
            |view| {
                let range = view.ranges.iter().find(of_west);
                range.map_or(0, |range| range.held.0) == held
                    && view.ranges.iter().all(|range| range.in_transit == LicenseCount::ZERO)
            },
        );
        self.level();
    }

    /// Waits until hq has all rows of west.
    #[track_caller]
    fn level(&self) {
        let status = || run(self.west.client().status());
        eventually("hq has all of west", status, |status| {
            status.connected && status.report_lag == 0 && status.waiting == 0
        });
    }

    fn manage(&self, numbers: impl Iterator<Item = u64>, of: &str) {
        let asked = ids(numbers);
        let done = run(self.west.client().manage(asked, Some(product(of)))).unwrap();
        for device in done {
            assert_eq!(device.state, Some(DeviceState::Managed), "{device:?}");
        }
    }

    fn ignore(&self, numbers: impl Iterator<Item = u64>) {
        run(self.west.client().ignore(ids(numbers))).unwrap();
    }

    /// A use that goes all the way up and comes all the way down, and back again: whatever was said
    /// before on either way was taken in by then.
    #[track_caller]
    fn works(&self) {
        self.manage(9..10, "spare");
        self.level();
        self.ignore(9..10);
        self.level();
    }

    /// Everything that servers may say of these things was said.
    fn live(&self) {
        for (number, of) in PRODUCTS.iter().enumerate() {
            let file = self.license(&format!("S-{number}"), of, 100);
            run(self.hq.client().register_license(file)).unwrap();
        }
        let line = |n| format!("? (10.0.0.{n}) at 00:04:4b:cc:9c:0{n} [ether] on eth0\n");
        let list: String = (1..10).map(line).collect();
        run(self.west.client().import(ImportFormat::Arp, list.into_bytes())).unwrap();
        // Uses at hq, which go to west with the counts, come back, and go again.
        self.manage(1..3, "inventory");
        self.distribute(40);
        self.manage(3..5, "inventory");
        self.manage(5..6, "spare");
        self.ignore(1..2);
        self.distribute(10);
        self.set("inventory", HoldingVerb::Withdraw);
        self.settled(0);
        self.manage(6..7, "inventory");
        self.distribute(20);
        run(self.west.client().delete(ids(8..9))).unwrap();
        self.set("local", HoldingVerb::Authorize);
        eventually(
            "west registers",
            || match run(self.west.client().register_license(self.license("S-9", "local", 5))) {
                Err(error) if error.code() == "LT0204" => Ok(None),
                other => other.map(Some),
            },
            Option::is_some,
        );
        self.manage(7..8, "local");
        run(self.west.client().renew_certificate()).unwrap();
        self.one_is_removed();
        self.settled(20);
    }

    /// A server comes and is shut out, so that there is something that all must believe.
    fn one_is_removed(&self) {
        let old = "old".parse().unwrap();
        run(async {
            let connection = connected(&self.site.identity("old"), self.hq.address()).await;
            connection.sender.try_send(greeting("old")).unwrap();
            let presence = up(&["old"], Body::Presence(presence("old", "hq")));
            connection.sender.try_send(encode_letter(&presence)).unwrap();
            while self.hq.client().server(&old).await.is_err() {}
        });
        run(self.hq.client().remove_server(&old, Doing::Do)).unwrap();
        let trusted = |server: &lictree::model::view::ServerView| {
            server.certificate.as_ref().is_some_and(|shown| shown.trust > 0)
        };
        let west = "west".parse().unwrap();
        eventually("west believes it", || run(self.hq.client().server(&west)), trusted);
    }

    #[track_caller]
    fn assert_unchanged(&self, before: &[Shown; 2], but_sources: bool, worked: usize, what: &str) {
        let shown = self.shown().into_iter().zip(before.clone());
        for ((mut after, mut before), works) in shown.zip([&WORKS[..0], &WORKS]) {
            if but_sources {
                [&mut after.0, &mut before.0].into_iter().for_each(forget_sources);
            }
            assert_eq!(after.0, before.0, "{what}");
            // A new certificate for a key of its own is all that a relay's old ask brings. And west
            // calls anew in every second round, after pauses that grow.
            let new = after.1.iter().skip(before.1.len());
            let new = new.map(|(kind, text)| (kind.as_str(), text.as_str()));
            let new: Vec<_> = new.filter(|(kind, _)| !MAY_HAPPEN.contains(kind)).collect();
            assert_eq!(new, works.repeat(worked), "{what}");
        }
    }

    /// What both servers show, and what happened to each.
    fn shown(&self) -> [Shown; 2] {
        [&self.hq, &self.west].map(|server| (figures(server).unwrap(), events(server)))
    }
}

fn forget_sources(value: &mut Value) {
    let servers = value["servers"]["servers"].as_array_mut().unwrap();
    for holding in servers.iter_mut().flat_map(|one| one["holdings"].as_array_mut().unwrap()) {
        holding["source"] = Value::Null;
    }
}

/// What is said, without its content.
fn kind(kept: &Kept) -> String {
    let kind = match decode_frame(&kept.frame, &WireLimits::default()).unwrap() {
        Frame::Hello(_) => "Hello".to_string(),
        Frame::Letter(letter) => format!("{:?}", letter.body),
    };
    let name: String = kind.chars().take_while(|c| c.is_alphanumeric()).collect();
    format!("{name} {:?}", kept.way)
}

fn is_greeting(kept: &Kept) -> bool {
    matches!(decode_frame(&kept.frame, &WireLimits::default()), Ok(Frame::Hello(_)))
}

#[test]
fn nothing_that_is_said_again_changes_anything() {
    let tree = Tree::grown();
    tree.live();
    tree.works();
    let kinds: BTreeSet<String> = tree.tap.kept().iter().map(kind).collect();
    let expected = "AttachHello Up, AttachRequest Up, Attached Down, CertificateAnswer Down, \
                    CertificateAsk Up, Challenge Down, Claim Up, Claimed Down, EdgeReport Up, \
                    Handover Down, HandoverBooked Up, Heads Up, Heard Down, Hello Down, \
                    Hello Up, Level Down, Presence Up, Report Up, ReportAck Down, ReportOffer Up, \
                    Resume Down, Sources Down, TakeOver Up, Trust Down, Verdicts Down, \
                    Wishes Up, Yield Up, YieldBooked Down";
    let found = kinds.into_iter().collect::<Vec<_>>().join(", ");
    assert_eq!(found, expected, "what was recorded is not all there is");
    let before = tree.shown();
    let mut worked = 0;
    for when in [When::Now, When::Anew] {
        for way in [Way::Up, Way::Down] {
            for backwards in [false, true] {
                let kept = tree.tap.kept().into_iter();
                let kept = kept.filter(|kept| kept.way == way && !is_greeting(kept));
                let mut frames: Vec<Vec<u8>> = kept.map(|kept| kept.frame).collect();
                if backwards {
                    frames.reverse();
                }
                let what = format!("{} frames {way:?} {when:?}, {backwards}", frames.len());
                tree.tap.say_again(when, way, frames);
                tree.works();
                worked += 1;
                tree.settled(20);
                // Where its licenses come from a relay hears whenever that changes, and on every
                // new connection: the oldest word stands until then, and is only shown.
                let oldest_last = when == When::Now && way == Way::Down && backwards;
                tree.assert_unchanged(&before, oldest_last, worked, &what);
            }
        }
    }
    tree.manage(1..2, "inventory");
    tree.west.stop();
    tree.hq.stop();
}

/// A greeting has its place; a second one ends the connection, and the next one is as good.
#[test]
fn a_greeting_that_is_said_again_ends_the_connection_and_nothing_else() {
    let tree = Tree::grown();
    tree.live();
    tree.works();
    let before = tree.shown();
    for way in [Way::Up, Way::Down] {
        let kept = tree.tap.kept();
        let greetings =
            |kept: &[Kept]| kept.iter().filter(|one| one.way == way && is_greeting(one)).count();
        let greeting = kept.iter().find(|one| one.way == way && is_greeting(one)).unwrap();
        tree.tap.say_again(When::Now, way, vec![greeting.frame.clone()]);
        eventually(
            "they have greeted anew",
            || Ok(greetings(&tree.tap.kept())),
            |count| *count > greetings(&kept),
        );
        tree.works();
        tree.settled(20);
        let after = tree.shown().map(|(figures, _)| figures);
        assert_eq!(after, before.clone().map(|(figures, _)| figures), "{way:?}");
    }
    for server in [&tree.hq, &tree.west] {
        let told = |(kind, text): &(String, String)| {
            kind == "call.refused" && text.contains("it greets a second time")
        };
        assert!(events(server).iter().any(told), "{:?}", events(server));
    }
}
