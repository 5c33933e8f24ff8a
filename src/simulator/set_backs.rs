//! Relays whose disk is put back from an older copy, in some runs. Drawn apart from all else, so
//! that the runs without it are what they were.

use crate::simulator::entropy::Entropy;
use crate::simulator::moment::Moment;
use crate::simulator::world::World;

pub struct SetBacks {
    entropy: Entropy,
    gap_ms: u64,
    next_at: Moment,
}

impl SetBacks {
    /// What a run of this seed has of them.
    pub fn drawn(seed: u64) -> SetBacks {
        let mut entropy = Entropy::new(seed ^ 0x5e7_bac4);
        let gap_ms = entropy.between(2_000, 20_000);
        let next_at = match entropy.chance(350) {
            true => Moment::of_ms(entropy.between(500, 15_000)),
            false => Moment(u64::MAX),
        };
        SetBacks { entropy, gap_ms, next_at }
    }

    /// None at all.
    pub fn none() -> SetBacks {
        SetBacks { entropy: Entropy::new(0), gap_ms: 0, next_at: Moment(u64::MAX) }
    }

    pub fn next_at(&self) -> Moment {
        self.next_at
    }

    /// A copy is made of some relay's disk, or put in its place.
    pub fn strike(&mut self, world: &mut World) {
        self.next_at = world.now().after_ms(self.entropy.between(self.gap_ms / 4, self.gap_ms));
        let place = 1 + self.entropy.index(world.topology.len() - 1);
        match world.has_backup(place) && self.entropy.chance(600) {
            true => world.set_back(place, self.entropy.between(10, 5_000)),
            false => world.back_up(place),
        }
    }

    pub fn are_drawn(&self) -> bool {
        self.next_at != Moment(u64::MAX)
    }
}
