//! Devices that move to another server's site: managed there first, given up here after
//! (safety.md 1.9).
//!
//! ```text
//!   b, the old source                       primary                    d, the new source
//!   node move b:17 --to d: durable
//!      ── MoveAsk{MACs of b:17, d} ───────► d's rows: not managed
//!                                                                      node manage d:4: a wish,
//!                                           ◄── report: d:4, managed ── granted, durable
//!      ── MoveAsk, again and again ───────► d's rows: d:4 is; b's: b:17 moves
//!      ◄── MoveAnswer{d:4} ──
//!   Reached, durable: b:17 is deleted, its license released
//! ```
//! Invariants
//! - A state changes only at its managing source (JP1-44), on the word of its own operator: d is
//!   told nothing, and b gives up only what its operator said it would, to whom he said.
//! - Only a managed device waits to move, and it is managed until it is given up.
//! - The primary remembers nothing of it: it says what stands in its rows.
//! - What waits to move takes nothing over, and nothing is given up that the primary's rows do not
//!   show as such. So of moves that go round, the one that is answered last finds its goal moving:
//!   the machine stays managed somewhere.
//! - Each move has a number that no other move of this server has. An answer that is late, doubled
//!   or of a move that was cancelled since finds no such number, and does nothing.

use super::Engine;
use super::device::Told;
use super::enrolment::unknown_server;
use super::nodes::{By, NodeTable, Place};
use super::waiting::Hope;
use crate::model::account::{Want, WishNumber};
use crate::model::command::Command;
use crate::model::device::{DeviceId, DeviceNumber, DeviceState, OpenWish};
use crate::model::discovery::MacAddress;
use crate::model::letter::{Address, Body};
use crate::model::moving::{Goal, MoveAnswer, MoveAsk, MovingCommand, OpenMove, Reached, Sought};
use crate::model::name::ServerName;
use crate::model::packed::Packed;
use crate::model::refusal::Refusal;
use crate::model::report::{StreamId, Table};
use crate::model::request::{Answer, DeviceOutcome, RequestId};
use crate::model::row::DeviceRow;
use crate::model::time::Timestamp;
use crate::model::tuning::Mutant;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

/// How far the old source is with asking. Volatile: a start asks from the first move on.
#[derive(Debug, Default)]
pub(super) struct Moves {
    due: Timestamp,
    question: Option<Question>,
    /// Numbers the questions: a repeat has the number of the first, and so have its answers.
    ticket: u64,
    /// A move began while a question was open: ask from the first on when all have been.
    again: bool,
    /// Goals of which the event log says that the primary knows no such server, or no such node.
    unknown: BTreeSet<Goal>,
}

/// Moves to one server, as many as one letter may have.
#[derive(Debug)]
struct Question {
    server: ServerName,
    first: WishNumber,
    last: WishNumber,
    /// The nodes there have been looked at up to this one.
    after: DeviceNumber,
}

impl Engine {
    // === The old source ===

    pub(super) fn ask_move(
        &mut self,
        id: RequestId,
        device: &DeviceId,
        to: Option<Goal>,
        now: Timestamp,
    ) -> Result<Option<Answer>, Refusal> {
        self.own(std::slice::from_ref(device))?;
        let device_id = device.clone();
        let device = device.number;
        let command = match to {
            Some(goal) => {
                self.move_check(device, &goal)?;
                if self.state.is_primary() && !self.is_member(&goal.server) {
                    return Err(unknown_server(&goal.server));
                }
                MovingCommand::Begin { device, goal }
            }
            None => {
                self.managed_row(device)?;
                MovingCommand::Cancel { device }
            }
        };
        self.propose(Command::Moving(command));
        // What is refused when it is applied is answered so; else it is managed at that moment.
        let state = Some(DeviceState::Managed);
        let outcome = DeviceOutcome { id: device_id, state, refusal: None };
        let answer = Box::new(Answer::DevicesDone(vec![outcome]));
        self.await_answer(id, Hope::Applied { answer }, now);
        Ok(None)
    }

    pub(super) fn apply_moving(&mut self, command: &MovingCommand) -> Result<(), Refusal> {
        match command {
            MovingCommand::Begin { device, goal } => {
                self.move_check(*device, goal)?;
                self.wait_to_move(*device, goal.clone());
            }
            MovingCommand::Cancel { device } => {
                self.managed_row(*device)?;
                if self.close_move(*device) {
                    self.number_device(*device, Told::Facts);
                }
            }
            MovingCommand::Reached { device, number, node } => {
                self.reached(*device, *number, *node);
            }
        }
        Ok(())
    }

    fn managed_row(&self, device: DeviceNumber) -> Result<&DeviceRow, Refusal> {
        let row = self.known_row(device)?;
        match row.device.state {
            DeviceState::Managed => Ok(row),
            _ => Err(not_managed(&self.device_id(device))),
        }
    }

    /// Why a device cannot go there.
    fn move_check(&self, device: DeviceNumber, goal: &Goal) -> Result<(), Refusal> {
        let row = self.managed_row(device)?;
        let id = self.device_id(device);
        if goal.server == *self.state.name() {
            return Err(already_there(&id));
        }
        if goal.node.is_none() && !row.device.is_named() {
            return Err(nameless(&id, &goal.server));
        }
        Ok(())
    }

    /// Where a device goes.
    pub(super) fn goal_of(&self, device: DeviceNumber) -> Option<Goal> {
        let row = self.state.devices.get(&device).filter(|row| !row.deleted)?;
        row.moving.as_ref().map(|moving| moving.goal.clone())
    }

    /// From now on a managed device waits to be managed there, if it does not already.
    pub(super) fn wait_to_move(&mut self, device: DeviceNumber, goal: Goal) {
        if self.goal_of(device).as_ref() == Some(&goal) {
            return;
        }
        self.close_move(device);
        let Some(row) = self.state.devices.get_mut(&device) else { return };
        self.state.server.wish_last += 1;
        let number = self.state.server.wish_last;
        self.state.moving.entry(goal.server.clone()).or_default().insert(number, device);
        row.device.goal = Some(Box::new(goal.clone()));
        row.moving = Some(OpenMove { goal, number });
        self.number_device(device, Told::Facts);
        match self.moves.question {
            Some(_) => self.moves.again = true,
            None => self.moves.due = Timestamp(0),
        }
    }

    /// A device stays where it is, or is gone. Whether its row is another than before; it has no
    /// number yet then.
    pub(super) fn close_move(&mut self, device: DeviceNumber) -> bool {
        let Some(row) = self.state.devices.get_mut(&device) else { return false };
        let Some(OpenMove { goal, number }) = row.moving.take() else { return false };
        row.device.goal = None;
        if let Some(moves) = self.state.moving.get_mut(&goal.server) {
            moves.remove(&number);
            if moves.is_empty() {
                self.state.moving.remove(&goal.server);
            }
        }
        true
    }

    /// The goal manages the device: it is given up if it still waits for just that.
    fn reached(&mut self, device: DeviceNumber, number: WishNumber, node: DeviceNumber) {
        let Some(row) = self.state.devices.get(&device) else { return };
        let Some(moving) = row.moving.as_ref().filter(|moving| moving.number == number) else {
            return;
        };
        let there = DeviceId { managing_source: moving.goal.server.clone(), number: node };
        let here = self.device_id(device);
        self.note("node.moved", format!("{here} is managed as {there} now; it is given up here"));
        self.delete(&[device]);
    }

    // === Asking ===

    /// When the primary is asked next.
    pub(super) fn moves_due(&self) -> Option<Timestamp> {
        let asks = !self.state.moving.is_empty() && self.reaches_primary() && !self.recovers();
        asks.then_some(self.moves.due)
    }

    pub(super) fn ask_when_due(&mut self, now: Timestamp) {
        if self.moves_due().is_some_and(|due| now >= due) {
            if self.moves.question.is_none() {
                self.begin_asking();
            }
            self.say_question(now);
        }
    }

    /// The way to the primary is open: asks from the first move on.
    pub(super) fn ask_after_moves(&mut self, now: Timestamp) {
        self.begin_asking();
        self.say_question(now);
    }

    fn begin_asking(&mut self) {
        self.moves.again = false;
        self.put_question(self.question_behind(None));
    }

    fn put_question(&mut self, question: Option<Question>) {
        self.moves.ticket += 1;
        self.moves.question = question;
    }

    /// The moves that come behind one, of one server and as many as a letter may have.
    fn question_behind(&self, last: Option<(&ServerName, WishNumber)>) -> Option<Question> {
        let rest = last.and_then(|(server, last)| {
            let moves = self.state.moving.get(server)?;
            self.question_of(server, moves.range((Excluded(last), Unbounded)).map(|(n, _)| *n))
        });
        rest.or_else(|| {
            let behind = last.map_or(Unbounded, |(server, _)| Excluded(server));
            let mut others = self.state.moving.range::<ServerName, _>((behind, Unbounded));
            others.find_map(|(server, moves)| self.question_of(server, moves.keys().copied()))
        })
    }

    fn question_of(
        &self,
        server: &ServerName,
        mut numbers: impl Iterator<Item = WishNumber>,
    ) -> Option<Question> {
        let first = numbers.next()?;
        let more = self.tuning.moves_per_letter_max.saturating_sub(1);
        let last = numbers.take(more).last().unwrap_or(first);
        Some(Question { server: server.clone(), first, last, after: DeviceNumber(0) })
    }

    /// Says the open question; the primary answers its own.
    fn say_question(&mut self, now: Timestamp) {
        self.moves.due = now.after(self.tuning.move_interval);
        let Some(question) = &self.moves.question else { return };
        let ask = MoveAsk {
            ticket: self.moves.ticket,
            incarnation: self.state.server.founding.incarnation,
            server: question.server.clone(),
            after: question.after,
            sought: self.sought(question),
        };
        if self.state.is_primary() {
            let answer = self.look_for(self.state.name(), &ask);
            self.take_answer(&answer, now);
            // Others have their turn before it looks further.
            if self.moves.question.is_some() {
                self.moves.due = now;
            }
        } else {
            self.send_above(Address::Primary, Body::MoveAsk(ask));
        }
    }

    fn sought(&self, question: &Question) -> Vec<Sought> {
        let moves = self.state.moving.get(&question.server).into_iter();
        let moves = moves.flat_map(|moves| moves.range(question.first..=question.last));
        let sought = moves.filter_map(|(number, device)| {
            let row = self.state.devices.get(device)?;
            let node = row.moving.as_ref().and_then(|moving| moving.goal.node);
            let macs = row.device.macs().filter(|mac| mac.names_a_machine());
            let (number, device, version) = (*number, *device, row.version);
            Some(Sought { number, device, version, macs: macs.collect(), node })
        });
        sought.collect()
    }

    /// The primary's word, at a relay.
    pub(super) fn moves_answered(&mut self, answer: &MoveAnswer, now: Timestamp) {
        if self.take_answer(answer, now) {
            self.say_question(now);
        }
    }

    /// Gives up what is managed at its goal. Whether there is more to ask at once.
    fn take_answer(&mut self, answer: &MoveAnswer, now: Timestamp) -> bool {
        let MoveAnswer { ticket, server, known, next, reached, missing } = answer;
        for Reached { number, node } in reached {
            let device = self.state.moving.get(server).and_then(|moves| moves.get(number));
            if let Some(device) = device.copied() {
                let (number, node) = (*number, *node);
                let command = MovingCommand::Reached { device, number, node };
                self.propose(Command::Moving(command));
            }
        }
        let Some(question) = &mut self.moves.question else { return false };
        if *ticket != self.moves.ticket || *server != question.server {
            return false;
        }
        let further = match next {
            // Only ever further on: it must come to an end.
            Some(next) if *next > question.after => {
                question.after = *next;
                self.moves.ticket += 1;
                true
            }
            _ => {
                let last = (question.server.clone(), question.last);
                self.put_question(self.question_behind(Some((&last.0, last.1))));
                if self.moves.question.is_none() {
                    self.moves.due = now.after(self.tuning.move_interval);
                    if self.moves.again {
                        self.begin_asking();
                    }
                }
                self.moves.question.is_some()
            }
        };
        let whole = Goal { server: server.clone(), node: None };
        self.note_unknown(whole, *known);
        for Reached { node, .. } in missing {
            self.note_unknown(Goal { server: server.clone(), node: Some(*node) }, false);
        }
        further
    }

    /// One line for each goal that the primary does not know.
    fn note_unknown(&mut self, goal: Goal, known: bool) {
        if known {
            self.moves.unknown.remove(&goal);
            return;
        }
        let waiting = self.first_to(&goal).map(|device| self.device_id(device));
        if let Some(id) = waiting
            && self.moves.unknown.insert(goal.clone())
        {
            let what = match goal.node {
                Some(_) => format!("no node {goal} that may be the same machine is known"),
                None => format!("no server named {goal} is in the tree"),
            };
            let text = format!(
                "{what}; {id} waits to move there: lictree node move {id} --cancel, or --to \
                 another one"
            );
            self.propose(Command::Note { kind: "node.goal-unknown".to_string(), text });
        }
        let known = self.moves.unknown.iter().filter(|goal| self.first_to(goal).is_some());
        self.moves.unknown = known.cloned().collect();
    }

    /// The first device that waits to move there: to that node, or to any of that server.
    fn first_to(&self, goal: &Goal) -> Option<DeviceNumber> {
        let mut moves = self.state.moving.get(&goal.server)?.values().copied();
        moves.find(|device| goal.node.is_none() || self.goal_of(*device).as_ref() == Some(goal))
    }

    // === The primary ===

    /// A server below asks.
    pub(super) fn moves_asked(&mut self, author: &ServerName, ask: &MoveAsk) {
        if self.state.is_primary() {
            let answer = self.look_for(author, ask);
            self.send_below(author, Body::MoveAnswer(answer));
        }
    }

    /// What the rows here say of the devices sought; of as many nodes as one step looks at.
    fn look_for(&self, author: &ServerName, ask: &MoveAsk) -> MoveAnswer {
        let MoveAsk { ticket, server, after, sought, .. } = ask;
        let in_tree = server == self.state.name() || self.is_member(server);
        let known = in_tree && server != author;
        let table = self.node_table(server).filter(|_| known);
        // Rows of before it was set back say nothing of now.
        let table = table.filter(|_| !self.recovers() && !self.is_doubted(server));
        let mut reached: BTreeMap<WishNumber, DeviceNumber> = BTreeMap::new();
        let mut machines: BTreeMap<MacAddress, WishNumber> = BTreeMap::new();
        let mut missing = Vec::new();
        for one in sought.iter().filter(|one| self.is_told(author, ask, one)) {
            let Some(node) = one.node else {
                let macs = one.macs.iter().filter(|mac| mac.names_a_machine());
                machines.extend(macs.map(|mac| (*mac, one.number)));
                continue;
            };
            let Some(table) = table else { continue };
            let there = table.get(node).filter(|row| may_be_one(&one.macs, row));
            match there {
                Some(row) if self.takes_over(&row) => drop(reached.insert(one.number, node)),
                Some(_) => {}
                None => missing.push(Reached { number: one.number, node }),
            }
        }
        let table = table.filter(|_| !machines.is_empty());
        let next =
            table.and_then(|table| self.look_through(table, *after, &machines, &mut reached));
        let reached = reached.into_iter().map(|(number, node)| Reached { number, node });
        let (ticket, server, reached) = (*ticket, server.clone(), reached.collect());
        MoveAnswer { ticket, server, known, next, reached, missing }
    }

    /// Whether the rows here say of a device that it moves, as its managing source does: whoever
    /// asks after that device sees it too, from now on.
    fn is_told(&self, author: &ServerName, ask: &MoveAsk, one: &Sought) -> bool {
        if self.tuning.breaks(Mutant::MoveUntold) {
            return true;
        }
        let stream = StreamId { origin: author.clone(), table: Table::Nodes };
        let (incarnation, _) = self.stream_version(&stream);
        let row = self.node_table(author).and_then(|table| table.get(one.device));
        let row = row.filter(|row| incarnation == ask.incarnation && row.version >= one.version);
        row.is_some_and(|row| row.facts().goal.is_some())
    }

    /// Finds these machines among the managed nodes behind one. Where to go on, if there are more
    /// nodes than one step looks at.
    fn look_through(
        &self,
        table: &NodeTable,
        after: DeviceNumber,
        machines: &BTreeMap<MacAddress, WishNumber>,
        reached: &mut BTreeMap<WishNumber, DeviceNumber>,
    ) -> Option<DeviceNumber> {
        let mut last = after;
        let nodes = table.behind(By::Number, Some(Place::Number(after)), None);
        for (looked_at, row) in nodes.enumerate() {
            if looked_at >= self.tuning.rows_looked_at_max {
                return Some(last);
            }
            last = row.number;
            if self.takes_over(&row) {
                let facts = row.facts();
                let macs = facts.mac.into_iter().chain(facts.other_macs());
                for number in macs.filter_map(|mac| machines.get(&mac)) {
                    reached.entry(*number).or_insert(row.number);
                }
            }
        }
        None
    }

    /// Whether a node uses a license and keeps it, so that its machine may be given up elsewhere.
    fn takes_over(&self, row: &Packed<'_>) -> bool {
        if self.tuning.breaks(Mutant::MoveBeforeManaged) {
            return row.state().is_some();
        }
        if self.tuning.breaks(Mutant::MovesGoRound) {
            return row.state() == Some(DeviceState::Managed);
        }
        row.state() == Some(DeviceState::Managed) && row.facts().goal.is_none()
    }
}

/// Whether a node may be the machine with these MACs, as far as MACs that name one can tell: a
/// mistyped number must not take a license from a machine that nobody manages elsewhere.
fn may_be_one(macs: &[MacAddress], row: &Packed<'_>) -> bool {
    if row.state().is_none() {
        return false;
    }
    let facts = row.facts();
    let theirs = facts.mac.into_iter().chain(facts.other_macs());
    let mut theirs = theirs.filter(|mac| mac.names_a_machine()).peekable();
    macs.is_empty() || theirs.peek().is_none() || theirs.any(|mac| macs.contains(&mac))
}

/// What was asked for and is not done yet, in the words of `NodeView::waiting`.
pub(super) fn waits_for(wish: Option<&OpenWish>, row: &Packed<'_>) -> Option<String> {
    match wish {
        Some(wish) if wish.want == Want::Manage => Some("manage".to_string()),
        Some(_) => Some("release".to_string()),
        None => row.facts().goal.map(|goal| format!("move to {goal}")),
    }
}

fn not_managed(id: &DeviceId) -> Refusal {
    Refusal::new(
        "LT0317",
        format!("{id} is not managed; only a managed node moves"),
        format!("it uses no license: forget it (lictree node delete {id}), or leave it"),
    )
}

fn already_there(id: &DeviceId) -> Refusal {
    let server = &id.managing_source;
    Refusal::new(
        "LT0318",
        format!("{id} is {server}'s already; a node moves to another server"),
        format!("name the server that is to manage it: lictree node move {id} --to SERVER"),
    )
}

fn nameless(id: &DeviceId, server: &ServerName) -> Refusal {
    Refusal::new(
        "LT0319",
        format!("{id} has no MAC that names a machine; {server} cannot know it again by one"),
        format!(
            "say which node it is there: lictree node list --managing-source {server} (at the \
             primary or {server}), then lictree node move {id} --to {server}:NUMBER"
        ),
    )
}
