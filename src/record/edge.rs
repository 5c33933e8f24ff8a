//! Forms of the escrow edge: attachments, levels, and what relays say of them.

use crate::model::command::Command;
use crate::model::count::LicenseCount;
use crate::model::edge::{AttachId, DataSet, EdgeReport, Level};
use crate::model::holding::HoldingOption;
use crate::model::name::{ProductName, ServerName};
use crate::model::row::FORMERS_MAX;
use crate::record::error::RecordError;
use crate::record::form::{Form, list, need, read_list};
use crate::record::name::name;
use crate::record::number::Numbered;
use crate::record::room::{Part, Room};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct AttachIdForm {
    #[prost(uint64, tag = "1")]
    counter: u64,
    #[prost(fixed64, tag = "2")]
    random: u64,
}

impl Form for AttachIdForm {
    type Value = AttachId;
    const WHAT: &'static str = "an attachment";

    fn of(id: &AttachId) -> Self {
        AttachIdForm { counter: id.counter, random: id.random }
    }

    fn value(self, _: &mut Room) -> Result<AttachId, RecordError> {
        Ok(AttachId { counter: self.counter, random: self.random })
    }
}

/// Former data sets, as many as any server names.
pub fn formers(what: &'static str, formers: Vec<u64>) -> Result<Vec<u64>, RecordError> {
    match formers.len() <= FORMERS_MAX {
        true => Ok(formers),
        false => {
            let found = formers.len() as u64;
            Err(RecordError::TooLarge { what, found, max: FORMERS_MAX as u64 })
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct LevelForm {
    #[prost(uint32, tag = "1")]
    option: u32,
    #[prost(uint64, tag = "2")]
    version: u64,
    #[prost(uint64, tag = "3")]
    target: u64,
    #[prost(uint64, tag = "4")]
    epoch: u64,
    #[prost(uint64, tag = "5")]
    granted: u64,
    #[prost(uint64, tag = "6")]
    returned_seen: u64,
    #[prost(uint32, tag = "7")]
    confirm_within_days: u32,
}

impl Form for LevelForm {
    type Value = Level;
    const WHAT: &'static str = "a level";

    fn of(level: &Level) -> Self {
        LevelForm {
            option: level.option.number(),
            version: level.version,
            target: level.target.0,
            epoch: level.epoch,
            granted: level.granted,
            returned_seen: level.returned_seen,
            confirm_within_days: level.confirm_within_days,
        }
    }

    fn value(self, _: &mut Room) -> Result<Level, RecordError> {
        Ok(Level {
            option: Numbered::numbered(self.option)?,
            version: self.version,
            target: LicenseCount(self.target),
            epoch: self.epoch,
            granted: self.granted,
            returned_seen: self.returned_seen,
            confirm_within_days: self.confirm_within_days,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct EdgeReportForm {
    #[prost(uint64, tag = "1")]
    version: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(uint64, tag = "3")]
    granted_seen: u64,
    #[prost(uint64, tag = "4")]
    returned: u64,
    #[prost(bool, tag = "5")]
    declined: bool,
    #[prost(bool, tag = "6")]
    holds: bool,
    /// Absent for none, as in reports that do not say it.
    #[prost(uint32, optional, tag = "7")]
    option: Option<u32>,
    #[prost(uint64, tag = "8")]
    target: u64,
    #[prost(uint64, tag = "9")]
    lacks: u64,
}

impl Form for EdgeReportForm {
    type Value = EdgeReport;
    const WHAT: &'static str = "the report of an edge";

    fn of(report: &EdgeReport) -> Self {
        EdgeReportForm {
            version: report.version,
            epoch: report.epoch,
            granted_seen: report.granted_seen,
            returned: report.returned,
            declined: report.declined,
            holds: report.holds,
            option: Some(report.option).filter(|o| *o != HoldingOption::None).map(|o| o.number()),
            target: report.target.0,
            lacks: report.lacks,
        }
    }

    fn value(self, _: &mut Room) -> Result<EdgeReport, RecordError> {
        Ok(EdgeReport {
            version: self.version,
            epoch: self.epoch,
            granted_seen: self.granted_seen,
            returned: self.returned,
            declined: self.declined,
            holds: self.holds,
            option: self.option.map(Numbered::numbered).transpose()?.unwrap_or_default(),
            target: LicenseCount(self.target),
            lacks: self.lacks,
        })
    }
}

/// A level of one product; an item of a list.
#[derive(Clone, PartialEq, Message)]
pub struct ProductLevelForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(message, optional, tag = "2")]
    level: Option<LevelForm>,
}

impl Form for ProductLevelForm {
    type Value = (ProductName, Level);
    const WHAT: &'static str = "the level of a product";

    fn of((product, level): &(ProductName, Level)) -> Self {
        ProductLevelForm { product: product.to_string(), level: Some(LevelForm::of(level)) }
    }

    fn value(self, room: &mut Room) -> Result<Self::Value, RecordError> {
        Ok((name(Self::WHAT, &self.product)?, need(Self::WHAT, self.level, room)?))
    }
}

/// The report of one product's edge; an item of a list.
#[derive(Clone, PartialEq, Message)]
pub struct ProductReportForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(message, optional, tag = "2")]
    report: Option<EdgeReportForm>,
}

impl Form for ProductReportForm {
    type Value = (ProductName, EdgeReport);
    const WHAT: &'static str = "the edge of a product";

    fn of((product, report): &(ProductName, EdgeReport)) -> Self {
        ProductReportForm { product: product.to_string(), report: Some(EdgeReportForm::of(report)) }
    }

    fn value(self, room: &mut Room) -> Result<Self::Value, RecordError> {
        Ok((name(Self::WHAT, &self.product)?, need(Self::WHAT, self.report, room)?))
    }
}

/// The primary took an attachment: command and letter alike.
#[derive(Clone, PartialEq, Message)]
pub struct AttachedForm {
    #[prost(fixed64, tag = "1")]
    nonce: u64,
    #[prost(message, optional, tag = "2")]
    attach: Option<AttachIdForm>,
    /// A list of [`ProductLevelForm`].
    #[prost(bytes = "vec", tag = "3")]
    levels: Vec<u8>,
    #[prost(uint64, tag = "4")]
    generation: u64,
    /// In letters only: whose it is.
    #[prost(fixed64, tag = "5")]
    data: u64,
}

/// Nonce, attachment, a level for each product that has one, and the generation.
pub type Attached = (u64, AttachId, Vec<(ProductName, Level)>, u64);

impl AttachedForm {
    const WHAT: &'static str = "an attachment taken";

    pub fn of(
        nonce: u64,
        attach: &AttachId,
        levels: &[(ProductName, Level)],
        generation: u64,
    ) -> Self {
        let attach = Some(AttachIdForm::of(attach));
        let levels = list::<ProductLevelForm>(levels);
        AttachedForm { nonce, attach, levels, generation, data: 0 }
    }

    /// As the answer to a data set.
    pub fn to(self, data: u64) -> Self {
        AttachedForm { data, ..self }
    }

    pub fn data(&self) -> u64 {
        self.data
    }

    pub fn value(self, room: &mut Room) -> Result<Attached, RecordError> {
        let attach = need(Self::WHAT, self.attach, room)?;
        let levels = read_list::<ProductLevelForm>(&self.levels, Part::Products, room)?;
        Ok((self.nonce, attach, levels, self.generation))
    }
}

/// A level under an attachment: command and letter alike.
#[derive(Clone, PartialEq, Message)]
pub struct LevelUnderForm {
    #[prost(message, optional, tag = "1")]
    attach: Option<AttachIdForm>,
    #[prost(string, tag = "2")]
    product: String,
    #[prost(message, optional, tag = "3")]
    level: Option<LevelForm>,
}

impl LevelUnderForm {
    const WHAT: &'static str = "a level under an attachment";

    pub fn of(attach: &AttachId, product: &ProductName, level: &Level) -> Self {
        LevelUnderForm {
            attach: Some(AttachIdForm::of(attach)),
            product: product.to_string(),
            level: Some(LevelForm::of(level)),
        }
    }

    pub fn value(self, room: &mut Room) -> Result<(AttachId, ProductName, Level), RecordError> {
        let attach = need(Self::WHAT, self.attach, room)?;
        Ok((attach, name(Self::WHAT, &self.product)?, need(Self::WHAT, self.level, room)?))
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct AttachForm {
    #[prost(string, tag = "1")]
    relay: String,
    #[prost(fixed64, tag = "2")]
    nonce: u64,
    #[prost(message, optional, tag = "3")]
    attach: Option<AttachIdForm>,
    #[prost(fixed64, tag = "4")]
    incarnation: u64,
    /// A list of [`ProductReportForm`].
    #[prost(bytes = "vec", tag = "5")]
    edges: Vec<u8>,
    #[prost(fixed64, tag = "6")]
    former: u64,
    #[prost(fixed64, tag = "7")]
    start: u64,
    #[prost(fixed64, repeated, tag = "8")]
    formers: Vec<u64>,
    #[prost(uint64, tag = "9")]
    generation: u64,
    #[prost(uint64, tag = "10")]
    stated_under: u64,
    #[prost(bool, tag = "11")]
    recovers: bool,
}

impl AttachForm {
    pub fn of(
        relay: &ServerName,
        nonce: u64,
        attach: &AttachId,
        data: &DataSet,
        edges: &[(ProductName, EdgeReport)],
    ) -> Self {
        AttachForm {
            relay: relay.to_string(),
            nonce,
            attach: Some(AttachIdForm::of(attach)),
            incarnation: data.incarnation,
            edges: list::<ProductReportForm>(edges),
            former: data.former,
            start: data.start,
            formers: data.formers.clone(),
            generation: data.generation,
            stated_under: data.stated_under,
            recovers: data.recovers,
        }
    }

    pub fn value(self, room: &mut Room) -> Result<Command, RecordError> {
        let what = "a command to attach";
        let data = DataSet {
            incarnation: self.incarnation,
            former: self.former,
            start: self.start,
            formers: formers(what, self.formers)?,
            generation: self.generation,
            stated_under: self.stated_under,
            recovers: self.recovers,
        };
        Ok(Command::Attach {
            relay: name(what, &self.relay)?,
            nonce: self.nonce,
            attach: need(what, self.attach, room)?,
            data,
            edges: read_list::<ProductReportForm>(&self.edges, Part::Products, room)?,
        })
    }
}
