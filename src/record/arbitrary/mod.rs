//! Arbitrary values of the model, for tests that hold for all of them. Each way to make one is
//! boxed: as types one in another they take long to build, and more stack than a test has.

pub mod command;
pub mod enrolment;
pub mod moving;
pub mod outside;
pub mod recovery;
pub mod row;

use crate::model::account::{
    Account, Below, Entry, Pack, PackPart, Verdict, Want, Wish, WishVerdict,
};
use crate::model::clock::{ClockStanding, SeenTime};
use crate::model::count::LicenseCount;
use crate::model::device::{Device, DeviceNumber, DeviceState, StateChange};
use crate::model::edge::{AttachId, DataSet, EdgeReport, Level};
use crate::model::holding::{HoldingOption, Phase};
use crate::model::name::{NameError, ProductName, ServerName};
use crate::model::reconcile::{BUCKETS, Compared, Reconcile, Refill};
use crate::model::report::{Figures, ReportBatch, ReportRow, RowBody, RowName, StreamId, Table};
use crate::model::time::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use std::fmt::Debug;
use std::net::IpAddr;
use std::str::FromStr;

fn named<N: FromStr<Err = NameError> + Debug>() -> BoxedStrategy<N> {
    "[a-z0-9][a-z0-9._-]{0,11}".prop_map(|text| text.parse().unwrap()).boxed()
}

pub fn server() -> BoxedStrategy<ServerName> {
    named().boxed()
}

pub fn product() -> BoxedStrategy<ProductName> {
    named().boxed()
}

pub fn route() -> BoxedStrategy<Vec<ServerName>> {
    vec(server(), 0..6).boxed()
}

/// Mostly small, sometimes any.
pub fn number() -> BoxedStrategy<u64> {
    prop_oneof![0..300_u64, any::<u64>(), Just(u64::MAX)].boxed()
}

pub fn data_set() -> BoxedStrategy<DataSet> {
    let drawn = any::<(u64, u64, u64, bool)>();
    let all = (drawn, vec(any::<u64>(), 0..4), number(), number());
    all.prop_map(|(drawn, formers, generation, stated_under)| {
        let (incarnation, former, start, recovers) = drawn;
        DataSet { incarnation, former, start, formers, generation, stated_under, recovers }
    })
    .boxed()
}

pub fn count() -> BoxedStrategy<LicenseCount> {
    number().prop_map(LicenseCount).boxed()
}

pub fn timestamp() -> BoxedStrategy<Timestamp> {
    number().prop_map(Timestamp).boxed()
}

pub fn standing() -> BoxedStrategy<ClockStanding> {
    use ClockStanding::{Right, SetBack, SetForward};
    prop_oneof![Just(Right), Just(SetBack), Just(SetForward)].boxed()
}

pub fn seen_time() -> BoxedStrategy<SeenTime> {
    (timestamp(), standing()).prop_map(|(license, standing)| SeenTime { license, standing }).boxed()
}

pub fn device_number() -> BoxedStrategy<DeviceNumber> {
    number().prop_map(DeviceNumber).boxed()
}

pub fn device_numbers() -> BoxedStrategy<Vec<DeviceNumber>> {
    vec(device_number(), 0..20).boxed()
}

pub fn text() -> BoxedStrategy<String> {
    "\\PC{0,20}".boxed()
}

pub fn option() -> BoxedStrategy<HoldingOption> {
    use HoldingOption::{Distributed, None, Registered};
    prop_oneof![Just(None), Just(Distributed), Just(Registered)].boxed()
}

pub fn phase() -> BoxedStrategy<Phase> {
    use Phase::{Holding, Sharing, Taking, Yielding};
    prop_oneof![Just(Sharing), Just(Taking), Just(Holding), Just(Yielding)].boxed()
}

pub fn table() -> BoxedStrategy<Table> {
    prop_oneof![Just(Table::Figures), Just(Table::Nodes)].boxed()
}

pub fn want() -> BoxedStrategy<Want> {
    prop_oneof![Just(Want::Manage), Just(Want::Release)].boxed()
}

pub fn verdict() -> BoxedStrategy<Verdict> {
    prop_oneof![
        Just(Verdict::Granted),
        Just(Verdict::RangeFull),
        Just(Verdict::Released),
        Just(Verdict::NoRoom)
    ]
    .boxed()
}

pub fn wishes() -> BoxedStrategy<Vec<Wish>> {
    let wish = (device_number(), number(), want());
    vec(wish.prop_map(|(device, number, want)| Wish { device, number, want }), 0..40).boxed()
}

pub fn verdicts() -> BoxedStrategy<Vec<WishVerdict>> {
    let verdict = (device_number(), number(), verdict());
    let verdict =
        verdict.prop_map(|(device, number, verdict)| WishVerdict { device, number, verdict });
    vec(verdict, 0..40).boxed()
}

pub fn entry() -> BoxedStrategy<Entry> {
    (number(), verdict()).prop_map(|(number, verdict)| Entry { number, verdict }).boxed()
}

pub fn account() -> BoxedStrategy<Account> {
    let entries = btree_map(device_number(), entry(), 0..20);
    let numbers = (number(), number());
    let all = (server(), route(), numbers, entries);
    all.prop_map(|(origin, route, (floor, stated), entries)| Account {
        origin,
        route,
        floor,
        stated,
        entries,
    })
    .boxed()
}

pub fn below() -> BoxedStrategy<Below> {
    (server(), route(), number(), any::<bool>())
        .prop_map(|(relay, route, cycle, out)| Below { relay, route, cycle, out })
        .boxed()
}

pub fn pack() -> BoxedStrategy<Pack> {
    let lists = (vec(account(), 0..5), vec(below(), 0..5));
    let all = (product(), server(), server(), number(), lists);
    all.prop_map(|(product, giver, relay, cycle, (accounts, below))| Pack {
        product,
        giver,
        relay,
        cycle,
        accounts,
        below,
    })
    .boxed()
}

pub fn pack_part() -> BoxedStrategy<PackPart> {
    (any::<u32>(), any::<u32>(), pack())
        .prop_map(|(part, parts, piece)| PackPart { part, parts, piece })
        .boxed()
}

pub fn attach_id() -> BoxedStrategy<AttachId> {
    (number(), any::<u64>()).prop_map(|(counter, random)| AttachId { counter, random }).boxed()
}

pub fn level() -> BoxedStrategy<Level> {
    let all = (option(), number(), count(), number(), (number(), number()), any::<u32>());
    all.prop_map(|(option, version, target, epoch, counts, confirm_within_days)| Level {
        option,
        version,
        target,
        epoch,
        granted: counts.0,
        returned_seen: counts.1,
        confirm_within_days,
    })
    .boxed()
}

pub fn edge_report() -> BoxedStrategy<EdgeReport> {
    let all = (number(), number(), number(), number(), any::<(bool, bool)>());
    (all, level(), number())
        .prop_map(|(all, Level { option, target, .. }, lacks)| {
            let (version, epoch, granted_seen, returned, (declined, holds)) = all;
            EdgeReport {
                version,
                epoch,
                granted_seen,
                returned,
                declined,
                holds,
                option,
                target,
                lacks,
            }
        })
        .boxed()
}

pub fn levels() -> BoxedStrategy<Vec<(ProductName, Level)>> {
    vec((product(), level()), 0..5).boxed()
}

pub fn edges() -> BoxedStrategy<Vec<(ProductName, EdgeReport)>> {
    vec((product(), edge_report()), 0..5).boxed()
}

pub fn addresses() -> BoxedStrategy<Vec<IpAddr>> {
    vec(any::<IpAddr>(), 0..4).boxed()
}

pub fn state() -> BoxedStrategy<DeviceState> {
    use DeviceState::{Discovered, Ignored, Managed};
    prop_oneof![Just(Discovered), Just(Managed), Just(Ignored)].boxed()
}

pub fn device() -> BoxedStrategy<Device> {
    let macs = (option::of(outside::any_mac()), vec(outside::any_mac(), 0..3));
    let seen = (macs, addresses(), option::of(text()));
    let change = (timestamp(), state()).prop_map(|(at, state)| StateChange { at, state });
    let managed = (option::of(product()), option::of(moving::goal()));
    let all = (seen, state(), managed, (timestamp(), timestamp()), vec(change, 0..3));
    all.prop_map(|((macs, addresses, host_name), state, (product, goal), seen, history)| Device {
        mac: macs.0,
        other_macs: macs.1,
        addresses,
        host_name,
        state,
        product,
        goal: goal.map(Box::new),
        first_seen: seen.0,
        last_seen: seen.1,
        history,
    })
    .boxed()
}

pub fn figures() -> BoxedStrategy<Figures> {
    let counts = [count(), count(), count(), count()];
    let all = (option(), phase(), number(), counts, number(), number());
    all.prop_map(|(option, phase, version, counts, granted_seen, returned)| {
        let [registered, held, used, managed] = counts;
        Figures { option, phase, version, registered, held, used, managed, granted_seen, returned }
    })
    .boxed()
}

pub fn stream() -> BoxedStrategy<StreamId> {
    (server(), table()).prop_map(|(origin, table)| StreamId { origin, table }).boxed()
}

pub fn row_name() -> BoxedStrategy<RowName> {
    let device = device_number().prop_map(RowName::Device);
    prop_oneof![product().prop_map(RowName::Product), device].boxed()
}

pub fn report_row() -> BoxedStrategy<ReportRow> {
    let device = device().prop_map(|device| RowBody::Device(Box::new(device)));
    let seen = timestamp().prop_map(RowBody::Seen);
    let body = prop_oneof![figures().prop_map(RowBody::Figures), device, seen, Just(RowBody::Gone)];
    (row_name(), number(), body)
        .prop_map(|(name, version, body)| ReportRow { name, version, body })
        .boxed()
}

pub fn reconcile() -> BoxedStrategy<Reconcile> {
    let name = || option::of(row_name());
    let refill = (any::<u8>(), name(), name(), vec(report_row(), 0..6));
    let refill = refill.prop_map(|(bucket, after, upto, rows)| {
        Compared::Refill(Refill { bucket, after, upto, rows })
    });
    let what = prop_oneof![
        any::<u64>().prop_map(Compared::Whole),
        vec(any::<u64>(), BUCKETS).prop_map(Compared::Buckets),
        refill
    ];
    (stream(), any::<u64>(), number(), what)
        .prop_map(|(stream, incarnation, version, what)| Reconcile {
            stream,
            incarnation,
            version,
            what,
        })
        .boxed()
}

pub fn report() -> BoxedStrategy<ReportBatch> {
    let span = (number(), number());
    let all = (stream(), any::<u64>(), span, any::<bool>(), vec(report_row(), 0..6));
    all.prop_map(|(stream, incarnation, (after, upto), complete, rows)| ReportBatch {
        stream,
        incarnation,
        after,
        upto,
        complete,
        rows,
    })
    .boxed()
}
