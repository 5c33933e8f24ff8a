//! The primary's word on who comes into the tree: invitations, enrolments, renewals.
//!
//! Invariants
//! - A code serves one key: the first that proved to know its secret.
//! - A new enrolment of a name denies every older one, in the command that makes it.
//! - What is decided here has no secret but an invite's proof key, and that never leaves.

use super::Engine;
use super::certificate::{Purpose, refused_by_authority};
use super::waiting::Hope;
use crate::model::command::Command;
use crate::model::enrolment::{
    Approval, CertificateAnswer, Certified, CertifyJob, EnrolmentCommand, FAILURES_MAX, Grant,
    Invite, InviteId, Issued, JoinAsk, KeyPrint, RenewAsk, ReplyTo,
};
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, Invitation, RequestId};
use crate::model::row::{Enrolment, MetRow, RowKey, Standing};
use crate::model::time::Timestamp;
use crate::model::tuning::Mutant;
use crate::model::view::InviteView;

impl Engine {
    pub(super) fn apply_enrolment(
        &mut self,
        command: &EnrolmentCommand,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        match command {
            EnrolmentCommand::Invite(invite) => self.invite(invite, at)?,
            EnrolmentCommand::Uninvite(id) => self.uninvite(*id),
            EnrolmentCommand::Fail(id) => self.fail_proof(*id),
            EnrolmentCommand::Await { invite, key, reply } => {
                self.await_approval(*invite, *key, reply);
            }
            EnrolmentCommand::Approve(id) => self.approve(*id),
            EnrolmentCommand::Enroll { invite, enrolment, issued, reply } => {
                self.enroll(*invite, *enrolment, issued, reply, at);
            }
            EnrolmentCommand::Renewed { name, enrolment, issued, reply } => {
                self.renewed(name, *enrolment, issued, reply);
            }
            EnrolmentCommand::Remove { name, forced } => self.remove(name, *forced, at)?,
            EnrolmentCommand::Trust(sealed) => self.take_trust(sealed),
            EnrolmentCommand::Authorities { authorities, issuer } => {
                self.take_authorities(authorities, *issuer);
            }
            EnrolmentCommand::Entitle { name, title } => self.entitle(name, title)?,
            EnrolmentCommand::Lose { name } => self.lose(name, at)?,
        }
        Ok(())
    }

    // === Invitations ===

    pub(super) fn ask_invite(
        &mut self,
        id: RequestId,
        wish: Invitation,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        let Invitation { id: invite, name, parent, proof_key, life, approval, replaces, forced } =
            wish;
        let invite = Invite {
            id: invite,
            name,
            parent,
            proof_key,
            expires: now.after(life),
            approval,
            failures: 0,
            key: None,
            certificate: None,
            replaces,
            forced,
        };
        self.invite_check(&invite, now)?;
        let answer = Box::new(Answer::Invited(invite_view(&invite, now)));
        self.propose(Command::Enrolment(EnrolmentCommand::Invite(invite)));
        self.await_answer(id, Hope::Applied { answer }, now);
        Ok(None)
    }

    fn invite_check(&self, invite: &Invite, now: Timestamp) -> Result<(), Refusal> {
        let Invite { name, parent, .. } = invite;
        if name == self.state.name() || name == parent {
            return Err(Refusal::new(
                "LT0410",
                format!("{name} cannot be invited below {parent}"),
                "name the new server, and another one as its parent",
            ));
        }
        if parent != self.state.name() && !self.is_member(parent) {
            return Err(unknown_server(parent));
        }
        self.name_check(invite)?;
        self.invited_place_check(&invite.name, &invite.parent, invite.forced)?;
        self.tree_limits_check(name, parent)?;
        let open = self.state.invites.values().filter(|i| i.expires > now && i.name != *name);
        if open.count() >= self.tuning.invites_max {
            return Err(Refusal::new(
                "LT0427",
                format!("{} invitations are open, as many as allowed", self.tuning.invites_max),
                "withdraw some: lictree server invitations; or raise invites_max in [limits]",
            ));
        }
        Ok(())
    }

    /// A lost name is not used again; and only who was there can be replaced.
    fn name_check(&self, invite: &Invite) -> Result<(), Refusal> {
        let name = &invite.name;
        if self.state.trust.trust.is_lost(name) {
            return Err(Refusal::new(
                "LT0441",
                format!("{name} was given up as lost; its name is not used again"),
                "choose another name for the new server",
            ));
        }
        let known = self.state.met.get(name).is_some_and(|met| met.incarnation != 0);
        if invite.replaces && !known {
            return Err(Refusal::new(
                "LT0442",
                format!("{name} cannot be replaced: it was never heard of here"),
                format!("invite it: lictree server invite {name} --parent SERVER"),
            ));
        }
        Ok(())
    }

    /// The level of a server below this parent, the primary's being 1, and the bytes in the names
    /// from below the primary down to it, separators included. Deeper than allowed is not looked.
    pub(super) fn depth_and_path_bytes(
        &self,
        name: &ServerName,
        parent: &ServerName,
    ) -> (usize, usize) {
        let (mut depth, mut bytes) = (2, name.as_str().len());
        let mut at = parent;
        while let Some(met) = self.state.met.get(at)
            && depth <= self.tuning.depth_max
        {
            depth += 1;
            bytes += at.as_str().len() + 1;
            at = &met.parent;
        }
        (depth, bytes)
    }

    /// Depth, fan-out and length of names, each within its limit (JP1-60, JP1-61, JP1-63, JP1-70).
    pub(super) fn tree_limits_check(
        &self,
        name: &ServerName,
        parent: &ServerName,
    ) -> Result<(), Refusal> {
        let (depth, bytes) = self.depth_and_path_bytes(name, parent);
        let children = self.state.met.values().filter(|met| met.parent == *parent);
        let children = 1 + children.filter(|met| met.name != *name).count();
        let beyond = [
            (depth > self.tuning.depth_max, "levels", depth, self.tuning.depth_max, "depth_max"),
            (
                children > self.tuning.children_max,
                "servers below one parent",
                children,
                self.tuning.children_max,
                "children_max",
            ),
            (
                bytes > self.tuning.path_bytes_max,
                "bytes in the names from below the primary down to it",
                bytes,
                self.tuning.path_bytes_max,
                "path_bytes_max",
            ),
        ];
        match beyond.into_iter().find(|(beyond, ..)| *beyond) {
            Some((_, what, found, max, key)) => Err(Refusal::new(
                "LT0412",
                format!("{name} below {parent} would make {found} {what}; {max} are allowed"),
                format!("choose another parent, or raise {key} in [limits]"),
            )),
            None => Ok(()),
        }
    }

    /// Books an invitation; an older one of the same name is void, and so is what has expired.
    fn invite(&mut self, invite: &Invite, at: Timestamp) -> Result<(), Refusal> {
        self.invite_check(invite, at)?;
        let old = |one: &Invite| one.name == invite.name || one.expires <= at;
        let void: Vec<InviteId> =
            self.state.invites.values().filter(|one| old(one)).map(|one| one.id).collect();
        void.into_iter().for_each(|id| self.forget_invite(id));
        self.state.invites.insert(invite.id, invite.clone());
        self.state.touch(RowKey::Invite(invite.id));
        self.note("server.invited", format!("{} is invited below {}", invite.name, invite.parent));
        Ok(())
    }

    fn uninvite(&mut self, id: InviteId) {
        if let Some(invite) = self.state.invites.get(&id) {
            self.note("server.uninvited", format!("the invitation of {} is void", invite.name));
            self.forget_invite(id);
        }
    }

    pub(super) fn forget_invite(&mut self, id: InviteId) {
        self.state.invites.remove(&id);
        self.state.touch(RowKey::Invite(id));
    }

    /// The newest invitation of a name that is still of use.
    fn open_invite(&self, name: &ServerName, now: Timestamp) -> Result<InviteId, Refusal> {
        let of = |one: &&Invite| one.name == *name && one.expires > now;
        self.state.invites.values().find(of).map(|one| one.id).ok_or_else(|| {
            Refusal::new(
                "LT0428",
                format!("no invitation of {name} is open"),
                "see which are: lictree server invitations",
            )
        })
    }

    pub(super) fn ask_about_invite(
        &mut self,
        id: RequestId,
        name: &ServerName,
        command: impl FnOnce(InviteId) -> EnrolmentCommand,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        let invite = self.open_invite(name, now)?;
        self.propose(Command::Enrolment(command(invite)));
        self.await_answer(id, Hope::Applied { answer: Box::new(Answer::Done) }, now);
        Ok(None)
    }

    /// Only what waits can be approved: its key is what is agreed to.
    pub(super) fn approval_check(&self, name: &ServerName, now: Timestamp) -> Result<(), Refusal> {
        let invite = self.open_invite(name, now)?;
        let invite = self.state.invites.get(&invite);
        let waits = invite
            .is_some_and(|invite| invite.approval == Approval::Awaited && invite.key.is_some());
        if waits {
            return Ok(());
        }
        Err(Refusal::new(
            "LT0434",
            format!("{name} does not wait for approval"),
            "see who waits, and with which key: lictree server invitations",
        ))
    }

    fn fail_proof(&mut self, id: InviteId) {
        let Some(invite) = self.state.invites.get_mut(&id) else { return };
        let failures = invite.failures + 1;
        invite.failures = failures.min(FAILURES_MAX);
        let (void, name) = (failures == FAILURES_MAX, invite.name.clone());
        self.state.touch(RowKey::Invite(id));
        if void {
            let text = format!("the code of {name} is void: {FAILURES_MAX} proofs were wrong");
            self.note("join.void", text);
        }
    }

    fn await_approval(&mut self, id: InviteId, key: KeyPrint, reply: &ReplyTo) {
        let Some(invite) = self.state.invites.get_mut(&id) else { return };
        if invite.key.is_some_and(|first| first != key) {
            let text = format!("{}: {}", invite.name, spent());
            self.note("join.refused", text);
            return self.send_certificate(reply, CertificateAnswer::Refused(spent()));
        }
        if invite.key.is_none() {
            invite.key = Some(key);
            let text = format!("{} waits for approval, with the key {key}", invite.name);
            self.state.touch(RowKey::Invite(id));
            self.note("join.waits", text);
        }
        self.send_certificate(reply, CertificateAnswer::Waiting);
    }

    fn approve(&mut self, id: InviteId) {
        let Some(invite) = self.state.invites.get_mut(&id) else { return };
        if invite.approval == Approval::Awaited {
            invite.approval = Approval::Given;
            let text = format!("{} is approved", invite.name);
            self.state.touch(RowKey::Invite(id));
            self.note("join.approved", text);
        }
    }

    pub(super) fn invitations(&self, now: Timestamp) -> Vec<InviteView> {
        self.state.invites.values().map(|invite| invite_view(invite, now)).collect()
    }

    // === Joining ===

    pub(super) fn prepare_join(
        &self,
        ask: JoinAsk,
        reply: &ReplyTo,
        now: Timestamp,
    ) -> Result<(CertifyJob, Purpose), Refusal> {
        let invite = self.state.invites.get(&ask.invite).filter(|one| one.expires > now);
        let invite = invite.ok_or_else(|| {
            Refusal::new(
                "LT0413",
                "this code is not known here, or its time is over",
                "have a new one made at the primary: lictree server invite NAME",
            )
        })?;
        if invite.failures >= FAILURES_MAX {
            return Err(void());
        }
        if invite.parent != reply.server {
            let (parent, called) = (&invite.parent, &reply.server);
            return Err(Refusal::new(
                "LT0417",
                format!("this code is for a place below {parent}, and {called} was called"),
                format!("call {parent}: lictree join CODE --to ITS-ADDRESS"),
            ));
        }
        let name = invite.name.clone();
        let enrolment = self.enrolment_after(&name, ask.had);
        let (invite, proof_key) = (invite.id, invite.proof_key);
        let purpose = Purpose::Join { invite, enrolment, reply: reply.clone() };
        let issuer = self.issuer();
        Ok((CertifyJob::Join { ask, proof_key, name, enrolment, issuer }, purpose))
    }

    /// Above every number that a certificate of this name carries or carried.
    pub(super) fn next_enrolment(&self, name: &ServerName) -> u64 {
        let met = self.state.met.get(name).map_or(0, |met| met.enrolment.number);
        let denied = self.state.trust.trust.denied.get(name).map_or(0, |denial| denial.upto);
        met.max(denied) + 1
    }

    pub(super) fn join_certified(
        &mut self,
        id: InviteId,
        enrolment: u64,
        reply: ReplyTo,
        result: Certified,
        now: Timestamp,
    ) {
        let issued = match result {
            Certified::Issued(issued) => issued,
            Certified::WrongProof => {
                self.propose(Command::Enrolment(EnrolmentCommand::Fail(id)));
                let refusal = wrong_proof();
                self.note_refusal("join.refused", &refusal, now);
                return self.send_certificate(&reply, CertificateAnswer::Refused(refusal));
            }
            other => {
                let refusal = refused_by_authority(&other);
                self.note_refusal("join.refused", &refusal, now);
                return self.send_certificate(&reply, CertificateAnswer::Refused(refusal));
            }
        };
        let Some(invite) = self.state.invites.get(&id) else { return };
        if invite.approval == Approval::Awaited {
            let command = EnrolmentCommand::Await { invite: id, key: issued.key, reply };
            return self.propose(Command::Enrolment(command));
        }
        let command = EnrolmentCommand::Enroll { invite: id, enrolment, issued, reply };
        self.propose(Command::Enrolment(command));
    }

    /// Spends a code on a key, or says again what it was spent on.
    fn enroll(
        &mut self,
        id: InviteId,
        enrolment: u64,
        issued: &Issued,
        reply: &ReplyTo,
        at: Timestamp,
    ) {
        let Some(invite) = self.state.invites.get(&id).cloned() else {
            return self.send_certificate(reply, CertificateAnswer::Refused(spent()));
        };
        let other_key = invite.key.is_some_and(|key| key != issued.key);
        if self.tuning.breaks(Mutant::CodeServesTwice) {
            self.enter(&invite, enrolment, issued, at);
            let certificate = issued.certificate.clone();
            let grant = self.grant(&invite, enrolment, certificate);
            return self.send_certificate(reply, grant);
        }
        if other_key || invite.failures >= FAILURES_MAX {
            let refusal = if other_key { spent() } else { void() };
            self.note("join.refused", format!("{}: {refusal}", invite.name));
            return self.send_certificate(reply, CertificateAnswer::Refused(refusal));
        }
        // Uses may have come since the code was made.
        let stays = self
            .invited_place_check(&invite.name, &invite.parent, invite.forced)
            .err()
            .filter(|_| invite.certificate.is_none());
        if let Some(refusal) = stays {
            self.note("join.refused", format!("{}: {refusal}", invite.name));
            return self.send_certificate(reply, CertificateAnswer::Refused(refusal));
        }
        let certificate = match &invite.certificate {
            Some(certificate) => certificate.clone(),
            None if enrolment >= self.next_enrolment(&invite.name) => {
                self.enter(&invite, enrolment, issued, at);
                issued.certificate.clone()
            }
            // Another coming of the same name was faster.
            None => return self.send_certificate(reply, CertificateAnswer::Waiting),
        };
        let number = self.state.met.get(&invite.name).map_or(enrolment, |m| m.enrolment.number);
        let grant = self.grant(&invite, number, certificate);
        self.send_certificate(reply, grant);
    }

    fn enter(&mut self, invite: &Invite, enrolment: u64, issued: &Issued, at: Timestamp) {
        let Invite { id, name, parent, .. } = invite;
        if let Some(text) = self.left_in_words(invite) {
            self.note("server.moved-by-force", text);
        }
        let before = self.leave_place(name, parent);
        self.deny(name, enrolment - 1, at);
        let known = self.state.met.get(name);
        let number = Enrolment {
            number: enrolment,
            key: Some(issued.key),
            expires: issued.expires,
            standing: Standing::Member,
        };
        let known = known.cloned().unwrap_or_else(|| MetRow::joined(name, parent, enrolment));
        // Whoever was there with the certificate before is shut out, be they one or two.
        let row = MetRow {
            parent: parent.clone(),
            enrolment: number,
            unsaid: false,
            starts: Vec::new(),
            has_twin: false,
            moved_from: known.moved_from.clone().or(before),
            ..known
        };
        self.state.met.insert(name.clone(), row);
        self.state.touch(RowKey::Met(name.clone()));
        if let Some(invite) = self.state.invites.get_mut(id) {
            invite.key = Some(issued.key);
            invite.certificate = Some(issued.certificate.clone());
        }
        self.state.touch(RowKey::Invite(*id));
        self.note("server.joined", format!("{name} has joined below {parent}, key {}", issued.key));
        if invite.replaces {
            self.note("server.replaced", self.replaced_in_words(name));
        }
    }

    /// What its operator has to do by hand: license files lie on the disk that is lost.
    fn replaced_in_words(&self, name: &ServerName) -> String {
        let of_it = self.serials_of(name);
        let serials: Vec<&str> = of_it.iter().map(|serial| serial.as_str()).take(20).collect();
        let text = format!("{name} begins on an empty disk and takes up what is known of it");
        match serials.is_empty() {
            true => text,
            false => format!("{text}; register there again: {}", serials.join(", ")),
        }
    }

    /// To whom an invitation was given.
    fn grant(&self, to: &Invite, enrolment: u64, certificate: Vec<u8>) -> CertificateAnswer {
        let Invite { name, parent, replaces, .. } = to;
        let lost = self.state.met.get(name).filter(|_| *replaces);
        let former = lost.map_or(0, |met| met.incarnation);
        self.granted((name, parent), enrolment, certificate, former)
    }

    fn granted(
        &self,
        (name, parent): (&ServerName, &ServerName),
        enrolment: u64,
        certificate: Vec<u8>,
        former: u64,
    ) -> CertificateAnswer {
        CertificateAnswer::Granted(Box::new(Grant {
            tree: self.state.server.founding.tree.clone(),
            name: name.clone(),
            parent: parent.clone(),
            enrolment,
            certificate,
            former,
        }))
    }

    // === Renewal ===

    /// The author may renew its own certificate only; that it is its own is checked with the key.
    pub(super) fn prepare_renewal(
        &self,
        ask: RenewAsk,
        reply: &ReplyTo,
    ) -> Result<(CertifyJob, Purpose), Refusal> {
        let name = reply.server.clone();
        let (enrolment, standing) = self.standing(&name);
        if standing == Standing::Removed || self.state.trust.trust.is_denied(&name, enrolment) {
            return Err(Refusal::new(
                "LT0421",
                format!("{name} was removed from the tree"),
                format!("invite it anew at the primary: lictree server invite {name}"),
            ));
        }
        let purpose = Purpose::Renew { name: name.clone(), enrolment, reply: reply.clone() };
        Ok((CertifyJob::Renew { ask, name, enrolment, issuer: self.issuer() }, purpose))
    }

    fn standing(&self, name: &ServerName) -> (u64, Standing) {
        let met = self.state.met.get(name);
        met.map_or((0, Standing::Member), |met| (met.enrolment.number, met.enrolment.standing))
    }

    fn renewed(&mut self, name: &ServerName, enrolment: u64, issued: &Issued, reply: &ReplyTo) {
        if self.standing(name) != (enrolment, Standing::Member) {
            return;
        }
        if let Some(met) = self.state.met.get_mut(name) {
            met.enrolment.key = Some(issued.key);
            met.enrolment.expires = issued.expires;
        }
        self.state.touch(RowKey::Met(name.clone()));
        self.note("certificate.renewed", format!("{name} has a new certificate"));
        self.renewals.durable(name, issued);
        let grant = self.renewed_grant(name, enrolment, issued.certificate.clone());
        self.send_certificate(reply, grant);
    }

    pub(super) fn renewed_grant(
        &self,
        name: &ServerName,
        enrolment: u64,
        certificate: Vec<u8>,
    ) -> CertificateAnswer {
        // The primary is in no row, and below nobody.
        let parent = self.state.met.get(name).map_or(name, |met| &met.parent);
        self.granted((name, parent), enrolment, certificate, 0)
    }

    /// Whether a server belongs to the tree: it was met or enrolled, and was not removed since.
    pub(super) fn is_member(&self, name: &ServerName) -> bool {
        let met = self.state.met.get(name);
        met.is_some_and(|met| met.enrolment.standing == Standing::Member)
    }
}

pub(super) fn unknown_server(name: &ServerName) -> Refusal {
    Refusal::new(
        "LT0207",
        format!("no server named {name} is in the tree"),
        "see who is: lictree server list",
    )
}

fn wrong_proof() -> Refusal {
    Refusal::new(
        "LT0415",
        "the code is not the one that was made: its secret does not fit",
        "paste it again, whole; after five wrong tries it is void",
    )
}

fn void() -> Refusal {
    Refusal::new(
        "LT0416",
        format!("this code is void: {FAILURES_MAX} proofs were wrong"),
        "have a new one made at the primary: lictree server invite NAME",
    )
}

fn spent() -> Refusal {
    Refusal::new(
        "LT0414",
        "this code has served another key already; a code serves once",
        "have a new one made at the primary: lictree server invite NAME",
    )
}

fn invite_view(invite: &Invite, now: Timestamp) -> InviteView {
    let state = match invite {
        Invite { certificate: Some(_), .. } => "used",
        Invite { failures, .. } if *failures >= FAILURES_MAX => "void",
        Invite { expires, .. } if *expires <= now => "expired",
        Invite { approval: Approval::Awaited, key: Some(_), .. } => "waits for approval",
        Invite { approval: Approval::Given, .. } => "approved",
        _ => "open",
    };
    InviteView {
        id: invite.id.to_string(),
        name: invite.name.clone(),
        parent: invite.parent.clone(),
        expires: invite.expires,
        state: state.to_string(),
        key: invite.key.map(|key| key.to_string()),
        failures: invite.failures,
    }
}
