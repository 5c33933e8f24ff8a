//! Attaching: how a relay and the primary come to agree on all edges at once (safety.md R3, R4).
//!
//! ```text
//!   relay                                      primary
//!      ── AttachHello ──────────────────────►  draws a nonce; an older one is void
//!      ◄───────────────────── Challenge{nonce}
//!   Fence, durable: nothing older counts (R4)
//!      ── AttachRequest{nonce, what I have} ─► checked, durable: the newest attachment (R3, R7)
//!      ◄────────── Attached{attach, levels} ── or AttachRefused: nothing of it was taken
//! ```

use super::Engine;
use super::restored::{GENERATIONS_FORGOTTEN, adoption_check};
use super::twin;
use crate::model::command::Command;
use crate::model::edge::{AttachId, DataSet, EdgeReport, Level};
use crate::model::holding::{HoldingOption, Phase};
use crate::model::letter::{Address, Body, Versions};
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::report::{StreamId, Table};
use crate::model::row::{GENERATION_BITS, HoldingRow, MetRow, RowKey, clock_number};
use crate::model::time::Timestamp;
use crate::model::tuning::Tuning;

/// A challenge that is open, and how far the relay's rows were here when it was made: whoever
/// answers it has written at least that.
#[derive(Debug)]
pub(super) struct Challenge {
    pub nonce: u64,
    /// Table, incarnation, version.
    rows: Vec<(Table, u64, u64)>,
}

impl Challenge {
    /// Whether the relay knows less of its own rows than it has said.
    fn rows_lost(&self, relay: &ServerName, data: &DataSet, said: &Versions) -> Option<Refusal> {
        let said = |table| said.iter().find(|(of, _)| *of == table).map_or(0, |(_, v)| *v);
        let lost = |(table, incarnation, have): &&(Table, u64, u64)| {
            *incarnation == data.incarnation && said(*table) < *have
        };
        let (table, _, have) = self.rows.iter().find(lost)?;
        let (table, knows) = (format!("{table:?}").to_lowercase(), said(*table));
        Some(set_back(relay, &format!("it knows change {knows} of its {table}, and {have} came")))
    }
}

pub(super) fn refused(relay: &ServerName, why: &str) -> Refusal {
    Refusal::new(
        "LT0232",
        format!("{relay} is not attached: {why}"),
        format!("start {relay} with its own newest data folder"),
    )
}

/// The relay's data is older than what it has said: it has to recover.
fn set_back(relay: &ServerName, found: &str) -> Refusal {
    Refusal::new(
        SET_BACK,
        format!("{relay} is not attached: {found}; its data was set back"),
        format!("it recovers by itself; see at {relay}: lictree recovery show"),
    )
}

/// Data sets of one server; the numbers of more would not fit.
pub(super) const GENERATION_MAX: u64 = 1 << (63 - GENERATION_BITS);

/// The code of a refusal that says that a relay's data was set back.
pub(super) const SET_BACK: &str = "LT0233";
/// The code of a refusal that says that this server is out of the tree.
pub(super) const SHUT_OUT: &str = "LT0235";

impl Engine {
    // === The primary's end ===

    /// Primary: the newest challenge counts, and once (R3).
    pub(super) fn attach_asked(
        &mut self,
        relay: ServerName,
        nonce: u64,
        data: DataSet,
        versions: &Versions,
        edges: Vec<(ProductName, EdgeReport)>,
    ) {
        let Some(open) = self.challenges.get(&relay).filter(|open| open.nonce == nonce) else {
            return;
        };
        if let Some(refusal) = self.known_twin(&relay, &data) {
            self.challenges.remove(&relay);
            return self.refuse_attach(&relay, nonce, refusal);
        }
        // Of one that runs twice neither was set back: what either knows, it keeps.
        let twice = self.follows_its_follower(&relay, &data);
        let lost = open.rows_lost(&relay, &data, versions).filter(|_| !twice);
        if let Some(refusal) = lost {
            self.challenges.remove(&relay);
            return self.refuse_attach(&relay, nonce, refusal);
        }
        self.challenges.remove(&relay);
        let adopts = self.state.met.get(&relay).is_some_and(|met| met.unsaid);
        let before = self.unattached.get(&relay).filter(|_| !adopts && !twice);
        let refusal = before.and_then(|_| self.attach_check(&relay, &data, &edges).err());
        if let Some(refusal) = refusal.filter(|refusal| Some(refusal) == before) {
            return self.refuse_attach(&relay, nonce, refusal);
        }
        let attach = self.next_attach();
        self.propose(Command::Attach { relay, nonce, attach, data, edges });
    }

    /// Primary: whether a relay that is known may begin to attach once more now: each attachment
    /// takes a place in the log. Who may not asks again.
    pub(super) fn may_attach(&mut self, relay: &ServerName, now: Timestamp) -> bool {
        if !self.state.met.contains_key(relay) {
            return false;
        }
        let Tuning { attaches_burst, attach_interval, .. } = self.tuning;
        let before = self.attaches_full.get(relay).copied().unwrap_or(now);
        let full = before.max(now).after(attach_interval);
        let may = full <= now.after(attach_interval.saturating_mul(attaches_burst));
        if may {
            self.attaches_full.insert(relay.clone(), full);
        }
        may
    }

    /// Primary: opens a challenge for this relay; an older one is void.
    pub(super) fn challenge(&mut self, relay: &ServerName, nonce: u64) {
        // One that is said again is answered by what it was answered by before.
        if self.challenges.get(relay).is_some_and(|open| open.nonce == nonce) {
            return self.send_below(relay, Body::Challenge { nonce });
        }
        let rows = StreamId::of(relay).into_iter().map(|stream| {
            let (incarnation, have) = self.stream_version(&stream);
            (stream.table, incarnation, have)
        });
        self.challenges.insert(relay.clone(), Challenge { nonce, rows: rows.collect() });
        self.send_below(relay, Body::Challenge { nonce });
    }

    /// Primary: a relay is attached anew, or told why not.
    pub(super) fn attach(
        &mut self,
        relay: &ServerName,
        nonce: u64,
        attach: AttachId,
        data: &DataSet,
        edges: &[(ProductName, EdgeReport)],
    ) {
        if !self.state.met.contains_key(relay) {
            // It did not say yet that it is there. It will, and asks again.
            return;
        }
        if let Err(refusal) = self.twin_check(relay, data) {
            return self.refuse_attach(relay, nonce, refusal);
        }
        let adopts = self.state.met.get(relay).is_some_and(|met| met.unsaid);
        let check = match adopts {
            true => adoption_check(relay, edges),
            false => self.attach_check(relay, data, edges),
        };
        if let Err(refusal) = check {
            self.note_sparingly("server.attach-refused", "", refusal.to_string());
            return self.refuse_attach(relay, nonce, refusal);
        }
        match adopts {
            true => self.adopt(relay, data, edges),
            false => self.take_data_set(relay, data),
        }
        if let Some(way) = self.links.way_down(relay) {
            self.attach_ways.insert(relay.clone(), way);
        }
        self.note_start(relay, data);
        let Some(met) = self.state.met.get_mut(relay) else { return };
        met.attach = Some(attach);
        // One with a data set before does, whether it says so or not.
        met.recovers = data.recovers || data.former != 0;
        met.generation = met.generation.max(data.generation.min(GENERATION_MAX));
        if data.stated_under >= met.enrolment.number {
            met.moved_from = None;
        }
        let generation = met.generation;
        self.unattached.remove(relay);
        self.state.server.attach_last = self.state.server.attach_last.max(attach.counter);
        self.state.touch(RowKey::Met(relay.clone()));
        self.state.touch(RowKey::Server);
        for (product, report) in edges {
            self.book_report(relay, product, report);
        }
        let levels = self.levels(relay);
        let data = data.incarnation;
        let body = Body::Attached { nonce, data, attach, levels, generation };
        self.send_below(relay, body);
    }

    /// Another data set of a relay: one that continues the one before it, or a new one.
    fn take_data_set(&mut self, relay: &ServerName, data: &DataSet) {
        if data.former == 0 || !self.continues(relay, data) {
            return self.begin_anew(relay, data);
        }
        let Some(met) = self.state.met.get_mut(relay) else { return };
        let (known, has_twin) = (met.incarnation, met.has_twin);
        met.go_on_as(data);
        self.state.touch(RowKey::Met(relay.clone()));
        if known == data.incarnation || has_twin {
            return;
        }
        self.note("server.set-back", format!("the data of {relay} was set back; it recovers"));
    }

    /// A relay with a new data set and nothing outstanding: its edges count from zero again. What
    /// its old data set may still say carries an older attachment.
    fn begin_anew(&mut self, relay: &ServerName, data: &DataSet) {
        let Some(met) = self.state.met.get_mut(relay) else { return };
        if met.incarnation == data.incarnation {
            // One that joined again says where its data came from: a copy may be of that.
            let known = met.formers.clone();
            met.came_from(data);
            if met.formers != known {
                self.state.touch(RowKey::Met(relay.clone()));
            }
            return;
        }
        met.generation += u64::from(met.incarnation != 0);
        met.incarnation = data.incarnation;
        met.formers.clear();
        met.came_from(data);
        self.state.touch(RowKey::Met(relay.clone()));
        let edges = self.state.edges.iter_mut().filter(|((_, name), _)| name == relay);
        let mut changed = Vec::new();
        for ((product, _), edge) in edges {
            edge.level.granted = 0;
            edge.level.returned_seen = 0;
            edge.granted_seen = 0;
            edge.promised = edge.level.option != HoldingOption::None;
            changed.push(product.clone());
        }
        for product in changed {
            self.state.touch(RowKey::Edge(product.clone(), relay.clone()));
            self.state.count_given(&product);
            self.top_up(relay, &product);
        }
    }

    /// Whether a data set is the one known here, or continues it after it was set back. The copy
    /// may be of a data set that this primary, set back too, never heard of: then of one that it
    /// came from.
    fn continues(&self, relay: &ServerName, data: &DataSet) -> bool {
        let Some(met) = self.state.met.get(relay) else { return false };
        let recovers = data.former != 0 && met.incarnation != 0;
        data.incarnation == met.incarnation || (recovers && met.is_kin(data))
    }

    /// R7, and that the relay did not go back behind what it said before, unless it recovers.
    fn attach_check(
        &self,
        relay: &ServerName,
        data: &DataSet,
        edges: &[(ProductName, EdgeReport)],
    ) -> Result<(), Refusal> {
        let met = self.state.met.get(relay);
        let known = met.map(|met| met.incarnation);
        // Counts are told to who is attached, and to nobody else.
        let was_attached = met.is_some_and(|met| met.attach.is_some());
        let continues = self.continues(relay, data);
        // One that joined and was not heard yet (0) cannot have been told of any count.
        let another = !continues && known != Some(0);
        if another && self.has_claims(relay) {
            let why = "its data is another than before, and licenses were registered there";
            return Err(refused(relay, why));
        }
        let edges_here = self.state.edges.iter().filter(|((_, name), _)| name == relay);
        for ((product, _), edge) in edges_here {
            if another && was_attached && edge.level.granted > edge.level.returned_seen {
                let why = format!("its data is another than before, and {product} was given");
                return Err(refused(relay, &why));
            }
            if !continues || data.former != 0 {
                // Nothing is with it: it begins anew, and so does the edge. Or it recovers.
                continue;
            }
            let said = edges.iter().find(|(of, _)| of == product).map(|(_, report)| *report);
            let said = said.unwrap_or_default();
            if said.granted_seen < edge.granted_seen || said.returned < edge.level.returned_seen {
                let why = format!("it forgot counts of {product} that it had confirmed");
                return Err(set_back(relay, &why));
            }
        }
        let is_from_before =
            |met: &MetRow| met.formers.contains(&data.incarnation) || met.is_kin(data);
        if another && met.is_some_and(is_from_before) {
            return Err(set_back(relay, "its data set is one from before"));
        }
        for (product, report) in edges {
            let granted = self.state.edges.get(&(product.clone(), relay.clone()));
            let granted = granted.map_or(0, |edge| edge.level.granted);
            if report.granted_seen > granted || report.returned > report.granted_seen {
                let why = format!("it claims counts of {product} that were never given");
                let hint = "if this primary was set back, it has to ask all what they hold: \
                            lictree recovery begin";
                return Err(Refusal { hint: hint.to_string(), ..refused(relay, &why) });
            }
        }
        Ok(())
    }

    /// Tells a relay, and keeps in mind that it was told: its next ask for the same reason needs no
    /// place in the log.
    fn refuse_attach(&mut self, relay: &ServerName, nonce: u64, refusal: Refusal) {
        self.send_below(relay, Body::AttachRefused { nonce, refusal: refusal.clone() });
        self.unattached.insert(relay.clone(), refusal);
    }

    // === The relay's end ===

    /// Relay: ask for an attachment; from its durable `Fence` on, nothing older counts.
    pub(super) fn fence(&mut self, nonce: u64) {
        self.state.server.fenced = Some(nonce);
        self.state.touch(RowKey::Server);
        let data = self.own_data_set();
        let versions = self.own_versions();
        let edges = self.state.holdings.iter();
        let edges = edges.map(|(product, row)| (product.clone(), self.edge_report(product, row)));
        let edges = edges.collect();
        let body = Body::AttachRequest { nonce, data, versions, edges };
        self.send_above(Address::Primary, body);
    }

    /// Relay: why the primary does not take it, if it does not.
    pub fn attach_refusal(&self) -> Option<&Refusal> {
        self.attach_refusal.as_ref()
    }

    /// Relay: the primary did not take it. Until it does, nothing is granted here (R5).
    pub(super) fn attach_refused(&mut self, refusal: Refusal) {
        match refusal.code.as_str() {
            SET_BACK if !self.recovers() => self.begin_recovery(&refusal.message),
            twin::TWIN => self.begin_as_twin(&refusal.message),
            _ => {}
        }
        self.attach_refusal = Some(refusal);
    }

    /// Relay: its parent lets it in no more. It was removed or given up, or another disk has taken
    /// its place; what it holds may be used there. So it grants nothing more, in later starts
    /// either, until it is attached again (R6).
    pub(super) fn let_in_no_more(&mut self, by: &ServerName) {
        let name = self.state.name();
        let refusal = Refusal::new(
            SHUT_OUT,
            format!("{name} is out of the tree: {by} says that its enrolment is denied"),
            format!("it grants nothing; what became of {name}: lictree event list, at the primary"),
        );
        if !self.recovers() {
            self.begin_recovery(&refusal.message);
        }
        self.attach_refusal = Some(refusal);
    }

    /// One that has moved says first what it uses: the primary keeps the holders on its way as they
    /// are until it attaches.
    pub(super) fn ask_attach(&mut self) {
        if self.may_ask_attach() {
            self.send_above(Address::Primary, Body::AttachHello);
        }
    }

    pub(super) fn may_ask_attach(&self) -> bool {
        !self.is_unstated() || self.recovers()
    }

    /// Relay: the primary has a newer attachment of this relay in force than is known here. A late
    /// copy of an older challenge brings that about; attaching anew puts it right.
    pub(super) fn is_superseded(&self, attach: AttachId) -> bool {
        let server = &self.state.server;
        let known = server.attach.filter(|_| server.fenced.is_none());
        known.is_some_and(|known| known.counter < attach.counter)
    }

    /// The moment now, as a number of this data set.
    pub(super) fn moment(&self) -> u64 {
        let generation = self.state.server.wish_last >> GENERATION_BITS;
        (generation << GENERATION_BITS) | clock_number(self.applying_at)
    }

    /// What it says from now on is newer than all that was said of its data sets before, also of
    /// one on a disk with another clock.
    fn grow_up(&mut self, generation: u64) {
        if generation <= self.state.server.wish_last >> GENERATION_BITS
            || generation > GENERATION_MAX
        {
            return;
        }
        let moment = (generation << GENERATION_BITS) | clock_number(self.applying_at);
        self.state.server.wish_last = moment;
        let mut changed = Vec::new();
        // A turn that was taken ends as it began.
        let open = |row: &HoldingRow| matches!(row.phase, Phase::Sharing | Phase::Taking);
        for (product, row) in self.state.holdings.iter_mut().filter(|(_, row)| open(row)) {
            row.cycle = row.cycle.max(moment);
            changed.push(product.clone());
        }
        changed.into_iter().for_each(|product| self.state.touch(RowKey::Holding(product)));
        let open: Vec<ProductName> = self.state.open.keys().cloned().collect();
        open.iter().for_each(|product| self.renumber_wishes(product));
        self.state.touch(RowKey::Server);
    }

    /// One that recovers hears a number of its own that it forgot, and the primary, too.
    pub(super) fn count_on_behind(&mut self, number: u64) {
        let own = self.state.server.wish_last >> GENERATION_BITS;
        let shown = number >> GENERATION_BITS;
        let can_be = (own..=own + GENERATIONS_FORGOTTEN).contains(&shown);
        if self.state.server.recovery.is_some() && can_be {
            self.grow_up(shown + 1);
        }
    }

    pub(super) fn attached(
        &mut self,
        nonce: u64,
        attach: AttachId,
        levels: &[(ProductName, Level)],
        generation: u64,
    ) {
        if self.state.server.fenced != Some(nonce) {
            return;
        }
        self.grow_up(generation);
        self.state.server.fenced = None;
        self.state.server.attach = Some(attach);
        self.state.server.attached_at = self.confirming_time();
        self.attach_refusal = None;
        self.state.touch(RowKey::Server);
        self.attached_in_recovery(levels);
        for (product, level) in levels {
            self.take_level(attach, product, level);
        }
    }
}
