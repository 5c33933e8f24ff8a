//! A tree of servers in which everything arrives at once and every write is durable at once, or
//! goes to disks that may lose power: the server above such a disk is then started anew from what
//! the disk still has, its connections with it, and who asked it and got no answer asks again.

use crate::disks::{Disks, PowerCut};
use lictree::model::command::Founding;
use lictree::model::count::LicenseCount;
use lictree::model::device::{DeviceId, DeviceNumber, DeviceState};
use lictree::model::discovery::{Found, MacAddress};
use lictree::model::holding::Role;
use lictree::model::letter::LinkId;
use lictree::model::license::{License, LicenseTerms, Metric};
use lictree::model::name::ServerName;
use lictree::model::request::{
    Answer, Doing, HoldingChange, HoldingVerb, NodeFilter, Request, RequestId,
};
use lictree::model::time::Timestamp;
use lictree::model::tuning::Tuning;
use lictree::model::view::RangesView;
use lictree::server::effect::Effect;
use lictree::server::input::{Input, Side};
use lictree::server::{Server, Start};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Default)]
pub struct Tree {
    servers: BTreeMap<ServerName, Server>,
    parents: BTreeMap<ServerName, ServerName>,
    /// Where a link leads: (server, link there).
    links: BTreeMap<(ServerName, LinkId), (ServerName, LinkId)>,
    answers: BTreeMap<u64, Answer>,
    waiting: BTreeMap<ServerName, Vec<Input>>,
    foundings: BTreeMap<ServerName, Founding>,
    /// How often each server was started.
    starts: BTreeMap<ServerName, u64>,
    /// All sums that `a` showed, at any moment, of what is held and in transit.
    sums: BTreeSet<u64>,
    tuning: Tuning,
    disks: Disks,
    next: u64,
    now: u64,
}

/// The request of a look at what is shown; no other has this number.
const LOOK: RequestId = RequestId(u64::MAX);

const BEGIN_MS: u64 = 1_794_000_000_000;

impl Tree {
    pub fn new(tuning: Tuning, disks: Disks) -> Tree {
        Tree { tuning, disks, ..Tree::default() }
    }

    pub fn disks(&self) -> &Disks {
        &self.disks
    }

    /// Starts beyond the first of each server.
    pub fn restarts(&self) -> u64 {
        self.starts.values().map(|starts| starts - 1).sum()
    }

    pub fn sums(&self) -> &BTreeSet<u64> {
        &self.sums
    }

    fn now(&self) -> Timestamp {
        Timestamp(BEGIN_MS + self.now)
    }

    fn add(&mut self, name: &str, parent: Option<&str>) {
        let name: ServerName = name.parse().unwrap();
        self.next += 1;
        let role = if parent.is_some() { Role::Relay } else { Role::Primary };
        let founding = Founding {
            tree: "t".parse().unwrap(),
            name: name.clone(),
            role,
            incarnation: self.next,
        };
        self.foundings.insert(name.clone(), founding);
        self.start(&name);
        if let Some(parent) = parent {
            self.parents.insert(name.clone(), parent.parse().unwrap());
            self.connect(&name);
        }
        self.settle();
    }

    /// Starts a server from what its disk has.
    fn start(&mut self, name: &ServerName) {
        let founding = self.foundings[name].clone();
        let found = self.disks.open(&founding);
        self.next += 1;
        let server = Server::start(Start {
            tuning: self.tuning.clone(),
            founding,
            software: "test".to_string(),
            rows_at: found.rows.at,
            // As the daemon does: the log is read from where the rows stand.
            cut: found.rows.at,
            rows: found.rows.rows,
            hard_state: found.hard_state,
            entries: found.entries,
            entropy: self.next,
            now: self.now(),
        });
        self.servers.insert(name.clone(), server.unwrap());
        *self.starts.entry(name.clone()).or_default() += 1;
    }

    /// The power is back: what waited for the server is gone with its connections.
    fn restart(&mut self, name: &ServerName) {
        self.part(|end, _| end == name);
        self.waiting.remove(name);
        self.start(name);
        let child_of = |(child, parent): (&ServerName, &ServerName)| {
            (parent == name || child == name).then(|| child.clone())
        };
        let children: Vec<ServerName> = self.parents.iter().filter_map(child_of).collect();
        children.iter().for_each(|child| self.connect(child));
    }

    fn connect(&mut self, child: &ServerName) {
        let parent = self.parents[child].clone();
        let (up, down) = (LinkId(self.next * 2), LinkId(self.next * 2 + 1));
        self.next += 1;
        self.links.insert((child.clone(), up), (parent.clone(), down));
        self.links.insert((parent.clone(), down), (child.clone(), up));
        let below = Input::LinkUp { link: down, peer: child.clone(), side: Side::Below };
        let above = Input::LinkUp { link: up, peer: parent.clone(), side: Side::Above };
        self.post(&parent, below);
        self.post(child, above);
    }

    fn disconnect(&mut self, server: &ServerName) {
        let parent = self.parents[server].clone();
        self.part(|end, other| end == server && *other == parent);
        self.settle();
    }

    /// Ends the connections of which one end and the other are as asked for.
    fn part(&mut self, ends: impl Fn(&ServerName, &ServerName) -> bool) {
        let links: Vec<_> = self.links.iter().map(|(a, b)| (a.clone(), b.clone())).collect();
        for (one, other) in links.into_iter().filter(|(one, other)| ends(&one.0, &other.0)) {
            self.links.remove(&one);
            self.links.remove(&other);
            self.post(&one.0, Input::LinkDown { link: one.1 });
            self.post(&other.0, Input::LinkDown { link: other.1 });
        }
    }

    fn post(&mut self, to: &ServerName, input: Input) {
        self.waiting.entry(to.clone()).or_default().push(input);
    }

    /// Runs until nothing happens without time.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            let mut quiet = true;
            let names: Vec<ServerName> = self.servers.keys().cloned().collect();
            for name in names {
                quiet &= !self.turn(&name);
                self.note_sum();
            }
            if quiet {
                return;
            }
        }
        panic!("the tree never came to rest");
    }

    fn turn(&mut self, name: &ServerName) -> bool {
        let now = self.now();
        let inputs = self.waiting.remove(name).unwrap_or_default();
        let server = self.servers.get_mut(name).unwrap();
        let busy = !inputs.is_empty();
        inputs.into_iter().for_each(|input| server.handle(now, input));
        let effects = server.effects(now);
        assert_eq!(server.fatal(), None);
        let acted = !effects.is_empty();
        for effect in effects {
            if let Err(PowerCut) = self.carry_out(name, effect) {
                self.restart(name);
                return true;
            }
        }
        busy || acted
    }

    /// Looks at what the primary shows in the middle of everything.
    fn note_sum(&mut self) {
        let (now, primary) = (self.now(), "a".parse::<ServerName>().unwrap());
        let server = self.servers.get_mut(&primary).filter(|server| server.is_ready());
        let Some(server) = server else { return };
        server.handle(now, Input::Request { id: LOOK, request: Request::Ranges });
        let effects = server.effects(now);
        let [Effect::Answer { answer, .. }] = effects.as_slice() else { panic!("{effects:?}") };
        if let Answer::Ranges(view) = &**answer {
            self.sums.insert(sum(view));
        }
    }

    fn carry_out(&mut self, name: &ServerName, effect: Effect) -> Result<(), PowerCut> {
        match effect {
            Effect::Persist(batch) => {
                self.disks.append(name, &batch)?;
                self.post(name, Input::Persisted { number: batch.number })
            }
            Effect::Send { link, letter } => {
                if let Some((to, link)) = self.links.get(&(name.clone(), link)).cloned() {
                    self.post(&to, Input::Letter { link, letter });
                }
            }
            Effect::Answer { id, answer } => drop(self.answers.insert(id.0, *answer)),
            Effect::Checkpoint(save) => {
                self.disks.save(name, &save)?;
                self.post(name, Input::Checkpointed { at: save.at })
            }
            Effect::CutLog(position) => self.disks.cut_log(name, position),
            Effect::Close { why, .. } => panic!("{name} closed a link: {why}"),
        }
        Ok(())
    }

    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time.as_millis() as u64;
        while self.now < end {
            self.now = (self.now + 500).min(end);
            let now = self.now();
            let due = |s: &Server| s.next_deadline().is_some_and(|at| at <= now);
            let due: Vec<ServerName> =
                self.servers.iter().filter(|(_, s)| due(s)).map(|(n, _)| n.clone()).collect();
            due.iter().for_each(|name| self.post(name, Input::Deadline));
            self.settle();
        }
    }

    fn ask(&mut self, server: &str, request: Request) -> Answer {
        let name: ServerName = server.parse().unwrap();
        loop {
            self.next += 1;
            let (id, starts) = (self.next, self.starts[&name]);
            self.post(&name, Input::Request { id: RequestId(id), request: request.clone() });
            self.settle();
            for _ in 0..100 {
                if let Some(answer) = self.answers.remove(&id) {
                    return answer;
                }
                if self.starts[&name] > starts {
                    break;
                }
                self.pass(Duration::from_millis(500));
            }
            assert!(self.starts[&name] > starts, "{server} never answered");
        }
    }

    /// Runs one command of a text case.
    pub fn run(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["tree", servers @ ..] => self.plant(servers),
            ["tree-anew", servers @ ..] => {
                *self = Tree::default();
                self.plant(servers)
            }
            ["register", at, serial, count] => self.register(at, serial, count.parse().unwrap()),
            ["distribute", to, count, rest @ ..] => {
                let count = LicenseCount(count.parse().unwrap());
                self.hold(to, HoldingVerb::Distribute(count), rest)
            }
            ["withdraw", from, rest @ ..] => self.hold(from, HoldingVerb::Withdraw, rest),
            ["authorize", relay, rest @ ..] => self.hold(relay, HoldingVerb::Authorize, rest),
            ["deauthorize", relay, rest @ ..] => self.hold(relay, HoldingVerb::Deauthorize, rest),
            ["find", at, count] => self.find(at, count.parse().unwrap()),
            ["manage", at, count] => self.manage(at, count.parse().unwrap()),
            ["ignore", id] => self.change(id, |devices| Request::Ignore { devices }),
            ["delete", id] => self.change(id, |devices| Request::Delete { devices }),
            ["manage-one", id] => {
                self.change(id, |devices| Request::Manage { devices, product: None })
            }
            ["ranges"] => self.ranges("a"),
            ["ranges", at] => self.ranges(at),
            ["nodes", at] => self.nodes(at),
            ["cut", server] => {
                self.disconnect(&server.parse().unwrap());
                String::new()
            }
            ["heal", server] => {
                self.connect(&server.parse().unwrap());
                self.settle();
                String::new()
            }
            ["pass", seconds] => {
                self.pass(Duration::from_secs(seconds.parse().unwrap()));
                String::new()
            }
            _ => panic!("no such command: {command}"),
        }
    }

    fn plant(&mut self, servers: &[&str]) -> String {
        for server in servers {
            match server.split_once('<') {
                Some((name, parent)) => self.add(name, Some(parent)),
                None => self.add(server, None),
            }
        }
        String::new()
    }

    fn register(&mut self, at: &str, serial: &str, count: u64) -> String {
        let terms = LicenseTerms {
            serial: serial.parse().unwrap(),
            vendor: "Example Vendor".to_string(),
            product: "node".parse().unwrap(),
            count: LicenseCount(count),
            metric: Metric::ManagedDevices,
            not_before: Timestamp(BEGIN_MS - 1),
            not_after: None,
            note: String::new(),
        };
        match self.ask(at, Request::RegisterLicense(License::try_from(terms).unwrap())) {
            Answer::LicenseRegistered(view) => format!("registered {} {}", view.serial, view.count),
            other => refused(other),
        }
    }

    fn hold(&mut self, relay: &str, verb: HoldingVerb, rest: &[&str]) -> String {
        let doing = match rest {
            ["force"] => Doing::Force,
            ["preview"] => Doing::Preview,
            _ => Doing::Do,
        };
        let relay = relay.parse().unwrap();
        let change = HoldingChange { product: Some("node".parse().unwrap()), relay, verb, doing };
        match self.ask("a", Request::SetHolding(change)) {
            Answer::Holding(outcome) => match outcome.refusal {
                Some(refusal) => format!("refused {refusal}"),
                None if doing == Doing::Preview => table(&outcome.after),
                None => match outcome.in_transit {
                    LicenseCount(0) => "done".to_string(),
                    count => format!("in transit {count}"),
                },
            },
            other => refused(other),
        }
    }

    fn find(&mut self, at: &str, count: u64) -> String {
        self.next += 1;
        let series = self.next;
        let found = (0..count).map(|n| Found {
            mac: Some(MacAddress([
                2,
                0,
                (series >> 8) as u8,
                series as u8,
                (n >> 8) as u8,
                n as u8,
            ])),
            addresses: vec![],
            host_name: None,
        });
        match self.ask(at, Request::Import { found: found.collect() }) {
            Answer::Imported { new, known } => format!("{new} new, {known} known"),
            other => refused(other),
        }
    }

    /// Manages the first `count` discovered devices of a server.
    fn manage(&mut self, at: &str, count: usize) -> String {
        let filter = NodeFilter {
            managing_sources: vec![at.parse().unwrap()],
            state: Some(DeviceState::Discovered),
            limit: count,
            ..NodeFilter::default()
        };
        let Answer::Nodes(page) = self.ask(at, Request::Nodes(filter)) else { panic!("no nodes") };
        let devices: Vec<DeviceId> = page.nodes.into_iter().map(|node| node.id).collect();
        assert_eq!(devices.len(), count, "too few discovered devices at {at}");
        self.outcomes(at, Request::Manage { devices, product: None })
    }

    fn outcomes(&mut self, at: &str, request: Request) -> String {
        match self.ask(at, request) {
            Answer::DevicesDone(outcomes) => {
                let mut lines: BTreeMap<String, u64> = BTreeMap::new();
                for outcome in outcomes {
                    let state = outcome.state.map_or("gone".to_string(), |s| format!("{s:?}"));
                    let line = match outcome.refusal {
                        Some(refusal) => format!("{state}: {refusal}"),
                        None => state,
                    };
                    *lines.entry(line).or_default() += 1;
                }
                lines.iter().map(|(line, count)| format!("{count} {line}\n")).collect()
            }
            other => refused(other),
        }
    }

    fn change(&mut self, id: &str, request: impl Fn(Vec<DeviceId>) -> Request) -> String {
        let (at, number) = id.split_once(':').unwrap();
        let number = DeviceNumber(number.parse().unwrap());
        let id = DeviceId { managing_source: at.parse().unwrap(), number };
        self.outcomes(at, request(vec![id]))
    }

    fn ranges(&mut self, at: &str) -> String {
        // Reports go up at once; one presence interval later the figures are confirmed.
        match self.ask(at, Request::Ranges) {
            Answer::Ranges(view) => table(&view),
            other => refused(other),
        }
    }

    fn nodes(&mut self, at: &str) -> String {
        match self.ask(at, Request::Nodes(NodeFilter { limit: 500, ..NodeFilter::default() })) {
            Answer::Nodes(page) => {
                let line = |n: &lictree::model::view::NodeView| format!("{} {:?}\n", n.id, n.state);
                page.nodes.iter().map(line).collect::<String>() + &format!("{} in all", page.total)
            }
            other => refused(other),
        }
    }
}

fn refused(answer: Answer) -> String {
    match answer {
        Answer::Refused(refusal) => format!("refused {refusal}"),
        other => panic!("an answer to another question: {other:?}"),
    }
}

fn table(view: &RangesView) -> String {
    let mut text = String::new();
    for range in &view.ranges {
        let mut members = vec![range.source.to_string()];
        members.extend(range.destinations.iter().map(|name| name.to_string()));
        text +=
            &format!("{}: {}/{}/{}", members.join(" "), range.held, range.used, range.remaining);
        if range.shortage > LicenseCount::ZERO {
            text += &format!(" shortage {}", range.shortage);
        }
        if range.in_transit > LicenseCount::ZERO {
            text += &format!(" in transit {}", range.in_transit);
        }
        text += "\n";
    }
    text + &format!("= {}", sum(view))
}

fn sum(view: &RangesView) -> u64 {
    view.ranges.iter().map(|range| range.held.0 + range.in_transit.0).sum()
}
