//! Disks that are full for a while. Nothing is lost by that; servers are told, as the daemon tells
//! them, and at each start.

use crate::model::disk::DiskShort;
use crate::server::input::Input;
use crate::simulator::world::{Event, World};

/// The figures are for people only.
const SHORT: DiskShort = DiskShort { free_bytes: 1 << 20, needed_bytes: 64 << 20 };

impl World {
    pub fn fill_disk(&mut self, place: usize, for_ms: u64) {
        if self.sites[place].server.is_some() && !self.sites[place].disk_full {
            self.figures.disks_full += 1;
            self.sites[place].disk_full = true;
            self.queue.push(self.now.after_ms(for_ms), Event::DiskFreed { place });
            self.take_in(place, Input::Disk { short: Some(SHORT) });
        }
    }

    pub(super) fn free_disk(&mut self, place: usize) {
        if std::mem::take(&mut self.sites[place].disk_full) && self.sites[place].server.is_some() {
            self.take_in(place, Input::Disk { short: None });
        }
    }

    /// What a server hears when it starts.
    pub(super) fn show_disk(&mut self, place: usize) {
        let site = &mut self.sites[place];
        let short = site.disk_full.then_some(SHORT);
        site.inbox.push(Input::Disk { short });
    }
}
