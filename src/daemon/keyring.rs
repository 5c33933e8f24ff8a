//! What this server proves itself with, and whom it believes, as of now.
//!
//! ```text
//!   renewal ── new identity ──┐                     ┌──► listener: shown to all who come
//!   owner ──── trust ─────────┴──► Keyring (watch) ─┼──► uplink: calls the parent anew
//!                                      │            └──► owner: credentials, in presences
//!                                      └──► Denials: asked in every handshake
//! ```
//! Invariant: what is shown here is on disk already.

use crate::daemon::DaemonError;
use crate::daemon::settings::identity_dir;
use crate::model::enrolment::{Credentials, KeyPrint, SealedTrust, Trust};
use crate::model::time::Timestamp;
use crate::net::{Denials, Identity, Link, authority_print, check_seal};
use crate::record::enrolment::trust_bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Why somebody whose handshake was good is not let in, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotLetIn {
    Removed,
    /// Its certificate is of an authority that is believed no more.
    Forgotten,
}

/// The identity and the denials of one server; shared by all its tasks.
pub struct Keyring {
    folder: PathBuf,
    identity: watch::Sender<Arc<Identity>>,
    denials: Denials,
    /// Rises when somebody asks for a renewal before its time.
    renewals: watch::Sender<u64>,
    /// The authority that issues now, where there is a choice; certificates of others renew soon.
    issuer: watch::Sender<Option<Vec<u8>>>,
    /// An authority was taken away since the start, so older handshakes prove nothing any more.
    forgotten: AtomicBool,
}

impl Keyring {
    pub fn open(data_dir: &Path, identity: Identity) -> Result<Keyring, DaemonError> {
        let folder = identity_dir(data_dir);
        identity.keep_reset_key(&folder).map_err(DaemonError::identity)?;
        Ok(Keyring {
            folder,
            identity: watch::Sender::new(Arc::new(identity)),
            denials: Denials::default(),
            renewals: watch::Sender::new(0),
            issuer: watch::Sender::new(None),
            forgotten: AtomicBool::new(false),
        })
    }

    pub fn identity(&self) -> Arc<Identity> {
        self.identity.borrow().clone()
    }

    pub fn denials(&self) -> &Denials {
        &self.denials
    }

    /// Why a connection that was made may not stay: its peer is denied since, or the authority
    /// that has issued its certificate is believed no more.
    pub fn judge(&self, link: &Link) -> Option<NotLetIn> {
        if self.denials.is_denied(link.peer()) {
            return Some(NotLetIn::Removed);
        }
        let forgotten = self.forgotten.load(Ordering::Relaxed);
        let proven = !forgotten || link.is_proven_to(self.identity().authorities());
        (!proven).then_some(NotLetIn::Forgotten)
    }

    /// Tells of every change of the identity from now on.
    pub fn changes(&self) -> watch::Receiver<Arc<Identity>> {
        let mut changes = self.identity.subscribe();
        changes.mark_unchanged();
        changes
    }

    /// Asks for a new certificate before its time.
    pub fn renew_now(&self) {
        self.renewals.send_modify(|asked| *asked += 1);
    }

    pub fn renewals(&self) -> watch::Receiver<u64> {
        self.renewals.subscribe()
    }

    pub fn issuers(&self) -> watch::Receiver<Option<Vec<u8>>> {
        self.issuer.subscribe()
    }

    /// Whether the certificate in use is of the authority that issues now.
    pub fn is_of_issuer(&self) -> bool {
        let issuer = self.issuer.borrow();
        let Some(issuer) = issuer.as_ref() else { return true };
        authority_print(issuer).is_none_or(|print| self.identity().issuer() == Some(print))
    }

    /// What stands in this server's presences.
    pub fn credentials(&self) -> (Credentials, Vec<KeyPrint>) {
        let identity = self.identity();
        let authority = identity.issuer().unwrap_or_default();
        let prints = identity.authorities().iter().filter_map(|der| authority_print(der));
        let credentials = Credentials {
            enrolment: identity.peer().enrolment,
            expires: identity.expires(),
            authority,
        };
        (credentials, prints.collect())
    }

    /// Goes over to another identity of this server: saved, then shown.
    pub fn replace(&self, identity: Identity) -> Result<(), DaemonError> {
        identity.save(&self.folder).map_err(DaemonError::identity)?;
        self.identity.send_replace(Arc::new(identity));
        Ok(())
    }

    /// Whether another identity lies in the folder than this server was started with: it has joined
    /// anew, and this start is over soon.
    pub fn is_outdated(&self) -> bool {
        let found = Identity::read(&self.folder);
        found.is_ok_and(|found| found.peer().enrolment > self.identity().peer().enrolment)
    }

    /// Whether a trust carries the seal of an authority that is believed here.
    pub fn is_genuine(&self, sealed: &SealedTrust) -> bool {
        let identity = self.identity();
        let authorities: Vec<&[u8]> = identity.authorities().iter().map(AsRef::as_ref).collect();
        check_seal(&authorities, &trust_bytes(&sealed.trust), &sealed.seal)
    }

    /// Believes a trust from now on.
    pub fn believe(&self, trust: &Trust, now: Timestamp) -> Result<(), DaemonError> {
        let denied = trust.denied.iter().filter(|(_, denial)| denial.until > now);
        self.denials.set(denied.map(|(name, denial)| (name.clone(), denial.upto)).collect());
        let identity = self.identity();
        if is_older(trust, &identity) {
            return Ok(());
        }
        let same = identity
            .authorities()
            .iter()
            .map(AsRef::as_ref)
            .eq(trust.authorities.iter().map(Vec::as_slice));
        if !trust.authorities.is_empty() && !same {
            let believing = Identity::read(&self.folder)
                .and_then(|identity| identity.with_authorities(trust.authorities.clone()));
            self.replace(believing.map_err(DaemonError::identity)?)?;
            let kept = |der: &[u8]| trust.authorities.iter().any(|new| new == der);
            if !identity.authorities().iter().all(|der| kept(der)) {
                self.forgotten.store(true, Ordering::Relaxed);
            }
        }
        let issuer = trust.authorities.get(trust.issuer as usize).cloned();
        self.issuer.send_if_modified(|known| {
            let changed = *known != issuer;
            *known = issuer.clone();
            changed
        });
        Ok(())
    }
}

/// Whether a server has joined anew since it had this trust, with the data set it had before: the
/// trust does not know the newest authority of its identity. The newest trust comes with the first
/// connection; to believe the old one would make that connection impossible.
fn is_older(trust: &Trust, identity: &Identity) -> bool {
    let newest = identity.authorities().last();
    !trust.authorities.is_empty()
        && newest.is_some_and(|newest| !trust.authorities.iter().any(|der| der == newest.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::holding::Role;
    use crate::net::Authority;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_trust_from_before_a_server_joined_anew_does_not_take_its_new_authorities_away() {
        let folder = tempfile::tempdir().unwrap();
        let tree = "acme".parse().unwrap();
        let [old, new, newest] = [0; 3].map(|_| Authority::create(&tree, NOW).unwrap());
        let der = |authority: &Authority| authority.certificate().to_vec();
        let week = Duration::from_secs(7 * 86_400);
        let identity = newest.issue(Role::Relay, &"west".parse().unwrap(), NOW, week).unwrap();
        let identity = identity.with_authorities(vec![der(&new), der(&newest)]).unwrap();
        identity.save(&identity_dir(folder.path())).unwrap();
        let keyring = Keyring::open(folder.path(), identity).unwrap();
        let believed = || -> Vec<Vec<u8>> {
            keyring.identity().authorities().iter().map(|one| one.to_vec()).collect()
        };
        let trust =
            |authorities: Vec<Vec<u8>>, issuer| Trust { authorities, issuer, ..Trust::default() };
        keyring.believe(&trust(vec![der(&old), der(&new)], 0), NOW).unwrap();
        assert_eq!(believed(), [der(&new), der(&newest)]);
        assert!(keyring.is_of_issuer());
        // One that knows the newest is newer, however few it names.
        keyring.believe(&trust(vec![der(&newest)], 0), NOW).unwrap();
        assert_eq!(believed(), [der(&newest)]);
    }
}
