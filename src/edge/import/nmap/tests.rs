//! Tests of nmap's XML: what the fixtures hold, whole or not at all, and no tricks with entities.

use crate::client::contract::ImportFormat;
use crate::edge::import::{Import, ImportError, ImportLimits, SkipReason, read};
use std::time::{Duration, Instant};

const FILES: [&str; 5] =
    ["1_host_ping.xml", "1_hosts_down.xml", "2_hosts_version.xml", "fullscan.xml", "os_scan6.xml"];

fn bytes_of(file: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/discovery-nmap/");
    std::fs::read(format!("{folder}{file}")).unwrap()
}

fn import(text: &str) -> Result<Import, ImportError> {
    read(text.as_bytes(), ImportFormat::Auto, &ImportLimits::default())
}

/// Machines as text: hardware address, addresses, name.
fn shown(import: &Import) -> Vec<String> {
    let each = import.found.iter().map(|found| {
        let mac = found.mac.map(|mac| mac.to_string());
        let addresses: Vec<String> = found.addresses.iter().map(|a| a.to_string()).collect();
        let name = found.host_name.as_deref().unwrap_or("-");
        format!("{} {} {name}", mac.as_deref().unwrap_or("-"), addresses.join(","))
    });
    each.collect()
}

#[test]
fn the_fixtures_hold_these_machines() {
    let expected: [(&[&str], u64, u64); 5] = [
        (&["02:42:ac:1c:01:03 172.28.1.3 dionaea"], 1, 0),
        (&["- 10.1.1.1 -"], 1, 0),
        (&["- 74.207.244.221 scanme.nmap.org"], 2, 1),
        (&["- 192.168.1.1 -", "- 192.168.1.4 -"], 256, 254),
        (
            &[
                "6c:2e:85:19:af:00 192.168.1.1 -",
                "00:1f:3c:87:66:50 192.168.1.5 -",
                "- 192.168.1.3 -",
            ],
            256,
            253,
        ),
    ];
    for (file, (machines, rows, skipped)) in FILES.iter().zip(expected) {
        let import = read(&bytes_of(file), ImportFormat::Auto, &ImportLimits::default()).unwrap();
        assert_eq!(shown(&import), machines, "{file}");
        assert_eq!((import.rows, import.skipped_total), (rows, skipped), "{file}");
        assert!(import.skipped.len() <= 100, "{file}");
        assert_eq!(import.format, ImportFormat::NmapXml);
    }
    let sweep = read(&bytes_of(FILES[3]), ImportFormat::NmapXml, &ImportLimits::default()).unwrap();
    assert_eq!(sweep.skipped[0].reason, SkipReason::NotUp);
    assert_eq!(sweep.skipped[0].line, 12);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for file in FILES {
        let bytes = bytes_of(file);
        let end_of_document = bytes.iter().rposition(|b| *b == b'>').unwrap();
        let step = if bytes.len() > 20_000 { 7 } else { 1 };
        for end in (0..=end_of_document).step_by(step) {
            let outcome = read(&bytes[..end], ImportFormat::NmapXml, &ImportLimits::default());
            assert!(
                matches!(outcome, Err(ImportError::EndsInTheMiddle { .. } | ImportError::Empty)),
                "{file} cut at {end}: {outcome:?}"
            );
        }
    }
}

const HOST: &str = "<host><status state=\"up\"/><address addr=\"10.0.0.1\" addrtype=\"ipv4\"/>\
                    <hostnames><hostname name=\"a\"/></hostnames></host>";

#[test]
fn document_types_and_entities_are_refused_at_once() {
    let mut laughs = "<!DOCTYPE nmaprun [<!ENTITY a0 \"ha\">".to_string();
    for n in 1..60 {
        laughs.push_str(&format!("<!ENTITY a{n} \"&a{};&a{};\">", n - 1, n - 1));
    }
    laughs.push_str("]><nmaprun>&a59;</nmaprun>");
    let before = Instant::now();
    for refused in [
        laughs.as_str(),
        "<!DOCTYPE nmaprun [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><nmaprun>&x;</nmaprun>",
        "<!DOCTYPE nmaprun SYSTEM \"http://127.0.0.1/x.dtd\"><nmaprun/>",
        "<!DOCTYPE nmaprun PUBLIC \"x\" \"y\"><nmaprun/>",
        "<!DOCTYPE other><nmaprun/>",
        "<nmaprun><!DOCTYPE nmaprun></nmaprun>",
    ] {
        let outcome = import(refused);
        assert!(matches!(outcome, Err(ImportError::DocumentType { .. })), "{outcome:?}");
    }
    for refused in [
        format!("<nmaprun>{HOST}<x>&x;</x></nmaprun>"),
        format!("<nmaprun>{HOST}<x y=\"&x;\"/></nmaprun>"),
        format!("<nmaprun>{}</nmaprun>", HOST.replace("\"a\"", "\"&name;\"")),
    ] {
        let outcome = import(&refused);
        assert!(matches!(outcome, Err(ImportError::Entity { line: 1, .. })), "{outcome:?}");
    }
    assert!(before.elapsed() < Duration::from_secs(5));
    let fine = import("<!DOCTYPE nmaprun><nmaprun a=\"&lt;&#45;\"><x>&amp;&#xa;</x></nmaprun>");
    assert_eq!(fine.unwrap().rows, 0);
}

#[test]
fn what_is_not_of_nmap_or_not_well_formed_is_refused() {
    let outcome = import("<?xml version=\"1.0\"?>\n<html><body/></html>");
    assert!(matches!(outcome, Err(ImportError::NotNmap { found }) if found == "html"));
    for refused in [
        format!("<nmaprun>{HOST}</nmaprum>"),
        format!("<nmaprun>{HOST}</nmaprun>\n<nmaprun/>"),
        format!("<nmaprun>{HOST}</nmaprun> and more"),
        format!("words <nmaprun>{HOST}</nmaprun>"),
        format!("<nmaprun>{HOST}<a b=1/></nmaprun>"),
        format!("<nmaprun>{HOST}<a b='1' b='2'/></nmaprun>"),
        format!("<nmaprun>{HOST}<a>&#xffffffff;</a></nmaprun>"),
        format!("<nmaprun>{HOST}</x></nmaprun>"),
        format!("<nmaprun>{HOST}<a>b & c</a></nmaprun>"),
    ] {
        let outcome = read(refused.as_bytes(), ImportFormat::NmapXml, &ImportLimits::default());
        assert!(
            matches!(outcome, Err(ImportError::NotWellFormed { .. })),
            "{refused} gave {outcome:?}"
        );
    }
    let latin = b"<nmaprun>\n<x y=\"\xe4\"/></nmaprun>";
    let outcome = read(latin, ImportFormat::Auto, &ImportLimits::default());
    assert!(matches!(outcome, Err(ImportError::NotUtf8 { line: 2 })), "{outcome:?}");
}

#[test]
fn depth_and_attributes_are_bounded() {
    let deep = format!("<nmaprun>{}", "<a>".repeat(1_000_000));
    let outcome = import(&deep);
    assert!(matches!(outcome, Err(ImportError::TooDeep { max: 32, .. })), "{outcome:?}");
    let many: String = (0..100_000).map(|n| format!(" a{n}=\"\"")).collect();
    let outcome = import(&format!("<nmaprun{many}/>"));
    assert!(matches!(outcome, Err(ImportError::TooManyAttributes { max: 64, .. })), "{outcome:?}");
}

#[test]
fn only_hosts_within_the_scan_count() {
    let import = import(&format!(
        "<nmaprun><hosthint><status state=\"up\"/>\
         <address addr=\"10.0.0.7\" addrtype=\"ipv4\"/></hosthint>{HOST}\
         <x>{HOST}</x><host><address addr=\"10.0.0.2\" addrtype=\"ipv4\"/></host>\
         <host><status state=\"up\"/><address addr=\"10.0.0.x\" addrtype=\"ipv4\"/></host>\
         <host><status state=\"up\"/></host></nmaprun>"
    ))
    .unwrap();
    assert_eq!(shown(&import), ["- 10.0.0.1 a"]);
    let reasons: Vec<SkipReason> = import.skipped.iter().map(|skipped| skipped.reason).collect();
    assert_eq!(reasons, [SkipReason::NotUp, SkipReason::Unreadable, SkipReason::Unreadable]);
}

#[test]
fn a_host_with_both_kinds_of_address_is_one_machine() {
    let import = import(
        "<nmaprun><host><status state=\"up\"/><address addr=\"10.0.0.1\" addrtype=\"ipv4\"/>\
         <address addr=\"fe80::1\" addrtype=\"ipv6\"/>\
         <address addr=\"02:42:AC:1C:01:03\" addrtype=\"mac\"/>\
         <hostnames><hostname name=\"&#27;[2J&lt;b&gt;\"/></hostnames></host></nmaprun>",
    )
    .unwrap();
    assert_eq!(shown(&import), ["02:42:ac:1c:01:03 10.0.0.1,fe80::1 -"]);
    assert_eq!(import.names_refused, 1);
}
