//! Connections and letters of a world: who gets through to whom.
//!
//! ```text
//!   child ── handshake: each end looks at the other's proof ──► parent
//!         ── Opened: denied meanwhile? then no LinkUp
//!         ── letters ──►
//!   Effect::Believe at one end ── closes at that end what it denies; the other end notices
//! ```

use crate::model::letter::{Body, Letter, LinkId};
use crate::server::input::{Input, Side};
use crate::simulator::keyring::Proof;
use crate::simulator::link::{Connection, ConnectionId, End, EndState, Party};
use crate::simulator::moment::Moment;
use crate::simulator::trace::shown_letter;
use crate::simulator::world::{Event, World};

/// More letters in one virtual second than any sane tree of ten servers sends.
const LETTERS_PER_S_MAX: u64 = 4_000;
/// Steps up to the primary of ten servers one below the other, all together, and of the lowest.
const STEPS_OF_TEN: u64 = 45;
const DEEPEST_OF_TEN: u64 = 9;

impl World {
    pub(super) fn dial(&mut self, child: usize) {
        let Some(parent) = self.topology.parent(child) else { return };
        if self.network.child_is_dialed(child) {
            return;
        }
        let reachable = self.sites[parent].server.is_some() && !self.sites[parent].paused;
        if !reachable || !self.network.line(child).is_whole() {
            self.dial_later(child, 300, 1_500);
            return;
        }
        if !self.shake_hands(child, parent) {
            self.figures.refused_handshakes += 1;
            self.dial_later(child, 1_000, 5_000);
            return;
        }
        let child_up = self.now.after_us(2 * self.weather.latency(&mut self.entropy));
        let parent_up = child_up.after_us(self.weather.latency(&mut self.entropy));
        let [Some(child), Some(parent)] =
            [(child, child_up), (parent, parent_up)].map(|(place, at)| self.party(place, at))
        else {
            return;
        };
        let connection = self.network.dial(child, parent);
        self.figures.connections += 1;
        self.queue.push(child_up, Event::Opened { connection, end: End::Child });
        self.queue.push(parent_up, Event::Opened { connection, end: End::Parent });
    }

    fn party(&self, place: usize, opens_at: Moment) -> Option<Party> {
        let proof = self.sites[place].keyring.as_ref()?.proof.clone();
        Some(Party { place, proof, opens_at })
    }

    /// Whether each takes the other for a server of the tree.
    fn shake_hands(&self, child: usize, parent: usize) -> bool {
        let [child, parent] = [child, parent].map(|place| &self.sites[place]);
        let (Some(lower), Some(upper)) = (&child.keyring, &parent.keyring) else { return false };
        !lower.refuses(&upper.proof, child.clock(self.now))
            && !upper.refuses(&lower.proof, parent.clock(self.now))
    }

    pub(super) fn dial_later(&mut self, child: usize, low_ms: u64, high_ms: u64) {
        let at = self.now.after_ms(self.entropy.between(low_ms, high_ms));
        let start = self.sites[child].start;
        self.queue.push(at, Event::Dial { child, start });
    }

    pub(super) fn opened(&mut self, connection: ConnectionId, end: End) {
        if self.is_denied(connection, end) {
            return self.shut_out(connection, end);
        }
        let Some(link) = self.network.open(connection, end) else { return };
        let Some(known) = self.network.connection(connection) else { return };
        let (place, peer) = (known.at(end).place, known.at(end.other()).place);
        let side = if end == End::Child { Side::Above } else { Side::Below };
        let peer = self.topology.name(peer).clone();
        self.take_in(place, Input::LinkUp { link, peer, side });
    }

    /// Whether the server at this end believes that the other one is out of the tree.
    fn is_denied(&self, connection: ConnectionId, end: End) -> bool {
        let Some(known) = self.network.connection(connection) else { return false };
        let site = &self.sites[known.at(end).place];
        let peer = &known.at(end.other()).proof;
        site.keyring.as_ref().is_some_and(|keyring| keyring.denies(peer, site.clock(self.now)))
    }

    /// Ends what this server has with peers that it denies by now.
    pub(super) fn close_denied(&mut self, place: usize) {
        for (connection, end) in self.network.of_place(place) {
            let up = |known: &Connection| known.at(end).state == EndState::Up;
            let open = self.network.connection(connection).is_some_and(up);
            if open && self.is_denied(connection, end) {
                self.shut_out(connection, end);
            }
        }
    }

    fn shut_out(&mut self, connection: ConnectionId, end: End) {
        self.figures.shut_out += 1;
        self.closed(connection, end);
        let at = self.now.after_us(self.weather.latency(&mut self.entropy));
        self.queue.push(at, Event::Closed { connection, end: end.other() });
    }

    /// A renewed certificate is shown in a new call.
    pub(super) fn call_anew(&mut self, child: usize) {
        for connection in self.network.over_line(child) {
            if let Some(link) = self.network.close(connection, End::Child) {
                self.take_in(child, Input::LinkDown { link });
            }
            let at = self.now.after_us(self.weather.latency(&mut self.entropy));
            self.queue.push(at, Event::Closed { connection, end: End::Parent });
        }
        self.dial_later(child, 1, 20);
    }

    pub(super) fn closed(&mut self, connection: ConnectionId, end: End) {
        let Some(known) = self.network.connection(connection) else { return };
        let place = known.at(end).place;
        if let Some(link) = self.network.close(connection, end) {
            self.take_in(place, Input::LinkDown { link });
        }
        if end == End::Child {
            self.dial_later(place, 50, 1_000);
        }
    }

    /// Both ends notice that the connection is dead, each by itself.
    fn break_off(&mut self, connection: ConnectionId) {
        if !self.network.break_off(connection) {
            return;
        }
        for end in [End::Child, End::Parent] {
            let at = self.now.after_us(self.entropy.between(1_000, 1_500_000));
            self.queue.push(at, Event::Closed { connection, end });
        }
    }

    pub(super) fn hang_up(&mut self, place: usize, link: LinkId, why: &str) {
        self.breach(place, &format!("says that a neighbour broke a rule: {why}"));
        if let Some((connection, _)) = self.network.end_of(link) {
            self.break_off(connection);
        }
    }

    pub(super) fn silence(&mut self, child: usize, cut: u64) {
        let line = self.network.line(child);
        if line.cuts == cut && !line.is_whole() {
            for connection in self.network.over_line(child) {
                self.break_off(connection);
            }
        }
    }

    pub(super) fn send(&mut self, place: usize, link: LinkId, letter: Letter) {
        self.count_letter(place);
        let end = self.network.end_of(link);
        let Some((connection, from)) = end.filter(|(c, from)| self.network.carries(*c, *from))
        else {
            self.figures.letters_lost += 1;
            return;
        };
        if self.trace.keeps_lines() {
            let line =
                format!("{:>3} ► {link:?} {}", self.topology.name(place), shown_letter(&letter));
            self.trace.note(self.now, line);
        }
        let copies = self.weather.copies(&mut self.entropy);
        self.figures.letters_lost += u64::from(copies.is_empty());
        for copy in copies {
            let due = self.now.after_us(copy.delay_us);
            let to = from.other();
            let at = self.network.arrival(connection, to, due, copy.overtakes);
            let letter = Box::new(letter.clone());
            self.queue.push(at, Event::Arrived { connection, to, letter });
        }
    }

    /// Nothing is taken from a server that is durably known to be out of the tree.
    fn watch_denials(&mut self, place: usize, peer: &Proof) {
        let site = &self.sites[place];
        let Some(server) = site.server.as_ref().filter(|_| site.has_caught_up()) else { return };
        if server.engine().state().trust.trust.is_denied(&peer.name, peer.enrolment) {
            let Proof { name, enrolment, .. } = peer;
            self.breach(place, &format!("hears {name}, whose enrolment {enrolment} it denies"));
        }
    }

    /// A letter counts at each step up or down, so deeper trees send more; and where each step
    /// may double it, more still: every copy of a question is answered, and copied on its way back.
    fn storm_at(&self) -> u64 {
        let steps = (0..self.topology.len()).map(|place| self.topology.steps(place));
        let (all, deepest) = steps.fold((0, 0), |(all, deepest), n| (all + n, deepest.max(n)));
        let doubled = 1_000 + u64::from(self.weather.duplication);
        let further = 0..2 * deepest.saturating_sub(DEEPEST_OF_TEN);
        let storm = LETTERS_PER_S_MAX * all.max(STEPS_OF_TEN) / STEPS_OF_TEN;
        further.fold(storm, |storm, _| storm.saturating_mul(doubled) / 1_000)
    }

    fn count_letter(&mut self, place: usize) {
        self.figures.letters += 1;
        let (second, letters) = self.letters;
        let now = self.now.ms() / 1_000;
        self.letters = if second == now { (now, letters + 1) } else { (now, 0) };
        if self.letters.1 >= LETTERS_PER_S_MAX && self.letters.1 == self.storm_at() {
            self.breach(place, "is in a storm of letters");
        }
    }

    pub(super) fn arrived(&mut self, connection: ConnectionId, to: End, letter: Letter) {
        let Some(known) = self.network.connection(connection) else { return };
        let terminal = known.at(to);
        if terminal.state != EndState::Up {
            return;
        }
        let (place, link) = (terminal.place, terminal.link);
        if let Body::Trust(sealed) = &letter.body
            && self.sites[place].keyring.as_ref().is_some_and(|mine| !mine.is_genuine(sealed))
        {
            return self.break_off(connection);
        }
        self.watch_denials(place, &known.at(to.other()).proof.clone());
        self.take_in(place, Input::Letter { link, letter });
    }
}
