//! Forms of what neighbours say to find rows that silently differ.

use crate::model::reconcile::{BUCKETS, Compared, Reconcile, Refill};
use crate::model::report::RowName;
use crate::record::error::RecordError;
use crate::record::form::{Form, list, need, read_list};
use crate::record::report::{ReportRowForm, RowNameForm, StreamIdForm};
use crate::record::room::{Part, Room};
use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub struct ReconcileForm {
    #[prost(message, optional, tag = "1")]
    stream: Option<StreamIdForm>,
    #[prost(fixed64, tag = "2")]
    incarnation: u64,
    #[prost(uint64, tag = "3")]
    version: u64,
    #[prost(oneof = "ComparedForm", tags = "4, 5, 6")]
    what: Option<ComparedForm>,
}

#[derive(Clone, PartialEq, Oneof)]
enum ComparedForm {
    #[prost(fixed64, tag = "4")]
    Whole(u64),
    /// Eight bytes each, little-endian.
    #[prost(bytes, tag = "5")]
    Buckets(Vec<u8>),
    #[prost(message, tag = "6")]
    Refill(RefillForm),
}

#[derive(Clone, PartialEq, Message)]
pub struct RefillForm {
    #[prost(uint32, tag = "1")]
    bucket: u32,
    #[prost(message, optional, tag = "2")]
    after: Option<NameForm>,
    #[prost(message, optional, tag = "3")]
    upto: Option<NameForm>,
    /// A list of [`ReportRowForm`].
    #[prost(bytes = "vec", tag = "4")]
    rows: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct NameForm {
    #[prost(oneof = "RowNameForm", tags = "1, 2")]
    name: Option<RowNameForm>,
}

impl NameForm {
    fn of(name: &RowName) -> Self {
        NameForm { name: Some(RowNameForm::of(name)) }
    }

    fn value(self) -> Result<RowName, RecordError> {
        let missing = RecordError::Missing { what: RefillForm::WHAT, field: "name" };
        self.name.ok_or(missing)?.value()
    }
}

impl Form for RefillForm {
    type Value = Refill;
    const WHAT: &'static str = "rows that are told again";

    fn of(refill: &Refill) -> Self {
        RefillForm {
            bucket: u32::from(refill.bucket),
            after: refill.after.as_ref().map(NameForm::of),
            upto: refill.upto.as_ref().map(NameForm::of),
            rows: list::<ReportRowForm>(&refill.rows),
        }
    }

    fn value(self, room: &mut Room) -> Result<Refill, RecordError> {
        let found = u64::from(self.bucket);
        let too_large = |_| RecordError::TooLarge { what: Self::WHAT, found, max: 255 };
        Ok(Refill {
            bucket: u8::try_from(self.bucket).map_err(too_large)?,
            after: self.after.map(NameForm::value).transpose()?,
            upto: self.upto.map(NameForm::value).transpose()?,
            rows: read_list::<ReportRowForm>(&self.rows, Part::Rows, room)?,
        })
    }
}

impl Form for ReconcileForm {
    type Value = Reconcile;
    const WHAT: &'static str = "a word about rows that may differ";

    fn of(word: &Reconcile) -> Self {
        let what = match &word.what {
            Compared::Whole(digest) => ComparedForm::Whole(*digest),
            Compared::Buckets(buckets) => {
                ComparedForm::Buckets(buckets.iter().flat_map(|b| b.to_le_bytes()).collect())
            }
            Compared::Refill(refill) => ComparedForm::Refill(RefillForm::of(refill)),
        };
        let stream = Some(StreamIdForm::of(&word.stream));
        let (incarnation, version) = (word.incarnation, word.version);
        ReconcileForm { stream, incarnation, version, what: Some(what) }
    }

    fn value(self, room: &mut Room) -> Result<Reconcile, RecordError> {
        let missing = RecordError::Missing { what: Self::WHAT, field: "word of a known kind" };
        let what = match self.what.ok_or(missing)? {
            ComparedForm::Whole(digest) => Compared::Whole(digest),
            ComparedForm::Buckets(bytes) => Compared::Buckets(buckets(&bytes)?),
            ComparedForm::Refill(form) => Compared::Refill(form.value(room)?),
        };
        let stream = need(Self::WHAT, self.stream, room)?;
        Ok(Reconcile { stream, incarnation: self.incarnation, version: self.version, what })
    }
}

fn buckets(bytes: &[u8]) -> Result<Vec<u64>, RecordError> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    if numbers.len() != BUCKETS || !rest.is_empty() {
        return Err(RecordError::Torn { what: "digests of rows" });
    }
    Ok(numbers.iter().map(|number| u64::from_le_bytes(*number)).collect())
}
