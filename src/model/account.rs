//! The uses of one managing source, as the ledger of its range keeps them.
//!
//! An account is the unit that moves between ledgers: it stands in exactly one ledger or in exactly
//! one outbox (I12). Everything in it is keyed and numbered, so every repeat does nothing.

use super::device::DeviceNumber;
use super::name::{ProductName, ServerName};
use std::collections::BTreeMap;

/// The number of one wish of a managing source; rises with every wish it ever makes.
pub type WishNumber = u64;

/// What a managing source wants for one of its devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// One license for this device.
    Manage,
    /// The device is no longer managed; its license may be used again.
    Release,
}

/// One wish: durable at the managing source, repeated until a verdict with its number comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    pub device: DeviceNumber,
    pub number: WishNumber,
    pub want: Want,
}

/// What the range's source decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Granted,
    /// The range had no license left.
    RangeFull,
    Released,
    /// The disk of the range's source had no room for one more use.
    NoRoom,
}

/// The answer to the wish of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WishVerdict {
    pub device: DeviceNumber,
    pub number: WishNumber,
    pub verdict: Verdict,
}

/// The latest decision on one device. Only `Granted` is a use; the others remember what was
/// answered until the managing source says that it knows ([`Account::floor`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub number: WishNumber,
    pub verdict: Verdict,
}

/// Everything the ledger knows of one managing source for one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The managing source.
    pub origin: ServerName,
    /// The servers its wishes pass on their way up, itself first, the holder excluded.
    pub route: Vec<ServerName>,
    /// Wishes numbered below are settled at the managing source; their late copies are ignored.
    pub floor: WishNumber,
    /// What was decided on earlier wishes and stands not in the entries is void: the managing
    /// source stated anew what it uses, and gave that statement this number.
    pub stated: WishNumber,
    pub entries: BTreeMap<DeviceNumber, Entry>,
}

impl Account {
    /// How many licenses it uses.
    pub fn used(&self) -> u64 {
        self.entries.values().filter(|e| e.verdict == Verdict::Granted).count() as u64
    }
}

/// What a holder knows of a lower relay that took its own uses out of this ledger once.
///
/// `cycle` numbers the relay's turns as a holder; with it every repeat of a take-over or of a
/// yield is recognised, whichever ledger it reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    pub relay: ServerName,
    pub route: Vec<ServerName>,
    pub cycle: u64,
    /// It holds now: what comes through it is not for this ledger.
    pub out: bool,
}

impl Below {
    /// Whether it stands where the other did before: in a later turn, or in the same one, which it
    /// has given back since.
    pub fn is_newer_than(&self, other: &Below) -> bool {
        (self.cycle, !self.out) > (other.cycle, !other.out)
    }
}

/// Accounts on their way from one ledger to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    pub product: ProductName,
    /// The server that gives.
    pub giver: ServerName,
    /// The relay whose turn this is: the taker of a handover, the giver of a yield.
    pub relay: ServerName,
    pub cycle: u64,
    pub accounts: Vec<Account>,
    pub below: Vec<Below>,
}

/// One of the letters a pack is cut into. Put together again, they are the pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackPart {
    /// From 0.
    pub part: u32,
    pub parts: u32,
    /// Some of the accounts, or some entries of an account.
    pub piece: Pack,
}
