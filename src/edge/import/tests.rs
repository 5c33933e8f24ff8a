//! Tests of what all readers share: limits, merging, and no panic on any bytes.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write;

fn import(text: &str) -> Import {
    read(text.as_bytes(), ImportFormat::Arp, &ImportLimits::default()).unwrap()
}

fn addresses(found: &Found) -> Vec<String> {
    found.addresses.iter().map(|address| address.to_string()).collect()
}

#[test]
fn a_row_repeated_many_times_is_one_machine() {
    let import = import(&"pc (10.0.0.1) at 0:1:2:3:4:5 on en0\n".repeat(100_000));
    assert_eq!((import.rows, import.found.len(), import.skipped_total), (100_000, 1, 0));
    assert_eq!(addresses(&import.found[0]), ["10.0.0.1"]);
    assert_eq!(import.found[0].host_name.as_deref(), Some("pc"));
}

#[test]
fn one_machine_with_very_many_addresses_is_read_in_linear_time() {
    let mut text = String::new();
    for n in 0..100_000u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + n);
        writeln!(text, "? ({address}) at 0:1:2:3:4:5 on en0").unwrap();
    }
    let import = import(&text);
    assert_eq!((import.found.len(), import.found[0].addresses.len()), (1, 100_000));
}

#[test]
fn rows_are_one_machine_by_hardware_address_in_order_of_appearance() {
    let import = import(
        "10.0.0.9 0:0:0:0:0:9 e\n10.0.0.1 0:0:0:0:0:1 e\n10.0.0.8 0000.0000.0009 e\n\
         10.0.0.1 0:0:0:0:0:2 e\n",
    );
    let all: Vec<Vec<String>> = import.found.iter().map(addresses).collect();
    assert_eq!(all, [vec!["10.0.0.9", "10.0.0.8"], vec!["10.0.0.1"], vec!["10.0.0.1"]]);
}

fn host(addresses: &[&str], name: &str) -> String {
    let mut text = "<host><status state=\"up\"/>".to_string();
    for address in addresses {
        let kind = if address.len() == 17 { "mac" } else { "ipv4" };
        write!(text, "<address addr=\"{address}\" addrtype=\"{kind}\"/>").unwrap();
    }
    format!("{text}<hostnames><hostname name=\"{name}\"/></hostnames></host>")
}

#[test]
fn a_machine_without_hardware_address_is_known_by_its_addresses() {
    let mac = "00:01:02:03:04:05";
    let scan = [
        host(&["10.0.0.1"], "first"),
        host(&["10.0.0.2"], ""),
        host(&["10.0.0.1"], "again"),
        host(&[mac, "10.0.0.3"], ""),
        // Says that two of the above are the machine before.
        host(&[mac, "10.0.0.1", "10.0.0.2"], "late"),
        host(&["10.0.0.2"], "later"),
        host(&["10.0.0.4", "10.0.0.3"], ""),
    ];
    let text = format!("<nmaprun>{}</nmaprun>", scan.concat());
    let import = read(text.as_bytes(), ImportFormat::Auto, &ImportLimits::default()).unwrap();
    assert_eq!(import.found.len(), 1);
    assert_eq!(import.found[0].mac, mac.parse().ok());
    assert_eq!(import.found[0].host_name.as_deref(), Some("first"));
    assert_eq!(addresses(&import.found[0]), ["10.0.0.3", "10.0.0.1", "10.0.0.2", "10.0.0.4"]);
}

#[test]
fn a_hardware_address_that_names_no_machine_puts_nothing_together() {
    let import = import(
        "10.0.0.1 02:42:ac:11:00:02 e\n10.0.0.2 02:42:ac:11:00:02 e\n\
         10.0.0.1 02:42:ac:11:00:09 e\n10.0.0.2 00:1b:21:00:00:01 e\n",
    );
    let all: Vec<_> = import
        .found
        .iter()
        .map(|found| (found.mac.unwrap().to_string(), addresses(found)))
        .collect();
    let expected = [
        ("02:42:ac:11:00:09", "10.0.0.1"),
        ("02:42:ac:11:00:02", "10.0.0.2"),
        ("00:1b:21:00:00:01", "10.0.0.2"),
    ];
    assert_eq!(all, expected.map(|(mac, address)| (mac.to_string(), vec![address.to_string()])));
    let lone = "device id,mac\n-,02:42:ac:11:00:02\n-,02:42:ac:11:00:02\n";
    let lone = read(lone.as_bytes(), ImportFormat::Csv, &ImportLimits::default()).unwrap();
    assert_eq!(lone.found.len(), 1);
}

/// The largest machine is met again and again by one that stood before it in the file.
#[test]
fn machines_that_turn_out_to_be_one_are_merged_in_near_linear_time() {
    let address = |n: u32| std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
    let mut text = "<nmaprun>".to_string();
    for n in 0..30_000 {
        text.push_str(&host(&[&address(n)], ""));
    }
    for n in (1..30_000).rev() {
        text.push_str(&host(&[&address(n), &address(n - 1)], ""));
    }
    text.push_str("</nmaprun>");
    let before = std::time::Instant::now();
    let import = read(text.as_bytes(), ImportFormat::NmapXml, &ImportLimits::default()).unwrap();
    assert!(before.elapsed() < std::time::Duration::from_secs(10));
    assert_eq!((import.found.len(), import.found[0].addresses.len()), (1, 30_000));
}

#[test]
fn rows_names_and_listed_skips_are_bounded() {
    let limits = ImportLimits {
        rows_max: 3,
        host_names_max: 1,
        skipped_listed_max: 1,
        ..ImportLimits::default()
    };
    let row = |n: u8| format!("pc{n} (10.0.0.{n}) at 0:0:0:0:0:{n} on e\n");
    let three = row(1) + &row(2) + &row(3);
    let import = read(three.as_bytes(), ImportFormat::Arp, &limits).unwrap();
    let names: Vec<_> = import.found.iter().map(|found| found.host_name.as_deref()).collect();
    assert_eq!((names, import.names_refused), (vec![Some("pc1"), None, None], 2));
    let four = three + &row(4);
    let outcome = read(four.as_bytes(), ImportFormat::Arp, &limits);
    assert!(matches!(outcome, Err(ImportError::TooManyRows { max: 3 })), "{outcome:?}");
    let incomplete = "? (10.0.0.1) at (incomplete)\n".repeat(3);
    let import = read(incomplete.as_bytes(), ImportFormat::Arp, &limits).unwrap();
    assert_eq!((import.skipped.len(), import.skipped_total), (1, 3));
}

#[test]
fn many_rows_of_one_reason_hide_no_other() {
    let limits = ImportLimits { skipped_listed_max: 4, ..ImportLimits::default() };
    let silent = |line: u64| format!("10.0.0.{line},\n");
    let text = "ip,mac\n".to_string()
        + &(2..=9).map(|_| "127.0.0.1,\n".to_string()).collect::<String>()
        + "ten,\n,00:zz\n"
        + &silent(12)
        + "224.0.0.1,\n"
        + &"127.0.0.1,\n".repeat(9);
    let import = read(text.as_bytes(), ImportFormat::Csv, &limits).unwrap();
    let listed: Vec<u64> = import.skipped.iter().map(|row| row.line).collect();
    assert_eq!(listed, [2, 3, 10, 13], "{:?}", import.skipped);
    assert_eq!((import.skipped_total, import.found.len()), (20, 1));
}

#[test]
fn a_name_that_is_refused_is_told_with_its_line() {
    let limits = ImportLimits { skipped_listed_max: 2, ..ImportLimits::default() };
    let text = "ip,name\n10.0.0.1,pc 1\n10.0.0.2,pc2\n10.0.0.3,<b>\n10.0.0.4,a b\n";
    let import = read(text.as_bytes(), ImportFormat::Csv, &limits).unwrap();
    assert_eq!((import.names_refused, import.names_refused_at), (3, vec![2, 4]));
}

#[test]
fn a_carriage_return_alone_ends_a_line() {
    let limits = ImportLimits::default();
    let list = "ip,name\r10.0.0.1,pc1\r\rten,pc2\r10.0.0.3,pc3\r";
    let import = read(list.as_bytes(), ImportFormat::Auto, &limits).unwrap();
    assert_eq!((import.format, import.found.len()), (ImportFormat::Csv, 2));
    assert_eq!(import.skipped, [Skipped { line: 4, reason: SkipReason::Unreadable }]);
    let table = "10.0.0.9 0:0:0:0:0:9 e\r10.0.0.1 0:0:0:0:0:1 e\r";
    let import = read(table.as_bytes(), ImportFormat::Auto, &limits).unwrap();
    assert_eq!(import.found.len(), 2);
}

#[test]
fn lines_of_one_file_may_end_in_different_ways() {
    let ends = ["\n", "\r", "\r\n", "\r\r\n"];
    let rows = ["10.0.0.1,pc1", "10.0.0.2,pc2", "10.0.0.3,pc3"];
    for number in 0..ends.len().pow(4) {
        let end = |at: u32| ends[number / ends.len().pow(at) % ends.len()];
        let mut list = format!("ip,name{}", end(3));
        (0..3).for_each(|at: u32| list.push_str(&format!("{}{}", rows[at as usize], end(at))));
        let import = read(list.as_bytes(), ImportFormat::Auto, &ImportLimits::default()).unwrap();
        let read = (import.found.len(), import.names_refused, import.skipped_total);
        assert_eq!(read, (3, 0, 0), "{list:?}");
    }
}

#[test]
fn utf16_without_its_mark_is_told_and_not_read() {
    let list = "ip,name\r\n10.0.0.1,pc1\r\n";
    let halves: Vec<u16> = list.encode_utf16().collect();
    let little: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
    let big: Vec<u8> = halves.iter().flat_map(|half| half.to_be_bytes()).collect();
    for bytes in [little, big] {
        for format in [ImportFormat::Auto, ImportFormat::Csv, ImportFormat::NmapXml] {
            let error = read(&bytes, format, &ImportLimits::default()).unwrap_err();
            assert!(error.to_string().contains("UTF-16 text without its mark"), "{error}");
        }
    }
}

#[test]
fn a_list_of_which_nothing_was_recognised_is_refused() {
    for list in ["ip,name\n", "ip,name\n\n  \n", "x\r"] {
        let read = read(list.as_bytes(), ImportFormat::Auto, &ImportLimits::default());
        let error = read.unwrap_err();
        assert!(matches!(error, ImportError::NothingRead { .. }), "{list:?}: {error}");
        assert!(error.to_string().contains("was recognised"), "{error}");
    }
}

#[test]
fn a_large_file_is_refused_by_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    let file = std::fs::File::create(&path).unwrap();
    // A hole of 100 MB: takes no space, and no time if nobody reads it.
    file.set_len(100 * 1024 * 1024).unwrap();
    let limits = ImportLimits::default();
    let outcome = read_file(&path, ImportFormat::Auto, &limits);
    assert!(matches!(outcome, Err(ImportError::TooLarge { max: 67_108_864 })), "{outcome:?}");
    let small = ImportLimits { bytes_max: 30, ..limits };
    let text = b"10.0.0.9 0:0:0:0:0:9 eth0.1234\n";
    assert!(matches!(
        read(text, ImportFormat::Arp, &small),
        Err(ImportError::TooLarge { max: 30 })
    ));
    let outcome = read_file(folder.path(), ImportFormat::Auto, &limits);
    assert!(matches!(outcome, Err(ImportError::NotAFile(_))), "{outcome:?}");
    let outcome = read_file(&folder.path().join("none"), ImportFormat::Auto, &limits);
    assert!(matches!(outcome, Err(ImportError::Io { .. })), "{outcome:?}");
    std::fs::write(&path, &text[..]).unwrap();
    assert_eq!(read_file(&path, ImportFormat::Auto, &limits).unwrap().found.len(), 1);
}

#[test]
fn texts_in_other_encodings_and_empty_ones_are_told_apart() {
    let of = |bytes: &[u8]| read(bytes, ImportFormat::Auto, &ImportLimits::default());
    assert!(matches!(of(b""), Err(ImportError::Empty)));
    assert!(matches!(of(b" \r\n\t"), Err(ImportError::Empty)));
    assert!(matches!(of(b"\xff\xfe1\x000\x00"), Err(ImportError::Utf16)));
    assert_eq!(of(b"\xef\xbb\xbf10.0.0.9 0:0:0:0:0:9 e\n").unwrap().found.len(), 1);
    // Bytes that are no text spoil a name, not its row.
    assert_eq!(of(b"p\xff (10.0.0.9) at 0:0:0:0:0:9 e\n").unwrap().names_refused, 1);
}

/// What must hold of any import, whatever it was read from.
fn check(import: &Import) {
    let mut macs = BTreeSet::new();
    let mut lone = BTreeSet::new();
    for found in &import.found {
        assert!(found.mac.is_some() || !found.addresses.is_empty());
        let name = found.mac.filter(|mac| mac.names_a_machine());
        assert!(name.is_none_or(|mac| macs.insert(mac)));
        let unique: BTreeSet<_> = found.addresses.iter().collect();
        assert_eq!(unique.len(), found.addresses.len());
        if found.mac.is_none() {
            assert!(found.addresses.iter().all(|address| lone.insert(*address)));
        }
    }
    let of_known = import.found.iter().filter(|found| found.mac.is_some());
    assert!(!of_known.flat_map(|found| &found.addresses).any(|address| lone.contains(address)));
    assert!(import.rows >= import.skipped_total + import.found.len() as u64);
    assert!(import.skipped.len() as u64 <= import.skipped_total);
}

fn small_host() -> impl Strategy<Value = String> {
    let octets = prop::collection::vec(1..6u8, 0..3);
    (octets, prop::option::of(1..4u8), "|a|b").prop_map(|(octets, mac, name)| {
        let mut all: Vec<String> = octets.iter().map(|n| format!("10.0.0.{n}")).collect();
        // An odd one is one that names no machine.
        all.extend(mac.map(|n| format!("0{}:00:00:00:00:0{n}", n % 2 * 2)));
        host(&all.iter().map(String::as_str).collect::<Vec<_>>(), &name)
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for (format, _) in ImportFormat::ALL {
            if let Ok(import) = read(&bytes, format, &ImportLimits::default()) {
                check(&import);
            }
        }
    }

    #[test]
    fn arbitrary_words_of_a_table_never_panic(
        text in "((pc|\\(10\\.0\\.0\\.[0-9]\\)|at|10\\.0\\.0\\.[0-9]|0:0:0:0:0:[0-9]|\
                 incomplete|ether|\\PC)( |\n|\r)){0,40}"
    ) {
        if let Ok(import) = read(text.as_bytes(), ImportFormat::Arp, &ImportLimits::default()) {
            check(&import);
        }
    }

    #[test]
    fn arbitrary_lines_of_neighbours_and_lists_never_panic(
        lines in prop::collection::vec(
            "(Device ID:|Chassis id:|  IP: |  IP address: |ip,mac,name|ip;mac|-----|Version :|\
              10\\.0\\.0\\.[0-9] lladdr )?(pc|\
              10\\.0\\.0\\.[0-9]|0:0:0:0:0:[0-9]|,|;|\"| STALE| FAILED|\
              \\PC){0,6}",
            0..30,
        )
    ) {
        let text = lines.join("\n");
        for (format, _) in ImportFormat::ALL {
            if let Ok(import) = read(text.as_bytes(), format, &ImportLimits::default()) {
                check(&import);
            }
        }
    }

    #[test]
    fn arbitrary_pieces_of_xml_never_panic(
        text in "(<nmaprun>|</nmaprun>|<host>|</host>|<a b=\"|\"/>|&|;|#|!\\[CDATA\\[|\\?|<|>|\
                 x){0,30}"
    ) {
        let _ = read(text.as_bytes(), ImportFormat::NmapXml, &ImportLimits::default());
    }

    #[test]
    fn merged_machines_are_apart(hosts in prop::collection::vec(small_host(), 0..30)) {
        let text = format!("<nmaprun>{}</nmaprun>", hosts.concat());
        let read = read(text.as_bytes(), ImportFormat::NmapXml, &ImportLimits::default());
        let import = read.unwrap();
        check(&import);
    }
}
