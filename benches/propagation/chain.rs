//! Servers one below the other, each a process of its own, as they are installed.
//!
//! ```text
//!   hq ◄── r1 ◄── r2 ◄── … ◄── rN        each calls the one above it, over QUIC on loopback
//! ```

use crate::product::primary::{PRIMARY, TREE, serve};
use crate::product::{Primary, Site};
use lictree::client::SOCKET_NAME;
use lictree::model::name::ServerName;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Child;

/// A running relay. Dropping it kills it.
pub struct Relay {
    pub name: ServerName,
    pub address: SocketAddr,
    pub socket: PathBuf,
    child: Child,
}

impl Relay {
    fn start(
        site: &Site,
        name: ServerName,
        (above, address): (&ServerName, SocketAddr),
        section: &str,
    ) -> Relay {
        let data_dir = site.path().join(name.as_str());
        site.identity(&name).save(&data_dir.join("identity")).unwrap();
        let configuration = site.path().join(format!("{name}.toml"));
        let vendor = site.vendor_key();
        let text = format!(
            "tree = \"{TREE}\"\nname = \"{name}\"\nrole = \"relay\"\ndata_dir = \"{name}\"\n\
             listen = \"127.0.0.1:0\"\nvendor_keys = [\"{vendor}\"]\n\
             [parent]\nname = \"{above}\"\naddress = \"{address}\"\n{section}\n"
        );
        fs::write(&configuration, text).unwrap();
        let (child, address) = serve(&configuration);
        Relay { name, address, socket: data_dir.join(SOCKET_NAME), child }
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A primary and relays below it, the highest first.
pub struct Chain {
    pub relays: Vec<Relay>,
    pub primary: Primary,
    pub site: Site,
    /// Behind the configuration of each.
    section: String,
}

impl Chain {
    /// `section` stands in every configuration; `others` are servers that the site has identities
    /// for, besides these.
    pub fn start(relays: usize, others: usize, section: &str) -> Chain {
        let site = Site::new(others);
        site.configure(section);
        let primary = site.start();
        let mut chain = Chain { relays: Vec::new(), primary, site, section: section.to_string() };
        (0..relays).for_each(|_| chain.lengthen());
        chain
    }

    /// One more relay, below the lowest.
    fn lengthen(&mut self) {
        let (above, address) = self.lowest();
        let name = format!("r{}", self.relays.len() + 1).parse().unwrap();
        self.relays.push(Relay::start(&self.site, name, (&above, address), &self.section));
    }

    /// The lowest server, and where its children call.
    fn lowest(&self) -> (ServerName, SocketAddr) {
        let highest = || (PRIMARY.parse().unwrap(), self.primary.address());
        self.relays.last().map_or_else(highest, |relay| (relay.name.clone(), relay.address))
    }
}
