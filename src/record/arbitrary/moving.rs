//! Arbitrary words about devices that move.

use crate::model::moving::{Goal, MoveAnswer, MoveAsk, MovingCommand, OpenMove, Reached, Sought};
use crate::record::arbitrary::outside::any_mac;
use crate::record::arbitrary::{device_number, number, server};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub fn goal() -> BoxedStrategy<Goal> {
    (server(), option::of(device_number())).prop_map(|(server, node)| Goal { server, node }).boxed()
}

pub fn open_move() -> BoxedStrategy<OpenMove> {
    (goal(), number()).prop_map(|(goal, number)| OpenMove { goal, number }).boxed()
}

pub fn command() -> BoxedStrategy<MovingCommand> {
    prop_oneof![
        (device_number(), goal()).prop_map(|(device, goal)| MovingCommand::Begin { device, goal }),
        device_number().prop_map(|device| MovingCommand::Cancel { device }),
        (device_number(), number(), device_number())
            .prop_map(|(device, number, node)| MovingCommand::Reached { device, number, node }),
    ]
    .boxed()
}

pub fn ask() -> BoxedStrategy<MoveAsk> {
    let row = (device_number(), number());
    let sought = (number(), row, vec(any_mac(), 0..4), option::of(device_number()));
    let sought = sought.prop_map(|(number, (device, version), macs, node)| Sought {
        number,
        device,
        version,
        macs,
        node,
    });
    let names = (any::<u64>(), any::<u64>(), server());
    (names, device_number(), vec(sought, 0..6))
        .prop_map(|(names, after, sought)| {
            let (ticket, incarnation, server) = names;
            MoveAsk { ticket, incarnation, server, after, sought }
        })
        .boxed()
}

pub fn answer() -> BoxedStrategy<MoveAnswer> {
    let one = || (number(), device_number()).prop_map(|(number, node)| Reached { number, node });
    let next = option::of(device_number());
    let lists = (vec(one(), 0..6), vec(one(), 0..6));
    (any::<u64>(), server(), any::<bool>(), next, lists)
        .prop_map(|(ticket, server, known, next, (reached, missing))| MoveAnswer {
            ticket,
            server,
            known,
            next,
            reached,
            missing,
        })
        .boxed()
}
