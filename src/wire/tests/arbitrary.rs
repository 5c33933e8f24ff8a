//! Arbitrary frames.

use crate::model::letter::{Address, Body, Letter, Presence, Signature};
use crate::model::report::{Head, RowsDigest};
use crate::model::time::Timestamp;
use crate::record::arbitrary::moving as arbitrary_moving;
use crate::record::arbitrary::outside::any_serial;
use crate::record::arbitrary::recovery;
use crate::record::arbitrary::{
    attach_id, data_set, edge_report, edges, enrolment, level, levels, number, pack_part, product,
    reconcile, report, route, server, standing, stream, table, text, timestamp, verdicts, wishes,
};
use crate::record::sample::named;
use crate::wire::{Frame, Hello};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub fn frame() -> BoxedStrategy<Frame> {
    prop_oneof![1 => hello().prop_map(Frame::Hello), 9 => letter().prop_map(Frame::Letter)].boxed()
}

fn hello() -> BoxedStrategy<Hello> {
    let versions = (any::<u32>(), any::<u32>(), any::<u64>());
    let all = (versions, text(), server(), server(), vec(text(), 0..5));
    all.prop_map(|((protocol_min, protocol_max, boot), software, tree, name, capabilities)| {
        let tree = named(tree.as_str());
        Hello { protocol_min, protocol_max, software, tree, name, boot, capabilities }
    })
    .boxed()
}

fn letter() -> BoxedStrategy<Letter> {
    let body = prop_oneof![
        attaching(),
        edge(),
        using(),
        travelling(),
        reporting(),
        claiming(),
        trusting(),
        moving(),
        recovery::word().prop_map(Body::Recovery)
    ];
    let signature = option::of((vec(any::<u8>(), 0..80), vec(any::<u8>(), 0..80)));
    (address(), route(), body, signature)
        .prop_map(|(to, route, body, signature)| {
            let signature =
                signature.map(|(certificate, bytes)| Box::new(Signature { certificate, bytes }));
            Letter { signature, ..Letter::new(to, route, body) }
        })
        .boxed()
}

fn address() -> BoxedStrategy<Address> {
    prop_oneof![
        Just(Address::Neighbour),
        Just(Address::Primary),
        product().prop_map(Address::Holder),
        server().prop_map(Address::Above),
        server().prop_map(Address::Below),
    ]
    .boxed()
}

fn head() -> BoxedStrategy<Head> {
    (any::<(u64, [u8; 32])>(), number())
        .prop_map(|((incarnation, digest), version)| Head {
            incarnation,
            version,
            digest: RowsDigest(digest),
        })
        .boxed()
}

fn presence() -> BoxedStrategy<Body> {
    let versions = vec((table(), number()), 0..4);
    let all = (server(), server(), any::<u64>(), number(), versions, text());
    let more = (number(), enrolment::credentials(), timestamp(), number(), text(), standing());
    (all, more, any::<bool>())
        .prop_map(|(all, more, recovers)| {
            let (trust, credentials, clock, kept_ms, address, standing) = more;
            let (name, parent, incarnation, interval_ms, versions, software) = all;
            Body::Presence(Presence {
                name,
                parent,
                incarnation,
                interval_ms,
                versions,
                software,
                trust,
                credentials,
                clock,
                standing,
                kept_ms,
                address,
                recovers,
            })
        })
        .boxed()
}

fn trusting() -> BoxedStrategy<Body> {
    prop_oneof![
        (any::<u64>(), enrolment::ask())
            .prop_map(|(ticket, ask)| Body::CertificateAsk { ticket, ask }),
        (any::<u64>(), enrolment::answer())
            .prop_map(|(ticket, answer)| Body::CertificateAnswer { ticket, answer }),
        enrolment::trust().prop_map(Body::Trust),
    ]
    .boxed()
}

fn attaching() -> BoxedStrategy<Body> {
    let versions = vec((table(), number()), 0..4);
    let request = (any::<u64>(), data_set(), versions, edges());
    let attached = (any::<u64>(), attach_id(), levels(), number());
    prop_oneof![
        presence(),
        number().prop_map(|way| Body::Resume { way }),
        any::<(u64, bool, u64, u64, u64)>().prop_map(|(ms, open, trust, license, way)| {
            let (clock, license) = (Timestamp(ms), Timestamp(license));
            Body::Heard { clock, open, trust, license, way }
        }),
        vec((product(), server()), 0..5).prop_map(Body::Sources),
        vec((product(), server()), 0..5).prop_map(Body::SourcesSoFar),
        (number(), vec((table(), head()), 0..3))
            .prop_map(|(number, heads)| Body::Heads { number, heads }),
        Just(Body::AttachHello),
        any::<u64>().prop_map(|nonce| Body::Challenge { nonce }),
        request.prop_map(|(nonce, data, versions, edges)| Body::AttachRequest {
            nonce,
            data,
            versions,
            edges
        }),
        attached.prop_map(|(nonce, attach, levels, generation)| {
            Body::Attached { nonce, data: !nonce, attach, levels, generation }
        }),
        (any::<u64>(), enrolment::refusal())
            .prop_map(|(nonce, refusal)| Body::AttachRefused { nonce, refusal }),
    ]
    .boxed()
}

fn edge() -> BoxedStrategy<Body> {
    let level = (attach_id(), product(), level());
    let report = (attach_id(), product(), edge_report());
    prop_oneof![
        level.prop_map(|(attach, product, level)| Body::Level { attach, product, level }),
        report.prop_map(|(attach, product, report)| Body::EdgeReport { attach, product, report }),
    ]
    .boxed()
}

fn using() -> BoxedStrategy<Body> {
    let wishes = (product(), number(), wishes());
    let verdicts = (product(), verdicts());
    prop_oneof![
        wishes.prop_map(|(product, floor, wishes)| Body::Wishes { product, floor, wishes }),
        verdicts.prop_map(|(product, verdicts)| Body::Verdicts { product, verdicts }),
    ]
    .boxed()
}

fn moving() -> BoxedStrategy<Body> {
    prop_oneof![
        arbitrary_moving::ask().prop_map(Body::MoveAsk),
        arbitrary_moving::answer().prop_map(Body::MoveAnswer),
    ]
    .boxed()
}

fn travelling() -> BoxedStrategy<Body> {
    let turn = || (product(), number());
    prop_oneof![
        turn().prop_map(|(product, cycle)| Body::TakeOver { product, cycle }),
        pack_part().prop_map(Body::Handover),
        turn().prop_map(|(product, cycle)| Body::HandoverBooked { product, cycle }),
        pack_part().prop_map(Body::Yield),
        turn().prop_map(|(product, cycle)| Body::YieldBooked { product, cycle }),
    ]
    .boxed()
}

fn reporting() -> BoxedStrategy<Body> {
    let offer = (stream(), any::<u64>(), number());
    let ack = (stream(), any::<u64>(), number(), number());
    prop_oneof![
        reconcile().prop_map(Body::Reconcile),
        offer.prop_map(|(stream, incarnation, version)| {
            Body::ReportOffer { stream, incarnation, version }
        }),
        report().prop_map(Body::Report),
        ack.prop_map(|(stream, incarnation, have, settled)| {
            Body::ReportAck { stream, incarnation, have, settled }
        }),
    ]
    .boxed()
}

fn claiming() -> BoxedStrategy<Body> {
    let claimed = (any_serial(), option::of(server()));
    prop_oneof![
        any_serial().prop_map(|serial| Body::Claim { serial }),
        claimed.prop_map(|(serial, by)| Body::Claimed { serial, by }),
    ]
    .boxed()
}
