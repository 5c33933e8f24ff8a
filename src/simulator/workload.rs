//! What operators and sites do in a run: scans, licenses, changes of holding, devices managed and
//! let go. It knows only what it was answered, as people do.

use crate::model::count::LicenseCount;
use crate::model::device::{DeviceId, DeviceNumber};
use crate::model::discovery::{Found, MacAddress};
use crate::model::license::{License, LicenseTerms, Metric};
use crate::model::name::ProductName;
use crate::model::node_query::NodeQuery;
use crate::model::request::{Answer, Doing, HoldingChange, HoldingVerb, Request, RequestId};
use crate::simulator::carrying::Carrying;
use crate::simulator::entropy::Entropy;
use crate::simulator::estate::Estate;
use crate::simulator::listing::Listing;
use crate::simulator::moment::{BEGINNING, Moment};
use crate::simulator::topology::{PRIMARY, Topology};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How a run's people behave; drawn once a run.
#[derive(Clone, Debug)]
pub struct Habits {
    pub products: Vec<ProductName>,
    /// Licenses that the primary has at first, of each product.
    pub licenses: u64,
    pub devices_per_site: u64,
    pub gap_ms: (u64, u64),
    /// Of a thousand changes of holding, how many are forced.
    pub forced: u32,
    /// Of a thousand licenses, how many expire during the run.
    pub expiring: u32,
    /// Of a thousand requests, how many are made twice.
    pub repeated: u32,
}

impl Habits {
    /// Licenses are always fewer than devices: the fight for the last one matters most.
    pub fn drawn(entropy: &mut Entropy, servers: usize) -> Habits {
        let names = if entropy.chance(250) { vec!["atlas", "borea"] } else { vec!["atlas"] };
        let product = |name: &str| name.parse().expect("it is a plain name");
        let devices_per_site = entropy.between(4, 24);
        let devices = devices_per_site * servers as u64;
        Habits {
            products: names.into_iter().map(product).collect(),
            licenses: entropy.between(devices / 4, devices * 3 / 4).max(2),
            devices_per_site,
            gap_ms: (10, entropy.between(100, 900)),
            forced: if entropy.chance(500) { 0 } else { 300 },
            expiring: if entropy.chance(150) { 300 } else { 0 },
            repeated: if entropy.chance(300) { 200 } else { 0 },
        }
    }

    /// In a tree that somebody has. Each machine is asked for as often as in a drawn tree, as far
    /// as that is no more than a hundred requests a second in all.
    pub fn of_estate(entropy: &mut Entropy, estate: &Estate) -> Habits {
        let drawn = Habits::drawn(entropy, estate.sites.len());
        let devices = estate.devices().max(1);
        let slowest_ms = entropy.between(7_000, 63_000) / devices;
        Habits {
            products: estate.products.clone(),
            licenses: estate.licenses_of_largest().max(2),
            devices_per_site: (devices / estate.sites.len().max(1) as u64).max(2),
            gap_ms: (10, slowest_ms.clamp(10, 2_000)),
            ..drawn
        }
    }
}

/// What people do, by weight: see [`Workload::errand`].
type Weights = [u64; 12];

/// Everything is done, and changed, all the time.
const BUSY: Weights = [44, 11, 7, 8, 13, 4, 3, 2, 3, 3, 2, 8];
/// Devices come and go; holding options change now and then.
const STEADY: Weights = [55, 14, 6, 6, 4, 1, 1, 1, 1, 6, 1, 4];

/// A tree that somebody has stands after so long: by then relays that may register licenses do,
/// devices that are managed are, and what people do begins.
pub const OPENED_MS: u64 = 15_000;
/// By then the primary knows every relay, and takes options for it; asked twice, for it may not.
const MET_MS: [u64; 2] = [4_000, 7_000];
/// By then relays know their options, and register their license files.
const ALLOWED_MS: u64 = 9_000;
/// By then licenses are where they are to be.
const HELD_MS: u64 = 12_000;

/// License files that operators of a tree which somebody has register besides those it has.
const MORE_FILES_MAX: u64 = 12;

/// Something to be asked of the server at that place.
#[derive(Clone, Debug)]
pub struct Errand {
    pub place: usize,
    pub request: Request,
}

pub struct Workload {
    topology: Topology,
    /// Where there is a server, as far as people know; the primary first.
    places: Vec<usize>,
    habits: Habits,
    entropy: Entropy,
    next_at: Moment,
    serial_last: u64,
    /// Devices each site has seen so far, by what its server answered.
    known: Vec<u64>,
    /// Imports on their way, so that an answer can be laid to their site.
    imports: BTreeMap<RequestId, usize>,
    macs: Vec<u64>,
    /// Machines that ever stand at each site; scans find no others.
    macs_max: Vec<u64>,
    /// License files that are ever registered.
    serial_max: u64,
    /// Within how many seconds of a run license files end that do.
    ends_s: (u64, u64),
    weights: Weights,
    /// The tree that somebody has, and what its people know of their nodes.
    estate: Option<(Estate, Listing)>,
    carrying: Carrying,
}

impl Workload {
    pub fn new(topology: &Topology, habits: Habits, entropy: Entropy) -> Workload {
        Workload {
            topology: topology.clone(),
            places: (0..topology.founders()).collect(),
            habits,
            entropy,
            next_at: Moment::of_ms(100),
            serial_last: 0,
            known: vec![0; topology.len()],
            imports: BTreeMap::new(),
            macs: vec![0; topology.len()],
            macs_max: vec![u64::MAX; topology.len()],
            serial_max: u64::MAX,
            ends_s: (20, 100),
            weights: BUSY,
            estate: None,
            carrying: Carrying::default(),
        }
    }

    /// The same in a tree that somebody has, for so long: it stays about as large as it is.
    pub fn in_estate(mut self, estate: Estate, virtual_ms: u64) -> Workload {
        let other = 2 * self.habits.devices_per_site;
        self.macs_max.fill(other);
        for (at, site) in estate.sites.iter().enumerate() {
            self.macs_max[at] = 2 * site.devices;
        }
        self.serial_max = estate.licenses.len() as u64 + MORE_FILES_MAX;
        self.ends_s = (20, (virtual_ms / 1_000).max(21));
        self.weights = STEADY;
        self.next_at = Moment::of_ms(MET_MS[0]);
        self.estate = Some((estate, Listing::of_places(self.topology.len())));
        self
    }

    pub fn next_at(&self) -> Moment {
        self.next_at
    }

    fn estate(&self) -> Option<Estate> {
        self.estate.as_ref().map(|(estate, _)| estate.clone())
    }

    pub fn habits(&self) -> &Habits {
        &self.habits
    }

    /// What every run begins with: licenses at the primary, a first scan at every site, and some
    /// relays that hold.
    pub fn opening(&mut self) -> Vec<Errand> {
        if let Some(estate) = self.estate() {
            return self.opening_of(&estate);
        }
        let mut errands = Vec::new();
        for product in self.habits.products.clone() {
            self.serial_last += 1;
            let serial = self.serial_last;
            errands.push(self.registration(PRIMARY, serial, &product, self.habits.licenses));
        }
        for place in self.places.clone() {
            errands.push(self.import(place, self.habits.devices_per_site));
        }
        for relay in self.places.clone().into_iter().skip(1) {
            match self.entropy.below(4) {
                0 | 1 => errands.push(self.distribution(relay)),
                2 => errands.push(self.change(relay, HoldingVerb::Authorize)),
                _ => {}
            }
        }
        errands
    }

    /// What a tree begins with that somebody has, as far as it needs no other server.
    fn opening_of(&mut self, estate: &Estate) -> Vec<Errand> {
        let mut errands = self.license_files(estate, |place| place == PRIMARY);
        for (place, site) in estate.sites.iter().enumerate() {
            let found = (0..site.devices).map(|_| self.new_machine(place)).collect();
            errands.push(Errand { place, request: Request::Import { found } });
        }
        errands
    }

    /// Options of relays, then license files of those that may register, then devices.
    fn opening_goes_on(&mut self, now: Moment) -> Vec<Errand> {
        let Some(estate) = self.estate() else { return Vec::new() };
        let steps = [MET_MS[0], MET_MS[1], ALLOWED_MS, HELD_MS, OPENED_MS];
        let ahead = steps.into_iter().map(Moment::of_ms).find(|step| *step > now);
        self.next_at = ahead.unwrap_or(Moment::of_ms(OPENED_MS));
        if now < Moment::of_ms(ALLOWED_MS) {
            let options = estate.holdings.iter().map(|holding| {
                let product = holding.product.clone();
                self.holding_change(holding.place, product, holding.verb, Doing::Do)
            });
            return options.collect();
        }
        if now < Moment::of_ms(HELD_MS) {
            return self.license_files(&estate, |place| place != PRIMARY);
        }
        let mut errands = Vec::new();
        for (place, site) in estate.sites.iter().enumerate() {
            let mut numbers = 1..=site.devices;
            for (product, count) in &site.managed {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                let devices: Vec<DeviceId> =
                    numbers.by_ref().take(count).map(|n| self.id(place, DeviceNumber(n))).collect();
                let product = Some(product.clone());
                errands.push(Errand { place, request: Request::Manage { devices, product } });
            }
        }
        errands
    }

    fn license_files(&mut self, estate: &Estate, at: impl Fn(usize) -> bool) -> Vec<Errand> {
        let here: Vec<_> = estate.licenses.iter().filter(|license| at(license.place)).collect();
        let mut errands = Vec::new();
        for license in here {
            self.serial_last += 1;
            let count = (license.count.0, None);
            errands.push(self.license(license.place, self.serial_last, &license.product, count));
        }
        errands
    }

    /// One that nobody has found yet, with a MAC and an address.
    fn new_machine(&mut self, place: usize) -> Found {
        self.macs[place] += 1;
        let number = self.macs[place];
        let host_name = Some(format!("pc{number}.{}", self.topology.name(place)));
        let address = IpAddr::V4(address(place, number));
        Found { mac: Some(mac(place, number)), addresses: vec![address], host_name }
    }

    /// A scan at every site that finds one more device.
    pub fn last_scans(&mut self) -> Vec<Errand> {
        self.places.clone().into_iter().map(|place| self.import(place, 1)).collect()
    }

    /// A server came to this place: a first scan, if it has seen none, and maybe licenses for it.
    pub fn arrival(&mut self, place: usize, empty: bool) -> Vec<Errand> {
        if !self.places.contains(&place) {
            self.places.push(place);
        }
        let mut errands = Vec::new();
        if let Some((_, listing)) = self.estate.as_mut().filter(|_| empty) {
            listing.forget(place);
        }
        if empty {
            (self.known[place], self.macs[place]) = (0, 0);
            errands.push(self.import(place, self.habits.devices_per_site / 2));
        }
        match self.entropy.below(4) {
            0 | 1 => errands.push(self.distribution(place)),
            2 => errands.push(self.change(place, HoldingVerb::Authorize)),
            _ => {}
        }
        errands
    }

    /// What is done now; draws when the next thing is done.
    pub fn errands(&mut self, now: Moment) -> Vec<Errand> {
        if self.estate.is_some() && now < Moment::of_ms(OPENED_MS) {
            return self.opening_goes_on(now);
        }
        let (low, high) = self.habits.gap_ms;
        self.next_at = now.after_ms(self.entropy.between(low, high));
        let errand = self.errand();
        let carried = self.carrying.take_next();
        let mut errands: Vec<Errand> = [errand].into_iter().chain(carried).collect();
        if self.entropy.chance(self.habits.repeated) {
            errands.extend(errands.clone());
        }
        errands
    }

    fn errand(&mut self) -> Errand {
        let place = self.places[self.entropy.index(self.places.len())];
        let relay = self.places[1 + self.entropy.index(self.places.len() - 1)];
        match self.entropy.weighted(&self.weights) {
            0 => self.manage(place),
            1 => self.letting_go(place, |devices| Request::Ignore { devices }),
            2 => self.letting_go(place, |devices| Request::Delete { devices }),
            3 => {
                let count = self.entropy.between(1, 4);
                self.import(place, count)
            }
            4 => self.distribution(relay),
            5 => self.change(relay, HoldingVerb::Withdraw),
            6 => self.change(relay, HoldingVerb::Authorize),
            7 => self.change(relay, HoldingVerb::Deauthorize),
            8 => {
                let place = if self.entropy.chance(700) { relay } else { PRIMARY };
                let product = self.product();
                let count = self.entropy.between(1, 6);
                let serial = self.serial();
                self.registration(place, serial, &product, count)
            }
            9 => self.look(place),
            10 => self.merge(place),
            _ => {
                let to = self.other_than(place);
                self.carrying.leave(place, to, &self.topology)
            }
        }
    }

    fn other_than(&mut self, place: usize) -> usize {
        let others: Vec<usize> = self.places.iter().copied().filter(|p| *p != place).collect();
        others[self.entropy.index(others.len())]
    }

    /// Some nodes of a site turn out to be one machine.
    fn merge(&mut self, place: usize) -> Errand {
        let mut others = self.devices(place);
        let keep = others.remove(0);
        Errand { place, request: Request::Unite { keep, others } }
    }

    fn product(&mut self) -> ProductName {
        let drawn = self.entropy.index(self.habits.products.len());
        self.habits.products[drawn].clone()
    }

    fn manage(&mut self, place: usize) -> Errand {
        let devices = self.devices(place);
        let product = Some(self.product());
        Errand { place, request: Request::Manage { devices, product } }
    }

    fn letting_go(&mut self, place: usize, ask: fn(Vec<DeviceId>) -> Request) -> Errand {
        let devices = self.devices(place);
        Errand { place, request: ask(devices) }
    }

    fn devices(&mut self, place: usize) -> Vec<DeviceId> {
        let count = self.entropy.between(1, 4);
        let known = self.known[place].max(1);
        let listing = self.estate.as_ref().map(|(_, listing)| listing);
        let number = |entropy: &mut Entropy| {
            let listed = listing.and_then(|listing| listing.pick(place, entropy));
            listed.unwrap_or_else(|| DeviceNumber(entropy.between(1, known)))
        };
        let mut numbers: Vec<_> = (0..count).map(|_| number(&mut self.entropy)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|number| self.id(place, number)).collect()
    }

    fn id(&self, place: usize, number: DeviceNumber) -> DeviceId {
        DeviceId { managing_source: self.topology.name(place).clone(), number }
    }

    /// A scan that finds so many devices: mostly new ones, some seen before, here or elsewhere.
    fn import(&mut self, place: usize, count: u64) -> Errand {
        let found = (0..count).map(|_| self.found(place)).collect();
        Errand { place, request: Request::Import { found } }
    }

    fn found(&mut self, place: usize) -> Found {
        // A machine that was carried from another site is found there and here.
        let from = match self.entropy.chance(50) {
            true => self.places[self.entropy.index(self.places.len())],
            false => place,
        };
        let seen = self.macs[from];
        let all_known = seen >= self.macs_max[from];
        let number = match seen > 0 && (self.entropy.chance(300) || all_known) {
            true => self.entropy.between(1, seen),
            false => {
                self.macs[from] += 1;
                seen + 1
            }
        };
        let name = format!("pc{number}.{}", self.topology.name(from));
        let host_name = match self.entropy.below(10) {
            0 => None,
            1 | 2 => Some(format!("{name}.new{}", self.entropy.below(3))),
            _ => Some(name),
        };
        // Some are found by address alone, and some addresses are given out twice.
        let mac = (!number.is_multiple_of(3)).then(|| mac(from, number));
        let addresses = vec![IpAddr::V4(address(place, number & !1))];
        Found { mac, addresses, host_name }
    }

    /// Mostly a new one; sometimes one that was used before, wherever that was.
    fn serial(&mut self) -> u64 {
        match self.entropy.chance(300) || self.serial_last >= self.serial_max {
            true => self.entropy.between(1, self.serial_last),
            false => {
                self.serial_last += 1;
                self.serial_last
            }
        }
    }

    fn registration(
        &mut self,
        place: usize,
        serial: u64,
        product: &ProductName,
        count: u64,
    ) -> Errand {
        let expires = self.entropy.chance(self.habits.expiring);
        let (soonest, latest) = self.ends_s;
        let life = Duration::from_secs(self.entropy.between(soonest, latest));
        let ends = expires.then_some(life);
        self.license(place, serial, product, (count, ends))
    }

    /// `ends`: how long after the beginning of the run.
    fn license(
        &self,
        place: usize,
        serial: u64,
        product: &ProductName,
        (count, ends): (u64, Option<Duration>),
    ) -> Errand {
        let serial = format!("S-{serial}");
        let terms = LicenseTerms {
            serial: serial.parse().expect("letters, digits and a hyphen are a serial"),
            vendor: "simulated".to_string(),
            product: product.clone(),
            count: LicenseCount(count),
            metric: Metric::ManagedDevices,
            not_before: BEGINNING,
            not_after: ends.map(|life| BEGINNING.after(life)),
            tree: None,
            server: None,
            confirm_within_days: None,
            note: String::new(),
        };
        let license = License::try_from(terms).expect("its count and its dates are sane");
        Errand { place, request: Request::RegisterLicense(license) }
    }

    fn distribution(&mut self, relay: usize) -> Errand {
        if self.estate.is_some() && self.entropy.chance(500) {
            return self.as_described(relay);
        }
        let share = self.habits.licenses.div_ceil(2).max(1);
        let count = LicenseCount(self.entropy.between(1, share));
        self.change(relay, HoldingVerb::Distribute(count))
    }

    /// The option that whoever has the tree described.
    fn as_described(&mut self, relay: usize) -> Errand {
        let (doing, product) = (self.doing(), self.product());
        let estate = self.estate.as_ref().map(|(estate, _)| estate);
        let described = estate.and_then(|estate| estate.holding(relay, &product));
        let verb = described.unwrap_or(HoldingVerb::Withdraw);
        self.holding_change(relay, product, verb, doing)
    }

    fn change(&mut self, relay: usize, verb: HoldingVerb) -> Errand {
        let (doing, product) = (self.doing(), self.product());
        self.holding_change(relay, product, verb, doing)
    }

    fn doing(&mut self) -> Doing {
        match self.entropy.chance(self.habits.forced) {
            true => Doing::Force,
            false if self.entropy.chance(50) => Doing::Preview,
            false => Doing::Do,
        }
    }

    fn holding_change(
        &self,
        relay: usize,
        product: ProductName,
        verb: HoldingVerb,
        doing: Doing,
    ) -> Errand {
        let relay = self.topology.name(relay).clone();
        let change = HoldingChange { product: Some(product), relay, verb, doing };
        Errand { place: PRIMARY, request: Request::SetHolding(change) }
    }

    fn look(&mut self, place: usize) -> Errand {
        if let Some((_, listing)) = self.estate.as_ref()
            && self.entropy.chance(700)
        {
            return listing.errand(place, &self.topology);
        }
        let request = match self.entropy.below(6) {
            0 => Request::Ranges,
            1 => Request::Servers,
            2 => Request::Status,
            3 => Request::Licenses,
            4 => Request::Events { after: 0, limit: 10 },
            _ => Request::Nodes(NodeQuery { limit: 10, ..NodeQuery::default() }),
        };
        Errand { place, request }
    }

    /// A request went out under this id.
    pub fn posted(&mut self, id: RequestId, errand: &Errand) {
        if let Request::Import { .. } = errand.request {
            self.imports.insert(id, errand.place);
        }
        self.carrying.posted(id, errand);
        if let Some((_, listing)) = &mut self.estate {
            listing.posted(id, errand);
        }
    }

    pub fn heard(&mut self, id: RequestId, answer: &Answer) {
        if let (Some(place), Answer::Imported { new, .. }) = (self.imports.remove(&id), answer) {
            self.known[place] += new;
        }
        if let Some((_, listing)) = &mut self.estate {
            listing.heard(id, answer);
        }
        let around = (&self.topology, self.habits.products.as_slice());
        self.carrying.heard(id, answer, around, &mut self.entropy);
    }

    /// Its server went down before it answered.
    pub fn lost(&mut self, id: RequestId) {
        self.imports.remove(&id);
        self.carrying.lost(id);
        if let Some((_, listing)) = &mut self.estate {
            listing.lost(id);
        }
    }
}

/// The MAC of a machine that was first found at this place.
fn mac(place: usize, number: u64) -> MacAddress {
    let [.., high, low] = number.to_be_bytes();
    MacAddress([0, 0, 0, place as u8, high, low])
}

fn address(place: usize, number: u64) -> Ipv4Addr {
    let [.., high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, place as u8, high, low)
}
