//! Plans are judged as a whole; the sweep runs on this machine's own loopback addresses.

use crate::client::contract::{ScanBody, ScanMethod};
use crate::edge::codes;
use crate::edge::scan::{Plan, ScanLimits, ScanRules, ScanSettings, sweep_echoes};
use std::time::Duration;

fn asked(body: &ScanBody) -> Result<Plan, String> {
    let limits = ScanLimits::default();
    let mut office = ScanSettings::new("office", &limits);
    office.segments = vec!["10.1.0.0/24".parse().unwrap()];
    let rules = ScanRules {
        exclude: vec!["10.9.0.0/16".parse().unwrap()],
        planned: vec![office],
        ..ScanRules::default()
    };
    Plan::asked(body, &rules, &limits).map_err(|refusal| {
        assert!(codes::explain(&refusal.code).is_some() && !refusal.hint.is_empty());
        refusal.code
    })
}

fn segments(segments: &[&str]) -> ScanBody {
    let segments = segments.iter().map(|text| text.to_string()).collect();
    ScanBody { segments, ..ScanBody::default() }
}

#[test]
fn what_cannot_be_searched_has_a_code() {
    let code = |text: &str| asked(&segments(&[text])).unwrap_err();
    for garbage in ["", "garbage", "10.0.0.0/33", "fe80::1%eth0", "10.0.0.1-::1"] {
        assert_eq!(code(garbage), codes::SEGMENT, "{garbage}");
    }
    assert_eq!(code("10.0.0.9-10.0.0.1"), codes::SEGMENT_REVERSED);
    for large in ["2001:db8::/64", "::/0", "0.0.0.0/0", "10.0.0.0/8"] {
        assert_eq!(code(large), codes::SEGMENT_TOO_LARGE, "{large}");
    }
    assert_eq!(code("10.9.1.0/24"), codes::SEGMENT_EXCLUDED);
    assert_eq!(code("255.255.255.255"), codes::SEGMENT_NO_MACHINES);
    assert_eq!(asked(&segments(&["10.0.0.1"; 5_000])).unwrap_err(), codes::SEGMENTS_TOO_MANY);
    assert_eq!(asked(&segments(&[])).unwrap_err(), codes::SEGMENT);
}

#[test]
fn a_plan_is_what_was_asked_for_or_what_is_configured() {
    let plan = asked(&ScanBody { name: Some("office".into()), ..ScanBody::default() }).unwrap();
    assert_eq!((plan.targets.count(), plan.rate), (254, 1_000));
    assert!(!plan.uses(ScanMethod::Mdns) && plan.uses(ScanMethod::Names));
    let other = ScanBody { name: Some("attic".into()), ..ScanBody::default() };
    assert_eq!(asked(&other).unwrap_err(), codes::SCAN_UNKNOWN);
    let both = ScanBody { name: Some("office".into()), ..segments(&["10.1.0.1"]) };
    assert_eq!(asked(&both).unwrap_err(), codes::SCAN_UNKNOWN);
    let with = |body: ScanBody| asked(&ScanBody { segments: vec!["10.1.0.1".into()], ..body });
    let names = Some(vec![ScanMethod::Names]);
    let bad = ScanBody { methods: names, ..ScanBody::default() };
    assert_eq!(with(bad).unwrap_err(), codes::SCAN_METHODS);
    for ports in [vec![], vec![0], vec![1; 17]] {
        let bad = ScanBody { ports: Some(ports), ..ScanBody::default() };
        assert_eq!(with(bad).unwrap_err(), codes::SCAN_METHODS);
    }
    for rate in [0, u32::MAX] {
        let bad = ScanBody { rate: Some(rate), ..ScanBody::default() };
        assert_eq!(with(bad).unwrap_err(), codes::SCAN_RATE);
    }
    let twice = ScanBody {
        ports: Some(vec![443, 22, 443]),
        methods: Some(vec![ScanMethod::Tcp, ScanMethod::Icmp, ScanMethod::Tcp]),
        ..ScanBody::default()
    };
    let plan = with(twice).unwrap();
    assert_eq!(
        (plan.ports, plan.methods),
        (vec![443, 22], vec![ScanMethod::Icmp, ScanMethod::Tcp])
    );
}

/// Where this process may not ping, there is nothing to see.
#[tokio::test]
async fn every_loopback_address_answers_an_echo_request() {
    let targets = segments(&["127.3.0.0/24", "127.3.1.7"]);
    let plan = asked(&targets).unwrap();
    match sweep_echoes(&plan.targets, 50_000, Duration::from_secs(1)).await {
        Ok(echoes) => assert!(echoes.alive.into_iter().eq(plan.targets.addresses())),
        Err(error) => eprintln!("skipped: no echo requests here: {error}"),
    }
}
