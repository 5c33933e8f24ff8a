//! What does not start says why, with a code and the next step.

use crate::site::{Process, Site, lictree, outcome, serve};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_bad_configuration_is_told_whole_with_its_own_exit_code() {
    let site = Site::new();
    let config = site.primary("hq");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("[times]", "lisen = 1\n[times]\nanswer_wait_ms = 0")).unwrap();
    let key = site.data_dir("hq").join("identity/identity.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    for check in [true, false] {
        let mut command = serve(&config);
        if check {
            command.arg("--check");
        }
        let (code, out, err) = outcome(command);
        assert_eq!((code, out.as_str()), (64, ""));
        assert!(err.starts_with(&format!("{}: 3 problems\n", config.display())), "{err}");
        for expected in ["LT0105", "did you mean `listen`?", "LT0103", "LT0402", "chmod 600"] {
            assert!(err.contains(expected), "{expected} is missing:\n{err}");
        }
    }
    assert!(!site.data_dir("hq").join("state").exists());
}

#[test]
fn a_configuration_that_is_not_there_is_told() {
    let site = Site::new();
    let (code, _, err) = outcome(serve(&site.folder.path().join("none.toml")));
    assert_eq!(code, 64);
    assert!(err.contains("LT0101") && err.contains("none.toml"), "{err}");
}

#[test]
fn the_identity_of_another_server_is_told() {
    let site = Site::new();
    let config = site.primary("hq");
    let folder = site.data_dir("hq").join("identity");
    fs::remove_dir_all(&folder).unwrap();
    site.identity("west").save(&folder).unwrap();
    let (code, _, err) = outcome(serve(&config));
    assert_eq!(code, 64);
    assert!(err.contains("LT0404") && err.contains("west of the tree acme"), "{err}");
}

#[test]
fn the_second_server_on_a_folder_is_refused_and_the_first_goes_on() {
    let site = Site::new();
    let config = site.primary("hq");
    let first = Process::start(&config);
    let (code, out, err) = outcome(serve(&config));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("lictree: another lictree serves this folder") && err.contains("(LT0501)"),
        "{err}"
    );
    crate::site::run(first.client().status()).unwrap();
    first.stop();
}

#[test]
fn a_damaged_folder_is_refused_with_a_sentence() {
    let site = Site::new();
    let config = site.primary("hq");
    let server = Process::start(&config);
    crate::site::run(server.client().register_license(site.license("S-1", 10))).unwrap();
    server.stop();
    let rows = site.data_dir("hq").join("state/rows.redb");
    let length = fs::metadata(&rows).unwrap().len();
    let mut file = OpenOptions::new().write(true).open(&rows).unwrap();
    for place in (0..length).step_by(512) {
        file.seek(SeekFrom::Start(place)).unwrap();
        file.write_all(&[0x5a; 64]).unwrap();
    }
    let (code, out, err) = outcome(serve(&config));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("(LT0502)") && err.contains("restore it from a backup"), "{err}");
    assert!(!err.contains("panicked"), "{err}");
}

#[test]
fn the_folder_of_another_server_is_refused() {
    let site = Site::new();
    let config = site.primary("hq");
    Process::start(&config).stop();
    let renamed = site.primary("west");
    fs::rename(site.data_dir("hq").join("state"), site.data_dir("west").join("state")).unwrap();
    let (code, _, err) = outcome(serve(&renamed));
    assert_eq!(code, 1);
    assert!(err.contains("LT0505") && err.contains("hq of the tree acme"), "{err}");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let site = Site::new();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let config = site.primary("hq");
    let text = fs::read_to_string(&config).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fs::write(&config, text.replace("127.0.0.1:0", &address)).unwrap();
    let (code, _, err) = outcome(serve(&config));
    assert_eq!(code, 1);
    assert!(err.contains("LT0405") && err.contains(&address), "{err}");
}

/// Everything that proves something, open to others in each way that there is.
#[test]
fn a_server_does_not_start_with_a_key_that_others_can_reach() {
    let site = Site::new();
    let config = site.primary("hq");
    let folder = site.data_dir("hq");
    site.authority.save(&folder.join("authority")).unwrap();
    Process::start(&config).stop();
    let cases = [
        ("identity/identity.key", 0o640, 0o600),
        ("identity/identity.key", 0o604, 0o600),
        ("identity/identity.key", 0o620, 0o600),
        ("identity/reset.key", 0o644, 0o600),
        ("identity", 0o755, 0o700),
        ("authority/ca.key", 0o640, 0o600),
        ("authority", 0o711, 0o700),
    ];
    for (place, loose, tight) in cases {
        let path = folder.join(place);
        fs::set_permissions(&path, Permissions::from_mode(loose)).unwrap();
        let (exit, out, err) = outcome(serve(&config));
        assert!(exit == 64 || exit == 1, "{place} {loose:o}: {exit} {err}");
        assert_eq!(out, "", "{place} {loose:o}");
        let remedy = format!("chmod {tight:o} {}", path.display());
        assert!(err.contains("LT0402") && err.contains(&remedy), "{place} {loose:o}: {err}");
        fs::set_permissions(&path, Permissions::from_mode(tight)).unwrap();
    }
    Process::start(&config).stop();
}

/// Names that show something else than they are, that are too long, or that could be two.
#[test]
fn a_name_that_is_none_is_refused_wherever_it_is_given() {
    let site = Site::new();
    let server = Process::start(&site.primary("hq"));
    let data = server.data_dir.display().to_string();
    let long = "x".repeat(300);
    let bad =
        ["we\u{1b}[31mst", "we\tst", "we\u{202e}st", &long, "West", "w\u{f6}st", "wo\u{308}st"];
    for name in bad {
        let commands = [
            vec!["server", "invite", name, "--parent", "hq"],
            vec!["server", "invite", "west", "--parent", name],
            vec!["server", "show", name],
            vec!["license", "distribute", name, "1", "--to", "west", "--yes"],
        ];
        for command in commands {
            let (exit, out, err) =
                outcome(lictree(&[&command[..], &["--data", &data, "--json"]].concat()));
            assert_eq!((exit, out.as_str()), (2, ""), "{command:?}: {err}");
            assert!(err.contains("LT0139"), "{command:?}: {err}");
            assert!(err.contains("is not plain") || err.contains("300 bytes"), "{err}");
            assert!(!err.contains('\u{1b}'), "{err:?}");
        }
        let config = site.folder.path().join("bad.toml");
        let text = fs::read_to_string(site.folder.path().join("hq.toml")).unwrap();
        let quoted = format!("name = {}", toml_text(name));
        fs::write(&config, text.replace("name = \"hq\"", &quoted)).unwrap();
        let (exit, _, err) = outcome(serve(&config));
        assert_eq!(exit, 64);
        assert!(err.contains("LT0103") && !err.contains('\u{1b}'), "{err:?}");
        let license = String::from_utf8(site.license("S-1", 1)).unwrap();
        let license = license.replace("product: inventory", &format!("product: {name}"));
        let error = crate::site::run(server.client().register_license(license.into())).unwrap_err();
        assert!(["LT0212", "LT0214", "LT0215"].contains(&error.code()), "{error}");
    }
    let client = server.client();
    assert!(crate::site::run(client.invitations()).unwrap().invitations.is_empty());
    assert_eq!(crate::site::run(client.servers()).unwrap().servers.len(), 1);
    assert!(crate::site::run(client.licenses()).unwrap().is_empty());
    server.stop();
}

/// A text as TOML writes it, everything unusual as its number.
fn toml_text(text: &str) -> String {
    let shown = |c: char| match c {
        ' '..='~' => c.to_string(),
        other => format!("\\u{:04x}", u32::from(other)),
    };
    format!("\"{}\"", text.chars().map(shown).collect::<String>())
}

/// The codes of all that the tests here and in `hosts` refuse, as an operator looks them up.
#[test]
fn whoever_reads_a_code_finds_its_page() {
    let join = ["LT0413", "LT0414", "LT0415", "LT0416", "LT0430", "LT0431"];
    let peers = ["LT0426", "LT0429", "LT0438", "LT0439"];
    let tree = ["LT0412", "LT0139", "LT0103", "LT0402"];
    let license = [
        "LT0201", "LT0202", "LT0203", "LT0210", "LT0212", "LT0214", "LT0215", "LT0216", "LT0217",
        "LT0218", "LT0219",
    ];
    for code in [&join[..], &peers, &tree, &license].concat() {
        let (exit, page, err) = outcome(lictree(&["explain", code]));
        assert_eq!(exit, 0, "{code}: {err}");
        assert!(page.contains(code) && page.contains("What to do"), "{code}: {page}");
    }
}
