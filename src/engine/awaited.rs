//! What a recovery waits for, as it is shown, and what an operator may end it without.

use super::Engine;
use super::waiting::Hope;
use crate::model::command::Command;
use crate::model::count::counted;
use crate::model::holding::Phase;
use crate::model::name::{ProductName, ServerName};
use crate::model::recovery::RecoveryCommand;
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, Doing, RequestId};
use crate::model::row::{MetRow, Standing};
use crate::model::time::Timestamp;
use crate::model::tuning::Mutant;
use crate::model::view::{AwaitedView, RecoveryState, RecoveryView};
use std::collections::BTreeSet;

/// Something without which a recovery does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited<'a> {
    /// The primary's word on the counts, and on who is below.
    Primary,
    /// Own devices as the primary knows them.
    Rows,
    /// Uses on their way from the holder above.
    Turn(&'a ProductName),
    /// What a server below uses.
    Statement(&'a ProductName, &'a ServerName),
    /// The holder above booked what is used here.
    Source(&'a ProductName),
    /// Primary: what a relay holds.
    Edge(&'a ServerName),
}

/// Lines of one answer.
const AWAITED_MAX: usize = 1_000;

impl Engine {
    /// What a recovery waits for, in the order in which it comes.
    pub fn awaited(&self) -> impl Iterator<Item = Awaited<'_>> {
        let known = &self.recovering;
        let is_relay = !self.state.is_primary();
        let told = known.attached && known.below.is_some() && self.sources_are_whole;
        let primary = (is_relay && !told).then_some(Awaited::Primary);
        let rows = (is_relay && !self.rows_are_back()).then_some(Awaited::Rows);
        let edges = self.unsaid().filter(move |_| !is_relay).map(Awaited::Edge);
        let all = self.state.holdings.iter();
        let turns = all.filter(|(_, row)| matches!(row.phase, Phase::Taking | Phase::Yielding));
        let turns = turns.map(|(product, _)| Awaited::Turn(product));
        let statements = self.called_products().into_iter().flat_map(move |product| {
            let silent = self.called().filter(move |server| {
                if self.tuning.breaks(Mutant::EndsUnstated) {
                    return false;
                }
                !known.stated.contains_key(&(product.clone(), (*server).clone()))
            });
            silent.map(move |server| Awaited::Statement(product, server))
        });
        let sources = self.own_statements_open().into_iter().map(Awaited::Source);
        let first = primary.into_iter().chain(rows).chain(edges).chain(turns);
        first.chain(statements).chain(sources)
    }

    /// Who is to say what is used: all below, as the primary says or knows.
    fn called(&self) -> impl Iterator<Item = &ServerName> {
        let listed = self.recovering.below.iter().flatten();
        let member = |met: &&MetRow| met.enrolment.standing == Standing::Member;
        let met = self.state.met.values().filter(member).map(|met| &met.name);
        listed.chain(met)
    }

    /// The recovery there is, for people.
    pub fn recovery_view(&self, now: Timestamp) -> RecoveryView {
        let recovery = self.state.server.recovery.as_ref();
        let state = recovery.map(|recovery| RecoveryState {
            since: recovery.since,
            why: recovery.why.clone(),
            forced: recovery.forced,
            awaits: self.awaited().take(AWAITED_MAX).map(awaited_view).collect(),
        });
        RecoveryView { as_of: now, server: self.state.name().clone(), recovery: state }
    }

    /// Somebody knows that the data was set back.
    pub(super) fn ask_begin_recovery(
        &mut self,
        id: RequestId,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        if !self.recovers() {
            self.begin_recovery("its operator says that its data was set back");
        }
        self.await_answer(id, Hope::Applied { answer: Box::new(Answer::Done) }, now);
        Ok(None)
    }

    /// Ends it with what is known; by force without those who have not said what they use.
    pub(super) fn ask_end_recovery(
        &mut self,
        id: RequestId,
        doing: Doing,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        if !self.recovers() {
            return Err(Refusal::new(
                "LT0243",
                format!("{} does not recover", self.state.name()),
                "see how it is: lictree status",
            ));
        }
        let known = &self.recovering;
        let is_primary = self.state.is_primary();
        let deaf = !known.attached || known.below.is_none() || !self.rows_are_back();
        if deaf && !is_primary {
            return Err(not_heard(self.state.name()));
        }
        let silent = |awaited: Awaited<'_>| match awaited {
            Awaited::Statement(_, server) | Awaited::Edge(server) => Some(server.clone()),
            _ => None,
        };
        let missing: BTreeSet<ServerName> = self.awaited().filter_map(silent).collect();
        // Force is for those below: without what is on its way from above, nothing can be granted.
        if missing.is_empty() && !is_primary {
            match self.awaited().next() {
                Some(Awaited::Turn(product) | Awaited::Source(product)) => {
                    return Err(holder_is_awaited(self.state.name(), product));
                }
                Some(_) => return Err(not_heard(self.state.name())),
                None => {}
            }
        }
        if doing != Doing::Force && !missing.is_empty() {
            return Err(not_over(&missing, is_primary));
        }
        let missing: Vec<ServerName> = missing.into_iter().collect();
        if is_primary || !missing.is_empty() {
            self.propose(Command::Recovery(RecoveryCommand::End { missing }));
        }
        self.await_answer(id, Hope::Applied { answer: Box::new(Answer::Done) }, now);
        Ok(None)
    }
}

fn not_heard(name: &ServerName) -> Refusal {
    Refusal::new(
        "LT0244",
        format!(
            "{name} has not heard from the primary yet what it holds and which nodes it had; \
             without that it may grant licenses that are not its own"
        ),
        "wait for the way to the primary: lictree recovery show",
    )
}

fn holder_is_awaited(name: &ServerName, product: &ProductName) -> Refusal {
    Refusal::new(
        "LT0242",
        format!(
            "all below have said what they use; {name} waits for the holder of {product} above it"
        ),
        "it ends by itself when that one has answered, and by no force: lictree recovery show, \
         there too",
    )
}

fn not_over(missing: &BTreeSet<ServerName>, is_primary: bool) -> Refusal {
    let names: Vec<&str> = missing.iter().map(ServerName::as_str).take(20).collect();
    let servers = counted(missing.len() as u64, "server");
    let (what, when) = match is_primary {
        true => ("what they hold and use", "end it when they have"),
        false => ("what they use", "it ends by itself when they have"),
    };
    Refusal::new(
        "LT0242",
        format!("{servers} below did not say yet {what}: {}", names.join(", ")),
        format!(
            "{when}; without them, if what they use may be granted a second time: lictree recovery \
             end --force"
        ),
    )
}

/// What the event log says of an end.
pub(super) fn ended_in_words(missing: &[ServerName]) -> String {
    match missing.is_empty() {
        true => "the recovery is over: all that is used is known".to_string(),
        false => {
            let names: Vec<&str> = missing.iter().map(ServerName::as_str).take(20).collect();
            let servers = counted(missing.len() as u64, "server");
            format!(
                "the recovery was ended by force: {servers} did not say what they use ({})",
                names.join(", ")
            )
        }
    }
}

fn awaited_view(awaited: Awaited<'_>) -> AwaitedView {
    let (what, product, server) = match awaited {
        Awaited::Primary => ("primary", None, None),
        Awaited::Rows => ("nodes", None, None),
        Awaited::Turn(product) => ("handover", Some(product), None),
        Awaited::Statement(product, server) => ("statement", Some(product), Some(server)),
        Awaited::Source(product) => ("source", Some(product), None),
        Awaited::Edge(server) => ("edge", None, Some(server)),
    };
    AwaitedView { what: what.to_string(), product: product.cloned(), server: server.cloned() }
}
