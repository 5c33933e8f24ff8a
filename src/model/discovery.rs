//! What a scan or an import found.

use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub mac: Option<MacAddress>,
    pub addresses: Vec<IpAddr>,
    pub host_name: Option<String>,
}
