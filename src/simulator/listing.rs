//! What the people of each site know of its nodes: the list that they last looked at.

use crate::model::device::DeviceNumber;
use crate::model::node_query::{NodeFilter, NodeQuery};
use crate::model::request::{Answer, Request, RequestId};
use crate::simulator::entropy::Entropy;
use crate::simulator::topology::Topology;
use crate::simulator::workload::Errand;
use std::collections::BTreeMap;

/// A list ends after so many nodes; as long as a page may be.
const LIST_MAX: usize = 1_000;

#[derive(Debug)]
pub struct Listing {
    listed: Vec<Vec<DeviceNumber>>,
    /// Lists on their way.
    asked: BTreeMap<RequestId, usize>,
}

impl Listing {
    pub fn of_places(places: usize) -> Listing {
        Listing { listed: vec![Vec::new(); places], asked: BTreeMap::new() }
    }

    /// The people of a site look at its nodes.
    pub fn errand(&self, place: usize, topology: &Topology) -> Errand {
        let managing_sources = vec![topology.name(place).clone()];
        let filter = NodeFilter { managing_sources, ..NodeFilter::default() };
        let query = NodeQuery { filter, limit: LIST_MAX, ..NodeQuery::default() };
        Errand { place, request: Request::Nodes(query) }
    }

    pub fn posted(&mut self, id: RequestId, errand: &Errand) {
        if let Request::Nodes(query) = &errand.request
            && query.limit == LIST_MAX
        {
            self.asked.insert(id, errand.place);
        }
    }

    pub fn lost(&mut self, id: RequestId) {
        self.asked.remove(&id);
    }

    pub fn heard(&mut self, id: RequestId, answer: &Answer) {
        let Some(place) = self.asked.remove(&id) else { return };
        let Answer::Nodes { page, .. } = answer else { return };
        self.listed[place] = page.iter().map(|node| node.number).collect();
    }

    /// Its data set is another one now.
    pub fn forget(&mut self, place: usize) {
        self.listed[place].clear();
    }

    /// One of the nodes that were on the list.
    pub fn pick(&self, place: usize, entropy: &mut Entropy) -> Option<DeviceNumber> {
        entropy.pick(&self.listed[place]).copied()
    }
}
