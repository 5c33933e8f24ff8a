//! Forms of durable changes of enrolments and trust.

use crate::model::enrolment::{EnrolmentCommand, InviteId, Issued, ReplyTo};
use crate::model::time::Timestamp;
use crate::record::enrolment::{BytesForm, InviteForm, SealedTrustForm, key_print};
use crate::record::error::RecordError;
use crate::record::form::{Form, list, need, read_list};
use crate::record::name::name;
use crate::record::room::{Part, Room};
use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub struct EnrolmentCommandForm {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")]
    kind: Option<Kind>,
}

/// Never renumbered; a command that fell out of use keeps its number.
#[derive(Clone, PartialEq, Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    Invite(InviteForm),
    #[prost(fixed64, tag = "2")]
    Uninvite(u64),
    #[prost(fixed64, tag = "3")]
    Fail(u64),
    #[prost(message, tag = "4")]
    Await(AwaitForm),
    #[prost(fixed64, tag = "5")]
    Approve(u64),
    #[prost(message, tag = "6")]
    Enroll(EnrollForm),
    #[prost(message, tag = "7")]
    Renewed(RenewedForm),
    #[prost(message, tag = "8")]
    Remove(RemoveForm),
    #[prost(message, tag = "9")]
    Trust(SealedTrustForm),
    #[prost(message, tag = "10")]
    Authorities(AuthoritiesForm),
    #[prost(message, tag = "11")]
    Entitle(EntitleForm),
    /// The name of the server.
    #[prost(string, tag = "12")]
    Lose(String),
}

#[derive(Clone, PartialEq, Message)]
struct ReplyToForm {
    #[prost(string, tag = "1")]
    server: String,
    #[prost(uint64, tag = "2")]
    ticket: u64,
}

#[derive(Clone, PartialEq, Message)]
struct IssuedForm {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(uint64, tag = "2")]
    expires_ms: u64,
    #[prost(bytes = "vec", tag = "3")]
    certificate: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct AwaitForm {
    #[prost(fixed64, tag = "1")]
    invite: u64,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    reply: Option<ReplyToForm>,
}

#[derive(Clone, PartialEq, Message)]
struct EnrollForm {
    #[prost(fixed64, tag = "1")]
    invite: u64,
    #[prost(uint64, tag = "2")]
    enrolment: u64,
    #[prost(message, optional, tag = "3")]
    issued: Option<IssuedForm>,
    #[prost(message, optional, tag = "4")]
    reply: Option<ReplyToForm>,
}

#[derive(Clone, PartialEq, Message)]
struct RenewedForm {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint64, tag = "2")]
    enrolment: u64,
    #[prost(message, optional, tag = "3")]
    issued: Option<IssuedForm>,
    #[prost(message, optional, tag = "4")]
    reply: Option<ReplyToForm>,
}

#[derive(Clone, PartialEq, Message)]
struct RemoveForm {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bool, tag = "2")]
    forced: bool,
}

#[derive(Clone, PartialEq, Message)]
struct AuthoritiesForm {
    #[prost(bytes = "vec", tag = "1")]
    authorities: Vec<u8>,
    #[prost(uint32, tag = "2")]
    issuer: u32,
}

#[derive(Clone, PartialEq, Message)]
struct EntitleForm {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    title: String,
}

impl Form for ReplyToForm {
    type Value = ReplyTo;
    const WHAT: &'static str = "whom an answer goes to";

    fn of(reply: &ReplyTo) -> Self {
        ReplyToForm { server: reply.server.to_string(), ticket: reply.ticket }
    }

    fn value(self, _: &mut Room) -> Result<ReplyTo, RecordError> {
        Ok(ReplyTo { server: name(Self::WHAT, &self.server)?, ticket: self.ticket })
    }
}

impl Form for IssuedForm {
    type Value = Issued;
    const WHAT: &'static str = "a certificate that was made";

    fn of(issued: &Issued) -> Self {
        IssuedForm {
            key: issued.key.0.to_vec(),
            expires_ms: issued.expires.0,
            certificate: issued.certificate.clone(),
        }
    }

    fn value(self, _: &mut Room) -> Result<Issued, RecordError> {
        let (expires, certificate) = (Timestamp(self.expires_ms), self.certificate);
        Ok(Issued { key: key_print(&self.key)?, expires, certificate })
    }
}

impl Form for EnrolmentCommandForm {
    type Value = EnrolmentCommand;
    const WHAT: &'static str = "a change of an enrolment";

    fn of(command: &EnrolmentCommand) -> Self {
        EnrolmentCommandForm { kind: Some(kind(command)) }
    }

    fn value(self, room: &mut Room) -> Result<EnrolmentCommand, RecordError> {
        let missing = RecordError::Missing { what: Self::WHAT, field: "kind this version knows" };
        command(self.kind.ok_or(missing)?, room)
    }
}

fn kind(command: &EnrolmentCommand) -> Kind {
    match command {
        EnrolmentCommand::Invite(invite) => Kind::Invite(InviteForm::of(invite)),
        EnrolmentCommand::Uninvite(id) => Kind::Uninvite(id.0),
        EnrolmentCommand::Fail(id) => Kind::Fail(id.0),
        EnrolmentCommand::Await { invite, key, reply } => Kind::Await(AwaitForm {
            invite: invite.0,
            key: key.0.to_vec(),
            reply: Some(ReplyToForm::of(reply)),
        }),
        EnrolmentCommand::Approve(id) => Kind::Approve(id.0),
        EnrolmentCommand::Enroll { invite, enrolment, issued, reply } => Kind::Enroll(EnrollForm {
            invite: invite.0,
            enrolment: *enrolment,
            issued: Some(IssuedForm::of(issued)),
            reply: Some(ReplyToForm::of(reply)),
        }),
        EnrolmentCommand::Renewed { name, enrolment, issued, reply } => {
            Kind::Renewed(RenewedForm {
                name: name.to_string(),
                enrolment: *enrolment,
                issued: Some(IssuedForm::of(issued)),
                reply: Some(ReplyToForm::of(reply)),
            })
        }
        EnrolmentCommand::Remove { name, forced } => {
            Kind::Remove(RemoveForm { name: name.to_string(), forced: *forced })
        }
        EnrolmentCommand::Trust(sealed) => Kind::Trust(SealedTrustForm::of(sealed)),
        EnrolmentCommand::Authorities { authorities, issuer } => {
            let authorities = list::<BytesForm>(authorities);
            Kind::Authorities(AuthoritiesForm { authorities, issuer: *issuer })
        }
        EnrolmentCommand::Entitle { name, title } => {
            Kind::Entitle(EntitleForm { name: name.to_string(), title: title.clone() })
        }
        EnrolmentCommand::Lose { name } => Kind::Lose(name.to_string()),
    }
}

fn command(kind: Kind, room: &mut Room) -> Result<EnrolmentCommand, RecordError> {
    let what = EnrolmentCommandForm::WHAT;
    Ok(match kind {
        Kind::Invite(form) => EnrolmentCommand::Invite(form.value(room)?),
        Kind::Uninvite(id) => EnrolmentCommand::Uninvite(InviteId(id)),
        Kind::Fail(id) => EnrolmentCommand::Fail(InviteId(id)),
        Kind::Await(form) => EnrolmentCommand::Await {
            invite: InviteId(form.invite),
            key: key_print(&form.key)?,
            reply: need(what, form.reply, room)?,
        },
        Kind::Approve(id) => EnrolmentCommand::Approve(InviteId(id)),
        Kind::Enroll(form) => EnrolmentCommand::Enroll {
            invite: InviteId(form.invite),
            enrolment: form.enrolment,
            issued: need(what, form.issued, room)?,
            reply: need(what, form.reply, room)?,
        },
        Kind::Renewed(form) => EnrolmentCommand::Renewed {
            name: name(what, &form.name)?,
            enrolment: form.enrolment,
            issued: need(what, form.issued, room)?,
            reply: need(what, form.reply, room)?,
        },
        Kind::Remove(form) => {
            EnrolmentCommand::Remove { name: name(what, &form.name)?, forced: form.forced }
        }
        Kind::Trust(form) => EnrolmentCommand::Trust(form.value(room)?),
        Kind::Authorities(form) => EnrolmentCommand::Authorities {
            authorities: read_list::<BytesForm>(&form.authorities, Part::Products, room)?,
            issuer: form.issuer,
        },
        Kind::Entitle(form) => {
            EnrolmentCommand::Entitle { name: name(what, &form.name)?, title: form.title }
        }
        Kind::Lose(lost) => EnrolmentCommand::Lose { name: name(what, &lost)? },
    })
}
