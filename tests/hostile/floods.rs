//! The same lie without end: what a server keeps in mind comes to an end, and so do its lines.

use crate::cast::{Cast, account, lower_holder, product, row, server, up};
use crate::dump;
use crate::telling::{BELOW_THE_PRIMARY, grown_with, idle_hands, lines};
use lictree::model::account::{PackPart, Verdict, Want, Wish};
use lictree::model::device::DeviceNumber;
use lictree::model::edge::EdgeReport;
use lictree::model::enrolment::{CertificateAsk, RenewAsk};
use lictree::model::letter::{Address, Body, Letter, Presence};
use lictree::model::recovery::{NO_CALL, RecoveryWord};
use lictree::model::report::{Figures, RowBody, RowName, Table};
use lictree::model::tuning::Tuning;

/// Letters of one flood, and again as many.
const LETTERS: u64 = 600;
/// What a second flood of the same may still add, in bytes as `dump::size` writes them, and as the
/// allocator counts them: lines of the event log, and room that lists have grown into.
const WRITTEN_MAX: usize = 24 << 10;
const KEPT_MAX: i64 = 192 << 10;
/// Lines of the event log, of both floods.
const LINES_MAX: usize = 60;

fn small() -> Tuning {
    Tuning {
        products_max: 20,
        claims_max: 60,
        licenses_max: 20,
        servers_max: 60,
        devices_max: 200,
        report_rows_max: 16,
        packs_gathered_max: 2,
        pack_parts_max: 16,
        pack_bytes_max: 64 << 10,
        events_kept: 500,
        ..Tuning::default()
    }
}

/// The letters of a flood with that number.
type Flood = fn(&Cast, u64) -> Vec<Letter>;

const FLOODS: [(&str, Flood); 18] = [
    ("wishes for products", |cast, n| {
        let (product, wishes) = (named(n), vec![manage(n)]);
        let to = Address::Holder(product.clone());
        vec![up(to, &[cast.rogue], Body::Wishes { product, floor: 0, wishes })]
    }),
    ("wishes for nodes", |cast, n| {
        let (product, wishes) = (product(cast.shared), vec![manage(n)]);
        cast.to_source(Body::Wishes { product, floor: 0, wishes })
    }),
    ("products taken over", |cast, n| cast.own(Body::TakeOver { product: named(n), cycle: 1 })),
    ("products that it has", |cast, n| {
        cast.own(Body::HandoverBooked { product: named(n), cycle: n })
    }),
    ("products given back", |cast, n| {
        let mut piece = cast.pack(cast.shared, 1, vec![], vec![]);
        piece.product = named(n);
        cast.own(Body::Yield(PackPart { part: 0, parts: 1, piece }))
    }),
    ("uses of servers that do not exist", |cast, n| {
        let origin = format!("ghost-{n}");
        cast.yields(n, vec![account(&origin, (0, 0), &[n], (1, Verdict::Granted))], vec![])
    }),
    ("uses of a sibling", |cast, n| {
        let theirs = account(cast.sibling, (0, 0), &[1_000 + n], (1, Verdict::Granted));
        cast.yields(n, vec![theirs], vec![])
    }),
    ("lower holders", |cast, n| cast.yields(n, vec![], vec![lower_holder(&format!("ghost-{n}"))])),
    ("parts of packs that end never", |cast, n| {
        let held = if n % 2 == 0 { cast.held } else { cast.shared };
        let piece = cast.pack(held, n, vec![], vec![lower_holder(&format!("ghost-{n}"))]);
        cast.own(Body::Yield(PackPart { part: 0, parts: 2, piece }))
    }),
    ("statements", |cast, n| {
        let uses = account(cast.rogue, (1, 1), &[n], (2, Verdict::Granted));
        let piece = cast.pack(cast.shared, 1, vec![uses], vec![]);
        let part = PackPart { part: 0, parts: 1, piece };
        cast.to_source(Body::Recovery(RecoveryWord::Statement { call: NO_CALL, part }))
    }),
    ("claims", |cast, n| cast.own(Body::Claim { serial: format!("X-{n}").parse().unwrap() })),
    ("servers below it", |cast, n| {
        let name = format!("ghost-{n}");
        cast.says_it_is(&name, cast.rogue, &[&name, cast.rogue])
    }),
    ("a server that moves about", |cast, n| match n % 2 {
        0 => cast.says_it_is("ghost", cast.rogue, &["ghost", cast.rogue]),
        _ => cast.says_it_is("ghost", cast.child, &["ghost", cast.child, cast.rogue]),
    }),
    ("figures of products", |cast, n| {
        let one = row(RowName::Product(named(n)), n, RowBody::Figures(Figures::default()));
        cast.batch(cast.rogue, Table::Figures, (n - 1, n), vec![one])
    }),
    ("nodes", |cast, n| {
        let one = row(RowName::Device(DeviceNumber(n)), n, RowBody::Device(Box::default()));
        cast.batch(cast.rogue, Table::Nodes, (n - 1, n), vec![one])
    }),
    ("counts never given", |cast, n| {
        cast.counts(cast.held, EdgeReport { granted_seen: 1_000 + n, ..cast.counts })
    }),
    ("licenses back, and up again", |cast, n| {
        let (granted_seen, returned) = (cast.counts.granted_seen + n - 1, n);
        cast.counts(cast.held, EdgeReport { granted_seen, returned, ..cast.counts })
    }),
    ("asks for certificates, and to attach", |cast, n| {
        let (certificate, request, signature) = (vec![1], n.to_le_bytes().to_vec(), vec![1]);
        let ask = CertificateAsk::Renew(RenewAsk { certificate, request, signature });
        let mut letters = cast.own(Body::CertificateAsk { ticket: n, ask });
        letters.extend(cast.own(Body::AttachHello));
        letters
    }),
];

const USES_UP: [&str; 4] =
    ["wishes for nodes", "uses of servers that do not exist", "uses of a sibling", "statements"];

fn named(n: u64) -> lictree::model::name::ProductName {
    product(&format!("made-up-{n}"))
}

fn manage(n: u64) -> Wish {
    Wish { device: DeviceNumber(1_000 + n), number: 1_800_000_000_000 + n, want: Want::Manage }
}

#[test]
fn no_flood_of_lies_fills_a_server() {
    let mut wrong = Vec::new();
    for (what, flood) in FLOODS {
        let (mut tree, cast) = grown_with(&BELOW_THE_PRIMARY, small());
        let before = lines(&tree, "a").len();
        let mut pour = |from: u64| {
            let letters = (from..from + LETTERS).flat_map(|n| flood(&cast, n)).collect();
            let seen = allocation_counter::measure(|| {
                tree.deliver_all(cast.rogue, cast.parent, letters);
                drop(tree.take_told());
                tree.run("pass 6");
            });
            (dump::size(tree.engine("a")), seen.bytes_current)
        };
        let (first, _) = pour(1);
        let (second, kept) = pour(1 + LETTERS);
        if second > first + WRITTEN_MAX || kept > KEPT_MAX {
            wrong.push(format!("{what}: {} more is known, {kept} bytes", second - first));
        }
        let written = lines(&tree, "a").len() - before;
        if written > LINES_MAX {
            wrong.push(format!("{what}: {written} lines"));
        }
        // What r uses itself, or says that others do, is taken out of what it shares with s.
        let workers = [("c", "node"), ("s", "tool")];
        let workers = if USES_UP.contains(&what) { &workers[..1] } else { &workers[..] };
        wrong
            .extend(idle_hands(&mut tree, workers).into_iter().map(|why| format!("{what}: {why}")));
        wrong.extend(others_work(&mut tree).into_iter().map(|why| format!("{what}: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What needs room that a flood may have taken: a serial, and a pack of uses.
fn others_work(tree: &mut crate::tree::Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    let steps = [
        ("authorize s force of local", "done"),
        ("register s S-3 5 product=local", "registered S-3 5"),
        ("withdraw b force of node", "done"),
        ("distribute b 10 force of node", "done"),
    ];
    for (step, expected) in steps {
        let answer = tree.run(step);
        if answer != expected {
            wrong.push(format!("{step}: {answer}"));
        }
    }
    wrong
}

/// A server whose word is good for a millisecond is away after each of them.
#[test]
fn a_server_that_comes_and_goes_leaves_few_lines() {
    let (mut tree, cast) = grown_with(&BELOW_THE_PRIMARY, Tuning::default());
    let before = lines(&tree, "a").len();
    for _ in 0..LINES_MAX {
        let presence = Presence { interval_ms: 1, ..cast.presence(cast.rogue, cast.parent) };
        tree.deliver_all(cast.rogue, cast.parent, cast.own(Body::Presence(presence)));
        tree.run("pass 1");
    }
    let written = lines(&tree, "a").split_off(before);
    let offline = written.iter().filter(|(kind, _)| kind == "server.offline").count();
    assert!((20..30).contains(&offline) && written.len() < 60, "{offline}: {written:?}");
}

#[test]
fn a_circle_of_servers_is_no_place() {
    let (mut tree, cast) = grown_with(&BELOW_THE_PRIMARY, Tuning::default());
    for letter in [
        cast.says_it_is("east", cast.child, &["east", cast.child, cast.rogue]),
        cast.says_it_is(cast.child, "east", &[cast.child, "east", cast.rogue]),
    ] {
        tree.deliver_all(cast.rogue, cast.parent, letter);
    }
    let parent = |name: &str| tree.state("a").met[&server(name)].parent.to_string();
    assert_eq!((parent("east"), parent(cast.child)), (cast.child.to_string(), "r".to_string()));
    assert!(lines(&tree, "a").iter().any(|(kind, _)| kind == "place.refused"));
}
