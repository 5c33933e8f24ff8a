//! What a simulated world is made of.

use crate::model::tuning::Tuning;
use crate::simulator::topology::Topology;
use crate::simulator::weather::Weather;

#[derive(Clone, Debug)]
pub struct Making {
    pub topology: Topology,
    pub tuning: Tuning,
    pub weather: Weather,
    /// Clocks of servers differ by up to this much.
    pub ahead_ms_max: u64,
    /// Lines of the trace to keep for people.
    pub keep_lines: usize,
}
