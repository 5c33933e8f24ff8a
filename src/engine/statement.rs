//! Roll calls and the statements that answer them: who uses what of whose licenses.
//!
//! A server in recovery calls everybody below; whoever holds says so, whoever does not states what
//! it uses: where a holder is between, that is in that one's ledger, and is not booked a second
//! time. Who was set back itself states the same to the holder above, uncalled.
//!
//! Invariants
//! - A statement has a number of the author's wishes, durable before it is said: every wish after
//!   it is newer, every open one gets a newer number. So statements and wishes may come in any
//!   order, and repeated: per device the newest counts, and what is older than a statement and not
//!   in it is void (`Ledger::put`).
//! - A use that is stated is a fact: it is booked, and may leave a shortage.
//! - Of others than itself an author says nothing.

use super::Engine;
use super::packs;
use crate::model::account::{Account, Below, Entry, Pack, PackPart, Verdict, WishNumber};
use crate::model::command::Command;
use crate::model::device::DeviceState;
use crate::model::holding::Phase;
use crate::model::letter::{Address, Body, LinkId};
use crate::model::name::{ProductName, ServerName};
use crate::model::recovery::{NO_CALL, RecoveryCommand, RecoveryWord, RollCall};
use crate::model::row::{DeviceRow, RowKey};
use std::collections::{BTreeMap, BTreeSet};

/// The turn of one that does not know whether it has taken anything over.
const UNKNOWN_TURN: u64 = 0;
/// The turn of one that knows that it has taken nothing over.
const NO_TURN: u64 = 1;

/// Statements of this server, by roll call and product.
pub(super) type Statements = BTreeMap<(u64, ProductName), Statement>;

/// A statement under way.
#[derive(Debug)]
pub(super) struct Statement {
    /// Who called; without one it goes to the holder of the product.
    to: Option<ServerName>,
    /// As of its number: every repeat says the same, so letters of two may be put together. Nothing
    /// until its command is applied.
    pack: Option<Pack>,
    /// Where this server stood when it was said: whoever takes another turn says so.
    phase: Phase,
    booked: bool,
}

impl Statement {
    pub(super) fn is_booked(&self) -> bool {
        self.booked
    }
}

impl Engine {
    // === Who answers ===

    /// The parent says which roll calls there are above.
    pub(super) fn roll_called(&mut self, calls: Vec<RollCall>) {
        let calls: Vec<RollCall> = calls.into_iter().take(self.tuning.depth_max).collect();
        if calls != self.roll_calls {
            self.turn_anew(&calls);
            let of_primary =
                |calls: &[RollCall]| calls.iter().find(|c| c.licenses).map(|c| c.number);
            let before = of_primary(&self.roll_calls);
            self.roll_calls = calls;
            match of_primary(&self.roll_calls) {
                None => self.reclaiming.clear(),
                now if now != before => self.claim_again(),
                _ => {}
            }
            let calls = &self.roll_calls;
            let is_open = |call: u64| call == NO_CALL || calls.iter().any(|c| c.number == call);
            self.statements.retain(|(call, _), _| is_open(*call));
            self.roll_calls_changed = true;
        }
    }

    /// Uses that were on their way here from whoever calls may be lost with what it forgot, and a
    /// holder between may believe that they are here: this server asks those below itself, and
    /// takes them over in a new turn. Once for each call.
    fn turn_anew(&mut self, calls: &[RollCall]) {
        if !calls.is_empty() {
            self.turned.retain(|number| calls.iter().any(|call| call.number == *number));
        }
        let taking = self.state.holdings.iter().filter(|(_, row)| row.phase == Phase::Taking);
        let taking: Vec<&ProductName> = taking.map(|(product, _)| product).collect();
        let concerns = |call: &&RollCall| {
            taking.iter().any(|product| call.licenses || call.products.contains(product))
        };
        let concerned = calls.iter().filter(concerns).map(|call| call.number);
        let new: Vec<u64> = concerned.filter(|number| !self.turned.contains(number)).collect();
        if !new.is_empty() {
            self.turned.extend(new);
            self.begin("a server above was set back while uses were on their way here", 0, false);
        }
    }

    /// Makes the statements that are called for and not made yet.
    pub(super) fn answer_roll_calls(&mut self) {
        if self.recovers() && !self.rows_are_back() {
            return;
        }
        for RollCall { server, number, products, licenses } in self.roll_calls.clone() {
            if licenses && !self.reclaiming.is_empty() {
                continue;
            }
            let products = products.into_iter().take(self.tuning.products_max).collect();
            self.make_statements(number, Some(server), products);
        }
        if self.recovers() || self.is_unstated() {
            let products = self.stated_products().into_iter().cloned().collect();
            self.make_statements(NO_CALL, None, products);
        }
    }

    fn make_statements(&mut self, call: u64, to: Option<ServerName>, products: Vec<ProductName>) {
        let mut unsaid = Vec::new();
        for product in products {
            let phase = self.state.phase(&product);
            let key = (call, product.clone());
            if self.statements.get(&key).is_some_and(|known| known.phase == phase) {
                continue;
            }
            let statement = Statement { to: to.clone(), pack: None, phase, booked: false };
            self.statements.insert(key, statement);
            unsaid.push(product);
        }
        if !unsaid.is_empty() {
            let command = RecoveryCommand::State { call, to, products: unsaid };
            self.propose(Command::Recovery(command));
        }
    }

    /// Products that this server shares: with a holder that it knows of, or, where none is known,
    /// because it uses them.
    fn shared_products(&self) -> Vec<&ProductName> {
        if self.state.is_primary() {
            return Vec::new();
        }
        let used = self.state.own_figures.iter().filter(|(_, row)| row.figures.managed.0 > 0);
        let all = self.sources_above.keys().chain(used.map(|(product, _)| product));
        let all: BTreeSet<&ProductName> = all.collect();
        let shares = |product: &&ProductName| self.state.phase(product) == Phase::Sharing;
        all.into_iter().filter(shares).collect()
    }

    /// What it says of itself to the holders above: what it shares, and after a move also what it
    /// holds. One that never had anything has nothing to say.
    fn stated_products(&self) -> Vec<&ProductName> {
        let server = &self.state.server;
        let shared = self.shared_products();
        if server.recovery.is_some() || !self.is_unstated() {
            return shared;
        }
        let had_nothing = self.state.own_figures.is_empty() && self.state.holdings.is_empty();
        if had_nothing && server.formers.is_empty() {
            return Vec::new();
        }
        let held = self.state.holdings.iter().filter(|(_, row)| row.phase == Phase::Holding);
        shared.into_iter().chain(held.map(|(product, _)| product)).collect()
    }

    /// Products of which the holder above has not booked what this server says of itself.
    pub(super) fn own_statements_open(&self) -> Vec<&ProductName> {
        let is_booked = |product: &ProductName| {
            let statement = self.statements.get(&(NO_CALL, product.clone()));
            statement.is_some_and(|statement| statement.booked)
        };
        let stated = self.stated_products().into_iter();
        stated.filter(|product| !is_booked(product)).collect()
    }

    /// From now on what this server wishes is newer than what it states.
    pub(super) fn state_uses(
        &mut self,
        call: u64,
        to: Option<&ServerName>,
        products: &[ProductName],
    ) {
        self.state.server.wish_last += 1;
        let number = self.state.server.wish_last;
        self.state.touch(RowKey::Server);
        for product in products {
            self.renumber_wishes(product);
            let (phase, pack) = (self.state.phase(product), self.stated_pack(product, number));
            let statement = Statement { to: to.cloned(), pack: Some(pack), phase, booked: false };
            let key = (call, product.clone());
            if self.statements.contains_key(&key) {
                self.statements.insert(key.clone(), statement);
                self.say_statement(&key);
            }
            self.resume_wishes(product);
        }
    }

    /// What this server uses itself, as of now; older than any wish to come.
    pub(super) fn stated_account(&self, product: &ProductName, number: u64) -> Account {
        let managed = |row: &DeviceRow| {
            row.device.state == DeviceState::Managed && row.device.product.as_ref() == Some(product)
        };
        let devices = self.state.devices.iter().filter(|(_, row)| managed(row));
        let entry = Entry { number, verdict: Verdict::Granted };
        Account {
            origin: self.state.name().clone(),
            route: Vec::new(),
            floor: number,
            stated: number,
            entries: devices.map(|(device, _)| (*device, entry)).collect(),
        }
    }

    /// What is used here itself is in the ledger here, and nothing that it says is older.
    pub(super) fn put_own(&mut self, product: &ProductName) {
        self.state.server.wish_last += 1;
        let account = self.stated_account(product, self.state.server.wish_last);
        self.put_account(product, account);
        self.renumber_wishes(product);
    }

    fn say_statement(&mut self, key: &(u64, ProductName)) {
        let Some(statement) = self.statements.get(key).filter(|one| !one.booked) else { return };
        let Some(pack) = statement.pack.clone() else { return };
        let (call, product) = key;
        let to = match &statement.to {
            Some(to) => Address::Above(to.clone()),
            None => Address::Holder(product.clone()),
        };
        for part in packs::cut(pack, self.tuning.pack_entries_per_letter_max) {
            let word = RecoveryWord::Statement { call: *call, part };
            self.send_above(to.clone(), Body::Recovery(word));
        }
    }

    /// What is stated of a product, as of now.
    fn stated_pack(&self, product: &ProductName, number: WishNumber) -> Pack {
        let phase = self.state.phase(product);
        let name = self.state.name().clone();
        let cycle = self.state.holdings.get(product).map_or(0, |row| row.cycle);
        let out = matches!(phase, Phase::Holding | Phase::Yielding);
        let cycle = match phase {
            // Whoever is taking will ask for this turn, so it is still to come.
            Phase::Taking => cycle.saturating_sub(1),
            // One that was set back does not know its newest turn.
            Phase::Sharing if self.recovers() => UNKNOWN_TURN,
            Phase::Sharing => cycle.max(NO_TURN),
            _ => cycle,
        };
        Pack {
            product: product.clone(),
            giver: name.clone(),
            relay: name.clone(),
            cycle: number,
            accounts: if out { vec![] } else { vec![self.stated_account(product, number)] },
            below: vec![Below { relay: name, route: Vec::new(), cycle, out }],
        }
    }

    pub(super) fn repeat_statements(&mut self) {
        let open = self.statements.iter().filter(|(_, statement)| !statement.booked);
        let open: Vec<(u64, ProductName)> = open.map(|(key, _)| key.clone()).collect();
        open.iter().for_each(|key| self.say_statement(key));
    }

    /// Whether a statement has no answer.
    pub(super) fn is_stating(&self) -> bool {
        let open = self.statements.values().any(|statement| !statement.booked);
        open || !self.reclaiming.is_empty()
    }

    // === Who called ===

    /// Products of which a server that recovers asks who uses what: those that it holds, and those
    /// that it held once. Of these it may have been giving uses to one below, which takes them over
    /// anew when it hears the call.
    pub(super) fn called_products(&self) -> BTreeSet<&ProductName> {
        let recovery = self.state.server.recovery.as_ref();
        let forgot = recovery.is_some_and(|recovery| recovery.former != 0);
        let holdings = self.state.holdings.iter();
        let held_once = holdings.filter(|(_, row)| forgot && row.level.version > 0);
        let held = self.state.ledgers.keys().chain(self.state.holdings.keys());
        let held = held.filter(|product| self.state.phase(product) != Phase::Sharing);
        held.chain(held_once.map(|(product, _)| product)).collect()
    }

    /// It takes a product over that it shared: what was said of it before was not booked.
    pub(super) fn call_anew(&mut self) {
        if self.recovers() {
            self.recovering.stated.clear();
            self.recovering.call = NO_CALL;
        }
    }

    /// The roll calls that are open here and above.
    fn open_roll_calls(&self) -> Vec<RollCall> {
        let mut calls = self.roll_calls.clone();
        let number = self.recovering.call;
        if self.state.server.recovery.is_some() && number != NO_CALL {
            let server = self.state.name().clone();
            let products: Vec<ProductName> = self.called_products().into_iter().cloned().collect();
            let licenses = self.state.is_primary();
            if !products.is_empty() || licenses {
                calls.push(RollCall { server, number, products, licenses });
            }
        }
        calls
    }

    /// Tells a child of roll calls, if there are any or were.
    pub(super) fn tell_roll_calls(&mut self, link: LinkId) {
        let calls = self.open_roll_calls();
        if !calls.is_empty() {
            self.send_neighbour(link, Body::Recovery(RecoveryWord::RollCalls(calls)));
        }
    }

    /// Tells all children what has changed of the roll calls.
    pub(super) fn send_roll_calls(&mut self) {
        let calls = self.open_roll_calls();
        if calls != self.roll_calls_sent {
            let links: Vec<LinkId> = self.links.downlinks().collect();
            for link in links {
                let word = RecoveryWord::RollCalls(calls.clone());
                self.send_neighbour(link, Body::Recovery(word));
            }
            self.roll_calls_sent = calls;
        }
    }

    fn statement_came(
        &mut self,
        link: LinkId,
        route: &[ServerName],
        call: u64,
        mut part: PackPart,
    ) {
        let Some(author) = route.first().cloned() else { return };
        let (product, number) = (part.piece.product.clone(), part.piece.cycle);
        if call != NO_CALL {
            let open = self.state.server.recovery.is_some() && call == self.recovering.call;
            let known = self.recovering.stated.get(&(product.clone(), author.clone()));
            match known {
                _ if !open => return,
                Some(known) if *known >= number => {
                    let word = RecoveryWord::Stated { product, call, number };
                    return self.send_below(&author, Body::Recovery(word));
                }
                _ => {}
            }
        }
        part.piece.accounts.retain(|account| account.origin == author);
        part.piece.below.retain(|below| below.relay == author);
        if let Some(pack) = self.gather(link, part, &author) {
            if call != NO_CALL
                && (self.is_cut_by_the_silent(&product, route) || self.is_of_an_old_turn(&pack))
            {
                return;
            }
            let route = route.to_vec();
            self.propose(Command::Recovery(RecoveryCommand::Book { call, pack, route }));
        }
    }

    /// Whether it was said before its author took its uses over from here. It says anew where it
    /// stands now.
    fn is_of_an_old_turn(&self, pack: &Pack) -> bool {
        let Pack { product, below, .. } = pack;
        let handed = |said: &Below| {
            let key = (product.clone(), said.relay.clone());
            self.recovering.handed.get(&key).is_some_and(|turn| *turn > said.cycle)
        };
        below.iter().any(handed)
    }

    /// Whether a server on the way held before this one was set back, and has not said yet whether
    /// it still does: what comes through it is of its ledger, or of this one. The author says it
    /// again.
    fn is_cut_by_the_silent(&self, product: &ProductName, route: &[ServerName]) -> bool {
        let ledger = self.state.ledgers.get(product);
        let held = |server: &ServerName| {
            let below = ledger.and_then(|ledger| ledger.below.get(server));
            below.is_some_and(|below| below.out)
        };
        let stated = &self.recovering.stated;
        let silent = |server: &ServerName| !stated.contains_key(&(product.clone(), server.clone()));
        route.iter().skip(1).any(|server| held(server) && silent(server))
    }

    /// What a server below uses here.
    pub(super) fn book_statement(&mut self, call: u64, pack: &Pack, route: &[ServerName]) {
        let Pack { product, accounts, cycle: number, .. } = pack;
        let Some(author) = route.first() else { return };
        // A ledger that is on its way to another holder takes nothing more in; and before one is
        // here, the holder above may have what is stated, and gives it.
        let takes = match self.state.phase(product) {
            Phase::Holding => true,
            Phase::Taking => self.recovers(),
            Phase::Sharing | Phase::Yielding => false,
        };
        let shares = call != NO_CALL && self.state.phase(product) == Phase::Sharing;
        if shares {
            return self.note_stated(product, call, author, *number);
        }
        if !takes {
            return;
        }
        if call == NO_CALL && !self.is_for_here(pack, route) {
            return;
        }
        if call != NO_CALL && !self.note_turns(pack, route) {
            return;
        }
        let ledger = self.state.ledger(product);
        let cut = ledger.is_cut(route);
        // What the copy knew of one that is cut off is in the ledger of the one between.
        if let Some(account) = cut.then(|| ledger.take(author)).flatten() {
            self.touch_account(product, &account);
        }
        for account in accounts.iter().filter(|_| !cut) {
            let account = Account { route: route.to_vec(), ..account.clone() };
            self.put_account(product, account);
        }
        self.state.stirred.insert(product.clone());
        self.note_shortage(product);
        self.note_stated(product, call, author, *number);
    }

    /// Whether what a server states uncalled is booked here. Of one that holds only the place is
    /// noted: what is below it is of its own ledger.
    fn is_for_here(&mut self, pack: &Pack, route: &[ServerName]) -> bool {
        let Pack { product, below, cycle: number, .. } = pack;
        let Some((author, passed)) = route.split_first() else { return false };
        let ledger = self.state.ledger(product);
        if ledger.is_cut(passed) {
            return false;
        }
        let said = below.iter().find(|said| said.relay == *author);
        let holds = said.is_some_and(|said| said.out);
        match ledger.below.get_mut(author).filter(|known| known.out && !holds) {
            // It gave back what it took in that turn, to another holder.
            Some(known) if said.is_some_and(|said| said.cycle >= known.cycle) => {
                known.out = false;
                self.state.touch(RowKey::Below(product.clone(), author.clone()));
            }
            Some(_) => {
                self.tell_it_holds(product, author);
                return false;
            }
            None => {}
        }
        self.take_way(product, route);
        if let Some(said) = said.filter(|said| said.out) {
            self.note_holder(product, said, route);
            self.note_stated(product, NO_CALL, author, *number);
        }
        !holds
    }

    /// A server below says that it holds, and has not taken over from here, or from a later copy of
    /// this server: what it uses itself is in its own ledger.
    fn note_holder(&mut self, product: &ProductName, said: &Below, route: &[ServerName]) {
        let ledger = self.state.ledger(product);
        if ledger.below.get(&said.relay).is_some_and(|known| known.is_newer_than(said)) {
            return;
        }
        let below = Below { route: route.to_vec(), ..said.clone() };
        ledger.below.insert(said.relay.clone(), below);
        let own = ledger.take(&said.relay);
        self.state.touch(RowKey::Below(product.clone(), said.relay.clone()));
        own.iter().for_each(|account| self.touch_account(product, account));
        self.state.stirred.insert(product.clone());
    }

    fn note_stated(
        &mut self,
        product: &ProductName,
        call: u64,
        author: &ServerName,
        number: WishNumber,
    ) {
        if call != NO_CALL {
            self.recovering.stated.insert((product.clone(), author.clone()), number);
        }
        let word = RecoveryWord::Stated { product: product.clone(), call, number };
        self.send_below(author, Body::Recovery(word));
    }

    /// A use has ended that a statement which is not booked yet may name: it is made anew.
    pub(super) fn state_less(&mut self, product: &ProductName) {
        self.statements.retain(|(_, of), statement| of != product || statement.booked);
    }

    /// Where the author of a statement stands as a holder. Whether it knows it.
    fn note_turns(&mut self, pack: &Pack, route: &[ServerName]) -> bool {
        let Pack { product, below, .. } = pack;
        for said in below {
            let known = self.state.ledger(product).below.get(&said.relay);
            if said.cycle == UNKNOWN_TURN && known.is_some_and(|known| known.out && !said.out) {
                self.tell_it_holds(product, &said.relay.clone());
                return false;
            }
            self.note_turn(product, said, route);
        }
        true
    }

    fn tell_it_holds(&mut self, product: &ProductName, relay: &ServerName) {
        let word = RecoveryWord::YouHold { product: product.clone() };
        self.send_below(relay, Body::Recovery(word));
    }

    /// Where a server below stands as a holder.
    fn note_turn(&mut self, product: &ProductName, said: &Below, route: &[ServerName]) {
        let recovers = self.recovers();
        let ledger = self.state.ledger(product);
        // Who gave back what it took in a turn, and was booked, takes nothing in that turn again:
        // it said so before.
        let has_yielded = |known: &Below| known.cycle == said.cycle && known.is_newer_than(said);
        if ledger.below.get(&said.relay).is_some_and(has_yielded) {
            return;
        }
        let known = ledger.below.get(&said.relay).map(|below| below.cycle);
        let is_going = ledger.outbox.get(&said.relay).is_some_and(|pack| pack.cycle > said.cycle);
        if (said.cycle <= NO_TURN && !said.out)
            || known.is_some_and(|k| k > said.cycle && (!recovers || is_going))
        {
            return;
        }
        let below = Below { route: route.to_vec(), ..said.clone() };
        ledger.below.insert(said.relay.clone(), below);
        let through = if said.out { ledger.take_through(&said.relay) } else { Vec::new() };
        self.state.touch(RowKey::Below(product.clone(), said.relay.clone()));
        through.iter().for_each(|account| self.touch_account(product, account));
    }

    // === Letters ===

    pub(super) fn recovery_word_up(
        &mut self,
        link: LinkId,
        route: &[ServerName],
        word: RecoveryWord,
    ) {
        let Some(author) = route.first() else { return };
        match word {
            RecoveryWord::Statement { call, part } => {
                self.statement_came(link, route, call, part);
            }
            RecoveryWord::RowsAsk { data, former, after } => {
                self.rows_asked(author, (data, former), after);
            }
            RecoveryWord::BelowAsk { after } => self.below_asked(author, after),
            RecoveryWord::Registered { serials } => {
                let author = author.clone();
                self.registered_there(&author, serials);
            }
            _ => {}
        }
    }

    pub(super) fn recovery_word_down(&mut self, word: RecoveryWord) {
        match word {
            RecoveryWord::Stated { product, call, number } => {
                if let Some(statement) = self.statements.get_mut(&(call, product)) {
                    statement.booked |= statement.pack.as_ref().is_some_and(|p| p.cycle == number);
                }
            }
            RecoveryWord::YouHold { product } if self.recovers() => {
                self.propose(Command::Recovery(RecoveryCommand::Hold { product }));
            }
            RecoveryWord::Rows(back) => self.rows_came(back),
            RecoveryWord::Below { after, servers, more } => self.below_came(after, servers, more),
            _ => {}
        }
    }
}
