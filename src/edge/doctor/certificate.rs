//! Whether this server's certificate proves what it must, and for how long.

use crate::daemon::registrar::Registrar;
use crate::daemon::settings::identity_dir;
use crate::edge::config::Configuration;
use crate::edge::doctor::{About, Finding};
use crate::edge::draw::age;
use crate::model::holding::Role;
use crate::model::time::Timestamp;
use crate::net::{Identity, IdentityError};
use std::path::Path;

/// From this part of its life on a certificate should have been renewed.
const RENEWED_BY: f64 = 0.8;
const RENEW: &str = "see why it was not renewed: `lictree cert renew`, and the server's log";
const ISSUE: &str = "at the primary `lictree server invite NAME`, and join in this folder; a \
                     primary renews its own when it is started";

const AUTHORITY: &str = "put its `ca.key` back while servers join, are removed or renew (each does \
                         within 7 days), and start the primary anew";

/// The identity in the data folder, as the server would load it.
pub(super) fn load(data_dir: &Path, now: Timestamp) -> Result<Identity, IdentityError> {
    Identity::load(&identity_dir(data_dir), now)
}

pub(super) fn look(
    identity: &Result<Identity, IdentityError>,
    configuration: Option<&Configuration>,
    now: Timestamp,
) -> Finding {
    let about = About::Certificate;
    let identity = match identity {
        Ok(identity) => identity,
        Err(
            error @ (IdentityError::LooseFile { .. }
            | IdentityError::LooseFolder { .. }
            | IdentityError::OtherUser { .. }),
        ) => return Finding::bad(about, error.to_string(), "see permissions"),
        Err(error) => return Finding::bad(about, error.to_string(), ISSUE),
    };
    let whose = format!("{} of the tree {}", identity.name(), identity.tree());
    if let Some(Configuration { tree, name, .. }) = configuration
        && (identity.tree(), identity.name()) != (tree, name)
    {
        let text = format!("it is of {whose}, the configuration of {name} of the tree {tree}");
        let remedy = "correct `tree` and `name`, or `data_dir`, or have the right one issued";
        return Finding::bad(about, text, remedy);
    }
    if let Err(error) = identity.check_authority(now) {
        let text = format!("the authority beside it (ca.pem) did not issue it: {error}");
        return Finding::bad(about, text, ISSUE);
    }
    let (begins, expires) = (identity.not_before(), identity.expires());
    let left = age::length(expires.since(now));
    let text = format!("of {whose}, matches its key and authority, valid for {left} more");
    match now > begins.after(expires.since(begins).mul_f64(RENEWED_BY)) {
        true => Finding::warning(about, text, RENEW),
        false => Finding::ok(about, text),
    }
}

/// Whether the authority of the tree can be used, at a primary; nothing where it can.
pub(super) fn authority(data_dir: &Path, role: Option<Role>) -> Option<Finding> {
    if role != Some(Role::Primary) {
        return None;
    }
    let error = Registrar::issuing(data_dir).err()?;
    let text = format!("the tree's authority can neither issue nor shut out: {error}");
    Some(Finding::warning(About::Certificate, text, AUTHORITY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::doctor::State;
    use crate::net::Authority;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp(1_800_014_400_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn authority() -> Authority {
        Authority::create(&"acme".parse().unwrap(), NOW).unwrap()
    }

    fn saved(authority: &Authority, folder: &Path) {
        let identity =
            authority.issue(Role::Relay, &"west".parse().unwrap(), NOW, 100 * DAY).unwrap();
        identity.save(&identity_dir(folder)).unwrap();
    }

    fn found(folder: &Path, now: Timestamp) -> Finding {
        look(&load(folder, now), None, now)
    }

    #[test]
    fn a_certificate_is_well_then_near_its_end_then_of_no_use() {
        let folder = tempfile::tempdir().unwrap();
        saved(&authority(), folder.path());
        let well = found(folder.path(), NOW);
        assert_eq!(well.state, State::Ok, "{}", well.text);
        assert!(well.text.contains("valid for 100 d more"), "{}", well.text);
        assert_eq!(found(folder.path(), NOW.after(81 * DAY)).state, State::Warning);
        let over = found(folder.path(), NOW.after(102 * DAY));
        assert_eq!(over.state, State::Bad);
        assert!(over.text.contains("expired at"), "{}", over.text);
    }

    #[test]
    fn a_primary_without_its_authoritys_key_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("authority");
        authority().save(&place).unwrap();
        assert!(super::authority(folder.path(), Some(Role::Primary)).is_none());
        std::fs::remove_file(place.join("ca.key")).unwrap();
        assert!(super::authority(folder.path(), Some(Role::Relay)).is_none());
        let found = super::authority(folder.path(), Some(Role::Primary)).unwrap();
        assert_eq!(found.state, State::Warning);
        assert!(found.text.contains("ca.key"), "{}", found.text);
    }

    #[test]
    fn an_authority_that_did_not_issue_it_is_seen() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        saved(&authority(), one.path());
        saved(&authority(), two.path());
        let ca = |folder: &Path| identity_dir(folder).join("ca.pem");
        std::fs::copy(ca(two.path()), ca(one.path())).unwrap();
        let other = found(one.path(), NOW);
        assert_eq!(other.state, State::Bad);
        assert!(other.text.contains("did not issue it"), "{}", other.text);
    }
}
