//! A relay between that lies to its honest child. It has the child's words and its answers pass
//! through its hands, so it knows every number; what it makes of them is its own range.

use crate::cast::{Cast, account, product, row, server, stream, to_neighbour, up};
use crate::disks::Disks;
use crate::dump::{self, Depth};
use crate::lies::Outcome::{self, Cut, Ignored, Named, Own};
use crate::telling::{BELOW_THE_PRIMARY, GROWN, broken, lines, rogue_in};
use crate::tree::Tree;
use lictree::model::account::{PackPart, Verdict, WishVerdict};
use lictree::model::device::DeviceNumber;
use lictree::model::edge::{AttachId, Level};
use lictree::model::enrolment::CertificateAnswer;
use lictree::model::holding::HoldingOption;
use lictree::model::letter::{Address, Body, Letter};
use lictree::model::moving::{MoveAnswer, Reached};
use lictree::model::reconcile::{BUCKETS, Compared, Reconcile};
use lictree::model::recovery::{NO_CALL, RecoveryWord, RollCall, RowsBack};
use lictree::model::refusal::Refusal;
use lictree::model::report::{Figures, RowBody, RowName, Table};
use lictree::model::request::{Answer, Request};
use lictree::model::time::Timestamp;
use lictree::model::tuning::Tuning;

const MAX: u64 = u64::MAX;

type Row = (&'static str, Outcome, Vec<Letter>);

fn down(body: Body) -> Letter {
    up(Address::Below(server("k")), &[], body)
}

fn level(attach: AttachId, of: &str, level: Level) -> Letter {
    down(Body::Level { attach, product: product(of), level })
}

fn levels(attach: AttachId) -> Vec<Row> {
    let given = |granted, version| Level {
        option: HoldingOption::Distributed,
        version,
        granted,
        ..Level::default()
    };
    let too_much = Level { returned_seen: 6, ..given(5, 9) };
    let registered = Level { option: HoldingOption::Registered, version: 9, ..given(MAX, 9) };
    let old = AttachId { counter: 0, ..attach };
    let made_up = AttachId { counter: MAX, random: 7 };
    let attached = |nonce, level: Level| {
        let levels = vec![(product("tool"), level)];
        down(Body::Attached { nonce, data: 0, attach: made_up, levels, generation: 0 })
    };
    let many = (0..100).map(|n| level(attach, &format!("made-up-{n}"), given(1, 1)));
    vec![
        ("counts under an old attachment", Ignored, vec![level(old, "tool", given(5, 9))]),
        ("counts under none", Ignored, vec![level(made_up, "tool", given(5, 9))]),
        ("more back than given", Named("word.refused"), vec![level(attach, "tool", too_much)]),
        ("attached so", Named("word.refused"), vec![attached(1, too_much)]),
        ("attached unasked", Ignored, vec![attached(1, given(5, 9))]),
        ("counts without end", Own, vec![level(attach, "tool", given(MAX, 9))]),
        ("counts without end on top of licenses", Own, vec![level(attach, "key", registered)]),
        ("counts of many products", Own, many.collect()),
        (
            "a hundred challenges",
            Own,
            (0..100).map(|n| down(Body::Challenge { nonce: n })).collect(),
        ),
    ]
}

fn answers(cast: &Cast) -> Vec<Row> {
    let verdict = |verdict| {
        let one = |number| WishVerdict { device: DeviceNumber(number), number: MAX, verdict };
        down(Body::Verdicts { product: product("tool"), verdicts: (1..4).map(one).collect() })
    };
    let uses = account("k", (MAX, MAX), &[1, 2, 3], (MAX, Verdict::Granted));
    let pack = cast.pack("tool", MAX, vec![uses], vec![]);
    let handover =
        |part, parts| down(Body::Handover(PackPart { part, parts, piece: pack.clone() }));
    let refused = Refusal::new("LT0233", "it was set back", "recover");
    let moved = MoveAnswer {
        ticket: 0,
        server: server("s"),
        known: true,
        next: Some(DeviceNumber(MAX)),
        reached: vec![Reached { number: 1, node: DeviceNumber(1) }],
        missing: vec![],
    };
    let answer = CertificateAnswer::Waiting;
    let refuse = |nonce| down(Body::AttachRefused { nonce, refusal: refused.clone() });
    let claimed = |by: &str| Body::Claimed { serial: "S-7".parse().unwrap(), by: Some(server(by)) };
    vec![
        (
            "verdicts nobody waits for",
            Ignored,
            vec![verdict(Verdict::Granted), verdict(Verdict::RangeFull)],
        ),
        ("releases nobody asked for", Ignored, vec![verdict(Verdict::Released)]),
        ("uses it did not ask for", Ignored, vec![handover(0, 1)]),
        ("parts that there are not", Ignored, vec![handover(7, 1), handover(0, 0)]),
        (
            "uses it did not give back",
            Ignored,
            vec![down(Body::YieldBooked { product: product("tool"), cycle: MAX })],
        ),
        ("a refusal it did not wait for", Ignored, vec![refuse(1)]),
        ("a serial it did not claim", Ignored, vec![down(claimed("k")), down(claimed("s"))]),
        ("nodes that do not move", Ignored, vec![down(Body::MoveAnswer(moved))]),
        (
            "a certificate unasked",
            Ignored,
            vec![down(Body::CertificateAnswer { ticket: 1, answer })],
        ),
        ("a letter for another", Ignored, vec![up(Address::Below(server("s")), &[], claimed("s"))]),
        ("a letter that goes up", Cut("from above that goes up"), cast.own(Body::AttachHello)),
    ]
}

fn recoveries(cast: &Cast) -> Vec<Row> {
    let say = |word| down(Body::Recovery(word));
    let (after, upto, rows) = (DeviceNumber(0), None, vec![]);
    let back = RowsBack { data: 0, after, upto, have: MAX, newest: MAX, rows };
    let below = RecoveryWord::Below { after: None, servers: vec![server("s")], more: false };
    let stated = RecoveryWord::Stated { product: product("tool"), call: NO_CALL, number: MAX };
    let piece = cast.pack("tool", 1, vec![], vec![]);
    let statement =
        RecoveryWord::Statement { call: 1, part: PackPart { part: 0, parts: 1, piece } };
    let call = |number| {
        let products = (0..50).map(|n| product(&format!("made-up-{n}"))).collect();
        RollCall { server: server("a"), number, products, licenses: number % 2 == 0 }
    };
    let calls = (1..200).map(call).collect();
    vec![
        ("all its nodes are gone", Ignored, vec![say(RecoveryWord::Rows(back))]),
        ("who is below it", Ignored, vec![say(below)]),
        ("what it never stated is booked", Ignored, vec![say(stated)]),
        ("it holds", Ignored, vec![say(RecoveryWord::YouHold { product: product("tool") })]),
        ("a statement", Ignored, vec![say(statement)]),
        ("200 roll calls", Own, vec![to_neighbour(Body::Recovery(RecoveryWord::RollCalls(calls)))]),
    ]
}

fn neighbourly(incarnation: u64, version: u64) -> Vec<Row> {
    let say = |body| vec![to_neighbour(body)];
    let ack = |origin, incarnation| Body::ReportAck {
        stream: stream(origin, Table::Nodes),
        incarnation,
        have: MAX,
        settled: MAX,
    };
    let sources = (0..5_000).map(|n| (product(&format!("made-up-{n}")), server("k"))).collect();
    let (clock, license) = (Timestamp(MAX), Timestamp(MAX));
    let heard = Body::Heard { clock, open: true, trust: MAX, license, way: 0 };
    let elsewhere = Body::Resume { way: MAX };
    let compared = |what| {
        let stream = stream("k", Table::Nodes);
        Body::Reconcile(Reconcile { stream, incarnation, version, what })
    };
    let differ = |n: u64| to_neighbour(compared(Compared::Buckets(vec![n; BUCKETS])));
    let one = row(RowName::Device(DeviceNumber(1)), 9, RowBody::Gone);
    let batch = lictree::model::report::ReportBatch {
        stream: stream("k", Table::Nodes),
        incarnation,
        after: 0,
        upto: 9,
        complete: true,
        rows: vec![
            one,
            row(RowName::Product(product("tool")), 9, RowBody::Figures(Figures::default())),
        ],
    };
    let cut = Cut("a neighbour does not send");
    vec![
        ("it has rows that there are not", Ignored, say(ack("k", incarnation))),
        ("it has rows of another data set", Ignored, say(ack("k", 5))),
        ("it has rows of another", Ignored, say(ack("s", 5))),
        ("5,000 sources", Ignored, say(Body::Sources(sources))),
        ("clocks at the end of time", Ignored, say(heard)),
        ("another way: it says anew what it uses", Own, say(elsewhere)),
        ("its rows are others, 300 times", Ignored, (0..300).map(differ).collect()),
        ("too few parts of rows", Ignored, say(compared(Compared::Buckets(vec![1; 3])))),
        ("rows of the child's own", cut, say(Body::Report(batch))),
        ("a question from above", cut, say(Body::AttachHello)),
    ]
}

/// k with a node of its own that uses a license of a, and licenses of its own.
fn grown() -> (Tree, Cast) {
    let mut tree = Tree::new(Tuning { products_max: 20, ..Tuning::default() }, Disks::default());
    for command in GROWN {
        tree.run(command);
    }
    for command in ["authorize k force of key", "register k S-9 5 product=key"] {
        let answer = tree.run(command);
        assert!(!answer.contains("refused"), "{command}: {answer}");
    }
    let cast = rogue_in(&mut tree, &BELOW_THE_PRIMARY);
    (tree, cast)
}

fn all(tree: &Tree, cast: &Cast) -> Vec<Row> {
    let server = &tree.state("k").server;
    let attach = server.attach.expect("it is attached");
    let (incarnation, version) = (server.founding.incarnation, server.nodes_version);
    [levels(attach), answers(cast), recoveries(cast), neighbourly(incarnation, version)].concat()
}

/// Whatever is kept for roll calls and products has a limit, and comes to no more than this.
const MORE_MAX: usize = 1 << 20;

/// Tells a lie; what is wrong with what came of it.
fn tell(tree: &mut Tree, outcome: Outcome, letters: Vec<Letter>) -> Vec<String> {
    let seen = |tree: &Tree| {
        let looked_at = ["a", "b", "c", "e", "q", "s", "k"].into_iter();
        let looked_at = looked_at.filter(|at| *at != "k" || outcome != Own);
        let dump = |at| (at, dump::of(tree.state(at), &[], Depth::All));
        looked_at.map(dump).collect::<Vec<_>>()
    };
    let (before, size) = (seen(tree), dump::size(tree.engine("k")));
    let told = lines(tree, "k").len();
    letters.into_iter().for_each(|letter| tree.deliver("r", "k", letter));
    let mut wrong = Vec::new();
    for ((at, before), (_, after)) in before.iter().zip(seen(tree)) {
        let changes = dump::changes(before, &after);
        wrong.extend(changes.into_iter().map(|change| format!("at {at}: {change}")));
    }
    let more = dump::size(tree.engine("k")).saturating_sub(size);
    if more > MORE_MAX {
        wrong.push(format!("{more} more in mind"));
    }
    let (events, closed) = (lines(tree, "k").split_off(told), tree.take_closed());
    let right = match outcome {
        Named(kind) => events.iter().any(|(of, text)| of == kind && text.contains("r says")),
        Cut(word) => closed.iter().any(|(at, why)| at.as_str() == "k" && why.contains(word)),
        _ => closed.is_empty(),
    };
    if !right || events.len() > 3 {
        wrong.push(format!("it ends as {closed:?}, with the lines {events:?}"));
    }
    wrong.extend(broken(tree));
    for request in [Request::Ranges, Request::Status, Request::Servers] {
        // One that shares shows no range.
        match tree.ask("k", request) {
            Answer::Refused(refusal) if refusal.code != "LT0603" => wrong.push(refusal.to_string()),
            _ => {}
        }
    }
    wrong
}

#[test]
fn a_parent_that_lies_to_its_child_changes_nothing_elsewhere() {
    let mut wrong = Vec::new();
    let mut stage = Some(grown());
    let lies = stage.as_ref().map_or(0, |(tree, cast)| all(tree, cast).len());
    for number in 0..lies {
        let (mut tree, cast) = stage.take().unwrap_or_else(grown);
        let (what, outcome, letters) = all(&tree, &cast).swap_remove(number);
        let found = tell(&mut tree, outcome, letters);
        stage = (found.is_empty() && outcome == Ignored).then_some((tree, cast));
        wrong.extend(found.into_iter().map(|found| format!("{what}: {found}")));
    }
    println!("{lies} lies to a child");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
