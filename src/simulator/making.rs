//! What a simulated world is made of.

use crate::model::command::Founding;
use crate::model::holding::Role;
use crate::model::tuning::Tuning;
use crate::simulator::entropy::Entropy;
use crate::simulator::topology::{PRIMARY, Topology};
use crate::simulator::weather::Weather;

#[derive(Clone, Debug)]
pub struct Making {
    pub topology: Topology,
    pub tuning: Tuning,
    pub weather: Weather,
    /// Clocks of servers differ by up to this much.
    pub ahead_ms_max: u64,
    /// Whether servers read clocks, which may be set wrong.
    pub clocks_are_set: bool,
    /// Lines of the trace to keep for people.
    pub keep_lines: usize,
}

/// Who the server of a place is, with a new data set.
pub fn founding(topology: &Topology, place: usize, entropy: &mut Entropy) -> Founding {
    Founding {
        tree: "simulated".parse().expect("it is a plain name"),
        name: topology.name(place).clone(),
        role: if place == PRIMARY { Role::Primary } else { Role::Relay },
        incarnation: entropy.draw(),
    }
}
