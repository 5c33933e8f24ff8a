//! Puts rows together into machines, whatever file they came from.
//!
//! By the rule of the managing source (`engine::identities`), as far as one file goes: rows with
//! the same hardware address are one machine if it names one. Where it names none (containers,
//! virtual routers), the address says which machine it is, among those that are not named either.
//! A row without hardware address belongs to the machine that has its address.
//!
//! Invariant: a machine without a hardware address is the only one that has its addresses, so
//! `by_address` always finds it.

use crate::client::contract::ImportFormat;
use crate::edge::import::{Import, ImportError, ImportLimits, SkipReason, Skipped};
use crate::model::discovery::{Found, MacAddress};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// The longest host name taken, in bytes.
const HOST_NAME_LEN_MAX: usize = 255;

/// A machine so far.
struct Machine {
    /// Its place among all, by first appearance.
    place: usize,
    found: Found,
}

pub(super) struct Gather<'a> {
    limits: &'a ImportLimits,
    import: Import,
    /// `None` where a machine turned out to be another one.
    machines: Vec<Option<Machine>>,
    by_mac: BTreeMap<MacAddress, usize>,
    /// The first machine that has an address.
    by_address: BTreeMap<IpAddr, usize>,
    /// The first one of those with a hardware address that names none.
    nameless: BTreeMap<IpAddr, usize>,
    addresses: BTreeSet<(usize, IpAddr)>,
    names: u64,
    /// How many rows are listed for each reason.
    listed: BTreeMap<SkipReason, usize>,
    /// Rows that made sense, the incomplete and the multicast ones among them.
    understood: u64,
}

impl<'a> Gather<'a> {
    pub(super) fn new(format: ImportFormat, limits: &'a ImportLimits) -> Gather<'a> {
        let import = Import {
            format,
            found: Vec::new(),
            rows: 0,
            skipped: Vec::new(),
            skipped_total: 0,
            names_refused: 0,
            names_refused_at: Vec::new(),
        };
        Gather {
            limits,
            import,
            machines: Vec::new(),
            by_mac: BTreeMap::new(),
            by_address: BTreeMap::new(),
            nameless: BTreeMap::new(),
            addresses: BTreeSet::new(),
            names: 0,
            listed: BTreeMap::new(),
            understood: 0,
        }
    }

    /// One row or host; its name as the file spells it. The only failure: it is one too many.
    pub(super) fn take(
        &mut self,
        line: u64,
        row: Result<Found, SkipReason>,
    ) -> Result<(), ImportError> {
        if self.import.rows >= self.limits.rows_max {
            return Err(ImportError::TooManyRows { max: self.limits.rows_max });
        }
        self.import.rows += 1;
        match row.and_then(sensible) {
            Ok(row) => {
                self.understood += 1;
                self.merge(line, row);
            }
            Err(reason) => self.skip(line, reason),
        }
        Ok(())
    }

    /// Whether any row made sense.
    pub(super) fn has_understood(&self) -> bool {
        self.understood > 0
    }

    pub(super) fn finish(mut self) -> Import {
        let mut machines: Vec<Machine> = self.machines.into_iter().flatten().collect();
        machines.sort_by_key(|machine| machine.place);
        self.import.found = machines.into_iter().map(|machine| machine.found).collect();
        self.import
    }

    fn skip(&mut self, line: u64, reason: SkipReason) {
        self.import.skipped_total += 1;
        if self.import.skipped.len() < self.limits.skipped_listed_max || self.makes_room(reason) {
            self.import.skipped.push(Skipped { line, reason });
            *self.listed.entry(reason).or_default() += 1;
        }
        let nonsense =
            matches!(reason, SkipReason::Unreadable | SkipReason::TooLong | SkipReason::CutOff);
        if !nonsense {
            self.understood += 1;
        }
    }

    /// Takes a row off the list whose reason is listed most often, where this one is there less:
    /// hundreds of silent machines shall not hide the one row that cannot be read.
    fn makes_room(&mut self, reason: SkipReason) -> bool {
        let has = self.listed.get(&reason).copied().unwrap_or_default();
        let most = self.listed.iter().max_by_key(|(_, count)| **count);
        let Some((most, _)) = most.filter(|(_, count)| **count > has + 1) else { return false };
        let most = *most;
        let Some(at) = self.import.skipped.iter().rposition(|row| row.reason == most) else {
            return false;
        };
        self.import.skipped.remove(at);
        self.listed.entry(most).and_modify(|count| *count -= 1);
        true
    }

    fn merge(&mut self, line: u64, row: Found) {
        let at = self.machine_of(&row);
        let same: BTreeSet<usize> =
            row.addresses.iter().filter_map(|a| self.by_address.get(a)).copied().collect();
        for other in same {
            self.absorb(other, at);
        }
        if let Some(mac) = row.mac {
            self.set_mac(at, mac, row.addresses.is_empty());
        }
        self.add_addresses(at, &row.addresses);
        let named = self.found_at(at).is_some_and(|found| found.host_name.is_some());
        let name = row.host_name.filter(|_| !named).and_then(|name| self.plain_name(line, &name));
        self.names += u64::from(name.is_some());
        if let Some(Machine { found, .. }) = &mut self.machines[at] {
            found.host_name = found.host_name.take().or(name);
        }
    }

    /// `alone`: nothing else is said of the machine.
    fn set_mac(&mut self, at: usize, mac: MacAddress, alone: bool) {
        if mac.names_a_machine() || alone {
            self.by_mac.insert(mac, at);
        }
        let Some(Machine { found, .. }) = &mut self.machines[at] else { return };
        // One that names no machine gives way to the one seen last.
        found.mac = Some(mac);
        if !mac.names_a_machine() {
            for address in &found.addresses {
                self.nameless.entry(*address).or_insert(at);
            }
        }
    }

    /// Where the machine is that a row speaks of; a new one when none is known.
    fn machine_of(&mut self, row: &Found) -> usize {
        let known = |by: &BTreeMap<IpAddr, usize>| -> Vec<usize> {
            row.addresses.iter().filter_map(|address| by.get(address)).copied().collect()
        };
        let of_all = known(&self.by_address).into_iter();
        // The one with the most addresses, so that merging moves few.
        let by_address = match row.mac {
            // One with a hardware address before all others.
            None => of_all.min_by_key(|at| (self.is_without_mac(*at), self.size_of(*at), *at)),
            Some(mac) => {
                let without = of_all.filter(|at| self.is_without_mac(*at));
                let without = without.min_by_key(|at| (self.size_of(*at), *at));
                let mut nameless = known(&self.nameless);
                nameless.retain(|_| !mac.names_a_machine());
                let nameless = nameless.into_iter();
                nameless.min_by_key(|at| (self.size_of(*at), *at)).or(without)
            }
        };
        let alone = row.addresses.is_empty();
        let by_mac = row.mac.filter(|mac| mac.names_a_machine() || alone);
        let by_mac = by_mac.and_then(|mac| self.by_mac.get(&mac)).copied();
        by_mac.or(by_address).unwrap_or_else(|| {
            let place = self.machines.len();
            self.machines.push(Some(Machine { place, found: Found::default() }));
            place
        })
    }

    fn found_at(&self, at: usize) -> Option<&Found> {
        self.machines[at].as_ref().map(|machine| &machine.found)
    }

    fn is_without_mac(&self, at: usize) -> bool {
        self.found_at(at).is_some_and(|found| found.mac.is_none())
    }

    fn size_of(&self, at: usize) -> Reverse<usize> {
        Reverse(self.found_at(at).map_or(0, |found| found.addresses.len()))
    }

    /// Makes the machine at `from` part of the one at `into`, if it has no hardware address.
    fn absorb(&mut self, from: usize, into: usize) {
        if from == into || !self.is_without_mac(from) {
            return;
        }
        let Some(gone) = self.machines[from].take() else { return };
        for address in &gone.found.addresses {
            self.by_address.insert(*address, into);
            self.addresses.remove(&(from, *address));
        }
        self.add_addresses(into, &gone.found.addresses);
        if let Some(Machine { place, found }) = &mut self.machines[into] {
            *place = gone.place.min(*place);
            found.host_name = found.host_name.take().or(gone.found.host_name);
        }
    }

    fn add_addresses(&mut self, at: usize, addresses: &[IpAddr]) {
        let mac = self.found_at(at).and_then(|found| found.mac);
        let nameless = mac.is_some_and(|mac| !mac.names_a_machine());
        for address in addresses {
            self.by_address.entry(*address).or_insert(at);
            if nameless {
                self.nameless.entry(*address).or_insert(at);
            }
            if self.addresses.insert((at, *address))
                && let Some(machine) = &mut self.machines[at]
            {
                machine.found.addresses.push(*address);
            }
        }
    }

    /// A name as it may be shown and stored, or nothing. A name with anything in it that is not
    /// plain (markup, control characters) is refused whole: what is left after cleaning would be
    /// a name that nobody gave.
    fn plain_name(&mut self, line: u64, text: &str) -> Option<String> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() || name == "?" {
            return None;
        }
        let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let fits = name.len() <= HOST_NAME_LEN_MAX && self.names < self.limits.host_names_max;
        if fits && name.chars().all(plain) {
            return Some(name.to_string());
        }
        self.import.names_refused += 1;
        if self.import.names_refused_at.len() < self.limits.skipped_listed_max {
            self.import.names_refused_at.push(line);
        }
        None
    }
}

/// The row without addresses that are no machine's; or why nothing is left of it.
fn sensible(mut row: Found) -> Result<Found, SkipReason> {
    if let Some(reason) = row.mac.and_then(fault_of_mac) {
        return Err(reason);
    }
    for address in &mut row.addresses {
        *address = address.to_canonical();
    }
    let fault = row.addresses.iter().find_map(fault_of_address);
    let given = !row.addresses.is_empty();
    row.addresses.retain(|address| fault_of_address(address).is_none());
    match fault {
        Some(reason) if row.addresses.is_empty() && given => Err(reason),
        _ if row.addresses.is_empty() && row.mac.is_none() => Err(SkipReason::Unreadable),
        _ => Ok(row),
    }
}

fn fault_of_mac(mac: MacAddress) -> Option<SkipReason> {
    match mac {
        MacAddress::BROADCAST => Some(SkipReason::Broadcast),
        MacAddress::UNSPECIFIED => Some(SkipReason::Unspecified),
        _ if mac.is_multicast() => Some(SkipReason::Multicast),
        _ => None,
    }
}

fn fault_of_address(address: &IpAddr) -> Option<SkipReason> {
    match address {
        IpAddr::V4(Ipv4Addr::BROADCAST) => Some(SkipReason::Broadcast),
        _ if address.is_unspecified() => Some(SkipReason::Unspecified),
        _ if address.is_multicast() => Some(SkipReason::Multicast),
        _ if address.is_loopback() => Some(SkipReason::Loopback),
        _ => None,
    }
}
