//! Clocks that are set while a server runs and while it is stopped: real processes that read the
//! time of day from libfaketime, and how long the machine runs from the machine.
//!
//! Without libfaketime (the package `faketime`) these pass over with a line that says so; with
//! `LICTREE_HOSTS=must` they fail instead.

use crate::site::{Process, Site, eventually, license_of, now, run, serve, terms};
use lictree::client::ClientError;
use lictree::model::clock::ClockStanding::{self, Right, SetBack, SetForward};
use lictree::model::license::LicenseTerms;
use lictree::model::name::ServerName;
use lictree::model::time::Timestamp;
use lictree::model::view::ClockView;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
const DAY_MS: u64 = 86_400_000;

/// The library that makes a process see another time of day.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let places = folders.map(|folder| folder.path().join(LIBRARY));
    let found = places.chain([Path::new("/usr/lib").join(LIBRARY)]).find(|path| path.exists());
    if found.is_none() {
        let why = format!("no {LIBRARY} below /usr/lib: install the package faketime");
        assert!(std::env::var_os("LICTREE_HOSTS").is_none(), "{why}");
        println!("skipped: {why}");
    }
    found
}

/// The clock of one server's machine.
struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// One that is right.
    fn new(site: &Site, name: &str) -> Option<Clock> {
        let library = library()?;
        let clock = Clock { library, file: site.folder.path().join(format!("{name}.clock")) };
        clock.set(0);
        Some(clock)
    }

    /// Sets it so many seconds ahead of right, or behind.
    fn set(&self, ahead_s: i64) {
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{ahead_s:+}\n")).unwrap();
        fs::rename(next, &self.file).unwrap();
    }

    /// A server on that machine, which looks at its clock ten times a second.
    #[track_caller]
    fn start(&self, config: &Path) -> Process {
        let mut command = serve(config);
        command.env("LD_PRELOAD", &self.library);
        command.env("FAKETIME_TIMESTAMP_FILE", &self.file).env("FAKETIME_NO_CACHE", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
        Process::of(command)
    }
}

/// Looks at clocks are often, and license time is written down soon: nothing here is about waiting.
fn often(config: PathBuf) -> PathBuf {
    let mut file = fs::OpenOptions::new().append(true).open(&config).unwrap();
    writeln!(file, "clock_look_interval_ms = 100\nlicense_time_interval_ms = 200").unwrap();
    config
}

fn clock(server: &Process) -> Result<ClockView, ClientError> {
    run(server.client().status()).map(|status| status.clock)
}

#[track_caller]
fn becomes(server: &Process, standing: ClockStanding) -> ClockView {
    eventually("the clock is found out", || clock(server), |clock| clock.standing == standing)
}

fn ends(serial: &str, at: Timestamp) -> LicenseTerms {
    LicenseTerms { not_after: Some(at), ..terms(serial, 5) }
}

/// How many licenses count.
fn counting(server: &Process) -> Result<usize, ClientError> {
    let licenses = run(server.client().licenses())?;
    Ok(licenses.iter().filter(|license| !license.expired).count())
}

/// The kinds of the events about its clock.
fn told(server: &Process) -> Vec<String> {
    let events = run(server.client().events(0, 1_000)).unwrap();
    let kinds = events.into_iter().map(|event| event.kind);
    kinds.filter(|kind| kind.starts_with("clock.")).collect()
}

fn in_ms(ms: u64) -> Timestamp {
    Timestamp(now().0 + ms)
}

#[test]
fn a_clock_that_is_set_while_a_server_runs_is_found_and_ends_no_license() {
    let site = Site::new();
    let Some(machine) = Clock::new(&site, "hq") else { return };
    let hq = machine.start(&often(site.primary("hq")));
    let license = license_of(&site.vendor, ends("S-1", in_ms(DAY_MS / 2)));
    run(hq.client().register_license(license)).unwrap();

    machine.set(-600);
    let seen = becomes(&hq, SetBack);
    assert!(seen.license_time > seen.wall.unwrap(), "{seen:?}");
    let advice = run(hq.client().status()).unwrap().advice;
    assert!(advice.iter().any(|advice| advice.command == "lictree clock show"), "{advice:?}");
    let refused = run(hq.client().accept_clock()).unwrap_err();
    assert_eq!(refused.code(), "LT0250");
    machine.set(0);
    becomes(&hq, Right);

    machine.set(86_400);
    let seen = becomes(&hq, SetForward);
    assert_eq!((seen.would_end, counting(&hq).unwrap()), (1, 1));
    run(hq.client().accept_clock()).unwrap();
    becomes(&hq, Right);
    eventually("the license ends", || counting(&hq), |counting| *counting == 0);
    let events = ["set-back", "ok", "set-forward", "accepted", "ok"].map(|k| format!("clock.{k}"));
    assert_eq!(told(&hq), events);
    hq.stop();
}

#[test]
fn a_clock_that_is_set_back_by_a_year_gives_no_dated_license_a_second_life() {
    let site = Site::new();
    let Some(machine) = Clock::new(&site, "hq") else { return };
    let config = often(site.primary("hq"));
    let hq = machine.start(&config);
    let license = license_of(&site.vendor, ends("S-1", in_ms(10 * DAY_MS)));
    run(hq.client().register_license(license)).unwrap();
    hq.stop();

    // Off for nine days, and on for a moment. One license ends soon.
    machine.set(9 * 86_400);
    let hq = machine.start(&config);
    let before = becomes(&hq, Right).license_time;
    assert!(before >= in_ms(9 * DAY_MS - 60_000), "{before}");
    let soon = Timestamp(before.0 + 3_000);
    run(hq.client().register_license(license_of(&site.vendor, ends("S-2", soon)))).unwrap();
    hq.stop();

    machine.set(-365 * 86_400);
    let hq = machine.start(&config);
    let after = becomes(&hq, SetBack);
    assert!(after.license_time >= before && after.wall < Some(now()), "{after:?}");
    eventually("the license ends", || counting(&hq), |counting| *counting == 1);
    let over = ends("S-3", in_ms(8 * DAY_MS));
    let refused = run(hq.client().register_license(license_of(&site.vendor, over))).unwrap_err();
    assert_eq!(refused.code(), "LT0202");
    hq.crash();

    // A crash gives none of it back either.
    let hq = machine.start(&config);
    assert!(becomes(&hq, SetBack).license_time >= before);
    assert_eq!(counting(&hq).unwrap(), 1);
    hq.stop();
}

#[test]
fn the_primary_shows_whose_clock_was_set_and_confirms_it_when_it_shows_the_same() {
    let site = Site::new();
    let Some(above) = Clock::new(&site, "hq") else { return };
    let Some(below) = Clock::new(&site, "west") else { return };
    let hq = above.start(&often(site.primary("hq")));
    let west = below.start(&often(site.relay("west", "hq", hq.address())));
    let relay: ServerName = "west".parse().unwrap();
    let shown = || run(hq.client().server(&relay)).map(|server| server.clock);
    eventually("it is right", shown, |clock| *clock == Some(Right));

    below.set(2 * 3_600);
    eventually("the primary shows it", shown, |clock| *clock == Some(SetForward));
    let advice = run(hq.client().status()).unwrap().advice;
    let named = |part| advice.iter().any(|advice| advice.sentence.contains(part));
    assert!(named("west is with a clock that was set wrong"), "{advice:?}");

    above.set(2 * 3_600);
    becomes(&hq, SetForward);
    run(hq.client().accept_clock()).unwrap();
    let seen = becomes(&west, Right);
    assert!(seen.license_time >= in_ms(7_000_000), "{seen:?}");
    eventually("the primary shows that too", shown, |clock| *clock == Some(Right));
    assert_eq!(told(&west), ["clock.set-forward", "clock.ok"]);
    west.stop();
    hq.stop();
}
