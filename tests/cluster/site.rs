//! A tree of servers in a temporary folder. Every process ends with its test.

use crate::patience::{PATIENCE, until};
use lictree::client::{Client, ClientError, SOCKET_NAME};
use lictree::model::count::LicenseCount;
use lictree::model::holding::Role;
use lictree::model::license::{License, LicenseTerms, Metric};
use lictree::model::name::{ServerName, TreeName};
use lictree::model::time::Timestamp;
use lictree::net::{Authority, Identity};
use lictree::wire::license_file::{VendorKey, issue};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

pub fn now() -> Timestamp {
    Timestamp::default().after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
}

/// The primary of every tree here.
pub const PRIMARY: &str = "hq";

pub fn role_of(name: &ServerName) -> Role {
    if name.as_str() == PRIMARY { Role::Primary } else { Role::Relay }
}

/// The folder of a tree, its authority and its vendor.
pub struct Site {
    pub folder: tempfile::TempDir,
    pub authority: Authority,
    pub vendor: VendorKey,
}

impl Site {
    pub fn new() -> Site {
        let tree: TreeName = "acme".parse().unwrap();
        Site {
            folder: tempfile::tempdir().unwrap(),
            authority: Authority::create(&tree, now()).unwrap(),
            vendor: VendorKey::generate().unwrap(),
        }
    }

    pub fn identity(&self, name: &str) -> Identity {
        let name: ServerName = name.parse().unwrap();
        self.authority.issue(role_of(&name), &name, now(), WEEK).unwrap()
    }

    pub fn data_dir(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Identity and configuration of a primary; the path of the latter.
    pub fn primary(&self, name: &str) -> PathBuf {
        let vendor = self.vendor.public();
        self.prepare(
            name,
            &format!("role = \"primary\"\nlisten = \"127.0.0.1:0\"\nvendor_keys = [\"{vendor}\"]"),
        )
    }

    /// The same of a relay.
    pub fn relay(&self, name: &str, parent: &str, address: SocketAddr) -> PathBuf {
        let parent = format!("[parent]\nname = \"{parent}\"\naddress = \"{address}\"");
        let vendor = self.vendor.public();
        let role = "role = \"relay\"\nlisten = \"127.0.0.1:0\"";
        self.prepare(name, &format!("{role}\nvendor_keys = [\"{vendor}\"]\n{parent}"))
    }

    fn prepare(&self, name: &str, rest: &str) -> PathBuf {
        let data_dir = self.data_dir(name);
        self.identity(name).save(&data_dir.join("identity")).unwrap();
        let file = self.folder.path().join(format!("{name}.toml"));
        let head = format!("tree = \"acme\"\nname = \"{name}\"\ndata_dir = \"{name}\"\n");
        // Short times: nothing here is about waiting.
        let times = "[times]\npresence_interval_ms = 500\nretry_interval_ms = 100\n\
                     idle_timeout_ms = 2000\nkeep_alive_interval_ms = 500\n";
        fs::write(&file, format!("{head}{rest}\n{times}")).unwrap();
        file
    }

    /// A license file of this tree's vendor.
    pub fn license(&self, serial: &str, count: u64) -> Vec<u8> {
        license_of(&self.vendor, terms(serial, count))
    }
}

pub fn license_of(vendor: &VendorKey, terms: LicenseTerms) -> Vec<u8> {
    issue(&License::try_from(terms).unwrap(), vendor).into_bytes()
}

pub fn terms(serial: &str, count: u64) -> LicenseTerms {
    LicenseTerms {
        serial: serial.parse().unwrap(),
        vendor: "Test AG".to_string(),
        product: "inventory".parse().unwrap(),
        count: LicenseCount(count),
        metric: Metric::ManagedDevices,
        not_before: Timestamp(1_000),
        not_after: None,
        tree: None,
        server: None,
        confirm_within_days: None,
        note: String::new(),
    }
}

/// The program under test, with its log kept for failures.
pub fn lictree(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictree"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("LICTREE_LOG", "info").env_remove("LICTREE_DATA");
    command
}

pub fn serve(config: &Path) -> Command {
    lictree(&["serve", "--config", config.to_str().unwrap()])
}

/// A process that ended: exit code, standard output, standard error.
pub fn outcome(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A running server.
pub struct Process {
    pub child: Child,
    /// The line that says that it is ready.
    pub ready: String,
    pub data_dir: PathBuf,
}

impl Process {
    /// Starts a server and waits until it is ready.
    #[track_caller]
    pub fn start(config: &Path) -> Process {
        Process::of(serve(config))
    }

    /// Runs a command that starts a server, and waits until it is ready.
    #[track_caller]
    pub fn of(mut command: Command) -> Process {
        let mut child = command.spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        if !ready.starts_with("ready: ") {
            let mut log = String::new();
            child.stderr.as_mut().unwrap().read_to_string(&mut log).unwrap();
            let _ = child.wait();
            panic!("not ready: {ready:?}\n{log}");
        }
        let (_, data_dir) = ready.trim().split_once("data folder ").unwrap();
        let data_dir = data_dir.split(", listening").next().unwrap().into();
        Process { child, ready, data_dir }
    }

    /// Where its children call.
    pub fn address(&self) -> SocketAddr {
        self.ready.trim().rsplit(' ').next().unwrap().parse().unwrap()
    }

    pub fn client(&self) -> Client {
        Client::new(self.data_dir.join(SOCKET_NAME))
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Ends it in order; fails when that is no success.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal("TERM");
        let status = self.ended();
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// Ends it as a power cut would.
    pub fn crash(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        until("the process ends", || {
            self.child.try_wait().unwrap().ok_or_else(|| "it runs".to_string())
        })
    }

    /// Everything it logged; only once it has ended.
    pub fn log(&mut self) -> String {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs one call to its end.
pub fn run<T>(call: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, call).await.unwrap() })
}

/// Asks until the answer is as it must become.
#[track_caller]
pub fn eventually<T: std::fmt::Debug>(
    what: &str,
    mut ask: impl FnMut() -> Result<T, ClientError>,
    holds: impl Fn(&T) -> bool,
) -> T {
    until(what, || match ask() {
        Ok(answer) if holds(&answer) => Ok(answer),
        other => Err(format!("{other:?}")),
    })
}
