//! kill -9 of any server at any point of the worked example: the tables come out the same,
//! nothing that was answered is lost, nothing is doubled.
//!
//! ```text
//!   command ──run────────────► outcome ─► asked again while nobody answers ─► table as expected
//!      ▲ kill  ▲ kill  ▲ kill       each kill is kill -9, and a start at once
//! ```
//! Which server is killed at which moment of which command is drawn from a seed; `LICTREE_SEED`
//! draws the same again. The processes themselves take their own time.

use crate::patience::until;
use crate::program::{Outcome, code, command, done, example, json, lictree};
use crate::script::{Expected, Step, steps, table};
use crate::tree::{folder, signal};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SERVERS: [&str; 5] = ["a", "b", "c", "d", "e"];
const KILLS_MIN: u64 = 50;
/// Of a command that nobody kills, about three lives.
const MOMENT_MAX_US: u64 = 40_000;
/// Short times: what is waited for here are processes.
const TIMES: &str = "\n[times]\npresence_interval_ms = 500\nretry_interval_ms = 100\n\
    idle_timeout_ms = 1000\nkeep_alive_interval_ms = 250\nredial_first_ms = 50\n\
    redial_longest_ms = 200\ncheckpoint_interval_ms = 500\n";

/// Numbers from a seed: the finalizer of SplitMix64 over seed and count.
struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    /// From `LICTREE_SEED`, or from the clock.
    fn new() -> Dice {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        let seed = match std::env::var("LICTREE_SEED") {
            Ok(text) => text.parse().expect("LICTREE_SEED is a number"),
            Err(_) => u64::from(clock),
        };
        println!("LICTREE_SEED={seed}");
        Dice { seed, thrown: 0 }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.thrown += 1;
        let mut bits = self.seed.wrapping_add(self.thrown.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }

    fn one_of<'a>(&mut self, these: &[&'a str]) -> &'a str {
        these[self.below(these.len() as u64) as usize]
    }
}

/// The five servers of the figure, at row 0, each a process of this test.
struct Servers {
    data: PathBuf,
    running: BTreeMap<&'static str, Child>,
    kills: BTreeMap<&'static str, u64>,
}

impl Servers {
    fn found(data: &Path) -> Servers {
        let figure = example("jp1-figure");
        done(&format!("up {} --verify --data {}", figure.display(), data.display()));
        for server in SERVERS {
            let config = data.join(server).join("lictree.toml");
            let mut file = OpenOptions::new().append(true).open(config).unwrap();
            file.write_all(TIMES.as_bytes()).unwrap();
        }
        let mut servers =
            Servers { data: data.into(), running: BTreeMap::new(), kills: BTreeMap::new() };
        servers.start();
        servers
    }

    fn start(&mut self) {
        for server in SERVERS {
            let child = self.spawn(server);
            self.running.insert(server, child);
        }
    }

    fn spawn(&self, server: &str) -> Child {
        let folder = self.data.join(server);
        let log = File::options().create(true).append(true).open(folder.join("log.txt")).unwrap();
        let mut serve = command();
        serve.args(["serve", "--config"]).arg(folder.join("lictree.toml"));
        serve.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    /// Kills a server and starts it again; fails if it had ended by itself.
    fn kill(&mut self, server: &'static str) {
        self.still_runs(server);
        let child = self.running.get_mut(server).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        *self.kills.entry(server).or_default() += 1;
        let child = self.spawn(server);
        self.running.insert(server, child);
    }

    fn still_runs(&mut self, server: &'static str) {
        let Some(end) = self.running.get_mut(server).unwrap().try_wait().unwrap() else { return };
        let log = std::fs::read_to_string(self.data.join(server).join("log.txt")).unwrap();
        let last = log.lines().rev().take(20).collect::<Vec<_>>();
        // Its port was free for a moment, and the system gave it to another test for a while.
        if last.iter().take(4).any(|line| line.contains("LT0405")) {
            let child = self.spawn(server);
            self.running.insert(server, child);
            return;
        }
        let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        panic!("{server} ended by itself: {end}\n{last}");
    }

    /// Ends all in order.
    fn stop(&mut self) {
        self.running.values().for_each(|child| signal("TERM", child.id()));
        for (server, mut child) in std::mem::take(&mut self.running) {
            let end = child.wait().unwrap();
            assert!(end.success(), "{server}: {end}");
        }
    }

    fn at(&self, server: &str) -> String {
        format!("--data {}", self.data.join(server).display())
    }

    /// What a line of `--json` answers, once the server answers.
    #[track_caller]
    fn told(&self, line: &str) -> serde_json::Value {
        until(line, || match lictree(line) {
            Outcome { exit: 0, out, .. } => Ok(serde_json::from_str(&out).unwrap()),
            outcome => Err(format!("{outcome:?}")),
        })
    }

    /// The devices of a server in this state, as it itself knows them.
    fn devices(&self, server: &str, state: &str) -> Vec<String> {
        let filter = format!("--managing-source {server} --state {state} --limit 500");
        let page = self.told(&format!("node list {filter} --json {}", self.at(server)));
        let nodes = page["nodes"].as_array().unwrap();
        nodes.iter().map(|node| node["id"].as_str().unwrap().to_string()).collect()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The example with everything that was answered so far.
struct Storm {
    servers: Servers,
    dice: Dice,
    managed: BTreeSet<String>,
    /// Of the table before, as its last line says it.
    sum: String,
    commands: u64,
    asked_again: u64,
}

impl Storm {
    /// Runs a command once, and kills one to three servers before, while and after it runs.
    fn under_fire(&mut self, line: &str) -> Outcome {
        let mut moments: Vec<u64> =
            (0..=self.dice.below(3)).map(|_| self.dice.below(MOMENT_MAX_US)).collect();
        moments.sort_unstable();
        let mut running = command()
            .args(line.split_whitespace())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        for moment in moments.into_iter().map(Duration::from_micros) {
            while begun.elapsed() < moment && running.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            let server = self.dice.one_of(&SERVERS);
            self.servers.kill(server);
        }
        let done = running.wait_with_output().unwrap();
        Outcome {
            exit: done.status.code().unwrap(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// Does one thing; asks again, in peace, while there is no answer.
    fn ask(&mut self, row: &str, line: &str, expected: &Expected) {
        let line = format!("{line} --json");
        let mut asked = 0;
        self.commands += 1;
        until(row, || {
            asked += 1;
            let outcome = if asked == 1 { self.under_fire(&line) } else { lictree(&line) };
            let again = asked > 1;
            let code = if outcome.exit == 0 { String::new() } else { code(&outcome) };
            let fits = match expected {
                Expected::Done => code.is_empty() || again && is_done_before(&line, &code),
                Expected::Refused(expected) => code == *expected,
                Expected::Table(_) => unreachable!("tables are looked at, not asked for"),
            };
            // Nobody answered, or the sharing source or the primary has not answered yet.
            if fits {
                Ok(())
            } else if outcome.exit == 3 || code == "LT0302" || code == "LT0228" {
                self.asked_again += 1;
                Err(format!("{outcome:?}"))
            } else {
                panic!("{row}: {line}: {outcome:?}")
            }
        });
    }

    fn step(&mut self, step: &Step) {
        match (&step.expected, step.manages) {
            (Expected::Table(expected), _) => {
                self.stands(&step.row, expected);
                self.there_and_back(&step.row, expected);
                self.stands(&step.row, expected);
            }
            (expected, Some(count)) => {
                let mut devices = self.servers.devices(&step.at, "discovered");
                devices.truncate(count);
                let at = self.servers.at(&step.at);
                self.ask(&step.row, &format!("node manage {} {at}", devices.join(" ")), expected);
                if matches!(expected, Expected::Done) {
                    self.managed.extend(devices);
                }
            }
            (expected, None) => self.ask(&step.row, &step.line, expected),
        }
    }

    /// Waits until the table is as it must be.
    fn stands(&mut self, row: &str, expected: &str) {
        let line = format!("range list --json {}", self.servers.at("a"));
        // All that is registered, at any moment; what a relay registered may take a while.
        let sum = expected.lines().last().unwrap();
        let allowed = [std::mem::replace(&mut self.sum, sum.to_string()), sum.to_string()];
        until(row, || {
            // One that ended by itself is waited for in vain: its last words say more.
            SERVERS.iter().for_each(|server| self.servers.still_runs(server));
            let found = table(&self.servers.told(&line));
            let sum = found.lines().last().unwrap();
            assert!(
                allowed.iter().any(|allowed| allowed == sum),
                "{row}: {found}, not {allowed:?}"
            );
            if found == expected { Ok(()) } else { Err(found) }
        });
    }

    /// Sets a managed device of some server aside and manages it again; a range that lacks
    /// licenses would not take it back.
    fn there_and_back(&mut self, row: &str, expected: &str) {
        let lines = expected.lines().filter(|line| !line.contains("shortage"));
        let members = lines.filter_map(|line| line.split_once(':').map(|(members, _)| members));
        let members: Vec<&str> = members.flat_map(str::split_whitespace).collect();
        let server = self.dice.one_of(&members);
        let device = self.servers.devices(server, "managed").remove(0);
        let at = self.servers.at(server);
        self.ask(row, &format!("node ignore {device} {at}"), &Expected::Done);
        self.ask(row, &format!("node manage {device} {at}"), &Expected::Done);
    }

    fn nothing_is_lost_or_doubled(&self) {
        let found = SERVERS.map(|server| self.servers.devices(server, "managed"));
        let found: Vec<String> = found.into_iter().flatten().collect();
        assert_eq!(found.len(), self.managed.len());
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), self.managed);
        for (server, count) in [("a", 150), ("c", 50)] {
            let told = json(&format!("license list {}", self.servers.at(server)));
            let licenses = told["licenses"].as_array().unwrap();
            let counts: Vec<_> = licenses.iter().map(|one| one["count"].as_u64()).collect();
            assert_eq!(counts, [Some(count)], "{server}: {told}");
        }
    }
}

/// How a command is refused whose first run was carried out and not answered.
fn is_done_before(line: &str, code: &str) -> bool {
    line.starts_with("license register") && code == "LT0201"
        || line.starts_with("license withdraw") && code == "LT0209"
}

#[test]
fn servers_may_be_killed_at_any_point_of_the_worked_example() {
    let begun = Instant::now();
    let data = folder();
    let dice = Dice::new();
    let servers = Servers::found(data.path());
    let managed = SERVERS.map(|server| servers.devices(server, "managed"));
    let managed = managed.into_iter().flatten().collect();
    let sum = "= 150".to_string();
    let mut storm = Storm { servers, dice, managed, sum, commands: 0, asked_again: 0 };
    let steps = steps(data.path());
    steps.iter().for_each(|step| storm.step(step));
    let last = steps.iter().rev().find_map(|step| match &step.expected {
        Expected::Table(table) => Some(table),
        _ => None,
    });
    storm.stands("at the end", last.unwrap());
    storm.nothing_is_lost_or_doubled();
    SERVERS.iter().for_each(|server| storm.servers.still_runs(server));
    storm.servers.stop();
    storm.servers.start();
    storm.stands("after an orderly stop", last.unwrap());
    storm.nothing_is_lost_or_doubled();
    let Storm { servers: Servers { kills, .. }, commands, asked_again, .. } = &storm;
    let sum: u64 = kills.values().sum();
    println!(
        "{sum} kills {kills:?}, {commands} commands, {asked_again} repeats, {:?}",
        begun.elapsed()
    );
    assert!(sum >= KILLS_MIN && kills.len() == SERVERS.len(), "{sum} kills {kills:?}");
}
