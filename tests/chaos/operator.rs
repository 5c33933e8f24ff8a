//! The operator at the primary: gives relays more licenses and takes some back, all the time; in
//! some runs also all of one relay's, so that its range joins the one above, and parts again.

use crate::client::{CLIENTS, impatient, refused};
use crate::history::{Ask, Operation, Outcome, Recorder};
use crate::tree::{PRIMARY, Tree, supply};
use lictree::client::Client;
use lictree::model::count::LicenseCount;
use lictree::model::request::{Doing, HoldingChange, HoldingOutcome, HoldingVerb};
use lictree::simulator::entropy::Entropy;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A distribution is at most so far from the first one.
const AWAY_MAX: u64 = 10;
const PAUSE_MS: (u64, u64) = (100, 600);

pub struct Operator {
    client: Client,
    withdraws: bool,
    recorder: Arc<Recorder>,
    entropy: Entropy,
}

/// The one whose devices the range above can take: its licenses go there too.
const WITHDRAWN: &str = "west";

impl Operator {
    pub fn new(tree: &Tree, recorder: Arc<Recorder>, entropy: &mut Entropy) -> Operator {
        let (withdraws, entropy) = (entropy.below(2) == 0, entropy.fork());
        Operator { client: impatient(tree, PRIMARY), withdraws, recorder, entropy }
    }

    pub async fn work(mut self, stop: CancellationToken) {
        let relays: Vec<(&str, u64)> = supply().distributed.into_iter().collect();
        while !stop.is_cancelled() {
            let (relay, first) = relays[self.entropy.index(relays.len())];
            let withdraw = self.withdraws && relay == WITHDRAWN && self.entropy.below(2) == 0;
            let count = match withdraw {
                true => 0,
                false => self.entropy.between(first - AWAY_MAX, first + AWAY_MAX),
            };
            self.distribute(relay, count).await;
            let pause = self.entropy.between(PAUSE_MS.0, PAUSE_MS.1);
            // Ends early when it is over.
            drop(timeout(Duration::from_millis(pause), stop.cancelled()).await);
        }
    }

    async fn distribute(&self, relay: &str, count: u64) {
        let change = HoldingChange {
            product: None,
            relay: relay.parse().unwrap(),
            verb: match count {
                0 => HoldingVerb::Withdraw,
                count => HoldingVerb::Distribute(LicenseCount(count)),
            },
            doing: Doing::Do,
        };
        let began = self.recorder.now();
        let answered = self.client.set_holding(&change).await;
        let ended = self.recorder.now();
        let outcome = answered.map_or_else(|error| refused(&error), distributed);
        let index = self.client.log_index().filter(|_| outcome.is_answer());
        let ask = Ask::Distribute(relay.to_string(), count);
        let (server, client) = (PRIMARY, CLIENTS);
        self.recorder.note(Operation { server, client, ask, began, ended, outcome, index });
    }
}

fn distributed(outcome: HoldingOutcome) -> Outcome {
    match outcome.refusal {
        Some(refusal) => Outcome::Refused(refusal.code),
        None => Outcome::Distributed {
            before: outcome.count_before.0,
            booked: outcome.in_transit == LicenseCount::ZERO,
        },
    }
}
