//! Whether the time of day is likely: licenses, certificates and events are judged by it.

use crate::daemon::settings::state_dir;
use crate::edge::doctor::server::Running;
use crate::edge::doctor::{About, Finding};
use crate::edge::draw::age;
use crate::model::clock::ClockStanding;
use crate::model::holding::Role;
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

/// What a clock may differ from the parent's before a person should look, and before licenses and
/// certificates are judged wrongly by it (safety.md 1.6).
/// The way of a message is in what is known of the parent's clock.
const LIKE: Duration = Duration::from_secs(2);
const DIFFERS_USUAL: Duration = Duration::from_secs(60);
const DIFFERS_BAD: Duration = Duration::from_secs(300);

const REMEDY: &str = "let a time service set the clock: `timedatectl`, `chronyc tracking`";
const REMEDY_TWO: &str = "see which of the two is wrong, here and at the parent: `timedatectl`; \
                          let a time service set both";

const REMEDY_FORWARD: &str = "let a time service set the clock: `timedatectl`; if it is right as \
                              it is: `lictree clock accept`";

/// `role` is that of the configuration: a server that does not run says nothing of itself.
pub(super) fn look(
    now: Timestamp,
    running: &Running,
    role: Option<Role>,
    data_dir: &Path,
) -> Finding {
    let seen = match running {
        Running::Answers { status, newest, .. } => {
            let event = newest.unwrap_or_default();
            ("this server's own clock", status.as_of.max(event))
        }
        _ => ("the last change of its state", changed(&state_dir(data_dir)).unwrap_or_default()),
    };
    let status = running.status();
    let parent = match status.map(|status| status.role).or(role) {
        Some(Role::Primary) => Parent::Nobody,
        _ => {
            status.and_then(|status| status.clock_ahead_ms).map_or(Parent::Unknown, Parent::Behind)
        }
    };
    let standing = status.map_or(ClockStanding::Right, |status| status.clock.standing);
    mistrusted(standing).unwrap_or_else(|| judge(now, seen, parent))
}

/// The server that runs here says that its clock was set.
fn mistrusted(standing: ClockStanding) -> Option<Finding> {
    let (what, remedy) = match standing {
        ClockStanding::Right => return None,
        ClockStanding::SetBack => ("back: license time goes on without it", REMEDY),
        ClockStanding::SetForward => ("forward: license time does not follow it", REMEDY_FORWARD),
    };
    Some(Finding::bad(About::Clock, format!("it was set {what}"), remedy))
}

/// The clock of the server above.
enum Parent {
    /// There is none.
    Nobody,
    Unknown,
    /// So many milliseconds behind the clock here; below 0 it is ahead.
    Behind(i64),
}

fn judge(now: Timestamp, (what, seen): (&str, Timestamp), parent: Parent) -> Finding {
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
    let ahead_ms = match parent {
        Parent::Nobody => return Finding::ok(about, format!("it shows {shown}")),
        Parent::Unknown => {
            return Finding::ok(about, format!("it shows {shown}; the parent's is not known"));
        }
        Parent::Behind(ms) => ms,
    };
    let differs = Duration::from_millis(ahead_ms.unsigned_abs());
    let text = match ahead_ms {
        _ if differs < LIKE => format!("it shows {shown}, like the parent's"),
        0.. => format!("it shows {shown}, {} ahead of the parent's", age::length(differs)),
        _ => format!("it shows {shown}, {} behind the parent's", age::length(differs)),
    };
    if differs > DIFFERS_BAD {
        return Finding::bad(about, text, REMEDY_TWO);
    }
    if differs > DIFFERS_USUAL {
        return Finding::warning(about, text, REMEDY_TWO);
    }
    Finding::ok(about, text)
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
        let back = |s| judge(now, ("x", now.after(Duration::from_secs(s))), Parent::Nobody);
        assert_eq!(judge(now, ("x", Timestamp(0)), Parent::Nobody).state, State::Ok);
        assert_eq!(
            [0, 2, 3, 60, 61].map(|s| back(s).state),
            [State::Ok, State::Ok, State::Warning, State::Warning, State::Bad]
        );
        assert!(back(3_600).text.contains("60 min before x"), "{}", back(3_600).text);
        for nonsense in [0, 1_735_689_599_999, 4_102_444_800_000] {
            assert_eq!(
                judge(Timestamp(nonsense), ("x", Timestamp(0)), Parent::Nobody).state,
                State::Bad
            );
        }
    }

    #[test]
    fn a_clock_that_the_server_does_not_believe_is_bad() {
        assert!(mistrusted(ClockStanding::Right).is_none());
        let [back, forward] =
            [ClockStanding::SetBack, ClockStanding::SetForward].map(|s| mistrusted(s).unwrap());
        assert_eq!((back.state, forward.state), (State::Bad, State::Bad));
        assert!(back.text.starts_with("it was set back"), "{}", back.text);
        assert!(forward.remedy.is_some_and(|remedy| remedy.contains("clock accept")));
    }

    #[test]
    fn a_clock_is_compared_with_the_parents() {
        let by = |s: i64| {
            judge(Timestamp(1_800_000_000_000), ("x", Timestamp(0)), Parent::Behind(s * 1_000))
        };
        assert_eq!(
            [0, 60, -60, 61, -300, 301, -301].map(|s| by(s).state),
            [
                State::Ok,
                State::Ok,
                State::Ok,
                State::Warning,
                State::Warning,
                State::Bad,
                State::Bad
            ]
        );
        assert!(by(-600).text.ends_with("10 min behind the parent's"), "{}", by(-600).text);
        assert_eq!(by(i64::MIN / 1_000).state, State::Bad);
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
        let found = look(Timestamp(1_800_000_000_000), &Running::Not, None, &nest(folder));
        assert_eq!(found.state, State::Bad);
    }

    #[test]
    fn a_primary_that_does_not_run_has_no_parent_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp(1_800_000_000_000);
        let said = |role| look(now, &Running::Not, role, folder.path()).text;
        assert!(!said(Some(Role::Primary)).contains("parent"), "{}", said(Some(Role::Primary)));
        for role in [Some(Role::Relay), None] {
            assert!(said(role).ends_with("the parent's is not known"), "{}", said(role));
        }
    }

    /// The same files where a data folder has them.
    fn nest(folder: tempfile::TempDir) -> std::path::PathBuf {
        let outer = tempfile::tempdir().unwrap().keep();
        std::fs::rename(folder.keep(), state_dir(&outer)).unwrap();
        outer
    }
}
