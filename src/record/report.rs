//! Forms of reports: streams, figures, and rows.

use crate::model::count::LicenseCount;
use crate::model::device::DeviceNumber;
use crate::model::report::{
    Figures, Head, ReportBatch, ReportRow, RowBody, RowName, RowsDigest, StreamId, Table,
};
use crate::model::time::Timestamp;
use crate::record::device::DeviceForm;
use crate::record::enrolment::fixed;
use crate::record::error::RecordError;
use crate::record::form::{Form, list, need, read_list};
use crate::record::name::name;
use crate::record::number::Numbered;
use crate::record::room::{Part, Room};
use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub struct StreamIdForm {
    #[prost(string, tag = "1")]
    origin: String,
    #[prost(uint32, tag = "2")]
    table: u32,
}

impl Form for StreamIdForm {
    type Value = StreamId;
    const WHAT: &'static str = "a stream";

    fn of(stream: &StreamId) -> Self {
        StreamIdForm { origin: stream.origin.to_string(), table: stream.table.number() }
    }

    fn value(self, _: &mut Room) -> Result<StreamId, RecordError> {
        let origin = name(Self::WHAT, &self.origin)?;
        Ok(StreamId { origin, table: Numbered::numbered(self.table)? })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct HeadForm {
    #[prost(uint32, tag = "1")]
    table: u32,
    #[prost(fixed64, tag = "2")]
    incarnation: u64,
    #[prost(uint64, tag = "3")]
    version: u64,
    #[prost(bytes = "vec", tag = "4")]
    digest: Vec<u8>,
}

impl Form for HeadForm {
    type Value = (Table, Head);
    const WHAT: &'static str = "what all rows of a table are";

    fn of((table, head): &(Table, Head)) -> Self {
        let Head { incarnation, version, digest } = *head;
        HeadForm { table: table.number(), incarnation, version, digest: digest.0.to_vec() }
    }

    fn value(self, _: &mut Room) -> Result<(Table, Head), RecordError> {
        let digest = RowsDigest(fixed("a digest of rows", &self.digest)?);
        let head = Head { incarnation: self.incarnation, version: self.version, digest };
        Ok((Numbered::numbered(self.table)?, head))
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct FiguresForm {
    #[prost(uint32, tag = "1")]
    option: u32,
    #[prost(uint32, tag = "2")]
    phase: u32,
    #[prost(uint64, tag = "3")]
    version: u64,
    #[prost(uint64, tag = "4")]
    registered: u64,
    #[prost(uint64, tag = "5")]
    held: u64,
    #[prost(uint64, tag = "6")]
    used: u64,
    #[prost(uint64, tag = "7")]
    managed: u64,
    #[prost(uint64, tag = "8")]
    granted_seen: u64,
    #[prost(uint64, tag = "9")]
    returned: u64,
}

impl Form for FiguresForm {
    type Value = Figures;
    const WHAT: &'static str = "figures of a product";

    fn of(figures: &Figures) -> Self {
        FiguresForm {
            option: figures.option.number(),
            phase: figures.phase.number(),
            version: figures.version,
            registered: figures.registered.0,
            held: figures.held.0,
            used: figures.used.0,
            managed: figures.managed.0,
            granted_seen: figures.granted_seen,
            returned: figures.returned,
        }
    }

    fn value(self, _: &mut Room) -> Result<Figures, RecordError> {
        Ok(Figures {
            option: Numbered::numbered(self.option)?,
            phase: Numbered::numbered(self.phase)?,
            version: self.version,
            registered: LicenseCount(self.registered),
            held: LicenseCount(self.held),
            used: LicenseCount(self.used),
            managed: LicenseCount(self.managed),
            granted_seen: self.granted_seen,
            returned: self.returned,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct ReportRowForm {
    #[prost(oneof = "RowNameForm", tags = "1, 2")]
    name: Option<RowNameForm>,
    #[prost(uint64, tag = "3")]
    version: u64,
    #[prost(oneof = "RowBodyForm", tags = "4, 5, 6, 7")]
    body: Option<RowBodyForm>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum RowNameForm {
    #[prost(string, tag = "1")]
    Product(String),
    #[prost(uint64, tag = "2")]
    Device(u64),
}

#[derive(Clone, PartialEq, Oneof)]
enum RowBodyForm {
    #[prost(message, tag = "4")]
    Figures(FiguresForm),
    #[prost(message, tag = "5")]
    Device(DeviceForm),
    #[prost(bool, tag = "6")]
    Gone(bool),
    /// In milliseconds.
    #[prost(uint64, tag = "7")]
    Seen(u64),
}

impl RowNameForm {
    pub fn of(name: &RowName) -> Self {
        match name {
            RowName::Product(product) => RowNameForm::Product(product.to_string()),
            RowName::Device(device) => RowNameForm::Device(device.0),
        }
    }

    pub fn value(self) -> Result<RowName, RecordError> {
        Ok(match self {
            RowNameForm::Product(product) => RowName::Product(name(ReportRowForm::WHAT, &product)?),
            RowNameForm::Device(device) => RowName::Device(DeviceNumber(device)),
        })
    }
}

impl RowBodyForm {
    fn of(body: &RowBody) -> Self {
        match body {
            RowBody::Figures(figures) => RowBodyForm::Figures(FiguresForm::of(figures)),
            RowBody::Device(device) => RowBodyForm::Device(DeviceForm::of(device)),
            RowBody::Seen(at) => RowBodyForm::Seen(at.0),
            RowBody::Gone => RowBodyForm::Gone(true),
        }
    }

    fn value(self, room: &mut Room) -> Result<RowBody, RecordError> {
        Ok(match self {
            RowBodyForm::Figures(figures) => RowBody::Figures(figures.value(room)?),
            RowBodyForm::Device(device) => RowBody::Device(Box::new(device.value(room)?)),
            RowBodyForm::Seen(at) => RowBody::Seen(Timestamp(at)),
            RowBodyForm::Gone(_) => RowBody::Gone,
        })
    }
}

impl Form for ReportRowForm {
    type Value = ReportRow;
    const WHAT: &'static str = "a row of a report";

    fn of(row: &ReportRow) -> Self {
        ReportRowForm {
            name: Some(RowNameForm::of(&row.name)),
            version: row.version,
            body: Some(RowBodyForm::of(&row.body)),
        }
    }

    fn value(self, room: &mut Room) -> Result<ReportRow, RecordError> {
        let missing = |field| RecordError::Missing { what: Self::WHAT, field };
        Ok(ReportRow {
            name: self.name.ok_or(missing("name"))?.value()?,
            version: self.version,
            body: self.body.ok_or(missing("body of a known kind"))?.value(room)?,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct ReportBatchForm {
    #[prost(message, optional, tag = "1")]
    stream: Option<StreamIdForm>,
    #[prost(fixed64, tag = "2")]
    incarnation: u64,
    #[prost(uint64, tag = "3")]
    after: u64,
    #[prost(uint64, tag = "4")]
    upto: u64,
    /// A list of [`ReportRowForm`].
    #[prost(bytes = "vec", tag = "6")]
    rows: Vec<u8>,
    #[prost(bool, tag = "7")]
    complete: bool,
}

impl Form for ReportBatchForm {
    type Value = ReportBatch;
    const WHAT: &'static str = "a report";

    fn of(batch: &ReportBatch) -> Self {
        ReportBatchForm {
            stream: Some(StreamIdForm::of(&batch.stream)),
            incarnation: batch.incarnation,
            after: batch.after,
            upto: batch.upto,
            complete: batch.complete,
            rows: list::<ReportRowForm>(&batch.rows),
        }
    }

    fn value(self, room: &mut Room) -> Result<ReportBatch, RecordError> {
        Ok(ReportBatch {
            stream: need(Self::WHAT, self.stream, room)?,
            incarnation: self.incarnation,
            after: self.after,
            upto: self.upto,
            complete: self.complete,
            rows: read_list::<ReportRowForm>(&self.rows, Part::Rows, room)?,
        })
    }
}
