//! Whether the time of day is likely: licenses, certificates and events are judged by it.

use crate::daemon::settings::state_dir;
use crate::edge::doctor::server::Running;
use crate::edge::doctor::{About, Finding};
use crate::edge::draw::age;
use crate::model::time::Timestamp;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// 2025-01-01 and 2100-01-01: this software is not older, and will not be in use any more.
const YEARS_LIKELY: std::ops::Range<Timestamp> =
    Timestamp(1_735_689_600_000)..Timestamp(4_102_444_800_000);
/// What a clock may lie back, between two looks at it and in steps of a time service.
const BACK_USUAL: Duration = Duration::from_secs(2);
/// Set back further than this, something is wrong with the machine.
const BACK_BAD: Duration = Duration::from_secs(60);

const REMEDY: &str = "let a time service set the clock: `timedatectl`, `chronyc tracking`";

pub(super) fn look(now: Timestamp, running: &Running, data_dir: &Path) -> Finding {
    let seen = match running {
        Running::Answers { status, newest, .. } => {
            let event = newest.unwrap_or_default();
            ("this server's own clock", status.as_of.max(event))
        }
        _ => ("the last change of its state", changed(&state_dir(data_dir)).unwrap_or_default()),
    };
    judge(now, seen)
}

fn judge(now: Timestamp, (what, seen): (&str, Timestamp)) -> Finding {
    let about = About::Clock;
    let shown = age::moment(now);
    if !YEARS_LIKELY.contains(&now) {
        return Finding::bad(about, format!("it shows {shown}, which is not likely"), REMEDY);
    }
    let back = seen.since(now);
    let text = format!("it shows {shown}, {} before {what}: it was set back", age::length(back));
    if back > BACK_BAD {
        return Finding::bad(about, text, REMEDY);
    }
    if back > BACK_USUAL {
        return Finding::warning(about, text, REMEDY);
    }
    Finding::ok(about, format!("it shows {shown}; the parent's time is not known"))
}

/// When a file in the folder was last changed; nothing without files.
fn changed(folder: &Path) -> Option<Timestamp> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let at = entries.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()?;
    Some(Timestamp::default().after(at.duration_since(UNIX_EPOCH).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::doctor::State;

    #[test]
    fn a_clock_is_likely_set_back_or_nonsense() {
        let now = Timestamp(1_800_000_000_000);
        let back = |s| judge(now, ("x", now.after(Duration::from_secs(s))));
        assert_eq!(judge(now, ("x", Timestamp(0))).state, State::Ok);
        assert_eq!(
            [0, 2, 3, 60, 61].map(|s| back(s).state),
            [State::Ok, State::Ok, State::Warning, State::Warning, State::Bad]
        );
        assert!(back(3_600).text.contains("60 min before x"), "{}", back(3_600).text);
        for nonsense in [0, 1_735_689_599_999, 4_102_444_800_000] {
            assert_eq!(judge(Timestamp(nonsense), ("x", Timestamp(0))).state, State::Bad);
        }
    }

    #[test]
    fn the_newest_file_is_the_last_change() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(changed(folder.path()), None);
        std::fs::write(folder.path().join("a"), "").unwrap();
        let at = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        let file = std::fs::File::create(folder.path().join("b")).unwrap();
        file.set_modified(at).unwrap();
        assert_eq!(changed(folder.path()), Some(Timestamp(4_000_000_000_000)));
        assert_eq!(
            look(Timestamp(1_800_000_000_000), &Running::Not, &nest(folder)).state,
            State::Bad
        );
    }

    /// The same files where a data folder has them.
    fn nest(folder: tempfile::TempDir) -> std::path::PathBuf {
        let outer = tempfile::tempdir().unwrap().keep();
        std::fs::rename(folder.keep(), state_dir(&outer)).unwrap();
        outer
    }
}
