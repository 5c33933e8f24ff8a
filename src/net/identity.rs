//! What a server proves itself with: a chain of certificates, its key, and the authorities
//! whose certificates it believes.
//!
//! Files in one folder (0700): `identity.pem`, `identity.key` (0600), `ca.pem`, and `reset.key`
//! (0600), which outlives every identity. A new identity replaces an old one through
//! `identity.key.next`, so that key and certificate belong together whenever the program is cut
//! off:
//!
//! ```text
//!   write identity.key.next ── write identity.pem ── rename identity.key.next → identity.key
//!      old pair still whole        new pair found by load, which ends the renaming
//! ```

use crate::model::enrolment::KeyPrint;
use crate::model::name::{ServerName, TreeName};
use crate::model::time::Timestamp;
use crate::net::certificate::{self, Peer, ServerCertificate};
use crate::net::private_file::{self, Readers};
use crate::net::public_key::PublicKey;
use crate::net::request::read_key;
use crate::net::reset_key::ResetKey;
use crate::net::signature::Purpose;
use crate::net::{Fingerprint, IdentityError, KeyAndRequest, NetError, SecretKey, signature, tls};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rcgen::PublicKeyData;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::fmt;
use std::path::Path;

const CHAIN_FILE: &str = "identity.pem";
const KEY_FILE: &str = "identity.key";
const NEXT_KEY_FILE: &str = "identity.key.next";
const AUTHORITIES_FILE: &str = "ca.pem";

/// A server's proof of its name. Certificate and key belong together.
pub struct Identity {
    peer: Peer,
    not_before: Timestamp,
    chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
    /// The same key, ready to sign.
    signer: EcdsaKeyPair,
    authorities: Vec<CertificateDer<'static>>,
    reset: ResetKey,
}

impl Identity {
    /// Makes a new key, and what to ask the authority for its certificate with. When the answer
    /// has come, [`assemble`](Identity::assemble) joins both.
    pub fn request() -> Result<KeyAndRequest, IdentityError> {
        KeyAndRequest::make()
    }

    /// The same with the key that lies at `path`, made and kept there (0600) when it is not yet.
    pub fn request_kept(path: &Path) -> Result<KeyAndRequest, IdentityError> {
        KeyAndRequest::kept(path)
    }

    /// Joins a key with the certificates (DER) that came for it, the server's own first, and the
    /// authorities (DER) to believe from now on. Refuses certificates that are not of the key, or
    /// that none of the authorities has issued; whether the tree and the name are the expected
    /// ones is for the caller to see ([`peer`](Identity::peer)).
    pub fn assemble(
        key: SecretKey,
        chain: Vec<Vec<u8>>,
        authorities: Vec<Vec<u8>>,
    ) -> Result<Identity, IdentityError> {
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let identity = Identity::from_parts(chain, key.into_secret(), Vec::new())
            .map_err(IdentityError::Answer)?
            .with_authorities(authorities)?;
        let Identity { peer, chain, authorities, .. } = &identity;
        signature::check_issued(&chain[0], &chain[1..], authorities, peer.expires)
            .map_err(IdentityError::Answer)?;
        Ok(identity)
    }

    /// The same identity, believing other authorities (certificates, DER) from now on; to be
    /// saved then. Several are believed while one gives way to another.
    pub fn with_authorities(self, authorities: Vec<Vec<u8>>) -> Result<Identity, IdentityError> {
        let authorities = believable(authorities, self.tree())?;
        Ok(Identity { authorities, ..self })
    }

    /// Joins what belongs together; the text says what does not.
    pub(crate) fn from_parts(
        chain: Vec<CertificateDer<'static>>,
        key: PrivatePkcs8KeyDer<'static>,
        authorities: Vec<CertificateDer<'static>>,
    ) -> Result<Identity, String> {
        let leaf = chain.first().ok_or("it holds no certificate")?;
        let facts = certificate::read_server(leaf)?;
        let signer =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.secret_pkcs8_der())
                .map_err(|_| "its key is of another kind than ECDSA P-256")?;
        if facts.public_key.p256_point() != Some(signer.public_key().as_ref()) {
            return Err("the certificate is not of the key".to_string());
        }
        let ServerCertificate { peer, not_before, .. } = facts;
        let reset = ResetKey::random();
        Ok(Identity { peer, not_before, chain, key, signer, authorities, reset })
    }

    /// This server as its peers see it.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    pub fn tree(&self) -> &TreeName {
        &self.peer.tree
    }

    pub fn name(&self) -> &ServerName {
        &self.peer.name
    }

    /// SHA-256 of the server's own certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.peer.fingerprint
    }

    /// The first moment at which it proves anything.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last moment at which it proves anything; renew well before.
    pub fn expires(&self) -> Timestamp {
        self.peer.expires
    }

    /// Signs `bytes` with the current key ([`Signer::has_signed`]).
    ///
    /// [`Signer::has_signed`]: crate::net::Signer::has_signed
    pub fn signed_by_me(&self, purpose: Purpose, bytes: &[u8]) -> Vec<u8> {
        let signed = self.signer.sign(&SystemRandom::new(), &purpose.to_sign(bytes));
        signed.expect("a P-256 key that was read or made signs any bytes").as_ref().to_vec()
    }

    /// The key of the authority that issued it; nothing where that is not believed any more.
    pub fn issuer(&self) -> Option<KeyPrint> {
        let of = |authority: &&CertificateDer<'static>| {
            let only = std::slice::from_ref(*authority);
            signature::check_issued(&self.chain[0], &self.chain[1..], only, self.expires()).is_ok()
        };
        let issuer = self.authorities.iter().find(of)?;
        crate::net::authority_print(issuer)
    }

    /// The server's own certificate (DER).
    pub fn certificate(&self) -> &[u8] {
        &self.chain[0]
    }

    /// Whether its own authorities prove it at `now`, as a neighbour that has them would judge.
    pub fn check_authority(&self, now: Timestamp) -> Result<(), NetError> {
        tls::prove(self, now)
    }

    /// The chain for TLS, the server's own certificate first.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub(crate) fn key(&self) -> &PrivatePkcs8KeyDer<'static> {
        &self.key
    }

    pub(crate) fn reset_key(&self) -> &ResetKey {
        &self.reset
    }

    /// The authorities (DER) whose certificates it believes; more than one while they are changed.
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }

    /// Writes the files into `folder`, which is made (0700) when it is not there. A `reset.key`
    /// that is there stays.
    pub fn save(&self, folder: &Path) -> Result<(), IdentityError> {
        private_file::make_folder(folder)?;
        self.reset.save_unless_there(folder)?;
        let pem_all = |certificates: &[CertificateDer<'_>]| -> String {
            certificates.iter().map(|der| private_file::pem_text("CERTIFICATE", der)).collect()
        };
        let authorities = pem_all(&self.authorities);
        private_file::write(&folder.join(AUTHORITIES_FILE), &authorities, Readers::Everyone)?;
        let key = private_file::pem_text("PRIVATE KEY", self.key.secret_pkcs8_der());
        private_file::write(&folder.join(NEXT_KEY_FILE), &key, Readers::Us)?;
        private_file::write(&folder.join(CHAIN_FILE), &pem_all(&self.chain), Readers::Everyone)?;
        private_file::rename(&folder.join(NEXT_KEY_FILE), &folder.join(KEY_FILE))
    }

    /// Puts the key for resets into `folder` when there is none, as in folders of older versions.
    pub fn keep_reset_key(&self, folder: &Path) -> Result<(), IdentityError> {
        self.reset.save_unless_there(folder)
    }

    /// Reads the files as [`read`](Identity::read) does, and refuses a certificate that is not
    /// valid at `now`.
    pub fn load(folder: &Path, now: Timestamp) -> Result<Identity, IdentityError> {
        let identity = Identity::read(folder)?;
        identity.check_time(folder, now)?;
        Ok(identity)
    }

    /// Reads the files. Refuses what others can reach, and a certificate that is not of the key;
    /// whether it is valid at present is another question. Changes nothing.
    pub fn read(folder: &Path) -> Result<Identity, IdentityError> {
        private_file::check_folder(folder)?;
        let path = folder.join(CHAIN_FILE);
        let chain = certificates(&path)?;
        let unreadable = |why| IdentityError::Unreadable {
            path: path.clone(),
            what: "server's certificate",
            why,
        };
        let leaf = chain.first().ok_or_else(|| unreadable("it holds none".to_string()))?;
        let public_key = certificate::read_server(leaf).map_err(unreadable)?.public_key;
        let key = key_of(folder, &public_key)?;
        let authorities = certificates(&folder.join(AUTHORITIES_FILE))?;
        let identity = Identity::from_parts(chain, key, authorities).map_err(unreadable)?;
        Ok(Identity { reset: ResetKey::of_folder(folder)?, ..identity })
    }

    /// Refuses one whose certificate is not valid at `now`; `folder` is where it was read from.
    pub fn check_time(&self, folder: &Path, now: Timestamp) -> Result<(), IdentityError> {
        let path = folder.join(CHAIN_FILE);
        if now > self.peer.expires {
            return Err(IdentityError::Expired { path, at: calendar(self.peer.expires) });
        }
        if now < self.not_before {
            return Err(IdentityError::NotYetValid { path, from: calendar(self.not_before) });
        }
        Ok(())
    }
}

impl fmt::Debug for Identity {
    /// Never shows the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// Authorities that can be believed: one at least, and authorities of the tree all.
fn believable(
    authorities: Vec<Vec<u8>>,
    tree: &TreeName,
) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    if authorities.is_empty() {
        return Err(IdentityError::Answer("it names no authority to believe".to_string()));
    }
    for authority in &authorities {
        let found = certificate::read_authority(authority).map_err(IdentityError::Answer)?.tree;
        if found != *tree {
            let why = format!("an authority is of the tree {found}, expected {tree}");
            return Err(IdentityError::Answer(why));
        }
    }
    Ok(authorities.into_iter().map(CertificateDer::from).collect())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let text = private_file::read(path, Readers::Everyone)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let why = match found {
        Ok(certificates) if !certificates.is_empty() => return Ok(certificates),
        Ok(_) => "it holds none".to_string(),
        Err(error) => error.to_string(),
    };
    Err(IdentityError::Unreadable { path: path.to_path_buf(), what: "certificate", why })
}

/// The key that belongs to `public_key`; ends a replacement that was cut off.
fn key_of(
    folder: &Path,
    public_key: &PublicKey,
) -> Result<PrivatePkcs8KeyDer<'static>, IdentityError> {
    let (current, next) = (folder.join(KEY_FILE), folder.join(NEXT_KEY_FILE));
    let fits = |key: &rcgen::KeyPair| key.subject_public_key_info() == public_key.info();
    if next.exists() {
        let key = read_key(&next)?;
        if fits(&key) {
            private_file::rename(&next, &current)?;
            return Ok(key.serialize_der().into());
        }
    }
    let key = read_key(&current)?;
    if fits(&key) {
        return Ok(key.serialize_der().into());
    }
    Err(IdentityError::KeyMismatch { certificate: folder.join(CHAIN_FILE), key: current })
}

/// A moment as people write it, in UTC.
fn calendar(at: Timestamp) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| at.to_string(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::holding::Role;
    use crate::net::{Authority, reset_key};
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp(1_800_014_400_000);
    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    fn authority() -> Authority {
        Authority::create(&"acme".parse().unwrap(), NOW).unwrap()
    }

    fn issued(authority: &Authority) -> Identity {
        authority.issue(Role::Relay, &"west".parse().unwrap(), NOW, WEEK).unwrap()
    }

    fn saved() -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("identity");
        issued(&authority()).save(&folder).unwrap();
        (outer, folder)
    }

    #[test]
    fn it_is_the_same_after_it_was_saved_and_loaded() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("identity");
        let identity = issued(&authority());
        identity.save(&folder).unwrap();
        let loaded = Identity::load(&folder, NOW).unwrap();
        assert_eq!(loaded.peer(), identity.peer());
        assert_eq!(loaded.chain(), identity.chain());
        assert_eq!(loaded.key(), identity.key());
        assert_eq!(loaded.expires(), identity.expires());
        assert!(!format!("{loaded:?}").contains("key"));
    }

    #[test]
    fn a_key_or_folder_that_others_can_reach_is_refused_with_the_remedy() {
        let (_outer, folder) = saved();
        let key = folder.join(KEY_FILE);
        for loose in [0o640, 0o604, 0o666] {
            std::fs::set_permissions(&key, Permissions::from_mode(loose)).unwrap();
            let error = Identity::load(&folder, NOW).unwrap_err();
            assert!(matches!(&error, IdentityError::LooseFile { found, .. } if *found == loose));
            assert!(error.to_string().contains(&format!("`chmod 600 {}`", key.display())));
        }
        std::fs::set_permissions(&key, Permissions::from_mode(0o400)).unwrap();
        Identity::load(&folder, NOW).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
        let error = Identity::load(&folder, NOW).unwrap_err();
        assert!(matches!(error, IdentityError::LooseFolder { found: 0o750, .. }), "{error}");
    }

    #[test]
    fn a_key_of_another_user_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return; // Only root can give a file away.
        }
        let (_outer, folder) = saved();
        std::os::unix::fs::chown(folder.join(KEY_FILE), Some(12_345), None).unwrap();
        let error = Identity::load(&folder, NOW).unwrap_err();
        assert!(matches!(error, IdentityError::OtherUser { found: 12_345, .. }), "{error}");
    }

    #[test]
    fn a_foreign_key_is_refused() {
        let (_outer, folder) = saved();
        let (_other_outer, other) = saved();
        std::fs::copy(other.join(KEY_FILE), folder.join(KEY_FILE)).unwrap();
        let error = Identity::load(&folder, NOW).unwrap_err();
        assert!(matches!(error, IdentityError::KeyMismatch { .. }), "{error}");
    }

    #[test]
    fn it_is_refused_before_and_after_its_time() {
        let (_outer, folder) = saved();
        let late = NOW.after(2 * WEEK);
        assert!(matches!(Identity::load(&folder, late), Err(IdentityError::Expired { .. })));
        let early = Timestamp(NOW.0 - 2 * 3_600_000);
        assert!(matches!(Identity::load(&folder, early), Err(IdentityError::NotYetValid { .. })));
    }

    #[test]
    fn a_replacement_cut_off_at_any_step_leaves_a_whole_identity() {
        let (_outer, folder) = saved();
        let old = Identity::load(&folder, NOW).unwrap();
        let (_new_outer, new) = saved();
        let renewed = Identity::load(&new, NOW).unwrap();

        std::fs::copy(new.join(KEY_FILE), folder.join(NEXT_KEY_FILE)).unwrap();
        assert_eq!(Identity::load(&folder, NOW).unwrap().fingerprint(), old.fingerprint());

        std::fs::copy(new.join(CHAIN_FILE), folder.join(CHAIN_FILE)).unwrap();
        assert_eq!(Identity::load(&folder, NOW).unwrap().fingerprint(), renewed.fingerprint());
        assert!(!folder.join(NEXT_KEY_FILE).exists());
        assert_eq!(Identity::load(&folder, NOW).unwrap().key(), renewed.key());
    }

    #[test]
    fn files_that_are_missing_or_hold_something_else_are_named() {
        let (_outer, folder) = saved();
        for file in [CHAIN_FILE, AUTHORITIES_FILE, KEY_FILE, reset_key::FILE] {
            let whole = std::fs::read(folder.join(file)).unwrap();
            std::fs::write(folder.join(file), "nonsense").unwrap();
            let error = Identity::load(&folder, NOW).unwrap_err();
            assert!(matches!(error, IdentityError::Unreadable { .. }), "{error}");
            assert!(error.to_string().contains(file), "{error}");
            std::fs::write(folder.join(file), whole).unwrap();
        }
        std::fs::remove_file(folder.join(CHAIN_FILE)).unwrap();
        let error = Identity::load(&folder, NOW).unwrap_err();
        assert!(matches!(error, IdentityError::Io { action: "open", .. }), "{error}");
    }

    /// A key, and the chain that `authority` certifies it with as `west` in its first enrolment.
    fn certified(authority: &Authority) -> (SecretKey, Vec<Vec<u8>>) {
        let KeyAndRequest { key, request } = Identity::request().unwrap();
        let name = "west".parse().unwrap();
        let certified = authority.certify(&request, (Role::Relay, &name, 1), NOW, WEEK).unwrap();
        assert_eq!(certified.key, key.print());
        (key, certified.chain)
    }

    #[test]
    fn a_key_and_the_answer_for_it_are_an_identity() {
        let authority = authority();
        let (key, chain) = certified(&authority);
        let believed = vec![authority.certificate().to_vec()];
        let identity = Identity::assemble(key, chain.clone(), believed.clone()).unwrap();
        assert_eq!((identity.name().as_str(), identity.peer().enrolment), ("west", 1));
        assert_eq!(identity.certificate(), chain[0]);
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("identity");
        identity.save(&folder).unwrap();
        assert_eq!(Identity::load(&folder, NOW).unwrap().peer(), identity.peer());
    }

    #[test]
    fn an_answer_that_does_not_fit_is_refused() {
        let refused = |key, chain, authorities| match Identity::assemble(key, chain, authorities)
            .unwrap_err()
        {
            IdentityError::Answer(why) => why,
            other => panic!("{other}"),
        };
        let authority = authority();
        let believed = || vec![authority.certificate().to_vec()];
        let (key, _) = certified(&authority);
        let (_, of_another_key) = certified(&authority);
        assert_eq!(refused(key, of_another_key, believed()), "the certificate is not of the key");
        let (key, chain) = certified(&self::authority());
        assert!(refused(key, chain, believed()).contains("certificate"));
        let (key, chain) = certified(&authority);
        assert!(refused(key, chain, Vec::new()).contains("no authority"));
        let (key, _) = certified(&authority);
        assert_eq!(refused(key, Vec::new(), believed()), "it holds no certificate");
        let (key, chain) = certified(&authority);
        let leaf = chain[0].clone();
        assert!(refused(key, chain, vec![leaf]).contains("not the name"));
        let (key, _) = certified(&authority);
        assert!(refused(key, vec![vec![1, 2, 3]], believed()).contains("not a certificate"));
        let (key, chain) = certified(&authority);
        let other = Authority::create(&"other".parse().unwrap(), NOW).unwrap();
        let of_another_tree = vec![authority.certificate().to_vec(), other.certificate().to_vec()];
        assert!(refused(key, chain, of_another_tree).contains("of the tree other"));
    }

    #[test]
    fn the_believed_authorities_are_replaced_and_saved() {
        let (_outer, folder) = saved();
        let identity = Identity::load(&folder, NOW).unwrap();
        let (fingerprint, old) = (identity.fingerprint(), identity.authorities()[0].to_vec());
        let both = vec![old, authority().certificate().to_vec()];
        identity.with_authorities(both.clone()).unwrap().save(&folder).unwrap();
        let loaded = Identity::load(&folder, NOW).unwrap();
        assert!(loaded.authorities().iter().map(|found| found.to_vec()).eq(both));
        assert_eq!(loaded.fingerprint(), fingerprint);
        for none in [vec![], vec![vec![1]], vec![loaded.certificate().to_vec()]] {
            let loaded = Identity::load(&folder, NOW).unwrap();
            let error = loaded.with_authorities(none).unwrap_err();
            assert!(matches!(error, IdentityError::Answer(_)), "{error}");
        }
    }

    #[test]
    fn a_missing_reset_key_is_made_where_it_is_kept_and_survives_a_renewal() {
        let (_outer, folder) = saved();
        let reset = folder.join(reset_key::FILE);
        let print = |folder: &Path| Identity::load(folder, NOW).unwrap().reset_key().print();
        let first = print(&folder);
        assert_eq!(print(&folder), first);
        assert_eq!(std::fs::metadata(&reset).unwrap().permissions().mode() & 0o777, 0o600);

        issued(&authority()).save(&folder).unwrap();
        assert_eq!(print(&folder), first);

        std::fs::remove_file(&reset).unwrap();
        let without = Identity::load(&folder, NOW).unwrap();
        assert_ne!(without.reset_key().print(), first);
        assert!(!reset.exists(), "looking at an identity changes nothing");
        without.keep_reset_key(&folder).unwrap();
        assert_eq!(print(&folder), without.reset_key().print());

        std::fs::set_permissions(&reset, Permissions::from_mode(0o644)).unwrap();
        let error = Identity::load(&folder, NOW).unwrap_err();
        assert!(matches!(error, IdentityError::LooseFile { .. }), "{error}");
    }
}
