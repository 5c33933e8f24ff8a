//! Start, stop, crash and restart of one server.

use crate::site::{Process, Site, outcome, run, serve};
use lictree::client::SOCKET_NAME;
use lictree::model::count::LicenseCount;

#[test]
fn a_primary_starts_answers_and_stops_in_order() {
    let site = Site::new();
    let server = Process::start(&site.primary("hq"));
    assert!(server.ready.contains("server hq of the tree acme, primary"), "{}", server.ready);
    let status = run(server.client().status()).unwrap();
    assert_eq!((status.name.as_str(), status.connected), ("hq", true));
    let socket = server.data_dir.join(SOCKET_NAME);
    assert!(socket.exists());
    server.stop();
    assert!(!socket.exists());
}

#[test]
fn what_was_answered_is_there_after_a_stop_and_after_a_crash() {
    let site = Site::new();
    let config = site.primary("hq");
    let server = Process::start(&config);
    let booked = run(server.client().register_license(site.license("S-1", 10))).unwrap();
    assert_eq!(booked.count, LicenseCount(10));
    server.crash();

    let server = Process::start(&config);
    assert_eq!(run(server.client().licenses()).unwrap(), [booked]);
    run(server.client().register_license(site.license("S-2", 5))).unwrap();
    server.stop();

    let server = Process::start(&config);
    let serials: Vec<_> =
        run(server.client().licenses()).unwrap().into_iter().map(|l| l.serial).collect();
    assert_eq!(serials, ["S-1", "S-2"]);
    let again = run(server.client().register_license(site.license("S-1", 10))).unwrap_err();
    assert_eq!(again.code(), "LT0201");
}

#[test]
fn many_crashes_in_the_middle_of_work_lose_nothing_that_was_answered() {
    let site = Site::new();
    let config = site.primary("hq");
    let mut answered = Vec::new();
    for round in 0..5 {
        let server = Process::start(&config);
        for number in 0..6 {
            let serial = format!("S-{round}-{number}");
            run(server.client().register_license(site.license(&serial, 1))).unwrap();
            answered.push(serial);
        }
        server.crash();
    }
    let server = Process::start(&config);
    let found: Vec<_> =
        run(server.client().licenses()).unwrap().into_iter().map(|l| l.serial).collect();
    assert_eq!(found, answered);
}

/// A change has an index of its own, a look has that of the last change, and no start goes back.
#[test]
fn answers_in_the_order_of_their_index_are_one_history_across_crashes() {
    let site = Site::new();
    let config = site.primary("hq");
    let mut last = 0;
    for round in 0..3 {
        let server = Process::start(&config);
        let client = server.client();
        run(client.status()).unwrap();
        let begun = client.log_index().unwrap();
        assert!(begun >= last, "an answer before the crash stood at {last}, now {begun}");
        run(client.register_license(site.license(&format!("S-{round}"), 1))).unwrap();
        let changed = client.log_index().unwrap();
        assert!(changed > begun);
        let serial_again = site.license(&format!("S-{round}"), 1);
        assert!(run(client.register_license(serial_again)).is_err());
        run(client.licenses()).unwrap();
        last = client.log_index().unwrap();
        assert!(last >= changed, "a refusal or a look stood at {last} behind {changed}");
        server.crash();
    }
}

#[test]
fn a_socket_that_a_crash_left_is_no_hindrance() {
    let site = Site::new();
    let config = site.primary("hq");
    let server = Process::start(&config);
    let socket = server.data_dir.join(SOCKET_NAME);
    server.crash();
    assert!(socket.exists());
    Process::start(&config).stop();
}

#[test]
fn a_check_judges_everything_and_leaves_nothing_behind() {
    let site = Site::new();
    let config = site.primary("hq");
    let mut check = serve(&config);
    check.arg("--check");
    let (code, out, err) = outcome(check);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("ok: server hq of the tree acme, primary"), "{out}");
    assert!(!site.data_dir("hq").join("state").exists());
    assert!(!site.data_dir("hq").join(SOCKET_NAME).exists());
}

#[test]
fn a_number_beyond_all_events_is_no_harm() {
    let site = Site::new();
    let server = Process::start(&site.primary("hq"));
    run(server.client().register_license(site.license("S-1", 1))).unwrap();
    assert_eq!(run(server.client().events(u64::MAX, 10)).unwrap(), []);
    assert!(!run(server.client().events(0, 10)).unwrap().is_empty());
    server.stop();
}
