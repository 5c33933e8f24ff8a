//! One server of a world with its disk, its clock and what waits for it.

use crate::model::clock::SeenTime;
use crate::model::command::Founding;
use crate::model::holding::Role;
use crate::model::license::Serial;
use crate::model::time::Timestamp;
use crate::model::tuning::Tuning;
use crate::server::effect::Effect;
use crate::server::input::Input;
use crate::server::{Server, Start, StartError};
use crate::simulator::clocks::Wall;
use crate::simulator::disk::Disk;
use crate::simulator::entropy::Entropy;
use crate::simulator::keyring::Keyring;
use crate::simulator::moment::Moment;
use crate::simulator::truth::{Truth, difference, mirrored, truth_of, written};
use std::collections::{BTreeMap, BTreeSet};

pub struct Site {
    pub founding: Founding,
    /// Nothing while no server ever joined at this place.
    pub keyring: Option<Keyring>,
    /// When it asks for a new certificate.
    pub renew_at: Option<Moment>,
    pub disk: Disk,
    /// Nothing while it is down.
    pub server: Option<Server>,
    /// Counts its starts; what was meant for an earlier one is void.
    pub start: u64,
    pub inbox: Vec<Input>,
    pub work_is_due: bool,
    pub paused: bool,
    pub disk_full: bool,
    pub deadline_at: Option<Moment>,
    /// How far its clock is ahead of the world's.
    pub ahead_ms: u64,
    /// What its clock is set to, in runs in which clocks are set.
    pub wall: Option<Wall>,
    /// Its disk has work until then.
    pub disk_free_at: Moment,
    /// A copy of the disk as it was once.
    pub backup: Option<Disk>,
    /// Its disk was put back from a copy, and it has not started since.
    pub set_back: Option<u64>,
    /// License files that the copy knows.
    pub backup_serials: BTreeSet<Serial>,
    /// What its disk said when it went down; in force until it has gone through its log again.
    remembered: Option<Truth>,
}

impl Site {
    pub fn new(founding: Founding, ahead_ms: u64) -> Site {
        Site {
            founding,
            keyring: None,
            renew_at: None,
            disk: Disk::default(),
            server: None,
            start: 0,
            inbox: Vec::new(),
            work_is_due: false,
            paused: false,
            disk_full: false,
            deadline_at: None,
            ahead_ms,
            wall: None,
            disk_free_at: Moment::default(),
            backup: None,
            set_back: None,
            backup_serials: BTreeSet::new(),
            remembered: Some(Truth::default()),
        }
    }

    pub fn clock(&self, now: Moment) -> Timestamp {
        now.timestamp(self.ahead_ms)
    }

    /// Starts from what the disk has.
    pub fn boot(&mut self, tuning: &Tuning, entropy: u64, now: Moment) -> Result<(), StartError> {
        self.start += 1;
        // The witness follows the log once it is durable that the server recovers.
        if let Some(copy) = self.set_back
            && self.truth_on_disk(tuning, now)?.incarnation != copy
        {
            self.set_back = None;
        }
        if let Some(wall) = &mut self.wall {
            wall.begin(self.remembered.as_ref().map_or_else(SeenTime::default, |t| t.seen_time));
        }
        let proven = self.set_back.is_none();
        let found = self.found_on_disk(tuning, entropy, now);
        self.server = Some(Server::start(Start { proven, ..found })?);
        Ok(())
    }

    fn found_on_disk(&self, tuning: &Tuning, entropy: u64, now: Moment) -> Start {
        let remains = self.disk.remains();
        Start {
            tuning: tuning.clone(),
            founding: self.founding.clone(),
            software: "simulated".to_string(),
            rows: remains.rows,
            rows_at: remains.rows_at,
            hard_state: remains.hard_state,
            entries: remains.entries,
            cut: remains.cut,
            proven: true,
            entropy,
            now: self.clock(now),
        }
    }

    /// The process ends here and now. What its disk knows stays the truth about it.
    pub fn stop(
        &mut self,
        tuning: &Tuning,
        entropy: &mut Entropy,
        now: Moment,
    ) -> Result<(), StartError> {
        self.server = None;
        self.start += 1;
        self.inbox.clear();
        self.work_is_due = false;
        self.paused = false;
        self.deadline_at = None;
        self.renew_at = None;
        self.disk_free_at = now;
        self.disk.lose_power(entropy);
        self.remembered = Some(self.truth_on_disk(tuning, now)?);
        Ok(())
    }

    /// Another data set takes the place of the one that was here.
    pub fn replace_disk(&mut self, founding: Founding) {
        self.founding = founding;
        self.disk = Disk::default();
        self.backup = None;
        self.set_back = None;
        self.remembered = Some(Truth::default());
    }

    /// The disk is that of the copy from now on; the server is down.
    pub fn set_back(&mut self, tuning: &Tuning, now: Moment) -> Result<(), StartError> {
        if let Some(backup) = self.backup.as_ref().filter(|backup| !backup.is_empty()) {
            self.disk = backup.copy();
            let truth = self.truth_on_disk(tuning, now)?;
            self.set_back = Some(truth.incarnation);
            self.remembered = Some(truth);
        }
        Ok(())
    }

    /// Another disk takes the place of one that is lost: a copy of its data set, from before
    /// anything was written (`server replace`).
    pub fn lose_disk(&mut self, former: u64, ahead_ms: u64) {
        self.ahead_ms = ahead_ms;
        self.founding.incarnation = former;
        self.disk = Disk::default();
        self.backup = None;
        self.backup_serials.clear();
        self.set_back = Some(former);
        self.remembered = Some(Truth { incarnation: former, ..Truth::default() });
    }

    /// A start on a copy of the disk that goes through the whole log and is thrown away.
    fn truth_on_disk(&self, tuning: &Tuning, now: Moment) -> Result<Truth, StartError> {
        Ok(truth_of(&self.shadow(tuning, now)?))
    }

    fn shadow(&self, tuning: &Tuning, now: Moment) -> Result<Server, StartError> {
        let mut shadow = Server::start(self.found_on_disk(tuning, 0, now))?;
        let clock = self.clock(now);
        for effect in shadow.effects(clock) {
            if let Effect::Persist(batch) = effect {
                shadow.handle(clock, Input::Persisted { number: batch.number });
            }
        }
        drop(shadow.effects(clock));
        Ok(shadow)
    }

    /// What a start would find now against what the server says; nothing while they may differ
    /// because something durable was not yet reported to it.
    pub fn differs_from_disk(&self, tuning: &Tuning, now: Moment) -> Option<String> {
        let reported = |input: &Input| matches!(input, Input::Persisted { .. });
        let server = self.server.as_ref().filter(|_| self.remembered.is_none())?;
        if self.inbox.iter().any(reported) {
            return None;
        }
        let shadow = match self.shadow(tuning, now) {
            Ok(shadow) => shadow,
            Err(error) => return Some(error.to_string()),
        };
        let mirrors = |server| if self.is_primary() { mirrored(server) } else { BTreeMap::new() };
        difference(&truth_of(server), &truth_of(&shadow))
            .or_else(|| difference(&written(server), &written(&shadow)))
            .or_else(|| difference(&mirrors(server), &mirrors(&shadow)))
    }

    fn is_primary(&self) -> bool {
        self.founding.role == Role::Primary
    }

    /// It has gone through its log: what it says now is what its disk knows.
    pub fn caught_up(&mut self) {
        self.remembered = None;
    }

    pub fn has_caught_up(&self) -> bool {
        self.server.is_some() && self.remembered.is_none()
    }

    /// What this server durably knows.
    pub fn truth(&self) -> Truth {
        match (&self.remembered, &self.server) {
            (None, Some(server)) => truth_of(server),
            (remembered, _) => remembered.clone().unwrap_or_default(),
        }
    }

    pub fn takes(&self, start: u64) -> bool {
        self.server.is_some() && self.start == start
    }
}
