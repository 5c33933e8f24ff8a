//! Who can reach what lies in the data folder. Whoever reads a key can pretend to be this server.

use crate::daemon::settings::{identity_dir, state_dir};
use crate::edge::doctor::{About, Finding, Place};
use crate::edge::founding::authority_dir;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;
/// What others may have of the data folder: passing it, to the socket.
const PASS: u32 = 0o011;

pub(super) fn look(place: &Place) -> Vec<Finding> {
    let folder = &place.data_dir;
    let owner = match std::fs::metadata(folder) {
        Ok(found) => found.uid(),
        Err(error) => {
            let text = format!("the data folder {}: {error}", folder.display());
            let remedy = "`lictree init` makes one; or correct `data_dir`, or look from there";
            return vec![Finding::bad(About::Permissions, text, remedy)];
        }
    };
    let own = rustix::process::geteuid().as_raw();
    if own != owner {
        let text = format!("{} belongs to user {owner}, you are {own}", folder.display());
        let remedy = format!("run this as its owner: `sudo -u '#{owner}' lictree doctor …`");
        // What else it would see is not what the server sees.
        return vec![Finding::bad(About::Permissions, text, remedy)];
    }
    let paths = paths(place);
    let mut found: Vec<Finding> =
        paths.iter().filter_map(|(path, closed)| judge(path, *closed, owner)).collect();
    if found.is_empty() {
        let text = format!("{} and its keys are open to user {owner} only", folder.display());
        found.push(Finding::ok(About::Permissions, text));
    }
    found
}

/// How closed something must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closed {
    /// To everybody else; the server does not start otherwise.
    Wholly,
    /// To everybody else, at the least for looking.
    ToReaders,
    /// To writers.
    ToWriters,
}

fn paths(place: &Place) -> Vec<(PathBuf, Closed)> {
    let folder = &place.data_dir;
    let (identity, authority) = (identity_dir(folder), authority_dir(folder));
    vec![
        (folder.clone(), Closed::ToReaders),
        (place.file.clone(), Closed::ToWriters),
        (identity.join("identity.key"), Closed::Wholly),
        (identity.join("identity.key.next"), Closed::Wholly),
        (identity, Closed::Wholly),
        (authority.join("ca.key"), Closed::Wholly),
        (authority, Closed::Wholly),
        (state_dir(folder), Closed::ToReaders),
    ]
}

/// What is wrong with the owner or the rights of a path; nothing where nothing lies.
fn judge(path: &Path, closed: Closed, owner: u32) -> Option<Finding> {
    let found: Metadata = std::fs::metadata(path).ok()?;
    let (mode, shown) = (found.mode() & 0o777, path.display());
    let change = if found.is_dir() { "700" } else { "600" };
    let chmod = format!("chmod {change} '{shown}'");
    if closed == Closed::Wholly && found.uid() != owner {
        let text = format!("{shown} belongs to user {}, the data folder to {owner}", found.uid());
        return Some(Finding::bad(About::Permissions, text, format!("chown {owner} '{shown}'")));
    }
    let rights = |what| format!("{shown} {what} (mode {mode:03o})");
    match closed {
        Closed::Wholly if mode & OTHERS != 0 => {
            let why = format!("{chmod}; have a new identity issued if strangers may have read it");
            Some(Finding::bad(About::Permissions, rights("is open to others"), why))
        }
        Closed::ToReaders | Closed::ToWriters if mode & OTHERS_WRITE != 0 => {
            let text = rights("may be changed by others");
            Some(Finding::bad(About::Permissions, text, format!("chmod go-w '{shown}'")))
        }
        Closed::ToReaders if mode & OTHERS & !PASS != 0 => {
            Some(Finding::warning(About::Permissions, rights("may be read by others"), chmod))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::doctor::State;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_can_reach_is_found_each_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().to_path_buf();
        let key = identity_dir(&data_dir).join("identity.key");
        let file = data_dir.join("lictree.toml");
        std::fs::create_dir(identity_dir(&data_dir)).unwrap();
        for path in [&key, &file] {
            std::fs::write(path, "").unwrap();
            set(path, 0o600);
        }
        set(&identity_dir(&data_dir), 0o700);
        set(&data_dir, 0o710);
        let place = Place { file: file.clone(), data_dir: data_dir.clone() };
        let states = || look(&place).iter().map(|found| found.state).collect::<Vec<_>>();
        assert_eq!(states(), [State::Ok]);
        set(&key, 0o640);
        set(&data_dir, 0o750);
        set(&file, 0o664);
        assert_eq!(states(), [State::Warning, State::Bad, State::Bad]);
        let remedies: String = look(&place).iter().filter_map(|f| f.remedy.clone()).collect();
        assert!(remedies.contains(&format!("chmod 600 '{}'", key.display())), "{remedies}");
        let gone = Place { data_dir: data_dir.join("gone"), file };
        assert_eq!(look(&gone)[0].state, State::Bad);
    }
}
