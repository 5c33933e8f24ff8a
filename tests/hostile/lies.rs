//! The lies that a relay can tell whoever is above it, each with what must come of it.

use crate::cast::{Cast, account, lower_holder, product, row, server, stream, to_neighbour, up};
use lictree::model::account::{PackPart, Verdict, Want, Wish};
use lictree::model::count::LicenseCount;
use lictree::model::device::{Device, DeviceNumber};
use lictree::model::edge::{AttachId, DataSet, EdgeReport, Level};
use lictree::model::enrolment::{CertificateAsk, InviteId, JoinAsk, RenewAsk};
use lictree::model::letter::{Address, Body, Letter};
use lictree::model::moving::{MoveAnswer, MoveAsk, Sought};
use lictree::model::reconcile::{Compared, Reconcile, Refill};
use lictree::model::recovery::{NO_CALL, RecoveryWord, RollCall};
use lictree::model::report::{Figures, RowBody, RowName, Table};
use lictree::model::time::Timestamp;
use lictree::simulator::authority;

/// What must come of a lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is provably wrong: an event of this kind names the rogue, and nothing changes.
    Named(&'static str),
    /// The connection ends with these words, which the daemon puts into the event log.
    Cut(&'static str),
    /// It may be a late copy, or the word of somebody who has just moved; or all that it brings is
    /// an answer. Nothing changes.
    Ignored,
    /// It says something of the rogue itself, or of those below it: only that changes.
    Own,
    /// The same; and uses that it brings for others count in the range that it shares with them,
    /// because those of a site that has moved away come just so. None of theirs ends or is other.
    Brings,
}

use Outcome::{Brings, Cut, Ignored, Named, Own};

/// One lie.
pub struct Lie {
    pub what: &'static str,
    pub outcome: Outcome,
    pub letters: Vec<Letter>,
}

const PLACE: Outcome = Named("place.refused");
const ROWS: Outcome = Named("rows.refused");
const WORD: Outcome = Named("word.refused");
const EDGE: Outcome = Named("edge.refused");
const ATTACH: Outcome = Named("server.attach-refused");

/// All of them, as this cast tells them.
pub fn all(cast: &Cast) -> Vec<Lie> {
    let parts = [
        counts(cast),
        attachments(cast),
        wishes(cast),
        routes(cast),
        turns(cast),
        packs(cast),
        rows(cast),
        bad_rows(cast),
        places(cast),
        claims(cast),
        certificates(cast),
        moves(cast),
        recoveries(cast),
        downward(cast),
        neighbourly(cast),
    ];
    let lie = |(what, outcome, letters)| Lie { what, outcome, letters };
    parts.into_iter().flatten().map(lie).collect()
}

type Row = (&'static str, Outcome, Vec<Letter>);

fn counts(cast: &Cast) -> Vec<Row> {
    let right = cast.counts;
    let says = |report| cast.counts(cast.held, report);
    let attach = |attach| {
        let (product, report) = (product(cast.held), EdgeReport { returned: 1, ..right });
        Body::EdgeReport { attach, product, report }
    };
    let old = AttachId { counter: 0, ..cast.attach };
    let made_up = AttachId { counter: u64::MAX, random: u64::MAX };
    let seen = |granted_seen, returned| EdgeReport { granted_seen, returned, ..right };
    vec![
        ("more was granted than ever was", EDGE, says(seen(right.granted_seen + 1, 0))),
        ("more was returned than came", EDGE, says(seen(0, 1))),
        ("all numbers at their end", EDGE, says(seen(u64::MAX, u64::MAX))),
        ("it forgot what it confirmed", Ignored, says(seen(0, 0))),
        ("a version that was never said", EDGE, says(EdgeReport { version: u64::MAX, ..right })),
        ("another epoch", Ignored, says(EdgeReport { epoch: u64::MAX, ..right })),
        ("it holds nothing", Ignored, says(EdgeReport { holds: false, ..right })),
        ("it declines without leave", Ignored, says(EdgeReport { declined: true, ..right })),
        ("counts of what it shares", EDGE, cast.counts(cast.shared, seen(5, 5))),
        ("counts of no product", EDGE, cast.counts("nothing", seen(5, 0))),
        ("counts under an old attachment", Ignored, cast.own(attach(old))),
        ("counts under a made-up attachment", Ignored, cast.own(attach(made_up))),
        ("a sibling's counts", Ignored, cast.by(&[cast.sibling, cast.rogue], attach(cast.attach))),
    ]
}

fn attachments(cast: &Cast) -> Vec<Row> {
    let (own, theirs) = (cast.incarnation, cast.sibling_incarnation);
    let held = |report| vec![(product(cast.held), report)];
    let right = held(cast.counts);
    let too_many = held(EdgeReport { granted_seen: u64::MAX, ..cast.counts });
    let nothing_of = vec![(product("nothing"), EdgeReport { granted_seen: 1, ..cast.counts })];
    let request = |nonce| Body::AttachRequest {
        nonce,
        data: DataSet { incarnation: own, ..DataSet::default() },
        versions: vec![],
        edges: vec![],
    };
    let as_sibling = &[cast.sibling, cast.rogue][..];
    let backwards = held(EdgeReport { returned: 9, granted_seen: 1, ..cast.counts });
    let twice = [cast.attaches(own, 0, right.clone()), cast.attaches(own, 0, vec![])].concat();
    // With nothing granted to it, its data may be another.
    let other = if cast.holds() { ATTACH } else { Own };
    vec![
        ("a challenge that was never made", Ignored, cast.own(request(1))),
        ("a sibling is greeted", Ignored, cast.by(as_sibling, Body::AttachHello)),
        ("a sibling attaches", Ignored, cast.by(as_sibling, request(cast.nonce))),
        ("it attaches with a sibling's data", other, cast.attaches(theirs, 0, right.clone())),
        ("its data continues a sibling's", other, cast.attaches(5, theirs, right)),
        ("it attaches with counts never given", ATTACH, cast.attaches(own, 0, too_many)),
        ("it attaches with counts of nothing", ATTACH, cast.attaches(own, 0, nothing_of)),
        ("it attaches and returned what never came", ATTACH, cast.attaches(own, 0, backwards)),
        ("one challenge is answered twice", Own, twice),
        ("it knows less of its rows than it said", Ignored, cast.own(request(cast.nonce))),
    ]
}

fn wish(device: u64, number: u64, want: Want) -> Wish {
    Wish { device: DeviceNumber(device), number, want }
}

fn releases(of: &str, floor: u64) -> Body {
    let wishes = (1..=9).map(|device| wish(device, u64::MAX - 1, Want::Release)).collect();
    Body::Wishes { product: product(of), floor, wishes }
}

fn wishes(cast: &Cast) -> Vec<Row> {
    let (rogue, shared) = (cast.rogue, cast.shared);
    let by = |route: &[&str]| cast.to_holder(shared, route, releases(shared, u64::MAX));
    let manage = |of: &str, floor| Body::Wishes {
        product: product(of),
        floor,
        wishes: vec![wish(u64::MAX, u64::MAX, Want::Manage)],
    };
    vec![
        ("it ends a sibling's uses", Ignored, by(&[cast.sibling, rogue])),
        ("it ends the uses of one far away", Ignored, by(&[cast.far, rogue])),
        ("it ends the uses of nobody", Ignored, by(&["nobody", rogue])),
        ("it ends uses by a sibling's numbers", Own, by(&[rogue])),
        ("a wish at the end of all numbers", Own, cast.to_source(manage(shared, u64::MAX))),
        ("a wish for no product", Own, cast.to_holder("nothing", &[rogue], manage("nothing", 0))),
        (
            "uses of what it holds itself",
            if cast.holds() { Ignored } else { Own },
            cast.to_holder(cast.held, &[rogue], manage(cast.held, 0)),
        ),
    ]
}

fn routes(cast: &Cast) -> Vec<Row> {
    let rogue = cast.rogue;
    let by = |route: &[&str]| cast.to_holder(cast.shared, route, releases(cast.shared, 0));
    let long = vec![rogue; 70];
    vec![
        ("by the primary", Cut("has passed this server"), by(&[cast.parent, rogue])),
        ("by a sibling", PLACE, by(&[rogue, cast.sibling, rogue])),
        ("by one far away", PLACE, by(&[rogue, cast.far, rogue])),
        ("one below it, by a sibling", PLACE, by(&[cast.child, cast.sibling, rogue])),
        ("one below it, by nobody", Ignored, by(&[cast.child, "nobody", rogue])),
        ("by nobody and itself", PLACE, by(&[rogue, "nobody", rogue])),
        ("by itself twice", PLACE, by(&[rogue, rogue])),
        ("by seventy servers", PLACE, by(&long)),
        ("by a sibling at last", Cut("who passed it on"), by(&[rogue, cast.sibling])),
        ("by nobody at all", Cut("who passed it on"), by(&[])),
    ]
}

fn turns(cast: &Cast) -> Vec<Row> {
    let (rogue, shared) = (cast.rogue, cast.shared);
    let take = |of: &str, cycle| Body::TakeOver { product: product(of), cycle };
    let booked = |of: &str, cycle| Body::HandoverBooked { product: product(of), cycle };
    let to = |of: &str, route: &[&str], body| cast.to_holder(of, route, body);
    let as_sibling = &[cast.sibling, rogue][..];
    vec![
        ("it takes over at the end of all turns", Own, cast.to_source(take(shared, u64::MAX))),
        ("it takes over what it may not hold", Own, cast.to_source(take(shared, 1))),
        ("it takes over turn 0", Ignored, cast.to_source(take(shared, 0))),
        ("it takes over no product", Ignored, to("nothing", &[rogue], take("nothing", 1))),
        ("a sibling takes over", Ignored, to(shared, as_sibling, take(shared, u64::MAX))),
        (
            "it takes over by a sibling",
            PLACE,
            to(shared, &[rogue, cast.sibling, rogue], take(shared, 1)),
        ),
        ("a sibling has its uses", Ignored, cast.by(as_sibling, booked(shared, u64::MAX))),
        ("it has uses it never asked for", Own, cast.own(booked(shared, u64::MAX))),
        ("it has uses of no product", Ignored, cast.own(booked("nothing", u64::MAX))),
    ]
}

fn packs(cast: &Cast) -> Vec<Row> {
    const MAX: u64 = u64::MAX;
    let (rogue, sibling, shared) = (cast.rogue, cast.sibling, cast.shared);
    let granted = |number| (number, Verdict::Granted);
    let released = (MAX, Verdict::Released);
    let first = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    let with = |account| cast.yields(5, vec![account], vec![]);
    let cuts = |relay| cast.yields(5, vec![], vec![lower_holder(relay)]);
    let own = || account(rogue, (MAX, MAX), &[1_000, 1_001], granted(MAX));
    let piece = || cast.pack(shared, 5, vec![], vec![]);
    let part = |part, parts| cast.to_source(Body::Yield(PackPart { part, parts, piece: piece() }));
    let mut forged = piece();
    (forged.giver, forged.relay) = (server(sibling), server(sibling));
    let forged = Body::Yield(PackPart { part: 0, parts: 1, piece: forged });
    let mut nothing = piece();
    nothing.product = product("nothing");
    let nothing = Body::Yield(PackPart { part: 0, parts: 1, piece: nothing });
    let whole = Body::Yield(PackPart { part: 0, parts: 1, piece: piece() });
    let as_sibling = &[sibling, rogue][..];
    vec![
        ("it ends uses of a sibling", Own, with(account(sibling, (0, 0), &first, released))),
        (
            "it states that a sibling uses nothing",
            Own,
            with(account(sibling, (0, MAX), &[], released)),
        ),
        ("a sibling has heard all answers", Own, with(account(sibling, (MAX, 0), &[], released))),
        (
            "a sibling uses one it never had",
            Brings,
            with(account(sibling, (MAX, MAX), &[900], granted(MAX))),
        ),
        (
            "a sibling uses those to come",
            Brings,
            with(account(sibling, (0, 0), &first, granted(MAX))),
        ),
        ("one far away uses nothing", Own, with(account(cast.far, (MAX, MAX), &first, released))),
        (
            "one far away uses much",
            Brings,
            with(account(cast.far, (MAX, MAX), &first, granted(MAX))),
        ),
        (
            "the primary uses nothing",
            Own,
            with(account(cast.primary, (MAX, MAX), &first, released)),
        ),
        (
            "the one above uses nothing",
            Own,
            with(account(cast.parent, (MAX, MAX), &first, released)),
        ),
        ("it used what it never had", Own, with(own())),
        ("it yields turn 0", Own, cast.yields(0, vec![own()], vec![])),
        ("it yields the last of all turns", Own, cast.yields(MAX, vec![own()], vec![])),
        ("a sibling holds by itself", Own, cuts(sibling)),
        ("one far away holds by itself", Own, cuts(cast.far)),
        ("the primary holds below it", Own, cuts(cast.primary)),
        ("a sibling yields", Ignored, cast.to_holder(shared, as_sibling, whole)),
        ("it yields for a sibling", WORD, cast.to_source(forged)),
        ("it yields no product", Ignored, cast.to_holder("nothing", &[rogue], nothing)),
        ("a pack of no parts", WORD, part(0, 0)),
        ("a part behind the last", WORD, part(1, 1)),
        ("a pack of too many parts", Ignored, part(0, u32::MAX)),
    ]
}

fn figures(number: u64) -> RowBody {
    let count = LicenseCount(number);
    RowBody::Figures(Figures {
        registered: count,
        held: count,
        used: count,
        managed: count,
        granted_seen: number,
        returned: number,
        ..Figures::default()
    })
}

fn of_product(text: &str) -> RowName {
    RowName::Product(product(text))
}

fn rows(cast: &Cast) -> Vec<Row> {
    let one = |number| vec![row(of_product(cast.shared), 1_000, figures(number))];
    let own = |range, rows| cast.batch(cast.rogue, Table::Figures, range, rows);
    let named = |origin| cast.reports(origin, Table::Figures, one(7));
    // Of those elsewhere only the primary knows.
    let far = if cast.parent == cast.primary { ROWS } else { Ignored };
    let offer = |origin| {
        let (stream, incarnation) = (stream(origin, Table::Nodes), 99);
        vec![to_neighbour(Body::ReportOffer { stream, incarnation, version: 9 })]
    };
    let refill = |origin, version| {
        let rows = vec![row(of_product(cast.shared), 9, figures(7))];
        let what = Compared::Refill(Refill { bucket: 0, after: None, upto: None, rows });
        let (stream, incarnation) = (stream(origin, Table::Figures), cast.incarnation);
        vec![to_neighbour(Body::Reconcile(Reconcile { stream, incarnation, version, what }))]
    };
    vec![
        ("a sibling's figures", ROWS, named(cast.sibling)),
        ("figures of one far away", far, named(cast.far)),
        ("the figures of whom it is told to", ROWS, named(cast.parent)),
        ("figures of nobody", Ignored, named("nobody")),
        ("a sibling has no nodes", ROWS, cast.reports(cast.sibling, Table::Nodes, vec![])),
        ("a sibling's data is another", ROWS, offer(cast.sibling)),
        ("a sibling's rows are others", ROWS, refill(cast.sibling, 1)),
        ("its rows are others at no version", Ignored, refill(cast.rogue, 1)),
        ("figures at the end of all numbers", Own, own((0, 1_000), one(u64::MAX))),
        ("rows behind a gap", Ignored, own((900, 1_000), one(7))),
        ("its rows are at the end of all numbers", Own, own((0, u64::MAX - 1), vec![])),
    ]
}

fn bad_rows(cast: &Cast) -> Vec<Row> {
    let nodes = |range, rows| cast.batch(cast.rogue, Table::Nodes, range, rows);
    let device = |device| RowBody::Device(Box::new(device));
    let one = |version, body| vec![row(RowName::Device(DeviceNumber(1)), version, body)];
    let wide = Device { addresses: vec!["10.0.0.1".parse().unwrap(); 65], ..Device::default() };
    let named = Device { host_name: Some("x".repeat(256)), ..Device::default() };
    let other = vec![row(of_product(cast.shared), 9, figures(7))];
    let many = vec![one(9, RowBody::Gone)[0].clone(); 100_000];
    vec![
        ("figures among nodes", ROWS, nodes((0, 1_000), other)),
        ("a row of a later version", ROWS, nodes((0, 8), one(9, RowBody::Gone))),
        ("a row of an earlier version", ROWS, nodes((9, 20), one(9, RowBody::Gone))),
        ("rows up to before they begin", ROWS, nodes((9, 8), vec![])),
        ("rows up to the end of all numbers", ROWS, nodes((0, u64::MAX), vec![])),
        ("a node with 65 addresses", ROWS, nodes((0, 1_000), one(9, device(wide)))),
        ("a host name of 256 bytes", ROWS, nodes((0, 1_000), one(9, device(named)))),
        ("100,000 rows of one node", Own, nodes((0, 1_000), many)),
    ]
}

fn places(cast: &Cast) -> Vec<Row> {
    let (rogue, parent, sibling, far) = (cast.rogue, cast.parent, cast.sibling, cast.far);
    let is = |name: &str, above: &str, route: &[&str]| cast.says_it_is(name, above, route);
    let not_it = Cut("not of the server it came from");
    let presence = || cast.presence(rogue, parent);
    let own = |presence| cast.own(Body::Presence(presence));
    let mut absurd = presence();
    absurd.versions = vec![(Table::Figures, u64::MAX), (Table::Nodes, u64::MAX)];
    (absurd.interval_ms, absurd.clock, absurd.trust) = (u64::MAX, Timestamp(u64::MAX), u64::MAX);
    let mut kept = presence();
    (kept.kept_ms, kept.interval_ms) = (u64::MAX, 0);
    let deep: Vec<String> = (0..70).map(|level| format!("deep-{level}")).collect();
    let deep: Vec<&str> = deep.iter().map(String::as_str).chain([rogue]).collect();
    vec![
        ("it is a sibling", not_it, is(sibling, parent, &[rogue])),
        ("it is below a sibling", not_it, is(rogue, sibling, &[rogue])),
        ("it is below itself", PLACE, is(rogue, rogue, &[rogue, rogue])),
        ("a sibling is below it", Ignored, is(sibling, rogue, &[sibling, rogue])),
        ("one far away is below it", Ignored, is(far, rogue, &[far, rogue])),
        ("the one above is below it", Cut("has passed this"), is(parent, rogue, &[parent, rogue])),
        ("somebody is below a sibling", PLACE, is("east", sibling, &["east", sibling, rogue])),
        ("somebody is below nobody", Ignored, is("east", "nobody", &["east", "nobody", rogue])),
        ("one on level 72", PLACE, is(deep[0], deep[1], &deep)),
        ("absurd times of its own", Own, own(absurd)),
        ("a word that is as old as can be", Ignored, own(kept)),
    ]
}

fn claims(cast: &Cast) -> Vec<Row> {
    let claim = |serial: &str| Body::Claim { serial: serial.parse().unwrap() };
    let as_sibling = &[cast.sibling, cast.rogue][..];
    vec![
        ("it claims what the primary has registered", Ignored, cast.own(claim("S-1"))),
        ("a sibling claims", Ignored, cast.by(as_sibling, claim("S-9"))),
        ("it claims what nobody made", Own, cast.own(claim("S-9"))),
    ]
}

fn certificates(cast: &Cast) -> Vec<Row> {
    let certificate = authority::certificate(&server(cast.sibling), 0, &[1], None);
    let (request, signature) = (authority::request(7), vec![1]);
    let renew = Body::CertificateAsk {
        ticket: u64::MAX,
        ask: CertificateAsk::Renew(RenewAsk { certificate, request, signature }),
    };
    let (exporter, proof) = ([1; 32], [1; 32]);
    let (invite, request) = (InviteId(u64::MAX), authority::request(7));
    let join = CertificateAsk::Join(JoinAsk { invite, exporter, request, had: u64::MAX, proof });
    let join = Body::CertificateAsk { ticket: 0, ask: join };
    let refused = Named("certificate.refused");
    vec![
        ("it renews a sibling's certificate", refused, cast.own(renew.clone())),
        ("a sibling renews", Ignored, cast.by(&[cast.sibling, cast.rogue], renew)),
        ("somebody has a code nobody made", Ignored, cast.own(join)),
    ]
}

fn moves(cast: &Cast) -> Vec<Row> {
    let ask = |of: &str, count: usize| {
        let macs = vec!["00:1b:21:00:00:01".parse().unwrap()];
        let (number, device) = (u64::MAX, DeviceNumber(1));
        let sought = Sought { number, device, version: u64::MAX, macs, node: None };
        Body::MoveAsk(MoveAsk {
            ticket: u64::MAX,
            incarnation: cast.sibling_incarnation,
            server: server(of),
            after: DeviceNumber(u64::MAX),
            sought: vec![sought; count],
        })
    };
    vec![
        ("a sibling's nodes move", Ignored, cast.by(&[cast.sibling, cast.rogue], ask("a", 1))),
        ("nodes that it has not move to a sibling", Ignored, cast.own(ask(cast.sibling, 1))),
        ("5,000 nodes move to nobody", Ignored, cast.own(ask("nobody", 5_000))),
    ]
}

fn recoveries(cast: &Cast) -> Vec<Row> {
    const MAX: u64 = u64::MAX;
    let (rogue, sibling, shared) = (cast.rogue, cast.sibling, cast.shared);
    let say = |word| Body::Recovery(word);
    let states = |call, origin, stated| {
        let account = account(origin, (stated, stated), &[7], (stated, Verdict::Granted));
        let piece = cast.pack(shared, stated, vec![account], vec![lower_holder(origin)]);
        say(RecoveryWord::Statement { call, part: PackPart { part: 0, parts: 1, piece } })
    };
    let mut nothing = cast.pack("nothing", 1, vec![], vec![]);
    nothing.accounts = vec![account(rogue, (1, 1), &[7], (1, Verdict::Granted))];
    let nothing = PackPart { part: 0, parts: 1, piece: nothing };
    let nothing = say(RecoveryWord::Statement { call: NO_CALL, part: nothing });
    let ask = |former| say(RecoveryWord::RowsAsk { data: 0, former, after: DeviceNumber(0) });
    let below = say(RecoveryWord::BelowAsk { after: None });
    let registered = say(RecoveryWord::Registered { serials: vec!["R-1".parse().unwrap()] });
    let as_sibling = &[sibling, rogue][..];
    vec![
        ("it answers a call that nobody made", Ignored, cast.to_source(states(MAX, rogue, MAX))),
        ("it answers so for a sibling", Ignored, cast.to_source(states(MAX, sibling, MAX))),
        ("it states the uses of a sibling", Own, cast.to_source(states(NO_CALL, sibling, MAX))),
        ("it states uses at the last number", Own, cast.to_source(states(NO_CALL, rogue, MAX))),
        (
            "a sibling states",
            Ignored,
            cast.to_holder(shared, as_sibling, states(NO_CALL, sibling, MAX)),
        ),
        ("it states uses of no product", Ignored, cast.to_holder("nothing", &[rogue], nothing)),
        ("it asks for a sibling's nodes", Ignored, cast.own(ask(cast.sibling_incarnation))),
        (
            "a sibling asks for its nodes",
            Ignored,
            cast.by(as_sibling, ask(cast.sibling_incarnation)),
        ),
        ("it asks who is below a sibling", Ignored, cast.by(as_sibling, below)),
        ("licenses are registered there, it says unasked", Ignored, cast.own(registered)),
    ]
}

/// Words that only ever go down.
fn downward(cast: &Cast) -> Vec<Row> {
    let (shared, attach) = (cast.shared, cast.attach);
    let of = || product(shared);
    let level = Level { granted: u64::MAX, ..Level::default() };
    let stated = RecoveryWord::Stated { product: of(), call: NO_CALL, number: u64::MAX };
    let rows_below = RecoveryWord::Below { after: None, servers: vec![], more: true };
    let piece = cast.pack(shared, 1, vec![], vec![]);
    let handover = Body::Handover(PackPart { part: 0, parts: 1, piece });
    let moved = MoveAnswer {
        ticket: 0,
        server: server(cast.sibling),
        known: true,
        next: None,
        reached: vec![],
        missing: vec![],
    };
    let below =
        up(Address::Below(server(cast.sibling)), &[cast.rogue], Body::Challenge { nonce: 1 });
    vec![
        (
            "it tells the primary a level",
            WORD,
            cast.own(Body::Level { attach, product: of(), level }),
        ),
        ("it challenges the primary", WORD, cast.own(Body::Challenge { nonce: 1 })),
        (
            "the primary is attached",
            WORD,
            cast.own(Body::Attached { nonce: 1, data: 1, attach, levels: vec![], generation: 0 }),
        ),
        (
            "it answers wishes of the primary",
            WORD,
            cast.own(Body::Verdicts { product: of(), verdicts: vec![] }),
        ),
        ("it hands over to its source", WORD, cast.to_source(handover)),
        (
            "it booked what the primary yields",
            WORD,
            cast.own(Body::YieldBooked { product: of(), cycle: 1 }),
        ),
        (
            "a serial is nobody's",
            WORD,
            cast.own(Body::Claimed { serial: "S-1".parse().unwrap(), by: None }),
        ),
        ("nodes of the primary have moved", WORD, cast.own(Body::MoveAnswer(moved))),
        ("it booked what its source states", WORD, cast.to_source(Body::Recovery(stated))),
        (
            "its source holds",
            WORD,
            cast.to_source(Body::Recovery(RecoveryWord::YouHold { product: of() })),
        ),
        ("who is below the primary", WORD, cast.own(Body::Recovery(rows_below))),
        ("a letter down to a sibling", Ignored, vec![below]),
    ]
}

/// Words that a parent says to a neighbour, and not a child.
fn neighbourly(cast: &Cast) -> Vec<Row> {
    let say = |body| vec![to_neighbour(body)];
    let cut = Cut("a neighbour does not send");
    let sources = vec![(product(cast.shared), server(cast.rogue))];
    let ack = |origin| Body::ReportAck {
        stream: stream(origin, Table::Nodes),
        incarnation: 1,
        have: u64::MAX,
        settled: u64::MAX,
    };
    let (caller, products) = (server(cast.rogue), vec![product(cast.shared)]);
    let call = RollCall { server: caller, number: 9, products, licenses: true };
    let (clock, license) = (Timestamp(0), Timestamp(0));
    let heard = Body::Heard { clock, open: false, trust: u64::MAX, license, way: 0 };
    vec![
        ("the way up is open", cut, say(Body::Resume { way: 0 })),
        ("it is the source of its source", cut, say(Body::Sources(sources))),
        ("its source has no way up", cut, say(heard)),
        ("it has rows of a sibling", cut, say(ack(cast.sibling))),
        ("it calls its source", cut, say(Body::Recovery(RecoveryWord::RollCalls(vec![call])))),
    ]
}
