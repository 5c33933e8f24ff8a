//! The samples of enrolments and trust.

use crate::model::command::Command;
use crate::model::edge::AttachId;
use crate::model::enrolment::{
    Approval, CertificateAnswer, CertificateAsk, Credentials, Denial, EnrolmentCommand, Grant,
    Invite, InviteId, Issued, JoinAsk, KeyPrint, RenewAsk, ReplyTo, SealedTrust, Trust,
};
use crate::model::recovery::RecoveryCommand;
use crate::model::refusal::Refusal;
use crate::model::row::{Enrolment, Standing};
use crate::model::time::Timestamp;
use crate::record::sample::named;

const INVITE: InviteId = InviteId(0x0123_4567_89ab_cdef);

pub fn invite() -> Invite {
    Invite {
        id: INVITE,
        name: named("relay-w"),
        parent: named("relay-c"),
        proof_key: [7; 32],
        expires: Timestamp(1_795_000_000_000),
        approval: Approval::Awaited,
        failures: 3,
        key: Some(KeyPrint([8; 32])),
        certificate: Some(vec![1, 2, 3]),
        replaces: false,
        forced: false,
    }
}

pub fn issued() -> Issued {
    let expires = Timestamp(1_795_600_000_000);
    Issued { key: KeyPrint([9; 32]), expires, certificate: vec![4, 5, 6] }
}

pub fn trust() -> SealedTrust {
    let denial = Denial { upto: 3, until: Timestamp(1_795_700_000_000), lost: false };
    let trust = Trust {
        version: 12,
        authorities: vec![vec![1, 1], vec![2, 2, 2]],
        issuer: 1,
        denied: [(named("relay-d"), denial), (named("relay-e"), Denial::default())].into(),
    };
    SealedTrust { trust, seal: vec![0xaa, 0xbb] }
}

pub fn trust_lost() -> SealedTrust {
    let mut sealed = trust();
    sealed.trust.denied.values_mut().for_each(|denial| denial.lost = true);
    sealed
}

pub fn replaced() -> CertificateAnswer {
    let CertificateAnswer::Granted(grant) = granted() else { unreachable!("it is granted") };
    CertificateAnswer::Granted(Box::new(Grant { former: 0x0102_0304_0506_0708, ..*grant }))
}

pub fn credentials() -> Credentials {
    let expires = Timestamp(1_795_600_000_000);
    Credentials { enrolment: 2, expires, authority: KeyPrint([5; 32]) }
}

pub fn enrolment() -> Enrolment {
    Enrolment {
        number: 2,
        key: Some(KeyPrint([6; 32])),
        expires: Timestamp(1_795_600_000_000),
        standing: Standing::Removed,
    }
}

pub fn join(had: u64) -> CertificateAsk {
    CertificateAsk::Join(JoinAsk {
        invite: INVITE,
        exporter: [1; 32],
        request: vec![0x30, 0x01, 0x02],
        had,
        proof: [2; 32],
    })
}

pub fn renew() -> CertificateAsk {
    let (certificate, request, signature) = (vec![0x30, 3], vec![0x30, 4], vec![5, 6, 7]);
    CertificateAsk::Renew(RenewAsk { certificate, request, signature })
}

pub fn granted() -> CertificateAnswer {
    CertificateAnswer::Granted(Box::new(Grant {
        tree: named("works"),
        name: named("relay-w"),
        parent: named("relay-c"),
        enrolment: 2,
        certificate: vec![4, 5, 6],
        former: 0,
    }))
}

pub fn refused() -> CertificateAnswer {
    CertificateAnswer::Refused(Refusal::new("LT0415", "a message", "a hint"))
}

fn reply() -> ReplyTo {
    ReplyTo { server: named("relay-c"), ticket: 44 }
}

/// Servers that are lost, and those that take their place.
pub fn lost() -> [(&'static str, Command); 5] {
    let all = [
        ("lose", EnrolmentCommand::Lose { name: named("relay-w") }),
        ("invite-replaces", EnrolmentCommand::Invite(Invite { replaces: true, ..invite() })),
        ("trust-lost", EnrolmentCommand::Trust(trust_lost())),
    ];
    let [lose, invite, trust] = all.map(|(name, command)| (name, Command::Enrolment(command)));
    let attach = AttachId { counter: 9, random: 0x0102_0304_0506_0708 };
    let attached = Command::Attached { nonce: 0xabcd, attach, levels: vec![], generation: 3 };
    [
        lose,
        invite,
        trust,
        (
            "recovery-stated",
            Command::Recovery(RecoveryCommand::Stated { enrolment: 3, way: 0xc0ffee }),
        ),
        ("attached-again", attached),
    ]
}

/// A server may move although uses of it stay where they are.
pub fn forced() -> Command {
    Command::Enrolment(EnrolmentCommand::Invite(Invite { forced: true, ..invite() }))
}

pub fn commands() -> Vec<(&'static str, Command)> {
    let (invite_id, name) = (INVITE, named("relay-w"));
    let all = vec![
        ("invite", EnrolmentCommand::Invite(invite())),
        ("uninvite", EnrolmentCommand::Uninvite(INVITE)),
        ("fail-proof", EnrolmentCommand::Fail(INVITE)),
        (
            "await-approval",
            EnrolmentCommand::Await { invite: INVITE, key: KeyPrint([8; 32]), reply: reply() },
        ),
        ("approve", EnrolmentCommand::Approve(INVITE)),
        (
            "enroll",
            EnrolmentCommand::Enroll {
                invite: invite_id,
                enrolment: 2,
                issued: issued(),
                reply: reply(),
            },
        ),
        (
            "renewed",
            EnrolmentCommand::Renewed { name, enrolment: 2, issued: issued(), reply: reply() },
        ),
        ("remove", EnrolmentCommand::Remove { name: named("relay-w"), forced: true }),
        ("trust", EnrolmentCommand::Trust(trust())),
        (
            "authorities",
            EnrolmentCommand::Authorities { authorities: trust().trust.authorities, issuer: 1 },
        ),
        (
            "entitle",
            EnrolmentCommand::Entitle { name: named("relay-w"), title: "Works 3".to_string() },
        ),
    ];
    let note = Command::Note { kind: "join.refused".to_string(), text: "A text.".to_string() };
    let wrapped = all.into_iter().map(|(name, command)| (name, Command::Enrolment(command)));
    wrapped.chain([("note", note)]).collect()
}
