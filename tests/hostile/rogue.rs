//! A server of the tree that a script speaks for, and what the others did about it.

use crate::tree::Tree;
use lictree::engine::Engine;
use lictree::model::letter::Letter;
use lictree::model::name::ServerName;

impl Tree {
    /// From now on a script speaks for this server; its engine hears and says nothing any more.
    pub fn set_rogue(&mut self, server: &str) {
        self.rogue = Some(server.parse().unwrap());
    }

    /// What was said to the rogue since somebody asked last.
    pub fn take_told(&mut self) -> Vec<Letter> {
        std::mem::take(&mut self.told)
    }

    /// The connections that ended since somebody asked last: at whom, and why.
    pub fn take_closed(&mut self) -> Vec<(ServerName, String)> {
        std::mem::take(&mut self.closed)
    }

    /// Everything a server knows, durable or not.
    pub fn engine(&self, server: &str) -> &Engine {
        self.servers[&server.parse::<ServerName>().unwrap()].engine()
    }
}
