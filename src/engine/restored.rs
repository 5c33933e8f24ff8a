//! Recovery of the primary (safety.md R8, R9): what relays hold, as they say it.
//!
//! ```text
//!   the primary, set back                      every relay
//!   Begin: nothing given, registered, granted
//!      ── Challenge ─────────────────────────►
//!      ◄── AttachRequest{edges} ─────────────  what it holds, and by which word
//!   Attach: the edge becomes what it says
//!      ── RollCall{products, licenses} ──────►
//!      ◄── Registered{serials} ──────────────  license files that are registered there
//!      ◄── Statement ────────────────────────  what it uses of the primary's range
//!   End, by an operator: who joined after the copy and is cut off is known to people only
//! ```
//! Invariants
//! - A relay's word makes its edge once ([`MetRow::unsaid`]); after that it counts as ever (R7).
//! - Nothing older arrives there afterwards: the request fences it (R4), so what the primary gave
//!   and the relay does not know is here again.
//! - A relay that was set back itself knows its counts as little as the primary: all of them come
//!   back, and when it knows what is used there it is given that (R9).
//! - Rows of the mirror are told once more from the first on, and shown as they are until then.
//! - A relay says how many data sets it had, and the larger count stands: a primary that is
//!   restored from one backup twice counts from the same number again.
//! - Invitations are void: their codes may have been spent since the copy.

use super::attachment::{GENERATION_MAX, refused};
use super::{Deed, Engine};
use crate::model::command::Command;
use crate::model::count::COUNT_MAX;
use crate::model::edge::{DataSet, EdgeReport};
use crate::model::enrolment::Credentials;
use crate::model::holding::HoldingOption;
use crate::model::letter::{Address, Body, Letter, LinkId, Presence};
use crate::model::license::Serial;
use crate::model::name::{ProductName, ServerName};
use crate::model::recovery::{RecoveryCommand, RecoveryWord};
use crate::model::refusal::Refusal;
use crate::model::report::StreamId;
use crate::model::row::{EdgeRow, Enrolment, MetRow, RowKey, Standing};
use std::collections::{BTreeMap, BTreeSet};

/// More data sets than any server begins while one copy of the primary's data lies somewhere.
pub(super) const GENERATIONS_FORGOTTEN: u64 = 100;
/// More enrolments of one server than there are meanwhile.
const ENROLMENTS_FORGOTTEN: u64 = 100;
/// In place of a nonce: nobody asked, as nobody is challenged who is not known.
pub(super) const FORGOTTEN: u64 = 0;
/// License files of one letter.
const SERIALS_PER_LETTER_MAX: usize = 256;

/// What a relay says it holds can be so: R7, as far as the primary can tell.
pub(super) fn adoption_check(
    relay: &ServerName,
    edges: &[(ProductName, EdgeReport)],
) -> Result<(), Refusal> {
    for (product, report) in edges {
        let held = report.granted_seen.checked_sub(report.returned);
        let lawful = held.and_then(|held| held.checked_add(report.lacks));
        if lawful.is_none_or(|count| count > COUNT_MAX.0) {
            let why = format!("it claims counts of {product} that nobody can have");
            return Err(refused(relay, &why));
        }
    }
    Ok(())
}

impl Engine {
    // === The primary's end ===

    /// From now on relays say what they hold, each once.
    pub(super) fn primary_begins(&mut self) {
        let at = self.applying_at;
        let server = &mut self.state.server;
        server.was_set_back = true;
        // Above every attachment that was given out since the copy.
        server.attach_last = server.attach_last.max(at.0);
        self.challenges.clear();
        self.unattached.clear();
        let members = self.state.met.values_mut();
        let members = members.filter(|met| met.enrolment.standing == Standing::Member);
        let mut changed = Vec::new();
        for met in members {
            met.unsaid = true;
            met.attach = None;
            met.generation += GENERATIONS_FORGOTTEN;
            changed.push(RowKey::Met(met.name.clone()));
        }
        let invites = std::mem::take(&mut self.state.invites);
        changed.extend(invites.into_keys().map(RowKey::Invite));
        for (stream, mirror) in &mut self.state.mirrors {
            mirror.doubt();
            changed.push(RowKey::Stream(stream.clone()));
        }
        changed.into_iter().for_each(|key| self.state.touch(key));
        // Those that are connected believe that all of it is here.
        let streams: Vec<StreamId> = self.state.mirrors.keys().cloned().collect();
        streams.iter().for_each(|stream| self.ack(stream));
    }

    /// All is known: whoever says something else from now on is not believed.
    pub(super) fn primary_ends(&mut self) {
        let mut changed = Vec::new();
        for met in self.state.met.values_mut().filter(|met| met.unsaid) {
            met.unsaid = false;
            changed.push(RowKey::Met(met.name.clone()));
        }
        changed.into_iter().for_each(|key| self.state.touch(key));
    }

    /// Members that have not said yet what they hold.
    pub(super) fn unsaid(&self) -> impl Iterator<Item = &ServerName> {
        let member = |met: &&MetRow| met.enrolment.standing == Standing::Member;
        let met = self.state.met.values().filter(member);
        met.filter(|met| met.unsaid).map(|met| &met.name)
    }

    /// Whether a relay recovers too, and said so since this primary began to: it asks all below it
    /// what they use, so it may take uses over that are not all known here.
    pub(super) fn recovers_too(&self, relay: &ServerName) -> bool {
        let met = self.state.met.get(relay);
        met.is_some_and(|met| met.recovers && met.attach.is_some())
    }

    /// Asks those who are there and have not said it.
    pub(super) fn ask_what_is_held(&mut self) {
        let there = self.unsaid().filter(|name| self.links.way_down(name).is_some());
        let there: Vec<ServerName> = there.cloned().collect();
        for relay in there {
            let open = self.challenges.get(&relay).map(|open| open.nonce);
            let nonce = open.unwrap_or_else(|| self.entropy.draw());
            self.challenge(&relay, nonce);
        }
    }

    /// A relay's edges become what it says of them.
    pub(super) fn adopt(
        &mut self,
        relay: &ServerName,
        data: &DataSet,
        edges: &[(ProductName, EdgeReport)],
    ) {
        let knows = data.former == 0;
        self.take_its_word(relay, data, knows);
        let said: BTreeMap<&ProductName, &EdgeReport> = edges.iter().map(|(p, r)| (p, r)).collect();
        let known = self.state.edges.keys().filter(|(_, name)| name == relay);
        let known: BTreeSet<ProductName> = known.map(|(product, _)| product.clone()).collect();
        let all: BTreeSet<ProductName> = said.keys().map(|p| (*p).clone()).chain(known).collect();
        for product in all {
            let is_new = !self.state.ledgers.contains_key(&product);
            if is_new && self.state.ledgers.len() >= self.tuning.products_max {
                continue;
            }
            self.state.ledger(&product);
            let report = said.get(&product).copied().copied().unwrap_or_default();
            let edge = self.state.edges.entry((product.clone(), relay.clone())).or_default();
            let before = edge.level.granted - edge.level.returned_seen;
            if knows {
                adopt_edge(edge, &report)
            } else {
                empty_edge(edge, &report)
            }
            let holds = edge.level.granted - edge.level.returned_seen;
            self.state.touch(RowKey::Edge(product.clone(), relay.clone()));
            self.state.count_given(&product);
            self.sources_changed = true;
            if knows && holds != before {
                let text = format!("{relay} holds {holds} {product}, and not {before} as before");
                self.note("recovery.held", text);
            }
        }
        self.roll_calls_changed = true;
    }

    /// The data set is the one that it says. The copy knows less of how many there were the more
    /// often it is restored, so what it counts is the least there can be.
    fn take_its_word(&mut self, relay: &ServerName, data: &DataSet, knows: bool) {
        let Some(met) = self.state.met.get_mut(relay) else { return };
        met.unsaid = !knows;
        met.generation = met.generation.max(data.generation.min(GENERATION_MAX));
        met.go_on_as(data);
        self.state.touch(RowKey::Met(relay.clone()));
    }

    /// Whether a presence is of a server that joined after the copy, or joined again; it is met.
    pub(super) fn meet_again(&mut self, presence: &Presence) -> bool {
        let Presence { name, parent, incarnation, credentials, .. } = presence;
        let Credentials { enrolment: number, expires, .. } = *credentials;
        let known = self.state.met.get(name).map_or(0, |met| met.enrolment.number);
        let denied = self.state.trust.trust.is_denied(name, number);
        if self.state.server.recovery.is_none() || number <= known || denied {
            return false;
        }
        let enrolment = Enrolment { number, expires, ..Enrolment::default() };
        let (name, parent, incarnation) = (name.clone(), parent.clone(), *incarnation);
        let command = RecoveryCommand::Meet { name, parent, incarnation, enrolment };
        self.propose(Command::Recovery(command));
        true
    }

    /// The number of a name's next enrolment, above the one that its identity is of: what was given
    /// after the copy is not known here.
    pub(super) fn enrolment_after(&self, name: &ServerName, had: u64) -> u64 {
        let next = self.next_enrolment(name);
        next.max(had.min(next + ENROLMENTS_FORGOTTEN) + 1)
    }

    /// Whether a server came by a code that this primary, which does not recover, knows nothing of.
    pub(super) fn has_forgotten(&self, presence: &Presence) -> bool {
        let is_known = self.state.met.contains_key(&presence.name);
        !is_known && presence.credentials.enrolment > 0 && self.state.server.recovery.is_none()
    }

    /// Primary: whether a server was found to be such a one.
    pub(super) fn is_forgotten(&self, name: &ServerName) -> bool {
        let is_told = self.unattached.contains_key(name);
        is_told && self.state.is_primary() && !self.state.met.contains_key(name)
    }

    /// It can hold, use and report nothing here: what it has may have been given to others since.
    pub(super) fn refuse_forgotten(&mut self, link: LinkId, name: &ServerName) {
        let why = "it came by a code that this primary does not know of: the primary was set back";
        let hint = format!(
            "at the primary: lictree recovery begin takes {name} in as it is; or have it join \
             again in its folder: lictree server invite {name}"
        );
        let refusal = Refusal { hint, ..refused(name, why) };
        if !self.is_forgotten(name) {
            // Each is told apart from those that are known, so there is an end to how many come.
            if self.unattached.len() >= self.tuning.servers_max {
                return self.refuse_link(link, "more servers that are not known here than may be");
            }
            self.unattached.insert(name.clone(), refusal.clone());
            let (kind, text) = ("server.unknown".to_string(), refusal.to_string());
            self.propose(Command::Note { kind, text });
        }
        let body = Body::AttachRefused { nonce: FORGOTTEN, refusal };
        let letter = Letter::new(Address::Below(name.clone()), Vec::new(), body);
        self.deeds.push(Deed::Send { link, letter });
    }

    pub(super) fn recovery_meets(
        &mut self,
        (name, parent): (&ServerName, &ServerName),
        incarnation: u64,
        enrolment: Enrolment,
    ) {
        let known = self.state.met.get(name);
        let room = known.is_some() || self.state.met.len() < self.tuning.servers_max;
        let number = known.map_or(0, |met| met.enrolment.number);
        let denied = self.state.trust.trust.is_denied(name, enrolment.number);
        let recovers = self.state.server.recovery.is_some();
        if !recovers || !room || denied || enrolment.number <= number || name == self.state.name() {
            return;
        }
        let joined = MetRow::joined(name, parent, enrolment.number);
        let generation = joined.generation + GENERATIONS_FORGOTTEN;
        let known = known.cloned().unwrap_or(joined);
        let row = MetRow {
            parent: parent.clone(),
            incarnation,
            enrolment,
            unsaid: true,
            generation: known.generation.max(generation),
            ..known
        };
        self.state.met.insert(name.clone(), row);
        self.state.touch(RowKey::Met(name.clone()));
        self.note("server.met", format!("{name} joined after the copy, below {parent}"));
    }

    /// License files that are registered at a relay.
    pub(super) fn registered_there(&mut self, by: &ServerName, serials: Vec<Serial>) {
        let recovers = self.state.server.recovery.is_some();
        for serial in serials.into_iter().take(SERIALS_PER_LETTER_MAX) {
            match recovers {
                true => self.claim_stands(by.clone(), serial),
                false => self.answer_claim(&serial, by),
            }
        }
    }

    // === The relay's end ===

    /// The primary was set back: it hears once more which license files are registered here.
    pub(super) fn claim_again(&mut self) {
        self.reclaiming = self.state.licenses.keys().cloned().collect();
        self.repeat_reclaims();
    }

    pub(super) fn repeat_reclaims(&mut self) {
        let some: Vec<Serial> =
            self.reclaiming.iter().take(4 * SERIALS_PER_LETTER_MAX).cloned().collect();
        for serials in some.chunks(SERIALS_PER_LETTER_MAX) {
            let word = RecoveryWord::Registered { serials: serials.to_vec() };
            self.send_above(Address::Primary, Body::Recovery(word));
        }
    }
}

/// What the relay knows is how it is. What it still lacks although it holds nothing is what is used
/// there since all counts came back from it ([`empty_edge`]).
fn adopt_edge(edge: &mut EdgeRow, said: &EdgeReport) {
    take_options(edge, said);
    let holds_nothing = said.granted_seen == said.returned;
    edge.level.granted = said.granted_seen + if holds_nothing { said.lacks } else { 0 };
    edge.level.returned_seen = said.returned;
    edge.granted_seen = said.granted_seen;
    edge.version_seen = said.version;
    edge.may_decline |= said.declined || edge.level.option == HoldingOption::Registered;
    edge.promised = said.holds || edge.level.option != HoldingOption::None;
}

/// Nobody knows what the relay holds: it all comes back.
fn empty_edge(edge: &mut EdgeRow, said: &EdgeReport) {
    take_options(edge, said);
    let given = edge.level.granted.max(said.granted_seen);
    let given = given.max(edge.level.returned_seen).max(said.returned);
    edge.level.granted = given;
    edge.level.returned_seen = given;
    edge.granted_seen = given;
    edge.promised = true;
}

/// The later word on what the relay is to hold.
fn take_options(edge: &mut EdgeRow, said: &EdgeReport) {
    if said.version > edge.level.version {
        edge.level.version = said.version;
        edge.level.option = said.option;
        edge.level.target = said.target;
    }
    edge.level.epoch = edge.level.epoch.max(said.epoch);
}
