//! What can go wrong all the time: rates of loss, repeats, disorder and delay.

use crate::simulator::entropy::Entropy;

/// Rates are per thousand, delays in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    pub loss: u32,
    pub duplication: u32,
    pub disorder: u32,
    /// How late a letter out of order may come.
    pub disorder_us: u64,
    pub latency_us: (u64, u64),
    pub disk_us: (u64, u64),
    /// Now and then the disk takes this long instead.
    pub slow_disk: u32,
    pub slow_disk_us: u64,
    /// A server dies while it carries out what it decided, after some of it.
    pub crash_in_effects: u32,
    /// A server lets inputs gather before it looks at them.
    pub gather_us: (u64, u64),
}

impl Weather {
    /// A good day: quick links that lose nothing, a disk that syncs in a millisecond or two.
    pub const CALM: Weather = Weather {
        loss: 0,
        duplication: 0,
        disorder: 0,
        disorder_us: 0,
        latency_us: (200, 3_000),
        disk_us: (100, 2_000),
        slow_disk: 0,
        slow_disk_us: 200_000,
        crash_in_effects: 0,
        gather_us: (0, 200),
    };

    pub fn latency(&self, entropy: &mut Entropy) -> u64 {
        entropy.between(self.latency_us.0, self.latency_us.1)
    }

    pub fn disk_delay(&self, entropy: &mut Entropy) -> u64 {
        if entropy.chance(self.slow_disk) {
            return self.slow_disk_us;
        }
        entropy.between(self.disk_us.0, self.disk_us.1)
    }

    pub fn gathering(&self, entropy: &mut Entropy) -> u64 {
        entropy.between(self.gather_us.0, self.gather_us.1)
    }

    /// When each copy of a letter arrives after it was sent, and whether it may overtake others.
    pub fn copies(&self, entropy: &mut Entropy) -> Vec<Copy> {
        let mut copies = Vec::new();
        if !entropy.chance(self.loss) {
            copies.push(self.copy(entropy));
        }
        if entropy.chance(self.duplication) {
            copies.push(Copy { overtakes: true, ..self.copy(entropy) });
        }
        copies
    }

    fn copy(&self, entropy: &mut Entropy) -> Copy {
        let delay_us = self.latency(entropy);
        match entropy.chance(self.disorder) {
            true => {
                let late = entropy.below(self.disorder_us.max(1));
                Copy { delay_us: delay_us + late, overtakes: true }
            }
            false => Copy { delay_us, overtakes: false },
        }
    }
}

/// One arrival of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    pub delay_us: u64,
    pub overtakes: bool,
}
