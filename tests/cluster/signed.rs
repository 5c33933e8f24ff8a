//! A relay between speaks in the name of a server below it: only what that server has signed counts
//! (I7).
//!
//! ```text
//!   south (a key, and no process) ··· west (this test) ──► hq
//! ```

use crate::figures::events;
use crate::impostors::{greeting, noting, presence, told};
use crate::patience::PATIENCE;
use crate::site::{Process, Site, eventually, run};
use crate::strangers::connected;
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
