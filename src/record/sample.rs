//! One value of every kind, for the golden bytes: every field says something, no two the same.

use crate::model::account::{
    Account, Below, Entry, Pack, PackPart, Verdict, Want, Wish, WishVerdict,
};
use crate::model::clock::SeenTime;
use crate::model::command::{BookWishes, Command, Founding, SetHolding};
use crate::model::count::LicenseCount;
use crate::model::device::{Device, DeviceNumber, DeviceState, OpenWish, StateChange};
use crate::model::edge::{AttachId, DataSet, EdgeReport, Level};
use crate::model::enrolment::InviteId;
use crate::model::event::Event;
use crate::model::holding::{HoldingOption, Phase, Role};
use crate::model::moving::{Goal, MoveAnswer, MoveAsk, MovingCommand, OpenMove, Reached, Sought};
use crate::model::name::{NameError, ServerName};
use crate::model::reconcile::{Compared, Reconcile, Refill};
use crate::model::recovery::{RecoveryCommand, RowsBack};
use crate::model::report::{Figures, ReportBatch, ReportRow, RowBody, RowName, StreamId, Table};
use crate::model::row::{
    DeviceRow, EdgeRow, Enrolment, HoldingRow, LicenseRow, MetRow, OwnFiguresRow, Row, RowKey,
    ServerRow, StreamRow,
};
use crate::model::time::Timestamp;
use crate::record::arbitrary::outside;
use crate::record::{sample_clock, sample_enrolment, sample_recovery};
use std::str::FromStr;

/// A name, whatever of.
pub fn named<N: FromStr<Err = NameError>>(text: &str) -> N {
    text.parse().unwrap()
}

pub fn servers(names: &[&str]) -> Vec<ServerName> {
    names.iter().map(|name| named(name)).collect()
}

pub fn attach() -> AttachId {
    AttachId { counter: 12, random: 0x0123_4567_89ab_cdef }
}

pub fn level() -> Level {
    Level {
        option: HoldingOption::Distributed,
        version: 4,
        target: LicenseCount(300),
        epoch: 2,
        granted: 1_000,
        returned_seen: 70,
        confirm_within_days: 0,
    }
}

pub fn edge_report() -> EdgeReport {
    EdgeReport {
        version: 3,
        epoch: 2,
        granted_seen: 950,
        returned: 71,
        declined: true,
        holds: false,
        ..EdgeReport::default()
    }
}

pub fn wishes() -> Vec<Wish> {
    let wish = |device, number, want| Wish { device: DeviceNumber(device), number, want };
    vec![
        wish(17, 90, Want::Manage),
        wish(18, 91, Want::Release),
        wish(5, 400, Want::Manage),
        wish(u64::MAX, 0, Want::Manage),
    ]
}

pub fn verdicts() -> Vec<WishVerdict> {
    let verdict =
        |device, number, verdict| WishVerdict { device: DeviceNumber(device), number, verdict };
    vec![
        verdict(17, 90, Verdict::Granted),
        verdict(18, 91, Verdict::Released),
        verdict(5, 400, Verdict::RangeFull),
    ]
}

pub fn account() -> Account {
    let entries = [(17, 90, Verdict::Granted), (300, 91, Verdict::RangeFull)];
    let entry = |(device, number, verdict)| (DeviceNumber(device), Entry { number, verdict });
    Account {
        origin: named("site-e"),
        route: servers(&["site-e", "relay-d"]),
        floor: 88,
        stated: 0,
        entries: entries.into_iter().map(entry).collect(),
    }
}

pub fn below() -> Below {
    Below { relay: named("relay-f"), route: servers(&["relay-f"]), cycle: 6, out: true }
}

pub fn pack() -> Pack {
    Pack {
        product: named("cad"),
        giver: named("primary"),
        relay: named("relay-c"),
        cycle: 7,
        accounts: vec![account()],
        below: vec![below()],
    }
}

pub fn pack_part() -> PackPart {
    PackPart { part: 2, parts: 9, piece: pack() }
}

pub fn device() -> Device {
    Device {
        mac: Some(outside::mac([2, 0, 0x5e, 0x10, 0, 0xff])),
        other_macs: Vec::new(),
        addresses: vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
        host_name: Some("press-7".to_string()),
        state: DeviceState::Managed,
        product: Some(named("cad")),
        goal: None,
        first_seen: Timestamp(1_795_000_000_000),
        last_seen: Timestamp(1_795_000_060_000),
        history: Vec::new(),
    }
}

pub fn figures() -> Figures {
    Figures {
        option: HoldingOption::Registered,
        phase: Phase::Yielding,
        version: 5,
        registered: LicenseCount(11),
        held: LicenseCount(12),
        used: LicenseCount(13),
        managed: LicenseCount(14),
        granted_seen: 15,
        returned: 16,
    }
}

pub fn stream() -> StreamId {
    StreamId { origin: named("relay-d"), table: Table::Nodes }
}

pub fn report() -> ReportBatch {
    let row = |name, version, body| ReportRow { name, version, body };
    ReportBatch {
        stream: stream(),
        incarnation: 0xfeed_f00d,
        after: 410,
        upto: 418,
        complete: false,
        rows: vec![
            row(RowName::Device(DeviceNumber(17)), 411, RowBody::Device(Box::new(device()))),
            row(RowName::Device(DeviceNumber(18)), 417, RowBody::Gone),
            row(RowName::Product(named("cad")), 418, RowBody::Figures(figures())),
        ],
    }
}

pub fn founding() -> Founding {
    let (tree, name) = (named("works"), named("relay-c"));
    Founding { tree, name, role: Role::Relay, incarnation: 0xfeed_f00d }
}

pub fn reconcile() -> Reconcile {
    let name = RowName::Device(DeviceNumber(17));
    let row =
        ReportRow { name: name.clone(), version: 411, body: RowBody::Device(Box::new(device())) };
    let refill =
        Refill { bucket: 77, after: Some(name.clone()), upto: Some(name), rows: vec![row] };
    let what = Compared::Refill(refill);
    Reconcile { stream: stream(), incarnation: 0xfeed_f00d, version: 418, what }
}

/// Of a node that was only seen again.
fn report_of_seen() -> ReportBatch {
    let body = RowBody::Seen(Timestamp(1_795_000_090_000));
    let row = ReportRow { name: RowName::Device(DeviceNumber(17)), version: 419, body };
    ReportBatch {
        stream: stream(),
        incarnation: 0xfeed_f00d,
        after: 418,
        upto: 419,
        complete: false,
        rows: vec![row],
    }
}

pub fn commands() -> Vec<(&'static str, Command)> {
    let holder = Command::BookWishes(BookWishes {
        product: named("cad"),
        origin: named("site-e"),
        route: servers(&["site-e", "relay-d"]),
        floor: 88,
        wishes: wishes(),
        no_room: false,
    });
    let devices = [1, 2, 300].map(DeviceNumber).to_vec();
    let (cad, relay, by) = (named("cad"), named("relay-c"), named("relay-c"));
    vec![
        ("found", Command::Found(founding())),
        ("register-license", Command::RegisterLicense(outside::license_sample())),
        ("expire-license", Command::ExpireLicense(outside::serial("A-17"))),
        ("set-holding", Command::SetHolding(set_holding())),
        ("meet-server", meet_server()),
        ("attach", attach_command()),
        ("book-edge", book_edge()),
        ("fence", Command::Fence { nonce: 0xabcd }),
        ("attached", attached()),
        (
            "take-level",
            Command::TakeLevel { attach: attach(), product: named("cad"), level: level() },
        ),
        ("book-wishes", holder),
        ("settle", settle(false)),
        ("settle-told", settle(true)),
        ("hand-over", hand_over()),
        ("book-handover", Command::BookHandover(pack())),
        ("handover-booked", Command::HandoverBooked { product: cad, relay, cycle: 7 }),
        ("book-yield", Command::BookYield { pack: pack(), route: servers(&["relay-c"]) }),
        ("yield-booked", Command::YieldBooked { product: named("cad"), cycle: 7 }),
        ("discover", Command::Discover { found: vec![outside::found_sample()] }),
        ("manage", Command::Manage { devices: devices.clone(), product: named("cad") }),
        ("ignore", Command::Ignore { devices: devices.clone() }),
        ("delete", Command::Delete { devices: devices.clone() }),
        ("merge", Command::Merge(report())),
        ("forget-gone", Command::ForgetGone { table: Table::Figures, upto: 400 }),
        ("register-bound", Command::RegisterLicense(outside::bound_license_sample())),
        ("claim-serial", Command::ClaimSerial { serial: outside::serial("A-17"), by }),
        ("unite", Command::Unite { keep: DeviceNumber(17), others: devices }),
        ("merge-seen", Command::Merge(report_of_seen())),
        ("merge-all", Command::Merge(ReportBatch { complete: true, ..report_of_seen() })),
        ("refill", Command::Refill(reconcile())),
    ]
    .into_iter()
    .chain(moving_commands())
    .chain(sample_recovery::commands())
    .chain([("attach-recovering", attach_recovering())])
    .chain([("book-edge-lacking", sample_recovery::lacking())])
    .chain(sample_enrolment::commands())
    .chain(sample_enrolment::lost())
    .chain(sample_recovery::twins())
    .chain([("invite-forced", sample_enrolment::forced())])
    .chain(sample_clock::commands())
    .chain([("book-wishes-no-room", without_room())])
    .chain([("settle-no-room", settle_without_room())])
    .chain([("recovery-rows-data", rows_asked_for())])
    .collect()
}

/// The disk of the holder is full.
fn without_room() -> Command {
    Command::BookWishes(BookWishes {
        product: named("cad"),
        origin: named("site-e"),
        route: servers(&["site-e", "relay-d"]),
        floor: 88,
        wishes: wishes(),
        no_room: true,
    })
}

fn rows_asked_for() -> Command {
    let back = RowsBack { data: 8, ..sample_recovery::rows_back() };
    Command::Recovery(RecoveryCommand::TakeBack(back))
}

fn settle_without_room() -> Command {
    let verdicts = verdicts_without_room();
    Command::Settle { product: named("cad"), verdicts, told: true }
}

pub fn verdicts_without_room() -> Vec<WishVerdict> {
    vec![WishVerdict { device: DeviceNumber(17), number: 90, verdict: Verdict::NoRoom }]
}

fn goal() -> Goal {
    Goal { server: named("relay-w"), node: Some(DeviceNumber(4)) }
}

fn moving_commands() -> Vec<(&'static str, Command)> {
    let (device, node) = (DeviceNumber(17), DeviceNumber(4));
    let anywhere = Goal { node: None, ..goal() };
    let all = [
        ("move-to-node", MovingCommand::Begin { device, goal: goal() }),
        ("move-to-server", MovingCommand::Begin { device, goal: anywhere }),
        ("move-cancelled", MovingCommand::Cancel { device }),
        ("move-reached", MovingCommand::Reached { device, number: 93, node }),
    ];
    all.map(|(name, command)| (name, Command::Moving(command))).to_vec()
}

/// An ask after devices that move.
pub fn move_ask() -> MoveAsk {
    let macs = [[0, 0x1b, 0x21, 0, 0, 1], [0, 0x1b, 0x21, 0, 0, 2]].map(outside::mac).to_vec();
    let (device, version) = (DeviceNumber(0), 0);
    let by_mac = Sought { number: 93, device, version, macs, node: None };
    let (macs, node) = (Vec::new(), Some(DeviceNumber(4)));
    let by_node = Sought { number: 94, device, version, macs, node };
    let (server, after, sought) = (named("relay-w"), DeviceNumber(20_000), vec![by_mac, by_node]);
    MoveAsk { ticket: 7, incarnation: 0, server, after, sought }
}

/// With the rows that say that they move.
pub fn move_ask_told() -> MoveAsk {
    let told = |one| Sought { device: DeviceNumber(17), version: 415, ..one };
    let sought = move_ask().sought.into_iter().map(told).collect();
    MoveAsk { incarnation: 6, sought, ..move_ask() }
}

pub fn move_answer() -> MoveAnswer {
    let reached = vec![Reached { number: 94, node: DeviceNumber(4) }];
    let next = Some(DeviceNumber(40_000));
    let (server, missing) = (named("relay-w"), Vec::new());
    MoveAnswer { ticket: 7, server, known: true, next, reached, missing }
}

/// With a goal that is not there.
pub fn move_answer_missing() -> MoveAnswer {
    let missing = vec![Reached { number: 95, node: DeviceNumber(6) }];
    MoveAnswer { missing, ..move_answer() }
}

fn set_holding() -> SetHolding {
    SetHolding {
        relay: named("relay-c"),
        product: named("cad"),
        option: HoldingOption::Distributed,
        target: LicenseCount(300),
        forced: true,
    }
}

fn meet_server() -> Command {
    let (name, parent) = (named("relay-d"), named("relay-c"));
    Command::MeetServer { name, parent, incarnation: 0xfeed_f00d, enrolment: 2 }
}

fn attach_command() -> Command {
    let edges = vec![(named("cad"), edge_report()), (named("cam"), EdgeReport::default())];
    Command::Attach {
        relay: named("relay-c"),
        nonce: 0xabcd,
        attach: attach(),
        data: DataSet { incarnation: 0xfeed_f00d, ..DataSet::default() },
        edges,
    }
}

fn attach_recovering() -> Command {
    let edges = vec![(named("cad"), edge_report())];
    let (relay, attach) = (named("relay-c"), attach());
    let data = DataSet { incarnation: 0xbeef, former: 0xfeed, ..DataSet::default() };
    Command::Attach { relay, nonce: 0xabcd, attach, data, edges }
}

fn book_edge() -> Command {
    let (relay, product) = (named("relay-c"), named("cad"));
    Command::BookEdge { relay, attach: attach(), product, report: edge_report() }
}

fn attached() -> Command {
    let levels = vec![(named("cad"), level()), (named("cam"), Level::default())];
    Command::Attached { nonce: 0xabcd, attach: attach(), levels, generation: 0 }
}

fn settle(told: bool) -> Command {
    Command::Settle { product: named("cad"), verdicts: verdicts(), told }
}

fn hand_over() -> Command {
    let route = servers(&["relay-d", "relay-c"]);
    Command::HandOver { product: named("cad"), relay: named("relay-d"), route, cycle: 7 }
}

pub fn rows() -> Vec<(&'static str, RowKey, Row)> {
    let number = DeviceNumber(17);
    let row = report().rows.remove(0);
    let head = Account { entries: Default::default(), ..account() };
    let entry = Entry { number: 90, verdict: Verdict::Released };
    let license = RowKey::License(outside::serial("A-17"));
    let entry_key = RowKey::Entry(named("cad"), named("site-e"), number);
    let product_row = RowKey::Mirrored(stream(), RowName::Product(named("cad")));
    let figures_row = report().rows.remove(2);
    let promised = EdgeRow { promised: true, ..edge_row() };
    let recovering = sample_recovery::server_row(server_row());
    let set_back = sample_recovery::met_row(met_row());
    let stated = Account { entries: Default::default(), ..sample_recovery::stated_account() };
    let bound = LicenseRow { license: outside::bound_license_sample(), ..license_row() };
    vec![
        ("server", RowKey::Server, Row::Server(server_row())),
        ("license", license, Row::License(license_row())),
        ("edge", RowKey::Edge(named("cad"), named("relay-c")), Row::Edge(edge_row())),
        ("met", RowKey::Met(named("relay-d")), Row::Met(met_row())),
        ("holding", RowKey::Holding(named("cad")), Row::Holding(holding_row())),
        ("account", RowKey::Account(named("cad"), named("site-e")), Row::Account(head)),
        ("entry", entry_key, Row::Entry(entry)),
        ("below", RowKey::Below(named("cad"), named("relay-f")), Row::Below(below())),
        ("outbox", RowKey::Outbox(named("cad"), named("relay-c")), Row::Outbox(pack())),
        ("device", RowKey::Device(number), Row::Device(device_row())),
        ("gone", RowKey::Gone(number), Row::Gone(419)),
        ("own-figures", RowKey::OwnFigures(named("cad")), Row::OwnFigures(own_figures_row())),
        ("stream", RowKey::Stream(stream()), Row::Stream(stream_row())),
        ("mirrored", RowKey::Mirrored(stream(), RowName::Device(number)), Row::Mirrored(row)),
        ("mirrored-product", product_row, Row::Mirrored(figures_row)),
        ("event", RowKey::Event(21), Row::Event(event())),
        ("met-enrolled", RowKey::Met(named("relay-w")), Row::Met(enrolled_row())),
        ("invite", RowKey::Invite(InviteId(17)), Row::Invite(sample_enrolment::invite())),
        ("trust", RowKey::Trust, Row::Trust(sample_enrolment::trust())),
        ("license-bound", RowKey::License(outside::serial("A-18")), Row::License(bound)),
        ("claim", RowKey::Claim(outside::serial("A-17")), Row::Claim(named("relay-c"))),
        ("device-merged", RowKey::Device(number), Row::Device(merged_row())),
        ("device-changed", RowKey::Device(number), Row::Device(changed_row())),
        ("device-moving", RowKey::Device(number), Row::Device(moving_row())),
        ("device-with-goal", RowKey::Device(number), Row::Device(told_row())),
        ("server-recovering", RowKey::Server, Row::Server(recovering)),
        ("met-set-back", RowKey::Met(named("relay-d")), Row::Met(set_back)),
        ("account-stated", RowKey::Account(named("cad"), named("site-e")), Row::Account(stated)),
        ("edge-promised", RowKey::Edge(named("cad"), named("relay-c")), Row::Edge(promised)),
        ("server-restored", RowKey::Server, Row::Server(sample_recovery::restored(server_row()))),
        ("met-moved", RowKey::Met(named("relay-d")), Row::Met(sample_recovery::moved(met_row()))),
        (
            "met-recovering",
            RowKey::Met(named("relay-d")),
            Row::Met(sample_recovery::recovering(met_row())),
        ),
        ("met-unsaid", RowKey::Met(named("relay-d")), Row::Met(sample_recovery::unsaid(met_row()))),
        ("server-unstated", RowKey::Server, Row::Server(sample_recovery::unstated(server_row()))),
        ("met-twice", RowKey::Met(named("relay-d")), Row::Met(sample_recovery::twice(met_row()))),
        ("holding-confirmed", RowKey::Holding(named("cad")), Row::Holding(confirmed_row())),
        ("server-twin", RowKey::Server, Row::Server(sample_recovery::twin(server_row()))),
        ("server-seen-time", RowKey::Server, Row::Server(sample_clock::server_row(server_row()))),
        ("server-stated", RowKey::Server, Row::Server(sample_recovery::stated(server_row()))),
        ("server-formers", RowKey::Server, Row::Server(sample_recovery::of_formers(server_row()))),
    ]
}

fn server_row() -> ServerRow {
    ServerRow {
        founding: founding(),
        device_last: DeviceNumber(31),
        wish_last: 32,
        event_last: 33,
        figures_version: 34,
        nodes_version: 35,
        nodes_floor: 36,
        attach: Some(attach()),
        fenced: Some(0xabcd),
        attach_last: 37,
        recovery: None,
        was_set_back: false,
        unstated: false,
        stated_under: 0,
        stated_way: 0,
        formers: Vec::new(),
        attached_at: Timestamp(0),
        seen_time: SeenTime::default(),
    }
}

fn license_row() -> LicenseRow {
    let license = outside::license_sample();
    LicenseRow { license, registered_at: Timestamp(1_795_000_000_000), expired: true }
}

fn edge_row() -> EdgeRow {
    let (may_decline, promised) = (false, false);
    EdgeRow { level: level(), granted_seen: 950, version_seen: 3, may_decline, promised }
}

fn met_row() -> MetRow {
    MetRow {
        name: named("relay-d"),
        parent: named("relay-c"),
        incarnation: 0xfeed_f00d,
        attach: Some(attach()),
        enrolment: Enrolment::default(),
        title: String::new(),
        formers: Vec::new(),
        unsaid: false,
        generation: 0,
        starts: Vec::new(),
        has_twin: false,
        moved_from: None,
        recovers: false,
    }
}

fn enrolled_row() -> MetRow {
    let title = "Works 3".to_string();
    MetRow { enrolment: sample_enrolment::enrolment(), title, ..met_row() }
}

fn confirmed_row() -> HoldingRow {
    let level = Level { confirm_within_days: 30, ..level() };
    HoldingRow { level, ..holding_row() }
}

fn holding_row() -> HoldingRow {
    HoldingRow {
        phase: Phase::Taking,
        level: level(),
        granted_seen: 950,
        returned: 71,
        cycle: 7,
        declined: true,
    }
}

fn device_row() -> DeviceRow {
    let wish = OpenWish { product: named("cad"), number: 90, want: Want::Release };
    DeviceRow { device: device(), version: 411, wish: Some(wish), moving: None, deleted: true }
}

fn merged_row() -> DeviceRow {
    let other_macs = [[0, 0, 0x5e, 0x10, 0, 0xfd], [2, 0, 0x5e, 0x10, 0, 0xfe]];
    let other_macs = other_macs.map(outside::mac).to_vec();
    DeviceRow { device: Device { other_macs, ..device() }, version: 412, ..DeviceRow::default() }
}

/// With its changes of state.
fn changed_row() -> DeviceRow {
    let at = Timestamp(1_795_000_030_000);
    let history = vec![StateChange { at, state: DeviceState::Managed }];
    DeviceRow { device: Device { history, ..device() }, version: 413, ..DeviceRow::default() }
}

/// On its way to another server's site.
fn moving_row() -> DeviceRow {
    let moving = Some(OpenMove { goal: goal(), number: 93 });
    DeviceRow { device: device(), version: 414, moving, ..DeviceRow::default() }
}

/// On its way, as others are told.
fn told_row() -> DeviceRow {
    let device = Device { goal: Some(Box::new(goal())), ..device() };
    DeviceRow { device, version: 415, ..moving_row() }
}

fn own_figures_row() -> OwnFiguresRow {
    OwnFiguresRow { figures: figures(), version: 418 }
}

fn stream_row() -> StreamRow {
    let merged_at = Timestamp(1_795_000_000_000);
    StreamRow { incarnation: 0xfeed_f00d, have: 418, merged_at }
}

fn event() -> Event {
    Event {
        number: 21,
        at: Timestamp(1_795_000_000_000),
        kind: "license.registered".to_string(),
        text: "A-17: 300 of cad.".to_string(),
    }
}
