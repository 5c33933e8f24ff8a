//! A tree of servers in which everything arrives at once and every write is durable at once, or
//! goes to disks that may lose power: the server above such a disk is then started anew from what
//! the disk still has, its connections with it, and who asked it and got no answer asks again.

use crate::disks::{Disks, PowerCut};
use lictree::engine::state::State;
use lictree::model::command::Founding;
use lictree::model::count::LicenseCount;
use lictree::model::device::{DeviceId, DeviceNumber, DeviceState};
use lictree::model::discovery::{Found, MacAddress};
use lictree::model::holding::Role;
use lictree::model::letter::{Letter, LinkId};
use lictree::model::license::{License, LicenseTerms};
use lictree::model::name::ServerName;
use lictree::model::node_query::{NodeFilter, NodeQuery};
use lictree::model::node_rows::NodeRow;
use lictree::model::request::{Answer, Doing, HoldingChange, HoldingVerb, Request, RequestId};
use lictree::model::time::Timestamp;
use lictree::model::tuning::Tuning;
use lictree::model::view::RangesView;
use lictree::server::effect::Effect;
use lictree::server::input::{Input, Side};
use lictree::server::{Server, Start};
use lictree::simulator::authority;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Default)]
pub struct Tree {
    pub(crate) servers: BTreeMap<ServerName, Server>,
    /// Others of their names ([`crate::twins`]).
    pub(crate) aside: BTreeMap<ServerName, Server>,
    /// Whose next start is on a folder that may be older.
    pub(crate) unproven: BTreeSet<ServerName>,
    pub(crate) parents: BTreeMap<ServerName, ServerName>,
    /// Where a link leads: (server, link there).
    links: BTreeMap<(ServerName, LinkId), (ServerName, LinkId)>,
    answers: BTreeMap<u64, Answer>,
    waiting: BTreeMap<ServerName, Vec<Input>>,
    /// What their parents say to them is lost.
    deaf: BTreeSet<ServerName>,
    pub(crate) foundings: BTreeMap<ServerName, Founding>,
    /// How often each server was started.
    starts: BTreeMap<ServerName, u64>,
    /// A script speaks for this one from now on: what the server itself says, and hears, is lost.
    pub(crate) rogue: Option<ServerName>,
    /// What was said to the rogue.
    pub(crate) told: Vec<Letter>,
    /// Connections that a server ended, and why.
    pub(crate) closed: Vec<(ServerName, String)>,
    /// All sums that `a` showed, at any moment, of what is held and in transit.
    sums: BTreeSet<u64>,
    tuning: Tuning,
    pub(crate) disks: Disks,
    /// What each server proves itself with, once it joined by a code.
    pub(crate) enrolments: BTreeMap<ServerName, u64>,
    /// The number of the last invitation of each name.
    pub(crate) invites: BTreeMap<String, u8>,
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

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(BEGIN_MS + self.now)
    }

    /// The moment so long ago.
    pub(crate) fn before(&self, time: Duration) -> Timestamp {
        Timestamp(self.now().0 - time.as_millis() as u64)
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
        self.enrolments.remove(&name);
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
            proven: !self.unproven.remove(name),
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
        self.prove(name);
        *self.starts.entry(name.clone()).or_default() += 1;
    }

    /// The power is back: what waited for the server is gone with its connections.
    pub(crate) fn restart(&mut self, name: &ServerName) {
        self.part(|end, _| end == name);
        self.waiting.remove(name);
        self.start(name);
        self.connect_all(name);
    }

    /// To its parent, and its children to it.
    pub(crate) fn connect_all(&mut self, name: &ServerName) {
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
    pub(crate) fn part(&mut self, ends: impl Fn(&ServerName, &ServerName) -> bool) {
        let links: Vec<_> = self.links.iter().map(|(a, b)| (a.clone(), b.clone())).collect();
        for (one, other) in links.into_iter().filter(|(one, other)| ends(&one.0, &other.0)) {
            self.links.remove(&one);
            self.links.remove(&other);
            self.post(&one.0, Input::LinkDown { link: one.1 });
            self.post(&other.0, Input::LinkDown { link: other.1 });
        }
    }

    pub(crate) fn post(&mut self, to: &ServerName, input: Input) {
        self.waiting.entry(to.clone()).or_default().push(input);
    }

    /// Runs until nothing happens without time.
    pub(crate) fn settle(&mut self) {
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
        // What a rogue says is shown too, and adds up to nothing.
        if self.rogue.is_some() {
            return;
        }
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
            Effect::Send { .. } if self.rogue.as_ref() == Some(name) => {}
            Effect::Send { link, letter } => {
                let end = self.links.get(&(name.clone(), link)).cloned();
                let lost =
                    |to: &ServerName| self.deaf.contains(to) && self.parents.get(to) == Some(name);
                let rogue = end.as_ref().map(|(to, _)| to) == self.rogue.as_ref();
                if rogue && self.rogue.is_some() {
                    self.told.push(letter);
                } else if let Some((to, link)) = end.filter(|(to, _)| !lost(to)) {
                    self.post(&to, Input::Letter { link, letter });
                }
            }
            Effect::Answer { id, answer, .. } => drop(self.answers.insert(id.0, *answer)),
            Effect::Checkpoint(save) => {
                self.disks.save(name, &save)?;
                self.post(name, Input::Checkpointed { at: save.at })
            }
            Effect::CutLog(position) => self.disks.cut_log(name, position),
            Effect::Close { why, .. } if self.rogue.is_none() => {
                panic!("{name} closed a link: {why}")
            }
            Effect::Close { link, why } => {
                self.closed.push((name.clone(), why));
                let end = self.links.get(&(name.clone(), link)).cloned();
                if let Some((other, _)) = end {
                    self.part(|one, two| one == name && *two == other);
                }
            }
            Effect::Certify { ticket, job } => {
                let result = authority::certify(&job, self.tuning.certificate_life, self.now());
                self.post(name, Input::Certified { ticket, result })
            }
            Effect::Believe(_) => {}
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

    /// What a server durably knows.
    pub fn state(&self, server: &str) -> &State {
        self.servers[&server.parse::<ServerName>().unwrap()].engine().state()
    }

    /// A letter arrives, whoever wrote it.
    pub fn deliver(&mut self, from: &str, to: &str, letter: Letter) {
        self.deliver_all(from, to, vec![letter]);
    }

    /// The same of many, in one go.
    pub fn deliver_all(&mut self, from: &str, to: &str, letters: Vec<Letter>) {
        let (from, to): (ServerName, ServerName) = (from.parse().unwrap(), to.parse().unwrap());
        let ends = |(here, there): &(&(ServerName, LinkId), &(ServerName, LinkId))| {
            here.0 == to && there.0 == from
        };
        let link = self.links.iter().find(ends).map(|(here, _)| here.1).unwrap();
        letters.into_iter().for_each(|letter| self.post(&to, Input::Letter { link, letter }));
        self.settle();
    }

    /// Asks for a registration and does not wait for the answer.
    pub fn begin_registration(&mut self, at: &str, serial: &str, count: u64) -> RequestId {
        self.next += 1;
        let id = RequestId(self.next);
        let request = Request::RegisterLicense(self.license(serial, count, &[]));
        self.post(&at.parse().unwrap(), Input::Request { id, request });
        self.settle();
        id
    }

    pub fn answer(&mut self, id: RequestId) -> Option<Answer> {
        self.answers.remove(&id.0)
    }

    pub(crate) fn ask(&mut self, server: &str, request: Request) -> Answer {
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
            ["tree-on-disks", servers @ ..] => {
                let names: Vec<&str> =
                    servers.iter().map(|s| s.split('<').next().unwrap_or(s)).collect();
                *self = Tree::new(Tuning::default(), Disks::of(&names, &[]));
                self.plant(servers)
            }
            ["register", at, serial, count, rest @ ..] => {
                self.register(at, serial, count.parse().unwrap(), rest)
            }
            ["licenses", at] => self.licenses(at),
            ["events", at, kind] => self.events(at, kind),
            ["deaf", server] => {
                self.deaf.insert(server.parse().unwrap());
                String::new()
            }
            ["hears", server] => {
                self.deaf.remove(&server.parse().unwrap());
                String::new()
            }
            ["crash", server] => {
                self.restart(&server.parse().unwrap());
                self.settle();
                String::new()
            }
            ["distribute", to, count, rest @ ..] => {
                let count = LicenseCount(count.parse().unwrap());
                self.hold(to, HoldingVerb::Distribute(count), rest)
            }
            ["withdraw", from, rest @ ..] => self.hold(from, HoldingVerb::Withdraw, rest),
            ["authorize", relay, rest @ ..] => self.hold(relay, HoldingVerb::Authorize, rest),
            ["deauthorize", relay, rest @ ..] => self.hold(relay, HoldingVerb::Deauthorize, rest),
            ["find", at, count] => self.find(at, count.parse().unwrap()),
            ["manage", at, count] => self.manage(at, count.parse().unwrap(), None),
            ["manage", at, count, "of", product] => {
                self.manage(at, count.parse().unwrap(), Some(product))
            }
            ["ignore", id] => self.change(id, |devices| Request::Ignore { devices }),
            ["delete", id] => self.change(id, |devices| Request::Delete { devices }),
            ["manage-one", id] => {
                self.change(id, |devices| Request::Manage { devices, product: None })
            }
            ["ranges"] => self.ranges("a"),
            ["ranges", at] => self.ranges(at),
            ["nodes", at] => self.nodes(at, &[]),
            ["nodes", at, sources @ ..] => self.nodes(at, sources),
            ["show", at, server] => self.show(at, server),
            ["status", at] => self.status(at),
            ["anew", server] => self.anew(server),
            ["cut", server] => {
                self.disconnect(&server.parse().unwrap());
                String::new()
            }
            ["heal", server] => {
                self.connect(&server.parse().unwrap());
                self.settle();
                String::new()
            }
            ["leap", hours] => {
                self.now += hours.parse::<u64>().unwrap() * 3_600_000;
                self.pass(Duration::from_secs(30));
                String::new()
            }
            ["pass", seconds] => {
                self.pass(Duration::from_secs(seconds.parse().unwrap()));
                String::new()
            }
            words => {
                let said = self.run_enrolment(words).or_else(|| self.run_nodes(words));
                let said = said.or_else(|| self.run_twins(words)).or_else(|| self.run_lost(words));
                let said = said.or_else(|| self.run_full(words));
                said.unwrap_or_else(|| panic!("no such command: {command}"))
            }
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

    fn register(&mut self, at: &str, serial: &str, count: u64, rest: &[&str]) -> String {
        let license = self.license(serial, count, rest);
        match self.ask(at, Request::RegisterLicense(license)) {
            Answer::LicenseRegistered(view) => format!("registered {} {}", view.serial, view.count),
            other => refused(other),
        }
    }

    /// A server with the name of one there was, and with nothing of its data.
    fn anew(&mut self, server: &str) -> String {
        let name: ServerName = server.parse().unwrap();
        self.next += 1;
        self.foundings.get_mut(&name).unwrap().incarnation = self.next;
        self.restart(&name);
        self.settle();
        String::new()
    }

    fn show(&mut self, at: &str, server: &str) -> String {
        match self.ask(at, Request::Server(server.parse().unwrap())) {
            Answer::Server(view) => format!("{}, online: {}", view.name, view.online),
            other => refused(other),
        }
    }

    fn status(&mut self, at: &str) -> String {
        let Answer::Status(view) = self.ask(at, Request::Status) else { panic!("no status") };
        let mut text = if view.connected { "connected" } else { "not connected" }.to_string();
        text += &view.parent.map_or(String::new(), |parent| format!(", below {parent}"));
        if let Some(since) = view.cut_off_since {
            text += &format!(", for {} s", view.as_of.since(since).as_secs());
        }
        text + &view.attach_refusal.map_or(String::new(), |refusal| format!("\n{refusal}"))
    }

    /// The rest: `product=P`, `metric=M`, `tree=T`, `server=S`, `begins=S` and `ends=S` in
    /// seconds from now.
    fn license(&self, serial: &str, count: u64, rest: &[&str]) -> License {
        let now = self.now().0 as i64;
        let value = |key: &str| {
            let mut pairs = rest.iter().filter_map(|word| word.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        let moment = |key: &str| {
            let seconds = value(key).map(|text| text.parse::<i64>().unwrap());
            seconds.map(|seconds| Timestamp((now + 1_000 * seconds) as u64))
        };
        let terms = LicenseTerms {
            serial: serial.parse().unwrap(),
            vendor: "Example Vendor".to_string(),
            product: value("product").unwrap_or("node").parse().unwrap(),
            count: LicenseCount(count),
            metric: value("metric").unwrap_or("managed-devices").parse().unwrap(),
            not_before: moment("begins").unwrap_or(Timestamp(BEGIN_MS - 1)),
            not_after: moment("ends"),
            tree: value("tree").map(|name| name.parse().unwrap()),
            server: value("server").map(|name| name.parse().unwrap()),
            confirm_within_days: value("confirm").map(|days| days.parse().unwrap()),
            note: String::new(),
        };
        License::try_from(terms).unwrap()
    }

    fn licenses(&mut self, at: &str) -> String {
        let Answer::Licenses(licenses) = self.ask(at, Request::Licenses) else { panic!("none") };
        licenses.iter().map(|license| format!("{} {}\n", license.serial, license.count)).collect()
    }

    /// The lines of one kind.
    fn events(&mut self, at: &str, kind: &str) -> String {
        let request = Request::Events { after: 0, limit: 1_000 };
        let Answer::Events(events) = self.ask(at, request) else { panic!("no events") };
        let events = events.iter().filter(|event| event.kind == kind);
        events.map(|event| format!("{}\n", event.text)).collect()
    }

    fn hold(&mut self, relay: &str, verb: HoldingVerb, rest: &[&str]) -> String {
        let (rest, product) = match rest {
            [rest @ .., "of", product] => (rest, *product),
            rest => (rest, "node"),
        };
        let doing = match rest {
            ["force"] => Doing::Force,
            ["preview"] | ["tables"] => Doing::Preview,
            _ => Doing::Do,
        };
        let relay = relay.parse().unwrap();
        let change = HoldingChange { product: Some(product.parse().unwrap()), relay, verb, doing };
        match self.ask("a", Request::SetHolding(change)) {
            Answer::Holding(outcome) if rest == ["tables"] => {
                let (before, after) = (table(&outcome.before), table(&outcome.after));
                let (option, count) = (outcome.option_before, outcome.count_before);
                format!("{option:?} {count} before\n{before}\nafter\n{after}")
            }
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
    fn manage(&mut self, at: &str, count: usize, product: Option<&str>) -> String {
        let filter = NodeFilter {
            managing_sources: vec![at.parse().unwrap()],
            state: Some(DeviceState::Discovered),
            ..NodeFilter::default()
        };
        let query = NodeQuery { filter, limit: count, ..NodeQuery::default() };
        let answer = self.ask(at, Request::Nodes(query));
        let Answer::Nodes { page, .. } = answer else { panic!("no nodes") };
        let devices: Vec<DeviceId> = page.iter().map(|node| node.id()).collect();
        assert_eq!(devices.len(), count, "too few discovered devices at {at}");
        let product = product.map(|product| product.parse().unwrap());
        self.outcomes(at, Request::Manage { devices, product })
    }

    pub(crate) fn outcomes(&mut self, at: &str, request: Request) -> String {
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

    fn nodes(&mut self, at: &str, sources: &[&str]) -> String {
        let managing_sources = sources.iter().map(|source| source.parse().unwrap()).collect();
        let filter = NodeFilter { managing_sources, ..NodeFilter::default() };
        let query = NodeQuery { filter, limit: 500, ..NodeQuery::default() };
        match self.ask(at, Request::Nodes(query)) {
            Answer::Nodes { page, .. } => {
                let line = |n: NodeRow<'_>| format!("{} {:?}\n", n.id(), n.state);
                page.iter().map(line).collect::<String>()
                    + &format!("{} in all", page.total.unwrap())
            }
            other => refused(other),
        }
    }
}

pub(crate) fn refused(answer: Answer) -> String {
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
