//! What operators write: a server's configuration, scans, and whole trees.

use super::{Bound, assert_sayable, text_of};
use lictree::client::contract::ScanBody;
use lictree::edge::config::read_text;
use lictree::edge::scan::{Plan, ScanLimits, ScanRules};
use lictree::edge::topology::Topology;
use std::path::Path;

/// What is opened and not closed takes most: 260 bytes a bracket, until it is found too deep.
const TOML: Bound = Bound { times: 384, plus: 512 << 10 };

pub fn whole(bytes: &[u8]) -> bool {
    let Some(text) = text_of(bytes) else { return false };
    let file = Path::new("lictree.toml");
    let (read, problems) = TOML.hold(bytes, || read_text(file, text));
    problems.iter().for_each(assert_sayable);
    assert!(read.is_some() || !problems.is_empty(), "nothing was read, and nothing is wrong");
    assert_eq!(read_text(file, text), (read.clone(), problems.clone()));
    read.is_some() && problems.is_empty()
}

/// The tables about scans of a relay's configuration, or a scan that is asked for by hand.
pub fn scan(bytes: &[u8]) -> bool {
    const RELAY: &str = "tree = \"acme\"\nname = \"site-7\"\nrole = \"relay\"\ndata_dir = \"d\"\n\
                         parent = { name = \"hq\", address = \"hq:4747\" }\n";
    if bytes.starts_with(b"{") {
        return by_hand(bytes);
    }
    let Some(text) = text_of(bytes) else { return false };
    let whole = format!("{RELAY}{text}");
    let (file, limits) = (Path::new("lictree.toml"), ScanLimits::default());
    let (read, problems) = TOML.hold(bytes, || read_text(file, &whole));
    problems.iter().for_each(assert_sayable);
    let Some(configuration) = read.filter(|_| problems.is_empty()) else { return false };
    for planned in &configuration.scans.planned {
        let plan = Plan::of(planned, &configuration.scans, &limits);
        assert!(plan.is_ok() || text.contains("limits"), "{planned:?} is taken and cannot be run");
    }
    true
}

fn by_hand(bytes: &[u8]) -> bool {
    let body = TOML.hold(bytes, || serde_json::from_slice::<ScanBody>(bytes));
    let Ok(body) = body else { return false };
    let again = serde_json::to_vec(&body).unwrap();
    assert_eq!(serde_json::from_slice::<ScanBody>(&again).ok().as_ref(), Some(&body));
    let (rules, limits) = (ScanRules::default(), ScanLimits::default());
    match TOML.hold(bytes, || Plan::asked(&body, &rules, &limits)) {
        Ok(plan) => {
            assert!(plan.targets.count() <= limits.addresses_max);
            assert!(plan.targets.addresses().take(300).all(|one| !plan.excludes(one)));
            true
        }
        Err(refusal) => {
            assert_sayable(refusal);
            false
        }
    }
}

/// The discovery tables it names are not there.
pub fn topology(bytes: &[u8]) -> bool {
    let Some(text) = text_of(bytes) else { return false };
    let folder = Path::new("/nowhere/acme");
    match TOML.hold(bytes, || Topology::read_text(folder, text)) {
        Ok(topology) => {
            let servers: usize = topology.levels().iter().map(Vec::len).sum();
            assert_eq!(servers, topology.servers.len(), "not all servers are below the primary");
            true
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            problems.iter().for_each(assert_sayable);
            false
        }
    }
}
