//! Licenses and found devices, sampled and arbitrary.

use crate::model::count::LicenseCount;
use crate::model::discovery::{Found, MacAddress};
use crate::model::license::{License, LicenseTerms, Metric, Serial};
use crate::model::name::ServerName;
use crate::model::time::Timestamp;
use crate::record::arbitrary::{addresses, product, server, text};
use crate::record::sample::named;
use proptest::option;
use proptest::prelude::*;

pub fn mac(bytes: [u8; 6]) -> MacAddress {
    MacAddress(bytes)
}

pub fn serial(text: &str) -> Serial {
    text.parse().unwrap()
}

pub fn license_sample() -> License {
    let terms = LicenseTerms {
        serial: serial("A-17"),
        vendor: "Vendor AG".to_string(),
        product: named("cad"),
        count: LicenseCount(300),
        metric: Metric::Sessions,
        not_before: Timestamp(1_794_000_000_000),
        not_after: Some(Timestamp(1_799_000_000_000)),
        tree: None,
        server: None,
        confirm_within_days: None,
        note: "für 3 Räume".to_string(),
    };
    terms.try_into().unwrap()
}

/// One that is bound to a server.
pub fn bound_license_sample() -> License {
    let terms = LicenseTerms {
        serial: serial("A-18"),
        tree: Some(named("works")),
        server: Some(named("relay-c")),
        confirm_within_days: Some(300),
        ..license_sample().into()
    };
    terms.try_into().unwrap()
}

pub fn found_sample() -> Found {
    Found {
        mac: Some(mac([2, 0, 0x5e, 0x10, 0, 0xff])),
        addresses: vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
        host_name: Some("press-7".to_string()),
    }
}

pub fn any_mac() -> BoxedStrategy<MacAddress> {
    any::<[u8; 6]>().prop_map(mac).boxed()
}

pub fn any_serial() -> BoxedStrategy<Serial> {
    "[A-Za-z0-9-]{1,64}".prop_map(|text| serial(&text)).boxed()
}

pub fn any_found() -> BoxedStrategy<Found> {
    let all = (option::of(any_mac()), addresses(), option::of(text()));
    all.prop_map(|(mac, addresses, host_name)| Found { mac, addresses, host_name }).boxed()
}

/// A tree, with or without a server of it, and days to confirm within.
type Bounds = (Option<(ServerName, Option<ServerName>)>, Option<u16>);

fn bounds() -> BoxedStrategy<Bounds> {
    (option::of((server(), option::of(server()))), option::of(1..=3_650_u16)).boxed()
}

pub fn any_license() -> BoxedStrategy<License> {
    let metric = prop_oneof![Just(Metric::ManagedDevices), Just(Metric::Sessions)];
    let dates = (0..1_000_000_u64, option::of(1_000_000..2_000_000_u64));
    let texts = ("[a-z]{1,255}", "[a-z]{0,300}");
    let names = (any_serial(), product(), bounds());
    let all = (names, texts, 1..=u64::from(u32::MAX), metric, dates);
    all.prop_map(|((serial, product, bounds), (vendor, note), count, metric, (from, to))| {
        let (place, confirm_within_days) = bounds;
        let (tree, server) = place.map_or((None, None), |(tree, server)| (Some(tree), server));
        let terms = LicenseTerms {
            serial,
            vendor,
            product,
            count: LicenseCount(count),
            metric,
            not_before: Timestamp(from),
            not_after: to.map(Timestamp),
            tree: tree.map(|tree| named(tree.as_str())),
            server,
            confirm_within_days,
            note,
        };
        terms.try_into().unwrap()
    })
    .boxed()
}
