//! The servers of a tree as processes: started, watched, stopped.
//!
//! Each runs `lictree serve` in a process group of its own, so that Ctrl-C reaches only the one
//! that stops the others in order, and each ends by itself when that one is gone.

use crate::edge::codes;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::up::folder::{Folder, unusable};
use crate::model::name::ServerName;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// How often processes are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// From asking the servers to stop until they are killed.
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// A log that is longer is begun anew at the next start.
const LOG_BYTES_MAX: u64 = 4 << 20;
/// How much of the end of a log is read for its last line.
const LOG_TAIL_BYTES: u64 = 4_096;

#[derive(Debug)]
struct Process {
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

/// A server that ended by itself.
#[derive(Debug)]
pub(super) struct Death {
    pub(super) name: ServerName,
    /// Whether it ended because something else has its UDP port.
    pub(super) port_is_taken: bool,
    pub(super) failure: Failure,
}

/// All servers of a tree.
#[derive(Debug, Default)]
pub(super) struct Processes(BTreeMap<ServerName, Process>);

impl Processes {
    /// Starts one more server; its output goes to `log.txt` in its folder.
    pub(super) fn start(&mut self, folder: &Folder, name: &ServerName) -> Result<(), Failure> {
        let (log, config) = (folder.server(name).join("log.txt"), folder.config(name));
        let (out, err) = log_files(&log).map_err(|error| unusable(&log, &error))?;
        let not_started = |error: std::io::Error| {
            let message = format!("cannot start server {name}: {error}");
            Failure::new(
                Exit::Refused,
                codes::UP_DIED,
                message,
                "free memory or processes, and try again",
            )
        };
        let program = std::env::current_exe().map_err(not_started)?;
        let child = Command::new(program)
            .args(["serve", "--while", &std::process::id().to_string(), "--config"])
            .arg(&config)
            // What manages this process as a service hears of it alone.
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(not_started)?;
        self.0.insert(name.clone(), Process { child, log, ended: None });
        Ok(())
    }

    /// Looks which processes have ended.
    pub(super) fn look(&mut self) {
        for process in self.0.values_mut().filter(|process| process.ended.is_none()) {
            // What cannot be waited for is looked at again next time.
            process.ended = process.child.try_wait().ok().flatten();
        }
    }

    /// Every server whose process has ended, how, and the last line of its log.
    pub(super) fn ended(&self) -> Vec<(&ServerName, String)> {
        let line = |(name, process): (_, &Process)| {
            let how = process.ended?;
            let last = last_line(&process.log);
            Some((name, format!("{how}; its last line: {last}")))
        };
        self.0.iter().filter_map(line).collect()
    }

    /// Waits until a process ends; says which and why.
    pub(super) async fn death(&mut self) -> Death {
        loop {
            self.look();
            if let Some((name, how)) = self.ended().first() {
                let log = self.0.get(*name).map(|process| process.log.display().to_string());
                let hint = format!("look at {}", log.unwrap_or_default());
                let message = format!("server {name} ended: {how}");
                let failure = Failure::new(Exit::Refused, codes::UP_DIED, message, hint);
                let port_is_taken = how.contains(codes::ADDRESS);
                return Death { name: (*name).clone(), port_is_taken, failure };
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Asks all to stop, waits, and kills those that do not; their names are returned.
    pub(super) async fn stop(&mut self) -> Vec<ServerName> {
        self.look();
        for process in self.running() {
            let pid = process.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
            // A process that is gone needs no signal.
            let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        }
        let until = Instant::now() + STOP_PATIENCE;
        while self.running().next().is_some() && Instant::now() < until {
            tokio::time::sleep(LOOK_EVERY / 5).await;
            self.look();
        }
        let mut killed = Vec::new();
        for (name, process) in self.0.iter_mut().filter(|(_, process)| process.ended.is_none()) {
            killed.push(name.clone());
            process.ended = match process.child.kill().await {
                Ok(()) => process.child.wait().await.ok(),
                Err(_) => None,
            };
        }
        killed
    }

    fn running(&self) -> impl Iterator<Item = &Process> {
        self.0.values().filter(|process| process.ended.is_none())
    }
}

fn log_files(path: &Path) -> std::io::Result<(File, File)> {
    if std::fs::metadata(path).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
        std::fs::rename(path, path.with_extension("old.txt"))?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let again = file.try_clone()?;
    Ok((file, again))
}

/// The last line that says something: the last failure, if the end of the log has one.
fn last_line(log: &Path) -> String {
    let tail = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(len.saturating_sub(LOG_TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let tail = tail().unwrap_or_default();
    let mut said = tail.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let failure = said.clone().find(|line| line.starts_with("lictree: "));
    failure.or_else(|| said.next()).unwrap_or("(nothing)").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_something_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.txt");
        assert_eq!(last_line(&log), "(nothing)");
        std::fs::write(&log, format!("{}\nthe end\n \n\n", "x".repeat(10_000))).unwrap();
        assert_eq!(last_line(&log), "the end");
        std::fs::write(&log, "ready\nlictree: a reason (LT0405)\n  a hint\n  more: …\n").unwrap();
        assert_eq!(last_line(&log), "lictree: a reason (LT0405)");
    }
}
