//! Arbitrary commands, and what only they hold.

use crate::model::command::{BookWishes, Command, CommandBatch, Founding, SetHolding};
use crate::model::holding::Role;
use crate::record::arbitrary::outside::{any_found, any_license, any_serial};
use crate::record::arbitrary::{
    attach_id, count, data_set, device_number, device_numbers, edge_report, edges, level, levels,
    number, option, pack, product, reconcile, report, route, seen_time, server, table, text,
    timestamp, verdicts, wishes,
};
use crate::record::arbitrary::{enrolment, recovery};
use crate::record::sample::named;
use proptest::collection::vec;
use proptest::prelude::*;

pub fn batch() -> BoxedStrategy<CommandBatch> {
    (timestamp(), vec(command(), 0..6))
        .prop_map(|(at, commands)| CommandBatch { at, commands })
        .boxed()
}

pub fn command() -> BoxedStrategy<Command> {
    let recovery = recovery::command().prop_map(Command::Recovery);
    prop_oneof![
        attaching(),
        using(),
        moving(),
        finding(),
        standing(),
        enrolment::command(),
        recovery
    ]
    .boxed()
}

pub fn founding() -> BoxedStrategy<Founding> {
    let role = prop_oneof![Just(Role::Primary), Just(Role::Relay)];
    let all = (server(), server(), role, any::<u64>());
    all.prop_map(|(tree, name, role, incarnation)| Founding {
        tree: named(tree.as_str()),
        name,
        role,
        incarnation,
    })
    .boxed()
}

fn standing() -> BoxedStrategy<Command> {
    let change = (server(), product(), option(), count(), any::<bool>());
    let change = change.prop_map(|(relay, product, option, target, forced)| {
        Command::SetHolding(SetHolding { relay, product, option, target, forced })
    });
    let meet = (server(), server(), any::<u64>(), number());
    prop_oneof![
        founding().prop_map(Command::Found),
        any_license().prop_map(Command::RegisterLicense),
        any_serial().prop_map(Command::ExpireLicense),
        (seen_time(), timestamp()).prop_map(|(seen, wall)| Command::SeeTime { seen, wall }),
        (text(), text()).prop_map(|(kind, text)| Command::Note { kind, text }),
        change,
        meet.prop_map(|(name, parent, incarnation, enrolment)| {
            Command::MeetServer { name, parent, incarnation, enrolment }
        }),
        (any_serial(), server()).prop_map(|(serial, by)| Command::ClaimSerial { serial, by }),
    ]
    .boxed()
}

fn attaching() -> BoxedStrategy<Command> {
    let attach = (server(), any::<u64>(), attach_id(), data_set(), edges());
    let book = (server(), attach_id(), product(), edge_report());
    let attached = (any::<u64>(), attach_id(), levels(), number());
    let level = (attach_id(), product(), level());
    prop_oneof![
        attach.prop_map(|(relay, nonce, attach, data, edges)| Command::Attach {
            relay,
            nonce,
            attach,
            data,
            edges
        }),
        book.prop_map(|(relay, attach, product, report)| {
            Command::BookEdge { relay, attach, product, report }
        }),
        any::<u64>().prop_map(|nonce| Command::Fence { nonce }),
        attached.prop_map(|(nonce, attach, levels, generation)| {
            Command::Attached { nonce, attach, levels, generation }
        }),
        level.prop_map(|(attach, product, level)| Command::TakeLevel { attach, product, level }),
    ]
    .boxed()
}

fn using() -> BoxedStrategy<Command> {
    let book = (product(), server(), route(), number(), wishes(), any::<bool>());
    let settle = (product(), verdicts(), any::<bool>());
    prop_oneof![
        book.prop_map(|(product, origin, route, floor, wishes, no_room)| {
            Command::BookWishes(BookWishes { product, origin, route, floor, wishes, no_room })
        }),
        settle.prop_map(|(product, verdicts, told)| Command::Settle { product, verdicts, told }),
    ]
    .boxed()
}

fn moving() -> BoxedStrategy<Command> {
    let hand_over = (product(), server(), route(), number());
    let booked = (product(), server(), number());
    prop_oneof![
        hand_over.prop_map(|(product, relay, route, cycle)| {
            Command::HandOver { product, relay, route, cycle }
        }),
        pack().prop_map(Command::BookHandover),
        booked.prop_map(|(product, relay, cycle)| {
            Command::HandoverBooked { product, relay, cycle }
        }),
        (pack(), route()).prop_map(|(pack, route)| Command::BookYield { pack, route }),
        (product(), number()).prop_map(|(product, cycle)| Command::YieldBooked { product, cycle }),
    ]
    .boxed()
}

fn finding() -> BoxedStrategy<Command> {
    let manage = (device_numbers(), product());
    prop_oneof![
        vec(any_found(), 0..6).prop_map(|found| Command::Discover { found }),
        manage.prop_map(|(devices, product)| Command::Manage { devices, product }),
        device_numbers().prop_map(|devices| Command::Ignore { devices }),
        device_numbers().prop_map(|devices| Command::Delete { devices }),
        (device_number(), device_numbers())
            .prop_map(|(keep, others)| Command::Unite { keep, others }),
        report().prop_map(Command::Merge),
        super::moving::command().prop_map(Command::Moving),
        reconcile().prop_map(Command::Refill),
        (table(), number()).prop_map(|(table, upto)| Command::ForgetGone { table, upto }),
    ]
    .boxed()
}
