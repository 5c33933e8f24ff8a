//! A tree that runs while a test looks at it.

use crate::patience::until;
use crate::program::{command, example, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// `lictree up` in a folder of its own; stopped when it is dropped.
pub struct Tree {
    child: Child,
    data: PathBuf,
}

/// A folder with a path short enough for the sockets of servers in it.
pub fn folder() -> TempDir {
    tempfile::Builder::new().prefix("up").tempdir().unwrap()
}

impl Tree {
    /// Starts the example and waits until it stands.
    pub fn start(name: &str, data: &Path) -> Tree {
        let mut child = command()
            .args(["up", "--data"])
            .arg(data)
            .arg(example(name))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let tree = Tree { child, data: data.to_path_buf() };
        let mut lines = BufReader::new(out).lines();
        assert!(
            lines.any(|line| line.unwrap().starts_with("Try in a second terminal")),
            "it ended before it stood"
        );
        // What it says from now on must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        tree
    }

    /// `--data` of one server.
    pub fn at(&self, server: &str) -> String {
        format!("--data {}", self.data.join(server).display())
    }

    /// `source held/used` of each range, and `short N` where there is a shortage.
    pub fn ranges(&self) -> Vec<String> {
        let view = json(&format!("range list {}", self.at("a")));
        let line = |range: &serde_json::Value| {
            let number = |key: &str| range[key].as_u64().unwrap();
            let (held, used, short) = (number("held"), number("used"), number("shortage"));
            assert_eq!(number("remaining"), held.saturating_sub(used));
            let short = if short > 0 { format!(" short {short}") } else { String::new() };
            format!("{} {held}/{used}{short}", range["source"].as_str().unwrap())
        };
        view["ranges"].as_array().unwrap().iter().map(line).collect()
    }

    /// Waits until the ranges are these.
    #[track_caller]
    pub fn stands(&self, row: &str, expected: &[&str]) {
        until(row, || {
            let found = self.ranges();
            if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
        });
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process of one server.
    pub fn pid_of(&self, server: &str) -> u32 {
        pid_of(&self.data.join(server)).unwrap()
    }

    /// Ends it as Ctrl-C does, and waits.
    pub fn stop(mut self) -> i32 {
        signal("INT", self.pid());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            signal("TERM", self.pid());
            let _ = self.child.wait();
        }
    }
}

/// The process that serves the server in this folder.
pub fn pid_of(server: &Path) -> Option<u32> {
    let config = server.join("lictree.toml").display().to_string();
    let pid = |entry: std::fs::DirEntry| -> Option<u32> {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        line.split('\0').any(|word| word == config).then_some(pid)
    };
    std::fs::read_dir("/proc").unwrap().flatten().find_map(pid)
}

pub fn signal(name: &str, pid: u32) {
    // A process that has ended meanwhile needs none.
    let done = Command::new("kill").args(["-s", name, &pid.to_string()]).output();
    assert!(done.is_ok(), "there is no command `kill`");
}
