//! License time, by which dated licenses begin and end, and what a machine's clocks show.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What the clocks of a machine show at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The time of day, as somebody set it.
    pub wall: Timestamp,
    /// How long the machine runs, the time it was suspended included (CLOCK_BOOTTIME). Only
    /// differences between readings of one start are looked at.
    pub up: Duration,
}

/// What is thought of the time of day at a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockStanding {
    #[default]
    Right,
    /// It is behind license time: it was set back.
    SetBack,
    /// It is ahead of what has passed, and nobody has confirmed that.
    SetForward,
}

/// As in JSON.
impl fmt::Display for ClockStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClockStanding::Right => "right",
            ClockStanding::SetBack => "set-back",
            ClockStanding::SetForward => "set-forward",
        })
    }
}

/// License time as it was last written down; it never goes back (safety 1.6, I9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenTime {
    /// Zero while it was never written down.
    pub license: Timestamp,
    /// What the clock was thought to be then.
    pub standing: ClockStanding,
}
