//! Tests of the ARP tables: every fixture against what its own authors expect of it.

use crate::client::contract::ImportFormat;
use crate::edge::import::{Import, ImportError, ImportLimits, SkipReason, read};
use crate::model::discovery::MacAddress;
use std::collections::BTreeSet;
use std::net::IpAddr;

fn bytes_of(file: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/discovery-arp/");
    std::fs::read(format!("{folder}{file}")).unwrap()
}

fn import(text: &str) -> Result<Import, ImportError> {
    read(text.as_bytes(), ImportFormat::Auto, &ImportLimits::default())
}

/// What a table says: a hardware address, and an address that goes with it.
type Pairs = BTreeSet<(MacAddress, Option<IpAddr>)>;

fn pairs_of(import: &Import) -> Pairs {
    let pairs = import.found.iter().flat_map(|found| {
        let mac = found.mac.unwrap();
        let none = found.addresses.is_empty().then_some((mac, None));
        found.addresses.iter().map(move |address| (mac, Some(*address))).chain(none)
    });
    pairs.collect()
}

/// One row as the authors of a fixture read it, in their words.
struct Expected {
    address: String,
    mac: Option<String>,
    name: Option<String>,
}

fn expected_of_json(file: &str) -> Vec<Expected> {
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&bytes_of(file)).unwrap();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().map(str::to_string);
    let expected = |row: &serde_json::Value| {
        let address = text(row, "address").unwrap();
        let named = address.parse::<IpAddr>().is_err().then(|| address.clone());
        Expected { address, mac: text(row, "hwaddress"), name: text(row, "name").or(named) }
    };
    rows.iter().map(expected).collect()
}

/// Enough of YAML for these files: rows begin with `  - `, each line is `key: "value"`.
fn expected_of_yml(file: &str) -> Vec<Expected> {
    let text = String::from_utf8(bytes_of(file)).unwrap();
    let mut rows: Vec<Expected> = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("  ")) {
        if line.starts_with("  - ") {
            rows.push(Expected { address: String::new(), mac: None, name: None });
        }
        let (key, value) = line[4..].split_once(": ").unwrap();
        let value = value.trim_matches('"').to_string();
        let row = rows.last_mut().unwrap();
        match key {
            "ip_address" => row.address = value,
            "mac_address" if !["", "incomplete"].contains(&value.as_str()) => row.mac = Some(value),
            "rev_dns" => row.name = Some(value).filter(|name| name != "?"),
            _ => {}
        }
    }
    rows
}

fn check(file: &str, expected: &[Expected]) {
    let import = read(&bytes_of(file), ImportFormat::Auto, &ImportLimits::default()).unwrap();
    let mut pairs = Pairs::new();
    let mut skipped = 0;
    for row in expected {
        let address: Option<IpAddr> = row.address.parse().ok();
        let mac = row.mac.as_ref().map(|mac| mac.parse::<MacAddress>().unwrap());
        let Some(mac) = mac.filter(|mac| !mac.is_multicast()) else {
            skipped += 1;
            continue;
        };
        pairs.insert((mac, address));
        let found = import.found.iter().find(|found| found.mac == Some(mac)).unwrap();
        assert_eq!(found.host_name, row.name, "{file}: {mac}");
    }
    assert_eq!(pairs_of(&import), pairs, "{file}");
    assert_eq!(import.rows, expected.len() as u64, "{file}");
    assert_eq!(import.skipped_total, skipped, "{file}: {:?}", import.skipped);
    assert_eq!(import.format, ImportFormat::Arp);
}

const JSON: [(&str, usize); 5] = [
    ("jc-aix-7.1-arp-a", 6),
    ("jc-centos-7.7-arp-a", 3),
    ("jc-centos-7.7-arp-v", 2),
    ("jc-freebsd12-arp-a", 3),
    ("jc-osx-10.14.6-arp-a", 12),
];
const YML: [(&str, usize); 6] = [
    ("ntc-arista_eos_show_ip_arp1", 5),
    ("ntc-cisco_ios_show_ip_arp", 7),
    ("ntc-huawei_vrpv8_display_arp_all", 209),
    ("ntc-juniper_junos_show_arp_no-resolve", 9),
    ("ntc-linux_arp_a", 9),
    ("ntc-mikrotik_routeros_ip_arp_print", 5),
];

#[test]
fn every_table_reads_as_its_authors_expect() {
    for (file, rows) in JSON {
        let expected = expected_of_json(&format!("{file}.json"));
        assert_eq!(expected.len(), rows, "{file}");
        check(&format!("{file}.out"), &expected);
    }
    for (file, rows) in YML {
        let expected = expected_of_yml(&format!("{file}.yml"));
        assert_eq!(expected.len(), rows, "{file}");
        check(&format!("{file}.raw"), &expected);
    }
}

/// A core switch's table, with a machine that has 32 addresses and addresses that several machines
/// have: as many nodes as hardware addresses, and no address is lost.
#[test]
fn a_large_real_table_is_a_machine_for_each_hardware_address() {
    let bytes = bytes_of("ntc-huawei_vrpv8_display_arp_all.raw");
    let import = read(&bytes, ImportFormat::Auto, &ImportLimits::default()).unwrap();
    let addresses: BTreeSet<IpAddr> =
        import.found.iter().flat_map(|found| found.addresses.clone()).collect();
    let named = import.found.iter().filter(|found| found.mac.unwrap().names_a_machine());
    let most = import.found.iter().map(|found| found.addresses.len()).max();
    assert_eq!((import.rows, import.found.len(), addresses.len()), (209, 112, 162));
    assert_eq!((named.count(), most, pairs_of(&import).len()), (112, Some(32), 166));
}

fn tables() -> Vec<String> {
    let json = JSON.iter().map(|(file, _)| format!("{file}.out"));
    json.chain(YML.iter().map(|(file, _)| format!("{file}.raw"))).collect()
}

/// A cut table says less than a whole one, never something else.
#[test]
fn a_table_cut_at_any_byte_says_nothing_new() {
    let mut cut_off = 0;
    for file in tables() {
        let bytes = bytes_of(&file);
        let limits = ImportLimits::default();
        let whole = pairs_of(&read(&bytes, ImportFormat::Arp, &limits).unwrap());
        let step = if bytes.len() > 10_000 { 7 } else { 1 };
        for end in (0..bytes.len()).step_by(step) {
            let Ok(cut) = read(&bytes[..end], ImportFormat::Arp, &limits) else { continue };
            let pairs = pairs_of(&cut);
            assert!(pairs.is_subset(&whole), "{file} cut at {end}: {pairs:?}");
            cut_off += cut.skipped.iter().filter(|s| s.reason == SkipReason::CutOff).count();
        }
    }
    assert!(cut_off > 1_000, "a cut row is reported: {cut_off}");
}

#[test]
fn tables_of_several_systems_may_stand_in_one_file() {
    let mut all = Vec::new();
    let mut pairs = Pairs::new();
    for file in tables() {
        let bytes = bytes_of(&file);
        pairs.extend(pairs_of(&read(&bytes, ImportFormat::Arp, &ImportLimits::default()).unwrap()));
        all.extend(bytes);
    }
    let import = read(&all, ImportFormat::Auto, &ImportLimits::default()).unwrap();
    // The gateway of one table, known by name only, has its address in another.
    let named: MacAddress = "00:50:56:f7:4a:fc".parse().unwrap();
    assert!(pairs.remove(&(named, None)));
    assert_eq!(pairs_of(&import), pairs);
}

#[test]
fn a_last_row_without_a_line_end_is_taken_when_more_stands_behind_it() {
    let whole = import("? (10.0.0.1) at 0:1:2:3:4:5 on en0").unwrap();
    assert_eq!((whole.found.len(), whole.skipped_total), (1, 0));
    let unsure = import("10.0.0.1 0:1:2:3:4:5 e\n10.0.0.2 0:1:2:3:4:6").unwrap();
    assert_eq!((unsure.found.len(), unsure.skipped_total), (1, 1));
    assert_eq!(unsure.skipped[0].line, 2);
    assert_eq!(unsure.skipped[0].reason, SkipReason::CutOff);
}

#[test]
fn rows_that_name_no_machine_are_skipped_with_a_reason() {
    let import = import(
        "? (10.0.0.1) at 0:1:2:3:4:5 on en0\n\
         ? (10.0.0.255) at ff:ff:ff:ff:ff:ff on en0\n\
         ? (224.0.0.251) at 1:0:5e:0:0:fb on en0\n\
         ? (10.0.0.2) at 0:0:0:0:0:0 on en0\n\
         ? (0.0.0.0) at 0:1:2:3:4:6 on en0\n\
         ? (239.1.1.1) at 0:1:2:3:4:6 on en0\n\
         ? (127.0.0.1) at 0:1:2:3:4:6 on en0\n\
         ? (10.0.0.3) at (incomplete) on en0\n\
         Internet  10.0.0.4    0   Incomplete      ARPA\n\
         gateway                  (incomplete)                              eth0\n\
         ? (10.0.0.5) at nonsense on en0\n\
         ? (10.0.0.500) at 0:1:2:3:4:6 on en0\n",
    )
    .unwrap();
    assert_eq!((import.found.len(), import.rows), (1, 12));
    let reasons: Vec<SkipReason> = import.skipped.iter().map(|skipped| skipped.reason).collect();
    use SkipReason::*;
    let expected = [
        Broadcast,
        Multicast,
        Unspecified,
        Unspecified,
        Multicast,
        Loopback,
        Incomplete,
        Incomplete,
        Incomplete,
        Unreadable,
        Unreadable,
    ];
    assert_eq!(reasons, expected);
    assert_eq!(import.skipped[0].line, 2);
}

/// A machine chooses the name that a reverse lookup gives; it must not choose its row.
#[test]
fn a_name_cannot_pretend_to_be_a_row() {
    let import = import(
        "x (10.0.0.9) at 0:9:9:9:9:9 on (10.0.0.1) at 0:1:2:3:4:5 on en0\n\
         \u{1b}[2Jgone (10.0.0.2) at 0:1:2:3:4:6 on en0\n\
         <script> (10.0.0.3) at 0:1:2:3:4:7 on en0\n\
         büro-7.example. (10.0.0.4) at 0:1:2:3:4:8 on en0\n",
    )
    .unwrap();
    let macs: Vec<String> = import.found.iter().map(|f| f.mac.unwrap().to_string()).collect();
    assert_eq!(
        macs,
        ["00:01:02:03:04:05", "00:01:02:03:04:06", "00:01:02:03:04:07", "00:01:02:03:04:08"]
    );
    let names: Vec<_> = import.found.iter().map(|found| found.host_name.as_deref()).collect();
    assert_eq!(names, [None, None, None, Some("büro-7.example")]);
    assert_eq!(import.names_refused, 3);
}

#[test]
fn a_text_without_any_row_is_refused() {
    for text in ["hello\n", "VRF: default\nEntries: 0\n", "? (10.0.0.1) at x\n", "10.0.0.1"] {
        assert!(
            matches!(import(text), Err(ImportError::NothingRead { .. })),
            "{text:?} gave {:?}",
            import(text)
        );
    }
    // A table where every row is known to be incomplete is a table.
    assert_eq!(import("? (10.0.0.1) at <incomplete> on e\n").unwrap().skipped_total, 1);
}

#[test]
fn the_windows_form_reads_too() {
    let text = "\r\nInterface: 192.168.1.5 --- 0xb\r\n  Internet Address  Physical Address  Type\
                \r\n  192.168.1.1  00-0c-29-1a-4e-3b  dynamic\r\n";
    let import = import(text).unwrap();
    assert_eq!((import.found.len(), import.rows), (1, 1));
}

#[test]
fn a_line_without_end_costs_no_more_than_its_length() {
    let long = format!("10.0.0.1 0:1:2:3:4:5 e\n{}\n", "1.1.1.1 ".repeat(1_000_000));
    let import = import(&long).unwrap();
    assert_eq!(import.skipped[0].reason, SkipReason::TooLong);
    assert_eq!(import.found.len(), 1);
}

/// What systems print that no fixture is of: after the manuals of Windows, OpenBSD and BusyBox. The
/// rows are made up.
#[test]
fn tables_of_windows_openbsd_and_busybox_are_read() {
    let windows = "\r\nInterface: 192.0.2.4 --- 0x7\r\n  \
                   Internet Address      Physical Address      Type\r\n  \
                   192.0.2.1             00-16-3e-00-00-01     dynamic   \r\n  \
                   192.0.2.255           ff-ff-ff-ff-ff-ff     static    \r\n  \
                   224.0.0.22            01-00-5e-00-00-16     static    \r\n";
    let openbsd = "Host                                 Ethernet Address    Netif Expire    Flags\n\
                   192.0.2.1                            00:16:3e:00:00:01     em0 17m22s\n\
                   192.0.2.4                            00:16:3e:00:00:04     em0 permanent l\n\
                   192.0.2.9                            (incomplete)          em0 expired\n";
    let busybox = "? (192.0.2.1) at 00:16:3e:00:00:01 [ether]  on eth0\n\
                   ? (192.0.2.9) at <incomplete>  on eth0\n";
    for (text, machines, skipped) in [(windows, 1, 2), (openbsd, 2, 1), (busybox, 1, 1)] {
        let import = import(text).unwrap();
        assert_eq!(import.format, ImportFormat::Arp);
        assert_eq!((import.found.len(), import.skipped_total), (machines, skipped), "{text}");
        assert_eq!(import.found[0].mac.unwrap().to_string(), "00:16:3e:00:00:01");
    }
}
