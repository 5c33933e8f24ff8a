//! The site: what it wishes for its devices, and what it hears.

use crate::account::{Device, Wish};
use crate::breaking::Breaking;
use crate::turns::{Out, State, Turns};

impl Turns {
    pub fn site_steps(&self, from: &State, out: Out<'_, '_>) {
        for number in 0..2 {
            let device = from.site.devices[usize::from(number)];
            let wished = device.wish.checked_sub(1).map(|at| from.site.wishes[usize::from(at)]);
            let manages = wished.is_some_and(|wish| !wish.release);
            if !device.managed && !manages {
                self.wish(from, number, false, out);
            }
            if device.managed || manages {
                self.wish(from, number, true, out);
            }
            self.take_verdict(from, number, out);
        }
    }

    /// A wish is durable before it is said, and takes the place of an older one of its device. A
    /// device stops being managed at the site first, and its license is free after.
    fn wish(&self, from: &State, number: u8, release: bool, out: Out<'_, '_>) {
        if from.site.wish_last == self.wishes_max {
            return;
        }
        let mut next = *from;
        next.site.wish_last += 1;
        let device = &mut next.site.devices[usize::from(number)];
        device.wish = next.site.wish_last;
        device.managed &= !release;
        let wish = Wish { device: number, release };
        next.site.wishes[usize::from(next.site.wish_last) - 1] = wish;
        let what = if release { "ignore" } else { "manage" };
        let last = next.site.wish_last;
        self.go(next, out, format_args!("site wishes to {what} device {number} (wish {last})"));
    }

    /// Takes the verdict on the open wish, and on no other.
    fn take_verdict(&self, from: &State, number: u8, out: Out<'_, '_>) {
        let Device { wish: open, .. } = from.site.devices[usize::from(number)];
        for wish in 1..=from.site.wish_last {
            let made = from.site.wishes[usize::from(wish) - 1];
            let said = from.letters.verdicts[usize::from(wish) - 1];
            let any = self.breaks(Breaking::VerdictOfAnyWish) && open != 0;
            if made.device != number || !(wish == open || any) {
                continue;
            }
            let mut next = *from;
            let device = &mut next.site.devices[usize::from(number)];
            device.wish = 0;
            if said.full {
                self.go(next, out, format_args!("site hears that wish {wish} was refused"));
            }
            if said.granted {
                next.site.devices[usize::from(number)].managed |= !made.release;
                self.go(next, out, format_args!("site hears that wish {wish} was granted"));
            }
        }
    }
}
