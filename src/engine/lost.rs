//! A server that is lost for good: its disk is gone, or its machine will never come back.
//!
//! ```text
//!   operator: lose west ──► primary: west is denied, its edge and its uses are no more
//!                                    │ Trust{denied: west, lost}, sealed
//!                                    ▼
//!   every server below: what west used leaves its ledgers; what it uses itself it states to the
//!   holder above, because west may have been that ([`ServerRow::unstated`])
//! ```
//! Invariants
//! - Counts come back by the operator's word alone; the event log says how many were at risk (R6).
//! - Its name is not used again: a ledger that hears of the loss late must not take a newcomer's
//!   uses for those of the lost one.
//! - Where uses were on their way from or to it, whoever is left has them, or states them anew.
//!
//! [`ServerRow::unstated`]: crate::model::row::ServerRow::unstated

use super::Engine;
use super::enrolment::unknown_server;
use super::waiting::Hope;
use crate::model::account::Pack;
use crate::model::command::Command;
use crate::model::enrolment::{EnrolmentCommand, Trust};
use crate::model::holding::Phase;
use crate::model::license::Serial;
use crate::model::name::{ProductName, ServerName};
use crate::model::recovery::{NO_CALL, RecoveryCommand};
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, Doing, RequestId};
use crate::model::row::RowKey;
use crate::model::time::Timestamp;
use crate::model::view::{LostCount, LostView};

/// How far this server is with saying what it uses; of this start.
#[derive(Debug, Default)]
pub(super) struct Stating {
    /// Uses that were on their way here are taken over anew.
    turned: bool,
    /// That all is said is proposed.
    ending: bool,
}

impl Engine {
    // === The primary's end ===

    pub(super) fn ask_lose(
        &mut self,
        id: RequestId,
        name: ServerName,
        doing: Doing,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        self.lose_check(&name)?;
        if self.is_online(&name, now) {
            return Err(Refusal::new(
                "LT0444",
                format!("{name} is there; a server that runs is not lost"),
                format!("stop it first; or shut it out: lictree server remove {name}"),
            ));
        }
        let view = self.lost_view(&name);
        if doing == Doing::Preview {
            return Ok(Some(Answer::Lost(view)));
        }
        if doing != Doing::Force && !view.counts.is_empty() {
            return Err(Refusal::new(
                "LT0443",
                format!("{name} may still use licenses: it {}", in_words(&view.counts)),
                format!(
                    "sure that it never runs again? then: lictree server lost {name} --force; \
                     to put it on a new machine: lictree server replace {name}"
                ),
            ));
        }
        self.propose(Command::Enrolment(EnrolmentCommand::Lose { name }));
        self.await_answer(id, Hope::Applied { answer: Box::new(Answer::Lost(view)) }, now);
        Ok(None)
    }

    fn lose_check(&self, name: &ServerName) -> Result<(), Refusal> {
        if name == self.state.name() {
            return Err(stays(name));
        }
        if !self.state.met.contains_key(name) {
            return Err(unknown_server(name));
        }
        match self.child_of(name) {
            Some(child) => Err(Refusal::new(
                "LT0422",
                format!("{child} is below {name}; a server with servers below stays"),
                format!(
                    "move {child} first: lictree server move {child} --parent SERVER --force; or \
                     put {name} on a new machine: lictree server replace {name}"
                ),
            )),
            None => Ok(()),
        }
    }

    /// What the primary knows that it held and used.
    fn lost_view(&self, name: &ServerName) -> LostView {
        let count = |product: ProductName| {
            let edge = self.state.edges.get(&(product.clone(), name.clone()));
            let held = edge.map_or(0, |edge| edge.level.granted - edge.level.returned_seen);
            let figures = self.figures_of(name, &product);
            let (registered, managed) = (figures.registered.0, figures.managed.0);
            LostCount { product, held, registered, managed }
        };
        let counts = self.state.products().into_iter().map(count);
        let counts = counts.filter(|c| c.held + c.registered + c.managed > 0).collect();
        LostView { name: name.clone(), counts, serials: self.serials_of(name) }
    }

    /// The license files that are registered at a server.
    pub(super) fn serials_of(&self, name: &ServerName) -> Vec<Serial> {
        let of_it = self.state.claims.iter().filter(|(_, by)| *by == name);
        of_it.map(|(serial, _)| serial.clone()).collect()
    }

    pub(super) fn lose(&mut self, name: &ServerName, at: Timestamp) -> Result<(), Refusal> {
        self.lose_check(name)?;
        let counts = self.lost_view(name).counts;
        let text = match counts.is_empty() {
            true => format!("{name} is given up as lost; it held and used nothing"),
            false => format!("{name} is given up as lost by force; it {}", in_words(&counts)),
        };
        self.note("server.lost", text);
        let number = self.state.met.get(name).map_or(0, |met| met.enrolment.number);
        self.deny_lost(name, number, at);
        self.forget_invites(name);
        self.lose_counts(name);
        self.forget_server(name);
        self.state.touch(RowKey::Met(name.clone()));
        self.heard.remove(name);
        self.forget_lost(name);
        self.ask_who_is_below();
        self.sources_changed = true;
        Ok(())
    }

    /// What was given to it is the primary's again (R6), and its license files are nobody's.
    pub(super) fn lose_counts(&mut self, name: &ServerName) {
        let edges = self.state.edges.keys().filter(|(_, relay)| relay == name);
        let edges: Vec<(ProductName, ServerName)> = edges.cloned().collect();
        for key in edges {
            self.state.edges.remove(&key);
            self.state.count_given(&key.0);
            self.state.stirred.insert(key.0.clone());
            self.state.touch(RowKey::Edge(key.0, key.1));
        }
        for serial in self.serials_of(name) {
            self.state.claims.remove(&serial);
            self.state.touch(RowKey::Claim(serial));
        }
        self.challenges.remove(name);
        self.unattached.remove(name);
        self.attach_ways.remove(name);
    }

    // === Every server ===

    /// Those that are lost by this trust, and were not by the one before.
    pub(super) fn lose_all(&mut self, trust: &Trust, before: &Trust) {
        let news =
            trust.denied.iter().filter(|(name, denial)| denial.lost && !before.is_lost(name));
        let lost: Vec<ServerName> = news.map(|(name, _)| name.clone()).collect();
        for name in &lost {
            if self.state.is_primary() {
                self.lose_counts(name);
                self.forget_server(name);
                self.state.touch(RowKey::Met(name.clone()));
            }
            self.forget_lost(name);
        }
        if !lost.is_empty() {
            self.ask_who_is_below();
        }
        if !lost.is_empty() && !self.state.is_primary() {
            self.state.server.unstated = true;
            self.state.touch(RowKey::Server);
            self.say_anew();
        }
    }

    /// The holders above hear once more what is used here.
    pub(super) fn say_anew(&mut self) {
        self.statements.retain(|(call, _), _| *call != NO_CALL);
        self.stating = Stating::default();
    }

    /// What it used is free, in every ledger here.
    fn forget_lost(&mut self, name: &ServerName) {
        let products: Vec<ProductName> = self.state.ledgers.keys().cloned().collect();
        for product in &products {
            if let Some(account) = self.state.ledger(product).take(name) {
                self.touch_account(product, &account);
            }
            self.state.ledger(product).below.remove(name);
            self.state.touch(RowKey::Below(product.clone(), name.clone()));
            if let Some(pack) = self.state.ledger(product).outbox.remove(name) {
                self.state.touch(RowKey::Outbox(product.clone(), name.clone()));
                self.take_again(pack);
            }
            self.state.stirred.insert(product.clone());
        }
    }

    /// Uses that were on their way to the lost one are here again; if it took them in, those whose
    /// they are state anew what they use.
    fn take_again(&mut self, pack: Pack) {
        let Pack { product, accounts, below, .. } = pack;
        for account in accounts {
            self.put_account(&product, account);
        }
        for lower in below {
            self.state.touch(RowKey::Below(product.clone(), lower.relay.clone()));
            self.state.ledger(&product).below.entry(lower.relay.clone()).or_insert(lower);
        }
    }

    /// Goes on with saying what is used here, after each run of inputs.
    pub(super) fn go_on_stating(&mut self) {
        if !self.is_unstated() || self.recovers() || !self.sources_are_whole {
            return;
        }
        let taking = self.state.holdings.values().any(|row| row.phase == Phase::Taking);
        if taking {
            // What the lost one was giving may be lost with it.
            if !std::mem::replace(&mut self.stating.turned, true) {
                self.begin(
                    "who was giving uses to this server may not be above it any more",
                    0,
                    false,
                );
            }
            return;
        }
        if self.own_statements_open().is_empty()
            && !std::mem::replace(&mut self.stating.ending, true)
        {
            let (enrolment, way) = (self.credentials.enrolment, self.way());
            self.propose(Command::Recovery(RecoveryCommand::Stated { enrolment, way }));
        }
    }

    /// The holders above know what is used here.
    pub(super) fn all_is_stated(&mut self, enrolment: u64, way: u64) {
        let server = &mut self.state.server;
        server.unstated = false;
        if (server.stated_under, server.stated_way) != (enrolment, way) {
            (server.stated_under, server.stated_way) = (enrolment, way);
            // Until it attaches, nothing changes on its way; so it has to.
            server.attach = None;
        }
        self.state.touch(RowKey::Server);
        self.stating = Stating::default();
        if self.state.server.recovery.is_none() {
            self.statements.retain(|(call, _), _| *call != NO_CALL);
        }
        if self.state.server.attach.is_none() {
            self.ask_attach();
        }
    }
}

/// The tree is the primary's: no other server takes its place.
pub(super) fn stays(primary: &ServerName) -> Refusal {
    Refusal::new(
        "LT0207",
        format!("{primary} is the primary of this tree, and no server that can leave it"),
        "put it back from a backup: lictree backup restore; without any: lictree explain LT0449",
    )
}

/// What a server held and used, for people.
fn in_words(counts: &[LostCount]) -> String {
    let one = |count: &LostCount| {
        let LostCount { product, held, registered, managed } = count;
        let mut parts = Vec::new();
        if *held > 0 {
            parts.push(format!("holds {held} {product} of the primary"));
        }
        if *registered > 0 {
            parts.push(format!("has {registered} {product} registered"));
        }
        if *managed > 0 {
            parts.push(format!("has {managed} devices managed under {product}"));
        }
        parts.join(", ")
    };
    counts.iter().map(one).collect::<Vec<_>>().join("; ")
}
