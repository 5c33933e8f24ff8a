//! A join that is cut off goes on where it stopped: the same line again, with the same key.

use crate::site::{Process, lictree, outcome};
use serde_json::Value;
use std::path::Path;

/// A command that must succeed, and its JSON.
#[track_caller]
fn done(words: &[&str]) -> Value {
    let (exit, out, err) = outcome(lictree(&[words, &["--json"]].concat()));
    assert_eq!(exit, 0, "{words:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

/// A command that must be refused, and the code.
#[track_caller]
fn refused(words: &[&str]) -> String {
    let (exit, out, err) = outcome(lictree(&[words, &["--json"]].concat()));
    assert_eq!(exit, 1, "{words:?}: {out}{err}");
    let failure = err.lines().find(|line| line.starts_with('{')).unwrap();
    let failure: Value = serde_json::from_str(failure).unwrap();
    failure["error"]["code"].as_str().unwrap().to_string()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn keys(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("joining-")).count()
}

#[test]
fn who_waits_for_approval_gives_the_same_line_again() {
    let folder = tempfile::tempdir().unwrap();
    let [hq, west, other] = ["hq", "west", "other"].map(|name| folder.path().join(name));
    let (hq, at) = (text(&hq), text(&west));
    let listen = "127.0.0.1:0";
    done(&["init", "primary", "hq", "--tree", "acme", "--at", &hq, "--listen", listen]);
    let server = Process::start(&Path::new(&hq).join("lictree.toml"));
    let to = server.address().to_string();
    let invited = done(&["server", "invite", "west", "--parent", "hq", "--approve", "--data", &hq]);
    let code = invited["code"].as_str().unwrap();
    let join = ["join", code, "--to", &to, "--at", &at, "--wait", "0"];

    // A folder of somebody else is seen before anybody is called, and stays as it is.
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("thesis.txt"), "").unwrap();
    let elsewhere = ["join", code, "--to", &to, "--at", &text(&other)];
    assert_eq!(refused(&elsewhere), "LT0132");
    assert_eq!(keys(&other), 0);

    // Before it has come there is no key to agree to.
    assert_eq!(refused(&["server", "approve", "west", "--data", &hq]), "LT0434");
    assert_eq!(refused(&join), "LT0433");
    assert_eq!(keys(&west), 1);
    // As another server it is not served: the code is bound to the first key.
    let stranger = text(&folder.path().join("stranger"));
    assert_eq!(refused(&["join", code, "--to", &to, "--at", &stranger, "--wait", "0"]), "LT0414");
    assert!(!Path::new(&stranger).exists(), "nothing was made of a refusal");

    done(&["server", "approve", "west", "--data", &hq]);
    let joined = done(&join);
    assert_eq!(joined["name"], "west");
    assert_eq!(keys(&west), 0);
    let relay = Process::start(&west.join("lictree.toml"));
    relay.stop();
    server.stop();
}

#[test]
fn without_a_named_folder_it_is_made_where_the_command_runs() {
    let folder = tempfile::tempdir().unwrap();
    let hq = text(&folder.path().join("hq"));
    let listen = "127.0.0.1:0";
    done(&["init", "primary", "hq", "--tree", "acme", "--at", &hq, "--listen", listen]);
    let server = Process::start(&Path::new(&hq).join("lictree.toml"));
    let invited = done(&["server", "invite", "west", "--parent", "hq", "--data", &hq]);
    let code = invited["code"].as_str().unwrap();
    let mut join = lictree(&["join", code, "--to", &server.address().to_string()]);
    join.current_dir(folder.path());
    let (exit, out, err) = outcome(join);
    assert_eq!((exit, err.as_str()), (0, ""), "{out}");
    assert_eq!(keys(folder.path()), 0);
    Process::start(&folder.path().join("west/lictree.toml")).stop();

    // A code of another tree does not take the folder of a server of this name.
    let other = text(&folder.path().join("other"));
    done(&["init", "primary", "hq", "--tree", "other", "--at", &other, "--listen", listen]);
    let stranger = Process::start(&Path::new(&other).join("lictree.toml"));
    let invited = done(&["server", "invite", "west", "--parent", "hq", "--data", &other]);
    let code = invited["code"].as_str().unwrap();
    let west = text(&folder.path().join("west"));
    let to = stranger.address().to_string();
    let join = ["join", code, "--to", &to, "--at", &west];
    assert_eq!(refused(&join), "LT0449");
    assert_eq!(refused(&[&join[..], &["--new-authority"]].concat()), "LT0132");
    Process::start(&folder.path().join("west/lictree.toml")).stop();
    stranger.stop();
    server.stop();
}
