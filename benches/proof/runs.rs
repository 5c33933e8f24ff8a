//! Runs tests of one file after another, and keeps what they say of themselves.

use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What came of one proof.
pub struct Run {
    pub what: &'static str,
    pub test: &'static str,
    pub good: bool,
    /// Tests that passed.
    pub passed: u64,
    pub seconds: f64,
    pub at: String,
    /// What the tests wrote into the file that `LICTREE_…_OUT` names.
    pub lines: Vec<Value>,
}

pub struct Runs(pub Vec<Run>);

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["test", "--locked"]);
    cargo
}

/// Apart from the runs, so that their times are only theirs.
pub fn build(proofs: &[(&str, &str, &str)]) {
    let tests = proofs.iter().flat_map(|(_, test, _)| ["--test", test]);
    let built = cargo().arg("--no-run").args(tests).status().unwrap();
    assert!(built.success(), "the tests cannot be built");
}

pub fn run(&(what, test, only): &(&'static str, &'static str, &'static str)) -> Run {
    eprintln!("{what}: {test} {only}");
    let at = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M").to_string();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.jsonl");
    let mut cargo = cargo();
    cargo.args(["--test", test, "--", only]).stderr(Stdio::inherit());
    cargo.env(format!("LICTREE_{}_OUT", test.to_uppercase()), &out);
    // Without what they need the tests with a host for each server would be skipped, and good.
    cargo.env("LICTREE_HOSTS", "must").env_remove("LICTREE_SET_BACKS");
    let begun = Instant::now();
    let done = cargo.output().unwrap();
    let (seconds, said) = (begun.elapsed().as_secs_f64(), String::from_utf8_lossy(&done.stdout));
    // `test result: ok. 12 passed; 0 failed; …`
    let passed = said.lines().filter(|line| line.starts_with("test result:"));
    let passed = passed.filter_map(|line| line.split(' ').nth(3)?.parse::<u64>().ok()).sum();
    // Where a test got another name none is run.
    let good = done.status.success() && passed > 0;
    if !good {
        eprintln!("{said}");
    }
    let lines = std::fs::read_to_string(&out).unwrap_or_default();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Run { what, test, good, passed, seconds, at, lines }
}

impl Runs {
    pub fn of(&self, what: &str) -> &Run {
        self.0.iter().find(|run| run.what == what).expect("it is one of the proofs")
    }
}

impl Run {
    /// All lines together; nothing where none has the figure.
    pub fn sum(&self, figure: &str) -> Option<u64> {
        self.lines.iter().filter_map(|line| line[figure].as_u64()).reduce(|sum, one| sum + one)
    }

    /// For people: `12,345`.
    pub fn said(&self, figure: &str) -> String {
        self.sum(figure).map_or("not measured".to_string(), grouped)
    }

    /// The words where the run is good; otherwise that it is not.
    pub fn held(&self, words: impl Into<String>) -> String {
        if self.good { words.into() } else { "**FAILED**".to_string() }
    }
}

pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let comma = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    let digit = |(at, digit)| if comma(at) { format!(",{digit}") } else { format!("{digit}") };
    digits.chars().enumerate().map(digit).collect()
}
