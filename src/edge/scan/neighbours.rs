//! The kernel's table of neighbours: hardware addresses of those that this machine spoke with.
//!
//! Anybody may read it. A sweep fills it: whoever is asked on the machine's own links must first
//! say its hardware address, even if it answers nothing else.

use crate::edge::scan::segment::Segment;
use crate::model::discovery::MacAddress;
use futures_util::StreamExt;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// The kernel answers at once; this is for a kernel that does not.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    pub address: IpAddr,
    pub mac: MacAddress,
    /// The number of the link it is on.
    pub link: u32,
    pub standing: Standing,
}

/// How sure the kernel is of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It spoke just now, or somebody wrote it into the table for good.
    There,
    /// It spoke some time ago.
    Before,
    /// It spoke some time ago, and the kernel is about to ask it again: soon more is known.
    Asked,
}

/// An address of this machine, and the number of its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    pub address: IpAddr,
    pub link: u32,
}

/// Asks the kernel. Dropping it ends the talk.
pub struct Kernel {
    handle: rtnetlink::Handle,
    _talk: AbortOnDropHandle<()>,
}

impl Kernel {
    pub fn open() -> io::Result<Kernel> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        Ok(Kernel { handle, _talk: AbortOnDropHandle::new(tokio::spawn(connection)) })
    }

    /// Every neighbour behind whom somebody stands, at most `most` rows.
    pub async fn neighbours(&self, most: usize) -> io::Result<Vec<Neighbour>> {
        let mut entries = Box::pin(self.handle.neighbours().get().execute());
        let mut neighbours = Vec::new();
        while neighbours.len() < most
            && let Some(entry) = soon(entries.next()).await?
        {
            neighbours.extend(neighbour(&entry.map_err(io::Error::other)?));
        }
        Ok(neighbours)
    }

    /// The addresses of this machine itself.
    pub async fn own(&self) -> io::Result<Vec<Own>> {
        let mut entries = Box::pin(self.handle.address().get().execute());
        let mut own = Vec::new();
        while let Some(entry) = soon(entries.next()).await? {
            let entry = entry.map_err(io::Error::other)?;
            let link = entry.header.index;
            own.extend(entry.attributes.into_iter().filter_map(|attribute| match attribute {
                AddressAttribute::Address(address) | AddressAttribute::Local(address) => {
                    Some(Own { address, link })
                }
                _ => None,
            }));
        }
        Ok(own)
    }

    /// The networks on the machine's own links, without those that lie within the machine.
    pub async fn networks(&self) -> io::Result<Vec<Segment>> {
        let mut entries = Box::pin(self.handle.address().get().execute());
        let mut networks = Vec::new();
        while let Some(entry) = soon(entries.next()).await? {
            let entry = entry.map_err(io::Error::other)?;
            let prefix = entry.header.prefix_len;
            networks.extend(entry.attributes.iter().filter_map(|attribute| match attribute {
                AddressAttribute::Address(address) if !address.is_loopback() => {
                    format!("{address}/{prefix}").parse::<Segment>().ok()
                }
                _ => None,
            }));
        }
        Ok(networks)
    }
}

async fn soon<T>(answer: impl Future<Output = T>) -> io::Result<T> {
    tokio::time::timeout(ANSWER_WITHIN, answer).await.map_err(io::Error::from)
}

/// The row, unless nobody stands behind it.
fn neighbour(entry: &NeighbourMessage) -> Option<Neighbour> {
    let standing = match entry.header.state {
        NeighbourState::Reachable | NeighbourState::Permanent => Standing::There,
        NeighbourState::Stale => Standing::Before,
        NeighbourState::Delay | NeighbourState::Probe => Standing::Asked,
        _ => return None,
    };
    let (mut address, mut mac) = (None, None);
    for attribute in &entry.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(four)) => {
                address = Some(IpAddr::V4(*four));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(six)) => {
                address = Some(IpAddr::V6(*six));
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => {
                mac = <[u8; 6]>::try_from(bytes.as_slice()).ok().map(MacAddress);
            }
            _ => {}
        }
    }
    let mac = mac.filter(|mac| !mac.is_multicast() && *mac != MacAddress::UNSPECIFIED)?;
    Some(Neighbour { address: address?, mac, link: entry.header.ifindex, standing })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(state: NeighbourState, mac: &[u8]) -> NeighbourMessage {
        let mut entry = NeighbourMessage::default();
        entry.header.state = state;
        let address = NeighbourAddress::Inet("10.0.0.7".parse().unwrap());
        entry.attributes = vec![
            NeighbourAttribute::Destination(address),
            NeighbourAttribute::LinkLayerAddress(mac.to_vec()),
        ];
        entry
    }

    #[test]
    fn only_who_is_there_is_a_neighbour() {
        let mac = [2, 0, 0, 0, 0, 1];
        let standing = |state| {
            let found = neighbour(&entry(state, &mac))?;
            assert_eq!(found.address, "10.0.0.7".parse::<IpAddr>().unwrap());
            assert_eq!(found.mac, MacAddress(mac));
            Some(found.standing)
        };
        for state in [NeighbourState::Reachable, NeighbourState::Permanent] {
            assert_eq!(standing(state), Some(Standing::There));
        }
        assert_eq!(standing(NeighbourState::Stale), Some(Standing::Before));
        assert_eq!(standing(NeighbourState::Probe), Some(Standing::Asked));
        for state in [NeighbourState::Failed, NeighbourState::Incomplete, NeighbourState::Noarp] {
            assert_eq!(standing(state), None);
        }
        for bad in [&[][..], &[0; 6], &[0xff; 6], &[2; 8], &[2; 20]] {
            assert_eq!(neighbour(&entry(NeighbourState::Reachable, bad)), None);
        }
        assert_eq!(neighbour(&NeighbourMessage::default()), None);
    }

    #[tokio::test]
    async fn the_kernel_tells_its_own_addresses() {
        let kernel = Kernel::open().unwrap();
        let own = kernel.own().await.unwrap();
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(own.iter().any(|own| own.address == here), "{own:?}");
        kernel.neighbours(10).await.unwrap();
        // Each of its addresses on a link lies in one of its networks; loopback lies in none.
        let networks = kernel.networks().await.unwrap();
        let linked = |one: &IpAddr| networks.iter().any(|network| network.contains(*one));
        let own: Vec<IpAddr> = own.iter().map(|own| own.address).collect();
        assert!(own.iter().all(|one| linked(one) != one.is_loopback()), "{own:?} {networks:?}");
    }
}
