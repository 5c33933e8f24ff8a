//! What goes wrong in a run. Each run draws three to six kinds and their rates, so that
//! combinations are met that nobody would think of (swarm testing).

use crate::simulator::entropy::Entropy;
use crate::simulator::moment::Moment;
use crate::simulator::network::Cut;
use crate::simulator::weather::Weather;
use crate::simulator::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Loss,
    Duplication,
    Disorder,
    Latency,
    FullCut,
    OneWayCut,
    /// All lines are cut one after the other and mended in another order.
    SwizzleClog,
    Crash,
    /// A server dies while it carries out what it decided.
    CrashInEffects,
    SlowDisk,
    Pause,
    /// A disk is full for a while.
    FullDisk,
}

/// What is drawn. A full disk is not among them: it goes wrong only where it is named.
const KINDS: [Fault; 11] = [
    Fault::Loss,
    Fault::Duplication,
    Fault::Disorder,
    Fault::Latency,
    Fault::FullCut,
    Fault::OneWayCut,
    Fault::SwizzleClog,
    Fault::Crash,
    Fault::CrashInEffects,
    Fault::SlowDisk,
    Fault::Pause,
];

pub struct Faults {
    kinds: Vec<Fault>,
    entropy: Entropy,
    gap_ms: u64,
    next_at: Moment,
}

impl Faults {
    pub fn drawn(mut entropy: Entropy) -> Faults {
        let mut left = KINDS.to_vec();
        let count = entropy.between(3, 6) as usize;
        let mut kinds: Vec<Fault> = Vec::new();
        while kinds.len() < count {
            kinds.push(left.swap_remove(entropy.index(left.len())));
        }
        kinds.sort_unstable();
        let gap_ms = entropy.between(1_000, 9_000);
        let next_at = Moment::of_ms(entropy.between(0, 10_000));
        Faults { kinds, entropy, gap_ms, next_at }
    }

    /// Of these kinds, all of them.
    pub fn of(kinds: Vec<Fault>, mut entropy: Entropy) -> Faults {
        if kinds.is_empty() {
            return Faults::none();
        }
        let gap_ms = entropy.between(1_000, 9_000);
        let next_at = Moment::of_ms(entropy.between(0, 10_000));
        Faults { kinds, entropy, gap_ms, next_at }
    }

    /// No faults at all.
    pub fn none() -> Faults {
        let next_at = Moment(u64::MAX);
        Faults { kinds: Vec::new(), entropy: Entropy::new(0), gap_ms: 0, next_at }
    }

    pub fn kinds(&self) -> &[Fault] {
        &self.kinds
    }

    pub fn next_at(&self) -> Moment {
        self.next_at
    }

    /// The weather of the whole run.
    pub fn weather(&mut self) -> Weather {
        let mut weather = Weather::CALM;
        for kind in self.kinds.clone() {
            self.worsen(&mut weather, kind);
        }
        weather
    }

    fn worsen(&mut self, weather: &mut Weather, kind: Fault) {
        let entropy = &mut self.entropy;
        match kind {
            Fault::Loss => weather.loss = entropy.between(10, 300) as u32,
            Fault::Duplication => weather.duplication = entropy.between(10, 200) as u32,
            Fault::Disorder => {
                weather.disorder = entropy.between(20, 300) as u32;
                weather.disorder_us = 1_000 * entropy.between(50, 3_000);
            }
            Fault::Latency => weather.latency_us = (5_000, 1_000 * entropy.between(20, 400)),
            Fault::CrashInEffects => weather.crash_in_effects = 1,
            Fault::SlowDisk => {
                weather.slow_disk = entropy.between(20, 300) as u32;
                weather.gather_us = (0, 20_000);
            }
            _ => {}
        }
    }

    /// One thing goes wrong now; draws when the next does.
    pub fn strike(&mut self, world: &mut World) {
        self.next_at = world.now().after_ms(self.entropy.between(self.gap_ms / 4, self.gap_ms));
        let Some(kind) = self.entropy.pick(&self.kinds.clone()).copied() else { return };
        let place = self.entropy.index(world.topology.len());
        let child = 1 + self.entropy.index(world.topology.len() - 1);
        match kind {
            Fault::Crash => world.crash(place, self.entropy.between(10, 8_000)),
            Fault::FullCut => world.cut(child, Cut::Both, self.entropy.between(200, 25_000)),
            Fault::OneWayCut => {
                let cut = if self.entropy.chance(500) { Cut::Up } else { Cut::Down };
                world.cut(child, cut, self.entropy.between(200, 20_000));
            }
            Fault::SwizzleClog => {
                for child in 1..world.topology.len() {
                    world.cut(child, Cut::Both, self.entropy.between(1_000, 15_000));
                }
            }
            Fault::Pause => world.pause(place, self.entropy.between(500, 8_000)),
            Fault::FullDisk => world.fill_disk(place, self.entropy.between(1_000, 30_000)),
            _ => {}
        }
    }
}
