//! The holder as a process of its own, and the folder of its tree.

use crate::measure::{self, now};
use lictree::client::{Client, SOCKET_NAME};
use lictree::model::count::LicenseCount;
use lictree::model::holding::Role;
use lictree::model::license::{License, LicenseTerms, Metric};
use lictree::model::name::ServerName;
use lictree::model::time::Timestamp;
use lictree::net::{Authority, Identity};
use lictree::wire::license_file::{VendorKey, issue};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub const TREE: &str = "bench";
pub const PRIMARY: &str = "hq";
pub const PRODUCT: &str = "inventory";
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// The folder of a tree, its authority and its vendor.
pub struct Site {
    folder: tempfile::TempDir,
    authority: Authority,
    vendor: VendorKey,
    destinations: usize,
}

impl Site {
    pub fn new(destinations: usize) -> Site {
        let site = Site {
            folder: measure::folder(),
            authority: Authority::create(&TREE.parse().unwrap(), now()).unwrap(),
            vendor: VendorKey::generate().unwrap(),
            destinations,
        };
        let data_dir = site.data_dir();
        site.identity(&PRIMARY.parse().unwrap()).save(&data_dir.join("identity")).unwrap();
        let vendor = site.vendor.public();
        let text = format!(
            "tree = \"{TREE}\"\nname = \"{PRIMARY}\"\nrole = \"primary\"\n\
             data_dir = \"{PRIMARY}\"\nlisten = \"127.0.0.1:0\"\nvendor_keys = [\"{vendor}\"]\n"
        );
        fs::write(site.configuration(), text).unwrap();
        site
    }

    /// Adds to the primary's configuration, before it is started.
    pub fn configure(&self, section: &str) {
        let text = fs::read_to_string(self.configuration()).unwrap();
        fs::write(self.configuration(), format!("{text}{section}\n")).unwrap();
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join(PRIMARY)
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("primary.toml")
    }

    pub fn destinations(&self) -> impl Iterator<Item = ServerName> {
        (1..=self.destinations).map(|number| format!("site-{number}").parse().unwrap())
    }

    pub fn identity(&self, name: &ServerName) -> Identity {
        let role = if name.as_str() == PRIMARY { Role::Primary } else { Role::Relay };
        self.authority.issue(role, name, now(), WEEK).unwrap()
    }

    /// A license file of this tree's vendor.
    fn license(&self, count: u64) -> Vec<u8> {
        let terms = LicenseTerms {
            serial: "B-1".parse().unwrap(),
            vendor: "Bench AG".to_string(),
            product: PRODUCT.parse().unwrap(),
            count: LicenseCount(count),
            metric: Metric::ManagedDevices,
            not_before: Timestamp(1_000),
            not_after: None,
            tree: None,
            server: None,
            confirm_within_days: None,
            note: String::new(),
        };
        issue(&License::try_from(terms).unwrap(), &self.vendor).into_bytes()
    }

    /// Where configurations and data folders of this tree are.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The key that the license files of this tree are sealed with.
    pub fn vendor_key(&self) -> String {
        self.vendor.public().to_string()
    }

    /// Starts the primary and waits for the line that says that it is ready.
    pub fn start(&self) -> Primary {
        let (child, address) = serve(&self.configuration());
        Primary { child, address, client: Client::new(self.data_dir().join(SOCKET_NAME)) }
    }
}

/// Starts a server and waits for the line that says that it is ready; where its children call.
pub fn serve(configuration: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lictree"))
        .args(["serve", "--config"])
        .arg(configuration)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
    let address = ready.trim().rsplit(' ').next().and_then(|last| last.parse().ok());
    (child, address.expect("the server says where it listens"))
}

/// A running primary. Dropping it kills it, as a crash would.
pub struct Primary {
    child: Child,
    address: SocketAddr,
    client: Client,
}

impl Primary {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub async fn register(&self, site: &Site, count: u64) {
        self.client.register_license(site.license(count)).await.unwrap();
    }

    /// What its own range uses.
    pub async fn used(&self) -> u64 {
        let ranges = self.client.ranges().await.unwrap().ranges;
        let own = ranges.iter().find(|range| range.source.as_str() == PRIMARY).unwrap();
        own.used.0
    }

    /// Ends it in order.
    pub fn stop(mut self) {
        let process = self.process().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &process]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Primary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
