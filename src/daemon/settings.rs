//! What a daemon is told before it starts. Read from where and judged by whom is not asked here.

use crate::daemon::pace::PaceLimits;
use crate::daemon::room::RoomLimits;
use crate::model::holding::Role;
use crate::model::name::{ServerName, TreeName};
use crate::model::tuning::Tuning;
use crate::net::{Identity, NetLimits};
use crate::wire::WireLimits;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of a server's configuration where it lies in its data folder.
pub const CONFIG_NAME: &str = "lictree.toml";
/// The folder of identities and the folder of stores in a data folder.
pub(super) const IDENTITY: &str = "identity";
const STATE: &str = "state";

/// Everything that makes one daemon differ from another.
#[derive(Debug)]
pub struct Settings {
    pub tree: TreeName,
    pub name: ServerName,
    pub role: Role,
    pub data_dir: PathBuf,
    /// Where the witness of a clean restart is; without one, beside the data folder.
    pub witness: Option<PathBuf>,
    /// Where children call; a server without children needs none.
    pub listen: Option<SocketAddr>,
    /// Whom to call; at relays only, and always there.
    pub parent: Option<Parent>,
    pub identity: Identity,
    pub tuning: Tuning,
    pub net: NetLimits,
    pub wire: WireLimits,
    pub limits: DaemonLimits,
    /// The version of this software, shown to people and peers.
    pub software: String,
}

/// The server above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    pub name: ServerName,
    /// `host:port`, looked up anew at every try.
    pub address: String,
}

/// The bounds and times of the loop and its links. The defaults are stated here only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonLimits {
    /// Inputs that wait for the owner. 1,024.
    pub inbox_max: usize,
    /// Batches that wait for the log's thread; what waits shares one sync. 64.
    pub log_queue_max: usize,
    /// Memory kept of the log's file. 2 MiB.
    pub log_cache_bytes: usize,
    /// Memory kept of the rows' file. 4 MiB.
    pub rows_cache_bytes: usize,
    /// What room there is to be on the disk.
    pub room: RoomLimits,
    /// How fast one neighbour may be.
    pub pace: PaceLimits,
    /// From a made connection to its first frame, the greeting. 5 s.
    pub hello_timeout: Duration,
    /// The first and the longest pause between two calls of the parent. 100 ms and 5 s.
    pub redial_first: Duration,
    pub redial_longest: Duration,
    /// The pause after a certificate could not be renewed. 30 s.
    pub renewal_retry: Duration,
    /// How long a stop waits for the disk before it leaves the rest to the next start. 10 s.
    pub stop_grace: Duration,
}

impl Default for DaemonLimits {
    fn default() -> DaemonLimits {
        DaemonLimits {
            inbox_max: 1_024,
            log_queue_max: 64,
            log_cache_bytes: 2 << 20,
            rows_cache_bytes: 4 << 20,
            room: RoomLimits::default(),
            pace: PaceLimits::default(),
            hello_timeout: Duration::from_secs(5),
            redial_first: Duration::from_millis(100),
            redial_longest: Duration::from_secs(5),
            renewal_retry: Duration::from_secs(30),
            stop_grace: Duration::from_secs(10),
        }
    }
}

/// Where a server's identity lies in its data folder.
pub fn identity_dir(data_dir: &Path) -> PathBuf {
    data_dir.join(IDENTITY)
}

/// Where a server's stores lie in its data folder.
pub fn state_dir(data_dir: &Path) -> PathBuf {
    data_dir.join(STATE)
}
