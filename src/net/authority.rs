//! The tree's own certificate authority: makes itself once, then issues every identity.
//!
//! ```text
//!   issue    name ─────────────────► key and certificate      for a server made ready here
//!   certify  name, a request ──────► certificate              for a key made elsewhere
//!   seal     bytes ────────────────► signature                for what every server must believe
//! ```
//!
//! Two files in a folder of its own: `ca.pem`, which every server holds a copy of, and
//! `ca.key`, which proves any name to anyone who has it. Nothing here reads a clock.

use crate::model::enrolment::KeyPrint;
use crate::model::holding::Role;
use crate::model::name::{ServerName, TreeName};
use crate::model::time::{Timestamp, duration_ms};
use crate::net::certificate::{self, AuthorityCertificate, DNS_NAME, Peer};
use crate::net::identity::Identity;
use crate::net::private_file::{self, Readers};
use crate::net::{Fingerprint, IdentityError, request, signature};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SigningKey, SubjectPublicKeyInfo,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::time::Duration;

const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";
/// What a certificate is valid before it was made, since clocks differ …
const EARLIER: Duration = Duration::from_secs(60 * 60);
/// … but no larger a part of its life.
const EARLIER_PART: u32 = 24;
/// How long an authority may issue: ten years. A new one is made and trusted well before.
const AUTHORITY_LIFE: Duration = Duration::from_secs(3_653 * 24 * 60 * 60);
/// The last second that a certificate can name: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// Who issues the identities of one tree. Whoever holds it can be any server of the tree.
pub struct Authority {
    tree: TreeName,
    print: KeyPrint,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// The answer to a request for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// The certificates (DER) that lead to the authority, the server's own first. The
    /// authority's is not among them.
    pub chain: Vec<Vec<u8>>,
    /// The key that was certified.
    pub key: KeyPrint,
    /// The last moment at which the certificate proves anything.
    pub expires: Timestamp,
    pub fingerprint: Fingerprint,
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
        let print = certificate::read_authority(&certificate).map_err(making)?.public_key.print();
        let issuer = Issuer::new(params, key);
        Ok(Authority { tree: tree.clone(), print, certificate, issuer })
    }

    /// The tree whose identities it issues.
    pub fn tree(&self) -> &TreeName {
        &self.tree
    }

    /// Its own certificate (DER), which every server of the tree believes.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The print of its key: the pin by which one who joins knows the tree.
    pub fn print(&self) -> KeyPrint {
        self.print
    }

    /// Issues an identity of enrolment 0 with a new key, valid until `now + life` (whole
    /// seconds) and from an hour before `now`, since clocks differ; a life of less than a day
    /// begins only a twenty-fourth of it earlier.
    pub fn issue(
        &self,
        role: Role,
        server: &ServerName,
        now: Timestamp,
        life: Duration,
    ) -> Result<Identity, IdentityError> {
        let key = new_key()?;
        let leaf = self.sign_leaf(&key, (role, server, 0), now, life)?;
        let secret = PrivatePkcs8KeyDer::from(key.serialize_der());
        Identity::from_parts(vec![leaf], secret, vec![self.certificate.clone()])
            .map_err(IdentityError::Making)
    }

    /// Certifies the key of a `request` (PKCS#10, DER) as that of `server`, valid as with
    /// [`issue`](Authority::issue). An `enrolment` of 0 is that of a server made ready by hand.
    ///
    /// The sender must have signed the request with the key, which must be ECDSA P-256. Names and
    /// extensions in the request count for nothing.
    pub fn certify(
        &self,
        request: &[u8],
        (role, server, enrolment): (Role, &ServerName, u64),
        now: Timestamp,
        life: Duration,
    ) -> Result<Certified, IdentityError> {
        let proven = request::proven_key(request).map_err(IdentityError::Request)?;
        let key = SubjectPublicKeyInfo::from_der(proven.info()).map_err(making)?;
        let leaf = self.sign_leaf(&key, (role, server, enrolment), now, life)?;
        let peer = Peer::named_by(&leaf).map_err(IdentityError::Making)?;
        Ok(Certified {
            chain: vec![leaf.to_vec()],
            key: proven.print(),
            expires: peer.expires,
            fingerprint: peer.fingerprint,
        })
    }

    /// Signs `bytes` so that every server of the tree can see that they come from here
    /// ([`check_seal`](crate::net::check_seal)).
    pub fn seal(&self, bytes: &[u8]) -> Vec<u8> {
        let sealed = self.issuer.key().sign(&signature::to_seal(bytes));
        sealed.expect("a P-256 key that was read or made signs any bytes")
    }

    fn sign_leaf(
        &self,
        key: &impl PublicKeyData,
        (role, server, enrolment): (Role, &ServerName, u64),
        now: Timestamp,
        life: Duration,
    ) -> Result<CertificateDer<'static>, IdentityError> {
        let uri = certificate::server_uri(&self.tree, role, server, enrolment);
        let mut params = named(server.as_str(), uri)?;
        params.subject_alt_names.push(SanType::DnsName(DNS_NAME.try_into().map_err(making)?));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, life)?;
        Ok(params.signed_by(key, &self.issuer).map_err(making)?.der().clone())
    }

    /// Writes both files into `folder`, which is made (0700) when it is not there.
    pub fn save(&self, folder: &Path) -> Result<(), IdentityError> {
        private_file::make_folder(folder)?;
        let key = private_file::pem_text("PRIVATE KEY", self.issuer.key().serialized_der());
        private_file::write(&folder.join(KEY_FILE), &key, Readers::Us)?;
        let certificate = private_file::pem_text("CERTIFICATE", &self.certificate);
        private_file::write(&folder.join(CERTIFICATE_FILE), &certificate, Readers::Everyone)
    }

    /// Reads the certificate (DER) alone, of one whose key is kept elsewhere.
    pub fn load_certificate(folder: &Path) -> Result<Vec<u8>, IdentityError> {
        private_file::check_folder(folder)?;
        Ok(read_certificate(&folder.join(CERTIFICATE_FILE))?.0.to_vec())
    }

    /// Reads both files; refuses a key or folder that others can reach.
    pub fn load(folder: &Path) -> Result<Authority, IdentityError> {
        private_file::check_folder(folder)?;
        let (path, key_path) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
        let (certificate, found) = read_certificate(&path)?;
        let key =
            KeyPair::from_pem(&private_file::read(&key_path, Readers::Us)?).map_err(|error| {
                IdentityError::Unreadable {
                    path: key_path.clone(),
                    what: "key",
                    why: error.to_string(),
                }
            })?;
        if key.subject_public_key_info() != found.public_key.info() {
            return Err(IdentityError::KeyMismatch { certificate: path, key: key_path });
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(making)?;
        Ok(Authority { tree: found.tree, print: found.public_key.print(), certificate, issuer })
    }
}

fn read_certificate(
    path: &Path,
) -> Result<(CertificateDer<'static>, AuthorityCertificate), IdentityError> {
    let unreadable = |why: String| IdentityError::Unreadable {
        path: path.to_path_buf(),
        what: "certificate of an authority",
        why,
    };
    let text = private_file::read(path, Readers::Everyone)?;
    let certificate = CertificateDer::from_pem_slice(text.as_bytes())
        .map_err(|error| unreadable(error.to_string()))?;
    let found = certificate::read_authority(&certificate).map_err(unreadable)?;
    if found.public_key.p256_point().is_none() {
        return Err(unreadable("its key is of another kind than ECDSA P-256".to_string()));
    }
    Ok((certificate, found))
}

/// The print of the key of an authority's certificate (DER); nothing when it is none.
pub fn authority_print(certificate: &[u8]) -> Option<KeyPrint> {
    Some(certificate::read_authority(certificate).ok()?.public_key.print())
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

/// In whole seconds, the only ones that a certificate can name.
fn set_validity(
    params: &mut CertificateParams,
    now: Timestamp,
    life: Duration,
) -> Result<(), IdentityError> {
    let earlier = EARLIER.min(life / EARLIER_PART);
    let first = Timestamp(now.0.saturating_sub(duration_ms(earlier)));
    let moment = |at: Timestamp| match at.0 / 1_000 {
        seconds if seconds > LAST_SECOND => Err(making("its life ends after the year 9999")),
        seconds => Ok(rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)),
    };
    params.not_before = moment(first)?;
    params.not_after = moment(now.after(life))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::public_key::PublicKey;
    use std::os::unix::fs::PermissionsExt;
    use x509_parser::prelude::{FromDer, X509Certificate};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
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
        let identity = loaded.issue(Role::Relay, &"west".parse().unwrap(), NOON, DAY).unwrap();
        assert_eq!(identity.peer().tree.as_str(), "acme");
        assert_eq!(identity.peer().name.as_str(), "west");
    }

    #[test]
    fn an_identity_is_valid_from_a_little_earlier_until_the_end_of_its_life() {
        let issued =
            |now, life| created().issue(Role::Relay, &"west".parse().unwrap(), now, life).unwrap();
        let second = Duration::from_secs(1);
        let hour = 3_600_000;
        for (life, earlier) in [(7 * DAY, hour), (DAY, hour), (240 * second, 10_000), (second, 42)]
        {
            let identity = issued(NOON, life);
            // A part of a second is not named: it begins with the second it falls into.
            assert_eq!(identity.not_before().0, (NOON.0 - earlier) / 1_000 * 1_000, "{life:?}");
            assert_eq!(identity.expires(), NOON.after(life), "{life:?}");
        }
        let identity = issued(Timestamp(NOON.0 + 999), DAY);
        assert_eq!(identity.expires(), NOON.after(DAY));
        // 2050 is where the spelling of times changes.
        let late = Timestamp(2_524_607_999_000);
        assert_eq!(issued(late, DAY).expires(), late.after(DAY));
    }

    fn certified(request: &[u8], enrolment: u64) -> Result<Certified, IdentityError> {
        created().certify(request, (Role::Relay, &"west".parse().unwrap(), enrolment), NOON, DAY)
    }

    #[test]
    fn a_request_gets_the_name_it_is_given_and_nothing_it_asks_for() {
        let key = new_key().unwrap();
        let mut asked = named("top", "lictree://acme/server/top".to_string()).unwrap();
        asked.subject_alt_names.push(SanType::DnsName("top.example.org".try_into().unwrap()));
        asked.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        asked.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        asked.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
        let request = asked.serialize_request(&key).unwrap();
        let certified = certified(request.der(), 3).unwrap();
        let [leaf] = &certified.chain[..] else { panic!("one certificate is to come") };

        let found = certificate::read_server(leaf).unwrap();
        let peer = found.peer;
        assert_eq!((peer.tree.as_str(), peer.name.as_str(), peer.enrolment), ("acme", "west", 3));
        assert_eq!((peer.expires, peer.fingerprint), (NOON.after(DAY), certified.fingerprint));
        assert_eq!((peer.expires, found.public_key.print()), (certified.expires, certified.key));
        assert_eq!(found.public_key.info(), key.subject_public_key_info());
        let (_, read) = X509Certificate::from_der(leaf).unwrap();
        let names = read.subject_alternative_name().unwrap().unwrap().value;
        assert_eq!(names.general_names.len(), 2, "{names:?}");
        assert_eq!(read.subject().to_string(), "CN=west");
        assert!(!read.is_ca());
        assert!(!read.key_usage().unwrap().unwrap().value.key_cert_sign());
        assert!(!read.extended_key_usage().unwrap().unwrap().value.any);
    }

    #[test]
    fn a_request_that_proves_nothing_is_refused() {
        for request in [&b""[..], b"nonsense", created().certificate()] {
            let error = certified(request, 1).unwrap_err();
            assert!(matches!(error, IdentityError::Request(_)), "{error}");
        }
    }

    #[test]
    fn its_print_is_that_of_its_key_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca");
        let authority = created();
        authority.save(&ca).unwrap();
        let info = authority.issuer.key().subject_public_key_info();
        assert_eq!(authority.print(), PublicKey::of(&info).print());
        let loaded = Authority::load(&ca).unwrap();
        assert_eq!(loaded.print(), authority.print());
        assert_eq!(loaded.certificate(), authority.certificate());
        assert_ne!(created().print(), authority.print());
    }

    #[test]
    fn an_authority_with_a_key_of_another_kind_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca");
        let mut other = created();
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let params = named("lictree acme", certificate::authority_uri(&other.tree)).unwrap();
        other.certificate = params.self_signed(&key).unwrap().der().clone();
        other.issuer = Issuer::new(params, key);
        other.save(&ca).unwrap();
        let error = Authority::load(&ca).err().unwrap();
        assert!(error.to_string().contains("another kind than ECDSA P-256"), "{error}");
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
        let far = created().issue(Role::Relay, &"west".parse().unwrap(), NOON, Duration::MAX);
        assert!(matches!(far, Err(IdentityError::Making(_))));
    }
}
