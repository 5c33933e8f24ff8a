//! How findings come to the server: booked in batches, and managed where that is wished.

use crate::daemon::port::{AskError, Port};
use crate::edge::codes;
use crate::edge::scan::findings::Findings;
use crate::edge::scan::refusal::about_product;
use crate::model::device::{DeviceId, DeviceState};
use crate::model::discovery::Found;
use crate::model::name::{ProductName, ServerName};
use crate::model::node_query::{NodeFilter, NodeQuery};
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, Request};
use std::net::IpAddr;
use tokio_util::task::AbortOnDropHandle;

/// How often a batch is handed over that gets no answer in time. Booking it twice is booking once.
const TRIES: usize = 3;
/// Nodes asked for at once.
const PAGE: usize = 1_000;
/// Nodes managed in one request.
const MANAGED_AT_ONCE: usize = 500;
/// The codes of a wish that the range is full, and of one that is not decided yet.
const RANGE_FULL: &str = "LT0301";

/// Machines that were new, and that were known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Booked {
    pub(super) new: u64,
    pub(super) known: u64,
}

/// A batch on its way, at most one.
#[derive(Debug, Default)]
pub(super) struct Booking(Option<AbortOnDropHandle<Result<Booked, Refusal>>>);

impl Booking {
    /// Hands a batch over; the one before must have come through.
    pub(super) fn begin(&mut self, port: &Port, found: Vec<Found>) {
        let port = port.clone();
        let task = tokio::spawn(async move { hand_over(&port, found).await });
        self.0 = Some(AbortOnDropHandle::new(task));
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.0.as_ref().is_some_and(|task| !task.is_finished())
    }

    /// What the batch on its way came to, if there is one.
    pub(super) async fn done(&mut self) -> Result<Booked, Refusal> {
        match self.0.take() {
            Some(task) => task.await.unwrap_or_else(|_| Err(no_answer(AskError::Stopping))),
            None => Ok(Booked::default()),
        }
    }
}

/// Books machines.
pub(super) async fn hand_over(port: &Port, found: Vec<Found>) -> Result<Booked, Refusal> {
    match repeatedly(port, Request::Import { found }).await? {
        Answer::Imported { new, known } => Ok(Booked { new, known }),
        _ => Err(unexpected()),
    }
}

async fn repeatedly(port: &Port, request: Request) -> Result<Answer, Refusal> {
    let mut last = AskError::Stopping;
    for _ in 0..TRIES {
        match port.ask(request.clone()).await {
            Ok(Answer::Refused(refusal)) => return Err(refusal),
            Ok(answer) => return Ok(answer),
            Err(AskError::Stopping) => return Err(no_answer(AskError::Stopping)),
            Err(late) => last = late,
        }
    }
    Err(no_answer(last))
}

fn no_answer(error: AskError) -> Refusal {
    let code = match error {
        AskError::Stopping => codes::STOPPING,
        AskError::TooLate(_) => codes::TOO_LATE,
    };
    Refusal::new(code, error.to_string(), "scan again once the server answers in time")
}

fn unexpected() -> Refusal {
    Refusal::new(
        codes::UNEXPECTED_ANSWER,
        "the server answered another question than was asked",
        "this is a fault of the program: report it with the server's log",
    )
}

/// What came of managing what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Managed {
    pub(super) managed: u64,
    /// No license was left for them.
    pub(super) unlicensed: u64,
    /// Nobody has decided yet, or they were not asked for any more.
    pub(super) undecided: u64,
    pub(super) refusal: Option<Refusal>,
}

/// Asks for a license for every node of this server that this scan found and that is still
/// discovered, in the order of their numbers, until the range is full.
pub(super) async fn manage(
    port: &Port,
    me: &ServerName,
    product: &ProductName,
    findings: &Findings,
) -> Managed {
    let mut done = Managed::default();
    // A product that nobody knows is to be told even where no node is left for it.
    let mut goes_on = ask(port, Vec::new(), product, &mut done).await;
    match discovered(port, me, findings).await {
        Ok(mut ids) => {
            while goes_on && !ids.is_empty() {
                let rest = ids.split_off(ids.len().min(MANAGED_AT_ONCE));
                goes_on = ask(port, ids, product, &mut done).await;
                ids = rest;
            }
            let left = ids.len() as u64;
            if done.unlicensed > 0 { done.unlicensed += left } else { done.undecided += left }
        }
        Err(refusal) => done.refusal = Some(refusal),
    }
    done
}

/// Whether to ask on.
async fn ask(port: &Port, ids: Vec<DeviceId>, product: &ProductName, done: &mut Managed) -> bool {
    let count = ids.len() as u64;
    let wish = Request::Manage { devices: ids, product: Some(product.clone()) };
    let outcomes = match repeatedly(port, wish).await {
        Ok(Answer::DevicesDone(outcomes)) => outcomes,
        Ok(_) => Vec::new(),
        Err(refusal) => {
            done.undecided += count;
            done.refusal = Some(about_product(product, refusal));
            return false;
        }
    };
    let mut goes_on = true;
    for outcome in outcomes {
        match outcome.refusal {
            None if outcome.state == Some(DeviceState::Managed) => done.managed += 1,
            None => {}
            Some(refusal) => {
                goes_on = false;
                if refusal.code == RANGE_FULL {
                    done.unlicensed += 1;
                } else {
                    done.undecided += 1;
                    done.refusal = Some(refusal);
                }
            }
        }
    }
    goes_on
}

async fn discovered(
    port: &Port,
    me: &ServerName,
    findings: &Findings,
) -> Result<Vec<DeviceId>, Refusal> {
    let filter = NodeFilter {
        managing_sources: vec![me.clone()],
        state: Some(DeviceState::Discovered),
        ..NodeFilter::default()
    };
    let mut query = NodeQuery { filter, limit: PAGE, ..NodeQuery::default() };
    let mut ids = Vec::new();
    loop {
        let answer = repeatedly(port, Request::Nodes(query.clone())).await?;
        let Answer::Nodes { page, .. } = answer else { return Err(unexpected()) };
        for node in page.iter() {
            let addresses: Vec<IpAddr> = node.facts.addresses().collect();
            if node.waiting.is_none() && findings.is_of_these(node.facts.mac, &addresses) {
                ids.push(node.id());
            }
        }
        query.after = page.next;
        if query.after.is_none() {
            return Ok(ids);
        }
    }
}
