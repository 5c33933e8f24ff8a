//! The key of the tree's authority, at the primary: does what the server decides and cannot do
//! itself, because it needs a secret.
//!
//! ```text
//!   DIR/authority/ca.pem, ca.key       the first authority
//!   DIR/authority/2/, 3/, …            later ones, each made while the one before is believed
//!   DIR/authority/issuer               the folder of the one that issues: `.`, `2`, …
//! ```
//! Every answer is a function of the job; nothing here remembers who was given what.
//!
//! A `ca.key` may be kept elsewhere. What that authority has issued is judged all the same; what
//! needs its key cannot be done, and says so.

use crate::model::enrolment::{
    Certified, CertifyJob, Issued, JoinAsk, RenewAsk, SealedTrust, Trust,
};
use crate::model::holding::Role;
use crate::model::name::{ServerName, TreeName};
use crate::model::time::Timestamp;
use crate::net::{Authority, IdentityError, Purpose, Signer};
use crate::record::enrolment::trust_bytes;
use crate::wire::join;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the authority of a tree lies in the primary's data folder.
pub const AUTHORITY: &str = "authority";
/// Names the authority that issues, for identities that are made by hand.
const ISSUER_FILE: &str = "issuer";
/// More authorities than any tree ever has; a bound for the search.
const AUTHORITIES_MAX: u32 = 1_000;

/// All authorities of one tree, oldest first.
pub struct Registrar {
    folder: PathBuf,
    tree: TreeName,
    /// The primary itself.
    own: ServerName,
    life: Duration,
    authorities: Vec<Kept>,
    /// The certificates of those that are believed at present; empty where there never was a
    /// choice.
    believed: Vec<Vec<u8>>,
}

/// One authority, and what is here of it.
struct Kept {
    number: u32,
    /// In DER.
    certificate: Vec<u8>,
    key: Option<Authority>,
}

impl Kept {
    fn of(number: u32, authority: Authority) -> Kept {
        Kept { number, certificate: authority.certificate().to_vec(), key: Some(authority) }
    }

    fn read(number: u32, place: &Path) -> Result<Kept, IdentityError> {
        if place.join("ca.key").exists() {
            return Ok(Kept::of(number, Authority::load(place)?));
        }
        Ok(Kept { number, certificate: Authority::load_certificate(place)?, key: None })
    }
}

impl Registrar {
    /// Reads the authorities of a primary's data folder; nothing when there are none.
    ///
    /// # Errors
    /// A key that others can reach, or a file that cannot be read.
    pub fn open(
        data_dir: &Path,
        tree: &TreeName,
        own: &ServerName,
        life: Duration,
    ) -> Result<Option<Registrar>, IdentityError> {
        let folder = data_dir.join(AUTHORITY);
        let mut authorities = Vec::new();
        for number in 1..=AUTHORITIES_MAX {
            let place = place(&folder, number);
            if place.join("ca.pem").exists() {
                authorities.push(Kept::read(number, &place)?);
            } else if number > 1 {
                break;
            }
        }
        let (tree, own) = (tree.clone(), own.clone());
        let registrar = Registrar { folder, tree, own, life, authorities, believed: Vec::new() };
        if let Some(key) = registrar.missing_key() {
            tracing::warn!(
                "{} is not here: no server can join, renew its certificate or be shut out by \
                 other servers until it is back and this server was started anew",
                key.display()
            );
        }
        Ok((!registrar.authorities.is_empty()).then_some(registrar))
    }

    /// Where the key of the authority that issues should be and is not. That of an older one is
    /// missed by nobody.
    fn missing_key(&self) -> Option<PathBuf> {
        let issuing = issuer_of(&self.folder);
        let known = self.authorities.iter().find(|known| known.number == issuing);
        let keyless = known.is_some_and(|known| known.key.is_none());
        keyless.then(|| place(&self.folder, issuing).join("ca.key"))
    }

    /// The one that issues, for identities that are made by hand.
    ///
    /// # Errors
    /// As with [`Registrar::open`]; and where there is none.
    pub fn issuing(data_dir: &Path) -> Result<Authority, IdentityError> {
        let folder = data_dir.join(AUTHORITY);
        Authority::load(&place(&folder, issuer_of(&folder)))
    }

    /// Does a job.
    pub fn certify(&mut self, job: CertifyJob, now: Timestamp) -> Certified {
        match job {
            CertifyJob::Join { ask, proof_key, name, enrolment, issuer } => {
                let JoinAsk { exporter, request, had, proof, .. } = &ask;
                if !join::is_proven(&proof_key, exporter, (request, *had), proof) {
                    return Certified::WrongProof;
                }
                self.issue(request, &name, enrolment, issuer.as_deref(), now)
            }
            CertifyJob::Renew { ask, name, enrolment, issuer } => {
                match self.judge_renewal(&ask, &name, enrolment, now) {
                    Ok(()) => self.issue(&ask.request, &name, enrolment, issuer.as_deref(), now),
                    Err(why) => Certified::Refused(why),
                }
            }
            CertifyJob::Seal { trust, issuer } => self.seal(trust, issuer.as_deref()),
            CertifyJob::NewAuthority => match self.make_another(now) {
                Ok(certificates) => Certified::Authorities(certificates),
                Err(error) => Certified::Unable(error.to_string()),
            },
        }
    }

    /// Notes whom the tree believes, and which authority issues, from now on.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn believe(&mut self, trust: &Trust) -> std::io::Result<()> {
        self.believed = trust.authorities.clone();
        let Some(issuer) = trust.authorities.get(trust.issuer as usize) else { return Ok(()) };
        let known = self.authorities.iter().find(|known| known.certificate == *issuer);
        let Some(Kept { number, .. }) = known else { return Ok(()) };
        // Aside first: an empty file would name the first authority.
        let (file, aside) = (self.folder.join(ISSUER_FILE), self.folder.join("issuer.partial"));
        std::fs::write(&aside, format!("{number}\n"))?;
        std::fs::File::open(&aside)?.sync_all()?;
        std::fs::rename(aside, file)
    }

    fn authority(&self, issuer: Option<&[u8]>) -> Result<&Authority, Certified> {
        let found = match issuer {
            None => self.authorities.first(),
            Some(wanted) => self.authorities.iter().find(|kept| kept.certificate == wanted),
        };
        let missing = |what: &str| Certified::Unable(format!("{what} is not at this server"));
        let found = found.ok_or_else(|| missing("the authority that issues"))?;
        found.key.as_ref().ok_or_else(|| missing("the key of the authority that issues"))
    }

    fn issue(
        &self,
        request: &[u8],
        name: &ServerName,
        enrolment: u64,
        issuer: Option<&[u8]>,
        now: Timestamp,
    ) -> Certified {
        let authority = match self.authority(issuer) {
            Ok(authority) => authority,
            Err(unable) => return unable,
        };
        let role = if *name == self.own { Role::Primary } else { Role::Relay };
        match authority.certify(request, (role, name, enrolment), now, self.life) {
            Ok(made) => {
                let certificate = made.chain.into_iter().next().unwrap_or_default();
                Certified::Issued(Issued { key: made.key, expires: made.expires, certificate })
            }
            Err(error) => Certified::Refused(error.to_string()),
        }
    }

    fn judge_renewal(
        &self,
        ask: &RenewAsk,
        name: &ServerName,
        enrolment: u64,
        now: Timestamp,
    ) -> Result<(), String> {
        let RenewAsk { certificate, request, signature } = ask;
        // Of one that was forgotten the key may be in other hands; but not the primary's own.
        let any = self.believed.is_empty() || *name == self.own;
        let all = self.authorities.iter().map(|kept| kept.certificate.as_slice());
        let believed = |one: &&[u8]| any || self.believed.iter().any(|known| known == one);
        let all: Vec<&[u8]> = all.filter(believed).collect();
        // A primary that was off for longer than its certificate lived has nobody else to ask.
        let at = if *name == self.own { None } else { Some(now) };
        let signer = Signer::proven(certificate, &all, at)?;
        let peer = signer.peer();
        if !signer.has_signed(Purpose::Renewal, request, signature) {
            return Err(format!("the certificate of {} is not of the key that signed", peer.name));
        }
        if peer.tree != self.tree || peer.name != *name {
            return Err(format!("the certificate is of {}, not of {name}", peer.name));
        }
        if peer.enrolment != enrolment {
            let (old, new) = (peer.enrolment, enrolment);
            return Err(format!("the certificate is of enrolment {old}; {name} has {new} now"));
        }
        Ok(())
    }

    fn seal(&self, trust: Trust, issuer: Option<&[u8]>) -> Certified {
        match self.authority(issuer) {
            Ok(authority) => {
                let seal = authority.seal(&trust_bytes(&trust));
                Certified::Sealed(SealedTrust { trust, seal })
            }
            Err(unable) => unable,
        }
    }

    /// The authority that issues, and the one behind it: made now, unless an earlier ask, or one
    /// before a crash, has made it and it is not in use yet.
    fn make_another(&mut self, now: Timestamp) -> Result<Vec<Vec<u8>>, IdentityError> {
        let issuer = issuer_of(&self.folder);
        if self.authorities.iter().all(|kept| kept.number <= issuer) {
            let last = self.authorities.last().expect("a registrar has an authority");
            let number = last.number + 1;
            let authority = Authority::create(&self.tree, now)?;
            authority.save(&place(&self.folder, number))?;
            self.authorities.push(Kept::of(number, authority));
        }
        let both = self.authorities.iter().filter(|kept| kept.number >= issuer).take(2);
        Ok(both.map(|kept| kept.certificate.clone()).collect())
    }
}

/// The number of the authority that issues; the first where nothing else was noted.
fn issuer_of(folder: &Path) -> u32 {
    let named = std::fs::read_to_string(folder.join(ISSUER_FILE)).unwrap_or_default();
    named.trim().parse().unwrap_or(1)
}

fn place(folder: &Path, number: u32) -> PathBuf {
    if number == 1 { folder.to_path_buf() } else { folder.join(number.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn asked(registrar: &mut Registrar) -> Vec<Vec<u8>> {
        match registrar.certify(CertifyJob::NewAuthority, NOW) {
            Certified::Authorities(authorities) => authorities,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_renewal_with_a_certificate_of_a_forgotten_authority_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, own) = ("acme".parse().unwrap(), "hq".parse().unwrap());
        Authority::create(&tree, NOW).unwrap().save(&folder.path().join(AUTHORITY)).unwrap();
        let week = Duration::from_secs(7 * 86_400);
        let mut registrar = Registrar::open(folder.path(), &tree, &own, week).unwrap().unwrap();
        let old = Registrar::issuing(folder.path()).unwrap();
        let identity = old.issue(Role::Relay, &"west".parse().unwrap(), NOW, week).unwrap();
        let asks = |registrar: &mut Registrar| {
            let request = crate::net::Identity::request().unwrap().request;
            let ask = RenewAsk {
                certificate: identity.certificate().to_vec(),
                signature: identity.signed_by_me(Purpose::Renewal, &request),
                request,
            };
            let name = "west".parse().unwrap();
            let job = CertifyJob::Renew { ask, name, enrolment: 0, issuer: None };
            registrar.certify(job, NOW)
        };
        assert!(matches!(asks(&mut registrar), Certified::Issued(_)));
        let both = asked(&mut registrar);
        let trust = |authorities: Vec<Vec<u8>>| Trust { authorities, ..Trust::default() };
        registrar.believe(&trust(both.clone())).unwrap();
        assert!(matches!(asks(&mut registrar), Certified::Issued(_)));
        registrar.believe(&trust(both[1..].to_vec())).unwrap();
        assert!(matches!(asks(&mut registrar), Certified::Refused(_)));
    }

    #[test]
    fn without_its_key_an_authority_still_says_whom_it_has_issued() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, own) = ("acme".parse().unwrap(), "hq".parse().unwrap());
        let place = folder.path().join(AUTHORITY);
        Authority::create(&tree, NOW).unwrap().save(&place).unwrap();
        let week = Duration::from_secs(7 * 86_400);
        let open = || Registrar::open(folder.path(), &tree, &own, week).unwrap().unwrap();
        let seal = || CertifyJob::Seal { trust: Trust::default(), issuer: None };
        let elsewhere = folder.path().join("ca.key");
        std::fs::rename(place.join("ca.key"), &elsewhere).unwrap();
        let mut registrar = open();
        let Certified::Unable(why) = registrar.certify(seal(), NOW) else { panic!("sealed") };
        assert!(why.contains("key"), "{why}");
        assert_eq!(registrar.authorities.len(), 1);
        assert_eq!(registrar.missing_key(), Some(place.join("ca.key")));
        std::fs::rename(&elsewhere, place.join("ca.key")).unwrap();
        assert!(matches!(open().certify(seal(), NOW), Certified::Sealed(_)));
    }

    #[test]
    fn a_next_authority_is_made_once_however_often_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, own) = ("acme".parse().unwrap(), "hq".parse().unwrap());
        Authority::create(&tree, NOW).unwrap().save(&folder.path().join(AUTHORITY)).unwrap();
        let week = Duration::from_secs(7 * 86_400);
        let open = || Registrar::open(folder.path(), &tree, &own, week).unwrap().unwrap();
        let mut registrar = open();
        let first = asked(&mut registrar);
        assert_eq!(first.len(), 2);
        assert_eq!(asked(&mut registrar), first);
        assert_eq!(asked(&mut open()), first, "after a crash before anybody believed it");
        let trust = Trust { authorities: first.clone(), issuer: 1, ..Trust::default() };
        registrar.believe(&trust).unwrap();
        let next = asked(&mut registrar);
        assert_eq!(next[0], first[1]);
        assert!(!first.contains(&next[1]));
        let older = folder.path().join(AUTHORITY).join("ca.key");
        std::fs::remove_file(older).unwrap();
        assert_eq!(open().missing_key(), None, "of an authority that issues no more");
    }
}
