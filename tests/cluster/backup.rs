//! Backups of running servers, and servers that come back from them.

use crate::site::{Process, Site, eventually, lictree, outcome, run};
use crate::tree::online;
use lictree::client::ClientError;
use lictree::client::contract::ImportFormat;
use lictree::model::count::LicenseCount;
use lictree::model::device::DeviceId;
use lictree::model::name::ServerName;
use lictree::model::node_query::NodeQuery;
use lictree::model::request::{Doing, HoldingChange, HoldingVerb};
use lictree::model::view::{EventView, NodePage, RangesView, RecoveryView};
use serde_json::Value;
use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A configuration that lies in the folder it names, as `lictree init` makes it.
pub fn inside(site: &Site, name: &str, config: PathBuf) -> PathBuf {
    let text = fs::read_to_string(&config).unwrap();
    let text = text.replace(&format!("data_dir = \"{name}\""), "data_dir = \".\"");
    let own = site.data_dir(name).join("lictree.toml");
    fs::write(&own, text).unwrap();
    fs::remove_file(config).unwrap();
    own
}

/// hq, on a port that stays its own, and west below it.
pub fn tree(site: &Site) -> (Process, Process) {
    let config = inside(site, "hq", site.primary("hq"));
    site.authority.save(&site.data_dir("hq").join("authority")).unwrap();
    let hq = Process::start(&config);
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("127.0.0.1:0", &hq.address().to_string())).unwrap();
    run(hq.client().register_license(site.license("S-1", 100))).unwrap();
    let west = inside(site, "west", site.relay("west", "hq", hq.address()));
    let west = Process::start(&west);
    online(&hq, &["hq", "west"]);
    (hq, west)
}

pub fn distribute(hq: &Process, count: u64) {
    let relay: ServerName = "west".parse().unwrap();
    let verb = HoldingVerb::Distribute(LicenseCount(count));
    let change = HoldingChange { product: None, relay, verb, doing: Doing::Do };
    run(hq.client().set_holding(&change)).unwrap();
}

/// Waits until the primary shows so many held and used in a range.
pub fn range(hq: &Process, source: &str, held: u64, used: u64) {
    let as_said = |view: &RangesView| {
        view.ranges.iter().any(|range| {
            range.source.as_str() == source
                && (range.held, range.used) == (LicenseCount(held), LicenseCount(used))
                && range.in_transit == LicenseCount::ZERO
        })
    };
    eventually(&format!("{held} held, {used} used"), || run(hq.client().ranges()), as_said);
}

/// Finds machines at west and manages them.
#[track_caller]
pub fn find_and_manage(west: &Process, numbers: RangeInclusive<u32>) {
    let line = |n: u32| format!("? (10.0.0.{n}) at 00:04:4b:cc:9c:0{n} [ether] on eth0\n");
    let list: String = numbers.map(line).collect();
    run(west.client().import(ImportFormat::Auto, list.into_bytes())).unwrap();
    let query = NodeQuery { limit: 100, ..NodeQuery::default() };
    let page = run(west.client().nodes(&query)).unwrap();
    let ids: Vec<DeviceId> = page.nodes.iter().map(|node| node.id.clone()).collect();
    let done = run(west.client().manage(ids, Some("inventory".parse().unwrap()))).unwrap();
    assert!(done.iter().all(|one| one.refusal.is_none()), "{done:?}");
}

/// The same, as the primary sees too.
#[track_caller]
pub fn manage(hq: &Process, west: &Process, numbers: RangeInclusive<u32>, total: u64) {
    find_and_manage(west, numbers);
    let query = NodeQuery { limit: 100, ..NodeQuery::default() };
    let known = |page: &NodePage| page.total == Some(total);
    eventually("the primary knows them", || run(hq.client().nodes(&query)), known);
}

/// What a command of `lictree backup` answers.
#[track_caller]
fn backup(words: &[&str]) -> Value {
    let (exit, out, err) = outcome(lictree(&[&["backup", "--json"], words].concat()));
    assert_eq!(exit, 0, "{words:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

/// With which code it is refused.
#[track_caller]
fn refused(words: &[&str]) -> String {
    let (exit, out, err) = outcome(lictree(&[&["backup", "--json"], words].concat()));
    assert_eq!(exit, 1, "{words:?}: {out}");
    let told: Value = serde_json::from_str(&err).unwrap();
    assert!(!told["error"]["hint"].as_str().unwrap().is_empty(), "{told}");
    told["error"]["code"].as_str().unwrap().to_string()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub fn recovery(server: &Process) -> impl FnMut() -> Result<RecoveryView, ClientError> {
    let client = server.client();
    move || run(client.recovery())
}

/// Waits for a line of the event log; how often it is there.
#[track_caller]
pub fn told(server: &Process, kind: &str) -> usize {
    let is_it = |event: &EventView| event.kind == kind;
    let events = || run(server.client().events(0, 1_000));
    let events = eventually(kind, events, |events| events.iter().any(is_it));
    events.iter().filter(|event| is_it(event)).count()
}

/// More is given and used after the backup; the relay hears of all of it, by itself.
#[test]
fn a_relay_comes_back_from_a_backup_and_recovers_by_itself() {
    let site = Site::new();
    let (hq, west) = tree(&site);
    distribute(&hq, 10);
    range(&hq, "west", 10, 0);
    manage(&hq, &west, 1..=2, 2);
    range(&hq, "west", 10, 2);

    let (data, file) = (site.data_dir("west"), site.folder.path().join("west.backup"));
    let made = backup(&["create", "--data", text(&data), "--out", text(&file)]);
    assert_eq!((made["tree"].as_str(), made["server"].as_str()), (Some("acme"), Some("west")));
    assert_eq!(made["role"], "relay");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&file).unwrap().len(), made["bytes"].as_u64().unwrap());
    let files: Vec<&str> =
        made["files"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
    assert!(files.contains(&"identity/identity.key") && files.contains(&"lictree.toml"));
    assert_eq!(backup(&["show", text(&file)]), made);
    let again = refused(&["create", "--data", text(&data), "--out", text(&file)]);
    assert_eq!(again, "LT0510");

    distribute(&hq, 15);
    range(&hq, "west", 15, 2);
    manage(&hq, &west, 3..=3, 3);
    range(&hq, "west", 15, 3);
    // Not beside a running one.
    assert_eq!(refused(&["restore", text(&file), "--at", text(&data)]), "LT0511");
    west.crash();
    assert_eq!(refused(&["restore", text(&file), "--at", text(&data)]), "LT0511");
    fs::remove_dir_all(&data).unwrap();
    let back = backup(&["restore", text(&file), "--at", text(&data)]);
    let config = PathBuf::from(back["config"].as_str().unwrap());
    assert_eq!(config, data.join("lictree.toml"));
    for path in ["state/rows.redb", "state/log.redb", "identity/identity.key", "lictree.toml"] {
        let mode = fs::metadata(data.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{path}");
    }

    let west = Process::start(&config);
    told(&west, "recovery.begun");
    told(&west, "recovery.ended");
    range(&hq, "west", 15, 3);
    manage(&hq, &west, 4..=4, 4);
    range(&hq, "west", 15, 4);
    // A start after that is as any other: proven, also where nobody above answers.
    hq.stop();
    west.crash();
    let west = Process::start(&config);
    find_and_manage(&west, 5..=5);
    assert_eq!(told(&west, "recovery.begun"), 1);
    west.stop();
}

/// The newest backup there can be, with the witness of the same moment: it recovers all the same.
#[test]
fn a_backup_recovers_although_the_witness_fits_it() {
    let site = Site::new();
    let (hq, west) = tree(&site);
    distribute(&hq, 10);
    range(&hq, "west", 10, 0);
    let (data, file) = (site.data_dir("west"), site.folder.path().join("west.backup"));
    west.stop();
    let west = Process::start(&data.join("lictree.toml"));
    backup(&["create", "--data", text(&data), "--out", text(&file)]);
    let witness = site.folder.path().join("west.witness");
    let kept = fs::read(&witness).unwrap();
    west.crash();
    // Nobody above answers, so it cannot be over when it is looked at.
    hq.stop();
    fs::remove_dir_all(&data).unwrap();
    fs::write(&witness, kept).unwrap();
    backup(&["restore", text(&file), "--at", text(&data)]);
    for _ in 0..2 {
        let west = Process::start(&data.join("lictree.toml"));
        let shown = eventually("it recovers", recovery(&west), |view| view.recovery.is_some());
        assert!(!shown.recovery.unwrap().awaits.is_empty());
        west.crash();
    }
}

/// What was given after the backup is not given a second time; an operator ends it.
#[test]
fn a_primary_comes_back_from_a_backup_and_an_operator_ends_its_recovery() {
    let site = Site::new();
    let (hq, west) = tree(&site);
    distribute(&hq, 10);
    range(&hq, "west", 10, 0);
    let (data, file) = (site.data_dir("hq"), site.folder.path().join("hq.backup"));
    let made = backup(&["create", "--data", text(&data), "--out", text(&file)]);
    assert_eq!(made["role"], "primary");
    assert!(made["files"].as_array().unwrap().iter().any(|path| path == "authority/ca.key"));
    distribute(&hq, 60);
    range(&hq, "west", 60, 0);
    manage(&hq, &west, 1..=3, 3);
    range(&hq, "west", 60, 3);

    hq.crash();
    fs::remove_dir_all(&data).unwrap();
    backup(&["restore", text(&file), "--at", text(&data)]);
    let hq = Process::start(&data.join("lictree.toml"));
    eventually("all have said what they hold", recovery(&hq), |view| {
        view.recovery.as_ref().is_some_and(|recovery| recovery.awaits.is_empty())
    });
    // Until then it gives nothing away.
    let relay: ServerName = "west".parse().unwrap();
    let verb = HoldingVerb::Distribute(LicenseCount(70));
    let change = HoldingChange { product: None, relay, verb, doing: Doing::Do };
    assert_eq!(run(hq.client().set_holding(&change)).unwrap_err().code(), "LT0241");
    let (exit, _, err) = outcome(lictree(&["recovery", "end", "--data", text(&data)]));
    assert_eq!(exit, 0, "{err}");
    eventually("it is over", recovery(&hq), |view| view.recovery.is_none());
    range(&hq, "west", 60, 3);
    range(&hq, "hq", 40, 0);
    let audit = || run(hq.client().audit());
    eventually("it adds up", audit, |audit| audit.adds_up);
    west.stop();
}

#[test]
fn what_is_no_whole_backup_is_refused_with_what_was_found() {
    let site = Site::new();
    let hq = Process::start(&site.primary("hq"));
    run(hq.client().register_license(site.license("S-1", 100))).unwrap();
    let (data, file) = (site.data_dir("hq"), site.folder.path().join("hq.backup"));
    let config = site.folder.path().join("hq.toml");
    let create = ["create", "--data", text(&data), "--out"];
    // Its configuration lies elsewhere, so there is none in the folder.
    let made = backup(&[&create[..], &[text(&file)]].concat());
    assert!(!made["files"].as_array().unwrap().iter().any(|path| path == "lictree.toml"));
    let with = site.folder.path().join("with.backup");
    backup(&[&create[..], &[text(&with), "--config", text(&config)]].concat());
    let (exit, out, err) =
        outcome(lictree(&["backup", "create", "--data", text(&data), "--out", "/nowhere/x"]));
    assert!(exit == 1 && out.is_empty() && err.contains("LT0510"), "{err}");
    hq.stop();
    let gone = refused_with(&[&create[..], &[text(&site.folder.path().join("x"))]].concat(), 3);
    assert_eq!(gone, "LT0690");

    let at = site.folder.path().join("back");
    let whole = fs::read(&file).unwrap();
    let broken = site.folder.path().join("broken");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for bytes in [&whole[..whole.len() / 2], &flipped, b"PK\x03\x04 something else", b""] {
        fs::write(&broken, bytes).unwrap();
        assert_eq!(refused(&["show", text(&broken)]), "LT0508");
        assert_eq!(refused(&["restore", text(&broken), "--at", text(&at)]), "LT0508");
        assert!(!at.exists());
    }
    assert_eq!(refused(&["show", text(&site.folder.path().join("none"))]), "LT0135");
    // In words: what stands in the way of a start is said.
    let restore = |file: &Path, at: &str| {
        let at = site.folder.path().join(at);
        outcome(lictree(&["backup", "restore", text(file), "--at", text(&at)])).1
    };
    let said = restore(&file, "back");
    assert!(said.contains("no configuration") && said.contains("recovery end"), "{said}");
    let said = restore(&with, "with");
    assert!(said.contains("set data_dir = \".\""), "{said}");
}

#[track_caller]
fn refused_with(words: &[&str], expected: i32) -> String {
    let (exit, out, err) = outcome(lictree(&[&["backup", "--json"], words].concat()));
    assert_eq!(exit, expected, "{words:?}: {out}");
    let told: Value = serde_json::from_str(&err).unwrap();
    told["error"]["code"].as_str().unwrap().to_string()
}
