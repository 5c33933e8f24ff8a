//! The only place where a use is counted.
//!
//! A ledger belongs to one holder and one product. Invariants:
//! - own = registered + granted_seen − returned − given to relays (I2); `Balance` computes it.
//! - used = the granted entries of all accounts, kept beside them and checked against them.
//! - **No grant while used ≥ own** (I11): a shortage heals, it never deepens by a grant.
//! - A wish is decided once: its number is remembered until the managing source says that it has
//!   the verdict, and what is older than that is not heard any more.

use crate::model::account::{
    Account, Below, Entry, Pack, Verdict, Want, Wish, WishNumber, WishVerdict,
};
use crate::model::device::DeviceNumber;
use crate::model::name::ServerName;
use std::collections::{BTreeMap, BTreeSet};

/// What a holder has, before uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    pub own: u64,
    /// More is given away than there is: a license expired. Own is zero then.
    pub deficit: u64,
}

impl Balance {
    /// `arrived`: registered and received; `given`: to relays and not back.
    pub fn of(arrived: u64, given: u64) -> Balance {
        Balance { own: arrived.saturating_sub(given), deficit: given.saturating_sub(arrived) }
    }
}

/// One account with what is derived from it.
#[derive(Clone, Debug)]
struct Kept {
    account: Account,
    used: u64,
    /// Entries that are not uses, by wish number: to be forgotten when the floor passes them.
    answered: BTreeMap<WishNumber, DeviceNumber>,
}

#[derive(Clone, Debug, Default)]
pub struct Ledger {
    accounts: BTreeMap<ServerName, Kept>,
    used: u64,
    /// Relays that took their uses out of this ledger at some time.
    pub below: BTreeMap<ServerName, Below>,
    /// Accounts that left and are not yet known to be booked, by the relay whose turn it is.
    pub outbox: BTreeMap<ServerName, Pack>,
    /// Counted from the licenses and edges by `State`.
    pub registered: u64,
    pub given: u64,
    /// What relays are meant to hold by distribution and were not given yet.
    pub lacking: u64,
}

/// What a wish did to the ledger, for the checkpoint.
pub struct Booked {
    pub verdicts: Vec<WishVerdict>,
    /// Entries that changed or went.
    pub entries: Vec<DeviceNumber>,
    /// Route or floor changed, or the account is new.
    pub head: bool,
}

impl Ledger {
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The entries of one managing source, answers that it may still ask for included.
    pub fn entries_of(&self, origin: &ServerName) -> usize {
        self.accounts.get(origin).map_or(0, |kept| kept.account.entries.len())
    }

    /// The uses of one managing source.
    pub fn used_by(&self, origin: &ServerName) -> u64 {
        self.accounts.get(origin).map_or(0, |kept| kept.used)
    }

    /// The managing sources with an account here, with the way their wishes come and their uses.
    pub fn accounts(&self) -> impl Iterator<Item = (&Account, u64)> {
        self.accounts.values().map(|kept| (&kept.account, kept.used))
    }

    /// The way that the wishes of a managing source come, or a relay that took its uses out.
    pub fn route_of(&self, server: &ServerName) -> Option<&[ServerName]> {
        let account = self.accounts.get(server).map(|kept| &kept.account.route);
        account.or(self.below.get(server).map(|below| &below.route)).map(Vec::as_slice)
    }

    pub fn account_head(&self, origin: &ServerName) -> Option<Account> {
        let Account { origin, route, floor, stated, .. } = &self.accounts.get(origin)?.account;
        Some(Account {
            origin: origin.clone(),
            route: route.clone(),
            floor: *floor,
            stated: *stated,
            entries: BTreeMap::new(),
        })
    }

    pub fn entry(&self, origin: &ServerName, device: DeviceNumber) -> Option<Entry> {
        self.accounts.get(origin)?.account.entries.get(&device).copied()
    }

    /// Whether what came this way belongs to another ledger: a relay on it holds.
    pub fn is_cut(&self, route: &[ServerName]) -> bool {
        route.iter().any(|server| self.below.get(server).is_some_and(|below| below.out))
    }

    /// A word of a server came this way: what comes through it comes this way from now on, as it
    /// may have moved with all below it. Whose accounts, and which relays, that concerns.
    pub fn reroute(&mut self, route: &[ServerName]) -> (Vec<ServerName>, Vec<ServerName>) {
        let Some((server, above)) = route.split_first() else { return Default::default() };
        let moves = |way: &mut Vec<ServerName>| {
            let Some(at) = way.iter().position(|passed| passed == server) else { return false };
            let moves = way[at + 1..] != *above;
            if moves {
                way.truncate(at + 1);
                way.extend_from_slice(above);
            }
            moves
        };
        let accounts = self.accounts.values_mut().map(|kept| &mut kept.account);
        let accounts = accounts.filter_map(|a| moves(&mut a.route).then(|| a.origin.clone()));
        let accounts = accounts.collect();
        let below = self.below.values_mut();
        let below = below.filter_map(|b| moves(&mut b.route).then(|| b.relay.clone()));
        (accounts, below.collect())
    }

    /// Decides the wishes of one managing source against this many own licenses; without, nothing
    /// more is granted, because there is no room to keep it.
    pub fn book(
        &mut self,
        own: Option<u64>,
        origin: &ServerName,
        route: &[ServerName],
        floor: WishNumber,
        wishes: &[Wish],
    ) -> Booked {
        let head = self.open_account(origin, route);
        let mut booked = Booked { verdicts: Vec::new(), entries: Vec::new(), head };
        let kept = self.accounts.get_mut(origin).expect("it was opened just above");
        booked.head |= kept.raise_floor(floor, &mut booked.entries);
        for wish in wishes {
            let Some((verdict, changed)) = kept.decide(wish, &mut self.used, own) else { continue };
            booked.verdicts.push(WishVerdict { device: wish.device, number: wish.number, verdict });
            if changed {
                booked.entries.push(wish.device);
            }
        }
        booked
    }

    fn open_account(&mut self, origin: &ServerName, route: &[ServerName]) -> bool {
        match self.accounts.get_mut(origin) {
            Some(kept) if kept.account.route == route => false,
            Some(kept) => {
                kept.account.route = route.to_vec();
                true
            }
            None => {
                let account = Account {
                    origin: origin.clone(),
                    route: route.to_vec(),
                    floor: 0,
                    stated: 0,
                    entries: BTreeMap::new(),
                };
                self.put(account);
                true
            }
        }
    }

    /// Takes an account in. Uses that arrive are facts; where there is one of the same managing
    /// source (it asked here by another way meanwhile), both become one, and of each device the
    /// newer entry counts, so that no use counts twice (I12). What is older than a statement of the
    /// managing source and not in it is void; those whose entries went because of that.
    pub fn put(&mut self, account: Account) -> Vec<DeviceNumber> {
        let Some(mut kept) = self.accounts.remove(&account.origin) else {
            let kept = Kept::of(account);
            self.used += kept.used;
            self.accounts.insert(kept.account.origin.clone(), kept);
            return Vec::new();
        };
        // A copy of a statement that is known brings nothing back that was released since.
        let anew = account.stated > kept.account.stated;
        if anew && !account.route.is_empty() {
            // It may have moved since.
            kept.account.route.clone_from(&account.route);
        }
        let mut void = kept.state_anew(&account, &mut self.used);
        for (device, entry) in &account.entries {
            let newer = match kept.account.entries.get(device) {
                Some(known) => known.number < entry.number,
                None => anew || entry.number > kept.account.stated,
            };
            if newer {
                kept.enter(*device, *entry, &mut self.used);
            }
        }
        kept.raise_floor(account.floor, &mut void);
        self.accounts.insert(account.origin, kept);
        void
    }

    /// Takes every account out that comes through this relay; what they used is free here.
    pub fn take_through(&mut self, relay: &ServerName) -> Vec<Account> {
        self.take_where(|account| account.route.contains(relay))
    }

    /// Takes every account out that comes through a relay by this way from it.
    pub fn take_by_way(&mut self, way: &[ServerName]) -> Vec<Account> {
        self.take_where(|account| account.route.ends_with(way))
    }

    fn take_where(&mut self, is_meant: impl Fn(&Account) -> bool) -> Vec<Account> {
        let accounts = self.accounts.values().map(|kept| &kept.account);
        let meant = accounts.filter(|account| is_meant(account));
        let origins: Vec<ServerName> = meant.map(|account| account.origin.clone()).collect();
        origins.iter().filter_map(|origin| self.take(origin)).collect()
    }

    /// Takes every account out.
    pub fn take_all(&mut self) -> Vec<Account> {
        self.used = 0;
        std::mem::take(&mut self.accounts).into_values().map(|kept| kept.account).collect()
    }

    pub fn take(&mut self, origin: &ServerName) -> Option<Account> {
        let kept = self.accounts.remove(origin)?;
        self.used -= kept.used;
        Some(kept.account)
    }

    /// Uses of the managing sources whose wishes come through this relay.
    pub fn used_through(&self, relay: &ServerName) -> u64 {
        let through = self.accounts.values().filter(|kept| kept.account.route.contains(relay));
        through.map(|kept| kept.used).sum()
    }

    /// The same of all that comes through any of these relays, each use once.
    pub fn used_through_any(&self, relays: &BTreeSet<ServerName>) -> u64 {
        let through = |kept: &&Kept| kept.account.route.iter().any(|relay| relays.contains(relay));
        self.accounts.values().filter(through).map(|kept| kept.used).sum()
    }

    /// Forgets everything but keeps what belongs to the counts; for a server that shares now.
    pub fn load_head(&mut self, head: Account) {
        match self.accounts.get_mut(&head.origin) {
            Some(kept) => {
                kept.account.route = head.route;
                kept.account.floor = head.floor;
                kept.account.stated = head.stated;
            }
            None => drop(self.put(head)),
        }
    }

    pub fn load_entry(&mut self, origin: &ServerName, device: DeviceNumber, entry: Entry) {
        if !self.accounts.contains_key(origin) {
            let (origin, route) = (origin.clone(), Vec::new());
            self.put(Account { origin, route, floor: 0, stated: 0, entries: BTreeMap::new() });
        }
        if let Some(kept) = self.accounts.get_mut(origin) {
            kept.enter(device, entry, &mut self.used);
        }
    }

    /// Counts again from the entries; for the checks.
    pub fn used_counted(&self) -> u64 {
        self.accounts.values().map(|kept| kept.account.used()).sum()
    }
}

impl Kept {
    fn of(account: Account) -> Kept {
        let used = account.used();
        let answered = account.entries.iter().filter(|(_, e)| e.verdict != Verdict::Granted);
        let answered = answered.map(|(device, e)| (e.number, *device)).collect();
        Kept { account, used, answered }
    }

    /// The verdict on a wish and whether anything changed; `None` for a late copy.
    fn decide(&mut self, wish: &Wish, used: &mut u64, own: Option<u64>) -> Option<(Verdict, bool)> {
        let known = self.account.entries.get(&wish.device).copied();
        match known {
            Some(entry) if entry.number == wish.number => return Some((entry.verdict, false)),
            Some(entry) if entry.number > wish.number => return None,
            _ if wish.number < self.account.floor => return None,
            _ => {}
        }
        let uses = known.is_some_and(|entry| entry.verdict == Verdict::Granted);
        let verdict = match wish.want {
            Want::Release => Verdict::Released,
            Want::Manage if uses => Verdict::Granted,
            Want::Manage => match own {
                None => Verdict::NoRoom,
                Some(own) if room(own, *used) => Verdict::Granted,
                Some(_) => Verdict::RangeFull,
            },
        };
        self.enter(wish.device, Entry { number: wish.number, verdict }, used);
        Some((verdict, true))
    }

    fn enter(&mut self, device: DeviceNumber, entry: Entry, used: &mut u64) {
        if let Some(old) = self.account.entries.insert(device, entry) {
            self.uncount(&old, used);
        }
        if entry.verdict == Verdict::Granted {
            self.used += 1;
            *used += 1;
        } else {
            self.answered.insert(entry.number, device);
        }
    }

    /// Drops what a newer statement of the managing source does not name any more.
    fn state_anew(&mut self, account: &Account, used: &mut u64) -> Vec<DeviceNumber> {
        if account.stated <= self.account.stated {
            return Vec::new();
        }
        self.account.stated = account.stated;
        self.account.floor = self.account.floor.max(account.stated);
        let old = |(device, entry): &(&DeviceNumber, &Entry)| {
            entry.number < account.stated && !account.entries.contains_key(device)
        };
        let void: Vec<DeviceNumber> =
            self.account.entries.iter().filter(old).map(|(device, _)| *device).collect();
        for device in &void {
            if let Some(entry) = self.account.entries.remove(device) {
                self.uncount(&entry, used);
            }
        }
        void
    }

    fn uncount(&mut self, old: &Entry, used: &mut u64) {
        if old.verdict == Verdict::Granted {
            self.used -= 1;
            *used -= 1;
        } else {
            self.answered.remove(&old.number);
        }
    }

    /// Forgets answers that the managing source has. Whether the floor rose.
    fn raise_floor(&mut self, floor: WishNumber, gone: &mut Vec<DeviceNumber>) -> bool {
        if floor <= self.account.floor {
            return false;
        }
        self.account.floor = floor;
        let kept = self.answered.split_off(&floor);
        for device in std::mem::replace(&mut self.answered, kept).into_values() {
            self.account.entries.remove(&device);
            gone.push(device);
        }
        true
    }
}

/// Whether one more use fits (I11).
fn room(own: u64, used: u64) -> bool {
    used < own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ServerName {
        text.parse().unwrap()
    }

    fn wish(device: u64, number: u64, want: Want) -> Wish {
        Wish { device: DeviceNumber(device), number, want }
    }

    fn book(ledger: &mut Ledger, own: u64, floor: u64, w: Wish) -> Vec<Verdict> {
        let booked = ledger.book(Some(own), &name("e"), &[name("e")], floor, &[w]);
        booked.verdicts.iter().map(|v| v.verdict).collect()
    }

    #[test]
    fn a_statement_voids_what_it_does_not_name_and_its_copies_bring_nothing_back() {
        let mut ledger = Ledger::default();
        for device in 1..=3 {
            book(&mut ledger, 9, 0, wish(device, device, Want::Manage));
        }
        let entry = Entry { number: 10, verdict: Verdict::Granted };
        let stated = |devices: &[u64]| Account {
            origin: name("e"),
            route: vec![name("e")],
            floor: 10,
            stated: 10,
            entries: devices.iter().map(|device| (DeviceNumber(*device), entry)).collect(),
        };
        // It forgot the third, and has a fourth.
        let void = ledger.put(stated(&[1, 2, 4]));
        assert_eq!((void, ledger.used()), (vec![DeviceNumber(3)], 3));
        // A late copy of an older wish, a newer one, and the statement once more.
        book(&mut ledger, 9, 0, wish(3, 3, Want::Manage));
        book(&mut ledger, 9, 11, wish(4, 11, Want::Release));
        book(&mut ledger, 9, 12, wish(5, 12, Want::Manage));
        assert_eq!(ledger.used(), 3);
        ledger.put(stated(&[1, 2, 4]));
        assert_eq!((ledger.used(), ledger.used_counted()), (3, 3));
        assert_eq!(ledger.entry(&name("e"), DeviceNumber(4)), None);
    }

    /// A site that has asked here by another way before its account comes: found with a site that
    /// was moved, and its old holder's licenses withdrawn.
    #[test]
    fn an_account_that_is_here_already_becomes_one_with_what_comes() {
        let mut ledger = Ledger::default();
        assert_eq!(book(&mut ledger, 9, 1, wish(1, 5, Want::Manage)), [Verdict::Granted]);
        assert_eq!(book(&mut ledger, 9, 1, wish(2, 6, Want::Release)), [Verdict::Released]);
        let granted = |number| Entry { number, verdict: Verdict::Granted };
        let entries = [(1, granted(3)), (2, granted(4)), (7, granted(2))];
        ledger.put(Account {
            origin: name("e"),
            route: vec![name("e"), name("c")],
            stated: 0,
            floor: 0,
            entries: entries.map(|(device, entry)| (DeviceNumber(device), entry)).into(),
        });
        // Of each device the newer entry counts: 1 and 7 are used, 2 was released since.
        assert_eq!((ledger.used(), ledger.used_counted()), (2, 2));
    }

    #[test]
    fn a_full_range_refuses_and_a_released_license_is_free_at_once() {
        let mut ledger = Ledger::default();
        assert_eq!(book(&mut ledger, 1, 1, wish(1, 1, Want::Manage)), [Verdict::Granted]);
        assert_eq!(book(&mut ledger, 1, 1, wish(2, 2, Want::Manage)), [Verdict::RangeFull]);
        assert_eq!(book(&mut ledger, 1, 1, wish(1, 3, Want::Release)), [Verdict::Released]);
        assert_eq!(book(&mut ledger, 1, 1, wish(2, 4, Want::Manage)), [Verdict::Granted]);
        assert_eq!((ledger.used(), ledger.used_counted()), (1, 1));
    }

    #[test]
    fn a_repeat_gets_the_same_verdict_and_a_late_copy_gets_none() {
        let mut ledger = Ledger::default();
        let manage = wish(1, 1, Want::Manage);
        assert_eq!(book(&mut ledger, 5, 1, manage), [Verdict::Granted]);
        assert_eq!(book(&mut ledger, 5, 1, manage), [Verdict::Granted]);
        assert_eq!(book(&mut ledger, 5, 1, wish(1, 2, Want::Release)), [Verdict::Released]);
        assert_eq!(book(&mut ledger, 5, 1, manage), []);
        // The managing source knows the verdict on 2: the ledger forgets, and 1 stays unheard.
        assert_eq!(book(&mut ledger, 5, 3, manage), []);
        assert_eq!(ledger.entry(&name("e"), DeviceNumber(1)), None);
        assert_eq!(ledger.used(), 0);
    }

    #[test]
    fn a_shortage_never_deepens_by_a_grant() {
        let mut ledger = Ledger::default();
        for n in 1..=3 {
            book(&mut ledger, 3, 1, wish(n, n, Want::Manage));
        }
        assert_eq!(book(&mut ledger, 2, 1, wish(4, 4, Want::Manage)), [Verdict::RangeFull]);
        assert_eq!(book(&mut ledger, 2, 1, wish(1, 5, Want::Release)), [Verdict::Released]);
        assert_eq!(book(&mut ledger, 2, 1, wish(4, 6, Want::Manage)), [Verdict::RangeFull]);
    }
}
