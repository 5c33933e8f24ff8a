//! Words of a text case about disks that are full.

use crate::tree::Tree;
use lictree::model::disk::DiskShort;
use lictree::server::input::Input;

impl Tree {
    pub(crate) fn run_full(&mut self, words: &[&str]) -> Option<String> {
        let (server, short) = match words {
            ["disk", server, "full"] => {
                (server, Some(DiskShort { free_bytes: 5 << 20, needed_bytes: 80 << 20 }))
            }
            ["disk", server, "ok"] => (server, None),
            _ => return None,
        };
        self.post(&server.parse().unwrap(), Input::Disk { short });
        self.settle();
        Some(String::new())
    }
}
