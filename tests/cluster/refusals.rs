//! What does not start says why, with a code and the next step.

use crate::site::{Process, Site, outcome, serve};
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
