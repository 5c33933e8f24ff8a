//! Too little room on the disk of the data folder.

use serde::{Deserialize, Serialize};

/// How much room there is, and from how much on new uses are taken again. In bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskShort {
    pub free_bytes: u64,
    pub needed_bytes: u64,
}

impl std::fmt::Display for DiskShort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (free, needed) = (mib(self.free_bytes), mib(self.needed_bytes));
        write!(f, "{free:.1} MiB are free, and {needed:.1} MiB are needed")
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}
