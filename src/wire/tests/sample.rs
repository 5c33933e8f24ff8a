//! One frame of every kind, for the golden bytes.

use crate::model::clock::ClockStanding;
use crate::model::device::DeviceNumber;
use crate::model::edge::{AttachId, DataSet};
use crate::model::enrolment::CertificateAnswer;
use crate::model::letter::{Address, Body, Letter, Presence, Signature};
use crate::model::reconcile::{BUCKETS, Compared, Reconcile};
use crate::model::recovery::{RecoveryWord, RowsBack};
use crate::model::refusal::Refusal;
use crate::model::report::{Head, RowsDigest, Table};
use crate::model::time::Timestamp;
use crate::record::arbitrary::outside::serial;
use crate::record::field::Fields;
use crate::record::sample::{
    attach, edge_report, level, move_answer, move_answer_missing, move_ask, move_ask_told, named,
    pack_part, reconcile, report, servers, stream, verdicts, verdicts_without_room, wishes,
};
use crate::record::{sample_enrolment, sample_recovery};
use crate::wire::{Frame, Hello, encode_letter};

pub fn hello() -> Hello {
    Hello {
        protocol_min: 1,
        protocol_max: 3,
        software: "lictree 0.1.0".to_string(),
        tree: named("works"),
        name: named("relay-c"),
        boot: 0xb007,
        capabilities: vec!["first".to_string(), "second".to_string()],
    }
}

pub fn frames() -> Vec<(&'static str, Frame)> {
    let mut frames = vec![("hello", Frame::Hello(hello()))];
    let letters = attaching().into_iter().chain(using()).chain(reporting());
    let letters = letters.chain(claiming()).chain(trusting()).chain(moving()).chain(recovering());
    let letters = letters.chain(replacing()).chain(timing());
    let letters = letters.chain([("verdicts-no-room", without_room())]).chain(proving());
    frames.extend(letters.map(|(name, letter)| (name, Frame::Letter(letter))));
    frames
}

/// The sample of that name.
pub fn letter(name: &str) -> Letter {
    let found = frames().into_iter().find(|(other, _)| *other == name);
    match found {
        Some((_, Frame::Letter(letter))) => letter,
        _ => panic!("no letter is named {name}"),
    }
}

/// The number of a letter's body, as written.
pub fn body_tag(letter: &Letter) -> Option<u32> {
    let frame = encode_letter(letter);
    let (_, field) = Fields::of("a frame", &frame).next()?.ok()?;
    let crate::record::field::Field::Bytes(letter) = field else { return None };
    let tags = Fields::of("a letter", letter).map(|field| field.unwrap().0);
    tags.filter(|tag| *tag >= 10).last()
}

fn up(to: Address, body: Body) -> Letter {
    Letter::new(to, servers(&["site-e", "relay-d"]), body)
}

fn down(to: Address, body: Body) -> Letter {
    Letter::new(to, Vec::new(), body)
}

/// The disk of the holder is full.
fn without_room() -> Letter {
    let verdicts = verdicts_without_room();
    down(Address::Below(named("site-e")), Body::Verdicts { product: named("cad"), verdicts })
}

fn attaching() -> Vec<(&'static str, Letter)> {
    let relay = || Address::Below(named("relay-c"));
    let (attach, product, level) = (attach(), named("cad"), level());
    let report = edge_report();
    let edges = vec![(named("cad"), report), (named("cam"), Default::default())];
    let levels = vec![(named("cad"), level)];
    let attached = Body::Attached { nonce: 0xabcd, data: 0, attach, levels, generation: 0 };
    let refusal = Refusal::new("LT0232", "a message", "a hint");
    let refused = Body::AttachRefused { nonce: 0xabcd, refusal };
    let (nonce, incarnation) = (0xabcd, 0xfeed_f00d);
    let versions = vec![(Table::Figures, 34), (Table::Nodes, 418)];
    let recovering = (incarnation + 1, incarnation, 0, versions);
    let request = |(incarnation, former, start, versions)| {
        let (edges, data) =
            (edges.clone(), DataSet { incarnation, former, start, ..DataSet::default() });
        Body::AttachRequest { nonce, data, versions, edges }
    };
    let edge_report = Body::EdgeReport { attach, product: named("cad"), report };
    let heard = Body::Heard {
        clock: Timestamp(1_800_000_000_000),
        open: true,
        trust: 7,
        license: Timestamp(0),
        way: 0,
    };
    let sources = Body::Sources(vec![(named("cad"), named("relay-c"))]);
    let so_far = Body::SourcesSoFar(vec![(named("cad"), named("relay-c"))]);
    vec![
        ("presence", up(Address::Primary, Body::Presence(presence()))),
        ("resume", down(Address::Neighbour, Body::Resume { way: 0 })),
        ("heard", down(Address::Neighbour, heard)),
        ("sources", down(Address::Neighbour, sources)),
        ("attach-hello", up(Address::Primary, Body::AttachHello)),
        ("challenge", down(relay(), Body::Challenge { nonce: 0xabcd })),
        ("attach-request", up(Address::Primary, request((incarnation, 0, 0, Vec::new())))),
        ("attached", down(relay(), attached)),
        ("attach-refused", down(relay(), refused)),
        ("level", down(relay(), Body::Level { attach, product, level })),
        ("edge-report", up(Address::Primary, edge_report)),
        ("attach-recovering", up(Address::Primary, request(recovering))),
        ("sources-so-far", down(Address::Neighbour, so_far)),
        ("attach-started", up(Address::Primary, request((incarnation, 0, 0xcafe, vec![])))),
    ]
}

fn recovering() -> Vec<(&'static str, Letter)> {
    let words = sample_recovery::words().into_iter().map(|(name, goes_up, word)| {
        let body = Body::Recovery(word);
        let letter = match (goes_up, name) {
            (true, "statement") => up(Address::Above(named("relay-c")), body),
            (true, _) => up(Address::Primary, body),
            (false, "roll-calls") => down(Address::Neighbour, body),
            (false, _) => down(Address::Below(named("relay-c")), body),
        };
        (name, letter)
    });
    words.collect()
}

fn presence() -> Presence {
    Presence {
        name: named("relay-d"),
        parent: named("relay-c"),
        incarnation: 0xfeed_f00d,
        interval_ms: 10_000,
        versions: vec![(Table::Figures, 34), (Table::Nodes, 418)],
        software: "lictree 0.1.0".to_string(),
        trust: 0,
        credentials: Default::default(),
        clock: Timestamp(0),
        standing: Default::default(),
        kept_ms: 0,
        address: String::new(),
        recovers: false,
    }
}

fn full_presence() -> Presence {
    Presence {
        trust: 12,
        credentials: sample_enrolment::credentials(),
        clock: Timestamp(1_795_000_000_000),
        kept_ms: 250,
        address: "192.0.2.7:4747".to_string(),
        recovers: true,
        ..presence()
    }
}

fn trusting() -> Vec<(&'static str, Letter)> {
    let below = || Address::Below(named("site-e"));
    let ask = |ask| up(Address::Primary, Body::CertificateAsk { ticket: 44, ask });
    let answer = |answer| down(below(), Body::CertificateAnswer { ticket: 44, answer });
    vec![
        ("presence-full", up(Address::Primary, Body::Presence(full_presence()))),
        ("ask-join", ask(sample_enrolment::join(0))),
        ("ask-join-again", ask(sample_enrolment::join(3))),
        ("ask-renewal", ask(sample_enrolment::renew())),
        ("answer-granted", answer(sample_enrolment::granted())),
        ("answer-waiting", answer(CertificateAnswer::Waiting)),
        ("answer-refused", answer(sample_enrolment::refused())),
        ("trust", down(Address::Neighbour, Body::Trust(sample_enrolment::trust()))),
    ]
}

/// The place of a server whose disk is lost is taken; others are lost for good.
fn replacing() -> [(&'static str, Letter); 3] {
    let answer = Body::CertificateAnswer { ticket: 44, answer: sample_enrolment::replaced() };
    let trust = Body::Trust(sample_enrolment::trust_lost());
    let attach = AttachId { counter: 9, random: 0x0102_0304_0506_0708 };
    let attached = Body::Attached { nonce: 0xabcd, data: 0, attach, levels: vec![], generation: 3 };
    [
        ("answer-replaced", down(Address::Below(named("site-e")), answer)),
        ("trust-lost", down(Address::Neighbour, trust)),
        ("attached-again", down(Address::Below(named("site-e")), attached)),
    ]
}

/// License time goes down, and what is thought of a clock goes up.
fn timing() -> [(&'static str, Letter); 2] {
    let clock = Timestamp(1_795_000_000_000);
    let license = Timestamp(1_795_000_000_250);
    let heard = Body::Heard { clock, open: true, trust: 7, license, way: 0xc0ffee };
    let presence = Presence { standing: ClockStanding::SetForward, ..full_presence() };
    [
        ("heard-license-time", down(Address::Neighbour, heard)),
        ("presence-suspect", up(Address::Primary, Body::Presence(presence))),
    ]
}

/// What proves that nobody between wrote it.
fn proving() -> [(&'static str, Letter); 8] {
    let head = |version, byte| Head { incarnation: 9, version, digest: RowsDigest([byte; 32]) };
    let heads = vec![(Table::Figures, head(7, 1)), (Table::Nodes, head(900, 2))];
    let signature = Signature { certificate: b"certificate".to_vec(), bytes: b"bytes".to_vec() };
    let signed = up(Address::Primary, Body::AttachHello);
    let (attach, levels, generation) = (attach(), vec![], 3);
    let attached = Body::Attached { nonce: 0xabcd, data: 8, attach, levels, generation };
    let ask = RecoveryWord::RowsAsk { data: 8, former: 7, after: DeviceNumber(16) };
    let rows = RecoveryWord::Rows(RowsBack { data: 8, ..sample_recovery::rows_back() });
    let attach = |data| {
        let (versions, edges) = (vec![], vec![]);
        up(Address::Primary, Body::AttachRequest { nonce: 0xabcd, data, versions, edges })
    };
    [
        ("heads", up(Address::Primary, Body::Heads { number: 5, heads })),
        ("signed", Letter { signature: Some(Box::new(signature)), ..signed }),
        ("attached-data", down(Address::Below(named("relay-c")), attached)),
        ("rows-ask-data", up(Address::Primary, Body::Recovery(ask))),
        ("rows-data", down(Address::Below(named("site-e")), Body::Recovery(rows))),
        ("attach-formers", attach(sample_recovery::data_set())),
        ("attach-going-on", attach(sample_recovery::going_on())),
        ("attach-generation", attach(sample_recovery::generation())),
    ]
}

fn using() -> Vec<(&'static str, Letter)> {
    let holder = || Address::Holder(named("cad"));
    let below = || Address::Below(named("site-e"));
    let product = || named("cad");
    let yielded = Body::Yield(pack_part());
    vec![
        ("wishes", up(holder(), Body::Wishes { product: product(), floor: 88, wishes: wishes() })),
        ("verdicts", down(below(), Body::Verdicts { product: product(), verdicts: verdicts() })),
        ("take-over", up(holder(), Body::TakeOver { product: product(), cycle: 7 })),
        ("handover", down(below(), Body::Handover(pack_part()))),
        (
            "handover-booked",
            up(
                Address::Above(named("primary")),
                Body::HandoverBooked { product: product(), cycle: 7 },
            ),
        ),
        ("yield", up(holder(), yielded)),
        ("yield-booked", down(below(), Body::YieldBooked { product: product(), cycle: 7 })),
    ]
}

fn reporting() -> Vec<(&'static str, Letter)> {
    let incarnation = 0xfeed_f00d;
    let stream = stream();
    let offer = Body::ReportOffer { stream: stream.clone(), incarnation, version: 418 };
    let whole = Reconcile { what: Compared::Whole(0x0102_0304_0506_0708), ..reconcile() };
    let digests = (0..BUCKETS as u64).collect();
    let buckets = Reconcile { what: Compared::Buckets(digests), ..reconcile() };
    let ack = Body::ReportAck { stream, incarnation, have: 417, settled: 410 };
    vec![
        ("report-offer", down(Address::Neighbour, offer)),
        ("report", down(Address::Neighbour, Body::Report(report()))),
        ("report-ack", down(Address::Neighbour, ack)),
        ("reconcile-whole", down(Address::Neighbour, Body::Reconcile(whole))),
        ("reconcile-buckets", down(Address::Neighbour, Body::Reconcile(buckets))),
        ("reconcile-refill", down(Address::Neighbour, Body::Reconcile(reconcile()))),
    ]
}

fn moving() -> Vec<(&'static str, Letter)> {
    let answer = |words| down(Address::Below(named("site-e")), Body::MoveAnswer(words));
    let ask = |ask| up(Address::Primary, Body::MoveAsk(ask));
    vec![
        ("move-ask", ask(move_ask())),
        ("move-answer", answer(move_answer())),
        ("move-ask-told", ask(move_ask_told())),
        ("move-answer-missing", answer(move_answer_missing())),
    ]
}

fn claiming() -> Vec<(&'static str, Letter)> {
    let serial = || serial("A-17");
    let below = || Address::Below(named("site-e"));
    let by = Some(named("relay-c"));
    vec![
        ("claim", up(Address::Primary, Body::Claim { serial: serial() })),
        ("claimed", down(below(), Body::Claimed { serial: serial(), by })),
        ("claimed-by-nobody", down(below(), Body::Claimed { serial: serial(), by: None })),
    ]
}
