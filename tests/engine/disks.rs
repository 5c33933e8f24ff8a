//! What the servers of a tree write to: nothing, or the real stores on disks that lose what was
//! not synced when their power goes.

use lictree::model::command::Founding;
use lictree::model::log::{Checkpoint, LogBatch, LogPosition};
use lictree::model::name::ServerName;
use lictree::store::{
    FolderFiles, FolderMeta, LogStore, LossyDisk, Recovered, RowStore, StoreLimits, Survivors,
    create_on, open_on,
};
use std::collections::{BTreeMap, VecDeque};

/// The power went before a write was durable, or before anybody was told that it is.
#[derive(Debug)]
pub struct PowerCut;

/// When the power goes, and what then remains.
#[derive(Clone, Debug)]
pub struct Cut {
    pub server: ServerName,
    /// At which sync of its disk since the server was started and the cut before this one has
    /// happened, counted from 1.
    pub sync: u64,
    /// So many syncs before that one were no syncs either, as a bad disk has it.
    pub forgotten: u64,
    pub survivors: Survivors,
}

/// The disks of a tree; by default none has any, and everything is durable at once.
#[derive(Default)]
pub struct Disks {
    /// Who has a disk; the others are never started anew, so nobody could tell.
    having: Vec<ServerName>,
    /// Each is in force once the one before has happened.
    cuts: VecDeque<Cut>,
    open: BTreeMap<ServerName, Disk>,
    /// Of others of their names ([`crate::twins`]).
    aside: BTreeMap<ServerName, Disk>,
    /// Copies that were made, by what a case calls them.
    copies: BTreeMap<String, LossyDisk>,
}

struct Disk {
    below: LossyDisk,
    /// Syncs that do not count for the next cut.
    syncs_before: u64,
    log: LogStore,
    rows: RowStore,
}

impl Disks {
    pub fn of(having: &[&str], cuts: &[Cut]) -> Disks {
        let having = having.iter().map(|name| name.parse().unwrap()).collect();
        Disks { having, cuts: cuts.iter().cloned().collect(), ..Disks::default() }
    }

    /// Syncs of a server's disk since the server was started, or since the last cut of any.
    pub fn syncs(&self, server: &str) -> u64 {
        let disk = &self.open[&server.parse().unwrap()];
        disk.below.syncs() - disk.syncs_before
    }

    /// The next start of this server finds an empty disk.
    pub fn put_aside(&mut self, server: &ServerName) {
        self.aside.extend(self.open.remove_entry(server));
    }

    /// The next start of this server finds a copy of its disk.
    pub fn copy(&mut self, server: &ServerName) {
        let Some(disk) = self.open.remove(server) else { return };
        self.put_in(server, disk.below.crash(Survivors::All));
        self.aside.insert(server.clone(), disk);
    }

    fn put_in(&mut self, server: &ServerName, below: LossyDisk) {
        let opened = open_on(FolderFiles::on(&below), &StoreLimits::default());
        let (log, rows, _) = opened.unwrap_or_else(|error| panic!("{server}: {error}"));
        let syncs_before = below.syncs();
        self.open.insert(server.clone(), Disk { below, syncs_before, log, rows });
    }

    /// A backup of what is on it now.
    pub fn back_up(&mut self, server: &ServerName, copy: &str) {
        let below = self.open[server].below.crash(Survivors::All);
        self.copies.insert(copy.to_string(), below);
    }

    /// The next start of this server finds that backup.
    pub fn restore(&mut self, server: &ServerName, copy: &str) {
        let below = self.copies[copy].crash(Survivors::All);
        self.put_in(server, below);
    }

    /// The disk that was put aside is the server's, and the other one is put aside.
    pub fn swap(&mut self, server: &ServerName) {
        let Some(aside) = self.aside.remove(server) else { return };
        self.aside.extend(self.open.remove_entry(server));
        self.open.insert(server.clone(), aside);
    }

    /// What a start finds: a folder that was just made, or what is left of the one there was.
    pub fn open(&mut self, founding: &Founding) -> Recovered {
        let Founding { tree, name, incarnation, .. } = founding.clone();
        let folder = FolderMeta { tree, server: name.clone(), incarnation };
        if !self.having.contains(&name) {
            let (rows, entries, hard_state, cut) = Default::default();
            return Recovered { folder, rows, entries, hard_state, cut };
        }
        let below = match self.open.remove(&name) {
            Some(Disk { below, .. }) => below,
            None => {
                let disk = LossyDisk::new();
                create_on(FolderFiles::on(&disk), &folder).unwrap();
                disk
            }
        };
        let syncs_before = below.syncs();
        let opened = open_on(FolderFiles::on(&below), &StoreLimits::default());
        let (log, rows, found) = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.folder, folder);
        self.open.insert(name, Disk { below, syncs_before, log, rows });
        found
    }

    pub fn append(&mut self, server: &ServerName, batch: &LogBatch) -> Result<(), PowerCut> {
        self.write(server, |disk| disk.log.append(std::slice::from_ref(batch)).unwrap())
    }

    pub fn save(&mut self, server: &ServerName, rows: &Checkpoint) -> Result<(), PowerCut> {
        self.write(server, |disk| disk.rows.checkpoint(rows, rows.at.index).unwrap())
    }

    pub fn cut_log(&mut self, server: &ServerName, position: LogPosition) {
        self.open.get_mut(server).into_iter().for_each(|disk| disk.log.cut_behind(position));
    }

    /// Writes, unless it is in this write that the power goes.
    fn write(
        &mut self,
        server: &ServerName,
        write: impl FnOnce(&mut Disk),
    ) -> Result<(), PowerCut> {
        let Some(disk) = self.open.get_mut(server) else { return Ok(()) };
        write(disk);
        let Some(cut) = self.cuts.front().filter(|cut| cut.server == *server) else {
            return Ok(());
        };
        if disk.below.syncs() < disk.syncs_before + cut.sync {
            return Ok(());
        }
        // What the store did from that sync on never happened.
        let sync = disk.syncs_before + cut.sync.saturating_sub(cut.forgotten).max(1);
        let operations = disk.below.operations_before_sync(sync).unwrap();
        disk.below = disk.below.crash_at(operations, cut.survivors);
        self.cuts.pop_front();
        self.open.values_mut().for_each(|disk| disk.syncs_before = disk.below.syncs());
        Err(PowerCut)
    }
}
