//! Arbitrary words and commands about recoveries.

use crate::model::recovery::{Recovery, RecoveryCommand, RecoveryWord, RollCall, RowsBack};
use crate::record::arbitrary::enrolment::enrolment;
use crate::record::arbitrary::outside::any_serial;
use crate::record::arbitrary::{
    device_number, number, pack, pack_part, product, report, route, server, text, timestamp,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub fn recovery() -> BoxedStrategy<Recovery> {
    let all = (timestamp(), text(), any::<u64>(), any::<[bool; 2]>());
    all.prop_map(|(since, why, former, [forced, keeps_rows])| Recovery {
        since,
        why,
        former,
        forced,
        keeps_rows,
    })
    .boxed()
}

fn rows_back() -> BoxedStrategy<RowsBack> {
    let numbers = (number(), number());
    let all = (any::<u64>(), device_number(), option::of(device_number()), numbers, report());
    all.prop_map(|(data, after, upto, (have, newest), report)| RowsBack {
        data,
        after,
        upto,
        have,
        newest,
        rows: report.rows,
    })
    .boxed()
}

pub fn command() -> BoxedStrategy<RecoveryCommand> {
    let state = (any::<u64>(), option::of(server()), vec(product(), 0..4));
    prop_oneof![
        (text(), any::<u64>(), any::<bool>()).prop_map(|(why, incarnation, keeps_rows)| {
            RecoveryCommand::Begin { why, incarnation, keeps_rows }
        }),
        rows_back().prop_map(RecoveryCommand::TakeBack),
        state.prop_map(|(call, to, products)| RecoveryCommand::State { call, to, products }),
        product().prop_map(|product| RecoveryCommand::Hold { product }),
        (any::<u64>(), pack(), route()).prop_map(|(call, pack, route)| RecoveryCommand::Book {
            call,
            pack,
            route
        }),
        vec(server(), 0..5).prop_map(|missing| RecoveryCommand::End { missing }),
        (number(), number())
            .prop_map(|(enrolment, way)| RecoveryCommand::Stated { enrolment, way }),
        (server(), server(), any::<u64>(), enrolment()).prop_map(
            |(name, parent, incarnation, enrolment)| RecoveryCommand::Meet {
                name,
                parent,
                incarnation,
                enrolment
            }
        ),
    ]
    .boxed()
}

pub fn word() -> BoxedStrategy<RecoveryWord> {
    let call = (server(), any::<u64>(), vec(product(), 0..4), any::<bool>());
    let call = call.prop_map(|(server, number, products, licenses)| RollCall {
        server,
        number,
        products,
        licenses,
    });
    let below = (option::of(server()), vec(server(), 0..6), any::<bool>());
    prop_oneof![
        vec(call, 0..4).prop_map(RecoveryWord::RollCalls),
        (any::<u64>(), pack_part()).prop_map(|(call, part)| RecoveryWord::Statement { call, part }),
        (product(), any::<u64>(), number())
            .prop_map(|(product, call, number)| RecoveryWord::Stated { product, call, number }),
        product().prop_map(|product| RecoveryWord::YouHold { product }),
        (any::<u64>(), any::<u64>(), device_number())
            .prop_map(|(data, former, after)| RecoveryWord::RowsAsk { data, former, after }),
        rows_back().prop_map(RecoveryWord::Rows),
        option::of(server()).prop_map(|after| RecoveryWord::BelowAsk { after }),
        below.prop_map(|(after, servers, more)| RecoveryWord::Below { after, servers, more }),
        vec(any_serial(), 0..6).prop_map(|serials| RecoveryWord::Registered { serials }),
    ]
    .boxed()
}
