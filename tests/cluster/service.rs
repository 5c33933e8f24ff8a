//! A server as a service: what its manager is told, and that nothing of it is for others.

use crate::patience::PATIENCE;
use crate::site::{Process, Site, serve};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Command;

/// The end of a service manager that hears.
struct Ear(UnixDatagram);

impl Ear {
    fn at(socket: UnixDatagram) -> Ear {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Ear(socket)
    }

    #[track_caller]
    fn told(&self) -> String {
        let mut bytes = [0; 4_096];
        let length = self.0.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }
}

fn managed(config: &Path, place: &str, watchdog_usec: &str) -> Command {
    let mut command = serve(config);
    command.env("NOTIFY_SOCKET", place).env("WATCHDOG_USEC", watchdog_usec);
    command.env_remove("WATCHDOG_PID");
    command
}

#[test]
fn a_manager_hears_of_the_start_of_life_and_of_the_end() {
    let site = Site::new();
    let config = site.primary("hq");
    let place = site.folder.path().join("notify");
    let manager = Ear::at(UnixDatagram::bind(&place).unwrap());
    let server = Process::of(managed(&config, place.to_str().unwrap(), "200000"));
    let ready = manager.told();
    assert!(ready.starts_with("READY=1\nSTATUS=server hq of the tree acme, primary"), "{ready}");
    assert!(ready.contains(&server.address().to_string()), "{ready}");
    for _ in 0..3 {
        assert_eq!(manager.told(), "WATCHDOG=1\n");
    }
    server.signal("TERM");
    let last = std::iter::repeat_with(|| manager.told()).find(|told| told != "WATCHDOG=1\n");
    let last = last.unwrap();
    assert!(last.starts_with("STOPPING=1\nSTATUS=SIGTERM"), "{last}");
    server.stop();
}

#[test]
fn a_manager_with_an_abstract_name_hears_too_and_of_no_watchdog_it_did_not_ask_for() {
    let site = Site::new();
    let config = site.primary("hq");
    let name = format!("lictree-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = Ear::at(UnixDatagram::bind_addr(&address).unwrap());
    let server = Process::of(managed(&config, &format!("@{name}"), ""));
    assert!(manager.told().starts_with("READY=1\n"));
    server.stop();
    assert!(manager.told().starts_with("STOPPING=1\n"));
}

#[test]
fn a_manager_hears_why_a_server_does_not_start() {
    let site = Site::new();
    let config = site.primary("hq");
    let first = Process::start(&config);
    let place = site.folder.path().join("notify");
    let manager = Ear::at(UnixDatagram::bind(&place).unwrap());
    let ended = managed(&config, place.to_str().unwrap(), "").output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let told = manager.told();
    assert!(told.starts_with("STATUS=error another lictree serves"), "{told}");
    first.stop();
}

#[test]
fn nothing_that_a_server_makes_or_leaves_is_for_others() {
    let site = Site::new();
    let server = Process::start(&site.primary("hq"));
    let process = format!("/proc/{}", server.child.id());
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    assert!(status.lines().any(|line| line == "Umask:\t0077"), "{status}");
    let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let core: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{core:?}");
    server.stop();
}
