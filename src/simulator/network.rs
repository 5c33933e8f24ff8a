//! All connections of a tree, and the lines they run over.
//!
//! A line is the way between a child and its parent. It can be cut, fully or in one direction; what
//! is on its way then is lost. A connection over a cut line is noticed as dead after a while, at
//! each end by itself, and the child dials again until the line is whole.

use crate::model::letter::LinkId;
use crate::simulator::link::{Connection, ConnectionId, End, EndState, Party, Terminal};
use crate::simulator::moment::Moment;
use std::collections::BTreeMap;

/// The way between one child and its parent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub up_cut: bool,
    pub down_cut: bool,
    /// Counts the cuts, so that the end of an earlier one does not mend a later one.
    pub cuts: u64,
}

impl Line {
    pub fn is_whole(&self) -> bool {
        !self.up_cut && !self.down_cut
    }
}

/// Which ways are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Both,
    Up,
    Down,
}

#[derive(Debug, Default)]
pub struct Network {
    connections: BTreeMap<ConnectionId, Connection>,
    by_link: BTreeMap<LinkId, (ConnectionId, End)>,
    /// One per place; that of the primary is never used.
    lines: Vec<Line>,
    connection_last: ConnectionId,
    link_last: u64,
}

impl Network {
    pub fn of_places(places: usize) -> Network {
        Network { lines: vec![Line::default(); places], ..Network::default() }
    }

    pub fn line(&self, child: usize) -> Line {
        self.lines[child]
    }

    /// Cuts the line above this child; the number of the cut.
    pub fn cut(&mut self, child: usize, cut: Cut) -> u64 {
        let line = &mut self.lines[child];
        line.up_cut |= cut != Cut::Down;
        line.down_cut |= cut != Cut::Up;
        line.cuts += 1;
        line.cuts
    }

    pub fn mend(&mut self, child: usize) {
        self.lines[child].up_cut = false;
        self.lines[child].down_cut = false;
    }

    /// A new connection between these two, not yet up at either end.
    pub fn dial(&mut self, child: Party, parent: Party) -> ConnectionId {
        self.connection_last += 1;
        let id = self.connection_last;
        let connection = Connection {
            child: self.terminal(child, (id, End::Child)),
            parent: self.terminal(parent, (id, End::Parent)),
            broken: false,
        };
        self.connections.insert(id, connection);
        id
    }

    fn terminal(&mut self, party: Party, end: (ConnectionId, End)) -> Terminal {
        self.link_last += 1;
        let link = LinkId(self.link_last);
        self.by_link.insert(link, end);
        let Party { place, proof, opens_at } = party;
        Terminal { place, proof, link, state: EndState::Dialing, opens_at, last_due: opens_at }
    }

    pub fn connection(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.values()
    }

    /// The connection that a server knows by this link.
    pub fn end_of(&self, link: LinkId) -> Option<(ConnectionId, End)> {
        self.by_link.get(&link).copied()
    }

    /// The end is up, unless the connection is gone; its link.
    pub fn open(&mut self, id: ConnectionId, end: End) -> Option<LinkId> {
        let connection = self.connections.get_mut(&id)?;
        let terminal = connection.at_mut(end);
        if terminal.state != EndState::Dialing {
            return None;
        }
        terminal.state = EndState::Up;
        Some(terminal.link)
    }

    /// The end is down; its link if the server knew of it.
    pub fn close(&mut self, id: ConnectionId, end: End) -> Option<LinkId> {
        let connection = self.connections.get_mut(&id)?;
        connection.broken = true;
        let terminal = connection.at_mut(end);
        let known = (terminal.state == EndState::Up).then_some(terminal.link);
        terminal.state = EndState::Down;
        if connection.is_over() {
            self.by_link.remove(&connection.child.link);
            self.by_link.remove(&connection.parent.link);
            self.connections.remove(&id);
        }
        known
    }

    /// Nothing new travels on it; each end will notice by itself. False if that was so before.
    pub fn break_off(&mut self, id: ConnectionId) -> bool {
        let connection = self.connections.get_mut(&id);
        connection.is_some_and(|connection| !std::mem::replace(&mut connection.broken, true))
    }

    /// Whether a letter from this end gets onto the line now.
    pub fn carries(&self, id: ConnectionId, from: End) -> bool {
        self.connections.get(&id).is_some_and(|connection| {
            let line = self.lines[connection.child.place];
            let cut = if from == End::Child { line.up_cut } else { line.down_cut };
            !connection.broken && connection.at(from).state == EndState::Up && !cut
        })
    }

    /// When a letter that would arrive at `due` does: in order unless it overtakes, and never
    /// before the connection is up there.
    pub fn arrival(&mut self, id: ConnectionId, to: End, due: Moment, overtakes: bool) -> Moment {
        let Some(connection) = self.connections.get_mut(&id) else { return due };
        let terminal = connection.at_mut(to);
        let due = due.max(terminal.opens_at);
        if overtakes {
            return due;
        }
        terminal.last_due = terminal.last_due.max(due);
        terminal.last_due
    }

    /// Connections that end at this place, with the end it has of them.
    pub fn of_place(&self, place: usize) -> Vec<(ConnectionId, End)> {
        let end = |connection: &Connection| match place {
            _ if connection.child.place == place => Some(End::Child),
            _ if connection.parent.place == place => Some(End::Parent),
            _ => None,
        };
        self.connections.iter().filter_map(|(id, c)| end(c).map(|end| (*id, end))).collect()
    }

    /// Connections over the line above this child.
    pub fn over_line(&self, child: usize) -> Vec<ConnectionId> {
        let over = self.connections.iter().filter(|(_, c)| c.child.place == child);
        over.map(|(id, _)| *id).collect()
    }

    /// By which link a server knows its neighbour now, if both are connected.
    pub fn link_between(&self, place: usize, neighbour: usize) -> Option<LinkId> {
        self.connections.values().rev().find_map(|connection| {
            let ends = [End::Child, End::Parent].map(|end| connection.at(end));
            let up = ends.iter().all(|terminal| terminal.state == EndState::Up);
            let end = |at: usize| ends.iter().find(|terminal| terminal.place == at);
            end(neighbour).and(end(place)).filter(|_| up).map(|terminal| terminal.link)
        })
    }

    /// Whether the child believes that it is connected or will be soon.
    pub fn child_is_dialed(&self, child: usize) -> bool {
        let mut over = self.connections.values().filter(|c| c.child.place == child);
        over.any(|connection| connection.child.state != EndState::Down)
    }
}
