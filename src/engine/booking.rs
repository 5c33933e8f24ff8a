//! Deciding wishes: at the holder those that come up, at a managing source that holds its own.

use super::{Deed, Engine};
use crate::model::account::{Wish, WishVerdict};
use crate::model::command::BookWishes;
use crate::model::holding::{HoldingOption, Phase};
use crate::model::letter::{Address, Body, Letter};
use crate::model::name::{ProductName, ServerName};
use crate::model::row::RowKey;
use crate::model::tuning::Mutant;

impl Engine {
    /// Decides what one managing source asks, unless it belongs to another ledger: then nothing is
    /// said, and it will be asked again where it belongs.
    pub(super) fn book_wishes(&mut self, asked: &BookWishes) {
        let BookWishes { product, origin, .. } = asked;
        let holds = self.state.phase(product) == Phase::Holding && !self.recovers();
        let lost = self.state.trust.trust.is_lost(origin);
        if !holds || lost || self.is_elsewhere(product, &asked.route) {
            return;
        }
        let verdicts = self.book(asked);
        if !verdicts.is_empty() {
            let body = Body::Verdicts { product: product.clone(), verdicts };
            self.send_below(origin, body);
        }
    }

    /// Decides wishes of own devices at once. How many were refused.
    pub(super) fn book_own(&mut self, product: &ProductName, wishes: &[Wish]) -> u64 {
        if self.recovers() {
            // They wait until it is known what is used.
            return 0;
        }
        let verdicts = self.book(&BookWishes {
            product: product.clone(),
            origin: self.state.name().clone(),
            route: Vec::new(),
            floor: self.state.floor(product),
            wishes: wishes.to_vec(),
            no_room: false,
        });
        self.settle(product, &verdicts)
    }

    fn book(&mut self, asked: &BookWishes) -> Vec<WishVerdict> {
        let BookWishes { product, origin, route, floor, wishes, no_room } = asked;
        let own = self.balance(product).own;
        let broken = self.tuning.breaks(Mutant::GrantInFullRange);
        let own = if broken { u64::MAX } else { own };
        // What is used stays so; nothing more is.
        let own = if self.awaits_confirmation(product) { 0 } else { own };
        let own = (!no_room).then_some(own);
        let short = self.shortage(product);
        self.take_way(product, route);
        let booked = self.state.ledger(product).book(own, origin, route, *floor, wishes);
        self.state.touch_entries(product, origin, &booked.entries);
        if booked.head {
            self.state.touch(RowKey::Account(product.clone(), origin.clone()));
        }
        if !self.state.stirred.contains(product) {
            self.state.stirred.insert(product.clone());
        }
        if !broken {
            assert!(
                self.shortage(product) <= short,
                "I11: a grant deepened the shortage of {product}; one license too many was about \
                 to be given, so this server stops"
            );
        }
        self.give_back(product);
        booked.verdicts
    }

    /// Whether a relay on this way holds, or is about to: then its ledger decides, not this one.
    pub(super) fn is_elsewhere(&self, product: &ProductName, route: &[ServerName]) -> bool {
        if self.state.ledgers.get(product).is_some_and(|ledger| ledger.is_cut(route)) {
            return true;
        }
        let promised = |relay: &ServerName| {
            let edge = self.state.edges.get(&(product.clone(), relay.clone()));
            edge.is_some_and(|edge| edge.level.option != HoldingOption::None || edge.promised)
        };
        self.state.is_primary() && !self.state.edges.is_empty() && route.iter().any(promised)
    }

    /// A word of a server came this way. Where that is another way than before it has moved, with
    /// all below it: who takes uses over next has to find them on the new one.
    pub(super) fn take_way(&mut self, product: &ProductName, route: &[ServerName]) {
        let Some(server) = route.first() else { return };
        let ledger = self.state.ledger(product);
        if ledger.route_of(server) == Some(route) {
            return;
        }
        let (accounts, below) = ledger.reroute(route);
        let accounts = accounts.into_iter().map(|one| RowKey::Account(product.clone(), one));
        let below = below.into_iter().map(|one| RowKey::Below(product.clone(), one));
        accounts.chain(below).for_each(|key| self.state.touch(key));
    }

    pub(super) fn send_below(&mut self, to: &ServerName, body: Body) {
        let letter = Letter::new(Address::Below(to.clone()), Vec::new(), body);
        if let Some(link) = self.links.way_down(to) {
            self.deeds.push(Deed::Send { link, letter });
        }
    }

    /// Sends up, as author.
    pub(super) fn send_above(&mut self, to: Address, body: Body) {
        if let Some(link) = self.links.uplink() {
            let letter = Letter::new(to, vec![self.state.name().clone()], body);
            self.deeds.push(Deed::Send { link, letter });
        }
    }
}
