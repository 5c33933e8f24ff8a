//! Machines that are carried from one site to another, and what the people there do: scan, say that
//! the machine moves, manage it where it is now.
//!
//! ```text
//!   at b: what is managed? ──► at d: a scan finds one of it ──► at b: move it to d
//!                                                           └─► at d: which node is it? manage it
//! ```
//! Sometimes those at d say at the same time that it moves to b: such moves cross.

use crate::model::device::{DeviceId, DeviceState};
use crate::model::discovery::{Found, MacAddress};
use crate::model::moving::Goal;
use crate::model::name::ProductName;
use crate::model::node_query::{NodeFilter, NodeQuery};
use crate::model::node_rows::NodeRow;
use crate::model::request::{Answer, Request, RequestId};
use crate::simulator::entropy::Entropy;
use crate::simulator::topology::Topology;
use crate::simulator::workload::Errand;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

/// What somebody looks at a list of nodes for.
#[derive(Clone, Debug)]
enum Look {
    /// One of those at the first place is carried to the second.
    Leaving { from: usize, to: usize },
    /// It is there now.
    Arrived { left: DeviceId, from: usize, to: usize, mac: MacAddress },
}

#[derive(Debug, Default)]
pub struct Carrying {
    /// Errands that were given out and have no number yet.
    errands: Vec<(Errand, Look)>,
    looks: BTreeMap<RequestId, Look>,
    /// What is to be done for machines that are being carried, in order.
    ahead: VecDeque<Errand>,
}

impl Carrying {
    /// Somebody wonders what could go from there to there.
    pub fn leave(&mut self, from: usize, to: usize, topology: &Topology) -> Errand {
        let filter = NodeFilter { state: Some(DeviceState::Managed), ..NodeFilter::default() };
        self.look(from, filter, topology, Look::Leaving { from, to })
    }

    fn look(
        &mut self,
        place: usize,
        filter: NodeFilter,
        topology: &Topology,
        look: Look,
    ) -> Errand {
        let managing_sources = vec![topology.name(place).clone()];
        let filter = NodeFilter { managing_sources, ..filter };
        let query = NodeQuery { filter, limit: 50, ..NodeQuery::default() };
        let errand = Errand { place, request: Request::Nodes(query) };
        self.errands.push((errand.clone(), look));
        errand
    }

    /// The next thing to do for a machine that is being carried.
    pub fn take_next(&mut self) -> Option<Errand> {
        self.ahead.pop_front()
    }

    pub fn posted(&mut self, id: RequestId, errand: &Errand) {
        let same = |(known, _): &(Errand, Look)| {
            known.place == errand.place && known.request == errand.request
        };
        if let Some(at) = self.errands.iter().position(same) {
            let (_, look) = self.errands.swap_remove(at);
            self.looks.insert(id, look);
        }
    }

    pub fn lost(&mut self, id: RequestId) {
        self.looks.remove(&id);
    }

    pub fn heard(
        &mut self,
        id: RequestId,
        answer: &Answer,
        (topology, products): (&Topology, &[ProductName]),
        entropy: &mut Entropy,
    ) {
        let Some(look) = self.looks.remove(&id) else { return };
        let Answer::Nodes { page, .. } = answer else { return };
        match look {
            Look::Leaving { from, to } => {
                let named: Vec<(DeviceId, MacAddress)> =
                    page.iter().filter_map(|node| Some((node.id(), mac(&node)?))).collect();
                if named.is_empty() {
                    return;
                }
                let (node, mac) = &named[entropy.index(named.len())];
                self.carry(node, *mac, (from, to), topology, entropy);
            }
            Look::Arrived { left, from, to, mac: sought } => {
                let here = page.iter().find(|node| mac(node) == Some(sought));
                let Some(node) = here else { return };
                if entropy.chance(200) {
                    let (server, number) = (topology.name(to).clone(), Some(node.number));
                    let goal = Goal { server, node: number };
                    self.ahead.push_back(moving(from, &left, Some(goal)));
                }
                let product = Some(products[entropy.index(products.len())].clone());
                let devices = vec![node.id()];
                let request = Request::Manage { devices, product };
                self.ahead.push_back(Errand { place: to, request });
                if entropy.chance(250) {
                    let number = entropy.chance(500).then_some(left.number);
                    let goal = Goal { server: left.managing_source.clone(), node: number };
                    self.ahead.push_back(moving(to, &node.id(), Some(goal)));
                }
                if entropy.chance(100) {
                    self.ahead.push_back(moving(from, &left, None));
                }
            }
        }
    }

    /// It stands at the other place now, and a scan there finds it.
    fn carry(
        &mut self,
        left: &DeviceId,
        mac: MacAddress,
        (from, to): (usize, usize),
        topology: &Topology,
        entropy: &mut Entropy,
    ) {
        let address = Ipv4Addr::new(10, to as u8, 99, entropy.between(1, 250) as u8);
        let host_name = Some(format!("from-{}", topology.name(from)));
        let found = Found { mac: Some(mac), addresses: vec![IpAddr::V4(address)], host_name };
        let scan = Errand { place: to, request: Request::Import { found: vec![found] } };
        let goal = Goal { server: topology.name(to).clone(), node: None };
        let mut errands = vec![scan, moving(from, left, Some(goal))];
        if entropy.chance(300) {
            errands.reverse();
        }
        let text = Some(mac.to_string());
        let filter = NodeFilter { text, ..NodeFilter::default() };
        let look = Look::Arrived { left: left.clone(), from, to, mac };
        errands.push(self.look(to, filter, topology, look));
        self.ahead.extend(errands);
    }
}

fn moving(place: usize, device: &DeviceId, to: Option<Goal>) -> Errand {
    Errand { place, request: Request::Move { device: device.clone(), to } }
}

/// The MAC that names the machine.
fn mac(node: &NodeRow<'_>) -> Option<MacAddress> {
    node.facts.mac.filter(|mac| mac.names_a_machine())
}
