//! A server that moves to another place in the tree (safety.md 1.9).
//!
//! Its distributed licenses are the primary's word and stay as they are, wherever it hangs. Uses of
//! those who share are in the ledger of the holder above; below another holder they would belong
//! to that one, and no count goes with them by itself. So such a move is refused: the server gets
//! licenses of its own first, which takes its uses to it, moves with them, and gives them back.

use super::Engine;
use crate::model::enrolment::Invite;
use crate::model::holding::{HoldingOption, Phase};
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::row::Standing;
use crate::model::time::Timestamp;

/// Uses that a move would leave behind.
struct Left {
    product: ProductName,
    uses: u64,
    /// Whose they are, and whose they would be.
    from: ServerName,
    to: ServerName,
}

impl Engine {
    /// Whether a server that is known may come to this place without an invitation, as by another
    /// parent in its configuration. What those have counted that are away waits for them, or ends
    /// with them; meanwhile the server has to go on somewhere.
    pub(super) fn uninvited_check(
        &self,
        name: &ServerName,
        parent: &ServerName,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Err(refusal) = self.new_place_check(name, parent, false) else { return Ok(()) };
        let Some(before) = self.state.met.get(name).map(|met| &met.parent) else { return Ok(()) };
        let is_there =
            |server: &ServerName| server == self.state.name() || self.is_online(server, now);
        let left = self.left_behind(name, before, parent);
        let stays =
            is_there(before) && (left.is_empty() || left.iter().any(|left| is_there(&left.from)));
        let stays = stays || self.is_below(parent, name);
        if stays { Err(refusal) } else { Ok(()) }
    }

    /// Whether a server that is known may be invited to this place, while others move.
    pub(super) fn invited_place_check(
        &self,
        name: &ServerName,
        parent: &ServerName,
        forced: bool,
    ) -> Result<(), Refusal> {
        self.new_place_check(name, parent, forced)?;
        let moves = self.state.met.get(name).is_some_and(|met| met.parent != *parent);
        let arriving = || self.arriving_on(name).or_else(|| self.arriving_on(parent));
        let Some(server) = arriving().filter(|_| moves && !forced) else { return Ok(()) };
        Err(Refusal::new(
            "LT0446",
            format!("{name} cannot move now: {server} has moved and did not attach since"),
            format!("wait until {server} is there: lictree server show {server}"),
        ))
    }

    /// Whether a server that is known may be at this place.
    fn new_place_check(
        &self,
        name: &ServerName,
        parent: &ServerName,
        forced: bool,
    ) -> Result<(), Refusal> {
        let known = self.state.met.get(name).filter(|met| met.incarnation != 0);
        let Some(met) = known.filter(|met| met.parent != *parent) else { return Ok(()) };
        if self.is_below(parent, name) {
            return Err(Refusal::new(
                "LT0410",
                format!("{name} cannot be invited below {parent}, which is below {name}"),
                "choose a parent that is not below it: lictree server list",
            ));
        }
        if forced {
            return Ok(());
        }
        if let Some((product, server)) = self.on_its_way(name, parent) {
            return Err(Refusal::new(
                "LT0446",
                format!("{name} cannot move now: {product} of {server} are on their way"),
                format!("wait until {server} has them, or has given them back: lictree range list"),
            ));
        }
        let Some(left) = self.left_behind(name, &met.parent, parent).into_iter().next() else {
            return Ok(());
        };
        let Left { product, uses, from, to } = left;
        Err(Refusal::new(
            "LT0445",
            format!(
                "{name} and the servers that share through it use {uses} of {product}, which \
                 {from} holds; below {parent} they would be of the range of {to}"
            ),
            format!(
                "let them go with it: lictree license distribute {product} {uses} --to {name}; \
                 move it; then lictree license withdraw {product} --from {name}"
            ),
        ))
    }

    /// What is said in the event log of a move by force.
    pub(super) fn left_in_words(&self, invite: &Invite) -> Option<String> {
        let Invite { name, parent, .. } = invite;
        let before = self.state.met.get(name).filter(|met| met.parent != *parent)?;
        let left = self.left_behind(name, &before.parent, parent);
        let words = left.iter().map(|Left { product, uses, from, .. }| {
            format!("{uses} uses of {product} stay counted at {from}")
        });
        let words = words.collect::<Vec<String>>().join(", ");
        (!words.is_empty()).then(|| format!("{name} moves below {parent} by force: {words}"))
    }

    /// Uses of a server, and of those that share through it, that another holder would have to
    /// count after the move.
    fn left_behind(&self, name: &ServerName, before: &ServerName, after: &ServerName) -> Vec<Left> {
        let shared = self.state.products().into_iter().filter(|product| !self.holds(product, name));
        let left = shared.filter_map(|product| {
            let (from, to) = (self.source_at(&product, before), self.source_at(&product, after));
            let uses = || -> u64 {
                let moving = self.state.met.keys().filter(|one| {
                    (*one == name || self.is_below(one, name))
                        && self.source_at(&product, one) == from
                });
                moving.map(|one| self.figures_of(one, &product).managed.0).sum()
            };
            let uses = if from == to { 0 } else { uses() };
            (uses > 0).then_some(Left { product, uses, from, to })
        });
        left.collect()
    }

    /// Where a server is known to be that comes below another parent: what was heard of it there
    /// says nothing any more.
    pub(super) fn leave_place(
        &mut self,
        name: &ServerName,
        parent: &ServerName,
    ) -> Option<ServerName> {
        let before = self.state.met.get(name).map(|met| met.parent.clone());
        let before = before.filter(|before| before != parent)?;
        self.forget_place(name);
        Some(before)
    }

    /// A server that has moved and has not said since what it uses, on whose old or new way a relay
    /// is: whoever takes uses over there now would not find them.
    pub(super) fn arriving_on(&self, relay: &ServerName) -> Option<ServerName> {
        let is_on = |server: &ServerName| server == relay || self.is_below(server, relay);
        let members = self.state.met.values();
        let mut members = members.filter(|met| met.enrolment.standing == Standing::Member);
        let on_way = members.find(|met| {
            met.moved_from.as_ref().is_some_and(|from| is_on(&met.name) || is_on(from))
        });
        on_way.map(|met| met.name.clone())
    }

    /// A product whose counts or uses are between a server that is to move, or one below it, and
    /// whoever holds above: they would look for each other at two places. Or a relay on its old or
    /// new way is about to hold, or to hold no more.
    fn on_its_way(
        &self,
        name: &ServerName,
        parent: &ServerName,
    ) -> Option<(ProductName, ServerName)> {
        let moves = |relay: &ServerName| {
            let above = |server| server == relay || self.is_below(server, relay);
            self.is_below(relay, name) || above(name) || above(parent)
        };
        let edges = self.state.edges.iter().filter(|((_, relay), _)| moves(relay));
        let mut between = edges.filter(|((product, relay), edge)| {
            let said = self.figures_of(relay, product);
            let holds = edge.level.option != HoldingOption::None;
            let stands = if holds { Phase::Holding } else { Phase::Sharing };
            !Engine::edge_is_settled(edge) || said.phase != stands
        });
        between.next().map(|(key, _)| key.clone())
    }

    /// Who decides about a product for those at this server, itself included.
    fn source_at(&self, product: &ProductName, server: &ServerName) -> ServerName {
        let mut at = server;
        for _ in 0..=self.tuning.depth_max {
            match self.state.met.get(at) {
                Some(_) if self.holds(product, at) => return at.clone(),
                Some(met) => at = &met.parent,
                None => break,
            }
        }
        self.state.name().clone()
    }

    /// Primary: whether a relay holds a product, or is on its way to or from it.
    fn holds(&self, product: &ProductName, relay: &ServerName) -> bool {
        let edge = self.state.edges.get(&(product.clone(), relay.clone()));
        edge.is_some_and(|edge| {
            let level = &edge.level;
            level.option != HoldingOption::None
                || edge.promised
                || level.granted > level.returned_seen
        })
    }
}
