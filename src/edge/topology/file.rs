//! The text of `topology.toml` as it is written, before anybody asks whether it makes sense.
//!
//! Every table of the file is read for itself, so that one misspelled key does not hide the next.

use crate::client::contract::ImportFormat;
use crate::edge::codes;
use crate::edge::config::nearest;
use crate::edge::topology::problem::Complaints;
use crate::model::count::LicenseCount;
use crate::model::license::Metric;
use crate::model::name::{ProductName, ServerName, TreeName};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::{Table, Value};

const REMEDY: &str = "see topology-examples/jp1-figure/topology.toml for every key there is";

/// The tables of the file.
const TABLES: [&str; 4] = ["tree", "product", "server", "license"];

/// What the file says, without the parts that could not be read.
pub(super) struct RawTopology {
    pub(super) tree: Option<TreeName>,
    pub(super) products: Vec<RawProduct>,
    pub(super) servers: Vec<RawServer>,
    pub(super) licenses: Vec<RawLicense>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProduct {
    pub(super) name: ProductName,
    #[serde(default = "managed_devices")]
    pub(super) metric: Metric,
}

fn managed_devices() -> Metric {
    Metric::ManagedDevices
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    pub(super) name: ServerName,
    pub(super) parent: Option<ServerName>,
    pub(super) listen: Option<u16>,
    #[serde(default)]
    pub(super) options: BTreeMap<ProductName, RawOption>,
    #[serde(default)]
    pub(super) discovery: Vec<RawTable>,
    #[serde(default)]
    pub(super) managed: RawManaged,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawOption {
    None,
    Distributed(LicenseCount),
    Registered,
}

/// `managed = 30` where there is one product, else `managed = { cad = 3, cam = 4 }`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a number of devices, or a table of product = number")]
pub(super) enum RawManaged {
    Count(u64),
    ByProduct(BTreeMap<ProductName, u64>),
}

impl Default for RawManaged {
    fn default() -> RawManaged {
        RawManaged::ByProduct(BTreeMap::new())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTable {
    pub(super) file: PathBuf,
    #[serde(default)]
    pub(super) format: ImportFormat,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLicense {
    pub(super) product: Option<ProductName>,
    pub(super) count: LicenseCount,
    pub(super) at: ServerName,
}

/// Reads the text; what cannot be read is complained of and left out.
pub(super) fn read(text: &str, complaints: &mut Complaints) -> RawTopology {
    let mut table = match text.parse::<Table>() {
        Ok(table) => table,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            complaints.add(
                codes::TOPOLOGY_FORM,
                format!("line {line}"),
                error.message(),
                "this is not TOML",
            );
            Table::new()
        }
    };
    let topology = RawTopology {
        tree: table.remove("tree").and_then(|value| one(value, "tree", complaints)),
        products: many(table.remove("product"), "product", complaints),
        servers: many(table.remove("server"), "server", complaints),
        licenses: many(table.remove("license"), "license", complaints),
    };
    for key in table.keys() {
        complaints.add(codes::TOPOLOGY_FORM, key, "no such key", meant(key, &TABLES));
    }
    topology
}

/// The key that a person may have meant.
fn meant(key: &str, known: &[&str]) -> String {
    nearest(key, known).map_or(REMEDY.to_string(), |near| format!("did you mean `{near}`?"))
}

fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1
}

fn one<T: DeserializeOwned>(value: Value, key: &str, complaints: &mut Complaints) -> Option<T> {
    // Only the message: the rest points into a text that no file holds.
    let complain = |error: toml::de::Error| {
        let message = error.message();
        // "unknown field `one`, expected one of `name`, …": what stands between backticks.
        let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let remedy = match names.split_first() {
            Some((unknown, known)) if message.starts_with("unknown field") => meant(unknown, known),
            _ => REMEDY.to_string(),
        };
        complaints.add(codes::TOPOLOGY_FORM, key, message, remedy);
    };
    value.try_into().map_err(complain).ok()
}

fn many<T: DeserializeOwned>(
    value: Option<Value>,
    key: &str,
    complaints: &mut Complaints,
) -> Vec<T> {
    let values = match value {
        None => Vec::new(),
        Some(Value::Array(values)) => values,
        Some(_) => {
            let found = format!("`{key}` is not a list of tables");
            complaints.add(
                codes::TOPOLOGY_FORM,
                key,
                found,
                format!("begin each with `[[{key}]]`"),
            );
            Vec::new()
        }
    };
    let read = |(at, value): (usize, Value)| {
        let name = value.get("name").and_then(Value::as_str).map(str::to_string);
        let key = match name {
            Some(name) => format!("{key} {name}"),
            None => format!("{key} number {}", at + 1),
        };
        one(value, &key, complaints)
    };
    values.into_iter().enumerate().filter_map(read).collect()
}
