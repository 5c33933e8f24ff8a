//! Checks of who is of the tree: a code serves once, numbers are never used again, what was
//! answered stays so, and nobody believes less than before.

use crate::model::enrolment::{CertificateAnswer, CertificateAsk, InviteId};
use crate::model::name::ServerName;
use crate::model::request::{Answer, Doing, Request, RequestId};
use crate::simulator::joiners::LIFE;
use crate::simulator::keyring::Proof;
use crate::simulator::moment::Moment;
use crate::simulator::topology::{PRIMARY, Topology};
use crate::simulator::truth::Truth;
use crate::simulator::violation::Findings;
use crate::simulator::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A code may end that much before its life is over after its answer was heard: it was answered
/// late, and clocks differ.
const LATE: Duration = Duration::from_secs(120);

#[derive(Clone, Debug)]
enum Asked {
    Join { invite: InviteId, key: Vec<u8> },
    Invite { name: ServerName, invite: InviteId },
    Remove { name: ServerName },
}

/// What came of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Served {
    name: ServerName,
    enrolment: u64,
    key: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct Enrolments {
    asked: BTreeMap<RequestId, Asked>,
    served: BTreeMap<InviteId, Served>,
    /// Which code each enrolment came from.
    codes: BTreeMap<(ServerName, u64), InviteId>,
    /// The newest enrolment of each name that was answered, and that the primary ever had.
    joined: BTreeMap<ServerName, u64>,
    highest: BTreeMap<ServerName, u64>,
    /// Invitations that were answered and not yet touched again, and since when that is known.
    invited: BTreeMap<ServerName, (InviteId, Option<Moment>)>,
    touched: BTreeMap<ServerName, RequestId>,
    /// Removals that were answered, and up to which enrolment each denied.
    removed: BTreeMap<ServerName, Option<u64>>,
    /// The highest version of trust that each server was seen with.
    versions: Vec<u64>,
    /// When that of the primary rose last.
    risen_at: Moment,
    found: Vec<String>,
}

impl Enrolments {
    pub fn of_places(places: usize) -> Enrolments {
        Enrolments { versions: vec![0; places], ..Enrolments::default() }
    }

    pub fn posted(&mut self, id: RequestId, request: &Request) {
        let asked = match request {
            Request::Certificate(CertificateAsk::Join(ask)) => {
                Asked::Join { invite: ask.invite, key: ask.request.clone() }
            }
            Request::Invite(invitation) => {
                self.touch(&invitation.name, id);
                if invitation.life < LIFE {
                    return;
                }
                Asked::Invite { name: invitation.name.clone(), invite: invitation.id }
            }
            Request::Uninvite(name) => return self.touch(name, id),
            Request::Remove { name, doing: Doing::Do | Doing::Force } => {
                self.touch(name, id);
                Asked::Remove { name: name.clone() }
            }
            _ => return,
        };
        self.asked.insert(id, asked);
    }

    /// From now on an invitation of this name may be another or gone.
    fn touch(&mut self, name: &ServerName, id: RequestId) {
        self.touched.insert(name.clone(), id);
        self.invited.remove(name);
    }

    pub fn lost(&mut self, id: RequestId) {
        self.asked.remove(&id);
    }

    pub fn heard(&mut self, id: RequestId, answer: &Answer) {
        match (self.asked.remove(&id), answer) {
            (
                Some(Asked::Join { invite, key }),
                Answer::Certificate(CertificateAnswer::Granted(grant)),
            ) => {
                let (name, enrolment) = (grant.name.clone(), grant.enrolment);
                self.serves(invite, Served { name, enrolment, key });
            }
            (Some(Asked::Invite { name, invite }), Answer::Invited(_))
                if self.touched.get(&name) == Some(&id) =>
            {
                self.invited.insert(name, (invite, None));
            }
            (Some(Asked::Remove { name }), Answer::Done) => {
                self.removed.insert(name, None);
            }
            _ => {}
        }
    }

    /// A code was answered with a certificate.
    fn serves(&mut self, invite: InviteId, served: Served) {
        let Served { name, enrolment, .. } = &served;
        if let Some(before) = self.served.get(&invite)
            && *before != served
        {
            self.found.push(format!("code {invite} served {before:?} and then {served:?}"));
        }
        let by = self.codes.entry((name.clone(), *enrolment)).or_insert(invite);
        if *by != invite {
            self.found.push(format!("codes {by} and {invite} both made {name} {enrolment}"));
        }
        let newest = self.joined.entry(name.clone()).or_default();
        *newest = (*newest).max(*enrolment);
        self.served.insert(invite, served);
    }

    /// The server here begins anew on an empty disk.
    pub fn begins_anew(&mut self, place: usize) {
        self.versions[place] = 0;
    }

    /// When the primary last changed what is to be believed.
    pub fn risen_at(&self) -> Moment {
        self.risen_at
    }

    /// One server after a step: nobody believes less than before, in memory or on disk.
    pub fn check_step(&mut self, world: &World, place: usize, truth: &Truth, out: &mut Findings) {
        let name = world.topology.name(place);
        let before = std::mem::replace(&mut self.versions[place], truth.trust_version);
        if place == PRIMARY && before < truth.trust_version {
            self.risen_at = world.now();
        }
        out.hold(before <= truth.trust_version, "trust", || {
            format!("{name} went back from trust {before} to {}", truth.trust_version)
        });
        if let Some(keyring) = world.keyring(place).filter(|_| world.has_caught_up(place)) {
            let believed = keyring.believed.version;
            out.hold(believed == truth.trust_version, "trust", || {
                format!("{name} holds trust {} and goes by {believed}", truth.trust_version)
            });
        }
    }

    /// What was answered against what the primary knows.
    pub fn check(&mut self, now: Moment, primary: &Truth, out: &mut Findings) {
        self.found.drain(..).for_each(|text| out.add("code", text));
        let denied = |name: &ServerName| primary.denied.get(name).copied();
        for (name, enrolment) in &self.joined {
            let met = primary.met.get(name).map(|met| met.enrolment);
            let known = met.max(denied(name));
            out.hold(known >= Some(*enrolment), "I6", || {
                format!("{name} joined as {enrolment}; the primary knows {known:?}")
            });
        }
        for (name, (invite, since)) in &mut self.invited {
            let since = *since.get_or_insert(now);
            let life_ms = LIFE.saturating_sub(LATE).as_millis() as u64;
            let is_over = now >= since.after_ms(life_ms);
            out.hold(is_over || primary.invites.contains(invite), "I6", || {
                format!("the invitation {invite} of {name} was answered and is gone")
            });
        }
        for (name, upto) in &mut self.removed {
            let now = denied(name);
            let back = primary.met.get(name).filter(|met| !met.removed);
            let holds = now.is_some() && now >= *upto;
            out.hold(holds && back.is_none_or(|met| Some(met.enrolment) > now), "I6", || {
                format!("{name} was removed up to {upto:?}; denied is {now:?}, known is {back:?}")
            });
            *upto = now;
        }
        self.check_numbers(primary, out);
    }

    /// A number that a name once had is never given again.
    fn check_numbers(&mut self, primary: &Truth, out: &mut Findings) {
        for (name, met) in &primary.met {
            let highest = self.highest.entry(name.clone()).or_default();
            out.hold(met.enrolment >= *highest, "code", || {
                format!("{name} was enrolment {highest} and is {} again", met.enrolment)
            });
            *highest = (*highest).max(met.enrolment);
        }
    }
}

/// Who takes part in the tree as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Servers that belong to it, with all that are above them.
    pub members: BTreeSet<usize>,
}

impl Census {
    pub fn taken(world: &World, primary: &Truth) -> Census {
        let mut members = BTreeSet::new();
        for place in 0..world.topology.len() {
            let Some(keyring) = world.keyring(place) else { continue };
            let proof = &keyring.proof;
            let denied = primary.denied.get(&proof.name);
            let met = primary.met.get(&proof.name).map_or(0, |met| met.enrolment);
            let out = denied.is_some_and(|upto| proof.enrolment <= *upto) || proof.enrolment < met;
            let above = world.topology.parent(place);
            let reached = above.is_none_or(|above| {
                let knows = world.keyring(above).is_some_and(|upper| upper.knows(keyring));
                members.contains(&above) && knows
            });
            if !out && reached {
                members.insert(place);
            }
        }
        Census { members }
    }

    /// Every server of a tree.
    pub fn of_all(topology: &Topology) -> Census {
        Census { members: (0..topology.len()).collect() }
    }

    pub fn has(&self, place: usize) -> bool {
        self.members.contains(&place)
    }

    /// Once all is quiet: everybody believes the newest, and nobody else is connected.
    pub fn check_rest(&self, world: &World, truths: &[Truth], out: &mut Findings) {
        let newest = truths[PRIMARY].trust_version;
        for place in &self.members {
            let (name, knows) = (world.topology.name(*place), truths[*place].trust_version);
            out.hold(knows == newest, "L2", || {
                format!("{name} holds trust {knows}; the newest is {newest}")
            });
        }
        let denied = &truths[PRIMARY].denied;
        let is_out = |proof: &Proof| denied.get(&proof.name).is_some_and(|n| proof.enrolment <= *n);
        let is_member = |proof: &Proof| {
            let place = world.topology.place_of(&proof.name);
            !is_out(proof) && place.is_some_and(|place| self.has(place))
        };
        for ends in world.connected() {
            let holds =
                !ends.iter().any(|one| is_out(one)) || !ends.iter().any(|one| is_member(one));
            out.hold(holds, "L2", || format!("one was removed, and both are connected: {ends:?}"));
        }
    }
}
