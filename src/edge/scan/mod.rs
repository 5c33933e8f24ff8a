//! Scans: a server finds the machines of its site.
//!
//! ```text
//!   command line ─► desk ─► one scan at a time
//!   plans, hours ─►  │        │  sweep at a set rate          who is there
//!                    │        ├─ echo requests, one socket ──────┐
//!                    │        ├─ connections to named ports ─────┤
//!                    │        ├─ the kernel's neighbours ────────┼─► findings ─► Request::Import
//!                    │        ├─ what announces itself ──────────┘   (one MAC = one machine)
//!                    │        ├─ names of those found ─────────────► Request::Import
//!                    │        └─ what is still discovered ─────────► Request::Manage, if so told
//!                    └─ what is known of each scan: progress, notes, figures
//! ```
//!
//! - `segment`: which addresses. `pace`: how fast. `plan`: what one scan is told, judged.
//! - `icmp`, `tcp`, `neighbours`, `names`, `mdns`: one method each.
//! - `run`: one scan from end to end. `findings`: what it found. `book`: how that is handed over.
//! - `job`: one scan as others see it. `desk`: all of them, the queue and the hours.
//!
//! A method that this process may not use is left out with a word; the others go on. Everything is
//! bounded ([`ScanLimits`]); what a scan knows is gone with the process, what it booked stays.

mod book;
mod desk;
mod findings;
mod icmp;
mod job;
mod mdns;
mod names;
mod neighbours;
mod pace;
mod plan;
mod refusal;
mod run;
mod segment;
mod sweep;
mod tcp;
mod window;

#[cfg(test)]
mod tests;

pub use desk::{Change, Desk, DeskParts};
pub use plan::{BY_HAND, Loopback, Plan, ScanRules, ScanSettings};
pub use refusal::{about_product, refused_segment};
pub use segment::{Segment, SegmentError, SegmentLimits, Targets};
pub use sweep::{Echoes, sweep_echoes};
pub use window::Window;

use std::time::Duration;

/// What scans may take up. The defaults are stated here only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanLimits {
    /// Segments of one scan. 256.
    pub segments_max: usize,
    /// Exclusions, those of the scan and those of all scans together. 1,024.
    pub exclusions_max: usize,
    /// Addresses that one scan looks at, excluded ones left out. 65,536.
    pub addresses_max: u64,
    /// The highest rate that a scan may be given, in probes a second. 50,000.
    pub rate_max: u32,
    /// Ports of one scan. 16.
    pub ports_max: usize,
    /// Tries to connect at once. A process has so many sockets only. 128.
    pub connections_max: usize,
    /// Rows read of the kernel's table of neighbours. 65,536.
    pub neighbours_max: usize,
    /// Names looked up at once; each takes a thread. 4.
    pub names_at_once: usize,
    /// Machines handed to the server at once. 500.
    pub batch_max: usize,
    /// Scans that wait for the one that runs. 4.
    pub waiting_max: usize,
    /// Scans that are over and still shown. 50.
    pub kept_max: usize,
    /// Scans of the configuration. 64.
    pub planned_max: usize,
    /// How long an answer is waited for. 1 s.
    pub answer_wait: Duration,
    /// How long a name is waited for. 5 s.
    pub name_wait: Duration,
}

impl Default for ScanLimits {
    fn default() -> ScanLimits {
        ScanLimits {
            segments_max: 256,
            exclusions_max: 1_024,
            addresses_max: 65_536,
            rate_max: 50_000,
            ports_max: 16,
            connections_max: 128,
            neighbours_max: 65_536,
            names_at_once: 4,
            batch_max: 500,
            waiting_max: 4,
            kept_max: 50,
            planned_max: 64,
            answer_wait: Duration::from_secs(1),
            name_wait: Duration::from_secs(5),
        }
    }
}
