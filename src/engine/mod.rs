//! Every decision a license server takes. No IO, no clock, no randomness.
//!
//! ```text
//!   request, letter, link, deadline ──►┌────────┐──► Deed::Propose(command)   to the log
//!                                      │ Engine │──► Deed::Send(link, letter)
//!   command, in the log's order ──────►└────────┘──► Deed::Answer(request, answer)
//! ```
//! Two kinds of state. `state` is the log applied: only [`Engine::apply`] changes it, and a command
//! is applied only when it is durable; so whatever is said of it afterwards may be said at once
//! (R1, "durable before answered"). Everything else (links, what was heard, who waits) is volatile
//! and gone with the process; every protocol below survives that by repeating.
//!
//! Reading order: `range`, `ledger`, `booking`, `attachment`, `transfer`, `handover`, `recovery`,
//! `device`, `identities`, `nodes`, `report`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod range;

pub mod absence;
pub mod advice;
pub mod attachment;
pub mod audit;
pub mod awaited;
pub mod belief;
pub mod booking;
pub mod certificate;
pub mod claim;
mod confirming;
pub mod device;
pub mod digest;
pub mod disk;
pub mod distribution;
pub mod enrolment;
pub mod entropy;
pub mod event_log;
mod figures;
pub mod handover;
pub mod heads;
pub mod identities;
pub mod ledger;
mod license_time;
mod lost;
pub mod mirror;
pub mod moving;
pub mod node_lines;
pub mod nodes;
mod packs;
pub mod permission;
mod place;
pub mod product;
pub mod reconcile;
pub mod recovery;
pub mod registration;
pub mod renewal;
pub mod report;
pub mod request;
pub mod restored;
pub mod scan;
pub mod sources;
pub mod state;
pub mod statement;
pub mod transfer;
pub mod tree;
pub mod trust;
mod twin;
pub mod unite;
pub mod usage;
pub mod view;
pub mod waiting;
mod way;

use crate::model::account::Wish;
use crate::model::command::{Command, CommandBatch, Founding};
use crate::model::device::DeviceNumber;
use crate::model::edge::AttachId;
use crate::model::enrolment::{CertificateAnswer, CertifyJob, Credentials, KeyPrint, Trust};
use crate::model::letter::{Body, Letter, LinkId};
use crate::model::license::Serial;
use crate::model::name::{ProductName, ServerName};
use crate::model::recovery::RollCall;
use crate::model::refusal::Refusal;
use crate::model::report::Table;
use crate::model::request::{Answer, RequestId};
use crate::model::row::{MetRow, RowKey, clock_number};
use crate::model::time::Timestamp;
use crate::model::tuning::{Mutant, Tuning};
use entropy::Entropy;
use state::State;
use std::collections::{BTreeMap, BTreeSet};

/// What the engine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Put this into the log; it is decided when it is applied.
    Propose(Command),
    Send {
        link: LinkId,
        letter: Letter,
    },
    Answer {
        id: RequestId,
        answer: Box<Answer>,
    },
    Close {
        link: LinkId,
        why: String,
    },
    /// Work for the authority's key; what comes of it is told to [`Engine::certified`].
    Certify {
        ticket: u64,
        job: Box<CertifyJob>,
    },
    /// From now on this is believed: by handshakes to come, and by connections there are.
    Believe(Trust),
}

/// Packs as far as they came, by the link they come over and their product.
type Gathering = BTreeMap<(LinkId, ProductName, ServerName), packs::Gathered>;

#[derive(Debug)]
pub struct Engine {
    state: State,
    tuning: Tuning,
    software: String,
    entropy: Entropy,
    /// The time of the batch being applied.
    applying_at: Timestamp,
    deeds: Vec<Deed>,

    // Volatile: the tree around.
    links: tree::Links,
    heard: BTreeMap<ServerName, tree::Heard>,
    absences: absence::Absences,
    way_up: tree::WayUp,
    /// Who was above, and since when the way there is cut off.
    cut_off: Option<(ServerName, Timestamp)>,
    /// Since when letters do not get to the primary, if they did in this start.
    way_cut_since: Option<Timestamp>,
    /// The way to the parent, as it says in this connection; 0 before it does.
    way_above: u64,
    /// How far the clock here is ahead of the parent's.
    clock_ahead_ms: Option<i64>,
    license_time: license_time::LicenseTime,
    sources_above: BTreeMap<ProductName, ServerName>,
    /// The parent said so in this connection, and that it was told itself.
    sources_are_whole: bool,
    /// What the children were told last.
    sources_sent: Option<Body>,
    sources_changed: bool,
    presence_due: Timestamp,
    retry_due: Timestamp,
    /// Something waits for an answer, as of the last deeds.
    unsettled: bool,
    reports: report::Reports,
    reconciling: reconcile::Reconciling,
    heads: heads::Heads,
    /// The question after devices that move.
    moves: moving::Moves,
    disk: disk::Disk,

    // Volatile: what is under way.
    /// Primary: the newest challenge of each relay, open once.
    challenges: BTreeMap<ServerName, attachment::Challenge>,
    /// Primary: when each relay may begin to attach as often as at first.
    attaches_full: BTreeMap<ServerName, Timestamp>,
    /// Primary: whose attachment was refused last, and why; and who came that is not known.
    unattached: BTreeMap<ServerName, Refusal>,
    recovering: recovery::Recovering,
    /// Roll calls above, as the parent said, and as the children were told.
    roll_calls: Vec<RollCall>,
    roll_calls_sent: Vec<RollCall>,
    roll_calls_changed: bool,
    statements: statement::Statements,
    stating: lost::Stating,
    /// Licenses registered here of which the primary, which was set back, has not said that it
    /// knows them.
    reclaiming: BTreeSet<Serial>,
    /// Roll calls for which uses are taken over in a new turn.
    turned: BTreeSet<u64>,
    /// Relay: why the primary does not take it.
    attach_refusal: Option<Refusal>,
    attach_drawn: u64,
    /// Relay: drawn at this start ([`DataSet::start`](crate::model::edge::DataSet)).
    start: u64,
    /// Primary: over which link each relay has attached in this start.
    attach_ways: BTreeMap<ServerName, LinkId>,
    gathering: Gathering,
    /// Wishes to be said when this run of inputs is done.
    fresh: BTreeMap<ProductName, Vec<Wish>>,
    /// Edges to be said then, once however many letters asked for it: levels and edge reports.
    owed_levels: BTreeSet<(ServerName, ProductName)>,
    owed_edge_reports: BTreeSet<ProductName>,
    waiting: Vec<waiting::Waiting>,
    /// Licenses whose expiry is proposed and not applied yet.
    expiring: BTreeSet<Serial>,
    /// Refusals of applied commands, by their number.
    refusals: BTreeMap<u64, Refusal>,
    /// What imports came to, by the number of their command, until they are answered.
    discovered: BTreeMap<u64, device::Discovered>,
    /// Primary: claims of relays that are proposed and not applied yet.
    claims_ahead: BTreeMap<Serial, ServerName>,
    /// Nodes that became managed by the command that is applied.
    became_managed: BTreeMap<ProductName, Vec<DeviceNumber>>,
    /// What the authority's key was asked for, by ticket.
    certifying: BTreeMap<u64, certificate::Purpose>,
    /// Primary: who was given a new certificate lately.
    renewals: renewal::Renewals,
    /// Answers about certificates for requests made here, by ticket.
    certificates: BTreeMap<u64, CertificateAnswer>,
    ticket_last: u64,
    /// What this server proves itself with at present.
    credentials: Credentials,
    /// The prints of the believed authorities, in their order.
    authority_prints: Vec<KeyPrint>,
    /// The versions of trust that a seal was asked for, and that the next step was taken after.
    sealed: u64,
    stepped: u64,
    /// Kinds of refusals, when the event log last had a line of each, and when it has room for as
    /// many at once as ever.
    noted: BTreeMap<String, (Timestamp, Timestamp)>,
    /// Commands proposed and applied in this start.
    proposed: u64,
    applied: u64,
}

impl Engine {
    /// An engine over a state as loaded, before the log above it is applied.
    pub fn new(state: State, tuning: Tuning, software: String, entropy: u64) -> Engine {
        Engine {
            state,
            tuning,
            software,
            entropy: Entropy::new(entropy),
            applying_at: Timestamp(0),
            deeds: Vec::new(),
            links: tree::Links::default(),
            heard: BTreeMap::new(),
            absences: absence::Absences::default(),
            way_up: tree::WayUp::Unsaid,
            cut_off: None,
            way_cut_since: None,
            way_above: 0,
            clock_ahead_ms: None,
            license_time: license_time::LicenseTime::default(),
            sources_above: BTreeMap::new(),
            sources_are_whole: false,
            sources_sent: None,
            sources_changed: true,
            presence_due: Timestamp(0),
            retry_due: Timestamp(0),
            unsettled: false,
            reports: report::Reports::default(),
            reconciling: reconcile::Reconciling::default(),
            heads: heads::Heads::default(),
            moves: moving::Moves::default(),
            disk: disk::Disk::default(),
            challenges: BTreeMap::new(),
            attaches_full: BTreeMap::new(),
            unattached: BTreeMap::new(),
            recovering: recovery::Recovering::default(),
            roll_calls: Vec::new(),
            roll_calls_sent: Vec::new(),
            roll_calls_changed: false,
            statements: statement::Statements::new(),
            stating: lost::Stating::default(),
            reclaiming: BTreeSet::new(),
            turned: BTreeSet::new(),
            attach_refusal: None,
            attach_drawn: 0,
            start: twin::drawn(entropy),
            attach_ways: BTreeMap::new(),
            gathering: Gathering::new(),
            fresh: BTreeMap::new(),
            owed_levels: BTreeSet::new(),
            owed_edge_reports: BTreeSet::new(),
            waiting: Vec::new(),
            expiring: BTreeSet::new(),
            refusals: BTreeMap::new(),
            discovered: BTreeMap::new(),
            claims_ahead: BTreeMap::new(),
            became_managed: BTreeMap::new(),
            certifying: BTreeMap::new(),
            renewals: renewal::Renewals::default(),
            certificates: BTreeMap::new(),
            ticket_last: twin::drawn(entropy) >> 1,
            credentials: Credentials::default(),
            authority_prints: Vec::new(),
            sealed: 0,
            stepped: 0,
            noted: BTreeMap::new(),
            proposed: 0,
            applied: 0,
        }
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Applies a batch of this start's own proposals: what follows from it is said.
    pub fn apply(&mut self, batch: &CommandBatch) {
        self.applying_at = batch.at;
        for command in &batch.commands {
            self.applied += 1;
            if let Err(refusal) = self.apply_one(command, batch.at) {
                self.refusals.insert(self.applied, refusal);
            }
        }
        self.number_figures();
    }

    /// Applies a batch of an earlier start: nothing of it is said again.
    pub fn replay(&mut self, batch: &CommandBatch) {
        self.applying_at = batch.at;
        for command in &batch.commands {
            // What was refused then is refused now; nobody waits for it any more.
            drop(self.apply_one(command, batch.at));
        }
        self.number_figures();
        self.forget_deeds();
        self.fresh.clear();
        self.owed_levels.clear();
        self.owed_edge_reports.clear();
        self.discovered.clear();
        self.forget_recovering();
    }

    /// Only what is believed is said all the same: whoever guards the links knows the rows and not
    /// the log.
    fn forget_deeds(&mut self) {
        if self.tuning.breaks(Mutant::NoDenialsAtStart) {
            return self.deeds.clear();
        }
        self.deeds.retain(|deed| matches!(deed, Deed::Believe(_)));
    }

    fn apply_one(&mut self, command: &Command, at: Timestamp) -> Result<(), Refusal> {
        let applied = self.apply_command(command, at);
        self.note_managed();
        applied
    }

    fn apply_command(&mut self, command: &Command, at: Timestamp) -> Result<(), Refusal> {
        match command {
            Command::Found(founding) => self.found(founding),
            Command::RegisterLicense(license) => self.register(license, at)?,
            Command::ExpireLicense(serial) => self.expire(serial),
            Command::SeeTime { seen, wall } => self.see_time(*seen, *wall),
            Command::SetHolding(change) => self.set_holding(change)?,
            Command::MeetServer { name, parent, incarnation, enrolment } => {
                self.meet_server((name, parent), *incarnation, *enrolment);
            }
            Command::Attach { relay, nonce, attach, data, edges } => {
                self.attach(relay, *nonce, *attach, data, edges);
            }
            Command::BookEdge { relay, attach, product, report } => {
                self.book_edge(relay, *attach, product, report);
            }
            Command::Fence { nonce } => self.fence(*nonce),
            Command::Attached { nonce, attach, levels, generation } => {
                self.attached(*nonce, *attach, levels, *generation);
            }
            Command::TakeLevel { attach, product, level } => {
                self.take_level(*attach, product, level);
            }
            Command::BookWishes(asked) => self.book_wishes(asked),
            Command::Settle { product, verdicts, told } => {
                let refused = self.settle(product, verdicts);
                self.note_refused(product, if *told { 0 } else { refused });
            }
            Command::HandOver { product, relay, route, cycle } => {
                self.hand_over(product, relay, route, *cycle);
            }
            Command::BookHandover(pack) => self.book_handover(pack),
            Command::HandoverBooked { product, relay, cycle } => {
                self.handover_booked(product, relay, *cycle);
            }
            Command::BookYield { pack, route } => self.book_yield(pack, route),
            Command::YieldBooked { product, cycle } => self.yield_booked(product, *cycle),
            Command::Discover { found } => self.discover(found, at),
            Command::Manage { devices, product } => self.manage(devices, product),
            Command::Ignore { devices } => {
                let ignored = self.ignore(devices);
                self.note_nodes("node.ignored", "ignored", &ignored);
            }
            Command::Delete { devices } => {
                let deleted = self.delete(devices);
                self.note_nodes("node.deleted", "deleted", &deleted);
            }
            Command::Unite { keep, others } => self.unite(*keep, others)?,
            Command::Moving(command) => self.apply_moving(command)?,
            Command::Recovery(command) => self.apply_recovery(command),
            Command::Merge(batch) => self.merge(batch, at),
            Command::ForgetGone { table: Table::Nodes, upto } => self.forget_gone(*upto),
            Command::ForgetGone { table: Table::Figures, .. } => {}
            Command::Refill(word) => self.take_refill(word),
            Command::Enrolment(command) => self.apply_enrolment(command, at)?,
            Command::Note { kind, text } if absence::KINDS.contains(&kind.as_str()) => {
                self.note_absence(kind, text);
            }
            Command::Note { kind, text } => self.note(kind, text.clone()),
            Command::ClaimSerial { serial, by } => self.claim_serial(serial, by),
        }
        Ok(())
    }

    fn found(&mut self, founding: &Founding) {
        self.state.server.founding = founding.clone();
        // Verdicts on wishes of an earlier data set of this name must not fit those of this one.
        self.state.server.wish_last = clock_number(self.applying_at);
        self.state.touch(RowKey::Server);
    }

    fn meet_server(
        &mut self,
        (name, parent): (&ServerName, &ServerName),
        incarnation: u64,
        enrolment: u64,
    ) {
        if name == self.state.name() || self.state.met.len() >= self.tuning.servers_max {
            return;
        }
        let known = self.state.met.get(name);
        // A word that was on its way when its author was removed, which comes again with a code
        // only, or when it came to another place.
        let is_old = match known {
            Some(met) => enrolment < met.enrolment.number,
            None => self.state.trust.trust.denied.contains_key(name),
        };
        if is_old {
            return;
        }
        // A relay keeps the data set it was met with until it attaches with another: what that one
        // continues is not known before (`take_data_set`).
        let incarnation = match known {
            Some(met) if met.incarnation != 0 => met.incarnation,
            _ => incarnation,
        };
        // One that this primary does not know because it was set back holds what it says.
        let recovers = self.state.server.recovery.is_some();
        let unsaid = known.map_or(recovers, |met| met.unsaid);
        let (name, parent) = (name.clone(), parent.clone());
        let row = known.cloned().unwrap_or_else(|| MetRow::new(name.clone(), parent.clone()));
        let row = MetRow { parent: parent.clone(), incarnation, unsaid, ..row };
        if known.is_none() {
            self.note_sparingly("server.met", "", format!("{name} is there, below {parent}"));
        } else if known.is_some_and(|met| met.parent != parent) {
            self.note_sparingly("server.moved", "", format!("{name} is below {parent} now"));
        }
        self.state.touch(RowKey::Met(name.clone()));
        self.state.met.insert(name, row);
    }

    fn next_attach(&mut self) -> AttachId {
        self.attach_drawn = self.attach_drawn.max(self.state.server.attach_last) + 1;
        AttachId { counter: self.attach_drawn, random: self.entropy.draw() }
    }

    /// Everything that is said after a run of inputs; then what the engine wants done.
    pub fn deeds(&mut self, now: Timestamp) -> Vec<Deed> {
        self.go_on_recovering();
        self.go_on_stating();
        self.answer_roll_calls();
        self.send_owed();
        self.seal_trust();
        if std::mem::take(&mut self.sources_changed) {
            self.send_sources();
            self.roll_calls_changed = true;
        }
        if std::mem::take(&mut self.roll_calls_changed) {
            self.send_roll_calls();
        }
        self.send_reports();
        self.answer_waiting(now);
        let unsettled = self.is_unsettled();
        if unsettled && !self.unsettled {
            self.retry_due = now.after(self.tuning.retry_interval);
        }
        self.unsettled = unsettled;
        std::mem::take(&mut self.deeds)
    }

    /// A command that did not come from here goes into the log: it counts as proposed.
    pub fn count_proposal(&mut self) {
        self.proposed += 1;
    }

    /// What is due by now.
    pub fn pass_time(&mut self, now: Timestamp) {
        for serial in self.expired(self.license_time(now)) {
            self.expiring.insert(serial.clone());
            self.propose(Command::ExpireLicense(serial));
        }
        if now >= self.presence_due && self.links.uplink().is_some() {
            self.send_presences(now);
            self.repeat_heads(now);
            self.ask_who_is_below();
            if self.attach_refusal.is_some() || self.confirms_again(now) {
                self.ask_attach();
            }
        }
        self.say_owed_acks(now);
        self.note_absences(now);
        self.rotate_when_ready(now);
        self.compare_next(now);
        self.say_heads_when_due(now);
        self.ask_when_due(now);
        if now >= self.retry_due {
            self.retry_due = now.after(self.tuning.retry_interval);
            self.repeat();
        }
    }

    /// Says again whatever has no answer.
    fn repeat(&mut self) {
        self.repeat_edges();
        self.repeat_turns();
        self.repeat_reports();
        self.repeat_certificates();
        self.repeat_claims();
        self.repeat_recovery();
        let fenced = self.state.server.fenced.is_some() || self.state.server.attach.is_none();
        // A recovery counts only what was attached in its own start.
        let fenced = fenced || self.awaits_attachment();
        // Whoever was refused asks once a presence: the reason lies with its data.
        if fenced && !self.state.is_primary() && self.attach_refusal.is_none() {
            self.ask_attach();
        }
        let products: Vec<ProductName> = self.state.open.keys().cloned().collect();
        products.iter().for_each(|product| self.resume_wishes(product));
    }

    /// Whether anything waits for an answer and must be said again.
    fn is_unsettled(&mut self) -> bool {
        let relay = !self.state.is_primary();
        let lag = relay && self.reports_lag();
        let server = &self.state.server;
        let open = self.state.open.values().any(|open| !open.is_empty());
        let packs = self.state.ledgers.values().any(|ledger| !ledger.outbox.is_empty());
        let edges = self.state.edges.values().any(|edge| !Engine::edge_is_settled(edge));
        let turns = self.state.holdings.values().any(|row| {
            row.phase == crate::model::holding::Phase::Taking
                || row.returned > row.level.returned_seen
        });
        open || packs
            || (relay && self.awaits_certificates())
            || edges
            || turns
            || lag
            || self.is_claiming()
            || self.is_stating()
            || server.recovery.is_some()
            || (relay && (server.fenced.is_some() || server.attach.is_none()))
    }

    /// When time alone makes something due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let connected = self.links.uplink().is_some() || self.links.downlinks().next().is_some();
        let presence = self.links.uplink().map(|_| self.presence_due);
        let retry = (connected && self.unsettled).then_some(self.retry_due);
        // Whoever waits for a command to be applied waits for the disk, not for a time.
        let applied = self.waiting.iter().filter(|one| one.proposed <= self.applied);
        let waiting = applied.map(|one| one.until).min();
        let absence = self.absences.next();
        let compared = self.reconcile_due();
        let moves = self.moves_due();
        let acks = self.acks_due();
        let (heads, expiry, clock) = (self.heads_due(), self.next_expiry(), self.clock_due());
        let all = [presence, retry, waiting, absence, compared, moves, acks, heads, expiry, clock];
        all.into_iter().flatten().min()
    }
}
