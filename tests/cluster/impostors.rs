//! Those who have a certificate, and lie: with it, or in what they say once they are let in.

use crate::figures::{events, figures};
use crate::raw::{signed, turned_away};
use crate::site::{Process, Site, eventually, now, run};
use crate::strangers::{connected, last_word};
use crate::tree::online;
use lictree::client::contract::ImportFormat;
use lictree::model::account::{Account, Entry, Pack, PackPart, Verdict, Want, Wish};
use lictree::model::count::LicenseCount;
use lictree::model::device::DeviceNumber;
use lictree::model::edge::{AttachId, DataSet, EdgeReport};
use lictree::model::enrolment::{Credentials, SealedTrust};
use lictree::model::holding::Role;
use lictree::model::letter::{Address, Body, Letter, Presence};
use lictree::model::name::{ProductName, ServerName};
use lictree::model::report::{Figures, ReportBatch, ReportRow, RowBody, RowName, StreamId, Table};
use lictree::model::request::{Doing, HoldingChange, HoldingVerb};
use lictree::net::{Connection, Denials, Dialer, Identity, NetLimits, ReceiveError};
use lictree::wire::{Frame, Hello, WireLimits, decode_frame, encode_hello, encode_letter};
use std::time::Duration;

/// So that each refusal leaves its line.
const NOTED: &str = "refusals_noted_interval_ms = 1\n";

fn name(text: &str) -> ServerName {
    text.parse().unwrap()
}

fn product() -> ProductName {
    "inventory".parse().unwrap()
}

pub fn noting(config: std::path::PathBuf) -> std::path::PathBuf {
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}{NOTED}")).unwrap();
    config
}

#[track_caller]
pub fn told(server: &Process, code: &str, what: &str) {
    eventually(
        &format!("an event with {code} and {what:?}"),
        || Ok(events(server)),
        |events| events.iter().any(|(_, text)| text.contains(code) && text.contains(what)),
    );
}

#[test]
fn a_genuine_certificate_of_something_else_than_a_server_is_refused_and_told() {
    let (site, other) = (Site::new(), Site::new());
    let hq = Process::start(&noting(site.primary("hq")));
    let before = figures(&hq).unwrap();
    let cases: [(&[&str], &str); 8] = [
        (&["lictree://acme/agent/west"], "names no server"),
        (&["lictree://acme/authority"], "names no server"),
        (&["lictree://acme/server/West"], "names no server"),
        (&["lictree://acme/server/west/enrolment/01"], "names no server"),
        (&["lictree://acme/server/west", "lictree://acme/server/east"], "more than one URI"),
        (&["https://acme/server/west"], "names no server"),
        (&[], "carries no URI"),
        (&["lictree://other/server/west"], "of the tree other"),
    ];
    for (uris, what) in cases {
        let end = run(turned_away(hq.address(), "lictree/1", Some(signed(&site, uris))));
        assert!(end.to_string().contains(what), "{uris:?}: {end}");
        told(&hq, "LT0438", what);
    }
    // The right name in the wrong hands: of an authority that has the tree's name and no more.
    let forged = signed(&other, &["lictree://acme/server/west"]);
    run(turned_away(hq.address(), "lictree/1", Some(forged)));
    told(&hq, "LT0438", "another authority");
    let day = Duration::from_secs(86_400);
    let long_ago = lictree::model::time::Timestamp(now().0 - 2 * 86_400_000);
    let ended = site.authority.issue(Role::Relay, &name("west"), long_ago, day).unwrap();
    assert!(dial(&ended, &hq).unwrap_err().contains("expired"));
    told(&hq, "LT0438", "expired");
    run(turned_away(hq.address(), "h3", None));
    told(&hq, "LT0439", "neither lictree/1");
    assert_eq!(figures(&hq).unwrap(), before);
    hq.stop();
}

fn dial(identity: &Identity, hq: &Process) -> Result<(), String> {
    run(async {
        let to = hq.address();
        let dialer = Dialer::toward(to, identity, &Denials::default(), NetLimits::default());
        dialer.unwrap().dial(to, &name("hq")).await.map(drop).map_err(|error| error.to_string())
    })
}

#[test]
fn a_server_that_greets_with_another_name_than_it_has_proven_is_cut_off() {
    let site = Site::new();
    let hq = Process::start(&noting(site.primary("hq")));
    let before = figures(&hq).unwrap();
    run(async {
        let connection = connected(&site.identity("east"), hq.address()).await;
        connection.sender.try_send(greeting("west")).unwrap();
        let word = last_word(connection).await;
        assert!(word.contains("greets as west") && word.contains("of east"), "{word}");
    });
    told(&hq, "LT0439", "greets as west");
    assert_eq!(figures(&hq).unwrap(), before);
}

/// The parent is genuine, of the tree, and not the one in the configuration.
#[test]
fn a_parent_of_another_name_is_told_nothing() {
    let site = Site::new();
    let mid = Process::start(&site.primary("mid"));
    let west = Process::start(&site.relay("west", "hq", mid.address()));
    told(&west, "LT0438", "of the server mid, expected hq");
    assert_eq!(run(mid.client().servers()).unwrap().servers.len(), 1);
    assert!(!run(west.client().status()).unwrap().connected);
    west.stop();
}

pub fn greeting(of: &str) -> Vec<u8> {
    encode_hello(&Hello::of("acme".parse().unwrap(), name(of), 1, "test".to_string()))
}

/// A server `west` that says what it likes, on one connection.
pub struct Liar {
    connection: Connection,
}

impl Liar {
    pub async fn greeted(site: &Site, hq: &Process) -> Liar {
        let connection = connected(&site.identity("west"), hq.address()).await;
        connection.sender.try_send(greeting("west")).unwrap();
        let liar = Liar { connection };
        liar.say(up(&["west"], Body::Presence(presence("west", "hq"))));
        liar
    }

    pub fn say(&self, letter: Letter) {
        self.connection.sender.try_send(encode_letter(&letter)).unwrap();
    }

    /// Waits until all before was taken in, or the connection has ended; then its last word.
    pub async fn heard(mut self) -> Option<String> {
        let stream = StreamId { origin: name("west"), table: Table::Figures };
        self.say(neighbour(Body::ReportOffer {
            stream: stream.clone(),
            incarnation: 7,
            version: 0,
        }));
        loop {
            let batch = match self.connection.receiver.receive().await {
                Ok(batch) => batch,
                Err(ReceiveError::Closed(closed)) => return Some(closed.to_string()),
                Err(other) => panic!("{other}"),
            };
            for frame in batch.iter() {
                let Ok(Frame::Letter(letter)) = decode_frame(frame, &WireLimits::default()) else {
                    continue;
                };
                assert!(
                    !matches!(letter.body, Body::Challenge { .. }),
                    "it may attach: {letter:?}"
                );
                if matches!(letter.body, Body::ReportAck { stream: of, .. } if of == stream) {
                    return None;
                }
            }
        }
    }
}

pub fn up(route: &[&str], body: Body) -> Letter {
    Letter::new(Address::Primary, route.iter().map(|one| name(one)).collect(), body)
}

fn neighbour(body: Body) -> Letter {
    Letter::to_neighbour(body)
}

pub fn presence(of: &str, parent: &str) -> Presence {
    Presence {
        name: name(of),
        parent: name(parent),
        incarnation: 7,
        interval_ms: 60_000,
        versions: Vec::new(),
        software: "test".to_string(),
        trust: 0,
        credentials: Credentials::default(),
        clock: now(),
        standing: Default::default(),
        kept_ms: 0,
        address: "10.6.6.6:6".to_string(),
        recovers: false,
    }
}

fn rows_of(origin: &str) -> Body {
    let figures = Figures { held: LicenseCount(1_000), ..Figures::default() };
    let row = ReportRow {
        name: RowName::Product(product()),
        version: 1_000,
        body: RowBody::Figures(figures),
    };
    let stream = StreamId { origin: name(origin), table: Table::Figures };
    Body::Report(ReportBatch {
        stream,
        incarnation: 99,
        after: 0,
        upto: 1_000,
        complete: true,
        rows: vec![row],
    })
}

fn no_rows_of(origin: &str) -> Body {
    let stream = StreamId { origin: name(origin), table: Table::Nodes };
    Body::Report(ReportBatch {
        stream,
        incarnation: 99,
        after: 0,
        upto: 1_000,
        complete: true,
        rows: Vec::new(),
    })
}

fn edge_report() -> Body {
    let report = EdgeReport { version: 9, granted_seen: 50, returned: 40, ..Default::default() };
    Body::EdgeReport { attach: AttachId { counter: 1, random: 1 }, product: product(), report }
}

fn wishes() -> Body {
    let wish = |number| Wish { device: DeviceNumber(number), number, want: Want::Release };
    let floor = u64::MAX;
    Body::Wishes { product: product(), floor, wishes: (1..4).map(wish).collect() }
}

/// What each lie is, whether it ends the connection (and with which word), and the code of its line
/// in the event log, if it has one.
type Lie = (&'static str, Letter, Option<&'static str>, Option<&'static str>);

fn lies() -> Vec<Lie> {
    let says = |of, parent| Body::Presence(presence(of, parent));
    let attach = || Body::AttachRequest {
        nonce: 1,
        data: DataSet { incarnation: 7, ..DataSet::default() },
        versions: Vec::new(),
        edges: Vec::new(),
    };
    let down = |body| Letter::new(Address::Below(name("north")), Vec::new(), body);
    let not_passed = Some("who passed it on");
    let not_said = Some("a neighbour does not send");
    let signed = Some("LT0447");
    let not_it = Some("not of the server it came from");
    let seal = Body::Trust(SealedTrust::default());
    let level = Body::YieldBooked { product: product(), cycle: 1 };
    let told = |stream| Body::ReportAck { stream, incarnation: 1, have: 0, settled: 0 };
    let stream = StreamId { origin: name("north"), table: Table::Nodes };
    let claim = Body::Claim { serial: "S-9".parse().unwrap() };
    vec![
        ("another's name", up(&["west"], says("north", "hq")), not_it, Some("LT0426")),
        ("another's parent", up(&["west"], says("west", "north")), not_it, Some("LT0426")),
        ("a child of hq below it", up(&["north", "west"], says("north", "west")), None, signed),
        ("hq below it", up(&["hq", "west"], says("hq", "west")), None, signed),
        ("a route of another", up(&["north"], says("north", "hq")), not_passed, Some("LT0439")),
        ("a route through another", up(&["west", "north"], says("west", "north")), None, signed),
        ("no route", up(&[], says("west", "hq")), not_passed, None),
        ("figures of another", neighbour(rows_of("north")), None, Some("LT0429")),
        ("no nodes of another", neighbour(no_rows_of("north")), None, Some("LT0429")),
        ("figures of hq", neighbour(rows_of("hq")), None, None),
        ("figures of nobody", neighbour(rows_of("nobody")), None, None),
        ("counts of another", up(&["north", "west"], edge_report()), None, signed),
        ("counts never given", up(&["west"], edge_report()), None, None),
        ("wishes of another", up(&["north", "west"], wishes()), None, signed),
        ("another attaches", up(&["north", "west"], Body::AttachHello), None, signed),
        ("another has attached", up(&["north", "west"], attach()), None, signed),
        ("it was challenged", up(&["west"], attach()), None, None),
        ("another claims", up(&["north", "west"], claim), None, signed),
        ("a letter down", down(level), None, None),
        ("a word from above", neighbour(Body::Resume { way: 0 }), not_said, Some("LT0439")),
        ("sources", neighbour(Body::Sources(vec![(product(), name("west"))])), not_said, None),
        ("what the parent has", neighbour(told(stream)), not_said, None),
        ("what to believe", neighbour(seal), Some("no authority of the tree"), Some("LT0439")),
    ]
}

/// hq above north (a real server, which holds and uses) and west (which lies).
#[test]
fn a_relay_that_claims_what_is_anothers_is_cut_off_or_not_heard() {
    let site = Site::new();
    let hq = Process::start(&noting(site.primary("hq")));
    let north = with_uses(&site, &hq);
    assert_eq!(run(async { Liar::greeted(&site, &hq).await.heard().await }), None);
    eventually("west is met", || run(hq.client().server(&name("west"))), |_| true);
    let settled = || {
        // Booked behind everything that was said before.
        run(hq.client().entitle(&name("west"), "The West")).unwrap();
        figures(&hq).unwrap()
    };
    let before = settled();
    for (what, letter, word, code) in lies() {
        let end = run(async {
            let liar = Liar::greeted(&site, &hq).await;
            liar.say(letter);
            liar.heard().await
        });
        match word {
            Some(word) => {
                assert!(end.as_ref().is_some_and(|e| e.contains(word)), "{what}: {end:?}")
            }
            None => assert_eq!(end, None, "{what}"),
        }
        if let Some(code) = code {
            told(&hq, code, "west");
        }
        assert_eq!(settled(), before, "{what}");
    }
    online(&hq, &["north"]);
    north.stop();
    hq.stop();
}

/// A relay that gives back what it never took: uses that are north's are not its to end.
#[test]
fn a_relay_cannot_end_the_uses_of_another() {
    let site = Site::new();
    let hq = Process::start(&noting(site.primary("hq")));
    let north = with_uses(&site, &hq);
    run(hq.client().set_holding(&HoldingChange {
        product: Some(product()),
        relay: name("north"),
        verb: HoldingVerb::Withdraw,
        doing: Doing::Do,
    }))
    .unwrap();
    let used = |view: &lictree::model::view::RangesView| {
        view.ranges.iter().map(|range| (range.used.0, range.in_transit.0)).collect::<Vec<_>>()
    };
    let ranges = || run(hq.client().ranges());
    eventually("north shares what hq holds", ranges, |view| used(view) == [(3, 0)]);
    run(async { Liar::greeted(&site, &hq).await.heard().await });
    eventually("west is met", || run(hq.client().server(&name("west"))), |_| true);
    run(hq.client().entitle(&name("west"), "The West")).unwrap();
    let before = figures(&hq).unwrap();
    for origin in ["north", "hq"] {
        let entry = Entry { number: 1 << 40, verdict: Verdict::Released };
        let account = Account {
            origin: name(origin),
            route: vec![name(origin), name("west")],
            stated: 0,
            floor: 1 << 40,
            entries: (0..10).map(|number| (DeviceNumber(number), entry)).collect(),
        };
        let piece = Pack {
            product: product(),
            giver: name("west"),
            relay: name("west"),
            cycle: 5,
            accounts: vec![account],
            below: Vec::new(),
        };
        let to = Address::Holder(product());
        let body = Body::Yield(PackPart { part: 0, parts: 1, piece });
        run(async {
            let liar = Liar::greeted(&site, &hq).await;
            liar.say(Letter::new(to, vec![name("west")], body));
            liar.heard().await
        });
        run(hq.client().entitle(&name("west"), "The West")).unwrap();
        assert_eq!(figures(&hq).unwrap(), before, "uses of {origin}");
    }
    north.stop();
}

/// north below hq: 10 of 20 licenses are there, three of its devices use one each.
pub fn with_uses(site: &Site, hq: &Process) -> Process {
    run(hq.client().register_license(site.license("S-1", 20))).unwrap();
    let north = Process::start(&site.relay("north", "hq", hq.address()));
    online(hq, &["north"]);
    run(hq.client().set_holding(&HoldingChange {
        product: Some(product()),
        relay: name("north"),
        verb: HoldingVerb::Distribute(LicenseCount(10)),
        doing: Doing::Do,
    }))
    .unwrap();
    let line = |n| format!("? (10.0.0.{n}) at 00:04:4b:cc:9c:0{n} [ether] on eth0\n");
    let list: String = (1..4).map(line).collect();
    run(north.client().import(ImportFormat::Arp, list.into_bytes())).unwrap();
    let ids = (1..4).map(|n| format!("north:{n}").parse().unwrap()).collect();
    run(north.client().manage(ids, Some(product()))).unwrap();
    eventually(
        "hq knows what north holds and uses",
        || run(hq.client().ranges()),
        |view| {
            let north = view.ranges.iter().find(|range| range.source == name("north"));
            north
                .is_some_and(|range| (range.held.0, range.used.0, range.in_transit.0) == (10, 3, 0))
        },
    );
    north
}
