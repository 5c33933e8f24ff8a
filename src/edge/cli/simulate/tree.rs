//! The tree of a topology file as the simulator takes it.

use crate::edge::codes;
use crate::edge::topology::problem::Problem;
use crate::edge::topology::{Holding, TOPOLOGY_NAME, Topology, TopologyServer};
use crate::model::count::counted;
use crate::model::license::Metric;
use crate::model::name::{ProductName, ServerName};
use crate::model::request::HoldingVerb;
use crate::simulator::estate::{
    DEVICES_MAX, Estate, EstateHolding, EstateLicense, EstateSite, SERVERS_MAX, SITE_DEVICES_MAX,
};
use crate::simulator::topology as simulated;
use std::collections::BTreeMap;

/// The same tree; the problems say what of it cannot be simulated.
pub(super) fn estate(topology: &Topology) -> Result<Estate, Vec<Problem>> {
    let names: Vec<ServerName> = topology.levels().into_iter().flatten().collect();
    let places: BTreeMap<&ServerName, usize> =
        names.iter().enumerate().map(|(place, name)| (name, place)).collect();
    let count = names.len();
    let problem = |code, key: &str, found: String, remedy: &str| {
        let file = topology.folder.join(TOPOLOGY_NAME);
        vec![Problem { code, file, key: key.to_string(), found, remedy: remedy.to_string() }]
    };
    let unfit = || {
        let counted = counted(count as u64, "server");
        let found = format!("{counted}; 2 to {SERVERS_MAX} can be simulated");
        problem(codes::TOPOLOGY_TREE, "server", found, "simulate a part of the tree")
    };
    if !(2..=SERVERS_MAX).contains(&count) {
        return Err(unfit());
    }
    let products = simulated_products(topology);
    if products.is_empty() {
        let found = "none counts managed devices, and only such are simulated".to_string();
        let remedy = "add one with `metric = \"managed-devices\"`";
        return Err(problem(codes::TOPOLOGY_COUNT, "product", found, remedy));
    }
    let above = |name: &ServerName| {
        let parent = topology.servers.get(name).and_then(|server| server.parent.as_ref());
        parent.and_then(|parent| places.get(parent)).copied().unwrap_or(0)
    };
    let servers = names.iter().map(|name| (name.clone(), above(name))).collect();
    let known = |product: &ProductName| products.contains(product);
    let files = topology.licenses.iter().filter(|license| known(&license.product));
    let licenses = files.filter_map(|license| {
        let (product, count) = (license.product.clone(), license.count);
        Some(EstateLicense { place: *places.get(&license.at)?, product, count })
    });
    Ok(Estate {
        topology: simulated::Topology::named(servers).ok_or_else(unfit)?,
        licenses: licenses.collect(),
        holdings: holdings(topology, &places, &products),
        sites: names.iter().map(|name| site(topology.servers.get(name), &products)).collect(),
        products,
    })
}

fn simulated_products(topology: &Topology) -> Vec<ProductName> {
    let counts = topology.products.iter().filter(|(_, metric)| **metric == Metric::ManagedDevices);
    counts.map(|(product, _)| product.clone()).collect()
}

fn holdings(
    topology: &Topology,
    places: &BTreeMap<&ServerName, usize>,
    products: &[ProductName],
) -> Vec<EstateHolding> {
    let mut holdings = Vec::new();
    for (name, server) in &topology.servers {
        let options = server.options.iter().filter(|(product, _)| products.contains(product));
        for (product, holding) in options {
            let verb = match holding {
                Holding::Distributed(count) => HoldingVerb::Distribute(*count),
                Holding::Registered => HoldingVerb::Authorize,
            };
            let Some(place) = places.get(name).copied() else { continue };
            holdings.push(EstateHolding { place, product: product.clone(), verb });
        }
    }
    holdings
}

fn site(server: Option<&TopologyServer>, products: &[ProductName]) -> EstateSite {
    let Some(server) = server else { return EstateSite::default() };
    let managed = server.managed.iter().filter(|(product, _)| products.contains(product));
    let managed = managed.map(|(product, count)| (product.clone(), *count)).collect();
    EstateSite { devices: server.nodes, managed }
}

/// What of the tree is not simulated, or otherwise than it is described.
pub(super) fn remarks(topology: &Topology) -> Vec<String> {
    let mut remarks = Vec::new();
    let kept = simulated_products(topology);
    let others = topology.products.keys().filter(|product| !kept.contains(product));
    let others: Vec<&str> = others.map(ProductName::as_str).collect();
    if !others.is_empty() {
        let others = others.join(", ");
        remarks.push(format!("not simulated, for it does not count managed devices: {others}"));
    }
    if estate(topology).is_ok_and(|estate| estate.is_cut()) {
        remarks.push(format!(
            "there are more machines than are simulated: at most {SITE_DEVICES_MAX} of a site, \
             {DEVICES_MAX} in all"
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::count::LicenseCount;
    use std::path::Path;

    const TREE: &str = r#"
tree = "small"
[[product]]
name = "cad"
[[product]]
name = "cam"
metric = "sessions"
[[license]]
product = "cad"
count = 10
at = "hq"
[[license]]
product = "cad"
count = 3
at = "east"
[[server]]
name = "hq"
[[server]]
name = "east"
parent = "west"
options = { cad = "registered" }
[[server]]
name = "west"
parent = "hq"
options = { cad = { distributed = 4 } }
"#;

    fn read(text: &str) -> Topology {
        Topology::read_text(Path::new("."), text).unwrap()
    }

    #[test]
    fn a_topology_is_simulated_with_its_names_counts_and_options() {
        let topology = read(TREE);
        let estate = estate(&topology).unwrap();
        assert_eq!(estate.topology.drawing(), "hq ─ west, west ─ east");
        let cad: ProductName = "cad".parse().unwrap();
        assert_eq!(estate.products, std::slice::from_ref(&cad));
        let files: Vec<_> = estate.licenses.iter().map(|l| (l.place, l.count.0)).collect();
        assert_eq!(files, [(0, 10), (2, 3)]);
        assert_eq!(estate.holding(2, &cad), Some(HoldingVerb::Authorize));
        let four = HoldingVerb::Distribute(LicenseCount(4));
        assert_eq!(estate.holding(1, &cad), Some(four));
        assert_eq!(estate.sites.len(), 3);
        assert_eq!(remarks(&topology).len(), 1);
        assert!(remarks(&topology)[0].ends_with(": cam"));
    }

    #[test]
    fn what_cannot_be_simulated_is_a_problem_of_the_file() {
        let found = |text: &str| {
            let problems = estate(&read(text)).unwrap_err();
            format!("{} {}: {}", problems[0].code, problems[0].key, problems[0].found)
        };
        let head = "tree = \"one\"\n[[product]]\nname = \"cad\"\n";
        let hq = "[[server]]\nname = \"hq\"\n";
        let one = found(&format!("{head}{hq}"));
        assert_eq!(one, "LT0122 server: 1 server; 2 to 100 can be simulated");
        let relay = |n: usize| format!("[[server]]\nname = \"r{n}\"\nparent = \"hq\"\n");
        let many: String = (0..100).map(relay).collect();
        assert!(found(&format!("{head}{hq}{many}")).contains("101 servers"));
        let sessions = format!("{head}metric = \"sessions\"\n{hq}{}", relay(0));
        assert!(found(&sessions).starts_with("LT0123 product: none counts managed devices"));
    }
}
