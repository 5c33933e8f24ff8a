//! Hosts on one switch: a namespace with a bridge, and a namespace for each host.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts the networks of this process, so that tests may run side by side.
static LANS: AtomicU32 = AtomicU32::new(0);

/// A network of its own. Dropping it takes all of it away.
pub struct Lan {
    prefix: String,
    hosts: Vec<String>,
}

/// One host; a namespace and an address.
#[derive(Clone, Debug)]
pub struct Host {
    pub namespace: String,
    pub address: String,
}

impl Lan {
    /// Nothing, and a word why, where namespaces cannot be made: that needs root and `ip`. With
    /// `LICTREE_HOSTS=must` that fails instead.
    pub fn new() -> Option<Lan> {
        let root = rustix::process::geteuid().is_root();
        let tool = Command::new("ip").arg("-V").output().is_ok();
        if root && tool {
            return Some(Lan::made());
        }
        let why = "network namespaces need root, and `ip` of iproute2";
        assert!(std::env::var_os("LICTREE_HOSTS").is_none(), "{why}");
        eprintln!("skipped: {why}");
        None
    }

    fn made() -> Lan {
        let number = LANS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("lt{}-{number}", std::process::id() % 100_000);
        let lan = Lan { prefix, hosts: Vec::new() };
        let switch = lan.switch();
        ip(&["netns", "add", &switch]);
        ip(&["-n", &switch, "link", "add", "br0", "type", "bridge"]);
        ip(&["-n", &switch, "link", "set", "br0", "up"]);
        lan
    }

    fn switch(&self) -> String {
        format!("{}-sw", self.prefix)
    }

    /// A host more, with the address 10.77.0.`number`.
    pub fn host(&mut self, number: u8) -> Host {
        let (namespace, switch) = (format!("{}-{number}", self.prefix), self.switch());
        let (plug, socket) = (format!("p{number}"), format!("s{number}"));
        ip(&["netns", "add", &namespace]);
        self.hosts.push(namespace.clone());
        ip(&[
            "-n", &switch, "link", "add", &socket, "type", "veth", "peer", "name", &plug, "netns",
            &namespace,
        ]);
        // `ip` has a word for this that is not ours.
        ip(&["-n", &switch, "link", "set", &socket, concat!("mas", "ter"), "br0", "up"]);
        let host = Host { namespace, address: format!("10.77.0.{number}") };
        host.add_address(&host.address, &plug);
        ip(&["-n", &host.namespace, "link", "set", &plug, "up"]);
        ip(&["-n", &host.namespace, "link", "set", "lo", "up"]);
        host
    }
}

impl Host {
    fn add_address(&self, address: &str, plug: &str) {
        let whole = format!("{address}/24");
        ip(&["-n", &self.namespace, "address", "add", &whole, "dev", plug]);
    }

    /// The host gets another address, and the one it had is gone.
    pub fn move_to(&mut self, number: u8, plug: u8) {
        let (old, plug) = (format!("{}/24", self.address), format!("p{plug}"));
        self.address = format!("10.77.0.{number}");
        ip(&["-n", &self.namespace, "address", "del", &old, "dev", &plug]);
        self.add_address(&self.address, &plug);
    }

    /// A program that runs on this host.
    pub fn command(&self, program: &str) -> Command {
        within(&self.namespace, program)
    }
}

/// A program that runs in a namespace.
pub fn within(namespace: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, program]);
    command
}

impl Drop for Lan {
    fn drop(&mut self) {
        for namespace in self.hosts.iter().chain([&self.switch()]) {
            // What is gone already need not be taken away.
            let _ = Command::new("ip").args(["netns", "del", namespace]).output();
        }
    }
}

#[track_caller]
pub fn ip(words: &[&str]) -> Output {
    let done = Command::new("ip").args(words).output();
    let done = done.expect("`ip` is there: install iproute2");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "ip {}: {said} (namespaces need root)", words.join(" "));
    done
}
