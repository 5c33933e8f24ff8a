//! How servers come into the tree, prove themselves anew, and are shut out (safety.md 3.3).
//!
//! ```text
//!   operator: invite west below b ──► Invite (at the primary), a code to paste
//!   west: CertificateAsk::Join ──► b ──► … ──► primary: proof right? ──► Enrolled, a certificate
//!   west, while it lives: CertificateAsk::Renew ──► … ──► primary ──► a new certificate
//!   operator: remove west ──► Trust: west's enrolments so far are denied ──► every server below
//! ```
//! An *enrolment* is one coming of a server into the tree. Its number stands in every certificate
//! of it and rises with each coming, so "west up to 3" names every key that west ever had. Servers
//! whose identity was made ready beside the authority have enrolment 0.
//!
//! Nothing here is secret but an invite's proof key; certificates, requests and seals are bytes
//! that only `net` understands.

use super::name::{ServerName, TreeName};
use super::refusal::Refusal;
use super::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The bytes of proof keys, proofs and exporters.
pub const PROOF_LEN: usize = 32;
/// Wrong proofs that make a code void.
pub const FAILURES_MAX: u32 = 5;
/// How far clocks may differ before a certificate that has ended is believed somewhere. Denials
/// outlive certificates by as much.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(2 * 86_400);
/// The longest title of a server, in bytes.
pub const TITLE_LEN_MAX: usize = 120;

/// Names one invitation; drawn at random, and part of its code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct InviteId(pub u64);

impl fmt::Display for InviteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// SHA-256 of a public key as it stands in a certificate (SubjectPublicKeyInfo).
///
/// It stays when a certificate is made anew for the same key. That of an authority is the pin by
/// which one who joins knows the tree.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPrint(pub [u8; 32]);

impl fmt::Display for KeyPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether an operator must agree before a certificate is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Approval {
    NotNeeded,
    Awaited,
    Given,
}

/// An invitation as the primary keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    pub id: InviteId,
    pub name: ServerName,
    /// The server to call.
    pub parent: ServerName,
    /// Derived from the code's secret, which is kept nowhere.
    pub proof_key: [u8; PROOF_LEN],
    pub expires: Timestamp,
    pub approval: Approval,
    /// Wrong proofs so far.
    pub failures: u32,
    /// The first key whose owner knew the secret; no other key is served.
    pub key: Option<KeyPrint>,
    /// What the code was spent on; said again to that key while the code lives.
    pub certificate: Option<Vec<u8>>,
    /// It is for a server of the tree whose disk is lost ([`Grant::former`]).
    pub replaces: bool,
    /// The server may move although uses of it stay counted where they are.
    pub forced: bool,
}

impl fmt::Debug for Invite {
    /// Never shows the proof key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("parent", &self.parent)
            .field("expires", &self.expires)
            .field("approval", &self.approval)
            .field("failures", &self.failures)
            .field("key", &self.key)
            .field("replaces", &self.replaces)
            .field("forced", &self.forced)
            .finish_non_exhaustive()
    }
}

/// What asks for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateAsk {
    Join(JoinAsk),
    Renew(RenewAsk),
}

/// Somebody with a code, as heard by the server it called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinAsk {
    pub invite: InviteId,
    /// What both ends of that one call know and nobody else: binds the proof to it.
    pub exporter: [u8; PROOF_LEN],
    /// PKCS#10, in DER.
    pub request: Vec<u8>,
    /// The enrolment of the identity that is in the joiner's folder; 0 without one. A primary that
    /// was set back may not know of it, and gives a higher one.
    pub had: u64,
    /// HMAC-SHA-256 by the proof key over exporter, request and what it had.
    pub proof: [u8; PROOF_LEN],
}

/// A server that wants a certificate for a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewAsk {
    /// The one it has, in DER.
    pub certificate: Vec<u8>,
    /// PKCS#10 of the new key, in DER.
    pub request: Vec<u8>,
    /// By the key it has, over the request.
    pub signature: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateAnswer {
    Granted(Box<Grant>),
    /// An operator has to approve first; ask again.
    Waiting,
    Refused(Refusal),
}

/// A certificate, and what its owner must know of its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub tree: TreeName,
    pub name: ServerName,
    pub parent: ServerName,
    pub enrolment: u64,
    /// In DER.
    pub certificate: Vec<u8>,
    /// The data set that is lost with a disk: an empty folder that begins as a copy of it, from
    /// before anything was written, recovers what it had. 0 for any other server.
    pub former: u64,
}

/// What every server of a tree believes: sealed by an authority it believed before, and handed
/// down the tree. A higher version replaces a lower one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    pub version: u64,
    /// Certificates in DER; none means those that a server's identity came with.
    pub authorities: Vec<Vec<u8>>,
    /// The authority that issues; servers whose certificate is of another renew soon.
    pub issuer: u32,
    pub denied: BTreeMap<ServerName, Denial>,
}

/// Certificates of a server name that prove nothing any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Denial {
    /// Every enrolment up to this one.
    pub upto: u64,
    /// When the last of their certificates ends; the denial need not be kept longer.
    pub until: Timestamp,
    /// The server is lost for good: what it used is free, in every ledger.
    pub lost: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedTrust {
    pub trust: Trust,
    /// By an authority of the version before; empty where it is not sealed yet.
    pub seal: Vec<u8>,
}

impl Trust {
    pub fn is_denied(&self, name: &ServerName, enrolment: u64) -> bool {
        self.denied.get(name).is_some_and(|denial| enrolment <= denial.upto)
    }

    /// Whether a server was given up as lost. Its name is not used again meanwhile.
    pub fn is_lost(&self, name: &ServerName) -> bool {
        self.denied.get(name).is_some_and(|denial| denial.lost)
    }
}

/// What a server proves itself with at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    pub enrolment: u64,
    pub expires: Timestamp,
    /// The key of the authority that issued it.
    pub authority: KeyPrint,
}

/// Whom an answer about a certificate goes to: a request at that server, by its number there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    pub server: ServerName,
    pub ticket: u64,
}

/// Durable changes of enrolments and trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrolmentCommand {
    Invite(Invite),
    Uninvite(InviteId),
    /// A proof was wrong.
    Fail(InviteId),
    /// The owner of this key knows the secret, and an operator must agree.
    Await {
        invite: InviteId,
        key: KeyPrint,
        reply: ReplyTo,
    },
    Approve(InviteId),
    Enroll {
        invite: InviteId,
        enrolment: u64,
        issued: Issued,
        reply: ReplyTo,
    },
    Renewed {
        name: ServerName,
        enrolment: u64,
        issued: Issued,
        reply: ReplyTo,
    },
    Remove {
        name: ServerName,
        forced: bool,
    },
    /// Primary: the present trust has this seal. Relay: the trust to hold from now on.
    Trust(SealedTrust),
    /// Primary: these authorities are believed, and that one issues.
    Authorities {
        authorities: Vec<Vec<u8>>,
        issuer: u32,
    },
    Entitle {
        name: ServerName,
        title: String,
    },
    /// It is lost for good: what it held is the primary's again, what it used is free.
    Lose {
        name: ServerName,
    },
}

/// A certificate that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    pub key: KeyPrint,
    pub expires: Timestamp,
    /// In DER.
    pub certificate: Vec<u8>,
}

/// Work for whoever has the authority's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertifyJob {
    /// Check the proof, and make a certificate.
    Join {
        ask: JoinAsk,
        proof_key: [u8; PROOF_LEN],
        name: ServerName,
        enrolment: u64,
        issuer: Option<Vec<u8>>,
    },
    /// Check that the old certificate is of this server and enrolment and the request its own.
    Renew {
        ask: RenewAsk,
        name: ServerName,
        enrolment: u64,
        issuer: Option<Vec<u8>>,
    },
    Seal {
        trust: Trust,
        issuer: Option<Vec<u8>>,
    },
    /// Make one more authority; the answer names all there are.
    NewAuthority,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certified {
    Issued(Issued),
    Sealed(SealedTrust),
    /// The certificates of all authorities, the newest last.
    Authorities(Vec<Vec<u8>>),
    WrongProof,
    /// The request, the old certificate or the signature is not what it should be.
    Refused(String),
    /// There is no authority at this server, or its key cannot be used.
    Unable(String),
}
