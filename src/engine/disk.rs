//! A disk with too little room: nothing that grows is begun, everything else goes on (safety 1.8).
//!
//! ```text
//!   Input::Disk(short) ──► the flag ─┬─► requests that grow            refused (LT0513)
//!                                    ├─► who calls to join             refused (LT0513)
//!                                    ├─► wishes to manage, from below  NoRoom, a definite verdict
//!                                    ├─► claims of serials             nobody's
//!                                    └─► rows of new nodes, from below not heard, so said again
//! ```
//! Releases, returns, handovers, recovery and reports of counts go on, out of the reserve if need
//! be. The flag is volatile: whoever looks at the disk says it again at every start. What is
//! applied does not depend on it, so equal logs give equal states.

use super::Engine;
use crate::model::account::Verdict;
use crate::model::command::Command;
use crate::model::disk::DiskShort;
use crate::model::license::Serial;
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::report::{ReportBatch, Table};
use crate::model::request::{Doing, HoldingVerb, Request};
use std::collections::BTreeSet;

const FULL: &str = "disk.full";
const OK: &str = "disk.ok";

/// What is known of the disk.
#[derive(Debug, Default)]
pub(super) struct Disk {
    short: Option<DiskShort>,
    /// Whether the event log says, or is about to say, that it is short.
    noted: Option<bool>,
    /// Products whose sharing source said last that its disk is full.
    without_room_above: BTreeSet<ProductName>,
}

impl Engine {
    /// Whoever looks at the disk found this.
    pub fn set_disk(&mut self, short: Option<DiskShort>) {
        let noted = self.disk.noted.unwrap_or_else(|| self.says_short());
        self.disk.short = short;
        self.disk.noted = Some(short.is_some());
        let note = |kind: &str, text| Command::Note { kind: kind.to_string(), text };
        match short {
            Some(short) if !noted => {
                self.propose(note(FULL, format!("nothing new is taken: {short}")));
            }
            None if noted => {
                let text = "there is room on the disk again, and new uses are taken";
                self.propose(note(OK, text.to_string()));
            }
            _ => {}
        }
    }

    /// What the event log said last: a start knows no more.
    fn says_short(&self) -> bool {
        let mut lines = self.state.events.values().rev();
        lines.find(|line| [FULL, OK].contains(&&*line.kind)).is_some_and(|line| line.kind == FULL)
    }

    pub fn disk_short(&self) -> Option<DiskShort> {
        self.disk.short
    }

    /// Refuses what would grow.
    pub(super) fn disk_check(&self, request: &Request) -> Result<(), Refusal> {
        match self.disk.short {
            Some(short) if grows(request) => Err(self.no_room(short)),
            _ => Ok(()),
        }
    }

    /// Refuses a server that calls to join.
    pub(super) fn disk_takes_servers(&self) -> Result<(), Refusal> {
        self.disk.short.map_or(Ok(()), |short| Err(self.no_room(short)))
    }

    fn no_room(&self, short: DiskShort) -> Refusal {
        Refusal::new(
            "LT0513",
            format!("the disk of {} is full, so nothing new is taken: {short}", self.state.name()),
            "make room on the disk of its data folder; what is in use stays, and can be released",
        )
    }

    /// What a verdict says of the disk of whoever gave it.
    pub(super) fn note_room_above(&mut self, product: &ProductName, verdict: Verdict) {
        match verdict {
            Verdict::NoRoom => drop(self.disk.without_room_above.insert(product.clone())),
            Verdict::Granted | Verdict::RangeFull => {
                self.disk.without_room_above.remove(product);
            }
            Verdict::Released => {}
        }
    }

    pub(super) fn source_has_no_room(&self, product: &ProductName) -> bool {
        self.disk.without_room_above.contains(product)
    }

    /// Rows of nodes that are not known here yet.
    pub(super) fn has_no_room_for(&self, batch: &ReportBatch) -> bool {
        let mirror = self.state.mirrors.get(&batch.stream);
        let is_new = |name| mirror.is_none_or(|mirror| mirror.row(name).is_none());
        self.disk.short.is_some()
            && batch.stream.table == Table::Nodes
            && batch.rows.iter().any(|row| is_new(&row.name))
    }

    /// For one more claim of a serial.
    pub(super) fn has_no_room_for_claim(&self, serial: &Serial) -> bool {
        self.disk.short.is_some() && self.state.claimant(serial).is_none()
    }
}

pub(super) fn no_room_above(product: &ProductName, source: &ServerName) -> Refusal {
    Refusal::new(
        "LT0513",
        format!(
            "the disk of {source}, the sharing source of {product}, is full; it grants no more"
        ),
        format!("have room made on the disk of {source}'s data folder, then ask again"),
    )
}

/// Whether more has to be kept when this is done.
fn grows(request: &Request) -> bool {
    match request {
        Request::RegisterLicense(_)
        | Request::Manage { .. }
        | Request::Import { .. }
        | Request::Invite(_) => true,
        Request::SetHolding(change) => {
            let gives = matches!(change.verb, HoldingVerb::Distribute(_) | HoldingVerb::Authorize);
            gives && change.doing != Doing::Preview
        }
        Request::RotateAuthority { doing } => *doing != Doing::Preview,
        _ => false,
    }
}
