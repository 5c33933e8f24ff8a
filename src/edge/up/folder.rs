//! The data folder of a tree on one machine, held by one process at a time.
//!
//! ```text
//!   DIR/a/ DIR/b/ …       a folder for each server: lictree.toml, identity, data, log.txt
//!   DIR/.up/lock          held while a tree runs here
//!   DIR/.up/memory.json   which first steps were done, and the ports
//!   DIR/.up/topology.toml the topology that the tree was made of
//!   DIR/.up/vendor.key    of the vendor that issues the example's license files
//!   DIR/.up/licenses/     those files
//! ```
//! No server's name begins with a dot, so the two kinds of folders never meet.

use crate::edge::codes;
use crate::edge::founding::CONFIG_NAME;
use crate::edge::private_file;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::model::name::{ServerName, TreeName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What is remembered between two starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Memory {
    pub(super) tree: TreeName,
    pub(super) ports: BTreeMap<ServerName, u16>,
    /// Configurations as they were written; what differs was changed by a person.
    pub(super) written: BTreeMap<ServerName, String>,
    /// First steps that were done, so that nobody's later changes are undone.
    pub(super) done: BTreeSet<String>,
}

/// The data folder, locked.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    pub(super) memory: Memory,
    _lock: File,
}

impl Folder {
    /// Makes the folder if needed, locks it, and remembers.
    pub(super) fn open(root: &Path, tree: &TreeName) -> Result<Folder, Failure> {
        if root.join(CONFIG_NAME).exists() {
            let shown = root.display();
            let message = format!("{shown} is the folder of one server: it has a {CONFIG_NAME}");
            let hint = "name a folder of its own for the whole tree: `--data DIR`";
            return Err(Failure::new(Exit::Refused, codes::UP_FOLDER, message, hint));
        }
        let own = root.join(".up");
        make_private(&own)?;
        let path = own.join("lock");
        let lock = File::create(&path).map_err(|error| unusable(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("another `lictree up` runs a tree in {}", root.display());
                let hint = "use that one, or name another folder: `--data DIR`";
                return Err(Failure::new(Exit::Refused, codes::UP_BUSY, message, hint));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(&path, &error)),
        }
        let memory = remembered(&own.join("memory.json"), tree)?;
        if &memory.tree != tree {
            let message = format!("{} holds the tree {}, not {tree}", root.display(), memory.tree);
            let hint = "name another folder (`--data DIR`), or remove this one to begin anew";
            return Err(Failure::new(Exit::Refused, codes::UP_FOLDER, message, hint));
        }
        Ok(Folder { root: root.to_path_buf(), memory, _lock: lock })
    }

    pub(super) fn server(&self, name: &ServerName) -> PathBuf {
        self.root.join(name.as_str())
    }

    pub(super) fn config(&self, name: &ServerName) -> PathBuf {
        self.server(name).join(CONFIG_NAME)
    }

    pub(super) fn vendor_key(&self) -> PathBuf {
        self.root.join(".up/vendor.key")
    }

    pub(super) fn licenses(&self) -> PathBuf {
        self.root.join(".up/licenses")
    }

    /// Whether the tree was made of another topology than this text. The first one is kept.
    pub(super) fn was_made_otherwise(&self, topology: &Path) -> Result<bool, Failure> {
        let kept = self.root.join(".up/topology.toml");
        let now = std::fs::read(topology).map_err(|error| unusable(topology, &error))?;
        match std::fs::read(&kept) {
            Ok(then) => Ok(then != now),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                std::fs::write(&kept, now).map_err(|error| unusable(&kept, &error))?;
                Ok(false)
            }
            Err(error) => Err(unusable(&kept, &error)),
        }
    }

    /// Makes what is remembered durable.
    pub(super) fn remember(&self) -> Result<(), Failure> {
        let path = self.root.join(".up/memory.json");
        let text = serde_json::to_string_pretty(&self.memory)
            .map_err(|error| unusable(&path, &error.into()))?;
        private_file::replace(&path, &text).map_err(|error| unusable(&path, &error))
    }

    pub(super) fn is_done(&self, step: &str) -> bool {
        self.memory.done.contains(step)
    }

    /// Remembers that a first step was done.
    pub(super) fn done(&mut self, step: String) -> Result<(), Failure> {
        self.memory.done.insert(step);
        self.remember()
    }
}

/// Makes a folder (0700) and those above it, if they are not there.
pub(super) fn make_private(folder: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| unusable(folder, &error))
}

pub(super) fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("cannot use {}: {error}", path.display());
    Failure::new(Exit::Refused, codes::UP_FOLDER, message, "name another folder: `--data DIR`")
}

fn remembered(path: &Path, tree: &TreeName) -> Result<Memory, Failure> {
    let text = match private_file::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let (ports, written, done) = Default::default();
            return Ok(Memory { tree: tree.clone(), ports, written, done });
        }
        Err(error) => return Err(unusable(path, &error)),
    };
    serde_json::from_str(&text).map_err(|error| unusable(path, &error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_and_one_tree_for_ever() {
        let root = tempfile::tempdir().unwrap();
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let mut folder = Folder::open(root.path(), &acme).unwrap();
        assert_eq!(Folder::open(root.path(), &acme).unwrap_err().code, codes::UP_BUSY);
        folder.done("manage:a".to_string()).unwrap();
        drop(folder);
        assert!(Folder::open(root.path(), &acme).unwrap().is_done("manage:a"));
        assert_eq!(Folder::open(root.path(), &other).unwrap_err().code, codes::UP_FOLDER);
        std::fs::write(root.path().join(".up/memory.json"), "{").unwrap();
        assert_eq!(Folder::open(root.path(), &acme).unwrap_err().code, codes::UP_FOLDER);
    }

    #[test]
    fn no_tree_is_made_inside_the_folder_of_a_server() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join(CONFIG_NAME), "").unwrap();
        let refused = Folder::open(root.path(), &"acme".parse().unwrap()).unwrap_err();
        assert_eq!(refused.code, codes::UP_FOLDER);
        assert!(refused.message.contains("folder of one server"), "{refused:?}");
        assert!(!root.path().join(".up").exists());
    }

    #[test]
    fn a_topology_that_changed_since_is_seen() {
        let root = tempfile::tempdir().unwrap();
        let topology = root.path().join("topology.toml");
        let folder = Folder::open(&root.path().join("data"), &"acme".parse().unwrap()).unwrap();
        let mut changed = Vec::new();
        for text in ["one", "one", "other", "one"] {
            std::fs::write(&topology, text).unwrap();
            changed.push(folder.was_made_otherwise(&topology).unwrap());
        }
        assert_eq!(changed, [false, false, true, false]);
    }
}
