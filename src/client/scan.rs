//! The bodies about scans that both sides of the socket speak.

use crate::model::name::ProductName;
use crate::model::refusal::Refusal;
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A way in which a scan finds machines, or more about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanMethod {
    /// The table in which the machine keeps the hardware addresses of those it spoke with.
    Neighbours,
    /// Echo requests, of IPv4 and of IPv6.
    Icmp,
    /// Connections to named ports; a refused one is an answer too.
    Tcp,
    /// The names that the machine's own look-up has for the addresses that were found.
    Names,
    /// What announces itself on the machine's own links.
    Mdns,
}

impl ScanMethod {
    pub const ALL: [(ScanMethod, &'static str); 5] = [
        (ScanMethod::Neighbours, "neighbours"),
        (ScanMethod::Icmp, "icmp"),
        (ScanMethod::Tcp, "tcp"),
        (ScanMethod::Names, "names"),
        (ScanMethod::Mdns, "mdns"),
    ];
}

impl fmt::Display for ScanMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ScanMethod::ALL.iter().find(|(method, _)| method == self);
        f.pad(name.map_or("", |(_, name)| *name))
    }
}

impl FromStr for ScanMethod {
    type Err = String;

    fn from_str(text: &str) -> Result<ScanMethod, String> {
        let known = ScanMethod::ALL.iter().find(|(_, name)| *name == text);
        known.map(|(method, _)| *method).ok_or_else(|| {
            let names = ScanMethod::ALL.map(|(_, name)| name).join(", ");
            let text: String = text.chars().take(40).collect();
            format!("{text:?} is no method; there are {names}")
        })
    }
}

/// A scan to run now: one of the configuration by its name, or by hand what stands here. What is
/// left out is as configured, or by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScanBody {
    pub name: Option<String>,
    /// Networks, `10.1.0.7-10.1.2.9`, or single addresses.
    pub segments: Vec<String>,
    /// What to leave alone, besides what the configuration excludes.
    pub exclude: Vec<String>,
    pub methods: Option<Vec<ScanMethod>>,
    /// For `tcp`.
    pub ports: Option<Vec<u16>>,
    /// Probes in a second.
    pub rate: Option<u32>,
    /// What the discovered nodes that are found shall be managed for.
    pub auto_manage: Option<ProductName>,
}

/// Where a scan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanState {
    /// Another one runs.
    Waiting,
    Running,
    /// Held by somebody, outside the hours of its window, or waiting for its turn to go on.
    Paused,
    Done,
    /// Ended by somebody; what was found until then is booked.
    Stopped,
    /// It could not go on.
    Failed,
}

impl ScanState {
    /// Nothing more comes of it.
    pub fn is_over(self) -> bool {
        matches!(self, ScanState::Done | ScanState::Stopped | ScanState::Failed)
    }

    pub fn word(self) -> &'static str {
        match self {
            ScanState::Waiting => "waiting",
            ScanState::Running => "running",
            ScanState::Paused => "paused",
            ScanState::Done => "done",
            ScanState::Stopped => "stopped",
            ScanState::Failed => "failed",
        }
    }
}

/// A scan, while it runs and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanView {
    pub as_of: Timestamp,
    /// Counts from 1 at each start of the server.
    pub id: u64,
    /// As the configuration names it; `by hand` otherwise.
    pub name: String,
    pub state: ScanState,
    /// What it does now, in a word or two.
    pub doing: String,
    /// The scan that asks now, where this one waits for its turn.
    #[serde(default)]
    pub behind: Option<u64>,
    /// The hours of its plan, to which it does not keep because somebody asked for it by name.
    #[serde(default)]
    pub hours_waived: Option<String>,
    pub segments: Vec<String>,
    pub methods: Vec<ScanMethod>,
    /// Probes in a second.
    pub rate: u32,
    /// Addresses to look at, what is excluded left out.
    pub addresses: u64,
    /// Addresses that were asked at least once.
    pub looked_at: u64,
    /// Addresses that answered.
    pub found: u64,
    /// Steps done of all that there are; what answers early makes the rest fewer.
    pub steps_done: u64,
    pub steps: u64,
    /// Probes sent, of all kinds.
    pub probes: u64,
    /// Machines booked that were not known before.
    pub new: u64,
    /// Machines booked that were known.
    pub known: u64,
    /// Found nodes that are managed now.
    pub managed: u64,
    /// Found nodes that stay discovered, because no license is left for them.
    pub unlicensed: u64,
    /// At the set rate, in seconds; nothing when that cannot be told.
    #[serde(default)]
    pub left_s: Option<u64>,
    pub began: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// Methods that could not be used, or not wholly, each with what to do.
    #[serde(default)]
    pub notes: Vec<Refusal>,
}

impl ScanView {
    /// How far it is, or was when it ended, of so many; one that is done is all of it, whatever it
    /// had to ask one by one.
    pub fn part(&self, of: u64) -> u64 {
        match (self.state, self.steps) {
            (ScanState::Done, _) => of,
            (_, 0) => 0,
            (_, steps) => {
                let part = u128::from(self.steps_done) * u128::from(of) / u128::from(steps);
                u64::try_from(part).unwrap_or(of).min(of)
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanList {
    /// The newest last; of those that are over only some are kept.
    pub scans: Vec<ScanView>,
    pub planned: Vec<PlannedScan>,
}

/// A scan of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedScan {
    pub name: String,
    pub segments: Vec<String>,
    /// Seconds from one start to the next; nothing when it runs by hand only.
    #[serde(default)]
    pub every_s: Option<u64>,
    /// The hours in which it may ask, in the time of its machine.
    #[serde(default)]
    pub window: Option<String>,
    #[serde(default)]
    pub auto_manage: Option<ProductName>,
    /// Seconds until its next start.
    #[serde(default)]
    pub next_s: Option<u64>,
}
