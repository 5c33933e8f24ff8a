//! What a scan found so far: addresses, the hardware addresses behind them, and what of it the
//! server was told.

use crate::edge::scan::neighbours::{Neighbour, Own, Standing};
use crate::edge::scan::plan::{Loopback, Plan};
use crate::model::discovery::{Found, MacAddress};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Everything found. As large as the scan's addresses and the kernel's table together.
#[derive(Debug)]
pub(super) struct Findings {
    loopback: Loopback,
    own: BTreeSet<IpAddr>,
    /// Links on which the scan's segments lie.
    links: BTreeSet<u32>,
    alive: BTreeMap<IpAddr, Option<MacAddress>>,
    /// Alive, and the server was not told yet.
    fresh: BTreeSet<IpAddr>,
    /// Machines with an excluded address, by their hardware addresses.
    shunned: BTreeSet<MacAddress>,
}

/// Whom the kernel's table finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nobody: the method `neighbours` is off. The table says hardware addresses all the same,
    /// because by these the server knows a machine again.
    Nobody,
    /// Everybody in it: nobody is asked, so more cannot be known.
    Table,
    /// Who spoke just now: they were asked.
    Asked,
}

impl Findings {
    pub(super) fn new(loopback: Loopback) -> Findings {
        let (own, links, alive, fresh, shunned) = Default::default();
        Findings { loopback, own, links, alive, fresh, shunned }
    }

    /// The machine's own addresses are not found: a server uses no license.
    pub(super) fn know_own(&mut self, all: &[Own], plan: &Plan) {
        for own in all {
            if plan.targets.contains(own.address) && !own.address.is_loopback() {
                self.links.insert(own.link);
            }
            if !(own.address.is_loopback() && self.loopback == Loopback::Keep) {
                self.own.insert(own.address);
            }
        }
    }

    /// Somebody answered from there.
    pub(super) fn add(&mut self, address: IpAddr) {
        if self.own.contains(&address) || self.alive.contains_key(&address) {
            return;
        }
        self.alive.insert(address, None);
        if !address.is_loopback() || self.loopback == Loopback::Keep {
            self.fresh.insert(address);
        }
    }

    /// Takes hardware addresses, and whom they show to be there. Whether one of the scan's
    /// neighbours is being asked by the kernel.
    pub(super) fn add_neighbours(&mut self, all: &[Neighbour], trust: Trust, plan: &Plan) -> bool {
        let targets = &plan.targets;
        let here = all.iter().filter(|one| targets.contains(one.address));
        self.links.extend(here.map(|one| one.link));
        self.shunned.extend(all.iter().filter(|one| plan.excludes(one.address)).map(|one| one.mac));
        let elsewhere = strangers(all, plan);
        let mut unsure = false;
        for one in all {
            // IPv6 is not asked for, address by address: whoever is on the same link is found,
            // unless its other addresses say that it is not looked for.
            let finds = trust != Trust::Nobody;
            let beside = finds
                && one.address.is_ipv6()
                && self.links.contains(&one.link)
                && !self.shunned.contains(&one.mac)
                && !elsewhere.contains(&one.mac);
            let wanted = targets.contains(one.address) || beside;
            if !wanted || plan.excludes(one.address) {
                continue;
            }
            unsure |= one.standing == Standing::Asked;
            let there = one.standing == Standing::There;
            if (finds && there) || trust == Trust::Table {
                self.add(one.address);
            }
            // Whoever was booked without stays so: the server would take it for another machine.
            let booked = !self.fresh.contains(&one.address);
            if let Some(mac) = self.alive.get_mut(&one.address).filter(|_| !booked) {
                *mac = Some(one.mac);
            }
        }
        unsure
    }

    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.alive.contains_key(&address)
    }

    pub(super) fn count(&self) -> u64 {
        self.alive.len() as u64
    }

    pub(super) fn fresh(&self) -> usize {
        self.fresh.len()
    }

    /// Machines that the server was not told of, of at most so many addresses; one for each
    /// hardware address.
    pub(super) fn take(&mut self, most: usize) -> Vec<Found> {
        let some: Vec<IpAddr> = self.fresh.iter().take(most).copied().collect();
        let mut known: BTreeMap<MacAddress, Found> = BTreeMap::new();
        let mut others = Vec::new();
        for address in some {
            self.fresh.remove(&address);
            match self.alive.get(&address).copied().flatten() {
                Some(mac) => {
                    let found = known.entry(mac).or_default();
                    found.mac = Some(mac);
                    found.addresses.push(address);
                }
                None => others.push(Found { addresses: vec![address], ..Found::default() }),
            }
        }
        known.into_values().chain(others).collect()
    }

    /// What the server was told of an address.
    pub(super) fn booked(&self, address: IpAddr) -> Option<Found> {
        let mac = *self.alive.get(&address)?;
        let told = !address.is_loopback() || self.loopback == Loopback::Keep;
        told.then(|| Found { mac, addresses: vec![address], host_name: None })
    }

    /// Every address that answered, in order.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        self.alive.keys().copied().collect()
    }

    /// Whether one of these, or this hardware address, is of a machine that was found.
    pub(super) fn is_of_these(&self, mac: Option<MacAddress>, addresses: &[IpAddr]) -> bool {
        addresses.iter().any(|address| match self.alive.get(address) {
            // The same address may have been another machine's.
            Some(found) => *found == mac,
            None => false,
        })
    }
}

/// Machines of which IPv4 addresses are known, and none that the scan looks for.
fn strangers(all: &[Neighbour], plan: &Plan) -> BTreeSet<MacAddress> {
    let ipv4 = || all.iter().filter(|one| one.address.is_ipv4());
    let sought = ipv4().filter(|one| plan.targets.contains(one.address));
    let sought: BTreeSet<MacAddress> = sought.map(|one| one.mac).collect();
    ipv4().map(|one| one.mac).filter(|mac| !sought.contains(mac)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::scan::ScanLimits;
    use crate::edge::scan::plan::{ScanRules, ScanSettings};

    fn plan() -> Plan {
        let limits = ScanLimits::default();
        let mut settings = ScanSettings::new("x", &limits);
        settings.segments = vec!["10.0.0.0/24".parse().unwrap(), "127.0.0.0/28".parse().unwrap()];
        settings.exclude = vec!["10.0.0.9".parse().unwrap()];
        Plan::of(&settings, &ScanRules::default(), &limits).unwrap()
    }

    fn row(address: &str, mac: u8, standing: Standing) -> Neighbour {
        let mac = MacAddress([2, 0, 0, 0, 0, mac]);
        Neighbour { address: address.parse().unwrap(), mac, link: 2, standing }
    }

    fn texts(found: &[Found]) -> Vec<String> {
        let mac = |one: &Found| one.mac.map_or("-".to_string(), |mac| mac.to_string());
        found.iter().map(|one| format!("{} {:?}", mac(one), one.addresses)).collect()
    }

    #[test]
    fn two_addresses_of_one_mac_are_one_machine() {
        let mut findings = Findings::new(Loopback::Drop);
        for address in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "127.0.0.5"] {
            findings.add(address.parse().unwrap());
        }
        let rows = [
            row("10.0.0.1", 1, Standing::Before),
            row("10.0.0.2", 1, Standing::There),
            row("10.0.0.7", 7, Standing::Before),
            row("10.0.0.8", 8, Standing::There),
            row("10.0.0.9", 9, Standing::There),
            row("10.0.1.1", 9, Standing::There),
            row("2001:db8::8", 8, Standing::There),
        ];
        assert!(!findings.add_neighbours(&rows, Trust::Asked, &plan()));
        let expected = [
            "02:00:00:00:00:01 [10.0.0.1, 10.0.0.2]",
            "02:00:00:00:00:08 [10.0.0.8, 2001:db8::8]",
            "- [10.0.0.3]",
        ];
        assert_eq!(findings.count(), 6, "loopback counts");
        assert_eq!(texts(&findings.take(100)), expected);
        assert!(findings.take(100).is_empty());
        assert!(findings.add_neighbours(
            &[row("10.0.0.3", 3, Standing::Asked)],
            Trust::Asked,
            &plan()
        ));
        assert_eq!(findings.booked("10.0.0.3".parse().unwrap()).unwrap().mac, None);
        findings.add_neighbours(&rows, Trust::Table, &plan());
        assert_eq!(texts(&findings.take(100)), ["02:00:00:00:00:07 [10.0.0.7]"]);
    }

    #[test]
    fn who_is_excluded_or_elsewhere_is_not_found_by_another_address() {
        let rows = [
            row("10.0.0.8", 8, Standing::There),
            row("fe80::8", 8, Standing::There),
            // Excluded.
            row("10.0.0.9", 9, Standing::Before),
            row("fe80::9", 9, Standing::There),
            // Not in the segment.
            row("10.0.1.1", 1, Standing::Before),
            row("fe80::1", 1, Standing::There),
            // Only of IPv6, as far as is known.
            row("fe80::6", 6, Standing::There),
        ];
        let mut findings = Findings::new(Loopback::Drop);
        findings.add_neighbours(&rows, Trust::Table, &plan());
        let expected = ["02:00:00:00:00:06 [fe80::6]", "02:00:00:00:00:08 [10.0.0.8, fe80::8]"];
        assert_eq!(texts(&findings.take(9)), expected);
        // What was seen of it once is enough.
        findings.add_neighbours(&[row("fe80::9", 9, Standing::There)], Trust::Table, &plan());
        assert!(findings.take(9).is_empty());
    }

    #[test]
    fn a_machine_has_its_hardware_address_whatever_finds_it() {
        let mut findings = Findings::new(Loopback::Drop);
        findings.add("10.0.0.1".parse().unwrap());
        let rows = [row("10.0.0.1", 1, Standing::There), row("10.0.0.2", 2, Standing::There)];
        findings.add_neighbours(&rows, Trust::Nobody, &plan());
        assert_eq!(texts(&findings.take(9)), ["02:00:00:00:00:01 [10.0.0.1]"]);
    }

    #[test]
    fn the_machine_itself_is_not_found_and_loopback_only_if_wished() {
        let own = [Own { address: "10.0.0.4".parse().unwrap(), link: 2 }];
        let here = Own { address: "127.0.0.1".parse().unwrap(), link: 1 };
        let mut findings = Findings::new(Loopback::Keep);
        findings.know_own(&[own[0], here], &plan());
        findings.add("10.0.0.4".parse().unwrap());
        findings.add("127.0.0.1".parse().unwrap());
        assert_eq!(texts(&findings.take(9)), ["- [127.0.0.1]"]);
        let row = row("fe80::8", 8, Standing::There);
        findings.add_neighbours(&[row], Trust::Asked, &plan());
        assert_eq!(findings.take(9).len(), 1, "on the link of an address of the segment");
    }
}
