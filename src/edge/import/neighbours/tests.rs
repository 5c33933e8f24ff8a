//! Tests of the tables of neighbours: every fixture against what its own authors expect of it.

use crate::client::contract::ImportFormat;
use crate::edge::import::{Import, ImportError, ImportLimits, SkipReason, read};
use crate::model::discovery::MacAddress;
use std::net::IpAddr;

const CDP: &str = "ntc-cisco_ios_show_cdp_neighbors_detail";
const LLDP: &str = "ntc-cisco_ios_show_lldp_neighbors_detail5";

fn text_of(file: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/discovery-neighbours/");
    std::fs::read_to_string(format!("{folder}{file}")).unwrap()
}

fn import(text: &str) -> Result<Import, ImportError> {
    read(text.as_bytes(), ImportFormat::Auto, &ImportLimits::default())
}

/// One block as the authors of a fixture read it, in their words.
#[derive(Default)]
struct Expected {
    name: String,
    address: String,
    chassis: String,
}

/// Enough of YAML for these files: blocks begin with `  - `, their lines are `key: "value"`.
fn expected_of(file: &str) -> Vec<Expected> {
    let text = text_of(&format!("{file}.yml"));
    let mut rows: Vec<Expected> = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("  ")) {
        if line.starts_with("  - ") {
            rows.push(Expected::default());
        }
        let Some((key, value)) = line[4..].split_once(": ") else { continue };
        let value = value.trim_matches('"').to_string();
        let row = rows.last_mut().unwrap();
        match key {
            "neighbor_name" => row.name = value,
            "mgmt_address" => row.address = value,
            "chassis_id" => row.chassis = value,
            _ => {}
        }
    }
    rows
}

#[test]
fn every_table_reads_as_its_authors_expect() {
    for (file, format, rows) in [(CDP, ImportFormat::Cdp, 4), (LLDP, ImportFormat::Lldp, 4)] {
        let import = import(&text_of(&format!("{file}.raw"))).unwrap();
        let expected = expected_of(file);
        assert_eq!((import.format, import.rows, expected.len() as u64), (format, rows, rows));
        let mut found = import.found.iter();
        let mut nobody = 0;
        for row in expected {
            let mac: Option<MacAddress> = row.chassis.parse().ok();
            let address: Option<IpAddr> = row.address.parse().ok();
            if mac.is_none() && address.is_none() {
                nobody += 1;
                continue;
            }
            let found = found.next().unwrap();
            assert_eq!(found.host_name.clone().unwrap_or_default(), row.name, "{file}");
            assert_eq!((found.mac, found.addresses.first().copied()), (mac, address), "{file}");
        }
        assert!(found.next().is_none());
        assert_eq!(import.skipped_total, nobody);
        assert!(import.skipped.iter().all(|row| row.reason == SkipReason::NoAddress));
    }
}

/// As the manual of lldpd shows it; not from a real network.
const LLDPD: &str = "\
-------------------------------------------------------------------------------
LLDP neighbors:
-------------------------------------------------------------------------------
Interface:    eth0, via: LLDP, RID: 1, Time: 0 day, 00:12:00
  Chassis:
    ChassisID:    mac 00:16:3e:00:00:01
    SysName:      switch-1.example.net
    SysDescr:     A switch
                  MgmtIP:       192.0.2.66
    MgmtIP:       192.0.2.1
    MgmtIP:       fe80::216:3eff:fe00:1
    Capability:   Bridge, on
  Port:
    PortID:       ifname ge-0/0/1
-------------------------------------------------------------------------------
";

/// As Cisco's manual for NX-OS shows it; not from a real network.
const NXOS: &str = "\
----------------------------------------
Device ID:core-1.example.net(FOX0000TEST)

Interface address(es):
    IPv4 Address: 192.0.2.5
Platform: N9K, Capabilities: Router Switch
Version:
Software of its maker
Device ID: nobody
    IPv4 Address: 192.0.2.77

Advertisement Version: 2
Mgmt address(es):
    IPv4 Address: 192.0.2.6
";

#[test]
fn what_other_systems_print_is_read_and_what_a_neighbour_says_of_itself_is_not() {
    let lldpd = import(LLDPD).unwrap();
    assert_eq!((lldpd.format, lldpd.found.len()), (ImportFormat::Lldp, 1));
    let found = &lldpd.found[0];
    assert_eq!(found.host_name.as_deref(), Some("switch-1.example.net"));
    assert_eq!(found.mac.unwrap().to_string(), "00:16:3e:00:00:01");
    assert_eq!(format!("{:?}", found.addresses), "[192.0.2.1, fe80::216:3eff:fe00:1]");

    let nxos = import(NXOS).unwrap();
    assert_eq!((nxos.format, nxos.found.len()), (ImportFormat::Cdp, 1));
    assert_eq!(nxos.found[0].host_name.as_deref(), Some("core-1.example.net"));
    assert_eq!(format!("{:?}", nxos.found[0].addresses), "[192.0.2.5, 192.0.2.6]");
}

#[test]
fn a_table_cut_at_any_byte_gives_no_machine_that_the_whole_one_does_not() {
    for text in [text_of(&format!("{CDP}.raw")), text_of(&format!("{LLDP}.raw")), LLDPD.into()] {
        let whole = import(&text).unwrap();
        let cut = (0..text.len()).filter_map(|end| text.get(..end));
        for text in cut {
            let Ok(part) = import(text) else { continue };
            for found in &part.found {
                let known = whole.found.iter().any(|one| {
                    let named = found.host_name.is_none() || found.host_name == one.host_name;
                    let all = found.addresses.iter().all(|a| one.addresses.contains(a));
                    found.mac == one.mac && named && all
                });
                assert!(known || part.format == ImportFormat::Arp, "{found:?}");
            }
        }
    }
}
