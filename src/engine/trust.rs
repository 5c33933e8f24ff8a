//! Whom the tree believes: servers that are shut out, authorities that come and go.
//!
//! ```text
//!   primary                                        every server below
//!   Remove west / Authorities ──► trust, version + 1
//!      believed here at once ──► Seal (the authority's key)
//!      Trust sealed, durable ──── Trust{version, seal} ──► higher than mine? durable, believed,
//!                                                          passed on at once
//!   restored from an older copy?  ◄── Trust{version, seal} ── higher than my parent's
//!      believed again, with what was denied here since
//! ```
//! Invariants
//! - A version is used once: what is believed changes only with a higher one.
//! - A relay takes only what carries the seal of an authority that it believes (checked where the
//!   letter arrives); so a server between can hold back news, and neither change nor invent them.
//! - An authority is taken away only when no server proves itself by it any more.
//!
//! A new authority comes in three steps, so that no connection fails on the way: all are told of it
//! (`spreading`), it issues and everybody renews (`renewing`), the old one is forgotten (`none`).

use super::certificate::Purpose;
use super::enrolment::unknown_server;
use super::lost::stays;
use super::waiting::Hope;
use super::{Deed, Engine};
use crate::model::command::Command;
use crate::model::count::LicenseCount;
use crate::model::enrolment::{
    CLOCKS_DIFFER, CertifyJob, Denial, EnrolmentCommand, InviteId, KeyPrint, SealedTrust,
    TITLE_LEN_MAX, Trust,
};
use crate::model::holding::HoldingOption;
use crate::model::letter::{Body, LinkId};
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::report::StreamId;
use crate::model::request::{Answer, Doing, RequestId};
use crate::model::row::{RowKey, Standing};
use crate::model::time::Timestamp;
use crate::model::tuning::Mutant;
use crate::model::view::RotationView;
use std::time::Duration;

impl Engine {
    /// The authority that issues, where there is a choice.
    pub(super) fn issuer(&self) -> Option<Vec<u8>> {
        let trust = &self.state.trust.trust;
        trust.authorities.get(trust.issuer as usize).cloned()
    }

    // === Shutting out ===

    pub(super) fn ask_remove(
        &mut self,
        id: RequestId,
        name: ServerName,
        doing: Doing,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        let forced = doing == Doing::Force;
        self.remove_check(&name, forced)?;
        if doing == Doing::Preview {
            return Ok(Some(Answer::Done));
        }
        self.propose(Command::Enrolment(EnrolmentCommand::Remove { name, forced }));
        self.await_answer(id, Hope::Applied { answer: Box::new(Answer::Done) }, now);
        Ok(None)
    }

    /// A server with servers below stays (A-08); one that holds or uses licenses goes by force
    /// only, because what it has cannot be known to be free.
    fn remove_check(&self, name: &ServerName, forced: bool) -> Result<(), Refusal> {
        if name == self.state.name() {
            return Err(stays(name));
        }
        if !self.is_member(name) {
            return Err(unknown_server(name));
        }
        if let Some(child) = self.child_of(name) {
            return Err(Refusal::new(
                "LT0422",
                format!("{child} is below {name}; a server with servers below stays"),
                format!("move or remove it first: lictree server remove {child}"),
            ));
        }
        match self.still_has(name) {
            Some(what) if !forced => Err(Refusal::new(
                "LT0423",
                format!("{name} {what}"),
                format!(
                    "withdraw its licenses and ignore its devices first; or shut it out at once \
                     and let them stay counted: lictree server remove {name} --force"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// A member below a server, if there is any.
    pub(super) fn child_of(&self, name: &ServerName) -> Option<&ServerName> {
        let members =
            self.state.met.values().filter(|met| met.enrolment.standing == Standing::Member);
        members.filter(|met| met.parent == *name).map(|met| &met.name).next()
    }

    /// What a server still has of licenses, as far as is known here.
    fn still_has(&self, name: &ServerName) -> Option<String> {
        let edges = self.state.edges.iter().filter(|((_, relay), _)| relay == name);
        let given = edges.map(|(_, e)| e.level.granted - e.level.returned_seen).sum::<u64>();
        if given > 0 {
            return Some(format!("holds {given} licenses of the primary"));
        }
        for product in self.state.products() {
            let figures = self.figures_of(name, &product);
            if figures.registered.0 > 0 {
                return Some(format!("has {} of {product} registered", figures.registered));
            }
            if figures.managed.0 > 0 {
                return Some(format!("has {} devices managed under {product}", figures.managed));
            }
        }
        None
    }

    pub(super) fn remove(
        &mut self,
        name: &ServerName,
        forced: bool,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        self.remove_check(name, forced)?;
        let has = self.still_has(name);
        self.limit_targets(name);
        let number = self.state.met.get(name).map_or(0, |met| met.enrolment.number);
        self.deny(name, number, at);
        self.forget_invites(name);
        match &has {
            Some(what) => {
                if let Some(met) = self.state.met.get_mut(name) {
                    met.enrolment.standing = Standing::Removed;
                }
                self.note("server.removed", format!("{name} is shut out by force; it {what}"));
            }
            None => {
                self.forget_server(name);
                self.note("server.removed", format!("{name} is shut out"));
            }
        }
        self.state.touch(RowKey::Met(name.clone()));
        self.heard.remove(name);
        self.sources_changed = true;
        Ok(())
    }

    pub(super) fn forget_invites(&mut self, name: &ServerName) {
        let void: Vec<InviteId> =
            self.state.invites.values().filter(|i| i.name == *name).map(|i| i.id).collect();
        void.into_iter().for_each(|id| self.forget_invite(id));
    }

    /// Who was shut out is given no more than it has.
    fn limit_targets(&mut self, name: &ServerName) {
        let edges = self.state.edges.iter_mut().filter(|((_, relay), _)| relay == name);
        let mut changed = Vec::new();
        for ((product, _), edge) in edges {
            let has = LicenseCount(edge.level.granted - edge.level.returned_seen);
            let target = edge.level.target.min(has);
            let distributed = edge.level.option == HoldingOption::Distributed;
            let none = distributed && target == LicenseCount::ZERO;
            let option = if none { HoldingOption::None } else { edge.level.option };
            if (option, target) != (edge.level.option, edge.level.target) {
                (edge.level.option, edge.level.target) = (option, target);
                edge.level.version += 1;
                changed.push(product.clone());
            }
        }
        for product in changed {
            self.state.touch(RowKey::Edge(product.clone(), name.clone()));
            self.state.count_given(&product);
        }
    }

    /// Nothing of it counts: its rows leave the tables. Where it had an edge, that and its name
    /// stay: should it come again with its data, it must not be told less than it knows.
    pub(super) fn forget_server(&mut self, name: &ServerName) {
        let has_edge = self.state.edges.keys().any(|(_, relay)| relay == name);
        match self.state.met.get_mut(name) {
            Some(met) if has_edge => met.enrolment.standing = Standing::Removed,
            _ => drop(self.state.met.remove(name)),
        }
        self.heads.forget(name);
        for stream in StreamId::of(name) {
            let Some(mirror) = self.state.mirrors.remove(&stream) else { continue };
            self.state.touch(RowKey::Stream(stream.clone()));
            for row in mirror.names() {
                self.state.touch(RowKey::Mirrored(stream.clone(), row));
            }
        }
    }

    /// Denies every enrolment of a name up to a number, and forgets denials of certificates that
    /// have ended.
    pub(super) fn deny(&mut self, name: &ServerName, upto: u64, at: Timestamp) {
        let known = self.state.met.get(name).map(|met| met.enrolment.number);
        // One that was never heard of may be there with such an identity, where others are.
        let is_denied = self.state.trust.trust.denied.contains_key(name);
        let mut others = self.state.met.values();
        let ready_made = match known {
            Some(number) => number == 0,
            None => !is_denied && upto == 0 && others.any(|met| met.enrolment.number == 0),
        };
        if !ready_made && (upto == 0 || known.is_none()) {
            return;
        }
        // Ready-made identities live for years; nothing here knows how many.
        let life = if ready_made { READY_MADE_LIFE } else { self.tuning.certificate_life };
        let mut trust = self.state.trust.trust.clone();
        // Certificates that were given longer lives, or were denied for longer, count too.
        let given = self.state.met.get(name).map_or(at, |met| met.enrolment.expires);
        let before = trust.denied.get(name).map_or(at, |denial| denial.until);
        let until = at.after(life).max(given).after(CLOCKS_DIFFER).max(before);
        let lost = trust.is_lost(name);
        let denial = Denial { upto, until, lost };
        trust.denied.retain(|_, denial| denial.until > at);
        trust.denied.insert(name.clone(), denial);
        self.change_trust(trust);
    }

    /// The same for good: every ledger has to hear of it, also of servers that are long away.
    pub(super) fn deny_lost(&mut self, name: &ServerName, upto: u64, at: Timestamp) {
        let mut trust = self.state.trust.trust.clone();
        trust.denied.retain(|_, denial| denial.until > at);
        let before = trust.denied.get(name).copied().unwrap_or_default();
        let until = at.after(READY_MADE_LIFE).after(CLOCKS_DIFFER).max(before.until);
        let denial = Denial { upto: upto.max(before.upto), until, lost: true };
        trust.denied.insert(name.clone(), denial);
        self.change_trust(trust);
    }

    // === Trust ===

    /// Primary: believed from now on; told to the others as soon as it is sealed.
    fn change_trust(&mut self, trust: Trust) {
        let trust = Trust { version: self.state.trust.trust.version + 1, ..trust };
        self.deeds.push(Deed::Believe(trust.clone()));
        self.state.trust = SealedTrust { trust, seal: Vec::new() };
        self.state.touch(RowKey::Trust);
    }

    /// Primary: has the present trust sealed, once.
    pub(super) fn seal_trust(&mut self) {
        let SealedTrust { trust, seal } = &self.state.trust;
        let asked = self.certifying.values().any(|purpose| matches!(purpose, Purpose::Seal));
        let open = self.state.is_primary() && trust.version > 0 && seal.is_empty();
        if !open || asked || self.sealed == trust.version {
            return;
        }
        self.sealed = trust.version;
        // The one that issued before this version: all believe it already.
        let issuer = trust.authorities.first().cloned();
        let job = CertifyJob::Seal { trust: trust.clone(), issuer };
        self.certify(job, Purpose::Seal);
    }

    /// Takes a sealed trust: a higher one than the present, or the seal of that.
    pub(super) fn take_trust(&mut self, sealed: &SealedTrust) {
        let present = &self.state.trust.trust;
        let news = self.is_news(&sealed.trust, present);
        match self.state.is_primary() {
            true if sealed.trust == *present => drop(self.hold_trust(sealed)),
            true if news => self.regain_trust(sealed),
            false if news => {
                let before = self.hold_trust(sealed);
                self.lose_all(&sealed.trust, &before);
                let before = before.denied;
                // What is here of one that is back already is of the enrolment that it has now.
                let is_back = |name: &ServerName, upto: u64| {
                    let heard = self.heard.get(name);
                    heard.is_some_and(|heard| heard.presence.credentials.enrolment > upto)
                };
                let news = |(name, denial): &(&ServerName, &Denial)| {
                    before.get(*name).is_none_or(|before| before.upto < denial.upto)
                        && !is_back(name, denial.upto)
                };
                let denied = sealed.trust.denied.iter().filter(news).map(|(name, _)| name);
                let denied: Vec<&ServerName> = denied.collect();
                denied.into_iter().for_each(|name| self.forget_streams(name));
                self.deeds.push(Deed::Believe(sealed.trust.clone()));
            }
            _ => return,
        }
        let links: Vec<LinkId> = self.links.downlinks().collect();
        links.into_iter().for_each(|link| self.send_trust(link));
    }

    /// What was held before.
    fn hold_trust(&mut self, sealed: &SealedTrust) -> Trust {
        self.state.touch(RowKey::Trust);
        std::mem::replace(&mut self.state.trust, sealed.clone()).trust
    }

    /// Primary: a server below holds a newer trust, sealed here and not remembered: this server
    /// was restored from an older copy. Who was shut out stays so, before the copy and since.
    fn regain_trust(&mut self, sealed: &SealedTrust) {
        let mine = self.hold_trust(sealed);
        let before = mine.clone();
        self.deeds.push(Deed::Believe(sealed.trust.clone()));
        let mut denied = sealed.trust.denied.clone();
        for (name, denial) in mine.denied {
            let all = denied.entry(name).or_default();
            let (upto, until) = (all.upto.max(denial.upto), all.until.max(denial.until));
            *all = Denial { upto, until, lost: all.lost || denial.lost };
        }
        for (name, denial) in &denied {
            self.shut_out(name, denial.upto);
        }
        self.lose_all(&sealed.trust, &before);
        if denied != sealed.trust.denied {
            self.change_trust(Trust { denied, ..sealed.trust.clone() });
        }
        let (old, new) = (mine.version, sealed.trust.version);
        let text = format!("a server below holds version {new}, this primary had {old}");
        self.note("trust.regained", format!("{text}: it was restored from an older copy"));
    }

    /// Nothing is given any more to a member whose enrolments are denied; what it has stays
    /// counted.
    fn shut_out(&mut self, name: &ServerName, upto: u64) {
        let Some(met) = self.state.met.get_mut(name) else { return };
        if met.enrolment.standing != Standing::Member || met.enrolment.number > upto {
            return;
        }
        met.enrolment.standing = Standing::Removed;
        self.state.touch(RowKey::Met(name.clone()));
        self.limit_targets(name);
        self.heard.remove(name);
        self.sources_changed = true;
    }

    fn is_news(&self, trust: &Trust, present: &Trust) -> bool {
        if self.tuning.breaks(Mutant::TrustGoesBack) {
            return trust.version != present.version;
        }
        trust.version > present.version
    }

    /// Tells a neighbour what is believed, when there is anything to tell.
    pub(super) fn send_trust(&mut self, link: LinkId) {
        let sealed = &self.state.trust;
        if sealed.trust.version > 0 && !sealed.seal.is_empty() {
            self.send_neighbour(link, Body::Trust(sealed.clone()));
        }
    }

    /// A neighbour says what is believed.
    pub(super) fn trust_came(&mut self, sealed: SealedTrust) {
        if self.is_news(&sealed.trust, &self.state.trust.trust) {
            // What it sealed itself, and does not know.
            if self.state.is_primary() && self.state.server.recovery.is_none() {
                self.begin_recovery("a server below knows whom it shut out since");
            }
            self.propose(Command::Enrolment(EnrolmentCommand::Trust(sealed)));
        }
    }

    // === Authorities ===

    pub(super) fn ask_rotation(
        &mut self,
        id: RequestId,
        doing: Doing,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        let view = self.rotation(now);
        match (doing, view.phase.as_str()) {
            (Doing::Preview, _) => return Ok(Some(Answer::Rotation(view))),
            (Doing::Do, "none") => self.certify(CertifyJob::NewAuthority, Purpose::Rotate),
            (Doing::Force, "spreading" | "renewing") => self.next_step(),
            (Doing::Force, _) => {
                return Err(Refusal::new(
                    "LT0424",
                    "no new authority is on its way",
                    "begin with: lictree cert rotate-ca",
                ));
            }
            (Doing::Do, phase) => {
                return Err(Refusal::new(
                    "LT0424",
                    format!("a new authority is on its way already ({phase})"),
                    "see whom it waits for: lictree cert list",
                ));
            }
        }
        self.await_answer(id, Hope::Rotation, now);
        Ok(None)
    }

    /// Primary: the authorities there are, the newest last, and the one that issues.
    pub(super) fn take_authorities(&mut self, authorities: &[Vec<u8>], issuer: u32) {
        let begins = authorities.len() > 1 && issuer == 0;
        let changing = self.state.trust.trust.authorities.len() > 1;
        // A change that begins while one is under way was asked for twice.
        if authorities.is_empty() || issuer as usize >= authorities.len() || (begins && changing) {
            return;
        }
        let trust =
            Trust { authorities: authorities.to_vec(), issuer, ..self.state.trust.trust.clone() };
        self.change_trust(trust);
        let text = match (authorities.len(), issuer) {
            (1, _) => "the old authority is believed no more",
            (_, 0) => "a new authority is made; all servers are told of it",
            _ => "the new authority issues; all servers renew their certificates",
        };
        self.note("authority.changed", text.to_string());
    }

    /// Primary: goes on to the next step of a rotation.
    fn next_step(&mut self) {
        let Trust { authorities, issuer, .. } = self.state.trust.trust.clone();
        let command = match (authorities.len(), issuer) {
            (2.., 0) => EnrolmentCommand::Authorities { authorities, issuer: 1 },
            (2.., _) => {
                let authorities = authorities.into_iter().skip(1).collect();
                EnrolmentCommand::Authorities { authorities, issuer: 0 }
            }
            _ => return,
        };
        self.propose(Command::Enrolment(command));
    }

    /// Primary: takes the next step when nobody has to be waited for; asked with each retry.
    pub(super) fn rotate_when_ready(&mut self, now: Timestamp) {
        let turning = self.state.trust.trust.authorities.len() > 1;
        if !self.state.is_primary() || !turning || self.stepped == self.state.trust.trust.version {
            return;
        }
        if !self.state.trust.seal.is_empty() && self.rotation(now).waits_for.is_empty() {
            self.stepped = self.state.trust.trust.version;
            self.next_step();
        }
    }

    pub(super) fn rotation(&self, now: Timestamp) -> RotationView {
        let trust = &self.state.trust.trust;
        let phase = match (trust.authorities.len(), trust.issuer) {
            (0 | 1, _) => "none",
            (_, 0) => "spreading",
            _ => "renewing",
        };
        let issuer = self.authority_prints.get(trust.issuer as usize).copied();
        let mut waits_for = Vec::new();
        let members = self.state.met.values();
        for met in members.filter(|met| met.enrolment.standing == Standing::Member) {
            let said = self.heard.get(&met.name).map(|heard| &heard.presence);
            let ready = said.is_some_and(|said| match phase {
                "renewing" => Some(said.credentials.authority) == issuer,
                _ => said.trust >= trust.version,
            });
            if !ready && phase != "none" {
                waits_for.push(met.name.clone());
            }
        }
        if phase == "renewing" && Some(self.credentials.authority) != issuer {
            waits_for.push(self.state.name().clone());
        }
        let authorities = self.authority_prints.iter().map(KeyPrint::to_string).collect();
        RotationView {
            as_of: now,
            phase: phase.to_string(),
            trust: trust.version,
            authorities,
            waits_for,
        }
    }

    /// The prints of the authorities that are believed, in the order of the trust.
    pub fn set_authority_prints(&mut self, prints: Vec<KeyPrint>) {
        self.authority_prints = prints;
    }

    // === Titles ===

    pub(super) fn ask_entitle(
        &mut self,
        id: RequestId,
        name: ServerName,
        title: String,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        let command = EnrolmentCommand::Entitle { name, title };
        self.propose(Command::Enrolment(command));
        self.await_answer(id, Hope::Applied { answer: Box::new(Answer::Done) }, now);
        Ok(None)
    }

    pub(super) fn entitle(&mut self, name: &ServerName, title: &str) -> Result<(), Refusal> {
        if !crate::model::license::is_one_line(title) || title.len() > TITLE_LEN_MAX {
            return Err(Refusal::new(
                "LT0425",
                format!("this is no title for {name}: it hides something, or is too long"),
                format!("give one line of at most {TITLE_LEN_MAX} bytes"),
            ));
        }
        let Some(met) = self.state.met.get_mut(name) else { return Err(unknown_server(name)) };
        met.title = title.to_string();
        self.state.touch(RowKey::Met(name.clone()));
        self.note("server.entitled", format!("{name} is called {title:?}"));
        Ok(())
    }
}

/// Identities that were made ready beside the authority live for two years.
const READY_MADE_LIFE: Duration = Duration::from_secs(732 * 86_400);
