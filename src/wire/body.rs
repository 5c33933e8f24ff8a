//! The form of every body of a letter.

use crate::model::account::WishNumber;
use crate::model::edge::{AttachId, EdgeReport};
use crate::model::letter::{Body, Presence};
use crate::model::license::Serial;
use crate::model::name::{ProductName, ServerName};
use crate::model::report::{Head, StreamId, Table};
use crate::model::time::Timestamp;
use crate::record::RecordError;
use crate::record::account::{
    CycleForm, PackPartForm, verdicts, verdicts_form, wishes, wishes_form,
};
use crate::record::clock::{standing, standing_number};
use crate::record::column::ColumnsForm;
use crate::record::edge::{AttachIdForm, AttachedForm, EdgeReportForm, LevelUnderForm};
use crate::record::enrolment::{
    CertificateAnswerForm, CertificateAskForm, CredentialsForm, RefusalForm, SealedTrustForm,
    or_default, unless_default,
};
use crate::record::form::{Form, list, need, read_list};
use crate::record::moving::{MoveAnswerForm, MoveAskForm};
use crate::record::name::name;
use crate::record::number::Numbered;
use crate::record::outside::{serial, serial_text};
use crate::record::reconcile::ReconcileForm;
use crate::record::recovery::RecoveryWordForm;
use crate::record::report::{HeadForm, ReportBatchForm, StreamIdForm};
use crate::record::room::{Part, Room};
use crate::wire::attach_request::AttachRequestForm;
use prost::{Message, Oneof};

/// Whether a body of this version has that number.
pub fn is_body(tag: u32) -> bool {
    matches!(tag, 10..=30 | 40..=42 | 45..=52)
}

/// Never renumbered; a body that fell out of use keeps its number.
#[derive(Clone, PartialEq, Oneof)]
pub enum BodyForm {
    #[prost(message, tag = "10")]
    Presence(PresenceForm),
    #[prost(uint64, tag = "11")]
    Resume(u64),
    /// A list of [`SourceForm`].
    #[prost(bytes = "vec", tag = "12")]
    Sources(Vec<u8>),
    #[prost(bool, tag = "13")]
    AttachHello(bool),
    /// A nonce.
    #[prost(fixed64, tag = "14")]
    Challenge(u64),
    #[prost(message, tag = "15")]
    AttachRequest(AttachRequestForm),
    #[prost(message, tag = "16")]
    Attached(AttachedForm),
    #[prost(message, tag = "17")]
    Level(LevelUnderForm),
    #[prost(message, tag = "18")]
    EdgeReport(EdgeReportUnderForm),
    #[prost(message, tag = "19")]
    Wishes(WishesForm),
    #[prost(message, tag = "20")]
    Verdicts(VerdictsForm),
    #[prost(message, tag = "21")]
    TakeOver(CycleForm),
    #[prost(message, tag = "22")]
    Handover(PackPartForm),
    #[prost(message, tag = "23")]
    HandoverBooked(CycleForm),
    #[prost(message, tag = "24")]
    Yield(PackPartForm),
    #[prost(message, tag = "25")]
    YieldBooked(CycleForm),
    #[prost(message, tag = "26")]
    ReportOffer(ReportOfferForm),
    #[prost(message, tag = "27")]
    Report(ReportBatchForm),
    #[prost(message, tag = "28")]
    ReportAck(ReportAckForm),
    #[prost(message, tag = "40")]
    CertificateAsk(TicketedAskForm),
    #[prost(message, tag = "41")]
    CertificateAnswer(TicketedAnswerForm),
    #[prost(message, tag = "42")]
    Trust(SealedTrustForm),
    /// A serial.
    #[prost(string, tag = "29")]
    Claim(String),
    #[prost(message, tag = "30")]
    Claimed(ClaimedForm),
    #[prost(message, tag = "45")]
    AttachRefused(AttachRefusedForm),
    #[prost(message, tag = "46")]
    Heard(HeardForm),
    #[prost(message, tag = "47")]
    Reconcile(ReconcileForm),
    #[prost(message, tag = "48")]
    MoveAsk(MoveAskForm),
    #[prost(message, tag = "49")]
    MoveAnswer(MoveAnswerForm),
    #[prost(message, tag = "50")]
    Recovery(RecoveryWordForm),
    /// A list of [`SourceForm`].
    #[prost(bytes = "vec", tag = "51")]
    SourcesSoFar(Vec<u8>),
    #[prost(message, tag = "52")]
    Heads(HeadsForm),
}

#[derive(Clone, PartialEq, Message)]
pub struct HeadsForm {
    #[prost(uint64, tag = "1")]
    number: u64,
    /// A list of [`HeadForm`].
    #[prost(bytes = "vec", tag = "2")]
    heads: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct PresenceForm {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    parent: String,
    #[prost(fixed64, tag = "3")]
    incarnation: u64,
    #[prost(uint64, tag = "4")]
    interval_ms: u64,
    /// A list of [`VersionForm`].
    #[prost(bytes = "vec", tag = "5")]
    versions: Vec<u8>,
    #[prost(string, tag = "6")]
    software: String,
    #[prost(uint64, tag = "7")]
    trust: u64,
    #[prost(message, optional, tag = "8")]
    credentials: Option<CredentialsForm>,
    #[prost(uint64, tag = "9")]
    clock_ms: u64,
    #[prost(uint64, tag = "10")]
    kept_ms: u64,
    #[prost(string, tag = "11")]
    address: String,
    #[prost(uint32, tag = "15")]
    standing: u32,
    #[prost(bool, tag = "16")]
    recovers: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct HeardForm {
    #[prost(fixed64, tag = "1")]
    clock_ms: u64,
    #[prost(bool, tag = "2")]
    open: bool,
    #[prost(uint64, tag = "3")]
    trust: u64,
    #[prost(uint64, tag = "8")]
    license_ms: u64,
    #[prost(fixed64, tag = "9")]
    way: u64,
}

/// How far one table goes; an item of a list.
#[derive(Clone, PartialEq, Message)]
pub struct VersionForm {
    #[prost(uint32, tag = "1")]
    table: u32,
    #[prost(uint64, tag = "2")]
    version: u64,
}

/// The sharing source of one product; an item of a list.
#[derive(Clone, PartialEq, Message)]
struct SourceForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(string, tag = "2")]
    source: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct AttachRefusedForm {
    #[prost(fixed64, tag = "1")]
    nonce: u64,
    #[prost(message, optional, tag = "2")]
    refusal: Option<RefusalForm>,
}

#[derive(Clone, PartialEq, Message)]
pub struct EdgeReportUnderForm {
    #[prost(message, optional, tag = "1")]
    attach: Option<AttachIdForm>,
    #[prost(string, tag = "2")]
    product: String,
    #[prost(message, optional, tag = "3")]
    report: Option<EdgeReportForm>,
}

#[derive(Clone, PartialEq, Message)]
pub struct WishesForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(uint64, tag = "2")]
    floor: WishNumber,
    #[prost(message, optional, tag = "3")]
    wishes: Option<ColumnsForm>,
}

#[derive(Clone, PartialEq, Message)]
pub struct VerdictsForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(message, optional, tag = "2")]
    verdicts: Option<ColumnsForm>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TicketedAskForm {
    #[prost(fixed64, tag = "1")]
    ticket: u64,
    #[prost(message, optional, tag = "2")]
    ask: Option<CertificateAskForm>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TicketedAnswerForm {
    #[prost(fixed64, tag = "1")]
    ticket: u64,
    #[prost(message, optional, tag = "2")]
    answer: Option<CertificateAnswerForm>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReportOfferForm {
    #[prost(message, optional, tag = "1")]
    stream: Option<StreamIdForm>,
    #[prost(fixed64, tag = "2")]
    incarnation: u64,
    #[prost(uint64, tag = "3")]
    version: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReportAckForm {
    #[prost(message, optional, tag = "1")]
    stream: Option<StreamIdForm>,
    #[prost(fixed64, tag = "2")]
    incarnation: u64,
    #[prost(uint64, tag = "3")]
    have: u64,
    #[prost(uint64, tag = "4")]
    settled: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct ClaimedForm {
    #[prost(string, tag = "1")]
    serial: String,
    #[prost(string, optional, tag = "2")]
    by: Option<String>,
}

impl BodyForm {
    pub fn of(body: &Body) -> BodyForm {
        match body {
            Body::Presence(presence) => BodyForm::Presence(PresenceForm::of(presence)),
            Body::Resume { way } => BodyForm::Resume(*way),
            Body::Heard { clock, open, trust, license, way } => {
                let (clock_ms, license_ms, way) = (clock.0, license.0, *way);
                BodyForm::Heard(HeardForm { clock_ms, open: *open, trust: *trust, license_ms, way })
            }
            Body::Sources(sources) => BodyForm::Sources(list::<SourceForm>(sources)),
            Body::SourcesSoFar(sources) => BodyForm::SourcesSoFar(list::<SourceForm>(sources)),
            Body::Heads { number, heads } => BodyForm::Heads(HeadsForm::of(*number, heads)),
            Body::AttachHello => BodyForm::AttachHello(true),
            Body::Challenge { nonce } => BodyForm::Challenge(*nonce),
            Body::AttachRequest { nonce, data, versions, edges } => {
                BodyForm::AttachRequest(AttachRequestForm::of(*nonce, data, versions, edges))
            }
            Body::Attached { nonce, data, attach, levels, generation } => {
                BodyForm::Attached(AttachedForm::of(*nonce, attach, levels, *generation).to(*data))
            }
            Body::AttachRefused { nonce, refusal } => {
                let refusal = Some(RefusalForm::of(refusal));
                BodyForm::AttachRefused(AttachRefusedForm { nonce: *nonce, refusal })
            }
            Body::Level { attach, product, level } => {
                BodyForm::Level(LevelUnderForm::of(attach, product, level))
            }
            Body::EdgeReport { attach, product, report } => {
                BodyForm::EdgeReport(EdgeReportUnderForm::of(attach, product, report))
            }
            Body::Wishes { product, floor, wishes } => {
                let (product, wishes) = (product.to_string(), Some(wishes_form(wishes)));
                BodyForm::Wishes(WishesForm { product, floor: *floor, wishes })
            }
            Body::Verdicts { product, verdicts } => {
                let (product, verdicts) = (product.to_string(), Some(verdicts_form(verdicts)));
                BodyForm::Verdicts(VerdictsForm { product, verdicts })
            }
            Body::TakeOver { product, cycle } => BodyForm::TakeOver(CycleForm::of(product, *cycle)),
            Body::Handover(part) => BodyForm::Handover(PackPartForm::of(part)),
            Body::HandoverBooked { product, cycle } => {
                BodyForm::HandoverBooked(CycleForm::of(product, *cycle))
            }
            Body::Yield(part) => BodyForm::Yield(PackPartForm::of(part)),
            Body::YieldBooked { product, cycle } => {
                BodyForm::YieldBooked(CycleForm::of(product, *cycle))
            }
            Body::ReportOffer { stream, incarnation, version } => {
                BodyForm::ReportOffer(ReportOfferForm::of(stream, *incarnation, *version))
            }
            Body::Report(batch) => BodyForm::Report(ReportBatchForm::of(batch)),
            Body::Reconcile(word) => BodyForm::Reconcile(ReconcileForm::of(word)),
            Body::ReportAck { stream, incarnation, have, settled } => {
                BodyForm::ReportAck(ReportAckForm::of(stream, *incarnation, *have, *settled))
            }
            Body::CertificateAsk { ticket, ask } => {
                let ask = Some(CertificateAskForm::of(ask));
                BodyForm::CertificateAsk(TicketedAskForm { ticket: *ticket, ask })
            }
            Body::CertificateAnswer { ticket, answer } => {
                let answer = Some(CertificateAnswerForm::of(answer));
                BodyForm::CertificateAnswer(TicketedAnswerForm { ticket: *ticket, answer })
            }
            Body::Trust(sealed) => BodyForm::Trust(SealedTrustForm::of(sealed)),
            Body::Claim { serial } => BodyForm::Claim(serial_text(serial).to_string()),
            Body::Claimed { serial, by } => BodyForm::Claimed(ClaimedForm::of(serial, by.as_ref())),
            Body::MoveAsk(ask) => BodyForm::MoveAsk(MoveAskForm::of(ask)),
            Body::MoveAnswer(answer) => BodyForm::MoveAnswer(MoveAnswerForm::of(answer)),
            Body::Recovery(word) => BodyForm::Recovery(RecoveryWordForm::of(word)),
        }
    }

    pub fn value(self, room: &mut Room) -> Result<Body, RecordError> {
        Ok(match self {
            BodyForm::Presence(form) => Body::Presence(form.value(room)?),
            BodyForm::Resume(way) => Body::Resume { way },
            BodyForm::Heard(form) => form.value(),
            BodyForm::Sources(list) => Body::Sources(each::<SourceForm>(&list, room)?),
            BodyForm::SourcesSoFar(list) => Body::SourcesSoFar(each::<SourceForm>(&list, room)?),
            BodyForm::Heads(form) => form.value(room)?,
            BodyForm::AttachHello(_) => Body::AttachHello,
            BodyForm::Challenge(nonce) => Body::Challenge { nonce },
            BodyForm::AttachRequest(form) => form.value(room)?,
            BodyForm::Attached(form) => {
                let data = form.data();
                let (nonce, attach, levels, generation) = form.value(room)?;
                Body::Attached { nonce, data, attach, levels, generation }
            }
            BodyForm::AttachRefused(form) => form.value(room)?,
            BodyForm::Level(form) => {
                let (attach, product, level) = form.value(room)?;
                Body::Level { attach, product, level }
            }
            BodyForm::EdgeReport(form) => form.value(room)?,
            BodyForm::Wishes(form) => Body::Wishes {
                product: name("wishes", &form.product)?,
                floor: form.floor,
                wishes: wishes(form.wishes, room)?,
            },
            BodyForm::Verdicts(form) => Body::Verdicts {
                product: name("verdicts", &form.product)?,
                verdicts: verdicts(form.verdicts, room)?,
            },
            BodyForm::TakeOver(form) => {
                let (product, cycle) = form.value()?;
                Body::TakeOver { product, cycle }
            }
            BodyForm::Handover(form) => Body::Handover(form.value(room)?),
            BodyForm::HandoverBooked(form) => {
                let (product, cycle) = form.value()?;
                Body::HandoverBooked { product, cycle }
            }
            BodyForm::Yield(form) => Body::Yield(form.value(room)?),
            BodyForm::YieldBooked(form) => {
                let (product, cycle) = form.value()?;
                Body::YieldBooked { product, cycle }
            }
            BodyForm::ReportOffer(form) => form.value(room)?,
            BodyForm::Report(form) => Body::Report(form.value(room)?),
            BodyForm::Reconcile(form) => Body::Reconcile(form.value(room)?),
            BodyForm::ReportAck(form) => form.value(room)?,
            BodyForm::CertificateAsk(form) => Body::CertificateAsk {
                ticket: form.ticket,
                ask: need("an ask for a certificate", form.ask, room)?,
            },
            BodyForm::CertificateAnswer(form) => Body::CertificateAnswer {
                ticket: form.ticket,
                answer: need("an answer about a certificate", form.answer, room)?,
            },
            BodyForm::Trust(form) => Body::Trust(form.value(room)?),
            BodyForm::MoveAsk(form) => Body::MoveAsk(form.value(room)?),
            BodyForm::MoveAnswer(form) => Body::MoveAnswer(form.value(room)?),
            BodyForm::Recovery(form) => Body::Recovery(form.value(room)?),
            BodyForm::Claim(text) => Body::Claim { serial: serial(&text)? },
            BodyForm::Claimed(form) => Body::Claimed {
                serial: serial(&form.serial)?,
                by: form.by.map(|by| name("the owner of a serial", &by)).transpose()?,
            },
        })
    }
}

impl HeadsForm {
    fn of(number: u64, heads: &[(Table, Head)]) -> Self {
        HeadsForm { number, heads: list::<HeadForm>(heads) }
    }

    fn value(self, room: &mut Room) -> Result<Body, RecordError> {
        let heads = each::<HeadForm>(&self.heads, room)?;
        Ok(Body::Heads { number: self.number, heads })
    }
}

/// What is said of each product, or of each table.
fn each<F: Form>(list: &[u8], room: &mut Room) -> Result<Vec<F::Value>, RecordError> {
    read_list::<F>(list, Part::Products, room)
}

impl HeardForm {
    fn value(self) -> Body {
        let HeardForm { clock_ms, open, trust, license_ms, way } = self;
        let (clock, license) = (Timestamp(clock_ms), Timestamp(license_ms));
        Body::Heard { clock, open, trust, license, way }
    }
}

impl AttachRefusedForm {
    fn value(self, room: &mut Room) -> Result<Body, RecordError> {
        let refusal = need("the refusal of an attachment", self.refusal, room)?;
        Ok(Body::AttachRefused { nonce: self.nonce, refusal })
    }
}

impl Form for PresenceForm {
    type Value = Presence;
    const WHAT: &'static str = "a server's word that it is there";

    fn of(presence: &Presence) -> Self {
        PresenceForm {
            name: presence.name.to_string(),
            parent: presence.parent.to_string(),
            incarnation: presence.incarnation,
            interval_ms: presence.interval_ms,
            versions: list::<VersionForm>(&presence.versions),
            software: presence.software.clone(),
            trust: presence.trust,
            credentials: unless_default(&presence.credentials),
            clock_ms: presence.clock.0,
            kept_ms: presence.kept_ms,
            address: presence.address.clone(),
            standing: standing_number(presence.standing),
            recovers: presence.recovers,
        }
    }

    fn value(self, room: &mut Room) -> Result<Presence, RecordError> {
        Ok(Presence {
            name: name(Self::WHAT, &self.name)?,
            parent: name(Self::WHAT, &self.parent)?,
            incarnation: self.incarnation,
            interval_ms: self.interval_ms,
            versions: read_list::<VersionForm>(&self.versions, Part::Products, room)?,
            software: room.text("the name of a software", self.software)?,
            trust: self.trust,
            credentials: or_default(self.credentials, room)?,
            clock: Timestamp(self.clock_ms),
            standing: standing(self.standing)?,
            kept_ms: self.kept_ms,
            address: room.text("an address", self.address)?,
            recovers: self.recovers,
        })
    }
}

impl Form for VersionForm {
    type Value = (Table, u64);
    const WHAT: &'static str = "how far a table goes";

    fn of((table, version): &(Table, u64)) -> Self {
        VersionForm { table: table.number(), version: *version }
    }

    fn value(self, _: &mut Room) -> Result<(Table, u64), RecordError> {
        Ok((Numbered::numbered(self.table)?, self.version))
    }
}

impl Form for SourceForm {
    type Value = (ProductName, ServerName);
    const WHAT: &'static str = "the sharing source of a product";

    fn of((product, source): &(ProductName, ServerName)) -> Self {
        SourceForm { product: product.to_string(), source: source.to_string() }
    }

    fn value(self, _: &mut Room) -> Result<(ProductName, ServerName), RecordError> {
        Ok((name(Self::WHAT, &self.product)?, name(Self::WHAT, &self.source)?))
    }
}

impl EdgeReportUnderForm {
    fn of(attach: &AttachId, product: &ProductName, report: &EdgeReport) -> Self {
        EdgeReportUnderForm {
            attach: Some(AttachIdForm::of(attach)),
            product: product.to_string(),
            report: Some(EdgeReportForm::of(report)),
        }
    }

    fn value(self, room: &mut Room) -> Result<Body, RecordError> {
        let what = "the report of an edge under an attachment";
        let (attach, product) = (need(what, self.attach, room)?, name(what, &self.product)?);
        Ok(Body::EdgeReport { attach, product, report: need(what, self.report, room)? })
    }
}

impl ClaimedForm {
    fn of(serial: &Serial, by: Option<&ServerName>) -> Self {
        let by = by.map(ToString::to_string);
        ClaimedForm { serial: serial_text(serial).to_string(), by }
    }
}

impl ReportOfferForm {
    fn of(stream: &StreamId, incarnation: u64, version: u64) -> Self {
        ReportOfferForm { stream: Some(StreamIdForm::of(stream)), incarnation, version }
    }

    fn value(self, room: &mut Room) -> Result<Body, RecordError> {
        let stream: StreamId = need("the offer of a report", self.stream, room)?;
        let (incarnation, version) = (self.incarnation, self.version);
        Ok(Body::ReportOffer { stream, incarnation, version })
    }
}

impl ReportAckForm {
    fn of(stream: &StreamId, incarnation: u64, have: u64, settled: u64) -> Self {
        ReportAckForm { stream: Some(StreamIdForm::of(stream)), incarnation, have, settled }
    }

    fn value(self, room: &mut Room) -> Result<Body, RecordError> {
        let stream: StreamId = need("the acknowledgement of a report", self.stream, room)?;
        let (have, settled) = (self.have, self.settled);
        Ok(Body::ReportAck { stream, incarnation: self.incarnation, have, settled })
    }
}
