//! Who may use the socket of a server: its user, root, and a group if its configuration names one.

use crate::site::{Process, Site, outcome};
use lictree::client::SOCKET_NAME;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A group that no machine lists, and a user that is in no group of this one.
const GROUP: u32 = 54_321;
const STRANGER: u32 = 54_322;

fn with_group(config: &Path, group: u32) -> PathBuf {
    let text = fs::read_to_string(config).unwrap();
    let text = text.replace("[times]", &format!("[api]\nsocket_group = {group}\n[times]"));
    fs::write(config, text).unwrap();
    config.to_path_buf()
}

fn rights(path: &Path) -> (u32, u32) {
    let found = fs::metadata(path).unwrap();
    (found.mode() & 0o777, found.gid())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn the_socket_is_of_the_group_that_the_configuration_names() {
    let site = Site::new();
    let group = if is_root() { GROUP } else { fs::metadata("/proc/self").unwrap().gid() };
    let server = Process::start(&with_group(&site.primary("hq"), group));
    assert_eq!(rights(&server.data_dir.join(SOCKET_NAME)), (0o660, group));
    assert_eq!(rights(&server.data_dir), (0o710, group));
    // Only passing was given: what lies there stays closed.
    assert_eq!(rights(&server.data_dir.join("identity")).0, 0o700);
    server.stop();
}

/// Runs only as root: nobody else can become somebody else.
#[test]
fn a_member_is_answered_and_a_stranger_is_told_that_it_is_none() {
    if !is_root() {
        return eprintln!("not run: it takes root to be several users");
    }
    let site = Site::new();
    fs::set_permissions(site.folder.path(), Permissions::from_mode(0o711)).unwrap();
    // Where the program was built may be closed to others.
    let program = site.folder.path().join("lictree");
    fs::copy(env!("CARGO_BIN_EXE_lictree"), &program).unwrap();
    let server = Process::start(&with_group(&site.primary("hq"), GROUP));
    let (data, socket) = (server.data_dir.clone(), server.data_dir.join(SOCKET_NAME));
    let ask = |uid: u32, gid: u32| {
        let mut command = Command::new(&program);
        command.args(["status", "--json", "--data"]).arg(&data).uid(uid).gid(gid);
        command.env_remove("LICTREE_DATA").current_dir("/");
        outcome(command)
    };
    let (code, out, err) = ask(STRANGER, GROUP);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("\"hq\""), "{out}");

    // The rights of the file keep a stranger out …
    let (code, _, err) = ask(STRANGER, STRANGER);
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("LT0690"), "{err}");
    // … and so does the server when somebody has loosened them.
    fs::set_permissions(&data, Permissions::from_mode(0o711)).unwrap();
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    let (code, out, err) = ask(STRANGER, STRANGER);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("LT0698") && err.contains("socket_group"), "{err}");
    let (code, _, err) = ask(STRANGER, GROUP);
    assert_eq!(code, 0, "{err}");
    server.stop();
}
