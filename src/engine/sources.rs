//! Sharing sources: who holds what a server does not hold itself.

use super::Engine;
use crate::model::holding::Phase;
use crate::model::letter::{Body, LinkId};
use crate::model::name::{ProductName, ServerName};

impl Engine {
    /// The sharing source of every product, for those who hold nothing below.
    pub(super) fn sources(&self) -> Vec<(ProductName, ServerName)> {
        let mut sources = self.sources_above.clone();
        for product in self.state.products() {
            if self.state.phase(&product) != Phase::Sharing {
                sources.insert(product, self.state.name().clone());
            }
        }
        sources.into_iter().collect()
    }

    /// The sharing source of a product for devices of this server.
    pub fn source(&self, product: &ProductName) -> Option<ServerName> {
        match self.state.phase(product) {
            Phase::Sharing => self.sources_above.get(product).cloned(),
            _ => Some(self.state.name().clone()),
        }
    }

    /// Products that this server holds, or is on its way to or from holding.
    pub(super) fn held_products(&self) -> Vec<ProductName> {
        let all = self.state.products().into_iter();
        all.filter(|product| self.state.phase(product) != Phase::Sharing).collect()
    }

    /// What a child is told. One that recovers states what it uses to all that hold above, so it
    /// has to know whether these are all: the primary knows, and whoever heard it from its parent.
    pub(super) fn sources_word(&self) -> Body {
        match self.state.is_primary() || self.sources_are_whole {
            true => Body::Sources(self.sources()),
            false => Body::SourcesSoFar(self.sources()),
        }
    }

    pub(super) fn send_sources(&mut self) {
        let word = self.sources_word();
        if self.sources_sent.as_ref() != Some(&word) {
            let links: Vec<LinkId> = self.links.downlinks().collect();
            links.into_iter().for_each(|link| self.send_neighbour(link, word.clone()));
            self.sources_sent = Some(word);
        }
    }

    /// The parent said who holds what.
    pub(super) fn sources_came(&mut self, said: Vec<(ProductName, ServerName)>, whole: bool) {
        self.sources_above = said.into_iter().take(self.tuning.products_max).collect();
        self.sources_are_whole = whole;
        self.sources_changed = true;
    }
}
