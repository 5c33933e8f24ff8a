//! The form of every command.

use crate::model::account::WishNumber;
use crate::model::command::{BookWishes, Command, Founding, SetHolding};
use crate::model::count::LicenseCount;
use crate::model::device::DeviceNumber;
use crate::model::edge::{AttachId, EdgeReport};
use crate::model::name::{ProductName, ServerName};
use crate::record::account::{CycleForm, PackForm, verdicts, verdicts_form, wishes, wishes_form};
use crate::record::clock::SeeTimeForm;
use crate::record::column::{ColumnsForm, column, read_column};
use crate::record::edge::{AttachForm, AttachIdForm, AttachedForm, EdgeReportForm, LevelUnderForm};
use crate::record::enrolment_command::EnrolmentCommandForm;
use crate::record::error::RecordError;
use crate::record::form::{Form, list, need, read_list};
use crate::record::moving::MovingCommandForm;
use crate::record::name::{name, route, route_text};
use crate::record::number::Numbered;
use crate::record::outside::{FoundForm, LicenseForm, serial, serial_text};
use crate::record::reconcile::ReconcileForm;
use crate::record::recovery::RecoveryCommandForm;
use crate::record::report::ReportBatchForm;
use crate::record::room::{Part, Room};
use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub struct CommandForm {
    #[prost(
        oneof = "Kind",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, \
                23, 24, 25, 26, 27, 28, 30, 31, 36"
    )]
    kind: Option<Kind>,
}

/// Never renumbered; a command that fell out of use keeps its number.
#[derive(Clone, PartialEq, Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    Found(FoundingForm),
    #[prost(message, tag = "2")]
    RegisterLicense(LicenseForm),
    /// A serial.
    #[prost(string, tag = "3")]
    ExpireLicense(String),
    #[prost(message, tag = "4")]
    SetHolding(SetHoldingForm),
    #[prost(message, tag = "5")]
    MeetServer(MeetServerForm),
    #[prost(message, tag = "6")]
    Attach(AttachForm),
    #[prost(message, tag = "7")]
    BookEdge(BookEdgeForm),
    /// A nonce.
    #[prost(fixed64, tag = "8")]
    Fence(u64),
    #[prost(message, tag = "9")]
    Attached(AttachedForm),
    #[prost(message, tag = "10")]
    TakeLevel(LevelUnderForm),
    #[prost(message, tag = "11")]
    BookWishes(BookWishesForm),
    #[prost(message, tag = "12")]
    Settle(SettleForm),
    #[prost(message, tag = "13")]
    HandOver(HandOverForm),
    #[prost(message, tag = "14")]
    BookHandover(PackForm),
    #[prost(message, tag = "15")]
    HandoverBooked(HandoverBookedForm),
    #[prost(message, tag = "16")]
    BookYield(BookYieldForm),
    #[prost(message, tag = "17")]
    YieldBooked(CycleForm),
    /// A list of [`FoundForm`].
    #[prost(bytes = "vec", tag = "18")]
    Discover(Vec<u8>),
    #[prost(message, tag = "19")]
    Manage(ManageForm),
    /// A column of device numbers.
    #[prost(bytes = "vec", tag = "20")]
    Ignore(Vec<u8>),
    /// A column of device numbers.
    #[prost(bytes = "vec", tag = "21")]
    Delete(Vec<u8>),
    #[prost(message, tag = "22")]
    Merge(ReportBatchForm),
    #[prost(message, tag = "23")]
    ForgetGone(ForgetGoneForm),
    #[prost(message, tag = "30")]
    Enrolment(EnrolmentCommandForm),
    #[prost(message, tag = "31")]
    Note(NoteForm),
    #[prost(message, tag = "24")]
    ClaimSerial(ClaimSerialForm),
    #[prost(message, tag = "25")]
    Unite(UniteForm),
    #[prost(message, tag = "26")]
    Refill(ReconcileForm),
    #[prost(message, tag = "27")]
    Moving(MovingCommandForm),
    #[prost(message, tag = "28")]
    Recovery(RecoveryCommandForm),
    #[prost(message, tag = "36")]
    SeeTime(SeeTimeForm),
}

#[derive(Clone, PartialEq, Message)]
pub struct FoundingForm {
    #[prost(string, tag = "1")]
    tree: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint32, tag = "3")]
    role: u32,
    #[prost(fixed64, tag = "4")]
    incarnation: u64,
}

#[derive(Clone, PartialEq, Message)]
struct SetHoldingForm {
    #[prost(string, tag = "1")]
    relay: String,
    #[prost(string, tag = "2")]
    product: String,
    #[prost(uint32, tag = "3")]
    option: u32,
    #[prost(uint64, tag = "4")]
    target: u64,
    #[prost(bool, tag = "5")]
    forced: bool,
}

#[derive(Clone, PartialEq, Message)]
struct MeetServerForm {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    parent: String,
    #[prost(fixed64, tag = "3")]
    incarnation: u64,
    #[prost(uint64, tag = "4")]
    enrolment: u64,
}

#[derive(Clone, PartialEq, Message)]
struct BookEdgeForm {
    #[prost(string, tag = "1")]
    relay: String,
    #[prost(message, optional, tag = "2")]
    attach: Option<AttachIdForm>,
    #[prost(string, tag = "3")]
    product: String,
    #[prost(message, optional, tag = "4")]
    report: Option<EdgeReportForm>,
}

#[derive(Clone, PartialEq, Message)]
struct BookWishesForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(string, tag = "2")]
    origin: String,
    #[prost(string, tag = "3")]
    route: String,
    #[prost(uint64, tag = "4")]
    floor: WishNumber,
    #[prost(message, optional, tag = "5")]
    wishes: Option<ColumnsForm>,
    #[prost(bool, tag = "6")]
    no_room: bool,
}

#[derive(Clone, PartialEq, Message)]
struct SettleForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(message, optional, tag = "2")]
    verdicts: Option<ColumnsForm>,
    #[prost(bool, tag = "3")]
    told: bool,
}

#[derive(Clone, PartialEq, Message)]
struct HandOverForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(string, tag = "2")]
    relay: String,
    #[prost(string, tag = "3")]
    route: String,
    #[prost(uint64, tag = "4")]
    cycle: u64,
}

#[derive(Clone, PartialEq, Message)]
struct HandoverBookedForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(string, tag = "2")]
    relay: String,
    #[prost(uint64, tag = "3")]
    cycle: u64,
}

#[derive(Clone, PartialEq, Message)]
struct BookYieldForm {
    #[prost(message, optional, tag = "1")]
    pack: Option<PackForm>,
    #[prost(string, tag = "2")]
    route: String,
}

#[derive(Clone, PartialEq, Message)]
struct ManageForm {
    /// A column of device numbers.
    #[prost(bytes = "vec", tag = "1")]
    devices: Vec<u8>,
    #[prost(string, tag = "2")]
    product: String,
}

#[derive(Clone, PartialEq, Message)]
struct UniteForm {
    #[prost(uint64, tag = "1")]
    keep: u64,
    /// A column of device numbers.
    #[prost(bytes = "vec", tag = "2")]
    others: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct NoteForm {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    text: String,
}

#[derive(Clone, PartialEq, Message)]
struct ForgetGoneForm {
    #[prost(uint32, tag = "1")]
    table: u32,
    #[prost(uint64, tag = "2")]
    upto: u64,
}

#[derive(Clone, PartialEq, Message)]
struct ClaimSerialForm {
    #[prost(string, tag = "1")]
    serial: String,
    #[prost(string, tag = "2")]
    by: String,
}

impl Form for CommandForm {
    type Value = Command;
    const WHAT: &'static str = "a command";

    fn of(command: &Command) -> Self {
        CommandForm { kind: Some(kind(command)) }
    }

    fn value(self, room: &mut Room) -> Result<Command, RecordError> {
        let missing = RecordError::Missing { what: Self::WHAT, field: "kind this version knows" };
        command(self.kind.ok_or(missing)?, room)
    }
}

/// The form of a command, by its variant.
fn kind(command: &Command) -> Kind {
    match command {
        Command::Found(founding) => Kind::Found(FoundingForm::of(founding)),
        Command::RegisterLicense(license) => Kind::RegisterLicense(LicenseForm::of(license)),
        Command::ExpireLicense(serial) => Kind::ExpireLicense(serial_text(serial).to_string()),
        Command::SeeTime { seen, wall } => Kind::SeeTime(SeeTimeForm::of(seen, *wall)),
        Command::SetHolding(change) => Kind::SetHolding(SetHoldingForm::of(change)),
        Command::MeetServer { name, parent, incarnation, enrolment } => {
            Kind::MeetServer(MeetServerForm::of(name, parent, *incarnation, *enrolment))
        }
        Command::Attach { relay, nonce, attach, data, edges } => {
            Kind::Attach(AttachForm::of(relay, *nonce, attach, data, edges))
        }
        Command::BookEdge { relay, attach, product, report } => {
            Kind::BookEdge(BookEdgeForm::of(relay, attach, product, report))
        }
        Command::Fence { nonce } => Kind::Fence(*nonce),
        Command::Attached { nonce, attach, levels, generation } => {
            Kind::Attached(AttachedForm::of(*nonce, attach, levels, *generation))
        }
        Command::TakeLevel { attach, product, level } => {
            Kind::TakeLevel(LevelUnderForm::of(attach, product, level))
        }
        Command::BookWishes(wishes) => Kind::BookWishes(BookWishesForm::of(wishes)),
        Command::Settle { product, verdicts, told } => {
            let (product, verdicts) = (product.to_string(), Some(verdicts_form(verdicts)));
            Kind::Settle(SettleForm { product, verdicts, told: *told })
        }
        Command::HandOver { product, relay, route, cycle } => {
            Kind::HandOver(HandOverForm::of(product, relay, route, *cycle))
        }
        Command::BookHandover(pack) => Kind::BookHandover(PackForm::of(pack)),
        Command::HandoverBooked { product, relay, cycle } => {
            let (product, relay) = (product.to_string(), relay.to_string());
            Kind::HandoverBooked(HandoverBookedForm { product, relay, cycle: *cycle })
        }
        Command::BookYield { pack, route } => {
            let (pack, route) = (Some(PackForm::of(pack)), route_text(route));
            Kind::BookYield(BookYieldForm { pack, route })
        }
        Command::YieldBooked { product, cycle } => {
            Kind::YieldBooked(CycleForm::of(product, *cycle))
        }
        Command::Discover { found } => Kind::Discover(list::<FoundForm>(found)),
        Command::Manage { devices, product } => {
            let product = product.to_string();
            Kind::Manage(ManageForm { devices: device_column(devices), product })
        }
        Command::Ignore { devices } => Kind::Ignore(device_column(devices)),
        Command::Delete { devices } => Kind::Delete(device_column(devices)),
        Command::Unite { keep, others } => {
            Kind::Unite(UniteForm { keep: keep.0, others: device_column(others) })
        }
        Command::Moving(command) => Kind::Moving(MovingCommandForm::of(command)),
        Command::Recovery(command) => Kind::Recovery(RecoveryCommandForm::of(command)),
        Command::Merge(batch) => Kind::Merge(ReportBatchForm::of(batch)),
        Command::Refill(word) => Kind::Refill(ReconcileForm::of(word)),
        Command::ForgetGone { table, upto } => {
            Kind::ForgetGone(ForgetGoneForm { table: table.number(), upto: *upto })
        }
        Command::Enrolment(command) => Kind::Enrolment(EnrolmentCommandForm::of(command)),
        Command::Note { kind, text } => {
            Kind::Note(NoteForm { kind: kind.clone(), text: text.clone() })
        }
        Command::ClaimSerial { serial, by } => {
            let (serial, by) = (serial_text(serial).to_string(), by.to_string());
            Kind::ClaimSerial(ClaimSerialForm { serial, by })
        }
    }
}

/// The command of a form, by its variant.
fn command(kind: Kind, room: &mut Room) -> Result<Command, RecordError> {
    Ok(match kind {
        Kind::Found(form) => Command::Found(form.value(room)?),
        Kind::RegisterLicense(form) => Command::RegisterLicense(form.value(room)?),
        Kind::ExpireLicense(text) => Command::ExpireLicense(serial(&text)?),
        Kind::SeeTime(form) => form.value(room)?,
        Kind::SetHolding(form) => Command::SetHolding(form.value()?),
        Kind::MeetServer(form) => form.value()?,
        Kind::Attach(form) => form.value(room)?,
        Kind::BookEdge(form) => form.value(room)?,
        Kind::Fence(nonce) => Command::Fence { nonce },
        Kind::Attached(form) => {
            let (nonce, attach, levels, generation) = form.value(room)?;
            Command::Attached { nonce, attach, levels, generation }
        }
        Kind::TakeLevel(form) => {
            let (attach, product, level) = form.value(room)?;
            Command::TakeLevel { attach, product, level }
        }
        Kind::BookWishes(form) => Command::BookWishes(form.value(room)?),
        Kind::Settle(form) => Command::Settle {
            product: name("a command to settle", &form.product)?,
            verdicts: verdicts(form.verdicts, room)?,
            told: form.told,
        },
        Kind::HandOver(form) => form.value(room)?,
        Kind::BookHandover(form) => Command::BookHandover(form.value(room)?),
        Kind::HandoverBooked(form) => form.value()?,
        Kind::BookYield(form) => {
            let what = "a command to book a yield";
            let route = route(what, &form.route, room)?;
            Command::BookYield { pack: need(what, form.pack, room)?, route }
        }
        Kind::YieldBooked(form) => {
            let (product, cycle) = form.value()?;
            Command::YieldBooked { product, cycle }
        }
        Kind::Discover(list) => {
            Command::Discover { found: read_list::<FoundForm>(&list, Part::Rows, room)? }
        }
        Kind::Manage(form) => Command::Manage {
            devices: devices(&form.devices, room)?,
            product: name("a command to manage", &form.product)?,
        },
        Kind::Ignore(column) => Command::Ignore { devices: devices(&column, room)? },
        Kind::Delete(column) => Command::Delete { devices: devices(&column, room)? },
        Kind::Unite(form) => {
            Command::Unite { keep: DeviceNumber(form.keep), others: devices(&form.others, room)? }
        }
        Kind::Moving(form) => Command::Moving(form.value(room)?),
        Kind::Recovery(form) => Command::Recovery(form.value(room)?),
        Kind::Merge(form) => Command::Merge(form.value(room)?),
        Kind::Refill(form) => Command::Refill(form.value(room)?),
        Kind::ForgetGone(form) => {
            Command::ForgetGone { table: Numbered::numbered(form.table)?, upto: form.upto }
        }
        Kind::Enrolment(form) => Command::Enrolment(form.value(room)?),
        Kind::Note(form) => Command::Note { kind: form.kind, text: form.text },
        Kind::ClaimSerial(form) => Command::ClaimSerial {
            serial: serial(&form.serial)?,
            by: name("a command to claim", &form.by)?,
        },
    })
}

fn device_column(devices: &[DeviceNumber]) -> Vec<u8> {
    column(devices.iter().map(|device| device.0))
}

fn devices(column: &[u8], room: &mut Room) -> Result<Vec<DeviceNumber>, RecordError> {
    read_column("device numbers", column, (Part::Entries, room), DeviceNumber)
}

impl Form for FoundingForm {
    type Value = Founding;
    const WHAT: &'static str = "the founding of a server";

    fn of(founding: &Founding) -> Self {
        FoundingForm {
            tree: founding.tree.to_string(),
            name: founding.name.to_string(),
            role: founding.role.number(),
            incarnation: founding.incarnation,
        }
    }

    fn value(self, _: &mut Room) -> Result<Founding, RecordError> {
        Ok(Founding {
            tree: name(Self::WHAT, &self.tree)?,
            name: name(Self::WHAT, &self.name)?,
            role: Numbered::numbered(self.role)?,
            incarnation: self.incarnation,
        })
    }
}

impl SetHoldingForm {
    fn of(change: &SetHolding) -> Self {
        SetHoldingForm {
            relay: change.relay.to_string(),
            product: change.product.to_string(),
            option: change.option.number(),
            target: change.target.0,
            forced: change.forced,
        }
    }

    fn value(self) -> Result<SetHolding, RecordError> {
        let what = "a change of a holding option";
        Ok(SetHolding {
            relay: name(what, &self.relay)?,
            product: name(what, &self.product)?,
            option: Numbered::numbered(self.option)?,
            target: LicenseCount(self.target),
            forced: self.forced,
        })
    }
}

impl MeetServerForm {
    fn of(name: &ServerName, parent: &ServerName, incarnation: u64, enrolment: u64) -> Self {
        let (name, parent) = (name.to_string(), parent.to_string());
        MeetServerForm { name, parent, incarnation, enrolment }
    }

    fn value(self) -> Result<Command, RecordError> {
        let what = "a server met";
        let (name, parent) = (name(what, &self.name)?, name(what, &self.parent)?);
        let MeetServerForm { incarnation, enrolment, .. } = self;
        Ok(Command::MeetServer { name, parent, incarnation, enrolment })
    }
}

impl BookEdgeForm {
    fn of(
        relay: &ServerName,
        attach: &AttachId,
        product: &ProductName,
        report: &EdgeReport,
    ) -> Self {
        BookEdgeForm {
            relay: relay.to_string(),
            attach: Some(AttachIdForm::of(attach)),
            product: product.to_string(),
            report: Some(EdgeReportForm::of(report)),
        }
    }

    fn value(self, room: &mut Room) -> Result<Command, RecordError> {
        let what = "a command to book an edge";
        Ok(Command::BookEdge {
            relay: name(what, &self.relay)?,
            attach: need(what, self.attach, room)?,
            product: name(what, &self.product)?,
            report: need(what, self.report, room)?,
        })
    }
}

impl BookWishesForm {
    fn of(book: &BookWishes) -> Self {
        BookWishesForm {
            product: book.product.to_string(),
            origin: book.origin.to_string(),
            route: route_text(&book.route),
            floor: book.floor,
            wishes: Some(wishes_form(&book.wishes)),
            no_room: book.no_room,
        }
    }

    fn value(self, room: &mut Room) -> Result<BookWishes, RecordError> {
        let what = "a command to book wishes";
        Ok(BookWishes {
            product: name(what, &self.product)?,
            origin: name(what, &self.origin)?,
            route: route(what, &self.route, room)?,
            floor: self.floor,
            wishes: wishes(self.wishes, room)?,
            no_room: self.no_room,
        })
    }
}

impl HandOverForm {
    fn of(product: &ProductName, relay: &ServerName, route: &[ServerName], cycle: u64) -> Self {
        let (product, relay) = (product.to_string(), relay.to_string());
        HandOverForm { product, relay, route: route_text(route), cycle }
    }

    fn value(self, room: &mut Room) -> Result<Command, RecordError> {
        let what = "a command to hand over";
        Ok(Command::HandOver {
            product: name(what, &self.product)?,
            relay: name(what, &self.relay)?,
            route: route(what, &self.route, room)?,
            cycle: self.cycle,
        })
    }
}

impl HandoverBookedForm {
    fn value(self) -> Result<Command, RecordError> {
        let what = "a handover booked";
        let (product, relay) = (name(what, &self.product)?, name(what, &self.relay)?);
        Ok(Command::HandoverBooked { product, relay, cycle: self.cycle })
    }
}
