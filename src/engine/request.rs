//! What people ask: answered at once, or after the command it makes is applied.

use super::unite::of_two_sources;
use super::waiting::Hope;
use super::{Engine, permission, view};
use crate::model::account::Want;
use crate::model::command::Command;
use crate::model::count::LicenseCount;
use crate::model::device::{DeviceId, DeviceNumber, DeviceState};
use crate::model::discovery::Found;
use crate::model::enrolment::EnrolmentCommand;
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::request::{
    Answer, Doing, HoldingChange, HoldingOutcome, HoldingVerb, Request, RequestId,
};
use crate::model::time::Timestamp;
use crate::model::tuning::Mutant;

impl Engine {
    pub fn request(&mut self, id: RequestId, request: Request, now: Timestamp) {
        let answer = permission::permit(self.state.role(), self.state.name(), &request)
            .and_then(|()| self.ask(id, request, now));
        match answer {
            Ok(Some(answer)) => self.answer(id, answer),
            Ok(None) => {}
            Err(refusal) => self.answer(id, Answer::Refused(refusal)),
        }
    }

    /// The answer, or nothing yet.
    fn ask(
        &mut self,
        id: RequestId,
        request: Request,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        if self.waiting.len() >= self.tuning.waiting_requests_max {
            return Err(Refusal::new(
                "LT0604",
                "too many requests wait for other servers",
                "ask again in a moment; or raise waiting_requests_max in [limits]",
            ));
        }
        self.recovery_check(&request)?;
        self.disk_check(&request)?;
        match request {
            Request::RegisterLicense(license) => {
                self.ask_registration(id, license, now);
                Ok(None)
            }
            Request::LicenseRefused(refusal) => {
                self.refuse_license(id, refusal, now);
                Ok(None)
            }
            told @ (Request::CallRefused(_) | Request::ShutOut { .. }) => {
                self.told_of_calls(&told, now);
                Ok(Some(Answer::Done))
            }
            Request::ScanEnded(summary) => {
                self.note_scan(id, &summary, now);
                Ok(None)
            }
            Request::SetHolding(change) => self.ask_holding(id, &change, now),
            Request::Manage { devices, product } => self.ask_manage(id, &devices, product, now),
            Request::Ignore { devices } => {
                let devices = self.own(&devices)?;
                self.propose(Command::Ignore { devices: devices.clone() });
                self.await_devices(id, devices, Some(DeviceState::Ignored), None, now)
            }
            Request::Delete { devices } => {
                let devices = self.own(&devices)?;
                self.propose(Command::Delete { devices: devices.clone() });
                self.await_devices(id, devices, None, None, now)
            }
            Request::Unite { keep, others } => self.ask_unite(id, &keep, &others, now),
            Request::MayUnite { keep, others } => {
                self.may_unite(&keep, &others)?;
                Ok(Some(Answer::DevicesDone(Vec::new())))
            }
            Request::Move { device, to } => self.ask_move(id, &device, to, now),
            Request::Import { found } => self.ask_import(id, found, now),
            Request::Invite(wish) => self.ask_invite(id, wish, now),
            Request::Uninvite(name) => {
                self.ask_about_invite(id, &name, EnrolmentCommand::Uninvite, now)
            }
            Request::Approve(name) => {
                self.approval_check(&name, now)?;
                self.ask_about_invite(id, &name, EnrolmentCommand::Approve, now)
            }
            Request::Certificate(ask) => {
                self.ask_certificate(id, ask, now);
                Ok(None)
            }
            Request::RotateAuthority { doing } => self.ask_rotation(id, doing, now),
            Request::BeginRecovery => self.ask_begin_recovery(id, now),
            Request::EndRecovery { doing } => self.ask_end_recovery(id, doing, now),
            Request::AcceptClock => self.ask_accept_clock(id, now),
            about => self.ask_about_server(id, about, now),
        }
    }

    /// The daemon refused a call, or was refused.
    fn told_of_calls(&mut self, told: &Request, now: Timestamp) {
        match told {
            Request::CallRefused(refusal) => self.note_refusal("call.refused", refusal, now),
            Request::ShutOut { by } => self.let_in_no_more(by),
            _ => {}
        }
    }

    fn ask_about_server(
        &mut self,
        id: RequestId,
        request: Request,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        match request {
            Request::Remove { name, doing } => self.ask_remove(id, name, doing, now),
            Request::Lose { name, doing } => self.ask_lose(id, name, doing, now),
            Request::Entitle { name, title } => self.ask_entitle(id, name, title, now),
            read => self.look(read, now).map(Some),
        }
    }

    fn look(&self, request: Request, now: Timestamp) -> Result<Answer, Refusal> {
        Ok(match request {
            Request::Licenses => {
                Answer::Licenses(self.state.licenses.values().map(view::license_view).collect())
            }
            Request::Servers => Answer::Servers(self.servers(now)),
            Request::Server(name) => {
                let server = self.server(&name, now);
                Answer::Server(server.ok_or_else(|| self.not_in_sight(&name))?)
            }
            Request::Ranges => Answer::Ranges(self.ranges(now)?),
            Request::Audit => Answer::Audit(self.audit(now)),
            Request::Recovery => Answer::Recovery(self.recovery_view(now)),
            Request::Range(source) => self.look_range(&source, now)?,
            Request::Nodes(query) => {
                self.are_in_sight(&query.filter.managing_sources)?;
                let limit = query.limit.clamp(1, self.tuning.page_rows_max);
                Answer::Nodes { page: self.nodes(&query, limit, now)?, limit }
            }
            Request::CountNodes { filter, after } => {
                self.are_in_sight(&filter.managing_sources)?;
                let (count, next) = self.count_nodes(&filter, after.as_ref());
                Answer::NodeCount { count, next }
            }
            Request::Node(id) => Answer::Node(self.node(&id).ok_or_else(|| no_node(&id))?),
            Request::Invitations => Answer::Invitations(self.invitations(now)),
            Request::Events { after, limit } => Answer::Events(self.events(after, limit)),
            _ => Answer::Status(self.status(now)),
        })
    }

    fn are_in_sight(&self, sources: &[ServerName]) -> Result<(), Refusal> {
        match sources.iter().find(|source| !self.is_in_sight(source)) {
            Some(source) => Err(self.not_in_sight(source)),
            None => Ok(()),
        }
    }

    /// Nobody has heard of that server, or at a relay: it is not below.
    fn not_in_sight(&self, name: &ServerName) -> Refusal {
        if self.state.is_primary() {
            return Refusal::new(
                "LT0207",
                format!("no server named {name} is known here"),
                "see who is: lictree server list; one that is gone has no nodes here",
            );
        }
        let me = self.state.name();
        Refusal::new(
            "LT0605",
            format!("{name} is not below {me}; {me} knows only what is below it"),
            format!("ask at the primary, or with --data of {name}'s folder"),
        )
    }

    fn look_range(&self, source: &ServerName, now: Timestamp) -> Result<Answer, Refusal> {
        let mut view = self.ranges(now)?;
        let destination = view.ranges.iter().find(|range| range.destinations.contains(source));
        let hint = match destination {
            Some(range) => format!("{source} shares with {}: lictree range show {0}", range.source),
            None => "see the ranges there are: lictree range list".to_string(),
        };
        view.ranges.retain(|range| range.source == *source);
        if view.ranges.is_empty() {
            return Err(Refusal::new("LT0225", format!("{source} is not a sharing source"), hint));
        }
        Ok(Answer::Ranges(view))
    }

    fn ask_holding(
        &mut self,
        id: RequestId,
        change: &HoldingChange,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        let product = self.product(change.product.clone())?;
        let unknown = match change.verb {
            HoldingVerb::Authorize => self.unknown_product(&product),
            _ => self.known_product(Some(product.clone())).map(|_| None)?,
        };
        let plan = self.plan(change, product.clone(), now);
        let force = change.doing == Doing::Force;
        let refusal = plan.hard.or(if force { None } else { unknown.or(plan.soft) });
        let outcome = HoldingOutcome {
            product,
            relay: change.relay.clone(),
            option: plan.change.option,
            option_before: plan.option_before,
            count_before: plan.count_before,
            before: self.ranges_view(plan.before, now),
            after: self.ranges_view(plan.after, now),
            refusal,
            in_transit: LicenseCount::ZERO,
        };
        if change.doing == Doing::Preview || outcome.refusal.is_some() {
            return Ok(Some(Answer::Holding(outcome)));
        }
        self.say_before_durable(&plan.change);
        self.propose(Command::SetHolding(plan.change));
        let hope = Hope::Holding { outcome: Box::new(outcome), applied: false };
        self.await_answer(id, hope, now);
        Ok(None)
    }

    /// The mutant without R1.
    fn say_before_durable(&mut self, change: &crate::model::command::SetHolding) {
        use crate::model::letter::Body;
        if !self.tuning.breaks(Mutant::NoDebitFirst) {
            return;
        }
        let crate::model::command::SetHolding { relay, product, option, target, .. } = change;
        let Some(attach) = self.state.met.get(relay).and_then(|met| met.attach) else { return };
        let edge = self.state.edges.get(&(product.clone(), relay.clone()));
        let mut level = edge.map(|edge| edge.level).unwrap_or_default();
        level.option = *option;
        level.target = *target;
        level.version += 1;
        level.granted += target.0.saturating_sub(level.granted - level.returned_seen);
        self.send_below(&relay.clone(), Body::Level { attach, product: product.clone(), level });
    }

    /// The numbers of own devices; others are changed where they were found (JP1-44).
    pub(super) fn own(&self, ids: &[DeviceId]) -> Result<Vec<DeviceNumber>, Refusal> {
        let number = |id: &DeviceId| {
            if id.managing_source != *self.state.name() {
                return Err(Refusal::new(
                    "LT0303",
                    format!(
                        "{id} was found by {}; its state changes only there",
                        id.managing_source
                    ),
                    format!("run the command with --data of {}'s folder", id.managing_source),
                ));
            }
            let known = self.state.devices.get(&id.number).is_some_and(|row| !row.deleted);
            known.then_some(id.number).ok_or_else(|| no_node(id))
        };
        ids.iter().map(number).collect()
    }

    fn ask_manage(
        &mut self,
        id: RequestId,
        devices: &[DeviceId],
        product: Option<ProductName>,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        let product = self.known_product(product)?;
        let devices = self.own(devices)?;
        // Whoever names no node asks whether there is such a product: nothing of it is kept.
        if devices.is_empty() {
            return Ok(Some(Answer::DevicesDone(Vec::new())));
        }
        for number in &devices {
            let row = &self.state.devices[number];
            let other = row.device.product.as_ref().filter(|other| **other != product);
            let releasing = row.wish.as_ref().filter(|w| w.want == Want::Release);
            let releasing = releasing.map(|w| &w.product).filter(|other| **other != product);
            if let Some(other) = other.or(releasing) {
                return Err(Refusal::new(
                    "LT0304",
                    format!("{}:{number} is managed under {other}", self.state.name()),
                    "a device is managed under one product; ignore it first",
                ));
            }
        }
        let command = Command::Manage { devices: devices.clone(), product: product.clone() };
        self.propose(command);
        self.await_devices(id, devices, Some(DeviceState::Managed), Some(product), now)
    }

    fn ask_unite(
        &mut self,
        id: RequestId,
        keep: &DeviceId,
        others: &[DeviceId],
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        let (keep, others) = self.may_unite(keep, others)?;
        self.propose(Command::Unite { keep, others: others.clone() });
        self.await_devices(id, others, None, None, now)
    }

    /// The numbers of nodes that may become one.
    fn may_unite(
        &self,
        keep: &DeviceId,
        others: &[DeviceId],
    ) -> Result<(DeviceNumber, Vec<DeviceNumber>), Refusal> {
        let elsewhere = others.iter().find(|one| one.managing_source != keep.managing_source);
        if let Some(other) = elsewhere {
            return Err(of_two_sources(keep, other));
        }
        self.own(std::slice::from_ref(keep))?;
        let (keep, others) = (keep.number, self.own(others)?);
        self.united(keep, &others)?;
        Ok((keep, others))
    }

    fn await_devices(
        &mut self,
        id: RequestId,
        devices: Vec<DeviceNumber>,
        wanted: Option<DeviceState>,
        product: Option<ProductName>,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        self.await_answer(id, Hope::Devices { devices, wanted, product }, now);
        Ok(None)
    }

    fn ask_import(
        &mut self,
        id: RequestId,
        found: Vec<Found>,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        let (identities, rows) = (&self.state.identities, &self.state.devices);
        let unknown = found.iter().filter(|one| identities.number_of(one, rows).is_none());
        let unknown = unknown.count() as u64;
        if self.state.devices.len() as u64 + unknown > self.tuning.devices_max as u64 {
            return Err(Refusal::new(
                "LT0305",
                format!("at most {} devices of one site are kept", self.tuning.devices_max),
                "delete what is gone, or raise devices_max in [limits]",
            ));
        }
        let chunks = found.chunks(IMPORT_CHUNK);
        let commands = chunks.len() as u64;
        for some in chunks {
            self.propose(Command::Discover { found: some.to_vec() });
        }
        self.await_answer(id, Hope::Imported { commands }, now);
        Ok(None)
    }
}

/// Found devices in one command, so that a log entry stays small.
const IMPORT_CHUNK: usize = 256;

pub(super) fn no_node(id: &DeviceId) -> Refusal {
    Refusal::new(
        "LT0306",
        format!("no node {id} is known here"),
        "see what there is: lictree node list",
    )
}
