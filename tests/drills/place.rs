//! Where a server of a drill runs: this machine, perhaps with faults below the binary.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A place to run programs at.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The folder in which the shim looks for faults.
    pub faults: Option<PathBuf>,
}

impl Host {
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        if let Some(faults) = &self.faults {
            command.env("LD_PRELOAD", shim()).env("LICTREE_FAULTS", faults);
        }
        command
    }

    /// From now on this call fails on files whose path ends so.
    pub fn fail(&self, call: &str, file: &str) {
        std::fs::write(self.faults.as_ref().unwrap().join(call), file).unwrap();
    }

    /// It works again.
    pub fn mend(&self, call: &str) {
        std::fs::remove_file(self.faults.as_ref().unwrap().join(call)).unwrap();
    }

    /// How often calls of a kind failed so far.
    pub fn failures(&self, call: &str) -> usize {
        let told = self.faults.as_ref().unwrap().join("failed");
        let told = std::fs::read_to_string(told).unwrap_or_default();
        told.lines().filter(|line| *line == call).count()
    }
}

/// The shim, built once in this process.
fn shim() -> &'static Path {
    static SHIM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = SHIM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("shim.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/drills/shim.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library);
        let built = compiler.args([source, "-ldl"]).status();
        assert!(built.is_ok_and(|built| built.success()), "a C compiler is needed");
        (folder, library)
    });
    library
}
