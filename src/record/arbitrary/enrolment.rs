//! Arbitrary enrolments and trust.

use crate::model::command::Command;
use crate::model::enrolment::{
    Approval, CertificateAnswer, CertificateAsk, Credentials, Denial, EnrolmentCommand, Grant,
    Invite, InviteId, Issued, JoinAsk, KeyPrint, RenewAsk, ReplyTo, SealedTrust, Trust,
};
use crate::model::refusal::Refusal;
use crate::model::row::{Enrolment, Standing};
use crate::record::arbitrary::{number, server, text, timestamp};
use crate::record::sample::named;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

pub fn bytes() -> BoxedStrategy<Vec<u8>> {
    vec(any::<u8>(), 0..40).boxed()
}

fn print() -> BoxedStrategy<KeyPrint> {
    any::<[u8; 32]>().prop_map(KeyPrint).boxed()
}

pub fn invite() -> BoxedStrategy<Invite> {
    let approval =
        prop_oneof![Just(Approval::NotNeeded), Just(Approval::Awaited), Just(Approval::Given)];
    let who = (any::<u64>(), server(), server(), any::<[u8; 32]>(), timestamp());
    let served = (option::of(print()), option::of(bytes()));
    let how = (approval, any::<u32>(), served, any::<[bool; 2]>());
    (who, how)
        .prop_map(|((id, name, parent, proof_key, expires), how)| {
            let (approval, failures, (key, certificate), [replaces, forced]) = how;
            Invite {
                id: InviteId(id),
                name,
                parent,
                proof_key,
                expires,
                approval,
                failures,
                key,
                certificate,
                replaces,
                forced,
            }
        })
        .boxed()
}

pub fn trust() -> BoxedStrategy<SealedTrust> {
    let denial = (number(), timestamp(), any::<bool>());
    let denial = denial.prop_map(|(upto, until, lost)| Denial { upto, until, lost });
    let denied = btree_map(server(), denial, 0..5);
    let all = (number(), vec(bytes(), 0..3), any::<u32>(), denied, bytes());
    all.prop_map(|(version, authorities, issuer, denied, seal)| SealedTrust {
        trust: Trust { version, authorities, issuer, denied },
        seal,
    })
    .boxed()
}

pub fn credentials() -> BoxedStrategy<Credentials> {
    (number(), timestamp(), print())
        .prop_map(|(enrolment, expires, authority)| Credentials { enrolment, expires, authority })
        .boxed()
}

pub fn enrolment() -> BoxedStrategy<Enrolment> {
    let standing = prop_oneof![Just(Standing::Member), Just(Standing::Removed)];
    let all = (number(), option::of(print()), timestamp(), standing);
    all.prop_map(|(number, key, expires, standing)| Enrolment { number, key, expires, standing })
        .boxed()
}

pub fn ask() -> BoxedStrategy<CertificateAsk> {
    let join = (any::<u64>(), any::<[u8; 32]>(), bytes(), any::<[u8; 32]>(), number());
    let renew = (bytes(), bytes(), bytes());
    prop_oneof![
        join.prop_map(|(invite, exporter, request, proof, had)| {
            let invite = InviteId(invite);
            CertificateAsk::Join(JoinAsk { invite, exporter, request, had, proof })
        }),
        renew.prop_map(|(certificate, request, signature)| {
            CertificateAsk::Renew(RenewAsk { certificate, request, signature })
        }),
    ]
    .boxed()
}

pub fn answer() -> BoxedStrategy<CertificateAnswer> {
    let grant = (server(), server(), server(), number(), bytes(), any::<u64>());
    prop_oneof![
        grant.prop_map(|(tree, name, parent, enrolment, certificate, former)| {
            let tree = named(tree.as_str());
            let grant = Grant { tree, name, parent, enrolment, certificate, former };
            CertificateAnswer::Granted(Box::new(grant))
        }),
        Just(CertificateAnswer::Waiting),
        refusal().prop_map(CertificateAnswer::Refused),
    ]
    .boxed()
}

pub fn refusal() -> BoxedStrategy<Refusal> {
    let texts = (text(), text(), text());
    texts.prop_map(|(code, message, hint)| Refusal { code, message, hint }).boxed()
}

fn issued() -> BoxedStrategy<Issued> {
    (print(), timestamp(), bytes())
        .prop_map(|(key, expires, certificate)| Issued { key, expires, certificate })
        .boxed()
}

fn reply() -> BoxedStrategy<ReplyTo> {
    (server(), any::<u64>()).prop_map(|(server, ticket)| ReplyTo { server, ticket }).boxed()
}

pub fn command() -> BoxedStrategy<Command> {
    prop_oneof![inviting(), trusting()].prop_map(Command::Enrolment).boxed()
}

fn inviting() -> BoxedStrategy<EnrolmentCommand> {
    let id = || any::<u64>().prop_map(InviteId);
    let enroll = (id(), number(), issued(), reply());
    prop_oneof![
        invite().prop_map(EnrolmentCommand::Invite),
        id().prop_map(EnrolmentCommand::Uninvite),
        id().prop_map(EnrolmentCommand::Fail),
        (id(), print(), reply()).prop_map(|(invite, key, reply)| EnrolmentCommand::Await {
            invite,
            key,
            reply
        }),
        id().prop_map(EnrolmentCommand::Approve),
        enroll.prop_map(|(invite, enrolment, issued, reply)| {
            EnrolmentCommand::Enroll { invite, enrolment, issued, reply }
        }),
    ]
    .boxed()
}

fn trusting() -> BoxedStrategy<EnrolmentCommand> {
    let renewed = (server(), number(), issued(), reply());
    let authorities = (vec(bytes(), 0..3), any::<u32>());
    prop_oneof![
        renewed.prop_map(|(name, enrolment, issued, reply)| {
            EnrolmentCommand::Renewed { name, enrolment, issued, reply }
        }),
        (server(), any::<bool>())
            .prop_map(|(name, forced)| EnrolmentCommand::Remove { name, forced }),
        trust().prop_map(EnrolmentCommand::Trust),
        authorities.prop_map(|(authorities, issuer)| {
            EnrolmentCommand::Authorities { authorities, issuer }
        }),
        (server(), text()).prop_map(|(name, title)| EnrolmentCommand::Entitle { name, title }),
        server().prop_map(|name| EnrolmentCommand::Lose { name }),
    ]
    .boxed()
}
