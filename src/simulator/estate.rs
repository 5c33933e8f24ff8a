//! A tree that somebody has: its servers, license files, holding options and machines.

use crate::model::count::LicenseCount;
use crate::model::name::ProductName;
use crate::model::request::HoldingVerb;
use crate::simulator::entropy::Entropy;
use crate::simulator::topology::Topology;
use std::collections::BTreeMap;

/// The most servers of a simulated tree. Addresses of its machines name the place in one byte.
pub const SERVERS_MAX: usize = 100;
/// The most machines of one site, and of all sites together; of more no more are simulated.
pub const SITE_DEVICES_MAX: u64 = 1_000;
pub const DEVICES_MAX: u64 = 5_000;
/// Machines of a site of which nothing is said: drawn between these.
const DEVICES_DRAWN: (u64, u64) = (4, 24);

/// A license file, and the place where it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EstateLicense {
    pub place: usize,
    pub product: ProductName,
    pub count: LicenseCount,
}

/// How a relay holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EstateHolding {
    pub place: usize,
    pub product: ProductName,
    /// `Distribute` or `Authorize`.
    pub verb: HoldingVerb,
}

/// What is at one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EstateSite {
    /// Machines that are found there; zero where nobody said.
    pub devices: u64,
    /// How many of them are managed.
    pub managed: BTreeMap<ProductName, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estate {
    /// At least two servers and at most [`SERVERS_MAX`].
    pub topology: Topology,
    /// At least one.
    pub products: Vec<ProductName>,
    pub licenses: Vec<EstateLicense>,
    pub holdings: Vec<EstateHolding>,
    /// As many as there are servers.
    pub sites: Vec<EstateSite>,
}

impl Estate {
    /// Within the limits, and with numbers drawn where nobody said any.
    pub fn settled(mut self, entropy: &mut Entropy) -> Estate {
        let share = DEVICES_MAX / self.sites.len().max(1) as u64;
        for site in &mut self.sites {
            let (low, high) = DEVICES_DRAWN;
            let drawn = entropy.between(low, high);
            let said = if site.devices == 0 { drawn } else { site.devices };
            site.devices = said.min(SITE_DEVICES_MAX);
        }
        if self.devices() > DEVICES_MAX {
            self.sites.iter_mut().for_each(|site| site.devices = site.devices.min(share));
        }
        self
    }

    /// Whether more machines are said than are simulated.
    pub fn is_cut(&self) -> bool {
        let too_many = |site: &EstateSite| site.devices > SITE_DEVICES_MAX;
        self.sites.iter().any(too_many) || self.devices() > DEVICES_MAX
    }

    pub fn devices(&self) -> u64 {
        self.sites.iter().fold(0, |sum, site| sum.saturating_add(site.devices))
    }

    /// The most that is registered of one product.
    pub fn licenses_of_largest(&self) -> u64 {
        let of = |product: &ProductName| {
            let files = self.licenses.iter().filter(|license| license.product == *product);
            files.fold(0u64, |sum, license| sum.saturating_add(license.count.0))
        };
        self.products.iter().map(of).max().unwrap_or(0)
    }

    /// How the relay at a place holds a product.
    pub fn holding(&self, place: usize, product: &ProductName) -> Option<HoldingVerb> {
        let of = |one: &&EstateHolding| one.place == place && one.product == *product;
        self.holdings.iter().find(of).map(|holding| holding.verb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(devices: &[u64]) -> Estate {
        let site = |devices: &u64| EstateSite { devices: *devices, ..EstateSite::default() };
        Estate {
            topology: Topology::chain(devices.len()),
            products: vec!["atlas".parse().unwrap()],
            licenses: Vec::new(),
            holdings: Vec::new(),
            sites: devices.iter().map(site).collect(),
        }
    }

    #[test]
    fn machines_are_bounded_and_drawn_where_nobody_said() {
        let settled = of(&[0, 7, 1_001]).settled(&mut Entropy::new(1));
        assert!((4..=24).contains(&settled.sites[0].devices), "{settled:?}");
        assert_eq!((settled.sites[1].devices, settled.sites[2].devices), (7, 1_000));
        assert!(of(&[0, 7, 1_001]).is_cut() && !of(&[0, 7, 1_000]).is_cut());
        let many = of(&[1_000; 6]);
        assert!(many.is_cut());
        assert_eq!(many.settled(&mut Entropy::new(1)).devices(), 4_998);
    }
}
