//! What this server says of its own counts, and that they add up.

use super::Engine;
use crate::model::name::ProductName;
use crate::model::report::StreamId;
use crate::model::row::{OwnFiguresRow, RowKey};

impl Engine {
    /// Gives figures that changed their next version; the end of every batch.
    pub(super) fn number_figures(&mut self) {
        self.fill_targets();
        for product in std::mem::take(&mut self.state.stirred) {
            self.assert_counts(&product);
            let figures = self.own_figures_now(&product);
            let known = self.state.own_figures.get(&product);
            if known.is_some_and(|row| row.figures == figures) {
                continue;
            }
            let version = self.state.server.figures_version + 1;
            self.state.server.figures_version = version;
            self.state.touch(RowKey::OwnFigures(product.clone()));
            self.state.touch(RowKey::Server);
            self.state.own_figures.insert(product, OwnFiguresRow { figures, version });
        }
        let [figures, nodes] = StreamId::of(self.state.name());
        self.stir(figures);
        self.stir(nodes);
    }

    /// I2 and I4, on every change, also in release builds: stop rather than go on wrong.
    fn assert_counts(&self, product: &ProductName) {
        if let Some(row) = self.state.holdings.get(product) {
            assert!(
                row.returned <= row.granted_seen,
                "I4: more {product} was returned than ever came: {row:?}"
            );
        }
        let lacking = self.balance(product).deficit;
        let mut licenses = self.state.licenses.values();
        // A primary that was set back takes what relays hold as a fact.
        assert!(
            lacking == 0
                || self.state.server.was_set_back
                || licenses.any(|row| row.expired && row.license.product == *product),
            "I2: {lacking} more {product} are given to relays than there ever were"
        );
    }
}
