//! The tree as one server sees it: its neighbours, the ways down, who is there.
//!
//! All of it is volatile. Children say who they are and who is below them; a presence that goes up
//! teaches every server it passes the way down. Asks go up until somebody answers; nothing goes
//! sideways.

use super::belief::{impossible, is_possible_below};
use super::restored::FORGOTTEN;
use super::{Deed, Engine};
use crate::model::command::Command;
use crate::model::enrolment::ReplyTo;
use crate::model::holding::Phase;
use crate::model::letter::{Address, Body, Letter, LinkId, Presence, Signature};
use crate::model::name::{ProductName, ServerName};
use crate::model::recovery::RecoveryWord;
use crate::model::report::Table;
use crate::model::row::Standing;
use crate::model::time::{Timestamp, duration_ms};
use std::collections::BTreeMap;

/// Connections to neighbours, and through which of them a server below is reached.
#[derive(Debug, Default)]
pub struct Links {
    uplink: Option<(LinkId, ServerName)>,
    downlinks: BTreeMap<LinkId, ServerName>,
    /// Where children are seen.
    seen: BTreeMap<LinkId, String>,
    ways: BTreeMap<ServerName, LinkId>,
}

/// What the parent said, over the link there is, of the way from it to the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WayUp {
    /// Nothing yet.
    Unsaid,
    Closed,
    Open,
}

/// The longest interval of presences that is believed: an hour.
const INTERVAL_MS_MAX: u64 = 3_600_000;

/// A list of sources up to this long is said to every child with each of its presences.
const SOURCES_REPEATED_MAX: usize = 16;

/// A presence as last heard, and when.
#[derive(Clone, Debug)]
pub struct Heard {
    pub presence: Presence,
    /// The way it came, its author first.
    route: Vec<ServerName>,
    signature: Option<Box<Signature>>,
    /// When it spoke, by the clock here: the time for which others kept it is taken off.
    pub at: Timestamp,
}

impl Heard {
    /// Whether two intervals have passed since it spoke.
    fn is_silent(&self, now: Timestamp) -> bool {
        let interval_ms = self.presence.interval_ms.min(INTERVAL_MS_MAX);
        now.since(self.at).as_millis() > 2 * u128::from(interval_ms)
    }

    /// How far its clock is ahead of ours; the way of the message is in it.
    pub fn clock_ahead_ms(&self) -> i64 {
        ahead_ms(self.presence.clock, self.at)
    }
}

/// How far one clock is ahead of another.
fn ahead_ms(one: Timestamp, other: Timestamp) -> i64 {
    let ahead = i128::from(one.0) - i128::from(other.0);
    let most = if ahead < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(ahead).unwrap_or(most)
}

impl Links {
    pub fn uplink(&self) -> Option<LinkId> {
        self.uplink.as_ref().map(|(link, _)| *link)
    }

    pub fn parent(&self) -> Option<&ServerName> {
        self.uplink.as_ref().map(|(_, name)| name)
    }

    pub fn way_down(&self, to: &ServerName) -> Option<LinkId> {
        self.ways.get(to).copied()
    }

    pub fn downlinks(&self) -> impl Iterator<Item = LinkId> {
        self.downlinks.keys().copied()
    }

    pub fn child(&self, link: LinkId) -> Option<&ServerName> {
        self.downlinks.get(&link)
    }

    pub(super) fn is_child(&self, name: &ServerName) -> bool {
        self.downlinks.values().any(|child| child == name)
    }

    fn is_uplink(&self, link: LinkId) -> bool {
        self.uplink() == Some(link)
    }
}

impl Engine {
    /// A connection to the parent. It learns who is there; what goes further up waits for its
    /// word on the way, which comes at once, so that all of that is said once.
    pub fn uplink_up(&mut self, link: LinkId, parent: ServerName, now: Timestamp) {
        self.links.uplink = Some((link, parent));
        self.cut_off = None;
        self.way_up = WayUp::Unsaid;
        self.way_above = 0;
        self.sources_are_whole = false;
        self.roll_called(Vec::new());
        self.greet_parent(now);
    }

    /// A connection from a child. It learns whether the way up is open.
    pub fn downlink_up(&mut self, link: LinkId, child: ServerName) {
        self.links.downlinks.insert(link, child.clone());
        self.links.ways.insert(child, link);
        self.send_trust(link);
        self.send_neighbour(link, self.sources_word());
        self.tell_roll_calls(link);
        if self.reaches_primary() {
            self.send_neighbour(link, Body::Resume { way: self.way() });
        }
    }

    pub fn link_down(&mut self, link: LinkId, now: Timestamp) {
        if self.links.is_uplink(link) {
            self.gathering.retain(|(over, ..), _| *over != link);
            self.cut_off = self.links.uplink.take().map(|(_, parent)| (parent, now));
            self.clock_ahead_ms = None;
            self.way_up_closes(now);
            self.reports.uplink_down();
        } else {
            self.gathering.retain(|(over, ..), _| *over != link);
            self.links.downlinks.remove(&link);
            self.links.seen.remove(&link);
            self.links.ways.retain(|_, way| *way != link);
        }
    }

    /// Whether letters get to the primary, as far as is known here.
    pub fn reaches_primary(&self) -> bool {
        self.state.is_primary() || self.way_up == WayUp::Open
    }

    /// What the parent needs of a new connection: who is there, and the question what it has of
    /// their reports.
    fn greet_parent(&mut self, now: Timestamp) {
        self.send_presences(now);
        self.reports.uplink_down();
        self.offer_reports();
        self.begin_reconciling(now);
    }

    /// Says again what a holder above has not answered; it may be nearer than the primary.
    fn ask_holders(&mut self) {
        let products: Vec<ProductName> = self.state.open.keys().cloned().collect();
        products.iter().for_each(|product| self.resume_wishes(product));
        self.repeat_turns();
    }

    /// The parent says that letters get to the primary: attach anew, and repeat what has no answer.
    fn way_up_opens(&mut self, now: Timestamp) {
        // What was said when the connection was made came to nobody beyond a way that was closed.
        if self.way_up != WayUp::Unsaid {
            self.greet_parent(now);
        }
        self.way_up = WayUp::Open;
        self.way_cut_since = None;
        if self.links.uplink().is_some() {
            self.ask_attach();
            self.ask_holders();
            self.repeat_heads(now);
            self.repeat_claims();
            self.ask_after_moves(now);
        }
        let links: Vec<LinkId> = self.links.downlinks().collect();
        let way = self.way();
        links.into_iter().for_each(|link| self.send_neighbour(link, Body::Resume { way }));
    }

    /// The parent's answer to a presence.
    fn parent_heard(&mut self, open: bool, now: Timestamp) {
        match (open, self.way_up) {
            (true, WayUp::Unsaid | WayUp::Closed) => self.way_up_opens(now),
            (false, WayUp::Open) => self.way_up_closes(now),
            (false, WayUp::Unsaid) => {
                self.way_up = WayUp::Closed;
                self.ask_holders();
            }
            (true, WayUp::Open) | (false, WayUp::Closed) => {}
        }
    }

    /// Letters do not get to the primary any more; those below are told, so that they can say so.
    fn way_up_closes(&mut self, now: Timestamp) {
        if std::mem::replace(&mut self.way_up, WayUp::Closed) == WayUp::Open {
            self.way_cut_since = Some(now);
        }
        let links: Vec<LinkId> = self.links.downlinks().collect();
        links.into_iter().for_each(|link| self.send_heard(link, now));
    }

    pub(super) fn send_heard(&mut self, link: LinkId, now: Timestamp) {
        let (open, trust) = (self.reaches_primary(), self.state.trust.trust.version);
        let (license, way) = (self.time_for_children(), self.way());
        self.send_neighbour(link, Body::Heard { clock: now, open, trust, license, way });
    }

    pub(super) fn send_neighbour(&mut self, link: LinkId, body: Body) {
        let letter = Letter::to_neighbour(body);
        self.deeds.push(Deed::Send { link, letter });
    }

    // === Presence ===

    /// Says that this server and those below it are there.
    pub(super) fn send_presences(&mut self, now: Timestamp) {
        let Some(parent) = self.links.parent().cloned() else { return };
        let presence = self.presence(parent, now);
        self.send_above(Address::Primary, Body::Presence(presence));
        let interval = self.tuning.presence_interval;
        let fresh = self.heard.values().filter(|heard| now.since(heard.at) <= 2 * interval);
        let kept = |heard: &Heard| {
            let kept_ms = duration_ms(now.since(heard.at));
            let mut route = heard.route.clone();
            route.push(self.state.name().clone());
            let body = Body::Presence(Presence { kept_ms, ..heard.presence.clone() });
            Letter {
                signature: heard.signature.clone(),
                ..Letter::new(Address::Primary, route, body)
            }
        };
        let mut below: Vec<Letter> = fresh.map(kept).collect();
        // A server is heard before those below it (`belief`).
        below.sort_by_key(|letter| letter.route.len());
        below.into_iter().for_each(|letter| self.send_on(letter));
        self.presence_due = now.after(interval);
    }

    fn presence(&self, parent: ServerName, now: Timestamp) -> Presence {
        Presence {
            name: self.state.name().clone(),
            parent,
            incarnation: self.state.server.founding.incarnation,
            interval_ms: duration_ms(self.tuning.presence_interval),
            versions: self.own_versions(),
            software: self.software.clone(),
            trust: self.state.trust.trust.version,
            credentials: self.credentials,
            clock: now,
            standing: self.clock_standing(),
            kept_ms: 0,
            address: String::new(),
            recovers: self.state.server.recovery.is_some(),
        }
    }

    /// Where a child is seen now.
    pub fn see(&mut self, link: LinkId, address: String) {
        if self.links.downlinks.contains_key(&link) {
            self.links.seen.insert(link, address);
        }
    }

    fn hear(
        &mut self,
        link: LinkId,
        route: &[ServerName],
        presence: &Presence,
        signature: Option<Box<Signature>>,
        now: Timestamp,
    ) {
        let known = self.heard.contains_key(&presence.name);
        let full = !known && self.heard.len() >= self.tuning.servers_max;
        let at = Timestamp(now.0.saturating_sub(presence.kept_ms));
        let heard = Heard { presence: presence.clone(), route: route.to_vec(), signature, at };
        let enrolment = presence.credentials.enrolment;
        let met = self.state.met.get(&presence.name);
        // A word from before it came again, or kept for so long, says nothing of now.
        if full
            || met.is_some_and(|met| enrolment < met.enrolment.number)
            || self.state.trust.trust.is_denied(&presence.name, enrolment)
            || heard.is_silent(now)
            || presence.name == *self.state.name()
            || !self.has_place(link, presence, now)
        {
            return;
        }
        self.links.ways.insert(presence.name.clone(), link);
        if self.state.is_primary() {
            self.meet(presence);
        }
        self.confirm_streams(presence, now);
        if route.len() == 1 {
            self.tell_again(link, presence);
        }
        self.watch(&heard);
        self.heard.insert(presence.name.clone(), heard);
    }

    /// Primary: whether a server that is new, or comes to another parent, fits into the tree there.
    /// One that does not stays unknown, and with that it can hold and report nothing.
    fn has_place(&mut self, link: LinkId, presence: &Presence, now: Timestamp) -> bool {
        let Presence { name, parent, .. } = presence;
        let known = self.state.met.get(name).is_some_and(|met| met.parent == *parent);
        if known || !self.state.is_primary() {
            return true;
        }
        if self.has_forgotten(presence) {
            self.refuse_forgotten(link, name);
            return false;
        }
        // Else the primary itself would be above both, and their figures in its range.
        if self.is_below(parent, name) {
            let what = format!("says that it is below {parent}, which was below it a moment ago");
            self.refuse_word("place.refused", link, name, &what, now);
            return false;
        }
        let mut check = self.tree_limits_check(name, parent);
        // Where a primary that was set back believes them to be says nothing.
        if self.state.server.recovery.is_none() {
            check = check.and_then(|()| self.uninvited_check(name, parent, now));
        }
        let Err(refusal) = check else { return true };
        self.note_refusal("place.refused", &refusal, now);
        if self.links.child(link) == Some(name) {
            self.refuse_link(link, &refusal.to_string());
        }
        false
    }

    /// What a child was told may not have come: the letter was lost, or came when it could not take
    /// it. One without figures may know of no product at all; a long list is said to no others.
    fn tell_again(&mut self, link: LinkId, presence: &Presence) {
        if presence.trust < self.state.trust.trust.version {
            self.send_trust(link);
        }
        self.tell_roll_calls(link);
        let sources = self.sources();
        let none = |(table, version): &(Table, u64)| *table == Table::Figures && *version == 0;
        let short = sources.len() <= SOURCES_REPEATED_MAX;
        if short || presence.versions.iter().any(none) {
            self.send_neighbour(link, self.sources_word());
        }
    }

    fn meet(&mut self, presence: &Presence) {
        let Presence { name, parent, incarnation, .. } = presence;
        if self.meet_again(presence) {
            return;
        }
        let known = self.state.met.get(name);
        if known.is_some_and(|met| met.enrolment.standing == Standing::Removed) {
            return;
        }
        // Who came by a code is known from then on, unless it was removed since.
        if known.is_none() && presence.credentials.enrolment > 0 {
            return;
        }
        if known.is_some_and(|met| met.parent == *parent && met.incarnation == *incarnation) {
            return;
        }
        let (name, parent, incarnation) = (name.clone(), parent.clone(), *incarnation);
        let enrolment = presence.credentials.enrolment;
        self.propose(Command::MeetServer { name, parent, incarnation, enrolment });
    }

    /// A server is to come to another place, with all below it: what was heard of them at the old
    /// one says nothing any more.
    pub(super) fn forget_place(&mut self, name: &ServerName) {
        let ways = &mut self.links.ways;
        self.heard.retain(|server, heard| {
            let stays = !heard.route.contains(name);
            if !stays {
                ways.remove(server);
            }
            stays
        });
    }

    /// Whether a server below is there: strictly after two silent intervals it is offline.
    pub fn is_online(&self, name: &ServerName, now: Timestamp) -> bool {
        self.heard.get(name).is_some_and(|heard| !heard.is_silent(now))
    }

    // === Letters ===

    /// Takes a letter from a neighbour: for this server, or on its way.
    pub fn receive(&mut self, link: LinkId, mut letter: Letter, now: Timestamp) {
        let from_child = self.links.child(link).cloned();
        if from_child.is_none() && !self.links.is_uplink(link) {
            return;
        }
        match (&letter.to, from_child) {
            (Address::Neighbour, child) => self.receive_neighbour(link, child, letter.body, now),
            (Address::Below(to), None) => {
                if to == self.state.name() {
                    self.receive_down(link, letter.body, now);
                } else if let Some(way) = self.links.way_down(&to.clone()) {
                    self.deeds.push(Deed::Send { link: way, letter });
                }
            }
            // What goes down comes from above: a child says nothing so, and has not signed it.
            (Address::Below(_), Some(_)) => {}
            (_, Some(child)) => {
                if letter.route.last() != Some(&child) {
                    return self.refuse_link(link, "a letter that does not say who passed it on");
                }
                if letter.route.len() >= self.tuning.depth_max {
                    // Those it came through are where they may be, and stay.
                    return self.note_too_deep(link, &letter, now);
                }
                if !self.is_in_its_place(link, &letter, now) {
                    return;
                }
                if let Body::Presence(presence) = &mut letter.body {
                    if letter.route.len() == 1 {
                        presence.address = self.links.seen.get(&link).cloned().unwrap_or_default();
                        self.send_heard(link, now);
                    }
                    self.hear(link, &letter.route, presence, letter.signature.clone(), now);
                }
                if self.is_for_me(&letter.to) {
                    self.receive_up(link, letter.route, letter.body, now);
                } else {
                    letter.route.push(self.state.name().clone());
                    self.send_on(letter);
                }
            }
            (_, None) => self.refuse_link(link, "a letter from above that goes up"),
        }
    }

    fn is_for_me(&self, to: &Address) -> bool {
        match to {
            Address::Primary => self.state.is_primary(),
            Address::Holder(product) => self.state.phase(product) != Phase::Sharing,
            Address::Above(name) => name == self.state.name() || self.state.is_primary(),
            Address::Neighbour | Address::Below(_) => false,
        }
    }

    fn send_on(&mut self, letter: Letter) {
        if let Some(link) = self.links.uplink() {
            self.deeds.push(Deed::Send { link, letter });
        }
    }

    fn receive_neighbour(
        &mut self,
        link: LinkId,
        child: Option<ServerName>,
        body: Body,
        now: Timestamp,
    ) {
        match (body, child) {
            (Body::Resume { way }, None) => {
                self.way_came(way, now);
                self.way_up_opens(now);
            }
            (Body::Sources(sources), None) => self.sources_came(sources, true),
            (Body::SourcesSoFar(sources), None) => self.sources_came(sources, false),
            (Body::Heard { clock, open, trust, license, way }, None) => {
                self.way_came(way, now);
                self.parent_time(license);
                self.clock_ahead_ms = Some(ahead_ms(now, clock));
                // A parent with an older one was restored; this is what it forgot.
                if trust < self.state.trust.trust.version {
                    self.send_trust(link);
                }
                self.parent_heard(open, now);
            }
            (Body::Trust(sealed), _) => self.trust_came(sealed),
            (Body::ReportAck { stream, incarnation, have, settled }, None) => {
                self.report_acked(&stream, incarnation, have, settled);
            }
            (Body::ReportOffer { stream, incarnation, version: _ }, Some(child)) => {
                self.report_offered(link, &child, stream, incarnation, now);
            }
            (Body::Recovery(RecoveryWord::RollCalls(calls)), None) => self.roll_called(calls),
            (Body::Reconcile(word), child) => self.reconcile(link, child, word, now),
            (Body::Report(batch), Some(child)) => self.report_came(link, &child, batch, now),
            _ => self.refuse_link(link, "a letter that a neighbour does not send"),
        }
    }

    /// From above, for this relay.
    fn receive_down(&mut self, link: LinkId, body: Body, now: Timestamp) {
        if !is_possible_below(&body) {
            return self.refuse_word_down(now);
        }
        match body {
            Body::Challenge { nonce } if self.may_ask_attach() => {
                self.propose(Command::Fence { nonce });
            }
            Body::Attached { nonce, data, attach, levels, generation }
                if self.state.server.fenced == Some(nonce)
                    && data == self.state.server.founding.incarnation =>
            {
                self.propose(Command::Attached { nonce, attach, levels, generation });
            }
            Body::AttachRefused { nonce, refusal }
                if nonce == FORGOTTEN || self.state.server.fenced == Some(nonce) =>
            {
                self.attach_refused(refusal);
            }
            Body::Level { attach, .. } if self.is_superseded(attach) => self.ask_attach(),
            Body::Level { attach, product, level } => {
                self.propose(Command::TakeLevel { attach, product, level });
            }
            Body::Verdicts { product, verdicts } => {
                let told = self.are_waited_for(&verdicts);
                self.propose(Command::Settle { product, verdicts, told });
            }
            Body::Handover(part) => {
                let author = part.piece.giver.clone();
                if let Some(pack) = self.gather(link, part, &author) {
                    self.propose(Command::BookHandover(pack));
                }
            }
            Body::YieldBooked { product, cycle } => {
                self.propose(Command::YieldBooked { product, cycle });
            }
            Body::CertificateAnswer { ticket, answer } => self.certificate_answered(ticket, answer),
            Body::Claimed { serial, by } => self.claimed(&serial, by.as_ref(), now),
            Body::MoveAnswer(answer) => self.moves_answered(&answer, now),
            Body::Recovery(word) => self.recovery_word_down(word),
            _ => {}
        }
    }

    /// From below, for this server.
    fn receive_up(&mut self, link: LinkId, route: Vec<ServerName>, body: Body, now: Timestamp) {
        let Some(author) = route.first().cloned() else { return };
        if let Some(what) = impossible(&author, &body) {
            return self.refuse_word("word.refused", link, &author, &what, now);
        }
        if self.is_forgotten(&author) || !self.has_room_for(&author, &body) {
            return;
        }
        match body {
            Body::AttachHello if self.may_attach(&author, now) => {
                let nonce = self.entropy.draw();
                self.challenge(&author, nonce);
            }
            Body::AttachRequest { nonce, data, versions, edges } => {
                self.attach_asked(author, nonce, data, &versions, edges);
            }
            Body::EdgeReport { attach, product, report } => {
                self.edge_report_came(link, author, attach, (product, report), now);
            }
            // Its counts are not the primary's: another data set of its name may use them.
            Body::Wishes { .. } | Body::TakeOver { .. } | Body::Yield(_)
                if self.attach_refusal.is_some() => {}
            Body::Wishes { product, floor, wishes } => {
                let asked = crate::model::command::BookWishes {
                    product,
                    origin: author,
                    route,
                    floor,
                    wishes,
                    no_room: self.disk_short().is_some(),
                };
                self.propose(Command::BookWishes(asked));
            }
            Body::TakeOver { product, cycle } => {
                self.propose(Command::HandOver { product, relay: author, route, cycle });
            }
            Body::HandoverBooked { product, cycle } => {
                self.propose(Command::HandoverBooked { product, relay: author, cycle });
            }
            Body::Yield(part) => {
                let part = self.own_part(link, part);
                if let Some(pack) = self.gather(link, part, &author) {
                    self.propose(Command::BookYield { pack, route });
                }
            }
            Body::CertificateAsk { ticket, ask } => {
                self.certificate_asked(ask, ReplyTo { server: author, ticket }, now);
            }
            Body::Claim { serial } => self.claim_came(author, serial),
            Body::Heads { number, heads } => self.heads_came(&author, (number, &heads), now),
            Body::MoveAsk(ask) => self.moves_asked(&author, &ask),
            Body::Recovery(word) => self.recovery_word_up(link, &route, word),
            _ => {}
        }
    }
}
