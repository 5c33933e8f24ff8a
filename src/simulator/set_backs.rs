//! Servers whose disk is put back from an older copy, or lost, in some runs. Drawn apart from all
//! else, so that the runs without it are what they were.

use crate::simulator::entropy::Entropy;
use crate::simulator::moment::Moment;
use crate::simulator::topology::PRIMARY;
use crate::simulator::world::World;

/// Whose disks are put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Nobodys,
    /// In a third of the runs.
    Relays,
    /// In every run; nobody joins or is removed in it.
    Primarys,
    /// The same, and those of relays too.
    All,
    /// Of relays, in every run; and some are lost, and another one takes their place.
    Lost,
}

pub struct SetBacks {
    entropy: Entropy,
    whose: Whose,
    gap_ms: u64,
    next_at: Moment,
}

impl SetBacks {
    /// What a run of this seed has of them.
    pub fn drawn(seed: u64, whose: Whose) -> SetBacks {
        let mut entropy = Entropy::new(seed ^ 0x5e7_bac4);
        let gap_ms = entropy.between(2_000, 20_000);
        let some = match whose {
            Whose::Nobodys => false,
            Whose::Relays => entropy.chance(350),
            Whose::Primarys | Whose::All | Whose::Lost => true,
        };
        let next_at = match some {
            true => Moment::of_ms(entropy.between(500, 15_000)),
            false => Moment(u64::MAX),
        };
        SetBacks { entropy, whose, gap_ms, next_at }
    }

    /// The same in every run.
    pub fn for_sure(mut self) -> SetBacks {
        if !self.are_drawn() {
            self.next_at = Moment::of_ms(self.entropy.between(500, 15_000));
        }
        self
    }

    pub fn next_at(&self) -> Moment {
        self.next_at
    }

    /// A copy is made of some relay's disk, or put in its place.
    pub fn strike(&mut self, world: &mut World) {
        self.next_at = world.now().after_ms(self.entropy.between(self.gap_ms / 4, self.gap_ms));
        let place = match self.whose {
            Whose::Primarys => PRIMARY,
            Whose::All => self.entropy.index(world.topology.len()),
            Whose::Relays | Whose::Nobodys | Whose::Lost => {
                1 + self.entropy.index(world.topology.len() - 1)
            }
        };
        if self.whose == Whose::Lost && self.entropy.chance(500) {
            // Another machine has another clock.
            let ahead_ms = self.entropy.below(2) * self.entropy.between(0, 60_000);
            return world.lose_disk(place, self.entropy.between(10, 5_000), ahead_ms);
        }
        match world.has_backup(place) && self.entropy.chance(600) {
            true => world.set_back(place, self.entropy.between(10, 5_000)),
            false => world.back_up(place),
        }
    }

    pub fn are_drawn(&self) -> bool {
        self.next_at != Moment(u64::MAX)
    }
}
