//! Devices at their managing source: found, managed, ignored, deleted (JP1-40 to JP1-45).
//!
//! ```text
//!   found ──► Discovered ──manage──► (wish) ──granted──► Managed
//!                 ▲  │                  │                  │ ignore, delete
//!                 │  └─ignore─► Ignored ◄─┘ refused: stays   ▼
//!                 └───────────────────────  as it was     Ignored / gone, and a release wish
//! ```
//! Invariants
//! - A state changes only here, at the managing source (JP1-44).
//! - A wish is durable before it leaves, keeps its number, and is repeated until a verdict with
//!   that number comes. At most one wish of a device is open; a newer one replaces it.
//! - A device stops being managed here first, and its license is free there after.

use super::Engine;
use super::identities::{is_news, learn};
use crate::model::account::{Verdict, Want, Wish, WishVerdict};
use crate::model::count::counted;
use crate::model::device::{Device, DeviceNumber, DeviceState, OpenWish};
use crate::model::discovery::Found;
use crate::model::holding::Phase;
use crate::model::name::ProductName;
use crate::model::row::{DeviceRow, RowKey};
use crate::model::time::Timestamp;

/// What one command to book findings came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Discovered {
    pub new: u64,
    pub known: u64,
}

/// What of a row is other than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Facts,
    /// Only when it was seen last: a few bytes upward, not a row.
    Seen,
}

impl Engine {
    /// Books what was found. A known device keeps its state (rule 12).
    pub(super) fn discover(&mut self, found: &[Found], at: Timestamp) {
        let before = self.state.server.device_last.0;
        for one in found {
            match self.state.identities.number_of(one, &self.state.devices) {
                Some(number) => self.see_again(number, one, at),
                None => self.see_first(one, at),
            }
        }
        let new = self.state.server.device_last.0 - before;
        self.discovered.insert(self.applied, Discovered { new, known: found.len() as u64 - new });
    }

    fn see_first(&mut self, found: &Found, at: Timestamp) {
        let number = DeviceNumber(self.state.server.device_last.0 + 1);
        self.state.server.device_last = number;
        let host_name = found.host_name.clone();
        let mut device = Device { host_name, first_seen: at, last_seen: at, ..Device::default() };
        learn(&mut device, found);
        self.state.identities.insert(&device, number);
        self.state.devices.insert(number, DeviceRow { device, ..DeviceRow::default() });
        self.number_device(number, Told::Facts);
    }

    /// Most findings say nothing but that the device is still there: those touch no index.
    fn see_again(&mut self, number: DeviceNumber, found: &Found, at: Timestamp) {
        let Some(row) = self.state.devices.get_mut(&number) else { return };
        let device = &mut row.device;
        let news = is_news(device, found);
        if news {
            self.state.identities.remove(device, number);
            learn(device, found);
            self.state.identities.insert(device, number);
        }
        let renamed = found.host_name.is_some() && found.host_name != device.host_name;
        if renamed {
            device.host_name = found.host_name.clone();
        }
        let later = at > device.last_seen;
        device.last_seen = device.last_seen.max(at);
        match news || renamed {
            true => self.number_device(number, Told::Facts),
            false if later => self.number_device(number, Told::Seen),
            false => {}
        }
    }

    /// Gives a changed row its next version, so that it goes up.
    pub(super) fn number_device(&mut self, number: DeviceNumber, told: Told) {
        let version = self.state.server.nodes_version + 1;
        let Some(row) = self.state.devices.get_mut(&number) else { return };
        self.state.server.nodes_version = version;
        row.version = version;
        match told {
            _ if row.deleted => self.state.own_nodes.put_gone(number, version),
            Told::Facts => self.state.own_nodes.put(number, version, &row.device),
            Told::Seen => drop(self.state.own_nodes.see(number, version, row.device.last_seen)),
        }
        self.state.touch(RowKey::Device(number));
        self.state.touch(RowKey::Server);
    }

    /// Asks for a license for each of these devices.
    pub(super) fn manage(&mut self, devices: &[DeviceNumber], product: &ProductName) {
        for number in devices {
            let Some(row) = self.state.devices.get(number).filter(|row| !row.deleted) else {
                continue;
            };
            let asked = row.wish.as_ref().is_some_and(|w| w.want == Want::Manage);
            let other = row.wish.as_ref().is_some_and(|w| w.product != *product);
            if row.device.state == DeviceState::Managed || asked || other {
                continue;
            }
            self.wish(*number, product, Want::Manage);
        }
    }

    /// Sets devices aside; what they used is released. Those that were not ignored before.
    pub(super) fn ignore(&mut self, devices: &[DeviceNumber]) -> Vec<DeviceNumber> {
        let mut ignored = Vec::new();
        for number in devices {
            let known = self.state.devices.get(number).filter(|row| !row.deleted);
            if known
                .is_none_or(|row| row.device.state == DeviceState::Ignored && row.wish.is_none())
            {
                continue;
            }
            self.set_aside(*number);
            ignored.push(*number);
        }
        ignored
    }

    /// Forgets devices; what they used is released. Those that there were.
    pub(super) fn delete(&mut self, devices: &[DeviceNumber]) -> Vec<DeviceNumber> {
        let mut deleted = Vec::new();
        for number in devices {
            if self.state.devices.get(number).is_none_or(|row| row.deleted) {
                continue;
            }
            self.set_aside(*number);
            let Some(row) = self.state.devices.get_mut(number) else { continue };
            row.deleted = true;
            let (device, waits) = (row.device.clone(), row.wish.is_some());
            self.state.identities.remove(&device, *number);
            self.number_device(*number, Told::Facts);
            if !waits {
                self.forget(*number);
            }
            deleted.push(*number);
        }
        deleted
    }

    /// Ignored from now on. Whatever the device used, or may have been granted meanwhile, is
    /// released.
    fn set_aside(&mut self, number: DeviceNumber) {
        let Some(row) = self.state.devices.get_mut(&number) else { return };
        let used = row.device.product.take();
        let asked = row.wish.as_ref().map(|wish| wish.product.clone());
        let was = row.device.enter(DeviceState::Ignored, self.applying_at);
        if was == DeviceState::Managed {
            self.count_managed(used.as_ref(), -1);
        }
        self.close_move(number);
        self.number_device(number, Told::Facts);
        if let Some(product) = used.or(asked) {
            self.wish(number, &product, Want::Release);
        }
    }

    /// Opens a wish in place of an older one, and decides it here where this server holds.
    pub(super) fn wish(&mut self, number: DeviceNumber, product: &ProductName, want: Want) {
        self.close_wish(number);
        self.state.server.wish_last += 1;
        let wish = OpenWish { product: product.clone(), number: self.state.server.wish_last, want };
        let Some(row) = self.state.devices.get_mut(&number) else { return };
        let open = self.state.open.entry(product.clone()).or_default();
        open.insert(wish.number, number);
        let asked = Wish { device: number, number: wish.number, want };
        row.wish = Some(wish);
        self.state.touch(RowKey::Device(number));
        self.state.touch(RowKey::Server);
        match self.state.phase(product) {
            Phase::Holding => {
                // Whoever asked is told at once.
                self.book_own(product, &[asked]);
            }
            Phase::Sharing => self.fresh.entry(product.clone()).or_default().push(asked),
            Phase::Taking | Phase::Yielding => {}
        }
    }

    pub(super) fn close_wish(&mut self, number: DeviceNumber) {
        let Some(row) = self.state.devices.get_mut(&number) else { return };
        let Some(wish) = row.wish.take() else { return };
        if let Some(open) = self.state.open.get_mut(&wish.product) {
            open.remove(&wish.number);
        }
        self.state.touch(RowKey::Device(number));
    }

    /// Takes the verdicts of the range's source in. How many wishes were refused.
    pub(super) fn settle(&mut self, product: &ProductName, verdicts: &[WishVerdict]) -> u64 {
        let mut refused = 0;
        for verdict in verdicts {
            let number = verdict.device;
            let Some(row) = self.state.devices.get(&number) else { continue };
            let waits = row.wish.as_ref();
            if !waits.is_some_and(|w| w.number == verdict.number && w.product == *product) {
                continue;
            }
            self.close_wish(number);
            self.note_room_above(product, verdict.verdict);
            match verdict.verdict {
                Verdict::Granted => self.become_managed(number, product),
                Verdict::RangeFull | Verdict::NoRoom => refused += 1,
                Verdict::Released => {
                    self.state_less(product);
                    if self.state.devices.get(&number).is_some_and(|row| row.deleted) {
                        self.forget(number);
                    }
                }
            }
        }
        refused
    }

    /// A line for wishes that nobody, or not everybody, waits for any more.
    pub(super) fn note_refused(&mut self, product: &ProductName, refused: u64) {
        if refused > 0 {
            let nodes = counted(refused, "node");
            let why = match self.source_has_no_room(product) {
                true => format!("the disk of the sharing source of {product} is full"),
                false => format!("the range has no license of {product} left"),
            };
            let text = format!("{nodes} cannot be managed: {why}");
            self.note("device.refused", text);
        }
    }

    fn become_managed(&mut self, number: DeviceNumber, product: &ProductName) {
        let Some(row) = self.state.devices.get_mut(&number) else { return };
        row.device.enter(DeviceState::Managed, self.applying_at);
        row.device.product = Some(product.clone());
        self.count_managed(Some(product), 1);
        self.number_device(number, Told::Facts);
        self.became_managed.entry(product.clone()).or_default().push(number);
    }

    pub(super) fn count_managed(&mut self, product: Option<&ProductName>, by: i64) {
        let Some(product) = product else { return };
        let managed = self.state.managed.entry(product.clone()).or_default();
        *managed = managed.saturating_add_signed(by);
        self.state.stirred.insert(product.clone());
    }

    /// The row goes; its deletion stays known until the primary has it.
    fn forget(&mut self, number: DeviceNumber) {
        let Some(row) = self.state.devices.remove(&number) else { return };
        self.state.gone.insert(number, row.version);
        self.state.own_nodes.put_gone(number, row.version);
        self.state.touch(RowKey::Device(number));
        self.state.touch(RowKey::Gone(number));
    }

    /// Everything of a product that has no verdict yet, oldest first.
    pub(super) fn open_wishes(&self, product: &ProductName, limit: usize) -> Vec<Wish> {
        let open = self.state.open.get(product).into_iter().flatten().take(limit);
        let wishes = open.filter_map(|(number, device)| {
            let row = self.state.devices.get(device)?;
            let wish = row.wish.as_ref().filter(|wish| wish.number == *number)?;
            Some(Wish { device: *device, number: *number, want: wish.want })
        });
        wishes.collect()
    }
}
