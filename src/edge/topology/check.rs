//! Whether a topology makes sense. Nothing stops at the first problem.

use crate::edge::codes;
use crate::edge::import::{self, ImportLimits};
use crate::edge::topology::file::{RawManaged, RawOption, RawServer, RawTable, RawTopology};
use crate::edge::topology::problem::{Complaints, Problem};
use crate::edge::topology::{
    DiscoveryTable, Holding, SERVERS_MAX, Topology, TopologyLicense, TopologyServer, figures,
};
use crate::engine::identities::node_count;
use crate::engine::range::check as check_tree;
use crate::model::count::{COUNT_MAX, LicenseCount};
use crate::model::discovery::Found;
use crate::model::license::Metric;
use crate::model::name::{ProductName, ServerName, TreeName};
use crate::model::time::Timestamp;
use crate::model::tuning::Tuning;
use std::collections::BTreeMap;
use std::path::{Component, Path};

/// The topology, or everything that is wrong with it.
pub(super) fn judge(
    folder: &Path,
    raw: RawTopology,
    mut complaints: Complaints,
) -> Result<Topology, Vec<Problem>> {
    // Whatever is lacking because it could not be read would be complained of again.
    if !complaints.is_empty() {
        return Err(complaints.all());
    }
    let tree = tree_name(folder, &raw, &mut complaints);
    let products = products(&raw, &mut complaints);
    let only = only_product(&products);
    let mut topology = Topology {
        folder: folder.to_path_buf(),
        tree,
        products,
        servers: BTreeMap::new(),
        licenses: Vec::new(),
    };
    for license in raw.licenses {
        match license.product.or_else(|| only.clone()) {
            Some(product) => topology.licenses.push(TopologyLicense {
                product,
                count: license.count,
                at: license.at,
            }),
            None => complaints.add(
                codes::TOPOLOGY_FORM,
                format!("license at {}", license.at),
                "no product is named, and there is not exactly one",
                "add `product = \"…\"`",
            ),
        }
    }
    for server in raw.servers {
        let name = server.name.clone();
        let server = convert(folder, server, &only, &mut complaints);
        if topology.servers.insert(name.clone(), server).is_some() {
            let remedy = "give each server a name of its own";
            complaints.add(
                codes::TOPOLOGY_TREE,
                format!("server {name}"),
                "there are two of this name",
                remedy,
            );
        }
    }
    check_shape(&topology, &mut complaints);
    check_names(&topology, &mut complaints);
    check_ports(&topology, &mut complaints);
    check_licenses(&topology, &mut complaints);
    check_distributions(&topology, &mut complaints);
    // Sums of a tree that is none, or of counts that cannot be, would only repeat what was said.
    if complaints.is_empty() {
        check_ranges(&topology, &mut complaints);
    }
    complaints.judge(topology)
}

/// As named, or as the folder is.
fn tree_name(folder: &Path, raw: &RawTopology, complaints: &mut Complaints) -> TreeName {
    let by_folder = || {
        let absolute = std::path::absolute(folder).ok()?;
        absolute.file_name()?.to_str()?.parse().ok()
    };
    raw.tree.clone().or_else(by_folder).unwrap_or_else(|| {
        complaints.add(codes::TOPOLOGY_FORM, "tree", "the tree has no name", "add `tree = \"…\"`");
        "tree".parse().expect("`tree` is a plain name")
    })
}

fn products(raw: &RawTopology, complaints: &mut Complaints) -> BTreeMap<ProductName, Metric> {
    let mut products = BTreeMap::new();
    for product in &raw.products {
        if products.insert(product.name.clone(), product.metric).is_some() {
            let key = format!("product {}", product.name);
            complaints.add(
                codes::TOPOLOGY_COUNT,
                key,
                "it is named twice",
                "leave one of them out",
            );
        }
    }
    if products.is_empty() {
        let remedy = "add `[[product]]` with `name = \"…\"`";
        complaints.add(codes::TOPOLOGY_FORM, "product", "there is none", remedy);
    }
    products
}

fn only_product(products: &BTreeMap<ProductName, Metric>) -> Option<ProductName> {
    let mut names = products.keys();
    names.next().filter(|_| products.len() == 1).cloned()
}

fn convert(
    folder: &Path,
    raw: RawServer,
    only: &Option<ProductName>,
    complaints: &mut Complaints,
) -> TopologyServer {
    let key = |part: &str| format!("server {}: {part}", raw.name);
    let managed = match (raw.managed, only) {
        (RawManaged::ByProduct(managed), _) => managed,
        (RawManaged::Count(count), Some(product)) => BTreeMap::from([(product.clone(), count)]),
        (RawManaged::Count(_), None) => {
            let found = "it is one number, and there is not exactly one product";
            complaints.add(
                codes::TOPOLOGY_FORM,
                key("managed"),
                found,
                "write `{ product = number }`",
            );
            BTreeMap::new()
        }
    };
    let holding = |(product, option): (ProductName, RawOption)| match option {
        RawOption::None => None,
        RawOption::Registered => Some((product, Holding::Registered)),
        RawOption::Distributed(count) => Some((product, Holding::Distributed(count))),
    };
    let tables = raw.discovery.iter();
    let lists = tables.map(|table| found_in(folder, table, &key("discovery"), complaints));
    let nodes = node_count(lists);
    let path =
        |table: &RawTable| DiscoveryTable { path: folder.join(&table.file), format: table.format };
    TopologyServer {
        parent: raw.parent,
        listen: raw.listen,
        options: raw.options.into_iter().filter_map(holding).collect(),
        discovery: raw.discovery.iter().map(path).collect(),
        nodes,
        managed,
    }
}

fn found_in(folder: &Path, table: &RawTable, key: &str, complaints: &mut Complaints) -> Vec<Found> {
    let shown = table.file.display();
    let inside = table.file.components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        let remedy = "name it relative to the folder, without `..`";
        complaints.add(
            codes::TOPOLOGY_TABLE,
            key,
            format!("{shown} lies outside the folder"),
            remedy,
        );
        return Vec::new();
    }
    let path = folder.join(&table.file);
    match import::read_file(&path, table.format, &ImportLimits::default()) {
        Ok(import) => import.found,
        Err(error) => {
            complaints.add(
                codes::TOPOLOGY_TABLE,
                key,
                format!("{shown}: {error}"),
                "put the output of `nmap -oX FILE`, `arp -an`, `ip neigh` or `show ip arp`, \
                 neighbours of CDP or LLDP in detail, or a CSV with a column `address` there",
            );
            Vec::new()
        }
    }
}

fn check_shape(topology: &Topology, complaints: &mut Complaints) {
    let servers = topology.servers.len();
    if servers == 0 {
        complaints.add(
            codes::TOPOLOGY_TREE,
            "server",
            "there is none",
            "add `[[server]]` with `name = \"…\"`",
        );
        return;
    }
    if servers > SERVERS_MAX {
        let found = format!("there are {servers}; at most {SERVERS_MAX} are allowed");
        complaints.add(codes::TOPOLOGY_TREE, "server", found, "describe a part of the tree");
    }
    let remedy = "every server but one names its parent, and all lead up to that one";
    let Err(errors) = check_tree(&topology.shape()) else {
        return check_depth(topology, complaints);
    };
    for error in errors {
        complaints.add(codes::TOPOLOGY_TREE, "server", error.to_string(), remedy);
    }
}

fn check_depth(topology: &Topology, complaints: &mut Complaints) {
    let depth_max = Tuning::default().depth_max;
    for name in topology.servers.keys().filter(|name| depth(topology, name) > depth_max) {
        let found = format!("it stands on a level below the {depth_max}th");
        let remedy = "give it a parent further up";
        complaints.add(codes::TOPOLOGY_TREE, format!("server {name}"), found, remedy);
    }
}

/// The level of a server, 1 at the primary; never more than one above the limit.
fn depth(topology: &Topology, name: &ServerName) -> usize {
    let above = |name: &&ServerName| topology.servers.get(*name)?.parent.as_ref();
    let upward = std::iter::successors(Some(name), above);
    upward.take(Tuning::default().depth_max + 1).count()
}

/// Products that options, licenses and devices name exist; servers that licenses name too.
fn check_names(topology: &Topology, complaints: &mut Complaints) {
    let known: Vec<&str> = topology.products.keys().map(ProductName::as_str).collect();
    let remedy = format!("the products are: {}", known.join(", "));
    let mut check = |key: String, product: &ProductName| {
        if !topology.products.contains_key(product) {
            complaints.add(
                codes::TOPOLOGY_COUNT,
                key,
                format!("there is no product {product}"),
                remedy.clone(),
            );
        }
    };
    for (name, server) in &topology.servers {
        server.options.keys().for_each(|p| check(format!("server {name}: options"), p));
        server.managed.keys().for_each(|p| check(format!("server {name}: managed"), p));
    }
    topology.licenses.iter().for_each(|l| check(format!("license at {}", l.at), &l.product));
}

fn check_ports(topology: &Topology, complaints: &mut Complaints) {
    let mut taken: BTreeMap<u16, &ServerName> = BTreeMap::new();
    for (name, server) in &topology.servers {
        let Some(port) = server.listen else { continue };
        let key = format!("server {name}: listen");
        if port == 0 {
            complaints.add(
                codes::TOPOLOGY_COUNT,
                key,
                "0 is no port",
                "leave `listen` out for a free port",
            );
        } else if let Some(other) = taken.insert(port, name) {
            let found = format!("{other} listens on {port} too");
            complaints.add(codes::TOPOLOGY_COUNT, key, found, "give it another port, or none");
        }
    }
}

fn check_licenses(topology: &Topology, complaints: &mut Complaints) {
    for license in &topology.licenses {
        let (at, product) = (&license.at, &license.product);
        let key = format!("license at {at}");
        if license.count == LicenseCount::ZERO || license.count > COUNT_MAX {
            let found = format!("a count of {}", license.count);
            complaints.add(
                codes::TOPOLOGY_COUNT,
                &key,
                found,
                format!("a count is 1 to {COUNT_MAX}"),
            );
        }
        let Some(server) = topology.servers.get(at) else {
            complaints.add(codes::TOPOLOGY_COUNT, &key, "no server has that name", "correct `at`");
            continue;
        };
        let may =
            server.parent.is_none() || server.options.get(product) == Some(&Holding::Registered);
        if !may {
            let remedy = format!("write `options = {{ {product} = \"registered\" }}` there");
            complaints.add(
                codes::TOPOLOGY_COUNT,
                &key,
                "that relay may not register licenses",
                remedy,
            );
        }
    }
}

fn check_distributions(topology: &Topology, complaints: &mut Complaints) {
    for (name, server) in &topology.servers {
        for (product, holding) in &server.options {
            let key = format!("server {name}: options.{product}");
            if server.parent.is_none() {
                let found = "the primary always holds and has no option";
                complaints.add(
                    codes::TOPOLOGY_COUNT,
                    &key,
                    found,
                    "leave it out, and register licenses there",
                );
            }
            let Holding::Distributed(count) = *holding else { continue };
            if count == LicenseCount::ZERO || count > COUNT_MAX {
                let found = format!("a distribution of {count}");
                let remedy = format!("a count is 1 to {COUNT_MAX}; `\"none\"` distributes nothing");
                complaints.add(codes::TOPOLOGY_COUNT, &key, found, remedy);
            }
        }
    }
    let Some(primary) = topology.primary() else { return };
    for product in topology.products.keys() {
        let (given, has) = (topology.distributed(product), topology.registered(primary, product));
        if given > has {
            let found = format!("{given} are distributed and {has} are registered at {primary}");
            let remedy = "register more there, or distribute less";
            complaints.add(codes::TOPOLOGY_COUNT, format!("product {product}"), found, remedy);
        }
    }
}

/// No server manages more than it found, no range more than it holds.
fn check_ranges(topology: &Topology, complaints: &mut Complaints) {
    for (name, server) in &topology.servers {
        let managed = server.managed.values().fold(0u64, |sum, count| sum.saturating_add(*count));
        if managed > server.nodes {
            let found = format!("{managed} of {} discovered nodes", server.nodes);
            let remedy = "manage fewer, or add a discovery table";
            complaints.add(codes::TOPOLOGY_COUNT, format!("server {name}: managed"), found, remedy);
        }
        for (product, count) in &server.managed {
            let sessions = topology.products.get(product) == Some(&Metric::Sessions);
            if sessions && *count > 0 {
                let found = format!("{product} counts sessions, not devices");
                complaints.add(
                    codes::TOPOLOGY_COUNT,
                    format!("server {name}: managed"),
                    found,
                    "leave it out",
                );
            }
        }
    }
    for range in figures::ranges(topology, Timestamp(0)).ranges {
        if range.shortage > LicenseCount::ZERO {
            let (held, used) = (range.held, range.used);
            let key = format!("product {}", range.product);
            let found = format!("range {} is to manage {used} and holds {held}", range.source);
            complaints.add(codes::TOPOLOGY_COUNT, key, found, "manage fewer there, or hold more");
        }
    }
}
