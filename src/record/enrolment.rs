//! Forms of enrolments: invitations, what is asked and answered about certificates, trust.

use crate::model::enrolment::{
    Approval, CertificateAnswer, CertificateAsk, Credentials, Denial, Grant, Invite, InviteId,
    JoinAsk, KeyPrint, PROOF_LEN, RenewAsk, SealedTrust, Trust,
};
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::row::{Enrolment, Standing};
use crate::model::time::Timestamp;
use crate::record::error::RecordError;
use crate::record::form::{Form, items, list, perhaps, read, read_list};
use crate::record::name::name;
use crate::record::number::{Numbered, numbered};
use crate::record::room::{Part, Room};
use prost::{Message, Oneof};
use std::collections::BTreeMap;

numbered!(Approval, "an approval": NotNeeded = 1, Awaited = 2, Given = 3);
numbered!(Standing, "how a server stands": Member = 1, Removed = 2);

/// Bytes of a fixed length.
pub(super) fn fixed<const N: usize>(
    what: &'static str,
    bytes: &[u8],
) -> Result<[u8; N], RecordError> {
    let found = bytes.len() as u64;
    bytes.try_into().map_err(|_| RecordError::TooLarge { what, found, max: N as u64 })
}

pub(super) fn key_print(bytes: &[u8]) -> Result<KeyPrint, RecordError> {
    Ok(KeyPrint(fixed("the print of a key", bytes)?))
}

/// A certificate, a request, a signature: bytes within the length of texts.
pub fn blob(what: &'static str, bytes: Vec<u8>, room: &Room) -> Result<Vec<u8>, RecordError> {
    let max = room.text_len_max.saturating_mul(4) as u64;
    match bytes.len() as u64 {
        found if found > max => Err(RecordError::TooLarge { what, found, max }),
        _ => Ok(bytes),
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct InviteForm {
    #[prost(fixed64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    parent: String,
    #[prost(bytes = "vec", tag = "4")]
    proof_key: Vec<u8>,
    #[prost(uint64, tag = "5")]
    expires_ms: u64,
    #[prost(uint32, tag = "6")]
    approval: u32,
    #[prost(uint32, tag = "7")]
    failures: u32,
    #[prost(bytes = "vec", optional, tag = "8")]
    key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "9")]
    certificate: Option<Vec<u8>>,
    #[prost(bool, tag = "10")]
    replaces: bool,
    #[prost(bool, tag = "11")]
    forced: bool,
}

impl Form for InviteForm {
    type Value = Invite;
    const WHAT: &'static str = "an invitation";

    fn of(invite: &Invite) -> Self {
        InviteForm {
            id: invite.id.0,
            name: invite.name.to_string(),
            parent: invite.parent.to_string(),
            proof_key: invite.proof_key.to_vec(),
            expires_ms: invite.expires.0,
            approval: invite.approval.number(),
            failures: invite.failures,
            key: invite.key.map(|key| key.0.to_vec()),
            certificate: invite.certificate.clone(),
            replaces: invite.replaces,
            forced: invite.forced,
        }
    }

    fn value(self, _: &mut Room) -> Result<Invite, RecordError> {
        Ok(Invite {
            id: InviteId(self.id),
            name: name(Self::WHAT, &self.name)?,
            parent: name(Self::WHAT, &self.parent)?,
            proof_key: fixed("a proof key", &self.proof_key)?,
            expires: Timestamp(self.expires_ms),
            approval: Numbered::numbered(self.approval)?,
            failures: self.failures,
            key: self.key.map(|key| key_print(&key)).transpose()?,
            certificate: self.certificate,
            replaces: self.replaces,
            forced: self.forced,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct CertificateAskForm {
    #[prost(oneof = "AskKind", tags = "1, 2")]
    kind: Option<AskKind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum AskKind {
    #[prost(message, tag = "1")]
    Join(JoinAskForm),
    #[prost(message, tag = "2")]
    Renew(RenewAskForm),
}

#[derive(Clone, PartialEq, Message)]
struct JoinAskForm {
    #[prost(fixed64, tag = "1")]
    invite: u64,
    #[prost(bytes = "vec", tag = "2")]
    exporter: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    request: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    proof: Vec<u8>,
    #[prost(uint64, tag = "5")]
    had: u64,
}

#[derive(Clone, PartialEq, Message)]
struct RenewAskForm {
    #[prost(bytes = "vec", tag = "1")]
    certificate: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    request: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
}

impl Form for CertificateAskForm {
    type Value = CertificateAsk;
    const WHAT: &'static str = "an ask for a certificate";

    fn of(ask: &CertificateAsk) -> Self {
        let kind = match ask {
            CertificateAsk::Join(ask) => AskKind::Join(JoinAskForm {
                invite: ask.invite.0,
                exporter: ask.exporter.to_vec(),
                request: ask.request.clone(),
                proof: ask.proof.to_vec(),
                had: ask.had,
            }),
            CertificateAsk::Renew(ask) => AskKind::Renew(RenewAskForm {
                certificate: ask.certificate.clone(),
                request: ask.request.clone(),
                signature: ask.signature.clone(),
            }),
        };
        CertificateAskForm { kind: Some(kind) }
    }

    fn value(self, room: &mut Room) -> Result<CertificateAsk, RecordError> {
        let missing = RecordError::Missing { what: Self::WHAT, field: "kind this version knows" };
        Ok(match self.kind.ok_or(missing)? {
            AskKind::Join(form) => CertificateAsk::Join(JoinAsk {
                invite: InviteId(form.invite),
                exporter: fixed::<PROOF_LEN>("an exporter", &form.exporter)?,
                request: blob("a request", form.request, room)?,
                proof: fixed::<PROOF_LEN>("a proof", &form.proof)?,
                had: form.had,
            }),
            AskKind::Renew(form) => CertificateAsk::Renew(RenewAsk {
                certificate: blob("a certificate", form.certificate, room)?,
                request: blob("a request", form.request, room)?,
                signature: blob("a signature", form.signature, room)?,
            }),
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct CertificateAnswerForm {
    #[prost(oneof = "AnswerKind", tags = "1, 2, 3")]
    kind: Option<AnswerKind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum AnswerKind {
    #[prost(message, tag = "1")]
    Granted(GrantForm),
    #[prost(bool, tag = "2")]
    Waiting(bool),
    #[prost(message, tag = "3")]
    Refused(RefusalForm),
}

#[derive(Clone, PartialEq, Message)]
struct GrantForm {
    #[prost(string, tag = "1")]
    tree: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    parent: String,
    #[prost(uint64, tag = "4")]
    enrolment: u64,
    #[prost(bytes = "vec", tag = "5")]
    certificate: Vec<u8>,
    #[prost(fixed64, tag = "6")]
    former: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct RefusalForm {
    #[prost(string, tag = "1")]
    code: String,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(string, tag = "3")]
    hint: String,
}

impl Form for CertificateAnswerForm {
    type Value = CertificateAnswer;
    const WHAT: &'static str = "an answer about a certificate";

    fn of(answer: &CertificateAnswer) -> Self {
        let kind = match answer {
            CertificateAnswer::Granted(grant) => AnswerKind::Granted(GrantForm {
                tree: grant.tree.to_string(),
                name: grant.name.to_string(),
                parent: grant.parent.to_string(),
                enrolment: grant.enrolment,
                certificate: grant.certificate.clone(),
                former: grant.former,
            }),
            CertificateAnswer::Waiting => AnswerKind::Waiting(true),
            CertificateAnswer::Refused(refusal) => AnswerKind::Refused(RefusalForm::of(refusal)),
        };
        CertificateAnswerForm { kind: Some(kind) }
    }

    fn value(self, room: &mut Room) -> Result<CertificateAnswer, RecordError> {
        let what = Self::WHAT;
        let missing = RecordError::Missing { what, field: "kind this version knows" };
        Ok(match self.kind.ok_or(missing)? {
            AnswerKind::Granted(form) => CertificateAnswer::Granted(Box::new(Grant {
                tree: name(what, &form.tree)?,
                name: name(what, &form.name)?,
                parent: name(what, &form.parent)?,
                enrolment: form.enrolment,
                certificate: blob("a certificate", form.certificate, room)?,
                former: form.former,
            })),
            AnswerKind::Waiting(_) => CertificateAnswer::Waiting,
            AnswerKind::Refused(form) => CertificateAnswer::Refused(form.value(room)?),
        })
    }
}

impl Form for RefusalForm {
    type Value = Refusal;
    const WHAT: &'static str = "a refusal";

    fn of(refusal: &Refusal) -> Self {
        RefusalForm {
            code: refusal.code.clone(),
            message: refusal.message.clone(),
            hint: refusal.hint.clone(),
        }
    }

    fn value(self, room: &mut Room) -> Result<Refusal, RecordError> {
        Ok(Refusal {
            code: room.text("a code", self.code)?,
            message: room.text(Self::WHAT, self.message)?,
            hint: room.text("a hint", self.hint)?,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct SealedTrustForm {
    #[prost(uint64, tag = "1")]
    version: u64,
    /// A list of [`BytesForm`].
    #[prost(bytes = "vec", tag = "2")]
    authorities: Vec<u8>,
    #[prost(uint32, tag = "3")]
    issuer: u32,
    /// A list of [`DenialForm`], by name.
    #[prost(bytes = "vec", tag = "4")]
    denied: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    seal: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct BytesForm {
    #[prost(bytes = "vec", tag = "1")]
    bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct DenialForm {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint64, tag = "2")]
    upto: u64,
    #[prost(uint64, tag = "3")]
    until_ms: u64,
    #[prost(bool, tag = "4")]
    lost: bool,
}

/// What a seal is over: equal trusts have equal bytes.
pub fn trust_bytes(trust: &Trust) -> Vec<u8> {
    SealedTrustForm::of(&SealedTrust { trust: trust.clone(), seal: Vec::new() }).encode_to_vec()
}

impl Form for SealedTrustForm {
    type Value = SealedTrust;
    const WHAT: &'static str = "what a tree believes";

    fn of(SealedTrust { trust, seal }: &SealedTrust) -> Self {
        let denied: Vec<(ServerName, Denial)> =
            trust.denied.iter().map(|(name, denial)| (name.clone(), *denial)).collect();
        SealedTrustForm {
            version: trust.version,
            authorities: list::<BytesForm>(&trust.authorities),
            issuer: trust.issuer,
            denied: list::<DenialForm>(&denied),
            seal: seal.clone(),
        }
    }

    fn value(self, room: &mut Room) -> Result<SealedTrust, RecordError> {
        // One by one: a name that is said again and again takes room once.
        let mut denied = BTreeMap::new();
        for item in items(DenialForm::WHAT, &self.denied) {
            room.take(Part::Names, 1)?;
            denied.extend([read::<DenialForm>(item?, room)?]);
        }
        let trust = Trust {
            version: self.version,
            authorities: read_list::<BytesForm>(&self.authorities, Part::Products, room)?,
            issuer: self.issuer,
            denied,
        };
        Ok(SealedTrust { trust, seal: blob("a seal", self.seal, room)? })
    }
}

impl Form for BytesForm {
    type Value = Vec<u8>;
    const WHAT: &'static str = "the certificate of an authority";

    fn of(bytes: &Vec<u8>) -> Self {
        BytesForm { bytes: bytes.clone() }
    }

    fn value(self, room: &mut Room) -> Result<Vec<u8>, RecordError> {
        blob(Self::WHAT, self.bytes, room)
    }
}

impl Form for DenialForm {
    type Value = (ServerName, Denial);
    const WHAT: &'static str = "a denial";

    fn of((name, denial): &(ServerName, Denial)) -> Self {
        let Denial { upto, until, lost } = *denial;
        DenialForm { name: name.to_string(), upto, until_ms: until.0, lost }
    }

    fn value(self, _: &mut Room) -> Result<(ServerName, Denial), RecordError> {
        let (upto, until, lost) = (self.upto, Timestamp(self.until_ms), self.lost);
        Ok((name(Self::WHAT, &self.name)?, Denial { upto, until, lost }))
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct CredentialsForm {
    #[prost(uint64, tag = "1")]
    enrolment: u64,
    #[prost(uint64, tag = "2")]
    expires_ms: u64,
    #[prost(bytes = "vec", tag = "3")]
    authority: Vec<u8>,
}

impl Form for CredentialsForm {
    type Value = Credentials;
    const WHAT: &'static str = "credentials";

    fn of(credentials: &Credentials) -> Self {
        CredentialsForm {
            enrolment: credentials.enrolment,
            expires_ms: credentials.expires.0,
            authority: credentials.authority.0.to_vec(),
        }
    }

    fn value(self, _: &mut Room) -> Result<Credentials, RecordError> {
        Ok(Credentials {
            enrolment: self.enrolment,
            expires: Timestamp(self.expires_ms),
            authority: key_print(&self.authority)?,
        })
    }
}

/// How a server stands; a field of its row.
#[derive(Clone, PartialEq, Message)]
pub struct EnrolmentForm {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(bytes = "vec", optional, tag = "2")]
    key: Option<Vec<u8>>,
    #[prost(uint64, tag = "3")]
    expires_ms: u64,
    #[prost(uint32, tag = "4")]
    standing: u32,
}

impl Form for EnrolmentForm {
    type Value = Enrolment;
    const WHAT: &'static str = "an enrolment";

    fn of(enrolment: &Enrolment) -> Self {
        EnrolmentForm {
            number: enrolment.number,
            key: enrolment.key.map(|key| key.0.to_vec()),
            expires_ms: enrolment.expires.0,
            standing: enrolment.standing.number(),
        }
    }

    fn value(self, _: &mut Room) -> Result<Enrolment, RecordError> {
        Ok(Enrolment {
            number: self.number,
            key: self.key.map(|key| key_print(&key)).transpose()?,
            expires: Timestamp(self.expires_ms),
            standing: Numbered::numbered(self.standing)?,
        })
    }
}

/// The form of a value that older versions did not write: the default has none.
pub fn unless_default<F: Form>(value: &F::Value) -> Option<F>
where
    F::Value: Default + PartialEq,
{
    (*value != F::Value::default()).then(|| F::of(value))
}

/// The value of such a form.
pub fn or_default<F: Form>(form: Option<F>, room: &mut Room) -> Result<F::Value, RecordError>
where
    F::Value: Default,
{
    Ok(perhaps(form, room)?.unwrap_or_default())
}
