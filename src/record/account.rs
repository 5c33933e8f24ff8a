//! Forms of wishes, verdicts, accounts, and packs of accounts.

use crate::model::account::{
    Account, Below, Entry, Pack, PackPart, Verdict, Want, Wish, WishVerdict,
};
use crate::model::device::DeviceNumber;
use crate::model::name::ProductName;
use crate::record::column::{ColumnsForm, columns, read_columns};
use crate::record::error::RecordError;
use crate::record::form::{Form, list, need, read_list};
use crate::record::name::{name, route, route_text};
use crate::record::room::{Part, Room};
use prost::Message;
use std::collections::BTreeMap;

/// Wishes by columns.
pub fn wishes_form(wishes: &[Wish]) -> ColumnsForm {
    columns(wishes.iter().map(|wish| (wish.device.0, wish.number, wish.want)))
}

/// The wishes of columns; none where there are no columns.
pub fn wishes(form: Option<ColumnsForm>, room: &mut Room) -> Result<Vec<Wish>, RecordError> {
    let wish = |device, number, want: Want| Wish { device: DeviceNumber(device), number, want };
    read_columns("wishes", &form.unwrap_or_default(), (Part::Wishes, room), wish)
}

/// Verdicts by columns.
pub fn verdicts_form(verdicts: &[WishVerdict]) -> ColumnsForm {
    columns(verdicts.iter().map(|verdict| (verdict.device.0, verdict.number, verdict.verdict)))
}

/// The verdicts of columns; none where there are no columns.
pub fn verdicts(
    form: Option<ColumnsForm>,
    room: &mut Room,
) -> Result<Vec<WishVerdict>, RecordError> {
    let verdict = |device, number, verdict: Verdict| {
        let device = DeviceNumber(device);
        WishVerdict { device, number, verdict }
    };
    read_columns("verdicts", &form.unwrap_or_default(), (Part::Wishes, room), verdict)
}

fn entries_form(entries: &BTreeMap<DeviceNumber, Entry>) -> ColumnsForm {
    columns(entries.iter().map(|(device, entry)| (device.0, entry.number, entry.verdict)))
}

fn entries(
    form: Option<ColumnsForm>,
    room: &mut Room,
) -> Result<BTreeMap<DeviceNumber, Entry>, RecordError> {
    let what = "the entries of an account";
    let entry =
        |device, number, verdict: Verdict| (DeviceNumber(device), Entry { number, verdict });
    let entries = read_columns(what, &form.unwrap_or_default(), (Part::Entries, room), entry)?;
    // They were written in the order of their devices; anything else was not written by us.
    match entries.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        Some(pair) => Err(RecordError::Order { what, device: pair[1].0.0 }),
        None => Ok(entries.into_iter().collect()),
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct AccountForm {
    #[prost(string, tag = "1")]
    origin: String,
    #[prost(string, tag = "2")]
    route: String,
    #[prost(uint64, tag = "3")]
    floor: u64,
    #[prost(message, optional, tag = "4")]
    entries: Option<ColumnsForm>,
    #[prost(uint64, tag = "5")]
    stated: u64,
}

impl AccountForm {
    /// The account without its entries.
    pub fn head(account: &Account) -> AccountForm {
        AccountForm {
            origin: account.origin.to_string(),
            route: route_text(&account.route),
            floor: account.floor,
            stated: account.stated,
            entries: None,
        }
    }
}

impl Form for AccountForm {
    type Value = Account;
    const WHAT: &'static str = "an account";

    fn of(account: &Account) -> Self {
        let head = AccountForm::head(account);
        match account.entries.is_empty() {
            true => head,
            false => AccountForm { entries: Some(entries_form(&account.entries)), ..head },
        }
    }

    fn value(self, room: &mut Room) -> Result<Account, RecordError> {
        Ok(Account {
            origin: name(Self::WHAT, &self.origin)?,
            route: route(Self::WHAT, &self.route, room)?,
            floor: self.floor,
            stated: self.stated,
            entries: entries(self.entries, room)?,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct BelowForm {
    #[prost(string, tag = "1")]
    relay: String,
    #[prost(string, tag = "2")]
    route: String,
    #[prost(uint64, tag = "3")]
    cycle: u64,
    #[prost(bool, tag = "4")]
    out: bool,
}

impl Form for BelowForm {
    type Value = Below;
    const WHAT: &'static str = "a lower holder";

    fn of(below: &Below) -> Self {
        BelowForm {
            relay: below.relay.to_string(),
            route: route_text(&below.route),
            cycle: below.cycle,
            out: below.out,
        }
    }

    fn value(self, room: &mut Room) -> Result<Below, RecordError> {
        Ok(Below {
            relay: name(Self::WHAT, &self.relay)?,
            route: route(Self::WHAT, &self.route, room)?,
            cycle: self.cycle,
            out: self.out,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct PackForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(string, tag = "2")]
    giver: String,
    #[prost(string, tag = "3")]
    relay: String,
    #[prost(uint64, tag = "4")]
    cycle: u64,
    /// A list of [`AccountForm`].
    #[prost(bytes = "vec", tag = "5")]
    accounts: Vec<u8>,
    /// A list of [`BelowForm`].
    #[prost(bytes = "vec", tag = "6")]
    below: Vec<u8>,
}

impl Form for PackForm {
    type Value = Pack;
    const WHAT: &'static str = "a pack of accounts";

    fn of(pack: &Pack) -> Self {
        PackForm {
            product: pack.product.to_string(),
            giver: pack.giver.to_string(),
            relay: pack.relay.to_string(),
            cycle: pack.cycle,
            accounts: list::<AccountForm>(&pack.accounts),
            below: list::<BelowForm>(&pack.below),
        }
    }

    fn value(self, room: &mut Room) -> Result<Pack, RecordError> {
        Ok(Pack {
            product: name(Self::WHAT, &self.product)?,
            giver: name(Self::WHAT, &self.giver)?,
            relay: name(Self::WHAT, &self.relay)?,
            cycle: self.cycle,
            accounts: read_list::<AccountForm>(&self.accounts, Part::Accounts, room)?,
            below: read_list::<BelowForm>(&self.below, Part::Lower, room)?,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct PackPartForm {
    #[prost(uint32, tag = "1")]
    part: u32,
    #[prost(uint32, tag = "2")]
    parts: u32,
    #[prost(message, optional, tag = "3")]
    piece: Option<PackForm>,
}

impl Form for PackPartForm {
    type Value = PackPart;
    const WHAT: &'static str = "a part of a pack";

    fn of(part: &PackPart) -> Self {
        PackPartForm { part: part.part, parts: part.parts, piece: Some(PackForm::of(&part.piece)) }
    }

    fn value(self, room: &mut Room) -> Result<PackPart, RecordError> {
        let piece = need(Self::WHAT, self.piece, room)?;
        Ok(PackPart { part: self.part, parts: self.parts, piece })
    }
}

/// A turn of a relay as a holder of a product.
#[derive(Clone, PartialEq, Message)]
pub struct CycleForm {
    #[prost(string, tag = "1")]
    product: String,
    #[prost(uint64, tag = "2")]
    cycle: u64,
}

impl CycleForm {
    pub fn of(product: &ProductName, cycle: u64) -> CycleForm {
        CycleForm { product: product.to_string(), cycle }
    }

    pub fn value(self) -> Result<(ProductName, u64), RecordError> {
        Ok((name("the turn of a holder", &self.product)?, self.cycle))
    }
}
