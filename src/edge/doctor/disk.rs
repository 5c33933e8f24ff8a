//! Room on the disk of the data folder, and how long it takes to be durable there.

use crate::edge::doctor::{About, Finding};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;
const SPACE_BAD: u64 = 100 * MIB;
const SPACE_FEW: u64 = 1_024 * MIB;

/// Writes that are measured; fewer where they take longer than this together.
const WRITES: usize = 20;
const MEASURE_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of one write: a small batch of the log.
const WRITE_BYTES: usize = 4_096;
const SYNC_SLOW: Duration = Duration::from_millis(20);
const SYNC_BAD: Duration = Duration::from_millis(200);

pub(super) fn space(data_dir: &Path) -> Finding {
    match rustix::fs::statvfs(data_dir) {
        Ok(found) => judge_space(found.f_bavail.saturating_mul(found.f_frsize)),
        Err(error) => Finding::skipped(About::DiskSpace, format!("cannot be asked for: {error}")),
    }
}

fn judge_space(bytes: u64) -> Finding {
    let about = About::DiskSpace;
    let text = match bytes / MIB {
        mib @ 0..10_240 => format!("{mib} MiB are free for the data folder"),
        mib => format!("{} GiB are free for the data folder", mib / 1_024),
    };
    let remedy = "make room: on a full disk a server takes nothing new (`lictree explain LT0513`)";
    match bytes {
        0..SPACE_BAD => Finding::bad(about, text, remedy),
        SPACE_BAD..SPACE_FEW => Finding::warning(about, text, remedy),
        _ => Finding::ok(about, text),
    }
}

pub(super) fn sync(data_dir: &Path) -> Finding {
    match Probe::make(data_dir).and_then(|probe| probe.measure()) {
        Ok(times) => judge_sync(median(times)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::skipped(About::DiskSync, "there is no data folder to write into")
        }
        Err(error) => {
            let text = format!("cannot write into {}: {error}", data_dir.display());
            Finding::bad(About::DiskSync, text, "see permissions and disk-space")
        }
    }
}

fn judge_sync(median: Duration) -> Finding {
    let about = About::DiskSync;
    let ms = median.as_secs_f64() * 1_000.0;
    let text = format!("a write is durable after {ms:.1} ms (median)");
    let remedy = "every answer waits for this: give the data folder a faster disk, or one with a \
                  protected write cache";
    if median > SYNC_BAD {
        Finding::bad(about, text, remedy)
    } else if median > SYNC_SLOW {
        Finding::warning(about, text, remedy)
    } else {
        Finding::ok(about, text)
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A file of its own in the data folder, gone with this value.
struct Probe {
    path: PathBuf,
    file: File,
}

impl Probe {
    fn make(data_dir: &Path) -> io::Result<Probe> {
        let path = data_dir.join(format!(".doctor-{}", std::process::id()));
        // What a killed process of this number left.
        let _ = std::fs::remove_file(&path);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Probe { path, file })
    }

    /// How long each write took until it was durable; at least one.
    fn measure(mut self) -> io::Result<Vec<Duration>> {
        let (begun, mut times) = (Instant::now(), Vec::new());
        while times.len() < WRITES && (times.is_empty() || begun.elapsed() < MEASURE_WITHIN) {
            let write = Instant::now();
            self.file.write_all(&[0x5a; WRITE_BYTES])?;
            self.file.sync_data()?;
            times.push(write.elapsed());
        }
        Ok(times)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // It is small; whoever removed it before has done the same.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::doctor::State;

    #[test]
    fn room_and_speed_have_their_bounds() {
        let space = [0, 100 * MIB - 1, 100 * MIB, 1_024 * MIB - 1, 1_024 * MIB].map(judge_space);
        let (ok, warning, bad) = (State::Ok, State::Warning, State::Bad);
        assert_eq!(space.each_ref().map(|f| f.state), [bad, bad, warning, warning, ok]);
        assert!(space[2].text.starts_with("100 MiB"), "{}", space[2].text);
        let sync = [1, 20, 21, 200, 201].map(|ms| judge_sync(Duration::from_millis(ms)).state);
        assert_eq!(sync, [ok, ok, warning, warning, bad]);
        let ms = |numbers: &[u64]| numbers.iter().map(|ms| Duration::from_millis(*ms)).collect();
        assert_eq!(median(ms(&[9, 1, 500])), Duration::from_millis(9));
    }

    #[test]
    fn the_disk_is_really_measured_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let times = Probe::make(folder.path()).unwrap().measure().unwrap();
        assert!(!times.is_empty() && times.iter().all(|time| *time > Duration::ZERO), "{times:?}");
        assert!(sync(folder.path()).text.contains("durable after"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(sync(&folder.path().join("gone")).state, State::Skipped);
        assert_eq!(space(folder.path()).about, About::DiskSpace);
    }
}
