//! A disk that is full: nothing new is taken, everything else goes on, and it ends by itself when
//! there is room (docs/operating/full-disk.md).

use crate::lan::Host;
use crate::patience::until;
use crate::server::Server;
use crate::tree::{audit, find, join_in, manage, managed, primary, range, register, told};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

const LIMITS: &str = "\n[limits.disk]\nreserve_bytes = 2097152\nfree_bytes_min = 4194304\n";

/// A file system in memory, of its own; dropping it takes it away.
struct SmallDisk {
    place: tempfile::TempDir,
}

impl SmallDisk {
    /// Nothing, and a word why, without root; with `LICTREE_HOSTS=must` that fails instead.
    fn new(bytes: u64) -> Option<SmallDisk> {
        if !rustix::process::geteuid().is_root() {
            let why = "a disk of its own needs root";
            assert!(std::env::var_os("LICTREE_HOSTS").is_none(), "{why}");
            eprintln!("skipped: {why}");
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=0700"), "tmpfs"]);
        assert!(mount.arg(place.path()).status().unwrap().success());
        Some(SmallDisk { place })
    }

    fn filler(&self) -> PathBuf {
        self.place.path().join("something-else")
    }

    /// Something else takes all the room there is.
    fn fill(&self) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.filler()).unwrap();
        for piece in [64 << 10, 4 << 10, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    /// It needs all but so many bytes.
    fn fill_but(&self, free: u64) {
        let room = rustix::fs::statvfs(self.place.path()).unwrap();
        let taken = room.f_bavail * room.f_frsize - free;
        let bytes = vec![0; usize::try_from(taken).unwrap()];
        File::create(self.filler()).unwrap().write_all(&bytes).unwrap();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still has a file there holds up the end of it, not of this.
        let _ = Command::new("umount").arg("--lazy").arg(self.place.path()).status();
    }
}

fn reserve(server: &Server) -> PathBuf {
    server.folder.join("state/reserve")
}

fn is_short(server: &Server) -> Result<bool, String> {
    Ok(!server.json("status")?["disk_short"].is_null())
}

#[track_caller]
fn short(server: &Server, as_said: bool) {
    until(&format!("short of room: {as_said}"), || match is_short(server)? {
        found if found == as_said => Ok(()),
        found => Err(found.to_string()),
    });
}

/// hq on a small disk, and west, which shares with it, on another one.
fn tree(disk: &SmallDisk) -> (tempfile::TempDir, Server, Server) {
    let beside = tempfile::tempdir().unwrap();
    // What the server says must have room where it itself has none.
    std::os::unix::fs::symlink(beside.path().join("hq.log"), disk.place.path().join("hq.log"))
        .unwrap();
    let hq = primary(Host::default(), disk.place.path().join("hq"), LIMITS);
    let west = join_in(Host::default(), &hq, "west", beside.path().join("west"));
    (beside, hq, west)
}

#[test]
fn nothing_new_is_taken_and_everything_else_goes_on() {
    let Some(disk) = SmallDisk::new(24 << 20) else { return };
    let (_beside, hq, west) = tree(&disk);
    find(&hq, 200);
    find(&west, 9);
    manage(&hq, "hq", 2);
    let mut used = manage(&west, "west", 3);
    assert_eq!(reserve(&hq).metadata().unwrap().len(), 2 << 20);

    disk.fill_but(3 << 20);
    short(&hq, true);
    // What is new: at hq itself, from below, licenses, servers, distributions.
    assert_eq!(hq.ask("node manage --managing-source hq --count 1 --json").code(), "LT0513");
    let asked = west.ask("node manage --managing-source west --count 1 --json");
    assert!(asked.out.contains("LT0513") && asked.exit == 1, "{asked:?}");
    assert_eq!(register(&hq, "7").code(), "LT0513");
    assert_eq!(hq.ask("server invite east --parent hq --json").code(), "LT0513");
    let give = "license distribute inventory 10 --to west --yes --json";
    assert_eq!(hq.ask(give).code(), "LT0513");
    let said = hq.ask("node manage --managing-source hq --count 1").err;
    assert!(said.contains("MiB are free") && said.contains("make room"), "{said}");
    // What is not: releases at both, and what is asked.
    let gone = used.pop_first().unwrap();
    west.done(&format!("node ignore {gone}"));
    hq.done("node ignore hq:1");
    range(&hq, "hq", 100, 3);
    let status = hq.done("status");
    assert!(status.contains("! the disk is full, so nothing new is taken: "), "{status}");
    let doctor = hq.ask("doctor");
    assert!(doctor.exit == 1 && doctor.out.contains("its disk is full: "), "{doctor:?}");
    assert!(reserve(&hq).exists(), "there was room without it");

    // All of it: what goes on goes on from the reserve.
    disk.fill();
    let nodes: Vec<String> = (2..=200).map(|number| format!("hq:{number}")).collect();
    let mut some = nodes.chunks(2);
    until("the reserve is given up", || {
        let two = some.next().expect("so many changes need a page more");
        hq.done(&format!("node ignore {}", two.join(" ")));
        let gone = used.pop_first();
        gone.iter().for_each(|id| drop(west.done(&format!("node ignore {id}"))));
        (!reserve(&hq).exists()).then_some(()).ok_or("it is held".to_string())
    });
    assert!(is_short(&hq).unwrap() && hq.log().contains("the reserve"), "{}", hq.log());
    range(&hq, "hq", 100, used.len() as u64);

    disk.make_room();
    short(&hq, false);
    assert!(reserve(&hq).exists());
    used.extend(manage(&west, "west", 4));
    assert_eq!((told(&hq, "disk.full"), told(&hq, "disk.ok")), (1, 1));
    assert_eq!(managed(&west).unwrap(), used);
    audit(&hq, used.len());
}

/// Something else takes the room of the reserve too.
#[test]
fn a_server_that_finds_no_room_at_all_stops_and_comes_back_with_everything() {
    let Some(disk) = SmallDisk::new(24 << 20) else { return };
    let (_beside, mut hq, west) = tree(&disk);
    find(&hq, 200);
    find(&west, 9);
    let mut used = manage(&hq, "hq", 100);
    disk.fill();
    let ids: Vec<String> = used.iter().cloned().collect();
    let mut ids = ids.iter().cycle();
    until("it stops", || {
        disk.fill();
        let id = ids.next().unwrap();
        if hq.ask(&format!("node ignore {id}")).exit == 0 {
            used.remove(id);
        }
        let ended = hq.child.as_mut().unwrap().try_wait().unwrap();
        ended.map(|_| ()).ok_or("it runs".to_string())
    });
    assert_eq!(hq.ended().code(), Some(1));
    let log = hq.log();
    assert!(log.contains("the disk is full: writing ") && log.contains("(LT0514)"), "{log}");
    assert!(log.contains("everything that was answered is kept"), "{log}");

    disk.make_room();
    hq.start();
    let there = managed(&hq).unwrap();
    // The last one was not answered.
    assert!(there.is_subset(&used) && there.len() + 1 >= used.len(), "{there:?} {used:?}");
    let mut used = there;
    short(&hq, false);
    used.extend(manage(&west, "west", 1));
    range(&hq, "hq", 100, used.len() as u64);
    audit(&hq, used.len());
}
