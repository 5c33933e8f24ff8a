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

    pub(super) fn send_sources(&mut self) {
        let sources = self.sources();
        if sources != self.sources_sent {
            let links: Vec<LinkId> = self.links.downlinks().collect();
            for link in links {
                self.send_neighbour(link, Body::Sources(sources.clone()));
            }
            self.sources_sent = sources;
        }
    }
}
