//! Lists of machines, every byte of them by strangers.

use super::{Bound, assert_sayable};
use lictree::client::contract::ImportFormat;
use lictree::edge::import::{Import, ImportLimits, read};
use lictree::model::discovery::Found;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A machine of a few bytes takes a row, and its place in four indexes.
const LIST: Bound = Bound { times: 64, plus: 256 << 10 };

pub fn nmap(bytes: &[u8]) -> bool {
    list(bytes, ImportFormat::NmapXml)
}

pub fn arp(bytes: &[u8]) -> bool {
    list(bytes, ImportFormat::Arp)
}

pub fn ip_neigh(bytes: &[u8]) -> bool {
    list(bytes, ImportFormat::IpNeigh)
}

pub fn cdp(bytes: &[u8]) -> bool {
    list(bytes, ImportFormat::Cdp)
}

pub fn lldp(bytes: &[u8]) -> bool {
    list(bytes, ImportFormat::Lldp)
}

pub fn csv(bytes: &[u8]) -> bool {
    list(bytes, ImportFormat::Csv)
}

/// Of a format that its first lines tell.
pub fn any_list(bytes: &[u8]) -> bool {
    list(bytes, ImportFormat::Auto)
}

fn list(bytes: &[u8], format: ImportFormat) -> bool {
    let limits = ImportLimits::default();
    match LIST.hold(bytes, || read(bytes, format, &limits)) {
        Ok(import) => {
            assert_eq!(read(bytes, format, &limits).ok().as_ref(), Some(&import));
            assert!(import.format != ImportFormat::Auto);
            assert_sensible(&import, &limits);
            !import.found.is_empty()
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}

fn assert_sensible(import: &Import, limits: &ImportLimits) {
    assert!(import.found.len() as u64 <= import.rows);
    assert!(import.skipped_total <= import.rows);
    assert!(import.skipped.len() <= limits.skipped_listed_max);
    import.found.iter().for_each(assert_plain);
    let nameless = |found: &&Found| found.mac.is_none();
    let mut seen: BTreeSet<IpAddr> = BTreeSet::new();
    let once = import.found.iter().filter(nameless).flat_map(|found| &found.addresses);
    assert!(once.into_iter().all(|address| seen.insert(*address)), "one machine comes twice");
    let macs = import.found.iter().filter_map(|found| found.mac);
    let mut named = BTreeSet::new();
    let mut once = macs.filter(|mac| mac.names_a_machine());
    assert!(once.all(|mac| named.insert(mac)), "one hardware address comes twice");
}

fn assert_plain(found: &Found) {
    assert!(found.mac.is_some() || !found.addresses.is_empty(), "{found:?} is nothing");
    let addresses: BTreeSet<&IpAddr> = found.addresses.iter().collect();
    assert_eq!(addresses.len(), found.addresses.len(), "{found:?} has an address twice");
    let no_machine = |ip: &IpAddr| ip.is_loopback() || ip.is_multicast() || ip.is_unspecified();
    assert!(!found.addresses.iter().any(no_machine), "{found:?}");
    assert!(!found.mac.is_some_and(|mac| mac.is_multicast()), "{found:?}");
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let name = found.host_name.as_deref().unwrap_or("x");
    assert!((1..=255).contains(&name.len()) && name.chars().all(plain), "{found:?}");
}
