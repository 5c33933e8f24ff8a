//! License time: by what dated licenses begin and end. It never goes back (safety 1.6, I9).
//!
//! ```text
//!   written down ─┐
//!                 ▼            ┌ ahead by more than 1 h ──► set forward: not followed
//!   license time + what passed ┼ ahead by less ───────────► right: license time follows
//!   (CLOCK_BOOTTIME)           ├ behind by up to 5 min ───► right
//!                              └ behind by more ──────────► set back: not followed
//! ```
//! Invariants
//! - It goes on with what has passed, whatever the time of day is set to. A start goes on from
//!   what was written down: at most `license_time_interval` before the last of the start before.
//! - How long a server was off, nobody knows. So the first time of day of a start that is not
//!   behind is believed, unless the one before was taken for set forward already.
//! - What was set forward is followed once the parent's license time, or an operator, confirms it.
//! - A mark changes nothing else: nothing stops, nothing is refused for it.

use super::Engine;
use super::waiting::Hope;
use crate::model::clock::{ClockStanding, Reading, SeenTime};
use crate::model::command::Command;
use crate::model::license::License;
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, RequestId};
use crate::model::row::{LicenseRow, RowKey};
use crate::model::time::Timestamp;
use crate::model::tuning::Mutant;
use crate::model::view::ClockView;
use std::time::Duration;

/// A clock that is behind by more was set back (safety 1.6).
const BEHIND_MAX: Duration = Duration::from_secs(300);
/// A clock that is ahead of what has passed by more was set forward.
const AHEAD_MAX: Duration = Duration::from_secs(3_600);
/// A word of a parent whose license time is further ahead of all that is known here is believed so
/// far only as the clock here says so too. One that lies gets there in several words: it can end
/// licenses of its subtree early.
const PARENT_AHEAD_MAX: Duration = Duration::from_secs(366 * 86_400);
/// License time was never before this: 2025-01-01, when this software was not there yet.
const EARLIEST: Timestamp = Timestamp(1_735_689_600_000);
/// How many times as seldom it is written down while no license here has an end.
const UNDATED: u32 = 60;

/// What is known of license time in this start, besides what was written down.
#[derive(Debug, Default)]
pub(super) struct LicenseTime {
    last: Option<Last>,
    /// The time of day was right once in this start.
    agreed: bool,
    /// It was set forward, and not right since.
    distrusted: bool,
    /// What this start wrote down last, or is about to.
    written: Option<SeenTime>,
}

/// The last reading of the clocks, and what came of it.
#[derive(Clone, Copy, Debug)]
struct Last {
    reading: Reading,
    /// The moment of the reading as the engine counts moments.
    now: Timestamp,
    license: Timestamp,
    standing: ClockStanding,
    /// License time when it was last moved by a clock or a word, and how long the machine ran
    /// then. It is counted from there: readings come in parts of milliseconds.
    moved: (Timestamp, Duration),
}

impl Last {
    fn counted(&self, up: Duration) -> Timestamp {
        let (license, then) = self.moved;
        license.after(up.saturating_sub(then))
    }

    fn move_to(&mut self, license: Timestamp) {
        self.license = license;
        self.moved = (license, self.reading.up);
    }
}

/// License time where so much was counted and the clock shows `wall`; and what that says of it.
fn judge(counted: Timestamp, wall: Timestamp, believed: bool) -> (Timestamp, ClockStanding) {
    if wall.after(BEHIND_MAX) < counted {
        (counted, ClockStanding::SetBack)
    } else if believed || wall <= counted.after(AHEAD_MAX) {
        (counted.max(wall), ClockStanding::Right)
    } else {
        (counted, ClockStanding::SetForward)
    }
}

impl Engine {
    /// Takes in what the clocks of the machine show.
    pub fn read_clock(&mut self, reading: Reading, now: Timestamp) {
        let counted = self.license_time.last.map_or(EARLIEST, |last| last.counted(reading.up));
        let counted = counted.max(self.written_time());
        // Also when it is set back in between, or behind at the next start.
        self.license_time.distrusted |= self.clock_standing() == ClockStanding::SetForward;
        let believed = !self.license_time.agreed && !self.license_time.distrusted;
        let (license, standing) = judge(counted, reading.wall, believed);
        self.license_time.agreed |= standing == ClockStanding::Right;
        self.license_time.distrusted &= standing != ClockStanding::Right;
        let moved = match self.license_time.last {
            Some(last) if last.counted(reading.up) == license => last.moved,
            _ => (license, reading.up),
        };
        self.license_time.last = Some(Last { reading, now, license, standing, moved });
        self.write_time_when_due();
    }

    /// License time; where no clock was read in this start, the moment itself.
    pub fn license_time(&self, now: Timestamp) -> Timestamp {
        self.license_time.last.map_or(now, |last| last.license).max(self.written_time())
    }

    /// What is thought of the clock here.
    pub fn clock_standing(&self) -> ClockStanding {
        let written = self.state.server.seen_time.standing;
        self.license_time.last.map_or(written, |last| last.standing)
    }

    /// The moment at which license time is `at`, unless something moves it forward before.
    pub(super) fn moment_of(&self, at: Timestamp) -> Timestamp {
        match self.license_time.last {
            Some(last) => last.now.after(at.since(self.license_time(last.now))),
            None => at,
        }
    }

    /// When the clocks are to be read again.
    pub(super) fn clock_due(&self) -> Option<Timestamp> {
        let last = self.license_time.last.as_ref();
        last.map(|last| last.now.after(self.tuning.clock_look_interval))
    }

    fn written_time(&self) -> Timestamp {
        if self.tuning.breaks(Mutant::ClockBelieved) {
            return Timestamp(0);
        }
        self.state.server.seen_time.license
    }

    // === Writing it down ===

    fn write_time_when_due(&mut self) {
        let Some(last) = self.license_time.last else { return };
        let written = self.license_time.written.unwrap_or(self.state.server.seen_time);
        let since = last.license.since(written.license);
        let interval = self.tuning.license_time_interval;
        let counts = |row: &LicenseRow| !row.expired && row.license.not_after.is_some();
        let is_due = since >= interval
            && (since >= interval.saturating_mul(UNDATED)
                || self.state.licenses.values().any(counts)
                || self.has_bounds());
        if is_due || last.standing != written.standing {
            self.write_time();
        }
    }

    /// Writes it down as it is now: before what is judged by it, and before an orderly end.
    pub fn write_time(&mut self) {
        let Some(Last { reading, license, standing, .. }) = self.license_time.last else { return };
        let seen = SeenTime { license, standing };
        self.license_time.written = Some(seen);
        self.propose(Command::SeeTime { seen, wall: reading.wall });
    }

    pub(super) fn see_time(&mut self, seen: SeenTime, wall: Timestamp) {
        let before = self.state.server.seen_time;
        let license = before.license.max(seen.license);
        self.state.server.seen_time = SeenTime { license, ..seen };
        if self.state.server.attached_at == Timestamp(0) {
            self.state.server.attached_at = license;
        }
        self.state.touch(RowKey::Server);
        if seen.standing == before.standing {
            return;
        }
        let (wall, license) = (wall.calendar(), license.calendar());
        let (kind, text) = match seen.standing {
            ClockStanding::Right => {
                ("clock.ok", format!("the clock here shows {wall}, and license time is {license}"))
            }
            ClockStanding::SetBack => (
                "clock.set-back",
                format!(
                    "the clock here shows {wall}, and license time is {license}; license time \
                     goes on without the clock until that is right"
                ),
            ),
            ClockStanding::SetForward => (
                "clock.set-forward",
                format!(
                    "the clock here shows {wall}, and license time is {license}; license time \
                     does not follow until the parent confirms that, or: lictree clock accept"
                ),
            ),
        };
        self.note_sparingly(kind, "", text);
    }

    /// Registers a license; license time, by which it is judged when it is booked, stands in the
    /// log before it.
    pub(super) fn propose_registration(&mut self, license: License) {
        self.write_time();
        self.propose(Command::RegisterLicense(license));
    }

    /// By what a license is judged that is booked: the log alone says it, so that equal logs give
    /// equal states. Logs of older versions say the moment only.
    pub(super) fn booking_time(&self, at: Timestamp) -> Timestamp {
        match self.state.server.seen_time.license {
            Timestamp(0) => at,
            license => license,
        }
    }

    // === Who confirms ===

    /// License time at the parent: it is never behind that, so it may not be here either.
    pub(super) fn parent_time(&mut self, license: Timestamp) {
        let Some(last) = &mut self.license_time.last else { return };
        let wall = last.reading.wall;
        let is_far = license > last.license.max(wall).after(PARENT_AHEAD_MAX);
        let license = if is_far { wall } else { license };
        if license > last.license {
            last.move_to(license);
        }
    }

    /// For the children; zero where no clock was read in this start.
    pub(super) fn time_for_children(&self) -> Timestamp {
        let last = self.license_time.last.as_ref();
        last.map_or(Timestamp(0), |last| self.license_time(last.now))
    }

    /// Somebody knows that the clock here is right, although it is ahead of what has passed.
    pub(super) fn ask_accept_clock(
        &mut self,
        id: RequestId,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        let forward = |last: &&mut Last| last.standing == ClockStanding::SetForward;
        let Some(last) = self.license_time.last.as_mut().filter(forward) else {
            return Err(nothing_to_accept(self.clock_standing()));
        };
        let (before, wall) = (last.license, last.reading.wall);
        last.standing = ClockStanding::Right;
        last.move_to(wall);
        let (before, after) = (before.calendar(), wall.calendar());
        let text = format!("an operator accepts the clock: license time was {before}, is {after}");
        self.propose(Command::Note { kind: "clock.accepted".to_string(), text });
        self.write_time();
        self.await_answer(id, Hope::Applied { answer: Box::new(Answer::Done) }, now);
        Ok(None)
    }

    pub(super) fn clock_view(&self, now: Timestamp) -> ClockView {
        let wall = self.license_time.last.map(|last| last.reading.wall);
        let ends = |row: &&LicenseRow| {
            let end = row.license.not_after.filter(|_| !row.expired);
            end.zip(wall).is_some_and(|(end, wall)| end <= wall)
        };
        ClockView {
            standing: self.clock_standing(),
            license_time: self.license_time(now),
            wall,
            would_end: self.state.licenses.values().filter(ends).count() as u64,
        }
    }
}

fn nothing_to_accept(standing: ClockStanding) -> Refusal {
    let what = match standing {
        ClockStanding::SetBack => "the clock here is behind license time, which never goes back",
        _ => "license time follows the clock here: there is nothing to accept",
    };
    Refusal::new("LT0250", what, "see both: lictree clock show")
}

#[cfg(test)]
mod tests;
