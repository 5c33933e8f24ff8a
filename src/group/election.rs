//! How long a member waits for a leader before it stands for election itself, from seeded entropy.
//!
//! raft draws this number from the thread's own randomness; it is overwritten with this one before
//! every tick, so that equal seeds give equal runs. It is the only random number in raft.

/// What the waiting time depends on. The attempt is part of it: with a pre-vote the term stands
/// still between attempts, and two members that tied once must not tie for ever.
#[derive(Clone, Copy)]
pub struct Draw {
    pub entropy: u64,
    pub member: u64,
    pub term: u64,
    pub attempt: u64,
}

/// Ticks to wait, at least `election_ticks` and less than twice that.
pub fn timeout_ticks(draw: Draw, election_ticks: u32) -> usize {
    let mixed = [draw.member, draw.term, draw.attempt]
        .into_iter()
        .fold(mix(draw.entropy), |sum, part| mix(sum ^ part));
    let ticks = u64::from(election_ticks);
    usize::try_from(ticks + mixed % ticks.max(1)).unwrap_or(usize::MAX)
}

/// One round of splitmix64: spreads each bit of the input over the whole output.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Draw, timeout_ticks};

    #[test]
    fn waits_between_one_and_two_election_times_and_reaches_each() {
        let mut seen = [0_u32; 30];
        for attempt in 0..1_000 {
            seen[timeout_ticks(Draw { entropy: 7, member: 1, term: 3, attempt }, 10)] += 1;
        }
        assert!(seen[..10].iter().all(|&n| n == 0));
        assert!(seen[10..20].iter().all(|&n| n > 50), "{seen:?}");
        assert!(seen[20..].iter().all(|&n| n == 0));
    }

    #[test]
    fn members_with_one_seed_wait_differently() {
        let of = |member| {
            (0..20)
                .map(move |term| timeout_ticks(Draw { entropy: 7, member, term, attempt: 0 }, 10))
        };
        assert!(of(1).eq(of(1)));
        assert!(!of(1).eq(of(2)));
    }
}
