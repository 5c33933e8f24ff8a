//! Uses travel with counts (safety.md 1.9): how a relay becomes a holder or stops being one.
//!
//! ```text
//!   relay b                                          the holder above, h
//!   option set: Sharing → Taking, cycle k
//!      ── TakeOver{k} ─────────────────────────────► HandOver: accounts that come through b leave
//!                                                    the ledger into the outbox, b is "out"
//!      ◄───────────────────────────── Handover{k} ──
//!   BookHandover: in the ledger, → Holding
//!      ── HandoverBooked{k} ───────────────────────► erased from the outbox
//!
//!   option removed: Holding → Yielding, accounts into the outbox
//!      ── Yield{k} ────────────────────────────────► BookYield: in the ledger, b is no more "out"
//!      ◄──────────────────────────── YieldBooked{k} ─
//!   erased, → Sharing; then the counts go back to the primary
//! ```
//! Every message is repeated until its answer comes; cycle k makes every repeat do nothing.
//! Between the two an account is in an outbox, and in no ledger (I12): nobody can be granted a
//! license twice for it, and nobody can lose it.

use super::ledger::Ledger;
use super::packs::cut;
use super::{Deed, Engine};
use crate::model::account::{Account, Below, Pack, PackPart, Verdict};
use crate::model::count::counted;
use crate::model::device::DeviceNumber;
use crate::model::holding::{HoldingOption, Phase};
use crate::model::letter::{Address, Body, LinkId};
use crate::model::name::{ProductName, ServerName};
use crate::model::row::RowKey;
use crate::model::tuning::Mutant;

impl Engine {
    /// Relay: takes the next step between sharing and holding, as far as it is its own to take.
    pub(super) fn advance(&mut self, product: &ProductName) {
        let licensed = self.state.ledgers.get(product).is_some_and(|l| l.registered > 0);
        let (recovers, moment) = (self.recovers(), self.moment());
        let Some(row) = self.state.holdings.get_mut(product) else { return };
        let wants = row.level.option != HoldingOption::None;
        row.declined = licensed && row.level.option != HoldingOption::Registered;
        match row.phase {
            Phase::Sharing if wants => {
                row.phase = Phase::Taking;
                // A holder above may remember cycles of an earlier data set of this name.
                row.cycle = row.cycle.max(moment) + 1;
                let cycle = row.cycle;
                self.call_anew();
                self.ask_take_over(product, cycle);
            }
            Phase::Holding if !wants && !row.declined && !recovers => {
                row.phase = Phase::Yielding;
                let cycle = row.cycle;
                self.yield_all(product, cycle);
            }
            _ => {}
        }
        self.state.touch(RowKey::Holding(product.clone()));
        self.state.stirred.insert(product.clone());
        self.sources_changed = true;
    }

    /// One that recovers takes nothing over before it is attached: which turn is its newest it
    /// hears then, and of two instances of it only one is.
    pub(super) fn ask_take_over(&mut self, product: &ProductName, cycle: u64) {
        if self.awaits_attachment() {
            return;
        }
        let body = Body::TakeOver { product: product.clone(), cycle };
        self.send_above(Address::Holder(product.clone()), body);
    }

    fn yield_all(&mut self, product: &ProductName, cycle: u64) {
        let name = self.state.name().clone();
        let ledger = self.state.ledger(product);
        let accounts = ledger.take_all();
        let below: Vec<Below> = std::mem::take(&mut ledger.below).into_values().collect();
        let pack = Pack {
            product: product.clone(),
            giver: name.clone(),
            relay: name.clone(),
            cycle,
            accounts,
            below,
        };
        self.touch_pack(&pack);
        self.state.ledger(product).outbox.insert(name.clone(), pack);
        self.state.touch(RowKey::Outbox(product.clone(), name.clone()));
        self.send_pack(product, &name);
    }

    /// Holder: gives a lower relay the accounts that come through it.
    pub(super) fn hand_over(
        &mut self,
        product: &ProductName,
        relay: &ServerName,
        route: &[ServerName],
        cycle: u64,
    ) {
        let holds = self.state.phase(product) == Phase::Holding;
        if !holds || route.first() != Some(relay) {
            return;
        }
        if self.recovers() && !self.recovers_too(relay) {
            return;
        }
        let ledger = self.state.ledger(product);
        if ledger.is_cut(&route[1..]) {
            return;
        }
        let known = ledger.below.get(relay).map_or(0, |below| below.cycle);
        self.take_way(product, route);
        if cycle > known {
            if self.state.server.recovery.is_some() {
                self.recovering.handed.insert((product.clone(), relay.clone()), cycle);
            }
            self.pack_for(product, relay, route, cycle);
        }
        match self.state.ledger(product).outbox.contains_key(relay) {
            true => self.send_pack(product, relay),
            false if cycle < known => self.show_turn(product, relay, known),
            false => {}
        }
    }

    /// Holder: a turn later than the one that is asked for was taken. Whoever took it and forgot it
    /// hears of it, and counts on behind it; to all others a pack of nothing says nothing new.
    fn show_turn(&mut self, product: &ProductName, relay: &ServerName, cycle: u64) {
        let giver = self.state.name().clone();
        let (accounts, below) = (Vec::new(), Vec::new());
        let (product, relay) = (product.clone(), relay.clone());
        self.send_parts(Pack { product, giver, relay, cycle, accounts, below });
    }

    fn pack_for(
        &mut self,
        product: &ProductName,
        relay: &ServerName,
        route: &[ServerName],
        cycle: u64,
    ) {
        let name = self.state.name().clone();
        let stay = self.tuning.breaks(Mutant::UsesStay);
        self.carry_over(product, relay);
        let ledger = self.state.ledger(product);
        let accounts = if stay { Vec::new() } else { ledger.take_through(relay) };
        let lower = ledger.below.values().filter(|b| b.relay != *relay && b.route.contains(relay));
        let below: Vec<Below> = lower.cloned().collect();
        below.iter().for_each(|b| drop(ledger.below.remove(&b.relay)));
        let entry = Below { relay: relay.clone(), route: route.to_vec(), cycle, out: true };
        ledger.below.insert(relay.clone(), entry);
        let pack = Pack {
            product: product.clone(),
            giver: name,
            relay: relay.clone(),
            cycle,
            accounts,
            below,
        };
        self.touch_pack(&pack);
        self.state.ledger(product).outbox.insert(relay.clone(), pack);
        self.state.touch(RowKey::Outbox(product.clone(), relay.clone()));
        self.state.touch(RowKey::Below(product.clone(), relay.clone()));
        self.state.stirred.insert(product.clone());
        self.give_back(product);
    }

    /// What a relay did not take in a turn before goes with the next one: of whoever states nothing
    /// any more, as one that was shut out, nothing else is known.
    fn carry_over(&mut self, product: &ProductName, relay: &ServerName) {
        let Some(old) = self.state.ledger(product).outbox.remove(relay) else { return };
        for below in old.below {
            self.state.touch(RowKey::Below(product.clone(), below.relay.clone()));
            self.state.ledger(product).below.entry(below.relay.clone()).or_insert(below);
        }
        for account in old.accounts {
            let ledger = self.state.ledger(product);
            let is_cut = account.route.iter().any(|server| {
                server != relay && ledger.below.get(server).is_some_and(|below| below.out)
            });
            let known = ledger.account_head(&account.origin);
            if !is_cut && known.is_none_or(|known| known.stated <= account.stated) {
                self.put_account(product, account);
            }
        }
    }

    /// Taker: the accounts of its range are its own from now on.
    pub(super) fn book_handover(&mut self, pack: &Pack) {
        let product = &pack.product;
        let Some(row) = self.state.holdings.get_mut(product) else { return };
        let name = self.state.server.founding.name.clone();
        let giver = pack.giver.clone();
        let booked = Body::HandoverBooked { product: product.clone(), cycle: pack.cycle };
        if row.phase == Phase::Taking && row.cycle == pack.cycle && pack.relay == name {
            row.phase = Phase::Holding;
            let lower = |route: &[ServerName]| {
                route.iter().take_while(|server| **server != name).cloned().collect()
            };
            self.take_in(pack, lower);
            self.state.touch(RowKey::Holding(product.clone()));
            self.sources_changed = true;
            if self.state.server.recovery.as_ref().is_some_and(|recovery| recovery.forced) {
                self.put_own(product);
            }
            self.settle_own(product);
            self.advance(product);
            self.give_back(product);
            self.note_shortage(product);
        } else if row.cycle < pack.cycle {
            // Of a turn that was forgotten. The giver puts it into a later one.
            return self.count_on_behind(pack.cycle);
        } else if row.phase == Phase::Taking {
            // Of one before this: the giver puts it into this one.
            return;
        }
        self.send_above(Address::Above(giver), booked);
    }

    /// Decides every open wish of own devices, now that this server holds.
    pub(super) fn settle_own(&mut self, product: &ProductName) {
        let open = self.open_wishes(product, usize::MAX);
        if !open.is_empty() {
            let refused = self.book_own(product, &open);
            self.note_refused(product, refused);
        }
    }

    fn take_in(&mut self, pack: &Pack, way: impl Fn(&[ServerName]) -> Vec<ServerName>) {
        let product = &pack.product;
        self.drop_what_left(pack, &way);
        for account in &pack.accounts {
            let account = Account { route: way(&account.route), ..account.clone() };
            if !self.holds_by_a_later_word(pack, &account.route) {
                self.put_account(product, account);
            }
        }
        let ledger = self.state.ledger(product);
        for below in &pack.below {
            // One that was set back may have said since where it stands.
            let known = ledger.below.get(&below.relay);
            if !known.is_some_and(|known| known.is_newer_than(below)) {
                let entry = Below { route: way(&below.route), ..below.clone() };
                ledger.below.insert(below.relay.clone(), entry);
            }
        }
        self.touch_pack(pack);
        self.state.stirred.insert(product.clone());
    }

    /// One that recovers heard from a server on that way that it holds itself, in a turn that the
    /// giver, which was set back too, does not know of.
    fn holds_by_a_later_word(&self, pack: &Pack, route: &[ServerName]) -> bool {
        let Some(ledger) = self.state.ledgers.get(&pack.product) else { return false };
        let known = route.iter().filter_map(|server| ledger.below.get(server));
        let said = |holder: &Below| pack.below.iter().find(|below| below.relay == holder.relay);
        let mut holders = known.filter(|below| below.out);
        self.recovers()
            && holders.any(|holder| said(holder).is_none_or(|said| holder.is_newer_than(said)))
    }

    /// What an older copy of this server had of those that hold by now is in their own ledgers, and
    /// of those that held meanwhile it is in the pack. Where it came from statements that were
    /// heard before this server could know who holds, their authors may have been set back, too:
    /// they are asked once more. What comes by another way than the holder's was never in the
    /// giver's ledger, and the holder does not have it: its author has moved, and says it anew.
    fn drop_what_left(&mut self, pack: &Pack, way: impl Fn(&[ServerName]) -> Vec<ServerName>) {
        let product = &pack.product;
        let recovers = self.recovers();
        let mut was_stated = false;
        for below in &pack.below {
            let known = self.state.ledger(product).below.get(&below.relay);
            if known.is_some_and(|known| known.is_newer_than(below)) {
                continue;
            }
            if below.out {
                let through = self.state.ledger(product).take_by_way(&way(&below.route));
                was_stated |= through.iter().any(|account| account.stated > 0);
                through.iter().for_each(|account| self.touch_account(product, account));
            } else if recovers && known.is_none_or(|known| known.cycle < below.cycle) {
                self.drop_what_was_taken(pack, &below.relay);
            }
        }
        if was_stated {
            self.call_anew();
        }
    }

    /// Uses that a relay took over after this server's copy was made: the pack has all that is left
    /// of them. What was stated since is newer.
    fn drop_what_was_taken(&mut self, pack: &Pack, relay: &ServerName) {
        let ledger = self.state.ledger(&pack.product);
        let is_older = |known: &Account| {
            let given = pack.accounts.iter().find(|given| given.origin == known.origin);
            known.route.contains(relay) && known.stated <= given.map_or(0, |given| given.stated)
        };
        let all = ledger.accounts().map(|(account, _)| account);
        let older: Vec<ServerName> =
            all.filter(|known| is_older(known)).map(|known| known.origin.clone()).collect();
        let dropped: Vec<Account> = older.iter().filter_map(|origin| ledger.take(origin)).collect();
        dropped.iter().for_each(|account| self.touch_account(&pack.product, account));
    }

    /// Takes an account into the ledger.
    pub(super) fn put_account(&mut self, product: &ProductName, account: Account) {
        let origin = account.origin.clone();
        if self.state.trust.trust.is_lost(&origin) {
            return;
        }
        let devices: Vec<DeviceNumber> = account.entries.keys().copied().collect();
        let void = self.state.ledger(product).put(account);
        self.state.touch(RowKey::Account(product.clone(), origin.clone()));
        self.state.touch_entries(product, &origin, &devices);
        self.state.touch_entries(product, &origin, &void);
    }

    /// Giver: the taker has them.
    pub(super) fn handover_booked(
        &mut self,
        product: &ProductName,
        relay: &ServerName,
        cycle: u64,
    ) {
        let ledger = self.state.ledger(product);
        let turn = ledger.below.get(relay).map_or(0, |below| below.cycle);
        // A late copy says nothing of a relay that went over to a ledger between.
        if cycle > turn && self.state.server.recovery.is_some() {
            self.note_later_turn(product, relay, cycle);
        }
        let ledger = self.state.ledger(product);
        if ledger.outbox.get(relay).is_some_and(|pack| pack.cycle == cycle && pack.relay == *relay)
        {
            ledger.outbox.remove(relay);
            self.state.touch(RowKey::Outbox(product.clone(), relay.clone()));
        }
    }

    /// Giver that was set back: what it does not know that it gave has come, and is there.
    fn note_later_turn(&mut self, product: &ProductName, relay: &ServerName, cycle: u64) {
        let ledger = self.state.ledger(product);
        let route = ledger.route_of(relay).map_or(vec![relay.clone()], <[ServerName]>::to_vec);
        let below = Below { relay: relay.clone(), route, cycle, out: true };
        ledger.below.insert(relay.clone(), below);
        let through = ledger.take_through(relay);
        self.state.touch(RowKey::Below(product.clone(), relay.clone()));
        through.iter().for_each(|account| self.touch_account(product, account));
        self.state.stirred.insert(product.clone());
    }

    /// Holder: of what a relay gives back, that which is its own to say. Of a server that is not
    /// known to be below it, it may bring uses, as of a site that has moved away; but it ends none,
    /// hears no answer in its place, and cuts nobody off.
    pub(super) fn own_part(&self, link: LinkId, mut part: PackPart) -> PackPart {
        let Pack { product, relay, accounts, below, .. } = &mut part.piece;
        let ledger = self.state.ledgers.get(product);
        let is_behind = |server: &ServerName| match self.links.way_down(server) {
            // An older connection of the same child is no other place.
            Some(way) => self.links.child(way) == self.links.child(link),
            None => {
                let route = ledger.and_then(|ledger| ledger.route_of(server));
                server == relay
                    || route.is_some_and(|route| route.contains(relay))
                    || self.is_below(server, relay)
            }
        };
        accounts.retain_mut(|account| {
            is_behind(&account.origin)
                || (account.origin != *self.state.name() && is_new_use(account, ledger))
        });
        below.retain(|lower| is_behind(&lower.relay));
        part
    }

    /// Holder: takes in the accounts of a relay that holds no longer. While it recovers too:
    /// servers below may wait for that, and are waited for here (R9).
    pub(super) fn book_yield(&mut self, pack: &Pack, route: &[ServerName]) {
        let (product, relay) = (&pack.product, &pack.relay);
        let lawful = route.first() == Some(relay) && pack.giver == *relay;
        if self.state.phase(product) != Phase::Holding || !lawful {
            return;
        }
        let ledger = self.state.ledger(product);
        if ledger.is_cut(&route[1..]) {
            return;
        }
        self.take_way(product, route);
        // One that took its uses out of another ledger and has moved below this one since is not
        // known here; what it brings is a fact all the same.
        let ledger = self.state.ledger(product);
        let is_unknown_turn = ledger.below.get(relay).is_none_or(|known| known.cycle < pack.cycle);
        let below = ledger.below.entry(relay.clone()).or_insert_with(|| Below {
            relay: relay.clone(),
            route: route.to_vec(),
            cycle: pack.cycle,
            out: true,
        });
        if below.cycle < pack.cycle {
            below.cycle = pack.cycle;
            below.out = true;
        } else if below.cycle > pack.cycle && below.out {
            // A late copy of an earlier turn says nothing of this one.
            return;
        }
        if below.cycle == pack.cycle && below.out {
            below.out = false;
            below.route = route.to_vec();
            ledger.outbox.remove(relay);
            self.state.touch(RowKey::Outbox(product.clone(), relay.clone()));
            self.state.touch(RowKey::Below(product.clone(), relay.clone()));
            if is_unknown_turn && self.recovers() {
                self.drop_what_was_taken(pack, relay);
            }
            let higher = |lower: &[ServerName]| lower.iter().chain(route).cloned().collect();
            self.take_in(pack, higher);
            self.note_shortage(product);
        }
        let body = Body::YieldBooked { product: product.clone(), cycle: pack.cycle };
        self.send_below(relay, body);
    }

    /// Relay: the holder above has them; from now on this server shares.
    pub(super) fn yield_booked(&mut self, product: &ProductName, cycle: u64) {
        let name = self.state.name().clone();
        let Some(row) = self.state.holdings.get_mut(product) else { return };
        if row.phase != Phase::Yielding || row.cycle != cycle {
            return;
        }
        row.phase = Phase::Sharing;
        self.owe_edge_report(product);
        self.state.ledger(product).outbox.remove(&name);
        self.state.touch(RowKey::Outbox(product.clone(), name));
        self.state.touch(RowKey::Holding(product.clone()));
        self.advance(product);
        self.give_back(product);
        self.resume_wishes(product);
    }

    fn touch_pack(&mut self, pack: &Pack) {
        let product = &pack.product;
        for account in &pack.accounts {
            let origin = &account.origin;
            self.state.touch(RowKey::Account(product.clone(), origin.clone()));
            for device in account.entries.keys() {
                self.state.touch(RowKey::Entry(product.clone(), origin.clone(), *device));
            }
        }
        for below in &pack.below {
            self.state.touch(RowKey::Below(product.clone(), below.relay.clone()));
        }
    }

    /// Sends a pack of the outbox, cut into letters.
    pub(super) fn send_pack(&mut self, product: &ProductName, relay: &ServerName) {
        let outbox = self.state.ledgers.get(product).and_then(|ledger| ledger.outbox.get(relay));
        let Some(pack) = outbox.cloned() else { return };
        self.send_parts(pack);
    }

    fn send_parts(&mut self, pack: Pack) {
        let (product, relay) = (pack.product.clone(), pack.relay.clone());
        let up = pack.giver == relay;
        for part in cut(pack, self.tuning.pack_entries_per_letter_max) {
            if up {
                self.send_above(Address::Holder(product.clone()), Body::Yield(part));
            } else {
                self.send_below(&relay, Body::Handover(part));
            }
        }
    }

    /// Says again what of all this has no answer (at each retry).
    pub(super) fn repeat_turns(&mut self) -> bool {
        let taking = self.state.holdings.iter().filter(|(_, row)| row.phase == Phase::Taking);
        let taking: Vec<(ProductName, u64)> =
            taking.map(|(product, row)| (product.clone(), row.cycle)).collect();
        taking.iter().for_each(|(product, cycle)| self.ask_take_over(product, *cycle));
        let mut packs: Vec<(ProductName, ServerName)> = Vec::new();
        for (product, ledger) in &self.state.ledgers {
            packs.extend(ledger.outbox.keys().map(|relay| (product.clone(), relay.clone())));
        }
        packs.iter().for_each(|(product, relay)| self.send_pack(product, relay));
        !taking.is_empty() || !packs.is_empty()
    }
}

/// Leaves of an account what is a use and is not known here, and whether anything is left. Whatever
/// its managing source says itself is newer, whenever that comes.
fn is_new_use(account: &mut Account, ledger: Option<&Ledger>) -> bool {
    let Account { origin, floor, stated, entries, .. } = account;
    let known = |device| ledger.is_some_and(|ledger| ledger.entry(origin, device).is_some());
    entries.retain(|device, entry| entry.verdict == Verdict::Granted && !known(*device));
    let head = ledger.and_then(|ledger| ledger.account_head(origin));
    let (settled, said) = head.map_or((0, 0), |head| (head.floor, head.stated));
    let newest = settled.saturating_sub(1).max(said.saturating_add(1));
    entries.values_mut().for_each(|entry| entry.number = entry.number.min(newest));
    (*floor, *stated) = (0, 0);
    !entries.is_empty()
}

impl Engine {
    /// Not while counts come back that the uses came before, nor before all have said what they
    /// use.
    pub(super) fn note_shortage(&mut self, product: &ProductName) {
        let shortage = self.shortage(product);
        if shortage > self.coming_back(product) && !self.recovers() {
            let name = self.state.name().clone();
            let lacks = counted(shortage, "license");
            let range = format!("range {name} of {product} ");
            let text = format!("{range}lacks {lacks}");
            self.note_sparingly("range.shortage", &range, text);
        }
    }

    /// Says all open wishes of a product, now that this server shares again.
    pub(super) fn resume_wishes(&mut self, product: &ProductName) {
        let open = self.open_wishes(product, self.tuning.wishes_repeated_max);
        if !open.is_empty() {
            self.fresh.insert(product.clone(), open);
        }
    }

    /// Says what a run of inputs left to be said: fresh wishes, cut into letters, and edges.
    pub(super) fn send_owed(&mut self) {
        for (product, wishes) in std::mem::take(&mut self.fresh) {
            if self.state.phase(&product) != Phase::Sharing || self.recovers() {
                continue;
            }
            let floor = self.state.floor(&product);
            for some in wishes.chunks(self.tuning.wishes_per_letter_max) {
                let (product, wishes) = (product.clone(), some.to_vec());
                let to = Address::Holder(product.clone());
                self.send_above(to, Body::Wishes { product, floor, wishes });
            }
        }
        for product in std::mem::take(&mut self.owed_edge_reports) {
            self.send_edge_report(&product);
        }
        for (relay, product) in std::mem::take(&mut self.owed_levels) {
            self.send_level(&relay, &product);
        }
    }

    pub(super) fn refuse_link(&mut self, link: LinkId, why: &str) {
        self.deeds.push(Deed::Close { link, why: why.to_string() });
    }
}
