//! Topology files: a whole tree described in one folder, to be looked at, planned with, or started.
//!
//! ```text
//!   DIR/topology.toml ─► file ─► check ─► Topology ─┬─► figures   what it counts: show
//!   DIR/discovery/…   ─► import ────┘               ├─► plan      what a change would do
//!                                                   └─► edge::up  a real tree of it
//! ```
//!
//! - `file`: the text as it is written; `check`: whether it makes sense, all problems at once.
//! - `figures`: servers and ranges of a tree that stands as described, with nothing running.
//! - `plan`: the ranges before and after a change of a holding option.
//!
//! Invariant: a [`Topology`] that was read is one tree, holds what it distributes, and manages no
//! more than it discovered and its ranges hold.

mod check;
pub mod figures;
mod file;
pub mod plan;
pub mod problem;

#[cfg(test)]
mod tests;

use crate::client::contract::ImportFormat;
use crate::edge::codes;
use crate::engine::range::{Range, Tree, children, ranges};
use crate::model::count::LicenseCount;
use crate::model::holding::HoldingOption;
use crate::model::license::Metric;
use crate::model::name::{ProductName, ServerName, TreeName};
use problem::{Complaints, Problem};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The name of the file in its folder.
pub const TOPOLOGY_NAME: &str = "topology.toml";
/// The largest `topology.toml`, in bytes: about 10,000 servers.
pub const FILE_BYTES_MAX: u64 = 4 << 20;
/// The most servers one topology may have.
pub const SERVERS_MAX: usize = 10_000;

/// A tree of servers as one file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    pub folder: PathBuf,
    pub tree: TreeName,
    pub products: BTreeMap<ProductName, Metric>,
    pub servers: BTreeMap<ServerName, TopologyServer>,
    /// License files to issue and register.
    pub licenses: Vec<TopologyLicense>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopologyServer {
    /// The primary has none.
    pub parent: Option<ServerName>,
    /// Its UDP port; a free one when not named.
    pub listen: Option<u16>,
    /// What it holds by, where that is not `none`.
    pub options: BTreeMap<ProductName, Holding>,
    pub discovery: Vec<DiscoveryTable>,
    /// Machines in all its tables together.
    pub nodes: u64,
    /// How many of them to manage.
    pub managed: BTreeMap<ProductName, u64>,
}

/// A relay's holding option and what comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    Distributed(LicenseCount),
    Registered,
}

impl Holding {
    pub fn option(self) -> HoldingOption {
        match self {
            Holding::Distributed(_) => HoldingOption::Distributed,
            Holding::Registered => HoldingOption::Registered,
        }
    }
}

/// A file with machines that were found at a server's site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryTable {
    pub path: PathBuf,
    pub format: ImportFormat,
}

/// A license file to issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyLicense {
    pub product: ProductName,
    pub count: LicenseCount,
    pub at: ServerName,
}

impl Topology {
    /// Reads and judges `folder/topology.toml` and the discovery tables it names.
    pub fn read(folder: &Path) -> Result<Topology, Vec<Problem>> {
        Topology::read_file(folder, &folder.join(TOPOLOGY_NAME))
    }

    /// The same of a folder, or of a file with such a text whatever its name is; the discovery
    /// tables are looked for beside it.
    pub fn read_at(path: &Path) -> Result<Topology, Vec<Problem>> {
        // What is not there at all is named as it was given.
        if path.is_dir() {
            return Topology::read(path);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Topology::read_file(folder.unwrap_or(Path::new(".")), path)
    }

    fn read_file(folder: &Path, path: &Path) -> Result<Topology, Vec<Problem>> {
        let text = match text_of(path) {
            Ok(text) => text,
            Err(found) => {
                let mut complaints = Complaints::new(path);
                complaints.add(
                    codes::TOPOLOGY_FILE,
                    "",
                    found,
                    "name a folder with a topology.toml",
                );
                return Err(complaints.all());
            }
        };
        Topology::judged(folder, path, &text)
    }

    /// The same of the text of its file; the discovery tables are looked for in `folder`.
    pub fn read_text(folder: &Path, text: &str) -> Result<Topology, Vec<Problem>> {
        Topology::judged(folder, &folder.join(TOPOLOGY_NAME), text)
    }

    fn judged(folder: &Path, path: &Path, text: &str) -> Result<Topology, Vec<Problem>> {
        let mut complaints = Complaints::new(path);
        let raw = file::read(text, &mut complaints);
        check::judge(folder, raw, complaints)
    }

    /// Every server with its parent.
    pub fn shape(&self) -> Tree {
        let pair =
            |(name, server): (&ServerName, &TopologyServer)| (name.clone(), server.parent.clone());
        self.servers.iter().map(pair).collect()
    }

    /// The ranges of one product, depth first.
    pub fn ranges(&self, product: &ProductName) -> Vec<Range> {
        let holds = |name: &ServerName| {
            self.servers.get(name).is_some_and(|server| server.options.contains_key(product))
        };
        ranges(&self.shape(), holds)
    }

    /// The server without a parent.
    pub fn primary(&self) -> Option<&ServerName> {
        self.servers.iter().find(|(_, server)| server.parent.is_none()).map(|(name, _)| name)
    }

    /// All servers by their levels, the primary first.
    pub fn levels(&self) -> Vec<Vec<ServerName>> {
        let shape = self.shape();
        let children = children(&shape);
        let mut levels: Vec<Vec<ServerName>> = Vec::new();
        let mut level: Vec<&ServerName> = self.primary().into_iter().collect();
        while !level.is_empty() && levels.len() <= self.servers.len() {
            levels.push(level.iter().map(|name| (*name).clone()).collect());
            let below = level.iter().filter_map(|name| children.get(name));
            level = below.flatten().copied().collect();
        }
        levels
    }

    /// What is registered at this server.
    pub fn registered(&self, at: &ServerName, product: &ProductName) -> LicenseCount {
        let here = self.licenses.iter().filter(|l| &l.at == at && &l.product == product);
        here.map(|license| license.count).sum()
    }

    /// What is distributed to relays.
    pub fn distributed(&self, product: &ProductName) -> LicenseCount {
        let count = |server: &TopologyServer| match server.options.get(product) {
            Some(Holding::Distributed(count)) => *count,
            _ => LicenseCount::ZERO,
        };
        self.servers.values().map(count).sum()
    }
}

/// The text of a small file, or why there is none.
fn text_of(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let mut text = String::new();
    let taken = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    match taken {
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(bytes) if bytes as u64 > FILE_BYTES_MAX => {
            Err(format!("has more than {FILE_BYTES_MAX} bytes"))
        }
        Ok(_) => Ok(text),
    }
}
