//! Which license files real servers take: what is refused leaves a line in the event log and
//! nothing else, and no serial is registered twice in a tree.

use crate::site::{Process, Site, eventually, license_of, now, run, terms};
use crate::tree::online;
use lictree::client::ClientError;
use lictree::model::license::LicenseTerms;
use lictree::model::name::ProductName;
use lictree::model::request::{Doing, HoldingChange, HoldingVerb};
use lictree::model::time::Timestamp;
use lictree::model::view::LicenseView;
use lictree::wire::license_file::VendorKey;
use std::fs;

const MINUTE_MS: u64 = 60_000;

/// The codes of the lines about refused licenses, oldest first.
fn refused(server: &Process) -> Vec<String> {
    let events = run(server.client().events(0, 1_000)).unwrap();
    let lines = events.iter().filter(|event| event.kind == "license.refused");
    let code = |text: &str| text.rsplit('(').next().unwrap().trim_end_matches(')').to_string();
    lines.map(|event| code(&event.text)).collect()
}

fn serials(server: &Process) -> Vec<String> {
    run(server.client().licenses()).unwrap().into_iter().map(|license| license.serial).collect()
}

#[test]
fn every_refused_license_leaves_a_line_and_nothing_else() {
    let site = Site::new();
    let config = site.primary("hq");
    let old = VendorKey::generate().unwrap();
    let lists = format!("retired_vendor_keys = [\"{}\"]\nvendor_keys", old.public());
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("vendor_keys", &lists)).unwrap();
    let server = Process::start(&config);
    let mine = LicenseTerms {
        tree: Some("acme".parse().unwrap()),
        server: Some("hq".parse().unwrap()),
        confirm_within_days: Some(30),
        ..terms("S-1", 10)
    };
    let booked = run(server.client().register_license(license_of(&site.vendor, mine))).unwrap();
    let LicenseView { tree, server: place, confirm_within_days, .. } = booked.clone();
    let names = (tree.unwrap().to_string(), place.unwrap().to_string());
    assert_eq!((names, confirm_within_days), (("acme".into(), "hq".into()), Some(30)));

    let other = |change: &dyn Fn(&mut LicenseTerms)| {
        let mut terms = terms("S-2", 10);
        change(&mut terms);
        license_of(&site.vendor, terms)
    };
    let forged =
        String::from_utf8(site.license("S-2", 10)).unwrap().replace("count: 10", "count: 99");
    let ago = |ms: u64| Timestamp(now().0 - ms);
    let files = [
        ("LT0216", other(&|terms| terms.tree = Some("west".parse().unwrap()))),
        (
            "LT0217",
            other(&|terms| {
                terms.tree = Some("acme".parse().unwrap());
                terms.server = Some("site-7".parse().unwrap());
            }),
        ),
        ("LT0218", license_of(&old, terms("S-2", 10))),
        ("LT0201", site.license("S-1", 7)),
        ("LT0210", vec![b'x'; 64 * 1024 + 1]),
        ("LT0202", other(&|terms| terms.not_after = Some(ago(MINUTE_MS)))),
        ("LT0203", other(&|terms| terms.not_before = Timestamp(now().0 + MINUTE_MS))),
        ("LT0214", forged.into_bytes()),
    ];
    for (code, file) in &files {
        let error = run(server.client().register_license(file.clone())).unwrap_err();
        assert!(matches!(error, ClientError::Refused(_)), "{error}");
        assert_eq!(error.code(), *code);
    }
    let codes: Vec<&str> = files.iter().map(|(code, _)| *code).collect();
    assert_eq!(refused(&server), codes);
    assert_eq!(serials(&server), ["S-1"]);
    server.crash();
    let server = Process::start(&config);
    assert_eq!(refused(&server), codes);
    assert_eq!(run(server.client().licenses()).unwrap(), [booked]);
    server.stop();
}

#[test]
fn a_serial_is_registered_at_one_server_of_a_tree() {
    let site = Site::new();
    let hq_config = site.primary("hq");
    let hq = Process::start(&hq_config);
    let address = hq.address().to_string();
    // The same port again after the restart.
    let text = fs::read_to_string(&hq_config).unwrap();
    fs::write(&hq_config, text.replace("127.0.0.1:0", &address)).unwrap();
    let west_config = site.relay("west", "hq", hq.address());
    let west = Process::start(&west_config);
    let east = Process::start(&site.relay("east", "west", west.address()));
    online(&hq, &["hq", "west", "east"]);
    let product: ProductName = "inventory".parse().unwrap();
    for relay in ["west", "east"] {
        let (verb, doing) = (HoldingVerb::Authorize, Doing::Do);
        let relay = relay.parse().unwrap();
        let change = HoldingChange { product: Some(product.clone()), relay, verb, doing };
        assert_eq!(run(hq.client().set_holding(&change)).unwrap().refusal, None);
    }
    let register = |server: &Process, serial: &str| {
        run(server.client().register_license(site.license(serial, 10)))
    };
    // A relay hears of its option a moment later than the primary answers.
    let known = |result: Result<LicenseView, ClientError>| match result {
        Err(error) if error.code() == "LT0204" => Ok(None),
        other => other.map(Some),
    };
    eventually("registered", || known(register(&east, "S-1")), Option::is_some);
    eventually("registered", || known(register(&west, "S-2")), Option::is_some);
    let refusal = register(&west, "S-1").unwrap_err();
    assert_eq!(refusal.code(), "LT0219");
    assert!(refusal.to_string().contains("east"), "{refusal}");
    assert_eq!(register(&hq, "S-1").unwrap_err().code(), "LT0219");
    hq.crash();
    assert_eq!(register(&west, "S-3").unwrap_err().code(), "LT0228");
    let hq = Process::start(&hq_config);
    eventually("west is connected", || run(west.client().status()), |status| status.connected);
    assert_eq!(register(&hq, "S-2").unwrap_err().code(), "LT0219");
    eventually("registered", || register(&west, "S-3"), |_| true);
    assert_eq!((serials(&hq), serials(&west)), (vec![], vec!["S-2".into(), "S-3".into()]));
    assert_eq!(serials(&east), ["S-1"]);
}
