//! Two hosts with a cable between them: one that scans, one that answers at every address of a
//! segment. Made of network namespaces that end with the processes in them.
//!
//! ```text
//!   here: unshare ─► [ this bench again: lt-a ]════[ lt-b: a machine that is 10.99.0.0/16 ]
//! ```

use std::process::{Child, Command, Stdio};

/// Set for the bench that runs inside.
const INSIDE: &str = "LICTREE_SCAN_INSIDE";
pub const SEGMENT: &str = "10.99.0.0/16";

pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs this bench again on a host of its own; whether it could.
pub fn run_inside() -> bool {
    let this = std::env::current_exe().expect("this program is a file");
    let mut again = Command::new("unshare");
    again.arg("--net").arg(this).arg("--bench").env(INSIDE, "1");
    again.status().is_ok_and(|status| status.success())
}

/// The machine at the other end of the cable; it goes when this is dropped.
pub struct Neighbour(Child);

impl Neighbour {
    /// # Panics
    /// Where the system has no tool for it, or this process may not use it.
    pub fn start() -> Neighbour {
        let mut other = Command::new("unshare");
        // It lives until its standard input is closed.
        other.args(["--net", "cat"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let other = Neighbour(other.spawn().expect("unshare starts"));
        let id = other.0.id().to_string();
        other.wait_until_it_is_apart();
        ip(&["link", "set", "lo", "up"]);
        ip(&["link", "add", "lt-a", "type", "veth", "peer", "name", "lt-b", "netns", &id]);
        ip(&["address", "add", "10.98.0.1/24", "dev", "lt-a"]);
        ip(&["link", "set", "lt-a", "up"]);
        for words in [
            "link set lo up",
            "address add 10.98.0.2/24 dev lt-b",
            "link set lt-b up",
            &format!("route add local {SEGMENT} dev lo"),
        ] {
            let mut there = Command::new("nsenter");
            there.args(["-t", &id, "-n", "ip"]).args(words.split(' '));
            succeed(&mut there);
        }
        ip(&["route", "add", SEGMENT, "via", "10.98.0.2"]);
        other
    }

    /// `unshare` has a namespace of its own a moment after it was started.
    fn wait_until_it_is_apart(&self) {
        let of = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
        let here = of("self");
        while of(&self.0.id().to_string()) == here {
            std::thread::yield_now();
        }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        // One that ended already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ip(words: &[&str]) {
    succeed(Command::new("ip").args(words));
}

fn succeed(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
