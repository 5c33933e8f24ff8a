//! `lictree doctor` on real folders: all well, and each thing that can be wrong.

use crate::site::{Process, Site, lictree, now, outcome, role_of};
use lictree::model::holding::Role;
use lictree::net::Identity;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// A user that no machine lists.
const SOMEBODY: u32 = 54_323;

/// What a doctor said, and with which exit.
struct Report {
    exit: i32,
    said: Value,
}

impl Report {
    fn of(config: &Path) -> Report {
        let config = config.to_str().unwrap();
        let (exit, out, err) = outcome(lictree(&["doctor", "--json", "--config", config]));
        let said = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{exit}: {out}{err}"));
        Report { exit, said }
    }

    /// The findings about one thing, as `state: text`.
    #[track_caller]
    fn about(&self, id: &str) -> String {
        let all = self.said["findings"].as_array().unwrap();
        let some = all.iter().filter(|finding| finding["id"] == id);
        let line = |finding: &Value| {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_string();
            format!("{}: {} | {}\n", text("state"), text("text"), text("remedy"))
        };
        let found: String = some.map(line).collect();
        assert!(!found.is_empty(), "{id} is missing: {}", self.said);
        found
    }

    /// Nothing is bad; how fast and how full the disk of a test is, is not judged.
    #[track_caller]
    fn is_well(&self) {
        let all = self.said["findings"].as_array().unwrap();
        let bad: Vec<_> = all.iter().filter(|finding| finding["state"] == "bad").collect();
        let disk = |finding: &&&Value| finding["id"].as_str().unwrap().starts_with("disk-");
        assert_eq!(bad.iter().filter(disk).count(), bad.len(), "{}", self.said);
        assert_eq!(self.exit, i32::from(!bad.is_empty()), "{}", self.said);
        assert_eq!(self.said["bad"].as_u64(), Some(bad.len() as u64), "{}", self.said);
    }

    #[track_caller]
    fn is(&self, id: &str, state: &str, part: &str) {
        let found = self.about(id);
        assert!(found.starts_with(&format!("{state}: ")), "{id}: {found}");
        assert!(found.contains(part), "{id}: {found}");
    }
}

/// A port that was free a moment ago, put into the configuration.
fn with_port(config: &Path) -> SocketAddr {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = fs::read_to_string(config).unwrap();
    fs::write(config, text.replace("127.0.0.1:0", &port.to_string())).unwrap();
    port
}

/// Identities of a year, so that nothing is near its end; folders as `lictree init` makes them.
fn lasting(site: &Site, name: &str, config: PathBuf) -> PathBuf {
    let server = name.parse().unwrap();
    let identity = site.authority.issue(role_of(&server), &server, now(), 365 * DAY);
    keep(&identity.unwrap(), site, name);
    fs::set_permissions(site.data_dir(name), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(&config, Permissions::from_mode(0o600)).unwrap();
    config
}

fn keep(identity: &Identity, site: &Site, name: &str) {
    identity.save(&site.data_dir(name).join("identity")).unwrap();
}

#[test]
fn a_tree_that_is_well_is_told_to_be() {
    let site = Site::new();
    let primary = lasting(&site, "hq", site.primary("hq"));
    let port = with_port(&primary);
    let before = Report::of(&primary);
    before.is("port", "ok", "is free for the server");
    before.is("server", "warning", "no server runs");
    before.is_well();

    let hq = Process::start(&primary);
    let west = lasting(&site, "west", site.relay("west", "hq", port));
    let below = Process::start(&west);
    crate::site::eventually(
        "west is connected",
        || crate::site::run(below.client().status()),
        |status| status.connected && status.clock_ahead_ms.is_some(),
    );
    let report = Report::of(&primary);
    for id in ["configuration", "permissions", "certificate", "clock"] {
        report.is(id, "ok", "");
    }
    report.is("certificate", "ok", "valid for 36");
    report.is("port", "ok", &format!("hq answers at {port}"));
    report.is("parent", "skipped", "primary");
    report.is("server", "ok", "hq answers");
    report.is("version", "ok", "as the running server");
    assert!(report.about("disk-sync").contains("durable after"));
    report.is_well();

    let report = Report::of(&west);
    report.is("parent", "ok", &format!("hq answers at {port} and takes this identity"));
    report.is("server", "ok", "west answers, connected to hq");
    report.is("version", "ok", "hq runs lictree");
    report.is("clock", "ok", "like the parent's");
    report.is("port", "skipped", "the system chooses");
    report.is_well();

    // The look of a doctor has not cut the real connection, and left nothing.
    assert!(crate::site::run(below.client().status()).unwrap().connected);
    let names: Vec<_> = fs::read_dir(site.data_dir("west")).unwrap().flatten().collect();
    assert!(names.iter().all(|entry| !entry.file_name().to_string_lossy().contains("doctor")));
    below.stop();
    hq.stop();
}

#[test]
fn people_are_told_in_lines_and_the_folder_can_be_named_instead() {
    let site = Site::new();
    let config = lasting(&site, "hq", site.primary("hq"));
    let data = site.data_dir("hq");
    let text = fs::read_to_string(&config).unwrap();
    let inside = data.join("lictree.toml");
    fs::write(&inside, text.replace("data_dir = \"hq\"", "data_dir = \".\"")).unwrap();
    fs::set_permissions(&inside, Permissions::from_mode(0o600)).unwrap();
    let (exit, out, err) = outcome(lictree(&["doctor", "--data", data.to_str().unwrap()]));
    assert_eq!(err, "", "{out}");
    assert_eq!(exit, i32::from(out.contains("\nbad: ") && !out.contains("\nbad: 0")), "{out}");
    assert!(out.contains("ok       certificate    of hq of the tree acme"), "{out}");
    assert!(out.contains("warning  server         no server runs on this folder\n"), "{out}");
    let (exit, _, err) = outcome(lictree(&["doctor"]));
    assert_eq!(exit, 2);
    assert!(err.contains("--data"), "{err}");
}

#[test]
fn a_loose_key_is_bad_and_its_remedy_is_a_command() {
    let site = Site::new();
    let config = lasting(&site, "hq", site.primary("hq"));
    let key = site.data_dir("hq").join("identity/identity.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let report = Report::of(&config);
    report.is("permissions", "bad", &format!("chmod 600 '{}'", key.display()));
    report.is("certificate", "bad", "see permissions");
    assert_eq!(report.exit, 1);
}

#[test]
fn an_expired_identity_is_bad_and_the_parent_is_not_called_with_it() {
    let site = Site::new();
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let config = lasting(&site, "west", site.relay("west", "hq", nowhere));
    let long_ago = lictree::model::time::Timestamp(now().0 - 1_000 * 86_400_000);
    let old =
        site.authority.issue(Role::Relay, &"west".parse().unwrap(), long_ago, 10 * DAY).unwrap();
    keep(&old, &site, "west");
    let report = Report::of(&config);
    report.is("certificate", "bad", "expired at");
    report.is("parent", "skipped", "see certificate");
    assert_eq!(report.exit, 1);
}

/// Without a valid certificate nobody can be asked whose the port is; it is the server's all the
/// same.
#[test]
fn a_port_is_not_judged_by_a_certificate_that_has_ended() {
    let site = Site::new();
    let config = lasting(&site, "hq", site.primary("hq"));
    let port = with_port(&config);
    let hq = Process::start(&config);
    let long_ago = lictree::model::time::Timestamp(now().0 - 1_000 * 86_400_000);
    let old =
        site.authority.issue(Role::Primary, &"hq".parse().unwrap(), long_ago, 10 * DAY).unwrap();
    keep(&old, &site, "hq");
    let report = Report::of(&config);
    report.is("certificate", "bad", "expired at");
    report.is("port", "skipped", &format!("{port} is held while the server runs"));
    hq.stop();
    let stopped = Report::of(&config);
    stopped.is("port", "ok", "is free for the server");
    assert!(!stopped.about("clock").contains("parent"), "{}", stopped.about("clock"));
}

#[test]
fn a_parent_that_is_away_unknown_or_somebody_else_is_told_apart() {
    let site = Site::new();
    let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
    let away = site.relay("west", "hq", deaf.local_addr().unwrap());
    let text = fs::read_to_string(&away).unwrap();
    let quick = format!("{text}handshake_timeout_ms = 300\n");
    // Long enough to be sure here, where nobody answers.
    fs::write(&away, &quick).unwrap();
    lasting(&site, "west", away.clone());
    let report = Report::of(&away);
    report.is("parent", "bad", "nothing answered at");
    assert_eq!(report.exit, 1);

    let address = deaf.local_addr().unwrap().to_string();
    fs::write(&away, quick.replace(&address, "no-such-name.invalid:4747")).unwrap();
    Report::of(&away).is("parent", "bad", "cannot be looked up");

    let hq = Process::start(&site.primary("hq"));
    let renamed = text.replace(&address, &hq.address().to_string()).replace("\"hq\"", "\"north\"");
    fs::write(&away, renamed).unwrap();
    Report::of(&away).is("parent", "bad", "is of the server hq, expected north");

    let stranger = Site::new();
    let other = stranger.relay("west", "hq", hq.address());
    Report::of(&other).is("parent", "bad", "of different trees");
    hq.stop();
}

#[test]
fn a_port_that_another_program_has_is_bad() {
    let site = Site::new();
    let config = lasting(&site, "hq", site.primary("hq"));
    let port = with_port(&config);
    let _other = UdpSocket::bind(port).unwrap();
    Report::of(&config).is("port", "bad", "held by another program");
}

#[test]
fn a_server_that_was_started_with_another_port_is_bad() {
    let site = Site::new();
    let config = lasting(&site, "hq", site.primary("hq"));
    let hq = Process::start(&config);
    with_port(&config);
    Report::of(&config).is("port", "bad", "is free, although the server runs");
    hq.stop();
}

#[test]
fn a_broken_configuration_is_told_and_all_else_is_still_looked_at() {
    let site = Site::new();
    let config = lasting(&site, "hq", site.primary("hq"));
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("listen", "lisen")).unwrap();
    let report = Report::of(&config);
    report.is("configuration", "bad", "did you mean `listen`?");
    report.is("certificate", "ok", "of hq");
    assert_eq!(report.exit, 1);
    let nothing = Report::of(&site.folder.path().join("none/lictree.toml"));
    nothing.is("configuration", "bad", "LT0101");
    nothing.is("permissions", "bad", "lictree init");
    nothing.is("disk-sync", "skipped", "no data folder");
}

/// Runs only as root: nobody else can become somebody else.
#[test]
fn root_looks_as_the_owner_and_a_stranger_is_told_whose_folder_it_is() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return eprintln!("not run: it takes root to be several users");
    }
    let site = Site::new();
    fs::set_permissions(site.folder.path(), Permissions::from_mode(0o711)).unwrap();
    let config = lasting(&site, "hq", site.primary("hq"));
    let data = site.data_dir("hq");
    let inside = data.join("identity");
    for entry in fs::read_dir(&inside).unwrap().flatten() {
        chown(entry.path(), Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    }
    for path in [&data, &inside, &config] {
        chown(path, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    }
    let report = Report::of(&config);
    report.is("permissions", "ok", &format!("open to user {SOMEBODY} only"));
    report.is("certificate", "ok", "of hq");
    assert!(report.about("disk-sync").contains("durable after"));

    let program = site.folder.path().join("lictree");
    fs::copy(env!("CARGO_BIN_EXE_lictree"), &program).unwrap();
    fs::set_permissions(&config, Permissions::from_mode(0o644)).unwrap();
    let mut command = std::process::Command::new(&program);
    command.args(["doctor", "--config"]).arg(&config).uid(SOMEBODY + 1).gid(SOMEBODY + 1);
    let (exit, out, _) = outcome(command);
    assert_eq!(exit, 1, "{out}");
    assert!(
        out.contains(&format!("belongs to user {SOMEBODY}, you are {}", SOMEBODY + 1)),
        "{out}"
    );
}
