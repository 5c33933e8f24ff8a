//! A server on a host: its process, its log, and commands beside it.

use crate::lan::Host;
use crate::patience::until;
use lictree::client::SOCKET_NAME;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What came of a command.
#[derive(Debug)]
pub struct Outcome {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

impl Outcome {
    /// The code of a failure that was told as JSON.
    #[track_caller]
    pub fn code(&self) -> String {
        let told: Value =
            serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        told["error"]["code"].as_str().unwrap().to_string()
    }
}

/// One server's place: a host and a data folder there.
pub struct Server {
    pub host: Host,
    pub folder: PathBuf,
    /// What its process finds in the environment, besides what all do.
    pub environment: Vec<(&'static str, String)>,
    pub child: Option<Child>,
}

impl Server {
    pub fn at(host: Host, folder: PathBuf) -> Server {
        Server { host, folder, environment: Vec::new(), child: None }
    }

    /// Runs `lictree` with these words on the server's host.
    pub fn run(&self, words: &[&str]) -> Outcome {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_lictree"));
        let done = quiet(&mut command).args(words).output().unwrap();
        Outcome {
            exit: done.status.code().unwrap_or(-1),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// The same, asking this server; it must not be refused.
    #[track_caller]
    pub fn done(&self, line: &str) -> String {
        let outcome = self.ask(line);
        assert_eq!(outcome.exit, 0, "{line}: {outcome:?}");
        outcome.out
    }

    /// Asks this server.
    pub fn ask(&self, line: &str) -> Outcome {
        let folder = self.folder.display().to_string();
        let words = line.split_whitespace().chain(["--data", folder.as_str()]);
        self.run(&words.collect::<Vec<&str>>())
    }

    /// What it answers in JSON.
    pub fn json(&self, line: &str) -> Result<Value, String> {
        let outcome = self.ask(&format!("{line} --json"));
        match outcome.exit {
            0 => serde_json::from_str(&outcome.out).map_err(|error| error.to_string()),
            _ => Err(outcome.err),
        }
    }

    /// Starts the server and waits until it answers.
    pub fn start(&mut self) {
        let config = self.folder.join("lictree.toml");
        let mut command = self.host.command(env!("CARGO_BIN_EXE_lictree"));
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        quiet(&mut command).args(["serve", "--config"]).arg(config).stderr(log);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        self.child = Some(command.stdout(Stdio::null()).spawn().unwrap());
        // Before a process is made for every look.
        let socket = self.folder.join(SOCKET_NAME);
        until("the server listens", || UnixStream::connect(&socket).map_err(|e| e.to_string()));
        until("the server answers", || self.json("status"));
    }

    fn log_file(&self) -> PathBuf {
        self.folder.with_extension("log")
    }

    /// What it wrote to its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Its row in the list of the primary.
    pub fn row(&self, name: &str) -> Result<Value, String> {
        let list = self.json("server list")?;
        let rows = list["servers"].as_array().cloned().unwrap_or_default();
        rows.into_iter().find(|row| row["name"] == name).ok_or(format!("no {name} in {list}"))
    }

    /// Adds to its configuration; heeded at the next start.
    pub fn configure(&self, text: &str) {
        let file = self.folder.join("lictree.toml");
        let whole = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{whole}{text}")).unwrap();
    }

    /// Whether its process was started, and has not ended by itself or been stopped.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Whether its process ended by itself.
    pub fn has_fallen(&mut self) -> bool {
        self.child.is_some() && !self.is_running()
    }

    /// Sends its process a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            kill_process(Pid::from_child(child), signal).unwrap();
        }
    }

    /// Ends its process with SIGTERM, and waits until it is gone.
    pub fn end(&mut self) {
        self.signal(Signal::TERM);
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }

    /// Ends its process with SIGKILL, and waits until it is gone.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // `ip netns exec` has become the program itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("=== log of {}\n{}", self.folder.display(), self.log());
        }
    }
}

fn quiet(command: &mut Command) -> &mut Command {
    command.env_remove("LICTREE_DATA").stdin(Stdio::null())
}

/// The code in what `server invite` printed.
pub fn code_of(text: &str) -> String {
    let code = text.split_whitespace().find(|word| word.starts_with("LTJ1-"));
    code.unwrap_or_else(|| panic!("no code in {text:?}")).to_string()
}

/// A table of machines to import, as `arp -an` writes it.
pub fn machines(folder: &Path, count: u8) -> String {
    let line = |n| format!("? (10.9.0.{n}) at 02:00:5e:10:00:{n:02x} [ether] on eth0\n");
    let file = folder.join("arp.txt");
    std::fs::write(&file, (1..=count).map(line).collect::<String>()).unwrap();
    file.display().to_string()
}
