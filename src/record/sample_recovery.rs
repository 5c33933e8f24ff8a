//! The samples of recoveries.

use crate::model::account::Account;
use crate::model::command::Command;
use crate::model::count::LicenseCount;
use crate::model::device::DeviceNumber;
use crate::model::edge::{DataSet, EdgeReport};
use crate::model::holding::HoldingOption;
use crate::model::recovery::{
    NO_CALL, Recovery, RecoveryCommand, RecoveryWord, RollCall, RowsBack,
};
use crate::model::row::{Enrolment, MetRow, ServerRow};
use crate::model::time::Timestamp;
use crate::record::arbitrary::outside;
use crate::record::sample::{
    account, attach, edge_report, named, pack, pack_part, report, servers,
};

pub fn recovery() -> Recovery {
    let why = "the data was set back".to_string();
    let since = Timestamp(1_795_000_000_000);
    Recovery { since, why, former: 0xfeed_f00d, forced: true, keeps_rows: false }
}

pub fn server_row(before: ServerRow) -> ServerRow {
    ServerRow { recovery: Some(recovery()), ..before }
}

pub fn met_row(before: MetRow) -> MetRow {
    MetRow { formers: vec![0xfeed_f00d, 7], ..before }
}

pub fn restored(before: ServerRow) -> ServerRow {
    ServerRow { was_set_back: true, ..before }
}

pub fn unstated(before: ServerRow) -> ServerRow {
    ServerRow { unstated: true, ..before }
}

pub fn stated(before: ServerRow) -> ServerRow {
    ServerRow { stated_under: 3, stated_way: 0xc0ffee, ..before }
}

pub fn unsaid(before: MetRow) -> MetRow {
    MetRow { unsaid: true, ..before }
}

pub fn recovering(before: MetRow) -> MetRow {
    MetRow { recovers: true, ..before }
}

pub fn moved(before: MetRow) -> MetRow {
    MetRow { moved_from: Some(named("relay-e")), ..before }
}

pub fn twice(before: MetRow) -> MetRow {
    MetRow { starts: vec![0xcafe, 0xd00d], has_twin: true, ..before }
}

pub fn twin(before: ServerRow) -> ServerRow {
    let recovery = Recovery { forced: false, keeps_rows: true, ..recovery() };
    let attached_at = Timestamp(1_795_000_000_000);
    ServerRow { recovery: Some(recovery), attached_at, ..before }
}

pub fn of_formers(before: ServerRow) -> ServerRow {
    ServerRow { formers: data_set().formers, ..before }
}

/// One that was set back before, and does not recover any more.
pub fn data_set() -> DataSet {
    let formers = vec![7, 0xfeed_f00d];
    DataSet { incarnation: 0xbeef, start: 0xcafe, formers, ..DataSet::default() }
}

/// The same, of one that says how many there were.
pub fn generation() -> DataSet {
    DataSet { generation: 103, ..data_set() }
}

/// It recovers, and goes on as the data set that it was.
pub fn going_on() -> DataSet {
    DataSet { recovers: true, ..generation() }
}

/// What is said and begun of a server that runs twice, and one of that was set back.
pub fn twins() -> [(&'static str, Command); 5] {
    let (why, incarnation) = (recovery().why, 0xbeef);
    let begin = RecoveryCommand::Begin { why, incarnation, keeps_rows: true };
    let started = DataSet { incarnation, start: 0xcafe, ..DataSet::default() };
    let attach = |data| {
        let (relay, edges) = (named("relay-c"), Vec::new());
        Command::Attach { relay, nonce: 0xabcd, attach: attach(), data, edges }
    };
    [
        ("recovery-twin", Command::Recovery(begin)),
        ("attach-started", attach(started)),
        ("attach-formers", attach(data_set())),
        ("attach-generation", attach(generation())),
        ("attach-going-on", attach(going_on())),
    ]
}

/// What a relay says of an edge that the primary may have forgotten.
pub fn lacking() -> Command {
    let (option, target) = (HoldingOption::Distributed, LicenseCount(300));
    let report = EdgeReport { option, target, lacks: 4, ..edge_report() };
    Command::BookEdge { relay: named("relay-c"), attach: attach(), product: named("cad"), report }
}

pub fn stated_account() -> Account {
    Account { stated: 89, ..account() }
}

pub fn rows_back() -> RowsBack {
    let rows = report().rows.into_iter().take(1).collect();
    let (after, upto) = (DeviceNumber(16), Some(DeviceNumber(17)));
    RowsBack { data: 0, after, upto, have: 419, newest: 0, rows }
}

pub fn commands() -> Vec<(&'static str, Command)> {
    let begin =
        RecoveryCommand::Begin { why: recovery().why, incarnation: 0xbeef, keeps_rows: false };
    let state = |call, to| RecoveryCommand::State { call, to, products: vec![named("cad")] };
    let book = RecoveryCommand::Book { call: 5, pack: pack(), route: servers(&["relay-c"]) };
    let all = [
        ("recovery-begin", begin),
        ("recovery-rows", RecoveryCommand::TakeBack(rows_back())),
        (
            "recovery-rows-newest",
            RecoveryCommand::TakeBack(RowsBack { have: 0, newest: 733, ..rows_back() }),
        ),
        (
            "recovery-state",
            RecoveryCommand::State {
                call: NO_CALL,
                to: None,
                products: vec![named("cad"), named("cam")],
            },
        ),
        ("recovery-state-called", state(5, Some(named("relay-c")))),
        ("recovery-hold", RecoveryCommand::Hold { product: named("cad") }),
        ("recovery-book", book),
        ("recovery-end", RecoveryCommand::End { missing: Vec::new() }),
        ("recovery-forced", RecoveryCommand::End { missing: servers(&["site-e", "relay-d"]) }),
        ("recovery-meet", meet()),
    ];
    all.map(|(name, command)| (name, Command::Recovery(command))).to_vec()
}

fn meet() -> RecoveryCommand {
    let enrolment = Enrolment { number: 3, ..Enrolment::default() };
    let (name, parent) = (named("site-e"), named("relay-c"));
    RecoveryCommand::Meet { name, parent, incarnation: 0xbeef, enrolment }
}

/// Words that go down, and words that go up.
pub fn words() -> [(&'static str, bool, RecoveryWord); 11] {
    let call = RollCall {
        server: named("relay-c"),
        number: 5,
        products: vec![named("cad"), named("cam")],
        licenses: false,
    };
    let of_primary = RollCall { licenses: true, ..call.clone() };
    let last = RowsBack { upto: None, have: 0, rows: Vec::new(), ..rows_back() };
    let listed = servers(&["site-e", "relay-d"]);
    let after = Some(named("relay-a"));
    [
        ("roll-calls", false, RecoveryWord::RollCalls(vec![call])),
        ("statement", true, RecoveryWord::Statement { call: 5, part: pack_part() }),
        ("stated", false, RecoveryWord::Stated { product: named("cad"), call: 5, number: 89 }),
        ("you-hold", false, RecoveryWord::YouHold { product: named("cad") }),
        (
            "rows-ask",
            true,
            RecoveryWord::RowsAsk { data: 0, former: 0xfeed_f00d, after: DeviceNumber(16) },
        ),
        ("rows", false, RecoveryWord::Rows(rows_back())),
        ("rows-last", false, RecoveryWord::Rows(last)),
        ("below-ask", true, RecoveryWord::BelowAsk { after: after.clone() }),
        ("below", false, RecoveryWord::Below { after, servers: listed, more: true }),
        ("roll-calls-primary", false, RecoveryWord::RollCalls(vec![of_primary])),
        ("registered", true, RecoveryWord::Registered { serials: vec![outside::serial("A-17")] }),
    ]
}
