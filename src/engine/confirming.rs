//! Licenses whose vendor wants a holder to be confirmed: one that has left its tree, or a copy of
//! one that never comes, makes no new uses after so many days (`confirm-within-days`, safety 1.8).
//!
//! A relay is confirmed by being attached, and attaches for that once a day, or in a quarter of
//! the time. Days are those of license time. What is used stays used; the primary itself needs
//! nobody.

use super::Engine;
use crate::model::edge::Level;
use crate::model::holding::Phase;
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::row::EdgeRow;
use crate::model::time::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Engine {
    /// Primary: the level of an edge as it is said.
    pub(super) fn told(&self, product: &ProductName, edge: &EdgeRow) -> Level {
        let confirm_within_days = self.registered_bound(product).unwrap_or(0);
        Level { confirm_within_days, ..edge.level }
    }

    /// The least of the licenses that are registered here.
    fn registered_bound(&self, product: &ProductName) -> Option<u32> {
        let counting = self.state.licenses.values().filter(|row| !row.expired);
        let of = counting.filter(|row| row.license.product == *product);
        of.filter_map(|row| row.license.confirm_within_days.map(u32::from)).min()
    }

    /// Within how many days this server has to be attached, to make new uses of a product.
    fn bound(&self, product: &ProductName) -> Option<u32> {
        let told = self.state.holdings.get(product).map(|row| row.level.confirm_within_days);
        let told = told.filter(|days| *days > 0);
        let both = told.into_iter().chain(self.registered_bound(product));
        both.min().filter(|_| !self.state.is_primary())
    }

    /// License time as it was last written down, so that a clock that is set back is no way around;
    /// before that was ever done, the time of the batch.
    pub(super) fn confirming_time(&self) -> Timestamp {
        match self.state.server.seen_time.license {
            Timestamp(0) => self.applying_at,
            seen => seen,
        }
    }

    /// Whether new uses of a product have to wait until this server is attached.
    pub(super) fn awaits_confirmation(&self, product: &ProductName) -> bool {
        let attached_at = self.state.server.attached_at;
        let since = self.confirming_time().since(attached_at);
        // Rows of an older version do not say when it was: it counts from the next time that is
        // written down.
        attached_at > Timestamp(0) && self.bound(product).is_some_and(|days| since > DAY * days)
    }

    /// Whether it is time to be confirmed.
    pub(super) fn confirms_again(&self, now: Timestamp) -> bool {
        let since = self.license_time(now).since(self.state.server.attached_at);
        let due = |product: &ProductName| {
            self.bound(product).is_some_and(|days| since > DAY.min(DAY * days / 4))
        };
        self.reaches_primary() && self.state.products().iter().any(due)
    }

    /// Primary: the bound of a product may be another one now; the relays hear of it.
    pub(super) fn tell_bound(&mut self, product: &ProductName) {
        let edges = self.state.edges.keys().filter(|(of, _)| of == product);
        let relays: Vec<ServerName> = edges.map(|(_, relay)| relay.clone()).collect();
        relays.iter().for_each(|relay| self.owe_level(relay, product));
    }

    /// Whether license time has to be written down as often as for licenses that end.
    pub(super) fn has_bounds(&self) -> bool {
        self.state.products().iter().any(|product| self.bound(product).is_some())
    }

    /// Why nothing more of a product is used here, if that is the reason.
    pub(super) fn confirmation_missing(&self, product: &ProductName) -> Option<Refusal> {
        let holds = self.state.phase(product) == Phase::Holding;
        let days = self.bound(product).filter(|_| holds && self.awaits_confirmation(product))?;
        let name = self.state.name();
        Some(Refusal::new(
            "LT0335",
            format!(
                "{name} was not attached to the primary for more than {days} days, and {product} \
                 has to be confirmed within them"
            ),
            "bring the way to the primary up, then ask again; what is wrong says: lictree doctor",
        ))
    }
}
