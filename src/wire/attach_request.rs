//! The form of a request to attach: which data set of a relay asks, and what it has.

use crate::model::edge::{DataSet, EdgeReport};
use crate::model::letter::{Body, Versions};
use crate::model::name::ProductName;
use crate::record::RecordError;
use crate::record::edge::{ProductReportForm, formers};
use crate::record::form::{list, read_list};
use crate::record::room::{Part, Room};
use crate::wire::body::VersionForm;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct AttachRequestForm {
    #[prost(fixed64, tag = "1")]
    nonce: u64,
    #[prost(fixed64, tag = "2")]
    incarnation: u64,
    /// A list of [`ProductReportForm`].
    #[prost(bytes = "vec", tag = "3")]
    edges: Vec<u8>,
    #[prost(fixed64, tag = "4")]
    former: u64,
    /// A list of [`VersionForm`].
    #[prost(bytes = "vec", tag = "5")]
    versions: Vec<u8>,
    #[prost(fixed64, tag = "6")]
    start: u64,
    #[prost(fixed64, repeated, tag = "7")]
    formers: Vec<u64>,
    #[prost(uint64, tag = "8")]
    generation: u64,
    #[prost(uint64, tag = "9")]
    stated_under: u64,
    #[prost(bool, tag = "10")]
    recovers: bool,
}

impl AttachRequestForm {
    pub fn of(
        nonce: u64,
        data: &DataSet,
        versions: &Versions,
        edges: &[(ProductName, EdgeReport)],
    ) -> Self {
        let (versions, edges) = (list::<VersionForm>(versions), list::<ProductReportForm>(edges));
        AttachRequestForm {
            nonce,
            incarnation: data.incarnation,
            former: data.former,
            versions,
            edges,
            start: data.start,
            formers: data.formers.clone(),
            generation: data.generation,
            stated_under: data.stated_under,
            recovers: data.recovers,
        }
    }

    pub fn value(self, room: &mut Room) -> Result<Body, RecordError> {
        let data = DataSet {
            incarnation: self.incarnation,
            former: self.former,
            start: self.start,
            formers: formers("a request to attach", self.formers)?,
            generation: self.generation,
            stated_under: self.stated_under,
            recovers: self.recovers,
        };
        Ok(Body::AttachRequest {
            nonce: self.nonce,
            data,
            versions: read_list::<VersionForm>(&self.versions, Part::Products, room)?,
            edges: read_list::<ProductReportForm>(&self.edges, Part::Products, room)?,
        })
    }
}
