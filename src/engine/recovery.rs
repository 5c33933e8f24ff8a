//! Recovery of a relay that was set back (safety.md R5, R10); see `model/recovery.rs` for who says
//! what to whom.
//!
//! Invariants
//! - From `Begin` to `End` this server grants nothing, gives nothing back, and hands no use over:
//!   it does not know what it granted or gave back already.
//! - What was said under the data set before is void: the new one is a continuation that only this
//!   server can begin, so a second copy of the old data is refused from then on.
//! - Devices that are managed here stay managed. Which uses are counted is not known until they are
//!   stated, here and by all below; so nothing may be granted before all are (I12). Of whoever is
//!   not of the tree any more the last that is known still counts.
//! - Everything but the fact itself is volatile: a start in between calls everybody again.

use super::Engine;
use super::attachment::SHUT_OUT;
use super::awaited::ended_in_words;
use crate::model::account::{Account, Want};
use crate::model::command::Command;
use crate::model::device::{DeviceNumber, DeviceState};
use crate::model::edge::Level;
use crate::model::holding::Phase;
use crate::model::letter::{Address, Body};
use crate::model::name::{ProductName, ServerName};
use crate::model::recovery::{NO_CALL, Recovery, RecoveryCommand, RecoveryWord, RowsBack};
use crate::model::refusal::Refusal;
use crate::model::report::{ReportRow, RowBody, RowName, StreamId, Table};
use crate::model::request::Request;
use crate::model::row::{DeviceRow, MetRow, RowKey, Standing, remember_former};
use crate::model::time::Timestamp;
use crate::model::tuning::Mutant;
use std::collections::{BTreeMap, BTreeSet};

/// How far this start is with its own recovery.
#[derive(Debug, Default)]
pub struct Recovering {
    /// Its begin is proposed.
    beginning: bool,
    /// The number of this start's roll call; 0 until it is drawn.
    pub(super) call: u64,
    pub(super) attached: bool,
    /// Own rows have been taken back up to this number.
    rows_after: DeviceNumber,
    pub(super) rows_are_back: bool,
    /// Who is below, as the primary last said it whole, and as far as it is saying it again.
    pub(super) below: Option<BTreeSet<ServerName>>,
    listing: Option<BTreeSet<ServerName>>,
    /// The number of the newest statement that was booked.
    pub(super) stated: BTreeMap<(ProductName, ServerName), u64>,
    /// Who took its uses over since it began, in which turn: what it says of one before is old.
    pub(super) handed: BTreeMap<(ProductName, ServerName), u64>,
    /// The end is proposed.
    ending: bool,
}

/// Servers of one letter about who is below.
const NAMES_PER_LETTER_MAX: usize = 500;

impl Engine {
    /// Whether this server recovers, so that nothing may be granted here.
    pub fn recovers(&self) -> bool {
        if self.tuning.breaks(Mutant::NoRecovery) {
            return false;
        }
        self.state.server.recovery.as_ref().is_some_and(|recovery| !recovery.forced)
    }

    /// Its data may not be its newest. `why` is what was found, for people.
    pub fn begin_recovery(&mut self, why: &str) {
        let incarnation = self.entropy.draw().max(1);
        self.begin(why, incarnation, false);
    }

    pub(super) fn begin(&mut self, why: &str, incarnation: u64, keeps_rows: bool) {
        if !std::mem::replace(&mut self.recovering.beginning, true) {
            let why = why.to_string();
            let begin = RecoveryCommand::Begin { why, incarnation, keeps_rows };
            self.propose(Command::Recovery(begin));
        }
    }

    /// Whether own devices are known.
    pub(super) fn rows_are_back(&self) -> bool {
        let recovery = self.state.server.recovery.as_ref();
        let known = |recovery: &Recovery| recovery.former == 0 || recovery.keeps_rows;
        let goes_on = recovery.is_some_and(known);
        self.recovering.rows_are_back || goes_on || self.state.is_primary()
    }

    /// Own devices and licenses change only when it is known what they were last. A wish made
    /// after that waits for its verdict until the end.
    pub(super) fn recovery_check(&self, request: &Request) -> Result<(), Refusal> {
        let recovers = self.recovers() || self.recovering.beginning;
        let licenses = matches!(
            request,
            Request::RegisterLicense(_) | Request::SetHolding(_) | Request::Invite(_)
        );
        let devices = matches!(
            request,
            Request::Manage { .. }
                | Request::Ignore { .. }
                | Request::Delete { .. }
                | Request::Unite { .. }
                | Request::Move { .. }
                | Request::Import { .. }
        );
        if let (Some(refusal), Request::Manage { product, .. }) = (&self.attach_refusal, request) {
            // What it holds by its own word another data set of its name may use.
            let mut held = self.state.holdings.iter().filter(|(_, h)| h.phase != Phase::Sharing);
            if held.any(|(held, _)| product.as_ref().is_none_or(|product| product == held)) {
                return Err(refusal.clone());
            }
        }
        let rows = !self.rows_are_back();
        if !recovers || !(licenses || (devices && rows)) {
            return Ok(());
        }
        if let Some(out) = self.attach_refusal.as_ref().filter(|refusal| refusal.code == SHUT_OUT) {
            // There is nothing that it could wait for.
            return Err(out.clone());
        }
        let who = match self.state.is_primary() {
            true => "its relays have not all said yet what they hold",
            false => "it has not heard yet what it lost",
        };
        Err(Refusal::new(
            "LT0241",
            format!("{} recovers: its data may not be its newest, and {who}", self.state.name()),
            "wait until it has; see what it waits for: lictree recovery show",
        ))
    }

    pub(super) fn apply_recovery(&mut self, command: &RecoveryCommand) {
        match command {
            RecoveryCommand::Begin { why, incarnation, keeps_rows } => {
                self.recovery_begins(why, *incarnation, *keeps_rows);
            }
            RecoveryCommand::TakeBack(back) => self.take_back(back),
            RecoveryCommand::State { call, to, products } => {
                self.state_uses(*call, to.as_ref(), products);
            }
            RecoveryCommand::Hold { product } => self.hold_again(product),
            RecoveryCommand::Book { call, pack, route } => self.book_statement(*call, pack, route),
            RecoveryCommand::End { missing } => self.recovery_ends(missing),
            RecoveryCommand::Meet { name, parent, incarnation, enrolment } => {
                self.recovery_meets((name, parent), *incarnation, *enrolment);
            }
            RecoveryCommand::Stated { enrolment, way } => self.all_is_stated(*enrolment, *way),
        }
    }

    fn recovery_begins(&mut self, why: &str, incarnation: u64, keeps_rows: bool) {
        let (at, moment) = (self.applying_at, self.moment());
        let server = &mut self.state.server;
        let known = server.recovery.take();
        let keeps_before = known.as_ref().is_some_and(|recovery| recovery.keeps_rows);
        let was_forced = known.as_ref().is_some_and(|recovery| recovery.forced);
        let before = known.map_or(0, |recovery| recovery.former);
        let goes_on = before == 0 && incarnation == 0;
        // What a recovery before has not taken back yet is not here. What it has is the newest as
        // long as the data set goes on, whatever a primary knows that was set back meanwhile.
        let is_second = keeps_rows && (before == 0 || keeps_before);
        let keeps_rows = is_second || (incarnation == 0 && keeps_before);
        let known = if before == 0 { server.founding.incarnation } else { before };
        let former = if goes_on { 0 } else { known };
        // Who is missing was said of this data set.
        let forced = incarnation == 0 && was_forced;
        let why_told = why.to_string();
        server.recovery = Some(Recovery { since: at, why: why_told, former, forced, keeps_rows });
        if incarnation != 0 {
            let before = std::mem::replace(&mut server.founding.incarnation, incarnation);
            remember_former(&mut server.formers, before);
        }
        // Verdicts on wishes that were made since must not fit those to come.
        server.wish_last = server.wish_last.max(moment);
        server.attach = None;
        server.fenced = None;
        // Rows that are no more here go where they are mirrored, even if none is left.
        server.figures_version += 1;
        server.nodes_version += 1;
        self.state.touch(RowKey::Server);
        // Of one that runs twice, or is out of the tree, it stands until the primary takes it.
        let stands = |refusal: &Refusal| is_second || refusal.code == SHUT_OUT;
        self.attach_refusal = self.attach_refusal.take().filter(stands);
        // Its claims are heard once those above know which data set speaks.
        self.presence_due = Timestamp(0);
        self.forget_recovering();
        if self.state.is_primary() {
            self.primary_begins();
        }
        let name = self.state.name().clone();
        self.forget_streams(&name);
        let ledgers: Vec<ProductName> = self.state.ledgers.keys().cloned().collect();
        ledgers.iter().for_each(|product| self.forget_packs(product));
        let mut changed = Vec::new();
        for (product, row) in &mut self.state.holdings {
            // Whatever turn the holder above last knew of, this one is later; and uses that went
            // back to it since come here again.
            row.cycle = row.cycle.max(moment) + 1;
            if row.phase != Phase::Sharing {
                row.phase = Phase::Taking;
            }
            changed.push(product.clone());
        }
        changed.into_iter().for_each(|product| self.state.touch(RowKey::Holding(product)));
        let open: Vec<ProductName> = self.state.open.keys().cloned().collect();
        open.iter().for_each(|product| self.renumber_wishes(product));
        self.sources_changed = true;
        self.note("recovery.begun", format!("this server recovers: {why}"));
    }

    /// It held the product when it was set back, and does not know it: the uses of those below were
    /// in its ledger. What is in no ledger is called for, and goes up again with what is here.
    fn hold_again(&mut self, product: &ProductName) {
        let room = self.state.holdings.len() < self.tuning.products_max;
        let known = self.state.holdings.contains_key(product);
        let moment = self.moment();
        if !self.recovers() || self.state.phase(product) != Phase::Sharing || !(room || known) {
            return;
        }
        let row = self.state.holdings.entry(product.clone()).or_default();
        row.phase = Phase::Taking;
        row.cycle = row.cycle.max(moment) + 1;
        let cycle = row.cycle;
        self.state.touch(RowKey::Holding(product.clone()));
        self.state.stirred.insert(product.clone());
        self.sources_changed = true;
        self.call_anew();
        self.ask_take_over(product, cycle);
    }

    /// What is volatile of recoveries, and of roll calls to answer.
    pub(super) fn forget_recovering(&mut self) {
        self.recovering = Recovering::default();
        self.statements.clear();
    }

    /// Packs that were on their way from here came, or did not: whoever holds says so. What this
    /// server was giving back itself is here until then.
    fn forget_packs(&mut self, product: &ProductName) {
        let me = self.state.name().clone();
        let packs = std::mem::take(&mut self.state.ledger(product).outbox);
        for (relay, pack) in packs {
            for account in pack.accounts.into_iter().filter(|_| pack.giver == me && relay == me) {
                self.put_account(product, account);
            }
            self.state.touch(RowKey::Outbox(product.clone(), relay));
        }
        self.state.stirred.insert(product.clone());
    }

    pub(super) fn touch_account(&mut self, product: &ProductName, account: &Account) {
        let devices: Vec<DeviceNumber> = account.entries.keys().copied().collect();
        self.state.touch(RowKey::Account(product.clone(), account.origin.clone()));
        self.state.touch_entries(product, &account.origin, &devices);
    }

    /// Open wishes get new numbers, in their order: above those of a statement that was made.
    pub(super) fn renumber_wishes(&mut self, product: &ProductName) {
        self.fresh.remove(product);
        let open = self.state.open.remove(product).unwrap_or_default();
        for device in open.into_values() {
            self.state.server.wish_last += 1;
            let number = self.state.server.wish_last;
            let Some(row) = self.state.devices.get_mut(&device) else { continue };
            let Some(wish) = row.wish.as_mut() else { continue };
            wish.number = number;
            self.state.open.entry(product.clone()).or_default().insert(number, device);
            self.state.touch(RowKey::Device(device));
        }
        self.state.touch(RowKey::Server);
    }

    // === What the primary tells ===

    /// Attached while it recovers: the counts are the primary's, whatever was known here.
    pub(super) fn attached_in_recovery(&mut self, levels: &[(ProductName, Level)]) {
        if !self.recovers() {
            return;
        }
        let moment = self.moment();
        for (product, level) in levels {
            let known = self.state.holdings.contains_key(product);
            if !known && self.state.holdings.len() >= self.tuning.products_max {
                continue;
            }
            let row = self.state.holdings.entry(product.clone()).or_default();
            if row.cycle == 0 {
                // What was on its way to the data set before is void.
                row.cycle = moment;
            }
            if self.tuning.breaks(Mutant::CountsOfTheCopy) {
                continue;
            }
            row.granted_seen = row.granted_seen.max(level.granted);
            row.returned = row.returned.max(level.returned_seen);
            self.state.touch(RowKey::Holding(product.clone()));
        }
        self.recovering.attached = true;
        self.repeat_turns();
        self.ask_who_is_below();
        self.ask_in_recovery();
    }

    /// Who is below may change while they are waited for.
    pub(super) fn ask_who_is_below(&mut self) {
        if self.recovering.attached {
            self.recovering.listing = Some(BTreeSet::new());
        }
    }

    /// Asks the primary for what is not known yet.
    fn ask_in_recovery(&mut self) {
        let Some(former) = self.state.server.recovery.as_ref().map(|recovery| recovery.former)
        else {
            return;
        };
        if !self.rows_are_back() {
            let (data, after) =
                (self.state.server.founding.incarnation, self.recovering.rows_after);
            let word = RecoveryWord::RowsAsk { data, former, after };
            self.send_above(Address::Primary, Body::Recovery(word));
        }
        if let Some(listing) = &self.recovering.listing {
            let after = listing.last().cloned();
            let word = RecoveryWord::BelowAsk { after };
            self.send_above(Address::Primary, Body::Recovery(word));
        }
    }

    /// Primary: the next rows of a relay's former data set, as they are known here.
    pub(super) fn rows_asked(
        &mut self,
        relay: &ServerName,
        (data, former): (u64, u64),
        after: DeviceNumber,
    ) {
        let stream = StreamId { origin: relay.clone(), table: Table::Nodes };
        let formers = self.state.met.get(relay).map(|met| met.formers.clone()).unwrap_or_default();
        let is_former = |of: u64| of != 0 && (of == former || formers.contains(&of));
        let mirror = self.state.mirrors.get(&stream).filter(|m| is_former(m.incarnation));
        let max = self.tuning.report_rows_max;
        let mut back = RowsBack { data, after, upto: None, have: 0, newest: 0, rows: Vec::new() };
        if let Some((mirror, table)) = mirror.and_then(|m| Some((m, m.nodes()?))) {
            let place = super::nodes::Place::Number(after);
            let rows = table.behind(super::nodes::By::Number, Some(place), None);
            back.rows = rows.take(max).map(super::mirror::whole_row).collect();
            back.have = mirror.have;
            back.newest = table.newest();
            back.upto = match back.rows.last().map(|row| &row.name) {
                Some(RowName::Device(last)) if back.rows.len() == max => Some(*last),
                _ => None,
            };
        }
        self.send_below(relay, Body::Recovery(RecoveryWord::Rows(back)));
    }

    /// Primary: servers below one, in the order of their names.
    pub(super) fn below_asked(&mut self, relay: &ServerName, after: Option<ServerName>) {
        let members = self.state.met.values();
        // Whoever has a certificate may use licenses, though nothing of it was heard here yet.
        let is_there = |met: &&MetRow| met.enrolment.standing == Standing::Member;
        let members = members.filter(is_there);
        let behind = members.filter(|met| after.as_ref().is_none_or(|after| met.name > *after));
        let below = behind.filter(|met| self.is_below(&met.name, relay));
        let mut servers: Vec<ServerName> =
            below.map(|met| met.name.clone()).take(NAMES_PER_LETTER_MAX + 1).collect();
        let more = servers.len() > NAMES_PER_LETTER_MAX;
        servers.truncate(NAMES_PER_LETTER_MAX);
        self.send_below(relay, Body::Recovery(RecoveryWord::Below { after, servers, more }));
    }

    pub(super) fn is_below(&self, server: &ServerName, above: &ServerName) -> bool {
        let mut at = server;
        for _ in 0..=self.tuning.depth_max {
            let Some(met) = self.state.met.get(at) else { return false };
            if met.parent == *above {
                return true;
            }
            at = &met.parent;
        }
        false
    }

    pub(super) fn below_came(
        &mut self,
        after: Option<ServerName>,
        servers: Vec<ServerName>,
        more: bool,
    ) {
        let known = &mut self.recovering;
        let Some(listing) = known.listing.as_mut().filter(|l| l.last() == after.as_ref()) else {
            return;
        };
        listing.extend(servers.into_iter().take(NAMES_PER_LETTER_MAX));
        if !more || listing.len() >= self.tuning.servers_max {
            known.below = known.listing.take();
        }
        self.ask_in_recovery();
    }

    /// Rows of the former data set came: in their place in the order. What an earlier data set of
    /// this server asked for may come late, and says nothing of what was lost since.
    pub(super) fn rows_came(&mut self, back: RowsBack) {
        let known = &self.recovering;
        let is_asked = known.attached && back.data == self.state.server.founding.incarnation;
        let is_next = !known.rows_are_back && back.after == known.rows_after;
        if self.recovers() && is_asked && is_next {
            self.propose(Command::Recovery(RecoveryCommand::TakeBack(back)));
        }
    }

    /// Own devices become what the primary last knew of them, where that is newer.
    fn take_back(&mut self, back: &RowsBack) {
        let RowsBack { data, after, upto, have, newest, rows } = back;
        if !self.recovers() || *data != self.state.server.founding.incarnation {
            return;
        }
        // Whatever changes from now on is newer than all of them, those of later pages too. A
        // primary that was set back too knows rows, and not up to where it has all.
        let here = rows.iter().map(|row| row.version).max().unwrap_or(0);
        let server = &mut self.state.server;
        server.nodes_version = server.nodes_version.max(*have).max(*newest).max(here);
        self.state.touch(RowKey::Server);
        let named: BTreeSet<DeviceNumber> = rows.iter().filter_map(number_of).collect();
        let within = |number: &DeviceNumber| upto.is_none_or(|upto| *number <= upto);
        let first = DeviceNumber(after.0.saturating_add(1));
        let old = self.state.devices.range(first..).take_while(|(number, _)| within(number));
        let gone = old.filter(|(number, row)| row.version <= *have && !named.contains(number));
        let gone: Vec<DeviceNumber> = gone.map(|(number, _)| *number).collect();
        gone.into_iter().for_each(|number| self.drop_device(number));
        rows.iter().for_each(|row| self.take_row(row, *have));
        self.rows_are_taken(*after, *upto);
    }

    /// The next page is asked for; behind the last one rows go up again.
    fn rows_are_taken(&mut self, after: DeviceNumber, upto: Option<DeviceNumber>) {
        let known = &mut self.recovering;
        if known.rows_are_back || after != known.rows_after {
            return;
        }
        match upto {
            Some(upto) => known.rows_after = upto,
            None => known.rows_are_back = true,
        }
        if self.recovering.rows_are_back {
            // Durable: the server's own row is written with every page.
            if let Some(recovery) = self.state.server.recovery.as_mut() {
                recovery.keeps_rows = true;
            }
            self.offer_reports();
        }
        self.ask_in_recovery();
    }

    fn take_row(&mut self, row: &ReportRow, have: u64) {
        let (Some(number), RowBody::Device(device)) = (number_of(row), &row.body) else { return };
        let known = self.state.devices.get(&number);
        let deleted = self.state.gone.get(&number).copied();
        let version = known.map(|known| known.version).max(deleted);
        // What is later here, but within what the primary has, is of a data set beside its own:
        // the same number was given twice, and what that one used is void.
        let is_same = version == Some(row.version)
            && known.is_some_and(|known| {
                (known.device.state, &known.device.product) == (device.state, &device.product)
            });
        if is_same || version.is_some_and(|version| version > have && version >= row.version) {
            return;
        }
        if deleted.is_some() {
            self.state.gone.remove(&number);
            self.state.touch(RowKey::Gone(number));
        }
        let known = self.state.devices.get(&number);
        // An ask that nobody is known to have answered stays open.
        let wish = known.and_then(|known| known.wish.clone());
        let asks = wish
            .filter(|wish| wish.want == Want::Manage && device.state == DeviceState::Discovered);
        self.drop_device(number);
        let mut device = device.as_ref().clone();
        let goal = device.goal.take();
        self.state.identities.insert(&device, number);
        if device.state == DeviceState::Managed {
            self.count_managed(device.product.clone().as_ref(), 1);
        }
        self.state.own_nodes.put(number, row.version, &device);
        let known = DeviceRow { device, version: row.version, ..DeviceRow::default() };
        self.state.devices.insert(number, known);
        let server = &mut self.state.server;
        server.device_last = server.device_last.max(number);
        self.state.touch(RowKey::Device(number));
        if let Some(wish) = asks {
            self.wish(number, &wish.product, wish.want);
        }
        if let Some(goal) = goal {
            self.wait_to_move(number, *goal);
        }
    }

    /// A device is not known here any more; nothing is told of it.
    fn drop_device(&mut self, number: DeviceNumber) {
        self.close_wish(number);
        self.close_move(number);
        let Some(row) = self.state.devices.remove(&number) else { return };
        if !row.deleted {
            self.state.identities.remove(&row.device, number);
        }
        if row.device.state == DeviceState::Managed {
            self.count_managed(row.device.product.as_ref(), -1);
        }
        self.state.own_nodes.remove(number);
        self.state.touch(RowKey::Device(number));
    }

    // === The end ===

    /// Goes on with a recovery, after each run of inputs.
    pub(super) fn go_on_recovering(&mut self) {
        if self.state.server.recovery.is_none() {
            return;
        }
        if self.recovering.call == 0 {
            self.recovering.call = self.entropy.draw().max(1);
            self.roll_calls_changed = true;
        }
        // Who joined the primary after the copy and is cut off is known to people only.
        let by_itself = !self.state.is_primary() || !self.recovers();
        if by_itself && !self.recovering.ending && self.awaited().next().is_none() {
            self.recovering.ending = true;
            self.propose(Command::Recovery(RecoveryCommand::End { missing: Vec::new() }));
        }
    }

    pub(super) fn awaits_attachment(&self) -> bool {
        self.recovers() && !self.recovering.attached
    }

    /// Says again what the primary has not answered.
    pub(super) fn repeat_recovery(&mut self) {
        if self.recovering.attached {
            self.ask_in_recovery();
        }
        if self.state.is_primary() {
            self.ask_what_is_held();
        }
        self.repeat_statements();
        self.repeat_reclaims();
    }

    fn recovery_ends(&mut self, missing: &[ServerName]) {
        // A turn may have begun since the end was proposed: what is used comes with it.
        let turns = self.state.holdings.values();
        let mut turns = turns.filter(|row| matches!(row.phase, Phase::Taking | Phase::Yielding));
        if missing.is_empty() && turns.next().is_some() {
            self.recovering.ending = false;
            return;
        }
        let Some(recovery) = self.state.server.recovery.as_mut() else { return };
        let was_forced = std::mem::replace(&mut recovery.forced, !missing.is_empty());
        if missing.is_empty() {
            self.state.server.recovery = None;
            self.recovering = Recovering::default();
            self.roll_calls_changed = true;
            match self.state.is_primary() {
                true => self.primary_ends(),
                // A primary that recovers too waits for what is known here only now.
                false => self.ask_attach(),
            }
        }
        self.state.touch(RowKey::Server);
        // What was said meanwhile, and is not booked, may know less than is known now.
        self.statements.retain(|(call, _), statement| *call != NO_CALL && statement.is_booked());
        self.recovering.ending = false;
        self.note("recovery.ended", ended_in_words(missing));
        if was_forced {
            return;
        }
        let mut held = self.held_products();
        held.retain(|product| self.state.phase(product) == Phase::Holding);
        held.iter().for_each(|product| self.put_own(product));
        self.state.stirred.extend(held.iter().cloned());
        for product in &held {
            self.settle_own(product);
            self.advance(product);
            self.give_back(product);
            self.note_shortage(product);
        }
        let open: Vec<ProductName> = self.state.open.keys().cloned().collect();
        open.iter().for_each(|product| self.resume_wishes(product));
        self.sources_changed = true;
    }
}

fn number_of(row: &ReportRow) -> Option<DeviceNumber> {
    match row.name {
        RowName::Device(number) => Some(number),
        RowName::Product(_) => None,
    }
}
