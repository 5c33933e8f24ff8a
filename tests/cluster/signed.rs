//! A relay between speaks in the name of a server below it, or of the primary: only what they have
//! signed counts (I7).
//!
//! ```text
//!   south (a key, and no process) ··· west (this test) ──► hq
//!   west ──► north (this test, beside the true one) ──► hq
//! ```

use crate::figures::events;
use crate::impostors::{greeting, noting, presence, told};
use crate::patience::PATIENCE;
use crate::site::{Process, Site, eventually, run};
use crate::strangers::connected;
use crate::tap::{Tap, Way, When};
use lictree::daemon::author::sign;
use lictree::model::count::LicenseCount;
use lictree::model::edge::{AttachId, DataSet, EdgeReport, Level};
use lictree::model::letter::{Address, Body, Letter};
use lictree::model::name::ServerName;
use lictree::model::request::{Doing, HoldingChange, HoldingVerb};
use lictree::net::{Connection, Identity};
use lictree::wire::{Frame, WireLimits, decode_frame, encode_letter};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::timeout;

fn name(text: &str) -> ServerName {
    text.parse().unwrap()
}

/// west, and the keys with which it may sign.
struct Between {
    connection: Connection,
    west: Identity,
    south: Identity,
    /// Where the connection lives, on a thread of its own until this is dropped.
    runtime: Handle,
    _end: oneshot::Sender<()>,
}

impl Between {
    fn greeted(site: &Site, hq: &Process) -> Between {
        let [west, south] = ["west", "south"].map(|name| site.identity(name));
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (handle, (_end, ended)) = (runtime.handle().clone(), oneshot::channel::<()>());
        std::thread::spawn(move || drop(runtime.block_on(ended)));
        let connection = handle.block_on(connected(&west, hq.address()));
        connection.sender.try_send(greeting("west")).unwrap();
        let between = Between { connection, west, south, runtime: handle, _end };
        let own = Body::Presence(presence("west", "hq"));
        between.send(&Letter::new(Address::Primary, vec![name("west")], own));
        between
    }

    fn send(&self, letter: &Letter) {
        self.connection.sender.try_send(encode_letter(letter)).unwrap();
    }

    /// A letter of south, passed on by west; signed by south.
    fn says(&self, body: Body) {
        let mut letter = Letter::new(Address::Primary, vec![name("south")], body);
        sign(&mut letter, &self.south);
        letter.route.push(name("west"));
        self.send(&letter);
    }

    /// A letter in the name of south, without a signature.
    fn invents(&self, body: Body) {
        self.send(&Letter::new(Address::Primary, vec![name("south"), name("west")], body));
    }

    /// The same with a signature of west.
    fn forges(&self, body: Body) {
        let mut letter = Letter::new(Address::Primary, vec![name("west")], body);
        sign(&mut letter, &self.west);
        letter.route.insert(0, name("south"));
        self.send(&letter);
    }

    /// A letter of south, with other words than it has signed.
    fn alters(&self, body: Body) {
        let mut letter = Letter::new(Address::Primary, vec![name("south")], Body::AttachHello);
        sign(&mut letter, &self.south);
        letter.body = body;
        letter.route.push(name("west"));
        self.send(&letter);
    }

    /// Waits for a word to south.
    fn told<T>(&mut self, what: impl Fn(Body) -> Option<T>) -> T {
        loop {
            let receiver = &mut self.connection.receiver;
            let batch = async { timeout(PATIENCE, receiver.receive()).await };
            let batch = self.runtime.block_on(batch).unwrap().unwrap();
            for frame in batch.iter() {
                if let Ok(Frame::Letter(letter)) = decode_frame(frame, &WireLimits::default())
                    && letter.to == Address::Below(name("south"))
                    && let Some(found) = what(letter.body)
                {
                    return found;
                }
            }
        }
    }
}

fn distribution(verb: HoldingVerb) -> HoldingChange {
    let product = Some("inventory".parse().unwrap());
    HoldingChange { product, relay: name("south"), verb, doing: Doing::Do }
}

/// What hq itself holds.
#[track_caller]
fn held(hq: &Process, count: u64) {
    eventually(
        &format!("hq holds {count}"),
        || run(hq.client().ranges()),
        |view| view.ranges.iter().any(|range| range.source == name("hq") && range.held.0 == count),
    );
}

#[test]
fn a_relay_between_gives_back_no_licenses_in_the_name_of_a_server_below_it() {
    let site = Site::new();
    let hq = Process::start(&noting(site.primary("hq")));
    run(hq.client().register_license(site.license("S-1", 20))).unwrap();
    let mut between = Between::greeted(&site, &hq);
    let there = || Body::Presence(presence("south", "west"));
    between.invents(there());
    told(&hq, "LT0447", "in the name of south came by way of west: it is not signed");
    between.forges(there());
    told(&hq, "LT0447", "its certificate is of west");
    between.alters(there());
    told(&hq, "LT0447", "the key of south has not signed it");
    run(hq.client().server(&name("south"))).unwrap_err();
    between.says(there());
    eventually("south is met", || run(hq.client().server(&name("south"))), |_| true);

    let attach = attached(&mut between);
    run(hq.client().set_holding(&distribution(HoldingVerb::Distribute(LicenseCount(10))))).unwrap();
    let level = level(&mut between, |level| level.granted == 10);
    let has = EdgeReport {
        version: level.version,
        granted_seen: 10,
        holds: true,
        option: level.option,
        target: level.target,
        ..EdgeReport::default()
    };
    let product = || "inventory".parse().unwrap();
    let counts = |report| Body::EdgeReport { attach, product: product(), report };
    between.says(counts(has));
    run(hq.client().set_holding(&distribution(HoldingVerb::Withdraw))).unwrap();
    let version = self::level(&mut between, |level| level.version > has.version).version;
    let back = EdgeReport { version, returned: 10, holds: false, ..has };
    let back = EdgeReport { target: LicenseCount(0), option: Default::default(), ..back };
    held(&hq, 10);
    let lines = || events(&hq).iter().filter(|(_, text)| text.contains("LT0447")).count();
    let before = lines();
    between.invents(counts(back));
    eventually("one more is told of", || Ok(lines()), |lines| *lines == before + 1);
    between.forges(counts(back));
    eventually("another is told of", || Ok(lines()), |lines| *lines == before + 2);
    held(&hq, 10);
    between.says(counts(back));
    held(&hq, 20);
    assert!(run(hq.client().audit()).unwrap().adds_up);
    hq.stop();
}

/// south attaches, by way of west.
fn attached(between: &mut Between) -> AttachId {
    between.says(Body::AttachHello);
    let nonce = between.told(|body| match body {
        Body::Challenge { nonce } => Some(nonce),
        _ => None,
    });
    let data = DataSet { incarnation: 7, ..DataSet::default() };
    between.says(Body::AttachRequest { nonce, data, versions: Vec::new(), edges: Vec::new() });
    between.told(|body| match body {
        Body::Attached { attach, .. } => Some(attach),
        _ => None,
    })
}

fn level(between: &mut Between, is_it: impl Fn(&Level) -> bool) -> Level {
    between.told(|body| match body {
        Body::Level { level, .. } => Some(level).filter(&is_it),
        _ => None,
    })
}

/// What west holds of its own, as it believes itself.
#[track_caller]
fn west_holds(west: &Process, count: u64) {
    let held = || run(west.client().ranges());
    eventually(&format!("west holds {count}"), held, |view| {
        let own = view.ranges.iter().find(|range| range.source == name("west"));
        own.is_some_and(|range| range.held.0 == count)
    });
}

#[test]
fn a_relay_between_hands_down_no_licenses_that_the_primary_did_not_give() {
    let site = Site::new();
    let hq = Process::start(&site.primary("hq"));
    run(hq.client().register_license(site.license("S-1", 20))).unwrap();
    let north = Process::start(&site.relay("north", "hq", hq.address()));
    let tap = Tap::between(&site, "west", "north", north.address());
    let west = Process::start(&noting(site.relay("west", "north", tap.address())));
    eventually("west is met", || run(hq.client().server(&name("west"))), |_| true);
    let to_west = |verb| HoldingChange { relay: name("west"), ..distribution(verb) };
    // The first may be said as west attaches.
    for count in [4, 10] {
        let distribute = HoldingVerb::Distribute(LicenseCount(count));
        run(hq.client().set_holding(&to_west(distribute))).unwrap();
        west_holds(&west, count);
    }
    let said: Vec<Letter> = tap
        .kept()
        .iter()
        .filter(|kept| kept.way == Way::Down)
        .filter_map(|kept| match decode_frame(&kept.frame, &WireLimits::default()) {
            Ok(Frame::Letter(letter)) => Some(letter),
            _ => None,
        })
        .collect();
    let is_gift =
        |letter: &&Letter| matches!(&letter.body, Body::Level { level, .. } if level.granted == 10);
    let gift = said.iter().rfind(is_gift).expect("it was said").clone();
    let mut more = gift.clone();
    let Body::Level { level, .. } = &mut more.body else { unreachable!() };
    level.granted = 15;
    level.target = LicenseCount(15);
    level.version += 1;
    let unsigned = Letter { signature: None, ..more.clone() };
    let mut of_north = Letter { to: Address::Primary, signature: None, ..more.clone() };
    of_north.route = vec![name("north")];
    sign(&mut of_north, &site.identity("north"));
    let of_north = Letter { signature: of_north.signature, ..unsigned.clone() };
    let lines = || events(&west).iter().filter(|(_, text)| text.contains("LT0447")).count();
    let lies = [
        (&more, "in the name of the primary came by way of north: the key of hq has not signed"),
        (&unsigned, "in the name of the primary came by way of north: it is not signed"),
        (&of_north, "its certificate is of north"),
    ];
    for (number, (lie, why)) in lies.into_iter().enumerate() {
        tap.say_again(When::Now, Way::Down, vec![encode_letter(lie)]);
        eventually("it is told of", || Ok(lines()), |lines| *lines == number + 1);
        told(&west, "LT0447", why);
    }
    tap.say_again(When::Now, Way::Down, vec![encode_letter(&gift)]);
    run(hq.client().set_holding(&to_west(HoldingVerb::Distribute(LicenseCount(11))))).unwrap();
    // Behind all that was said before.
    west_holds(&west, 11);
    assert_eq!(lines(), 3);
    assert!(run(hq.client().audit()).unwrap().adds_up);
    [west, north, hq].into_iter().for_each(Process::stop);
}
