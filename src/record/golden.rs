//! Golden bytes: files of `name hex` lines that hold what this form of bytes looks like.
//!
//! The files of `tests/golden/<folder>/` are read on each run. The file named like the kind
//! (`commands.txt`) must be what is written today; every file whose name begins with the kind
//! (`commands-0.1.txt`, kept at a release) must still be readable. `LICTREE_GOLDEN=write` writes
//! the file of today; whoever does so changes what is on the disks of others.

use std::fmt::Write;
use std::path::PathBuf;

/// Compares what is written with the golden file of its kind, and answers every line of every
/// file of that kind, old ones too: file name, name of the value, bytes.
#[track_caller]
pub fn hold(
    folder: &str,
    kind: &str,
    written: &[(String, Vec<u8>)],
) -> Vec<(String, String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let today = folder.join(format!("{kind}.txt"));
    let text: String =
        written.iter().map(|(name, bytes)| format!("{name} {}\n", hex(bytes))).collect();
    if std::env::var("LICTREE_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&today, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&today).unwrap_or_default();
    if let Some(difference) = difference(&golden, &text) {
        panic!("{}: {difference}", today.display());
    }
    read_all(&folder, kind)
}

/// Where two texts part, if they do.
pub fn difference(golden: &str, written: &str) -> Option<String> {
    let mut lines = golden.lines().zip(written.lines()).enumerate();
    if let Some((at, (old, new))) = lines.find(|(_, (old, new))| old != new) {
        let at = at + 1;
        return Some(format!("line {at} was\n  {old}\nand is written today as\n  {new}"));
    }
    let (old, new) = (golden.lines().count(), written.lines().count());
    (old != new).then(|| format!("it has {old} lines, and {new} are written today"))
}

fn read_all(folder: &PathBuf, kind: &str) -> Vec<(String, String, Vec<u8>)> {
    let mut lines = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_string();
        if !file.starts_with(kind) {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let (name, bytes) = line.split_once(' ').unwrap();
            lines.push((file.clone(), name.to_string(), unhex(bytes)));
        }
    }
    lines
}

pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

pub fn unhex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0, "{text} is half a byte too long");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
