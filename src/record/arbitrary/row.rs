//! Arbitrary rows with their keys.

use crate::model::account::Account;
use crate::model::device::OpenWish;
use crate::model::enrolment::InviteId;
use crate::model::event::Event;
use crate::model::row::{
    DeviceRow, EdgeRow, HoldingRow, LicenseRow, MetRow, OwnFiguresRow, Row, RowKey, ServerRow,
    StreamRow,
};
use crate::record::arbitrary::command::founding;
use crate::record::arbitrary::enrolment;
use crate::record::arbitrary::moving::open_move;
use crate::record::arbitrary::outside::{any_license, any_serial};
use crate::record::arbitrary::recovery::recovery;
use crate::record::arbitrary::{
    account, attach_id, below, device, device_number, entry, figures, level, number, pack, phase,
    product, report_row, row_name, seen_time, server, stream, text, timestamp, want,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub fn key() -> BoxedStrategy<RowKey> {
    let pair = || (product(), server());
    prop_oneof![
        Just(RowKey::Server),
        any_serial().prop_map(RowKey::License),
        pair().prop_map(|(product, relay)| RowKey::Edge(product, relay)),
        server().prop_map(RowKey::Met),
        product().prop_map(RowKey::Holding),
        pair().prop_map(|(product, origin)| RowKey::Account(product, origin)),
        (pair(), device_number())
            .prop_map(|((product, origin), device)| RowKey::Entry(product, origin, device)),
        pair().prop_map(|(product, relay)| RowKey::Below(product, relay)),
        pair().prop_map(|(product, relay)| RowKey::Outbox(product, relay)),
        device_number().prop_map(RowKey::Device),
        device_number().prop_map(RowKey::Gone),
        product().prop_map(RowKey::OwnFigures),
        stream().prop_map(RowKey::Stream),
        (stream(), row_name()).prop_map(|(stream, name)| RowKey::Mirrored(stream, name)),
        number().prop_map(RowKey::Event),
        any::<u64>().prop_map(|id| RowKey::Invite(InviteId(id))),
        Just(RowKey::Trust),
        any_serial().prop_map(RowKey::Claim),
    ]
    .boxed()
}

/// A key and a row of its variant.
pub fn row() -> BoxedStrategy<(RowKey, Row)> {
    key()
        .prop_flat_map(|key| {
            let row = row_of(&key);
            (Just(key), row)
        })
        .boxed()
}

fn row_of(key: &RowKey) -> BoxedStrategy<Row> {
    match key {
        RowKey::Server => server_row().prop_map(Row::Server).boxed(),
        RowKey::License(_) => (any_license(), timestamp(), any::<bool>())
            .prop_map(|(license, registered_at, expired)| {
                Row::License(LicenseRow { license, registered_at, expired })
            })
            .boxed(),
        RowKey::Edge(..) => (level(), number(), number(), any::<(bool, bool)>())
            .prop_map(|(level, granted_seen, version_seen, (may_decline, promised))| {
                Row::Edge(EdgeRow { level, granted_seen, version_seen, may_decline, promised })
            })
            .boxed(),
        RowKey::Met(_) => met_row().prop_map(Row::Met).boxed(),
        RowKey::Holding(_) => holding_row().prop_map(Row::Holding).boxed(),
        RowKey::Account(..) => account()
            .prop_map(|account| Row::Account(Account { entries: Default::default(), ..account }))
            .boxed(),
        RowKey::Entry(..) => entry().prop_map(Row::Entry).boxed(),
        RowKey::Below(..) => below().prop_map(Row::Below).boxed(),
        RowKey::Outbox(..) => pack().prop_map(Row::Outbox).boxed(),
        RowKey::Device(_) => device_row().prop_map(Row::Device).boxed(),
        RowKey::Gone(_) => number().prop_map(Row::Gone).boxed(),
        RowKey::OwnFigures(_) => (figures(), number())
            .prop_map(|(figures, version)| Row::OwnFigures(OwnFiguresRow { figures, version }))
            .boxed(),
        RowKey::Stream(_) => (any::<u64>(), number(), timestamp())
            .prop_map(|(incarnation, have, merged_at)| {
                Row::Stream(StreamRow { incarnation, have, merged_at })
            })
            .boxed(),
        RowKey::Mirrored(..) => report_row().prop_map(Row::Mirrored).boxed(),
        RowKey::Event(_) => (number(), timestamp(), text(), text())
            .prop_map(|(number, at, kind, text)| Row::Event(Event { number, at, kind, text }))
            .boxed(),
        RowKey::Invite(_) => enrolment::invite().prop_map(Row::Invite).boxed(),
        RowKey::Trust => enrolment::trust().prop_map(Row::Trust).boxed(),
        RowKey::Claim(_) => server().prop_map(Row::Claim).boxed(),
    }
}

fn server_row() -> BoxedStrategy<ServerRow> {
    let attach = (option::of(attach_id()), option::of(any::<u64>()), number());
    let formers = vec(any::<u64>(), 0..4);
    let attach = (attach, option::of(recovery()), any::<[bool; 2]>(), formers);
    let numbers = [(); 8].map(|()| number());
    let all = (founding(), device_number(), numbers, attach, seen_time());
    all.prop_map(
        |(founding, device_last, numbers, (attach, recovery, flags, formers), seen_time)| {
            let (attach, fenced, attach_last) = attach;
            let [was_set_back, unstated] = flags;
            let [wish_last, event_last, figures_version, nodes_version, rest @ ..] = numbers;
            let [nodes_floor, at, stated_under, stated_way] = rest;
            ServerRow {
                founding,
                device_last,
                wish_last,
                event_last,
                figures_version,
                nodes_version,
                nodes_floor,
                attach,
                fenced,
                attach_last,
                recovery,
                was_set_back,
                unstated,
                stated_under,
                stated_way,
                formers,
                attached_at: crate::model::time::Timestamp(at),
                seen_time,
            }
        },
    )
    .boxed()
}

fn met_row() -> BoxedStrategy<MetRow> {
    let all = (server(), server(), any::<u64>(), option::of(attach_id()));
    let numbers = || vec(any::<u64>(), 0..4);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let rest = (numbers(), flags, number(), numbers(), option::of(server()));
    (all, enrolment::enrolment(), text(), rest)
        .prop_map(|(all, enrolment, title, rest)| {
            let (name, parent, incarnation, attach) = all;
            let (formers, (unsaid, has_twin, recovers), generation, starts, moved_from) = rest;
            MetRow {
                name,
                parent,
                incarnation,
                attach,
                enrolment,
                title,
                formers,
                unsaid,
                generation,
                starts,
                has_twin,
                moved_from,
                recovers,
            }
        })
        .boxed()
}

fn holding_row() -> BoxedStrategy<HoldingRow> {
    let all = (phase(), level(), number(), number(), number(), any::<bool>());
    all.prop_map(|(phase, level, granted_seen, returned, cycle, declined)| HoldingRow {
        phase,
        level,
        granted_seen,
        returned,
        cycle,
        declined,
    })
    .boxed()
}

fn device_row() -> BoxedStrategy<DeviceRow> {
    let wish = (product(), number(), want());
    let wish = wish.prop_map(|(product, number, want)| OpenWish { product, number, want });
    (device(), number(), option::of(wish), any::<bool>(), option::of(open_move()))
        .prop_map(|(device, version, wish, deleted, moving)| DeviceRow {
            deleted,
            device,
            version,
            wish,
            moving,
        })
        .boxed()
}
