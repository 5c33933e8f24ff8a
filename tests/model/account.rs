//! What a ledger knows of one site, and how it decides what the site wishes.

use crate::bits::{choice, packed};
use crate::breaking::Breaking;

choice! {
    pub enum Verdict {
        Granted,
        Full,
        Released,
    }
}

packed! {
    /// The last decision on a device.
    pub struct Entry {
        /// The wish decided; 0 for none.
        pub number: u8 = 3,
        pub verdict: Verdict,
    }
}

packed! {
    /// The uses of the site, in one ledger or one outbox.
    pub struct Account {
        pub there: bool,
        /// Wishes below are settled at the site; their copies are not heard.
        pub floor: u8 = 3,
        pub entries: [Entry; 2],
    }
}

packed! {
    /// A device at its site.
    pub struct Device {
        pub managed: bool,
        /// The wish without a verdict; 0 for none.
        pub wish: u8 = 3,
    }
}

packed! {
    pub struct Wish {
        pub device: u8 = 1,
        pub release: bool,
    }
}

packed! {
    /// The verdicts said on one wish; on a wish to release there is only one.
    pub struct Verdicts {
        pub granted: bool,
        pub full: bool,
    }
}

impl Entry {
    pub fn is_use(&self) -> bool {
        self.number != 0 && self.verdict == Verdict::Granted
    }
}

impl Account {
    pub fn used(&self) -> u8 {
        self.entries.iter().filter(|entry| entry.is_use()).count() as u8
    }

    /// Decides a wish against what is free beside the uses of this account (I11). `None`: a late
    /// copy, of which nothing is said.
    pub fn book(
        &mut self,
        number: u8,
        floor: u8,
        wish: Wish,
        free: u8,
        breaking: Option<Breaking>,
    ) -> Option<Verdict> {
        self.there = true;
        self.raise_floor(floor);
        let known = self.entries[usize::from(wish.device)];
        let heeds = breaking != Some(Breaking::LateWishDecided);
        if known.number == number {
            return Some(known.verdict);
        }
        if heeds && (known.number > number || number < self.floor) {
            return None;
        }
        let room = free > 0 || breaking == Some(Breaking::FullRangeGrants);
        let verdict = match wish.release {
            true => Verdict::Released,
            false if known.is_use() || room => Verdict::Granted,
            false => Verdict::Full,
        };
        self.entries[usize::from(wish.device)] = Entry { number, verdict };
        Some(verdict)
    }

    /// Forgets answers that the site has.
    fn raise_floor(&mut self, floor: u8) {
        self.floor = self.floor.max(floor);
        for entry in &mut self.entries {
            if !entry.is_use() && entry.number < self.floor {
                *entry = Entry::default();
            }
        }
    }

    /// Takes in what another ledger gave. Uses that arrive are facts; of each device the newer
    /// entry counts.
    pub fn put(&mut self, other: &Account) {
        if !self.there {
            *self = *other;
            return;
        }
        for (own, entry) in self.entries.iter_mut().zip(&other.entries) {
            if own.number < entry.number {
                *own = *entry;
            }
        }
    }
}
