//! Forms of rows, one for each table.

use crate::model::account::Entry;
use crate::model::device::DeviceNumber;
use crate::model::event::Event;
use crate::model::log::RowChange;
use crate::model::name::ServerName;
use crate::model::row::{
    DeviceRow, EdgeRow, HoldingRow, LicenseRow, MetRow, OwnFiguresRow, Row, RowKey, ServerRow,
    StreamRow,
};
use crate::model::time::Timestamp;
use crate::record::account::{AccountForm, BelowForm, PackForm};
use crate::record::clock::SeenTimeForm;
use crate::record::command::FoundingForm;
use crate::record::device::{DeviceForm, OpenWishForm};
use crate::record::edge::{AttachIdForm, LevelForm};
use crate::record::enrolment::{
    EnrolmentForm, InviteForm, SealedTrustForm, or_default, unless_default,
};
use crate::record::error::RecordError;
use crate::record::form::{Form, need, perhaps, read};
use crate::record::key::{decode_key, encode_key, table};
use crate::record::moving::OpenMoveForm;
use crate::record::name::name;
use crate::record::number::Numbered;
use crate::record::outside::LicenseForm;
use crate::record::recovery::RecoveryForm;
use crate::record::report::{FiguresForm, ReportRowForm};
use crate::record::room::Room;
use prost::Message;

/// A row as a change of its table; without a row, its removal.
///
/// The row is of its key's variant. Of an account only what is not entries is written; those are
/// rows of their own.
pub fn encode_row(key: &RowKey, row: Option<&Row>) -> RowChange {
    let (table, key) = encode_key(key);
    RowChange { table, key, value: row.map(encode_value) }
}

/// The key and the row of a change that is not a removal.
pub fn decode_row(change: &RowChange) -> Result<(RowKey, Row), RecordError> {
    let key = decode_key(change.table, &change.key)?;
    let value = change.value.as_ref().ok_or(RecordError::Removed { table: change.table })?;
    Ok((key, decode_value(change.table, value)?))
}

fn encode_value(row: &Row) -> Vec<u8> {
    match row {
        Row::Server(row) => encode::<ServerRowForm>(row),
        Row::License(row) => encode::<LicenseRowForm>(row),
        Row::Edge(row) => encode::<EdgeRowForm>(row),
        Row::Met(row) => encode::<MetRowForm>(row),
        Row::Holding(row) => encode::<HoldingRowForm>(row),
        Row::Account(account) => AccountForm::head(account).encode_to_vec(),
        Row::Entry(entry) => encode::<EntryForm>(entry),
        Row::Below(below) => encode::<BelowForm>(below),
        Row::Outbox(pack) => encode::<PackForm>(pack),
        Row::Device(row) => encode::<DeviceRowForm>(row),
        Row::Gone(version) => GoneForm { version: *version }.encode_to_vec(),
        Row::OwnFigures(row) => encode::<OwnFiguresRowForm>(row),
        Row::Stream(row) => encode::<StreamRowForm>(row),
        Row::Mirrored(row) => encode::<ReportRowForm>(row),
        Row::Event(event) => encode::<EventForm>(event),
        Row::Invite(invite) => encode::<InviteForm>(invite),
        Row::Trust(sealed) => encode::<SealedTrustForm>(sealed),
        Row::Claim(by) => encode::<ClaimForm>(by),
    }
}

fn decode_value(table: u8, bytes: &[u8]) -> Result<Row, RecordError> {
    let room = &mut Room::boundless();
    Ok(match table {
        table::SERVER => Row::Server(read::<ServerRowForm>(bytes, room)?),
        table::LICENSE => Row::License(read::<LicenseRowForm>(bytes, room)?),
        table::EDGE => Row::Edge(read::<EdgeRowForm>(bytes, room)?),
        table::MET => Row::Met(read::<MetRowForm>(bytes, room)?),
        table::HOLDING => Row::Holding(read::<HoldingRowForm>(bytes, room)?),
        table::ACCOUNT => Row::Account(read::<AccountForm>(bytes, room)?),
        table::ENTRY => Row::Entry(read::<EntryForm>(bytes, room)?),
        table::BELOW => Row::Below(read::<BelowForm>(bytes, room)?),
        table::OUTBOX => Row::Outbox(read::<PackForm>(bytes, room)?),
        table::DEVICE => Row::Device(read::<DeviceRowForm>(bytes, room)?),
        table::GONE => Row::Gone(read::<GoneForm>(bytes, room)?),
        table::OWN_FIGURES => Row::OwnFigures(read::<OwnFiguresRowForm>(bytes, room)?),
        table::STREAM => Row::Stream(read::<StreamRowForm>(bytes, room)?),
        table::MIRRORED => Row::Mirrored(read::<ReportRowForm>(bytes, room)?),
        table::EVENT => Row::Event(read::<EventForm>(bytes, room)?),
        table::INVITE => Row::Invite(read::<InviteForm>(bytes, room)?),
        table::TRUST => Row::Trust(read::<SealedTrustForm>(bytes, room)?),
        table::CLAIM => Row::Claim(read::<ClaimForm>(bytes, room)?),
        _ => return Err(RecordError::UnknownTable { table }),
    })
}

fn encode<F: Form>(value: &F::Value) -> Vec<u8> {
    F::of(value).encode_to_vec()
}

#[derive(Clone, PartialEq, Message)]
struct ServerRowForm {
    #[prost(message, optional, tag = "1")]
    founding: Option<FoundingForm>,
    #[prost(uint64, tag = "2")]
    device_last: u64,
    #[prost(uint64, tag = "3")]
    wish_last: u64,
    #[prost(uint64, tag = "4")]
    event_last: u64,
    #[prost(uint64, tag = "5")]
    figures_version: u64,
    #[prost(uint64, tag = "6")]
    nodes_version: u64,
    #[prost(uint64, tag = "7")]
    nodes_floor: u64,
    #[prost(message, optional, tag = "8")]
    attach: Option<AttachIdForm>,
    #[prost(fixed64, optional, tag = "9")]
    fenced: Option<u64>,
    #[prost(uint64, tag = "10")]
    attach_last: u64,
    #[prost(message, optional, tag = "11")]
    recovery: Option<RecoveryForm>,
    #[prost(bool, tag = "12")]
    was_set_back: bool,
    #[prost(bool, tag = "13")]
    unstated: bool,
    #[prost(fixed64, repeated, tag = "16")]
    formers: Vec<u64>,
    #[prost(uint64, tag = "17")]
    stated_under: u64,
    #[prost(fixed64, tag = "18")]
    stated_way: u64,
    #[prost(uint64, tag = "20")]
    attached_at_ms: u64,
    #[prost(message, optional, tag = "15")]
    seen_time: Option<SeenTimeForm>,
}

impl Form for ServerRowForm {
    type Value = ServerRow;
    const WHAT: &'static str = "the row of the server";

    fn of(row: &ServerRow) -> Self {
        ServerRowForm {
            founding: Some(FoundingForm::of(&row.founding)),
            device_last: row.device_last.0,
            wish_last: row.wish_last,
            event_last: row.event_last,
            figures_version: row.figures_version,
            nodes_version: row.nodes_version,
            nodes_floor: row.nodes_floor,
            attach: row.attach.as_ref().map(AttachIdForm::of),
            fenced: row.fenced,
            attach_last: row.attach_last,
            recovery: row.recovery.as_ref().map(RecoveryForm::of),
            was_set_back: row.was_set_back,
            unstated: row.unstated,
            stated_under: row.stated_under,
            stated_way: row.stated_way,
            formers: row.formers.clone(),
            attached_at_ms: row.attached_at.0,
            seen_time: unless_default(&row.seen_time),
        }
    }

    fn value(self, room: &mut Room) -> Result<ServerRow, RecordError> {
        Ok(ServerRow {
            founding: need(Self::WHAT, self.founding, room)?,
            device_last: DeviceNumber(self.device_last),
            wish_last: self.wish_last,
            event_last: self.event_last,
            figures_version: self.figures_version,
            nodes_version: self.nodes_version,
            nodes_floor: self.nodes_floor,
            attach: perhaps(self.attach, room)?,
            fenced: self.fenced,
            attach_last: self.attach_last,
            recovery: perhaps(self.recovery, room)?,
            was_set_back: self.was_set_back,
            unstated: self.unstated,
            stated_under: self.stated_under,
            stated_way: self.stated_way,
            formers: self.formers,
            attached_at: Timestamp(self.attached_at_ms),
            seen_time: or_default(self.seen_time, room)?,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct LicenseRowForm {
    #[prost(message, optional, tag = "1")]
    license: Option<LicenseForm>,
    #[prost(uint64, tag = "2")]
    registered_at_ms: u64,
    #[prost(bool, tag = "3")]
    expired: bool,
}

impl Form for LicenseRowForm {
    type Value = LicenseRow;
    const WHAT: &'static str = "the row of a license";

    fn of(row: &LicenseRow) -> Self {
        LicenseRowForm {
            license: Some(LicenseForm::of(&row.license)),
            registered_at_ms: row.registered_at.0,
            expired: row.expired,
        }
    }

    fn value(self, room: &mut Room) -> Result<LicenseRow, RecordError> {
        let license = need(Self::WHAT, self.license, room)?;
        let registered_at = Timestamp(self.registered_at_ms);
        Ok(LicenseRow { license, registered_at, expired: self.expired })
    }
}

#[derive(Clone, PartialEq, Message)]
struct EdgeRowForm {
    #[prost(message, optional, tag = "1")]
    level: Option<LevelForm>,
    #[prost(uint64, tag = "2")]
    granted_seen: u64,
    #[prost(uint64, tag = "3")]
    version_seen: u64,
    #[prost(bool, tag = "4")]
    may_decline: bool,
    #[prost(bool, tag = "5")]
    promised: bool,
}

impl Form for EdgeRowForm {
    type Value = EdgeRow;
    const WHAT: &'static str = "the row of an edge";

    fn of(row: &EdgeRow) -> Self {
        EdgeRowForm {
            level: Some(LevelForm::of(&row.level)),
            granted_seen: row.granted_seen,
            version_seen: row.version_seen,
            may_decline: row.may_decline,
            promised: row.promised,
        }
    }

    fn value(self, room: &mut Room) -> Result<EdgeRow, RecordError> {
        let level = need(Self::WHAT, self.level, room)?;
        Ok(EdgeRow {
            level,
            granted_seen: self.granted_seen,
            version_seen: self.version_seen,
            may_decline: self.may_decline,
            promised: self.promised,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct MetRowForm {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    parent: String,
    #[prost(fixed64, tag = "3")]
    incarnation: u64,
    #[prost(message, optional, tag = "4")]
    attach: Option<AttachIdForm>,
    #[prost(message, optional, tag = "5")]
    enrolment: Option<EnrolmentForm>,
    #[prost(string, tag = "6")]
    title: String,
    #[prost(fixed64, repeated, tag = "7")]
    formers: Vec<u64>,
    #[prost(bool, tag = "8")]
    unsaid: bool,
    #[prost(uint64, tag = "9")]
    generation: u64,
    #[prost(fixed64, repeated, tag = "10")]
    starts: Vec<u64>,
    #[prost(bool, tag = "11")]
    has_twin: bool,
    /// Empty where it is at the place where it was.
    #[prost(string, tag = "12")]
    moved_from: String,
    #[prost(bool, tag = "13")]
    recovers: bool,
}

impl Form for MetRowForm {
    type Value = MetRow;
    const WHAT: &'static str = "the row of a server";

    fn of(row: &MetRow) -> Self {
        MetRowForm {
            name: row.name.to_string(),
            parent: row.parent.to_string(),
            incarnation: row.incarnation,
            attach: row.attach.as_ref().map(AttachIdForm::of),
            enrolment: unless_default(&row.enrolment),
            title: row.title.clone(),
            formers: row.formers.clone(),
            unsaid: row.unsaid,
            generation: row.generation,
            starts: row.starts.clone(),
            has_twin: row.has_twin,
            moved_from: row.moved_from.as_ref().map_or(String::new(), ToString::to_string),
            recovers: row.recovers,
        }
    }

    fn value(self, room: &mut Room) -> Result<MetRow, RecordError> {
        Ok(MetRow {
            name: name(Self::WHAT, &self.name)?,
            parent: name(Self::WHAT, &self.parent)?,
            incarnation: self.incarnation,
            attach: perhaps(self.attach, room)?,
            enrolment: or_default(self.enrolment, room)?,
            title: self.title,
            formers: self.formers,
            unsaid: self.unsaid,
            generation: self.generation,
            starts: self.starts,
            has_twin: self.has_twin,
            moved_from: match self.moved_from.as_str() {
                "" => None,
                from => Some(name(Self::WHAT, from)?),
            },
            recovers: self.recovers,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct HoldingRowForm {
    #[prost(uint32, tag = "1")]
    phase: u32,
    #[prost(message, optional, tag = "2")]
    level: Option<LevelForm>,
    #[prost(uint64, tag = "3")]
    granted_seen: u64,
    #[prost(uint64, tag = "4")]
    returned: u64,
    #[prost(uint64, tag = "5")]
    cycle: u64,
    #[prost(bool, tag = "6")]
    declined: bool,
}

impl Form for HoldingRowForm {
    type Value = HoldingRow;
    const WHAT: &'static str = "the row of a holding option";

    fn of(row: &HoldingRow) -> Self {
        HoldingRowForm {
            phase: row.phase.number(),
            level: Some(LevelForm::of(&row.level)),
            granted_seen: row.granted_seen,
            returned: row.returned,
            cycle: row.cycle,
            declined: row.declined,
        }
    }

    fn value(self, room: &mut Room) -> Result<HoldingRow, RecordError> {
        Ok(HoldingRow {
            phase: Numbered::numbered(self.phase)?,
            level: need(Self::WHAT, self.level, room)?,
            granted_seen: self.granted_seen,
            returned: self.returned,
            cycle: self.cycle,
            declined: self.declined,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct EntryForm {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(uint32, tag = "2")]
    verdict: u32,
}

impl Form for EntryForm {
    type Value = Entry;
    const WHAT: &'static str = "an entry of an account";

    fn of(entry: &Entry) -> Self {
        EntryForm { number: entry.number, verdict: entry.verdict.number() }
    }

    fn value(self, _: &mut Room) -> Result<Entry, RecordError> {
        Ok(Entry { number: self.number, verdict: Numbered::numbered(self.verdict)? })
    }
}

#[derive(Clone, PartialEq, Message)]
struct DeviceRowForm {
    #[prost(message, optional, tag = "1")]
    device: Option<DeviceForm>,
    #[prost(uint64, tag = "2")]
    version: u64,
    #[prost(message, optional, tag = "3")]
    wish: Option<OpenWishForm>,
    #[prost(bool, tag = "4")]
    deleted: bool,
    #[prost(message, optional, tag = "5")]
    moving: Option<OpenMoveForm>,
}

impl Form for DeviceRowForm {
    type Value = DeviceRow;
    const WHAT: &'static str = "the row of a device";

    fn of(row: &DeviceRow) -> Self {
        DeviceRowForm {
            device: Some(DeviceForm::of(&row.device)),
            version: row.version,
            wish: row.wish.as_ref().map(OpenWishForm::of),
            deleted: row.deleted,
            moving: row.moving.as_ref().map(OpenMoveForm::of),
        }
    }

    fn value(self, room: &mut Room) -> Result<DeviceRow, RecordError> {
        let (version, deleted) = (self.version, self.deleted);
        let device = need(Self::WHAT, self.device, room)?;
        let (wish, moving) = (perhaps(self.wish, room)?, perhaps(self.moving, room)?);
        Ok(DeviceRow { device, version, wish, moving, deleted })
    }
}

#[derive(Clone, PartialEq, Message)]
struct GoneForm {
    #[prost(uint64, tag = "1")]
    version: u64,
}

impl Form for GoneForm {
    type Value = u64;
    const WHAT: &'static str = "the row of a device that is gone";

    fn of(version: &u64) -> Self {
        GoneForm { version: *version }
    }

    fn value(self, _: &mut Room) -> Result<u64, RecordError> {
        Ok(self.version)
    }
}

#[derive(Clone, PartialEq, Message)]
struct OwnFiguresRowForm {
    #[prost(message, optional, tag = "1")]
    figures: Option<FiguresForm>,
    #[prost(uint64, tag = "2")]
    version: u64,
}

impl Form for OwnFiguresRowForm {
    type Value = OwnFiguresRow;
    const WHAT: &'static str = "the row of own figures";

    fn of(row: &OwnFiguresRow) -> Self {
        let figures = Some(FiguresForm::of(&row.figures));
        OwnFiguresRowForm { figures, version: row.version }
    }

    fn value(self, room: &mut Room) -> Result<OwnFiguresRow, RecordError> {
        let figures = need(Self::WHAT, self.figures, room)?;
        Ok(OwnFiguresRow { figures, version: self.version })
    }
}

#[derive(Clone, PartialEq, Message)]
struct StreamRowForm {
    #[prost(fixed64, tag = "1")]
    incarnation: u64,
    #[prost(uint64, tag = "2")]
    have: u64,
    #[prost(uint64, tag = "3")]
    merged_at_ms: u64,
}

impl Form for StreamRowForm {
    type Value = StreamRow;
    const WHAT: &'static str = "the row of a stream";

    fn of(row: &StreamRow) -> Self {
        let merged_at_ms = row.merged_at.0;
        StreamRowForm { incarnation: row.incarnation, have: row.have, merged_at_ms }
    }

    fn value(self, _: &mut Room) -> Result<StreamRow, RecordError> {
        let merged_at = Timestamp(self.merged_at_ms);
        Ok(StreamRow { incarnation: self.incarnation, have: self.have, merged_at })
    }
}

#[derive(Clone, PartialEq, Message)]
struct EventForm {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(uint64, tag = "2")]
    at_ms: u64,
    #[prost(string, tag = "3")]
    kind: String,
    #[prost(string, tag = "4")]
    text: String,
}

impl Form for EventForm {
    type Value = Event;
    const WHAT: &'static str = "an event";

    fn of(event: &Event) -> Self {
        EventForm {
            number: event.number,
            at_ms: event.at.0,
            kind: event.kind.clone(),
            text: event.text.clone(),
        }
    }

    fn value(self, _: &mut Room) -> Result<Event, RecordError> {
        let at = Timestamp(self.at_ms);
        Ok(Event { number: self.number, at, kind: self.kind, text: self.text })
    }
}

#[derive(Clone, PartialEq, Message)]
struct ClaimForm {
    #[prost(string, tag = "1")]
    by: String,
}

impl Form for ClaimForm {
    type Value = ServerName;
    const WHAT: &'static str = "the row of a claim";

    fn of(by: &ServerName) -> Self {
        ClaimForm { by: by.to_string() }
    }

    fn value(self, _: &mut Room) -> Result<ServerName, RecordError> {
        name(Self::WHAT, &self.by)
    }
}
