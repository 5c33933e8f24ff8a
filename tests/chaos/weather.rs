//! What goes wrong in a run, drawn from its seed: three to six faults, some of them at once.

use crate::tree::{RELAYS, SERVERS, Tree, Way};
use crate::udp_relay::Roughness;
use lictree::simulator::entropy::Entropy;
use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// What is wrong for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Datagrams of a link are lost, doubled, late and out of turn.
    Rough(usize, Roughness),
    /// Nothing comes through in these directions.
    Cut(usize, Vec<Way>),
    /// SIGSTOP, later SIGCONT.
    Pause(&'static str),
    /// SIGTERM and an orderly end, later a start.
    Stop(&'static str),
    /// SIGKILL, later a start from its disk.
    Kill(&'static str),
    /// All of them at once.
    KillAll,
    /// Its clock is so many seconds ahead, or behind.
    Step(&'static str, i64),
}

#[derive(Clone, Debug)]
pub struct Planned {
    pub fault: Fault,
    pub from: Duration,
    pub to: Duration,
}

/// All that goes wrong in one run.
pub struct Weather(pub Vec<Planned>);

const FAULTS: (u64, u64) = (3, 6);
const KINDS: u64 = 8;
const LASTS_MS: (u64, u64) = (200, 2_000);
const ROUGH_MS: (u64, u64) = (2_000, 5_000);
/// Within the life of a certificate, and of a license.
const STEP_S_MAX: u64 = 7_200;

impl Weather {
    /// `steps`: whether clocks can be stepped.
    pub fn draw(entropy: &mut Entropy, length: Duration, steps: bool) -> Weather {
        let count = entropy.between(FAULTS.0, FAULTS.1);
        let mut planned: Vec<Planned> = (0..count)
            .map(|_| {
                let fault = fault(entropy, steps);
                let (least, most) = match fault {
                    Fault::Rough(..) => ROUGH_MS,
                    _ => LASTS_MS,
                };
                let lasts = Duration::from_millis(entropy.between(least, most));
                let latest = length.saturating_sub(lasts).as_millis() as u64;
                let from = Duration::from_millis(entropy.below(latest));
                Planned { fault, from, to: from + lasts }
            })
            .collect();
        planned.sort_by_key(|one| one.from);
        Weather(planned)
    }

    /// Servers whose clocks are stepped.
    pub fn stepped(&self) -> Vec<&'static str> {
        let step = |one: &Planned| match one.fault {
            Fault::Step(server, _) => Some(server),
            _ => None,
        };
        self.0.iter().filter_map(step).collect()
    }

    /// Lets it all happen, until `length` is over; sooner when the clients have ended.
    pub fn pass(&self, tree: &mut Tree, length: Duration, ended: &Receiver<()>) {
        let begun = Instant::now();
        let begins = self.0.iter().map(|one| (one.from, true, &one.fault));
        let ends = self.0.iter().map(|one| (one.to, false, &one.fault));
        let mut turns: Vec<(Duration, bool, &Fault)> = begins.chain(ends).collect();
        turns.sort_by_key(|(at, ..)| *at);
        let wait = |at: Duration| {
            let ended = ended.recv_timeout(at.saturating_sub(begun.elapsed()));
            assert_eq!(ended, Err(RecvTimeoutError::Timeout), "the clients ended");
        };
        for (at, begins, fault) in turns {
            wait(at);
            if begins { begin(fault, tree) } else { end(fault, tree) }
        }
        wait(length);
    }
}

fn fault(entropy: &mut Entropy, steps: bool) -> Fault {
    let link = entropy.index(RELAYS.len());
    let server = SERVERS[entropy.index(SERVERS.len())];
    match entropy.below(if steps { KINDS } else { KINDS - 1 }) {
        0 => {
            let (lost, twice) = (entropy.between(0, 300), entropy.between(0, 300));
            Fault::Rough(link, Roughness { lost, twice, late_ms_max: entropy.between(0, 80) })
        }
        1 => Fault::Cut(link, Way::ALL.to_vec()),
        2 => Fault::Cut(link, vec![Way::ALL[entropy.index(2)]]),
        3 => Fault::Pause(server),
        4 => Fault::Kill(server),
        5 => Fault::KillAll,
        6 => Fault::Stop(server),
        _ => {
            let seconds = entropy.between(1, STEP_S_MAX) as i64;
            Fault::Step(server, if entropy.below(2) == 0 { seconds } else { -seconds })
        }
    }
}

fn begin(fault: &Fault, tree: &mut Tree) {
    match fault {
        Fault::Rough(link, roughness) => tree.air.roughen(*link, *roughness),
        Fault::Cut(link, ways) => ways.iter().for_each(|way| tree.cut(*link, *way)),
        Fault::Pause(server) => tree.pause(server),
        Fault::Stop(server) => tree.stop(server),
        Fault::Kill(server) => tree.kill(server),
        Fault::KillAll => SERVERS.into_iter().for_each(|server| tree.kill(server)),
        Fault::Step(server, seconds) => tree.step_clock(server, *seconds),
    }
}

fn end(fault: &Fault, tree: &mut Tree) {
    match fault {
        Fault::Rough(link, _) => tree.air.roughen(*link, Roughness::default()),
        Fault::Cut(link, ways) => ways.iter().for_each(|way| tree.mend(*link, *way)),
        Fault::Pause(server) => tree.go_on(server),
        Fault::Stop(server) | Fault::Kill(server) => tree.start(server),
        Fault::KillAll => SERVERS.into_iter().for_each(|server| tree.start(server)),
        Fault::Step(server, _) => tree.step_clock(server, 0),
    }
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|Planned { fault, from, to }| {
            writeln!(f, "    {:6.3} to {:6.3} s: {fault:?}", from.as_secs_f64(), to.as_secs_f64())
        })
    }
}

/// Whether what is said to happen does.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::impatient;
    use crate::lan::Lan;
    use crate::patience::until;
    use crate::tree::{PRIMARY, clocks_can_step};

    #[test]
    fn a_step_is_a_step_for_the_server() {
        let Some(lan) = Lan::new().filter(|_| clocks_can_step()) else { return };
        let tree = Tree::grow(lan, &[PRIMARY], &mut Entropy::new(1));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let hq = impatient(&tree, PRIMARY);
        let shown = || runtime.block_on(hq.status()).unwrap().as_of.0 / 1_000;
        let before = shown();
        tree.step_clock(PRIMARY, 3_600);
        until("its clock is ahead", || {
            let ahead = shown() - before;
            (ahead >= 3_600).then_some(()).ok_or(format!("by {ahead} s"))
        });
    }
}
