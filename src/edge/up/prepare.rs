//! Everything on disk that the servers of a tree need before they start: ports, identities,
//! configurations, the vendor's key. What is there already is kept.

use crate::edge::codes;
use crate::edge::founding::{self, ServerPlan};
use crate::edge::private_file;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::topology::Topology;
use crate::edge::up::folder::{Folder, make_private, unusable};
use crate::edge::vendor_key;
use crate::model::holding::Role;
use crate::model::name::ServerName;
use crate::model::time::Timestamp;
use crate::net::IdentityError;
use crate::wire::license_file::VendorKey;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, UdpSocket};

/// Makes or completes all folders.
pub(super) fn prepare(
    topology: &Topology,
    primary: &ServerName,
    folder: &mut Folder,
    now: Timestamp,
) -> Result<VendorKey, Failure> {
    let key = match folder.vendor_key() {
        path if path.exists() => vendor_key::read_key(&path)?,
        path => vendor_key::make_key(&path)?,
    };
    choose_ports(topology, folder)?;
    for name in topology.servers.keys() {
        make_private(&folder.server(name))?;
    }
    let authority = founding::authority(&folder.server(primary), &topology.tree, now);
    let authority = authority.map_err(no_identity)?;
    for name in topology.servers.keys() {
        let role = if name == primary { Role::Primary } else { Role::Relay };
        founding::identity(&authority, &folder.server(name), (role, name), now)
            .map_err(no_identity)?;
        write_configuration(topology, folder, name, &key)?;
    }
    folder.remember()?;
    Ok(key)
}

fn no_identity(error: IdentityError) -> Failure {
    let hint = "put that right, or name another folder: `--data DIR`";
    Failure::new(Exit::Refused, codes::NOT_FOUNDED, error.to_string(), hint)
}

/// Gives every server a UDP port on loopback: the named one, the one it had, or a free one.
fn choose_ports(topology: &Topology, folder: &mut Folder) -> Result<(), Failure> {
    // Held until all have one, so that no port is given out twice.
    let mut held: Vec<UdpSocket> = Vec::new();
    let mut ports = BTreeMap::new();
    let named: BTreeSet<u16> = topology.servers.values().filter_map(|s| s.listen).collect();
    for (name, server) in &topology.servers {
        let before = folder.memory.ports.get(name).copied().filter(|port| !named.contains(port));
        let wanted = server.listen.or(before);
        let socket = match wanted.map(bind) {
            Some(Ok(socket)) => socket,
            Some(Err(error)) if server.listen.is_some() => return Err(taken(name, &error)),
            _ => bind(0).map_err(|error| taken(name, &error))?,
        };
        let port = socket.local_addr().map_err(|error| taken(name, &error))?.port();
        ports.insert(name.clone(), port);
        held.push(socket);
    }
    folder.memory.ports = ports;
    Ok(())
}

/// Gives a server another port, and tells those below; whether that may be done: not where the
/// topology or a person named its port.
pub(super) fn another_port(
    topology: &Topology,
    folder: &mut Folder,
    key: &VendorKey,
    name: &ServerName,
) -> Result<bool, Failure> {
    let named = topology.servers.get(name).is_some_and(|server| server.listen.is_some());
    let written = folder.memory.written.get(name);
    if named || private_file::read(&folder.config(name)).ok().as_ref() != written {
        return Ok(false);
    }
    let socket = bind(0).map_err(|error| taken(name, &error))?;
    let port = socket.local_addr().map_err(|error| taken(name, &error))?.port();
    folder.memory.ports.insert(name.clone(), port);
    for (other, server) in &topology.servers {
        if other == name || server.parent.as_ref() == Some(name) {
            write_configuration(topology, folder, other, key)?;
        }
    }
    folder.remember()?;
    Ok(true)
}

fn bind(port: u16) -> std::io::Result<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port))
}

fn taken(name: &ServerName, error: &std::io::Error) -> Failure {
    let message = format!("no UDP port on 127.0.0.1 for server {name}: {error}");
    let hint = "leave `listen` out of the topology for a free port, or end what uses this one";
    Failure::new(Exit::Refused, codes::UP_PORT, message, hint)
}

/// Writes a configuration unless a person changed the one that is there.
fn write_configuration(
    topology: &Topology,
    folder: &mut Folder,
    name: &ServerName,
    key: &VendorKey,
) -> Result<(), Failure> {
    let port = |name: &ServerName| folder.memory.ports.get(name).copied().unwrap_or_default();
    let parent = topology.servers.get(name).and_then(|server| server.parent.clone());
    let plan = ServerPlan {
        tree: topology.tree.clone(),
        name: name.clone(),
        listen: Some(format!("127.0.0.1:{}", port(name))),
        parent: parent.map(|parent| {
            let address = format!("127.0.0.1:{}", port(&parent));
            (parent, address)
        }),
        vendor_keys: vec![key.public()],
    };
    let (path, text) = (folder.config(name), plan.configuration());
    let found = private_file::read(&path).ok();
    if found.is_some() && found.as_ref() != folder.memory.written.get(name) {
        return Ok(());
    }
    private_file::replace(&path, &text).map_err(|error| unusable(&path, &error))?;
    folder.memory.written.insert(name.clone(), text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn another_port_is_told_to_those_below_unless_a_person_named_the_port() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let topology = Topology::read(&root.join("topology-examples/jp1-figure")).unwrap();
        let data = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(data.path(), &topology.tree).unwrap();
        let (b, d) = ("b".parse().unwrap(), "d".parse().unwrap());
        let now = Timestamp(1_800_000_000_000);
        let key = prepare(&topology, topology.primary().unwrap(), &mut folder, now).unwrap();
        let port = |folder: &Folder| folder.memory.ports[&b];
        let says = |folder: &Folder, name, port: u16| {
            private_file::read(&folder.config(name)).unwrap().contains(&format!(":{port}\""))
        };
        let first = port(&folder);
        assert!(another_port(&topology, &mut folder, &key, &b).unwrap());
        let second = port(&folder);
        assert_ne!(first, second);
        for name in [&b, &d] {
            assert!(says(&folder, name, second) && !says(&folder, name, first), "{name}");
        }
        std::fs::write(folder.config(&b), "# changed by a person").unwrap();
        assert!(!another_port(&topology, &mut folder, &key, &b).unwrap());
        assert_eq!(port(&folder), second);
    }
}
