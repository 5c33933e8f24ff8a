//! `lictree up`: a whole tree on one machine, each server a process of its own.
//!
//! ```text
//!   topology ─► folder (locked) ─► prepare ─► processes ─► steps ─┬─► live, until Ctrl-C ─► stop
//!                  ▲                                              └─► verify ─► stop ─► 0 or 1
//!                  └── the same command again goes on from here
//! ```
//! - `folder`: the data folder and what is remembered in it.
//! - `prepare`: ports, identities, configurations, the vendor's key.
//! - `processes`: the servers, started, watched, stopped.
//! - `steps`: what is done once to bring the tree to its counts.
//! - `live`: the tree as it runs. `difference`: what is not as expected.
//!
//! Invariant: whatever ends this program, in order or not, ends the servers it started.

mod difference;
mod folder;
mod live;
mod prepare;
mod processes;
mod steps;

use crate::client::Client;
use crate::edge::codes;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::topology::{TOPOLOGY_NAME, Topology};
use crate::model::name::ServerName;
use crate::model::time::Timestamp;
use difference::difference;
use folder::Folder;
use live::{Live, counts};
use processes::Processes;
use std::path::{Path, PathBuf};
use std::time::Duration;
use steps::{Steps, until};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// Counts that did not change for so long stand still.
const STILL_AFTER: Duration = Duration::from_secs(5);

/// How often servers of one level are given another port when theirs was taken meanwhile.
const PORTS_TRIED_MAX: usize = 5;

/// What to do once the tree stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Show it until somebody stops it.
    Show,
    /// Compare it with `expected.txt` and stop.
    Verify,
}

/// A tree to bring up.
#[derive(Clone, Debug)]
pub struct Up {
    /// The folder of the topology.
    pub example: PathBuf,
    /// Where the servers keep their data.
    pub data: Option<PathBuf>,
    pub then: Then,
    /// How long each step may take.
    pub patience: Duration,
}

/// Brings the tree up, shows or verifies it, and stops it.
pub async fn up(wanted: &Up, terminal: &Terminal) -> Result<(), Failure> {
    let topology = Topology::read(&wanted.example)?;
    let primary = topology.primary().cloned().ok_or_else(|| {
        Failure::new(Exit::BadConfiguration, codes::TOPOLOGY_TREE, "the tree has no primary", "")
    })?;
    let expected = match wanted.then {
        Then::Show => None,
        Then::Verify => Some(expected(&wanted.example)?),
    };
    let mut stop = Stop::new()?;
    let now = Timestamp(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0));
    let mut folder = Folder::open(&wanted.data_dir(), &topology.tree)?;
    if folder.was_made_otherwise(&wanted.example.join(TOPOLOGY_NAME))? {
        let line = "topology.toml changed since this tree was made; use another --data to apply it";
        terminal.note(&format!("{line}\n"));
    }
    let key = prepare::prepare(&topology, &primary, &mut folder, now)?;
    let mut processes = Processes::default();
    let steps = Steps {
        topology: &topology,
        primary: &primary,
        folder: &mut folder,
        key: &key,
        terminal,
        patience: wanted.patience,
        now,
    };
    let outcome = tokio::select! {
        () = stop.wanted() => Ok(()),
        done = run(steps, &mut processes, expected.as_deref()) => done,
    };
    terminal.note("stopping all servers\n");
    for name in processes.stop().await {
        terminal.note(&format!("{name} did not stop in time and was killed\n"));
    }
    outcome
}

/// Starts the servers, does the first steps, and shows or verifies what stands.
async fn run(
    mut steps: Steps<'_>,
    processes: &mut Processes,
    expected: Option<&str>,
) -> Result<(), Failure> {
    let Steps { topology, primary, terminal, patience, .. } = steps;
    // From above, so that nobody calls a parent that is not there yet.
    for level in topology.levels() {
        let names: Vec<&str> = level.iter().map(ServerName::as_str).collect();
        terminal.note(&format!("starting {}\n", names.join(", ")));
        for name in &level {
            processes.start(steps.folder, name)?;
        }
        let mut moved = 0;
        loop {
            let death = tokio::select! {
                death = processes.death() => death,
                done = steps.answering(&level) => break done?,
            };
            // Nobody below was told of its port yet.
            let moves = death.port_is_taken && moved < PORTS_TRIED_MAX;
            if !moves || !prepare::another_port(topology, steps.folder, steps.key, &death.name)? {
                return Err(death.failure);
            }
            moved += 1;
            terminal.note(&format!("the port of {} was taken: another one\n", death.name));
            processes.start(steps.folder, &death.name)?;
        }
    }
    tokio::select! {
        death = processes.death() => return Err(death.failure),
        done = steps.all() => done?,
    }
    if let Some(expected) = expected {
        return verify(expected, &steps.client(primary), terminal, patience).await;
    }
    let folder = &*steps.folder;
    let mut live = Live { topology, primary, folder, processes, terminal };
    terminal.print(&format!("\n{}", live.suggestions()))?;
    live.show().await
}

/// Waits until the running tree is as expected, or does not change any more; the difference is
/// the failure.
async fn verify(
    expected: &str,
    client: &Client,
    terminal: &Terminal,
    patience: Duration,
) -> Result<(), Failure> {
    let (mut found, mut since) = (String::new(), Instant::now());
    let settled = until("the counts to stand still", patience, async || {
        let now = counts(client).await?;
        if now != found {
            (found, since) = (now, Instant::now());
        }
        Ok((found == expected || since.elapsed() > STILL_AFTER).then_some(()))
    });
    settled.await?;
    terminal.print(&found)?;
    if found == expected {
        terminal.note("as expected\n");
        return Ok(());
    }
    terminal.note(&difference(expected, &found));
    let message = "the running tree is not as expected.txt says (- expected, + found)";
    let hint = "if people changed it since, another `--data DIR` begins anew";
    Err(Failure::new(Exit::Refused, codes::NOT_AS_EXPECTED, message, hint))
}

fn expected(example: &Path) -> Result<String, Failure> {
    let path = example.join("expected.txt");
    std::fs::read_to_string(&path).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        let hint =
            format!("write it: lictree topology show {0} > {0}/expected.txt", example.display());
        Failure::new(Exit::BadConfiguration, codes::NOT_AS_EXPECTED, message, hint)
    })
}

impl Up {
    /// As named, or a folder of the example's name below `.lictree`.
    fn data_dir(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| {
            let absolute = std::path::absolute(&self.example).unwrap_or_default();
            let name = absolute.file_name().unwrap_or(std::ffi::OsStr::new("tree"));
            Path::new(".lictree").join(name)
        })
    }
}

/// Ctrl-C, or an orderly end asked for by the system.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> Result<Stop, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                let message = format!("cannot wait for signals: {error}");
                Failure::new(Exit::Refused, codes::SYSTEM, message, "try again later")
            })
        };
        let interrupt = listen(SignalKind::interrupt())?;
        Ok(Stop { interrupt, terminate: listen(SignalKind::terminate())? })
    }

    async fn wanted(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
