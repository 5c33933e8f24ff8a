//! Clocks of machines that are set back and forward in some runs, and the rule that license time
//! must keep all the same (I9). Drawn apart from all else, so that the runs without it are what
//! they were; in those no server reads a clock, and license time is the moment itself.
//!
//! The rule, as seen from outside:
//! - license time never falls behind what was durable, and within a start never behind what passed;
//! - it runs ahead of every clock only where a start believed one that was set forward;
//! - once the clocks are right again, no license counts whose end is over.

use crate::model::clock::{ClockStanding, Reading, SeenTime};
use crate::model::time::Timestamp;
use crate::simulator::entropy::Entropy;
use crate::simulator::moment::Moment;
use crate::simulator::truth::{ClockTruth, clock_truth};
use crate::simulator::violation::Findings;
use crate::simulator::world::World;
use std::time::Duration;

/// A clock that is ahead by more is not followed; one that differs by less may be.
const FOLLOWED_MS: i64 = 3_600_000;
/// Once clocks are right, license time is behind them by less: between two looks at them.
const LATE: Duration = Duration::from_secs(15);
/// … and ahead by less, where no clock that was set forward was believed: what is followed, twice
/// where a clock is set forward once more, what clocks differ by, and what a disk and its clock
/// bring along.
const AHEAD: Duration = Duration::from_secs(2 * 3_600 + 600);

/// The clock of one machine.
#[derive(Clone, Debug, Default)]
pub struct Wall {
    /// By how much it is set wrong; ahead, or behind below zero.
    off_ms: i64,
    /// License time when it was looked at last in this start.
    seen: Option<(Moment, Timestamp)>,
    /// What this start found on its disk, and what was thought of the clock last.
    found: Timestamp,
    stood: ClockStanding,
    /// Whether the server found its clock right in this start.
    agreed: bool,
    /// Whether a start may have believed a clock that was set forward.
    believed: bool,
}

impl Wall {
    /// What the clocks show where one that is right shows `right`.
    pub fn reading(&self, right: Timestamp, now: Moment) -> Reading {
        let wall = Timestamp(right.0.saturating_add_signed(self.off_ms));
        Reading { wall, up: Duration::from_micros(now.0) }
    }

    /// Another start begins, on what the disk has.
    pub fn begin(&mut self, found: SeenTime) {
        let SeenTime { license: found, standing: stood } = found;
        *self = Wall { found, stood, seen: None, agreed: false, ..self.clone() };
    }

    /// Looks at license time after the server worked; what is wrong with it.
    fn look(&mut self, now: Moment, truth: ClockTruth) -> Option<String> {
        self.agreed |= truth.standing == ClockStanding::Right && self.off_ms < FOLLOWED_MS;
        let mistrusted = self.stood == ClockStanding::SetForward;
        self.stood = truth.standing;
        self.believed |= self.off_ms >= FOLLOWED_MS && !self.agreed && !mistrusted;
        let floor = match self.seen {
            Some((at, license)) => license.after(Duration::from_millis(now.ms() - at.ms())),
            None => self.found,
        };
        self.seen = Some((now, truth.license_time));
        let behind = floor.since(truth.license_time);
        (behind > Duration::from_millis(1)).then(|| {
            format!("license time fell back by {behind:?}, from {floor} to {}", truth.license_time)
        })
    }
}

/// When clocks are set.
pub struct Clocks {
    entropy: Entropy,
    gap_ms: u64,
    next_at: Moment,
}

impl Clocks {
    /// What a run of this seed has of them.
    pub fn drawn(seed: u64) -> Clocks {
        let mut entropy = Entropy::new(seed ^ 0x00c1_0c45);
        let gap_ms = entropy.between(1_000, 20_000);
        let next_at = match entropy.chance(200) {
            true => Moment::of_ms(entropy.between(500, 15_000)),
            false => Moment(u64::MAX),
        };
        Clocks { entropy, gap_ms, next_at }
    }

    /// The same in every run, or in none.
    pub fn for_sure(mut self, are: bool) -> Clocks {
        self.next_at = match are {
            true => Moment::of_ms(self.entropy.between(500, 15_000)),
            false => Moment(u64::MAX),
        };
        self
    }

    pub fn are_drawn(&self) -> bool {
        self.next_at != Moment(u64::MAX)
    }

    pub fn next_at(&self) -> Moment {
        self.next_at
    }

    /// How often servers of this run look at their clocks, and write license time down.
    pub fn intervals(&mut self) -> [Duration; 2] {
        [(500, 10_000), (1_000, 60_000)]
            .map(|(least, most)| Duration::from_millis(self.entropy.between(least, most)))
    }

    /// Somebody sets the clock of one machine.
    pub fn strike(&mut self, world: &mut World) {
        self.next_at = world.now().after_ms(self.entropy.between(self.gap_ms / 4, self.gap_ms));
        let place = self.entropy.index(world.topology.len());
        let entropy = &mut self.entropy;
        let (minute, day) = (60_000_u64, 86_400_000_u64);
        let ms = match entropy.below(4) {
            0 => 0,
            1 => entropy.between(0, 4 * minute),
            2 => entropy.between(6 * minute, day),
            _ => entropy.between(day, 400 * day),
        };
        let off_ms = i64::try_from(ms).unwrap_or_default();
        world.set_clock(place, if entropy.chance(500) { off_ms } else { -off_ms });
    }
}

impl World {
    fn set_clock(&mut self, place: usize, off_ms: i64) {
        let name = self.topology.name(place);
        if let Some(wall) = &mut self.sites[place].wall {
            wall.off_ms = off_ms;
            self.figures.clocks_set += 1;
            self.trace.note(self.now, format!("clock of {name} is {off_ms} ms ahead"));
        }
    }

    pub(super) fn set_clocks_right(&mut self) {
        for wall in self.sites.iter_mut().filter_map(|site| site.wall.as_mut()) {
            wall.off_ms = 0;
        }
    }

    /// License time of this server, after it worked.
    pub(super) fn watch_clock(&mut self, place: usize) {
        let (now, site) = (self.now, &mut self.sites[place]);
        let clock = site.clock(now);
        let (Some(server), Some(wall)) = (&site.server, &mut site.wall) else { return };
        if !server.is_ready() {
            return;
        }
        if let Some(wrong) = wall.look(now, clock_truth(server, clock)) {
            self.breach_of("I9", place, &wrong);
        }
    }

    /// What must be so some time after all clocks were set right.
    pub fn check_clocks(&self, out: &mut Findings) {
        let walls = || self.sites.iter().filter_map(|site| site.wall.as_ref());
        let believed = walls().any(|wall| wall.believed);
        for (place, site) in self.sites.iter().enumerate().filter(|(_, site)| site.wall.is_some()) {
            let Some(server) = site.server.as_ref().filter(|_| site.has_caught_up()) else {
                continue;
            };
            let (right, name) = (site.clock(self.now), self.topology.name(place));
            let ClockTruth { license_time, first_end, .. } = clock_truth(server, right);
            // One that was shut out hears from nobody that a clock which went forward is right.
            let hears = place == 0 || server.engine().reaches_primary();
            out.hold(!hears || license_time.after(LATE) >= right, "I9", || {
                format!("license time of {name} is {license_time}, and it is {right}")
            });
            out.hold(believed || license_time <= right.after(AHEAD), "I9", || {
                format!("license time of {name} ran ahead: {license_time}, and it is {right}")
            });
            out.hold(first_end.is_none_or(|end| end.after(LATE) >= right), "I9", || {
                format!("{name} counts a license that ended at {first_end:?}, and it is {right}")
            });
        }
    }
}
