//! Forms of what is said and kept of servers that were set back.

use crate::model::device::DeviceNumber;
use crate::model::name::{NameError, ServerName};
use crate::model::recovery::{Recovery, RecoveryCommand, RecoveryWord, RollCall, RowsBack};
use crate::model::time::Timestamp;
use crate::record::account::{PackForm, PackPartForm};
use crate::record::enrolment::{EnrolmentForm, or_default, unless_default};
use crate::record::error::RecordError;
use crate::record::form::{Form, items, list, need, read, read_list};
use crate::record::name::{name, route, route_text};
use crate::record::outside::{serial, serial_text};
use crate::record::report::ReportRowForm;
use crate::record::room::{Part, Room};
use prost::{Message, Oneof};
use std::marker::PhantomData;
use std::str::FromStr;

#[derive(Clone, PartialEq, Message)]
pub struct RecoveryForm {
    #[prost(uint64, tag = "1")]
    since_ms: u64,
    #[prost(string, tag = "2")]
    why: String,
    #[prost(fixed64, tag = "3")]
    former: u64,
    #[prost(bool, tag = "4")]
    forced: bool,
    #[prost(bool, tag = "5")]
    keeps_rows: bool,
}

impl Form for RecoveryForm {
    type Value = Recovery;
    const WHAT: &'static str = "a recovery";

    fn of(recovery: &Recovery) -> Self {
        let Recovery { since: Timestamp(since_ms), why, former, forced, keeps_rows } = recovery;
        RecoveryForm {
            since_ms: *since_ms,
            why: why.clone(),
            former: *former,
            forced: *forced,
            keeps_rows: *keeps_rows,
        }
    }

    fn value(self, _: &mut Room) -> Result<Recovery, RecordError> {
        let RecoveryForm { since_ms, why, former, forced, keeps_rows } = self;
        Ok(Recovery { since: Timestamp(since_ms), why, former, forced, keeps_rows })
    }
}

/// One name of a list.
#[derive(Clone, PartialEq, Message)]
struct NameForm {
    #[prost(string, tag = "1")]
    name: String,
}

/// A list of names of one kind.
struct Names<N>(PhantomData<N>);

impl<N: FromStr<Err = NameError> + ToString> Names<N> {
    fn list(names: &[N]) -> Vec<u8> {
        texts(names.iter().map(N::to_string))
    }

    fn read(bytes: &[u8], part: Part, room: &mut Room) -> Result<Vec<N>, RecordError> {
        read_names(bytes, part, room, |text| name(NameForm::WHAT, text))
    }
}

/// Each name is judged before the next one is read: a list of nothing costs nothing.
fn read_names<V>(
    bytes: &[u8],
    part: Part,
    room: &mut Room,
    judged: impl Fn(&str) -> Result<V, RecordError>,
) -> Result<Vec<V>, RecordError> {
    let mut names = Vec::new();
    for item in items(NameForm::WHAT, bytes) {
        room.take(part, 1)?;
        names.push(judged(&read::<NameForm>(item?, room)?)?);
    }
    Ok(names)
}

fn texts(all: impl Iterator<Item = String>) -> Vec<u8> {
    let mut list = Vec::new();
    all.for_each(|name| crate::record::form::put_item(&mut list, &NameForm { name }));
    list
}

impl Form for NameForm {
    type Value = String;
    const WHAT: &'static str = "a name of a list";

    fn of(name: &String) -> Self {
        NameForm { name: name.clone() }
    }

    fn value(self, room: &mut Room) -> Result<String, RecordError> {
        room.text(Self::WHAT, self.name)
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct RowsBackForm {
    #[prost(uint64, tag = "1")]
    after: u64,
    #[prost(uint64, optional, tag = "2")]
    upto: Option<u64>,
    #[prost(uint64, tag = "3")]
    have: u64,
    /// A list of [`ReportRowForm`].
    #[prost(bytes = "vec", tag = "4")]
    rows: Vec<u8>,
    #[prost(fixed64, tag = "5")]
    data: u64,
    #[prost(uint64, tag = "6")]
    newest: u64,
}

impl Form for RowsBackForm {
    type Value = RowsBack;
    const WHAT: &'static str = "rows that come back";

    fn of(back: &RowsBack) -> Self {
        RowsBackForm {
            after: back.after.0,
            upto: back.upto.map(|upto| upto.0),
            have: back.have,
            rows: list::<ReportRowForm>(&back.rows),
            data: back.data,
            newest: back.newest,
        }
    }

    fn value(self, room: &mut Room) -> Result<RowsBack, RecordError> {
        Ok(RowsBack {
            after: DeviceNumber(self.after),
            upto: self.upto.map(DeviceNumber),
            have: self.have,
            rows: read_list::<ReportRowForm>(&self.rows, Part::Rows, room)?,
            data: self.data,
            newest: self.newest,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct RecoveryCommandForm {
    #[prost(oneof = "CommandKind", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    kind: Option<CommandKind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum CommandKind {
    #[prost(message, tag = "1")]
    Begin(BeginForm),
    #[prost(message, tag = "2")]
    TakeBack(RowsBackForm),
    #[prost(message, tag = "3")]
    State(StateForm),
    #[prost(message, tag = "4")]
    Book(BookForm),
    /// A list of names of servers.
    #[prost(bytes = "vec", tag = "5")]
    End(Vec<u8>),
    /// A product.
    #[prost(string, tag = "6")]
    Hold(String),
    #[prost(message, tag = "7")]
    Meet(MeetForm),
    #[prost(message, tag = "8")]
    Stated(SaidForm),
}

#[derive(Clone, PartialEq, Message)]
struct SaidForm {
    #[prost(uint64, tag = "1")]
    enrolment: u64,
    #[prost(fixed64, tag = "2")]
    way: u64,
}

#[derive(Clone, PartialEq, Message)]
struct MeetForm {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    parent: String,
    #[prost(fixed64, tag = "3")]
    incarnation: u64,
    #[prost(message, optional, tag = "4")]
    enrolment: Option<EnrolmentForm>,
}

#[derive(Clone, PartialEq, Message)]
struct BeginForm {
    #[prost(string, tag = "1")]
    why: String,
    #[prost(fixed64, tag = "2")]
    incarnation: u64,
    #[prost(bool, tag = "3")]
    keeps_rows: bool,
}

#[derive(Clone, PartialEq, Message)]
struct StateForm {
    #[prost(fixed64, tag = "1")]
    call: u64,
    #[prost(string, optional, tag = "2")]
    to: Option<String>,
    /// A list of names of products.
    #[prost(bytes = "vec", tag = "3")]
    products: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct BookForm {
    #[prost(fixed64, tag = "1")]
    call: u64,
    #[prost(message, optional, tag = "2")]
    pack: Option<PackForm>,
    #[prost(string, tag = "3")]
    route: String,
}

impl Form for RecoveryCommandForm {
    type Value = RecoveryCommand;
    const WHAT: &'static str = "a command about a recovery";

    fn of(command: &RecoveryCommand) -> Self {
        let kind = match command {
            RecoveryCommand::Begin { why, incarnation, keeps_rows } => {
                let (why, incarnation, keeps_rows) = (why.clone(), *incarnation, *keeps_rows);
                CommandKind::Begin(BeginForm { why, incarnation, keeps_rows })
            }
            RecoveryCommand::TakeBack(back) => CommandKind::TakeBack(RowsBackForm::of(back)),
            RecoveryCommand::State { call, to, products } => CommandKind::State(StateForm {
                call: *call,
                to: to.as_ref().map(ToString::to_string),
                products: Names::list(products),
            }),
            RecoveryCommand::Book { call, pack, route } => CommandKind::Book(BookForm {
                call: *call,
                pack: Some(PackForm::of(pack)),
                route: route_text(route),
            }),
            RecoveryCommand::End { missing } => CommandKind::End(Names::list(missing)),
            RecoveryCommand::Hold { product } => CommandKind::Hold(product.to_string()),
            RecoveryCommand::Meet { name, parent, incarnation, enrolment } => {
                CommandKind::Meet(MeetForm {
                    name: name.to_string(),
                    parent: parent.to_string(),
                    incarnation: *incarnation,
                    enrolment: unless_default(enrolment),
                })
            }
            RecoveryCommand::Stated { enrolment, way } => {
                CommandKind::Stated(SaidForm { enrolment: *enrolment, way: *way })
            }
        };
        RecoveryCommandForm { kind: Some(kind) }
    }

    fn value(self, room: &mut Room) -> Result<RecoveryCommand, RecordError> {
        let what = Self::WHAT;
        let missing = RecordError::Missing { what, field: "kind this version knows" };
        Ok(match self.kind.ok_or(missing)? {
            CommandKind::Begin(BeginForm { why, incarnation, keeps_rows }) => {
                RecoveryCommand::Begin { why, incarnation, keeps_rows }
            }
            CommandKind::TakeBack(form) => RecoveryCommand::TakeBack(form.value(room)?),
            CommandKind::State(form) => RecoveryCommand::State {
                call: form.call,
                to: form.to.map(|to| name(what, &to)).transpose()?,
                products: Names::read(&form.products, Part::Products, room)?,
            },
            CommandKind::Book(form) => RecoveryCommand::Book {
                call: form.call,
                pack: need(what, form.pack, room)?,
                route: route(what, &form.route, room)?,
            },
            CommandKind::Hold(product) => RecoveryCommand::Hold { product: name(what, &product)? },
            CommandKind::Meet(form) => RecoveryCommand::Meet {
                name: name(what, &form.name)?,
                parent: name(what, &form.parent)?,
                incarnation: form.incarnation,
                enrolment: or_default(form.enrolment, room)?,
            },
            CommandKind::End(names) => {
                RecoveryCommand::End { missing: Names::read(&names, Part::Names, room)? }
            }
            CommandKind::Stated(SaidForm { enrolment, way }) => {
                RecoveryCommand::Stated { enrolment, way }
            }
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct RollCallForm {
    #[prost(string, tag = "1")]
    server: String,
    #[prost(fixed64, tag = "2")]
    number: u64,
    /// A list of names of products.
    #[prost(bytes = "vec", tag = "3")]
    products: Vec<u8>,
    #[prost(bool, tag = "4")]
    licenses: bool,
}

impl Form for RollCallForm {
    type Value = RollCall;
    const WHAT: &'static str = "a roll call";

    fn of(call: &RollCall) -> Self {
        RollCallForm {
            server: call.server.to_string(),
            number: call.number,
            products: Names::list(&call.products),
            licenses: call.licenses,
        }
    }

    fn value(self, room: &mut Room) -> Result<RollCall, RecordError> {
        Ok(RollCall {
            server: name(Self::WHAT, &self.server)?,
            number: self.number,
            products: Names::read(&self.products, Part::Products, room)?,
            licenses: self.licenses,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct RecoveryWordForm {
    #[prost(oneof = "WordKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    kind: Option<WordKind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum WordKind {
    /// A list of [`RollCallForm`].
    #[prost(bytes = "vec", tag = "1")]
    RollCalls(Vec<u8>),
    #[prost(message, tag = "2")]
    Statement(StatementForm),
    #[prost(message, tag = "3")]
    Stated(StatedForm),
    #[prost(message, tag = "4")]
    RowsAsk(RowsAskForm),
    #[prost(message, tag = "5")]
    Rows(RowsBackForm),
    #[prost(message, tag = "6")]
    BelowAsk(BelowAskForm),
    #[prost(message, tag = "7")]
    Below(BelowListForm),
    /// A product.
    #[prost(string, tag = "8")]
    YouHold(String),
    /// A list of serials.
    #[prost(bytes = "vec", tag = "9")]
    Registered(Vec<u8>),
}

#[derive(Clone, PartialEq, Message)]
struct StatementForm {
    #[prost(fixed64, tag = "1")]
    call: u64,
    #[prost(message, optional, tag = "2")]
    part: Option<PackPartForm>,
}

#[derive(Clone, PartialEq, Message)]
struct StatedForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(fixed64, tag = "2")]
    call: u64,
    #[prost(uint64, tag = "3")]
    number: u64,
}

#[derive(Clone, PartialEq, Message)]
struct RowsAskForm {
    #[prost(fixed64, tag = "1")]
    former: u64,
    #[prost(uint64, tag = "2")]
    after: u64,
    #[prost(fixed64, tag = "3")]
    data: u64,
}

#[derive(Clone, PartialEq, Message)]
struct BelowAskForm {
    #[prost(string, optional, tag = "1")]
    after: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct BelowListForm {
    #[prost(string, optional, tag = "1")]
    after: Option<String>,
    /// A list of names of servers.
    #[prost(bytes = "vec", tag = "2")]
    servers: Vec<u8>,
    #[prost(bool, tag = "3")]
    more: bool,
}

impl Form for RecoveryWordForm {
    type Value = RecoveryWord;
    const WHAT: &'static str = "a word of a recovery";

    fn of(word: &RecoveryWord) -> Self {
        let text = |after: &Option<ServerName>| after.as_ref().map(ToString::to_string);
        let kind = match word {
            RecoveryWord::RollCalls(calls) => WordKind::RollCalls(list::<RollCallForm>(calls)),
            RecoveryWord::Statement { call, part } => {
                let part = Some(PackPartForm::of(part));
                WordKind::Statement(StatementForm { call: *call, part })
            }
            RecoveryWord::Stated { product, call, number } => {
                let (product, call, number) = (product.to_string(), *call, *number);
                WordKind::Stated(StatedForm { product, call, number })
            }
            RecoveryWord::YouHold { product } => WordKind::YouHold(product.to_string()),
            RecoveryWord::Registered { serials } => {
                let serials = serials.iter().map(|serial| serial_text(serial).to_string());
                WordKind::Registered(texts(serials))
            }
            RecoveryWord::RowsAsk { data, former, after } => {
                WordKind::RowsAsk(RowsAskForm { former: *former, after: after.0, data: *data })
            }
            RecoveryWord::Rows(back) => WordKind::Rows(RowsBackForm::of(back)),
            RecoveryWord::BelowAsk { after } => {
                WordKind::BelowAsk(BelowAskForm { after: text(after) })
            }
            RecoveryWord::Below { after, servers, more } => WordKind::Below(BelowListForm {
                after: text(after),
                servers: Names::list(servers),
                more: *more,
            }),
        };
        RecoveryWordForm { kind: Some(kind) }
    }

    fn value(self, room: &mut Room) -> Result<RecoveryWord, RecordError> {
        let what = Self::WHAT;
        let missing = RecordError::Missing { what, field: "kind this version knows" };
        let server =
            |text: Option<String>| text.map(|text| name::<ServerName>(what, &text)).transpose();
        Ok(match self.kind.ok_or(missing)? {
            WordKind::RollCalls(calls) => {
                let calls = read_list::<RollCallForm>(&calls, Part::Names, room)?;
                RecoveryWord::RollCalls(calls)
            }
            WordKind::Statement(form) => {
                RecoveryWord::Statement { call: form.call, part: need(what, form.part, room)? }
            }
            WordKind::Stated(form) => RecoveryWord::Stated {
                product: name(what, &form.product)?,
                call: form.call,
                number: form.number,
            },
            WordKind::YouHold(product) => RecoveryWord::YouHold { product: name(what, &product)? },
            WordKind::Registered(serials) => {
                let serials = read_names(&serials, Part::Names, room, serial)?;
                RecoveryWord::Registered { serials }
            }
            WordKind::RowsAsk(form) => {
                let RowsAskForm { former, after, data } = form;
                RecoveryWord::RowsAsk { data, former, after: DeviceNumber(after) }
            }
            WordKind::Rows(form) => RecoveryWord::Rows(form.value(room)?),
            WordKind::BelowAsk(form) => RecoveryWord::BelowAsk { after: server(form.after)? },
            WordKind::Below(form) => RecoveryWord::Below {
                after: server(form.after)?,
                servers: Names::read(&form.servers, Part::Names, room)?,
                more: form.more,
            },
        })
    }
}
