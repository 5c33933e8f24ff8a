//! Whether the disk of the data folder has room for more.
//!
//! ```text
//!   free ── below the threshold, or the reserve is gone ──► short  ─► Input::Disk(how short)
//!   free ── a quarter above it, and the reserve made anew ► enough ─► Input::Disk(nothing)
//! ```
//! The owner looks before it decides, at most once in an interval; while the disk is short it wakes
//! for that. A commit that finds no room does not wait for a look: it has the reserve.

use crate::model::disk::DiskShort;
use crate::server::input::Input;
use crate::store::{Reserve, is_full};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the room has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomLimits {
    /// Kept for the day on which the disk is full: what may be on its way to the disk when that is
    /// seen (`in_flight_bytes_max`). 16 MiB; 0 for none.
    pub reserve_bytes: u64,
    /// Below this much free room nothing new is taken: a look every second comes long before a disk
    /// has written it. 64 MiB.
    pub free_bytes_min: u64,
    /// The disk is not looked at more often than this. 1 s.
    pub look_interval: Duration,
}

impl Default for RoomLimits {
    fn default() -> RoomLimits {
        RoomLimits {
            reserve_bytes: 16 << 20,
            free_bytes_min: 64 << 20,
            look_interval: Duration::from_secs(1),
        }
    }
}

pub(super) struct Room {
    dir: PathBuf,
    reserve: Arc<Reserve>,
    limits: RoomLimits,
    /// This file system lets none be made.
    cannot_hold: bool,
    looked: Option<Instant>,
    /// As last told.
    told: Option<Option<DiskShort>>,
}

impl Room {
    /// Of the folder of the stores.
    pub(super) fn of(dir: PathBuf, limits: RoomLimits) -> Room {
        let reserve = Arc::new(Reserve::of(&dir, limits.reserve_bytes));
        Room { dir, reserve, limits, cannot_hold: false, looked: None, told: None }
    }

    pub(super) fn reserve(&self) -> &Arc<Reserve> {
        &self.reserve
    }

    /// What is to be told of the disk, if it is another thing than before.
    pub(super) fn look(&mut self) -> Option<Input> {
        let short = self.is_short();
        let is_early = self.looked.is_some_and(|at| at.elapsed() < self.limits.look_interval);
        // That the reserve is gone is known without a look, and says that the disk is full.
        if is_early && (short || self.has_reserve()) {
            return None;
        }
        self.looked = Some(Instant::now());
        let free_bytes = match rustix::fs::statvfs(&self.dir) {
            Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
            Err(error) => {
                tracing::warn!(
                    "the room on the disk of {} is unknown: {error}",
                    self.dir.display()
                );
                return None;
            }
        };
        let found = self.judge(free_bytes);
        let is_news = self.told != Some(found);
        self.told = Some(found);
        is_news.then_some(Input::Disk { short: found })
    }

    fn judge(&mut self, free_bytes: u64) -> Option<DiskShort> {
        let RoomLimits { reserve_bytes, free_bytes_min, .. } = self.limits;
        let missing = if self.has_reserve() { 0 } else { reserve_bytes };
        let least_bytes = free_bytes_min.saturating_add(missing);
        // Told from the first look on, so that every look and the event log say the same.
        let needed_bytes = least_bytes.saturating_add(free_bytes_min / 4);
        let short = Some(DiskShort { free_bytes, needed_bytes });
        let enough_bytes = if self.is_short() { needed_bytes } else { least_bytes };
        if free_bytes < enough_bytes {
            return short;
        }
        if self.has_reserve() {
            return None;
        }
        match self.reserve.hold() {
            Ok(()) => None,
            Err(error) if is_full(&error) => short,
            Err(error) => {
                tracing::warn!("this server runs without a reserve on its disk: {error}");
                self.cannot_hold = true;
                None
            }
        }
    }

    fn has_reserve(&self) -> bool {
        self.reserve.is_held() || self.cannot_hold
    }

    fn is_short(&self) -> bool {
        self.told.flatten().is_some()
    }

    /// Waits for the next look that is due by itself.
    pub(super) async fn due(&self) {
        match self.is_short() {
            true => tokio::time::sleep(self.limits.look_interval).await,
            false => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_short_below_the_threshold_and_enough_a_quarter_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let limits =
            RoomLimits { reserve_bytes: 10_000, free_bytes_min: 80_000, ..RoomLimits::default() };
        let mut room = Room::of(folder.path().to_path_buf(), limits);
        let reserve = room.reserve().clone();
        let mut judged = |free_bytes| {
            let found = room.judge(free_bytes);
            room.told = Some(found);
            found.map(|short| short.needed_bytes)
        };
        // Without a reserve there is room for it, too.
        assert_eq!(judged(89_999), Some(110_000));
        assert_eq!(judged(90_000), Some(110_000));
        assert!(!reserve.is_held());
        assert_eq!(judged(110_000), None);
        assert!(reserve.is_held());
        assert_eq!(judged(80_000), None);
        assert_eq!(judged(79_999), Some(100_000));
        assert_eq!(judged(99_999), Some(100_000));
        assert_eq!(judged(100_000), None);
    }

    #[test]
    fn it_is_told_once_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let limits = RoomLimits {
            reserve_bytes: 0,
            free_bytes_min: 0,
            look_interval: Duration::from_secs(3_600),
        };
        let mut room = Room::of(folder.path().to_path_buf(), limits);
        assert_eq!(room.look(), Some(Input::Disk { short: None }));
        assert_eq!(room.look(), None);
        room.looked = None;
        assert_eq!(room.look(), None);
        (room.looked, room.limits.free_bytes_min) = (None, u64::MAX / 2);
        assert!(matches!(room.look(), Some(Input::Disk { short: Some(_) })));
    }
}
