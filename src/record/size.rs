//! How large a command is in the log, without writing it.

use crate::model::account::{Account, Pack};
use crate::model::command::Command;
use crate::model::device::Device;
use crate::model::enrolment::{EnrolmentCommand, Issued, SealedTrust};
use crate::model::moving::MovingCommand;
use crate::model::name::{ProductName, ServerName};
use crate::model::reconcile::{BUCKETS, Compared, Reconcile};
use crate::model::recovery::RecoveryCommand;
use crate::model::report::{ReportRow, RowBody, RowName};
use crate::record::column::columns_len;
use crate::record::name::route_len;
use crate::record::outside::serial_text;
use std::net::IpAddr;

/// The keys, lengths and numbers of one command or of one item of a list, at most.
const FRAME_LEN_MAX: usize = 128;

/// The bytes of this command in a log entry: never fewer than [`super::encode_batch`] writes for
/// it, and at most about a hundred more for it and for each item that is not a wish, a verdict or
/// a number. To limit an entry by; it costs little more than walking the command.
pub fn command_len(command: &Command) -> usize {
    let rest = match command {
        Command::Found(founding) => founding.tree.as_str().len() + founding.name.as_str().len(),
        Command::RegisterLicense(license) => {
            let texts = serial_text(&license.serial).len() + license.vendor.len();
            let tree = license.tree.as_ref().map_or(0, |tree| tree.as_str().len());
            let server = license.server.as_ref().map_or(0, server_len);
            texts + license.note.len() + product_len(&license.product) + tree + server
        }
        Command::ExpireLicense(serial) => serial_text(serial).len(),
        Command::SetHolding(change) => server_len(&change.relay) + product_len(&change.product),
        Command::MeetServer { name, parent, .. } => server_len(name) + server_len(parent),
        Command::Attach { relay, data, edges, .. } => {
            let names = named_len(edges.iter().map(|(product, _)| product));
            server_len(relay) + data.formers.len() * 8 + names
        }
        Command::BookEdge { relay, product, .. } => server_len(relay) + product_len(product),
        Command::Attached { levels, .. } => named_len(levels.iter().map(|(product, _)| product)),
        Command::TakeLevel { product, .. } => product_len(product),
        Command::BookWishes(book) => {
            let names = product_len(&book.product) + server_len(&book.origin);
            let wishes = book.wishes.iter().map(|wish| (wish.device.0, wish.number));
            names + route_len(&book.route) + columns_len(wishes)
        }
        Command::Settle { product, verdicts, .. } => {
            let verdicts = verdicts.iter().map(|verdict| (verdict.device.0, verdict.number));
            product_len(product) + columns_len(verdicts)
        }
        Command::HandOver { product, relay, route, .. } => {
            product_len(product) + server_len(relay) + route_len(route)
        }
        Command::BookHandover(pack) => pack_len(pack),
        Command::HandoverBooked { product, relay, .. } => product_len(product) + server_len(relay),
        Command::BookYield { pack, route } => pack_len(pack) + route_len(route),
        Command::YieldBooked { product, .. } => product_len(product),
        Command::Discover { found } => {
            let found = found.iter();
            found.map(|found| seen_len(&found.addresses, found.host_name.as_ref())).sum()
        }
        Command::Manage { devices, product } => product_len(product) + devices.len() * 10,
        Command::Ignore { devices }
        | Command::Delete { devices }
        | Command::Unite { others: devices, .. } => devices.len() * 10,
        Command::Moving(MovingCommand::Begin { goal, .. }) => server_len(&goal.server),
        Command::Merge(batch) => {
            server_len(&batch.stream.origin) + batch.rows.iter().map(row_len).sum::<usize>()
        }
        Command::Refill(word) => reconcile_len(word),
        Command::Recovery(command) => recovery_len(command),
        Command::Enrolment(command) => enrolment_len(command),
        Command::Note { kind, text } => kind.len() + text.len(),
        Command::ClaimSerial { serial, by } => serial_text(serial).len() + server_len(by),
        Command::Fence { .. } | Command::ForgetGone { .. } | Command::Moving(_) => 0,
        Command::SeeTime { .. } => 0,
    };
    FRAME_LEN_MAX + rest
}

fn recovery_len(command: &RecoveryCommand) -> usize {
    match command {
        RecoveryCommand::Begin { why, .. } => why.len() + 16,
        RecoveryCommand::Meet { name, parent, .. } => server_len(name) + server_len(parent) + 128,
        RecoveryCommand::Hold { product } => product_len(product) + 8,
        RecoveryCommand::Stated { .. } => 0,
        RecoveryCommand::TakeBack(back) => 64 + back.rows.iter().map(row_len).sum::<usize>(),
        RecoveryCommand::State { to, products, .. } => {
            let products = products.iter().map(|product| product_len(product) + 8);
            32 + to.as_ref().map_or(0, server_len) + products.sum::<usize>()
        }
        RecoveryCommand::Book { pack, route, .. } => 16 + pack_len(pack) + route_len(route),
        RecoveryCommand::End { missing } => {
            missing.iter().map(|server| server_len(server) + 8).sum::<usize>()
        }
    }
}

fn reconcile_len(word: &Reconcile) -> usize {
    let stream = server_len(&word.stream.origin);
    match &word.what {
        Compared::Refill(refill) => stream + 128 + refill.rows.iter().map(row_len).sum::<usize>(),
        Compared::Whole(_) | Compared::Buckets(_) => stream + 8 * BUCKETS,
    }
}

fn enrolment_len(command: &EnrolmentCommand) -> usize {
    let issued_len = |issued: &Issued| issued.certificate.len() + 64;
    let all_len = |many: &[Vec<u8>]| many.iter().map(|one| one.len() + 16).sum::<usize>();
    match command {
        EnrolmentCommand::Invite(invite) => {
            let certificate = invite.certificate.as_ref().map_or(0, Vec::len);
            server_len(&invite.name) + server_len(&invite.parent) + certificate + 128
        }
        EnrolmentCommand::Enroll { issued, reply, .. } => {
            issued_len(issued) + server_len(&reply.server)
        }
        EnrolmentCommand::Renewed { name, issued, reply, .. } => {
            issued_len(issued) + server_len(&reply.server) + server_len(name)
        }
        EnrolmentCommand::Await { reply, .. } => server_len(&reply.server) + 64,
        EnrolmentCommand::Remove { name, .. } | EnrolmentCommand::Lose { name } => server_len(name),
        EnrolmentCommand::Trust(SealedTrust { trust, seal }) => {
            let denied = trust.denied.keys().map(|name| server_len(name) + 50);
            seal.len() + all_len(&trust.authorities) + denied.sum::<usize>()
        }
        EnrolmentCommand::Authorities { authorities, .. } => all_len(authorities),
        EnrolmentCommand::Entitle { name, title } => server_len(name) + title.len(),
        EnrolmentCommand::Uninvite(_)
        | EnrolmentCommand::Fail(_)
        | EnrolmentCommand::Approve(_) => 16,
    }
}

fn product_len(product: &ProductName) -> usize {
    product.as_str().len()
}

fn server_len(server: &ServerName) -> usize {
    server.as_str().len()
}

fn named_len<'a>(products: impl Iterator<Item = &'a ProductName>) -> usize {
    products.map(|product| FRAME_LEN_MAX + product_len(product)).sum()
}

fn pack_len(pack: &Pack) -> usize {
    let names = product_len(&pack.product) + server_len(&pack.giver) + server_len(&pack.relay);
    let accounts: usize = pack.accounts.iter().map(account_len).sum();
    let below = pack.below.iter();
    let below = below.map(|b| FRAME_LEN_MAX + server_len(&b.relay) + route_len(&b.route));
    names + accounts + below.sum::<usize>()
}

fn account_len(account: &Account) -> usize {
    let entries = account.entries.iter().map(|(device, entry)| (device.0, entry.number));
    let names = server_len(&account.origin) + route_len(&account.route);
    FRAME_LEN_MAX + names + columns_len(entries)
}

fn row_len(row: &ReportRow) -> usize {
    let name = match &row.name {
        RowName::Product(product) => product_len(product),
        RowName::Device(_) => 0,
    };
    let body = match &row.body {
        RowBody::Device(device) => device_len(device),
        RowBody::Figures(_) | RowBody::Seen(_) | RowBody::Gone => FRAME_LEN_MAX,
    };
    name + body + 16
}

fn device_len(device: &Device) -> usize {
    let product = device.product.as_ref().map_or(0, product_len);
    let lists = device.other_macs.len() * 6 + device.history.len() * 9;
    let goal = device.goal.as_ref().map_or(0, |goal| server_len(&goal.server) + 16);
    seen_len(&device.addresses, device.host_name.as_ref()) + product + goal + lists
}

fn seen_len(addresses: &[IpAddr], host_name: Option<&String>) -> usize {
    FRAME_LEN_MAX + addresses.len() * 17 + host_name.map_or(0, String::len)
}
