//! The tree's own certificate authority: makes itself once, then issues every identity.
//!
//! Two files in a folder of its own: `ca.pem`, which every server holds a copy of, and
//! `ca.key`, which proves any name to anyone who has it. Nothing here reads a clock.

use crate::model::name::{ServerName, TreeName};
use crate::model::time::Timestamp;
use crate::net::IdentityError;
use crate::net::certificate::{self, DNS_NAME};
use crate::net::identity::Identity;
use crate::net::private_file::{self, Readers};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::time::Duration;

const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an authority may issue: ten years. A new one is made and trusted well before.
const AUTHORITY_LIFE: Duration = Duration::from_secs(3_653 * 24 * 60 * 60);

/// Who issues the identities of one tree. Whoever holds it can be any server of the tree.
pub struct Authority {
    tree: TreeName,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority with a key of its own (ECDSA P-256).
    pub fn create(tree: &TreeName, now: Timestamp) -> Result<Authority, IdentityError> {
        let key = new_key()?;
        let mut params = named(&format!("lictree {tree}"), certificate::authority_uri(tree))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, now, AUTHORITY_LIFE)?;
        let certificate = params.self_signed(&key).map_err(making)?.der().clone();
        Ok(Authority { tree: tree.clone(), certificate, issuer: Issuer::new(params, key) })
    }

    /// The tree whose identities it issues.
    pub fn tree(&self) -> &TreeName {
        &self.tree
    }

    /// Issues an identity with a new key, valid from a day before `now` (clocks differ) until
    /// the midnight (UTC) after `now + life`.
    pub fn issue(
        &self,
        server: &ServerName,
        now: Timestamp,
        life: Duration,
    ) -> Result<Identity, IdentityError> {
        let key = new_key()?;
        let mut params = named(server.as_str(), certificate::server_uri(&self.tree, server))?;
        params.subject_alt_names.push(SanType::DnsName(DNS_NAME.try_into().map_err(making)?));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, life)?;
        let leaf = params.signed_by(&key, &self.issuer).map_err(making)?.der().clone();
        let secret = PrivatePkcs8KeyDer::from(key.serialize_der());
        Identity::from_parts(vec![leaf], secret, vec![self.certificate.clone()])
            .map_err(IdentityError::Making)
    }

    /// Writes both files into `folder`, which is made (0700) when it is not there.
    pub fn save(&self, folder: &Path) -> Result<(), IdentityError> {
        private_file::make_folder(folder)?;
        let key = private_file::pem_text("PRIVATE KEY", self.issuer.key().serialized_der());
        private_file::write(&folder.join(KEY_FILE), &key, Readers::Us)?;
        let certificate = private_file::pem_text("CERTIFICATE", &self.certificate);
        private_file::write(&folder.join(CERTIFICATE_FILE), &certificate, Readers::Everyone)
    }

    /// Reads both files; refuses a key or folder that others can reach.
    pub fn load(folder: &Path) -> Result<Authority, IdentityError> {
        private_file::check_folder(folder)?;
        let (path, key_path) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
        let unreadable = |why: String| IdentityError::Unreadable {
            path: path.clone(),
            what: "certificate of an authority",
            why,
        };
        let text = private_file::read(&path, Readers::Everyone)?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|error| unreadable(error.to_string()))?;
        let (tree, public_key) = certificate::read_authority(&certificate).map_err(unreadable)?;
        let key =
            KeyPair::from_pem(&private_file::read(&key_path, Readers::Us)?).map_err(|error| {
                IdentityError::Unreadable {
                    path: key_path.clone(),
                    what: "key",
                    why: error.to_string(),
                }
            })?;
        if key.subject_public_key_info() != public_key {
            return Err(IdentityError::KeyMismatch { certificate: path, key: key_path });
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(making)?;
        Ok(Authority { tree, certificate, issuer })
    }
}

fn new_key() -> Result<KeyPair, IdentityError> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(making)
}

fn making(error: impl std::fmt::Display) -> IdentityError {
    IdentityError::Making(error.to_string())
}

/// A certificate's subject: a common name for people, a URI for programs.
fn named(common_name: &str, uri: String) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.subject_alt_names = vec![SanType::URI(uri.try_into().map_err(making)?)];
    Ok(params)
}

/// Whole days: from the midnight a day before `now` to the first midnight after `now + life`.
fn set_validity(
    params: &mut CertificateParams,
    now: Timestamp,
    life: Duration,
) -> Result<(), IdentityError> {
    let before = Timestamp(now.0.saturating_sub(DAY.as_millis() as u64));
    let midnight = |at: Timestamp| -> Result<_, IdentityError> {
        let ms = i64::try_from(at.0).map_err(making)?;
        let day = jiff::Timestamp::from_millisecond(ms).map_err(making)?;
        let day = day.to_zoned(jiff::tz::TimeZone::UTC).date();
        Ok(rcgen::date_time_ymd(i32::from(day.year()), day.month() as u8, day.day() as u8))
    };
    params.not_before = midnight(before)?;
    params.not_after = midnight(now.after(life).after(DAY))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const NOON: Timestamp = Timestamp(1_800_014_400_000);

    fn created() -> Authority {
        Authority::create(&"acme".parse().unwrap(), NOON).unwrap()
    }

    #[test]
    fn it_issues_the_same_tree_after_it_was_saved_and_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca");
        created().save(&ca).unwrap();
        let loaded = Authority::load(&ca).unwrap();
        assert_eq!(loaded.tree().as_str(), "acme");
        let identity = loaded.issue(&"west".parse().unwrap(), NOON, DAY).unwrap();
        assert_eq!(identity.peer().tree.as_str(), "acme");
        assert_eq!(identity.peer().name.as_str(), "west");
    }

    #[test]
    fn an_identity_is_valid_in_whole_days_around_its_life() {
        let identity = created().issue(&"west".parse().unwrap(), NOON, 7 * DAY).unwrap();
        let midnight = NOON.0 / 86_400_000 * 86_400_000;
        assert_eq!(identity.not_before(), Timestamp(midnight - 86_400_000));
        assert_eq!(identity.expires(), Timestamp(midnight + 8 * 86_400_000));
    }

    #[test]
    fn a_loose_key_or_a_foreign_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        created().save(&a).unwrap();
        created().save(&b).unwrap();
        std::fs::copy(b.join(KEY_FILE), a.join(KEY_FILE)).unwrap();
        assert!(matches!(Authority::load(&a), Err(IdentityError::KeyMismatch { .. })));
        let loose = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(b.join(KEY_FILE), loose).unwrap();
        assert!(matches!(Authority::load(&b), Err(IdentityError::LooseFile { found: 0o640, .. })));
    }

    #[test]
    fn a_life_beyond_all_calendars_is_an_error() {
        let far = created().issue(&"west".parse().unwrap(), NOON, Duration::MAX);
        assert!(matches!(far, Err(IdentityError::Making(_))));
    }
}
