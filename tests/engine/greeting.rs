//! What a relay says when its connection to the parent is made: each thing once, and to whom it
//! is of use.

use lictree::model::command::Founding;
use lictree::model::device::{DeviceId, DeviceNumber};
use lictree::model::discovery::{Found, MacAddress};
use lictree::model::holding::Role;
use lictree::model::letter::{Body, Letter, LinkId};
use lictree::model::name::ProductName;
use lictree::model::request::{Request, RequestId};
use lictree::model::time::Timestamp;
use lictree::server::effect::Effect;
use lictree::server::input::{Input, Side};
use lictree::server::{Server, Start};

const NOW: Timestamp = Timestamp(1_794_000_000_000);

/// The relay `b` below `a`, with one device that waits for a verdict.
struct Relay {
    server: Server,
    link: u64,
}

impl Relay {
    fn new() -> Relay {
        let founding = Founding {
            tree: "acme".parse().unwrap(),
            name: "b".parse().unwrap(),
            role: Role::Relay,
            incarnation: 7,
        };
        let start = Start {
            proven: true,
            tuning: Default::default(),
            founding,
            software: "test".to_string(),
            rows: Vec::new(),
            rows_at: Default::default(),
            hard_state: Default::default(),
            entries: Vec::new(),
            cut: Default::default(),
            entropy: 1,
            now: NOW,
        };
        let mut relay = Relay { server: Server::start(start).unwrap(), link: 0 };
        relay.said();
        relay.called();
        let product: ProductName = "node".parse().unwrap();
        relay.hears(Body::Sources(vec![(product.clone(), "a".parse().unwrap())]));
        let mac = Some(MacAddress([2, 0, 0, 0, 0, 1]));
        let found = vec![Found { mac, addresses: Vec::new(), host_name: None }];
        relay.ask(Request::Import { found });
        let id = DeviceId { managing_source: "b".parse().unwrap(), number: DeviceNumber(1) };
        relay.ask(Request::Manage { devices: vec![id], product: Some(product) });
        relay.called();
        relay
    }

    fn ask(&mut self, request: Request) {
        self.server.handle(NOW, Input::Request { id: RequestId(1), request });
        self.said();
    }

    /// A new connection to the parent.
    fn called(&mut self) {
        self.server.handle(NOW, Input::LinkDown { link: LinkId(self.link) });
        self.link += 1;
        let (link, peer) = (LinkId(self.link), "a".parse().unwrap());
        self.server.handle(NOW, Input::LinkUp { link, peer, side: Side::Above });
    }

    fn hears(&mut self, body: Body) {
        let letter = Letter::to_neighbour(body);
        self.server.handle(NOW, Input::Letter { link: LinkId(self.link), letter });
    }

    /// What it has said since, in order; its disk keeps all at once.
    fn said(&mut self) -> Vec<&'static str> {
        let mut said = Vec::new();
        loop {
            let effects = self.server.effects(NOW);
            if effects.is_empty() {
                return said;
            }
            for effect in effects {
                match effect {
                    Effect::Persist(batch) => {
                        self.server.handle(NOW, Input::Persisted { number: batch.number });
                    }
                    Effect::Send { letter, .. } => said.push(word(&letter.body)),
                    _ => {}
                }
            }
        }
    }
}

fn word(body: &Body) -> &'static str {
    match body {
        Body::Presence(_) => "presence",
        Body::ReportOffer { .. } => "offer",
        Body::AttachHello => "attach",
        Body::Wishes { .. } => "wishes",
        other => panic!("{other:?}"),
    }
}

const OPEN: Body = heard(true);
const CLOSED: Body = heard(false);

const fn heard(open: bool) -> Body {
    Body::Heard { clock: NOW, open, trust: 0, license: Timestamp(0), way: 0 }
}

#[test]
fn below_a_parent_whose_way_up_is_open_everything_is_said_once() {
    for first in [Body::Resume { way: 0 }, OPEN] {
        let mut relay = Relay::new();
        for _ in 0..2 {
            assert_eq!(relay.said(), ["presence", "offer", "offer"]);
            relay.hears(first.clone());
            relay.hears(OPEN);
            assert_eq!(relay.said(), ["attach", "wishes"]);
            relay.called();
        }
    }
}

#[test]
fn below_a_parent_that_is_cut_off_nothing_is_said_to_the_primary_until_the_way_opens() {
    let mut relay = Relay::new();
    assert_eq!(relay.said(), ["presence", "offer", "offer"]);
    // The holder may be the parent itself, or stand between it and the cut.
    relay.hears(CLOSED);
    assert_eq!(relay.said(), ["wishes"]);
    relay.hears(CLOSED);
    assert_eq!(relay.said(), Vec::<&str>::new());
    for opens in [OPEN, Body::Resume { way: 0 }] {
        relay.hears(opens);
        assert_eq!(relay.said(), ["presence", "offer", "offer", "attach", "wishes"]);
        relay.hears(CLOSED);
        assert_eq!(relay.said(), Vec::<&str>::new());
    }
}
