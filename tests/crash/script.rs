//! 500 operations, drawn from a fixed seed: everything that people ask of a primary and a relay.

use crate::pair::{BEGIN, PRIMARY, Pair, RELAY};
use crate::site::Rule;
use lictree::model::count::LicenseCount;
use lictree::model::device::{Device, DeviceId, DeviceNumber, DeviceState};
use lictree::model::discovery::{Found, MacAddress};
use lictree::model::enrolment::{
    Approval, CertificateAnswer, CertificateAsk, InviteId, JoinAsk, RenewAsk,
};
use lictree::model::license::{License, LicenseTerms, Metric};
use lictree::model::moving::Goal;
use lictree::model::name::ServerName;
use lictree::model::node_query::NodeQuery;
use lictree::model::refusal::Refusal;
use lictree::model::request::{Answer, Doing, HoldingChange, HoldingVerb, Invitation, Request};
use lictree::simulator::authority;
use lictree::simulator::entropy::Entropy;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const NAMES: [&str; 2] = ["a", "b"];
const PRODUCTS: [&str; 2] = ["atlas", "boreas"];

pub struct Script {
    pub pair: Pair,
    entropy: Entropy,
    macs: u16,
    serials: u64,
    invites: u8,
    /// Where the newest invitation is to be used.
    invited_at: usize,
    /// The last server that was given a certificate. It never comes.
    joined: Option<ServerName>,
    /// The last one that waits for approval.
    awaits: Option<ServerName>,
    /// How often each kind of operation was answered, and how often with a refusal.
    pub kinds: BTreeMap<&'static str, (u64, u64)>,
}

/// Plays so many operations.
pub fn play(seed: u64, operations: usize, rule: Rule) -> Script {
    let mut script = Script {
        pair: Pair::new(rule),
        entropy: Entropy::new(seed),
        macs: 0,
        serials: 0,
        invites: 0,
        invited_at: PRIMARY,
        joined: None,
        awaits: None,
        kinds: BTreeMap::new(),
    };
    for number in 0..operations {
        script.operation(number);
    }
    // What is still on its way arrives.
    script.pair.join();
    script.pair.pass(Duration::from_secs(15));
    script
}

impl Script {
    fn operation(&mut self, number: usize) {
        match number % 50 {
            // Somebody is away for a while, and one of them is started anew.
            20 => self.pair.part(),
            27 => self.pair.join(),
            45 => self.pair.restart(number / 50 % 2),
            _ => {}
        }
        // Time passes now and then: reports go up, rows are saved.
        if self.entropy.chance(100) {
            let seconds = self.entropy.between(1, 12);
            self.pair.pass(Duration::from_secs(seconds));
        }
        let (kind, place, request) = self.drawn(number);
        let answer = self.pair.ask(place, request);
        let count = self.kinds.entry(kind).or_default();
        match answer {
            Some(Answer::Refused(_) | Answer::Certificate(CertificateAnswer::Refused(_))) => {
                count.1 += 1
            }
            Some(answer) => {
                count.0 += 1;
                match answer {
                    Answer::Certificate(CertificateAnswer::Granted(grant)) => {
                        self.joined = Some(grant.name);
                    }
                    Answer::Certificate(CertificateAnswer::Waiting) => {
                        self.awaits = Some(self.joiner());
                    }
                    _ => {}
                }
            }
            None => panic!("operation {number}, {kind}, was never answered"),
        }
    }

    fn drawn(&mut self, number: usize) -> (&'static str, usize, Request) {
        // First something to work with.
        let place = if number < 4 { PRIMARY } else { self.entropy.index(2) };
        let drawn = match number {
            0..4 => 0,
            4..14 => 1,
            _ if self.awaits.is_some() && self.entropy.chance(300) => 15,
            _ => self
                .entropy
                .weighted(&[6, 8, 24, 9, 8, 3, 6, 8, 3, 3, 3, 3, 6, 2, 2, 1, 2, 2, 1, 6]),
        };
        match drawn {
            0 => ("register", place, self.registration()),
            1 => ("import", place, self.import(place)),
            2 => ("manage", place, self.manage(place)),
            3 => ("ignore", place, Request::Ignore { devices: self.devices(place, |_| true) }),
            4 => ("delete", place, Request::Delete { devices: self.devices(place, |_| true) }),
            5 => {
                let mut others = self.devices(place, |_| true);
                ("unite", place, Request::Unite { keep: others.remove(0), others })
            }
            6 => ("move", place, self.moving(place)),
            7 => {
                let count = LicenseCount(self.entropy.between(1, 8));
                ("distribute", PRIMARY, self.holding(HoldingVerb::Distribute(count)))
            }
            8 => ("withdraw", PRIMARY, self.holding(HoldingVerb::Withdraw)),
            9 => ("authorize", PRIMARY, self.holding(HoldingVerb::Authorize)),
            10 => ("deauthorize", PRIMARY, self.holding(HoldingVerb::Deauthorize)),
            11 => ("invite", PRIMARY, self.invite()),
            12 => ("join", self.invited_at, self.joining()),
            13 => {
                let name = self.joined.take().unwrap_or(self.joiner());
                ("remove", PRIMARY, Request::Remove { name, doing: Doing::Force })
            }
            14 => ("uninvite", PRIMARY, Request::Uninvite(self.joiner())),
            15 => {
                let name = self.awaits.take().unwrap_or(self.joiner());
                ("approve", PRIMARY, Request::Approve(name))
            }
            16 => {
                let (name, title) = (NAMES[RELAY].parse().unwrap(), format!("title {number}"));
                ("entitle", PRIMARY, Request::Entitle { name, title })
            }
            17 => ("renew", RELAY, self.renewal()),
            18 => ("rotate", PRIMARY, Request::RotateAuthority { doing: Doing::Do }),
            _ => ("look", place, self.look(number)),
        }
    }

    fn product(&mut self) -> &'static str {
        PRODUCTS[usize::from(self.entropy.chance(300))]
    }

    fn registration(&mut self) -> Request {
        // Now and then one that is registered somewhere already.
        if self.serials == 0 || self.entropy.chance(850) {
            self.serials += 1;
        }
        let product = match self.serials {
            1 | 2 => PRODUCTS[self.serials as usize - 1],
            _ => self.product(),
        };
        // Some end while the script runs.
        let soon = Duration::from_secs(self.entropy.between(5, 100));
        let ends = self.entropy.chance(200).then(|| self.pair.now().after(soon));
        let terms = LicenseTerms {
            serial: format!("S-{}", self.serials).parse().unwrap(),
            vendor: "Example Vendor".to_string(),
            product: product.parse().unwrap(),
            count: LicenseCount(self.entropy.between(1, 8)),
            metric: Metric::ManagedDevices,
            not_before: BEGIN,
            not_after: ends,
            tree: None,
            server: None,
            confirm_within_days: None,
            note: String::new(),
        };
        Request::RegisterLicense(License::try_from(terms).unwrap())
    }

    /// Mostly new machines, some seen before, here or at the other.
    fn import(&mut self, place: usize) -> Request {
        let count = self.entropy.between(1, 4);
        let mut found = |_| {
            let again = self.macs > 0 && self.entropy.chance(250);
            let number = match again {
                true => self.entropy.between(1, u64::from(self.macs)) as u16,
                false => {
                    self.macs += 1;
                    self.macs
                }
            };
            let [high, low] = number.to_be_bytes();
            let addresses = vec![std::net::Ipv4Addr::new(10, place as u8, high, low).into()];
            let mac = Some(MacAddress([0, 0, 0, 1, high, low]));
            Found { mac, addresses, host_name: Some(format!("pc{number}")) }
        };
        Request::Import { found: (0..count).map(&mut found).collect() }
    }

    /// Some of those that a server knows and of which this holds; now and then one that it does
    /// not know.
    fn devices(&mut self, place: usize, fits: impl Fn(&Device) -> bool) -> Vec<DeviceId> {
        let state = self.pair.server(place).engine().state();
        let rows = state.devices.iter().filter(|(_, row)| !row.deleted && fits(&row.device));
        let known: Vec<DeviceNumber> = rows.map(|(number, _)| *number).collect();
        let managing_source = state.name().clone();
        let count = self.entropy.between(1, 3);
        let drawn = (0..count).filter_map(|_| self.entropy.pick(&known).copied());
        let mut numbers: BTreeSet<DeviceNumber> = drawn.collect();
        if numbers.is_empty() || self.entropy.chance(30) {
            numbers.insert(DeviceNumber(9_999));
        }
        let id = |number| DeviceId { managing_source: managing_source.clone(), number };
        numbers.into_iter().map(id).collect()
    }

    fn manage(&mut self, place: usize) -> Request {
        let product = Some(self.product().parse().unwrap());
        let open = |device: &Device| device.state != DeviceState::Managed;
        Request::Manage { devices: self.devices(place, open), product }
    }

    /// A device goes to the other site, or stays after all.
    fn moving(&mut self, place: usize) -> Request {
        let managed = |device: &Device| device.state == DeviceState::Managed;
        let device = self.devices(place, managed).remove(0);
        let goal = Goal { server: NAMES[1 - place].parse().unwrap(), node: None };
        Request::Move { device, to: self.entropy.chance(800).then_some(goal) }
    }

    fn holding(&mut self, verb: HoldingVerb) -> Request {
        let doing = if self.entropy.chance(250) { Doing::Force } else { Doing::Do };
        let product = Some(self.product().parse().unwrap());
        let relay = NAMES[RELAY].parse().unwrap();
        Request::SetHolding(HoldingChange { product, relay, verb, doing })
    }

    /// The server of the newest invitation.
    fn joiner(&self) -> ServerName {
        format!("c{}", self.invites).parse().unwrap()
    }

    fn invite(&mut self) -> Request {
        self.invites += 1;
        self.invited_at = self.entropy.index(2);
        let approval =
            if self.entropy.chance(500) { Approval::Awaited } else { Approval::NotNeeded };
        Request::Invite(Invitation {
            id: InviteId(u64::from(self.invites)),
            name: self.joiner(),
            parent: NAMES[self.invited_at].parse().unwrap(),
            proof_key: [self.invites; 32],
            life: Duration::from_secs(3_600),
            approval,
            replaces: false,
            forced: false,
        })
    }

    fn joining(&mut self) -> Request {
        let proof_key = [self.invites; 32];
        let right = self.entropy.chance(800);
        Request::Certificate(CertificateAsk::Join(JoinAsk {
            invite: InviteId(u64::from(self.invites)),
            exporter: [3; 32],
            request: authority::request(self.invites),
            had: 0,
            proof: if right { authority::proof(&proof_key) } else { [0; 32] },
        }))
    }

    /// The relay's own certificate grows old.
    fn renewal(&mut self) -> Request {
        let relay = NAMES[RELAY].parse().unwrap();
        Request::Certificate(CertificateAsk::Renew(RenewAsk {
            certificate: authority::certificate(&relay, 0, &[0], None),
            request: authority::request(self.invites + 100),
            signature: Vec::new(),
        }))
    }

    fn look(&mut self, number: usize) -> Request {
        match number % 6 {
            0 => Request::Ranges,
            1 => Request::Servers,
            2 => Request::Audit,
            3 => Request::Events { after: 0, limit: 10 },
            4 => Request::LicenseRefused(Refusal::new("LT0301", "not genuine", "ask the vendor")),
            _ => Request::Nodes(NodeQuery { limit: 10, ..NodeQuery::default() }),
        }
    }
}
