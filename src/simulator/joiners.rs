//! Who brings servers into a run's tree and shuts them out: the operator at the primary, and
//! whoever sets a server up at a site with the code that the operator made.
//!
//! ```text
//!   operator ── Invite ──► primary              site ── Join(code) ──► parent ── … ──► primary
//!            ── Remove, Uninvite, Approve ──►         ◄── Granted: the server starts there ──
//! ```
//! They know only what they were answered, and try again with the same key until they know.

use crate::model::enrolment::{
    Approval, CertificateAnswer, CertificateAsk, Grant, InviteId, JoinAsk, PROOF_LEN,
};
use crate::model::request::{Answer, Doing, Invitation, Request, RequestId};
use crate::simulator::authority;
use crate::simulator::entropy::Entropy;
use crate::simulator::moment::Moment;
use crate::simulator::topology::{PRIMARY, Topology};
use crate::simulator::workload::Errand;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a code lives, unless it is to end too early.
pub const LIFE: Duration = Duration::from_secs(3_600);
/// Tries of one site before it gives its code up.
const TRIES: u32 = 15;

/// How one code is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Plain,
    /// First with another secret.
    Wrong,
    /// When its time is over.
    Late,
    /// After the operator took it back.
    Withdrawn,
    /// The operator has to agree.
    Approved,
    /// By two sites, each with a key of its own.
    Twice,
}

/// A code, and the site that uses it.
#[derive(Clone, Debug)]
struct Coming {
    invitation: Invitation,
    /// Whom the site calls.
    parent: usize,
    request: Vec<u8>,
    manner: Manner,
    /// On an empty disk, or on that of the server which was there before.
    empty: bool,
    next_at: Moment,
    tries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unborn,
    Present,
    Out,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Join { place: usize, invite: InviteId },
    Remove { place: usize, forced: bool },
    Rotate,
}

/// A server that may start now.
#[derive(Clone, Debug)]
pub struct Joined {
    pub place: usize,
    pub parent: usize,
    pub grant: Grant,
    pub empty: bool,
}

pub struct Joiners {
    topology: Topology,
    entropy: Entropy,
    /// The operator's next deed, and the gaps between two.
    operator_at: Moment,
    gap_ms: (u64, u64),
    /// What the operator of this run does, by weight: invites new, invites again, removes, rotates,
    /// moves.
    deeds: [u64; 5],
    stages: Vec<Stage>,
    comings: BTreeMap<usize, Coming>,
    asked: BTreeMap<RequestId, Asked>,
    /// To be shut out by force, after it was refused.
    to_force: Option<usize>,
    keep: bool,
    joined: Vec<Joined>,
    pub removals: u64,
    pub rotations: u64,
    pub moves: u64,
}

impl Joiners {
    /// `keep`: nobody comes again on an empty disk, and the authority stays: who was set back
    /// behind a new one has to join again.
    pub fn drawn(topology: &Topology, keep: bool, mut entropy: Entropy) -> Joiners {
        let stage =
            |place| if place < topology.founders() { Stage::Present } else { Stage::Unborn };
        let removes = if entropy.chance(450) { 35 } else { 0 };
        let rotates = if entropy.chance(120) && !keep { 30 } else { 0 };
        Joiners {
            operator_at: Moment::of_ms(entropy.between(1_000, 15_000)),
            gap_ms: (2_000, entropy.between(6_000, 25_000)),
            deeds: [60, 20, removes, rotates, 0],
            stages: (0..topology.len()).map(stage).collect(),
            comings: BTreeMap::new(),
            asked: BTreeMap::new(),
            to_force: None,
            keep,
            joined: Vec::new(),
            removals: 0,
            rotations: 0,
            moves: 0,
            topology: topology.clone(),
            entropy,
        }
    }

    /// Nobody comes or goes.
    pub fn at_rest(self) -> Joiners {
        Joiners { operator_at: Moment(u64::MAX), ..self }
    }

    /// Only so far, and all of that.
    pub fn doing(mut self, does: [bool; 4]) -> Joiners {
        if does == [false; 4] {
            return self.at_rest();
        }
        let [joins, removes, rotates, moves] = does;
        let some = |does, weight| if does { weight } else { 0 };
        let (removes, rotates) = (some(removes, 35), some(rotates, 30));
        self.deeds = [some(joins, 60), some(joins, 20), removes, rotates, some(moves, 80)];
        self
    }

    /// Whether servers join, are removed, the authority is exchanged, and servers move.
    pub fn does(&self) -> [bool; 4] {
        let goes_on = self.operator_at != Moment(u64::MAX);
        [0, 2, 3, 4].map(|deed| goes_on && self.deeds[deed] > 0)
    }

    pub fn next_at(&self) -> Moment {
        let comings = self.comings.values().map(|coming| coming.next_at);
        comings.fold(self.operator_at, Moment::min)
    }

    /// What is done now.
    pub fn errands(&mut self, now: Moment) -> Vec<Errand> {
        let mut errands = Vec::new();
        let due = self.comings.iter().filter(|(_, coming)| coming.next_at <= now);
        let due: Vec<usize> = due.map(|(place, _)| *place).collect();
        for place in due {
            self.try_code(place, now, &mut errands);
        }
        if now >= self.operator_at {
            self.operator_at = now.after_ms(self.entropy.between(self.gap_ms.0, self.gap_ms.1));
            errands.extend(self.deed(now));
        }
        errands
    }

    // The operator.

    fn deed(&mut self, now: Moment) -> Option<Errand> {
        if let Some(place) = self.to_force.take() {
            return Some(self.removal(place, Doing::Force));
        }
        match self.entropy.weighted(&self.deeds.clone()) {
            0 => {
                let place = self.one(|me, at| me.stages[at] == Stage::Unborn)?;
                Some(self.invitation(place, self.parent(place), true, now))
            }
            1 => {
                let again = |me: &Joiners, at| me.stages[at] == Stage::Out;
                let out = self.one(again).filter(|_| self.entropy.chance(900));
                let place = match out {
                    Some(place) => place,
                    None => self.one(|me, at| me.stages[at] == Stage::Present)?,
                };
                // Who loses its data with servers below loses theirs too.
                let empty = self.is_lowest(place) && self.entropy.chance(400) && !self.keep;
                Some(self.invitation(place, self.parent(place), empty, now))
            }
            2 => {
                let place = self.one(Joiners::is_leaf)?;
                let force = self.entropy.chance(250);
                Some(self.removal(place, if force { Doing::Force } else { Doing::Do }))
            }
            4 => {
                let place = self.one(|me, at| me.stages[at] == Stage::Present)?;
                let other = |me: &Joiners, at| {
                    at < place && at != me.parent(place) && me.stages[at] == Stage::Present
                };
                let parents: Vec<usize> = (0..place).filter(|at| other(self, *at)).collect();
                let parent = self.entropy.pick(&parents).copied()?;
                Some(self.invitation(place, parent, false, now))
            }
            _ => {
                let doing = if self.entropy.chance(200) { Doing::Force } else { Doing::Do };
                Some(Errand { place: PRIMARY, request: Request::RotateAuthority { doing } })
            }
        }
    }

    /// A relay's place that is like that.
    fn one(&mut self, like: impl Fn(&Joiners, usize) -> bool) -> Option<usize> {
        let places: Vec<usize> = (1..self.topology.len()).filter(|at| like(self, *at)).collect();
        self.entropy.pick(&places).copied()
    }

    fn is_leaf(&self, place: usize) -> bool {
        self.stages[place] == Stage::Present && self.is_lowest(place)
    }

    /// Whether nobody is below, or about to come there.
    fn is_lowest(&self, place: usize) -> bool {
        let below = |at: &usize| self.topology.parent(*at) == Some(place);
        let mut below = (1..self.topology.len()).filter(below);
        let comes = self.comings.values().any(|coming| coming.parent == place);
        !comes && below.all(|at| self.stages[at] == Stage::Unborn)
    }

    fn parent(&self, place: usize) -> usize {
        self.topology.parent(place).unwrap_or(PRIMARY)
    }

    fn removal(&self, place: usize, doing: Doing) -> Errand {
        let name = self.topology.name(place).clone();
        Errand { place: PRIMARY, request: Request::Remove { name, doing } }
    }

    /// A code for the server of this place to be below that parent; it takes the place of an older
    /// one.
    fn invitation(&mut self, place: usize, parent: usize, empty: bool, now: Moment) -> Errand {
        let manner = match self.entropy.weighted(&[60, 8, 6, 6, 10, 10]) {
            0 => Manner::Plain,
            1 => Manner::Wrong,
            2 => Manner::Late,
            3 => Manner::Withdrawn,
            4 => Manner::Approved,
            _ => Manner::Twice,
        };
        let late = manner == Manner::Late;
        let awaited = manner == Manner::Approved;
        let invitation = Invitation {
            id: InviteId(self.entropy.draw()),
            name: self.topology.name(place).clone(),
            parent: self.topology.name(parent).clone(),
            proof_key: [self.entropy.below(200) as u8; PROOF_LEN],
            life: if late { Duration::from_secs(2) } else { LIFE },
            approval: if awaited { Approval::Awaited } else { Approval::NotNeeded },
            replaces: false,
            forced: false,
        };
        let wait_ms = if late { (3_000, 9_000) } else { (500, 4_000) };
        let coming = Coming {
            invitation: invitation.clone(),
            parent,
            request: authority::request(self.entropy.below(128) as u8),
            manner,
            empty,
            next_at: now.after_ms(self.entropy.between(wait_ms.0, wait_ms.1)),
            tries: 0,
        };
        self.comings.insert(place, coming);
        Errand { place: PRIMARY, request: Request::Invite(invitation) }
    }

    // The sites.

    fn try_code(&mut self, place: usize, now: Moment, errands: &mut Vec<Errand>) {
        let next_at = now.after_ms(self.entropy.between(1_000, 7_000));
        let Some(coming) = self.comings.get_mut(&place) else { return };
        coming.tries += 1;
        coming.next_at = next_at;
        let Coming { tries, manner, invitation, parent, request, .. } = coming.clone();
        if tries > TRIES {
            self.comings.remove(&place);
            return;
        }
        let name = invitation.name.clone();
        let at_primary = |request| Errand { place: PRIMARY, request };
        match manner {
            Manner::Withdrawn if tries == 1 => {
                return errands.push(at_primary(Request::Uninvite(name)));
            }
            Manner::Approved if tries > 2 => errands.push(at_primary(Request::Approve(name))),
            _ => {}
        }
        let proof = authority::proof(&invitation.proof_key);
        let wrong = manner == Manner::Wrong && tries < 3;
        let proof = if wrong { [255; PROOF_LEN] } else { proof };
        let mut ask = |request: Vec<u8>| {
            let (invite, exporter) = (invitation.id, [0; PROOF_LEN]);
            let ask = JoinAsk { invite, exporter, request, had: 0, proof };
            let request = Request::Certificate(CertificateAsk::Join(ask));
            errands.push(Errand { place: parent, request });
        };
        let other = authority::request(request[0] + 100);
        let (first, second) = match self.entropy.chance(500) {
            true => (request, other),
            false => (other, request),
        };
        match manner {
            Manner::Twice => {
                ask(first);
                ask(second);
            }
            _ => ask(if first[0] < second[0] { first } else { second }),
        }
    }

    // What they are answered.

    /// A request went out under this id.
    pub fn posted(&mut self, id: RequestId, errand: &Errand) {
        let asked = match &errand.request {
            Request::Certificate(CertificateAsk::Join(ask)) => {
                let of = |(_, coming): &(&usize, &Coming)| {
                    coming.invitation.id == ask.invite && coming.request == ask.request
                };
                let Some((place, _)) = self.comings.iter().find(of) else { return };
                Asked::Join { place: *place, invite: ask.invite }
            }
            Request::Remove { name, doing } => {
                let Some(place) = self.topology.place_of(name) else { return };
                Asked::Remove { place, forced: *doing == Doing::Force }
            }
            Request::RotateAuthority { .. } => Asked::Rotate,
            _ => return,
        };
        self.asked.insert(id, asked);
    }

    pub fn lost(&mut self, id: RequestId) {
        self.asked.remove(&id);
    }

    pub fn heard(&mut self, id: RequestId, answer: &Answer) {
        match (self.asked.remove(&id), answer) {
            (Some(Asked::Join { place, invite }), Answer::Certificate(answer)) => {
                self.join_answered(place, invite, answer);
            }
            (Some(Asked::Remove { place, .. }), Answer::Done) => {
                self.removals += 1;
                self.stages[place] = Stage::Out;
                self.comings.remove(&place);
            }
            (Some(Asked::Remove { place, forced: false }), Answer::Refused(_)) => {
                self.to_force = Some(place).filter(|_| self.entropy.chance(400));
            }
            (Some(Asked::Rotate), Answer::Rotation(_)) => self.rotations += 1,
            _ => {}
        }
    }

    fn join_answered(&mut self, place: usize, invite: InviteId, answer: &CertificateAnswer) {
        let Some(coming) = self.comings.get(&place).filter(|one| one.invitation.id == invite)
        else {
            return;
        };
        match answer {
            CertificateAnswer::Granted(grant) => {
                let empty = coming.empty || self.stages[place] == Stage::Unborn;
                let grant = Grant::clone(grant);
                let parent = coming.parent;
                self.moves += u64::from(self.topology.parent(place) != Some(parent));
                self.topology.move_below(place, parent);
                self.joined.push(Joined { place, parent, grant, empty });
                self.stages[place] = Stage::Present;
                self.comings.remove(&place);
            }
            CertificateAnswer::Refused(refusal) if refusal.code == "LT0414" => {
                // Another key has it: whoever was here before is shut out.
                if self.stages[place] == Stage::Present {
                    self.stages[place] = Stage::Out;
                }
                self.comings.remove(&place);
            }
            _ => {}
        }
    }

    /// Servers that may start now.
    pub fn take_joined(&mut self) -> Vec<Joined> {
        std::mem::take(&mut self.joined)
    }
}
