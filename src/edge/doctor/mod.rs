//! A look at everything that a server needs from its machine and its neighbours.
//!
//! ```text
//!   configuration ─┬─► data folder ─► permissions, certificate, disk-space, disk-sync
//!                  ├─► listen ──────► port       free, or held by this very server?
//!                  ├─► parent ──────► parent     does it answer this identity?  ─┐
//!                  └─► socket ──────► server     does it run, what does it say? ─┴► clock, version
//! ```
//!
//! Nothing is changed: the one file that is written, to measure the disk, is removed again. Nobody
//! is disturbed: the parent and the server's own port see a connection that ends before it greets.
//! Every look ends in a bounded time.

mod certificate;
mod clock;
mod configuration;
mod disk;
mod finding;
mod line;
mod parent;
mod permissions;
mod port;
mod server;
mod version;

pub use finding::{About, Finding, State};

use crate::edge::config::{self, Configuration, Limits};
use crate::model::time::Timestamp;
use std::path::{Path, PathBuf};

/// Where a server keeps itself, as far as its configuration can be read.
pub struct Place {
    /// Its configuration.
    pub file: PathBuf,
    pub data_dir: PathBuf,
}

impl Place {
    /// What the configuration in `file` says; its own folder where it says nothing.
    pub fn of(file: &Path) -> Place {
        let (configuration, _) = config::read(file);
        Place { file: file.to_path_buf(), data_dir: data_dir(file, configuration.as_ref()) }
    }
}

fn data_dir(file: &Path, configuration: Option<&Configuration>) -> PathBuf {
    let own = || match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    configuration.map_or_else(own, |configuration| configuration.data_dir.clone())
}

/// Looks at everything; at least one finding about each thing, in the order of [`About`].
pub async fn examine(place: &Place, now: Timestamp) -> Vec<Finding> {
    let (configuration, problems) = config::read(&place.file);
    let (configuration, data_dir) = (configuration.as_ref(), place.data_dir.as_path());
    let limits = configuration.map_or_else(Limits::default, |known| known.limits.clone());
    let identity = certificate::load(data_dir, now);
    let known = identity.as_ref().ok();
    let running = server::ask(data_dir).await;
    let status = running.status();
    let (parent, greeting) = parent::look(configuration, known, &limits).await;

    let mut found = configuration::look(&place.file, configuration, &problems);
    found.extend(permissions::look(place));
    found.push(certificate::look(&identity, configuration, now));
    let role = configuration.map(|known| known.role);
    found.extend(certificate::authority(data_dir, role));
    found.push(clock::look(now, &running, role, data_dir));
    found.push(disk::space(data_dir));
    found.push(disk::sync(data_dir));
    found.push(port::look(configuration, known, status, &limits).await);
    found.push(parent);
    found.push(server::look(&running, configuration));
    found.push(version::look(status, greeting.as_ref()));
    found
}
