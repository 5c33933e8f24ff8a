//! What servers do together over real connections.

use crate::site::{Process, Site, eventually, run};
use lictree::client::contract::ImportFormat;
use lictree::model::count::LicenseCount;
use lictree::model::name::ServerName;
use lictree::model::node_query::NodeQuery;
use lictree::model::request::{Doing, HoldingChange, HoldingVerb};
use lictree::model::view::ServersView;

fn name(text: &str) -> ServerName {
    text.parse().unwrap()
}

fn distribute(relay: &str, count: u64) -> HoldingChange {
    let verb = HoldingVerb::Distribute(LicenseCount(count));
    HoldingChange { product: None, relay: name(relay), verb, doing: Doing::Do }
}

#[track_caller]
pub fn online(server: &Process, names: &[&str]) -> ServersView {
    eventually(
        "all servers are online",
        || run(server.client().servers()),
        |view| {
            names.iter().all(|name| {
                view.servers.iter().any(|server| server.name.as_str() == *name && server.online)
            })
        },
    )
}

/// hq above c above e; what e finds is counted at c.
#[test]
fn licenses_go_down_and_nodes_come_up_a_tree_of_three_processes() {
    let site = Site::new();
    let hq = Process::start(&site.primary("hq"));
    run(hq.client().register_license(site.license("S-1", 100))).unwrap();
    let c = Process::start(&site.relay("c", "hq", hq.address()));
    let e = Process::start(&site.relay("e", "c", c.address()));
    online(&hq, &["hq", "c", "e"]);

    run(hq.client().set_holding(&distribute("c", 40))).unwrap();
    let held = |count| {
        move |view: &lictree::model::view::RangesView| {
            view.ranges.iter().any(|range| {
                range.source.as_str() == "c"
                    && range.held == LicenseCount(count)
                    && range.in_transit == LicenseCount::ZERO
            })
        }
    };
    eventually("c holds 40", || run(hq.client().ranges()), held(40));

    let list = b"? (10.0.0.1) at 00:04:4b:cc:9c:01 [ether] on eth0\n\
                 ? (10.0.0.2) at 00:04:4b:cc:9c:02 [ether] on eth0\n";
    let imported = run(e.client().import(ImportFormat::Auto, list.to_vec())).unwrap();
    assert_eq!((imported.new, imported.known), (2, 0));
    let query = NodeQuery { limit: 10, ..NodeQuery::default() };
    let page = eventually(
        "the primary knows both nodes",
        || run(hq.client().nodes(&query)),
        |page| page.total == Some(2),
    );
    let ids = page.nodes.iter().map(|node| node.id.clone()).collect();
    run(e.client().manage(ids, Some("inventory".parse().unwrap()))).unwrap();
    eventually(
        "two are used in range c",
        || run(hq.client().ranges()),
        |view| {
            view.ranges
                .iter()
                .any(|range| range.source.as_str() == "c" && range.used == LicenseCount(2))
        },
    );
    for server in [e, c, hq] {
        server.stop();
    }
}

#[test]
fn a_relay_finds_its_parent_again_after_both_were_away() {
    let site = Site::new();
    let (hq_config, mut text) = {
        let config = site.primary("hq");
        let text = std::fs::read_to_string(&config).unwrap();
        (config, text)
    };
    let hq = Process::start(&hq_config);
    let address = hq.address();
    // The same port again after the restart: the relay knows no other.
    text = text.replace("127.0.0.1:0", &address.to_string());
    std::fs::write(&hq_config, text).unwrap();
    let c_config = site.relay("c", "hq", address);
    let c = Process::start(&c_config);
    online(&hq, &["c"]);
    hq.crash();
    let hq = Process::start(&hq_config);
    online(&hq, &["c"]);
    c.crash();
    let c = Process::start(&c_config);
    online(&hq, &["c"]);
    eventually("c is connected", || run(c.client().status()), |status| status.connected);
}

#[test]
fn a_relay_without_its_parent_serves_its_own_people() {
    let site = Site::new();
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let c = Process::start(&site.relay("c", "hq", nobody.local_addr().unwrap()));
    assert!(!run(c.client().status()).unwrap().connected);
    let list = b"? (10.0.0.1) at 00:04:4b:cc:9c:01 [ether] on eth0\n";
    assert_eq!(run(c.client().import(ImportFormat::Arp, list.to_vec())).unwrap().new, 1);
    c.stop();
}
