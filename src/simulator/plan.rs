//! What is fixed of a run before its seed draws the rest: whose tree it is, and what may go wrong.
//!
//! A run without a plan draws all of it. What a plan leaves open is drawn as there.

use crate::simulator::clocks::Clocks;
use crate::simulator::entropy::Entropy;
use crate::simulator::estate::Estate;
use crate::simulator::faults::Faults;
use crate::simulator::joiners::Joiners;
use crate::simulator::mishaps::{Mishap, Mishaps};
use crate::simulator::moment::Moment;
use crate::simulator::set_backs::{SetBacks, Whose};
use crate::simulator::topology::Topology;
use crate::simulator::workload::{Habits, OPENED_MS, Workload};

/// Clocks differ by up to this where they do.
const AHEAD_MS: u64 = 20_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The tree of the run; else one is drawn.
    pub estate: Option<Estate>,
    /// All that may go wrong; else some of it is drawn.
    pub mishaps: Option<Mishaps>,
    /// Looks again and again, once the faults have ended, how far all agree by then.
    pub measures: bool,
}

impl Plan {
    fn may(&self, mishap: Mishap) -> bool {
        self.mishaps.as_ref().is_none_or(|mishaps| mishaps.has(mishap))
    }

    /// The tree with places for servers that join later.
    pub(super) fn topology(&self, drawn: Topology, room: usize, entropy: &mut Entropy) -> Topology {
        let topology = self.estate.as_ref().map_or(drawn, |estate| estate.topology.clone());
        let room = if self.may(Mishap::Join) { room } else { 0 };
        topology.with_room(room, entropy)
    }

    pub(super) fn faults(&self, entropy: Entropy) -> Faults {
        match &self.mishaps {
            Some(mishaps) => Faults::of(mishaps.faults(), entropy),
            None => Faults::drawn(entropy),
        }
    }

    /// What people do in this tree, for so long.
    pub(super) fn workload(
        &self,
        topology: &Topology,
        virtual_ms: u64,
        entropy: &mut Entropy,
    ) -> Workload {
        let Some(estate) = &self.estate else {
            let habits = self.allowed(Habits::drawn(entropy, topology.founders()));
            return Workload::new(topology, habits, entropy.fork());
        };
        let estate = estate.clone().settled(entropy);
        let habits = self.allowed(Habits::of_estate(entropy, &estate));
        let workload = Workload::new(topology, habits, entropy.fork());
        workload.in_estate(estate, virtual_ms)
    }

    /// Of what may be changed by force, and what may end, only what the plan lets.
    fn allowed(&self, drawn: Habits) -> Habits {
        let Some(mishaps) = &self.mishaps else { return drawn };
        let some = |mishap| if mishaps.has(mishap) { 300 } else { 0 };
        Habits { forced: some(Mishap::Force), expiring: some(Mishap::Expire), ..drawn }
    }

    /// Whose disks are put back.
    pub(super) fn whose(&self, otherwise: Whose) -> Whose {
        match &self.mishaps {
            None => otherwise,
            Some(mishaps) if mishaps.has(Mishap::SetBackPrimary) => Whose::Primarys,
            Some(mishaps) if mishaps.has(Mishap::SetBack) => Whose::Relays,
            Some(_) => Whose::Nobodys,
        }
    }

    pub(super) fn set_backs(&self, seed: u64, whose: Whose) -> SetBacks {
        let set_backs = SetBacks::drawn(seed, whose);
        match self.mishaps.is_some() && whose != Whose::Nobodys {
            true => set_backs.for_sure(),
            false => set_backs,
        }
    }

    /// Whose clocks are set.
    pub(super) fn clocks(&self, seed: u64) -> Clocks {
        let clocks = Clocks::drawn(seed);
        match &self.mishaps {
            None => clocks,
            Some(mishaps) => clocks.for_sure(mishaps.has(Mishap::ClockSet)),
        }
    }

    pub(super) fn joiners(&self, drawn: Joiners) -> Joiners {
        let Some(mishaps) = &self.mishaps else { return drawn };
        let does = [Mishap::Join, Mishap::Remove, Mishap::Rotate, Mishap::Move];
        drawn.doing(does.map(|mishap| mishaps.has(mishap)))
    }

    /// By how much clocks differ at most, where `drawn` says whether they do.
    pub(super) fn ahead_ms_max(&self, drawn: bool) -> u64 {
        let differ = self.mishaps.as_ref().map_or(drawn, |mishaps| mishaps.has(Mishap::Clock));
        if differ { AHEAD_MS } else { 0 }
    }

    /// Nothing is made to go wrong before this: a tree that somebody has is set up first.
    pub(super) fn calm_until(&self) -> Moment {
        Moment::of_ms(if self.estate.is_some() { OPENED_MS } else { 0 })
    }
}
