//! A primary and a relay below it, each over its own disk, with the letters between them.

use crate::history::History;
use crate::site::{Rule, Said, Site};
use lictree::model::holding::Role;
use lictree::model::letter::LinkId;
use lictree::model::request::{Answer, Request, RequestId};
use lictree::model::time::Timestamp;
use lictree::model::tuning::Tuning;
use lictree::server::Server;
use lictree::server::input::{Input, Side};
use lictree::simulator::moment::Moment;
use lictree::simulator::promises::Promises;
use lictree::simulator::truth::truth_of;
use lictree::simulator::violation::Findings;
use lictree::store::LossyDisk;
use std::collections::BTreeMap;
use std::time::Duration;

/// The places of the two.
pub const PRIMARY: usize = 0;
pub const RELAY: usize = 1;

pub const BEGIN: Timestamp = Timestamp(1_794_000_000_000);

/// How long somebody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Pair {
    sites: [Site; 2],
    /// The link between them, the same number at both ends; none while they are apart.
    link: Option<LinkId>,
    links: u64,
    requests: u64,
    now: Timestamp,
    answers: BTreeMap<RequestId, Answer>,
    promises: Promises,
    pub answered: u64,
}

/// Rows are saved every few commands, so that cuts find all mixtures of rows and log.
fn tuning() -> Tuning {
    Tuning { checkpoint_log_bytes: 2_000, ..Tuning::default() }
}

impl Pair {
    pub fn new(rule: Rule) -> Pair {
        let site = |name, role| Site::new(name, role, &tuning(), rule, BEGIN);
        let mut pair = Pair {
            sites: [site("a", Role::Primary), site("b", Role::Relay)],
            link: None,
            links: 0,
            requests: 0,
            now: BEGIN,
            answers: BTreeMap::new(),
            promises: Promises::of_places(2),
            answered: 0,
        };
        pair.join();
        pair
    }

    /// What is left when all is played.
    pub fn ended(self) -> [(History, LossyDisk); 2] {
        self.sites.map(|site| (site.history, site.disk))
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn server(&self, place: usize) -> &Server {
        self.sites[place].server()
    }

    pub fn join(&mut self) {
        if self.link.is_some() {
            return;
        }
        self.links += 1;
        let link = LinkId(self.links);
        self.link = Some(link);
        let names = [PRIMARY, RELAY].map(|place| self.sites[place].name.clone());
        let [above, below] = names;
        self.sites[PRIMARY].post(Input::LinkUp { link, peer: below, side: Side::Below });
        self.sites[RELAY].post(Input::LinkUp { link, peer: above, side: Side::Above });
        self.settle();
    }

    pub fn part(&mut self) {
        let Some(link) = self.link.take() else { return };
        self.sites.iter_mut().for_each(|site| site.post(Input::LinkDown { link }));
        self.settle();
    }

    /// One of them is stopped in order and started anew.
    pub fn restart(&mut self, place: usize) {
        self.part();
        self.sites[place].stop(self.now);
        self.sites[place].start(self.now);
        self.join();
    }

    /// Runs until nothing happens without time.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if !(self.turn(PRIMARY) | self.turn(RELAY)) {
                return;
            }
        }
        panic!("the two never came to rest");
    }

    fn turn(&mut self, place: usize) -> bool {
        let mut said = Vec::new();
        let acted = self.sites[place].turn(self.now, &mut |words| said.push(words));
        for words in said {
            match words {
                Said::Letter { link, letter } if self.link == Some(link) => {
                    self.sites[1 - place].post(Input::Letter { link, letter });
                }
                // The link it was for is gone.
                Said::Letter { .. } => {}
                Said::Answer { id, answer } => self.hear(place, id, answer),
            }
        }
        let told = self.sites[place].history.told();
        let other = &mut self.sites[1 - place];
        other.history.is_beside(other.disk.operations(), told);
        acted
    }

    /// What is answered must be so: in what the server knows, which is what its log says.
    fn hear(&mut self, place: usize, id: RequestId, answer: Answer) {
        self.answered += 1;
        self.promises.heard(id, &answer);
        let site = &self.sites[place];
        let mut out = Findings::at(Moment::default());
        let truth = truth_of(site.server());
        self.promises.check(place, &site.name, &truth, &mut out);
        if place == PRIMARY {
            let registers = |_: &_| !truth_of(self.sites[RELAY].server()).serials.is_empty();
            self.promises.check_holdings(&truth, registers, &mut out);
        }
        let wrong = out.into_violations();
        assert!(wrong.is_empty(), "{answer:?}: {wrong:?}");
        self.answers.insert(id, answer);
    }

    pub fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        while self.now < end {
            self.now = self.now.after(Duration::from_millis(500)).min(end);
            self.settle();
        }
    }

    /// Asks and waits for the answer; nothing where there is none in [`PATIENCE`].
    pub fn ask(&mut self, place: usize, request: Request) -> Option<Answer> {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.promises.posted(id, place, &request);
        self.sites[place].post(Input::Request { id, request });
        self.settle();
        let end = self.now.after(PATIENCE);
        while !self.answers.contains_key(&id) && self.now < end {
            self.pass(Duration::from_millis(500));
        }
        self.answers.remove(&id)
    }
}
