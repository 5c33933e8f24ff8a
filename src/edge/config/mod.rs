//! A server's configuration: a TOML file, read and judged as a whole before anything is bound.
//!
//! ```text
//!   file ─► Document (raw: every key with its line) ─► Configuration (resolved: every value
//!                  │                                      │   in its bounds, defaults filled in)
//!                  └── problems ◄── judged against ───────┤
//!                        all of them at once              └─► identity files ─► Settings
//! ```
//!
//! Keys that are not known are refused: a misspelt limit must not be a limit that does not hold.
//! The defaults are stated beside what they bound; `config/primary.toml` and `config/relay.toml`
//! show all of them, and a test compares.

mod document;
mod fields;
mod judge;
mod scans;

#[cfg(test)]
mod tests;

pub(super) use document::nearest;
pub use document::{Problem, Problems};

use crate::daemon::settings::{DaemonLimits, Parent, Settings};
use crate::edge::api::{ApiLimits, SocketGroup};
use crate::edge::import::ImportLimits;
use crate::edge::scan::{ScanLimits, ScanRules};
use crate::model::holding::Role;
use crate::model::name::{ServerName, TreeName};
use crate::model::tuning::Tuning;
use crate::model::view::LimitView;
use crate::net::{Identity, NetLimits};
use crate::wire::WireLimits;
use crate::wire::license_file::VendorKeys;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Everything a configuration says, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    pub tree: TreeName,
    pub name: ServerName,
    pub role: Role,
    /// A relative one is taken from where the file is.
    pub data_dir: PathBuf,
    /// Where the witness of a clean restart is; without one, beside the data folder.
    pub witness: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub parent: Option<Parent>,
    /// Whose license files are taken, and whose no longer; all of them are tried.
    pub vendor_keys: VendorKeys,
    /// Who besides its own user may use the socket of this server.
    pub socket_group: Option<SocketGroup>,
    /// What it looks for on its own site, and what it leaves alone.
    pub scans: ScanRules,
    pub limits: Limits,
    /// Every number in it by its name, for people.
    pub stated_limits: Vec<LimitView>,
}

/// Every bound and time, each with a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub tuning: Tuning,
    pub daemon: DaemonLimits,
    pub net: NetLimits,
    pub wire: WireLimits,
    pub api: ApiLimits,
    pub import: ImportLimits,
    pub scan: ScanLimits,
}

impl Default for Limits {
    fn default() -> Limits {
        let wire = WireLimits::default();
        // What `wire` reads and what `net` carries are one limit: that of a frame.
        let frame_bytes_max = u32::try_from(wire.frame_len_max).unwrap_or(u32::MAX);
        let net = NetLimits { frame_bytes_max, ..NetLimits::default() };
        let (tuning, daemon, api, import, scan) = Default::default();
        Limits { tuning, daemon, net, wire, api, import, scan }
    }
}

/// Reads and judges a file alone: what it says, if all that a server needs is there, and everything
/// that is wrong with it.
pub fn read(file: &Path) -> (Option<Configuration>, Problems) {
    match document::read(file) {
        Ok(text) => read_text(file, &text),
        Err(problems) => (None, problems),
    }
}

/// The same of the text of a file, which need not be there: its path tells what a relative
/// `data_dir` starts from.
pub fn read_text(file: &Path, text: &str) -> (Option<Configuration>, Problems) {
    judge::configuration(file, text)
}

/// Reads and judges a file and the identity it leads to.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn load(file: &Path) -> Result<(Configuration, Identity), Problems> {
    let (configuration, mut problems) = read(file);
    let Some(configuration) = configuration else { return Err(problems) };
    match judge::identity(&configuration) {
        Ok(identity) if problems.is_empty() => Ok((configuration, identity)),
        Ok(_) => Err(problems),
        Err(more) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

impl Configuration {
    /// What a daemon is told of it.
    pub fn settings(self, identity: Identity, software: String) -> Settings {
        Settings {
            tree: self.tree,
            name: self.name,
            role: self.role,
            data_dir: self.data_dir,
            witness: self.witness,
            listen: self.listen,
            parent: self.parent,
            identity,
            tuning: self.limits.tuning,
            net: self.limits.net,
            wire: self.limits.wire,
            limits: self.limits.daemon,
            software,
        }
    }
}
